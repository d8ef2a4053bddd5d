"""How long importing takes, in a fresh interpreter: an asv benchmark, and a script that prints a record.

The budgets are 0.05 s for ``import sparsesci`` and 0.4 s for ``import sparsesci.solvers``. The interpreter's own start
is not counted; NumPy and ``scipy.sparse`` are measured as well, for they are most of what the second import waits for.
"""

BUDGETS = {"sparsesci": 0.05, "sparsesci.solvers": 0.4, "numpy": None, "scipy.sparse": None}


class Imports:
    """Seconds of one import statement; asv runs each sample in a process of its own."""

    number = 1
    params = tuple(BUDGETS)
    param_names = ("module",)

    def timeraw_import(self, module):
        """Import ``module`` for the first time in this process."""
        return f"import {module}"


def sample(module):
    """Wall and processor seconds of ``import module`` in a new interpreter."""
    import subprocess
    import sys

    program = f"from time import perf_counter, process_time; w, c = perf_counter(), process_time(); import {module}; "
    program += "print(perf_counter() - w, process_time() - c)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return tuple(map(float, done.stdout.split()))


def quartiles(values):
    """Lower quartile, median and upper quartile, rounded to tenths of a millisecond."""
    from statistics import quantiles

    return [round(value, 4) for value in quantiles(values, n=4, method="inclusive")]


def record(repeats=15):
    """Measure every module in turn, ``repeats`` times, and return what a record holds."""
    from provenance import provenance

    for module in BUDGETS:
        sample(module)  # the first import of all reads the files from disk
    samples = {module: [] for module in BUDGETS}
    for _ in range(repeats):
        for module in BUDGETS:
            samples[module].append(sample(module))

    rows = []
    for module, budget in BUDGETS.items():
        wall, cpu = (quartiles(column) for column in zip(*samples[module], strict=True))
        kept = None if budget is None else wall[1] <= budget
        rows.append({"module": module, "wall": wall, "cpu": cpu, "budget": budget, "kept": kept})
    return {
        "what": "import times in fresh interpreters, seconds; [lower quartile, median, upper quartile]",
        "repeats": repeats,
        **provenance(),
        "rows": rows,
    }


if __name__ == "__main__":
    from provenance import write

    write(record())

"""The dense Walsh-Hadamard transform: its time in place, in passes over the memory, beside what else there is.

``python benchmarks/hadamard_dense.py > benchmarks/results/hadamard_dense.json`` makes the record.

* one thread: processor time of `fwht` in place, of the product of the same array with a number in place (the pass), of
  `scipy.fft.rfft` (`fft` where it is complex) of the same array, and of butterflies as NumPy would write them; in turn
* shapes: transforms of other axes and of many rows, and the other orders, in passes
* two threads against one: wall-clock time, with processor time over wall-clock time beside it. Where that is well below
  the number of threads the machine was busy, and the row says nothing.
"""

import time

import numpy as np
from provenance import provenance, write

SEED = 2411
LOGS = (4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 23, 24)
NUMPY_UP_TO = 22  # the loop takes seconds beyond
DTYPES = ("float32", "float64", "complex64", "complex128")
SHAPES = (
    ((2**16, 16), 1), ((2**13, 128), 1), ((2**10, 2**10), 1), ((2**10, 2**10), 0), ((2**10, 1000), 0),
    ((2**14, 70), 0), ((2**20, 3), 0), ((100, 2**7, 80), 1), ((2**4, 2**16), 0),
)  # fmt: skip
THREAD_LOGS = (21, 22, 23, 24)


def butterflies(x):
    """Transform x in place, one distance after the other, as one would with NumPy alone."""
    h = 1
    while h < x.size:
        a, b = x.reshape(-1, 2, h).swapaxes(0, 1)
        difference = a - b
        a += b
        b[...] = difference
        h *= 2
    return x


def in_turn(rivals, repeats, least=0.005):
    """Return the least processor time of a call of each rival, each measured ``repeats`` times, in turn."""
    times = dict.fromkeys(rivals, np.inf)
    calls = {}
    for name, call in rivals.items():
        call()  # compiles, and brings plans and pages
        begin, calls[name] = time.process_time(), 0
        while calls[name] == 0 or time.process_time() - begin < least:
            call()
            calls[name] += 1
    for _ in range(repeats):
        for name, call in rivals.items():
            begin = time.process_time()
            for _ in range(calls[name]):
                call()
            times[name] = min(times[name], (time.process_time() - begin) / calls[name])
    return times


def figures(times, size):
    """Return what a row holds of the times: milliseconds, nanoseconds an entry, passes and ratios."""
    ours = times["fwht"]
    others = {name: seconds for name, seconds in times.items() if name not in ("fwht", "pass")}
    return {
        "ms": {name: round(1e3 * seconds, 6) for name, seconds in times.items()},
        "ns_per_entry": round(1e9 * ours / size, 3),
        "passes": round(ours / times["pass"], 2),
        "times_fwht": {name: round(seconds / ours, 2) for name, seconds in others.items()},
    }


def multiplied(x):
    """Return a call that multiplies x by one in place: one pass over its memory."""
    one = x.dtype.type(1)
    return lambda: np.multiply(x, one, out=x)


def by_size(logs, repeats):
    """Return a row for each dtype and length."""
    import scipy.fft

    from sparsesci.recovery import fwht

    rows = []
    for dtype in DTYPES:
        for log in logs:
            x = np.zeros(2**log, dtype)  # zeros: nothing overflows, however often it is transformed
            fft = scipy.fft.fft if x.dtype.kind == "c" else scipy.fft.rfft
            rivals = {
                "fwht": lambda x=x: fwht(x, overwrite_x=True),
                "pass": multiplied(x),
                "new array": lambda x=x: fwht(x),
                f"scipy.fft.{fft.__name__}": lambda x=x, fft=fft: fft(x),
            }
            if log <= NUMPY_UP_TO:
                rivals["numpy"] = lambda x=x: butterflies(x)
            rows.append({"dtype": dtype, "log2_n": log, **figures(in_turn(rivals, repeats), x.size)})
    return rows


def by_shape(shapes, repeats):
    """Return a row for each shape, axis and order."""
    from sparsesci.recovery import fwht

    rows = []
    cases = [(shape, axis, "natural") for shape, axis in shapes]
    cases += [((2**log,), 0, order) for log in (12, 20, 22) for order in ("dyadic", "sequency")]
    for dtype in ("float32", "float64"):
        for shape, axis, order in cases:
            x = np.zeros(shape, dtype)
            rivals = {
                "fwht": lambda x=x, axis=axis, order=order: fwht(x, axis, order=order, overwrite_x=True),
                "pass": multiplied(x),
            }
            row = {"dtype": dtype, "shape": shape, "axis": axis, "order": order}
            rows.append({**row, **figures(in_turn(rivals, repeats), x.size)})
    return rows


def by_threads(logs, repeats):
    """Return a row for each dtype and length: the least wall-clock times of one thread and of two, in turn."""
    from sparsesci.recovery import fwht

    rows = []
    for dtype in ("float32", "float64"):
        for log in logs:
            x, best = np.zeros(2**log, dtype), {}
            calls = max(1, 2 ** (22 - log))
            for _ in range(repeats):
                for workers in (1, 2):
                    wall, cpu = time.perf_counter(), time.process_time()
                    for _ in range(calls):
                        fwht(x, overwrite_x=True, workers=workers)
                    wall, cpu = (time.perf_counter() - wall) / calls, (time.process_time() - cpu) / calls
                    best[workers] = min(best.get(workers, (np.inf, 0)), (wall, cpu))
            rows.append(
                {
                    "dtype": dtype,
                    "log2_n": log,
                    "wall_ms": {workers: round(1e3 * wall, 3) for workers, (wall, _) in best.items()},
                    "cpu_over_wall": {workers: round(cpu / wall, 2) for workers, (wall, cpu) in best.items()},
                    "speedup": round(best[1][0] / best[2][0], 2),
                }
            )
    return rows


def exact(log=12):
    """Return the largest deviation of integers' transforms from the product with the matrix, which is none."""
    import scipy.linalg

    from sparsesci.recovery import fwht

    x = np.random.default_rng(SEED).integers(-9, 10, 2**log).astype(float)
    return float(np.abs(fwht(x) - scipy.linalg.hadamard(2**log, dtype=float) @ x).max())


def record(logs=LOGS, shapes=SHAPES, thread_logs=THREAD_LOGS, repeats=7):
    """Measure everything and return what a record holds."""
    from sparsesci._lib.parallel import thread_limit

    with thread_limit(1):
        size, shape = by_size(logs, repeats), by_shape(shapes, repeats)
    return {
        "what": "least processor time on one thread, ms; a pass is an in-place product of the same array",
        "seed": SEED,
        "repeats": repeats,
        **provenance(),
        "deviation_from_the_matrix": exact(),
        "size": size,
        "shape": shape,
        "threads": by_threads(thread_logs, repeats),
    }


if __name__ == "__main__":
    write(record())

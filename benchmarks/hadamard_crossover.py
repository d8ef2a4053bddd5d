"""Up to how many coefficients the sparse Walsh-Hadamard transform of an array in memory beats the dense one.

``python benchmarks/hadamard_crossover.py > benchmarks/results/hadamard_crossover.json`` makes the record, and
``python benchmarks/hadamard_crossover.py --draw benchmarks/results/hadamard_crossover.json`` the picture beside it.

All values of a function of n variables are there, with K coefficients +1 and -1 at random places, without noise.
Processor time of `sparse_wht` with the sparsity given and without it, both also with contiguous blocks of points, and
of `fwht` in place followed by what finds the coefficients among the 2^n; in turn, the least of several. A row says
whether every answer was exact.
"""

import time

import numpy as np
from figures import COLOURS, figure_with_panels, label, logarithmic, main
from provenance import provenance

SEED = 2521
BITS = (20, 22)
LOG_SPARSITIES = range(4, 16)
REPEATS = 5
NAMES = ("sparse, K given", "sparse", "sparse, blocks, K given", "sparse, blocks", "dense")
TINY = 1e-9  # below which a coefficient of the dense transform is none


def rivals(f, sparsity):
    """Return what is to be timed; each call returns the indices that it finds, in ascending order."""
    from sparsesci.recovery import fwht, sparse_wht

    buffer = np.empty_like(f)

    def dense():
        np.copyto(buffer, f)  # for the next repeat, as the transform is in place
        X = fwht(buffer, norm="forward", overwrite_x=True)
        return np.flatnonzero(np.abs(X) > TINY)

    def sparse(**options):
        return lambda: sparse_wht(f, rng=SEED, **options).indices

    blocks = {"sampling": "blocks"}
    calls = (sparse(sparsity=sparsity), sparse(), sparse(sparsity=sparsity, **blocks), sparse(**blocks), dense)
    return dict(zip(NAMES, calls, strict=True))


def by_sparsity(bits, logs, repeats):
    """Return a row for each n and K."""
    from sparsesci.bench.problems.hadamard_sparse import random_support, random_values
    from sparsesci.recovery import fwht

    rows = []
    for n in bits:
        for log in logs:
            rng = np.random.default_rng([SEED, n, log])
            indices = np.sort(random_support(rng, n, 2**log, degree=0))
            f = np.zeros(1 << n)
            f[indices.astype(np.int64)] = random_values(rng, 2**log, "signs")
            f = fwht(f, overwrite_x=True)
            calls = rivals(f, 2**log)
            times, is_exact = dict.fromkeys(calls, np.inf), dict.fromkeys(calls, True)
            for _ in range(repeats):
                for name, call in calls.items():
                    begin = time.process_time()
                    found = call()
                    times[name] = min(times[name], time.process_time() - begin)
                    is_exact[name] &= np.array_equal(found, indices)
            ms = {name: round(1e3 * seconds, 3) for name, seconds in times.items()}
            rows.append({"n": n, "sparsity": 2**log, "ms": ms, "exact": is_exact})
    return rows


def crossings(rows):
    """Return for each n and way the largest K up to which it is faster than the dense transform at every K measured."""
    table = []
    for n in dict.fromkeys(row["n"] for row in rows):
        for name in NAMES[:-1]:
            last = None
            for row in (row for row in rows if row["n"] == n):
                if row["ms"][name] >= row["ms"]["dense"]:
                    break
                last = row["sparsity"]
            table.append({"n": n, "way": name, "faster_up_to": last})
    return table


def record(bits=BITS, logs=LOG_SPARSITIES, repeats=REPEATS):
    """Measure everything and return what a record holds."""
    from sparsesci._lib.parallel import thread_limit

    with thread_limit(1):
        by_sparsity((16,), (6,), 1)  # compiles
        rows = by_sparsity(bits, logs, repeats)
    return {
        "what": "least processor time on one thread, ms, from an array in memory to indices and coefficients",
        "seed": SEED,
        "repeats": repeats,
        **provenance(),
        "crossings": crossings(rows),
        "rows": rows,
    }


def draw(record):
    """Draw time against sparsity; a hollow mark is an answer that was not exact."""
    bits = list(dict.fromkeys(row["n"] for row in record["rows"]))
    figure, panels = figure_with_panels(len(bits), "Sparse or dense: an array in memory", record)
    for axes, n in zip(panels, bits, strict=True):
        rows = [row for row in record["rows"] if row["n"] == n]
        for i, name in enumerate(NAMES):
            is_dense, is_given = name == "dense", name.endswith("K given")
            colour = "#222222" if is_dense else COLOURS[i // 2]
            x, y = [row["sparsity"] for row in rows], [row["ms"][name] for row in rows]
            axes.plot(x, y, color=colour, linestyle="-" if is_dense or is_given else ":", linewidth=1.8, label=name)
            for row in rows:
                face = colour if row["exact"][name] else "white"
                axes.plot(row["sparsity"], row["ms"][name], "o", color=colour, markerfacecolor=face, markersize=4)
        axes.set_xscale("log", base=2)
        axes.set_yscale("log")
        logarithmic(axes.yaxis)
        label(axes, f"{2**n:,} values (n = {n})", "coefficients K", "processor time, ms")
        axes.legend(frameon=False, fontsize=8)
    return figure


if __name__ == "__main__":
    main(record, draw)

"""Sparse Bayesian learning beside what its users would pick today: time, error, support, noise, intervals.

``python benchmarks/bayes.py > benchmarks/results/bayes_table.json`` makes the record. With ``--lead-field FILE``
sources are sought in a measured MEG lead field as well (``lead_field`` (sensors, sources) in an .npz file).

* table: ten problems of each size at 20 dB, all solvers on the same ones, one after the other. Entries are +1 and -1,
  or normal: then some are so small that nobody can see them.
* noise: learned over true variance of the noise, its least, median and largest, at 10, 20 and 30 dB.
* coverage: how often 90 % intervals of entries of the support, and of predictions, hold the truth.
* meg: three active sources, 20 samples, 10 dB, twenty draws: in how many all three are found, and nothing else.

Times are processor time of one thread, medians; nothing is compiled in them.
"""

import sys
import time

import numpy as np
from provenance import provenance, write

SEED, N_PROBLEMS = 4519, 10
N_DRAWS = 20  # of sources


def systems(size, snr, kind, length, seed=SEED):
    """Return problems ``(A, y, x, noise_var)``."""
    from sparsesci.bench.problems.sparse_regression import sparse_systems

    return list(sparse_systems(np.random.default_rng(seed), *size, float(snr), kind, length))


def table(sizes, length):
    """Return a row for each size, kind of entries and solver."""
    from sparsesci.bench.objectives.coefficient_error import coefficient_error, f1_score
    from sparsesci.bench.solvers import SOLVERS

    names = "sbl", "sbl-mackay", "sklearn-ard", "sklearn-omp-k", "sklearn-lasso-noise", "skglm-mcp-noise"
    solvers = {name: SOLVERS[name].start(None, 0.0) for name in names}
    for solve in solvers.values():
        solve(*systems((40, 60, 4), 20, "signs", 1)[0])  # compiles
    rows = []
    for size in sizes:
        for kind in ("signs", "normal"):
            figures = {name: [] for name in names}
            for A, y, x, noise_var in systems(size, 20, kind, length):
                for name, solve in solvers.items():
                    begin = time.process_time()
                    answer = solve(A, y, x, noise_var)
                    seconds = time.process_time() - begin
                    error = coefficient_error(A, y, x, noise_var, answer.x)
                    figures[name].append((seconds, error, f1_score(x, answer.x, small=0.0)))
            ard = np.median([seconds for seconds, *_ in figures["sklearn-ard"]])
            for name, found in figures.items():
                seconds, error, f1 = np.array(found).T
                rows.append(
                    {
                        "M": size[0],
                        "N": size[1],
                        "K": size[2],
                        "kind": kind,
                        "solver": name,
                        "ms": round(1e3 * float(np.median(seconds)), 3),
                        "ard_over_this": round(float(ard / np.median(seconds)), 1),
                        "nmse_mean": float(f"{error.mean():.3g}"),
                        "f1_mean": round(float(f1.mean()), 3),
                    }
                )
    return rows


def noise(size, length):
    """Return the least, the median and the largest of learned over true variance, for each level."""
    from sparsesci.recovery import sbl

    rows = []
    for snr in (10, 20, 30):
        ratios = [sbl(A, y).noise_var / s2 for A, y, _, s2 in systems(size, snr, "signs", length, SEED + 1)]
        low, middle, high = np.quantile(ratios, [0, 0.5, 1]).round(3).tolist()
        rows.append(
            {"M": size[0], "N": size[1], "K": size[2], "snr": snr, "least": low, "median": middle, "most": high}
        )
    return rows


def coverage(size, length):
    """Return how often the truth lies in 90 % intervals: of entries, and of new measurements."""
    from sparsesci.recovery import SBLRegressor, sbl

    entries, predictions = [], []
    rng = np.random.default_rng(SEED + 2)
    for A, y, x, noise_var in systems(size, 20, "normal", length, SEED + 3):
        result = sbl(A, y)
        low, high = result.credible_interval(0.9)
        entries.append(((low <= x) & (x <= high))[result.support])
        new = rng.standard_normal((200, size[1])) / np.sqrt(size[0])
        mean, std = SBLRegressor(fit_intercept=False).fit(A, y).predict(new, return_std=True)
        measured = new @ x + noise_var**0.5 * rng.standard_normal(200)
        predictions.append(np.abs(measured - mean) <= 1.6448536 * std)
    return {
        "M": size[0],
        "N": size[1],
        "K": size[2],
        "problems": length,
        "entries": round(float(np.mean(np.concatenate(entries))), 4),
        "predictions": round(float(np.mean(np.concatenate(predictions))), 4),
    }


def sources(file, n_draws=N_DRAWS):
    """Return what is found of three sources in a lead field, whose columns are brought to length 1, by each method."""
    from sparsesci.recovery import sbl

    with np.load(file) as data:
        A = data["lead_field"].astype(float)
    A /= np.linalg.norm(A, axis=0)
    rows = []
    for method in ("fast", "exchange"):
        seconds, n_found, n_exact = [], 0, 0
        for draw in range(n_draws):
            rng = np.random.default_rng([SEED, draw])
            X = np.zeros((A.shape[1], 20))
            there = np.sort(rng.choice(A.shape[1], 3, replace=False))
            X[there] = rng.standard_normal((3, 20))
            Y = A @ X
            Y += np.sqrt(np.mean(Y**2) / 10) * rng.standard_normal(Y.shape)
            begin = time.process_time()
            result = sbl(A, Y, method=method, rng=draw + 5)
            seconds.append(time.process_time() - begin)
            n_found += bool(np.isin(there, result.support).all())
            n_exact += bool(np.array_equal(there, result.support))
        ms = round(1e3 * float(np.median(seconds[1:])), 1)
        rows.append({"method": method, "draws": n_draws, "all_found": n_found, "nothing_else": n_exact, "ms": ms})
    return rows


def record(sizes=((100, 500, 10), (250, 1000, 20), (1000, 4000, 50)), length=N_PROBLEMS, lead_field=None):
    """Measure everything and return what a record holds."""
    from sparsesci._lib.parallel import thread_limit

    with thread_limit(1):
        found = {
            "table": table(sizes, length),
            "noise": [row for size in sizes[:2] for row in noise(size, 2 * length)],
            "coverage": [coverage(size, 4 * length) for size in sizes[:2]],
        }
        if lead_field:
            found["meg"] = sources(lead_field)
    return {"what": "sbl beside its peers at 20 dB; noise, intervals, sources", "seed": SEED, **provenance(), **found}


if __name__ == "__main__":
    write(record(lead_field=sys.argv[2] if sys.argv[1:2] == ["--lead-field"] else None))

"""A fluorescent-protein landscape predicted from 5, 8 and 15 % of its genotypes: R^2 on all 8,192, beside rivals.

``python benchmarks/hadamard_landscape.py > benchmarks/results/hadamard_landscape.json`` makes the record. The genotypes
are drawn at random, ten times with seeds of their own (the last rival: twice); nobody sees the others. Rivals, where
scikit-learn is installed:

* ``lasso``: `LassoCV` (five folds) on the 378 Walsh functions of order <= 3;
* ``gaussian-process``: `GaussianProcessRegressor`, one length scale and white noise, by marginal likelihood; on 0/1
  variables this is the RBF kernel of the Hamming distance;
* ``gaussian-process-ard``: the same with one length scale per variable, which is our prior by another name.
"""

import csv
import gzip
import time
from importlib.resources import files
from importlib.util import find_spec
from itertools import combinations

import numpy as np
from provenance import provenance, write

from sparsesci.recovery import fwht, sparse_wht

N = 13
SHARES = (0.05, 0.08, 0.15)
GOALS = {"combined": (0.80, 0.84, 0.89), "blue": (0.88, 0.91, 0.94)}
SEEDS = range(9001, 9011)
SLOW = {"gaussian-process-ard": 2}  # seeds of a method that takes minutes
POINTS = np.arange(2**N)


def landscape(phenotype):
    """Return the phenotypes of all genotypes, at the numbers that they are."""
    packed = (files("sparsesci.bench") / "data" / "poelwijk2019_landscape.csv.gz").read_bytes()
    y = np.empty(2**N)
    for row in csv.DictReader(gzip.decompress(packed).decode().splitlines()):
        y[int(row["genotype"], 2)] = float(row[phenotype])
    return y


def sparsesci(indices, values, seed):
    """Predict all phenotypes by `sparse_wht`."""
    result = sparse_wht((indices, values), N, method="regression", rng=seed)
    return result.predict(POINTS), len(result.values)


def lasso(indices, values, seed):
    """Predict all phenotypes by the lasso on Walsh functions of order <= 3."""
    from sklearn.linear_model import LassoCV

    signs = 1.0 - 2.0 * bits(POINTS)
    functions = [signs[:, s].prod(axis=1) for order in (1, 2, 3) for s in map(list, combinations(range(N), order))]
    A = np.stack(functions, axis=1)
    model = LassoCV(cv=5, max_iter=20_000, random_state=seed).fit(A[indices], values)
    return model.predict(A), int(np.count_nonzero(model.coef_)) + 1


def gaussian_process(indices, values, seed, length_scale=1.0):
    """Predict all phenotypes by a Gaussian process with the RBF kernel."""
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel

    kernel = ConstantKernel() * RBF(length_scale, (1e-1, 1e3)) + WhiteKernel(0.1)
    model = GaussianProcessRegressor(kernel, normalize_y=True, random_state=seed)
    return model.fit(bits(indices), values).predict(bits(POINTS)), None


def gaussian_process_ard(indices, values, seed):
    """Predict all phenotypes by a Gaussian process with one length scale per variable."""
    return gaussian_process(indices, values, seed, np.ones(N))


def bits(points):
    """Return the variables of points as 0 and 1."""
    return ((points[:, None] >> np.arange(N)) & 1).astype(float)


METHODS = {
    "sparsesci": sparsesci,
    "lasso": lasso,
    "gaussian-process": gaussian_process,
    "gaussian-process-ard": gaussian_process_ard,
}


def r_squared(found, y):
    """Return the share of the variance over all genotypes that is explained."""
    return 1 - float(((found - y) ** 2).sum() / ((y - y.mean()) ** 2).sum())


def measured(y, share, method, seeds):
    """Return a row: R^2 over the seeds, coefficients and CPU seconds; or that scikit-learn is not installed."""
    if method != "sparsesci" and find_spec("sklearn") is None:
        return {"trouble": "scikit-learn is not installed"}
    scores, sizes, seconds = [], [], []
    for seed in seeds:
        indices = np.random.default_rng(seed).choice(2**N, round(share * 2**N), replace=False)
        begin = time.process_time()
        found, size = METHODS[method](indices, y[indices], seed)
        seconds.append(time.process_time() - begin)
        scores.append(r_squared(found, y))
        sizes.append(size)
    return {
        "samples": len(indices),
        "r2_mean": round(float(np.mean(scores)), 4),
        "r2_worst": round(min(scores), 4),
        "r2": [round(score, 4) for score in scores],
        "coefficients": None if sizes[0] is None else float(np.median(sizes)),
        "cpu_s": round(float(np.median(seconds)), 2),
    }


def leading(y, share, seed, n_shown=12):
    """Return the leading interactions from a part of the genotypes, with those that the whole table has."""
    indices = np.random.default_rng(seed).choice(2**N, round(share * 2**N), replace=False)
    result = sparse_wht((indices, y[indices]), N, method="regression", rng=seed)
    whole = fwht(y, norm="forward")
    rank = np.argsort(np.argsort(-abs(whole)))
    rows = []
    for variables, found in result.interactions()[:n_shown]:
        k = sum(1 << i for i in variables)
        whole_k = round(float(whole[k]), 4)
        rows.append({"variables": variables, "found": round(found, 4), "whole": whole_k, "rank": int(rank[k]) + 1})
    return rows


def record(seeds=SEEDS):
    """Measure everything and return what a record holds."""
    import warnings

    warnings.simplefilter("ignore")  # scikit-learn's, about length scales at their bounds
    rows, interactions = [], {}
    for phenotype, goals in GOALS.items():
        y = landscape(phenotype)
        for share, goal in zip(SHARES, goals, strict=True):
            for method in METHODS:
                row = measured(y, share, method, seeds[: SLOW.get(method, len(seeds))])
                rows.append({"phenotype": phenotype, "share": share, "goal": goal, "method": method, **row})
        interactions[phenotype] = leading(y, SHARES[1], seeds[0])
    what = "R^2 on all 2^13 genotypes of a fit to a random share of them"
    return {"what": what, "seeds": list(seeds), **provenance(), "rows": rows, "interactions": interactions}


if __name__ == "__main__":
    write(record())

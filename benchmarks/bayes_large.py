"""Recovery with operators and by pursuit: a million unknowns without a matrix, and OMP beside scikit-learn's.

``python benchmarks/bayes_large.py > benchmarks/results/bayes_large.json`` makes the record, with one thread (set
OMP_NUM_THREADS=1). Each large problem has a process of its own, so that its peak of memory is its own.

* large: 100,000 random rows of a cosine or Walsh-Hadamard transform of 10^6 or 2^20 points, 1000 normal coefficients,
  30 dB, noise unknown; `sbl` of the LinearOperator.
* pursuit: the three dense problems of the reference, K given, 20 dB, unit columns; both in turn, compiled and warm.
"""

import json
import os
import resource
import subprocess
import sys
import time
from importlib.util import find_spec

import numpy as np
from provenance import provenance, write

LARGE = [("dct", "float64"), ("dct", "float32"), ("hadamard", "float64"), ("hadamard", "float32")]
M, K, SNR = 100_000, 1000, 30
PURSUITS = [(100, 500, 10), (250, 1000, 20), (1000, 4000, 50)]
SEEDS = range(17011, 17021)


def partial_transform(name, dtype, rng):
    """Return M random rows of an orthonormal transform as a LinearOperator with columns of length about 1."""
    import scipy.fft
    from scipy.sparse.linalg import LinearOperator

    from sparsesci.recovery import fwht

    n = 10**6 if name == "dct" else 2**20
    rows = np.sort(rng.choice(n, M, replace=False))
    scale = np.dtype(dtype).type(np.sqrt(n / M))
    there, back = (scipy.fft.dct, scipy.fft.idct) if name == "dct" else (fwht, fwht)

    def forward(x):
        return scale * there(x, axis=0, norm="ortho")[rows]

    def adjoint(y):
        full = np.zeros((n, *y.shape[1:]), y.dtype)
        full[rows] = scale * y
        return back(full, axis=0, norm="ortho")

    products = {"matvec": forward, "rmatvec": adjoint, "matmat": forward, "rmatmat": adjoint}
    return LinearOperator((M, n), dtype=np.dtype(dtype), **products)


def large(name, dtype, seed=17029):
    """Return a row for one large problem; memory is what the peak of this process grew by."""
    from sparsesci.recovery import sbl

    rng = np.random.default_rng(seed)
    A = partial_transform(name, dtype, rng)
    x = np.zeros(A.shape[1])
    support = rng.choice(A.shape[1], K, replace=False)
    x[support] = rng.standard_normal(K)
    clean = A.matvec(x.astype(dtype)).astype(float)
    noise_var = float(np.mean(clean**2)) / 10 ** (SNR / 10)
    y = (clean + np.sqrt(noise_var) * rng.standard_normal(M)).astype(dtype)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    begin, wall = time.process_time(), time.perf_counter()
    result = sbl(A, y, rng=seed)
    seconds, wall = time.process_time() - begin, time.perf_counter() - wall
    memory = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    hits = len(np.intersect1d(result.support, support))
    return {
        "problem": name,
        "dtype": dtype,
        "shape": list(A.shape),
        "K": K,
        "snr_db": SNR,
        "cpu_s": round(seconds, 1),
        "wall_s": round(wall, 1),
        "memory_mib": round(memory),
        "nmse": float(f"{np.sum((result.x - x) ** 2) / np.sum(x**2):.3g}"),
        "f1": round(2 * hits / (len(result.support) + K), 4),
        "noise_over_true": round(result.noise_var / noise_var, 4),
        "iterations": result.nit,
        "success": result.success,
    }


def dense_problem(m, n, k, seed):
    """Return A with unit columns and y at 20 dB from k entries of +-1."""
    rng = np.random.default_rng(seed)
    A = rng.standard_normal((m, n))
    A /= np.linalg.norm(A, axis=0)
    y = A[:, rng.choice(n, k, replace=False)] @ rng.choice([-1.0, 1.0], k)
    return A, y + np.sqrt(np.mean(y**2) / 100) * rng.standard_normal(m)


def ours(A, y, k):
    """Return the coefficients by `omp`."""
    from sparsesci.recovery import omp

    return omp(A, y, n_nonzero=k).x


def theirs(A, y, k):
    """Return the coefficients by scikit-learn."""
    from sklearn.linear_model import OrthogonalMatchingPursuit

    return OrthogonalMatchingPursuit(n_nonzero_coefs=k, fit_intercept=False).fit(A, y).coef_


def pursuit(m, n, k):
    """Return a row: the median of processor time of both, in turn, and on how many problems the supports agree."""
    if find_spec("sklearn") is None:
        return {"shape": [m, n], "K": k, "trouble": "scikit-learn is not installed"}
    times, same = {"sparsesci": [], "scikit-learn": []}, 0
    for seed in (SEEDS[0] - 1, *SEEDS):
        A, y = dense_problem(m, n, k, seed)
        found = {}
        for name, method in (("sparsesci", ours), ("scikit-learn", theirs)):
            begin = time.process_time()
            found[name] = method(A, y, k)
            times[name].append(time.process_time() - begin)
        same += seed in SEEDS and np.array_equal(found["sparsesci"] != 0, found["scikit-learn"] != 0)
    cpu = {name: round(1e3 * float(np.median(seconds[1:])), 2) for name, seconds in times.items()}  # the first warms up
    return {"shape": [m, n], "K": k, "cpu_ms": cpu, "same_support": f"{same} of {len(SEEDS)}"}


def record():
    """Measure everything and return what a record holds."""
    rows = []
    for problem in LARGE:
        made = subprocess.run([sys.executable, os.path.abspath(__file__), *problem], capture_output=True, check=True)
        rows.append(json.loads(made.stdout))
    what = "sbl of an operator at a million unknowns; orthogonal matching pursuit beside scikit-learn"
    return {"what": what, **provenance(), "large": rows, "pursuit": [pursuit(*size) for size in PURSUITS]}


if __name__ == "__main__":
    write(large(*sys.argv[1:]) if len(sys.argv) == 3 else record())

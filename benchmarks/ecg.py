"""An electrocardiogram of 1024 samples from 512, 384 and 256 random measurements: percent residual differences.

``python benchmarks/ecg.py > benchmarks/results/ecg.json`` makes the record. All methods see the same measurements, and
none is told about noise (there is none). One thread, processor time, compilation apart. Bases are the wavelets db4 of
PyWavelets (periodic, six levels) and cosines. Methods:

* ``block-d``, ``block-d-mackay``: `sbl` with blocks of d samples, in time; the first leaves out blocks that are not
  worth their price, the second (MacKay's rule, with the noise that the first has learned) does not;
* ``fast-basis``: `sbl` without blocks, for the coefficients in a basis;
* ``lasso-basis``: scikit-learn's `LassoCV` (5 folds);  ``omp-basis``: its `OrthogonalMatchingPursuitCV` (5 folds);
* ``lasso-basis-told``, ``omp-basis-told``: the best of the whole path, which takes the true signal to know.
"""

import time
import warnings
from importlib.util import find_spec

import numpy as np
from provenance import provenance, write

from sparsesci.bench.problems.ecg import KINDS, MEASUREMENTS, electrocardiogram, residual_difference, sensed
from sparsesci.recovery import sbl

SEEDS = (6101, 6113, 6121)
SIZES = (16, 32)
LEVELS = 6


def cosines(n):
    """Return the orthonormal basis of cosines (n, n)."""
    import scipy.fft

    return scipy.fft.idct(np.eye(n), norm="ortho", axis=0)


def wavelets(n):
    """Return the orthonormal basis of the wavelets db4 (n, n)."""
    import pywt

    empty, places = pywt.coeffs_to_array(pywt.wavedec(np.zeros(n), "db4", mode="periodization", level=LEVELS))
    basis = np.empty((n, n))
    for i in range(n):
        empty[i] = 1.0
        parts = pywt.array_to_coeffs(empty, places, output_format="wavedec")
        basis[:, i] = pywt.waverec(parts, "db4", mode="periodization")
        empty[i] = 0.0
    return basis


def blocks_of(size, method):
    """Return block SBL in time."""
    return lambda A, y, x: sbl(A, y, blocks=size, method=method).x


def in_basis(basis, solve):
    """Return a method for the coefficients in a basis."""
    return lambda A, y, x: basis @ solve(A @ basis, y, basis.T @ x)


def fast(A, y, c):
    """Fit by sparse Bayesian learning without blocks."""
    return sbl(A, y).x


def lasso(A, y, c):
    """Fit by the lasso, its weight by cross-validation."""
    from sklearn.linear_model import LassoCV

    return LassoCV(fit_intercept=False, cv=5, alphas=100, eps=1e-4, max_iter=5000).fit(A, y).coef_


def lasso_told(A, y, c):
    """Return the best of 100 lassos."""
    from sklearn.linear_model import lasso_path

    _, path, _ = lasso_path(A, y, alphas=100, eps=1e-4, max_iter=5000)
    return path[:, np.argmin(np.linalg.norm(path - c[:, None], axis=0))]


def omp(A, y, c):
    """Fit by orthogonal matching pursuit, the number of entries by cross-validation."""
    from sklearn.linear_model import OrthogonalMatchingPursuitCV

    return OrthogonalMatchingPursuitCV(fit_intercept=False, cv=5, max_iter=len(y) // 2).fit(A, y).coef_


def omp_told(A, y, c):
    """Return the best of the whole path of orthogonal matching pursuit."""
    from sklearn.linear_model import orthogonal_mp

    path = orthogonal_mp(A, y, n_nonzero_coefs=len(y) // 2, return_path=True)
    path = path.reshape(len(c), -1)
    return path[:, np.argmin(np.linalg.norm(path - c[:, None], axis=0))]


def methods():
    """Return what can be run here, by name."""
    found = {f"block-{size}": blocks_of(size, "fast") for size in SIZES}
    found |= {f"block-{size}-mackay": blocks_of(size, "mackay") for size in SIZES}
    bases = {"dct": cosines} | ({"db4": wavelets} if find_spec("pywt") else {})
    solvers = {"fast": fast}
    if find_spec("sklearn"):
        solvers |= {"lasso": lasso, "omp": omp, "lasso-told": lasso_told, "omp-told": omp_told}
    for label, make in bases.items():
        basis = make(len(electrocardiogram()))
        for name, solve in solvers.items():
            head, _, tail = name.partition("-")
            found["-".join(part for part in (head, label, tail) if part)] = in_basis(basis, solve)
    return found


def record(seeds=SEEDS):
    """Measure everything and return what a record holds."""
    from threadpoolctl import threadpool_limits

    warnings.simplefilter("ignore")  # of the rivals: lassos and pursuits that do not converge
    rows = []
    with threadpool_limits(1):
        solvers = methods()
        A, y, x, _ = next(sensed(np.random.default_rng(6089), 64, "normal", 1))
        for solve in solvers.values():
            solve(A, y, x)  # imports and compiles
        for kind in KINDS:
            for measurements in MEASUREMENTS:
                systems = [next(sensed(np.random.default_rng(seed), measurements, kind, 1)) for seed in seeds]
                for name, solve in solvers.items():
                    errors, seconds = [], []
                    for A, y, x, noise_var in systems:
                        begin = time.process_time()
                        found = solve(A, y, x)
                        seconds.append(time.process_time() - begin)
                        errors.append(residual_difference(A, y, x, noise_var, found))
                    row = {
                        "matrix": kind,
                        "measurements": measurements,
                        "method": name,
                        "prd_percent": [round(error, 2) for error in errors],
                        "prd_percent_median": round(float(np.median(errors)), 2),
                        "cpu_s_median": round(float(np.median(seconds)), 2),
                    }
                    rows.append(row)
    what = "an electrocardiogram from random measurements: 100 ||x - x^|| / ||x||, x without its mean"
    return {"what": what, "seeds": list(seeds), **provenance(), "rows": rows}


if __name__ == "__main__":
    write(record())

"""Mixtures of three to six of 498 minerals unmixed, at 30, 40 and 50 dB: errors and supports, beside rivals.

``python benchmarks/minerals.py > benchmarks/results/minerals.json`` makes the record. All methods see the same mixtures
and, but for ours, columns of length 1 and a spectrum of mean square 1, as they need; ``ard`` sees all as it is. To a
support belong the entries above 1e-3 of the largest. One thread, processor time, compilation apart. Rivals, those of
scikit-learn without an intercept:

* ``ard``: `ARDRegression` as it comes; ``ard-scaled``: on scaled data, ``threshold_lambda=1e6``, which does better;
* ``omp``: `OrthogonalMatchingPursuit`, given how many minerals there are;
* ``lasso``, ``lasso-positive``: `LassoLarsIC` by BIC, given the variance of the noise;
* ``nnls``: `scipy.optimize.nnls`;
* ``fast``: this package's own fast marginal likelihood, which changes one entry at a time.
"""

import time
from importlib.util import find_spec

import numpy as np
from provenance import provenance, write

from sparsesci.bench.objectives.coefficient_error import coefficient_error, f1_score
from sparsesci.bench.problems.minerals import SNR, mixtures
from sparsesci.recovery import sbl

SEEDS = range(8301, 8331)
SLOW = {"ard-scaled": 10}  # mixtures of a method that takes seconds for each


def exchange(A, y, K, noise_var, nonnegative=False):
    """Average over supports."""
    return sbl(A, y, method="exchange", prior="nonnegative" if nonnegative else None, rng=7).x


def exchange_nonnegative(A, y, K, noise_var):
    """Average over supports of entries that are not negative."""
    return exchange(A, y, K, noise_var, nonnegative=True)


def fast(A, y, K, noise_var):
    """Climb the marginal likelihood."""
    return sbl(A, y, method="fast").x


def ard(A, y, K, noise_var):
    """Fit by automatic relevance determination, as it comes."""
    from sklearn.linear_model import ARDRegression

    return ARDRegression(fit_intercept=False).fit(A, y).coef_


def scaled(solve):
    """Give a method columns of length 1 and data of mean square 1."""

    def wrapped(A, y, K, noise_var):
        lengths, level = np.linalg.norm(A, axis=0), np.mean(y**2) ** 0.5
        return solve(A / lengths, y / level, K, noise_var / level**2) * level / lengths

    return wrapped


@scaled
def ard_scaled(A, y, K, noise_var):
    """Fit by automatic relevance determination, on scaled data."""
    from sklearn.linear_model import ARDRegression

    return ARDRegression(fit_intercept=False, threshold_lambda=1e6).fit(A, y).coef_


@scaled
def omp(A, y, K, noise_var):
    """Fit by orthogonal matching pursuit."""
    from sklearn.linear_model import OrthogonalMatchingPursuit

    return OrthogonalMatchingPursuit(n_nonzero_coefs=K, fit_intercept=False).fit(A, y).coef_


def lasso_of_sign(positive):
    """Return the lasso, by BIC."""

    @scaled
    def lasso(A, y, K, noise_var):
        from sklearn.linear_model import LassoLarsIC

        options = {"criterion": "bic", "fit_intercept": False, "noise_variance": noise_var, "positive": positive}
        return LassoLarsIC(**options).fit(A, y).coef_

    return lasso


@scaled
def nnls(A, y, K, noise_var):
    """Fit by non-negative least squares."""
    import scipy.optimize

    return scipy.optimize.nnls(A, y)[0]


METHODS = {
    "exchange": exchange,
    "fast": fast,
    "omp": omp,
    "lasso": lasso_of_sign(False),
    "ard": ard,
    "ard-scaled": ard_scaled,
}
POSITIVE = {"exchange-nonnegative": exchange_nonnegative, "lasso-positive": lasso_of_sign(True), "nnls": nnls}


def measured(method, solve, snr, is_signed, seeds):
    """Return a row: errors, F1 scores and CPU seconds over the mixtures; or that scikit-learn is not installed."""
    if method.split("-")[0] in ("omp", "lasso", "ard") and find_spec("sklearn") is None:
        return {"trouble": "scikit-learn is not installed"}
    errors, scores, sizes, seconds = [], [], [], []
    for seed in seeds:
        ((A, y, x, noise_var),) = mixtures(np.random.default_rng([seed, snr]), snr, is_signed, 1)
        begin = time.process_time()
        found = solve(A, y, np.count_nonzero(x), noise_var)
        seconds.append(time.process_time() - begin)
        errors.append(coefficient_error(A, y, x, noise_var, found))
        scores.append(f1_score(x, found))
        sizes.append(int(np.count_nonzero(found)))
    return {
        "mixtures": len(errors),
        "nmse_mean": float(f"{np.mean(errors):.3g}"),
        "nmse_median": float(f"{np.median(errors):.3g}"),
        "f1_mean": round(float(np.mean(scores)), 3),
        "entries_mean": round(float(np.mean(sizes)), 1),
        "cpu_ms_median": round(1e3 * float(np.median(seconds)), 1),
        "cpu_ms_max": round(1e3 * max(seconds), 1),
    }


def record(seeds=SEEDS):
    """Measure everything and return what a record holds."""
    import warnings

    from threadpoolctl import threadpool_limits

    warnings.simplefilter("ignore")  # of the rivals: early stops of LARS and OMP
    rows = []
    with threadpool_limits(1):
        for is_signed in (True, False):
            methods, drawn = (METHODS, "normal") if is_signed else (METHODS | POSITIVE, "Dirichlet")
            for method, solve in methods.items():
                measured(method, solve, SNR[-1], is_signed, [1])  # imports and compiles
            for snr in SNR:
                for method, solve in methods.items():
                    row = measured(method, solve, snr, is_signed, seeds[: SLOW.get(method, len(seeds))])
                    rows.append({"coefficients": drawn, "snr": snr, "method": method, **row})
    what = (
        "3 to 6 of 498 spectra of minerals recovered from their mixture: ||x - x^||^2 / ||x||^2 and F1 of the support"
    )
    return {"what": what, "seeds": list(seeds), **provenance(), "rows": rows}


if __name__ == "__main__":
    write(record())

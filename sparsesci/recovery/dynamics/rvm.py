"""The relevance vector machine: sparse Bayesian regression, with error bars, on sums over samples alone.

Tipping, *Sparse Bayesian learning and the relevance vector machine*, J. Mach. Learn. Res. 1 (2001) 211-244; Tipping and
Faul, AISTATS 2003; for model errors Mojgani, Chattopadhyay, Hassanzadeh, *Discovery of interpretable structural model
errors by combining Bayesian sparse regression and data assimilation*, Chaos 32 (2022) 061105 (MEDIDA).

The computation is that of `sparsesci.recovery.sbl`, of which this is another door: the evidence of

    y = Theta x + e,    x_j ~ N(0, gamma_j),    e ~ N(0, noise_var I)

depends on Theta and y through ``Theta^T Theta``, ``Theta^T y``, ``y^T y`` and n. So it is that of a problem with p + 1
rows and the same products, and is computed there.

Deviations
----------
1. Each target has variances and a noise of its own.
2. The noise is at its best for the variances in every comparison, and each function has a price, so that a problem of
   pure noise has a false one once in ten times: see `sparsesci.recovery.bayes.fast`. The published fixed point,
   ``gamma_j = mu_j^2 / (1 - Sigma_jj / gamma_j)``, is ``method="mackay"``, with the noise that "fast" has learned.
"""

from __future__ import annotations

import time
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np

from sparsesci._lib import validate
from sparsesci._lib.parallel import thread_limit
from sparsesci._lib.result import ConvergenceWarning, Status
from sparsesci.recovery.bayes.fast import fast
from sparsesci.recovery.bayes.fit import Fit
from sparsesci.recovery.bayes.fixed_points import RULES, fixed_point
from sparsesci.recovery.bayes.model import ADVICE

from .gram import Gram, as_gram
from .reduced import reduced
from .regression_result import SparseRegressionResult

METHODS = ("fast", "mackay")


@dataclass(frozen=True, repr=False, eq=False)
class RVMResult(SparseRegressionResult):
    """The posterior of sparse coefficients; x is its mean.

    Attributes
    ----------
    std : array, as x
        Standard deviations of the coefficients, given the variances; 0 outside of `support`.
    gamma : array, as x
        Variances of the coefficients before the data, as they were learned.
    noise_var : array (d,)
        Variances of the errors, as they were given or learned.
    evidence : array (d,)
        ``log p(y | gamma, noise_var)`` in nats, of each target at the end.
    """

    std: Any
    gamma: Any
    noise_var: np.ndarray
    evidence: np.ndarray

    def interval(self, level: float = 0.9) -> tuple[Any, Any]:
        """Return the bounds between which each coefficient lies with this probability: a pair of arrays like x."""
        from scipy.special import ndtri

        level = validate.finite_real(level, "level")
        if not 0 < level < 1:
            raise ValueError(f"level is {level}: a probability between 0 and 1 is needed")
        half = float(ndtri((1 + level) / 2)) * self.std
        return self.x - half, self.x + half


def rvm(
    Theta: Any,
    Y: Any = None,
    *,
    method: str = "fast",
    noise_var: Any = None,
    rtol: float = 1e-4,
    maxiter: int | None = None,
) -> RVMResult:
    """Find sparse coefficients of ``Y ~ Theta x`` and their uncertainty by the evidence; nothing is to be tuned.

    Parameters
    ----------
    Theta : array (n, p), Samples or Gram
        Functions at n samples.
    Y : array (n,) or (n, d), optional
        Targets; None with Samples or a Gram. Their errors are independent from sample to sample in this model: where
        they are not (smoothed derivatives), error bars are too narrow, and functions explain what is no noise.
    method : {"fast", "mackay"}
        As in `sparsesci.recovery.sbl`: "fast" is a greedy ascent with a price for each function; "mackay" changes all
        variances at once, without a price, and keeps more small coefficients.
    noise_var : float or array (d,), optional
        Variances of the errors of one sample; learned if not given.
    rtol : float
        "fast" ends when no step raises the evidence by more than a factor ``1 + rtol``, "mackay" when
        ``||x - x_old|| <= rtol ||x||`` in scaled units.
    maxiter : int, optional
        The most iterations for each target, by default ``10 (n + 100)`` for "fast" and 1000 for "mackay".

    Returns
    -------
    RVMResult
        With ``x``, ``std``, ``support``, ``noise_var``, ``gamma``, ``evidence``. A target that has no function is no
        failure.

    Raises
    ------
    ValueError, TypeError
        Data that `as_gram` refuses, an option that is none of those listed, a noise_var that is not positive.

    Notes
    -----
    Cost: that of the Gram, O(p^3) for its triangle, and for each target O(p k) a step with k functions.

    References
    ----------
    Tipping, J. Mach. Learn. Res. 1 (2001) 211-244. Mojgani, Chattopadhyay, Hassanzadeh, Chaos 32 (2022) 061105.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsesci.recovery.dynamics.rvm import rvm
    >>> rng = np.random.default_rng(3)
    >>> Theta = rng.standard_normal((200, 10))
    >>> y = 3 * Theta[:, 2] - 0.5 * Theta[:, 7] + 0.1 * rng.standard_normal(200)
    >>> result = rvm(Theta, y)
    >>> np.flatnonzero(result.support)
    array([2, 7])
    >>> result.x[[2, 7]].round(1)
    array([ 3. , -0.5])
    >>> result.std[[2, 7]].round(2)
    array([0.01, 0.01])
    """
    begin = time.perf_counter()
    validate.one_of(method, METHODS, "method")
    rtol = validate.nonnegative_real(rtol, "rtol")
    maxiter = None if maxiter is None else validate.positive_integer(maxiter, "maxiter")
    gram = as_gram(Theta, Y)
    known = variances(noise_var, gram)
    maxiter = maxiter or (10 * (gram.n + 100) if method == "fast" else 1000)
    with thread_limit(1):
        r = reduced(gram)
        R, z = r.with_rest()
        weights = np.where(gram.is_zero, 0.0, 1.0)
        scales = r.scales / np.sqrt(gram.n)  # root mean squares: methods see targets of mean square 1
        fits = []
        for j, scale in enumerate(scales):
            noise = None if known is None else known[j] / scale**2
            y = z[:, j : j + 1] * np.sqrt(gram.n)
            is_zero = gram.yy[j] == 0
            fit = nothing(R, noise) if is_zero else learned(R, weights, y, gram.n, method, noise, rtol, maxiter)
            fits.append(fit)
        result = assembled(gram, fits, scales, method, begin)
    if not result.success:
        warnings.warn(result.message, ConvergenceWarning, stacklevel=2)
    return result


def variances(noise_var: Any, gram: Gram) -> np.ndarray | None:
    """Return a variance for each target, or None where they are to be learned."""
    if noise_var is None:
        return None
    if np.ndim(noise_var) == 0:
        return np.full(gram.d, validate.positive_real(noise_var, "noise_var", otherwise="or None to learn it"))
    values = np.asarray(noise_var, float)
    if values.shape != (gram.d,) or not np.all((values > 0) & np.isfinite(values)):
        raise ValueError(f"noise_var is {noise_var!r}: a positive number, or {gram.d} of them, are needed")
    return values


def learned(
    R: np.ndarray,
    weights: np.ndarray,
    y: np.ndarray,
    n: int,
    method: str,
    noise: float | None,
    rtol: float,
    maxiter: int,
) -> Fit:
    """Return the fit of one target y (r + 1, 1) of mean square 1 over n samples."""
    options = {"rtol": rtol, "maxiter": maxiter, "n_data": n}
    if method == "fast" or noise is None:
        fit = fast(R, weights, y, noise_var=noise, **options)
        noise = fit.noise_var
    if method == "fast":
        return fit
    return fixed_point(R, y, rule=RULES[method], noise_var=noise, **options)


def nothing(R: np.ndarray, noise: float | None) -> Fit:
    """Return the fit of a target that is zero."""
    zero = np.zeros(R.shape[1])
    return Fit(zero[:, None], zero, zero, noise or 0.0, [0.0], 0, Status.CONVERGED)


def assembled(gram: Gram, fits: list[Fit], scales: np.ndarray, method: str, begin: float) -> RVMResult:
    """Return the result in the units of the data."""
    units = scales / gram.scale[:, None]
    mu, gamma, variance = (np.stack([fit[part].reshape(-1) for fit in fits], axis=1) for part in range(3))
    gamma, noise = gamma * units**2, np.array([fit.noise_var for fit in fits]) * scales**2
    worst = next((fit for fit in fits if not fit.status.is_success), fits[0])
    n_terms = ", ".join(str(np.count_nonzero(fit.gamma)) for fit in fits)
    nit = max(fit.nit for fit in fits)
    ended = "converged" if worst.status.is_success else "ended"
    message = f"relevance vector machine ({method}) {ended} after {nit} iterations: {n_terms} of {gram.p} functions"
    if not worst.status.is_success:
        message += f"; {ADVICE[worst.status]}"
    evidence = np.array([fit.evidence[-1] if fit.evidence else np.nan for fit in fits]) - gram.n * np.log(scales)
    return RVMResult.of(
        gram,
        mu * units,
        worst.status,
        message,
        nit=nit,
        time=time.perf_counter() - begin,
        std=gram.give(np.sqrt(np.maximum(variance, 0.0)) * units),
        gamma=gram.give(gamma),
        noise_var=noise,
        evidence=evidence,
    )

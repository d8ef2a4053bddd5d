"""Sparse Bayesian learning where A is a Kronecker product, and so is the support of x: the public function.

He and Joseph, *Bayesian algorithms for Kronecker-structured sparse vector recovery with application to IRS-MIMO channel
estimation*, arXiv 2307.14719. E-step in `kron_posterior`, M-steps in `kron_updates`, the iteration in `kron_climb`,
the decomposed model in `kron_rank_one`.

Deviations
----------
1. y is brought to mean square 1 and all columns to length 1, and the answer back: scales do not matter.
2. The variances start where the prior explains the power of y (with SVD ten times that), not at 1.
3. Nothing is pruned by comparing variances with each other: an entry of a factor is put out where the evidence is the
   larger without it, and the data tell of it next to nothing. One of each factor is always kept.
4. ``method="auto"`` is no method of the paper.
"""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from typing import Any

import numpy as np

from sparsesci._lib import validate, xp
from sparsesci._lib.dispatch import public
from sparsesci._lib.parallel import thread_limit
from sparsesci._lib.result import ConvergenceWarning, Status

from .kron_climb import Climb, climb
from .kron_model import KronModel, checked, prepared, tridiagonal
from .kron_modes import outer, square
from .kron_posterior import KronPosterior
from .kron_rank_one import RankOnePosterior, by_factor, is_crowded, is_white
from .kron_updates import am, mm, svd
from .model import ADVICE
from .result import SBLResult

METHODS = ("auto", "svd", "am", "mm", "decomposed")
COUPLED = ("auto", "mm", "decomposed")
NAMES = {
    "svd": "SVD",
    "am": "alternating minimisation",
    "mm": "majorisation-minimisation",
    "decomposed": "decomposition",
}
UPDATES = {"svd": svd, "am": am, "mm": mm}
FIRST_NOISE = 0.1  # of the mean square of y
ABOVE = 10.0  # the power of y that the first prior of SVD explains: it ends in fewer local maxima from there
ONE_THREAD_BELOW = 2**15  # measurements


@public
def kron_sbl(
    factors: Any,
    y: Any,
    *,
    method: str = "auto",
    noise_var: float | None = None,
    rtol: float = 1e-4,
    maxiter: int = 150,
    block_coupling: Any = None,
    callback: Callable | None = None,
) -> SBLResult:
    """Recover a sparse x from ``y = H x + n``, where H is a Kronecker product and the support of x is one too.

    ``x ~ N(0, diag(g_1 (x) ... (x) g_d))`` and ``n ~ N(0, noise_var I)``; the variances maximise the evidence, and most
    of them are zero then. The product of the factors is never formed: an iteration costs ``sum m_i^3 + n_i m_i^2`` and
    a few products with the factors.

    Parameters
    ----------
    factors : sequence of arrays (m_i, n_i)
        Any number of matrices, real or complex. Their columns may have any lengths: the answer does not depend on it.
    y : array (m_1 ... m_d,) or (m_1 ... m_d, l)
        Measurements; l of them in columns share their variances. The index of the last factor runs fastest, as in
        ``numpy.kron``; so does that of x, and ``x.reshape(n_1, ..., n_d)`` is x as a tensor.
    method : str
        ``"svd"``, ``"am"``: EM, whose M-step is the nearest Kronecker product by singular value decompositions or by
        alternating minimisation. ``"mm"``: majorisation-minimisation, the fastest of the three, and the one with
        ``block_coupling``. ``"decomposed"``: x itself is a Kronecker product, which is far more to be known than that
        its support is; for one column of y. ``"auto"``: "decomposed" where what it leaves of y is white; else "mm"
        from its own start and from the end of "svd", and of the two the one of the larger evidence. The message says
        which it was.
    noise_var : float, optional
        Variance of the noise of one measurement (of both parts together where complex); learned if not given.
    rtol : float
        The iteration ends when no ``g_i``, brought to norm 1, changes by more than ``rtol`` in norm, nor the common
        scale and the noise in proportion: three times in a row, with "svd" once.
    maxiter : int
        The most iterations, of each of the methods that "auto" runs.
    block_coupling : float or sequence, optional
        Neighbours in a factor are zero together: a number beta > 0, or one (or None) for each factor. The variance of
        an entry is ``g'_j + beta (g'_(j-1) + g'_(j+1))``, and it is the g' that are sparse. For "auto", "mm" and
        "decomposed".
    callback : callable, optional
        ``callback(intermediate_result)`` after every iteration; raise ``StopIteration`` in it to stop.

    Returns
    -------
    SBLResult
        With ``factor_gammas``, one array a factor, whose Kronecker product is ``gamma``. Where the rule was not met,
        ``success`` is False and a `ConvergenceWarning` says so. The evidence of "decomposed" is a lower bound, and its
        draws are products too.

    Raises
    ------
    ValueError, TypeError
        NaN or Inf in a factor or in y (the first is named), sizes that do not match, an option that is none of those
        listed, a noise_var that is not positive: before any work.

    Notes
    -----
    Computed in double precision. With "am" and "mm" the evidence never falls, but where entries are put out that raise
    it by less than their price: of n entries of factors that fit nothing but noise, one is kept in one problem of ten,
    whatever n is. SVD has no such guarantee, and none is proven for "decomposed". What is put out once maxiter is used
    up is not in the evidence. A zero column has coefficient 0. M = 1 cannot be told from noise.

    References
    ----------
    He and Joseph, arXiv 2307.14719 and arXiv 2310.07869.

    Examples
    --------
    Six of 8000 unknowns, from 1200 measurements:

    >>> import numpy as np
    >>> from sparsesci.recovery import KroneckerOperator, kron_sbl
    >>> rng = np.random.default_rng(2)
    >>> factors = [rng.standard_normal((m, 20)) for m in (10, 10, 12)]
    >>> x = np.zeros((20, 20, 20))
    >>> x[np.ix_([3], [5, 11], [0, 7, 19])] = rng.standard_normal((1, 2, 3))
    >>> y = KroneckerOperator(factors) @ x.ravel() + 0.1 * rng.standard_normal(1200)
    >>> result = kron_sbl(factors, y)
    >>> [np.flatnonzero(g).tolist() for g in result.factor_gammas]
    [[3], [5, 11], [0, 7, 19]]
    """
    begin = time.perf_counter()
    validate.one_of(method, METHODS, "method")
    factors, y = checked(factors, y)
    if noise_var is not None:
        noise_var = validate.positive_real(noise_var, "noise_var", otherwise="or None to learn it")
    rtol = validate.nonnegative_real(rtol, "rtol")
    maxiter = validate.positive_integer(maxiter, "maxiter")
    couplings = checked_couplings(block_coupling, factors, method)
    if method == "decomposed" and y.ndim == 2 and y.shape[1] > 1:
        raise ValueError(f'y has {y.shape[1]} columns: method="decomposed" takes one')
    model = prepared(factors, y, couplings)
    is_stopped = False

    def result(name: str, so_far: Climb, why: str = "") -> SBLResult:
        message = story(model, so_far, NAMES[name] + why, is_noise_learned=noise_var is None)
        return wrapped(model, so_far, message, time.perf_counter() - begin)

    if model.scale == 0:
        model = model._replace(scale=1.0)
        nothing = KronPosterior(model, [0.0 * g for g in first_latents(model, 1.0)], noise_var or 1.0)
        zero = wrapped(model, Climb(nothing, [], Status.CONVERGED), "converged: y is zero, and so is x", 0.0)
        return replace(zero, noise_var=noise_var or 0.0, time=time.perf_counter() - begin)

    def run(name: str, start: Any = None) -> Climb:
        def show(posterior, evidence, status) -> bool:
            nonlocal is_stopped
            try:
                callback(result(name, Climb(posterior, evidence, status)))
            except StopIteration:
                is_stopped = True
            return is_stopped

        s2 = None if noise_var is None else noise_var / model.scale**2
        options = {"learns_noise": s2 is None, "rtol": rtol, "maxiter": maxiter}
        options["show"] = None if callback is None else show
        if name == "decomposed":
            found = climb(RankOnePosterior.start(model, s2), by_factor, **options)
            if is_stopped or len(factors) == 1 or not is_crowded(found.posterior):
                return found
            general = run("mm" if any(C is not None for C in couplings) else "svd").posterior
            if is_stopped:
                return found
            again = climb(RankOnePosterior.start(model, s2, general.latents), by_factor, **options)
            return max(found, again, key=lambda end: end.posterior.evidence)
        is_exact = name != "svd" or len(factors) == 1  # of one factor SVD is EM
        if start is None:
            excess = 1.0 if is_exact else ABOVE
            start = KronPosterior(model, first_latents(model, excess), s2 or FIRST_NOISE)
        return climb(start, UPDATES[name], rises=is_exact, **options)

    with thread_limit(1) if math.prod(y.shape) < ONE_THREAD_BELOW else nullcontext():
        name, found, why = (method, run(method), "") if method != "auto" else chosen(model, run, lambda: is_stopped)
        answer = result(name, found, why)
    if not answer.success:
        warnings.warn(answer.message, ConvergenceWarning, stacklevel=3)
    return answer


def chosen(model: KronModel, run: Callable, is_stopped: Callable) -> tuple[str, Climb, str]:
    """Return the method for "auto" with what it found, and the reason in words."""
    if model.Y.shape[-1] == 1:
        found = run("decomposed")
        if is_stopped():
            return "decomposed", found, " (auto)"
        if is_white(found.posterior):
            return "decomposed", found, " (auto: it leaves white noise)"
    found = run("mm")
    if is_stopped() or any(C is not None for C in model.couplings) or len(model.factors) == 1:
        return "mm", found, " (auto)"
    start = run("svd")
    if is_stopped():
        return "svd", start, " (auto)"
    other = run("mm", start.posterior)
    if other.posterior.evidence > found.posterior.evidence:
        return "mm", other, " from the end of SVD (auto: the larger evidence)"
    return "mm", found, " (auto: the larger evidence)"


def checked_couplings(block_coupling: Any, factors: list, method: str) -> list:
    """Return a matrix, or None, for each factor."""
    if block_coupling is None:
        return [None] * len(factors)
    if method not in COUPLED:
        accepted = ", ".join(map(repr, COUPLED))
        raise ValueError(f"block_coupling is given with method={method!r}: it goes with {accepted}")
    if xp.is_array(block_coupling) and block_coupling.ndim == 1:
        block_coupling = xp.to_host(block_coupling).tolist()
    each = block_coupling if isinstance(block_coupling, list | tuple) else [block_coupling] * len(factors)
    if len(each) != len(factors):
        raise ValueError(f"block_coupling has {len(each)} entries: one for each of {len(factors)} factors is needed")
    betas = [None if beta is None else validate.nonnegative_real(beta, "block_coupling") for beta in each]
    return [tridiagonal(beta, factor) if beta else None for beta, factor in zip(betas, factors, strict=True)]


def first_latents(model: KronModel, excess: float) -> list:
    """Return equal variances with which the prior explains so much of the power of y; zero for a zero column."""
    latents, power = [], 1.0
    for H, C in zip(model.factors, model.couplings, strict=True):
        namespace = xp.namespace(H)
        seen = namespace.sum(square(H), axis=0)
        latents.append(namespace.astype(seen > 0, seen.dtype))
        power *= float(namespace.sum(seen * (latents[-1] if C is None else C @ latents[-1])))
    latents[-1] = latents[-1] * (excess * model.n_measurements / power if power else 1.0)
    return latents


def wrapped(model: KronModel, found: Climb, message: str, seconds: float) -> SBLResult:
    """Return what an iteration found, in the units of the caller."""
    posterior = found.posterior
    namespace = xp.namespace(model.Y)
    units = model.units()
    mu = units * namespace.reshape(posterior.mu(), (-1, model.Y.shape[-1]))
    variance = units[:, 0] ** 2 * namespace.reshape(posterior.variance(), (-1,))
    gammas = [g / length**2 for g, length in zip(posterior.gammas, model.lengths, strict=True)]
    gammas[-1] = gammas[-1] * model.scale**2
    gamma = namespace.reshape(outer(gammas), (-1,))
    kept = namespace.reshape(outer([namespace.astype(g > 0, g.dtype) for g in posterior.gammas]), (-1,)) > 0
    parts = 2 if model.is_complex else 1
    shift = model.n_measurements * model.Y.shape[-1] * parts * math.log(model.scale)
    single = namespace.float32 if xp.precision(namespace.zeros(1, dtype=model.dtype)) > 1e-10 else namespace.float64
    return SBLResult(
        x=namespace.astype(mu[:, 0] if model.is_vector else mu, model.dtype),
        status=found.status,
        message=message,
        nit=len(found.evidence),
        time=seconds,
        gamma=namespace.astype(gamma, single),
        variance=namespace.astype(variance, single),
        support=namespace.nonzero(kept)[0],
        noise_var=posterior.s2 * model.scale**2,
        evidence=np.asarray(found.evidence, dtype=float) - shift,
        factor_gammas=tuple(namespace.astype(g, single) for g in gammas),
        posterior=posterior,
    )


def story(model: KronModel, found: Climb, method: str, *, is_noise_learned: bool) -> str:
    """Say how a method ended, and what it found."""
    sizes = [f"{int(xp.namespace(g).count_nonzero(g))} of {g.shape[0]}" for g in found.posterior.gammas]
    noise = f"{'learned' if is_noise_learned else 'given'} noise_var = {found.posterior.s2 * model.scale**2:.3g}"
    what = f"{' x '.join(sizes)} entries of the factors, {noise}"
    nit = len(found.evidence)
    if found.status.is_success:
        return f"{method} converged after {nit} iterations: {what}"
    return f"{method} stopped after {nit} iterations: {what}; {ADVICE.get(found.status, found.status.value)}"

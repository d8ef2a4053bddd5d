"""Sequentially thresholded least squares: the regression of SINDy.

Brunton, Proctor, Kutz, *Discovering governing equations from data by sparse identification of nonlinear dynamical
systems*, Proc. Natl. Acad. Sci. 113 (2016) 3932-3937.

Deviations
----------
1. It works on sums over the samples alone (`Gram`), or on their triangular factor: a model costs O(k^3) for k active
   functions and not O(n k^2), and grids of thresholds and bootstraps share the sums.
2. A ridge (alpha) stabilises the solutions that are thresholded; the coefficients that are returned are fitted without
   it (``unbias``).
3. The shortest solution, in units where columns have length 1, is taken where active functions are dependent.
"""

from __future__ import annotations

import time
import warnings
from typing import Any

import numpy as np

from sparsesci._lib import validate, xp
from sparsesci._lib.dispatch import kernel
from sparsesci._lib.result import ConvergenceWarning, Status

from .factors import rounding
from .gram import Gram, as_gram
from .refinement import refined
from .regression_result import SparseRegressionResult
from .samples import as_samples

SETTLED, NOT_SETTLED, SINGULAR = range(3)
LARGEST_COMPILED = 96  # functions up to which the compiled steps are faster than LAPACK, called from Python


def stlsq(
    Theta: Any,
    Y: Any = None,
    *,
    threshold: float = 0.1,
    alpha: float = 0.0,
    relative: bool = False,
    unbias: bool = True,
    maxiter: int = 20,
) -> SparseRegressionResult:
    """Find sparse coefficients of ``Y ~ Theta x`` by least squares, thresholded again and again.

    For each target: ``x_S = (G_SS + alpha I)^-1 b_S`` with ``G = Theta^T Theta``, ``b = Theta^T y``; keep in S what has
    ``|x_j| >= threshold``; repeat until S stays as it is.

    Parameters
    ----------
    Theta : array (n, p), Samples, or Gram
        Functions at the samples.
    Y : array (n,) or (n, d)
        Targets; not with Samples or a Gram. Each has its own support.
    threshold : float
        The smallest coefficient that is kept, in units of ``Y / Theta_j``.
    alpha : float
        Ridge, in squared units of Theta (times n: it is compared with sums of squares).
    relative : bool
        Make both free of units: keep what has ``|x_j| rms(Theta_j) >= threshold rms(y)``, which is the part of y that
        the term alone makes up, and use the ridge ``alpha diag(G)``. The support does not depend then on the units of
        Theta and Y.
    unbias : bool
        Whether the coefficients are fitted again without the ridge in the end.
    maxiter : int
        The most least-squares solutions of a target.

    Returns
    -------
    SparseRegressionResult
        ``success`` is False, and there is a `ConvergenceWarning`, where nothing is left of a target that is not zero
        (`Status.EMPTY`), or where a support has not settled.

    Raises
    ------
    ValueError, TypeError
        NaN or Inf (the first is named), shapes that do not fit, no samples, complex numbers, a threshold or an alpha
        that is negative: before any work.

    Notes
    -----
    Cost: ``n p^2`` flops for the sums, which need the memory of some hundred samples and p^2 numbers, and ``p^3 / 3``
    for the first solution, which all targets share; four to six times as much on the QR path, which is taken where the
    condition number is above 1e6.

    References
    ----------
    Brunton, Proctor, Kutz, Proc. Natl. Acad. Sci. 113 (2016) 3932-3937. Zhang and Schaeffer, *On the convergence of the
    SINDy algorithm*, Multiscale Model. Simul. 17 (2019) 948-972.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsesci.recovery.dynamics.stlsq import stlsq
    >>> t = np.linspace(0, 3, 200)
    >>> Theta = np.stack([np.ones(200), t, t**2, t**3], axis=1)
    >>> result = stlsq(Theta, 2 * t**2 - 0.5, threshold=0.2)
    >>> result.x.round(6)
    array([-0.5,  0. ,  2. ,  0. ])
    """
    begin = time.perf_counter()
    threshold = validate.nonnegative_real(threshold, "threshold")
    alpha = validate.nonnegative_real(alpha, "alpha")
    maxiter = validate.positive_integer(maxiter, "maxiter")
    samples = None if isinstance(Theta, Gram) else as_samples(Theta, Y)
    gram = as_gram(Theta, Y) if samples is None else as_gram(samples)
    x, nit, flags = fit(gram, [threshold], [alpha], relative=relative, unbias=unbias, maxiter=maxiter)
    x = x[0]
    if samples is not None and (unbias or alpha == 0):
        x = refined(gram, samples, x)
    result = told(gram, x, nit[0], flags[0], begin, threshold)
    if not result.success:
        warnings.warn(result.message, ConvergenceWarning, stacklevel=2)
    return result


def told(
    gram: Gram, x: np.ndarray, nit: np.ndarray, flags: np.ndarray, begin: float, threshold: float
) -> SparseRegressionResult:
    """Return the result for coefficients x (p, d) of one model, with its story."""
    empty = np.flatnonzero(~x.any(axis=0) & (gram.yy > 0))
    story = f"{np.count_nonzero(x)} of {x.size} terms after {nit.max(initial=0)} iterations"
    path = f"{gram.path} path, condition number {gram.condition:.1e}"
    if len(empty):
        which = "" if len(empty) == gram.d else " of target " + ", ".join(map(str, empty.tolist()))
        status = Status.EMPTY
        message = f"threshold = {threshold:g}: {status.value.replace('nothing is left', f'nothing is left{which}')}"
    elif (flags == NOT_SETTLED).any():
        status = Status.MAXITER
        message = f"{story}: a support still changes; raise maxiter, or try another threshold"
    else:
        status, message = Status.CONVERGED, f"supports settled: {story}; {path}"
    elapsed = time.perf_counter() - begin
    return SparseRegressionResult.of(gram, x, status, message, nit=int(nit.max(initial=0)), time=elapsed)


def fit(gram: Gram, levels: Any, alphas: Any, *, relative: bool, unbias: bool, maxiter: int) -> tuple:
    """Return x (J, p, d), nit (J, d) and flags (J, d) of J thresholds with their ridges, on one Gram."""
    thresholds, ridge = gram.units(1.0, 1.0, relative=relative)
    n_jobs = len(levels)
    allowed = np.broadcast_to(~gram.is_zero, (n_jobs, gram.p))
    arguments = np.asarray(alphas, float), ridge, np.asarray(levels, float), thresholds, allowed, unbias, maxiter
    if gram.R is None and gram.p <= LARGEST_COMPILED:
        z, nit, flags = fit_scaled(gram.scaled[None], gram.scaled_b[None], np.zeros(n_jobs, np.int64), *arguments)
    else:
        z, nit, flags = np.zeros((n_jobs, gram.p, gram.d)), np.zeros((n_jobs, gram.d), np.int64), None
        flags = np.full_like(nit, SINGULAR)
    for job in np.flatnonzero((flags == SINGULAR).any(axis=1)).tolist():
        part = alphas[job] * ridge, levels[job] * thresholds, allowed[job], unbias, maxiter
        z[job], nit[job], flags[job] = one_by_one(gram, *part)
    return z / gram.scale[:, None], nit, flags


def fit_scaled(C, rhs, which, alphas, ridge, levels, thresholds, allowed, unbias, maxiter) -> tuple:
    """Return x, nit and flags of `thresholded`."""
    n_jobs, (_, p, d) = len(which), rhs.shape
    x, nit, flags = np.zeros((n_jobs, p, d)), np.zeros((n_jobs, d), np.int64), np.zeros((n_jobs, d), np.int64)
    thresholds, allowed = np.ascontiguousarray(thresholds), np.ascontiguousarray(allowed)
    thresholded(C, rhs, which, alphas, ridge, levels, thresholds, allowed, unbias, maxiter, rounding(p), x, nit, flags)
    return x, nit, flags


@kernel(cpu="sparsesci._cpu.active_sets:thresholded")
def thresholded(C, rhs, which, alphas, ridge, levels, thresholds, allowed, unbias, maxiter, limit, x, nit, flags):
    """Fill x (J, p, d), nit (J, d) and flags (J, d) for J jobs on Gram matrices C (m, p, p) and rhs (m, p, d).

    Job j works on the Gram ``which[j]`` (J,) with the ridge ``alphas[j] ridge`` (p,) and the thresholds
    ``levels[j] thresholds`` (p, d), begins with the functions ``allowed[j]`` (p,), and is `SINGULAR` where a pivot of a
    factorisation is below ``limit``. Jobs of the same Gram and ridge that follow each other share the first solution.
    """
    namespace, (n_jobs, _, d) = xp.namespace(C), x.shape
    for job in range(n_jobs):
        G, b, r = C[int(which[job]), ...], rhs[int(which[job]), ...], alphas[job] * ridge
        for target in range(d):
            active, flag, steps = allowed[job, :], NOT_SETTLED, 0
            while flag == NOT_SETTLED and steps < maxiter:
                v = solved(G, b[:, target], r, active, limit)
                if v is None:
                    flag = SINGULAR
                    break
                steps += 1
                kept = active & (namespace.abs(v) >= levels[job] * thresholds[:, target]) & (v != 0)
                if bool(namespace.all(kept == active)) or not bool(namespace.any(kept)):
                    flag = SETTLED
                active = kept
            if unbias and flag != SINGULAR and bool(namespace.any(active)):
                v = solved(G, b[:, target], 0 * r, active, limit)
                flag = SINGULAR if v is None else flag
            zero = namespace.zeros_like(b[:, target])
            x[job, :, target] = zero if flag == SINGULAR else namespace.where(active, v, zero)
            nit[job, target], flags[job, target] = steps, flag


def solved(G, b, ridge, active, limit):
    """Return the solution of an active set, given by a mask, and zeros elsewhere; None where it is near singular."""
    namespace = xp.namespace(G)
    both = active[:, None] & active[None, :]
    identity = namespace.eye(G.shape[0], dtype=G.dtype, device=xp.device(G))
    zero = namespace.zeros_like(b)
    A = namespace.where(both, G, namespace.zeros_like(G)) + identity * namespace.where(active, ridge, zero + 1)[:, None]
    try:
        pivots = namespace.linalg.diagonal(namespace.linalg.cholesky(A)) ** 2
    except np.linalg.LinAlgError:
        return None
    if not bool(namespace.all(pivots > limit * namespace.linalg.diagonal(A))):
        return None
    return namespace.linalg.solve(A, namespace.where(active, b, zero)[:, None])[:, 0]


def one_by_one(gram: Gram, ridge, thresholds, allowed, unbias, maxiter) -> tuple:
    """Return x (p, d) in scaled units, nit (d,) and flags (d,) of one model, by LAPACK: for large, QR and singular."""
    p, d = gram.p, gram.d
    x, nit, flags = np.zeros((p, d)), np.zeros(d, np.int64), np.full(d, NOT_SETTLED)
    everything, has_ridge = np.flatnonzero(allowed), bool(ridge.any())
    first = gram.solve(everything, ridge=ridge)
    for target in range(d):
        active, v = everything, first[:, target]
        while True:
            nit[target] += 1
            kept = (abs(v) >= thresholds[active, target]) & (v != 0)
            n_before, active, v = len(active), active[kept], v[kept]
            is_settled = len(active) in (0, n_before)
            if is_settled or nit[target] == maxiter:
                break
            v = gram.solve(active, [target], ridge)[:, 0]
        if unbias and len(active) and (has_ridge or not is_settled):
            v = gram.solve(active, [target])[:, 0]
        x[active, target] = v
        flags[target] = SETTLED if is_settled else NOT_SETTLED
    return x, nit, flags

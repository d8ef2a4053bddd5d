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
from .gram import WORST, Gram, as_gram
from .refinement import HOPELESS, conditions, doubts, refined
from .regression_result import SparseRegressionResult
from .samples import as_samples

SETTLED, NOT_SETTLED, SINGULAR = range(3)
NEGLIGIBLE = 1e-10  # part of a dependence between functions that may lie outside of an active set
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
    for the first solution, which all targets share. Where the condition number is above 1e6, four to six times as much,
    on the QR path, unless the sums alone tell the model all the same: no coefficient is so near to the threshold that
    rounding could decide, and the functions that are left are conditioned better.

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
    gram = as_gram(Theta, Y) if samples is None else as_gram(samples, path="gram")
    options = [threshold], [alpha], relative, unbias, maxiter
    found = None
    if samples is not None and gram.condition > WORST:
        found = fit_beyond(gram, samples, *options)
        gram = gram if found is not None else gram.on_qr_path(samples)
    if found is None:
        x, nit, flags = fit(gram, *options[:2], relative=relative, unbias=unbias, maxiter=maxiter)
        found = x if samples is None or (alpha > 0 and not unbias) else refined(gram, samples, x[0])[None], nit, flags
    x, nit, flags = (part[0] for part in found)
    result = told(gram, x, nit, flags, begin, threshold)
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
    n_jobs = len(levels)
    if gram.R is None and gram.p <= LARGEST_COMPILED:
        z, nit, flags = fit_compiled(gram, levels, alphas, relative, unbias, maxiter)
    else:
        z, nit = np.zeros((n_jobs, gram.p, gram.d)), np.zeros((n_jobs, gram.d), np.int64)
        flags = np.full_like(nit, SINGULAR)
    thresholds, ridge = gram.units(1.0, 1.0, relative=relative)
    for job in np.flatnonzero((flags == SINGULAR).any(axis=1)).tolist():
        part = alphas[job] * ridge, levels[job] * thresholds, ~gram.is_zero, unbias, maxiter
        z[job], nit[job], flags[job] = one_by_one(gram, *part)
    return z / gram.scale[:, None], nit, flags


def fit_beyond(gram, samples, levels, alphas, relative, unbias, maxiter) -> tuple | None:
    """Return what `fit` does for a condition number of all functions above `WORST`; None where sums do not tell it.

    They do where no coefficient comes so near to its threshold that rounding could decide, and where the functions of
    the model are conditioned better than all together: then its coefficients can be refined.
    """
    is_refined = unbias or not any(alphas)
    if not is_refined or gram.p > LARGEST_COMPILED or gram.condition > HOPELESS:
        return None
    z, nit, flags = fit_compiled(gram, levels, alphas, relative, unbias, maxiter, doubts(gram))
    x = z[0] / gram.scale[:, None]
    if (flags == SINGULAR).any() or conditions(gram, x).max() > WORST:
        return None
    return refined(gram, samples, x)[None], nit, flags


def fit_compiled(gram, levels, alphas, relative, unbias, maxiter, doubts=None) -> tuple:
    """Return x, in scaled units, nit and flags of `thresholded` for one Gram."""
    thresholds, ridge = gram.units(1.0, 1.0, relative=relative)
    which, allowed = np.zeros(len(levels), np.int64), np.broadcast_to(~gram.is_zero, (len(levels), gram.p))
    arguments = np.asarray(alphas, float), ridge, np.asarray(levels, float), thresholds, allowed, unbias, maxiter
    return fit_scaled(gram, gram.scaled[None], gram.scaled_b[None], which, *arguments, doubts)


def fit_scaled(gram, C, rhs, which, alphas, ridge, levels, thresholds, allowed, unbias, maxiter, doubts=None) -> tuple:
    """Return x, nit and flags of `thresholded`, in the scaled units of a Gram of all samples."""
    n_jobs, (_, p, d) = len(which), rhs.shape
    x, nit, flags = np.zeros((n_jobs, p, d)), np.zeros((n_jobs, d), np.int64), np.zeros((n_jobs, d), np.int64)
    thresholds, allowed = np.ascontiguousarray(thresholds), np.ascontiguousarray(allowed)
    sums = C, rhs, gram.dependences, np.sqrt(gram.yy), np.zeros(p) if doubts is None else doubts
    options = which, alphas, ridge, levels, thresholds, allowed, unbias, maxiter, rounding(p)
    thresholded(*sums, *options, x, nit, flags)
    return x, nit, flags


@kernel(cpu="sparsesci._cpu.active_sets:thresholded")
def thresholded(
    C, rhs, dependences, lengths, doubts, which, alphas, ridge, levels, thresholds, allowed,
    unbias, maxiter, limit, x, nit, flags,
):  # fmt: skip
    """Fill x (J, p, d), nit (J, d) and flags (J, d) for J jobs on Gram matrices C (m, p, p) and rhs (m, p, d).

    Job j works on the Gram ``which[j]`` (J,) with the ridge ``alphas[j] ridge`` (p,) and the thresholds
    ``levels[j] thresholds`` (p, d), and begins with the functions ``allowed[j]`` (p,). Jobs of the same Gram and ridge
    that follow each other share the first solution. Where functions are known to be dependent, ``dependences`` (q, p),
    solutions without a ridge are the shortest.

    It is `SINGULAR` where a pivot of a factorisation is below ``limit``, or where a coefficient of v is nearer to its
    threshold than its part, ``doubts`` (p,), of the length of v and ``lengths`` (d,), that of the target.
    """
    namespace, (n_jobs, _, d) = xp.namespace(C), x.shape
    for job in range(n_jobs):
        G, b, r = C[int(which[job]), ...], rhs[int(which[job]), ...], alphas[job] * ridge
        for target in range(d):
            active, flag, steps = allowed[job, :], NOT_SETTLED, 0
            while flag == NOT_SETTLED and steps < maxiter:
                v = solved(G, b[:, target], dependences, r, active, limit)
                least = levels[job] * thresholds[:, target]
                if v is None or is_doubtful(v, active & (least > 0), least, lengths[target], doubts):
                    flag = SINGULAR
                    break
                steps += 1
                kept = active & (namespace.abs(v) >= least) & (v != 0)
                if bool(namespace.all(kept == active)) or not bool(namespace.any(kept)):
                    flag = SETTLED
                active = kept
            if unbias and flag != SINGULAR and bool(namespace.any(active)):
                v = solved(G, b[:, target], dependences, 0 * r, active, limit)
                flag = SINGULAR if v is None else flag
            zero = namespace.zeros_like(b[:, target])
            x[job, :, target] = zero if flag == SINGULAR else namespace.where(active, v, zero)
            nit[job, target], flags[job, target] = steps, flag


def is_doubtful(v, among, least, length, doubts):
    """Whether a coefficient is nearer to its threshold than rounding may have moved it."""
    namespace = xp.namespace(v)
    distance, doubt = namespace.abs(namespace.abs(v) - least), doubts * (length**2 + namespace.sum(v * v)) ** 0.5
    return bool(namespace.any(among & (doubt > 0) & (distance <= doubt)))


def solved(G, b, dependences, ridge, active, limit):
    """Return the solution of an active set, given by a mask, and zeros elsewhere; None where it is near singular.

    With ``G v = 0`` for some v, ``b^T v = 0`` too, and the solution x of ``(G + D v v^T D) x = b`` has ``v^T D x = 0``:
    of those of ``G x = b`` it is the one of the least ``x^T D x``. D is the diagonal of G.
    """
    namespace = xp.namespace(G)
    both, diagonal = active[:, None] & active[None, :], namespace.linalg.diagonal(G)
    identity = namespace.eye(G.shape[0], dtype=G.dtype, device=xp.device(G))
    zero = namespace.zeros_like(b)
    A = namespace.where(both, G, namespace.zeros_like(G)) + identity * namespace.where(active, ridge, zero + 1)[:, None]
    if dependences.shape[0] and not bool(namespace.any(ridge != 0)):
        U, sizes, _ = namespace.linalg.svd(namespace.where(active, zero, dependences), full_matrices=False)
        v = namespace.matrix_transpose(U * namespace.astype(sizes <= NEGLIGIBLE, U.dtype)) @ dependences  # none outside
        v = namespace.where(active, v * diagonal, zero)
        lengths = namespace.linalg.vector_norm(v, axis=1)
        v = v / namespace.where(lengths > 0, lengths, 1.0 + lengths)[:, None]
        A = A + namespace.matrix_transpose(v) @ v
    try:
        pivots = namespace.linalg.diagonal(namespace.linalg.cholesky(A)) ** 2
    except np.linalg.LinAlgError:
        return None
    if not bool(namespace.all(pivots > limit * namespace.where(active, diagonal + ridge, zero + 1))):
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

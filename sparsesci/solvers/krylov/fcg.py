"""Flexible conjugate gradients, for preconditioners that change from step to step: an inner solver, a learned one.

Notay, *Flexible conjugate gradients*, SIAM J. Sci. Comput. 22 (2000) 1444-1460. With a neural network for M and two
kept directions it is the iteration of Kaneda et al., *A deep conjugate direction method for iteratively solving linear
systems*, ICML 2023.

Deviations
----------
1. M is given ``r / ||r||``, as by Kaneda et al.: a network is trained on unit vectors. The scale is that of alpha.
2. The last ``truncation`` directions are kept in every step; Notay empties the window from time to time instead.
3. The residual is updated by recursion, and the true one formed when that claims success: one product a step.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from sparsesci._lib import validate, xp
from sparsesci._lib.dispatch import public
from sparsesci._lib.iterate import Watch
from sparsesci._lib.result import Status
from sparsesci._lib.xp import norm, vdot

from .result import KrylovResult, in_turn, warn_of_failure


@public
def fcg(
    A: Any,
    b: Any,
    x0: Any = None,
    *,
    M: Any = None,
    truncation: int = 2,
    rtol: float = 1e-5,
    atol: float = 0.0,
    maxiter: int | None = None,
    callback: Callable | None = None,
) -> KrylovResult:
    """Solve ``A x = b`` for Hermitian positive definite A, with a preconditioner that need not be a fixed linear map.

    Each step minimises the A-norm of the error along ``d_i = z_i - sum_k (d_k^H A z_i / d_k^H A d_k) d_k``, where
    ``z_i = M(r_i)`` and the sum is over the last ``truncation`` directions.

    Parameters
    ----------
    A : array, sparse matrix, LinearOperator or callable
        Shape (n, n), Hermitian positive definite.
    b : array (n,) or (n, p)
        Right-hand side, or p of them, solved in turn.
    x0 : array, optional
        Starting guess of the shape of b; zero by default.
    M : callable, array, sparse matrix, LinearOperator or preconditioner, optional
        Approximates the inverse of A. May be nonlinear and may change; it is called with vectors of length 1.
    truncation : int
        How many earlier directions a new one is made A-orthogonal to. 1 is enough for a fixed Hermitian M; 0 is
        steepest descent.
    rtol, atol : float
        The rule is ``||b - A x|| <= max(rtol * ||b||, atol)``, confirmed with the true residual. An ``rtol`` below 10
        eps of the dtype is raised to that, with a warning, where ``atol`` is 0.
    maxiter : int, optional
        The most iterations for each column of b; default 10 n.
    callback : callable, optional
        ``callback(intermediate_result)`` after every iteration; raise ``StopIteration`` in it to stop.

    Returns
    -------
    KrylovResult
        With ``x``, ``success``, ``status``, ``message``, ``nit``, ``nmatvec``, ``residuals`` and ``time``. Where the
        rule was not met, ``success`` is False, x the last iterate (or x0 if that is better), and a
        `ConvergenceWarning` gives the reason.

    Raises
    ------
    ValueError, TypeError
        NaN or Inf in A or b, shapes that do not match: before any work.

    Notes
    -----
    An iteration costs one product with A, one call of M and ``(4 truncation + 8) n`` flops. Memory:
    ``(2 truncation + 6) n`` numbers.

    References
    ----------
    Notay, SIAM J. Sci. Comput. 22 (2000) 1444-1460. Kaneda et al., ICML 2023.

    Examples
    --------
    >>> import numpy as np, scipy.sparse as sp
    >>> from sparsesci.solvers import fcg
    >>> A = sp.diags_array([-np.ones(99), 2.1 * np.ones(100), -np.ones(99)], offsets=[-1, 0, 1], format="csr")
    >>> inner = lambda r: fcg(A, r, rtol=0.1).x  # a preconditioner that is not linear
    >>> result = fcg(A, np.ones(100), M=inner, rtol=1e-10)
    >>> result.success and result.nit < fcg(A, np.ones(100), rtol=1e-10).nit
    True
    """
    A, b, x, M = validate.linear_system(A, b, x0, M)
    truncation = validate.positive_integer(truncation, "truncation", least=0)
    atol = validate.nonnegative_real(atol, "atol")
    rtol = validate.relative_tolerance(rtol, atol, b)
    maxiter = 10 * b.shape[0] if maxiter is None else validate.positive_integer(maxiter, "maxiter")

    def solve(b, x, recycle, same_operator):
        watch = Watch(norm(b), rtol=rtol, atol=atol, maxiter=maxiter, callback=callback)
        return _solve(A, M, b, x, truncation, watch)

    result = in_turn(solve, b, x, None, False)
    warn_of_failure(result, stacklevel=3)
    return result


def _solve(A, M, b, x, truncation, watch) -> KrylovResult:
    """Solve for one right-hand side; x is None for a start at zero."""
    products_before = A.nmatvec
    x, r = (xp.zeros_like(b), b) if x is None or watch.goal == 0 else (x, b - A(x))
    status = watch.start(x, norm(r))
    directions = []
    while status is Status.RUNNING:
        z = r / norm(r) if M is None else M(r / norm(r))
        d = z
        for d_k, Ad_k, dAd_k in directions:
            d = d - (vdot(Ad_k, z) / dAd_k) * d_k
        Ad = A(d)
        dAd = float(xp.real(vdot(d, Ad)))
        if not dAd > 0:
            status = Status.NOT_FINITE if math.isnan(dAd) else Status.NOT_POSITIVE_DEFINITE
            break
        alpha = vdot(d, r) / dAd
        x = x + alpha * d
        r = r - alpha * Ad
        directions = [*directions, (d, Ad, dAd)][-truncation:] if truncation else []
        watch.count([norm(r)])
        if watch.callback is not None:
            nmatvec = A.nmatvec - products_before
            watch.show(KrylovResult.of(watch, x, status, watch.residuals[-1], nmatvec=nmatvec))
        status = watch.verdict(watch.residuals[-1])
        if status is not Status.RUNNING:
            r = b - A(x)
            status = watch.check(status, x, norm(r))
    watch.keep_best(x, norm(r))
    return KrylovResult.of(watch, watch.best_x, status, watch.best, nmatvec=A.nmatvec - products_before)

"""Recycled conjugate gradients: CG deflated by the slow directions of earlier systems, which it harvests as it goes.

Saad, Yeung, Erhel, Guyomarc'h, *A deflated version of the conjugate gradient algorithm*, SIAM J. Sci. Comput. 21
(2000) 1909-1926. The numbers at the right count the lines of their preconditioned algorithm, the projected start first.

Deviations
----------
1. W is A-orthonormal, ``W^H A W = I``: mu needs no solve, and what the harvest returns is of that form.
2. The harvest works in the preconditioned operator, and from the scalars of the iteration: with
   ``M A p_j = (z_j - z_{j+1}) / alpha_j`` nearly all of ``(A Z)^H M A Z`` for ``Z = [W P]`` is known already.
3. Success is claimed only after the true residual b - A x has been formed: the recursive one drifts.
4. ``W^H r = 0`` holds by recursion, and rounding eats it where A is ill-conditioned: from time to time it is looked at,
   and projected anew. Where that does not help, W is left out.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import numpy as np

from sparsesci._lib import validate, xp
from sparsesci._lib.dispatch import kernel, public
from sparsesci._lib.iterate import Watch
from sparsesci._lib.operator import CSR
from sparsesci._lib.parallel import thread_limit
from sparsesci._lib.result import Status
from sparsesci._lib.xp import conj, norm, real, to_host, to_like, vdot

from .factors import Factors, identity
from .recycle import ONE_THREAD_BELOW, RecycleSpace, check_recycle, gram, inverse_square_root
from .result import KrylovResult, in_turn, warn_of_failure

STEPS_AT_ONCE = 100  # after the harvest: the compiled steps between two looks at the clock


@public
def recycled_cg(
    A: Any,
    b: Any,
    x0: Any = None,
    *,
    recycle: RecycleSpace | None = None,
    M: Any = None,
    n_recycle: int = 10,
    n_directions: int = 40,
    rtol: float = 1e-5,
    atol: float = 0.0,
    maxiter: int | None = None,
    same_operator: bool = False,
    callback: Callable | None = None,
) -> KrylovResult:
    """Solve ``A x = b`` for Hermitian positive definite A by conjugate gradients, with the help of an earlier system.

    The iteration runs in the A-orthogonal complement of the recycled space W, where the eigenvalues of ``M A`` that
    slow it down are missing. The Ritz vectors of smallest ``theta`` in ``(A Z)^H M A Z y = theta Z^H A Z y``, where
    ``Z = [W P]`` with the first directions P of this system, are handed to the next.

    Parameters
    ----------
    A : array, sparse matrix, LinearOperator or callable
        Shape (n, n), Hermitian positive definite.
    b : array (n,) or (n, p)
        Right-hand side, or p of them: the columns are solved in turn, each with the space of the one before.
    x0 : array, optional
        Starting guess of the shape of b; zero by default.
    recycle : RecycleSpace, optional
        ``result.recycle`` of an earlier system with a similar A. Costs one product a vector, unless ``same_operator``.
    M : array, sparse matrix, LinearOperator, preconditioner or callable, optional
        Approximates the inverse of A; Hermitian positive definite, and the same in every step (otherwise `fcg`).
    n_recycle : int
        Largest dimension of the recycled space; 0 is CG.
    n_directions : int
        How many of the first directions the harvest draws from: they are stored, with their images.
    rtol, atol : float
        The rule is ``||b - A x|| <= max(rtol * ||b||, atol)``, confirmed with the true residual. An ``rtol`` below 10
        eps of the dtype is raised to that, with a warning, where ``atol`` is 0.
    maxiter : int, optional
        The most iterations for each column of b; default 10 n.
    same_operator : bool
        Promise that A is the one that ``recycle`` was made with: nothing is recomputed.
    callback : callable, optional
        ``callback(intermediate_result)`` after every iteration; raise ``StopIteration`` in it to stop.

    Returns
    -------
    KrylovResult
        With ``x``, ``success``, ``status``, ``message``, ``nit``, ``nmatvec``, ``residuals``, ``time`` and ``recycle``.
        Where the rule was not met, ``success`` is False, x the last iterate (or x0 if that is better), and a
        `ConvergenceWarning` gives the reason and advice.

    Raises
    ------
    ValueError, TypeError
        NaN or Inf in A or b, shapes that do not match, a recycle space of another system: before any work.

    Notes
    -----
    An iteration costs one product with A, one with M and ``(10 + 4 n_recycle) n`` flops, whatever the number of
    iterations. Memory: ``2 (n_directions + 2 n_recycle) n`` numbers. If A is a sparse matrix and M None, Jacobi, SSOR,
    ILU(0) or IC(0) of this package, the iteration runs compiled, without Python.

    References
    ----------
    Saad, Yeung, Erhel, Guyomarc'h, SIAM J. Sci. Comput. 21 (2000) 1909-1926.

    Examples
    --------
    Five eigenvalues that are far too small slow the first system down, and not the second.

    >>> import numpy as np, scipy.sparse as sp
    >>> from sparsesci.solvers import recycled_cg
    >>> A = sp.diags_array(np.r_[np.geomspace(1e-4, 1e-2, 5), np.linspace(1, 2, 995)], format="csr")
    >>> b, c = np.random.default_rng(17).standard_normal((2, 1000))
    >>> first = recycled_cg(A, b, rtol=1e-8)
    >>> second = recycled_cg(A, c, rtol=1e-8, recycle=first.recycle)
    >>> first.success and second.success and second.nit < 0.6 * first.nit
    True
    """
    A, b, x, M = validate.linear_system(A, b, x0, M)
    n = b.shape[0]
    n_recycle = min(validate.positive_integer(n_recycle, "n_recycle", least=0), n - 1)
    n_directions = validate.positive_integer(n_directions, "n_directions")
    atol = validate.nonnegative_real(atol, "atol")
    rtol = validate.relative_tolerance(rtol, atol, b)
    maxiter = 10 * n if maxiter is None else validate.positive_integer(maxiter, "maxiter")
    if recycle is not None:
        check_recycle(recycle, b, n + 1, variable="x")
    elif same_operator:
        raise ValueError("same_operator=True says that recycle was made with this operator, but recycle is None")
    M = identity(n, b.dtype) if M is None else M

    def solve(b, x, recycle, same_operator):
        watch = Watch(norm(b), rtol=rtol, atol=atol, maxiter=maxiter, callback=callback)
        return _solve(A, M, b, x, recycle, watch, n_recycle, n_directions, same_operator=same_operator)

    with thread_limit(1) if n * n_directions < ONE_THREAD_BELOW and (n_recycle or recycle) else nullcontext():
        result = in_turn(solve, b, x, recycle, same_operator)
    warn_of_failure(result, stacklevel=3)
    return result


def _solve(A, M, b, x, recycle, watch, n_recycle, n_directions, *, same_operator) -> KrylovResult:
    """Solve for one right-hand side; the rows of W, C = A W, P and AP are the columns of the paper's matrices."""
    products_before = A.nmatvec
    n = b.shape[0]
    W = C = new(b, 0, n)

    def report(status, residual_norm, space=recycle):
        nmatvec = A.nmatvec - products_before
        return KrylovResult.of(watch, x, status, residual_norm, nmatvec=nmatvec, recycle=space)

    x, r = (xp.zeros_like(b), b) if x is None or watch.goal == 0 else (x, b - A(x))
    status = watch.start(x + 0, norm(r))
    if recycle is not None and status is Status.RUNNING:
        W, C = deflation_space(A, recycle, b.dtype, same_operator=same_operator)
    is_promised = same_operator and W.shape[0] > 0
    harvested = steps = None
    while status is Status.RUNNING:
        if steps is None:
            if W.shape[0]:
                c = conj(W) @ r
                x, r = x + c @ W, r - c @ C  # 1: W^H r = 0
            scale = norm(r)
            if watch.solved(scale):
                r = b - A(x)
                status = watch.check(Status.CONVERGED, x + 0, norm(r))
                continue
            r = r / scale
            z = M(r)  # 2
            p = z - (conj(C) @ z) @ W  # 3
            keeps = harvested is None and (n_recycle > 0 or is_promised)
            steps = Steps(b, n_directions if keeps else STEPS_AT_ONCE, r, z, C, keeps=keeps)
            harvested = harvested or steps
        elif steps.done == steps.length:
            steps = Steps(b, STEPS_AT_ONCE, r, z, C, keeps=False)
        n_steps = 1 if is_promised or watch.callback is not None else watch.left()
        failed = steps.run(A, M, W, C, x, r, z, p, scale, n_steps, watch)
        if watch.callback is not None and not failed:
            watch.show(report(status, watch.residuals[-1]))
        status = failed or watch.verdict(watch.residuals[-1])
        is_broken = is_promised and steps.leaks(W)
        is_promised = False
        if status in (Status.NOT_FINITE, Status.NOT_POSITIVE_DEFINITE):
            r = r * scale
            harvested = None
            break
        is_off = status is Status.RUNNING and steps.done == steps.length and has_left(W, C, r, watch.goal / scale)
        if status is not Status.RUNNING or is_broken or is_off:
            best = watch.best
            r = b - A(x)
            status = watch.check(status, x + 0, norm(r))
            steps = None
            is_broken = is_broken or (is_off and watch.best > 0.5 * best)
        if is_broken or (same_operator and steps is None and status is Status.RUNNING):
            # The promise was false, or W is not accurate enough to be of use: begin without it.
            W, C, harvested = W[:0, :], C[:0, :], None
            x = watch.best_x + 0
            r = b - A(x)
    watch.keep_best(x, norm(r))
    space = recycle
    if n_recycle and harvested is not None and harvested.done:
        W, C = harvested.ritz(M, W, C, n_recycle)
        space = RecycleSpace(W.T, C.T, variable="x") if W.shape[0] else recycle
    x = watch.best_x
    return report(status, watch.best, space)


def new(like, *shape: int):
    """Return zeros of the dtype, library and device of ``like``."""
    return xp.namespace(like).zeros(shape, dtype=like.dtype, device=xp.device(like))


def deflation_space(A, recycle: RecycleSpace, dtype: Any, *, same_operator: bool):
    """Return rows W and C with ``C = A W`` and ``W^H A W = I`` for this A: k products, or none for the same operator.

    There is no gate: deflation by any space only removes eigenvalues from between the extreme ones.
    """
    namespace = xp.namespace(recycle.U)
    W, C = (namespace.astype(X, dtype, copy=False) for X in (recycle.U, recycle.C))
    W, C = W.T, (C if same_operator else A(W)).T
    for _ in range(2):  # the second time only where W had become nearly dependent: copies of one slow direction
        G = gram(W, C)
        error = np.abs(G - np.eye(len(G))).max(initial=0)
        if error <= 1e3 * np.finfo(G.dtype).eps:
            break
        S = to_like(inverse_square_root(G), W).T
        W, C = S @ W, S @ C  # contiguous rows: the kernel is twice as fast on them
        if error <= 0.5:
            break
    return W, C


def has_left(W, C, r, goal: float) -> bool:
    """Whether rounding has let ``W^H r`` grow so far that it alone keeps r above the goal: no step takes it away."""
    return W.shape[0] > 0 and norm((conj(W) @ r) @ C) > 0.1 * goal


class Steps:
    """The scalars of a run of steps, and at the beginning of a solve its directions.

    Parameters
    ----------
    like : array (n,)
        Gives length, dtype, library and device.
    length : int
        The most steps.
    r, z, C : array
        Residual, ``M r`` and ``A W`` before the first step.
    keeps : bool
        Whether the directions and their images are stored.
    """

    def __init__(self, like, length: int, r, z, C, *, keeps: bool):
        zero, k = to_host(like[:1]), C.shape[0]
        self.length, self.done = length, 0
        self.P, self.AP = (
            xp.namespace(like).empty((length if keeps else 0, like.shape[0]), dtype=like.dtype, device=xp.device(like))
            for _ in range(2)
        )
        self.alpha, self.curvature, self.norms = (np.zeros(length, zero.real.dtype) for _ in range(3))
        self.rho, self.mu = np.zeros(length + 1, zero.real.dtype), np.zeros((length + 1, k), zero.dtype)
        self.rho[0], self.mu[0] = float(real(vdot(r, z))), to_host(conj(C) @ z)

    def run(self, A, M, W, C, x, r, z, p, scale: float, n_steps: int, watch: Watch) -> Status | None:
        """Do up to ``n_steps`` steps, until the residual is at the goal; return why it could not, or None.

        r is the residual divided by ``scale``: its squares neither over- nor underflow.
        """
        begin, products = self.done, A.nmatvec
        stop = min(self.length, begin + n_steps)
        scalars = (self.rho, self.alpha, self.curvature, self.mu, self.norms)
        self.done = deflated_steps(A, M, W, C, x, r, z, p, self.P, self.AP, *scalars, scale, begin, stop, watch.goal)
        watch.count(self.norms[begin : self.done].tolist())
        reached = self.done > begin and self.norms[self.done - 1] <= watch.goal
        A.nmatvec = products + self.done - begin  # compiled products do not pass through A
        if self.done == stop or reached:
            return None
        A.nmatvec += 1
        curvature, limits = self.curvature[self.done], np.finfo(self.rho.dtype)
        if curvature == 0 and self.done and self.norms[self.done - 1] < limits.tiny**0.5 / limits.eps * scale:
            return Status.STAGNATED  # the squares of a residual that has long been rounding underflow
        return Status.NOT_FINITE if np.isnan(curvature) else Status.NOT_POSITIVE_DEFINITE

    def leaks(self, W) -> bool:
        """Whether the first direction is not A-orthogonal to W, as it must be if C is A W."""
        if not self.done:
            return False
        Ap = self.AP[0, :]
        size = float(xp.namespace(W).max(xp.namespace(W).abs(W))) * math.sqrt(W.shape[0] * W.shape[1])
        return norm(conj(W) @ Ap) > np.finfo(self.rho.dtype).eps ** 0.25 * size * norm(Ap)

    def ritz(self, M, W, C, n_recycle: int):
        """Return the next W and C: Ritz vectors of the smallest ``theta`` in ``(A Z)^H M A Z y = theta Z^H A Z y``."""
        k, j = W.shape[0], self.done
        alpha, rho, curvature = (np.float64(part) for part in (self.alpha[:j], self.rho[: j + 1], self.curvature[:j]))
        mu = self.mu[: j + 1].astype(np.result_type(self.mu, np.float64))
        G = np.zeros((k + j, k + j), mu.dtype)
        G[:k, :k] = to_host(conj(C) @ M(C.T)) if k else 0
        scale = np.concatenate([np.ones(k), 1 / np.sqrt(curvature)])  # Z^H A Z is diagonal
        factor = scale[k:] / alpha  # before anything is squared: A may have any scale
        G[:k, k:] = (mu[:-1] - mu[1:]).T * factor
        G[k:, :k] = G[:k, k:].conj().T
        G[range(k, k + j), range(k, k + j)] = (rho[:-1] + rho[1:]) * factor**2
        below = -rho[1:-1] * (factor[:-1] * factor[1:])
        G[range(k + 1, k + j), range(k, k + j - 1)] = G[range(k, k + j - 1), range(k + 1, k + j)] = below
        if not np.isfinite(G).all():
            return W[:0, :], C[:0, :]
        _, Y = np.linalg.eigh(G)
        Y = (scale[:, None] * Y[:, :n_recycle]).T.astype(self.mu.dtype)

        def combine(first, second):
            combined = to_like(np.ascontiguousarray(Y[:, :k]), first) @ first
            combined += to_like(np.ascontiguousarray(Y[:, k:]), first) @ second[:j, :]
            return combined

        return combine(W, self.P), combine(C, self.AP)


@kernel(cpu="sparsesci._cpu.conjugate_gradients:deflated_steps", takes=(CSR, Factors))
def deflated_steps(A, M, W, C, x, r, z, p, P, AP, rho, alpha, curvature, mu, norms, scale, start, stop, goal):
    """Do the steps start..stop-1 of deflated CG on x, r, z and p in place; return the number of the step to come.

    r, z and p are those of the paper divided by ``scale``.

    A step that would divide by a quantity that is not positive is not begun: ``curvature[start]`` tells which.
    """
    for j in range(start, stop):
        Ap = A(p)
        pAp = float(real(vdot(p, Ap)))
        curvature[j] = pAp if rho[j] > 0 else rho[j]
        if not curvature[j] > 0:
            return j
        if j < P.shape[0]:
            P[j, :], AP[j, :] = p, Ap
        alpha[j] = rho[j] / pAp  # 5
        x += scale * float(alpha[j]) * p  # 6
        r -= float(alpha[j]) * Ap  # 7
        norms[j] = scale * norm(r)
        z[:] = M(r)  # 8
        rho[j + 1] = float(real(vdot(r, z)))
        beta = rho[j + 1] / rho[j]  # 9
        mu_j = conj(C) @ z
        mu[j + 1] = to_host(mu_j)
        p[:] = z + float(beta) * p - mu_j @ W  # 10
        if not norms[j] > goal:
            return j + 1
    return stop

"""Recycled MINRES: a short recurrence for indefinite systems, without the directions that slowed earlier ones down.

Wang, de Sturler, Paulino, *Large-scale topology optimization using preconditioned Krylov subspace methods with
recycling*, Int. J. Numer. Meth. Engng 69 (2007) 2441-2468 (RMINRES), with a preconditioner as in Gaul, Gutknecht,
Liesen, Nabben, *A framework for deflated and augmented Krylov subspace methods*, SIAM J. Matrix Anal. Appl. 34 (2013)
495-518: all that is orthogonal is so in the inner product ``x^H M y``, in which ``A M`` is self-adjoint. The numbers at
the right are the steps of MINRES in Paige, Saunders, SIAM J. Numer. Anal. 12 (1975) 617-629: 1 the Lanczos process,
2 the rotations, 3 the iterate.

Deviations
----------
1. A Lanczos vector is freed of C after its recurrence and not before: its part in C is rounding then, and cannot grow.
2. The residual itself is carried along, for 5 n flops: MINRES knows the norm that M defines, the rule asks for another.
3. The space is harvested once, from the first vectors of the process, and not at intervals from the last ones.
   ``Z^H A U = 0`` makes the projection of A block diagonal: the harvest needs no inner product of n-vectors but U^H C.
4. Where ``A M r`` is small beside r (`NEARLY_SINGULAR`), A looks singular: from then on the true residual is formed now
   and then. If the recursive one has parted from it, b is not in the range of A: the iteration begins anew from the
   best iterate, and gives up when that did not halve the true residual.
5. Success is claimed only after the true residual b - A x has been formed: the recursive one drifts.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from typing import Any

import numpy as np

from sparsesci._lib import validate, xp
from sparsesci._lib.dispatch import kernel, public
from sparsesci._lib.iterate import Watch
from sparsesci._lib.operator import CSR
from sparsesci._lib.parallel import thread_limit
from sparsesci._lib.result import Status
from sparsesci._lib.xp import conj, norm, real, root, to_host, to_like, vdot

from .factors import Factors, identity
from .recycle import ONE_THREAD_BELOW, RecycleSpace, check_recycle, gram, inverse_square_root
from .result import KrylovResult, in_turn, warn_of_failure
from .search_space import is_singular, solve_upper

STEPS_AT_ONCE = 100  # compiled steps between two looks at the clock
STEPS_UNDER_SUSPICION = 20  # the same where A looks singular, and the steps between two true residuals
NEARLY_SINGULAR = 10  # in square roots of eps: MINRES gets ``||A M r||`` of an inconsistent system no smaller


@public
def recycled_minres(
    A: Any,
    b: Any,
    x0: Any = None,
    *,
    recycle: RecycleSpace | None = None,
    M: Any = None,
    n_recycle: int = 20,
    n_directions: int = 60,
    rtol: float = 1e-5,
    atol: float = 0.0,
    maxiter: int | None = None,
    same_operator: bool = False,
    callback: Callable | None = None,
) -> KrylovResult:
    """Solve ``A x = b`` for Hermitian A, definite or not, by minimal residuals with the help of an earlier system.

    Every iterate minimises ``(b - A x)^H M (b - A x)`` over the recycled space U and a Krylov space of
    ``(I - C C^H M) A M``, where ``C = A U`` and ``C^H M C = I``. The harmonic Ritz vectors of smallest modulus, from U
    and the first Lanczos vectors of this system, are handed to the next.

    Parameters
    ----------
    A : array, sparse matrix, LinearOperator or callable
        Shape (n, n), Hermitian; it may be indefinite, and singular where b is in its range.
    b : array (n,) or (n, p)
        Right-hand side, or p of them: the columns are solved in turn, each with the space of the one before.
    x0 : array, optional
        Starting guess of the shape of b; zero by default.
    recycle : RecycleSpace, optional
        ``result.recycle`` of an earlier system with a similar A. Costs one product a vector, unless ``same_operator``.
    M : array, sparse matrix, LinearOperator, preconditioner or callable, optional
        Approximates the inverse of ``|A|``; Hermitian positive definite even where A is not, the same in every step.
    n_recycle : int
        Largest dimension of the recycled space; 0 is MINRES.
    n_directions : int
        How many of the first Lanczos vectors the harvest draws from: they are stored, with their images under M.
    rtol, atol : float
        The rule is ``||b - A x|| <= max(rtol * ||b||, atol)`` in the Euclidean norm whatever M is, confirmed with the
        true residual. An ``rtol`` below 10 eps of the dtype is raised to that, with a warning, where ``atol`` is 0.
    maxiter : int, optional
        The most iterations for each column of b; default 10 n.
    same_operator : bool
        Promise that A is the one that ``recycle`` was made with: no product is recomputed.
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

    See Also
    --------
    recycled_cg : Where A is positive definite: less work in an iteration.
    gcrodr : Where A is not Hermitian, or M not positive definite.

    Notes
    -----
    An iteration costs one product with A, one with M and ``(25 + 4 n_recycle) n`` flops, whatever the number of
    iterations. Memory: ``(2 n_directions + 5 n_recycle + 10) n`` numbers. If A is a sparse matrix and M None, Jacobi,
    SSOR or an incomplete factorisation of this package, the iteration runs compiled, without Python.

    References
    ----------
    Wang, de Sturler, Paulino, Int. J. Numer. Meth. Engng 69 (2007) 2441-2468. Gaul, Gutknecht, Liesen, Nabben, SIAM J.
    Matrix Anal. Appl. 34 (2013) 495-518. Paige, Saunders, SIAM J. Numer. Anal. 12 (1975) 617-629.

    Examples
    --------
    Eigenvalues of both signs near zero slow the first system down, and not the second.

    >>> import numpy as np, scipy.sparse as sp
    >>> from sparsesci.solvers import recycled_minres
    >>> values = np.r_[-1e-2, -1e-3, 1e-3, 2e-3, np.linspace(-2, -1, 100), np.linspace(1, 2, 896)]
    >>> A = sp.diags_array(values, format="csr")
    >>> b, c = np.random.default_rng(17).standard_normal((2, 1000))
    >>> first = recycled_minres(A, b, rtol=1e-8)
    >>> second = recycled_minres(A, c, rtol=1e-8, recycle=first.recycle)
    >>> first.success and second.success and second.nit < 0.7 * first.nit
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
    """Solve for one right-hand side; the rows of U, C = A U and MC are the columns of the paper's matrices."""
    products_before = A.nmatvec
    U = C = MC = xp.namespace(b).zeros((0, b.shape[0]), dtype=b.dtype, device=xp.device(b))

    def report(status, residual_norm, space=recycle):
        nmatvec = A.nmatvec - products_before
        note = " (here it is M that is not)" if status is Status.NOT_POSITIVE_DEFINITE else ""
        return KrylovResult.of(watch, x, status, residual_norm, nmatvec=nmatvec, recycle=space, note=note)

    x, r = (xp.zeros_like(b), b) if x is None or watch.goal == 0 else (x, b - A(x))
    status = watch.start(x + 0, norm(r))
    if recycle is not None and status is Status.RUNNING:
        U, C, MC = augmentation(A, M, recycle, b.dtype, same_operator=same_operator)
    is_promised = same_operator and U.shape[0] > 0
    process = harvested = None
    while status is Status.RUNNING:
        if process is None:
            if U.shape[0]:
                c = conj(MC) @ r
                x, r = x + c @ U, r - c @ C
            if watch.solved(norm(r)):
                r = b - A(x)
                status = watch.check(Status.CONVERGED, x + 0, norm(r))
                continue
            keeps = harvested is None and (n_recycle or is_promised)
            process = Lanczos(M, x, r, U.shape[0], n_directions if keeps else 0)
            harvested = harvested or process
        most = STEPS_UNDER_SUSPICION if process.is_suspect else STEPS_AT_ONCE
        n_steps = 1 if is_promised or watch.callback is not None else min(most, watch.left())
        n_done, failure = process.run(A, M, U, C, MC, n_steps, watch)
        x = process.x
        if watch.callback is not None and n_done:
            watch.show(report(status, watch.residuals[-1]))
        status = claim = failure or watch.verdict(watch.residuals[-1])
        if status in (Status.NOT_FINITE, Status.NOT_POSITIVE_DEFINITE):
            r = process.r * process.scale
            harvested = None
            break
        is_broken, is_promised = is_promised and process.leaks(U, C), False
        if claim is Status.RUNNING and not (is_broken or process.is_suspect):
            continue
        r = b - A(x)
        is_lost = process.is_suspect and not norm(r) <= max(2 * watch.residuals[-1], watch.goal)
        claim = Status.BREAKDOWN if is_lost else claim
        # Where A is singular, a slightly smaller residual may be paid with a null vector of any length in x.
        is_gain = watch.solved(norm(r)) or norm(r) <= (0.5 if process.is_suspect else 1.0) * watch.best
        if is_gain:
            watch.keep_best(x + 0, norm(r))
        if claim is Status.RUNNING and not is_broken:
            continue
        if not is_gain:
            x = watch.best_x + 0
            r = b - A(x)
        status = watch.check(claim, x + 0, norm(r))
        if status is Status.BREAKDOWN and U.shape[0]:  # it may be the space that makes the operator singular
            status, is_broken = Status.RUNNING, True
        if is_broken or (same_operator and status is Status.RUNNING):  # the promise was false: begin without the space
            U, C, MC, harvested = U[:0, :], C[:0, :], MC[:0, :], None
        process = None
    watch.keep_best(x, norm(r))
    space = recycle
    if n_recycle and harvested is not None and harvested.done:
        U, C = harvested.harvest(U, C, n_recycle)
        space = RecycleSpace(U.T, C.T, variable="x") if U.shape[0] else recycle
    x = watch.best_x
    return report(status, watch.best, space)


def augmentation(A, M, recycle: RecycleSpace, dtype: Any, *, same_operator: bool):
    """Return rows U, C and M C with ``C = A U`` and ``C^H M C = I``: k products with A, or none for the same operator.

    U has fewer rows than before where images have become dependent, and none where M is not positive definite there.
    """
    namespace = xp.namespace(recycle.U)
    U, C = (namespace.astype(X, dtype, copy=False) for X in (recycle.U, recycle.C))
    C = C if same_operator else A(U)
    MC = M(C)
    S = inverse_square_root(gram(C.T, MC.T)).T
    return tuple(to_like(S, X) @ X.T for X in (U, C, MC))


class Lanczos:
    """The Lanczos process from one residual on, ``done`` steps of it, with the x and r that it carries along.

    r is divided by ``scale``: its squares neither over- nor underflow.

    Parameters
    ----------
    M, x, r : Operator, array (n,), array (n,)
        Preconditioner, iterate and residual, ``C^H M r = 0``.
    k : int
        Dimension of the recycled space.
    length : int
        How many Lanczos vectors are kept for the harvest.
    """

    def __init__(self, M, x, r, k: int, length: int):
        zeros = partial(xp.namespace(r).zeros, dtype=r.dtype, device=xp.device(r))
        zero, n, length = to_host(r[:1]), r.shape[0], min(length, r.shape[0])
        self.done, self.scale = 0, norm(r)
        self.x, self.r = x + 0, r / self.scale
        z = M(self.r)
        beta = root(self.r, z) or -1.0
        self.z, self.v, self.d = z / beta, zeros((2, n)), zeros((2, n))
        self.v[0, :] = self.r / beta
        empty = partial(xp.namespace(r).empty, dtype=r.dtype, device=xp.device(r))
        self.V, self.Z = empty((length + bool(length), n)), empty((length, n))
        if length:
            self.V[0, :] = self.v[0, :]
        self.T, self.H = np.zeros((length, 2), zero.real.dtype), np.zeros((length, k), zero.dtype)
        self.e, self.xi = np.zeros((2, k), zero.dtype), np.zeros(k, zero.dtype)
        self.state = np.asarray([1, 0, 0, 0, beta, beta, 0, 0], zero.real.dtype)  # see `minimal_residual_steps`

    def run(self, A, M, U, C, MC, n_steps: int, watch: Watch) -> tuple[int, Status | None]:
        """Do up to ``n_steps`` steps, until the residual is at the goal; return their number, and what stopped it."""
        begin, products, norms = self.done, A.nmatvec, np.zeros(n_steps, self.T.dtype)
        can_begin = bool(self.state[5] > 0)
        if can_begin:
            going = (self.x, self.r, self.v, self.z, self.d, self.e, self.xi, self.state)
            kept = (self.V, self.Z, self.T, self.H)
            limits = NEARLY_SINGULAR * math.sqrt(np.finfo(norms.dtype).eps), watch.goal
            self.done = minimal_residual_steps(A, M, C, MC, *going, *kept, norms, self.scale, begin, *limits)
        n_done = self.done - begin
        watch.count(norms[:n_done].tolist())
        self.x, self.xi[:] = self.x - to_like(self.xi, self.x) @ U, 0
        A.nmatvec = products + n_done  # compiled products do not pass through A
        if n_done == n_steps or (n_done and norms[n_done - 1] <= watch.goal):
            return n_done, None
        A.nmatvec += can_begin
        beta = self.state[5]
        if beta > 0:  # a pause
            return n_done, None
        failed = Status.NOT_FINITE if np.isnan(beta) else Status.NOT_POSITIVE_DEFINITE
        return n_done, Status.BREAKDOWN if beta == 0 else failed

    @property
    def is_suspect(self) -> bool:
        """Whether A looks singular."""
        return self.state[7] > 0

    def leaks(self, U, C) -> bool:
        """Whether ``U^H A z`` of the first vector z is not zero, as it must be if C is A U."""
        if not self.done:
            return False
        alpha, beta = map(float, self.T[0])
        Az = to_like(self.H[0], C) @ C + alpha * self.V[0, :] + beta * self.V[1, :]
        size = float(xp.namespace(U).max(xp.namespace(U).abs(U))) * math.sqrt(U.shape[0] * U.shape[1])
        return norm(conj(U) @ Az) > np.finfo(self.T.dtype).eps ** 0.25 * size * norm(Az)

    def harvest(self, U, C, n_recycle: int):
        """Return the next U and C: the harmonic Ritz vectors of smallest modulus in the span of ``[U Z]``.

        With ``A [U Z] = [C V] G`` and ``G = Q R`` they are ``[U Z] R^-1 y``, where ``R^-H N R^-1 y = theta^-1 y`` with
        the block diagonal ``N = [U Z]^H A [U Z]``; their images are ``[C V] Q y``.
        """
        k, j = U.shape[0], min(self.done, self.T.shape[0])
        G = np.zeros((k + j + 1, k + j), np.result_type(self.H, np.float64))
        N = np.zeros((k + j, k + j), G.dtype)
        alpha, beta = self.T[:j].T
        steps = np.arange(k, k + j)
        G[:k, :k], G[:k, k:] = np.eye(k), self.H[:j].T
        G[steps, steps], G[steps + 1, steps], G[steps[:-1], steps[1:]] = alpha, beta, beta[:-1]
        N[:k, :k], N[k:, k:] = to_host(conj(U) @ C.T), G[k:-1, k:]
        scale = np.abs(G).max(axis=0)  # of a Z that A maps to vectors of the length of C, whatever the scale of A
        G, N = G / scale, N / scale[:, None] / scale
        Q, R = np.linalg.qr(G)
        if is_singular(R):
            return U[:0, :], C[:0, :]
        inverse = solve_upper(R, np.eye(k + j, dtype=G.dtype))
        mu, Y = np.linalg.eigh(inverse.conj().T @ (N + N.conj().T) @ inverse)
        Y = Y[:, np.argsort(-np.abs(mu), kind="stable")[:n_recycle]]

        def combine(Y, first, second):
            Y = np.ascontiguousarray(Y.T, dtype=self.H.dtype)
            combined = to_like(Y[:, :k], first) @ first
            combined += to_like(Y[:, k:], first) @ second
            return combined

        return combine((inverse @ Y) / scale[:, None], U, self.Z[:j, :]), combine(Q @ Y, C, self.V[: j + 1, :])


@kernel(cpu="sparsesci._cpu.minres:minimal_residual_steps", takes=(CSR, Factors))
def minimal_residual_steps(A, M, C, MC, x, r, v, z, d, e, xi, state, V, Z, T, H, norms, scale, start, suspicious, goal):
    """Do the steps start, start + 1, ... until ``norms`` is full or its last entry at the goal; return the next one.

    Row ``j % 2`` of v, d and e belongs to step j, the other one to the step before; the iterate is ``x - xi U``. All
    are changed in place. ``state`` holds c and s of the last two rotations, the residual norm in the inner product of
    M, the last beta, the largest entry of T and H, and whether A looks singular. V, Z, T and H receive what there is
    room for.

    A step that would make nothing smaller is not made: beta is 0 then. It is negative or NaN where M is not positive
    definite or not finite. Before the first step in which A looks singular there is a pause.
    """
    c, s, c_old, s_old, phi, beta, size, suspicion = map(float, state)
    eps = float(np.finfo(norms.dtype).eps)
    for j in range(start, start + norms.shape[0]):
        now, other = j % 2, (j + 1) % 2
        w = A(z)  # 1
        alpha, beta_old = float(real(vdot(z, w))), beta
        w = w - alpha * v[now, :] - beta * v[other, :]
        h = conj(MC) @ w
        w, h = w - h @ C, to_host(h)
        Mw = M(w)
        beta = root(w, Mw)
        size = max(size, abs(alpha), abs(beta), float(np.abs(h).max(initial=0)))
        if abs(beta) <= 10 * eps * size:
            beta = 0.0

        delta, epsilon = c * c_old * beta_old + s * alpha, s_old * beta_old  # 2
        bar = c * alpha - s * c_old * beta_old
        stationarity = math.hypot(bar, c * beta)
        if not beta >= 0 or stationarity <= 10 * eps * size:
            state[5] = 0.0 if beta >= 0 else beta
            return j
        if stationarity <= suspicious * size and not suspicion:
            state[7] = 1.0
            return j
        gamma = math.hypot(bar, beta)
        c, s, c_old, s_old = bar / gamma, beta / gamma, c, s
        tau, phi = c * phi, -s * phi

        d[now, :] = (z - delta * d[other, :] - epsilon * d[now, :]) / gamma  # 3
        e[now] = (h - delta * e[other] - epsilon * e[now]) / gamma
        x += scale * tau * d[now, :]
        xi += scale * tau * e[now]
        if j < Z.shape[0]:
            Z[j, :], T[j], H[j] = z, (alpha, beta), h
        v[other, :], z[:] = w / (beta or 1.0), Mw / (beta or 1.0)
        if j < Z.shape[0]:
            V[j + 1, :] = v[other, :]
        r[:] = s**2 * r + phi * c * v[other, :]
        norms[j - start] = scale * norm(r)
        state[:7] = c, s, c_old, s_old, phi, beta, size
        if not norms[j - start] > goal:
            return j + 1
    return start + norms.shape[0]

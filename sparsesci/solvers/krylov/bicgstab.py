"""BiCGSTAB: a short recurrence for unsymmetric systems, two products a step and no basis to store.

van der Vorst, *Bi-CGSTAB: a fast and smoothly converging variant of Bi-CG for the solution of nonsymmetric linear
systems*, SIAM J. Sci. Stat. Comput. 13 (1992) 631-644, preconditioned from the right. The numbers at the right are the
lines of Saad, *Iterative Methods for Sparse Linear Systems*, 2nd ed., algorithm 7.7.

Deviations
----------
1. omega is that of line 6, made longer where A s and s are nearly orthogonal (`LEAST_COSINE`): after a tiny omega, the
   next alpha and beta are rounding (Sleijpen, van der Vorst, Numer. Algorithms 10 (1995) 203-223).
2. Where line 4 or 9 would divide by what is zero but for rounding, the iteration begins anew from the best iterate,
   with a random part in the shadow residual r*. It gives up after `MOST_BREAKDOWNS` of them.
3. It stops after half a step, at line 5, where s meets the rule.
4. Success is claimed only after the true residual b - A x has been formed. Where that parts from the recursive one, the
   iteration begins anew.
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
from sparsesci._lib.xp import norm, to_host, to_like, vdot

from .factors import Factors, identity
from .recycle import ONE_THREAD_BELOW
from .result import KrylovResult, in_turn, warn_of_failure

STEPS_AT_ONCE = 50  # compiled steps between two looks at the clock
# Sleijpen and van der Vorst propose 0.7. That halves the products on Helmholtz problems and costs up to a fifth on easy
# ones; 0.1 costs nothing there, and still saves a fifth where BiCGSTAB has it hard.
LEAST_COSINE = 0.1
MOST_BREAKDOWNS = 5
VECTORS = 8  # of one solve


@public
def bicgstab(
    A: Any,
    b: Any,
    x0: Any = None,
    *,
    M: Any = None,
    rtol: float = 1e-5,
    atol: float = 0.0,
    maxiter: int | None = None,
    callback: Callable | None = None,
) -> KrylovResult:
    """Solve ``A x = b`` for general A by stabilised bi-conjugate gradients, in eight vectors of memory.

    The residuals are ``r_j = q_j(A M) p_j(A M) r_0`` with the polynomial p_j of BiCG and ``q_j(t) = (1 - omega_j t)
    q_j-1(t)``, where each omega_j makes the residual small. They do not decrease monotonically.

    Parameters
    ----------
    A : array, sparse matrix, LinearOperator or callable
        Shape (n, n), real or complex; a function is called as ``A(x)``.
    b : array (n,) or (n, p)
        Right-hand side, or p of them: the columns are solved in turn.
    x0 : array, optional
        Starting guess of the shape of b; zero by default.
    M : array, sparse matrix, LinearOperator, preconditioner or callable, optional
        Approximates the inverse of A, the same in every step; used from the right, so that residuals are those of
        ``A x = b``.
    rtol, atol : float
        The rule is ``||b - A x|| <= max(rtol * ||b||, atol)``, confirmed with the true residual. An ``rtol`` below 10
        eps of the dtype is raised to that, with a warning, where ``atol`` is 0.
    maxiter : int, optional
        The most iterations, of two products each, for each column of b; default 10 n.
    callback : callable, optional
        ``callback(intermediate_result)`` after every iteration; raise ``StopIteration`` in it to stop.

    Returns
    -------
    KrylovResult
        With ``x``, ``success``, ``status``, ``message``, ``nit``, ``nmatvec``, ``residuals`` and ``time``; ``nit``
        counts iterations of two products, the last of which may need one. Where the rule was not met, ``success`` is
        False, x the best iterate, and a `ConvergenceWarning` gives the reason and advice.

    Raises
    ------
    ValueError, TypeError
        NaN or Inf in A or b, shapes that do not match: before any work.

    See Also
    --------
    gcrodr : Minimises the residual, and profits from earlier systems; in more memory.
    recycled_minres, recycled_cg : For Hermitian matrices.

    Notes
    -----
    An iteration costs two products with A, two with M and 26 n flops. Memory: 8 n numbers. If A is a sparse matrix and
    M None, Jacobi, SSOR or an incomplete factorisation of this package, the iteration runs compiled, without Python.

    References
    ----------
    van der Vorst, SIAM J. Sci. Stat. Comput. 13 (1992) 631-644. Sleijpen, van der Vorst, Numer. Algorithms 10 (1995)
    203-223.

    Examples
    --------
    >>> import numpy as np, scipy.sparse as sp
    >>> from sparsesci.solvers import bicgstab, ilu0_preconditioner
    >>> A = sp.diags_array([-1.5, 2.0, -0.5], offsets=[-1, 0, 1], shape=(40, 40))
    >>> A = sp.kronsum(A, A).tocsr()
    >>> result = bicgstab(A, np.ones(1600), M=ilu0_preconditioner(A), rtol=1e-8)
    >>> result.success, result.nmatvec <= 2 * result.nit + 1
    (True, True)
    """
    A, b, x, M = validate.linear_system(A, b, x0, M)
    n = b.shape[0]
    atol = validate.nonnegative_real(atol, "atol")
    rtol = validate.relative_tolerance(rtol, atol, b)
    maxiter = 10 * n if maxiter is None else validate.positive_integer(maxiter, "maxiter")
    M = identity(n, b.dtype) if M is None else M

    def solve(b, x, recycle, same_operator):
        watch = Watch(norm(b), rtol=rtol, atol=atol, maxiter=maxiter, callback=callback)
        return _solve(A, M, b, x, watch)

    with thread_limit(1) if n * VECTORS < ONE_THREAD_BELOW else nullcontext():
        result = in_turn(solve, b, x, None, False)
    warn_of_failure(result, stacklevel=3)
    return result


def _solve(A, M, b, x, watch) -> KrylovResult:
    """Solve for one right-hand side; x is None for a start at zero."""
    products_before = A.nmatvec

    def report(x, status, residual_norm):
        return KrylovResult.of(watch, x, status, residual_norm, nmatvec=A.nmatvec - products_before)

    x, r = (xp.zeros_like(b), b) if x is None or watch.goal == 0 else (x, b - A(x))  # 1
    status = watch.start(x, norm(r))
    run, n_breakdowns = None, 0
    while status is Status.RUNNING:
        run = run or Steps(x, r, n_breakdowns)
        failure = run.advance(A, M, 1 if watch.callback is not None else min(STEPS_AT_ONCE, watch.left()), watch)
        if watch.callback is not None and not failure:
            watch.show(report(run.x, status, watch.residuals[-1]))
        claim = failure or watch.verdict(watch.residuals[-1])
        if claim is Status.RUNNING:
            continue
        x = run.x if claim is Status.CONVERGED else run.best(watch.best_x)
        r = b - A(x)
        status = watch.check(claim, x, norm(r))
        if failure:
            n_breakdowns += 1
            is_hopeful = failure is Status.BREAKDOWN and n_breakdowns <= MOST_BREAKDOWNS and not watch.tired()
            status = Status.RUNNING if is_hopeful and not watch.solved(norm(r)) else status
        run = None
    return report(watch.best_x, status, watch.best)


class Steps:
    """The vectors of a run from one residual on.

    Parameters
    ----------
    x, r : array (n,)
        Iterate and residual.
    n_breakdowns : int
        How many runs broke down before: the shadow residual is r in the first one.

    Attributes
    ----------
    x, r : array (n,)
        As they stand, r divided by ``scale``: its squares neither over- nor underflow.
    """

    def __init__(self, x, r, n_breakdowns: int):
        self.scale, self.has_begun = norm(r), False
        self.x, self.r = x + 0, r / self.scale
        self.p, self.v, self.best_x = self.r + 0, xp.zeros_like(r), xp.zeros_like(r)  # 2
        self.shadow, zero = self.r + 0, to_host(r[:1])
        if n_breakdowns:
            noise = np.random.default_rng(n_breakdowns).standard_normal(r.shape[0]) / math.sqrt(r.shape[0])
            self.shadow = self.shadow + to_like(noise.astype(zero.dtype), r)
        self.scalars = np.asarray([number(vdot(self.shadow, self.r))], zero.dtype)
        self.levels = np.asarray([self.scale, math.inf], zero.real.dtype)

    def advance(self, A, M, n_steps: int, watch: Watch) -> Status | None:
        """Do up to ``n_steps`` steps, until the residual is at the goal; return why it could not, or None."""
        products, norms = A.nmatvec, np.zeros(n_steps, self.levels.dtype)
        vectors = self.x, self.r, self.shadow, self.p, self.v, self.best_x
        scalars = self.scalars, self.levels, norms, self.scale, LEAST_COSINE, watch.goal
        with np.errstate(over="ignore", invalid="ignore"):  # NaN and Inf are found below
            done, paid = bicgstab_steps(A, M, *vectors, *scalars)
        A.nmatvec = products + paid  # compiled products do not pass through A
        watch.count(norms[:done].tolist())
        is_first, self.has_begun = not (done or self.has_begun), True
        if done == n_steps or (done and norms[done - 1] <= watch.goal):
            return None if math.isfinite(norm(self.x)) else Status.BREAKDOWN  # a null vector of A grows unseen in r
        # What becomes infinite after a while has diverged; what is so at once comes from A or M.
        return Status.NOT_FINITE if is_first and not np.isfinite(self.scalars[0]) else Status.BREAKDOWN

    def best(self, instead):
        """Return the iterate of the smallest residual of this run, by the recursion; where it overflowed, another."""
        x = self.x if self.levels[0] <= self.levels[1] else self.best_x
        return x if math.isfinite(norm(x)) else instead


def number(scalar) -> float | complex:
    """Return an array of one entry as a Python number."""
    return complex(scalar) if xp.is_complex(scalar.dtype) else float(scalar)


def stabiliser(cosine, least_cosine: float):
    """Return the cosine, lengthened to ``least_cosine`` where it is smaller."""
    size = abs(cosine)
    if size >= least_cosine:
        return cosine
    return cosine * (least_cosine / size) if size > 0 else cosine + least_cosine


@kernel(cpu="sparsesci._cpu.bicgstab:bicgstab_steps", takes=(CSR, Factors))
def bicgstab_steps(A, M, x, r, shadow, p, v, best_x, scalars, levels, norms, scale, least_cosine, goal):
    """Do steps on x, r, p and v in place until ``norms`` is full, or its last entry at the goal.

    Returns how many were done, and how many products that took. ``scalars`` holds ``r*^H r`` for the next step; in one
    that could not be done, it holds what was zero or not finite. ``levels`` holds the residual norm at x, and the least
    one before it that was followed by a greater: ``best_x`` belongs to that.
    """
    shadow_norm, eps = norm(shadow), float(np.finfo(norms.dtype).eps)
    rho, r_norm = scalars[0].item(), norm(r)
    for j in range(norms.shape[0]):
        if not abs(rho) > eps * shadow_norm * r_norm:
            return j, 2 * j
        p_hat = M(p)
        v[:] = A(p_hat)
        sigma = number(vdot(shadow, v))
        if not abs(sigma) > eps * shadow_norm * norm(v):
            scalars[0] = sigma
            return j, 2 * j + 1
        alpha = rho / sigma  # 4
        s = r - alpha * v  # 5
        s_norm = norm(s)
        step, r_new, is_half = alpha * p_hat, s, scale * s_norm <= goal
        if not is_half:
            s_hat = M(s)
            t = A(s_hat)
            t_norm = norm(t)
            if not 0 < t_norm < math.inf:
                scalars[0] = t_norm
                return j, 2 * j + 2
            omega = stabiliser(number(vdot(t, s)) / t_norm / s_norm, least_cosine) * (s_norm / t_norm)  # 6
            step, r_new = step + omega * s_hat, s - omega * t  # 8
        r_norm = norm(r_new)
        norms[j] = scale * r_norm
        if norms[j] > levels[0] and levels[0] < levels[1]:
            best_x[:], levels[1] = x, levels[0]
        levels[0] = norms[j]
        x += scale * step  # 7
        r[:] = r_new
        if not norms[j] > goal:
            return j + 1, 2 * j + 2 - is_half
        rho_old, rho = rho, number(vdot(shadow, r))
        beta = (rho / rho_old) * (alpha / omega)  # 9
        p[:] = r + beta * (p - omega * v)  # 10
        scalars[0] = rho
    return norms.shape[0], 2 * norms.shape[0]

"""GCRO-DR: GMRES with deflated restarting that hands its deflation space to the next system.

Parks, de Sturler, Mackey, Johnson, Maiti, *Recycling Krylov subspaces for sequences of linear systems*, SIAM J. Sci.
Comput. 28 (2006) 1651-1674. The numbers at the right of the loop are those of the listing of GCRO-DR in its appendix.

Deviations
----------
1. The first cycle (steps 9-18) is the general one with an empty C: steps 22-34 hold for k = 0, and are written once.
   Steps 6-7 are part of step 27 too: the right-hand side of its least-squares problem holds ``C^H r``, in every cycle.
2. The least-squares problem and the harmonic Ritz vectors share one QR factorisation of G, and the new C comes out of
   it orthonormal (`harmonic_ritz`): steps 30-34 in one go.
3. The true residual b - A x is formed from time to time, and before success is claimed. Where the recursive one has
   parted from it, C has parted from A M U (by rounding, or by a false ``same_operator``) and is computed anew.
4. A recycle space whose image under the new operator has left its old place is dropped (`DRIFT_LIMIT`); so is one with
   which the search space becomes invariant before it holds a solution, and one with which the residual stands still
   (less than 1 % in `CYCLES_BETWEEN_CHECKS` cycles): a full cycle without it goes on.
5. The last of several cycles leaves U and C as they are (no steps 30-34) where k vectors are there already: what it
   would add to the next system is worth less than its price.
6. The flexible form (Carvalho, Gratton, Lago, Vasseur, 2011) has Z = [M v_j] in the place of V in steps 24, 28 and 31.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

from sparsesci._lib import validate, xp
from sparsesci._lib.dispatch import public
from sparsesci._lib.iterate import Watch
from sparsesci._lib.parallel import thread_limit
from sparsesci._lib.result import Status
from sparsesci._lib.xp import norm

from .factors import identity
from .recycle import ONE_THREAD_BELOW, RecycleSpace, check_recycle, image
from .result import KrylovResult, in_turn, warn_of_failure
from .search_space import SearchSpace

CYCLES_BETWEEN_CHECKS = 20


@public
def gcrodr(
    A: Any,
    b: Any,
    x0: Any = None,
    *,
    recycle: RecycleSpace | None = None,
    M: Any = None,
    restart: int = 40,
    n_recycle: int | None = None,
    rtol: float = 1e-5,
    atol: float = 0.0,
    maxiter: int | None = None,
    same_operator: bool = False,
    flexible: bool = False,
    callback: Callable | None = None,
) -> KrylovResult:
    """Solve ``A x = b`` for general A by GMRES with deflated restarting, with the help of an earlier system.

    Each cycle minimises ``||b - A x||`` over the recycled space U and a Krylov space of ``(I - C C^H) A M``, where
    ``C = A M U``, and keeps for the next one the harmonic Ritz vectors of smallest modulus: the directions in which
    restarted GMRES is slow.

    Parameters
    ----------
    A : array, sparse matrix, LinearOperator or callable
        Shape (n, n), real or complex; a function is called as ``A(x)``.
    b : array (n,) or (n, p)
        Right-hand side, or p of them: the columns are solved in turn, each with the space of the one before.
    x0 : array, optional
        Starting guess of the shape of b; zero by default.
    recycle : RecycleSpace, optional
        ``result.recycle`` of an earlier system with a similar A. Costs one product a vector, unless ``same_operator``.
    M : array, sparse matrix, LinearOperator, preconditioner or callable, optional
        Approximates the inverse of A; used from the right, so that residuals are those of ``A x = b``.
    restart : int
        Largest dimension of the search space, the recycled vectors included (m in the paper).
    n_recycle : int, optional
        Largest dimension of the recycled space (k in the paper), below ``restart``; default ``min(20, restart // 2)``.
        A complex conjugate pair may add one; 0 is GMRES.
    rtol, atol : float
        The rule is ``||b - A x|| <= max(rtol * ||b||, atol)``, confirmed with the true residual. An ``rtol`` below 10
        eps of the dtype is raised to that, with a warning, where ``atol`` is 0.
    maxiter : int, optional
        The most iterations (Krylov vectors) for each column of b; default 10 n.
    same_operator : bool
        Promise that A and M are those that ``recycle`` was made with: nothing is recomputed.
    flexible : bool
        Allow M to change from one application to the next (an inner solver); stores ``restart`` more vectors.
    callback : callable, optional
        ``callback(intermediate_result)`` after every iteration, with a `KrylovResult` of the current x. Costs the
        formation of that x. Raise ``StopIteration`` in it to stop.

    Returns
    -------
    KrylovResult
        With ``x``, ``success``, ``status``, ``message``, ``nit``, ``nmatvec``, ``residuals``, ``time`` and
        ``recycle``. Where the rule was not met, ``success`` is False, x the best iterate, and a `ConvergenceWarning`
        gives the reason and advice.

    Raises
    ------
    ValueError, TypeError
        NaN or Inf in A or b, shapes that do not match, a recycle space of another system: before any work.

    Notes
    -----
    An iteration costs one product with A, one with M, and 6 to 8 n j flops at a basis of j vectors; a cycle ends with
    another 6 n restart n_recycle, but for the last of several. Memory: about (restart + 4 n_recycle) n numbers. All
    inputs are computed in their common dtype: float32 and complex64 are kept, integers become float64.

    If A is a sparse matrix and M None, Jacobi, SSOR or ILU(0) of this package, a cycle runs compiled, without Python.

    References
    ----------
    Parks, de Sturler, Mackey, Johnson, Maiti, SIAM J. Sci. Comput. 28 (2006) 1651-1674.

    Examples
    --------
    An indefinite matrix and two right-hand sides: the second profits from the first.

    >>> import numpy as np, scipy.sparse as sp
    >>> from sparsesci.solvers import gcrodr
    >>> D = sp.diags_array([-1.0, 2.0, -1.0], offsets=[-1, 0, 1], shape=(40, 40))
    >>> A = (sp.kronsum(D, D) - 0.05 * sp.eye_array(1600)).tocsr()
    >>> b, c = np.random.default_rng(17).standard_normal((2, 1600))
    >>> first = gcrodr(A, b, rtol=1e-8)
    >>> second = gcrodr(A, c, rtol=1e-8, recycle=first.recycle, same_operator=True)
    >>> first.success and second.success and second.nit < 0.9 * first.nit
    True
    """
    A, b, x, M = validate.linear_system(A, b, x0, M)
    n = b.shape[0]
    restart = validate.positive_integer(restart, "restart")
    n_recycle = min(20, restart // 2) if n_recycle is None else n_recycle
    n_recycle = validate.positive_integer(n_recycle, "n_recycle", least=0)
    if n_recycle >= restart:
        raise ValueError(f"n_recycle is {n_recycle} and restart {restart}: n_recycle < restart is needed")
    atol = validate.nonnegative_real(atol, "atol")
    rtol = validate.relative_tolerance(rtol, atol, b)
    maxiter = 10 * n if maxiter is None else validate.positive_integer(maxiter, "maxiter")
    m = min(restart, n)
    if recycle is not None:
        check_recycle(recycle, b, m, variable="x" if flexible else "u")
    elif same_operator:
        raise ValueError("same_operator=True says that recycle was made with this operator, but recycle is None")

    M = identity(n, b.dtype) if M is None else M
    options = {"m": m, "n_recycle": min(n_recycle, m - 1), "flexible": flexible}

    def solve(b, x, recycle, same_operator):
        watch = Watch(norm(b), rtol=rtol, atol=atol, maxiter=maxiter, callback=callback)
        return _solve(A, M, b, x, recycle, watch, same_operator=same_operator, **options)

    with thread_limit(1) if n * restart < ONE_THREAD_BELOW else nullcontext():
        result = in_turn(solve, b, x, recycle, same_operator)
    warn_of_failure(result, stacklevel=3)
    return result


def _solve(A, M, b, x, recycle, watch, *, m, n_recycle, flexible, same_operator) -> KrylovResult:
    """Run the listing for one right-hand side; x is None for a start at zero."""
    space = SearchSpace(b, m, flexible=flexible)
    variable = "x" if flexible else "u"
    U, C = space.U, space.C
    products_before = A.nmatvec

    def report(x, status, residual_norm):
        space_now = RecycleSpace(U.T, C.T, variable) if U.shape[0] else recycle
        note = f" ({space.culprit} did)" if space.culprit else ""
        nmatvec = A.nmatvec - products_before
        return KrylovResult.of(watch, x, status, residual_norm, nmatvec=nmatvec, recycle=space_now, note=note)

    x, r = (xp.zeros_like(b), b) if x is None or watch.goal == 0 else (x, b - A(x))  # 1; b = 0 has the solution 0
    status, n_cycles = watch.start(x, norm(r)), 0
    if recycle is not None and status is Status.RUNNING:  # 2
        U, C = image(A, M, recycle, b.dtype, same_operator=same_operator)  # 3-5
    while status is Status.RUNNING:
        space.begin(U, C, r)  # 23-26
        while not (space.is_closed(watch.goal) or watch.tired() or watch.stopped):
            watch.count(space.extend(A, M, watch.left() if watch.callback is None else 1, watch.goal))  # 22
            if watch.callback is not None and not space.culprit:
                watch.show(report(x + space.step(space.minimum(), M), status, watch.residuals[-1]))
        if space.culprit:
            return report(watch.best_x, Status.NOT_FINITE, watch.best)
        minimum = space.minimum()  # 27
        x = x + space.step(minimum, M)  # 28
        r = space.residual(minimum)  # 29
        n_cycles += 1
        claim = Status.BREAKDOWN if space.is_invariant and not space.k else watch.verdict(space.residual_norm)
        is_frozen = has_parted = False
        if claim is not Status.RUNNING or n_cycles % CYCLES_BETWEEN_CHECKS == 0:
            recursive_r, r, best_before = r, b - A(x), watch.best
            status = watch.check(claim, x, norm(r))
            is_frozen = claim is Status.RUNNING and watch.best > 0.99 * best_before
            has_parted = claim is not Status.RUNNING or norm(r - recursive_r) > 0.01 * watch.best
        if status is Status.RUNNING or n_cycles == 1 or space.k < n_recycle:
            U, C = space.keep(minimum, 0 if is_frozen else n_recycle)  # 30-34
        if status is Status.RUNNING and has_parted and U.shape[0]:  # C is A M U no more: make it so again
            U, C = image(A, M, RecycleSpace(U.T, C.T, variable), b.dtype, same_operator=False)
    return report(watch.best_x, status, watch.best)

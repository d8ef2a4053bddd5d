"""Successive over-relaxation, SOR: Gauss-Seidel sweeps that go omega times as far.

Young, *Iterative Solution of Large Linear Systems*, 1971; Saad, *Iterative Methods for Sparse Linear Systems*, 2nd ed.,
section 4.1; iterations are counted as by Khodak, Chow, Balcan, Talwalkar, *Learning to Relax*, ICLR 2024: the residual
is looked at after every sweep.

Deviations
----------
1. The residual comes out of the sweep: with ``(D / omega + L) delta = r`` and ``x <- x + delta``, the new one is
   ``((1 - omega) / omega D - U) delta``. Sweep and residual together read A once.
2. Success is claimed only after the true residual b - A x has been formed: the recursive one drifts.
3. The rule is relative to ``||b||``, as SciPy's; the paper's is to the residual of the starting guess. No sweep is done
   where that guess meets it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from sparsesci._lib import validate
from sparsesci._lib.dispatch import kernel, public
from sparsesci._lib.iterate import Watch
from sparsesci._lib.operator import csr_arrays
from sparsesci._lib.result import Status
from sparsesci._lib.xp import norm

from .factors import sorted_csr
from .result import KrylovResult, in_turn, warn_of_failure
from .ssor import diagonal_positions, relaxation_factor

SWEEPS_AT_ONCE = 200  # compiled, between two looks at the clock


@public
def sor(
    A: Any,
    b: Any,
    x0: Any = None,
    *,
    omega: float = 1.0,
    rtol: float = 1e-5,
    atol: float = 0.0,
    maxiter: int | None = None,
    callback: Callable | None = None,
) -> KrylovResult:
    """Solve ``A x = b`` by forward sweeps ``x <- x + (D / omega + L)^-1 (b - A x)``.

    D is the diagonal of A and L its strict lower triangle. The sweeps converge for every ``0 < omega < 2`` where A is
    Hermitian positive definite, and for ``omega <= 1`` where it is strictly diagonally dominant.

    Parameters
    ----------
    A : array or sparse matrix (n, n)
        Real or complex, without a zero on the diagonal.
    b : array (n,) or (n, p)
        Right-hand side, or p of them, solved in turn.
    x0 : array, optional
        Starting guess of the shape of b; zero by default.
    omega : float
        The relaxation factor, ``0 < omega < 2``; 1 is Gauss-Seidel. A sequence of systems learns a good one by an
        `OmegaTuner`.
    rtol, atol : float
        The rule is ``||b - A x|| <= max(rtol * ||b||, atol)``, confirmed with the true residual. An ``rtol`` below 10
        eps of the dtype is raised to that, with a warning, where ``atol`` is 0.
    maxiter : int, optional
        The most sweeps for each column of b; default 10 n.
    callback : callable, optional
        ``callback(intermediate_result)`` after every sweep; raise ``StopIteration`` in it to stop.

    Returns
    -------
    KrylovResult
        With ``x``, ``success``, ``status``, ``message``, ``nit``, ``nmatvec``, ``residuals`` and ``time``;
        ``recycle`` is None. Where the rule was not met, ``success`` is False and a `ConvergenceWarning` gives the
        reason; x is the last iterate, or the starting guess where the sweeps diverged.

    Raises
    ------
    ValueError, TypeError
        NaN or Inf in A or b, shapes that do not match, a zero on the diagonal, an A without entries (a function) or on
        a GPU (sweeps are sequential): before any work.

    Notes
    -----
    A sweep with its residual reads A once, as a product does, and counts as one; each row waits for the one before, so
    that it takes three times as long. The sweeps are said to diverge when the residual has grown by 1 / eps: nothing of
    b is left in it then. Memory: about 7 n numbers, and a copy of A where it is not CSR with sorted indices.

    References
    ----------
    Khodak, Chow, Balcan, Talwalkar, ICLR 2024. Saad, *Iterative Methods for Sparse Linear Systems*, 2nd ed., section
    4.1.

    Examples
    --------
    >>> import numpy as np, scipy.sparse as sp
    >>> from sparsesci.solvers import sor
    >>> A = sp.diags_array([-np.ones(49), 2.1 * np.ones(50), -np.ones(49)], offsets=[-1, 0, 1], format="csr")
    >>> [sor(A, np.ones(50), omega=omega).nit for omega in (1.0, 1.5)]
    [116, 38]
    """
    omega = relaxation_factor(omega)
    given = A
    A, b, x, _ = validate.linear_system(A, b, x0, None)
    csr = sorted_csr(given, "SOR")
    atol = validate.nonnegative_real(atol, "atol")
    rtol = validate.relative_tolerance(rtol, atol, b)
    maxiter = 10 * b.shape[0] if maxiter is None else validate.positive_integer(maxiter, "maxiter")
    diagonal = diagonal_positions(csr, "SOR")
    entries = csr_arrays(csr, b.dtype)
    triangles = entries, diagonal, omega / entries.data[diagonal], omega

    def solve(b, x, recycle, same_operator):
        watch = Watch(norm(b), rtol=rtol, atol=atol, maxiter=maxiter, callback=callback)
        return _solve(A, triangles, b, x, watch)

    result = in_turn(solve, b, x, None, False)
    warn_of_failure(result, stacklevel=3)
    return result


def _solve(A, triangles, b, x, watch) -> KrylovResult:
    """Solve for one right-hand side; x is None for a start at zero."""
    products_before = A.nmatvec
    x, r = (np.zeros_like(b), b + 0) if x is None or watch.goal == 0 else (x + 0, b - A(x))
    start, delta = x, np.empty_like(r)

    def report(x, status, residual_norm):
        return KrylovResult.of(watch, x, status, residual_norm, nmatvec=A.nmatvec - products_before)

    status = watch.start(start, norm(r))
    limit = norm(r) / float(np.finfo(b.dtype).eps)
    while status is Status.RUNNING:
        norms = np.empty(1 if watch.callback is not None else min(watch.left(), SWEEPS_AT_ONCE))
        x = x + 0  # the start, and what a callback was shown, stay what they are
        done = sweeps(*triangles, x, r, delta, norms, watch.goal, limit)
        A.nmatvec += done  # compiled products do not pass through A
        watch.count(norms[:done].tolist())
        if not watch.residuals[-1] <= limit:
            return report(watch.best_x, Status.DIVERGED, watch.best)
        if watch.callback is not None:
            watch.show(report(x, status, watch.residuals[-1]))
        status = watch.verdict(watch.residuals[-1])
        if status is not Status.RUNNING:
            r = b - A(x)
            status = watch.check(status, x, norm(r))
    return report(watch.best_x, status, watch.best)


@kernel(cpu="sparsesci._cpu.relaxation:sweeps")
def sweeps(A, diagonal, weight, omega, x, r, delta, norms, goal, limit):
    """Sweep on x and its residual r, in place, until the norm is at the goal or beyond the limit.

    Return how many entries of ``norms`` are filled, one a sweep. ``diagonal`` holds the positions of the diagonal in
    the data of A, ``weight`` is ``omega / d``, and ``delta`` room for a vector.
    """
    lower = [slice(int(A.indptr[i]), int(diagonal[i])) for i in range(x.size)]
    upper = [slice(int(diagonal[i]) + 1, int(A.indptr[i + 1])) for i in range(x.size)]
    for step in range(norms.size):
        for i, row in enumerate(lower):  # (D / omega + L) delta = r
            total = r[i] - A.data[row] @ delta[A.indices[row]]
            delta[i] = weight[i] * total
            r[i] = (1 - omega) * total
        x += delta
        for i, row in enumerate(upper):  # r = ((1 - omega) / omega D - U) delta
            r[i] -= A.data[row] @ delta[A.indices[row]]
        norms[step] = norm(r)
        if not goal < norms[step] <= limit:
            return step + 1
    return norms.size

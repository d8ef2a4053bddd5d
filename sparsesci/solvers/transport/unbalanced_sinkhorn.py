"""Scaling for entropic optimal transport with relaxed marginals, in the logarithmic domain.

Chizat, Peyré, Schmitzer, Vialard, *Scaling algorithms for unbalanced optimal transport problems*, Math. Comp. 87 (2018)
2563-2609, algorithm 1 with the proximal operator of the Kullback-Leibler divergence (section 5.2).

Deviations
----------
1. Every sum is a log-sum-exp, so that no absorption of the scalings into the kernel is needed.
2. The problem is brought to masses of 1 and a least cost of 0 first (`relaxed.py`).
3. The marginal error is not computed by a pass of its own: what the next sweep changes f by tells it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sparsesci._lib import xp
from sparsesci._lib.dispatch import public
from sparsesci._lib.iterate import Watch
from sparsesci._lib.result import Status

from ..krylov.result import warn_of_failure
from .checks import marginal_watch, regularisation, starting_potential
from .relaxed import RelaxedProblem, UnbalancedResult, penalties, relaxed_problem
from .sinkhorn import column_potentials, row_potentials


@public
def unbalanced_sinkhorn(
    a: Any,
    b: Any,
    C: Any,
    reg: float,
    *,
    rho: float | tuple,
    rtol: float = 1e-9,
    maxiter: int = 10_000,
    potentials: tuple | None = None,
    callback: Callable | None = None,
) -> UnbalancedResult:
    """Solve entropic optimal transport with relaxed marginals by scaling rows and columns in turn.

    Minimises what `unbalanced_newton` does, whose baseline it is. A sweep contracts the error by
    ``1 / ((1 + reg / rho_a) (1 + reg / rho_b))`` at the least: it takes some multiple of ``rho / reg`` sweeps.

    Parameters
    ----------
    a, b, C, reg, rho, rtol, potentials
        As in `unbalanced_newton`.
    maxiter : int
        The most sweeps; each costs 2 exponentials an arc.
    callback : callable, optional
        ``callback(intermediate_result)`` after every sweep, with an `UnbalancedResult` whose making costs half a sweep.
        Raise ``StopIteration`` in it to stop.

    Returns
    -------
    UnbalancedResult
        Where the rule was not met, ``success`` is False and a `ConvergenceWarning` gives the reason and advice.

    Raises
    ------
    ValueError, TypeError
        What `unbalanced_newton` raises.

    References
    ----------
    Chizat, Peyré, Schmitzer, Vialard, Math. Comp. 87 (2018) 2563-2609.

    Examples
    --------
    A single arc has the solution ``a^(rho_a / R) b^(rho_b / R) exp(-C / R)`` with ``R = rho_a + rho_b + reg``.

    >>> from sparsesci.solvers import unbalanced_sinkhorn
    >>> result = unbalanced_sinkhorn([2.0], [8.0], [[0.0]], reg=1e-3, rho=1.0)
    >>> round(float(result.plan[0, 0]), 2)
    4.0
    """
    reg = regularisation(reg)
    problem = relaxed_problem(a, b, C, reg, penalties(rho))
    g = problem.start(starting_potential(potentials, problem.normal))
    watch = marginal_watch(rtol, maxiter, callback)
    result = _solve(problem, reg, xp.zeros_like(problem.normal.b) if g is None else g, watch)
    warn_of_failure(result, stacklevel=3)
    return result


def _solve(problem: RelaxedProblem, reg: float, g: Any, watch: Watch) -> UnbalancedResult:
    normal = problem.normal
    namespace = xp.namespace(normal.a)
    log_a, log_b = reg * namespace.log(normal.a), reg * namespace.log(normal.b)
    of_rows, of_columns = (problem.kept_part(side, reg) for side in (0, 1))

    def rows(g):
        f = namespace.empty_like(normal.a)
        row_potentials(normal.C, g, normal.shift, reg, f)
        return of_rows * (f + log_a)

    f, status = rows(g), Status.RUNNING
    while status is Status.RUNNING:
        g = namespace.empty_like(normal.b)
        column_potentials(normal.C, f, normal.shift, reg, g)
        g = of_columns * (g + log_b)
        f_next = rows(g)
        wanted = problem.marginal(f, 0)
        change = namespace.minimum((f - f_next) / (of_rows * reg), namespace.full_like(f, 700.0))
        excess = wanted * namespace.expm1(change)
        mass = float(namespace.sum(wanted + excess))
        watch.count([float(namespace.sum(namespace.abs(excess))) / mass])
        status = watch.verdict(watch.residuals[-1])
        if status is Status.RUNNING:
            if watch.callback is not None:
                watch.show(UnbalancedResult.of_relaxed(problem, f, g, reg, status, watch))
                status = watch.verdict(watch.residuals[-1])
            f = f if status is not Status.RUNNING else f_next
    return UnbalancedResult.of_relaxed(problem, f, g, reg, status, watch)

"""Sinkhorn's iteration for entropic optimal transport, in the logarithmic domain.

Cuturi, *Sinkhorn distances: lightspeed computation of optimal transport*, NeurIPS 2013, algorithm 1, with its scalings
``u = exp(f / reg)`` and ``v = exp(g / reg)``; every sum is a log-sum-exp, so that no reg is too small.

Deviations
----------
1. The marginal error is not computed by a pass of its own: after a sweep the columns are exact, and what the next one
   changes f by tells what the row sums had been.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sparsesci._lib import xp
from sparsesci._lib.dispatch import kernel, public
from sparsesci._lib.result import Status

from ..krylov.result import warn_of_failure
from .checks import marginal_watch, regularisation, starting_potential, transport_problem
from .point_costs import BLOCK, PointCosts
from .result import OTResult
from .rows import only_columns


@public
def sinkhorn(
    a: Any,
    b: Any,
    C: Any,
    reg: float,
    *,
    rtol: float = 1e-9,
    maxiter: int = 10_000,
    potentials: tuple | None = None,
    callback: Callable | None = None,
) -> OTResult:
    """Solve entropic optimal transport by scaling rows and columns in turn.

    Minimises ``<C, P> + reg sum P (log P - 1)`` over the plans P with ``P 1 = a`` and ``P' 1 = b``. Robust, and slow
    where reg is small beside the costs: the number of sweeps grows like ``max(C) / reg`` and beyond. It is the baseline
    of `sinkhorn_newton`.

    Parameters
    ----------
    a, b, C, reg, rtol, potentials
        As in `sinkhorn_newton`.
    maxiter : int
        The most sweeps; each costs 2 exponentials an arc.
    callback : callable, optional
        ``callback(intermediate_result)`` after every sweep, with an `OTResult` whose making costs half a sweep. Raise
        ``StopIteration`` in it to stop.

    Returns
    -------
    OTResult
        Where the rule was not met, ``success`` is False and a `ConvergenceWarning` gives the reason and advice.

    Raises
    ------
    ValueError, TypeError
        What `sinkhorn_newton` raises.

    Notes
    -----
    Computed in float64 whatever the inputs are, and without a copy of C where that is float64.

    References
    ----------
    Cuturi, NeurIPS 2013. Schmitzer, SIAM J. Sci. Comput. 41 (2019) A1443-A1481, for the logarithmic domain.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsesci.solvers import sinkhorn
    >>> x, y = np.linspace(0, 1, 4), np.linspace(0, 1, 3)
    >>> result = sinkhorn(None, None, (x[:, None] - y) ** 2, reg=0.05)
    >>> result.success and bool(np.allclose(result.plan.sum(axis=1), 0.25))
    True
    """
    reg = regularisation(reg)
    problem = transport_problem(a, b, C)
    g = starting_potential(potentials, problem)
    watch = marginal_watch(rtol, maxiter, callback)
    result = _solve(problem, reg, xp.zeros_like(problem.b) if g is None else g, watch)
    warn_of_failure(result, stacklevel=3)
    return result


def _solve(problem, reg, g, watch) -> OTResult:
    a, b, C, shift = problem.a, problem.b, problem.C, problem.shift
    namespace = xp.namespace(a)
    log_a, log_b = reg * namespace.log(a), reg * namespace.log(b)

    def rows(g):
        f = namespace.empty_like(a)
        row_potentials(C, g, shift, reg, f)
        return f + log_a

    f, status = rows(g), Status.RUNNING
    while status is Status.RUNNING:
        g = namespace.empty_like(b)
        column_potentials(C, f, shift, reg, g)
        g = g + log_b
        f_next = rows(g)
        change = namespace.minimum((f - f_next) / reg, namespace.full_like(f, 700.0))
        watch.count([float(xp.vdot(a, namespace.abs(namespace.expm1(change))))])
        status = watch.verdict(watch.residuals[-1])
        if status is Status.RUNNING:
            if watch.callback is not None:
                watch.show(OTResult.of(problem, f, g, reg, status, watch))
                status = watch.verdict(watch.residuals[-1])
            f = f if status is not Status.RUNNING else f_next
    return OTResult.of(problem, f, g, reg, status, watch)


def extended(f: Any, C: Any, shift: float, reg: float) -> Any:
    """Return ``g_j = -reg log sum_i exp((f_i - C_ij + shift) / reg)``, some columns at a time of costs not stored."""
    namespace, m = xp.namespace(f), C.shape[1]
    parts, at_once = [], max(1, BLOCK // C.shape[0]) if isinstance(C, PointCosts) else m
    for begin in range(0, m, at_once):
        block = C
        if isinstance(C, PointCosts):
            block = PointCosts(C.X, C.Y[begin : min(m, begin + at_once), :], C.metric)[:]
        g = namespace.empty((block.shape[1],), dtype=f.dtype, device=xp.device(f))
        column_potentials(block, f, shift, reg, g)
        parts.append(g)
    return namespace.concat(parts)


def extended_to(missed: Any, f: Any, C: Any, shift: float, reg: float) -> Any:
    """Return `extended` at the columns that are marked as missed; the other entries mean nothing."""
    namespace = xp.namespace(missed)
    g = extended(f, only_columns(C, namespace.nonzero(missed)[0]), shift, reg)
    place = namespace.cumulative_sum(namespace.astype(missed, namespace.int64)) - 1
    return namespace.take(g, namespace.where(missed, place, 0 * place), axis=0)


@kernel(cpu="sparsesci._cpu.transport:row_potentials")
def row_potentials(C, g, shift, reg, f):
    """Fill ``f_i = -reg log sum_j exp((g_j - C_ij + shift) / reg)``."""
    namespace = xp.namespace(C)
    z = g[None, :] - (C - shift)
    top = namespace.max(z, axis=1)
    f[:] = -top - reg * namespace.log(namespace.sum(namespace.exp((z - top[:, None]) / reg), axis=1))


@kernel(cpu="sparsesci._cpu.transport:column_potentials")
def column_potentials(C, f, shift, reg, g):
    """Fill ``g_j = -reg log sum_i exp((f_i - C_ij + shift) / reg)``."""
    namespace = xp.namespace(C)
    z = f[:, None] - (C - shift)
    top = namespace.max(z, axis=0)
    g[:] = -top - reg * namespace.log(namespace.sum(namespace.exp((z - top[None, :]) / reg), axis=0))

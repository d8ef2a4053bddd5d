"""Entropic optimal transport between many points, by Newton's method on costs that are never stored.

Schmitzer, *Stabilized sparse scaling algorithms for entropy regularized transport problems*, SIAM J. Sci. Comput. 41
(2019) A1443-A1481, for the walk from few points and a large reg to all points and a small one; Newton's method is that
of `sinkhorn_newton`.

Deviations
----------
1. There are two levels only: the coarse one, of `COARSE` points a side, is solved with stored costs.
2. It is left for the level of all points at the reg where the rows of its plan hold fewer than `CROWD` entries: below
   that, the plan tells the coarse points apart. At larger regs it stands for all points.
3. From one level to the other the potentials are extended by a half step of Sinkhorn, whose formula holds at any point,
   and not interpolated: it needs the costs alone.
4. No neighbourhoods are kept: which arcs matter is found again in every pass, surely, by bounds (`leaves.py`). Metrics
   without bounds have lists of arcs (`rows.py`), or where these would be too long the costs are evaluated again.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np

from sparsesci._lib import xp
from sparsesci._lib.iterate import Watch
from sparsesci._lib.parallel import thread_limit, worker_map

from .checks import Problem, marginal_watch, n_threads, regularisation, starting_potential
from .leaves import LeafRows, cut_order
from .point_costs import PointCosts, point_problem
from .result import OTResult
from .rows import CUT, ListedRows, Scaling, SparsePlan, rows_of
from .sinkhorn import extended
from .sinkhorn_newton import FAST, FIRST, SLOW, FixedMarginals, Newton, solve

COARSE = 1024  # points of a side at the coarse level, where there are at least twice as many
CROWD = 10.0
ENOUGH_STEPS = 1000  # of the coarse level, where a step is cheap


def solve_lazily(
    a: Any,
    b: Any,
    X: Any,
    Y: Any,
    metric: str | Callable,
    reg: float,
    *,
    method: str = "auto",
    rtol: float = 1e-9,
    maxiter: int | None = None,
    potentials: tuple | None = None,
    callback: Callable | None = None,
    workers: Any = None,
) -> OTResult:
    """Do what `solve_ot_sample` promises of ``lazy=True``, but for the warning."""
    reg = regularisation(reg)
    if method not in ("auto", "newton"):
        raise ValueError(f"method is {method!r} and lazy True: lazy costs are solved by 'newton' (or 'auto') alone")
    n_chunks = n_threads(workers)
    problem = point_problem(a, b, X, Y, metric)
    g = starting_potential(potentials, problem)
    watch = marginal_watch(rtol, 200 if maxiter is None else maxiter, callback)
    with thread_limit(1), worker_map(workers) as run:  # threads of BLAS would only wait: its products are small
        first, made = math.inf, []

        def make_rows(part):
            made.append(_rows(part, run, n_chunks))
            return made[0]

        if g is None and math.prod(problem.C.shape) >= 4 * COARSE**2:
            g, first = coarse_start(problem, reg)
        result = solve(problem, reg, g, watch, make_rows, first)
    return replace(result, message=f"{result.message}; by sinkhorn_newton, {_story(made[0], reg)}")


def _rows(problem: Problem, run: Callable = map, n_chunks: int = 1) -> Any:
    """Return what fills the rows of a problem."""
    C = problem.C
    if isinstance(C, PointCosts) and C.has_leaves:
        return LeafRows(C, problem.a, problem.shift, run, n_chunks)
    return rows_of(problem, run, n_chunks)


def _story(rows: Any, reg: float) -> str:
    if isinstance(rows, LeafRows):
        return "costs computed in every pass where bounds of the metric say that they matter"
    if isinstance(rows, ListedRows) and (CUT + math.log(rows.C.shape[1])) * reg < rows.too_dense_above:
        return "arcs that matter listed by passes over all costs"
    return "all costs computed in every pass, as the plan is too dense to be stored; a smaller reg is faster"


def coarse_start(problem: Problem, reg: float) -> tuple:
    """Return column potentials from the problem between few points, and the reg from which they are good."""
    C = problem.C
    X, a = coarse_points(C.X, problem.a, callable(C.metric))
    Y, b = coarse_points(C.Y, problem.b, callable(C.metric))
    few = PointCosts(X, Y, C.metric)
    coarse = replace(problem, a=a, b=b, C=few if few.has_leaves else few[:])
    dual = FixedMarginals(coarse, _rows)
    newton = Newton(dual, 0.0, Watch(1.0, rtol=0.0, atol=0.0, maxiter=ENOUGH_STEPS))
    stage, g = max(reg, problem.span / FIRST), xp.zeros_like(b)
    while True:
        newton.begin(g, stage).run()
        g = newton.at.g
        if stage == reg or not newton.is_solved() or crowd(dual.rows.plan(newton.at, stage), newton.at, a) < CROWD:
            g = extended(newton.at.f, PointCosts(X, C.Y, C.metric), problem.shift, stage)
            return g + stage * xp.namespace(g).log(problem.b), stage
        stage /= FAST if newton.steps <= 1 else SLOW
        stage = stage if stage > 1.5 * reg else reg


def coarse_points(X: Any, weights: Any, are_members: bool) -> tuple:
    """Return few points in the place of X, and their weights: the means of pieces, or the members nearest to them."""
    host, w = xp.to_host(X), xp.to_host(weights)
    levels = max(0, min(int(math.log2(COARSE)), int(math.log2(w.size))))
    order = cut_order(host, levels)
    bounds = np.arange(2**levels + 1) * w.size // 2**levels
    masses = np.add.reduceat(w[order], bounds[:-1])
    means = np.add.reduceat(w[order, None] * host[order], bounds[:-1]) / masses[:, None]
    if are_members:
        away = np.sum((host[order] - np.repeat(means, np.diff(bounds), axis=0)) ** 2, axis=1)
        nearest = [begin + int(np.argmin(away[begin:end])) for begin, end in pairwise(bounds)]
        means = host[order[nearest]]
    return xp.to_like(means, X), xp.to_like(masses, X)


def crowd(P: Any, at: Scaling, a: Any) -> float:
    """Return how many columns share a row of the plan: the harmonic mean of ``1 / sum_j (P_ij / a_i)^2``."""
    namespace = xp.namespace(a)
    if isinstance(P, SparsePlan):
        row = np.repeat(np.arange(a.size), np.diff(P.indptr))
        return 1 / float(np.sum(P.data[: row.size] ** 2 / a[row]))
    if hasattr(P, "product"):  # not stored
        return 1 / float(namespace.sum(at.columns - P.diagonal()))
    return 1 / float(namespace.sum(P * P / a[:, None]))

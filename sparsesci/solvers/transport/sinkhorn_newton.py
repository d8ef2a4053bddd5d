"""Sinkhorn-Newton-Sparse: Newton's method on the semi-dual of entropic optimal transport, with a sparse, exact Hessian.

Tang, Shavlovsky, Rahmanian, Tardini, Thekumparampil, Xiao, Ying, *Accelerating Sinkhorn algorithm with sparse Newton
iterations*, ICLR 2024. Their algorithm 1 as it was published is ``hessian="paper"`` (`published.py`).

Deviations
----------
1. Newton runs on the semi-dual: the rows are exact by log-sum-exp (`rows.py`), nothing overflows, half of the unknowns
   are gone, and the Hessian is the Schur complement ``diag(P'1) - P' diag(a)^-1 P`` of the paper's.
2. The plan is truncated at rounding, below ``exp(-(37 + log m))`` of the largest entry of a row: the Hessian is sparse
   and right at once, convergence quadratic, and there is no sparsity to choose.
3. reg comes down to its value by factors of `FAST` or `SLOW` (epsilon-scaling): the paper's first sweeps at the last
   reg need not come near. A stage ends at the marginal error `STAGE_ERROR`: by ten times that, a hundred columns of
   small weight could hide a long way off until the last stage, and cost it a thousand steps.
4. The next stage begins at the potentials extrapolated linearly in reg through the last two: they are smooth in reg.
5. `SWEEPS` sweeps of Sinkhorn begin a stage, as in the paper; a column that holds less than truncation may have taken
   from it is scaled with every arc: what is left of it may be that of rows of no weight.
6. The paper damps nothing. Where the plan falls apart into pieces the Hessian has a null vector for each, and nearly
   null ones where it nearly does: a shift of ``mu ||gradient||_1 max(b, P'1)`` (Levenberg) keeps the step finite, also
   of a column that holds far more than its weight and all of a row, and vanishes as fast as the gradient. A column with
   less than `STARVED` of its mass is held back by what it lacks: by itself it would take a step ``b_j / (P'1)_j`` long,
   and shorten that of all others.
7. The line search looks at slopes, not values: on a concave function ``slope(t) >= -slope(0) / 2`` tells that the step
   did not go far beyond the maximum, and is right where values differ by rounding only. A step at whose end the
   function still rises half as steeply is made longer: pieces of the plan that hardly touch have a long way to go.
8. Conjugate gradients are stopped at the relative error of the gradient, so that convergence is quadratic, or where
   that would be more than the goal asks for.
9. The lightest columns, which weigh less than `LIGHT` of the goal together, are left out, and get the potentials of a
   half step of Sinkhorn at the end (`light_columns.py`): truncation may hide all that they hold, and Newton's method
   would then lead them past where they belong.
10. A step after which the error is larger than before ends in a sweep: a column that has been led past where it belongs
    is put right at once.
11. A stage that takes more than `PATIENCE` steps is given up: the next one is tried half-way to it, in the logarithm.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

from sparsesci._lib import xp
from sparsesci._lib.dispatch import public
from sparsesci._lib.iterate import Watch
from sparsesci._lib.parallel import thread_limit, worker_map
from sparsesci._lib.result import Status
from sparsesci._lib.xp import vdot

from ..krylov.result import warn_of_failure
from .checks import marginal_watch, n_threads, regularisation, starting_potential, transport_problem
from .direction import direction
from .light_columns import LightColumns
from .published import published
from .result import OTResult
from .rows import CUT, Scaling, rows_of
from .sinkhorn import extended_to

FAST, SLOW = 4.0, 2.0  # factors of reg after a stage of at most one Newton step, and after others
FIRST = 20.0  # the first reg is the span of the costs divided by this: every plan is dense there, and easy
SWEEPS, SWEPT = 3, 0.5  # of a dual that allows for more, as long as the error is above SWEPT
STAGE_ERROR = 3e-3  # of a stage that is not the last
LIGHT = 0.01  # of the goal
ENOUGH = 0.03  # times the goal: no direction is sought that leaves a smaller error
STARVED = 0.25  # the part of its mass below which a column is held back
STAGE_CUT = 9.0  # plus log m: the truncation of a stage errs by 1e-4, that of the last, by CUT, by rounding
LONGEST_STEP = 20.0  # in units of reg: a factor exp(20) of an entry
MU, MU_LEAST, MU_MOST = 1e-2, 1e-4, 10.0
PATIENCE = 40
STALLED = 25  # steps of the last stage without a better plan
ROUNDING = 1e-12  # below that long steps too, between parts of a plan that do not touch, are rounding
NEAR = 0.2  # the marginal error from which a warm start needs no epsilon-scaling
ONE_THREAD_BELOW = 2000 * 2000  # arcs: handing out the rows of fewer takes longer than it saves


@public
def sinkhorn_newton(
    a: Any,
    b: Any,
    C: Any,
    reg: float,
    *,
    rtol: float = 1e-9,
    maxiter: int = 200,
    potentials: tuple | None = None,
    hessian: str = "exact",
    n_sinkhorn: int = 20,
    sparsity: float | None = None,
    callback: Callable | None = None,
    workers: int | None = None,
) -> OTResult:
    """Solve entropic optimal transport by Newton's method with sparse Hessians.

    Minimises ``<C, P> + reg sum P (log P - 1)`` over the plans P with ``P 1 = a`` and ``P' 1 = b``: 5 to 30 Newton
    steps, where `sinkhorn` takes thousands of sweeps.

    Parameters
    ----------
    a, b : array (n,), (m,), or None
        Weights >= 0 of equal mass (to 1e-6, relatively: b is scaled to the mass of a); None is uniform, of mass 1.
    C : array (n, m)
        Costs; +inf forbids an arc.
    reg : float
        The regularisation, in units of cost.
    rtol : float
        The rule is ``||P 1 - a||_1 + ||P' 1 - b||_1 <= rtol * sum(a)``, confirmed with every entry of the plan.
    maxiter : int
        The most Newton steps, over all stages.
    potentials : tuple, optional
        ``result.potentials`` of a similar problem; only g is used, since f follows from it. Where they are near, the
        path of larger regs is left out.
    hessian : {"exact", "paper"}
        "paper" is the published method, for comparison: it needs its two parameters chosen, and fails on dense plans.
    n_sinkhorn : int
        Sweeps before the first Newton step; for ``hessian="paper"`` alone.
    sparsity : float, optional
        The part of the entries of the plan that the Hessian keeps, default ``4 / max(n, m)``; for ``hessian="paper"``
        alone. (The paper states 2/n; its figures are met with 4/n.)
    callback : callable, optional
        ``callback(intermediate_result)`` after every Newton step, with an `OTResult` at the momentary reg whose making
        costs a pass over C. Raise ``StopIteration`` in it to stop.
    workers : int, optional
        Threads that share the rows of costs in host memory, from 2000 x 2000 arcs on: fewer are left to one thread. -1
        is one a core. The result is the same to rounding, and to the last bit for the same number of threads. By
        default one thread fills the rows, and BLAS has its own.

    Returns
    -------
    OTResult
        Where the rule was not met, ``success`` is False and a `ConvergenceWarning` gives the reason and advice.

    Raises
    ------
    ValueError, TypeError
        NaN or -inf costs, reg <= 0, negative weights, unequal masses, shapes that do not match, a row of positive
        weight whose arcs are all forbidden: before any work.

    Notes
    -----
    A Newton step costs a pass over the arcs that are listed as near (a few per cent of all where reg is small) and 10
    to 100 products with the sparse plan. C is read as a whole about once a stage, of which there are
    ``log(max(C) / reg)``. Computed in float64 whatever the inputs are, and without a copy of C where that is float64.
    Below a thousand points, the exact plan (``solve_ot`` with reg = 0) takes no longer.

    References
    ----------
    Tang, Shavlovsky, Rahmanian, Tardini, Thekumparampil, Xiao, Ying, ICLR 2024 (arXiv:2401.12253).

    Examples
    --------
    >>> import numpy as np
    >>> from sparsesci.solvers import sinkhorn_newton
    >>> C = np.random.default_rng(17).random((300, 300))
    >>> result = sinkhorn_newton(None, None, C, reg=1e-3)
    >>> result.success and result.nit < 20 and result.marginal_error < 1e-9
    True
    """
    reg, n_chunks = regularisation(reg), n_threads(workers)
    problem = transport_problem(a, b, C)
    g = starting_potential(potentials, problem)
    watch = marginal_watch(rtol, maxiter, callback)
    if hessian not in ("exact", "paper"):
        raise ValueError(f"hessian is {hessian!r}: accepted are 'exact' and 'paper'")
    if hessian == "paper" and workers is not None:
        raise ValueError(f"workers is {workers!r} and hessian 'paper': threads share the rows of 'exact' alone")
    if math.prod(problem.C.shape) < ONE_THREAD_BELOW:
        n_chunks = workers = 1
    with nullcontext() if workers is None else thread_limit(1), worker_map(workers) as run:
        if hessian == "paper":
            result = published(problem, reg, g, watch, n_sinkhorn=n_sinkhorn, sparsity=sparsity)
        else:
            result = solve(problem, reg, g, watch, lambda part: rows_of(part, run, n_chunks))
    warn_of_failure(result, stacklevel=3)
    return result


def solve(
    problem, reg: float, g: Any, watch: Watch, make_rows: Callable = rows_of, first: float = math.inf
) -> OTResult:
    """Walk down the stages to reg; g is a guess of the column potentials, or None.

    ``make_rows(part)`` returns what fills the rows of a part of the problem. The first stage is at most ``first``:
    where g is known to be good from there.
    """
    dual = FixedMarginals(problem, make_rows, LIGHT * watch.goal)
    newton, g = Newton(dual, reg, watch), None if g is None else dual.columns.heavy(g)
    if g is not None and newton.begin(g, reg).error <= NEAR and (status := newton.run()) is not Status.RUNNING:
        return newton.result(status)
    stage = first = max(reg, min(first, problem.span / FIRST))
    g = xp.zeros_like(dual.problem.b) if g is None else g
    solved: list[tuple] = []  # (reg, g) of the last two stages
    while True:
        newton.begin(_extrapolated(solved, stage) if solved else g, stage)
        status = newton.run()
        if status is not Status.RUNNING:
            return newton.result(status)
        if newton.is_solved():
            solved = [*solved[-1:], (stage, newton.at.g)]
            following = stage / (FAST if newton.steps <= 1 else SLOW)
            stage = following if following > 1.5 * reg else reg
        else:
            above = solved[-1][0] if solved else FIRST * first
            first = max(first, stage)
            stage = math.sqrt(stage * above)
            if above < 1.01 * stage:  # no way is left to come nearer
                return newton.result(Status.STAGNATED)
            solved = solved[-1:]  # without extrapolation


def _extrapolated(solved: list[tuple], reg: float) -> Any:
    """Return g at reg on the line through the last two stages."""
    last, g = solved[-1]
    if len(solved) == 1:
        return g
    before, g_before = solved[0]
    return g + (reg - last) / (last - before) * (g - g_before)


class Newton:
    """Newton's method at one reg after the other; ``at`` is the semi-dual where it stands, ``error`` its L1 gradient.

    Parameters
    ----------
    dual : FixedMarginals or unbalanced.RelaxedMarginals
        The concave function that is maximised: its values, sweeps and directions.
    reg : float
        The last reg: only there the iteration may succeed.
    watch : Watch
        Counts the steps.
    """

    def __init__(self, dual, reg: float, watch: Watch):
        self.dual, self.last, self.watch = dual, reg, watch
        self.reg, self.at, self.error, self.steps = reg, None, math.inf, 0
        self.best, self.best_error = None, math.inf
        self.moved = math.inf  # how far the last step went, in units of reg

    def begin(self, g: Any, reg: float) -> Newton:
        """Begin a stage by sweeps of Sinkhorn."""
        self.reg, self.steps, self.mu = reg, 0, MU
        self.cut = math.log(g.shape[0]) + (CUT if reg == self.last else STAGE_CUT)
        self._stand(self.dual.at(g, reg, self.cut))
        n_sweeps = 0
        while n_sweeps < SWEEPS or (n_sweeps < self.dual.most_sweeps and not self.error < SWEPT):
            self._stand(self.dual.at(self.dual.sweep(self.at, reg, self.cut), reg, self.cut))
            n_sweeps += 1
        return self

    def run(self) -> Status:
        """Do Newton steps until the stage is solved, or given up; RUNNING is returned in both cases, but for the last.

        At the last reg CONVERGED, and anywhere MAXITER or STOPPED_BY_CALLBACK end the iteration.
        """
        watch, is_last = self.watch, self.reg == self.last
        best, best_step, moved = self.error, 0, 0.0
        if is_last:
            watch.residuals.append(self.error)
        while not self.is_solved():
            if not math.isfinite(self.error):
                return Status.NOT_FINITE
            if watch.tired() or watch.stopped:
                break
            if self.steps >= PATIENCE and not (is_last and self.error < 1e-3 and self.steps - best_step < STALLED):
                return Status.RUNNING
            self._step()
            watch.count([self.error])
            if self.error < 0.99 * best:
                best, best_step, moved = self.error, self.steps, 0.0
            moved = max(moved, self.moved)
            at_rest = moved < 1 or best < ROUNDING
            if is_last and best < 1e-6 and self.steps - best_step >= STALLED // 3 and at_rest:
                return Status.STAGNATED
            if watch.callback is not None:
                watch.show(self.result(Status.RUNNING))
        if is_last or watch.tired() or watch.stopped:
            return watch.verdict(self.error if is_last else math.inf)
        return Status.RUNNING

    def is_solved(self) -> bool:
        """Whether the stage has done its part."""
        if self.reg == self.last:
            return self.watch.solved(self.error)
        return self.error <= STAGE_ERROR

    def result(self, status: Status) -> OTResult:
        """Return what was found."""
        if status is Status.RUNNING:
            return self.dual.result(self.at, self.reg, status, self.watch)
        at = self.at if self.best is None else self.best
        if self.best is None and self.reg != self.last:  # stopped on the way: the rows at least are exact
            at = self.dual.at(at.g, self.last, math.log(at.g.shape[0]) + CUT)
        return self.dual.result(at, self.last, status, self.watch)

    def _step(self) -> None:
        """Step along Newton's direction as far as the slope along it says."""
        namespace = xp.namespace(self.gradient)
        goal = self.watch.goal if self.reg == self.last else STAGE_ERROR
        rtol = min(0.1, max(self.error, ENOUGH * goal / self.error))
        x = self.dual.direction(self.at, self.reg, self.gradient, self.mu * self.error, rtol)
        slope = float(vdot(self.gradient, x))
        longest = float(namespace.max(namespace.abs(x)))
        t = LONGEST_STEP / longest if longest > LONGEST_STEP else 1.0
        error, g, uphill = self.error, self.at.g, None
        for _ in range(30):
            self._stand(self.dual.at(g + (self.reg * t) * x, self.reg, self.cut))
            new_slope = float(vdot(self.gradient, x))
            if not (new_slope >= -0.5 * slope or self.error < 0.5 * error):
                if uphill is not None:  # the step before was good, and this one is too long
                    t, at = uphill
                    self._stand(at)
                    break
                t *= min(0.5, max(0.1, slope / (slope - new_slope)))
            elif new_slope > 0.5 * slope and self.error > 0.5 * error:
                uphill, t = (t, self.at), 4 * t
            else:
                break
        if self.error > error:
            self._stand(self.dual.at(self.dual.sweep(self.at, self.reg, self.cut), self.reg, self.cut))
        self.moved = t * longest
        if t < 0.3:
            self.mu = min(4 * self.mu, MU_MOST / error)
        elif t >= 1:
            self.mu = max(self.mu / 2, MU_LEAST)
        self.steps += 1

    def _stand(self, at: Any) -> None:
        self.at, self.gradient = at, self.dual.gradient(at)
        self.error = self.dual.error(at, self.gradient)
        if self.reg == self.last and self.error < self.best_error:
            self.best, self.best_error = at, self.error


class FixedMarginals:
    """The semi-dual of a transport problem with both marginals fixed.

    Parameters
    ----------
    problem : Problem
        Weights and costs.
    make_rows : callable
        Returns what fills the rows of a problem: `DenseRows`, `ListedRows` or `LeafRows`.
    negligible : float
        The weight of columns that are left out.
    """

    most_sweeps = 0  # beyond those that begin every stage

    def __init__(self, problem, make_rows: Callable, negligible: float = 0.0):
        self.columns = LightColumns.of(problem, negligible)
        self.problem = self.columns.without()
        self.rows = make_rows(self.problem)
        self.at = self.rows.at

    def gradient(self, at: Scaling) -> Any:
        """Return the derivative by g."""
        return self.problem.b - at.columns

    def error(self, at: Scaling, gradient: Any) -> float:
        """Return the marginal error, to which light columns add their weight: the rows hold it beside their own."""
        namespace = xp.namespace(gradient)
        return float(namespace.sum(namespace.abs(gradient))) + self.columns.weight

    def sweep(self, at: Scaling, reg: float, cut: float) -> Any:
        """Return g after the columns are scaled to their weights."""
        b, namespace = self.problem.b, xp.namespace(at.g)
        reached = at.columns > math.exp(-cut)  # what truncation may have taken from a column, at the most
        g = at.g + reg * namespace.log(b / namespace.where(reached, at.columns, b))
        return g if bool(namespace.all(reached)) else namespace.where(reached, g, self._reach(at, reached, reg))

    def direction(self, at: Scaling, reg: float, gradient: Any, mu: float, rtol: float) -> Any:
        """Return Newton's direction at the damping mu, in units of reg."""
        b, namespace = self.problem.b, xp.namespace(gradient)
        starved = STARVED * b - at.columns
        damping = mu * namespace.maximum(b, at.columns) + namespace.where(starved > 0, starved, 0 * starved)
        P, rows = self.rows.plan(at, reg), self.rows
        return direction(P, self.problem.a, at.columns, damping, gradient, rtol, rows.run, rows.n_chunks)

    def result(self, at: Scaling, reg: float, status: Status, watch: Watch) -> OTResult:
        """Return the result at a point."""
        return OTResult.of(self.columns.problem, at.f, self.columns.joined(at.f, at.g, reg), reg, status, watch)

    def _reach(self, at: Scaling, reached: Any, reg: float) -> Any:
        """Return the potentials of the columns that are not reached, from all rows."""
        problem = self.problem
        exact = extended_to(~reached, at.f, problem.C, problem.shift, reg)
        return exact + reg * xp.namespace(exact).log(problem.b)

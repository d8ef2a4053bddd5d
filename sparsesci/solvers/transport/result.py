"""What the solvers of optimal transport return."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from sparsesci._lib import xp
from sparsesci._lib.dispatch import kernel
from sparsesci._lib.iterate import Watch
from sparsesci._lib.result import Result, Status

from .checks import Problem
from .feasibility import check_problem
from .point_costs import PointCosts
from .rows import CUT, row_blocks

ROWS_AT_ONCE = 256
LARGEST_PLAN = 10**8  # entries of a dense plan of costs that were too many to be stored

ADVICE = {
    Status.MAXITER: "maxiter is used up: raise maxiter or reg, relax rtol, or start from potentials of a larger reg",
    Status.STAGNATED: "stagnated: rounding errors keep the marginals from getting better; relax rtol or raise reg",
    Status.STOPPED_BY_CALLBACK: "stopped by the callback",
    Status.NOT_FINITE: "the potentials overflow: reg is too small for costs of this scale; raise reg",
}
FORBIDDEN = " (the forbidden arcs, of cost +inf, may leave no plan with these marginals)"
FAILURES = (Status.MAXITER, Status.STAGNATED, Status.NOT_FINITE)  # for which that no plan exists is a reason


class OTGradient(NamedTuple):
    """Derivatives of ``value`` by the weights, up to the gauge of ``potentials``, and for samples by the points."""

    a: Any
    b: Any
    X: Any = None
    Y: Any = None


@dataclass(frozen=True, repr=False, eq=False)
class OTResult(Result):
    """The answer of a transport solver; the plan is built from it on demand.

    Attributes
    ----------
    x : tuple of array (n,) and (m,)
        The dual variables (u, v) in units of cost, as they were computed: those of ``C - shift``, so that
        ``exp((u_i + v_j - (C_ij - shift)) / reg)`` is the plan to all digits, however large the costs are.
    status : Status
        How the iteration ended; ``success`` is whether its stopping rule was met.
    message : str
        The same in words, with the marginal error and what was chosen; a failure ends in advice.
    nit : int
        Iterations: Newton steps, or sweeps of scaling.
    time : float
        Wall-clock seconds.
    cost : float
        ``<C, P>``, what the plan costs.
    value : float
        ``<C, P> + reg sum_ij P_ij (log P_ij - 1)``, the least that is possible: entropy is taken against the counting
        measure and with the -1, so that ``P = exp((f_i + g_j - C_ij) / reg)`` without any factor. Computed from the
        dual, whose error is the square of that of the potentials.
    marginal_error : float
        ``(||P 1 - a||_1 + ||P' 1 - b||_1) / sum(a)``, recomputed from x with every entry of the plan.
    residuals : tuple of float
        The same error at the start and after each iteration, as the iteration sees it: of the plan at its momentary
        reg, with one marginal exact.
    reg : float
        The regularisation; 0 for an exact plan.
    a, b : array (n,), (m,)
        The weights, with b scaled to the mass of a.
    C : array (n, m) or PointCosts
        The costs: the array that was given, where that was float64. It is not copied; do not change it before the plan
        is built. With ``lazy=True`` rows of them are made by ``C[begin:end]``.
    shift : float
        The least cost.
    flow : csr_array or None
        The plan itself, where reg is 0.
    samples : tuple or None
        Points X and Y and the metric, from `solve_ot_sample`.
    """

    cost: float
    value: float
    marginal_error: float
    residuals: tuple
    reg: float
    a: Any
    b: Any
    C: Any
    shift: float
    flow: Any = None
    samples: tuple | None = None

    @property
    def plan(self) -> Any:
        """The plan P, a dense array (n, m); built at each access. Rows and columns without weight are zeros."""
        if self.flow is not None:
            return self.flow.toarray()
        f, g = self.x
        C = self.C
        if isinstance(C, PointCosts):
            n, m = C.shape
            if n * m > LARGEST_PLAN:
                raise ValueError(f"the plan has {n} x {m} entries, too many for a dense array: take sparse_plan()")
            C = C[:]
        return xp.namespace(f).exp((f[:, None] + g[None, :] - (C - self.shift)) / self.reg)

    @property
    def potentials(self) -> tuple:
        """The potentials (f, g) in units of cost, those that a warm start takes; -inf where the weight is zero.

        ``P = exp((f_i + g_j - C_ij) / reg)`` leaves ``(f + t, g - t)`` open for any number t: here
        ``sum a_i f_i = sum b_j g_j``. Where the plan falls apart into parts that share no arc, each has a freedom of
        its own, which is left as the solver ended.
        """
        f, g = self.x
        centre = (_mean(f, self.a) - _mean(g, self.b)) / 2
        return f - centre + self.shift / 2, g + centre + self.shift / 2

    def gradient(self) -> OTGradient:
        """Return the derivatives of ``value``, by the envelope theorem: those by a and b are the potentials.

        They hold for changes that keep both masses equal; for such, the gauge does not matter. Those by the points X
        and Y hold the plan fixed and derive its cost; one set of points is then (n, d) numbers. They are None where
        there are no points, or a metric that is a function.
        """
        if self.samples is None or callable(self.samples[2]):
            return OTGradient(*self.potentials)
        if not isinstance(self.C, PointCosts):
            return OTGradient(*self.potentials, *_point_gradients(*self.samples, xp.to_like(self.plan, self.a)))
        if self.C.has_leaves:
            rows, places, parts = self._leaves()
            by_points = (np.zeros_like(points) for points in self.samples[:2])
            pulls = rows.sums(*parts, self.reg, CUT + math.log(self.b.size))[3:]
            for whole, place, pull in zip(by_points := tuple(by_points), places, pulls, strict=True):
                whole[place] = pull
            return OTGradient(*self.potentials, *by_points)
        (X, Y, metric), (f, g), namespace = self.samples, self.x, xp.namespace(self.a)
        by_x, by_y = [], 0
        for own, C in row_blocks(self.C):
            P = namespace.exp((f[own][:, None] + g[None, :] - (C - self.shift)) / self.reg)
            one, other = _point_gradients(X[own, :], Y, metric, P)
            by_x.append(one)
            by_y = by_y + other
        return OTGradient(*self.potentials, namespace.concat(by_x), by_y)

    def sparse_plan(self, threshold: float | None = None) -> Any:
        """Return the entries of the plan above ``threshold`` as a ``csr_array`` in host memory.

        The dense plan is never formed. By default the entries that are left out sum to less than one unit of rounding
        of the mass.
        """
        from scipy.sparse import csr_array

        n, m = self.C.shape
        mass = float(xp.namespace(self.a).sum(self.a))
        threshold = np.finfo(float).eps * mass / (n * m) if threshold is None else float(threshold)
        if not threshold >= 0:
            raise ValueError(f"threshold is {threshold!r}: a number >= 0 is needed")
        if self.flow is not None:
            rows, columns = self.flow.nonzero()
            kept = self.flow.data > threshold
            return csr_array((self.flow.data[kept], (rows[kept], columns[kept])), shape=(n, m))
        limit = self.reg * math.log(threshold) if threshold > 0 else -math.inf
        if threshold > 0 and isinstance(self.C, PointCosts) and self.C.has_leaves:
            leaves, places, parts = self._leaves()
            rows, columns, exponents = leaves.entries(*parts, self.reg, limit)
            entries = np.exp(exponents / self.reg)
            return csr_array((entries, (places[0][rows], places[1][columns])), shape=(n, m))
        f, g = (xp.to_host(part) for part in self.x)
        C = xp.to_host(self.C)
        counts, indices, entries = [], [], []
        for begin in range(0, n, ROWS_AT_ONCE):
            rows = slice(begin, begin + ROWS_AT_ONCE)
            z = f[rows, None] + g - (C[rows] - self.shift)
            i, j = np.nonzero(z > limit)
            counts.append(np.bincount(i, minlength=z.shape[0]))
            indices.append(j)
            entries.append(np.exp(z[i, j] / self.reg))
        indptr = np.concatenate([[0], np.cumsum(np.concatenate(counts))])
        return csr_array((np.concatenate(entries), np.concatenate(indices), indptr), shape=(n, m))

    def _leaves(self) -> tuple:
        """Return `LeafRows` of the points of positive weight, the places of both, and their potentials."""
        places, parts, C = [], [], self.C
        for axis, (potential, weights) in enumerate(zip(self.x, (self.a, self.b), strict=True)):
            kept = np.flatnonzero(weights > 0)
            C = C if kept.size == weights.size else C.only(kept, axis)
            places.append(kept)
            parts.append(potential[kept])
        return C.leaf_rows(self.a[places[0]], self.shift), places, parts

    @classmethod
    def of(cls, problem: Problem, u: Any, v: Any, reg: float, status: Status, watch: Watch, *, note: str = ""):
        """Return the result for potentials u, v of the positive weights and mass 1; the note ends the message."""
        namespace = xp.namespace(u)
        cost, rows, columns = _sums_of(problem.C, problem.a, u, v, problem.shift, reg)
        error = sum(
            float(namespace.sum(namespace.abs(found - wanted)))
            for found, wanted in ((rows, problem.a), (columns, problem.b))
        )
        total, mass = float(namespace.sum(rows)), problem.mass
        level = reg * math.log(mass)
        dual = float(xp.vdot(problem.a, u)) + float(xp.vdot(problem.b, v)) + problem.shift - reg * total + level
        if status is Status.CONVERGED and not watch.solved(error):
            status = Status.STAGNATED
        story = story_of(error, watch, status, note)
        if status in FAILURES and not check_problem(problem):
            story += FORBIDDEN
        a, b, C = problem.whole
        return cls(
            x=(problem.full(u + level, 0), problem.full(v + 0, 1)),
            status=status,
            message=story,
            nit=watch.nit,
            time=watch.time,
            cost=mass * (cost + problem.shift * total),
            value=mass * dual,
            marginal_error=error,
            residuals=tuple(watch.residuals),
            reg=reg,
            a=a,
            b=b,
            C=C,
            shift=problem.shift,
        )


def story_of(error: float, watch: Watch, status: Status, note: str = "") -> str:
    """Return the message of a result; the note follows its figures."""
    figures = f"{figures_of(error, watch.goal)} after {watch.nit} iterations{note}"
    ended_well = status.is_success or status is Status.RUNNING
    return f"{status.value}, {figures}" if ended_well else f"{figures}; {ADVICE[status]}"


def figures_of(error: float, goal: float) -> str:
    """Return the marginal error beside its goal, in words."""
    return f"marginal error {error:.2e} {'<=' if error <= goal else '>'} {goal:.2e}"


def _sums_of(C: Any, a: Any, f: Any, g: Any, shift: float, reg: float) -> tuple:
    """Return ``<C - shift, P>``, row and column sums of the plan, whether C is stored or not."""
    if isinstance(C, PointCosts) and C.has_leaves:
        return C.leaf_rows(a, shift).sums(f, g, reg, CUT + math.log(g.size))[:3]
    namespace, parts, columns, cost = xp.namespace(f), [], None, 0.0
    for own, block in row_blocks(C):
        rows, sums = namespace.empty_like(f[own]), namespace.empty_like(g)
        cost += plan_sums(block, f[own], g, shift, reg, rows, sums)
        parts.append(rows)
        columns = sums if columns is None else columns + sums
    return cost, parts[0] if len(parts) == 1 else namespace.concat(parts), columns


@kernel(cpu="sparsesci._cpu.transport:plan_sums")
def plan_sums(C, f, g, shift, reg, rows, columns):
    """Fill the row and column sums of ``P = exp((f + g - C + shift) / reg)``; return ``<C - shift, P>``."""
    namespace = xp.namespace(C)
    costs = C - shift
    P = namespace.exp((f[:, None] + g[None, :] - costs) / reg)
    rows[:] = namespace.sum(P, axis=1)
    columns[:] = namespace.sum(P, axis=0)
    return float(namespace.sum(namespace.where(P > 0, costs, namespace.zeros_like(costs)) * P))


def _point_gradients(X: Any, Y: Any, metric: str, P: Any) -> tuple:
    """Return the derivatives of ``sum P_ij c(x_i, y_j)``; 0 for coinciding points where the metric has a kink."""
    namespace = xp.namespace(X, Y)
    if metric == "sqeuclidean":
        centre = namespace.mean(X, axis=0)  # the sums cancel
        X, Y = X - centre, Y - centre
        return (
            2 * (namespace.sum(P, axis=1)[:, None] * X - P @ Y),
            2 * (namespace.sum(P, axis=0)[:, None] * Y - P.T @ X),
        )
    distance = 0
    if metric == "euclidean":
        for k in range(X.shape[1]):
            distance = distance + (X[:, k][:, None] - Y[:, k][None, :]) ** 2
        distance = namespace.sqrt(distance)
        P = P / namespace.where(distance > 0, distance, namespace.ones_like(distance))
    by_x, by_y = [], []
    for k in range(X.shape[1]):
        difference = X[:, k][:, None] - Y[:, k][None, :]
        pull = P * (difference if metric == "euclidean" else namespace.sign(difference))
        by_x.append(namespace.sum(pull, axis=1))
        by_y.append(-namespace.sum(pull, axis=0))
    return namespace.stack(by_x, axis=1), namespace.stack(by_y, axis=1)


def _mean(f: Any, weights: Any) -> float:
    """Return the weighted mean of a potential; -inf has no weight."""
    namespace = xp.namespace(f)
    finite = namespace.where(weights > 0, f, namespace.zeros_like(f))
    return float(namespace.sum(finite * weights)) / float(namespace.sum(weights))

"""Newton's method on the semi-dual of entropic optimal transport with relaxed marginals.

Chizat, Peyré, Schmitzer, Vialard, *Scaling algorithms for unbalanced optimal transport problems*, Math. Comp. 87
(2018), for the problem and its dual ::

    max  - rho_a sum a (exp(-f / rho_a) - 1) - rho_b sum b (exp(-g / rho_b) - 1) - reg sum exp((f + g - C) / reg)

and Tang, Shavlovsky, Rahmanian, Tardini, Thekumparampil, Xiao, Ying, ICLR 2024, for Newton's method with a sparse
Hessian, in the form of `sinkhorn_newton`.

Deviations
----------
1. The rows are eliminated here too: f is ``rho_a / (rho_a + reg)`` times that of a fixed marginal, and the plan of
   `rows.py` has its rows multiplied by ``exp(-f / rho_a)``. What is left is concave in g, with the gradient
   ``b exp(-g / rho_b) - P'1`` and the Hessian, times -reg, of
   ``diag(P'1 + reg / rho_b b exp(-g / rho_b)) - rho_a / (rho_a + reg) P' diag(P 1)^-1 P``: definite.
2. Both masses are brought to 1 and the least cost to 0 beforehand (`relaxed.py`).
3. The sweeps that begin a stage first move g by the constant that is best (Séjourné, Vialard, Peyré, *Faster
   unbalanced optimal transport: translation invariant Sinkhorn and 1-D Frank-Wolfe*, AISTATS 2022): else that constant
   is what they are slowest at, where rho is large.
4. A stage begins with more sweeps where they leave the marginals far off: for a reg like rho or larger they contract
   fast, while potentials that are wrong by some reg give masses that are wrong by ``exp(reg / rho)``.
5. A far point may hold less mass than truncation takes from others: the sweeps compute such columns with every arc.
6. Truncation, epsilon-scaling, damping and the line search on slopes are those of `sinkhorn_newton`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any, NamedTuple

import numpy as np

from sparsesci._lib import xp
from sparsesci._lib.dispatch import public
from sparsesci._lib.iterate import Watch
from sparsesci._lib.parallel import thread_limit
from sparsesci._lib.result import Status

from ..krylov.result import warn_of_failure
from .checks import marginal_watch, regularisation, starting_potential
from .direction import direction
from .relaxed import RelaxedProblem, UnbalancedResult, penalties, relaxed_problem
from .rows import SparsePlan, rows_of
from .sinkhorn import extended_to
from .sinkhorn_newton import (
    FAST,
    FIRST,
    NEAR,
    ONE_THREAD_BELOW,
    SLOW,
    STARVED,
    Newton,
)

MOST_SWEEPS = 20  # as long as they leave the marginals far off
SURELY = 100.0  # a column with so many times the mass that truncation may have taken from it is known to a per cent
EMPTY = 1e-280  # nothing, beside a mass of 1: what is divided by where the mass of a far point underflows


@public
def unbalanced_newton(
    a: Any,
    b: Any,
    C: Any,
    reg: float,
    *,
    rho: float | tuple,
    rtol: float = 1e-9,
    maxiter: int = 200,
    potentials: tuple | None = None,
    callback: Callable | None = None,
) -> UnbalancedResult:
    """Solve entropic optimal transport with relaxed marginals by Newton's method with sparse Hessians.

    Minimises ``<C, P> + reg sum P (log P - 1) + rho_a KL(P 1 | a) + rho_b KL(P' 1 | b)`` over the plans P >= 0, with
    ``KL(p | q) = sum p log(p / q) - p + q``. Mass is moved where that costs less than about ``rho_a + rho_b``, and
    is left (or made) elsewhere.

    Parameters
    ----------
    a, b : array (n,), (m,), or None
        Weights >= 0, of any masses; None is uniform, of mass 1.
    C : array (n, m)
        Costs; +inf forbids an arc. A point all of whose arcs are forbidden keeps its mass.
    reg : float
        The regularisation, in units of cost.
    rho : float or tuple of float
        The penalties (rho_a, rho_b) > 0, in units of cost; one number is both. inf holds a marginal fixed: with both,
        the problem is that of `sinkhorn_newton`, and so are the masses that it takes.
    rtol : float
        The rule is ``||P 1 - a exp(-f / rho_a)||_1 + ||P' 1 - b exp(-g / rho_b)||_1 <= rtol * sum(P)`` for the
        potentials f, g of P, confirmed with every entry of the plan: 0 at the solution alone.
    maxiter : int
        The most Newton steps, over all stages.
    potentials : tuple, optional
        ``result.potentials`` of a similar problem; only g is used, since f follows from it.
    callback : callable, optional
        ``callback(intermediate_result)`` after every Newton step, with an `UnbalancedResult` at the momentary reg whose
        making costs a pass over C. Raise ``StopIteration`` in it to stop.

    Returns
    -------
    UnbalancedResult
        An `OTResult` with the unbalanced ``value``, ``marginal_error``, ``potentials`` and ``gradient()``. Where the
        rule was not met, ``success`` is False and a `ConvergenceWarning` gives the reason and advice.

    Raises
    ------
    ValueError, TypeError
        NaN or -inf costs, reg <= 0, rho <= 0, negative weights, shapes that do not match, a point without arcs whose
        marginal is fixed: before any work.

    See Also
    --------
    unbalanced_sinkhorn : by scaling, the baseline
    partial_ot : the mass that is moved is given instead of its price

    Notes
    -----
    The cost of a step is that of `sinkhorn_newton`. Computed in float64 whatever the inputs are, and without a copy of
    C where that is float64.

    References
    ----------
    Chizat, Peyré, Schmitzer, Vialard, Math. Comp. 87 (2018) 2563-2609. Tang et al., ICLR 2024 (arXiv:2401.12253).

    Examples
    --------
    The point at 9 is too far from all others to be moved, and stays out.

    >>> import numpy as np
    >>> from sparsesci.solvers import unbalanced_newton
    >>> x, y = np.array([0.0, 1.0, 9.0]), np.array([0.1, 0.9])
    >>> result = unbalanced_newton([1.0, 1.0, 1.0], [1.0, 1.0], np.abs(x[:, None] - y), reg=0.01, rho=1.0)
    >>> print(result.plan.round(2) + 0)
    [[0.95 0.  ]
     [0.   0.95]
     [0.   0.  ]]
    """
    reg = regularisation(reg)
    problem = relaxed_problem(a, b, C, reg, penalties(rho))
    g = problem.start(starting_potential(potentials, problem.normal))
    watch = marginal_watch(rtol, maxiter, callback)
    with thread_limit(1) if math.prod(problem.normal.C.shape) < ONE_THREAD_BELOW else nullcontext():
        result = _solve(problem, reg, g, watch)
    warn_of_failure(result, stacklevel=3)
    return result


def _solve(problem: RelaxedProblem, reg: float, g: Any, watch: Watch) -> UnbalancedResult:
    """Walk down the stages to reg; g is a guess of the column potentials, or None."""
    normal = problem.normal
    newton = Newton(RelaxedMarginals(problem, rows_of(normal)), reg, watch)
    if g is not None and newton.begin(g, reg).error <= NEAR and (status := newton.run()) is not Status.RUNNING:
        return newton.result(status)
    stage = max(reg, normal.span / FIRST)
    g = xp.zeros_like(normal.b) if g is None else g
    while (status := newton.begin(g, stage).run()) is Status.RUNNING:
        if stage == reg:
            return newton.result(Status.STAGNATED)
        g = newton.at.g
        stage /= FAST if newton.steps <= 1 else SLOW
        stage = stage if stage > 1.5 * reg else reg
    return newton.result(status)


class RelaxedScaling(NamedTuple):
    """The semi-dual at one g: potentials, the marginals of the plan, the column sums that g asks for, a sparse plan."""

    g: Any
    f: Any
    rows: Any
    columns: Any
    wanted: Any
    P: SparsePlan | None


class RelaxedMarginals:
    """The semi-dual of a transport problem with relaxed marginals; errors are relative to the mass of the plan.

    Parameters
    ----------
    problem : RelaxedProblem
        The problem and its normal form.
    rows : DenseRows or ListedRows
        Fills the rows of the plan, as if they were fixed.
    """

    most_sweeps = MOST_SWEEPS

    def __init__(self, problem: RelaxedProblem, rows):
        self.relaxed, self.problem, self.rows = problem, problem.normal, rows
        self.dense = None, None  # the last scaling whose plan is dense, and that plan

    def at(self, g: Any, reg: float, cut: float) -> RelaxedScaling:
        """Fill the rows at g."""
        fixed = self.rows.at(g, reg, cut)
        f = self.relaxed.kept_part(0, reg) * fixed.f
        rows = self.relaxed.marginal(f, 0)
        if isinstance(fixed.P, SparsePlan):
            indptr, indices, data = fixed.P
            nnz = int(indptr[-1])
            data = data[:nnz] * np.repeat(rows / self.problem.a, np.diff(indptr))
            P = SparsePlan(indptr, indices[:nnz], data)
            columns = np.bincount(P.indices, data, minlength=g.shape[0])
            return RelaxedScaling(g, f, rows, columns, self.relaxed.marginal(g, 1), P)
        P = self.rows.plan(fixed._replace(f=f), reg)
        columns = xp.namespace(P).sum(P, axis=0)
        at = RelaxedScaling(g, f, rows, columns, self.relaxed.marginal(g, 1), None)
        self.dense = at, P
        return at

    def gradient(self, at: RelaxedScaling) -> Any:
        """Return the derivative by g."""
        return at.wanted - at.columns

    def error(self, at: RelaxedScaling, gradient: Any) -> float:
        """Return the marginal error, relative to the mass of the plan."""
        namespace = xp.namespace(gradient)
        return float(namespace.sum(namespace.abs(gradient))) / float(namespace.sum(at.columns))

    def sweep(self, at: RelaxedScaling, reg: float, cut: float) -> Any:
        """Return g after the best constant is added, and the columns are scaled to what they ask for."""
        problem, namespace = self.problem, xp.namespace(at.g)
        rho_a, rho_b = self.relaxed.rho
        constant = grows = 0.0
        if min(rho_a, rho_b) < math.inf:  # the mass grows by exp(constant / (rho_a + reg)), what g asks for falls
            wanted, found = float(namespace.sum(at.wanted)), float(namespace.sum(at.columns))
            if not (0 < wanted < math.inf and 0 < found < math.inf):  # a start from nowhere
                return xp.zeros_like(at.g)
            constant = math.log(wanted / found) / (1 / (rho_a + reg) + 1 / rho_b)
            grows = constant / (rho_a + reg)
        dropped = math.exp(-cut) * float(namespace.sum(at.columns))  # at the most, of one column
        reached = at.columns > SURELY * dropped
        columns = namespace.where(reached, at.columns, problem.b)
        g = at.g + constant + reg * (namespace.log(problem.b / columns) - grows)
        if not bool(namespace.all(reached)):
            f = at.f - constant * self.relaxed.kept_part(0, reg)
            exact = extended_to(~reached, f, problem.C, problem.shift, reg)
            g = namespace.where(reached, g, exact + reg * namespace.log(problem.b))
        return self.relaxed.kept_part(1, reg) * g

    def direction(self, at: RelaxedScaling, reg: float, gradient: Any, mu: float, rtol: float) -> Any:
        """Return Newton's direction at the damping mu, in units of reg."""
        namespace = xp.namespace(gradient)
        P = self.dense[1] if self.dense[0] is at else self.rows.plan(at, reg)  # the line search may have gone back
        starved = STARVED * at.wanted - at.columns
        damping = (mu + reg / self.relaxed.rho[1]) * at.wanted
        damping = damping + namespace.where(starved > 0, starved, 0 * starved) + EMPTY
        row_sums = at.rows / self.relaxed.kept_part(0, reg) + EMPTY
        return direction(P, row_sums, at.columns, damping, gradient, rtol)

    def result(self, at: RelaxedScaling, reg: float, status: Status, watch: Watch) -> UnbalancedResult:
        """Return the result at a point."""
        return UnbalancedResult.of_relaxed(self.relaxed, at.f, at.g, reg, status, watch)

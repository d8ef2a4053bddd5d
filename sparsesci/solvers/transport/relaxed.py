"""Optimal transport with relaxed marginals: the problem, brought to masses of 1, and what its solvers return.

For any numbers s, t and level, the plan of weights a, b and costs C is ``exp(level)`` times that of
``a exp(-s / rho_a - level)``, ``b exp(-t / rho_b - level)`` and ``C - (s + t - reg level)``, with potentials that are
less by s and t. The three numbers are chosen so that both masses are 1 and the least cost is 0: the solvers never meet
a mass that is tiny or a cost that cancels, whatever was given. For a single arc, ``exp(level)`` is the solution.
"""

from __future__ import annotations

import math
import numbers
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sparsesci._lib import validate, xp
from sparsesci._lib.iterate import Watch
from sparsesci._lib.result import Status

from .checks import Problem, only_places, positive_places, transport_problem, weights_and_costs
from .feasibility import check_problem
from .result import FAILURES, OTGradient, OTResult, plan_sums, story_of

LARGEST_LEVEL = 690.0  # exp of 709 is the largest number: cost and value are some hundreds of times its logarithm
LARGEST = 600.0  # exp of more is taken for exp of this: far off, and finite


@dataclass(frozen=True)
class RelaxedProblem:
    """A transport problem with relaxed marginals, and the way back from its normal form.

    Attributes
    ----------
    normal : Problem
        The normal form, without weights that are zero or have no arc.
    rho : tuple of float
        The penalties (rho_a, rho_b); inf holds a marginal fixed.
    offsets : tuple of float
        What the potentials of the normal form are less by, (s, t).
    level : float
        Logarithm of what the plan of the normal form is to be multiplied by.
    whole : tuple
        ``a, b, C`` as they were given, in float64.
    """

    normal: Problem
    rho: tuple
    offsets: tuple
    level: float
    whole: tuple

    def kept_part(self, side: int, reg: float) -> float:
        """Return ``rho / (rho + reg)``, by which a half step of scaling falls short of that with a fixed marginal."""
        return 1 / (1 + reg / self.rho[side])

    def marginal(self, potential: Any, side: int) -> Any:
        """Return the marginal that a potential of the normal form asks for: ``a exp(-f / rho_a)``."""
        weights, namespace = (self.normal.b if side else self.normal.a), xp.namespace(potential)
        exponent = -potential / self.rho[side]
        return weights * namespace.exp(namespace.minimum(exponent, namespace.full_like(exponent, LARGEST)))

    def start(self, g: Any) -> Any:
        """Return a column potential of the given problem as one of the normal form."""
        return None if g is None else g - self.offsets[1]


@dataclass(frozen=True, repr=False, eq=False)
class UnbalancedResult(OTResult):
    """The answer of a transport problem with relaxed marginals; all that is not listed is as in `OTResult`.

    Attributes
    ----------
    value : float
        ``<C, P> + reg sum P (log P - 1) + rho_a KL(P 1 | a) + rho_b KL(P' 1 | b)``, from the dual.
    marginal_error : float
        ``(||P 1 - a exp(-f / rho_a)||_1 + ||P' 1 - b exp(-g / rho_b)||_1) / sum(P)``: how far the plan is from the
        marginals that its own potentials ask for, with every entry of the plan. It is 0 at the solution alone.
    a, b : array (n,), (m,)
        The weights as they were given: their masses need not agree.
    rho : tuple of float
        The penalties (rho_a, rho_b).
    offsets : tuple of float
        The potentials less x.
    """

    rho: tuple = (math.inf, math.inf)
    offsets: tuple = (0.0, 0.0)

    @property
    def potentials(self) -> tuple:
        """The potentials (f, g) in units of cost; -inf where the weight is zero or all arcs are forbidden.

        ``P = exp((f_i + g_j - C_ij) / reg)``, ``P 1 = a exp(-f / rho_a)`` and ``P' 1 = b exp(-g / rho_b)``. They are
        unique where a rho is finite: there is no gauge.
        """
        (f, g), (s, t) = self.x, self.offsets
        return f + s, g + t

    def gradient(self) -> OTGradient:
        """Return the derivatives of ``value``: ``rho_a (1 - exp(-f / rho_a))`` by a, by b alike, and by the points."""
        by_weights = (
            _by_weights(potential, weights, rho)
            for potential, weights, rho in zip(self.potentials, (self.a, self.b), self.rho, strict=True)
        )
        return OTGradient(*by_weights, *super().gradient()[2:])

    @classmethod
    def of_relaxed(cls, problem: RelaxedProblem, u: Any, v: Any, reg: float, status: Status, watch: Watch):
        """Return the result for potentials u, v of the normal form."""
        normal, namespace = problem.normal, xp.namespace(u)
        rows, columns = namespace.empty_like(u), namespace.empty_like(v)
        cost = plan_sums(normal.C, u, v, normal.shift, reg, rows, columns)
        total = float(namespace.sum(rows))
        error = sum(
            float(namespace.sum(namespace.abs(found - problem.marginal(potential, side))))
            for side, (found, potential) in enumerate(((rows, u), (columns, v)))
        )
        error = error / total if total > 0 else math.inf
        if status is Status.CONVERGED and not watch.solved(error):
            status = Status.STAGNATED
        if status in FAILURES and problem.rho == (math.inf, math.inf):
            check_problem(normal)
        mass = math.exp(problem.level)
        (s, t), (a, b, C) = problem.offsets, problem.whole
        return cls(
            x=(normal.full(u + reg * problem.level, 0), normal.full(v + 0, 1)),
            status=status,
            message=story_of(error, watch, status),
            nit=watch.nit,
            time=watch.time,
            cost=mass * (cost + normal.shift * total),
            value=_dual(u + s, problem, 0) + _dual(v + t, problem, 1) - reg * mass * total,
            marginal_error=error,
            residuals=tuple(watch.residuals),
            reg=reg,
            a=a,
            b=b,
            C=C,
            shift=normal.shift,
            rho=problem.rho,
            offsets=(s - reg * problem.level, t),
        )


def penalties(rho: Any, name: str = "rho") -> tuple:
    """Return the pair (rho_a, rho_b); one number is both."""
    pair = (rho, rho) if isinstance(rho, numbers.Real) else rho
    if not isinstance(pair, Sequence) or isinstance(pair, str) or len(pair) != 2:
        raise TypeError(f"{name} is {rho!r}: a number or a pair (rho_a, rho_b) is needed")
    pair = tuple(validate.real(part, name) for part in pair)
    if not all(part > 0 for part in pair):
        raise ValueError(f"{name} is {rho!r}: numbers > 0 are needed; inf holds a marginal fixed")
    return pair


def relaxed_problem(a: Any, b: Any, C: Any, reg: float, rho: tuple) -> RelaxedProblem:
    """Check weights and costs, and bring them to the normal form."""
    if rho == (math.inf, math.inf):
        normal = transport_problem(a, b, C)
        level = math.log(normal.mass)
        return RelaxedProblem(normal, rho, (normal.shift + reg * level, 0.0), level, normal.whole)
    a, b, C = weights_and_costs(a, b, C)
    namespace = xp.namespace(C)
    reached = [a, b]
    if float(namespace.max(C)) == math.inf:
        reached = _without_lonely_points(a, b, C, rho)
    kept = tuple(map(positive_places, reached))
    small = only_places(a, b, C, kept)
    masses = [float(namespace.sum(part)) for part in small[:2]]
    shift = float(namespace.min(small[2]))
    finite = namespace.where(small[2] < math.inf, small[2], namespace.full_like(small[2], shift))
    span = float(namespace.max(finite)) - shift
    offsets, level = _normal_form(*map(math.log, masses), shift, reg, *rho)
    size = level + math.log(max(abs(shift) + span, reg, *(part for part in rho if part < math.inf)))
    if size > LARGEST_LEVEL:
        raise ValueError(
            f"the plan would have a mass of about exp({level:.4g}), which overflows: costs as low as {shift:.4g} pay "
            f"for making mass at the penalties rho = {rho}; add a constant to C, or raise rho"
        )
    normal = Problem(small[0] / masses[0], small[1] / masses[1], small[2], shift, span, (*reached, C), kept, 1.0)
    return RelaxedProblem(normal, rho, offsets, level, (a, b, C))


def _normal_form(log_a, log_b, shift, reg, rho_a, rho_b):
    """Return offsets (s, t) and level of masses exp(log_a), exp(log_b), with a rho that is finite."""
    if rho_a == math.inf:
        of_a, of_b, of_reg, between = 1.0, 0.0, 0.0, rho_b
    elif rho_b == math.inf:
        of_a, of_b, of_reg, between = 0.0, 1.0, 0.0, rho_a
    else:
        total = rho_a + rho_b + reg
        of_a, of_b, of_reg, between = rho_a / total, rho_b / total, 1 / total, rho_a / total * rho_b
    s = between * (log_a - log_b) + of_a * (reg * log_a + shift)
    t = between * (log_b - log_a) + of_b * (reg * log_b + shift)
    return (s, t), of_a * log_a + of_b * log_b - of_reg * shift


def _without_lonely_points(a, b, C, rho) -> list:
    """Return the weights with zeros where all arcs are forbidden, which leaves the weight where it is."""
    namespace = xp.namespace(C)
    arcs = (C < math.inf) & (a > 0)[:, None] & (b > 0)[None, :]
    if not bool(namespace.any(arcs)):
        raise ValueError("C forbids (by +inf) every arc between positive weights: there is nothing to move")
    left = []
    for side, weights in enumerate((a, b)):
        lonely = (weights > 0) & ~namespace.any(arcs, axis=1 - side)
        if rho[side] == math.inf and bool(namespace.any(lonely)):
            first = int(namespace.argmax(namespace.astype(lonely, namespace.int8)))
            name = ("row", "column")[side]
            raise ValueError(f"{name} {first} of C is all +inf but has a positive weight and rho = inf: no plan exists")
        left.append(namespace.where(lonely, 0 * weights, weights))
    return left


def _dual(potential: Any, problem: RelaxedProblem, side: int) -> float:
    """Return ``rho sum a (1 - exp(-f / rho))``; a point without arcs is worth rho times its weight."""
    namespace, rho = xp.namespace(potential), problem.rho[side]
    weights, reached = problem.whole[side], problem.normal.whole[side]
    moved = problem.normal.reduced(weights, side)
    if rho == math.inf:
        return float(xp.vdot(moved, potential))
    left = float(namespace.sum(namespace.where(reached > 0, 0 * weights, weights)))
    return rho * (left - float(xp.vdot(moved, namespace.expm1(-potential / rho))))


def _by_weights(potential: Any, weights: Any, rho: float) -> Any:
    if rho == math.inf:
        return potential
    namespace = xp.namespace(potential)
    lonely = (potential == -math.inf) & (weights > 0)
    slope = -rho * namespace.expm1(-potential / rho)
    return namespace.where(lonely, namespace.full_like(slope, rho), slope)

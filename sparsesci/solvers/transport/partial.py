"""Partial optimal transport: a part of both masses is moved, the one for which that is cheapest.

Caffarelli, McCann, *Free boundaries in optimal transport and Monge-Ampère obstacle problems*, Annals of Mathematics 171
(2010) 673-730: a dummy point on either side takes up what stays behind.

Deviations
----------
1. The arc between the two dummies is forbidden instead of expensive: no number has to be chosen, and the mass that is
   moved is right to the tolerance of the marginals, which is relative to that mass.
2. Without entropy no point counts for more than the mass that is moved: the plan is the same, and a mass that is tiny
   beside the weights is not lost in what stays behind. (With entropy, what stays behind counts.)
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Any

from sparsesci._lib import validate, xp
from sparsesci._lib.dispatch import public
from sparsesci._lib.result import Status

from ..krylov.result import failures_are_handled, warn_of_failure
from .checks import MASSES_AGREE, weights_and_costs
from .exact import LEAST_GOAL
from .feasibility import NoPlanError
from .result import OTGradient, OTResult, figures_of
from .solve_ot import solve_ot

ROUNDED = 1e-16  # of the weights: the least error of a sum of some of them
ALL = 1e-12  # what is left behind counts as nothing, where it is less than this part of the mass


@dataclass(frozen=True, repr=False, eq=False)
class PartialResult(OTResult):
    """The answer of a partial transport problem; all that is not listed is as in `OTResult`.

    Attributes
    ----------
    value : float
        ``<C, P> + reg (H(P) + H(a - P 1) + H(b - P' 1))`` with ``H(p) = sum p (log p - 1)``.
    marginal_error : float
        That of the problem with dummy points, relative to ``mass``: it bounds the relative error of ``sum(P)``.
    mass : float
        What was to be moved.
    corner : tuple of float
        The dual variables of the dummy points, like x; an arc to a dummy costs ``shift``.
    """

    mass: float = math.nan
    corner: tuple = (math.nan, math.nan)

    @property
    def price(self) -> float:
        """The derivative of ``value`` by ``mass``: what one more unit costs; inf where all of a side is moved."""
        return self.shift - sum(self.corner)

    def gradient(self) -> OTGradient:
        """Return the derivatives of ``value`` at fixed ``mass``; -inf by weights of a side all of which is moved."""
        (u, v), (of_a, of_b) = self.x, self.corner
        return OTGradient(u + of_b, v + of_a)


@public
def partial_ot(
    a: Any,
    b: Any,
    C: Any,
    reg: float,
    mass: float,
    *,
    method: str = "auto",
    rtol: float = 1e-9,
    maxiter: int | None = None,
    potentials: tuple | None = None,
    callback: Callable | None = None,
) -> PartialResult:
    """Move a given mass from a to b at least cost, and leave the rest where it is.

    Minimises ``<C, P> + reg (H(P) + H(a - P 1) + H(b - P' 1))``, ``H(p) = sum p (log p - 1)``, over the plans P >= 0
    with ``P 1 <= a``, ``P' 1 <= b`` and ``sum(P) = mass``: entropy counts what stays behind, too.

    Parameters
    ----------
    a, b : array (n,), (m,), or None
        Weights >= 0, of any masses; None is uniform, of mass 1.
    C : array (n, m)
        Costs; +inf forbids an arc.
    reg : float
        The regularisation, in units of cost; 0 is the problem without entropy.
    mass : float
        What is to be moved: > 0, and no more than either side has.
    method, maxiter
        As in `solve_ot`.
    rtol : float
        The rule is that of `solve_ot` for the problem with a dummy point on either side, relative to ``mass``. With
        reg > 0, rounding leaves an error of the order of ``1e-16 (sum(a) + sum(b)) / mass``.
    potentials : tuple, optional
        ``result.potentials`` of a similar problem; only g is used.
    callback : callable, optional
        ``callback(intermediate_result)``, with an `OTResult` of shape (n + 1, m + 1): the dummies are last.

    Returns
    -------
    PartialResult
        An `OTResult` for the points that were given, with ``price``, the cost of one more unit of mass. Where the rule
        was not met, ``success`` is False and a `ConvergenceWarning` gives the reason and advice.

    Raises
    ------
    ValueError, TypeError
        What `solve_ot` raises but for unequal masses; a mass that is not there, or that forbidden arcs do not let
        through.

    References
    ----------
    Caffarelli, McCann, Annals of Mathematics 171 (2010) 673-730. Chapel, Alaya, Gasso, NeurIPS 2020.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsesci.solvers import partial_ot
    >>> x, y = np.array([0.0, 1.0, 9.0]), np.array([0.1, 0.9])
    >>> result = partial_ot([1.0, 1.0, 1.0], [1.0, 1.0], np.abs(x[:, None] - y), reg=0, mass=2)
    >>> print(result.plan)
    [[1. 0.]
     [0. 1.]
     [0. 0.]]
    """
    a, b, C = weights_and_costs(a, b, C)
    namespace = xp.namespace(C)
    mass = _moved(mass, [float(namespace.sum(part)) for part in (a, b)])
    given, (a, b) = (a, b), ((_at_most(part, mass) for part in (a, b)) if reg == 0 else (a, b))
    masses = [float(namespace.sum(part)) for part in (a, b)]
    rests = [total - mass if total - mass > ALL * total else 0.0 for total in masses]
    free = float(namespace.min(C))  # an arc to a dummy; the plan does not depend on it, and this keeps the least cost
    if not free < math.inf:
        raise ValueError("C forbids (by +inf) every arc: there is nothing to move")
    if potentials is not None:
        potentials = _with_dummies(potentials)
    rtol = validate.nonnegative_real(rtol, "rtol")
    part = mass / (mass + sum(rests))  # of the mass of the problem with dummies
    try:
        with failures_are_handled():
            whole = solve_ot(
                _append(a, rests[1]),
                _append(b, rests[0]),
                _with_borders(C, free),
                reg,
                method=method,
                rtol=rtol * part,
                maxiter=maxiter,
                potentials=potentials,
                callback=callback,
            )
    except NoPlanError as found:
        raise ValueError(_too_much(mass, masses[0], part, found)) from None
    rounded = sum(abs(total - rest - mass) for total, rest in zip(masses, rests, strict=True) if rest > 0)
    result = _without_dummies(whole, *given, C, mass, free * sum(rests))
    result = _judged(result, whole.marginal_error / part + rounded / mass, rtol, rtol * part, max(masses))
    warn_of_failure(result, stacklevel=3)
    return result


def _moved(mass: Any, masses: list) -> float:
    """Return the mass that is to be moved, if it is there."""
    mass, least = validate.finite_real(mass, "mass"), min(masses)
    if not 0 < mass <= (1 + MASSES_AGREE) * least:
        raise ValueError(f"mass is {mass!r}: a number > 0 and <= {least:.9g}, the smaller sum of weights, is needed")
    return least if mass > (1 - ALL) * least else mass


def _at_most(w: Any, value: float) -> Any:
    namespace = xp.namespace(w)
    return namespace.minimum(w, namespace.full_like(w, value))


def _append(w: Any, value: float) -> Any:
    namespace = xp.namespace(w)
    return namespace.concat([w, namespace.full((1,), value, dtype=w.dtype, device=xp.device(w))])


def _with_borders(C: Any, cost: float) -> Any:
    """Return C with a row and a column of that cost, whose common entry is forbidden."""
    namespace = xp.namespace(C)
    column = namespace.full((C.shape[0], 1), cost, dtype=C.dtype, device=xp.device(C))
    row = _append(namespace.full((C.shape[1],), cost, dtype=C.dtype, device=xp.device(C)), math.inf)
    return namespace.concat([namespace.concat([C, column], axis=1), row[None, :]], axis=0)


def _with_dummies(potentials: Any) -> tuple:
    """Return a pair of potentials with unknown ones for the dummies."""
    try:
        f, g = (validate.float_array(part, name) for part, name in zip(potentials, "fg", strict=True))
    except (TypeError, ValueError):
        raise TypeError("potentials is no pair (f, g): pass the potentials of an earlier result") from None
    return _append(f, -math.inf), _append(g, -math.inf)


def _without_dummies(whole: OTResult, a, b, C, mass: float, paid: float) -> PartialResult:
    """Return the part of a result that belongs to the points that were given; ``paid`` are the costs of the dummies."""
    n, m = C.shape
    values = {field.name: getattr(whole, field.name) for field in fields(whole)}
    u, v = whole.x
    values |= {
        "x": (u[:n], v[:m]),
        "cost": whole.cost - paid,
        "value": whole.value - paid,
        "a": a,
        "b": b,
        "C": C,
        "flow": None if whole.flow is None else whole.flow[:n, :m],
        "mass": mass,
        "corner": (float(u[n]), float(v[m])),
    }
    return PartialResult(**values)


def _judged(result: PartialResult, error: float, rtol: float, inner: float, total: float) -> PartialResult:
    """Return a result whose error is relative to the mass that is moved; ``inner`` was the goal of the whole."""
    goal = max(rtol, LEAST_GOAL) if result.reg == 0 else rtol
    figures = figures_of(result.marginal_error, max(inner, LEAST_GOAL) if result.reg == 0 else inner)
    status, message = result.status, result.message.replace(figures, figures_of(error, goal))
    if result.success and not error <= goal:
        status, message = Status.STAGNATED, message.removeprefix(f"{result.status.value}, ")
    if not status.is_success and ROUNDED * total > rtol * result.mass:
        message = (
            f"{message}; mass is {result.mass / total:.1e} of the weights, in which it is rounded: "
            f"relax rtol to {10 * ROUNDED * total / result.mass:.1e}, or take reg = 0"
        )
    return replace(result, status=status, message=message, marginal_error=error)


def _too_much(mass: float, total: float, part: float, found: NoPlanError) -> str:
    """Return what is wrong with a mass, from the rows that hold too much of the problem with dummies."""
    unit, rest = mass / part, total - mass
    taken = unit * found.taken - rest  # the dummy's column is one to which every row has an arc
    return (
        f"mass is {mass:.9g}, and no more than {total - unit * found.held + taken:.6g} can be moved: rows {found.rows} "
        f"have arcs that are not forbidden (+inf) to columns of mass {taken:.6g}"
    )

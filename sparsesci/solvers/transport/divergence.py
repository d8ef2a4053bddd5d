"""The debiased Sinkhorn divergence between two sets of points.

Feydy, Séjourné, Vialard, Amari, Trouvé, Peyré, *Interpolating between optimal transport and MMD using Sinkhorn
divergences*, AISTATS 2019, equation (3).

Deviations
----------
1. Entropy is taken against the counting measure, not against the product of the weights: with equal masses what
   differs cancels between the three values.
2. The potentials of a set with itself are those of Newton's method, averaged over both sides, instead of the fixed
   point of a symmetric update: the rule of convergence is the same for all three problems.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

from sparsesci._lib import xp
from sparsesci._lib.dispatch import public

from ..krylov.result import failures_are_handled, warn_of_failure
from .checks import regularisation
from .point_costs import PointCosts
from .result import OTGradient, OTResult
from .sinkhorn import extended, row_potentials
from .solve_ot_sample import solve_ot_sample


@dataclass(frozen=True, repr=False, eq=False)
class DivergenceResult(OTResult):
    """A Sinkhorn divergence; all that is not listed is that of the transport from X to Y, as in `OTResult`.

    Attributes
    ----------
    value : float
        The divergence, ``OT(X, Y) - (OT(X, X) + OT(Y, Y)) / 2``.
    status : Status
        How the three problems ended: that of the first one that failed.
    nit : int
        Iterations of all three.
    time : float
        Wall-clock seconds of all three.
    marginal_error : float
        The largest of the three.
    within : tuple of OTResult
        The transports of X to itself and of Y to itself.
    """

    within: tuple = ()

    def gradient(self) -> OTGradient:
        """Return the derivatives of ``value`` by the weights and by the points, by the envelope theorem.

        Those by a and b hold for changes that keep both masses equal, and are finite where a weight is zero. Those by X
        and Y are None where the metric is a function. They cost six passes over the costs.
        """
        across = super().gradient()
        by_weights, by_points = [], []
        between = _without_entropy(self)
        for side, own in enumerate(self.within):
            f, g = _without_entropy(own)
            by_weights.append(between[side] - (f + g) / 2)
            points = own.gradient()[2:]
            alone = None if points[0] is None else (points[0] + points[1]) / 2
            by_points.append(None if alone is None else across[2 + side] - alone)
        return OTGradient(*by_weights, *by_points)


@public
def sinkhorn_divergence(
    X: Any,
    Y: Any,
    reg: float,
    *,
    a: Any = None,
    b: Any = None,
    metric: str | Callable = "sqeuclidean",
    method: str = "auto",
    rtol: float = 1e-9,
    maxiter: int | None = None,
    previous: DivergenceResult | None = None,
    lazy: bool = False,
    workers: Any = None,
) -> DivergenceResult:
    """Compute a distance of two weighted sets of points that is zero only for equal ones.

    ``S = OT(X, Y) - (OT(X, X) + OT(Y, Y)) / 2``, where OT is the value of `solve_ot_sample`, whose entropy alone would
    make a set of points differ from itself. S is between optimal transport (reg -> 0) and half an energy distance (reg
    -> inf). It is >= 0, convex in a and in b, and zero for equal measures only, for the metrics that have a name; a
    function may lack that.

    Parameters
    ----------
    X, Y : array (n, d), (m, d)
        The points; vectors (n,), (m,) are points on the line.
    reg : float
        The regularisation, in units of cost.
    a, b : array (n,), (m,), optional
        Weights of the points, of equal mass; uniform by default.
    metric : {"sqeuclidean", "euclidean", "cityblock"} or callable
        As in `solve_ot_sample`; a function has to be symmetric.
    method : {"auto", "newton", "sinkhorn"}
        As in `solve_ot`.
    rtol, maxiter
        As in `solve_ot`, for each of the three problems. The error of S is of the order of ``rtol**2`` and of the
        rounding of OT.
    previous : DivergenceResult, optional
        That of nearby sets with as many points; its potentials are what the three problems begin with.
    lazy, workers
        As in `solve_ot_sample`: with ``lazy=True`` no costs are stored, for more than some 10,000 points.

    Returns
    -------
    DivergenceResult
        An `OTResult` of X to Y with the debiased ``value`` and ``gradient()``. Where one of the three problems did not
        converge, ``success`` is False and a `ConvergenceWarning` says which, and gives advice.

    Raises
    ------
    ValueError, TypeError
        What `solve_ot_sample` raises; reg = 0, where S is OT itself; a ``previous`` of other numbers of points.

    Notes
    -----
    Other libraries mean other numbers by this name. The value is the same whether the entropy in OT is that of the plan
    or relative to the product of the weights, since the three terms ``reg sum a log a`` cancel; but it has to be there.
    POT's ``empirical_sinkhorn_divergence`` leaves it out and combines the costs of the plans alone, here
    ``result.cost - (result.within[0].cost + result.within[1].cost) / 2``, which may be negative. In GeomLoss,
    ``SamplesLoss("sinkhorn", p=2, blur=s)`` has the cost ``|x - y|^2 / 2`` and is half of the value at ``reg = 2 s^2``;
    with ``p=1`` and ``metric="euclidean"`` it is the value at ``reg = s``.

    References
    ----------
    Feydy, Séjourné, Vialard, Amari, Trouvé, Peyré, AISTATS 2019 (arXiv:1810.08278).

    Examples
    --------
    >>> import numpy as np
    >>> from sparsesci.solvers import sinkhorn_divergence
    >>> X = np.random.default_rng(17).standard_normal((200, 2))
    >>> sinkhorn_divergence(X, X, reg=1.0).value
    0.0
    >>> round(sinkhorn_divergence(X, X + [3.0, 4.0], reg=1.0).value, 8)  # a shift by 5
    25.0
    """
    if not regularisation(reg, zero=True) > 0:
        raise ValueError("reg is 0, where there is no bias: solve_ot_sample is the divergence itself")
    names = ("X to Y", "X to itself", "Y to itself")
    pairs = ((X, Y, a, b), (X, X, a, a), (Y, Y, b, b))
    starts = (None,) * 3 if previous is None else _potentials(previous)
    results = []
    with failures_are_handled():
        for (P, Q, p, q), start in zip(pairs, starts, strict=True):
            options = {"metric": metric, "method": method, "rtol": rtol, "maxiter": maxiter, "potentials": start}
            results.append(solve_ot_sample(P, Q, reg, a=p, b=q, lazy=lazy, workers=workers, **options))
    result = _debiased(results, names)
    warn_of_failure(result, stacklevel=3)
    return result


def _potentials(previous: Any) -> tuple:
    if not isinstance(previous, DivergenceResult):
        raise TypeError(f"previous is a {type(previous).__name__}: a result of sinkhorn_divergence is needed")
    return previous.potentials, *(own.potentials for own in previous.within)


def _debiased(results: list, names: tuple) -> DivergenceResult:
    across, *within = results
    shown = next((k for k, result in enumerate(results) if not result.success), 0)
    values = {field.name: getattr(across, field.name) for field in fields(across)}
    values |= {
        "value": across.value - (within[0].value + within[1].value) / 2,
        "status": results[shown].status,
        "message": f"{names[shown]}: {results[shown].message}",
        "nit": sum(result.nit for result in results),
        "time": sum(result.time for result in results),
        "marginal_error": max(result.marginal_error for result in results),
        "within": tuple(within),
    }
    return DivergenceResult(**values)


def _without_entropy(result: OTResult) -> tuple:
    """Return the potentials less ``reg log a`` and ``reg log b``, which are defined at zero weights too."""
    (u, v), C = result.x, result.C
    mass = float(xp.namespace(u).sum(result.a))
    g = extended(u, C, result.shift, result.reg)
    if isinstance(C, PointCosts):
        f = extended(v, C.transposed(), result.shift, result.reg)
    else:
        f = xp.namespace(u).empty_like(u)
        row_potentials(C, v, result.shift, result.reg, f)
    centre = (float(xp.vdot(result.a, f)) - float(xp.vdot(result.b, g))) / (2 * mass)
    return f - centre + result.shift / 2, g + centre + result.shift / 2

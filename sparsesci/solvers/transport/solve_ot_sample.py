"""Optimal transport between two sets of points."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from sparsesci._lib import validate, xp
from sparsesci._lib.dispatch import public

from ..krylov.result import failures_are_handled, warn_of_failure
from .result import OTResult
from .solve_ot import solve_ot

METRICS = ("sqeuclidean", "euclidean", "cityblock")
FEW_COORDINATES = 8  # up to here differences cost no more than products, and cancel nothing


@public
def solve_ot_sample(
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
    potentials: tuple | None = None,
    callback: Callable | None = None,
) -> OTResult:
    """Move points X to points Y at least cost: `solve_ot` with the costs of a metric.

    Parameters
    ----------
    X, Y : array (n, d), (m, d)
        The points; vectors (n,), (m,) are points on the line.
    reg : float
        The regularisation, in units of cost; 0 is the problem without entropy.
    a, b : array (n,), (m,), optional
        Weights of the points; uniform by default.
    metric : {"sqeuclidean", "euclidean", "cityblock"} or callable
        The cost of moving x to y: ``||x - y||_2^2``, ``||x - y||_2`` or ``||x - y||_1``. A function is called once, as
        ``metric(X, Y)``, and returns costs of shape (n, m).
    method, rtol, maxiter, potentials, callback
        As in `solve_ot`.

    Returns
    -------
    OTResult
        As from `solve_ot`; ``gradient()`` also holds the derivatives by X and Y, None where the metric is a function.

    Raises
    ------
    ValueError, TypeError
        What `solve_ot` raises; points that are not finite or of different dimension, an unknown metric.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsesci.solvers import solve_ot_sample
    >>> X = np.random.default_rng(17).standard_normal((200, 2))
    >>> result = solve_ot_sample(X, X + [3.0, 4.0], reg=1e-3)
    >>> abs(result.cost - 25) < 0.05
    True
    >>> bool(np.allclose(result.gradient().X.sum(axis=0), [-6, -8]))  # all points the same way, 1/200 each
    True
    """
    X, Y = (_points(part, name) for part, name in ((X, "X"), (Y, "Y")))
    if X.shape[1] != Y.shape[1]:
        raise ValueError(f"X has points of dimension {X.shape[1]} and Y of {Y.shape[1]}: equal dimensions are needed")
    C = costs(X, Y, metric)
    options = {"method": method, "rtol": rtol, "maxiter": maxiter, "potentials": potentials, "callback": callback}
    with failures_are_handled():  # the warning is to point at the caller's line
        result = solve_ot(a, b, C, reg, **options)
    warn_of_failure(result, stacklevel=3)
    return replace(result, samples=(X, Y, metric))


def costs(X: Any, Y: Any, metric: str | Callable) -> Any:
    """Return the costs (n, m) of a metric."""
    if callable(metric):
        C = metric(X, Y)
        if tuple(getattr(C, "shape", ())) != (X.shape[0], Y.shape[0]):
            raise ValueError(
                f"metric returned shape {getattr(C, 'shape', None)}: {(X.shape[0], Y.shape[0])} is needed from "
                "metric(X, Y)"
            )
        return C
    if metric not in METRICS:
        raise ValueError(f"metric is {metric!r}: accepted are {', '.join(map(repr, METRICS))} and functions of (X, Y)")
    namespace = xp.namespace(X, Y)
    if metric == "sqeuclidean" and X.shape[1] > FEW_COORDINATES:
        centre = namespace.mean(X, axis=0)
        X, Y = X - centre, Y - centre
        squares = namespace.sum(X * X, axis=1)[:, None] + namespace.sum(Y * Y, axis=1)[None, :]
        C = squares - 2 * (X @ Y.T)
        return namespace.where(C > 0, C, namespace.zeros_like(C))
    C = 0
    for k in range(X.shape[1]):
        difference = X[:, k][:, None] - Y[:, k][None, :]
        C = C + (namespace.abs(difference) if metric == "cityblock" else difference**2)
    return namespace.sqrt(C) if metric == "euclidean" else C


def _points(X: Any, name: str) -> Any:
    X = validate.float_array(X, name)
    if xp.is_complex(X.dtype):
        raise TypeError(f"{name} has dtype {xp.dtype_name(X.dtype)}: real numbers are needed")
    X = X[:, None] if X.ndim == 1 else X
    if X.ndim != 2 or 0 in X.shape:
        raise ValueError(f"{name} has shape {tuple(X.shape)}: points (n, d), not empty, are needed")
    validate.finite(X, name)
    namespace = xp.namespace(X)
    return namespace.astype(X, namespace.float64, copy=False)

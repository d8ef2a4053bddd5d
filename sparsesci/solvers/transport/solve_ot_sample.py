"""Optimal transport between two sets of points."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from sparsesci._lib import validate, xp
from sparsesci._lib.dispatch import public

from ..krylov.result import failures_are_handled, warn_of_failure
from .lazy import solve_lazily
from .point_costs import costs
from .result import OTResult
from .solve_ot import solve_ot


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
    lazy: bool = False,
    workers: int | None = None,
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
        ``metric(X, Y)``, and returns costs of shape (n, m); with ``lazy=True`` it is called for some of X at a time.
    method, rtol, maxiter, potentials, callback
        As in `solve_ot`.
    lazy : bool
        Whether costs are computed as they are needed, and never stored: for more than some 10,000 points. The memory is
        that of the points and of a sparse plan; the result is the same to rounding. It takes reg > 0 and the method
        "newton"; ``plan`` is then refused above 10^8 entries, in favour of ``sparse_plan()``.
    workers : int, optional
        Threads that share the rows in Newton's method; -1 is one a core. See `sinkhorn_newton`; with ``lazy=True`` the
        coarse start and what is done between passes is serial: that threads save wall time has not been shown there.

    Returns
    -------
    OTResult
        As from `solve_ot`; ``gradient()`` also holds the derivatives by X and Y, None where the metric is a function.

    Raises
    ------
    ValueError, TypeError
        What `solve_ot` raises; points that are not finite or of different dimension, an unknown metric; with
        ``lazy=True`` another method than Newton's, or reg = 0.

    Notes
    -----
    Lazy costs of the metrics that have a name, in up to 8 dimensions, are computed where bounds say that they matter,
    in every pass: time grows with the entries of the plan, and memory with the points. Otherwise the arcs that matter
    are listed by passes over all costs, which are made for some rows at a time; where these would be too many, every
    product with the plan is such a pass. The message says which it was. More than about 2,000 points begin at the
    potentials of 1,024.

    References
    ----------
    Schmitzer, SIAM J. Sci. Comput. 41 (2019) A1443-A1481, for the coarse start.

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
    >>> lazy = solve_ot_sample(X, X + [3.0, 4.0], reg=1e-3, lazy=True)  # of 50,000 points, the costs take 20 GB
    >>> bool(np.isclose(lazy.cost, result.cost))
    True
    """
    X, Y = (_points(part, name) for part, name in ((X, "X"), (Y, "Y")))
    if X.shape[1] != Y.shape[1]:
        raise ValueError(f"X has points of dimension {X.shape[1]} and Y of {Y.shape[1]}: equal dimensions are needed")
    options = {"method": method, "rtol": rtol, "maxiter": maxiter, "potentials": potentials}
    options |= {"callback": callback, "workers": workers}
    if lazy:
        result = solve_lazily(a, b, X, Y, metric, reg, **options)
    else:
        with failures_are_handled():  # the warning is to point at the caller's line
            result = solve_ot(a, b, costs(X, Y, metric), reg, **options)
    warn_of_failure(result, stacklevel=3)
    return replace(result, samples=(X, Y, metric))


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

"""Costs between points: as a matrix, or computed in pieces where they are needed and never stored."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from sparsesci._lib import validate, xp

from .checks import Problem, check_costs, checked_weights, equal_masses, in_double, positive_places
from .leaves import LeafRows, Sorted, tree_of

METRICS = ("sqeuclidean", "euclidean", "cityblock")
FEW_COORDINATES = 8  # up to here differences cost no more than products, and cancel nothing
BLOCK = 1 << 22  # costs that are computed at a time
CALLED = "metric(X, Y)"


@dataclass(frozen=True)
class PointCosts:
    """The matrix of costs between points, of which blocks of rows are made on demand.

    Attributes
    ----------
    X, Y : array (n, d), (m, d)
        The points.
    metric : str or callable
        As in `solve_ot_sample`.
    """

    X: Any
    Y: Any
    metric: Any

    @property
    def shape(self) -> tuple:
        """The shape (n, m) of the matrix."""
        return self.X.shape[0], self.Y.shape[0]

    @property
    def has_leaves(self) -> bool:
        """Whether a tree of the points tells which arcs matter: a known metric in few dimensions, for NumPy."""
        return self.metric in METRICS and self.X.shape[1] <= FEW_COORDINATES and xp.is_numpy(self.X)

    @cached_property
    def tree(self) -> Sorted:
        """The points X in the order of the leaves of a tree."""
        return tree_of(self.X, self.metric)

    def __getitem__(self, rows: slice) -> Any:
        """Return rows of the matrix."""
        C = costs(self.X[rows, :], self.Y, self.metric)
        return in_double(validate.float_array(C, CALLED), CALLED) if callable(self.metric) else C

    def blocks(self) -> Iterator[tuple]:
        """Yield slices of rows and these rows, from the first to the last."""
        n, m = self.shape
        for begin in range(0, n, max(1, BLOCK // m)):
            rows = slice(begin, min(n, begin + max(1, BLOCK // m)))
            yield rows, self[rows]

    def only(self, indices: Any, axis: int) -> PointCosts:
        """Return the costs of some points of one side."""
        namespace = xp.namespace(self.X)
        if axis == 0:
            return PointCosts(namespace.take(self.X, indices, axis=0), self.Y, self.metric)
        return PointCosts(self.X, namespace.take(self.Y, indices, axis=0), self.metric)

    def transposed(self) -> PointCosts:
        """Return the costs with both sides exchanged."""
        metric = self.metric
        if callable(metric):
            return PointCosts(self.Y, self.X, lambda Y, X: metric(X, Y).T)
        return PointCosts(self.Y, self.X, metric)

    def leaf_rows(self, a: Any, shift: float) -> LeafRows:
        """Return the rows of a plan that is never stored, by the leaves of the tree."""
        return LeafRows(self, a, shift)


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
    check_metric(metric)
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


def check_metric(metric: Any) -> None:
    """Raise ValueError for a metric that is neither known nor a function."""
    if not callable(metric) and metric not in METRICS:
        raise ValueError(f"metric is {metric!r}: accepted are {', '.join(map(repr, METRICS))} and functions of (X, Y)")


def point_problem(a: Any, b: Any, X: Any, Y: Any, metric: str | Callable) -> Problem:
    """Check weights, and the costs block by block; return the problem with `PointCosts` in the place of the matrix.

    Of a known metric no costs are computed: bounds of the least and the largest serve as well.
    """
    check_metric(metric)
    C = PointCosts(X, Y, metric)
    namespace = xp.namespace(X, Y)
    a, b = (checked_weights(w, C, name, axis, X) for axis, (w, name) in enumerate(((a, "a"), (b, "b"))))
    b, mass = equal_masses(a, b)
    kept, small = tuple(map(positive_places, (a, b))), C
    weights = [a, b]
    for axis, indices in enumerate(kept):
        if indices is not None:
            weights[axis], small = namespace.take(weights[axis], indices, axis=0), small.only(indices, axis)
    least, largest, is_finite = _extent(small)
    a_small, b_small = weights
    whole = (a, b, C)
    return Problem(a_small / mass, b_small / mass, small, least, largest - least, whole, kept, mass, not is_finite)


def _extent(C: PointCosts) -> tuple:
    """Return bounds of the least and the largest finite cost, and whether all are finite."""
    if not callable(C.metric):
        return *_extent_of_boxes(C), True
    namespace = xp.namespace(C.X)
    least, largest, column_least, is_finite = math.inf, -math.inf, None, True
    for rows, block in C.blocks():
        check_costs(block, rows.start, CALLED)
        row_least, columns = namespace.min(block, axis=1), namespace.min(block, axis=0)
        if float(namespace.max(row_least)) == math.inf:
            row = rows.start + int(namespace.argmax(row_least))
            raise ValueError(f"metric(X, Y) is +inf from point {row} of positive weight to all others: no plan exists")
        column_least = columns if column_least is None else namespace.minimum(column_least, columns)
        finite = namespace.where(block < math.inf, block, namespace.full_like(block, -math.inf))
        least, largest = min(least, float(namespace.min(block))), max(largest, float(namespace.max(finite)))
        is_finite = is_finite and float(namespace.max(block)) < math.inf
    if float(namespace.max(column_least)) == math.inf:
        column = int(namespace.argmax(column_least))
        raise ValueError(f"metric(X, Y) is +inf to point {column} of positive weight from all others: no plan exists")
    return least, largest, is_finite


def _extent_of_boxes(C: PointCosts) -> tuple:
    """Return the least and the largest cost between the boxes around both sets of points."""
    namespace = xp.namespace(C.X)
    low, high = (
        [[float(value) for value in reduce(points, axis=0)] for points in (C.X, C.Y)]
        for reduce in (namespace.min, namespace.max)
    )
    extent = []
    for pick in (_gap, _width):
        sides = [pick(*corners) for corners in zip(*low, *high, strict=True)]
        extent.append(sum(sides) if C.metric == "cityblock" else sum(side * side for side in sides))
    return tuple(map(math.sqrt, extent)) if C.metric == "euclidean" else tuple(extent)


def _gap(low_x: float, low_y: float, high_x: float, high_y: float) -> float:
    return max(0.0, low_x - high_y, low_y - high_x)


def _width(low_x: float, low_y: float, high_x: float, high_y: float) -> float:
    return max(high_x - low_y, high_y - low_x)

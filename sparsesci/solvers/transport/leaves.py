"""The rows of the semi-dual between points, whose costs are computed where they matter and never stored.

The points X are sorted into the leaves of a tree of median cuts. Which columns can matter to a leaf is told by the
costs from its centre: with ``z = g - c(centre, y)`` and y* where that is largest, another point x of the leaf changes
``z(y) - z(y*)`` by no more than the triangle inequality says, and for squared distances by exactly
``2 (x - centre)'(y - y*)``. What is left out is below ``exp(-cut)`` of the largest entry of its row, surely; all the
rest is computed anew in every pass. Memory is that of the points, and of the columns listed for every leaf while a
Newton direction is sought.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from sparsesci._lib.dispatch import kernel

from .rows import Scaling

LEAF = 64  # rows at the most
GROUP = 4  # a group has 2^4 leaves
HESSIAN_CUT = 12.0  # what is below exp(-12) of a row's largest bends the Hessian by 1e-4: a step gains four digits
FAINT = 1e-3  # a column of which the lists miss more than this part
MORE = 1.0  # a plan that has not converged has rows that are at most exp(1) times their weights
NAMES = {"sqeuclidean": 0, "euclidean": 1, "cityblock": 2}  # as the kernels know them


class Balls(NamedTuple):
    """Pieces of a sequence, of which each begins at a bound, and balls around them in the metric of the costs."""

    bounds: Any
    centres: Any
    radii: Any


class Tree(NamedTuple):
    """Sorted points X (n, d), leaves of them, and groups of leaves."""

    X: Any
    leaves: Balls
    groups: Balls


class Sorted(NamedTuple):
    """A tree, and the place that each of its points had."""

    tree: Tree
    order: Any


def cut_order(X: Any, levels: int) -> Any:
    """Return an order in which 2^levels pieces, as equal as can be, are cut at the medians of the widest sides."""
    n, order = X.shape[0], np.arange(X.shape[0])
    for level in range(levels):
        bounds = np.arange(2**level + 1) * n // 2**level
        middles = (2 * np.arange(2**level) + 1) * n // 2 ** (level + 1)
        for begin, middle, end in zip(bounds[:-1], middles, bounds[1:], strict=True):
            piece = order[begin:end]
            points = X[piece]
            side = points[:, np.argmax(np.ptp(points, axis=0))]
            order[begin:end] = piece[np.argpartition(side, middle - begin)]
    return order


def tree_of(X: Any, metric: str) -> Sorted:
    """Sort points into a tree."""
    n = X.shape[0]
    levels = max(0, int(np.ceil(np.log2(n / LEAF))))
    order = cut_order(X, levels)
    X = np.ascontiguousarray(X[order])
    of_leaves = np.arange(2**levels + 1) * n // 2**levels
    of_groups = np.arange(0, 2**levels + 1, 2 ** min(levels, GROUP))
    leaves, groups = (_balls(X, bounds, metric) for bounds in (of_leaves, of_leaves[of_groups]))
    return Sorted(Tree(X, leaves, groups._replace(bounds=of_groups)), order)


def _balls(X: Any, bounds: Any, metric: str) -> Balls:
    centres = np.add.reduceat(X, bounds[:-1]) / np.diff(bounds)[:, None]
    away = np.abs(X - np.repeat(centres, np.diff(bounds), axis=0))
    distance = np.sum(away, axis=1) if metric == "cityblock" else np.sqrt(np.sum(away**2, axis=1))
    return Balls(bounds, centres, np.maximum.reduceat(distance, bounds[:-1]))


class LeafRows:
    """Fills rows leaf by leaf; the leaves are shared out to ``workers``, one chunk for each.

    Parameters
    ----------
    C : PointCosts
        The points and their metric.
    a : array (n,)
        Weights of the rows.
    shift : float
        What costs are counted from.
    run : callable
        A map, under which kernels run.
    n_chunks : int
        The pieces of work.
    """

    def __init__(self, C, a, shift: float, run: Callable = map, n_chunks: int = 1):
        self.tree, self.order = C.tree
        self.columns_order = cut_order(C.Y, max(0, int(np.ceil(np.log2(C.Y.shape[0] / LEAF)))))  # neighbours in memory
        self.given = np.ascontiguousarray(C.Y[self.columns_order].T), NAMES[C.metric], float(shift)
        self.a, self.run, self.n_chunks = np.ascontiguousarray(a[self.order]), run, n_chunks
        n_groups = self.tree.groups.radii.size
        ends = np.arange(n_chunks + 1) * n_groups // n_chunks
        self.chunks = [(int(one), int(other)) for one, other in pairwise(ends) if one < other]

    def at(self, g, reg: float, cut: float) -> Scaling:
        """Return the semi-dual at g without the entries of the plan below ``exp(-cut)`` of their row's largest."""
        sorted_g, f = np.ascontiguousarray(g[self.columns_order]), np.empty_like(self.a)

        def fill(chunk):
            columns = np.zeros_like(sorted_g)
            leaf_rows(self.tree, *self.given, self.a, sorted_g, reg, cut, *chunk, f, columns)
            return columns

        columns = sum(self.run(fill, self.chunks))
        return Scaling(g, self._unsorted(f, self.order), self._unsorted(columns, self.columns_order), None)

    def plan(self, at: Scaling, reg: float) -> LeafPlan:
        """Return the Hessian's plan."""
        return LeafPlan(self, at, reg)

    def sums(self, f, g, reg: float, cut: float) -> tuple:
        """Return ``<C - shift, P>``, row and column sums and the pulls ``sum P dc/dx`` and ``sum P dc/dy``."""
        n, (d, m) = self.a.size, self.given[0].shape
        f, g = f[self.order], g[self.columns_order]
        rows, by_x = np.empty(n), np.empty((n, d))

        def fill(chunk):
            columns, by_y = np.zeros(m), np.zeros((m, d))
            return leaf_sums(self.tree, *self.given, f, g, reg, cut, *chunk, rows, columns, by_x, by_y), columns, by_y

        cost, columns, by_y = (sum(part) for part in zip(*self.run(fill, self.chunks), strict=True))
        rows, by_x = (self._unsorted(part, self.order) for part in (rows, by_x))
        columns, by_y = (self._unsorted(part, self.columns_order) for part in (columns, by_y))
        return cost, rows, columns, by_x, by_y

    def entries(self, f, g, reg: float, limit: float) -> tuple:
        """Return rows, columns and exponents of the entries of the plan above ``exp(limit / reg)``."""
        f, g = f[self.order], g[self.columns_order]
        slack = reg * (math.log(float(np.max(self.a))) + MORE) - limit  # no entry is larger than its row
        found = []
        for first, last in self.chunks:
            indptr, indices = self.lists(g, slack, (first, last))
            for place, leaf in enumerate(_leaves_of(self.tree.groups, first, last)):
                rows, kept = _rows_of(self.tree, leaf), indices[indptr[place] : indptr[place + 1]]
                z = f[rows, None] + g[kept] - _costs_of(rows, self.tree, *self.given, kept)[0]
                i, j = np.nonzero(z > limit)
                found.append((self.order[rows.start + i], self.columns_order[kept[j]], z[i, j]))
        return tuple(map(np.concatenate, zip(*found, strict=True)))

    def lists(self, g, slack: float, chunk: tuple) -> tuple:
        """Return the columns that matter to the leaves of a chunk, as (indptr, indices); g is sorted."""
        first, last = chunk
        bounds = self.tree.groups.bounds
        indptr = np.zeros(bounds[last] - bounds[first] + 1, np.int64)
        indices = np.empty(2 * int(np.max(np.diff(bounds))) * g.size, np.int32)
        group = first
        while (group := leaf_lists(self.tree, *self.given, g, slack, group, first, last, indptr, indices)) < last:
            indices = np.concatenate([indices, np.empty_like(indices)])
        return indptr, indices[: indptr[-1]].copy()

    @staticmethod
    def _unsorted(x: Any, order: Any) -> Any:
        out = np.empty_like(x)
        out[order] = x
        return out


class LeafPlan:
    """The plan at one g as its Hessian needs it, without what is below ``exp(-HESSIAN_CUT)`` of a row's largest.

    A column of small weight may be below that in every row. It has its whole mass on the diagonal then, which is right
    but for products of small entries: else it would have no curvature, and take steps of any length.
    """

    def __init__(self, rows: LeafRows, at: Scaling, reg: float):
        self.rows, self.reg = rows, reg
        self.f, self.g = at.f[rows.order], at.g[rows.columns_order]
        self.lists = list(rows.run(lambda chunk: rows.lists(self.g, HESSIAN_CUT * reg, chunk), rows.chunks))
        listed, found = self._sums(leaf_diagonal, 2)
        left_out = at.columns - found
        self.left_out = np.where(left_out > FAINT * at.columns, left_out, 0)
        self.listed_diagonal = listed

    def product(self, v: Any) -> Any:
        """Return ``(diag(P'1) - P' diag(P 1)^-1 P) v``."""
        (y,) = self._sums(leaf_product, 1, np.ascontiguousarray(v[self.rows.columns_order]))
        return y + self.left_out * v

    def diagonal(self) -> Any:
        """Return the diagonal of that matrix."""
        return self.listed_diagonal + self.left_out

    def _sums(self, function: Callable, number: int, *vectors: Any) -> list:
        rows = self.rows

        def fill(chunk, lists):
            filled = np.zeros((number, self.g.size))
            function(rows.tree, *rows.given, *lists, self.f, self.g, self.reg, *vectors, *chunk, *filled)
            return filled

        return [rows._unsorted(part, rows.columns_order) for part in sum(rows.run(fill, rows.chunks, self.lists))]


# --- references ------------------------------------------------------------------------------------------------------


def _costs_of(leaf: slice, tree: Tree, Y: Any, metric: int, shift: float, kept: Any = slice(None)) -> Any:
    """Return ``C - shift`` of sorted rows and columns, and the differences x - y."""
    difference = tree.X[leaf, :, None] - Y[:, kept]
    if metric == 2:
        return np.sum(np.abs(difference), axis=1) - shift, difference
    squares = np.sum(difference**2, axis=1)
    return (squares if metric == 0 else np.sqrt(squares)) - shift, difference


def _leaves_of(groups: Balls, first: int, last: int) -> Iterable[int]:
    return range(groups.bounds[first], groups.bounds[last])


def _rows_of(tree: Tree, leaf: int) -> slice:
    return slice(tree.leaves.bounds[leaf], tree.leaves.bounds[leaf + 1])


@kernel(cpu="sparsesci._cpu.points:leaf_rows")
def leaf_rows(tree, Y, metric, shift, a, g, reg, cut, first, last, f, columns):
    """Fill f of the groups from first to last, with which their rows sum to a, and add to the column sums."""
    for leaf in _leaves_of(tree.groups, first, last):
        rows = _rows_of(tree, leaf)
        z = g - _costs_of(rows, tree, Y, metric, shift)[0]
        top = z.max(axis=1)
        w = np.exp((z - top[:, None]) / reg)
        factor = a[rows] / w.sum(axis=1)
        f[rows] = reg * np.log(factor) - top
        columns += factor @ w


@kernel(cpu="sparsesci._cpu.points:leaf_lists")
def leaf_lists(tree, Y, metric, shift, g, slack, start, first, last, indptr, indices):
    """List the columns that matter to the leaves of the groups from ``start``; indptr belongs to those from ``first``.

    Return the group at which the room was used up, or last; one group more than fits is never begun.
    """
    bounds = tree.groups.bounds
    for group in range(start, last):
        place = bounds[group] - bounds[first]
        if indptr[place] + (bounds[group + 1] - bounds[group]) * g.size > indices.size:
            return group
        of_group = _near(tree.groups, group, Y, g, np.arange(g.size), metric, shift, slack)
        for leaf in range(bounds[group], bounds[group + 1]):
            kept = _near(tree.leaves, leaf, Y, g, of_group, metric, shift, slack)
            indices[indptr[place] : indptr[place] + kept.size] = kept
            indptr[place + 1] = indptr[place] + kept.size
            place += 1
    return last


def _near(balls, ball, Y, g, columns, metric, shift, slack):
    """Return those of the columns that are within ``slack`` of the largest g - c of any point of a ball."""
    centre = Tree(balls.centres[ball : ball + 1], None, None)
    z = g[columns] - _costs_of(slice(None), centre, Y, metric, shift, columns)[0][0]
    reach, best = 2 * balls.radii[ball], np.argmax(z)
    if metric == 0:
        reach = reach * np.sqrt(np.sum((Y[:, columns] - Y[:, columns[best], None]) ** 2, axis=0))
    return columns[z + reach >= z[best] - slack]


def _listed_plans(tree, Y, metric, shift, indptr, indices, f, g, reg, first, last):
    """Yield the columns of every leaf and their part of the plan."""
    for place, leaf in enumerate(_leaves_of(tree.groups, first, last)):
        rows, kept = _rows_of(tree, leaf), indices[indptr[place] : indptr[place + 1]]
        yield kept, np.exp((f[rows, None] + g[kept] - _costs_of(rows, tree, Y, metric, shift, kept)[0]) / reg)


@kernel(cpu="sparsesci._cpu.points:leaf_product")
def leaf_product(tree, Y, metric, shift, indptr, indices, f, g, reg, v, first, last, y):
    """Add ``(diag(P'1) - P' diag(P 1)^-1 P) v`` to y, with P of the listed columns of the groups from first to last."""
    for kept, P in _listed_plans(tree, Y, metric, shift, indptr, indices, f, g, reg, first, last):
        y[kept] += P.sum(axis=0) * v[kept] - (P @ v[kept] / P.sum(axis=1)) @ P


@kernel(cpu="sparsesci._cpu.points:leaf_diagonal")
def leaf_diagonal(tree, Y, metric, shift, indptr, indices, f, g, reg, first, last, y, columns):
    """Add the diagonal of the matrix of `leaf_product` to y, and the sums of the listed columns to columns."""
    for kept, P in _listed_plans(tree, Y, metric, shift, indptr, indices, f, g, reg, first, last):
        y[kept] += np.sum(P - P * P / P.sum(axis=1)[:, None], axis=0)
        columns[kept] += P.sum(axis=0)


@kernel(cpu="sparsesci._cpu.points:leaf_sums")
def leaf_sums(tree, Y, metric, shift, f, g, reg, cut, first, last, rows, columns, by_x, by_y):
    """Fill row sums and pulls ``sum_j P_ij dc/dx``, add to column sums and pulls by y; return ``<C - shift, P>``."""
    cost = 0.0
    for leaf in _leaves_of(tree.groups, first, last):
        own = _rows_of(tree, leaf)
        C, pull = _costs_of(own, tree, Y, metric, shift)
        P = np.exp((f[own, None] + g - C) / reg)
        if metric == 0:
            pull = 2 * pull
        elif metric == 1:
            pull = pull / np.where(C + shift > 0, C + shift, 1)[:, None, :]
        else:
            pull = np.sign(pull)
        rows[own] = P.sum(axis=1)
        columns += P.sum(axis=0)
        by_x[own] = np.einsum("ij,ikj->ik", P, pull)
        by_y -= np.einsum("ij,ikj->jk", P, pull)
        cost += float(np.sum(P * C))
    return cost

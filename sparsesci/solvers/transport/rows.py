"""The semi-dual of entropic optimal transport: column potentials in, rows that are exact by log-sum-exp out.

For column potentials g the row potentials ``f_i = reg log a_i - reg log sum_j exp((g_j - C_ij) / reg)`` maximise the
dual, so that the plan ``P = exp((f + g - C) / reg)`` has the row sums a, whatever g is. What is left is a concave
function of g with the gradient ``b - P'1`` and the Hessian ``-(diag(P'1) - P' diag(a)^-1 P) / reg``.

Two classes fill the rows: `DenseRows` in any array library, and `ListedRows`, which keeps for every row the arcs that
can matter and touches no others, for NumPy.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from sparsesci._lib import xp
from sparsesci._lib.dispatch import kernel

CUT = 37.0  # plus log m: entries below exp of minus that, beside the largest of their row, sum to less than rounding
MARGIN = 0.5  # a list holds what lies within (1 + MARGIN) cuts of its row's least reduced cost
DENSE_ABOVE = 0.25  # the part of all arcs above which listing them costs more than it saves
MOST_LISTED = 50_000_000  # where costs are not stored: 24 bytes an arc, with those of the plan


class SparsePlan(NamedTuple):
    """The entries of a plan that are not negligible, in compressed rows."""

    indptr: Any
    indices: Any
    data: Any


class Scaling(NamedTuple):
    """The semi-dual at one g: both potentials, the column sums of the plan, and the plan where it is sparse."""

    g: Any
    f: Any
    columns: Any
    P: SparsePlan | None


def equal_parts(n: int, number: int) -> list[slice]:
    """Return as many slices of n rows, or one a row, as equal as can be."""
    ends = [k * n // number for k in range(number + 1)]
    return [slice(begin, end) for begin, end in pairwise(ends) if begin < end]


def row_blocks(C: Any, number: int = 1) -> Iterable[tuple]:
    """Yield slices of rows and their costs: equal parts of a matrix, piece by piece of what makes them on demand."""
    if hasattr(C, "blocks"):
        return C.blocks()
    return [(rows, C[rows, :]) for rows in equal_parts(C.shape[0], number)]


def only_columns(C: Any, indices: Any) -> Any:
    """Return some columns of the costs."""
    return C.only(indices, 1) if hasattr(C, "only") else xp.namespace(C).take(C, indices, axis=1)


class DenseRows:
    """Sums every row as a whole; the plan is stored in one place, and only where a Hessian is made of it.

    Where the costs are made on demand the plan is not stored, and made anew for every product.

    Parameters
    ----------
    C : array (n, m) or PointCosts
        The costs.
    a : array (n,)
        Weights of the rows.
    shift : float
        What costs are counted from.
    run : callable
        A map, under which kernels run; the built-in one for costs that are made on demand.
    n_chunks : int
        The blocks of rows into which a stored C is cut. Sums are added up in their order, so that they do not depend on
        which thread is first.
    """

    def __init__(self, C, a, shift: float, run: Callable = map, n_chunks: int = 1):
        self.C, self.a, self.shift, self.run, self.n_chunks = C, a, shift, run, n_chunks
        self.nscan, self.P = 0, None

    def at(self, g, reg: float, cut: float) -> Scaling:
        """Return the semi-dual at g; a dense plan needs no cut."""
        self.nscan += 1
        namespace = xp.namespace(g)

        def fill(block):
            rows, C = block
            a = self.a[rows]
            f, sums = namespace.empty_like(a), namespace.empty_like(g)
            dense_rows(C, a, g, self.shift, reg, f, sums)
            return f, sums

        parts, columns = [], None
        for f, sums in self.run(fill, row_blocks(self.C, self.n_chunks)):
            parts.append(f)
            columns = sums if columns is None else columns + sums
        return Scaling(g, parts[0] if len(parts) == 1 else namespace.concat(parts), columns, None)

    def plan(self, at: Scaling, reg: float) -> Any:
        """Return the dense plan; the next one is written over it."""
        if hasattr(self.C, "blocks"):
            return BlockPlan(self.C, self.shift, at, reg)
        if self.P is None:
            self.P = xp.namespace(self.C).empty_like(self.C)

        def fill(block):
            rows, C = block
            dense_plan(C, at.f[rows], at.g, self.shift, reg, self.P[rows, :])

        for _ in self.run(fill, row_blocks(self.C, self.n_chunks)):
            pass
        return self.P


class BlockPlan(NamedTuple):
    """A dense plan of which blocks of rows are made on demand."""

    C: Any
    shift: float
    at: Scaling
    reg: float

    def blocks(self) -> Iterator[Any]:
        """Yield the rows of the plan, from the first to the last."""
        for rows, C in row_blocks(self.C):
            P = xp.namespace(C).empty_like(C)
            dense_plan(C, self.at.f[rows], self.at.g, self.shift, self.reg, P)
            yield P

    def product(self, v: Any) -> Any:
        """Return ``(diag(P'1) - P' diag(P 1)^-1 P) v``."""
        namespace = xp.namespace(v)
        return sum(namespace.sum(P, axis=0) * v - ((P @ v) / namespace.sum(P, axis=1)) @ P for P in self.blocks())

    def diagonal(self) -> Any:
        """Return the diagonal of that matrix."""
        namespace = xp.namespace(self.at.g)
        return sum(namespace.sum(P, axis=0) - (1 / namespace.sum(P, axis=1)) @ (P * P) for P in self.blocks())


class ListedRows:
    """Keeps a list of arcs for every row, and scans C again only where an arc outside of it may have come to matter.

    The list made at g holds all arcs whose reduced cost C - g is within ``slack`` of their row's least one. At another
    g' the reduced cost of an arc has fallen by ``max(g' - g)`` at the most: where the least of its row is known to stay
    ``cut * reg`` below all that is not listed, the list is still complete. That is looked at in every pass. The
    parameters are those of `DenseRows`.
    """

    def __init__(self, C, a, shift: float, run: Callable = map, n_chunks: int = 1):
        self.C, self.a, self.shift, self.run, self.n_chunks = C, a, shift, run, n_chunks
        self.dense = DenseRows(C, a, shift, run, n_chunks)
        self.parts = equal_parts(a.size, n_chunks)
        self.slack = -np.inf  # there is no list yet
        self.too_dense_above = np.inf
        self.nscan = self.nnarrow = self.npass = 0

    def at(self, g, reg: float, cut: float) -> Scaling:
        """Return the semi-dual at g without the entries of the plan below ``exp(-cut)`` of their row's largest."""
        if cut * reg >= self.too_dense_above:
            return self.dense.at(g, reg, cut)
        if self.slack > 0 and self.slack <= 3 * (1 + MARGIN) * cut * reg:
            scaling, drift = self._pass(g, reg, cut)
            if drift + cut * reg <= self.slack:
                return scaling
        if not self._list(g, (1 + MARGIN) * cut * reg):
            self.too_dense_above = min(self.too_dense_above, cut * reg)
            return self.dense.at(g, reg, cut)
        return self._pass(g, reg, cut)[0]

    def plan(self, at: Scaling, reg: float) -> Any:
        """Return the sparse plan, or the dense one where that was told by its count."""
        return self.dense.plan(at, reg) if at.P is None else at.P

    def _pass(self, g, reg, cut):
        """Fill the listed rows, and return how much nearer an arc outside of the list can have come."""
        self.npass += 1
        n, m, nnz = self.a.size, g.size, self.indices.size
        f, least = np.empty(n), np.empty(n)
        P = SparsePlan(np.empty(n + 1, np.int64), np.empty(nnz, np.int32), np.empty(nnz))

        def fill(rows):
            columns, bounds = np.empty(m), self.indptr[rows.start : rows.stop + 1]
            own = np.empty_like(bounds), P.indices[bounds[0] : bounds[-1]], P.data[bounds[0] : bounds[-1]]
            lists = bounds, self.indices, self.costs
            listed_rows(*lists, self.a[rows], g, reg, cut, f[rows], least[rows], *own, columns)
            return own, columns

        total, columns = 0, None
        for rows, ((lengths, *own), sums) in zip(self.parts, self.run(fill, self.parts), strict=True):
            P.indptr[rows.start : rows.stop + 1] = total + lengths
            if rows.start > 0:  # close the gap that entries below the cut have left
                for whole, part in zip(P[1:], own, strict=True):
                    whole[total : total + lengths[-1]] = part[: lengths[-1]]
            total += lengths[-1]
            columns = sums if columns is None else columns + sums
        drift = float(np.max(g - self.g) + np.max(least - self.least))
        return Scaling(g, f, columns, P), drift

    def _list(self, g, slack) -> bool:
        """List the arcs within ``slack`` at g, from the last list where that holds them all; False if they are many."""
        least = np.empty(self.a.size)
        if self.slack > slack:
            lists = list(self.run(lambda rows: self._narrowed(rows, g, slack, least), self.parts))
            if float(np.max(g - self.g) + np.max(least - self.least)) + slack <= self.slack:
                self.nnarrow += 1
                return self._keep(g, slack, lists, least)
        self.nscan += 1
        lists, count, n_rows = [], 0, 0
        blocks = row_blocks(self.C, len(self.parts))
        for found in self.run(lambda block: self._scanned(*block, g, slack, least), blocks):
            if found is None:
                return False
            lists += found
            count += sum(indices.size for _, indices, _ in found)
            n_rows += sum(lengths.size for lengths, _, _ in found)
            if self._are_many(count, n_rows):
                return False
        return self._keep(g, slack, lists, least)

    def _narrowed(self, rows, g, slack, least) -> tuple:
        """Return how many arcs of the list every row keeps, which, and their costs."""
        bounds = self.indptr[rows.start : rows.stop + 1]
        size = bounds[-1] - bounds[0]
        indptr, indices, costs = np.empty_like(bounds), np.empty(size, np.int32), np.empty(size)
        narrow_rows(bounds, self.indices, self.costs, g, slack, indptr, indices, costs, least[rows])
        return np.diff(indptr), indices[: indptr[-1]], costs[: indptr[-1]]

    def _scanned(self, rows, C, g, slack, least) -> list | None:
        """Return lists of a block of rows, in pieces as room was made for them; None if they are many."""
        n, m = C.shape
        room, lists, count, row = m + 16 * n, [], 0, 0
        indptr = np.zeros(n + 1, np.int64)
        while row < n:
            indices, costs = np.empty(room, np.int32), np.empty(room)
            end = scan_rows(C, g, self.shift, slack, row, indptr, indices, costs, least[rows])
            count += (size := int(indptr[end]))
            lists.append((np.diff(indptr[row : end + 1]), indices[:size], costs[:size]))
            if self._are_many(count, end):
                return None
            indptr[end], row, room = 0, end, 4 * room
        return lists

    def _are_many(self, count: int, n_rows: int) -> bool:
        """Whether so many arcs of the first rows, or of a block of as many, are too many to be listed."""
        n, m = self.C.shape
        most = MOST_LISTED if hasattr(self.C, "blocks") else n * m
        return count > max(m + 16 * n, min(most, DENSE_ABOVE * m * max(n_rows, n // 16)))

    def _keep(self, g, slack, lists, least) -> bool:
        lengths, indices, costs = (np.concatenate(part) for part in zip(*lists, strict=True))
        self.indptr = np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)])
        self.indices, self.costs = indices, costs
        self.g, self.slack, self.least = g, slack, least
        return True


def rows_of(problem: Any, run: Callable = map, n_chunks: int = 1) -> DenseRows | ListedRows:
    """Return what fills the rows of a problem; costs that are made on demand are not shared out."""
    threads = (run, n_chunks) if xp.is_numpy(problem.C) else (map, 1)
    rows = ListedRows if xp.is_numpy(problem.a) else DenseRows
    return rows(problem.C, problem.a, problem.shift, *threads)


@kernel(cpu="sparsesci._cpu.transport:dense_rows")
def dense_rows(C, a, g, shift, reg, f, columns):
    """Fill f, with which the rows of the plan sum to a, and its column sums."""
    namespace = xp.namespace(C)
    z = g[None, :] - (C - shift)
    top = namespace.max(z, axis=1)
    w = namespace.exp((z - top[:, None]) / reg)
    factor = a / namespace.sum(w, axis=1)
    f[:] = reg * namespace.log(factor) - top
    columns[:] = namespace.sum(w * factor[:, None], axis=0)


@kernel(cpu="sparsesci._cpu.transport:dense_plan")
def dense_plan(C, f, g, shift, reg, P):
    """Fill ``P = exp((f + g - C + shift) / reg)``."""
    P[...] = xp.namespace(C).exp((f[:, None] + g[None, :] - (C - shift)) / reg)


@kernel(cpu="sparsesci._cpu.transport:scan_rows")
def scan_rows(C, g, shift, slack, start, indptr, indices, costs, least):
    """List the arcs of the rows from ``start`` whose reduced cost C - g is at most ``slack`` above their row's least.

    Return the row at which the room was used up, or their number; one row more than fits is never begun.
    """
    n, m = C.shape
    for i in range(start, n):
        begin = indptr[i]
        if begin + m > indices.size:
            return i
        row = C[i, :] - shift
        reduced = row - g
        least[i] = reduced.min()
        listed = np.flatnonzero(reduced <= least[i] + slack)
        indptr[i + 1] = end = begin + listed.size
        indices[begin:end], costs[begin:end] = listed, row[listed]
    return n


@kernel(cpu="sparsesci._cpu.transport:narrow_rows")
def narrow_rows(indptr, indices, costs, g, slack, new_indptr, new_indices, new_costs, least):
    """Keep of a list the arcs that `scan_rows` would list."""
    new_indptr[0] = 0
    for i in range(indptr.size - 1):
        arcs = slice(indptr[i], indptr[i + 1])
        reduced = costs[arcs] - g[indices[arcs]]
        least[i] = reduced.min()
        near = reduced <= least[i] + slack
        begin, end = new_indptr[i], new_indptr[i] + near.sum()
        new_indptr[i + 1] = end
        new_indices[begin:end], new_costs[begin:end] = indices[arcs][near], costs[arcs][near]


@kernel(cpu="sparsesci._cpu.transport:listed_rows")
def listed_rows(indptr, indices, costs, a, g, reg, cut, f, least, plan_indptr, plan_indices, plan_data, columns):
    """Do `dense_rows` on listed arcs, and drop the entries of the plan below ``exp(-cut)`` of their row's largest."""
    plan_indptr[0] = 0
    columns[:] = 0
    for i in range(a.size):
        listed = slice(indptr[i], indptr[i + 1])
        reduced = costs[listed] - g[indices[listed]]
        least[i] = reduced.min()
        kept = reduced <= least[i] + cut * reg
        arcs, w = indices[listed][kept], np.exp((least[i] - reduced[kept]) / reg)
        factor = a[i] / w.sum()
        begin, end = plan_indptr[i], plan_indptr[i] + arcs.size
        plan_indptr[i + 1] = end
        plan_indices[begin:end], plan_data[begin:end] = arcs, w * factor
        columns[arcs] += w * factor
        f[i] = reg * np.log(factor) + least[i]

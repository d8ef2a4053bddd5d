"""The semi-dual of entropic optimal transport: column potentials in, rows that are exact by log-sum-exp out.

For column potentials g the row potentials ``f_i = reg log a_i - reg log sum_j exp((g_j - C_ij) / reg)`` maximise the
dual, so that the plan ``P = exp((f + g - C) / reg)`` has the row sums a, whatever g is. What is left is a concave
function of g with the gradient ``b - P'1`` and the Hessian ``-(diag(P'1) - P' diag(a)^-1 P) / reg``.

Two classes fill the rows: `DenseRows` in any array library, and `ListedRows`, which keeps for every row the arcs that
can matter and touches no others, for NumPy.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
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


def row_blocks(C: Any) -> Iterable[tuple]:
    """Yield slices of rows and their costs: all at once of a matrix, piece by piece of what makes them on demand."""
    return C.blocks() if hasattr(C, "blocks") else [(slice(0, C.shape[0]), C)]


def only_columns(C: Any, indices: Any) -> Any:
    """Return some columns of the costs."""
    return C.only(indices, 1) if hasattr(C, "only") else xp.namespace(C).take(C, indices, axis=1)


class DenseRows:
    """Sums every row as a whole; the plan is stored in one place, and only where a Hessian is made of it.

    Where the costs are made on demand the plan is not stored, and made anew for every product.
    """

    def __init__(self, C, a, shift: float):
        self.C, self.a, self.shift = C, a, shift
        self.nscan, self.P = 0, None

    def at(self, g, reg: float, cut: float) -> Scaling:
        """Return the semi-dual at g; a dense plan needs no cut."""
        self.nscan += 1
        namespace = xp.namespace(g)
        parts, columns = [], None
        for rows, C in row_blocks(self.C):
            a = self.a[rows]
            f, sums = namespace.empty_like(a), namespace.empty_like(g)
            dense_rows(C, a, g, self.shift, reg, f, sums)
            parts.append(f)
            columns = sums if columns is None else columns + sums
        return Scaling(g, parts[0] if len(parts) == 1 else namespace.concat(parts), columns, None)

    def plan(self, at: Scaling, reg: float) -> Any:
        """Return the dense plan; the next one is written over it."""
        if hasattr(self.C, "blocks"):
            return BlockPlan(self.C, self.shift, at, reg)
        if self.P is None:
            self.P = xp.namespace(self.C).empty_like(self.C)
        dense_plan(self.C, at.f, at.g, self.shift, reg, self.P)
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
    ``cut * reg`` below all that is not listed, the list is still complete. That is looked at in every pass.
    """

    def __init__(self, C, a, shift: float):
        self.C, self.a, self.shift = C, a, shift
        self.dense = DenseRows(C, a, shift)
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
        f, least, columns = np.empty(n), np.empty(n), np.empty(m)
        P = SparsePlan(np.empty(n + 1, np.int64), np.empty(nnz, np.int32), np.empty(nnz))
        listed_rows(self.indptr, self.indices, self.costs, self.a, g, reg, cut, f, least, *P, columns)
        drift = float(np.max(g - self.g) + np.max(least - self.least))
        return Scaling(g, f, columns, P), drift

    def _list(self, g, slack) -> bool:
        """List the arcs within ``slack`` at g, from the last list where that holds them all; False if they are many."""
        n, m = self.C.shape
        most = min(int(DENSE_ABOVE * n * m), MOST_LISTED if hasattr(self.C, "blocks") else n * m)
        least = np.empty(n)
        if self.slack > slack:
            rise = g - self.g
            indptr, indices, costs = np.empty_like(self.indptr), np.empty_like(self.indices), np.empty_like(self.costs)
            narrow_rows(self.indptr, self.indices, self.costs, g, slack, indptr, indices, costs, least)
            if float(np.max(rise) + np.max(least - self.least)) + slack <= self.slack:
                self.nnarrow += 1
                return self._keep(g, slack, indptr, indices, costs, least)
        self.nscan += 1
        indptr = np.zeros(n + 1, np.int64)
        indices, costs = np.empty(m + 16 * n, np.int32), np.empty(m + 16 * n)
        for rows, C in row_blocks(self.C):
            row, own = 0, (indptr[rows.start :], least[rows.start :])
            while (row := scan_rows(C, g, self.shift, slack, row, own[0], indices, costs, own[1])) < C.shape[0]:
                done = rows.start + row
                if indptr[done] + (n - done) > most or indptr[done] > DENSE_ABOVE * m * max(done, n // 16):
                    return False
                indices, costs = (np.concatenate([part, np.empty_like(part)]) for part in (indices, costs))
        return self._keep(g, slack, indptr, indices, costs, least)

    def _keep(self, g, slack, indptr, indices, costs, least) -> bool:
        nnz = int(indptr[-1])
        self.indptr, self.indices, self.costs = indptr, indices[:nnz].copy(), costs[:nnz].copy()
        self.g, self.slack, self.least = g, slack, least
        return True


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

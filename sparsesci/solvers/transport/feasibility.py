"""Whether forbidden arcs leave a plan: if not, some rows hold more than all the columns that they reach.

The condition of Hall, *On representatives of subsets*, J. London Math. Soc. 10 (1935) 26-30, for masses: a plan exists
if and only if ``a(S) <= b(N(S))`` for every set S of rows, where N(S) are the columns with an arc from S. Gale, *A
theorem on flows in networks*, Pacific J. Math. 7 (1957) 1073-1082. The set that fails it most is the smallest cut of a
flow from rows to columns (Ford and Fulkerson).

Deviations
----------
1. The flow is one of integers, for which there is a fast method in SciPy: its cut proposes S, and only the masses
   themselves decide. A set that is returned is a proof; where none is, a plan exists for masses that differ from those
   given by less than `MASSES_AGREE`.
2. Rows without a forbidden arc are in no such set, since they reach all columns: they are left out, and so are the
   columns that all rows reach. Rows with the same arcs count as one, and so do columns.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from sparsesci._lib import xp

from .rows import row_blocks

MOST_ARCS = 10**8  # of costs that are not stored
UNITS = 2**30  # of the integer flow, for the whole mass: capacities are 32-bit numbers
MASSES_AGREE = 1e-6  # as in `checks`


def overfull_rows(a: np.ndarray, b: np.ndarray, allowed: np.ndarray) -> np.ndarray | None:
    """Return rows S with ``a(S) > b(N(S))``, which prove that no plan exists, or None.

    Parameters
    ----------
    a, b : array (n,), (m,)
        Weights >= 0 on the host, of equal mass.
    allowed : array (n, m) of bool
        Whether there is an arc.

    Notes
    -----
    Costs a sort of the rows and columns of ``allowed``, as bits, and a flow along the arcs between those that differ.
    """
    candidates = np.flatnonzero(~allowed.all(axis=1))
    if candidates.size == 0:
        return None
    kinds, row_kind = _kinds(allowed[candidates])
    kinds, column_kind = _kinds(kinds.T)
    supply = np.bincount(row_kind, a[candidates])
    demand = np.bincount(column_kind, b)
    chosen = np.isin(row_kind, _smallest_cut(supply, demand, kinds.T, a.sum()))
    rows = candidates[chosen]
    reached = allowed[rows].any(axis=0)
    return rows if a[rows].sum() - b[reached].sum() > MASSES_AGREE * a.sum() else None


class NoPlanError(ValueError):
    """No plan exists.

    Attributes
    ----------
    rows : str
        Those that hold too much, or the first of them.
    held, taken : float
        The part of the mass that they hold, and that of the columns to which they have arcs.
    """

    def __init__(self, rows: str, held: float, n_columns: int, taken: float):
        super().__init__(
            f"no plan exists: rows {rows} hold {held:.6g} of the mass, and the {n_columns} columns to which they have "
            f"arcs that are not forbidden (+inf) take {taken:.6g}"
        )
        self.rows, self.held, self.n_columns, self.taken = rows, held, n_columns, taken

    def __reduce__(self) -> tuple:
        """Be raised again, by a worker's process, from what it was made of."""
        return NoPlanError, (self.rows, self.held, self.n_columns, self.taken)


def check_feasible(a: np.ndarray, b: np.ndarray, allowed: np.ndarray, names: np.ndarray | None = None) -> None:
    """Raise NoPlanError if no plan exists, and say which rows hold too much; ``names`` are their indices in C."""
    rows = overfull_rows(a, b, allowed)
    if rows is None:
        return
    reached = allowed[rows].any(axis=0)
    shown = rows if names is None else names[rows]
    some = ", ".join(map(str, shown[:5])) + (", ..." if shown.size > 5 else "")
    raise NoPlanError(some, a[rows].sum() / a.sum(), reached.sum(), b[reached].sum() / a.sum())


def check_problem(problem: Any) -> bool:
    """Do `check_feasible` for a `Problem`, on the host; return False where its costs are too many, and not stored."""
    if not problem.has_forbidden_arcs:
        return True
    if hasattr(problem.C, "blocks") and math.prod(problem.C.shape) > MOST_ARCS:
        return False
    a, b = (xp.to_host(part) for part in (problem.a, problem.b))
    allowed = np.empty(problem.C.shape, bool)
    for rows, C in row_blocks(problem.C):
        allowed[rows] = xp.to_host(C < math.inf)
    names = problem.kept[0]
    check_feasible(a, b, allowed, None if names is None else xp.to_host(names))
    return True


def _kinds(allowed: np.ndarray) -> tuple:
    """Return the rows of a matrix that differ from one another, and which of them each row is."""
    bits = np.packbits(allowed, axis=1)
    _, first, kind = np.unique(bits, axis=0, return_index=True, return_inverse=True)
    return allowed[first], kind.reshape(-1)


def _smallest_cut(supply: np.ndarray, demand: np.ndarray, allowed: np.ndarray, mass: float) -> np.ndarray:
    """Return the rows on the source's side of the smallest cut, which a maximal flow does not exhaust."""
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import breadth_first_order, maximum_flow

    n, m = allowed.shape
    i, j = np.nonzero(allowed)
    units = UNITS / mass
    source, sink = n + m, n + m + 1
    tails = np.concatenate([np.full(n, source), i, n + np.arange(m)])
    heads = np.concatenate([np.arange(n), n + j, np.full(m, sink)])
    room = np.concatenate([np.rint(units * supply), np.full(i.size, UNITS), np.rint(units * demand)])
    graph = csr_array((room.astype(np.int32), (tails, heads)), shape=(sink + 1, sink + 1))
    left = graph - maximum_flow(graph, source, sink).flow
    left.data[left.data < 0] = 0
    left.eliminate_zeros()
    reached = breadth_first_order(left, source, return_predecessors=False)
    return reached[reached < n]

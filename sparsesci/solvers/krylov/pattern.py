"""The pattern that a matrix shares with its incomplete factors: found once, and handed on while it does not change.

Sorting, checking and cutting a matrix in two cost more than an incomplete factorisation of a new matrix with the same
pattern. What they give is therefore kept with a preconditioner, and shared by all that are refreshed from it.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from sparsesci._lib import validate, xp
from sparsesci._lib.dispatch import kernel
from sparsesci._lib.operator import CSR, csr_arrays

from .factors import FactoredPreconditioner, Factors, empty_csr, sorted_csr


class Pattern(NamedTuple):
    """Where a matrix has entries and where its pivots are among them. Nothing ever writes to the arrays."""

    indptr: np.ndarray
    indices: np.ndarray
    diagonal: np.ndarray


def on_pattern(A: Any, like: FactoredPreconditioner | None, method: str) -> tuple[Pattern, np.ndarray, Factors]:
    """Return the pattern of A, its entries there, and room for factors on it.

    The index arrays are those of ``like`` where it is given; ValueError names the first row in which A differs.
    """
    if like is None:
        csr = sorted_csr(A, method)
        entries = csr_arrays(csr, csr.dtype)
        pattern, room = _new_pattern(entries, method)
        data = entries.data
    else:
        pattern, room = getattr(like, "pattern", None), getattr(like, "factors", None)
        if pattern is None:
            raise TypeError(
                f"like is a {getattr(like, 'name', type(like).__name__)}: an ILU(0), IC(0) or SSOR is needed"
            )
        data = _entries_on(pattern, A, method)
        room = Factors(
            room.lower._replace(data=np.empty(room.lower.data.size, data.dtype)),
            room.upper._replace(data=np.empty(room.upper.data.size, data.dtype)),
            np.empty(pattern.diagonal.size, data.dtype),
        )
    if not np.isfinite(data).all():
        validate.finite(sorted_csr(A, method), "A")  # duplicates are summed there
    return pattern, data, room


def _new_pattern(entries: CSR, method: str) -> tuple[Pattern, Factors]:
    """Find the pivots, and cut the pattern in two."""
    indptr, indices, data = entries
    n = indptr.size - 1
    diagonal = np.empty(n, np.int64)
    row = find_pivots(indptr, indices, diagonal)
    if row >= 0:
        raise ValueError(
            f"{method} breaks down in row {row}: its pivot is missing, A[{row}, {row}] is not stored; reorder A so "
            "that its diagonal is nonzero, or add a shift to it"
        )
    n_lower = int((diagonal - indptr[:-1]).sum())
    lower, upper = (empty_csr(n, size, data.dtype) for size in (n_lower, data.size - n - n_lower))
    split_pattern(indptr, indices, diagonal, lower, upper)
    # Copies: the arrays of A may be sorted or filled anew by whoever owns them.
    return Pattern(indptr.copy(), indices.copy(), diagonal), Factors(lower, upper, np.empty(n, data.dtype))


def _entries_on(pattern: Pattern, A: Any, method: str) -> np.ndarray:
    """Return the entries of A in the order of a pattern that it must have."""

    def fits(csr) -> bool:
        pairs = (csr.indptr, pattern.indptr), (csr.indices, pattern.indices)
        return csr.data.shape == pattern.indices.shape and all(np.array_equal(*pair) for pair in pairs)

    n = pattern.diagonal.size
    if not (xp.is_sparse(A) and not xp.is_cupy(A) and A.format == "csr" and A.shape == (n, n) and fits(A)):
        A = sorted_csr(A, method)  # another format, unsorted, duplicates: or indeed another pattern
        if A.shape != (n, n):
            raise ValueError(f"A has shape {A.shape} and like {(n, n)}: leave like out, and the pattern is found anew")
        if not fits(A):
            rows = zip(pairwise(A.indptr), pairwise(pattern.indptr), strict=True)
            differs = (not np.array_equal(A.indices[a:b], pattern.indices[c:d]) for (a, b), (c, d) in rows)
            raise ValueError(
                f"the pattern of A differs from that of like in row {next(i for i, it in enumerate(differs) if it)}: "
                "leave like out, and it is found anew"
            )
    return np.ascontiguousarray(A.data, dtype=xp.common_float(np, A.dtype))


@kernel(cpu="sparsesci._cpu.incomplete:find_pivots")
def find_pivots(indptr, indices, diagonal):
    """Fill ``diagonal`` with where the diagonal entries are; return the first row that stores none, or -1."""
    for i, (begin, end) in enumerate(pairwise(indptr)):
        position = int(begin) + int(np.searchsorted(indices[begin:end], i))
        if position == end or indices[position] != i:
            return i
        diagonal[i] = position
    return -1


@kernel(cpu="sparsesci._cpu.incomplete:split_pattern")
def split_pattern(indptr, indices, diagonal, lower, upper):
    """Fill the index arrays of L, and those of U from its last row to its first."""
    n = diagonal.size
    below = [indices[int(indptr[i]) : diagonal[i]] for i in range(n)]
    above = [indices[diagonal[i] + 1 : int(indptr[i + 1])][::-1] for i in reversed(range(n))]
    for part, rows in ((lower, below), (upper, above)):
        part.indptr[1:] = np.cumsum([row.size for row in rows])
        part.indices[:] = np.concatenate(rows)

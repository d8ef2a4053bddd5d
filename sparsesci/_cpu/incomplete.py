"""Incomplete factorisations of compressed-sparse-row matrices with sorted, unique column indices."""

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def find_pivots(indptr, indices, diagonal):
    """Fill ``diagonal`` with where the diagonal entries are; return the first row that stores none, or -1."""
    for i in range(diagonal.size):
        p, end = np.int64(indptr[i]), np.int64(indptr[i + 1])
        while p < end and indices[p] < i:
            p += 1
        if p == end or indices[p] != i:
            return i
        diagonal[i] = p
    return -1


@njit(cache=True, nogil=True)
def split_pattern(indptr, indices, diagonal, lower, upper):
    """Fill the index arrays of L, and those of U from its last row to its first."""
    n = diagonal.size
    filled, room = 0, upper.indices.size
    for i in range(n):
        for p in range(np.int64(indptr[i]), diagonal[i]):
            lower.indices[filled] = indices[p]
            filled += 1
        lower.indptr[i + 1] = filled
        upper.indptr[n - i] = room
        for p in range(diagonal[i] + 1, np.int64(indptr[i + 1])):
            room -= 1
            upper.indices[room] = indices[p]


@njit(cache=True, nogil=True)
def ilu0(indptr, indices, diagonal, data, lower, upper, inverse_diagonal):
    """Fill the entries of L, ``D^-1 U`` and ``D^-1`` (Saad, algorithm 10.4, the IKJ form).

    Returns the first row whose pivot is zero or not finite, or -1.
    """
    n = diagonal.size
    row = np.empty(n, data.dtype)
    belongs_to = np.full(n, -1, np.int64)  # the last row that has an entry in column j: it stands in row[j]
    for i in range(n):
        begin = np.int64(indptr[i])
        for p in range(begin, np.int64(indptr[i + 1])):
            row[indices[p]] = data[p]
            belongs_to[indices[p]] = i
        filled = np.int64(lower.indptr[i]) - begin
        for p in range(begin, diagonal[i]):
            k = np.int64(indices[p])
            factor = row[k]
            for q in range(np.int64(upper.indptr[n - 1 - k]), np.int64(upper.indptr[n - k])):
                j = upper.indices[q]
                if belongs_to[j] == i:
                    row[j] -= factor * upper.data[q]
            lower.data[filled + p] = factor * inverse_diagonal[k]
        pivot = row[i]
        if pivot == 0 or not np.isfinite(pivot) or not np.isfinite(1 / pivot):
            return i
        inverse = 1 / pivot
        inverse_diagonal[i] = inverse
        for q in range(np.int64(upper.indptr[n - 1 - i]), np.int64(upper.indptr[n - i])):
            upper.data[q] = row[upper.indices[q]] * inverse
    return -1


@njit(cache=True, nogil=True)
def unmatched(indptr, indices, diagonal, data, tolerance):
    """Return where an entry stands that is not the conjugate of the one across the diagonal, or -1; see the reference.

    Rows are walked in order, so that the partners in each row of U are met from left to right.
    """
    n = diagonal.size
    partner = diagonal + 1
    for i in range(n):
        if abs(data[diagonal[i]].imag) > tolerance * abs(data[diagonal[i]]):
            return diagonal[i]
        for p in range(np.int64(indptr[i]), diagonal[i]):
            k = np.int64(indices[p])
            q = partner[k]
            if q == np.int64(indptr[k + 1]) or indices[q] > i:
                return p
            if indices[q] < i:
                return q
            if data[p] != np.conj(data[q]):
                size = np.sqrt(abs(data[diagonal[i]])) * np.sqrt(abs(data[diagonal[k]]))
                if not abs(data[p] - np.conj(data[q])) <= tolerance * size:
                    return p
            partner[k] = q + 1
    for i in range(n):
        if partner[i] < np.int64(indptr[i + 1]):
            return partner[i]
    return -1


@njit(cache=True, nogil=True)
def ic0(indptr, indices, diagonal, data, shift, smallest, lower, upper, inverse_diagonal):
    """Fill the entries of L, ``L^H`` and ``D^-1`` for ``A + shift diag(A)``; return the first row that fails, or -1.

    Only the lower triangle of A is read.
    """
    n = diagonal.size
    row = np.zeros(n, data.dtype)  # L D of this row, spread out: zero where it has no entry
    room = np.empty(n, np.int64)  # where the next entry of each row of L^H goes
    for i in range(n):
        room[i] = np.int64(upper.indptr[n - i])
        begin = np.int64(indptr[i])
        for p in range(begin, diagonal[i]):
            row[indices[p]] = data[p]
        filled = np.int64(lower.indptr[i]) - begin
        pivot = entry = data[diagonal[i]].real * (1 + shift)
        for p in range(begin, diagonal[i]):
            k = np.int64(indices[p])
            total = row[k]
            for q in range(np.int64(lower.indptr[k]), np.int64(lower.indptr[k + 1])):
                total -= row[lower.indices[q]] * np.conj(lower.data[q])
            row[k] = total
            factor = total * inverse_diagonal[k]
            pivot -= (total * np.conj(factor)).real
            room[k] -= 1
            lower.data[filled + p], upper.data[room[k]] = factor, np.conj(factor)
        for p in range(begin, diagonal[i]):
            row[indices[p]] = 0
        if not (smallest * entry < pivot < np.inf and np.isfinite(1 / pivot)):
            return i
        inverse_diagonal[i] = 1 / pivot
    return -1

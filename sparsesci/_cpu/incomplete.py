"""Incomplete factorisations of compressed-sparse-row matrices with sorted, unique column indices."""

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def ilu0(indptr, indices, data, diagonal):
    """Overwrite ``data`` by L - I and U on the pattern of A (Saad, algorithm 10.4, the IKJ form).

    ``diagonal`` is filled with the position of each pivot in ``data``. Returns the first row whose pivot is missing,
    zero or not finite, or -1.
    """
    n = indptr.size - 1
    position = np.full(n, -1, np.int64)  # of column j in the current row
    for i in range(n):
        begin, end = np.int64(indptr[i]), np.int64(indptr[i + 1])
        for p in range(begin, end):
            position[indices[p]] = p
        for p in range(begin, end):
            k = indices[p]
            if k >= i:
                break
            data[p] /= data[diagonal[k]]
            for q in range(diagonal[k] + 1, np.int64(indptr[k + 1])):
                target = position[indices[q]]
                if target >= 0:
                    data[target] -= data[p] * data[q]
        diagonal[i] = position[i]
        for p in range(begin, end):
            position[indices[p]] = -1
        if diagonal[i] < 0 or data[diagonal[i]] == 0 or not np.isfinite(data[diagonal[i]]):
            return i
    return -1


@njit(cache=True, nogil=True)
def split_factors(indptr, indices, data, diagonal, lower, upper, inverse_diagonal):
    """Fill L, the reversed (I + U) and D^-1 from the merged factors of `ilu0`."""
    n = indptr.size - 1
    filled = 0
    for i in range(n):
        for p in range(indptr[i], diagonal[i]):
            lower.indices[filled] = indices[p]
            lower.data[filled] = data[p]
            filled += 1
        lower.indptr[i + 1] = filled
    filled = 0
    for stored in range(n):
        i = n - 1 - stored
        inverse = 1 / data[diagonal[i]]
        inverse_diagonal[i] = inverse
        for p in range(np.int64(indptr[i + 1]) - 1, diagonal[i], -1):
            upper.indices[filled] = indices[p]
            upper.data[filled] = data[p] * inverse
            filled += 1
        upper.indptr[stored + 1] = filled

"""Walsh functions at single points of F_2^n, which are rows of 64-bit words."""

import numpy as np
from numba import njit


@njit(cache=True, nogil=True, inline="always")
def is_odd(word):
    """Whether an odd number of bits of a 64-bit word is set."""
    word ^= word >> np.uint64(32)
    word ^= word >> np.uint64(16)
    word ^= word >> np.uint64(8)
    word ^= word >> np.uint64(4)
    return (np.uint64(0x6996) >> (word & np.uint64(15))) & np.uint64(1) == 1


@njit(cache=True, nogil=True)
def is_negative(m, k):
    """Whether ``(-1)^<m, k>`` is -1, for two rows of words."""
    word = m[0] & k[0]
    for w in range(1, len(m)):
        word ^= m[w] & k[w]
    return is_odd(word)


@njit(cache=True, nogil=True)
def signed_sums(points, indices, values):
    """Return ``sum_k X_k (-1)^<m, k>`` for each point m."""
    sums = np.zeros(len(points), values.dtype)
    for q in range(len(points)):
        total = sums[q]
        for k in range(len(indices)):
            total += -values[k] if is_negative(points[q], indices[k]) else values[k]
        sums[q] = total
    return sums


@njit(cache=True, nogil=True)
def invert(rows, inverse):
    """Fill ``inverse`` with the rows of the inverse over F_2; whether there is one. ``rows`` becomes the identity."""
    n = len(rows)
    inverse[:] = 0
    for i in range(n):
        inverse[i, i >> 6] = np.uint64(1) << np.uint64(i & 63)
    for i in range(n):
        bit, w = np.uint64(i & 63), i >> 6
        pivot = i
        while pivot < n and not (rows[pivot, w] >> bit) & np.uint64(1):
            pivot += 1
        if pivot == n:
            return False
        if pivot != i:
            for v in range(rows.shape[1]):
                rows[i, v], rows[pivot, v] = rows[pivot, v], rows[i, v]
                inverse[i, v], inverse[pivot, v] = inverse[pivot, v], inverse[i, v]
        for row in range(n):
            if row != i and (rows[row, w] >> bit) & np.uint64(1):
                for v in range(rows.shape[1]):
                    rows[row, v] ^= rows[i, v]
                    inverse[row, v] ^= inverse[i, v]
    return True

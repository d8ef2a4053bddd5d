"""Relaxation sweeps on compressed-sparse-row matrices with sorted, unique column indices."""

import numpy as np
from numba import njit

from sparsesci._cpu.krylov import norm


@njit(cache=True, nogil=True)
def find_diagonal(indptr, indices, data, diagonal):
    """Fill ``diagonal`` with where the diagonal entries are; return the first row without a usable one, or -1."""
    for i in range(diagonal.size):
        p, end = np.int64(indptr[i]), np.int64(indptr[i + 1])
        while p < end and indices[p] < i:
            p += 1
        if p == end or indices[p] != i or data[p] == 0 or not np.isfinite(1 / data[p]):
            return i
        diagonal[i] = p
    return -1


@njit(cache=True, nogil=True)
def ssor(indptr, indices, diagonal, data, omega, lower, upper, inverse_diagonal):
    """Fill the factors of SSOR and return the first row without a usable diagonal entry, or -1; see the reference."""
    n = diagonal.size
    for i in range(n):
        d = data[diagonal[i]]
        if d == 0 or not np.isfinite(1 / d):
            return i
        inverse_diagonal[i] = 1 / d
    filled = 0
    for i in range(n):
        for p in range(np.int64(indptr[i]), diagonal[i]):
            lower.data[filled] = omega * data[p] * inverse_diagonal[indices[p]]
            filled += 1
    filled = 0
    for i in range(n - 1, -1, -1):
        for p in range(np.int64(indptr[i + 1]) - 1, diagonal[i], -1):
            upper.data[filled] = omega * data[p] * inverse_diagonal[i]
            filled += 1
    for i in range(n):
        inverse_diagonal[i] *= omega * (2 - omega)
    return -1


@njit(cache=True, nogil=True)
def sweeps(A, diagonal, weight, omega, x, r, delta, norms, goal, limit):
    """Sweep until ``norms`` is full or its last entry is at the goal or beyond the limit; return how many are filled.

    Each triangle of A is read once: a sweep and its residual are the flops of one product. The arguments are explained
    at the reference.
    """
    indptr, indices, data = A
    for step in range(norms.size):
        for i in range(x.size):
            total = r[i]
            for p in range(indptr[i], diagonal[i]):
                total -= data[p] * delta[indices[p]]
            r[i] = (1 - omega) * total
            delta[i] = weight[i] * total
            x[i] += delta[i]
        for i in range(x.size):
            total = r[i]
            for p in range(diagonal[i] + 1, indptr[i + 1]):
                total -= data[p] * delta[indices[p]]
            r[i] = total
        norms[step] = norm(r)
        if not goal < norms[step] <= limit:  # also true for NaN
            return step + 1
    return norms.size

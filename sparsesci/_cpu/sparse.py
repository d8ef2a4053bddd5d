"""Products with compressed-sparse-row matrices, and solves with triangular factors."""

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def csr_matvec(A, x, y):
    """``y = A x``. No fastmath: gathers that LLVM is allowed to reorder are four times slower."""
    indptr, indices, data = A
    p = np.uint64(0)
    for i in range(y.size):
        total = data.dtype.type(0)
        end = np.uint64(indptr[i + 1])
        while p < end:
            total += data[p] * x[indices[p]]
            p += np.uint64(1)
        y[i] = total


@njit(cache=True, nogil=True)
def solve_factors(M, x, y):
    """``y = Q (I + U)^-1 D^-1 (I + L)^-1 P x`` with L and U strictly triangular; a diagonal M has empty L and U.

    P and Q are permutations: entry i of P x is ``x[rows[i]]``, and entry i goes to ``y[columns[i]]``; none where empty.
    """
    lower, upper, inverse_diagonal, rows, columns = M
    n = y.size
    if rows.size:
        z = np.empty_like(y)
        for i in range(n):
            z[i] = x[rows[i]]
        solve_triangles(lower, upper, inverse_diagonal, z, z)
        for i in range(n):
            y[columns[i]] = z[i]
    elif lower.data.size == 0 and upper.data.size == 0:
        for i in range(n):
            y[i] = inverse_diagonal[i] * x[i]
    else:
        solve_triangles(lower, upper, inverse_diagonal, x, y)


@njit(cache=True, nogil=True)
def solve_triangles(lower, upper, inverse_diagonal, x, y):
    """``y = (I + U)^-1 D^-1 (I + L)^-1 x``; x and y may be one array.

    Both loops walk the stored rows forwards, and each row lists the unknown that was solved last at its end. Where that
    is the neighbour, as in a grid, its value is still in a register: the chain from row to row is one multiply-add, and
    the solve almost twice as fast as by way of memory.
    """
    n = y.size
    p, one, previous = np.uint64(0), np.uint64(1), x[0] * 0
    for i in range(n):
        total = x[i]
        end = np.uint64(lower.indptr[i + 1])
        while p + one < end:
            total -= lower.data[p] * y[lower.indices[p]]
            p += one
        if p < end:
            j = np.int64(lower.indices[p])
            total -= lower.data[p] * (previous if j == i - 1 else y[j])
            p += one
        y[i] = previous = total
    p = np.uint64(0)
    for stored in range(n):
        i = n - 1 - stored
        total = y[i] * inverse_diagonal[i]
        end = np.uint64(upper.indptr[stored + 1])
        while p + one < end:
            total -= upper.data[p] * y[upper.indices[p]]
            p += one
        if p < end:
            j = np.int64(upper.indices[p])
            total -= upper.data[p] * (previous if j == i + 1 else y[j])
            p += one
        y[i] = previous = total


@njit(cache=True, nogil=True)
def solve_factors_rows(M, X, Y):
    """Apply `solve_factors` to every row of X (k, n)."""
    lower, upper, inverse_diagonal, rows, columns = M
    k, n = X.shape
    if rows.size == 0:
        solve_triangles_rows(lower, upper, inverse_diagonal, X, Y)
        return
    Z = np.empty_like(Y)
    for row in range(k):
        for i in range(n):
            Z[row, i] = X[row, rows[i]]
    solve_triangles_rows(lower, upper, inverse_diagonal, Z, Z)
    for row in range(k):
        for i in range(n):
            Y[row, columns[i]] = Z[row, i]


@njit(cache=True, nogil=True)
def solve_triangles_rows(lower, upper, inverse_diagonal, X, Y):
    """Apply `solve_triangles` to every row of X (k, n), four at a time: they hide each other's latency."""
    k, n = X.shape
    for block in range(0, k - 3, 4):
        y0, y1, y2, y3 = Y[block], Y[block + 1], Y[block + 2], Y[block + 3]
        for i in range(n):
            t0, t1, t2, t3 = X[block, i], X[block + 1, i], X[block + 2, i], X[block + 3, i]
            for p in range(lower.indptr[i], lower.indptr[i + 1]):
                entry, j = lower.data[p], lower.indices[p]
                t0 -= entry * y0[j]
                t1 -= entry * y1[j]
                t2 -= entry * y2[j]
                t3 -= entry * y3[j]
            y0[i], y1[i], y2[i], y3[i] = t0, t1, t2, t3
        for stored in range(n):
            i = n - 1 - stored
            d = inverse_diagonal[i]
            t0, t1, t2, t3 = d * y0[i], d * y1[i], d * y2[i], d * y3[i]
            for p in range(upper.indptr[stored], upper.indptr[stored + 1]):
                entry, j = upper.data[p], upper.indices[p]
                t0 -= entry * y0[j]
                t1 -= entry * y1[j]
                t2 -= entry * y2[j]
                t3 -= entry * y3[j]
            y0[i], y1[i], y2[i], y3[i] = t0, t1, t2, t3
    for row in range(k - k % 4, k):
        solve_triangles(lower, upper, inverse_diagonal, X[row], Y[row])


@njit(cache=True, nogil=True)
def factors_of_columns(L, U, lower, upper, inverse_diagonal):
    """Fill L - I by rows, D^-1 and the reversed rows of ``D^-1 U - I`` from compressed columns of L and U."""
    n = inverse_diagonal.size
    lower.indptr[:] = 0
    upper.indptr[:] = 0
    for j in range(n):
        for p in range(L.indptr[j], L.indptr[j + 1]):
            if L.indices[p] > j:
                lower.indptr[L.indices[p] + 1] += 1
        for p in range(U.indptr[j], U.indptr[j + 1]):
            i = np.int64(U.indices[p])
            if i < j:
                upper.indptr[n - i] += 1
            elif i == j:
                inverse_diagonal[j] = 1 / U.data[p]
    for i in range(n):
        lower.indptr[i + 1] += lower.indptr[i]
        upper.indptr[i + 1] += upper.indptr[i]
    next_lower, next_upper = lower.indptr[:-1].copy(), upper.indptr[:-1].copy()
    # By ascending columns for L and descending ones for U: each row ends with the unknown that was solved last.
    for j in range(n):
        for p in range(L.indptr[j], L.indptr[j + 1]):
            i = np.int64(L.indices[p])
            if i > j:
                lower.indices[next_lower[i]], lower.data[next_lower[i]] = j, L.data[p]
                next_lower[i] += 1
    for j in range(n - 1, -1, -1):
        for p in range(U.indptr[j], U.indptr[j + 1]):
            i = np.int64(U.indices[p])
            if i < j:
                stored = n - 1 - i
                q = next_upper[stored]
                upper.indices[q], upper.data[q] = j, U.data[p] * inverse_diagonal[i]
                next_upper[stored] += 1

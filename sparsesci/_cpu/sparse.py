"""Products with compressed-sparse-row matrices, and solves with triangular factors."""

from numba import njit


@njit(cache=True, nogil=True)
def csr_matvec(A, x, y):
    """``y = A x``. No fastmath: gathers that LLVM is allowed to reorder are four times slower."""
    indptr, indices, data = A
    for i in range(y.size):
        total = data.dtype.type(0)
        for p in range(indptr[i], indptr[i + 1]):
            total += data[p] * x[indices[p]]
        y[i] = total


@njit(cache=True, nogil=True)
def solve_factors(M, x, y):
    """``y = (I + U)^-1 D^-1 (I + L)^-1 x`` with L and U strictly triangular; a diagonal M has empty L and U.

    Both loops walk the stored rows forwards, and each row lists the unknown that was solved last at its end: the
    chain from one row to the next is then a single multiply-add.
    """
    lower, upper, inverse_diagonal = M
    n = y.size
    if lower.data.size == 0 and upper.data.size == 0:
        for i in range(n):
            y[i] = inverse_diagonal[i] * x[i]
        return
    for i in range(n):
        total = x[i]
        for p in range(lower.indptr[i], lower.indptr[i + 1]):
            total -= lower.data[p] * y[lower.indices[p]]
        y[i] = total
    for stored in range(n):
        i = n - 1 - stored
        total = y[i] * inverse_diagonal[i]
        for p in range(upper.indptr[stored], upper.indptr[stored + 1]):
            total -= upper.data[p] * y[upper.indices[p]]
        y[i] = total


@njit(cache=True, nogil=True)
def solve_factors_rows(M, X, Y):
    """Apply `solve_factors` to every row of X (k, n), four at a time: they hide each other's latency."""
    lower, upper, inverse_diagonal = M
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
        solve_factors(M, X[row], Y[row])

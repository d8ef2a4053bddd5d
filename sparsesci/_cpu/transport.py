"""Entropic optimal transport: passes over the rows of a cost matrix, and Newton directions from a sparse plan."""

import numpy as np
from numba import njit

# Sums and maxima may be reordered, so that they vectorise. Costs may be +inf (never NaN), so `ninf` is not promised.
REORDER = {"reassoc", "contract", "nsz", "nnan"}
SMALLEST = -700.0  # exp of less is taken for 0: beside the 1 that every row holds, 1e-304 is nothing


@njit(cache=True, nogil=True, inline="always")
def exp(x):
    """Return ``exp(x)`` for x <= 0 to 2 units of rounding; 0 for x <= -700.

    A table-free polynomial that LLVM vectorises: 1 ns an entry, where the scalar one of the C library takes 4.5 ns and
    NumPy's, for arguments as negative as these, 28 ns (2.5 GHz Xeon, AVX-512).
    """
    is_zero = x <= SMALLEST
    x = max(x, SMALLEST)
    k = np.floor(x * 1.4426950408889634 + 0.5)
    r = (
        x - k * 6.93147180369123816490e-01
    ) - k * 1.90821492927058770002e-10  # ln 2 in two parts: k times each is exact
    p = 1 / 6227020800 * r + 1 / 479001600
    p = p * r + 1 / 39916800
    p = p * r + 1 / 3628800
    p = p * r + 1 / 362880
    p = p * r + 1 / 40320
    p = p * r + 1 / 5040
    p = p * r + 1 / 720
    p = p * r + 1 / 120
    p = p * r + 1 / 24
    p = p * r + 1 / 6
    p = p * r + 0.5
    p = p * r + 1.0
    p = p * r + 1.0
    return 0.0 if is_zero else p * np.int64((np.int64(k) + 1023) << 52).view(np.float64)


@njit(cache=True, nogil=True, fastmath=REORDER)
def row_potentials(C, g, shift, reg, f):
    """``f_i = -reg log sum_j exp((g_j - C_ij + shift) / reg)``; -inf where g is -inf and C may be +inf."""
    n, m = C.shape
    z = np.empty(m)
    for i in range(n):
        top = -np.inf
        for j in range(m):
            z[j] = g[j] - (C[i, j] - shift)
            top = max(top, z[j])
        total = 0.0
        for j in range(m):
            total += exp((z[j] - top) / reg)
        f[i] = -top - reg * np.log(total)


@njit(cache=True, nogil=True, fastmath=REORDER)
def column_potentials(C, f, shift, reg, g):
    """``g_j = -reg log sum_i exp((f_i - C_ij + shift) / reg)``, by two sweeps through the rows of C."""
    n, m = C.shape
    top, total = np.full(m, -np.inf), np.zeros(m)
    for i in range(n):
        for j in range(m):
            top[j] = max(top[j], f[i] - (C[i, j] - shift))
    for i in range(n):
        for j in range(m):
            total[j] += exp((f[i] - (C[i, j] - shift) - top[j]) / reg)
    for j in range(m):
        g[j] = -top[j] - reg * np.log(total[j])


@njit(cache=True, nogil=True, fastmath=REORDER)
def dense_rows(C, a, g, shift, reg, f, columns):
    """Fill f, with which the rows of the plan sum to a, and its column sums."""
    n, m = C.shape
    row = np.empty(m)
    columns[:] = 0
    scale = 1 / reg
    for i in range(n):
        top = -np.inf
        for j in range(m):
            row[j] = g[j] - (C[i, j] - shift)
            top = max(top, row[j])
        total = 0.0
        for j in range(m):
            row[j] = exp((row[j] - top) * scale)
            total += row[j]
        factor = a[i] / total
        for j in range(m):
            columns[j] += factor * row[j]
        f[i] = reg * np.log(factor) - top


@njit(cache=True, nogil=True, fastmath=REORDER)
def dense_plan(C, f, g, shift, reg, P):
    """Fill ``P = exp((f + g - C + shift) / reg)``."""
    n, m = C.shape
    scale = 1 / reg
    for i in range(n):
        for j in range(m):
            P[i, j] = exp((f[i] + g[j] - (C[i, j] - shift)) * scale)


@njit(cache=True, nogil=True, fastmath=REORDER)
def scan_rows(C, g, shift, slack, start, indptr, indices, costs, least):
    """List the arcs of the rows from ``start`` whose reduced cost C - g is at most ``slack`` above their row's least.

    Return the row at which the room was used up, or their number; one row more than fits is never begun.
    """
    n, m = C.shape
    reduced = np.empty(m)
    filled = indptr[start]
    for i in range(start, n):
        if filled + m > indices.size:
            return i
        low = np.inf
        for j in range(m):
            reduced[j] = (C[i, j] - shift) - g[j]
            low = min(low, reduced[j])
        least[i] = low
        limit = low + slack
        for j in range(m):  # without a branch: what is not kept is overwritten
            indices[filled] = j
            filled += reduced[j] <= limit
        for p in range(indptr[i], filled):
            costs[p] = C[i, indices[p]] - shift
        indptr[i + 1] = filled
    return n


@njit(cache=True, nogil=True)
def narrow_rows(indptr, indices, costs, g, slack, new_indptr, new_indices, new_costs, least):
    """Keep of a list the arcs that `scan_rows` would list."""
    filled = 0
    new_indptr[0] = 0
    for i in range(indptr.size - 1):
        low = np.inf
        for p in range(indptr[i], indptr[i + 1]):
            low = min(low, costs[p] - g[indices[p]])
        least[i] = low
        limit = low + slack
        for p in range(indptr[i], indptr[i + 1]):
            new_indices[filled] = indices[p]
            new_costs[filled] = costs[p]
            filled += costs[p] - g[indices[p]] <= limit
        new_indptr[i + 1] = filled


@njit(cache=True, nogil=True, fastmath=REORDER)
def listed_rows(indptr, indices, costs, a, g, reg, cut, f, least, plan_indptr, plan_indices, plan_data, columns):
    """Do `dense_rows` on listed arcs, and drop the entries of the plan below ``exp(-cut)`` of their row's largest."""
    longest = 0
    for i in range(a.size):
        longest = max(longest, indptr[i + 1] - indptr[i])
    z, kept = np.empty(longest), np.empty(longest, indices.dtype)
    columns[:] = 0
    scale = 1 / reg
    filled = 0
    plan_indptr[0] = 0
    for i in range(a.size):
        begin, length = indptr[i], indptr[i + 1] - indptr[i]
        top = -np.inf
        for p in range(length):
            z[p] = g[indices[begin + p]] - costs[begin + p]
            top = max(top, z[p])
        least[i] = -top
        limit = top - cut * reg
        n_kept = 0
        for p in range(length):
            kept[n_kept] = indices[begin + p]
            z[n_kept] = z[p]
            n_kept += z[p] >= limit
        total = 0.0
        for p in range(n_kept):
            z[p] = exp((z[p] - top) * scale)
            total += z[p]
        factor = a[i] / total
        for p in range(n_kept):
            plan_data[filled + p] = z[p] * factor
            plan_indices[filled + p] = kept[p]
            columns[kept[p]] += z[p] * factor
        filled += n_kept
        plan_indptr[i + 1] = filled
        f[i] = reg * np.log(factor) - top


@njit(cache=True, nogil=True)
def hessian_product(indptr, indices, data, a, x, y):
    """Add ``(diag(P'1) - P' diag(a)^-1 P) x`` to y, row by row as ``P' (x_j - mean of x over the row)``."""
    p = np.uint64(indptr[0])
    for i in range(a.size):
        begin, end = p, np.uint64(indptr[i + 1])
        mean = 0.0
        while p < end:
            mean += data[p] * x[indices[p]]
            p += np.uint64(1)
        mean /= a[i]
        p = begin
        while p < end:
            j = indices[p]
            y[j] += data[p] * (x[j] - mean)
            p += np.uint64(1)


@njit(cache=True, nogil=True)
def hessian_diagonal(indptr, indices, data, a, y):
    """Add the diagonal of that matrix to y."""
    for i in range(a.size):
        for p in range(indptr[i], indptr[i + 1]):
            y[indices[p]] += data[p] * (1 - data[p] / a[i])


@njit(cache=True, nogil=True)
def newton_direction(P, a, damping, r, x, rtol, maxiter):
    """Conjugate gradients with a Jacobi preconditioner; x is 0 at the start, r is overwritten; return the steps."""
    indptr, indices, data = P
    m = x.size
    diagonal = damping.copy()
    hessian_diagonal(indptr, indices, data, a, diagonal)
    z, p, q = np.empty(m), np.empty(m), np.empty(m)
    rho = 0.0
    for j in range(m):
        diagonal[j] = 1 / diagonal[j]
        z[j] = p[j] = diagonal[j] * r[j]
        rho += r[j] * z[j]
    goal = rtol * rtol * rho
    for step in range(maxiter):
        if not rho > goal:
            return step
        for j in range(m):
            q[j] = damping[j] * p[j]
        hessian_product(indptr, indices, data, a, p, q)
        curvature = 0.0
        for j in range(m):
            curvature += p[j] * q[j]
        if not curvature > 0:
            return step
        alpha = rho / curvature
        old, rho = rho, 0.0
        for j in range(m):
            x[j] += alpha * p[j]
            r[j] -= alpha * q[j]
            z[j] = diagonal[j] * r[j]
            rho += r[j] * z[j]
        beta = rho / old
        for j in range(m):
            p[j] = z[j] + beta * p[j]
    return maxiter


@njit(cache=True, nogil=True, fastmath=REORDER)
def plan_sums(C, f, g, shift, reg, rows, columns):
    """Fill the row and column sums of ``P = exp((f + g - C + shift) / reg)``; return ``<C - shift, P>``."""
    n, m = C.shape
    columns[:] = 0
    scale, cost = 1 / reg, 0.0
    for i in range(n):
        total = paid = 0.0
        for j in range(m):
            arc = C[i, j] - shift
            entry = exp((f[i] + g[j] - arc) * scale)
            total += entry
            columns[j] += entry
            paid += entry * min(arc, 1e300)  # what is forbidden costs 0 times a finite number
        rows[i] = total
        cost += paid
    return cost

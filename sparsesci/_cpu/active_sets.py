"""Sequential thresholding on many small Gram matrices: one Cholesky factorisation for each active set."""

import numpy as np
from numba import njit

SETTLED, NOT_SETTLED, SINGULAR = range(3)
NEGLIGIBLE = 1e-10  # part of a dependence that may lie outside of an active set


@njit(cache=True, nogil=True, error_model="numpy")
def thresholded(
    C, rhs, dependences, lengths, doubts, which, alphas, ridge, levels, thresholds, allowed,
    unbias, maxiter, limit, x, nit, flags,
):  # fmt: skip
    """Fill x (J, p, d), nit (J, d) and flags (J, d) for J jobs; see sparsesci.recovery.dynamics.stlsq.thresholded."""
    n_jobs, p, d = x.shape
    U, v, first = np.empty((p, p)), np.empty(p), np.empty((d, p))
    everything, active = np.empty(p, np.int64), np.empty(p, np.int64)
    k_all, is_definite = 0, False
    rows = np.empty(dependences.shape)
    for job in range(n_jobs):
        G, b, alpha = C[which[job]], rhs[which[job]], alphas[job]
        if job == 0 or not is_alike(which, alphas, allowed, job):  # a path of thresholds shares its first solution
            k_all = 0
            for i in range(p):
                if allowed[job, i]:
                    everything[k_all] = i
                    k_all += 1
            is_definite = factorise(G, dependences, everything, k_all, alpha, ridge, limit, U, rows)
            if is_definite:
                for target in range(d):
                    substitute(U, b, everything, k_all, target, v)
                    for a in range(k_all):
                        first[target, a] = v[a]
        for target in range(d):
            for i in range(p):
                x[job, i, target] = 0.0
            if not is_definite:
                flags[job, target] = SINGULAR
                continue
            for a in range(k_all):
                v[a] = first[target, a]
                active[a] = everything[a]
            k, flag, steps, is_fitted = k_all, NOT_SETTLED, 0, False
            while True:
                if is_doubtful(active, v, k, levels[job], thresholds, target, lengths, doubts):
                    flag = SINGULAR
                    break
                steps += 1
                before, k = k, keep(active, v, k, levels[job], thresholds, target)
                is_fitted = k == before and alpha == 0
                if k == before or k == 0:
                    flag = SETTLED
                    break
                if steps == maxiter:
                    break
                if not factorise(G, dependences, active, k, alpha, ridge, limit, U, rows):
                    flag = SINGULAR
                    break
                substitute(U, b, active, k, target, v)
            if unbias and k > 0 and flag != SINGULAR and not is_fitted:
                if factorise(G, dependences, active, k, 0.0, ridge, limit, U, rows):
                    substitute(U, b, active, k, target, v)
                else:
                    flag = SINGULAR
            nit[job, target], flags[job, target] = steps, flag
            if flag != SINGULAR:
                for a in range(k):
                    x[job, active[a], target] = v[a]


@njit(cache=True, nogil=True)
def is_alike(which, alphas, allowed, job):
    """Whether a job has the Gram matrix, the ridge and the functions of the one before."""
    if which[job] != which[job - 1] or alphas[job] != alphas[job - 1]:
        return False
    for i in range(allowed.shape[1]):
        if allowed[job, i] != allowed[job - 1, i]:
            return False
    return True


@njit(cache=True, nogil=True)
def is_doubtful(active, v, k, level, thresholds, target, lengths, doubts):
    """Whether a coefficient is nearer to its threshold than rounding may have moved it."""
    square = lengths[target] ** 2
    for a in range(k):
        square += v[a] ** 2
    length = np.sqrt(square)
    for a in range(k):
        least, doubt = level * thresholds[active[a], target], doubts[active[a]]
        if doubt > 0 and least > 0 and abs(abs(v[a]) - least) <= doubt * length:
            return True
    return False


@njit(cache=True, nogil=True)
def keep(active, v, k, level, thresholds, target):
    """Move what is not thresholded away to the front; return how many that are."""
    kept = 0
    for a in range(k):
        size = abs(v[a])
        if size >= level * thresholds[active[a], target] and size > 0:
            active[kept], v[kept] = active[a], v[a]
            kept += 1
    return kept


@njit(cache=True, nogil=True, error_model="numpy")
def factorise(G, dependences, active, k, alpha, ridge, limit, U, rows):
    """Fill the upper triangle of U with the Cholesky factor of an active set; return whether it is safely definite.

    Without a ridge each dependence v in the set adds ``D v v^T D``, with the diagonal D of G: its solutions are then
    the shortest of those of ``G x = b``. ``rows`` is room for dependences.
    """
    for a in range(k):
        row, u = G[active[a]], U[a]
        for c in range(a, k):
            u[c] = row[active[c]]
    if alpha == 0 and len(dependences) > 0:
        for m in range(within(dependences, active, k, rows)):
            v, square = rows[m], 0.0
            for a in range(k):
                v[active[a]] *= G[active[a], active[a]]
                square += v[active[a]] ** 2
            for a in range(k):
                u, factor = U[a], v[active[a]] / square
                for c in range(a, k):
                    u[c] += factor * v[active[c]]
    for a in range(k):
        u, diagonal = U[a], G[active[a], active[a]]
        if alpha > 0:
            diagonal += alpha * ridge[active[a]]
            u[a] += alpha * ridge[active[a]]
        if not u[a] > limit * diagonal:
            return False
        u[a] = np.sqrt(u[a])
        inverse = 1 / u[a]
        for c in range(a + 1, k):
            u[c] *= inverse
        for c in range(a + 1, k):  # by rows: these loops run over contiguous numbers, and vectorise
            factor, row = u[c], U[c]
            for e in range(c, k):
                row[e] -= factor * u[e]
    return True


@njit(cache=True, nogil=True)
def within(dependences, active, k, rows):
    """Fill ``rows`` with dependences between functions of an active set alone; return how many there are.

    Elimination: of all rows each function outside of the set takes away the one where it is largest.
    """
    m, p = rows.shape
    rows[:, :] = dependences
    a = 0
    for j in range(p):
        if a < k and active[a] == j:
            a += 1
            continue
        pivot = 0
        for i in range(1, m):
            if abs(rows[i, j]) > abs(rows[pivot, j]):
                pivot = i
        if m == 0 or abs(rows[pivot, j]) <= NEGLIGIBLE:
            continue
        m -= 1
        for c in range(p):
            rows[pivot, c], rows[m, c] = rows[m, c], rows[pivot, c]
        for i in range(m):
            factor = rows[i, j] / rows[m, j]
            if factor != 0:
                for c in range(p):
                    rows[i, c] -= factor * rows[m, c]
    return m


@njit(cache=True, nogil=True, error_model="numpy")
def substitute(U, b, active, k, target, v):
    """Fill v with the solution for a target, with U of `factorise`."""
    for a in range(k):
        v[a] = b[active[a], target]
    for a in range(k):
        u = U[a]
        v[a] /= u[a]
        for c in range(a + 1, k):
            v[c] -= u[c] * v[a]
    for a in range(k - 1, -1, -1):
        u = U[a]
        total = v[a]
        for c in range(a + 1, k):
            total -= u[c] * v[c]
        v[a] = total / u[a]

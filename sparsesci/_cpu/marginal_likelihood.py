"""The steepest ascent of the marginal likelihood of a sparse Bayesian model, one column of A in, out or anew a step."""

import numpy as np
from numba import njit

REFRESH = 100  # steps of rank one until all is computed anew: rounding errors of the updates add up
FIRST = 16  # rows A^H a for which there is room at first
LEAST = 1e-8  # of a column's length, squared: what is left of it when it is all but a combination of others


@njit(cache=True, nogil=True)
def ascend(A, weights, b, quad, floor, gamma, costs, noise, rtol, n_steps, gram, place):
    """Take up to ``n_steps`` steps of `sparsesci.recovery.bayes.fast.ascend`, for A in C or Fortran order.

    A step is of rank one: ``B' = B + (g - gamma_j) a_j a_j^H``, and costs O(N k) for k active columns, and O(M N) where
    a column is active for the first time. What is kept: rows ``A^H a_j`` of columns that ever were active, S and Q, and
    ``P = (Phi^H Phi + Gamma^-1)^-1`` of the active ones.
    """
    n_rows, n = A.shape
    n_columns = len(b)
    gamma, active = gamma.copy(), np.flatnonzero(gamma)
    place, n_gram = place.copy(), place.max() + 1
    S, Q, v = np.empty(n), np.empty_like(b), np.empty(n, A.dtype)
    P = np.empty((0, 0), A.dtype)
    history = np.empty((n_steps, 2))
    taken, since = 0, REFRESH
    determinant, left = 0.0, quad
    while True:
        if since >= REFRESH:
            for i in active:
                gram, n_gram = with_row(A, weights, i, gram, place, n_gram)
            P = posterior(gram, place, active, gamma)
            determinant, left = statistics(gram, place, active, gamma, P, b, quad, weights, S, Q)
            since = 0
        if taken == n_steps:
            return gamma, history[:taken], False, gram, place
        j, g, gain = best_step(S, Q, b, gamma, active, P, max(left, 0.0) + floor, costs, noise, n_rows)
        if not gain > rtol:
            if since == 0:
                return gamma, history[:taken], True, gram, place
            since = REFRESH
            continue
        gram, n_gram = with_row(A, weights, j, gram, place, n_gram)
        factor = 1 + (g - gamma[j]) * S[j]
        kappa = (g - gamma[j]) / factor
        if gamma[j] == 0:
            P = entered(gram, place, active, P, j, kappa, v)
            active = np.append(active, j)
        else:
            P, active = altered(gram, place, active, P, j, gamma[j], g, v)
        gamma[j] = g
        determinant += np.log(factor)
        for column in range(n_columns):
            Qj = Q[column, j]
            left -= kappa * (Qj.real**2 + Qj.imag**2) / n_columns
            subtract(Q[column], kappa * Qj, v)
        for i in range(n):
            S[i] -= kappa * (v[i].real ** 2 + v[i].imag ** 2)
        history[taken, 0], history[taken, 1] = determinant, left
        taken += 1
        since += 1


@njit(cache=True, nogil=True)
def entered(gram, place, active, P, j, kappa, v):
    """Return P with column j, whose gamma was zero; fill v with ``A^H B^-1 a_j``."""
    k = len(active)
    row = gram[place[j]]
    w = np.zeros(k, P.dtype)  # P Phi^H a_j
    for c in range(k):
        h = row[active[c]]
        for r in range(k):
            w[r] += P[r, c] * h
    v[:] = row
    for r in range(k):
        subtract(v, w[r], gram[place[active[r]]])
    larger = np.empty((k + 1, k + 1), P.dtype)
    for r in range(k):
        for c in range(k):
            larger[r, c] = P[r, c] + kappa * w[r] * np.conj(w[c])
        larger[r, k] = -kappa * w[r]
        larger[k, r] = -kappa * np.conj(w[r])
    larger[k, k] = kappa
    return larger


@njit(cache=True, nogil=True)
def altered(gram, place, active, P, j, old, g, v):
    """Return P and the active columns after gamma_j has become g, zero or not; fill v with ``A^H B^-1 a_j``."""
    k, at = len(active), 0
    while active[at] != j:
        at += 1
    w = P[:, at].copy()
    v[:] = 0
    for r in range(k):
        subtract(v, -w[r] / old, gram[place[active[r]]])
    change = 1 / g - 1 / old if g > 0 else 0.0
    shrink = change / (1 + change * w[at].real) if g > 0 else 1 / w[at].real
    smaller = np.empty((k, k), P.dtype)
    for r in range(k):
        for c in range(k):
            smaller[r, c] = P[r, c] - shrink * w[r] * np.conj(w[c])
    if g > 0:
        return smaller, active
    kept = np.delete(np.arange(k), at)
    return np.ascontiguousarray(smaller[kept][:, kept]), active[kept]


@njit(cache=True, nogil=True)
def best_step(S, Q, b, gamma, active, P, quad, costs, noise, n_rows):
    """Return the column whose gamma is to be changed, its new value, and by how much the penalised evidence rises.

    S and Q of active columns are set anew from P: updated, they would be small differences of large numbers.
    """
    n_columns, n = Q.shape
    k = len(active)
    freedom = n_columns * (2 if is_complex(Q) else 1)
    best, j, g = 0.0, -1, 0.0
    if k < len(costs):  # a new one: the gain rises with |q|^2 / s
        most, at = 0.0, -1
        for i in range(n):
            if gamma[i] == 0 and S[i] > LEAST:
                z = square(Q, i) / S[i]
                if z > most:
                    most, at = z, i
        if at >= 0:
            t, height = peak(most, quad, noise, n_rows)
            gain = 0.5 * freedom * height - costs[k]
            if gain > best:
                best, j, g = gain, at, t / ((1 - t) * S[at])
    for r in range(k):
        i = active[r]
        without = P[r, r].real / gamma[i]  # 1 - gamma_i S_i
        S[i] = (1 - without) / gamma[i]
        for column in range(n_columns):
            mu = P[r, 0] * b[column, active[0]]
            for c in range(1, k):
                mu += P[r, c] * b[column, active[c]]
            Q[column, i] = mu / gamma[i]
        s = S[i] / without
        z = square(Q, i) / (S[i] * without)
        rest = quad + gamma[i] * square(Q, i) / without
        t, height = peak(z, rest, noise, n_rows)
        now = score(gamma[i] * s / (1 + gamma[i] * s), z, rest, noise, n_rows)
        stays = 0.5 * freedom * (height - now)
        goes = costs[k - 1] - 0.5 * freedom * now
        if t > 0 and stays >= goes and stays > best:
            best, j, g = stays, i, t / ((1 - t) * s)
        elif goes > best and (goes > stays or t <= 0):
            best, j, g = goes, i, 0.0
    return j, g, best


@njit(cache=True, nogil=True)
def score(t, z, quad, noise, n_rows):
    """Return what ``t = gamma s / (1 + gamma s)`` adds to twice the evidence of a degree of freedom."""
    if noise > 0:
        return np.log1p(-t) + t * z / noise
    return np.log1p(-t) - n_rows * np.log1p(-min(t * z / quad, 1 - 1e-15))


@njit(cache=True, nogil=True)
def peak(z, quad, noise, n_rows):
    """Return the t in [0, 1) at which `score` is largest, and how large it is there."""
    if noise > 0:
        t = 1 - noise / z if z > noise else 0.0
    else:
        u = min(z / quad, 1 - 1e-15)
        t = (n_rows * u - 1) / (u * (n_rows - 1)) if n_rows * u > 1 else 0.0
    t = min(t, 1 - 1e-15)
    return t, (score(t, z, quad, noise, n_rows) if t > 0 else 0.0)


@njit(cache=True, nogil=True)
def posterior(gram, place, active, gamma):
    """Return ``(Phi^H Phi + Gamma^-1)^-1`` of the active columns."""
    k = len(active)
    root = np.sqrt(gamma[active])
    H = np.empty((k, k), gram.dtype)
    for r in range(k):
        for c in range(k):
            H[c, r] = root[r] * root[c] * gram[place[active[r]], active[c]]
        H[r, r] += 1
    if k:
        H = np.ascontiguousarray(np.linalg.inv(H))
    for r in range(k):
        for c in range(k):
            H[c, r] *= root[r] * root[c]
    return H


@njit(cache=True, nogil=True)
def statistics(gram, place, active, gamma, P, b, quad, weights, S, Q):
    """Fill S_i = a_i^H B^-1 a_i and Q = A^H B^-1 Y; return log|B| and the mean over columns of y^H B^-1 y."""
    n_columns, n = Q.shape
    k = len(active)
    for i in range(n):
        S[i] = 1.0 if weights[i] > 0 else 0.0
    Q[:] = b
    left = quad
    if k == 0:
        return 0.0, left
    rows = np.empty((k, n), gram.dtype)
    for r in range(k):
        rows[r] = gram[place[active[r]]]
    turned = np.dot(P.T, rows)  # row r: sum_k P_kl A^H a_k
    for r in range(k):
        for i in range(n):
            S[i] -= (turned[r, i] * np.conj(rows[r, i])).real
    for column in range(n_columns):
        for r in range(k):
            h = b[column, active[r]]
            subtract(Q[column], h, turned[r])
        for r in range(k):
            mu = P[r, 0] * b[column, active[0]]
            for c in range(1, k):
                mu += P[r, c] * b[column, active[c]]
            left -= (np.conj(b[column, active[r]]) * mu).real / n_columns
    determinant = np.log(gamma[active]).sum() - np.linalg.slogdet(P)[1].real  # |B| = |Gamma| / |P|
    return determinant, left


@njit(cache=True, nogil=True)
def with_row(A, weights, j, gram, place, n_gram):
    """Return the rows ``A^H a`` with that of column j, columns times their weights, and their number."""
    if place[j] >= 0:
        return gram, n_gram
    if n_gram == len(gram):
        larger = np.empty((max(FIRST, 2 * n_gram), gram.shape[1]), gram.dtype)
        larger[:n_gram] = gram
        gram = larger
    product = np.dot(A.T, np.conj(A[:, j].copy()))
    for i in range(len(product)):
        gram[n_gram, i] = np.conj(product[i]) * (weights[i] * weights[j])
    place[j] = n_gram
    return gram, n_gram + 1


@njit(cache=True, nogil=True)
def subtract(v, factor, row):
    """Subtract ``factor * row`` from v."""
    for i in range(len(v)):
        v[i] -= factor * row[i]


@njit(cache=True, nogil=True)
def square(Q, i):
    """Return the mean over columns of |Q_i|^2."""
    total = 0.0
    for r in range(len(Q)):
        total += Q[r, i].real ** 2 + Q[r, i].imag ** 2
    return total / len(Q)


@njit(cache=True, nogil=True)
def is_complex(Q):
    """Whether an array is complex; decided when the kernel is compiled."""
    return Q.itemsize == 16

"""The steepest ascent of the marginal likelihood of a sparse Bayesian model, one column of A in, out or anew a step."""

import numpy as np
from numba import njit

REFRESH = 100  # steps of rank one until all is computed anew: rounding errors of the updates add up
LEAST_PIVOT = 1e-14  # of a matrix whose eigenvalues are at least 1: what rounding may leave
FIRST = 16  # rows A^H a for which there is room at first
MOST = 1e14  # of gamma: with more, inverses have no digit left where columns are nearly dependent
LEAST = 1e-8  # of a column's length, squared: what is left of it when it is all but a combination of others


@njit(cache=True, nogil=True)
def ascend(A, weights, b, quad, floor, gamma, costs, noise, rtol, n_steps, gram, place, n_data=0):
    """Take up to ``n_steps`` steps of `sparsesci.recovery.bayes.fast.ascend`, for a C-ordered A.

    A step is of rank one: ``B' = B + (g - gamma_j) a_j a_j^H``, and costs O(N k) for k active columns, and O(M N) where
    a column is active for the first time. What is kept: rows ``A^H a_j`` of columns that ever were active, S and Q, and
    ``P = (Phi^H Phi + Gamma^-1)^-1`` of the active ones.
    """
    n_rows, n = n_data or A.shape[0], A.shape[1]
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
            P, W, determinant = posterior(gram, place, active, gamma)
            left = statistics(gram, place, active, P, W, b, quad, weights, S, Q, v)
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
            active = with_last(active, j)
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
    copy(row, v)
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
    for r in range(at, k - 1):  # the rows and columns after it move up
        copy(smaller[r + 1], smaller[r])
        copy(smaller[:, r + 1], smaller[:, r])
        active[r] = active[r + 1]
    return smaller[: k - 1, : k - 1].copy(), active[: k - 1].copy()


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
            t, height = peak(most, quad, S[at], noise, n_rows)
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
        t, height = peak(z, rest, s, noise, n_rows)
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
    t = min(t, 1 - 1e-15)
    if noise > 0:
        return np.log(1 - t) + t * z / noise
    return np.log(1 - t) - n_rows * np.log(1 - min(t * z / quad, 1 - 1e-15))


@njit(cache=True, nogil=True)
def peak(z, quad, s, noise, n_rows):
    """Return the t in [0, 1), of a gamma up to `MOST`, at which `score` is largest, and how large it is there."""
    if noise > 0:
        t = 1 - noise / z if z > noise else 0.0
    else:
        u = min(z / quad, 1 - 1e-15)
        t = (n_rows * u - 1) / (u * (n_rows - 1)) if n_rows * u > 1 else 0.0
    t = min(t, MOST * s / (1 + MOST * s), 1 - 1e-15)
    return t, (score(t, z, quad, noise, n_rows) if t > 0 else 0.0)


@njit(cache=True, nogil=True)
def posterior(gram, place, active, gamma):
    """Return ``P = (Phi^H Phi + Gamma^-1)^-1`` of the active columns, W with ``W^H W = P``, and log|B|.

    ``I + Gamma^(1/2) Phi^H Phi Gamma^(1/2) = L L^H`` and ``W = L^-1 Gamma^(1/2)``, by loops as above: k is small.
    """
    k = len(active)
    L, P = np.zeros((k, k), gram.dtype), np.zeros((k, k), gram.dtype)
    determinant = 0.0
    for r in range(k):
        for c in range(r + 1):
            inner = np.sqrt(gamma[active[r]] * gamma[active[c]]) * gram[place[active[c]], active[r]] + (r == c)
            for i in range(c):
                inner -= L[r, i] * np.conj(L[c, i])
            L[r, c] = np.sqrt(max(inner.real, LEAST_PIVOT)) if r == c else inner / L[c, c]
        determinant += 2 * np.log(L[r, r].real)
    for c in range(k):  # column c of L^-1, which takes the place of that of L
        L[c, c] = 1 / L[c, c]
        for r in range(c + 1, k):
            inner = L[r, c] * L[c, c]
            for i in range(c + 1, r):
                inner += L[r, i] * L[i, c]
            L[r, c] = -inner / L[r, r]
    for r in range(k):
        for c in range(r + 1):
            L[r, c] *= np.sqrt(gamma[active[c]])
    for r in range(k):
        for c in range(r + 1):
            inner = P[r, c]
            for i in range(r, k):
                inner += np.conj(L[i, r]) * L[i, c]
            P[r, c] = inner
            P[c, r] = np.conj(inner)
    return P, L, determinant


@njit(cache=True, nogil=True)
def statistics(gram, place, active, P, W, b, quad, weights, S, Q, v):
    """Fill S_i = a_i^H B^-1 a_i and Q = A^H B^-1 Y; return the mean over columns of y^H B^-1 y."""
    n_columns, n = Q.shape
    k = len(active)
    for i in range(n):
        S[i] = 1.0 if weights[i] > 0 else 0.0
    for r in range(k):  # S = 1 - |W Phi^H a_i|^2
        v[:] = 0
        for c in range(r + 1):
            subtract(v, -np.conj(W[r, c]), gram[place[active[c]]])
        for i in range(n):
            S[i] -= v[i].real ** 2 + v[i].imag ** 2
    left = quad
    for column in range(n_columns):
        copy(b[column], Q[column])
        for r in range(k):
            mu = P[r, 0] * b[column, active[0]]
            for c in range(1, k):
                mu += P[r, c] * b[column, active[c]]
            subtract(Q[column], mu, gram[place[active[r]]])
            left -= (np.conj(b[column, active[r]]) * mu).real / n_columns
    return left


@njit(cache=True, nogil=True)
def with_row(A, weights, j, gram, place, n_gram):
    """Return the rows ``A^H a`` with that of column j, columns times their weights, and their number.

    Loops, for rows of a C-ordered A: np.dot would be no faster, and takes seconds to compile.
    """
    if place[j] >= 0:
        return gram, n_gram
    if n_gram == len(gram):
        larger = np.empty((max(FIRST, 2 * n_gram), gram.shape[1]), gram.dtype)
        for r in range(n_gram):
            copy(gram[r], larger[r])
        gram = larger
    row = gram[n_gram]
    row[:] = 0
    for m in range(len(A)):
        subtract(row, -np.conj(A[m, j]) * weights[j], A[m])
    for i in range(len(row)):
        row[i] = np.conj(row[i]) * weights[i]
    place[j] = n_gram
    return gram, n_gram + 1


@njit(cache=True, nogil=True)
def with_last(active, j):
    """Return ``active`` with j at its end."""
    larger = np.empty(len(active) + 1, active.dtype)
    for r in range(len(active)):
        larger[r] = active[r]
    larger[len(active)] = j
    return larger


@njit(cache=True, nogil=True)
def copy(source, target):
    """Copy a vector; an assignment to a slice would compile the words of its errors, for seconds."""
    for i in range(len(target)):
        target[i] = source[i]


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

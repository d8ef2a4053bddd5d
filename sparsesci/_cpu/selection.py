"""Which columns a sparse regression is to have: one after the other out, or one exchanged for another."""

import numpy as np
from numba import njit

SUMS_MAY_BE_REORDERED = {"reassoc", "contract"}
ROUNDS = 2  # of orthogonalisation
LEAST = 1e-11  # of a column's length, squared: what is left of it when it is a combination of others


@njit(cache=True, nogil=True)
def eliminate(T, z, by_loss):
    """Take the columns out one by one: `sparsesci.recovery.dynamics.ssr.eliminate`.

    Row j of T, the inverse of R, belongs to column j: a reflection turns it into the last unit vector, and what it has
    there is all that z loses. Its row is overwritten by the last one: nothing is moved.
    """
    T, z = T.copy(), z.copy()
    k = len(z)
    names = np.arange(k)
    x, squares = np.empty(k), np.empty(k)
    for i in range(k):
        x[i], squares[i] = dot(T[i], z), dot(T[i], T[i])
    gone, losses, v = np.empty(k, np.int64), np.empty(k), np.empty(k)
    while k:
        j, least = 0, np.inf
        for i in range(k):
            loss = x[i] * x[i] / squares[i] if by_loss else abs(x[i])
            if loss < least:
                j, least = i, loss
        for c in range(k):
            v[c] = T[j, c]
        length = np.sqrt(dot(v[:k], v[:k]))
        size = length if v[k - 1] >= 0 else -length
        v[k - 1] += size
        scale = 1 / (size * v[k - 1])  # 2 / |v|^2
        u = v[:k]
        add(z[:k], -scale * dot(z[:k], u), u)
        gone[len(gone) - k], losses[len(gone) - k] = names[j], z[k - 1] ** 2
        for i in range(k):
            if i == j:
                continue
            row = T[i, :k]
            add(row, -scale * dot(row, u), u)
            x[i] -= row[k - 1] * z[k - 1]
            squares[i] = dot(row[: k - 1], row[: k - 1])
        k -= 1
        for c in range(k):
            T[j, c] = T[k, c]
        x[j], squares[j], names[j] = x[k], squares[k], names[k]
    return gone, losses


@njit(cache=True, nogil=True)
def exchange(R, z, S, most):
    """Exchange columns while that helps: `sparsesci.recovery.dynamics.best_subset.exchange`."""
    r, p = R.shape
    k = len(S)
    S = S.copy()
    Q, W, U, T, H = np.empty((k, r)), np.empty((k, p)), np.zeros((k, k)), np.zeros((k, k)), np.empty((k, p))
    left, c, s, x, along = np.empty(r), np.empty(p), np.empty(p), np.empty(k), np.empty(k)
    is_in = np.zeros(p, np.bool_)
    rows = R.T.copy()
    steps = 0
    while True:
        orthogonalise(rows, S, Q, U)
        inverse(U, T)
        for i in range(r):
            left[i] = z[i]
        for a in range(k):
            along[a] = dot(Q[a], z)
            add(left, -along[a], Q[a])
            W[a] = 0.0
            for i in range(r):
                add(W[a], Q[a, i], R[i])
        rss = dot(left, left)
        if steps == most:
            return S, rss, steps
        is_in[:] = False
        c[:] = 0.0
        s[:] = 0.0
        for i in range(r):
            add(c, left[i], R[i])
            for j in range(p):
                s[j] += R[i, j] ** 2
        for a in range(k):
            is_in[S[a]] = True
            x[a] = dot(T[a, a:], along[a:])
            H[a] = 0.0
            for b in range(a, k):
                add(H[a], T[a, b], W[b])
            for j in range(p):
                s[j] -= W[a, j] ** 2
        best, out, new = 1e-12 * (rss + 1e-15), -1, -1
        for a in range(k):
            square = dot(T[a, a:], T[a, a:])
            loss, factor = x[a] ** 2 / square, x[a] / square
            for j in range(p):
                length = s[j] + H[a, j] ** 2 / square
                if not is_in[j] and length > LEAST:
                    gain = (c[j] + H[a, j] * factor) ** 2 / length - loss
                    if gain > best:
                        best, out, new = gain, a, j
        if out < 0:
            return S, rss, steps
        S[out] = new
        steps += 1


@njit(cache=True, nogil=True)
def orthogonalise(rows, S, Q, U):
    """Fill Q with orthonormal rows and U with a triangle, ``rows[S] = U^T Q``: Gram and Schmidt, twice."""
    for a in range(len(S)):
        q = Q[a]
        for i in range(len(q)):
            q[i] = rows[S[a], i]
        for b in range(a):
            U[b, a] = 0.0
        for _ in range(ROUNDS):
            for b in range(a):
                h = dot(q, Q[b])
                U[b, a] += h
                add(q, -h, Q[b])
        U[a, a] = np.sqrt(dot(q, q))
        for i in range(len(q)):
            q[i] /= U[a, a]


@njit(cache=True, nogil=True)
def inverse(U, T):
    """Fill T with the inverse of an upper triangle."""
    k = len(U)
    for c in range(k):
        T[c, c] = 1 / U[c, c]
        for r in range(c - 1, -1, -1):
            inner = 0.0
            for i in range(r + 1, c + 1):
                inner += U[r, i] * T[i, c]
            T[r, c] = -inner / U[r, r]


@njit(cache=True, nogil=True, fastmath=SUMS_MAY_BE_REORDERED)
def dot(u, v):
    """Return the product of two vectors."""
    total = 0.0
    for i in range(len(u)):
        total += u[i] * v[i]
    return total


@njit(cache=True, nogil=True)
def add(v, factor, u):
    """Add ``factor * u`` to v."""
    for i in range(len(v)):
        v[i] += factor * u[i]

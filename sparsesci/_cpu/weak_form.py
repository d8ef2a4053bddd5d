"""Integrals over boxes against separable weights, contracted one axis after the other."""

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def contract(F, starts, which, W0, W1, W2):
    """Return the integrals (K, q0, q1, q2) over K boxes; each sample of a box is read once for all weights."""
    q0, m0 = W0.shape[1], W0.shape[2]
    q1, m1 = W1.shape[1], W1.shape[2]
    q2, m2 = W2.shape[1], W2.shape[2]
    out = np.empty((len(starts), q0, q1, q2), F.dtype)
    rows = np.empty((q1, m2), F.dtype)  # contracted along axis 1
    planes = np.empty((q0, q1, m2), F.dtype)  # along axes 0 and 1
    for box in range(len(starts)):
        w0, w1, w2 = W0[which[box, 0]], W1[which[box, 1]], W2[which[box, 2]]
        planes[:] = 0
        for i in range(m0):
            rows[:] = 0
            for j in range(m1):
                values = F[starts[box, 0] + i, starts[box, 1] + j, starts[box, 2] : starts[box, 2] + m2]
                for b in range(q1):
                    add(rows[b], w1[b, j], values)
            for a in range(q0):
                for b in range(q1):
                    add(planes[a, b], w0[a, i], rows[b])
        for a in range(q0):
            for b in range(q1):
                for c in range(q2):
                    total = 0.0 * w2[c, 0]
                    for k in range(m2):
                        total += planes[a, b, k] * w2[c, k]
                    out[box, a, b, c] = total
    return out


@njit(cache=True, nogil=True)
def add(y, scale, x):
    """Add a multiple of x to y."""
    for i in range(len(y)):
        y[i] += scale * x[i]


@njit(cache=True, nogil=True)
def neighbour_sums(F, starts, table):
    """Return the weighted sums of neighbours along the middle axis of F (a, n, b), in one pass and no copies of F."""
    out = np.empty_like(F)
    for i in range(F.shape[0]):
        if F.shape[2] == 1:
            x, y = F[i, :, 0], out[i, :, 0]
            for j in range(F.shape[1]):
                total = 0.0 * x[j]
                for k in range(table.shape[1]):
                    total += table[j, k] * x[starts[j] + k]
                y[j] = total
        else:
            for j in range(F.shape[1]):
                row = out[i, j]
                row[:] = 0
                for k in range(table.shape[1]):
                    add(row, table[j, k], F[i, starts[j] + k])
    return out

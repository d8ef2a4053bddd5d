"""Arnoldi steps without Python: the compiled form of `sparsesci.solvers.krylov.arnoldi.arnoldi`."""

import numpy as np
from numba import njit

from sparsesci._cpu.sparse import csr_matvec, solve_factors

SUMS_MAY_BE_REORDERED = {"reassoc", "contract"}  # so that they vectorise; NaN and Inf stay what they are
BLOCK = 2048  # entries of each basis vector that are worked on at a time: 40 of them fit into a second-level cache
NEGLIGIBLE = 20  # in units of rounding: what is left along the basis after one subtraction is 1 to 10 in most steps


@njit(cache=True, nogil=True)
def arnoldi(A, M, W, Z, G, null, estimates, first, start, stop, beta, goal):
    """Extend the Arnoldi relation by the columns start..stop-1; the arguments are explained at the reference."""
    precision = np.finfo(estimates.dtype).eps
    h, correction = np.empty_like(null), np.empty_like(null)
    if start == first:
        null[first] = 1
    for j in range(start, stop):
        w, column = W[j + 1], G[:, j]
        z = Z[min(j, Z.shape[0] - 1)]
        if M.inverse_diagonal.size:
            solve_factors(M, W[j], z)
        else:
            z[:] = W[j]
        csr_matvec(A, z, w)

        after = orthogonalise(W, j + 1, w, h, correction)
        largest = 0.0
        for i in range(j + 1):
            column[i] = h[i]
            largest = max(largest, abs(h[i]))
        if after <= 10 * precision * largest:
            column[j + 1] = 0
            w[:] = 0
            estimates[j] = 0
            return j + 1
        column[j + 1] = after
        for i in range(w.size):
            w[i] /= after

        # null^T Hbar = 0, so that beta / ||null|| is the norm of the least-squares residual.
        total = null[first] * 0
        square = 0.0
        for i in range(first, j + 1):
            total += null[i] * column[i]
            square += abs(null[i]) ** 2
        null[j + 1] = -total / after
        estimates[j] = beta / np.sqrt(square + abs(null[j + 1]) ** 2)
        if not estimates[j] > goal:  # also true for NaN
            return j + 1
    return stop


@njit(cache=True, nogil=True)
def orthogonalise(W, n_rows, w, h, correction):
    """Make w orthogonal to the first rows of W by classical Gram-Schmidt, twice; h gets the coefficients.

    Return the norm of what is left of w.

    Four sweeps over the basis in three passes through memory: while a block of it is in the cache, the first
    coefficients are subtracted and the second ones summed. Where those are no more than rounding, the fourth sweep
    would change nothing and is left out: orthogonality is measured in every step, not inferred from a loss of length.
    """
    h[:n_rows] = 0
    correction[:n_rows] = 0
    for begin in range(0, w.size, BLOCK):
        project(W, n_rows, w, h, begin, min(begin + BLOCK, w.size))
    for begin in range(0, w.size, BLOCK):
        subtract(W, n_rows, h, w, begin, min(begin + BLOCK, w.size))
        project(W, n_rows, w, correction, begin, min(begin + BLOCK, w.size))
    after = norm(w)
    if norm(correction[:n_rows]) <= NEGLIGIBLE * np.finfo(w.real.dtype).eps * after:
        return after
    for begin in range(0, w.size, BLOCK):
        subtract(W, n_rows, correction, w, begin, min(begin + BLOCK, w.size))
    h[:n_rows] += correction[:n_rows]
    return norm(w)


@njit(cache=True, nogil=True, fastmath=SUMS_MAY_BE_REORDERED)
def project(W, n_rows, w, h, begin, end):
    """``h += conj(W) w`` on the entries begin..end-1, four rows at a time."""
    begin, end = np.uint64(begin), np.uint64(end)
    for i in range(0, n_rows - 3, 4):
        w0, w1, w2, w3 = W[i], W[i + 1], W[i + 2], W[i + 3]
        h0 = h1 = h2 = h3 = h[i] * 0
        for p in range(begin, end):
            h0 += np.conj(w0[p]) * w[p]
            h1 += np.conj(w1[p]) * w[p]
            h2 += np.conj(w2[p]) * w[p]
            h3 += np.conj(w3[p]) * w[p]
        h[i] += h0
        h[i + 1] += h1
        h[i + 2] += h2
        h[i + 3] += h3
    for i in range(n_rows - n_rows % 4, n_rows):
        row = W[i]
        total = h[i] * 0
        for p in range(begin, end):
            total += np.conj(row[p]) * w[p]
        h[i] += total


@njit(cache=True, nogil=True, fastmath=SUMS_MAY_BE_REORDERED)
def subtract(W, n_rows, h, w, begin, end):
    """``w -= W^T h`` on the entries begin..end-1, four rows at a time."""
    begin, end = np.uint64(begin), np.uint64(end)
    for i in range(0, n_rows - 3, 4):
        w0, w1, w2, w3 = W[i], W[i + 1], W[i + 2], W[i + 3]
        h0, h1, h2, h3 = h[i], h[i + 1], h[i + 2], h[i + 3]
        for p in range(begin, end):
            w[p] -= h0 * w0[p] + h1 * w1[p] + h2 * w2[p] + h3 * w3[p]
    for i in range(n_rows - n_rows % 4, n_rows):
        row = W[i]
        for p in range(begin, end):
            w[p] -= h[i] * row[p]


@njit(cache=True, nogil=True, fastmath=SUMS_MAY_BE_REORDERED)
def norm(w):
    """Euclidean norm; by BLAS, which scales but is slow, only where the squares over- or underflow."""
    square = 0.0
    for i in range(w.size):
        square += w[i].real ** 2 + w[i].imag ** 2
    if 1e-30 < square < 1e30:
        return np.sqrt(square)
    return float(np.linalg.norm(w))

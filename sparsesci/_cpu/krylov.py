"""Arnoldi steps without Python: the compiled form of `sparsesci.solvers.krylov.arnoldi.arnoldi`."""

import numpy as np
from numba import njit

from sparsesci._cpu.sparse import csr_matvec, solve_factors


@njit(cache=True, nogil=True)
def arnoldi(A, M, W, Z, G, null, estimates, first, start, stop, beta, goal):
    """Extend the Arnoldi relation by the columns start..stop-1; the arguments are explained at the reference.

    The projections are BLAS products over the whole basis. A second pass follows only where the first one cancelled
    more than one digit: that keeps W orthonormal to rounding at half the memory traffic.
    """
    precision = np.finfo(estimates.dtype).eps
    h = np.empty_like(null)
    buffer = np.empty_like(W[0])
    if start == first:
        null[first] = 1
    for j in range(start, stop):
        basis, w, column = W[: j + 1], W[j + 1], G[:, j]
        z = W[j]
        if M.inverse_diagonal.size:
            z = Z[min(j, Z.shape[0] - 1)]
            solve_factors(M, W[j], z)
        csr_matvec(A, z, w)

        before = np.linalg.norm(w)
        column[: j + 1] = 0
        for _ in range(2):
            for i in range(w.size):
                buffer[i] = np.conj(w[i])
            np.dot(basis, buffer, h[: j + 1])
            for i in range(j + 1):
                h[i] = np.conj(h[i])
                column[i] += h[i]
            np.dot(h[: j + 1], basis, buffer)
            for i in range(w.size):
                w[i] -= buffer[i]
            after = np.linalg.norm(w)
            if after > 0.7071 * before:
                break
        if after <= 10 * precision * before:
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

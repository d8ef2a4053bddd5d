"""Deflated CG without Python: the compiled form of `sparsesci.solvers.krylov.recycled_cg.deflated_steps`."""

import numpy as np
from numba import njit

from sparsesci._cpu.krylov import SUMS_MAY_BE_REORDERED, norm, project, subtract
from sparsesci._cpu.sparse import csr_matvec, solve_factors


@njit(cache=True, nogil=True)
def deflated_steps(A, M, W, C, x, r, z, p, P, AP, rho, alpha, curvature, mu, norms, scale, start, stop, goal):
    """Do the steps start..stop-1 in place; the arguments are explained at the reference."""
    n, k = x.size, W.shape[0]
    scratch = np.empty_like(p)
    for j in range(start, stop):
        Ap = scratch
        if j < P.shape[0]:
            P[j] = p
            Ap = AP[j]
        csr_matvec(A, p, Ap)
        pAp = real_dot(p, Ap)
        curvature[j] = pAp if rho[j] > 0 else rho[j]
        if not curvature[j] > 0:
            return j
        alpha[j] = rho[j] / pAp
        norms[j] = scale * advance(x, scale * alpha[j], p, r, alpha[j], Ap)
        if M.inverse_diagonal.size:
            solve_factors(M, r, z)
        else:
            z[:] = r
        rho[j + 1] = real_dot(r, z)
        turn(p, rho[j + 1] / rho[j], z)
        mu[j + 1] = 0
        project(C, k, z, mu[j + 1], 0, n)
        subtract(W, k, mu[j + 1], p, 0, n)
        if not norms[j] > goal:
            return j + 1
    return stop


@njit(cache=True, nogil=True, fastmath=SUMS_MAY_BE_REORDERED)
def advance(x, step, p, r, alpha, Ap):
    """``x += step p`` and ``r -= alpha Ap``; return the norm of r."""
    square = 0.0
    for i in range(x.size):
        x[i] += step * p[i]
        r[i] -= alpha * Ap[i]
        square += r[i].real ** 2 + r[i].imag ** 2
    return np.sqrt(square) if 1e-30 < square < 1e30 else norm(r)


@njit(cache=True, nogil=True, fastmath=SUMS_MAY_BE_REORDERED)
def turn(p, beta, z):
    """``p = z + beta p``."""
    for i in range(p.size):
        p[i] = z[i] + beta * p[i]


@njit(cache=True, nogil=True, fastmath=SUMS_MAY_BE_REORDERED)
def real_dot(x, y):
    """Real part of ``x^H y``."""
    total = x[0].real * 0
    for i in range(x.size):
        total += x[i].real * y[i].real + x[i].imag * y[i].imag
    return total

"""Deflated CG without Python: the compiled form of `sparsesci.solvers.krylov.recycled_cg.deflated_steps`."""

import numpy as np
from numba import njit

from sparsesci._cpu.krylov import norm, project, subtract
from sparsesci._cpu.sparse import csr_matvec, solve_factors


@njit(cache=True, nogil=True)
def deflated_steps(A, M, W, C, x, r, z, p, P, AP, rho, alpha, curvature, mu, norms, scale, start, stop, goal):
    """Do the steps start..stop-1 in place; the arguments are explained at the reference."""
    n, k = x.size, W.shape[0]
    Ap = np.empty_like(p)
    for j in range(start, stop):
        csr_matvec(A, p, Ap)
        pAp = real_dot(p, Ap)
        curvature[j] = pAp if rho[j] > 0 else rho[j]
        if not curvature[j] > 0:
            return j
        if j < P.shape[0]:
            P[j] = p
            AP[j] = Ap
        alpha[j] = rho[j] / pAp
        for i in range(n):
            x[i] += scale * alpha[j] * p[i]
            r[i] -= alpha[j] * Ap[i]
        norms[j] = scale * norm(r)
        if M.inverse_diagonal.size:
            solve_factors(M, r, z)
        else:
            z[:] = r
        rho[j + 1] = real_dot(r, z)
        beta = rho[j + 1] / rho[j]
        for i in range(n):
            p[i] = z[i] + beta * p[i]
        mu[j + 1] = 0
        project(C, k, z, mu[j + 1], 0, n)
        subtract(W, k, mu[j + 1], p, 0, n)
        if not norms[j] > goal:
            return j + 1
    return stop


@njit(cache=True, nogil=True, fastmath={"reassoc", "contract"})
def real_dot(x, y):
    """Real part of ``x^H y``."""
    total = x[0].real * 0
    for i in range(x.size):
        total += x[i].real * y[i].real + x[i].imag * y[i].imag
    return total

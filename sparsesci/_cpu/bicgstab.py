"""BiCGSTAB without Python: the compiled form of `sparsesci.solvers.krylov.bicgstab.bicgstab_steps`."""

import numpy as np
from numba import njit

from sparsesci._cpu.krylov import SUMS_MAY_BE_REORDERED, norm
from sparsesci._cpu.sparse import csr_matvec, solve_factors


@njit(cache=True, nogil=True)
def bicgstab_steps(A, M, x, r, shadow, p, v, best_x, scalars, levels, norms, scale, least_cosine, goal):
    """Do steps in place until ``norms`` is full; the arguments are explained at the reference."""
    is_preconditioned = M.inverse_diagonal.size > 0
    t, s_hat, p_hat = np.empty_like(x), np.empty_like(x), np.empty_like(x) if is_preconditioned else p
    shadow_norm, eps = norm(shadow), np.finfo(norms.dtype).eps
    rho, r_norm = scalars[0], norm(r)
    for j in range(norms.size):
        if not abs(rho) > eps * shadow_norm * r_norm:
            return j, 2 * j
        if is_preconditioned:
            solve_factors(M, p, p_hat)
        csr_matvec(A, p_hat, v)
        sigma, v_norm = inner(shadow, v)
        if not abs(sigma) > eps * shadow_norm * v_norm:
            scalars[0] = sigma
            return j, 2 * j + 1
        alpha = rho / sigma
        s_norm, rho_new = subtract(r, alpha, v, shadow)
        is_half = scale * s_norm <= goal
        omega, r_norm = alpha * 0, s_norm
        if not is_half:
            if is_preconditioned:
                solve_factors(M, r, s_hat)
            else:
                s_hat[:] = r
            csr_matvec(A, s_hat, t)
            st, t_norm = inner(r, t)
            if not 0 < t_norm < np.inf:
                subtract(r, -alpha, v, shadow)
                scalars[0] = t_norm
                return j, 2 * j + 2
            omega = stabiliser(np.conj(st) / t_norm / s_norm, least_cosine) * (s_norm / t_norm)
            r_norm, rho_new = subtract(r, omega, t, shadow)
        norms[j] = scale * r_norm
        if norms[j] > levels[0] and levels[0] < levels[1]:
            best_x[:] = x
            levels[1] = levels[0]
        levels[0] = norms[j]
        if is_half:
            add(x, scale * alpha, p_hat, 0 * alpha, p_hat)
        else:
            add(x, scale * alpha, p_hat, scale * omega, s_hat)
        if not norms[j] > goal:
            return j + 1, 2 * j + 2 - is_half
        rho_old, rho = rho, rho_new
        turn(p, r, (rho / rho_old) * (alpha / omega), omega, v)
        scalars[0] = rho
    return norms.size, 2 * norms.size


@njit(cache=True, nogil=True)
def stabiliser(cosine, least_cosine):
    """Return the cosine, lengthened to ``least_cosine`` where it is smaller."""
    size = abs(cosine)
    if size >= least_cosine:
        return cosine
    return cosine * (least_cosine / size) if size > 0 else cosine + least_cosine


# One pass each: what is summed is summed while the vector is at hand.


@njit(cache=True, nogil=True, fastmath=SUMS_MAY_BE_REORDERED)
def inner(x, y):
    """Return ``x^H y`` and the norm of y."""
    total, square = x[0] * 0, 0.0
    for i in range(x.size):
        total += np.conj(x[i]) * y[i]
        square += y[i].real ** 2 + y[i].imag ** 2
    return total, np.sqrt(square) if 1e-30 < square < 1e30 else norm(y)


@njit(cache=True, nogil=True, fastmath=SUMS_MAY_BE_REORDERED)
def subtract(r, factor, v, shadow):
    """``r -= factor v``; return the norm of r and ``shadow^H r``."""
    total, square = r[0] * 0, 0.0
    for i in range(r.size):
        r[i] -= factor * v[i]
        total += np.conj(shadow[i]) * r[i]
        square += r[i].real ** 2 + r[i].imag ** 2
    return np.sqrt(square) if 1e-30 < square < 1e30 else norm(r), total


@njit(cache=True, nogil=True, fastmath=SUMS_MAY_BE_REORDERED)
def add(x, alpha, p, omega, s):
    """``x += alpha p + omega s``."""
    for i in range(x.size):
        x[i] += alpha * p[i] + omega * s[i]


@njit(cache=True, nogil=True, fastmath=SUMS_MAY_BE_REORDERED)
def turn(p, r, beta, omega, v):
    """``p = r + beta (p - omega v)``."""
    for i in range(p.size):
        p[i] = r[i] + beta * (p[i] - omega * v[i])

"""MINRES without Python: the compiled form of `sparsesci.solvers.krylov.recycled_minres.minimal_residual_steps`."""

import numpy as np
from numba import njit

from sparsesci._cpu.conjugate_gradients import real_dot
from sparsesci._cpu.krylov import SUMS_MAY_BE_REORDERED, norm, project, subtract
from sparsesci._cpu.sparse import csr_matvec, solve_factors


@njit(cache=True, nogil=True)
def minimal_residual_steps(A, M, C, MC, x, r, v, z, d, e, xi, state, V, Z, T, H, norms, scale, start, suspicious, goal):
    """Do steps in place until ``norms`` is full; the arguments are explained at the reference."""
    n, k = x.size, C.shape[0]
    eps = np.finfo(norms.dtype).eps
    w, Mw, h = np.empty_like(x), np.empty_like(x), np.zeros_like(xi)
    c, s, c_old, s_old, phi, beta, size, suspicion = state
    for step in range(norms.size):
        j = start + step
        v_now, v_other = v[j % 2], v[(j + 1) % 2]
        d_now, d_other = d[j % 2], d[(j + 1) % 2]
        e_now, e_other = e[j % 2], e[(j + 1) % 2]
        csr_matvec(A, z, w)
        alpha, beta_old = real_dot(z, w), beta
        delta, epsilon = c * c_old * beta_old + s * alpha, s_old * beta_old
        recur(w, alpha, v_now, beta, v_other)
        h[:] = 0
        project(MC, k, w, h, 0, n)
        subtract(C, k, h, w, 0, n)
        if M.inverse_diagonal.size:
            solve_factors(M, w, Mw)
        else:
            Mw[:] = w
        square = real_dot(w, Mw)
        beta = np.sqrt(square) if 1e-30 < square < 1e30 else root(w, Mw)
        size = max(size, abs(alpha), abs(beta))
        for i in range(k):
            size = max(size, abs(h[i]))
        if abs(beta) <= 10 * eps * size:
            beta = beta * 0

        bar = c * alpha - s * c_old * beta_old
        stationarity = np.hypot(bar, c * beta)
        if not beta >= 0 or stationarity <= 10 * eps * size:
            state[5] = beta * 0 if beta >= 0 else beta
            return j
        if stationarity <= suspicious * size and suspicion == 0:
            state[7] = 1
            return j
        gamma = np.hypot(bar, beta)
        c, s, c_old, s_old = bar / gamma, beta / gamma, c, s
        tau, phi = c * phi, -s * phi

        for i in range(k):
            e_now[i] = (h[i] - delta * e_other[i] - epsilon * e_now[i]) / gamma
            xi[i] += scale * tau * e_now[i]
        if j < Z.shape[0]:
            Z[j] = z
            T[j, 0], T[j, 1] = alpha, beta
            H[j] = h
        move(x, d_now, d_other, z, delta, epsilon, gamma, scale * tau)
        shrink = 1 / (beta if beta > 0 else 1)
        norms[step] = scale * renew(v_other, w, r, shrink, s * s, phi * c)
        stretch(z, Mw, shrink)
        if j < Z.shape[0]:
            V[j + 1] = v_other
        state[0], state[1], state[2], state[3], state[4], state[5], state[6] = c, s, c_old, s_old, phi, beta, size
        if not norms[step] > goal:
            return j + 1
    return start + norms.size


@njit(cache=True, nogil=True)
def root(x, y):
    """Square root of the real part of ``x^H y`` with its sign, right also where that over- or underflows."""
    x_norm, y_norm = norm(x), norm(y)
    if not 0 < min(x_norm, y_norm) <= max(x_norm, y_norm) < np.inf:
        return x_norm * y_norm
    total = 0.0
    for i in range(x.size):
        total += (x[i].real / x_norm) * (y[i].real / y_norm) + (x[i].imag / x_norm) * (y[i].imag / y_norm)
    return np.sign(total) * np.sqrt(abs(total)) * np.sqrt(x_norm) * np.sqrt(y_norm)


# Loops of their own: over few arrays, the compiler finds that they do not overlap, and vectorises.


@njit(cache=True, nogil=True, fastmath=SUMS_MAY_BE_REORDERED)
def recur(w, alpha, v_now, beta, v_other):
    """``w -= alpha v_now + beta v_other``."""
    for i in range(w.size):
        w[i] -= alpha * v_now[i] + beta * v_other[i]


@njit(cache=True, nogil=True, fastmath=SUMS_MAY_BE_REORDERED)
def move(x, d_now, d_other, z, delta, epsilon, gamma, step):
    """``d_now = (z - delta d_other - epsilon d_now) / gamma`` and ``x += step d_now``."""
    inverse = 1 / gamma
    for i in range(x.size):
        d_now[i] = inverse * (z[i] - delta * d_other[i] - epsilon * d_now[i])
        x[i] += step * d_now[i]


@njit(cache=True, nogil=True, fastmath=SUMS_MAY_BE_REORDERED)
def renew(v, w, r, shrink, old, new):
    """``v = shrink w`` and ``r = old r + new v``; return the norm of r."""
    square = 0.0
    for i in range(v.size):
        v[i] = shrink * w[i]
        r[i] = old * r[i] + new * v[i]
        square += r[i].real ** 2 + r[i].imag ** 2
    return np.sqrt(square) if 1e-30 < square < 1e30 else norm(r)


@njit(cache=True, nogil=True, fastmath=SUMS_MAY_BE_REORDERED)
def stretch(x, y, factor):
    """``x = factor y``."""
    for i in range(x.size):
        x[i] = factor * y[i]

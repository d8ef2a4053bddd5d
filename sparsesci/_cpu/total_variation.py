"""Least squares under the total variation of the slope: an interior-point method on pentadiagonal systems."""

import numpy as np
from numba import njit


@njit(cache=True, nogil=True, error_model="numpy")
def factor(a, b, c):
    """Factor a symmetric pentadiagonal matrix in place, ``L D L'``: a (m,), b (m - 1,), c (m - 2,), its diagonals."""
    m = a.size
    for i in range(m):
        if i + 1 < m:
            below = b[i] / a[i]
            a[i + 1] -= below * b[i]
            if i + 2 < m:
                b[i + 1] -= below * c[i]
                a[i + 2] -= c[i] * c[i] / a[i]
                c[i] /= a[i]
            b[i] = below


@njit(cache=True, nogil=True)
def solve(a, b, c, x):
    """Overwrite x with the solution of the factored system."""
    m = a.size
    for i in range(1, m):
        x[i] -= b[i - 1] * x[i - 1]
        if i > 1:
            x[i] -= c[i - 2] * x[i - 2]
    for i in range(m):
        x[i] /= a[i]
    for i in range(m - 2, -1, -1):
        x[i] -= b[i] * x[i + 1]
        if i + 2 < m:
            x[i] -= c[i] * x[i + 2]


@njit(cache=True, nogil=True)
def bend(x, h, out):
    """Fill ``out`` (n - 2,) with ``D x``: the changes of the slope."""
    for j in range(out.size):
        out[j] = (x[j + 2] - x[j + 1]) / h[j + 1] - (x[j + 1] - x[j]) / h[j]


@njit(cache=True, nogil=True)
def straighten(y, h, g, z, out):
    """Fill ``out`` (n,) with ``y - G^-1 D' z``."""
    n, m = y.size, z.size
    for i in range(n):
        total = 0.0
        if i < m:
            total += z[i] / h[i]
        if 0 < i <= m:
            total -= z[i - 1] * (1 / h[i] + 1 / h[i - 1])
        if i > 1:
            total += z[i - 2] / h[i - 1]
        out[i] = y[i] - total / g[i]


@njit(cache=True, nogil=True)
def fill_matrix(h, g, a, b, c):
    """Fill the diagonals of ``D G^-1 D'``."""
    m = a.size
    for j in range(m):
        left, right = 1 / h[j], 1 / h[j + 1]
        a[j] = left * left / g[j] + (left + right) ** 2 / g[j + 1] + right * right / g[j + 2]
        if j + 1 < m:
            b[j] = -(left + right) * right / g[j + 1] - right * (right + 1 / h[j + 2]) / g[j + 2]
        if j + 2 < m:
            c[j] = right / h[j + 2] / g[j + 2]


@njit(cache=True, nogil=True, error_model="numpy")
def fit(y, h, g, alpha, rtol, maxiter):
    """Return x, and the relative gap between its objective and a bound from below; explained at the reference."""
    n = y.size
    m = n - 2
    a0, b0, c0, a, b, c = np.empty(m), np.empty(m), np.empty(m), np.empty(m), np.empty(m), np.empty(m)
    target, z, Dx, x, dz = np.empty(m), np.zeros(m), np.empty(m), np.empty(n), np.empty(m)
    fill_matrix(h, g, a0, b0, c0)
    bend(y, h, target)
    size = 0.0
    for j in range(m):
        size = max(size, abs(target[j]))
    upper, lower = np.full(m, size), np.full(m, size)
    centring, gap = 0.2, np.inf
    for _ in range(maxiter):
        straighten(y, h, g, z, x)
        bend(x, h, Dx)
        misfit, variation, bound, complementarity = 0.0, 0.0, 0.0, 0.0
        for i in range(n):
            misfit += 0.5 * g[i] * (x[i] - y[i]) ** 2
        for j in range(m):
            variation += alpha * abs(Dx[j])
            bound += z[j] * Dx[j]
            complementarity += upper[j] * (alpha - z[j]) + lower[j] * (alpha + z[j])
        objective = misfit + variation
        gap = min(variation - bound, complementarity) / objective if objective > 0 else 0.0
        if not gap > rtol:
            break
        mu = centring * complementarity / (2 * m)
        for j in range(m):
            above, below = alpha - z[j], alpha + z[j]
            a[j], b[j], c[j] = a0[j] + upper[j] / above + lower[j] / below, b0[j], c0[j]
            dz[j] = Dx[j] - mu / above + mu / below
        factor(a, b, c)
        solve(a, b, c, dz)
        step = 1.0
        for j in range(m):
            above, below = alpha - z[j], alpha + z[j]
            for_upper = -upper[j] + (mu + upper[j] * dz[j]) / above
            for_lower = -lower[j] + (mu - lower[j] * dz[j]) / below
            step = min(step, 0.99 * above / dz[j] if dz[j] > 0 else step, -0.99 * below / dz[j] if dz[j] < 0 else step)
            step = min(step, -0.99 * upper[j] / for_upper if for_upper < 0 else step)
            step = min(step, -0.99 * lower[j] / for_lower if for_lower < 0 else step)
        for j in range(m):
            above, below = alpha - z[j], alpha + z[j]
            for_upper = -upper[j] + (mu + upper[j] * dz[j]) / above
            for_lower = -lower[j] + (mu - lower[j] * dz[j]) / below
            z[j] += step * dz[j]
            upper[j] += step * for_upper
            lower[j] += step * for_lower
        centring = 0.1 if step > 0.8 else 0.5
    return x, gap

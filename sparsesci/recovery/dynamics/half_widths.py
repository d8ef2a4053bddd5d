"""How wide a test function should be: as wide as the data let it be, from where their spectrum sinks into noise.

Messenger, Bortz, *Weak SINDy for partial differential equations*, J. Comput. Phys. 443 (2021) 110525, appendix A.
Along an axis of N samples the sum of ``|u_hat|`` up to k grows fast while there is signal and steadily where there is
noise alone: two straight lines meet at k*. ``(1 - z^2)^p`` is nearly a Gaussian of standard deviation
``m / sqrt(2 p + 3)`` samples, so its spectrum is one of ``N sqrt(2 p + 3) / (2 pi m)``: m is chosen to make k* lie
``TAIL`` standard deviations out. What is higher is damped, and what is lower carries the equation.

Deviations
----------
1. p is the smallest degree for which phi has sunk to `EDGE` one sample before its end, as there, but at most
   `MAX_DEGREE`, and no higher than leaves phi a standard deviation of one sample: or the trapezoidal rule fails.
2. The corner is that of frequencies, and the highest one of all fields and trajectories decides.
"""

from __future__ import annotations

import math

import numpy as np

from .weak_weights import MAX_DEGREE

TAIL = 2.0  # tau-hat: standard deviations of the spectrum of phi
EDGE = 1e-10  # tau: phi one sample before its end


def corner(u: np.ndarray, grid: np.ndarray, axis: int) -> float:
    """Return the frequency, in periods a unit of the grid, above which a field (..., along axis, ...) is noise."""
    u = np.moveaxis(u, axis, -1).reshape(-1, len(grid))
    regular = np.linspace(grid[0], grid[-1], len(grid))
    if not np.allclose(regular, grid, rtol=0, atol=1e-3 * (regular[1] - regular[0])):
        u = np.stack([np.interp(regular, grid, row) for row in u])
    heights = np.concatenate([[0.0], np.cumsum(np.abs(np.fft.rfft(u, axis=1))[:, 1:].sum(axis=0))])
    n = len(heights) - 1
    if n < 3 or heights[-1] == 0:
        return 1 / (grid[-1] - grid[0])
    heights /= heights[-1]
    k, misfits = np.arange(n + 1), np.empty(n - 1)
    for i in range(1, n):
        bent = np.interp(k, [0, i, n], [0.0, heights[i], 1.0])
        misfits[i - 1] = np.sum((heights - bent) ** 2)
    period = (grid[-1] - grid[0]) * len(grid) / (len(grid) - 1)
    return (1 + int(np.argmin(misfits))) / period


def degree_of(half_width: float, least: int) -> int:
    """Return the degree p for which ``(1 - z^2)^p`` is `EDGE` one sample before the end of ``half_width`` samples."""
    highest = min(MAX_DEGREE, int((half_width**2 - 3) / 2))
    if highest <= least:
        return least
    z = 1 - 1 / half_width
    return min(max(math.ceil(math.log(EDGE) / math.log(1 - z * z)), least), highest)


def half_width_of(frequency: float, step: float, n_samples: int, degree: int | None, least: int) -> int:
    """Return a half width in samples that puts ``frequency`` into the tail of the spectrum of phi.

    Never more than a quarter of the axis: so boxes have room to differ.
    """
    fewest = math.ceil(math.sqrt(2 * (least if degree is None else degree) + 3))
    most = min(max((n_samples - 1) // 4, fewest), max((n_samples - 1) // 2, 2))
    for m in range(fewest, most):
        p = degree_of(m, least) if degree is None else degree
        if 2 * math.pi * frequency * step * m >= TAIL * math.sqrt(2 * p + 3):
            return m
    return most

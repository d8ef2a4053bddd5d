"""Chaotic systems with polynomial right-hand sides: what a method that finds equations of motion should find.

Lorenz (1963, 1984, 1996), Rossler (1976, 1979), the nineteen of Sprott, *Some simple chaotic flows*, Phys. Rev. E 50
(1994) R647-R650, and others that are as well known; their parameters are the usual ones. A start lies on the attractor,
and the period is the inverse of the mean frequency of the power spectrum of the states.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class ChaoticSystem:
    """A system ``x' = f(x)``; f takes the states one by one and returns their derivatives.

    ``degree`` is that of the polynomials, ``period`` a typical one, in units of time.
    """

    name: str
    f: Callable[..., tuple]
    start: tuple[float, ...]
    period: float
    degree: int = 2

    @property
    def n_states(self) -> int:
        """Number of states."""
        return len(self.start)

    def trajectories(
        self, rng: np.random.Generator, *, n_trajectories: int, n_samples: int, per_period: int, noise: float
    ) -> tuple[list[np.ndarray], float]:
        """Return noisy trajectories (n_samples, n_states) from starts on the attractor, and the step between samples.

        The noise is normal and ``noise`` times the standard deviation of each state.
        """
        step = self.period / per_period
        t = np.arange(n_samples) * step
        starts = [np.asarray(self.start, float)]
        for _ in range(n_trajectories):  # each begins some periods after the one before
            starts.append(self.integrate(starts[-1], np.array([0.0, self.period * rng.uniform(5, 10)]))[-1])
        clean = [self.integrate(start, t) for start in starts[1:]]
        level = noise * np.std(np.concatenate(clean), axis=0)
        return [x + level * rng.standard_normal(x.shape) for x in clean], step

    def integrate(self, start: np.ndarray, t: np.ndarray) -> np.ndarray:
        """Return the states (n_t, n_states) at the times t."""
        from scipy.integrate import solve_ivp

        span = float(t[0]), float(t[-1])
        return solve_ivp(lambda _, x: self.f(*x), span, start, "DOP853", t, rtol=1e-10, atol=1e-12).y.T

    def coefficients(self, library: Any) -> np.ndarray:
        """Return the true coefficients (n_states, p) in a library of polynomials that holds the right-hand side."""
        rng = np.random.default_rng(2016)
        p = library.n_features(self.n_states, 0)
        x = rng.uniform(-1, 1, (4 * p, self.n_states))
        y = np.stack(np.broadcast_arrays(*self.f(*x.T)), axis=1)
        exact, *_ = np.linalg.lstsq(library.transform(x), y, rcond=None)
        return np.where(np.abs(exact) > 1e-9, exact, 0.0).T


def _lorenz96(*x: Any) -> tuple:
    n = len(x)
    return tuple((x[(i + 1) % n] - x[i - 2]) * x[i - 1] - x[i] + 8 for i in range(n))


SYSTEMS: tuple[ChaoticSystem, ...] = (
    ChaoticSystem(
        "lorenz", lambda x, y, z: (10 * (y - x), x * (28 - z) - y, x * y - 8 / 3 * z), (2.239, 3.553, 14.289), 1.06
    ),
    ChaoticSystem("rossler", lambda x, y, z: (-y - z, x + 0.2 * y, 0.2 + z * (x - 5.7)), (1.955, 3.472, 0.07), 4.17),
    ChaoticSystem(
        "chen", lambda x, y, z: (35 * (y - x), -7 * x - x * z + 28 * y, x * y - 3 * z), (1.168, -0.899, 20.852), 0.517
    ),
    ChaoticSystem("lu", lambda x, y, z: (36 * (y - x), -x * z + 20 * y, x * y - 3 * z), (-2.209, -2.85, 11.186), 0.698),
    ChaoticSystem(
        "halvorsen",
        lambda x, y, z: (
            -1.4 * x - 4 * y - 4 * z - y**2,
            -1.4 * y - 4 * z - 4 * x - z**2,
            -1.4 * z - 4 * x - 4 * y - x**2,
        ),
        (-6.05, 3.187, -2.463),
        1.25,
    ),
    ChaoticSystem("rucklidge", lambda x, y, z: (-2 * x + 6.7 * y - y * z, x, -z + y**2), (0.075, 1.305, 4.746), 4.33),
    ChaoticSystem(
        "burke_shaw", lambda x, y, z: (-10 * (x + y), -y - 10 * x * z, 10 * x * y + 13), (0.53, 0.04, 0.139), 0.627
    ),
    ChaoticSystem(
        "shimizu_morioka", lambda x, y, z: (y, (1 - z) * x - 0.75 * y, x**2 - 0.45 * z), (-1.129, -0.014, 1.444), 10.4
    ),
    ChaoticSystem(
        "genesio_tesi", lambda x, y, z: (y, z, -x - 1.1 * y - 0.44 * z + x**2), (-0.413, -0.184, 0.713), 6.37
    ),
    ChaoticSystem("arneodo", lambda x, y, z: (y, z, 5.5 * x - 3.5 * y - z - x**3), (0.216, 2.23, -5.199), 3.94, 3),
    ChaoticSystem(
        "chua_cubic",
        lambda x, y, z: (10 * (y - x**3 + 0.143 * x), x - y + z, -16 * y),
        (0.273, -0.039, -0.266),
        3.93,
        3,
    ),
    ChaoticSystem(
        "four_wing",
        lambda x, y, z: (0.2 * x + y * z, 0.01 * x - 0.4 * y - x * z, -z - x * y),
        (-0.195, -0.228, -0.032),
        13.2,
    ),
    ChaoticSystem(
        "dadras",
        lambda x, y, z: (y - 3 * x + 2.7 * y * z, 1.7 * y - x * z + z, 2 * x * y - 9 * z),
        (-5.27, -2.213, 2.807),
        1.58,
    ),
    ChaoticSystem(
        "aizawa",
        lambda x, y, z: (
            (z - 0.7) * x - 3.5 * y,
            3.5 * x + (z - 0.7) * y,
            0.6 + 0.95 * z - z**3 / 3 - (x**2 + y**2) * (1 + 0.25 * z) + 0.1 * z * x**3,
        ),
        (-0.235, 0.153, -0.259),
        2.34,
        4,
    ),
    ChaoticSystem(
        "rabinovich_fabrikant",
        lambda x, y, z: (y * (z - 1 + x**2) + 0.1 * x, x * (3 * z + 1 - x**2) + 0.1 * y, -2 * z * (0.14 + x * y)),
        (-1.055, 1.04, 0.656),
        4.48,
        3,
    ),
    ChaoticSystem(
        "newton_leipnik",
        lambda x, y, z: (-0.4 * x + y + 10 * y * z, -x - 0.4 * y + 5 * x * z, 0.175 * z - 5 * x * y),
        (0.064, 0.032, 0.288),
        5.07,
    ),
    ChaoticSystem(
        "lorenz84",
        lambda x, y, z: (-0.25 * x - y**2 - z**2 + 2, -y + x * y - 4 * x * z + 1, -z + 4 * x * y + x * z),
        (1.362, -1.012, -0.566),
        1.96,
    ),
    ChaoticSystem(
        "finance", lambda x, y, z: (z + (y - 0.9) * x, 1 - 0.2 * y - x**2, -x - 1.2 * z), (1.074, 1.991, -0.509), 7.68
    ),
    ChaoticSystem(
        "rikitake", lambda x, y, z: (-2 * x + z * y, -2 * y + (z - 5) * x, 1 - x * y), (1.044, 0.607, 7.626), 3.92
    ),
    ChaoticSystem(
        "moore_spiegel", lambda x, y, z: (y, z, -z - (6 - 20 + 20 * x**2) * y - 6 * x), (0.685, 5.096, 13.196), 1.47, 3
    ),
    ChaoticSystem(
        "hyper_rossler",
        lambda x, y, z, w: (-y - z, x + 0.25 * y + w, 3 + x * z, -0.5 * z + 0.05 * w),
        (-44.735, 31.899, 0.068, 31.773),
        3.15,
    ),
    ChaoticSystem("sprott_a", lambda x, y, z: (y, -x + y * z, 1 - y**2), (0.565, 0.746, 1.321), 5.65),
    ChaoticSystem("sprott_b", lambda x, y, z: (y * z, x - y, 1 - x * y), (0.755, 0.691, 0.498), 7.08),
    ChaoticSystem("sprott_c", lambda x, y, z: (y * z, x - y, 1 - x**2), (1.477, 0.893, 0.98), 9.14),
    ChaoticSystem("sprott_d", lambda x, y, z: (-y, x + z, x * z + 3 * y**2), (-3.876, -0.948, 0.384), 6.31),
    ChaoticSystem("sprott_e", lambda x, y, z: (y * z, x**2 - y, 1 - 4 * x), (0.137, 0.012, 5.121), 5.89),
    ChaoticSystem("sprott_f", lambda x, y, z: (y + z, -x + 0.5 * y, x**2 - z), (-1.194, -0.932, 1.368), 10.7),
    ChaoticSystem("sprott_g", lambda x, y, z: (0.4 * x + z, x * z - y, -x + y), (-0.9, -1.972, 1.441), 5.99),
    ChaoticSystem("sprott_h", lambda x, y, z: (-y + z**2, x + 0.5 * y, x - z), (-0.872, -0.043, -0.943), 7.86),
    ChaoticSystem("sprott_i", lambda x, y, z: (-0.2 * y, x + z, x + y**2 - z), (-0.223, 0.38, 0.044), 9.13),
    ChaoticSystem("sprott_j", lambda x, y, z: (2 * z, -2 * y + z, -x + y + y**2), (22.945, 2.297, 0.984), 4.68),
    ChaoticSystem("sprott_k", lambda x, y, z: (x * y - z, x - y, x + 0.3 * z), (-0.691, -0.648, -0.177), 6.74),
    ChaoticSystem("sprott_l", lambda x, y, z: (y + 3.9 * z, 0.9 * x**2 - y, 1 - x), (4.093, 17.001, -4.61), 3.97),
    ChaoticSystem("sprott_m", lambda x, y, z: (-z, -(x**2) - y, 1.7 + 1.7 * x + y), (0.508, -0.488, 0.853), 5.98),
    ChaoticSystem("sprott_n", lambda x, y, z: (-2 * y, x + z**2, 1 + y - 2 * z), (-9.957, 5.381, 2.939), 4.68),
    ChaoticSystem("sprott_o", lambda x, y, z: (y, x - z, x + x * z + 2.7 * y), (-0.2, 0.432, -0.023), 5.12),
    ChaoticSystem("sprott_p", lambda x, y, z: (2.7 * y + z, -x + y**2, x + y), (1.723, -0.166, 1.228), 6.33),
    ChaoticSystem("sprott_q", lambda x, y, z: (-z, x - y, 3.1 * x + y**2 + 0.5 * z), (-0.969, -1.446, 0.354), 4.49),
    ChaoticSystem("sprott_r", lambda x, y, z: (0.9 - y, 0.4 + z, x * y - z), (-1.604, 3.721, -0.7), 4.94),
    ChaoticSystem("sprott_s", lambda x, y, z: (-x - 4 * y, x + z**2, 1 + x), (-0.045, -0.199, 0.9), 3.39),
    ChaoticSystem("lorenz96_6", _lorenz96, (6.049, -0.017, -3.179, -2.732, -2.628, 6.629), 1.32),
)

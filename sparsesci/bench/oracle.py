"""A function of points of F_2^n with a few Walsh-Hadamard coefficients, which is asked instead of a matrix.

It stands for an experiment: what it costs is no cost of the transform. It counts its time and the points it was asked
for; the harness takes the time out of a solver's, and states it beside.

The noise of a point is a function of the point: who asks twice learns nothing new, and every solver meets the same.
"""

from __future__ import annotations

import time

import numpy as np

GOLDEN = 0x9E3779B97F4A7C15  # the increment and the multipliers of SplitMix64 (Steele, Lea, Flood, 2014)
MIX = 0xBF58476D1CE4E5B9, 0x94D049BB133111EB


class Oracle:
    """``f(m) = sum_k X_k (-1)^<m, k>`` plus noise, at points m that are numbers (q,) or rows of bits (q, n).

    Bit i of a number is variable i; of a row, the most significant bit comes first.

    Attributes
    ----------
    n : int
        Variables.
    indices, values : array (K,)
        The true spectrum, in ascending order of the indices.
    noise_std : float
        Standard deviation of the noise of one sample; of its modulus, where the coefficients are complex.
    seed : int
        Of the noise.
    n_samples : int
        Points it was asked for, repeated ones included.
    cpu_seconds, wall_seconds : float
        What that took.
    """

    def __init__(self, n: int, indices: np.ndarray, values: np.ndarray, noise_std: float, seed: int):
        order = np.argsort(indices)
        self.n, self.indices, self.values = n, indices[order], values[order]
        self.noise_std, self.seed = noise_std, seed
        self.n_samples, self.cpu_seconds, self.wall_seconds = 0, 0.0, 0.0
        self._predict = _spectrum(n, self.indices, self.values).predict

    @property
    def shape(self) -> tuple[int]:
        """Of the vector of all values, (2^n,)."""
        return (1 << self.n,)

    def copy(self) -> Oracle:
        """Return the same function, that was not asked yet."""
        return Oracle(self.n, self.indices, self.values, self.noise_std, self.seed)

    def __call__(self, points: np.ndarray) -> np.ndarray:
        """Return f at points (q,) or (q, n)."""
        cpu, wall = time.process_time(), time.perf_counter()
        points = np.asarray(points)
        if points.ndim == 2:
            points = points.astype(np.uint64) @ (np.uint64(1) << np.arange(self.n, dtype=np.uint64)[::-1])
        points = points.astype(np.uint64, copy=False)
        f = self._predict(points)
        if self.noise_std:
            f = f + self._noise(points)
        self.n_samples += len(points)
        self.cpu_seconds += time.process_time() - cpu
        self.wall_seconds += time.perf_counter() - wall
        return f

    def _noise(self, points: np.ndarray) -> np.ndarray:
        """Return normal noise by the method of Box and Muller: its real part, or all of it."""
        radius = self.noise_std * np.sqrt(-2 * np.log(_uniform(points, 2 * self.seed)))
        angle = 2 * np.pi * _uniform(points, 2 * self.seed + 1)
        if np.iscomplexobj(self.values):
            return radius * np.exp(1j * angle) / np.sqrt(2)
        return radius * np.cos(angle)


def _spectrum(n: int, indices: np.ndarray, values: np.ndarray):
    from sparsesci._lib.result import Status
    from sparsesci.recovery import WHTResult

    return WHTResult(
        x=values,
        status=Status.CONVERGED,
        message="",
        nit=0,
        time=0.0,
        indices=indices,
        n=n,
        n_samples=0,
        noise_std=0.0,
    )


def _uniform(points: np.ndarray, stream: int) -> np.ndarray:
    """Return a number in (0, 1) for each point, by SplitMix64."""
    z = points * np.uint64(GOLDEN) + np.uint64((2 * stream + 1) * GOLDEN % 2**64)
    for shift, factor in zip((30, 27), MIX, strict=True):
        z = (z ^ (z >> np.uint64(shift))) * np.uint64(factor)
    z ^= z >> np.uint64(31)
    return ((z >> np.uint64(11)).astype(np.float64) + 0.5) * 2.0**-53

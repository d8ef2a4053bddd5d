"""Periodic Gaussian random fields, alone and in drifting sequences.

Their covariance is that of the neural-operator benchmarks, ``tau^(2 alpha - 2) (-Lap + tau^2)^-alpha``.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

ALPHA = 2.5  # smoothness
TAU = 7.0  # inverse length scale


def amplitudes(n: int, dimension: int) -> np.ndarray:
    """Return ``tau^(alpha-1) (4 pi^2 |k|^2 + tau^2)^(-alpha/2)`` for the wave vectors k of ``fftn``; zero for k = 0."""
    frequencies = np.meshgrid(*[np.fft.fftfreq(n, 1 / n)] * dimension, indexing="ij")
    k_squared = sum(k**2 for k in frequencies)
    spectrum = TAU ** (ALPHA - 1) * (4 * np.pi**2 * k_squared + TAU**2) ** (-ALPHA / 2)
    spectrum.flat[0] = 0.0
    return spectrum


def gaussian_field(rng: np.random.Generator, n: int, dimension: int = 2) -> np.ndarray:
    """Return one field of shape ``(n,) * dimension``; its statistics do not depend on n."""
    noise = rng.standard_normal((n,) * dimension)
    return np.fft.ifftn(np.fft.fftn(noise) * amplitudes(n, dimension)).real * n ** (dimension / 2)


def drifting_fields(
    rng: np.random.Generator, n: int, dimension: int, drift: float, length: int
) -> Iterator[np.ndarray]:
    """Yield ``g_0 = xi_0`` and ``g_i = drift g_{i-1} + sqrt(1 - drift^2) xi_i`` with independent fields xi.

    Every g_i has the same distribution; neighbours have correlation ``drift``: 0 gives independent draws, 1 one field.
    """
    if not 0 <= drift <= 1:
        raise ValueError(f"drift is {drift}: a correlation between 0 and 1 is needed")
    g = gaussian_field(rng, n, dimension)
    for i in range(length):
        if i:
            g = drift * g + np.sqrt(1 - drift**2) * gaussian_field(rng, n, dimension)
        yield g

"""The spectrum of a whole table, by the dense transform: what is above the noise is kept."""

from __future__ import annotations

import numpy as np

from .fwht import fwht
from .noise import rounding_level
from .peeling import NOISE_PROBABILITY

MEDIAN_OF_NORMAL = 0.6744897501960817  # of the absolute value, in standard deviations
FEWEST_TO_JUDGE = 128  # coefficients: the median of fewer says little about noise
MEDIAN_OF_COMPLEX = 0.8325546111576977  # sqrt(log 2)
ENOUGH = 1 << 16  # coefficients for a median, at an odd distance from each other: their indices share no bits


def dense_spectrum(f: np.ndarray, noise_std: float | None) -> tuple[np.ndarray, np.ndarray, float]:
    """Return indices (K,), coefficients (K,) and the standard deviation of the noise of all values f (N,).

    Coefficients are kept that are larger than the largest of N of pure noise, of variance ``noise_std^2 / N``. Where
    it is not given, the noise comes from the median of the coefficients: more than half of them should be noise. If
    none is above it, or N is less than 128, nothing tells noise from coefficients, and all of them are kept. But none
    is kept that may be rounding: the errors of f are a function of f, and where f is sparse so may they be.
    """
    from scipy.special import chdtri

    X = fwht(f, norm="forward")
    size, parts = np.abs(X), 2 if np.iscomplexobj(X) else 1
    least = rounding_level(float(max(f.max(), -f.min()) if parts == 1 else np.abs(f).max()), f.dtype)
    spread = np.sqrt(float(chdtri(parts, NOISE_PROBABILITY / len(f))) / parts / len(f))
    is_given = noise_std is not None
    if not is_given:
        median = float(np.median(size[:: len(f) // ENOUGH | 1])) / (
            MEDIAN_OF_COMPLEX if parts == 2 else MEDIAN_OF_NORMAL
        )
        noise_std = float(np.sqrt(len(f))) * median
    kept = np.flatnonzero(size > max(noise_std * spread, least))
    if not is_given and (len(f) < FEWEST_TO_JUDGE or not kept.size):
        noise_std, kept = 0.0, np.flatnonzero(size > least)
    return kept.astype(np.uint64), X[kept], noise_std if noise_std > least else 0.0

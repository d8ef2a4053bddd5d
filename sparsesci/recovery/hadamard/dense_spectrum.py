"""The spectrum of a whole table, by the dense transform: what is above the noise is kept."""

from __future__ import annotations

import numpy as np

from .fwht import fwht
from .noise import rounding_level
from .peeling import NOISE_PROBABILITY

MEDIAN_OF_NORMAL = 0.6744897501960817  # of the absolute value, in standard deviations
FEWEST_TO_JUDGE = 128  # coefficients: the median of fewer says little about noise
MEDIAN_OF_COMPLEX = 0.8325546111576977  # sqrt(log 2)


def dense_spectrum(f: np.ndarray, noise_std: float | None) -> tuple[np.ndarray, np.ndarray, float]:
    """Return indices (K,), coefficients (K,) and the standard deviation of the noise of all values f (N,).

    Coefficients are kept that are larger than the largest of N of pure noise, of variance ``noise_std^2 / N``. Where it
    is not given, the noise comes from the median of the coefficients: more than half of them should be noise. If none
    is above it, or N is less than 128, nothing tells noise from coefficients, and all of them are kept.
    """
    from scipy.special import chdtri

    X = fwht(f, norm="forward")
    size, parts = np.abs(X), 2 if np.iscomplexobj(X) else 1
    least = rounding_level(float(np.abs(f).max()), f.dtype)
    spread = np.sqrt(float(chdtri(parts, NOISE_PROBABILITY / len(f))) / parts / len(f))
    is_given = noise_std is not None
    if not is_given:
        median = float(np.median(size)) / (MEDIAN_OF_COMPLEX if parts == 2 else MEDIAN_OF_NORMAL)
        noise_std = float(np.sqrt(len(f))) * median
    is_kept = size > max(noise_std, least) * spread
    if not is_given and (len(f) < FEWEST_TO_JUDGE or not is_kept.any()):
        noise_std, is_kept = 0.0, size > least * spread
    indices = np.flatnonzero(is_kept)
    return indices.astype(np.uint64), X[indices], noise_std if noise_std > least else 0.0

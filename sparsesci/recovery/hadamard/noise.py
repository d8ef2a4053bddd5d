"""How large the noise of a sample is, told from the bins themselves, and in which units to compute."""

from __future__ import annotations

import math

import numpy as np

QUANTILES = (0.02, 0.1, 0.25, 0.5)  # of the energies of bins: the empty ones are lowest, an unknown share of all
DISTINCT = 1.2  # noise levels nearer than this factor lead to the same spectrum
LEAST_EXPLAINED = 0.3  # share of the square norm that a spectrum must explain where the noise is not given
ROUNDING = 16  # ulps of the largest sample: what a sum of a few thousand terms is computed to


def rounding_level(largest: float, dtype: np.dtype) -> float:
    """Return the standard deviation of the rounding errors of samples up to ``largest``: noise is never less."""
    return float(ROUNDING * np.finfo(dtype).eps * largest)


def unit(largest: float) -> float:
    """Return the power of two next below ``largest``: in this unit no square of what matters over- or underflows."""
    return 2.0 ** (math.frexp(largest)[1] - 1) if largest else 1.0


def guesses(U: np.ndarray, least: float) -> list[float]:
    """Return standard deviations of the noise of a sample that bins U (C, B, P) may have, the smallest first.

    Each is what the noise would be if a certain share of the bins, those with the least energy, were empty.
    """
    n_bins = U.shape[1]
    per_sample = np.sqrt(n_bins * (np.abs(U) ** 2).mean(axis=2))
    levels = [max(least, float(level)) for level in np.quantile(per_sample, QUANTILES)]
    return [level for i, level in enumerate(levels) if i == 0 or level > DISTINCT * levels[i - 1]]


def of_residual(square_left: float, shape: tuple[int, int, int], n_coefficients: int) -> float:
    """Return the noise of a sample from the square norm that a least-squares fit leaves of bins (C, B, P)."""
    freedom = max(np.prod(shape) - n_coefficients, 1)
    return float(np.sqrt(shape[1] * square_left / freedom))


def root_mean_square(values: np.ndarray) -> float:
    """Return the root of the mean square."""
    return float(np.sqrt((np.abs(values) ** 2).mean()))

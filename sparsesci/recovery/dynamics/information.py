"""Information criteria of a regression, from its residual sum of squares alone: the smaller, the better.

For normal errors of unknown variance, up to a constant, with k coefficients and n samples

    AIC = n log(rss / n) + 2 k,    AICc = AIC + 2 k (k + 1) / (n - k - 1),    BIC = n log(rss / n) + k log n.

Akaike (1974); Hurvich and Tsai, Biometrika 76 (1989) 297-307; Schwarz, Ann. Statist. 6 (1978) 461-464.
"""

from __future__ import annotations

from typing import Any

import numpy as np

LEAST = np.finfo(float).tiny  # of the mean square of a residual: a fit may be exact


def aic(rss: Any, n: float, k: Any) -> np.ndarray:
    """Return Akaike's criterion for residual sums of squares and numbers of coefficients, element by element."""
    return _misfit(rss, n) + 2.0 * np.asarray(k)


def aicc(rss: Any, n: float, k: Any) -> np.ndarray:
    """Return Akaike's criterion, corrected for few samples; infinite where ``n <= k + 1``."""
    k = np.asarray(k, float)
    left = n - k - 1
    with np.errstate(divide="ignore"):
        return aic(rss, n, k) + np.where(left > 0, 2 * k * (k + 1) / np.maximum(left, 0), np.inf)


def bic(rss: Any, n: float, k: Any) -> np.ndarray:
    """Return Schwarz's criterion."""
    return _misfit(rss, n) + np.log(n) * np.asarray(k)


def _misfit(rss: Any, n: float) -> np.ndarray:
    return n * np.log(np.maximum(np.asarray(rss, float) / n, LEAST))


CRITERIA = {"aic": aic, "aicc": aicc, "bic": bic}

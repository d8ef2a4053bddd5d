"""How far recovered coefficients are from the true ones: their squared error, and their support."""

from __future__ import annotations

import numpy as np


def coefficient_error(A: np.ndarray, y: np.ndarray, x: np.ndarray, noise_var: float, found: np.ndarray) -> float:
    """Return ``||x - found||^2 / ||x||^2`` of an answer to a system ``(A, y, x, noise_var)``."""
    return float(np.sum(np.abs(found - x) ** 2) / np.sum(np.abs(x) ** 2))


def f1_score(x: np.ndarray, found: np.ndarray, small: float = 1e-3) -> float:
    """Return ``2 |S n S^| / (|S| + |S^|)``; to S^ belong the entries above ``small`` times the largest."""
    true, is_found = x != 0, np.abs(found) > small * np.abs(found).max()
    return float(2 * np.count_nonzero(true & is_found) / (np.count_nonzero(true) + np.count_nonzero(is_found)))

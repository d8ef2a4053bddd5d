"""How far equations that were found are from the true ones: their coefficients, and which terms they have."""

from __future__ import annotations

from typing import Any

import numpy as np


def equation_error(x: np.ndarray, x_dot: Any, task: Any, truth: np.ndarray, found: np.ndarray) -> float:
    """Return the largest ``|truth_i - found_i| / |truth_i|`` of an equation, and 1 more where a term is wrong.

    An error below 1 tells that exactly the true terms were found, and how accurate their coefficients are; NaN is
    returned where there is one among them.

    Raises
    ------
    ValueError
        The coefficients found have another shape than the true ones.
    """
    if np.shape(found) != truth.shape:
        raise ValueError(f"the coefficients have shape {np.shape(found)}: {truth.shape} is needed")
    distance = np.linalg.norm(found - truth, axis=1) / np.linalg.norm(truth, axis=1)
    return float(np.max(distance)) + (0 if np.array_equal(found != 0, truth != 0) else 1)

"""Our dense transform of all 2^n values, and what is above the noise: what a sparse transform has to beat.

It is told the level of the noise, and keeps what is above six standard deviations of a coefficient.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..solver import Answer, Solver

DEVIATIONS = 6.0
ROUNDING = 1e-12  # beside the largest coefficient


def start(preconditioner: Callable | None, goal: float) -> Callable[..., Answer]:
    """Start; nothing is kept between systems."""
    from sparsesci.recovery import fwht

    def solve(f: Any, n: int, sparsity: int, noise_std: float) -> Answer:
        X = fwht(f(np.arange(1 << n, dtype=np.uint64)), norm="forward", overwrite_x=True)
        size = np.abs(X)
        indices = np.flatnonzero(size > max(DEVIATIONS * noise_std / 2 ** (n / 2), ROUNDING * size.max()))
        return Answer((indices.astype(np.uint64), X[indices]), success=True, counts={"samples": f.n_samples})

    return solve


SOLVERS = (Solver("dense-fwht", "hadamard", "all 2^n values, noise given", start, needs=frozenset({"dense"})),)

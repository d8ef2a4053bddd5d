"""STLSQ in a few lines of NumPy, as many write it for themselves: the library as one array, and ``lstsq``."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations_with_replacement
from typing import Any

import numpy as np

from ..problems.dynamics_task import Task
from ..solver import Answer, Solver


def start(preconditioner: Callable | None, goal: float) -> Callable[..., Answer]:
    """Start; nothing is kept between systems."""
    from scipy.signal import savgol_filter

    def differentiated(x: np.ndarray, task: Task) -> tuple[np.ndarray, np.ndarray]:
        if task.window:
            x = savgol_filter(x, task.window, 3, axis=0)
        return x, np.gradient(x, task.step, axis=0, edge_order=2)

    def solve(x: np.ndarray, x_dot: Any, task: Task, truth: Any) -> Answer:
        if x_dot is None:
            x, x_dot = map(np.concatenate, zip(*(differentiated(part, task) for part in task.split(x)), strict=True))
        degrees = range(0 if task.has_constant else 1, task.degree + 1)
        Theta = np.stack(
            [
                np.prod(x[:, list(factors)], axis=1)
                for degree in degrees
                for factors in combinations_with_replacement(range(x.shape[1]), degree)
            ],
            axis=1,
        )
        Xi = np.linalg.lstsq(Theta, x_dot)[0]
        for _ in range(20):
            is_small = np.abs(Xi) < task.threshold
            if not Xi[is_small].any():
                break
            Xi[is_small] = 0
            for j in range(x.shape[1]):
                active = ~is_small[:, j]
                Xi[active, j] = np.linalg.lstsq(Theta[:, active], x_dot[:, j])[0]
        return Answer(Xi.T, bool(Xi.any()), {"terms": int(np.count_nonzero(Xi))})

    return solve


SOLVERS = (
    Solver("numpy-stlsq", "dynamics", "STLSQ by numpy.linalg.lstsq", start, peer="numpy", needs=frozenset({"options"})),
)

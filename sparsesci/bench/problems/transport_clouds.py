"""Two clouds of points in the plane, drawn from normal distributions of different mean and shape, uniform weights.

The cost is the squared Euclidean distance divided by its maximum.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from ..problem import Problem
from .transport_assignment import SMALL, System

SHIFT = np.array([2.0, 1.0])
SHAPE = np.array([[1.0, 0.0], [0.6, 0.5]])


def cloud_system(rng: np.random.Generator, n: int, eta: float) -> System:
    """Return the system of two new clouds."""
    X, Y = rng.standard_normal((n, 2)), rng.standard_normal((n, 2)) @ SHAPE + SHIFT
    C = ((X[:, None] - Y) ** 2).sum(axis=-1)
    weights = np.full(n, 1 / n)
    return weights, weights, C / C.max(), 1 / eta


def clouds(rng: np.random.Generator, n: int, eta: float, length: int) -> Iterator[System]:
    """Yield ``length`` systems with new clouds each."""
    for _ in range(length):
        yield cloud_system(rng, n, eta)


CLOUDS = replace(
    SMALL,
    name="clouds",
    says="clouds of points in the plane at the squared distance",
    parameters={"n": 1000, "eta": 1000.0, "length": 3},
    make=clouds,
    quick={"n": 100, "eta": 100.0, "length": 2},
    plain=False,
)
PROBLEMS: tuple[Problem, ...] = (CLOUDS,)

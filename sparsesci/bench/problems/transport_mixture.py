"""Two densities on a line, from the README of RegOT: an exponential one, and a mixture of two normal ones.

``exp(-x)`` is moved into ``0.2 N(1, 0.2) + 0.8 N(3, 0.5)`` on n equidistant points of [0, 5], at the squared distance
divided by its maximum. Nothing in it is random.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from ..problem import Problem
from .transport_assignment import SMALL, System


def normal_density(x: np.ndarray, mean: float, deviation: float) -> np.ndarray:
    """Return the density of a normal distribution."""
    return np.exp(-(((x - mean) / deviation) ** 2) / 2) / (deviation * np.sqrt(2 * np.pi))


def line_system(n: int, eta: float) -> System:
    """Return the system."""
    x = np.linspace(0, 5, n)
    a = np.exp(-x)
    b = 0.2 * normal_density(x, 1.0, 0.2) + 0.8 * normal_density(x, 3.0, 0.5)
    C = (x[:, None] - x) ** 2
    return a / a.sum(), b / b.sum(), C / C.max(), 1 / eta


def line(rng: np.random.Generator, n: int, eta: float) -> Iterator[System]:
    """Yield the system."""
    yield line_system(n, eta)


MIXTURE = replace(
    SMALL,
    name="mixture",
    says="two densities on a line, from the README of RegOT: the plan is a narrow band",
    parameters={"n": 500, "eta": 1000.0},
    make=line,
    quick={"n": 100, "eta": 100.0},
    plain=False,
)
PROBLEMS: tuple[Problem, ...] = (
    MIXTURE,
    replace(
        MIXTURE, name="mixture1000", says="the same on 1000 points", parameters={"n": 1000, "eta": 1000.0}, quick=None
    ),
)

"""The thermal data set of SKR: one matrix, and right-hand sides that two random numbers span.

Wang, Hao, Wang, Geng, Wang, Li, Wu, ICLR 2024 (see `skr_darcy`). Steady heat in a block of 1 x 1.6 with a cavity of
0.1 x 0.8 in its middle: temperature between 0 and 100 on the left side, flux between -100 and 0 on the right one, all
else insulated. Its matrix was assembled by MATLAB's PDE Toolbox from quadratic triangles on a mesh of that program, of
edges of at most 0.025, n = 11063: no coefficient of the equation is random, so that every system has the same matrix.

Assembled here instead: quadratic triangles on rectangles of 0.025 x 0.0222 cut in two, n = 11103.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy.sparse import csr_array

from ..objectives.relative_residual import relative_residual
from ..problem import Problem
from .quadratic_triangles import stiffness, triangles


def block_with_cavity(n: int) -> tuple[np.ndarray, float, float]:
    """Return which cells the block has, and their widths hx, hy; n cells along each half of the cavity's height."""
    across = max(1, round(n / 9))  # cells in half the cavity's width: as nearly square as the corners allow
    cells = np.ones((20 * across, 4 * n), bool)
    cells[9 * across : 11 * across, n : 3 * n] = False
    return cells, 0.05 / across, 0.4 / n


def thermal_sequence(rng: np.random.Generator, n: int, length: int) -> Iterator[tuple[csr_array, np.ndarray]]:
    """Yield ``length`` systems with one matrix, on a mesh of n cells along each half of the cavity's height."""
    cells, hx, hy = block_with_cavity(n)
    shape = (2 * cells.shape[0] + 1, 2 * cells.shape[1] + 1)
    elements = triangles(cells)
    K = stiffness(elements, shape[0] * shape[1], hx, hy)
    is_left = np.zeros(shape, bool)
    is_left[0] = True
    outward = np.zeros(shape)  # of a flux of one on the right side: Simpson's rule on each cell
    for place, weight in enumerate((1, 4, 1)):
        outward[-1, place : shape[1] - 2 + place : 2] += weight * hy / 6
    is_node = np.bincount(elements.ravel(), minlength=is_left.size) > 0
    free, left = np.flatnonzero(is_node & ~is_left.ravel()), np.flatnonzero(is_left)
    A, warmed = K[free][:, free], -K[free][:, left].sum(axis=1)
    for _ in range(length):
        temperature, flux = 100 * rng.random(), -100 * rng.random()
        yield A, temperature * warmed + flux * outward.ravel()[free]


PROBLEM = Problem(
    name="skr-thermal",
    family="krylov",
    says="SKR's thermal data set: one matrix of quadratic elements, right-hand sides from two numbers",
    parameters={"n": 18, "length": 20},
    make=thermal_sequence,
    error=relative_residual,
    goal=1e-8,
    preconditioner="ilu0",
    traits=frozenset({"real", "spd"}),
)
PROBLEMS = (PROBLEM,)

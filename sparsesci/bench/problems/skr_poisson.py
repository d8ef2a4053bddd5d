"""The Poisson data set of SKR: one matrix, and right-hand sides that 30 random numbers span.

Wang, Hao, Wang, Geng, Wang, Li, Wu, ICLR 2024 (see `skr_darcy`). ``-Lap u = f_0(x)`` on the unit square with
``u = f_k(x)`` on its four sides, each f a Chebyshev sum of degree 5 with coefficients between -1 and 1. Its matrix was
assembled by MATLAB's PDE Toolbox from quadratic triangles on a mesh of that program, n = 71313 in the paper: no
coefficient of the equation is random, so that every system has the same matrix.

Assembled here instead: quadratic triangles on 134 x 134 squares cut in two, n = 267^2 = 71289. On the two sides where x
is constant so is the boundary value: of the 30 numbers 20 directions reach the right-hand side. The lower and the upper
side have the corners.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.polynomial.chebyshev import chebval
from scipy.sparse import csr_array

from ..objectives.relative_residual import relative_residual
from ..problem import Problem
from .quadratic_triangles import load, stiffness, triangles

DEGREE = 5


def poisson_sequence(rng: np.random.Generator, n: int, length: int) -> Iterator[tuple[csr_array, np.ndarray]]:
    """Yield ``length`` systems with one matrix, on n x n squares."""
    side = 2 * n + 1
    elements = triangles(np.ones((n, n), bool))
    K = stiffness(elements, side**2, 1 / n, 1 / n)
    weights = load(elements, side**2, 1 / n, 1 / n)
    x = np.repeat(np.linspace(0, 1, side), side).reshape(side, side)
    is_inner = np.zeros((side, side), bool)
    is_inner[1:-1, 1:-1] = True
    inner, outer = np.flatnonzero(is_inner), np.flatnonzero(~is_inner)
    A, coupling = K[inner][:, inner], K[inner][:, outer]
    for _ in range(length):
        f, left, right, lower, upper = rng.uniform(-1, 1, (5, DEGREE + 1))
        u = np.zeros((side, side))
        u[0], u[-1] = chebval(0.0, left), chebval(1.0, right)
        u[:, 0], u[:, -1] = chebval(x[:, 0], lower), chebval(x[:, 0], upper)
        source = weights * chebval(x.ravel(), f)
        yield A, source[inner] - coupling @ u.ravel()[outer]


PROBLEM = Problem(
    name="skr-poisson",
    family="krylov",
    says="SKR's Poisson data set: one matrix of quadratic elements, right-hand sides from 30 numbers",
    parameters={"n": 134, "length": 5},
    make=poisson_sequence,
    error=relative_residual,
    goal=1e-8,
    preconditioner="ilu0",
    traits=frozenset({"real", "spd"}),
)
PROBLEMS = (PROBLEM,)

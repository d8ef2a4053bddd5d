"""One matrix and many right-hand sides of white noise: where a factorisation is made once, and an iteration recycles.

The systems share one matrix object, which tells a solver that it has not changed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from scipy.sparse import csr_array

from ..objectives.relative_residual import relative_residual
from ..problem import Problem
from .darcy import darcy_matrix
from .gaussian_field import gaussian_field
from .helmholtz import helmholtz_matrix


def many_darcy(rng: np.random.Generator, n: int, length: int) -> Iterator[tuple[csr_array, np.ndarray]]:
    """Yield ``length`` systems with the matrix of one random permeability on an n x n grid."""
    A = darcy_matrix(np.exp(gaussian_field(rng, n)))
    for _ in range(length):
        yield A, rng.standard_normal(n * n)


def many_helmholtz(
    rng: np.random.Generator, n: int, k0: float, amplitude: float, length: int
) -> Iterator[tuple[csr_array, np.ndarray]]:
    """Yield ``length`` systems with the matrix of one random medium on an n x n grid."""
    A = helmholtz_matrix(gaussian_field(rng, n), k0, amplitude)
    for _ in range(length):
        yield A, rng.standard_normal(n * n)


DARCY = Problem(
    name="many-rhs",
    family="krylov",
    says="one Darcy matrix, many right-hand sides: the home of a factorisation that is kept",
    parameters={"n": 64, "length": 100},
    make=many_darcy,
    error=relative_residual,
    goal=1e-8,
    preconditioner="ilu0",
    traits=frozenset({"real", "spd"}),
)
HELMHOLTZ = replace(
    DARCY,
    name="many-rhs-helmholtz",
    says="one indefinite Helmholtz matrix, many right-hand sides",
    parameters={"n": 64, "k0": 12.0, "amplitude": 0.1, "length": 100},
    make=many_helmholtz,
    traits=frozenset({"real", "hermitian"}),
)
PROBLEMS = (DARCY, HELMHOLTZ)

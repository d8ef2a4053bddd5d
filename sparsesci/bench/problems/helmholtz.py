"""The Helmholtz equation in a random medium, ``-Lap u - k0^2 (1 + amplitude g) u = b``, u = 0 around the unit cube.

g is a Gaussian random field and b white noise, new for every system. Symmetric and indefinite: in two dimensions about
``k0^2 / (4 pi)`` eigenvalues lie below zero.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from scipy.sparse import csr_array, diags_array

from ..objectives.relative_residual import relative_residual
from ..problem import Problem
from .gaussian_field import drifting_fields
from .grid import laplacian


def helmholtz_matrix(g: np.ndarray, k0: float, amplitude: float) -> csr_array:
    """Return the matrix of ``-Lap u - k0^2 (1 + amplitude g) u`` for values g on an n x ... x n grid."""
    shift = k0**2 * (1 + amplitude * g)
    return csr_array(laplacian(g.shape[0], g.ndim) - diags_array(shift.ravel()))


def helmholtz_sequence(
    rng: np.random.Generator, n: int, dimension: int, k0: float, amplitude: float, drift: float, length: int
) -> Iterator[tuple[csr_array, np.ndarray]]:
    """Yield ``length`` systems whose media drift and whose right-hand sides are independent."""
    for g in drifting_fields(rng, n, dimension, drift, length):
        yield helmholtz_matrix(g, k0, amplitude), rng.standard_normal(g.size)


DRIFTING = Problem(
    name="helmholtz2d",
    family="krylov",
    says="indefinite, heterogeneous, drifting: the case that recycling is for",
    parameters={"n": 64, "dimension": 2, "k0": 12.0, "amplitude": 0.1, "drift": 0.9995, "length": 100},
    make=helmholtz_sequence,
    error=relative_residual,
    goal=1e-8,
    preconditioner="ilu0",
    traits=frozenset({"real", "hermitian"}),
    quick={"length": 8},
)
INDEPENDENT = replace(
    DRIFTING,
    name="helmholtz2d-independent",
    says="the same with every medium drawn afresh",
    parameters={**DRIFTING.parameters, "drift": 0.0},
    quick=None,
)
HARD = replace(
    DRIFTING,
    name="helmholtz2d-hard",
    says="more eigenvalues below zero (k0 = 20): restarted GMRES stagnates",
    parameters={**DRIFTING.parameters, "k0": 20.0},
    quick=None,
)
THREE_DIMENSIONS = replace(
    DRIFTING,
    name="helmholtz3d",
    says="three dimensions, drifting: fill makes factorisations dear, recycling does not mind",
    parameters={**DRIFTING.parameters, "n": 24, "dimension": 3, "k0": 15.0, "length": 20},
    quick=None,
)
THREE_DIMENSIONS_INDEPENDENT = replace(
    THREE_DIMENSIONS,
    name="helmholtz3d-independent",
    says="three dimensions, every medium drawn afresh",
    parameters={**THREE_DIMENSIONS.parameters, "drift": 0.0},
)


def _larger(problem: Problem, n: int, length: int) -> Problem:
    """Return the problem with n nodes an axis; a shorter sequence keeps the time of a run within bounds."""
    family, _, ending = problem.name.partition("-")
    name = "-".join(filter(None, (family, str(n), ending)))
    return replace(problem, name=name, parameters={**problem.parameters, "n": n, "length": length}, quick=None)


PROBLEMS = (
    DRIFTING,
    INDEPENDENT,
    HARD,
    *(_larger(problem, n, length) for n, length in ((128, 30), (256, 5)) for problem in (DRIFTING, INDEPENDENT)),
    THREE_DIMENSIONS,
    THREE_DIMENSIONS_INDEPENDENT,
    _larger(THREE_DIMENSIONS, 32, 10),
    _larger(THREE_DIMENSIONS_INDEPENDENT, 32, 10),
)

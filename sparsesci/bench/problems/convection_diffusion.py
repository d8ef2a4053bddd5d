"""Convection and diffusion, ``-diffusivity Lap u + w . grad u = 1`` on the unit cube, u = 0 on its boundary.

The wind ``w = (d psi/dy, -d psi/dx, 0)`` comes from a stream function psi, a Gaussian random field; div w = 0.
Its greatest speed is 1. First-order upwind differences make an unsymmetric M-matrix.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from scipy.sparse import csr_array, diags_array

from ..objectives.relative_residual import relative_residual
from ..problem import Problem
from .gaussian_field import drifting_fields
from .grid import along, difference, laplacian


def wind_of_stream(psi: np.ndarray) -> list[np.ndarray]:
    """Return the wind along the first two axes: central differences of psi, scaled to a greatest speed of 1."""
    slope_x, slope_y = (np.roll(psi, -1, axis) - np.roll(psi, 1, axis) for axis in (0, 1))
    greatest_speed = np.hypot(slope_x, slope_y).max()
    return [slope_y / greatest_speed, -slope_x / greatest_speed]


def convection_diffusion_matrix(wind: list[np.ndarray], diffusivity: float) -> csr_array:
    """Return the upwind matrix of ``-diffusivity Lap u + w . grad u``; ``wind[i]`` is the wind along axis i."""
    n, dimension = wind[0].shape[0], wind[0].ndim
    A = diffusivity * laplacian(n, dimension)
    behind, ahead = difference(n)[:-1], difference(n)[1:]
    for axis, speed in enumerate(wind):
        A = A + diags_array(np.maximum(speed, 0).ravel()) @ along(behind, axis, n, dimension)
        A = A + diags_array(np.minimum(speed, 0).ravel()) @ along(ahead, axis, n, dimension)
    return csr_array(A)


def convection_diffusion_sequence(
    rng: np.random.Generator, n: int, dimension: int, diffusivity: float, drift: float, length: int
) -> Iterator[tuple[csr_array, np.ndarray]]:
    """Yield ``length`` systems whose stream functions drift."""
    for psi in drifting_fields(rng, n, dimension, drift, length):
        yield convection_diffusion_matrix(wind_of_stream(psi), diffusivity), np.ones(psi.size)


TWO_DIMENSIONS = Problem(
    name="convection2d",
    family="krylov",
    says="convection and diffusion in a random wind, upwind: unsymmetric, easy with ILU(0)",
    parameters={"n": 64, "dimension": 2, "diffusivity": 0.01, "drift": 0.9995, "length": 100},
    make=convection_diffusion_sequence,
    error=relative_residual,
    goal=1e-8,
    preconditioner="ilu0",
    traits=frozenset({"real"}),
)
THREE_DIMENSIONS = replace(
    TWO_DIMENSIONS,
    name="convection3d",
    says="the same in three dimensions, where factorisations fill in",
    parameters={**TWO_DIMENSIONS.parameters, "n": 28, "dimension": 3, "length": 20},
)


def _independent(problem: Problem) -> Problem:
    """Return the problem with every wind drawn afresh."""
    says = f"{problem.says}; every wind drawn afresh"
    return replace(
        problem, name=f"{problem.name}-independent", says=says, parameters={**problem.parameters, "drift": 0.0}
    )


PROBLEMS = (
    TWO_DIMENSIONS,
    _independent(TWO_DIMENSIONS),
    THREE_DIMENSIONS,
    _independent(THREE_DIMENSIONS),
)

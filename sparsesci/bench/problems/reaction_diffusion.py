"""Implicit time steps of a reaction and diffusion, ``u_t = diffusivity Lap u - w . grad u + u - u^3``: Newton matrices.

Allen-Cahn on the unit square, u = 0 on its boundary, from a random field, by the implicit Euler method. Every step is
solved by Newton's method, and each of its iterations is a system ``J d = -F`` of the sequence, with
``J = 1/dt - diffusivity Lap + w . grad - (1 - 3 u^2)``: within a step the matrices approach each other, from step to
step they drift. Without a wind J is symmetric and, for ``dt < 1``, positive definite; the wind is that of
`convection_diffusion`, with the greatest speed ``speed``, upwind.

Each iterate needs the solution of the system before, by a direct solver: the systems do not depend on what solves them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice

import numpy as np
from scipy.sparse import csr_array, diags_array

from ..objectives.relative_residual import relative_residual
from ..problem import Problem
from .convection_diffusion import convection_diffusion_matrix, wind_of_stream
from .gaussian_field import gaussian_field

NEWTON_GOAL = 1e-8  # of ||F||, relative to the first of a time step


def newton_systems(
    rng: np.random.Generator, n: int, diffusivity: float, speed: float, dt: float
) -> Iterator[tuple[csr_array, np.ndarray]]:
    """Yield the Newton systems of one time step after the other, without end."""
    from scipy.sparse.linalg import splu

    u = 0.5 * gaussian_field(rng, n).ravel()
    wind = [speed * w for w in wind_of_stream(gaussian_field(rng, n))]
    L = convection_diffusion_matrix(wind, diffusivity)
    while True:
        before, goal = u, None
        while True:
            F = (u - before) / dt + L @ u - u + u**3
            size = np.linalg.norm(F)
            goal = NEWTON_GOAL * size if goal is None else goal
            if size <= goal:
                break
            J = csr_array(L + diags_array(1 / dt - 1 + 3 * u**2))
            yield J, -F
            u = u - splu(J.tocsc()).solve(F)


def reaction_diffusion_sequence(
    rng: np.random.Generator, n: int, diffusivity: float, speed: float, dt: float, length: int
) -> Iterator[tuple[csr_array, np.ndarray]]:
    """Yield the first ``length`` Newton systems."""
    return islice(newton_systems(rng, n, diffusivity, speed, dt), length)


STILL = Problem(
    name="reaction-diffusion",
    family="krylov",
    says="Newton matrices of implicit time steps, Allen-Cahn: symmetric positive definite, drifting as in practice",
    parameters={"n": 64, "diffusivity": 1e-2, "speed": 0.0, "dt": 0.5, "length": 100},
    make=reaction_diffusion_sequence,
    error=relative_residual,
    goal=1e-8,
    preconditioner="ilu0",
    traits=frozenset({"real", "spd"}),
)
WINDY = replace(
    STILL,
    name="reaction-diffusion-wind",
    says="the same in a wind: unsymmetric Newton matrices",
    parameters={**STILL.parameters, "speed": 1.0},
    traits=frozenset({"real"}),
)
PROBLEMS = (STILL, WINDY)

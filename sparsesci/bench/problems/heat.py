"""Time steps of the heat equation with a diffusion coefficient that swings: the experiment of *Learning to Relax*.

Khodak, Chow, Balcan, Talwalkar, ICLR 2024: ``u_t = kappa(t) Lap u + f(t)`` on the unit square, u = 0 on its boundary,
by the method of Crank and Nicolson with steps of 1e-3. ``kappa = max(0.1 s, -10 s)`` with ``s = sin(2 pi t)``; a smooth
bump heats the square from a point that circles eight times in a unit of time. Nothing in it is random.

Each right-hand side needs the solution of the step before, by sine transforms: the systems do not depend on a solver.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy.sparse import csr_array, eye_array

from ..objectives.relative_residual import relative_residual
from ..problem import Problem
from .grid import laplacian

DT = 1e-3


def diffusivity(t: float) -> float:
    """Return kappa(t), which swings once in a unit of time between 0 and 10."""
    s = np.sin(2 * np.pi * t)
    return float(max(0.1 * s, -10 * s))


def bump(x: np.ndarray, y: np.ndarray, centre: tuple[float, float], radius: float) -> np.ndarray:
    """Return ``exp(1 - 1 / (1 - d^2 / radius^2))`` within the radius and zero outside: smooth, and 1 at the centre."""
    left = np.maximum(1 - ((x - centre[0]) ** 2 + (y - centre[1]) ** 2) / radius**2, 0)
    with np.errstate(divide="ignore"):
        return np.exp(1 - 1 / left)


def heat_steps(n: int, length: int) -> Iterator[tuple[float, csr_array, np.ndarray, np.ndarray]]:
    """Yield kappa, A, b and the solution of the step before, for ``length`` steps on n x n inner nodes."""
    from scipy.fft import dstn, idstn

    x, y = np.meshgrid(*[np.arange(1, n + 1) / (n + 1)] * 2, indexing="ij")
    L = laplacian(n, 2)
    wave = 4 * (n + 1) ** 2 * np.sin(np.pi * np.arange(1, n + 1) / (2 * n + 2)) ** 2
    eigenvalues = wave[:, None] + wave
    u = bump(x, y, (0.5, 0.5), 0.25)
    for step in range(length):
        t = (step + 0.5) * DT
        kappa = diffusivity(t)
        half = 0.5 * DT * kappa
        heater = 32 * bump(x, y, (0.5 + np.cos(16 * np.pi * t) / 4, 0.5 + np.sin(16 * np.pi * t) / 4), 0.125)
        b = u.ravel() - half * (L @ u.ravel()) + DT * heater.ravel()
        yield kappa, csr_array(eye_array(n * n) + half * L), b, u.ravel()
        u = idstn(dstn(b.reshape(n, n), type=1) / (1 + half * eigenvalues), type=1)


def heat_sequence(rng: np.random.Generator, n: int, length: int) -> Iterator[tuple[csr_array, np.ndarray]]:
    """Yield the systems of ``length`` steps; nothing in them is random."""
    for _, A, b, _ in heat_steps(n, length):
        yield A, b


PROBLEM = Problem(
    name="heat2d",
    family="krylov",
    says="time steps of the heat equation, easy and hard by turns: what a learnt relaxation factor is for",
    parameters={"n": 49, "length": 1000},
    make=heat_sequence,
    error=relative_residual,
    goal=1e-8,
    preconditioner="none",
    traits=frozenset({"real", "spd"}),
)
PROBLEMS = (PROBLEM,)

"""Darcy flow, ``-div(a grad u) = 1`` on the unit square, u = 0 on its boundary, a = exp(g), g a Gaussian random field.

Five-point differences. The permeability at a face is the harmonic mean of the nodes beside it (two layers in series),
and at the boundary that of the nearest node. Symmetric positive definite.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from scipy.sparse import csr_array

from ..objectives.relative_residual import relative_residual
from ..problem import Problem
from .gaussian_field import drifting_fields
from .grid import diffusion


def harmonic_face_means(a: np.ndarray, axis: int) -> np.ndarray:
    """Return ``2 / (1/a_left + 1/a_right)`` at the n + 1 faces along one axis."""
    padding = [(1, 1) if other == axis else (0, 0) for other in range(a.ndim)]
    resistance = np.moveaxis(1 / np.pad(a, padding, mode="edge"), axis, 0)
    return np.moveaxis(2 / (resistance[:-1] + resistance[1:]), 0, axis)


def darcy_matrix(a: np.ndarray) -> csr_array:
    """Return the matrix of ``-div(a grad u)`` for positive values a on an n x ... x n grid."""
    return diffusion([harmonic_face_means(a, axis) for axis in range(a.ndim)], a.shape[0])


def darcy_sequence(
    rng: np.random.Generator, n: int, dimension: int, drift: float, length: int
) -> Iterator[tuple[csr_array, np.ndarray]]:
    """Yield ``length`` systems whose log-permeabilities drift."""
    for g in drifting_fields(rng, n, dimension, drift, length):
        yield darcy_matrix(np.exp(g)), np.ones(g.size)


DRIFTING = Problem(
    name="darcy2d",
    family="krylov",
    says="flow through a slowly changing random medium: symmetric positive definite, the home of direct solvers and CG",
    parameters={"n": 64, "dimension": 2, "drift": 0.9995, "length": 100},
    make=darcy_sequence,
    error=relative_residual,
    goal=1e-8,
    preconditioner="ilu0",
    traits=frozenset({"real", "spd"}),
    quick={"length": 8},
)
INDEPENDENT = replace(
    DRIFTING,
    name="darcy2d-independent",
    says="the same, every medium drawn afresh: what recycling gives where nothing drifts",
    parameters={**DRIFTING.parameters, "drift": 0.0},
    quick=None,
)


def _larger(problem: Problem, n: int, length: int) -> Problem:
    """Return the problem with n nodes an axis; a shorter sequence keeps the time of a run within bounds."""
    family, _, ending = problem.name.partition("-")
    name = "-".join(filter(None, (family, str(n), ending)))
    return replace(problem, name=name, parameters={**problem.parameters, "n": n, "length": length}, quick=None)


PROBLEMS = (
    DRIFTING,
    INDEPENDENT,
    *(_larger(problem, n, length) for n, length in ((128, 30), (256, 10)) for problem in (DRIFTING, INDEPENDENT)),
)

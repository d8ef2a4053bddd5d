"""Matrices from practice (SuiteSparse Matrix Collection), each without a preconditioner, with Jacobi and with ILU(0).

``b = A 1``. The files are shipped in ``data``; its README names their origin.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib import resources

import numpy as np
from scipy.sparse import csr_array

from ..objectives.relative_residual import relative_residual
from ..problem import Problem
from .matrix_market import read_matrix, system_with_ones


def shipped_system(rng: np.random.Generator, matrix: str) -> Iterator[tuple[csr_array, np.ndarray]]:
    """Yield the one system of a shipped matrix; nothing in it is random."""
    path = resources.files("sparsesci.bench") / "data" / f"{matrix}.mtx.gz"
    with path.open("rb") as file:
        yield from system_with_ones(read_matrix(file, compressed=True))


def _problem(matrix: str, says: str, preconditioner: str, *, traits: set[str], is_quick: bool) -> Problem:
    return Problem(
        name=matrix if preconditioner == "none" else f"{matrix}-{preconditioner}",
        family="krylov",
        says=says,
        parameters={"matrix": matrix},
        make=shipped_system,
        error=relative_residual,
        goal=1e-8,
        preconditioner=preconditioner,
        traits=frozenset(traits),
        quick={} if is_quick else None,
    )


_POWER = ("1138bus", "admittance of a power network: symmetric positive definite, ill-conditioned")
_DEVICE = ("jpwh_991", "a semiconductor device: unsymmetric")
_SOUND = ("young1c", "scattering of sound in a duct: complex, indefinite")
PROBLEMS = (
    _problem(*_POWER, "none", traits={"real", "spd"}, is_quick=False),
    _problem(*_POWER, "jacobi", traits={"real", "spd"}, is_quick=False),
    _problem(*_POWER, "ilu0", traits={"real", "spd"}, is_quick=True),
    _problem(*_DEVICE, "none", traits={"real"}, is_quick=True),
    _problem(*_DEVICE, "jacobi", traits={"real"}, is_quick=False),
    _problem(*_DEVICE, "ilu0", traits={"real"}, is_quick=False),
    _problem(*_SOUND, "none", traits=set(), is_quick=True),
    _problem(*_SOUND, "jacobi", traits=set(), is_quick=True),
    _problem(*_SOUND, "ilu0", traits=set(), is_quick=False),
)

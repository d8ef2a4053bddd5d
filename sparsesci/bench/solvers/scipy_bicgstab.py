"""SciPy's BiCGSTAB."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..solver import Answer, Solver
from .counted import BUDGET, solve_counted


def start(preconditioner: Callable | None, goal: float) -> Callable[..., Answer]:
    """Start a sequence; nothing is kept between systems."""
    from scipy.sparse.linalg import bicgstab

    def solve(A: Any, b: Any) -> Answer:
        return solve_counted(bicgstab, A, b, preconditioner, rtol=goal, maxiter=BUDGET // 2)  # two products a step

    return solve


SOLVERS = (Solver("scipy-bicgstab", "krylov", f"BiCGSTAB, at most {BUDGET} products", start, peer="scipy"),)

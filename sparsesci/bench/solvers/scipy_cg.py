"""SciPy's conjugate gradients, where A is Hermitian positive definite."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..solver import Answer, Solver
from .counted import BUDGET, solve_counted


def start(preconditioner: Callable | None, goal: float) -> Callable[..., Answer]:
    """Start a sequence; nothing is kept between systems."""
    from scipy.sparse.linalg import cg

    def solve(A: Any, b: Any) -> Answer:
        return solve_counted(cg, A, b, preconditioner, rtol=goal, maxiter=BUDGET)

    return solve


SOLVERS = (
    Solver(
        "scipy-cg",
        "krylov",
        f"conjugate gradients, at most {BUDGET} products",
        start,
        peer="scipy",
        needs=frozenset({"spd"}),
    ),
)

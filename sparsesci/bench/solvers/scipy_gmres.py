"""SciPy's GMRES, restarted every 30 steps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..solver import Answer, Solver
from .counted import BUDGET, solve_counted

RESTART = 30


def start(preconditioner: Callable | None, goal: float) -> Callable[..., Answer]:
    """Start a sequence; nothing is kept between systems."""
    from scipy.sparse.linalg import gmres

    def solve(A: Any, b: Any) -> Answer:
        cycles = BUDGET // (RESTART + 1)  # a cycle is a residual and RESTART steps
        return solve_counted(gmres, A, b, preconditioner, rtol=goal, restart=RESTART, maxiter=cycles)

    return solve


SOLVERS = (Solver("scipy-gmres", "krylov", f"GMRES({RESTART}), at most {BUDGET} products", start, peer="scipy"),)

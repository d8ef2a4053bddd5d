"""Our BiCGSTAB."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..solver import Answer, Solver
from .counted import BUDGET


def start(preconditioner: Callable | None, goal: float) -> Callable[..., Answer]:
    """Start a sequence; nothing is kept between systems."""
    from sparsesci.solvers import bicgstab

    def solve(A: Any, b: Any) -> Answer:
        M = preconditioner(A) if preconditioner else None
        result = bicgstab(A, b, M=M, rtol=goal, maxiter=BUDGET // 2)  # two products a step
        return Answer(result.x, result.success, {"matvecs": result.nmatvec})

    return solve


SOLVERS = (Solver("bicgstab", "krylov", f"BiCGSTAB, at most {BUDGET} products", start),)

"""PyAMG's smoothed aggregation multigrid, accelerated by conjugate gradients, set up anew for every matrix."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..remembering import remembering
from ..solver import Answer, Solver

MAX_CYCLES = 200


def start(preconditioner: Callable | None, goal: float) -> Callable[..., Answer]:
    """Start a sequence; the preconditioner is multigrid itself, whatever the problem names."""
    from pyamg import smoothed_aggregation_solver

    set_up = remembering(smoothed_aggregation_solver)

    def solve(A: Any, b: Any) -> Answer:
        residuals: list[float] = []
        x, info = set_up(A).solve(b, tol=goal, maxiter=MAX_CYCLES, accel="cg", residuals=residuals, return_info=True)
        return Answer(x, success=info == 0, counts={"cycles": len(residuals) - 1})

    return solve


SOLVERS = (
    Solver(
        "pyamg-sa",
        "krylov",
        "smoothed aggregation multigrid with conjugate gradients",
        start,
        peer="pyamg",
        needs=frozenset({"real", "spd"}),
    ),
)

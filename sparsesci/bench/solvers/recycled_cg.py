"""Our recycled CG, carrying its deflation space through the sequence."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..solver import Answer, Solver
from .counted import BUDGET


def start(preconditioner: Callable | None, goal: float) -> Callable[..., Answer]:
    """Start a sequence without a recycled space."""
    from sparsesci.solvers import recycled_cg

    recycle = last = None

    def solve(A: Any, b: Any) -> Answer:
        nonlocal recycle, last
        M = preconditioner(A) if preconditioner else None
        is_same = A is last and recycle is not None
        result = recycled_cg(A, b, M=M, recycle=recycle, same_operator=is_same, rtol=goal, maxiter=BUDGET)
        recycle, last = result.recycle, A
        return Answer(result.x, result.success, {"matvecs": result.nmatvec})

    return solve


SOLVERS = (
    Solver(
        name="recycled-cg",
        family="krylov",
        says="deflated CG, 10 vectors recycled from system to system",
        start=start,
        needs=frozenset({"spd"}),
    ),
)

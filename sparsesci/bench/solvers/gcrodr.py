"""Our GCRO-DR(40, 20), carrying its recycled space through the sequence, and the same with every system alone."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from ..solver import Answer, Solver
from .counted import BUDGET


def start(preconditioner: Callable | None, goal: float, *, is_recycling: bool) -> Callable[..., Answer]:
    """Start a sequence without a recycled space."""
    from sparsesci.solvers import gcrodr

    recycle = last = None

    def solve(A: Any, b: Any) -> Answer:
        nonlocal recycle, last
        M = preconditioner(A) if preconditioner else None
        is_same = A is last and recycle is not None
        result = gcrodr(A, b, M=M, recycle=recycle, same_operator=is_same, rtol=goal, maxiter=BUDGET)
        if is_recycling:
            recycle, last = result.recycle, A
        return Answer(result.x, result.success, {"matvecs": result.nmatvec})

    return solve


RECYCLING = Solver(
    name="gcrodr",
    family="krylov",
    says="GCRO-DR(40, 20), recycling from system to system",
    start=partial(start, is_recycling=True),
)
FRESH = Solver(
    name="gcrodr-fresh",
    family="krylov",
    says="GCRO-DR(40, 20), every system alone: what the recycling is worth",
    start=partial(start, is_recycling=False),
    needs=frozenset({"sequence"}),
)
SOLVERS = (RECYCLING, FRESH)

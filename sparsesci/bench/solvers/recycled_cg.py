"""Our recycled CG, carrying its deflation space through the sequence, and the same with every system alone."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from ..solver import Answer, Solver
from .counted import BUDGET


def start(preconditioner: Callable | None, goal: float, *, n_recycle: int) -> Callable[..., Answer]:
    """Start a sequence without a recycled space."""
    from sparsesci.solvers import recycled_cg

    recycle = last = None

    def solve(A: Any, b: Any) -> Answer:
        nonlocal recycle, last
        M = preconditioner(A) if preconditioner else None
        is_same = A is last and recycle is not None
        options = {"recycle": recycle, "same_operator": is_same, "n_recycle": n_recycle}
        result = recycled_cg(A, b, M=M, rtol=goal, maxiter=BUDGET, **options)
        recycle, last = result.recycle, A
        return Answer(result.x, result.success, {"matvecs": result.nmatvec})

    return solve


RECYCLING = Solver(
    name="recycled-cg",
    family="krylov",
    says="deflated CG, 10 vectors recycled from system to system",
    start=partial(start, n_recycle=10),
    needs=frozenset({"spd"}),
)
ALONE = Solver(
    name="cg",
    family="krylov",
    says="the same without a recycled space: CG",
    start=partial(start, n_recycle=0),
    needs=frozenset({"spd"}),
)
SOLVERS = (RECYCLING, ALONE)

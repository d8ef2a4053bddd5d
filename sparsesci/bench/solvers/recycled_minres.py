"""Our recycled MINRES, carrying its space through the sequence, and the same with every system alone."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from ..solver import Answer, Solver
from .counted import BUDGET


def start(preconditioner: Callable | None, goal: float, *, n_recycle: int) -> Callable[..., Answer]:
    """Start a sequence without a recycled space.

    A preconditioner that is found indefinite, as ILU(0) of an indefinite matrix may be, is left out from then on; the
    attempt counts.
    """
    from sparsesci.solvers import Status, recycled_minres

    recycle = last = None
    usable = preconditioner

    def solve(A: Any, b: Any) -> Answer:
        nonlocal recycle, last, usable
        is_same = A is last and recycle is not None
        options = {"recycle": recycle, "same_operator": is_same, "n_recycle": n_recycle, "rtol": goal}
        result = recycled_minres(A, b, M=usable(A) if usable else None, maxiter=BUDGET, **options)
        matvecs = result.nmatvec
        if result.status is Status.NOT_POSITIVE_DEFINITE:
            usable = None
            result = recycled_minres(A, b, maxiter=BUDGET, **options)
            matvecs += result.nmatvec
        recycle, last = result.recycle, A
        return Answer(result.x, result.success, {"matvecs": matvecs})

    return solve


RECYCLING = Solver(
    name="recycled-minres",
    family="krylov",
    says="deflated MINRES, 20 vectors recycled from system to system",
    start=partial(start, n_recycle=20),
    needs=frozenset({"hermitian"}),
)
ALONE = Solver(
    name="minres",
    family="krylov",
    says="the same without a recycled space: MINRES",
    start=partial(start, n_recycle=0),
    needs=frozenset({"hermitian"}),
)
SOLVERS = (RECYCLING, ALONE)

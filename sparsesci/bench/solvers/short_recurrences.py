"""Our CG and MINRES, carrying their spaces through the sequence, and the same with every system alone."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from ..solver import Answer, Solver
from .counted import BUDGET


def start(preconditioner: Callable | None, goal: float, *, method: str, n_recycle: int) -> Callable[..., Answer]:
    """Start a sequence without a recycled space.

    A preconditioner that is found indefinite, as ILU(0) of an indefinite matrix may be, is left out from then on; the
    attempt counts.
    """
    from sparsesci import solvers

    run, indefinite = getattr(solvers, method), solvers.Status.NOT_POSITIVE_DEFINITE
    recycle = last = None
    usable = preconditioner

    def solve(A: Any, b: Any) -> Answer:
        nonlocal recycle, last, usable
        is_same = A is last and recycle is not None
        options = {"recycle": recycle, "same_operator": is_same, "n_recycle": n_recycle, "rtol": goal}
        result = run(A, b, M=usable(A) if usable else None, maxiter=BUDGET, **options)
        matvecs = result.nmatvec
        if usable and result.status is indefinite:
            usable = None
            result = run(A, b, maxiter=BUDGET, **options)
            matvecs += result.nmatvec
        recycle, last = result.recycle, A
        return Answer(result.x, result.success, {"matvecs": matvecs})

    return solve


def solver(name: str, says: str, method: str, n_recycle: int, trait: str) -> Solver:
    """Return the benchmark solver of a method."""
    run = partial(start, method=method, n_recycle=n_recycle)
    return Solver(name, "krylov", says, run, needs=frozenset({trait}))


SOLVERS = (
    solver("recycled-cg", "deflated CG, 10 vectors recycled from system to system", "recycled_cg", 10, "spd"),
    solver("cg", "the same without a recycled space: CG", "recycled_cg", 0, "spd"),
    solver(
        "recycled-minres",
        "deflated MINRES, 20 vectors recycled from system to system",
        "recycled_minres",
        20,
        "hermitian",
    ),
    solver("minres", "the same without a recycled space: MINRES", "recycled_minres", 0, "hermitian"),
)

"""SciPy's flexible GCROT(m, k), handing its space on from system to system."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..solver import Answer, Solver
from .counted import BUDGET, solve_counted

INNER_STEPS = 20  # SciPy's default m, and k = m


def start(preconditioner: Callable | None, goal: float) -> Callable[..., Answer]:
    """Start a sequence with an empty list of vectors, which SciPy fills and changes in place.

    ``discard_C=True`` is how it must be called when A changes: it would otherwise trust the products of the old A, and
    never converge. Where A is the same object again, the products are kept.
    """
    from scipy.sparse.linalg import gcrotmk

    kept: list = []
    last = None

    def solve(A: Any, b: Any) -> Answer:
        nonlocal last
        options = {"m": INNER_STEPS, "maxiter": BUDGET // INNER_STEPS, "CU": kept, "discard_C": A is not last}
        last = A
        return solve_counted(gcrotmk, A, b, preconditioner, rtol=goal, **options)

    return solve


SOLVERS = (
    Solver("scipy-gcrotmk", "krylov", f"GCROT({INNER_STEPS}, {INNER_STEPS}), recycling its CU", start, peer="scipy"),
)

"""Our conjugate gradients with SSOR, whose relaxation factor is learnt from the iterations of the systems before."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..solver import Answer, Solver
from .counted import BUDGET

SEED = 2024  # of the bandit's draws: the same in every pass


def start(preconditioner: Callable | None, goal: float) -> Callable[..., Answer]:
    """Start a sequence with a tuner that knows nothing; the preconditioner is SSOR, whatever the problem names."""
    from sparsesci.solvers import OmegaTuner, recycled_cg, ssor_preconditioner

    tuner = OmegaTuner(rng=SEED)

    def solve(A: Any, b: Any) -> Answer:
        M = ssor_preconditioner(A, tuner.ask())
        result = recycled_cg(A, b, M=M, n_recycle=0, rtol=goal, maxiter=BUDGET)
        if result.nit:
            tuner.tell(result.nit)
        return Answer(result.x, result.success, {"matvecs": result.nmatvec})

    return solve


SOLVERS = (
    Solver(
        name="tuned-ssor-cg",
        family="krylov",
        says="CG with SSOR, omega learnt by Tsallis-INF",
        start=start,
        needs=frozenset({"spd", "sequence"}),
    ),
)

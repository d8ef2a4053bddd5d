"""Our Sinkhorn iteration in the logarithmic domain."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..solver import Answer, Solver
from . import within_time

PART = 200  # sweeps


def start(preconditioner: Callable | None, goal: float) -> Callable[..., Answer]:
    """Start; nothing is kept between systems."""
    from sparsesci.solvers import sinkhorn

    def solve(a: Any, b: Any, C: Any, reg: float) -> Answer:
        swept = 0

        def advance(potentials, steps):
            nonlocal swept
            result = sinkhorn(a, b, C, reg, rtol=goal, maxiter=steps, potentials=potentials)
            swept += result.nit
            return result.potentials, result.marginal_error

        answer = within_time.sweep_until(advance, goal, part=PART)
        return Answer(answer.x, answer.success, {"sweeps": swept})

    return solve


SOLVERS = (
    Solver("sinkhorn", "transport", f"log-domain scaling, at most {within_time.LIMIT:g} s of CPU time a system", start),
)

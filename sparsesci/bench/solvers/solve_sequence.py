"""Our `solve_sequence`, which is given the whole sequence and chooses order, method and preconditioner itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..solver import Answer, Solver


def start(preconditioner: Callable | None, goal: float) -> Callable[..., list[Answer]]:
    """Start without anything; the preconditioner is its own choice, whatever the problem names."""
    from sparsesci.solvers import solve_sequence

    def solve(systems: Sequence[tuple[Any, Any]]) -> list[Answer]:
        sequence = solve_sequence(systems, rtol=goal)
        return [
            Answer(x, result.success, {"matvecs": result.nmatvec})
            for x, result in zip(sequence.x, sequence.results, strict=True)
        ]

    return solve


SOLVERS = (
    Solver(
        name="solve-sequence",
        family="krylov",
        says="the whole sequence at once, by the method that its cost model picks",
        start=start,
        needs=frozenset({"sequence"}),
        whole=True,
    ),
)

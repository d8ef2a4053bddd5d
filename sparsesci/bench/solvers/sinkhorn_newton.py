"""Our Sinkhorn-Newton-Sparse, by itself and as `solve_ot` chooses it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from ..solver import Answer, Solver


def start(preconditioner: Callable | None, goal: float, *, name: str) -> Callable[..., Answer]:
    """Start; nothing is kept between systems."""
    import sparsesci.solvers

    method = getattr(sparsesci.solvers, name)

    def solve(a: Any, b: Any, C: Any, reg: float) -> Answer:
        result = method(a, b, C, reg, rtol=goal)
        return Answer(result.potentials, result.success, {"steps": result.nit})

    return solve


NEWTON = Solver(
    "sinkhorn-newton",
    "transport",
    "Newton on the semi-dual, sparse exact Hessian",
    partial(start, name="sinkhorn_newton"),
)
AUTO = Solver("solve-ot", "transport", "the method that solve_ot chooses for reg > 0", partial(start, name="solve_ot"))
SOLVERS = (NEWTON, AUTO)

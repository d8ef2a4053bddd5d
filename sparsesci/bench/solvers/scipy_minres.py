"""SciPy's MINRES, where A is Hermitian and real: indefinite or not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..solver import Answer, Solver
from .counted import BUDGET, solve_counted


def start(preconditioner: Callable | None, goal: float) -> Callable[..., Answer]:
    """Start a sequence; nothing is kept between systems but whether the preconditioner is of use.

    MINRES needs a positive definite one. Where SciPy finds it indefinite, as ILU(0) of an indefinite matrix may be,
    none is used from then on; the time of the attempt counts, its products are lost with the exception. SciPy stops on
    an estimate of ``||r|| / (||A|| ||x||)``, long before the goal: it is started again from where it stopped, a hundred
    times as strict, until the true residual is there or the budget is spent.
    """
    from scipy.sparse.linalg import minres

    usable = preconditioner

    def solve(A: Any, b: Any) -> Answer:
        nonlocal usable
        x, success, matvecs, rtol, b_norm = np.zeros_like(b), False, 0, 1e-2 * goal, np.linalg.norm(b)
        while matvecs < BUDGET and rtol > np.finfo(float).tiny:
            try:
                found = solve_counted(minres, A, b, usable, x0=x, rtol=rtol, maxiter=BUDGET - matvecs)
            except ValueError:  # "indefinite preconditioner", or later "non-symmetric matrix": both say that M is not
                if usable is None:
                    raise
                usable = None
                continue
            x, matvecs, rtol = found.x, matvecs + found.counts["matvecs"] + 1, 1e-2 * rtol
            success = bool(np.linalg.norm(b - A @ x) <= goal * b_norm)
            if success:
                break
        return Answer(x, success, {"matvecs": matvecs})

    return solve


SOLVERS = (
    Solver(
        "scipy-minres",
        "krylov",
        f"minimal residuals by a short recurrence, at most {BUDGET} products",
        start,
        peer="scipy",
        needs=frozenset({"real", "hermitian"}),
    ),
)

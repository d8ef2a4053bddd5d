"""Our sparse Bayesian learning; the level of the noise is unknown to it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from ..solver import Answer, Solver

SEED = 4391  # of methods that draw


def start(preconditioner: Callable | None, goal: float, **options: Any) -> Callable[..., Answer]:
    """Start; nothing is kept between systems, and neither the true x nor the noise is looked at."""
    from sparsesci.recovery import sbl

    def solve(A: Any, y: Any, x: Any, noise_var: float) -> Answer:
        result = sbl(A, y, rng=SEED, **options)
        return Answer(result.x, result.success, {"entries": len(result.support)})

    return solve


SOLVERS = (
    Solver("sbl", "bayes", 'fast marginal likelihood (method="auto")', start, needs=frozenset({"matrix"})),
    Solver("sbl-mackay", "bayes", "MacKay's rule", partial(start, method="mackay"), needs=frozenset({"matrix"})),
    Solver("sbl-mm", "bayes", "majorisation-minimisation", partial(start, method="mm"), needs=frozenset({"matrix"})),
)

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


MATRIX = frozenset({"matrix"})
SOLVERS = (
    Solver("sbl", "bayes", 'fast marginal likelihood (method="auto")', start, needs=MATRIX),
    Solver("sbl-mackay", "bayes", "MacKay's rule", partial(start, method="mackay"), needs=MATRIX),
    Solver("sbl-mm", "bayes", "majorisation-minimisation", partial(start, method="mm"), needs=MATRIX),
    Solver(
        "sbl-exchange",
        "bayes",
        "exchange, for columns that are alike",
        partial(start, method="exchange"),
        needs=frozenset({"alike"}),
    ),
    Solver(
        "sbl-nonnegative",
        "bayes",
        "exchange, for entries that are not negative",
        partial(start, prior="nonnegative"),
        needs=frozenset({"nonnegative"}),
    ),
    Solver(
        "sbl-blocks",
        "bayes",
        "blocks of 32 entries, MacKay's rule",
        partial(start, blocks=32, method="mackay"),
        needs=frozenset({"blocks"}),
    ),
)

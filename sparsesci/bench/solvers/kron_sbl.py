"""Our Kronecker-structured recovery; the level of the noise is unknown to all of them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from ..solver import Answer, Solver

SPREAD = 9  # entries of a channel: three directions at each of two ends


def start(preconditioner: Callable | None, goal: float, *, method: str) -> Callable[..., Answer]:
    """Start; nothing is kept between systems, and neither the true channel nor the noise is looked at."""
    import warnings

    from sparsesci.recovery import kron_sbl

    def solve(factors: Any, y: Any, channel: Any, noise_var: float) -> Answer:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the row says how many were solved
            result = kron_sbl(factors, y, method=method)
        return Answer(result.x, result.success, {"entries": len(result.support)})

    return solve


def start_pursuit(preconditioner: Callable | None, goal: float) -> Callable[..., Answer]:
    """Start orthogonal matching pursuit, which is told how many entries there are."""
    from sparsesci.recovery import kron_omp

    def solve(factors: Any, y: Any, channel: Any, noise_var: float) -> Answer:
        result = kron_omp(factors, y, n_nonzero=SPREAD)
        return Answer(result.x, result.success, {"entries": len(result.support)})

    return solve


NEEDS = frozenset({"kronecker"})
SOLVERS = (
    Solver("kron-sbl", "bayes", 'method="auto"', partial(start, method="auto"), needs=NEEDS),
    Solver("kron-sbl-svd", "bayes", "rank-one factors of the M-step", partial(start, method="svd"), needs=NEEDS),
    Solver("kron-sbl-am", "bayes", "alternating minimisation, as published", partial(start, method="am"), needs=NEEDS),
    Solver(
        "kron-omp-k",
        "bayes",
        "matching pursuit",
        start_pursuit,
        needs=NEEDS,
        remark="is told how many entries there are",
    ),
)

"""Our sparse Walsh-Hadamard transform; the level of the noise is unknown to it in all three ways of asking."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from ..solver import Answer, Solver

SEED = 2477  # of the points that are asked for


def start(
    preconditioner: Callable | None, goal: float, *, method: str, is_sparsity_given: bool
) -> Callable[..., Answer]:
    """Start; nothing is kept between systems."""
    from sparsesci.recovery import sparse_wht

    def solve(f: Any, n: int, sparsity: int, noise_std: float) -> Answer:
        result = sparse_wht(f, n, sparsity=sparsity if is_sparsity_given else None, method=method, rng=SEED)
        return Answer((result.indices, result.values), result.success, {"samples": f.n_samples})

    return solve


SOLVERS = (
    Solver(
        "sparse-wht",
        "hadamard",
        "sparsity and noise unknown",
        partial(start, method="auto", is_sparsity_given=False),
    ),
    Solver(
        "sparse-wht-k",
        "hadamard",
        "sparsity given, noise unknown",
        partial(start, method="auto", is_sparsity_given=True),
    ),
    Solver(
        "sparse-wht-robust",
        "hadamard",
        'the same with method="robust": repeated offsets, no code',
        partial(start, method="robust", is_sparsity_given=True),
    ),
)

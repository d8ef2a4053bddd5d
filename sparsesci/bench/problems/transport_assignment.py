"""Random assignment, the first experiment of *Sinkhorn-Newton-Sparse*: independent uniform costs, uniform weights.

Tang, Shavlovsky, Rahmanian, Tardini, Thekumparampil, Xiao, Ying, ICLR 2024, with their eta = 1 / reg = 1200. How hard a
draw is varies widely: a sequence is several independent draws, the first of them ``default_rng(seed).random((n, n))``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from ..objectives.marginal_error import marginal_error
from ..problem import Problem

System = tuple[np.ndarray, np.ndarray, np.ndarray, float]
GOALS = (1e-1, 1e-2, 1e-3, 1e-4, 1e-6)


def random_assignments(rng: np.random.Generator, n: int, eta: float, length: int) -> Iterator[System]:
    """Yield ``length`` systems with new costs each."""
    weights = np.full(n, 1 / n)
    for _ in range(length):
        yield weights, weights, rng.random((n, n)), 1 / eta


SMALL = Problem(
    name="assign",
    family="transport",
    says="random costs, uniform weights: the case for which Sinkhorn's iteration is slowest",
    parameters={"n": 500, "eta": 1200.0, "length": 5},
    make=random_assignments,
    error=marginal_error,
    goal=1e-9,
    preconditioner=None,
    traits=frozenset({"real"}),
    quick={"n": 100, "eta": 100.0, "length": 2},
    goals=GOALS,
)


def _larger(n: int) -> Problem:
    parameters = {**SMALL.parameters, "n": n}
    says = f"the same with {n} points to a side"
    return replace(SMALL, name=f"assign{n}", says=says, parameters=parameters, quick=None, goals=())


PROBLEMS = (SMALL, _larger(1000), _larger(2000))

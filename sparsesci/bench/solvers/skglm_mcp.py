"""skglm's minimax concave penalty, the fastest of the peers; its penalty is set by the true level of the noise."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..solver import Answer, Solver


def start(preconditioner: Callable | None, goal: float) -> Callable[..., Answer]:
    """Start; nothing is kept between systems. The penalty is s sqrt(2 log N) a column, for noise of deviation s."""
    from skglm.estimators import MCPRegression

    def solve(A: Any, y: Any, x: Any, noise_var: float) -> Answer:
        M, N = A.shape
        penalty = math.sqrt(2 * noise_var * math.log(N)) * np.sqrt(np.mean(np.sum(A**2, axis=0))) / M
        lengths = np.sqrt(np.sum(A**2, axis=0) / M)
        model = MCPRegression(alpha=penalty / np.mean(lengths), fit_intercept=False).fit(A / lengths, y)
        coefficients = model.coef_ / lengths
        return Answer(coefficients, True, {"entries": int((coefficients != 0).sum())})

    return solve


SOLVERS = (
    Solver(
        "skglm-mcp-noise",
        "bayes",
        "minimax concave penalty, the noise given",
        start,
        peer="skglm",
        needs=frozenset({"matrix"}),
        remark="is told the level of the noise",
    ),
)

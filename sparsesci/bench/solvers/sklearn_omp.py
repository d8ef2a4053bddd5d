"""scikit-learn's orthogonal matching pursuit, which is told how many entries there are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..solver import Answer, Solver


def start(preconditioner: Callable | None, goal: float) -> Callable[..., Answer]:
    """Start; nothing is kept between systems."""
    from sklearn.linear_model import OrthogonalMatchingPursuit

    def solve(A: Any, y: Any, x: Any, noise_var: float) -> Answer:
        K = int(np.count_nonzero(x))
        model = OrthogonalMatchingPursuit(n_nonzero_coefs=K, fit_intercept=False).fit(A, y)
        return Answer(model.coef_, True, {"entries": int((model.coef_ != 0).sum())})

    return solve


SOLVERS = (
    Solver(
        "sklearn-omp-k",
        "bayes",
        "OrthogonalMatchingPursuit, the number of entries given",
        start,
        peer="scikit-learn",
        needs=frozenset({"matrix"}),
        remark="is told how many entries there are",
    ),
)

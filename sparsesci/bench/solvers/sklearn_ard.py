"""scikit-learn's automatic relevance determination: what most would take for sparse Bayesian regression today."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..solver import Answer, Solver


def start(preconditioner: Callable | None, goal: float) -> Callable[..., Answer]:
    """Start; nothing is kept between systems."""
    from sklearn.linear_model import ARDRegression

    def solve(A: Any, y: Any, x: Any, noise_var: float) -> Answer:
        model = ARDRegression(fit_intercept=False).fit(A, y)
        return Answer(model.coef_, model.n_iter_ < model.max_iter, {"entries": int((model.coef_ != 0).sum())})

    return solve


SOLVERS = (
    Solver(
        "sklearn-ard",
        "bayes",
        "ARDRegression, as it comes",
        start,
        peer="scikit-learn",
        needs=frozenset({"matrix"}),
    ),
)

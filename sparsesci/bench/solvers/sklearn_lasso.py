"""scikit-learn's lasso, its penalty by the true noise or by cross-validation, and least squares on what it selects."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from ..solver import Answer, Solver


def start(preconditioner: Callable | None, goal: float, *, is_noise_given: bool) -> Callable[..., Answer]:
    """Start; nothing is kept between systems. With the noise s given the penalty is s sqrt(2 log N) a column."""
    from sklearn.linear_model import Lasso, LassoCV

    def solve(A: Any, y: Any, x: Any, noise_var: float) -> Answer:
        if is_noise_given:
            M, N = A.shape
            penalty = math.sqrt(2 * noise_var * math.log(N)) * np.sqrt(np.mean(np.sum(A**2, axis=0))) / M
            model = Lasso(alpha=penalty, fit_intercept=False, max_iter=10_000)
        else:
            model = LassoCV(fit_intercept=False)
        found = np.flatnonzero(model.fit(A, y).coef_)
        coefficients = np.zeros(A.shape[1])
        coefficients[found] = np.linalg.lstsq(A[:, found], y, rcond=None)[0]
        return Answer(coefficients, True, {"entries": len(found)})

    return solve


SOLVERS = (
    Solver(
        "sklearn-lasso-noise",
        "bayes",
        "Lasso with the universal penalty, the noise given, then least squares",
        partial(start, is_noise_given=True),
        peer="scikit-learn",
        needs=frozenset({"matrix"}),
        remark="is told the level of the noise",
    ),
    Solver(
        "sklearn-lasso-cv",
        "bayes",
        "LassoCV, then least squares",
        partial(start, is_noise_given=False),
        peer="scikit-learn",
        needs=frozenset({"matrix"}),
    ),
)

"""Lynx and hare of the Hudson Bay, 1900 to 1920: twenty-one samples of two states, and no true equations.

The coefficients that count as true are those that Fasel, Kutz, Brunton, Brunton, *Ensemble-SINDy*, Proc. R. Soc. A 478
(2022) 20210904 found with bootstraps of samples and library: ``u' = .525 u - .411 u v, v' = -.967 v + .586 u v``, in
units of the standard deviations.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import files

import numpy as np

from ..objectives.equation_error import equation_error
from ..problem import Problem
from .dynamics_task import Task, coefficients, polynomials

EQUATIONS = {"x0": 0.525, "x0 x1": -0.411}, {"x1": -0.967, "x0 x1": 0.586}


def lynx_hare(
    rng: np.random.Generator, n_models: int, length: int
) -> Iterator[tuple[np.ndarray, None, Task, np.ndarray]]:
    """Yield the same data ``length`` times: hare, lynx, in units of their standard deviations."""
    text = (files("sparsesci.bench") / "data" / "hudson_bay_lynx_hare.csv").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line[:1].isdigit()]
    x = np.array([line.split(",") for line in lines], float)[:, [2, 1]]
    truth = coefficients(EQUATIONS, polynomials(2, 2))
    task = Task(1.0, (len(x),), threshold=0.19, n_models=n_models)
    for _ in range(length):
        yield x / x.std(axis=0), None, task, truth


PROBLEMS: tuple[Problem, ...] = (
    Problem(
        name="lynx-hare",
        family="dynamics",
        says="lynx and hare, 21 years; published equations count as true",
        parameters={"n_models": 100, "length": 1},
        make=lynx_hare,
        error=equation_error,
        goal=0.3,
        preconditioner=None,
        traits=frozenset({"defaults", "options", "ensemble"}),
        quick={"n_models": 20},
        plain=False,
    ),
)

"""Lorenz's equations of 1996, a ring of many states: libraries of hundreds and thousands of polynomials.

``x_i' = (x_{i+1} - x_{i-2}) x_{i-1} - x_i + 8``: four terms an equation. The samples are those of trajectories that
are 0.1 apart in time, and the derivatives are known, but for a normal error of 0.01: the time is that of the library
and of the regression.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from ..objectives.equation_error import equation_error
from ..problem import Problem
from .dynamics_task import Task, coefficients, polynomials

System = tuple[np.ndarray, np.ndarray, Task, np.ndarray]
FORCING, STEP, PER_TRAJECTORY, TRANSIENT = 8.0, 0.1, 100, 5.0


def equations(n_states: int) -> list[dict[str, float]]:
    """Return the terms of each equation, by their names."""

    def product(i: int, j: int) -> str:
        low, high = sorted((i % n_states, j % n_states))
        return f"x{low} x{high}"

    return [
        {"1": FORCING, f"x{i}": -1.0, product(i - 1, i + 1): 1.0, product(i - 2, i - 1): -1.0} for i in range(n_states)
    ]


def derivatives(x: np.ndarray) -> np.ndarray:
    """Return the derivatives of states (n, n_states)."""
    return (np.roll(x, -1, 1) - np.roll(x, 2, 1)) * np.roll(x, 1, 1) - x + FORCING


def lorenz96(rng: np.random.Generator, n_states: int, degree: int, n_samples: int, length: int) -> Iterator[System]:
    """Yield ``length`` systems of at least ``n_samples`` samples: whole trajectories of 100."""
    from scipy.integrate import solve_ivp

    m = -(-n_samples // PER_TRAJECTORY)
    t = TRANSIENT + STEP * np.arange(PER_TRAJECTORY)
    truth = coefficients(equations(n_states), polynomials(n_states, degree))
    for _ in range(length):
        starts = FORCING + rng.standard_normal((m, n_states))
        found = solve_ivp(
            lambda _, x: derivatives(x.reshape(m, -1)).ravel(), (0, t[-1]), starts.ravel(), t_eval=t, rtol=1e-6
        )
        x = found.y.reshape(m, n_states, len(t)).transpose(0, 2, 1).reshape(-1, n_states)
        x_dot = derivatives(x) + 0.01 * rng.standard_normal(x.shape)
        yield x, x_dot, Task(STEP, (len(t),) * m, degree), truth


def _problem(n_states: int, degree: int, terms: int) -> Problem:
    return Problem(
        name=f"lorenz96-{terms}",
        family="dynamics",
        says=f"{n_states} states, {terms} polynomials of degree {degree}, 10,000 samples with their derivatives",
        parameters={"n_states": n_states, "degree": degree, "n_samples": 10_000, "length": 1},
        make=lorenz96,
        error=equation_error,
        goal=0.01,
        preconditioner=None,
        traits=frozenset({"options"}),
        plain=False,
        series={"Lorenz-96": "terms"},
    )


PROBLEMS: tuple[Problem, ...] = (
    replace(_problem(10, 2, 66), quick={"n_samples": 500}),
    replace(_problem(20, 2, 231), quick={"n_samples": 500}),
    _problem(40, 2, 861),
    _problem(20, 3, 1771),
)

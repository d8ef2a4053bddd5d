"""The Lorenz equations from one trajectory: a library of 56 polynomials, of which seven terms are true.

Without noise, at short steps, it is the time that counts. With it, as Fasel, Kutz, Brunton, Brunton, *Ensemble-SINDy*,
Proc. R. Soc. A 478 (2022) 20210904 have it, it is how often exactly the true terms are found: there are 55 polynomials
without the constant, samples every 0.01 from the start (-8, 7, 27), and the noise is normal, a part of the root mean
square of all entries of ten seconds of x, however long the data are.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from ..objectives.equation_error import equation_error
from ..problem import Problem
from .dynamics_task import Task, coefficients, polynomials

System = tuple[np.ndarray, None, Task, np.ndarray]
START = (-8.0, 7.0, 27.0)
EQUATIONS = ({"x0": -10.0, "x1": 10.0}, {"x0": 28.0, "x1": -1.0, "x0 x2": -1.0}, {"x2": -8 / 3, "x0 x1": 1.0})
DEGREE = 5
LEVELS = (0.001, 0.01, 0.025, 0.05)


def trajectory(start: tuple[float, ...], step: float, n_samples: int) -> np.ndarray:
    """Return samples (n, 3) from a start on, whose errors are too small to be seen in any equation."""
    from scipy.integrate import solve_ivp

    def f(t: float, v: np.ndarray) -> list[float]:
        x, y, z = v
        return [10 * (y - x), x * (28 - z) - y, x * y - 8 / 3 * z]

    t = step * np.arange(n_samples)
    return np.ascontiguousarray(solve_ivp(f, (0, t[-1]), start, "DOP853", t, rtol=1e-10, atol=1e-12).y.T)


def clean_lorenz(rng: np.random.Generator, n_samples: int, n_models: int, length: int) -> Iterator[System]:
    """Yield ``length`` systems without noise, whose trajectories begin near the attractor, at a step of 0.002."""
    truth = coefficients(EQUATIONS, polynomials(3, DEGREE))
    for _ in range(length):
        start = tuple(START + rng.uniform(-1, 1, 3))
        task = Task(0.002, (n_samples,), DEGREE, alpha=0.05, n_models=n_models)
        yield trajectory(start, task.step, n_samples), None, task, truth


def noisy_lorenz(rng: np.random.Generator, noise: float, time: float, n_models: int, length: int) -> Iterator[System]:
    """Yield ``length`` draws of the noise on one trajectory of this time."""
    truth = coefficients(EQUATIONS, polynomials(3, DEGREE, has_constant=False))
    task = Task(0.01, (round(time / 0.01),), DEGREE, has_constant=False, threshold=0.2, window=5, n_models=n_models)
    clean = trajectory(START, task.step, *task.lengths)
    level = noise * np.sqrt(np.mean(trajectory(START, task.step, 1000) ** 2))
    for _ in range(length):
        yield clean + level * rng.standard_normal(clean.shape), None, task, truth


LORENZ = Problem(
    name="lorenz-10k",
    family="dynamics",
    says="the Lorenz equations from 10,000 samples, 56 polynomials of degree 5",
    parameters={"n_samples": 10_000, "n_models": 100, "length": 2},
    make=clean_lorenz,
    error=equation_error,
    goal=0.01,
    preconditioner=None,
    traits=frozenset({"options", "selection"}),
    quick={"n_samples": 3000, "length": 1},
    plain=True,
    series={"Lorenz, 56 polynomials": "n_samples"},
)


def _noisy(noise: float) -> Problem:
    return Problem(
        name=f"lorenz-noise-{100 * noise:g}%",
        family="dynamics",
        says=f"the Lorenz equations from 1000 samples, 55 polynomials, {100 * noise:g} % of noise",
        parameters={"noise": noise, "time": 10.0, "n_models": 100, "length": 50},
        make=noisy_lorenz,
        error=equation_error,
        goal=0.3,
        preconditioner=None,
        traits=frozenset({"options", "defaults", "ensemble"}),
        quick={"length": 2, "n_models": 10} if noise in (0.01, 0.05) else None,
        plain=False,
        series={"Lorenz, 1000 samples": "noise"},
    )


PROBLEMS: tuple[Problem, ...] = (
    LORENZ,
    replace(
        LORENZ,
        name="lorenz-100k",
        says="the Lorenz equations from 100,000 samples, 56 polynomials of degree 5",
        parameters={**LORENZ.parameters, "n_samples": 100_000},
        traits=frozenset({"options"}),
        quick=None,
        plain=False,
    ),
    replace(
        LORENZ,
        name="lorenz-10k-bootstraps",
        says="100 bootstraps of 10,000 samples, 56 polynomials of degree 5",
        parameters={**LORENZ.parameters, "length": 1},
        traits=frozenset({"ensemble"}),
        quick=None,
        plain=False,
        series={},
    ),
    *(_noisy(noise) for noise in LEVELS),
)

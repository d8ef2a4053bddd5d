"""Forty-one chaotic systems, from Lorenz's to Sprott's, for methods without a knob to turn.

Of each there are five trajectories of 1000 samples, a hundred in a period, with normal noise that is a part of the
standard deviation of each state.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator

import numpy as np

from ..chaotic_systems import SYSTEMS
from ..objectives.equation_error import equation_error
from ..problem import Problem
from .dynamics_task import Task

N_TRAJECTORIES, PER_PERIOD = 5, 100
LEVELS = (0.0, 0.001, 0.01)


@functools.cache
def truth_of(name: str) -> np.ndarray:
    """Return the true coefficients (d, p) of a system, read-only."""
    from sparsesci.recovery.dynamics.polynomial_library import PolynomialLibrary

    (system,) = (system for system in SYSTEMS if system.name == name)
    truth = system.coefficients(PolynomialLibrary(system.degree))
    truth.flags.writeable = False
    return truth


def chaos(
    rng: np.random.Generator, noise: float, n_samples: int, length: int
) -> Iterator[tuple[np.ndarray, None, Task, np.ndarray]]:
    """Yield the first ``length`` systems of the list."""
    for system in SYSTEMS[:length]:
        x, step = system.trajectories(
            rng, n_trajectories=N_TRAJECTORIES, n_samples=n_samples, per_period=PER_PERIOD, noise=noise
        )
        yield np.concatenate(x), None, Task(step, (n_samples,) * N_TRAJECTORIES, system.degree), truth_of(system.name)


def _problem(noise: float) -> Problem:
    return Problem(
        name=f"chaos-{100 * noise:g}%",
        family="dynamics",
        says=f"{len(SYSTEMS)} chaotic systems, 5 x 1000 samples, {100 * noise:g} % of noise",
        parameters={"noise": noise, "n_samples": 1000, "length": len(SYSTEMS)},
        make=chaos,
        error=equation_error,
        goal=0.1,
        preconditioner=None,
        traits=frozenset({"defaults", "selection"}),
        quick={"length": 3, "n_samples": 400} if noise == 0.001 else None,
        plain=False,
        series={"chaotic systems": "noise"},
    )


PROBLEMS: tuple[Problem, ...] = tuple(_problem(noise) for noise in LEVELS)

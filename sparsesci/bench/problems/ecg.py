"""An electrocardiogram from fewer numbers than it has samples: compressed sensing without noise.

The signal is real, 1024 samples with three beats, its mean taken out. It is measured by a random matrix, normal or with
two ones in each column (which a sensor computes with two additions a sample). In no basis is it exactly sparse; in time
its samples depend on their neighbours, which is what blocks with a correlation are for.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import replace
from importlib.resources import files

import numpy as np

from ..problem import Problem

KINDS = ("normal", "two-ones")
MEASUREMENTS = (512, 384, 256)
GOAL = 9.0  # percent: up to here a reconstruction is called good (Zigel, Cohen, Katz, IEEE Trans. Biomed. Eng., 2000)

System = tuple[np.ndarray, np.ndarray, np.ndarray, float]


@functools.cache
def electrocardiogram() -> np.ndarray:
    """Return the signal (1024,) without its mean, read-only."""
    text = (files("sparsesci.bench") / "data" / "ecg.csv").read_text()
    signal = np.array(text.split(), dtype=float)
    signal -= signal.mean()
    signal.flags.writeable = False
    return signal


def sensed(rng: np.random.Generator, measurements: int, kind: str, length: int) -> Iterator[System]:
    """Yield ``length`` systems ``(A, y, x, noise_var)`` with the same x; there is no noise."""
    if kind not in KINDS:
        raise ValueError(f"kind is {kind!r}: accepted are {', '.join(map(repr, KINDS))}")
    x = electrocardiogram()
    for _ in range(length):
        if kind == "normal":
            A = rng.standard_normal((measurements, len(x))) / np.sqrt(measurements)
        else:
            A = np.zeros((measurements, len(x)))
            for column in A.T:
                column[rng.choice(measurements, 2, replace=False)] = 1.0
        yield A, A @ x, x, 0.0


def residual_difference(A: np.ndarray, y: np.ndarray, x: np.ndarray, noise_var: float, found: np.ndarray) -> float:
    """Return the percent residual difference ``100 ||x - found|| / ||x||``."""
    return float(100 * np.linalg.norm(x - found) / np.linalg.norm(x))


def _problem(measurements: int, kind: str) -> Problem:
    return Problem(
        name=f"ecg-{measurements}" + "-sparse" * (kind == "two-ones"),
        family="bayes",
        says=f"1024 samples of an electrocardiogram from {measurements} measurements, {kind}",
        parameters={"measurements": measurements, "kind": kind, "length": 3},
        make=sensed,
        error=residual_difference,
        goal=GOAL,
        preconditioner=None,
        traits=frozenset({"blocks"}),
        plain=False,
    )


PROBLEMS: tuple[Problem, ...] = (
    replace(_problem(MEASUREMENTS[0], "normal"), quick={"length": 1}),
    _problem(MEASUREMENTS[0], "two-ones"),
    *(_problem(M, kind) for M in MEASUREMENTS[1:] for kind in KINDS),
)

"""What is asked of a solver of the family "dynamics" beside the samples: their step, the library, the options.

A system is ``(x, x_dot, task, truth)``: samples x (n, d) of all trajectories, one below the other, or a field
(n_x, n_t, d); their derivatives where they are known, else None; a `Task`; and the true coefficients (d, p), which no
solver looks at. The functions of a library are those of our `PolynomialLibrary`, in its order, which is PySINDy's too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Task:
    """What is known of the samples, and the options of the solvers that are told any.

    Attributes
    ----------
    step : float
        Between two samples.
    lengths : tuple of int
        Samples of each trajectory; their sum is n.
    degree : int
        Of the polynomials.
    has_constant : bool
        Whether 1 is among them.
    threshold, alpha : float
        Of STLSQ.
    window : int
        Of the Savitzky-Golay filter, of degree 3, before the differences of order 2; 0: there is none.
    n_models : int
        Of an ensemble.
    grid : array (n_x,) or None
        Of a field: where it is known.
    n_boxes : int
        Of a weak form; their half widths are a twentieth of the field in space and in time.
    """

    step: float
    lengths: tuple[int, ...] = ()
    degree: int = 2
    has_constant: bool = True
    threshold: float = 0.1
    alpha: float = 0.0
    window: int = 0
    n_models: int = 100
    grid: Any = None
    n_boxes: int = 0

    def split(self, x: np.ndarray) -> list[np.ndarray]:
        """Return the trajectories of samples x (n, d)."""
        return np.split(x, np.cumsum(self.lengths)[:-1])

    @property
    def half_widths(self) -> tuple[float, float]:
        """Half widths of the boxes in space and in time, of a field."""
        (n_t,) = self.lengths
        return float(self.grid[-1] - self.grid[0]) / 20, (n_t - 1) * self.step / 20


def coefficients(equations: Sequence[Mapping[str, float]], names: Sequence[str]) -> np.ndarray:
    """Return the coefficients (d, p) of equations that are given as ``{"x0": -10, "x0 x1": 1}``."""
    truth = np.zeros((len(equations), len(names)))
    for row, terms in zip(truth, equations, strict=True):
        for name, value in terms.items():
            row[list(names).index(name)] = value
    return truth


def polynomials(d: int, degree: int, *, has_constant: bool = True) -> list[str]:
    """Return the names of the monomials of d states, ``x0``, ``x1``, ..."""
    from sparsesci.recovery.dynamics.polynomial_library import PolynomialLibrary

    return PolynomialLibrary(degree, include_bias=has_constant).names([f"x{i}" for i in range(d)], [])

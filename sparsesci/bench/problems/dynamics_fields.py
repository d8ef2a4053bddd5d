"""The equation of Kuramoto and Sivashinsky from a field, in its weak form: integrals over boxes in space and time.

``u_t = -u u_x - u_xx - u_xxxx``, of which 1024 x 251 samples are shipped; the library has u, u^2, four derivatives, and
their products.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import files

import numpy as np

from ..objectives.equation_error import equation_error
from ..problem import Problem
from .dynamics_task import Task, coefficients

DERIVATIVES = ("u_x", "u_xx", "u_xxx", "u_xxxx")
NAMES = ("u", "u^2", *DERIVATIVES, *(f"{f} {v}" for v in DERIVATIVES for f in ("u", "u^2")))
ORDER = len(DERIVATIVES)
EQUATION = {"u u_x": -1.0, "u_xx": -1.0, "u_xxxx": -1.0}


def kuramoto_sivashinsky(
    rng: np.random.Generator, n_boxes: int, noise: float, length: int
) -> Iterator[tuple[np.ndarray, None, Task, np.ndarray]]:
    """Yield the field ``length`` times, each with its own normal noise, a part of its standard deviation."""
    with np.load(str(files("sparsesci.bench") / "data" / "kuramoto_sivashinsky.npz")) as data:
        x, t, u = data["x"].ravel(), data["t"].ravel(), data["u"].astype(float)
    step = float(t[-1] - t[0]) / (len(t) - 1)
    task = Task(step, (len(t),), threshold=0.2, alpha=1e-12, grid=x, n_boxes=n_boxes)
    for _ in range(length):
        noisy = u + noise * u.std() * rng.standard_normal(u.shape)
        yield noisy[:, :, None], None, task, coefficients([EQUATION], NAMES)


def _problem(n_boxes: int, noise: float) -> Problem:
    return Problem(
        name=f"weak-ks-{n_boxes}" + f"-{100 * noise:g}%" * (noise > 0),
        family="dynamics",
        says=f"Kuramoto-Sivashinsky from integrals over {n_boxes} boxes"
        + f", {100 * noise:g} % of noise" * (noise > 0),
        parameters={"n_boxes": n_boxes, "noise": noise, "length": 1 if noise == 0 else 5},
        make=kuramoto_sivashinsky,
        error=equation_error,
        goal=0.02 if noise == 0 else 0.3,
        preconditioner=None,
        traits=frozenset({"field"}),
        quick={"n_boxes": 50} if n_boxes == 200 and noise == 0 else None,
        plain=False,
        series={"weak Kuramoto-Sivashinsky": "n_boxes"} if noise == 0 else {},
    )


PROBLEMS: tuple[Problem, ...] = (_problem(200, 0.0), _problem(1000, 0.0), _problem(1000, 0.2))

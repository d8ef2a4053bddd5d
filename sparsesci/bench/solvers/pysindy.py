"""PySINDy: the package that those who look for equations in data use today, through its public interface."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from ..problems.dynamics_task import Task
from ..solver import Answer, Solver

SEED = 6037  # of methods that draw; they ask NumPy's own state


def start(preconditioner: Callable | None, goal: float, method: str = "stlsq") -> Callable[..., Answer]:
    """Start; nothing is kept between systems."""
    import pysindy

    def solve(x: Any, x_dot: Any, task: Task, truth: Any) -> Answer:
        np.random.seed(SEED)  # noqa: NPY002 - there is no other way to seed it
        if method == "weak":
            model = weak(pysindy, x, task)
        else:
            library = pysindy.PolynomialLibrary(task.degree, include_bias=task.has_constant)
            options = {"optimizer": optimizer(pysindy, task, method), "differentiation_method": None}
            if method in ("stlsq", "ensemble"):
                options["differentiation_method"] = differences(pysindy, task)
            rates = None if x_dot is None else task.split(x_dot)
            model = pysindy.SINDy(feature_library=library, **options)
            model.fit(task.split(x), task.step, x_dot=rates)
        found = np.asarray(model.coefficients())
        return Answer(found, bool(found.any()), {"terms": int(np.count_nonzero(found))})

    return solve


def optimizer(pysindy: Any, task: Task, method: str) -> Any:
    """Return the regression of a method."""
    if method == "defaults":
        return pysindy.STLSQ()
    if method == "ssr":
        return pysindy.SSR()
    stlsq = pysindy.STLSQ(threshold=task.threshold, alpha=task.alpha)
    if method == "stlsq":
        return stlsq
    return pysindy.EnsembleOptimizer(opt=stlsq, bagging=True, n_models=task.n_models)


def differences(pysindy: Any, task: Task) -> Any:
    """Return the derivative that the problem asks for."""
    if task.window:
        return pysindy.SmoothedFiniteDifference(smoother_kws={"window_length": task.window, "polyorder": 3})
    return pysindy.FiniteDifference(order=2)


def weak(pysindy: Any, u: Any, task: Task) -> Any:
    """Return the model of a field (n_x, n_t, 1), from the weak form."""
    t = task.step * np.arange(u.shape[1])
    library = pysindy.WeakPDELibrary(
        function_library=pysindy.PolynomialLibrary(task.degree, include_bias=False),
        derivative_order=4,
        spatiotemporal_grid=np.stack(np.meshgrid(task.grid, t, indexing="ij"), axis=-1),
        K=task.n_boxes,
        H_xt=list(task.half_widths),
        p=4,
    )
    return pysindy.SINDy(feature_library=library, optimizer=optimizer(pysindy, task, "stlsq")).fit(u, t)


def _solver(name: str, says: str, method: str, needs: str) -> Solver:
    run = functools.partial(start, method=method)
    return Solver(name, "dynamics", says, run, peer="pysindy", needs=frozenset({needs}))


SOLVERS = (
    _solver("pysindy", "SINDy, as it comes", "defaults", "defaults"),
    _solver("pysindy-stlsq", "STLSQ with the options of the problem", "stlsq", "options"),
    _solver("pysindy-ensemble", "EnsembleOptimizer(STLSQ), medians", "ensemble", "ensemble"),
    _solver("pysindy-ssr", "SSR, as it comes", "ssr", "selection"),
    _solver("pysindy-weak", "STLSQ on WeakPDELibrary", "weak", "field"),
)

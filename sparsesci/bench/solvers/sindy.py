"""Our SINDy regressions; none of them looks at the true coefficients."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from ..problems.dynamics_task import Task
from ..solver import Answer, Solver

SEED = 6037  # of methods that draw


def start(preconditioner: Callable | None, goal: float, method: str = "defaults") -> Callable[..., Answer]:
    """Start; nothing is kept between systems."""
    from sparsesci.recovery.dynamics.sindy import SINDy

    fitted = {"defaults": _defaults, "ssr": _ssr, "stlsq": _stlsq, "ensemble": _ensemble, "weak": _weak}[method]

    def solve(x: Any, x_dot: Any, task: Task, truth: Any) -> Answer:
        library, optimizer, differentiation = fitted(task)
        rates = None if x_dot is None else task.split(x_dot)
        samples, times = (x, task.step) if task.grid is not None else (task.split(x), task.step)
        model = SINDy(library, optimizer, differentiation).fit(samples, times, x_dot=rates)
        return Answer(model.coef_, model.result_.success, {"terms": model.complexity})

    return solve


def _polynomials(task: Task) -> Any:
    from sparsesci.recovery.dynamics.polynomial_library import PolynomialLibrary

    return PolynomialLibrary(task.degree, include_bias=task.has_constant)


def _defaults(task: Task) -> tuple:
    return _polynomials(task), None, None


def _ssr(task: Task) -> tuple:
    from sparsesci.recovery.dynamics.ssr import ssr

    return _polynomials(task), ssr, None


def _stlsq(task: Task) -> tuple:
    from sparsesci.recovery.dynamics import differentiate
    from sparsesci.recovery.dynamics.stlsq import stlsq

    differences = functools.partial(differentiate.finite_difference, order=2)
    if task.window:
        differences = functools.partial(differentiate.smoothed_finite_difference, window=task.window, degree=3)
    return _polynomials(task), functools.partial(stlsq, threshold=task.threshold, alpha=task.alpha), differences


def _ensemble(task: Task) -> tuple:
    from sparsesci.recovery.dynamics.ensemble import ensemble

    library, optimizer, differences = _stlsq(task)
    return library, ensemble(optimizer, n_models=task.n_models, rng=SEED), differences


def _weak(task: Task) -> tuple:
    from sparsesci.recovery.dynamics.polynomial_library import PolynomialLibrary
    from sparsesci.recovery.dynamics.weak_library import WeakLibrary

    library = WeakLibrary(
        PolynomialLibrary(task.degree, include_bias=False),
        spatial_grid=task.grid,
        derivative_order=4,
        n_boxes=task.n_boxes,
        half_width=task.half_widths,
        rng=SEED,
    )
    return library, _stlsq(task)[1], None


def _solver(name: str, says: str, method: str, needs: str) -> Solver:
    return Solver(name, "dynamics", says, functools.partial(start, method=method), needs=frozenset({needs}))


SOLVERS = (
    _solver("sindy", "SINDy, as it comes", "defaults", "defaults"),
    _solver("sindy-stlsq", "STLSQ with the options of the problem", "stlsq", "options"),
    _solver("sindy-ensemble", "medians of bootstraps of STLSQ", "ensemble", "ensemble"),
    _solver("sindy-ssr", "stepwise sparse regression", "ssr", "selection"),
    _solver("sindy-weak", "STLSQ on the weak form", "weak", "field"),
)

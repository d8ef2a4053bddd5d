"""Every SINDy of the benchmark finds the equations that it is for; where the method is the same, so are the answers."""

from dataclasses import replace

import numpy as np
import pytest

from sparsesci.bench.problems import PROBLEMS
from sparsesci.bench.runner import applies, run
from sparsesci.bench.solvers import SOLVERS

DYNAMICS = {name: solver for name, solver in SOLVERS.items() if solver.family == "dynamics"}


def small(name, **changes):
    """Return a problem at a size of milliseconds."""
    problem = PROBLEMS[name]
    smaller = {"n_samples": 2000, "n_models": 5, "n_boxes": 60, "length": 1} | changes
    smaller = {key: value for key, value in smaller.items() if key in problem.parameters}
    return replace(problem, parameters={**problem.parameters, **smaller})


def only_row(problem, solver, seed):
    """Run one solver on one problem; skip where it is a peer that is not installed."""
    (row,) = run([problem], [solver], seed=seed, repeats=1).tables[0].rows
    if solver.peer and row.trouble.startswith("not installed"):
        pytest.skip(row.trouble)
    return row


@pytest.mark.parametrize(
    ("solver", "problem"),
    [
        ("sindy", "chaos-0%"),
        ("sindy-ssr", "chaos-0%"),
        ("sindy-stlsq", "lorenz-10k"),
        ("sindy-stlsq", "lorenz96-66"),
        ("sindy-ensemble", "lorenz-noise-1%"),
        ("sindy-weak", "weak-ks-200"),
        ("pysindy", "chaos-0%"),
        ("pysindy-stlsq", "lorenz-10k"),
        ("pysindy-stlsq", "lorenz96-66"),
        ("pysindy-ensemble", "lorenz-noise-1%"),
        ("pysindy-weak", "weak-ks-200"),
        ("numpy-stlsq", "lorenz-10k"),
        ("numpy-stlsq", "lorenz-noise-1%"),
    ],
)
def test_a_solver_finds_the_equations(solver, problem):
    row = only_row(small(problem, n_states=6), SOLVERS[solver], seed=3209)
    assert row.trouble == "" and row.solved() == 1 and row.counts()["terms"] > 0


def test_pysindys_stepwise_regression_ends_though_it_keeps_too_many_terms():
    row = only_row(small("chaos-0.1%", n_samples=300), SOLVERS["pysindy-ssr"], seed=3217)
    assert row.trouble == "" and row.is_timed


@pytest.mark.parametrize("solver", ["pysindy-stlsq", "numpy-stlsq"])
@pytest.mark.parametrize("name", ["lorenz-10k", "lorenz-noise-5%", "lorenz96-66"])
def test_a_peer_with_the_same_method_finds_the_same_terms_and_coefficients(name, solver):
    pytest.importorskip("pysindy")
    problem = small(name, n_states=6, n_samples=3000)
    system = next(iter(problem.make(np.random.default_rng(3221), **problem.parameters)))
    found, theirs = (SOLVERS[each].start(None, 0.0)(*system).x for each in ("sindy-stlsq", solver))
    assert np.array_equal(found != 0, theirs != 0)
    assert np.abs(found - theirs).max() < 1e-6


def test_no_solver_looks_at_the_truth():
    problem = small("lorenz-noise-1%")
    (x, x_dot, task, truth), *_ = problem.make(np.random.default_rng(3229), **problem.parameters)
    for name in ("sindy", "sindy-stlsq", "sindy-ensemble", "numpy-stlsq"):
        answers = [SOLVERS[name].start(None, 0.0)(x, x_dot, task, other).x for other in (truth, np.nan * truth)]
        assert np.array_equal(*answers)


def test_a_solver_runs_where_the_traits_of_the_problem_let_it():
    def names(problem):
        return {name for name, solver in DYNAMICS.items() if applies(solver, PROBLEMS[problem], 2)}

    assert names("lorenz-100k") == {"sindy-stlsq", "pysindy-stlsq", "numpy-stlsq"}
    assert names("lorenz-10k-bootstraps") == {"sindy-ensemble", "pysindy-ensemble"}
    assert names("weak-ks-200") == {"sindy-weak", "pysindy-weak"}
    assert names("chaos-1%") == {"sindy", "pysindy", "sindy-ssr", "pysindy-ssr"}

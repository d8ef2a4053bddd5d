"""A toy problem and toy solvers, in which every figure is known beforehand."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.sparse import diags_array

from sparsesci.bench.objectives.relative_residual import relative_residual
from sparsesci.bench.problem import Problem
from sparsesci.bench.solver import Answer, Solver


def diagonal_systems(rng, n, length):
    """Yield systems with a random positive diagonal and a right-hand side of ones."""
    for _ in range(length):
        yield diags_array(1 + rng.random(n), format="csr"), np.ones(n)


@pytest.fixture
def toy_problem():
    """Three diagonal systems of five unknowns."""
    return Problem(
        name="toy",
        family="krylov",
        says="a diagonal matrix",
        parameters={"n": 5, "length": 3},
        make=diagonal_systems,
        error=relative_residual,
        goal=1e-8,
    )


@pytest.fixture
def toy_solver():
    """Return a function that makes a solver of a plain function ``solve(A, b) -> x``, which always claims success."""

    def make(solve, name="toy-solver", **fields):
        def start(preconditioner, goal):
            return lambda A, b: Answer(solve(A, b), success=True, counts={"matvecs": 7})

        return replace(Solver(name, "krylov", "a toy", start), **fields)

    return make


@pytest.fixture
def divide():
    """Return the exact solution of a diagonal system."""
    return lambda A, b: b / A.diagonal()

"""The shipped matrices are those that their README describes."""

import numpy as np
import pytest

from sparsesci.bench.objectives.relative_residual import relative_residual
from sparsesci.bench.problems import PROBLEMS


@pytest.mark.parametrize(
    ("name", "n", "entries", "dtype"),
    [
        ("1138bus", 1138, 4054, np.float64),
        ("jpwh_991", 991, 6027, np.float64),
        ("young1c", 841, 4089, np.complex128),
    ],
)
def test_a_shipped_matrix_has_its_size_and_its_solution_is_ones(name, n, entries, dtype):
    problem = PROBLEMS[name]
    ((A, b),) = problem.make(np.random.default_rng(51), **problem.parameters)
    assert A.shape == (n, n) and A.nnz == entries and A.dtype == b.dtype == dtype
    assert relative_residual(A, b, np.ones(n)) == 0


def test_the_power_network_is_symmetric_positive_definite():
    problem = PROBLEMS["1138bus"]
    assert "spd" in problem.traits
    ((A, _),) = problem.make(np.random.default_rng(52), **problem.parameters)
    assert abs(A - A.T).max() == 0
    assert np.linalg.cholesky(A.toarray()).diagonal().min() > 0  # it exists


@pytest.mark.parametrize("preconditioner", ["none", "jacobi", "ilu0"])
def test_every_matrix_comes_with_every_preconditioner(preconditioner):
    named = {problem.parameters["matrix"] for problem in PROBLEMS.values()
             if "matrix" in problem.parameters and problem.preconditioner == preconditioner}  # fmt: skip
    assert named == {"1138bus", "jpwh_991", "young1c"}

"""The electrocardiogram and its measurements are what they say."""

import numpy as np
import pytest

from sparsesci.bench.problems.ecg import PROBLEMS, electrocardiogram, sensed


def test_the_signal_is_that_of_pywavelets():
    data = pytest.importorskip("pywt.data")
    given = data.ecg().astype(float)
    np.testing.assert_array_equal(electrocardiogram(), given - given.mean())
    assert not electrocardiogram().flags.writeable


@pytest.mark.parametrize("problem", PROBLEMS, ids=lambda problem: problem.name)
def test_a_system_is_as_large_as_it_says_and_has_no_noise(problem):
    (A, y, x, noise_var), (other, *_) = problem.make(np.random.default_rng(5417), **{**problem.parameters, "length": 2})
    assert A.shape == (problem.parameters["measurements"], 1024) and noise_var == 0
    np.testing.assert_array_equal(y, A @ x)
    assert not np.array_equal(A, other) and problem.error(A, y, x, noise_var, 0.9 * x) == pytest.approx(10)


def test_a_sparse_matrix_has_two_ones_in_each_column():
    ((A, *_),) = sensed(np.random.default_rng(5419), 256, "two-ones", 1)
    assert np.all(A.sum(axis=0) == 2) and set(np.unique(A)) == {0.0, 1.0}


def test_an_unknown_matrix_is_refused():
    with pytest.raises(ValueError, match="kind is 'fourier': accepted are 'normal'"):
        next(sensed(np.random.default_rng(5431), 256, "fourier", 1))

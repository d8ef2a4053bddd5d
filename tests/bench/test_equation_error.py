"""The measure of equations: relative errors below 1 where exactly the true terms were found, above it where not."""

import numpy as np
import pytest

from sparsesci.bench.objectives.equation_error import equation_error

TRUTH = np.array([[0.0, 3.0, 4.0], [2.0, 0.0, 0.0]])


def error_of(found):
    """Return the error of coefficients; the samples do not matter."""
    return equation_error(None, None, None, TRUTH, np.array(found))


def test_the_true_equations_have_no_error():
    assert error_of(TRUTH) == 0


def test_the_worst_equation_counts():
    assert error_of([[0, 3, 4.5], [2.4, 0, 0]]) == pytest.approx(0.2)


@pytest.mark.parametrize("found", [[[1e-9, 3, 4], [2, 0, 0]], [[0, 3, 0], [2, 0, 0]], np.zeros((2, 3))])
def test_a_wrong_term_is_an_error_of_at_least_one(found):
    assert error_of(found) >= 1


def test_nan_is_no_solution():
    assert np.isnan(error_of([[0, 3, np.nan], [2, 0, 0]]))


def test_coefficients_of_another_shape_are_refused():
    with pytest.raises(ValueError, match=r"shape \(3, 2\): \(2, 3\) is needed"):
        error_of(TRUTH.T)

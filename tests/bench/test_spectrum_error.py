"""The error of a spectrum cannot be small for one that is wrong."""

import numpy as np
import pytest

from sparsesci.bench.objectives.spectrum_error import spectrum_error, squared_error
from sparsesci.bench.oracle import Oracle


def truth():
    """Return the system with coefficients 3 at 5 and -4 at 2^39."""
    return Oracle(40, np.array([5, 1 << 39], np.uint64), np.array([3.0, -4.0]), 0.0, 7), 40, 2, 0.0


def error_of(indices, values):
    return spectrum_error(*truth(), (np.array(indices, np.uint64), np.array(values)))


def test_the_true_spectrum_has_no_error_in_any_order():
    assert error_of([5, 1 << 39], [3.0, -4.0]) == 0 == error_of([1 << 39, 5], [-4.0, 3.0])


def test_the_error_is_the_squared_one_beside_the_energy():
    assert error_of([5, 1 << 39], [3.0, -4.5]) == pytest.approx(0.25 / 25)
    assert error_of([5, 1 << 39], [3.0, -4.0 + 0.5j]) == pytest.approx(0.25 / 25)


def test_what_is_found_beside_the_truth_counts_and_where_it_is_no_rounding_breaks_the_support():
    assert error_of([5, 1 << 39, 6], [3.0, -4.0, 1e-9]) == pytest.approx(1e-18 / 25)
    assert error_of([5, 1 << 39, 6], [3.0, -4.0, 2.0]) == pytest.approx(1 + 4 / 25)


def test_what_is_missing_breaks_the_support():
    assert error_of([1 << 39], [-4.0]) == pytest.approx(1 + 9 / 25)
    assert error_of([5, 1 << 39], [1.0, -4.0]) == pytest.approx(1 + 4 / 25)
    assert error_of([], []) == pytest.approx(2)


def test_the_squared_error_alone_does_not_look_at_the_support():
    f = truth()[0]
    assert squared_error(f, (np.array([1 << 39], np.uint64), np.array([-4.0]))) == pytest.approx(9 / 25)


def test_nan_is_no_spectrum():
    assert not error_of([5, 1 << 39], [3.0, np.nan]) <= 1


@pytest.mark.parametrize(
    ("indices", "values", "match"),
    [([5, 6], [1.0], "one length"), ([[5]], [[1.0]], "one length"), ([5, 5], [1.0, 2.0], "index twice")],
)
def test_an_answer_that_is_no_spectrum_is_refused(indices, values, match):
    with pytest.raises(ValueError, match=match):
        error_of(indices, values)

"""Savitzky-Golay filters, alone and before finite differences: SciPy's answers, polynomials, noise."""

import numpy as np
import pytest
import scipy.signal

from sparsesci.recovery.dynamics.differentiate import (
    finite_difference,
    savitzky_golay,
    smoothed_finite_difference,
)


@pytest.mark.parametrize(("window", "degree", "derivative"), [(5, 3, 0), (11, 3, 1), (21, 4, 2), (15, 5, 3), (7, 0, 0)])
def test_it_is_the_filter_of_scipy(window, degree, derivative):
    x = np.random.default_rng(5201).standard_normal((60, 3)).cumsum(axis=0)
    found = savitzky_golay(x, 0.02, window=window, degree=degree, derivative=derivative)
    options = {"deriv": derivative, "delta": 0.02, "axis": 0, "mode": "interp"}
    expected = scipy.signal.savgol_filter(x, window, degree, **options)
    np.testing.assert_allclose(found, expected, atol=1e-11 * np.abs(expected).max())


@pytest.mark.parametrize("derivative", [0, 1, 2])
def test_polynomials_up_to_the_degree_are_exact_ends_included(lib, derivative):
    t = np.linspace(-1, 1, 40)
    polynomial = np.polynomial.Polynomial([2, -1, 0.5, 3])
    found = lib.host(savitzky_golay(lib.array(polynomial(t)), lib.array(t), window=9, derivative=derivative))
    np.testing.assert_allclose(found, polynomial.deriv(derivative)(t), atol=1e-10)


def test_a_window_of_five_smooths_no_first_derivative():
    x = np.random.default_rng(5209).standard_normal(40)
    fitted, plain = savitzky_golay(x, 0.1, window=5), finite_difference(x, 0.1, order=4)
    np.testing.assert_allclose(fitted[2:-2], plain[2:-2], atol=1e-12)


def test_the_published_setting_smooths_and_then_takes_differences(lorenz):
    t, x, _ = lorenz
    noisy = x + 0.1 * np.random.default_rng(5227).standard_normal(x.shape)
    smooth, x_dot = smoothed_finite_difference.smoothed(noisy, t, window=5, degree=3)
    expected = scipy.signal.savgol_filter(noisy, 5, 3, axis=0)
    np.testing.assert_allclose(smooth, expected, atol=1e-12)
    np.testing.assert_allclose(x_dot, np.gradient(expected, 0.01, axis=0, edge_order=2), atol=1e-10)


def test_the_noise_of_the_answer_is_what_the_docstring_says():
    noise = np.random.default_rng(5231).standard_normal((200, 500))
    for degree, factor in ((2, 1.0), (4, 2.5)):
        found = savitzky_golay(noise, 1.0, window=41, degree=degree)[50:-50]
        assert np.std(found) == pytest.approx(factor * np.sqrt(12 / 41**3), rel=0.05)


def test_options_that_make_no_sense_are_named():
    for options, message in (
        ({"window": 8}, "window is 8: an odd number"),
        ({"window": 5, "degree": 5}, "degree is 5: below the window, 5"),
        ({"derivative": 4}, "derivative is 4: at most the degree of the polynomials, 3"),
        ({"window": 51}, r"x has 50 samples along axis 0: savitzky_golay\(window=51\) needs at least 51"),
    ):
        with pytest.raises(ValueError, match=message):
            savitzky_golay(np.ones(50), 0.1, **options)

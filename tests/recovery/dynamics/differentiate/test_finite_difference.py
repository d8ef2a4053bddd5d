"""Finite differences: orders, boundaries, any times, periods."""

import numpy as np
import pytest

from sparsesci.recovery.dynamics.differentiate import finite_difference
from sparsesci.recovery.dynamics.differentiate.stencil import weights


def test_the_weights_of_textbooks_come_out():
    points = np.arange(-2.0, 3)[None]
    np.testing.assert_allclose(12 * weights(points, 1)[0], [1, -8, 0, 8, -1], atol=1e-14)
    np.testing.assert_allclose(12 * weights(points, 2)[0], [-1, 16, -30, 16, -1], atol=1e-13)
    np.testing.assert_allclose(2 * weights(points, 3)[0], [-1, 2, 0, -2, 1], atol=1e-14)


@pytest.mark.parametrize("derivative", [1, 2, 3, 4])
@pytest.mark.parametrize("order", [2, 4, 8])
def test_polynomials_of_the_order_are_exact_ends_included(order, derivative):
    t = np.linspace(-1, 1, 24)
    polynomial = np.polynomial.Polynomial(np.random.default_rng(5101).standard_normal(order + derivative))
    found = finite_difference(polynomial(t), t, order=order, derivative=derivative)
    expected = polynomial.deriv(derivative)(t)
    np.testing.assert_allclose(found, expected, atol=1e-13 * (24.0 * 3) ** derivative * np.abs(expected).max())


@pytest.mark.parametrize("derivative", [1, 2, 3])
def test_polynomials_are_exact_on_times_that_are_not_uniform(lib, derivative):
    t = np.cumsum(np.random.default_rng(5107).uniform(0.2, 1, 20))
    t -= t.mean()
    polynomial = np.polynomial.Polynomial([1, -2, 0.5, 0.3, -0.1])
    found = lib.host(finite_difference(lib.array(polynomial(t)), lib.array(t), order=4, derivative=derivative))
    np.testing.assert_allclose(found, polynomial.deriv(derivative)(t), atol=1e-10)


@pytest.mark.parametrize("order", [2, 4, 6])
@pytest.mark.parametrize("is_uniform", [True, False])
def test_the_error_falls_with_the_order_ends_included(order, is_uniform):
    def error(n):
        t = np.linspace(0, 1, n)
        t = t if is_uniform else t + 0.1 * np.sin(np.pi * t)
        return np.abs(finite_difference(np.exp(2 * t), t, order=order) - 2 * np.exp(2 * t)).max()

    assert np.log2(error(41) / error(81)) == pytest.approx(order, abs=0.4)


def test_a_constant_has_derivative_zero_however_large(lib):
    for times in (0.1, lib.array(np.cumsum(np.random.default_rng(5113).uniform(0.5, 1, 30)))):
        x = lib.array(np.full((30, 2), np.float32(123456.78)))
        assert np.all(lib.host(finite_difference(x, times, order=6)) == 0)


@pytest.mark.parametrize("derivative", [1, 2])
def test_a_period_is_closed_at_its_ends(lib, derivative):
    t = 2 * np.pi * np.arange(200) / 200
    found = lib.host(finite_difference(lib.array(np.sin(t)), t[1], order=8, derivative=derivative, periodic=True))
    np.testing.assert_allclose(found, np.cos(t) if derivative == 1 else -np.sin(t), atol=1e-11)
    with pytest.raises(ValueError, match="periodic=True with times that are not uniform"):
        finite_difference(t, np.sort(np.random.default_rng(5119).random(200)), periodic=True)


def test_options_that_make_no_sense_are_named():
    with pytest.raises(ValueError, match="order is 3: an even number"):
        finite_difference(np.ones(20), 0.1, order=3)
    with pytest.raises(ValueError, match="derivative is 0: an integer >= 1"):
        finite_difference(np.ones(20), 0.1, derivative=0)
    with pytest.raises(ValueError, match=r"x has 5 samples.*order=4, derivative=2\) needs at least 6"):
        finite_difference(np.ones(5), 0.1, order=4, derivative=2)
    assert finite_difference(np.ones(6), 0.1, order=4, derivative=2).shape == (6,)


def test_more_samples_at_the_edges_raise_the_order_there():
    t = np.linspace(0, 1, 21)
    cubic = t**3
    assert abs(finite_difference(cubic, t)[0]) > 1e-3
    found = finite_difference(cubic, t, edge=4)
    assert np.allclose(found[[0, -1]], [0, 3], atol=1e-12)
    assert np.array_equal(found[1:-1], finite_difference(cubic, t)[1:-1])


def test_more_samples_at_the_edges_work_on_any_times():
    t = np.sort(np.random.default_rng(4909).uniform(0, 1, 25))
    assert np.allclose(finite_difference(t**3, t, edge=4)[[0, -1]], 3 * t[[0, -1]] ** 2, atol=1e-9)


def test_fewer_samples_at_the_edges_than_the_order_needs_are_refused():
    with pytest.raises(ValueError, match="edge is 2"):
        finite_difference(np.arange(9.0), edge=2)

"""What every method asks of x and t: kinds, shapes, axes, and messages."""

import functools

import numpy as np
import pytest

from sparsesci.recovery.dynamics import differentiate
from sparsesci.recovery.dynamics.differentiate import (
    automatic,
    finite_difference,
    kalman,
    savitzky_golay,
    smoothed,
    smoothed_finite_difference,
    spectral,
    total_variation,
)


def rate(x, t=1.0, **options):
    """Call `automatic` as if it returned the derivative alone."""
    return automatic(x, t, **options)[1]


LINEAR = {
    "finite_difference": finite_difference,
    "savitzky_golay": savitzky_golay,
    "smoothed_finite_difference": smoothed_finite_difference,
    "spectral": spectral,
}
NEED_UNIFORM = {name: LINEAR[name] for name in list(LINEAR)[1:]}
METHODS = LINEAR | {"kalman": kalman, "total_variation": total_variation, "automatic": rate}
SMOOTHERS = {
    "kalman": kalman,
    "savitzky_golay": savitzky_golay,
    "smoothed_finite_difference": smoothed_finite_difference,
    "total_variation": total_variation,
}


def each(methods):
    return pytest.mark.parametrize("method", methods.values(), ids=methods)


def periodic_samples(n=64, d=3):
    t = 0.1 * np.arange(n)
    phases = 2 * np.pi * np.arange(n)[:, None] / n * np.arange(1, d + 1)
    return t, np.sin(phases)


def test_the_public_names_are_what_the_page_lists():
    assert all(f"`{name}`" in differentiate.__doc__ for name in differentiate.__all__)


@each(METHODS)
def test_the_answer_has_the_library_shape_and_dtype_of_x(lib, method):
    t, x = periodic_samples()
    for dtype in ("float32", "float64"):
        x_dot = method(lib.array(x.astype(dtype)), 0.1)
        assert lib.host(x_dot).dtype == dtype and lib.host(x_dot).shape == x.shape
        expected = method(x, 0.1)
        tolerance = 3e-2 if dtype == "float32" else 1e-12
        np.testing.assert_allclose(lib.host(x_dot), expected, atol=tolerance * np.abs(expected).max())
    np.testing.assert_allclose(lib.host(method(lib.array(x), lib.array(t))), expected, atol=1e-10)


@each(METHODS)
def test_any_axis_of_any_array_may_hold_the_samples(method):
    _, x = periodic_samples()
    field = np.stack([x, 2 * x], axis=1)  # (n, 2, d)
    expected = method(x, 0.1)
    found = method(np.moveaxis(field, 0, 2), 0.1, axis=-1)
    np.testing.assert_allclose(np.moveaxis(found, 2, 0), np.stack([expected, 2 * expected], axis=1), atol=1e-9)
    np.testing.assert_allclose(method(x[:, 1], 0.1), expected[:, 1], atol=1e-12)


@each(METHODS)
def test_integers_are_promoted_and_not_truncated(method):
    x = np.random.default_rng(5003).integers(-9, 9, (40, 2)).cumsum(axis=0)
    x[-1] = x[0]  # not to be warned of a jump
    found = method(x, 0.3)
    assert found.dtype == np.float64 and np.any(found != np.round(found))
    np.testing.assert_array_equal(found, method(x.astype(float), 0.3))


@each(METHODS)
def test_neither_x_nor_t_is_changed_or_shared(method):
    t, x = periodic_samples(d=1)
    for samples in (x + 1e-3 * np.random.default_rng(5023).standard_normal(x.shape), x[:, 0].copy()):
        before, times = samples.copy(), t.copy()
        found = method(samples, times)
        np.testing.assert_array_equal(samples, before)
        np.testing.assert_array_equal(times, t)
        assert not np.shares_memory(found, samples)


@each(LINEAR | {"automatic": rate})
def test_complex_samples_are_real_and_imaginary_ones(method):
    _, x = periodic_samples()
    found = method(x + 2j * x[:, ::-1], 0.1)
    np.testing.assert_allclose(found, method(x, 0.1) + 2j * method(x[:, ::-1], 0.1), atol=1e-12)


@each({"kalman": kalman, "total_variation": total_variation})
def test_a_method_that_is_not_linear_refuses_complex_samples(method):
    with pytest.raises(TypeError, match="stack real and imaginary parts"):
        method(np.ones(30, complex), 0.1)


@each(METHODS)
def test_bad_samples_and_times_are_named(method):
    t, x = periodic_samples()
    broken = x.copy()
    broken[7, 2] = np.nan
    cases = [
        ((broken, 0.1), r"x\[7, 2\] is nan"),
        ((x, -0.1), "t is -0.1: a positive number"),
        ((x, t[:-1]), r"t has shape \(63,\).*times \(64,\)"),
        ((x, t[::-1]), r"t is decreasing: t\[0\] is 6.3"),
        ((x, np.where(np.arange(64) == 9, t[8], t)), r"t is repeated: t\[8\] is 0.8.*t\[9\]"),
        ((x, np.where(np.arange(64) == 9, np.inf, t)), r"t\[9\] is inf"),
        ((x[:2], 0.1), "x has 2 samples along axis 0: .* at least"),
        ((x[:0], 0.1), "not empty"),
    ]
    for arguments, message in cases:
        with pytest.raises(ValueError, match=message):
            method(*arguments)
    with pytest.raises(ValueError, match="axis is 2, but x has 2 dimensions"):
        method(x, 0.1, axis=2)
    with pytest.raises(TypeError, match=r"axis is 1\.0: an integer"):
        method(x, 0.1, axis=1.0)
    with pytest.raises(TypeError, match="numbers are needed"):
        method(np.array(["a", "b"]), 0.1)


@each(NEED_UNIFORM)
def test_a_method_for_uniform_times_refuses_others_with_advice(method):
    t, x = periodic_samples()
    with pytest.raises(ValueError, match=r"steps of t lie between 0.05 and 0.15.*use finite_difference, kalman"):
        method(x, np.where(np.arange(64) == 9, t + 0.05, t))


@each(METHODS)
def test_times_that_differ_by_rounding_alone_are_uniform(method):
    t, x = periodic_samples()
    for shifted in (t.astype(np.float32), 1e4 + t, np.round(t, 9)):
        np.testing.assert_allclose(method(x, shifted), method(x, 0.1), rtol=1e-5, atol=1e-5)


@each(SMOOTHERS)
def test_smoothed_gives_the_derivative_of_the_method_and_a_smoother_x(method):
    rng = np.random.default_rng(5009)
    t = np.linspace(0, 10, 401)
    noisy = np.sin(t) + 0.01 * rng.standard_normal(401)
    x, x_dot = smoothed(noisy, t, method)
    np.testing.assert_array_equal(x_dot, method(noisy, t))
    assert np.std(x - np.sin(t)) < 0.8 * np.std(noisy - np.sin(t))


def test_smoothed_passes_on_what_a_partial_sets():
    noisy = np.random.default_rng(5011).standard_normal(60)
    x, x_dot = smoothed(noisy, 0.1, functools.partial(functools.partial(savitzky_golay, window=7), degree=2))
    np.testing.assert_array_equal(x, savitzky_golay(noisy, 0.1, window=7, degree=2, derivative=0))
    np.testing.assert_array_equal(x_dot, savitzky_golay(noisy, 0.1, window=7, degree=2))


def test_smoothed_leaves_x_to_a_method_that_smooths_nothing():
    x = np.random.default_rng(5021).standard_normal((60, 2))
    same, x_dot = smoothed(x, 0.1, lambda x, t: np.gradient(x, t, axis=0))
    assert same is x and x_dot.shape == x.shape
    assert smoothed(x, 0.1, finite_difference)[0] is x
    np.testing.assert_array_equal(smoothed(x, 0.1), automatic(x, 0.1))

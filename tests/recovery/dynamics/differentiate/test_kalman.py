"""The Kalman smoother: splines, its reference, learning, noise-free limits, odd times."""

import numpy as np
import pytest
from scipy.interpolate import make_interp_spline, make_smoothing_spline

from sparsesci.recovery.dynamics.differentiate import finite_difference, kalman
from sparsesci.recovery.dynamics.differentiate.kalman import model_of
from sparsesci.recovery.dynamics.differentiate.wiener import innovations, smooth


def some_steps(n, *, seed, is_uniform):
    steps = np.ones(n - 1) if is_uniform else np.random.default_rng(seed).uniform(0.2, 2, n - 1)
    return steps / steps.mean()


@pytest.mark.parametrize("order", [2, 3, 5])
@pytest.mark.parametrize("is_uniform", [True, False])
@pytest.mark.parametrize("noise", [0.0, 1e-3, 30.0])
def test_the_kernels_repeat_the_reference(order, is_uniform, noise):
    Y = np.random.default_rng(5303).standard_normal((150, 3)).cumsum(axis=0) / 10
    model = model_of(some_steps(150, seed=5304, is_uniform=is_uniform), is_uniform, order)
    for compiled, reference in zip(innovations(Y, *model, noise), innovations.reference(Y, *model, noise), strict=True):
        np.testing.assert_allclose(compiled, reference, rtol=1e-9)
    compiled, reference = (function(Y[:, 0].copy(), *model, noise, 1) for function in (smooth, smooth.reference))
    np.testing.assert_allclose(compiled, reference, atol=1e-9)


@pytest.mark.parametrize("is_uniform", [True, False])
def test_order_two_is_the_cubic_smoothing_spline_of_scipy(is_uniform):
    rng = np.random.default_rng(5309)
    t = np.linspace(0, 5, 60) if is_uniform else np.sort(rng.uniform(0, 5, 60))
    x = np.sin(t) + 0.1 * rng.standard_normal(60)
    h = (t[-1] - t[0]) / 59
    spline = make_smoothing_spline(t, x, lam=0.4**4 / h)
    smooth_x, x_dot = kalman.smoothed(x, t, order=2, smoothing_time=0.4)
    np.testing.assert_allclose(smooth_x, spline(t), atol=1e-9)
    np.testing.assert_allclose(x_dot, spline.derivative()(t), atol=1e-8)


@pytest.mark.parametrize("order", [2, 3, 4])
def test_no_smoothing_is_the_natural_spline_through_the_samples(order):
    rng = np.random.default_rng(5323)
    t = np.cumsum(rng.uniform(0.5, 1.5, 30))
    x = rng.standard_normal(30)
    ends = [(k, 0.0) for k in range(order, 2 * order - 1)]
    spline = make_interp_spline(t, x, k=2 * order - 1, bc_type=(ends, ends))
    smooth_x, x_dot = kalman.smoothed(x, t, order=order, smoothing_time=0)
    np.testing.assert_allclose(smooth_x, x, atol=1e-13)
    np.testing.assert_allclose(x_dot, spline.derivative()(t), atol=1e-7)


@pytest.mark.parametrize("smoothing_time", [None, 0, 0.3, 1e3])
def test_polynomials_below_the_order_pass_unchanged(smoothing_time):
    t = np.cumsum(np.random.default_rng(5327).uniform(0.5, 1.5, 50)) / 25
    polynomial = np.polynomial.Polynomial([1, -2, 0.5, 0.25])
    x, x_dot = kalman.smoothed(polynomial(t), t, smoothing_time=smoothing_time)
    np.testing.assert_allclose(x, polynomial(t), atol=1e-8)
    np.testing.assert_allclose(x_dot, polynomial.deriv()(t), atol=1e-7)


def test_a_straight_line_is_what_is_left_of_much_smoothing():
    t = np.linspace(0, 1, 80)
    x = t + np.random.default_rng(5329).standard_normal(80)
    found = kalman(x, t, order=2, smoothing_time=1e3)
    np.testing.assert_allclose(found, np.polyfit(t, x, 1)[0], rtol=1e-5)


@pytest.mark.parametrize("order", [2, 3, 4, 5])
def test_without_noise_the_error_inside_is_that_of_a_spline(lorenz, order):
    t, x, x_dot = lorenz
    error = np.abs(kalman(x, t, order=order) - x_dot)[40:-40].max() / np.abs(x_dot).max()
    assert error < {2: 3e-4, 3: 3e-6, 4: 3e-7, 5: 3e-8}[order]


@pytest.mark.parametrize("order", [4, 5])
@pytest.mark.parametrize("level", [1e-3, 1e-2])
def test_what_is_learned_is_nearly_the_best_smoothing_time(lorenz, order, level):
    t, x, x_dot = lorenz
    noisy = x + level * np.std(x) * np.random.default_rng(5333).standard_normal(x.shape)

    def error(**options):
        return np.linalg.norm(kalman(noisy, t, order=order, **options) - x_dot)

    best = min(error(smoothing_time=time) for time in np.geomspace(2e-3, 0.1, 25))
    assert error() < 1.4 * best
    assert error() < 0.6 * np.linalg.norm(finite_difference(noisy, t) - x_dot)


def test_noise_is_learned_from_a_long_series_as_from_a_short_one():
    t = 0.05 * np.arange(20_000)
    noisy = np.sin(t) + 0.01 * np.random.default_rng(5347).standard_normal(20_000)
    whole, short = kalman(noisy, t), kalman(noisy[:5000], t[:5000])
    error, of_short = whole - np.cos(t), short - np.cos(t[:5000])
    assert np.std(error) < 1.2 * np.std(of_short) < 0.02


@pytest.mark.parametrize("is_uniform", [True, False])
def test_units_of_x_and_t_do_not_matter(is_uniform):
    rng = np.random.default_rng(5351)
    t = np.linspace(0, 3, 200) if is_uniform else np.sort(rng.uniform(0, 3, 200))
    x = np.cos(t) + 1e-3 * rng.standard_normal(200)
    found = kalman(1e12 * x - 7e12, 1e-6 * t)
    np.testing.assert_allclose(found / 1e18, kalman(x, t), atol=1e-4)


def test_steps_of_very_different_sizes_do_no_harm():
    t = np.cumsum(10.0 ** np.random.default_rng(5381).uniform(-4, -1, 300))
    x, x_dot = kalman.smoothed(np.sin(t), t)
    assert np.isfinite(x_dot).all() and np.abs(x - np.sin(t)).max() < 1e-6
    assert np.abs(x_dot - np.cos(t))[10:-10].max() < 1e-3


@pytest.mark.parametrize("side", [1, -1])
def test_close_samples_at_one_end_do_not_amplify_their_noise(side):
    steps = np.r_[np.full(6, 1e-6), np.full(194, 0.05)][::side]
    t = np.r_[0, np.cumsum(steps)]
    noisy = np.sin(t) + 1e-3 * np.random.default_rng(5387).standard_normal(201)
    for derivative, expected in ((1, np.cos(t)), (2, -np.sin(t))):
        assert np.abs(kalman(noisy, t, derivative=derivative) - expected)[10:-10].max() < 0.01 * 5**derivative


def test_close_samples_at_both_ends_are_warned_of():
    t = np.cumsum(np.r_[np.full(6, 1e-8), np.full(50, 0.1), np.full(6, 1e-8)])
    with pytest.warns(UserWarning, match="first and the last 4 samples lie within .* average them first"):
        kalman(np.sin(t), t)


def test_time_may_run_either_way():
    t = np.cumsum(np.random.default_rng(5393).uniform(0.02, 0.1, 120))
    noisy = np.sin(t) + 1e-2 * np.random.default_rng(5399).standard_normal(120)
    forth, back = kalman(noisy, t), kalman(noisy[::-1], (t[-1] - t)[::-1])
    np.testing.assert_allclose(forth, -back[::-1], atol=1e-9)


def test_higher_derivatives_are_those_of_the_same_spline(lorenz):
    t, x, x_dot = lorenz
    second = kalman(x, t, order=5, derivative=2)
    expected = finite_difference(x_dot, t, order=8)
    assert np.abs(second - expected)[40:-40].max() < 1e-5 * np.abs(expected).max()


@pytest.mark.parametrize("x", [np.zeros(30), np.full(30, 5.0), np.arange(30.0)])
def test_a_constant_and_a_line_have_nothing_to_learn_from(x):
    np.testing.assert_allclose(kalman(x, 0.5), np.gradient(x, 0.5), atol=1e-9)


def test_options_that_make_no_sense_are_named():
    for options, message in (
        ({"order": 1}, "order is 1: an integer >= 2"),
        ({"order": 7}, "order is 7: 2 to 6"),
        ({"derivative": 4}, "derivative is 4: below the order, 4"),
        ({"smoothing_time": -1}, "smoothing_time is -1: a finite number >= 0"),
    ):
        with pytest.raises(ValueError, match=message):
            kalman(np.ones(30), 0.1, **options)

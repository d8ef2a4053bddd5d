"""Total variation: optimality, its reference, corners, the choice of alpha."""

import sys

import numpy as np
import pytest

from sparsesci.recovery.dynamics.differentiate import finite_difference, kalman, total_variation
from sparsesci.recovery.dynamics.differentiate.total_variation import fit
from sparsesci.solvers import ConvergenceWarning


def corner(n, *, seed, noise=0.01, is_uniform=True):
    rng = np.random.default_rng(seed)
    t = np.linspace(-1, 1, n) if is_uniform else np.sort(rng.uniform(-1, 1, n))
    return t, np.abs(t) + noise * rng.standard_normal(n)


@pytest.mark.parametrize("alpha", [1e-3, 1.0, 1e3])
@pytest.mark.parametrize("is_uniform", [True, False])
def test_the_kernel_repeats_the_reference(alpha, is_uniform):
    t, y = corner(60, seed=5407, noise=0.1, is_uniform=is_uniform)
    h = np.diff(t) / np.diff(t).mean()
    g = (np.append(h, 0) + np.append(0, h)) / 2
    (x, gap), (expected, expected_gap) = (function(y, h, g, alpha, 1e-7, 100) for function in (fit, fit.reference))
    np.testing.assert_allclose(x, expected, atol=1e-6)
    assert gap <= 1e-7 and expected_gap <= 1e-7


@pytest.mark.parametrize("is_uniform", [True, False])
def test_no_change_of_x_lowers_the_objective(is_uniform):
    t, y = corner(50, seed=5413, noise=0.1, is_uniform=is_uniform)
    steps = np.diff(t)
    g = (np.append(steps, 0) + np.append(0, steps)) / 2

    def objective(x):
        return 0.5 * np.sum(g * (x - y) ** 2) + 3e-3 * np.sum(np.abs(np.diff(np.diff(x) / steps)))

    x, _ = total_variation.smoothed(y, t, alpha=3e-3, rtol=1e-9)
    best, rng = objective(x), np.random.default_rng(5414)
    for size in (1e-1, 1e-3, 1e-5):
        tried = [objective(x + size * direction) for direction in rng.standard_normal((50, 50))]
        tried += [objective(x + size * row) for row in np.maximum(t - t[:, None], 0)]  # bend at one sample
        assert min(tried) >= best * (1 - 1e-8)


def test_a_corner_stays_sharp_where_a_smooth_prior_rounds_it():
    t, y = corner(301, seed=5419)
    error = np.abs(total_variation(y, t) - np.sign(t))
    assert error[np.abs(t) > 0.05].max() < 0.1
    assert np.mean(error) < 0.5 * np.mean(np.abs(kalman(y, t) - np.sign(t)))


@pytest.mark.parametrize("noise", [1e-3, 0.05])
def test_alpha_is_chosen_so_that_x_is_as_far_from_the_data_as_the_noise(noise):
    t, y = corner(400, seed=5431, noise=noise)
    x, _ = total_variation.smoothed(y, t)
    assert np.sqrt(np.mean((x - y) ** 2)) == pytest.approx(noise, rel=0.15)


def test_alpha_means_the_same_whatever_the_step():
    t, y = corner(2001, seed=5437, noise=0.0)
    coarse, fine = total_variation(y[::10], t[::10], alpha=0.02), total_variation(y, t, alpha=0.02)
    inside = np.abs(t[::10]) > 0.02
    np.testing.assert_allclose(coarse[inside], fine[::10][inside], atol=0.02)


def test_the_limits_of_alpha_are_the_data_and_a_line():
    t, y = corner(80, seed=5441, is_uniform=False)
    x, x_dot = total_variation.smoothed(y, t, alpha=0)
    np.testing.assert_allclose(x, y, atol=1e-15)
    np.testing.assert_allclose(x_dot[1:-1], finite_difference(y, t)[1:-1], atol=1e-9)
    assert np.ptp(total_variation(y, t, alpha=1e6)) < 1e-4


def test_a_series_without_noise_is_left_alone():
    t = np.linspace(0, 1, 100)
    np.testing.assert_allclose(total_variation.smoothed(t**2, t)[0], t**2, atol=1e-4)
    np.testing.assert_array_equal(total_variation(np.ones((9, 2)), 0.1), np.zeros((9, 2)))


def test_a_rule_that_is_not_met_is_warned_of(monkeypatch):
    monkeypatch.setattr(sys.modules[fit.__module__], "MAXITER", 4)
    t, y = corner(100, seed=5443)
    with pytest.warns(ConvergenceWarning, match="above the bound of its objective.*raise rtol"):
        total_variation(y, t, alpha=1e-3)


def test_options_that_make_no_sense_are_named():
    with pytest.raises(ValueError, match="alpha is -1: a finite number >= 0"):
        total_variation(np.ones(9), alpha=-1)
    with pytest.raises(ValueError, match="rtol is 0: a positive number"):
        total_variation(np.ones(9), rtol=0)

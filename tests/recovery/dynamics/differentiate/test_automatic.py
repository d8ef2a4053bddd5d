"""The default: exact where there is no noise, nearly the best where there is, and a series at a time."""

import numpy as np
import pytest

from sparsesci.recovery.dynamics.differentiate import automatic, finite_difference, kalman


def relative(found, x_dot):
    return np.linalg.norm(found - x_dot) / np.linalg.norm(x_dot)


def test_without_noise_it_is_differences_of_high_order(lorenz):
    t, x, x_dot = lorenz
    same, found = automatic(x, t)
    np.testing.assert_array_equal(same, x)
    np.testing.assert_array_equal(found, finite_difference(x, t[1], order=8))
    assert relative(found, x_dot) < 3e-6


@pytest.mark.parametrize("level", [1e-5, 1e-4, 1e-3, 1e-2])
def test_with_noise_it_is_as_good_as_the_best(lorenz, level):
    t, x, x_dot = lorenz
    noisy = x + level * np.std(x, axis=0) * np.random.default_rng(5501).standard_normal(x.shape)
    smooth, found = automatic(noisy, t)
    others = [finite_difference(noisy, t, order=order) for order in (2, 4, 6, 8)]
    others += [kalman(noisy, t, order=order) for order in (3, 4, 5)]
    assert relative(found, x_dot) < 1.2 * min(relative(other, x_dot) for other in others)
    assert np.linalg.norm(smooth - x) < 0.9 * np.linalg.norm(noisy - x)


def test_every_series_is_judged_for_itself(lorenz):
    t, x, _ = lorenz
    noisy = x.copy()
    noisy[:, 1] += 0.1 * np.random.default_rng(5503).standard_normal(len(x))
    smooth, found = automatic(noisy, t)
    np.testing.assert_array_equal(smooth[:, [0, 2]], x[:, [0, 2]])
    for j in range(3):
        np.testing.assert_allclose(found[:, j], automatic(noisy[:, j], t)[1], rtol=1e-9, atol=1e-9)


def test_it_takes_any_times():
    rng = np.random.default_rng(5507)
    t = np.cumsum(rng.uniform(0.005, 0.015, 600))
    assert np.abs(automatic(np.sin(5 * t), t)[1] - 5 * np.cos(5 * t)).max() < 1e-8
    noisy = np.sin(5 * t) + 1e-3 * rng.standard_normal(600)
    assert np.std(automatic(noisy, t)[1] - 5 * np.cos(5 * t)) < 0.1


@pytest.mark.parametrize("n", [3, 4, 5, 8, 9, 12])
def test_short_series_get_what_they_are_enough_for(n):
    t = np.linspace(0, 1, n)
    x, x_dot = automatic(t**2, t)
    np.testing.assert_allclose(x, t**2, atol=1e-12)
    np.testing.assert_allclose(x_dot, 2 * t, atol=1e-10)


@pytest.mark.parametrize("scale", [1e-200, 1e200])
def test_it_chooses_alike_in_any_units(lorenz, scale):
    t, x, _ = lorenz
    noisy = x + 0.01 * np.random.default_rng(5519).standard_normal(x.shape)
    np.testing.assert_allclose(automatic(scale * noisy, t)[1] / scale, automatic(noisy, t)[1], atol=1e-6)


def test_few_samples_of_sharp_peaks_are_not_smoothed_away():
    rng = np.random.default_rng(9127)
    t = np.arange(21.0)
    peaks = np.exp(3 * np.sin(2 * np.pi * t / 10)) / 5
    rate = 0.6 * np.pi * np.cos(2 * np.pi * t / 10) * peaks
    noisy = peaks + 0.05 * rng.standard_normal(21)
    smoothed, x_dot = automatic(noisy, t)
    assert np.abs(smoothed - noisy).max() < 0.3
    assert np.linalg.norm(x_dot - rate) < 0.7 * np.linalg.norm(kalman(noisy, t, order=5) - rate)


def test_of_many_samples_the_smoother_has_the_highest_order():
    t = np.linspace(0, 20, 300)
    noisy = np.sin(t) + 0.01 * np.random.default_rng(9133).standard_normal(300)
    assert np.array_equal(automatic(noisy, t)[1], kalman(noisy, t, order=5))

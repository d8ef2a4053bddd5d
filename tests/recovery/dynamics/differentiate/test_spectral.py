"""Spectral derivatives: exact on what the samples carry, filtered on demand, and warned of jumps."""

import numpy as np
import pytest

from sparsesci.recovery.dynamics.differentiate import spectral


@pytest.mark.parametrize("n", [31, 32])
@pytest.mark.parametrize("derivative", [1, 2, 3])
def test_trigonometric_polynomials_are_exact(lib, n, derivative):
    t = 3 * np.arange(n) / n
    wave = np.exp(2j * np.pi * 5 * t / 3)
    expected = (2j * np.pi * 5 / 3) ** derivative * wave
    for part in (np.asarray, np.real):
        found = lib.host(spectral(lib.array(part(wave)), t[1], derivative=derivative))
        np.testing.assert_allclose(found, part(expected), atol=1e-10 * np.abs(expected).max())


def test_the_highest_frequency_has_no_odd_derivative():
    x = (-1.0) ** np.arange(16)
    np.testing.assert_allclose(spectral(x, 0.5), 0, atol=1e-13)
    np.testing.assert_allclose(spectral(x, 0.5, derivative=2), -((np.pi / 0.5) ** 2) * x, rtol=1e-12)


def test_the_bandwidth_takes_away_what_is_faster(lib):
    t = 2 * np.pi * np.arange(100) / 100
    x = np.sin(3 * t) + np.sin(40 * t)
    found = lib.host(spectral(lib.array(x), t[1], bandwidth=0.5))
    np.testing.assert_allclose(found, 3 * np.cos(3 * t), atol=1e-11)
    with pytest.raises(ValueError, match=r"bandwidth is 1\.5: 0 < bandwidth <= 1"):
        spectral(x, 0.1, bandwidth=1.5)


def test_samples_that_are_not_periodic_are_warned_of(lib):
    with pytest.warns(UserWarning, match="x is not periodic.*use finite_difference"):
        spectral(lib.array(np.linspace(0, 1, 50)), 0.1)

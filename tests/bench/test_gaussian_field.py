"""Gaussian random fields and their drifting sequences."""

import numpy as np
import pytest

from sparsesci.bench.problems.gaussian_field import amplitudes, drifting_fields, gaussian_field


def test_a_field_has_no_mean():
    assert abs(gaussian_field(np.random.default_rng(11), 32).mean()) < 1e-14


def test_the_variance_is_the_sum_of_the_squared_amplitudes_on_every_grid():
    rng = np.random.default_rng(12)
    for n in (16, 24):
        mean_square = np.mean([gaussian_field(rng, n) ** 2 for _ in range(400)])
        assert mean_square == pytest.approx(np.sum(amplitudes(n, 2) ** 2), rel=0.05)


def test_the_amplitudes_follow_the_published_spectrum():
    k = 3
    published = 7 ** (2.5 - 1) * (4 * np.pi**2 * k**2 + 7**2) ** (-2.5 / 2)
    assert amplitudes(16, 3)[0, k, 0] == pytest.approx(published)


def test_a_field_in_three_dimensions_is_real_and_of_that_shape():
    field = gaussian_field(np.random.default_rng(13), 6, 3)
    assert field.shape == (6, 6, 6) and field.dtype == np.float64


@pytest.mark.parametrize("drift", [0.0, 0.6, 0.95])
def test_neighbours_in_a_sequence_correlate_as_asked_and_keep_their_variance(drift):
    fields = np.array(list(drifting_fields(np.random.default_rng(14), 8, 2, drift, 4000)))
    variance = np.sum(amplitudes(8, 2) ** 2)
    assert np.mean(fields**2) == pytest.approx(variance, rel=0.1)
    assert np.mean(fields[1:] * fields[:-1]) / np.mean(fields**2) == pytest.approx(drift, abs=0.03)


def test_a_drift_of_one_repeats_one_field():
    first, second = drifting_fields(np.random.default_rng(15), 8, 2, 1.0, 2)
    assert np.array_equal(first, second)


def test_a_drift_that_is_no_correlation_is_refused():
    with pytest.raises(ValueError, match=r"drift is 1\.5"):
        next(drifting_fields(np.random.default_rng(16), 8, 2, 1.5, 2))

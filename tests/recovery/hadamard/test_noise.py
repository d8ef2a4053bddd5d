"""How large the noise is, and the units of computation."""

from itertools import pairwise

import numpy as np
import pytest

from sparsesci.recovery import fwht
from sparsesci.recovery.hadamard import noise
from sparsesci.recovery.hadamard.dense_spectrum import dense_spectrum


def empty_bins(shape, noise_std, *, seed, is_complex=False):
    rng = np.random.default_rng(seed)
    U = rng.standard_normal(shape) + (1j * rng.standard_normal(shape) if is_complex else 0)
    return noise_std * U / np.sqrt(shape[1] * (1 + is_complex))


@pytest.mark.parametrize("is_complex", [False, True])
def test_the_first_guess_is_somewhat_below_the_noise_where_most_bins_are_empty(is_complex):
    U = empty_bins((3, 256, 30), 0.7, seed=9719, is_complex=is_complex)
    U[:, ::7] += 5.0
    assert 0.6 * 0.7 < noise.guesses(U, 0.0)[0] < 0.7


def test_guesses_are_sorted_and_differ():
    U = empty_bins((3, 256, 30), 0.7, seed=9721) * np.geomspace(0.1, 10, 256)[None, :, None]
    levels = noise.guesses(U, 1e-9)
    assert len(levels) == len(noise.QUANTILES)
    assert all(b > noise.DISTINCT * a for a, b in pairwise(levels))


def test_no_guess_is_below_the_least_level():
    assert noise.guesses(np.zeros((3, 8, 5)), 1e-3) == [1e-3]


@pytest.mark.parametrize("is_complex", [False, True])
def test_the_noise_of_a_residual_is_that_of_a_sample(is_complex):
    U = empty_bins((3, 256, 30), 0.7, seed=9733, is_complex=is_complex)
    assert noise.of_residual(np.vdot(U, U).real, U.shape, 0) == pytest.approx(0.7, rel=0.02)


def test_a_coefficient_costs_a_degree_of_freedom():
    assert noise.of_residual(9.0, (3, 4, 5), 60 - 36) == pytest.approx(np.sqrt(4 * 9 / 36))
    assert np.isfinite(noise.of_residual(9.0, (3, 4, 5), 100))


@pytest.mark.parametrize("largest", [1.0, 1.5, 5e-324, 1e-200, 1.7e308, 0.3])
def test_the_unit_is_a_power_of_two_next_below(largest):
    unit = noise.unit(largest)
    assert unit <= largest < 2 * unit and np.frexp(unit)[0] == 0.5


def test_the_unit_of_zero_is_one():
    assert noise.unit(0.0) == 1.0


# --- A whole table ---------------------------------------------------------------------------------------------------


def table(n, coefficients, noise_std, *, seed, dtype=float):
    X = np.zeros(1 << n, dtype)
    for k, value in coefficients.items():
        X[k] = value
    rng = np.random.default_rng(seed)
    f = fwht(X)
    e = rng.standard_normal(1 << n)
    if np.dtype(dtype).kind == "c":
        e = (e + 1j * rng.standard_normal(1 << n)) / np.sqrt(2)
    return f + noise_std * e


@pytest.mark.parametrize("dtype", [float, complex])
@pytest.mark.parametrize("given", [True, False])
def test_coefficients_above_the_noise_of_a_table_are_found_and_no_others(given, dtype):
    f = table(14, {3: 1.0, 700: -0.5, 9000: 0.2}, 2.0, seed=9739, dtype=dtype)
    indices, values, level = dense_spectrum(f, 2.0 if given else None)
    assert indices.tolist() == [3, 700, 9000]
    np.testing.assert_allclose(values, [1.0, -0.5, 0.2], atol=5 * 2.0 / 2**7)
    assert level == pytest.approx(2.0, rel=0.03)


def test_the_noise_of_a_table_without_any_is_zero():
    indices, values, level = dense_spectrum(table(10, {3: 1.0, 700: -0.5}, 0.0, seed=9743), None)
    assert (indices.tolist(), values.tolist(), level) == ([3, 700], [1.0, -0.5], 0.0)


def test_all_coefficients_are_kept_where_none_stands_out():
    f = np.random.default_rng(9749).standard_normal(256)
    indices, values, level = dense_spectrum(f, None)
    assert len(indices) == 256 and level == 0
    np.testing.assert_allclose(values, fwht(f, norm="forward"), rtol=1e-15)


def test_a_hundred_tables_of_pure_noise_have_about_one_coefficient():
    rng = np.random.default_rng(9767)
    counts = [len(dense_spectrum(rng.standard_normal(256), 1.0)[0]) for _ in range(2000)]
    assert abs(sum(counts) - 20) < 4 * np.sqrt(20)


@pytest.mark.parametrize("scale", [1e-300, 1e-200, 1e200])
def test_the_scale_of_a_table_does_not_matter(scale):
    f = table(8, {3: 1.0, 7: -0.25}, 0.0, seed=9769)
    indices, values, _ = dense_spectrum(scale * f, None)
    assert indices.tolist() == [3, 7]
    np.testing.assert_allclose(values, [scale, -0.25 * scale], rtol=1e-12)

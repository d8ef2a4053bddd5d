"""The function that is sampled is the one its spectrum says, and its noise does not average out."""

import numpy as np
import pytest

from sparsesci.bench.oracle import Oracle


def direct(points, indices, values):
    """Return the sum over the spectrum, by Python's integers."""
    return np.array(
        [sum(X * (-1) ** (int(m) & int(k)).bit_count() for k, X in zip(indices, values, strict=True)) for m in points]
    )


def random_oracle(seed, n=40, noise_std=0.0, *, is_complex=False):
    rng = np.random.default_rng(seed)
    indices = rng.integers(1 << n, size=9, dtype=np.uint64)
    values = rng.standard_normal(9) + (1j * rng.standard_normal(9) if is_complex else 0)
    return Oracle(n, indices, values, noise_std, seed), rng.integers(1 << n, size=50, dtype=np.uint64)


@pytest.mark.parametrize("is_complex", [False, True])
def test_without_noise_it_is_the_sum_over_its_spectrum(is_complex):
    f, points = random_oracle(2531, is_complex=is_complex)
    assert f(points) == pytest.approx(direct(points, f.indices, f.values), abs=1e-13)


def test_its_indices_are_sorted_and_keep_their_coefficients():
    f = Oracle(5, np.array([19, 3], np.uint64), np.array([1.0, -2.0]), 0.0, 7)
    assert f.indices.tolist() == [3, 19] and f.values.tolist() == [-2.0, 1.0]


def test_rows_of_bits_begin_with_the_most_significant_one():
    f, points = random_oracle(2532, n=60)
    rows = np.array([[int(bit) for bit in f"{int(m):060b}"] for m in points])
    assert np.array_equal(f(rows), f(points))


def test_it_counts_points_and_time_and_a_copy_begins_anew():
    f, points = random_oracle(2533)
    f(points)
    f(points[:7])
    assert f.n_samples == 57 and f.wall_seconds > 0
    assert f.copy().n_samples == 0 and f.copy().wall_seconds == 0 and f.shape == (2**40,)


def test_asked_twice_it_answers_the_same_and_so_does_its_copy():
    f, points = random_oracle(2534, noise_std=0.5)
    first = f(points)
    assert np.array_equal(f(points[::-1])[::-1], first) and np.array_equal(f.copy()(points), first)
    other = Oracle(f.n, f.indices, f.values, f.noise_std, 2535)
    assert abs(other(points) - first).min() > 0


@pytest.mark.parametrize("is_complex", [False, True])
def test_the_noise_is_normal_and_uncorrelated_between_neighbours(is_complex):
    zero = np.zeros(1, complex if is_complex else float)
    f = Oracle(17, np.zeros(1, np.uint64), zero, 2.0, 2536)
    noise = f(np.arange(2**17, dtype=np.uint64))
    assert abs(noise.mean()) < 5 * 2 / 2**8.5
    assert (abs(noise) ** 2).mean() == pytest.approx(4, rel=0.02)
    fourth = (noise.real**4).mean() / (noise.real**2).mean() ** 2
    assert fourth == pytest.approx(3, abs=0.1)
    for distance in (1, 2, 1024):
        assert abs((noise[:-distance] * noise[distance:].conj()).mean()) < 5 * 4 / 2**8.5

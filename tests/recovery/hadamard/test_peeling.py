"""Peeling: the compiled form is the reference in all its modes, and its levels have the rates that they state."""

import numpy as np
import pytest

from sparsesci.recovery.hadamard import codes, decoding, hashing, low_degree, peeling, words
from sparsesci.recovery.hadamard.signs import signed_sums

MODES = {
    # n, b, offsets, blocks, order, bold
    "noiseless code": (20, 4, 17, 1, -1, False),
    "repetition": (14, 4, 33, 3, -1, False),
    "ordered statistics": (20, 4, 30, 1, 2, False),
    "first order": (20, 4, 30, 1, 1, False),
    "bold": (20, 4, 30, 1, 2, True),
    "several words": (66, 5, 80, 1, 2, False),
    "many bins": (12, 6, 12, 1, 2, True),
}


def bins_of(hashed, K, n, *, seed, dtype, noise_std):
    """Return bins U of K coefficients of random size, their indices and their values."""
    rng = np.random.default_rng(seed)
    indices = np.unique(words.from_bits(rng.random((K, n)) < 0.5), axis=0)
    X = rng.choice([-1.0, 1.0], len(indices)) * rng.uniform(0.5, 2, len(indices))
    X = (X * (np.exp(2j * rng.random(len(X))) if dtype == "complex128" else 1)).astype(dtype)
    points = hashed.points()
    f = signed_sums(points.reshape(-1, points.shape[-1]), indices, X)
    f += noise_std * rng.standard_normal(len(f))
    return hashed.bins(f.reshape(points.shape[:3])), indices, X


def design(n, b, n_offsets, n_blocks, order, *, seed):
    rng = np.random.default_rng(seed)
    read = codes.repetition if n_blocks > 1 else codes.random_code
    code = read(n - b, n_offsets, rng.integers(2 ** min(n - b, 63), size=999, dtype=np.uint64))
    return hashing.make_hashing(hashing.random_bases(n, rng), b, code), peeling.code_decoder(n_blocks, order)


def both_peel(U, hashed, decoder, levels):
    """Return how many coefficients the kernel and the reference find, their indices and values, and what is left."""
    found = []
    for function in (peeling.peel, peeling.peel.reference):
        left, indices = U.copy(), np.zeros((4 * U.shape[0] * U.shape[1], hashed.hashes.shape[2]), np.uint64)
        values = np.zeros(len(indices), U.dtype)
        count = function(left, hashed, decoder, levels, indices, values)
        found.append((count, indices, values, left))
    return found


def assert_same(found, least):
    (count, indices, values, left), (count_then, indices_then, values_then, left_then) = found
    assert count == count_then >= least
    np.testing.assert_array_equal(indices, indices_then)
    np.testing.assert_allclose(values, values_then, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(left, left_then, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("dtype", ["float64", "complex128"])
@pytest.mark.parametrize("noise_std", [0.0, 0.3, 1.5])
@pytest.mark.parametrize("mode", MODES)
def test_the_compiled_peeling_is_the_reference(mode, noise_std, dtype):
    n, b, n_offsets, n_blocks, order, is_bold = MODES[mode]
    hashed, decoder = design(n, b, n_offsets, n_blocks, order, seed=9511)
    U, _, _ = bins_of(hashed, 12, n, seed=9521, dtype=dtype, noise_std=noise_std)
    options = {"is_complex": dtype == "complex128", "is_bold": is_bold}
    levels = peeling.noise_levels(max(noise_std, 1e-13), U.shape, 2.0 ** (n - b), **options)
    assert_same(both_peel(U, hashed, decoder, levels), 0 if noise_std > 1 or mode == "noiseless code" else 4)


@pytest.mark.parametrize("dtype", ["float64", "complex128"])
@pytest.mark.parametrize("noise_std", [0.0, 0.3, 1.5])
@pytest.mark.parametrize("is_bold", [False, True])
@pytest.mark.parametrize("n", [12, 100])
def test_the_compiled_peeling_of_lists_is_the_reference(n, is_bold, noise_std, dtype):
    rng = np.random.default_rng(9533)
    listed = low_degree.all_indices(n, 2)
    shifts = words.from_bits(rng.random((24, n)) < 0.5)
    hashed = hashing.make_list_hashing(hashing.random_bases(n, rng), 4, shifts)
    decoder = low_degree.list_decoder(hashed, listed)
    chosen, X = listed[rng.choice(len(listed), 12, replace=False)], rng.choice([-1.0, 1.0], 12).astype(dtype)
    points = hashed.points()
    f = signed_sums(points.reshape(-1, points.shape[-1]), chosen, X)
    U = hashed.bins((f + noise_std * rng.standard_normal(len(f))).reshape(points.shape[:3]))
    options = {"is_complex": dtype == "complex128", "is_bold": is_bold}
    levels = peeling.noise_levels(max(noise_std, 1e-13), U.shape, len(listed) / 16, **options)
    assert_same(both_peel(U, hashed, decoder, levels), 0 if noise_std > 1 else 12)


@pytest.mark.parametrize("is_bold", [False, True])
@pytest.mark.parametrize("function", [peeling.peel, peeling.peel.reference])
def test_an_index_that_is_in_no_list_is_not_found(function, is_bold):
    rng = np.random.default_rng(9539)
    shifts = words.from_bits(rng.random((24, 12)) < 0.5)
    hashed = hashing.make_list_hashing(hashing.random_bases(12, rng), 3, shifts)
    decoder = low_degree.list_decoder(hashed, low_degree.all_indices(12, 1)[:1])  # most bins have an empty list
    points = hashed.points()
    f = signed_sums(points.reshape(-1, 1), np.array([[7]], np.uint64), np.ones(1))
    U = hashed.bins(f.reshape(points.shape[:3]))
    levels = peeling.noise_levels(1e-13, U.shape, 1.0, is_complex=False, is_bold=is_bold)
    indices, values = np.zeros((99, 1), np.uint64), np.zeros(99)
    assert function(U.copy(), hashed, decoder, levels, indices, values) == 0


@pytest.mark.parametrize("dtype", ["float64", "complex128"])
def test_what_is_peeled_is_the_spectrum_and_nothing_is_left(dtype):
    hashed, decoder = design(30, 6, 25, 1, -1, seed=9547)
    U, indices, X = bins_of(hashed, 60, 30, seed=9551, dtype=dtype, noise_std=0)
    levels = peeling.noise_levels(1e-13, U.shape, 2.0**24, is_complex=dtype == "complex128")
    found, values = peeling.peel_bins(U, hashed, decoder, levels)
    np.testing.assert_array_equal(found, indices)
    np.testing.assert_allclose(values, X, rtol=1e-12)
    assert abs(U).max() < 1e-12


def test_too_many_coefficients_are_not_peeled():
    hashed, decoder = design(30, 4, 27, 1, -1, seed=9587)
    U, _, _ = bins_of(hashed, 200, 30, seed=9601, dtype="float64", noise_std=0)
    levels = peeling.noise_levels(1e-13, U.shape, 2.0**26, is_complex=False)
    assert not len(peeling.peel_bins(U, hashed, decoder, levels)[0])


@pytest.mark.parametrize("function", [peeling.peel, peeling.peel.reference])
def test_no_more_is_peeled_than_there_is_room_for(function):
    hashed, decoder = design(20, 4, 17, 1, -1, seed=9613)
    U, _, _ = bins_of(hashed, 9, 20, seed=9619, dtype="float64", noise_std=0)
    levels = peeling.noise_levels(1e-13, U.shape, 2.0**16, is_complex=False)
    assert function(U, hashed, decoder, levels, np.zeros((3, 1), np.uint64), np.zeros(3)) == 3


def test_values_of_equal_indices_are_added():
    indices = np.array([[5, 1], [2, 1], [5, 1], [5, 0]], np.uint64)
    found, values = peeling.collect(indices, np.array([1.0, 2.0, 10.0, 7.0]))
    assert found.tolist() == [[5, 0], [2, 1], [5, 1]] and values.tolist() == [7, 2, 11]


# --- Levels ----------------------------------------------------------------------------------------------------------

SHAPE = (3, 16, 9)  # groups, bins, offsets
RUNS = 40_000  # pure noise: of so many times 48 bins, 400 are above a level in the mean


def pure_noise(*, seed, is_complex):
    """Return entries (runs * 48, 9) of empty bins, for samples with noise of deviation 2."""
    rng = np.random.default_rng(seed)
    shape = RUNS * 48, 9
    U = rng.standard_normal(shape)
    if is_complex:
        U = (U + 1j * rng.standard_normal(shape)) / np.sqrt(2)
    return 2 / np.sqrt(16) * U


def assert_is_rate(count, expected):
    assert abs(count - expected) < 4 * np.sqrt(expected)


@pytest.mark.parametrize("is_complex", [False, True])
def test_one_of_a_hundred_runs_of_pure_noise_has_a_bin_that_is_not_empty(is_complex):
    levels = peeling.noise_levels(2.0, SHAPE, 1.0, is_complex=is_complex)
    energies = (abs(pure_noise(seed=9623, is_complex=is_complex)) ** 2).sum(axis=1)
    assert_is_rate((energies > levels.empty).sum(), RUNS * peeling.NOISE_PROBABILITY)


@pytest.mark.parametrize("is_complex", [False, True])
def test_a_coefficient_leaves_more_than_noise_as_rarely(is_complex):
    levels = peeling.noise_levels(2.0, SHAPE, 1.0, is_complex=is_complex)
    U = 3.0 + pure_noise(seed=9629, is_complex=is_complex)
    left = (abs(U - U.mean(axis=1, keepdims=True)) ** 2).sum(axis=1)
    assert_is_rate((left > levels.single).sum(), RUNS * peeling.NOISE_PROBABILITY)


@pytest.mark.parametrize("is_complex", [False, True])
def test_the_best_of_several_indices_explains_as_much_of_pure_noise_as_rarely(is_complex):
    levels = peeling.noise_levels(2.0, SHAPE, 4.0, is_complex=is_complex)
    U = pure_noise(seed=9631, is_complex=is_complex)[:, :8].reshape(-1, 8)
    signs = np.array([[(-1) ** (p & u).bit_count() for p in range(8)] for u in range(4)])  # orthogonal
    gains = (abs(U @ signs.T) ** 2).max(axis=1) / 8
    assert_is_rate((gains > levels.gain).sum(), RUNS * peeling.NOISE_PROBABILITY)


@pytest.mark.parametrize("is_complex", [False, True])
def test_a_bold_pass_skips_about_half_of_the_empty_bins(is_complex):
    levels = peeling.noise_levels(2.0, SHAPE, 4.0, is_complex=is_complex, is_bold=True)
    energies = (abs(pure_noise(seed=9643, is_complex=is_complex)) ** 2).sum(axis=1)
    assert 0.5 < (energies < levels.empty).mean() < 0.6


def test_only_a_bold_pass_takes_what_is_not_alone():
    strict, bold = (peeling.noise_levels(1.0, SHAPE, 4.0, is_complex=False, is_bold=is_bold) for is_bold in (0, 1))
    assert strict.elsewhere == np.inf and bold.elsewhere == bold.confirmed == strict.confirmed


# --- From bins to a spectrum -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float64", "complex128"])
@pytest.mark.parametrize("noise_std", [0.3, 1.0])
def test_the_spectrum_is_found_in_noise_and_its_errors_are_those_of_least_squares(noise_std, dtype):
    hashed, decoder = design(20, 6, 40, 1, 2, seed=9649)
    U, indices, X = bins_of(hashed, 60, 20, seed=9661, dtype=dtype, noise_std=noise_std)
    spectrum = decoding.decode(U, hashed, decoder, noise_std, 2.0**14, is_noisy=True)
    np.testing.assert_array_equal(spectrum.words, indices)
    deviation = noise_std / np.sqrt(3 * 64 * 40)
    assert np.abs(spectrum.values - X).max() < 5 * deviation
    assert spectrum.unresolved == spectrum.multiple == spectrum.size_left == 0
    assert spectrum.dispersion == pytest.approx(1 if dtype == "float64" else 2, abs=0.7)


def test_pure_noise_has_no_spectrum():
    hashed, decoder = design(20, 6, 40, 1, 2, seed=9677)
    U = np.random.default_rng(9679).standard_normal((3, 64, 40)) / 8
    spectrum = decoding.decode(U, hashed, decoder, 1.0, 2.0**14, is_noisy=True)
    assert not len(spectrum.words) and spectrum.unresolved == 0
    assert spectrum.square_left == pytest.approx(np.vdot(U, U))


def test_the_bins_are_not_changed():
    hashed, decoder = design(20, 4, 30, 1, 2, seed=9689)
    U, _, _ = bins_of(hashed, 9, 20, seed=9697, dtype="float64", noise_std=0.1)
    U.flags.writeable = False
    decoding.decode(U, hashed, decoder, 0.1, 2.0**16, is_noisy=True)

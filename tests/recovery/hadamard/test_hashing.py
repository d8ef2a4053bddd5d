"""Hashing: bins are sums of coefficients by definition, indices are read from them, and bases are used again."""

import numpy as np
import pytest

from sparsesci.recovery.hadamard import codes, hashing, words
from sparsesci.recovery.hadamard.signs import parity, signed_sums


def random_words(count, n, *, seed):
    return words.from_bits(np.random.default_rng(seed).random((count, n)) < 0.5)


def design(n, b, n_offsets, *, seed, kind="random"):
    rng = np.random.default_rng(seed)
    bases = hashing.random_bases(n, rng) if kind == "random" else hashing.block_bases(n, b)
    code = codes.random_code(n - b, n_offsets, rng.integers(2 ** (n - b), size=99, dtype=np.uint64))
    return hashing.make_hashing(bases, b, code)


# --- Inverses over F_2 -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [1, 2, 5, 40, 63, 64, 65, 130])
def test_the_compiled_inverse_is_that_of_the_reference(n):
    rng = np.random.default_rng(9203)
    seen = set()
    for _ in range(12):
        rows = words.from_bits(rng.random((n, n)) < 0.5)
        given, inverses = [rows.copy(), rows.copy()], [np.empty_like(rows), np.empty_like(rows)]
        found = hashing.invert(given[0], inverses[0])
        assert found == hashing.invert.reference(given[1], inverses[1])
        seen.add(bool(found))
        if found:
            np.testing.assert_array_equal(inverses[0], inverses[1])
            np.testing.assert_array_equal(given[0], given[1])
    assert n <= 2 or seen == {True, False}


@pytest.mark.parametrize("n", [3, 63, 100])
def test_the_dual_of_a_basis_is_dual(n):
    for basis in hashing.random_bases(n, np.random.default_rng(9209)):
        products = parity(basis.vectors[:, None] & basis.dual[None])
        np.testing.assert_array_equal(products, np.eye(n, dtype=bool))


def test_no_row_is_its_own_inverse_where_there_is_none():
    assert not hashing.invert(np.array([[3], [3]], np.uint64), np.empty((2, 1), np.uint64))


# --- Bins ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["random", "blocks"])
@pytest.mark.parametrize("n", [7, 20, 63])
def test_a_bin_is_the_signed_sum_of_the_coefficients_whose_hash_it_is(kind, n):
    b, n_offsets = 3, n + 4
    hashed = design(n, b, n_offsets, seed=9221, kind=kind)
    indices, X = random_words(30, n, seed=9227), np.random.default_rng(9228).standard_normal(30)
    points = hashed.points()
    U = hashed.bins(signed_sums(points.reshape(-1, 1), indices, X).reshape(points.shape[:3]))
    expected = np.zeros((3, 8, len(hashed.codes)))
    for c in range(3):
        for k, value in zip(indices, X, strict=True):
            j = sum(int(parity(hashed.hashes[c, i] & k)) << i for i in range(b))
            expected[c, j] += np.where(parity(hashed.offsets[c] & k), -value, value)
    np.testing.assert_allclose(U, expected, atol=1e-13)


@pytest.mark.parametrize("kind", ["random", "blocks"])
@pytest.mark.parametrize("n", [7, 20, 63])
def test_an_index_is_its_bin_and_its_coordinates(kind, n):
    hashed = design(n, 3, n - 2, seed=9239, kind=kind)
    for k in random_words(20, n, seed=9241):
        for c in range(3):
            j = sum(int(parity(hashed.hashes[c, i] & k)) << i for i in range(3))
            signs = parity(hashed.offsets[c] & k)  # the systematic offsets: 0, then one coordinate each
            assert not signs[0]
            rebuilt = hashed.origins[c, j] ^ np.bitwise_xor.reduce(hashed.duals[c][signs[1:]], axis=0)
            np.testing.assert_array_equal(rebuilt, k)


def test_the_sign_of_an_offset_depends_on_its_code_and_on_the_coordinates():
    hashed = design(20, 4, 30, seed=9257)
    for k in random_words(20, 20, seed=9263):
        for c in range(3):
            u = sum(int(s) << i for i, s in enumerate(parity(hashed.offsets[c, 1:17] & k)))
            np.testing.assert_array_equal(
                parity(hashed.offsets[c] & k), np.bitwise_count(hashed.codes & np.uint64(u)) & 1
            )


def test_the_bins_of_an_offset_read_all_points_of_its_subspace():
    points = design(10, 4, 7, seed=9277).points()
    assert points.shape == (3, 7, 16, 1)
    for c in range(3):
        assert len(np.unique(points[c])) == 7 * 16  # and no point twice


def test_most_of_the_points_are_read_again_when_bins_double():
    rng = np.random.default_rng(9281)
    bases, shifts = hashing.random_bases(30, rng), rng.integers(2**30, size=99, dtype=np.uint64)

    def points(b, n_offsets):
        code = codes.random_code(30 - b, n_offsets, shifts >> np.uint64(b))
        return set(hashing.make_hashing(bases, b, code).points().ravel().tolist())

    assert points(4, 27) < points(5, 27) < points(6, 30)  # as long as no random offset is dropped
    assert points(4, 27) < points(4, 40)
    systematic = points(4, 27), points(5, 26)
    assert systematic[0] < systematic[1] and len(systematic[1]) < 2 * len(systematic[0])


def test_blocks_are_contiguous_for_the_first_group():
    points = hashing.make_hashing(hashing.block_bases(12, 4), 4, codes.systematic(8)).points()
    assert points[0, 0, :, 0].tolist() == list(range(16))
    assert points[1, 0, :, 0].tolist() == list(range(0, 256, 16))


def test_bins_of_single_precision_samples_are_computed_in_double_precision():
    hashed = design(8, 3, 6, seed=9283)
    assert hashed.bins(np.ones((3, 6, 8), np.float32)).dtype == np.float64
    assert hashed.bins(np.ones((3, 6, 8), np.complex64)).dtype == np.complex128


def test_offsets_of_lists_are_the_same_for_all_groups():
    bases = hashing.random_bases(100, np.random.default_rng(9293))
    shifts = random_words(9, 100, seed=9311)
    hashed = hashing.make_list_hashing(bases, 3, shifts)
    for c in range(3):
        np.testing.assert_array_equal(hashed.offsets[c], shifts)
        np.testing.assert_array_equal(hashed.hashes[c], bases[c].vectors[:3])


def test_blocks_of_more_than_a_third_of_the_bits_are_three_different_ones():
    bases = hashing.block_bases(20, 10)
    blocks = {tuple(sorted(basis.vectors[:10, 0].tolist())) for basis in bases}
    assert len(blocks) == 3

"""From coefficients to bins and back, and least squares on a support."""

import numpy as np
import pytest

from sparsesci.recovery.hadamard import codes, hashing, support, words


def design(n=20, b=4, n_offsets=24, *, seed):
    rng = np.random.default_rng(seed)
    code = codes.random_code(n - b, n_offsets, rng.integers(2 ** (n - b), size=99, dtype=np.uint64))
    return hashing.make_hashing(hashing.random_bases(n, rng), b, code)


def indices(K, n, *, seed):
    return words.from_bits(np.random.default_rng(seed).random((K, n)) < 0.5)


def numbers(shape, dtype, *, seed):
    rng = np.random.default_rng(seed)
    return (rng.standard_normal(shape) + (1j * rng.standard_normal(shape) if dtype == "complex128" else 0)).astype(
        dtype
    )


def matrix(hashed, where):
    """Return the map from coefficients (K,) to bins, as a matrix."""
    columns = []
    for k in range(where.bins.shape[1]):
        U = np.zeros((3, hashed.n_bins, len(hashed.codes)))
        for c in range(3):
            U[c, where.bins[c, k]] = where.signs[c, k]
        columns.append(U.ravel())
    return np.column_stack(columns)


@pytest.mark.parametrize("n", [20, 63, 66])
def test_the_compiled_support_is_the_reference(n):
    hashed, k = design(n, 5, n, seed=9397), indices(30, n, seed=9403)
    found, expected = ((np.empty((3, 30), np.int64), np.empty((3, 30, len(hashed.codes)), np.int8)) for _ in range(2))
    support.fill_support(hashed.hashes, hashed.offsets, k, *found)
    support.fill_support.reference(hashed.hashes, hashed.offsets, k, *expected)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("dtype", ["float64", "complex128"])
@pytest.mark.parametrize("K", [0, 1, 50])
def test_the_compiled_products_are_the_reference(dtype, K):
    hashed = design(seed=9413)
    where = support.locate(hashed, indices(K, 20, seed=9419))
    U, X = numbers((3, 16, 24), dtype, seed=9421), numbers(K, dtype, seed=9422)
    found, expected = U.copy(), U.copy()
    support.subtract(found, *where, X)
    support.subtract.reference(expected, *where, X)
    np.testing.assert_allclose(found, expected, rtol=1e-13, atol=1e-13)
    np.testing.assert_allclose(support.gather(U, *where), support.gather.reference(U, *where), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("dtype", ["float64", "complex128"])
def test_the_products_are_those_with_the_matrix_and_its_transpose(dtype):
    hashed = design(seed=9431)
    where = support.locate(hashed, indices(40, 20, seed=9433))
    A, X, U = matrix(hashed, where), numbers(40, dtype, seed=9437), numbers((3, 16, 24), dtype, seed=9438)
    left = U.copy()
    support.subtract(left, *where, X)
    np.testing.assert_allclose(left.ravel(), U.ravel() - A @ X, atol=1e-13)
    np.testing.assert_allclose(support.gather(U, *where), A.T @ U.ravel(), atol=1e-12)


@pytest.mark.parametrize("dtype", ["float64", "complex128"])
@pytest.mark.parametrize("starts_from_zero", [True, False])
def test_least_squares_is_that_of_numpy(dtype, starts_from_zero):
    hashed = design(seed=9439)
    where = support.locate(hashed, indices(40, 20, seed=9461))
    A, U = matrix(hashed, where), numbers((3, 16, 24), dtype, seed=9463)
    X = np.zeros(40, dtype) if starts_from_zero else numbers(40, dtype, seed=9464)
    left = (U.ravel() - A @ X).reshape(U.shape)
    found, rest = support.least_squares(left, where, X, atol=1e-12)
    expected = np.linalg.lstsq(A.astype(dtype), U.ravel())[0]
    np.testing.assert_allclose(found, expected, rtol=1e-11, atol=1e-12)
    np.testing.assert_allclose(rest.ravel(), U.ravel() - A @ expected, atol=1e-12)


def test_least_squares_leaves_its_arguments_alone():
    hashed = design(seed=9467)
    where, U = support.locate(hashed, indices(10, 20, seed=9473)), numbers((3, 16, 24), "float64", seed=9479)
    X, left = np.zeros(10), U.copy()
    left.flags.writeable = X.flags.writeable = False
    support.least_squares(left, where, X, atol=1e-9)


def test_least_squares_on_no_support_changes_nothing():
    hashed, U = design(seed=9491), numbers((3, 16, 24), "float64", seed=9497)
    X, left = support.least_squares(U, support.locate(hashed, np.zeros((0, 1), np.uint64)), np.zeros(0), atol=1e-9)
    assert X.shape == (0,) and (left == U).all()

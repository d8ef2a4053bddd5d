"""The orders of the transform: their definitions, their symmetry, and the permutation in tiles."""

import numpy as np
import pytest
import scipy.linalg

from sparsesci.recovery import fwht
from sparsesci.recovery.hadamard import orders
from sparsesci.recovery.hadamard.orders import bit_reversed, gray, inverse, natural_rows, permute, reordered


def bits(k, n_bits):
    return f"{k:0{n_bits}b}" if n_bits else ""


@pytest.mark.parametrize("n_bits", [0, 1, 4, 7])
def test_a_number_is_read_backwards(n_bits):
    expected = [int(bits(k, n_bits)[::-1] or "0", 2) for k in range(2**n_bits)]
    np.testing.assert_array_equal(bit_reversed(np.arange(2**n_bits), n_bits), expected)


def test_neighbouring_gray_codes_differ_in_one_bit():
    code = gray(np.arange(64))
    assert (np.bitwise_count(code[1:] ^ code[:-1]) == 1).all()
    assert sorted(code) == list(range(64))


@pytest.mark.parametrize("m", [0, 1, 2, 5, 8])
def test_row_s_in_the_sequency_order_changes_sign_s_times(m):
    W = fwht(np.eye(2**m), axis=0, order="sequency")
    np.testing.assert_array_equal((W[:, 1:] != W[:, :-1]).sum(axis=1), np.arange(2**m))
    np.testing.assert_array_equal(W[:, 0], 1)


@pytest.mark.parametrize("m", [0, 1, 2, 5, 8])
def test_a_row_in_the_dyadic_order_is_a_product_of_rademacher_functions(m):
    t = (np.arange(2**m) + 0.5) / 2**m
    P = np.ones((2**m, 2**m))
    for k in range(2**m):
        for j in range(m):
            if k >> j & 1:
                P[k] *= np.sign(np.sin(2 * np.pi * 2**j * t))
    np.testing.assert_array_equal(fwht(np.eye(2**m), axis=0, order="dyadic"), P)


@pytest.mark.parametrize("order", orders.ORDERS)
@pytest.mark.parametrize("m", [0, 1, 2, 5, 8])
def test_the_rows_are_those_of_the_matrix_that_the_formula_names(order, m):
    W = fwht(np.eye(2**m), axis=0, order=order)
    np.testing.assert_array_equal(W, scipy.linalg.hadamard(2**m)[natural_rows(2**m, order)])
    np.testing.assert_array_equal(W, W.T)


@pytest.mark.parametrize("order", ["dyadic", "sequency"])
@pytest.mark.parametrize("m", [9, 14, 15, 16])
@pytest.mark.parametrize("inner", [1, 2])
def test_an_ordered_transform_is_the_natural_one_permuted(order, m, inner):
    x = np.random.default_rng(8201).integers(-4, 5, (2, 2**m, inner)).astype(float)
    np.testing.assert_array_equal(fwht(x, 1, order=order), fwht(x, 1)[:, natural_rows(2**m, order)])


@pytest.mark.parametrize("order", ["dyadic", "sequency"])
@pytest.mark.parametrize(("m", "low"), [(6, 3), (7, 3), (7, 4), (10, 5), (11, 5)])
@pytest.mark.parametrize("dtype", ["float32", "complex128"])
def test_the_tiles_are_the_reference_and_the_reference_the_permutation(order, m, low, dtype):
    x = np.arange(3 * 2**m).reshape(3, 2**m).astype(dtype)
    rows, columns = natural_rows(2**low, order), inverse(natural_rows(2 ** (m - low), order))
    compiled, reference = np.full_like(x, np.nan), np.full_like(x, np.nan)
    permute(x, compiled, rows, columns, order)
    permute.reference(x, reference, rows, columns, order)
    np.testing.assert_array_equal(compiled, reference)
    np.testing.assert_array_equal(reference[:, natural_rows(2**m, order)], x)


def test_a_long_permutation_takes_the_tiles_and_a_short_one_does_not(monkeypatch):
    calls = []
    monkeypatch.setattr(orders, "permute", lambda *arguments: calls.append(arguments[0].shape))
    reordered(np.zeros((1, orders.TILED, 1)), "dyadic")
    reordered(np.zeros((1, 2 * orders.TILED, 2)), "dyadic")
    assert calls == []
    reordered(np.zeros((2, 2 * orders.TILED, 1)), "dyadic")
    assert calls == [(2, 2 * orders.TILED)]


def test_a_permutation_and_its_inverse_are_none():
    permutation = np.random.default_rng(8202).permutation(100)
    np.testing.assert_array_equal(inverse(permutation)[permutation], np.arange(100))

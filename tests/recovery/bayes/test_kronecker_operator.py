"""The Kronecker product as an operator of SciPy."""

import math
from functools import reduce

import numpy as np
import pytest
from scipy.sparse.linalg import LinearOperator, lsqr

from sparsesci.recovery import KroneckerOperator

SHAPES = [[(3, 4)], [(3, 5), (4, 2)], [(2, 3), (4, 4), (3, 1)], [(1, 3), (2, 2), (3, 2), (2, 4)]]


def random_factors(shapes, *, seed, dtype=float):
    rng = np.random.default_rng(seed)
    is_complex = np.dtype(dtype).kind == "c"
    return [(rng.standard_normal(s) + (1j * rng.standard_normal(s) if is_complex else 0)).astype(dtype) for s in shapes]


@pytest.mark.parametrize("dtype", ["float64", "complex128"])
@pytest.mark.parametrize("shapes", SHAPES)
def test_it_is_the_product_in_the_order_of_numpy(shapes, dtype):
    factors = random_factors(shapes, seed=12011, dtype=dtype)
    A, K = reduce(np.kron, factors), KroneckerOperator(factors)
    assert isinstance(K, LinearOperator) and K.shape == A.shape and K.dtype == dtype
    np.testing.assert_allclose(K @ np.eye(A.shape[1]), A, rtol=1e-14, atol=1e-14)
    np.testing.assert_allclose(K.H @ np.eye(A.shape[0]), A.conj().T, rtol=1e-14, atol=1e-14)


@pytest.mark.parametrize("columns", [(), (1,), (5,), (0,)])
def test_a_product_has_the_shape_and_the_dtype_of_the_arrays(columns):
    K = KroneckerOperator(random_factors(SHAPES[2], seed=12012, dtype="float32"))
    x = np.random.default_rng(12013).standard_normal((K.shape[1], *columns)).astype("float32")
    assert (K @ x).shape == (K.shape[0], *columns) and (K @ x).dtype == "float32"
    assert (K.H @ (K @ x)).shape == x.shape


def test_real_factors_beside_complex_ones_make_a_complex_product():
    real, complex_ = random_factors([(2, 3)], seed=12014)[0], random_factors([(3, 2)], seed=12015, dtype=complex)[0]
    K, x = KroneckerOperator([real, complex_]), np.arange(6.0)
    assert K.dtype == complex
    np.testing.assert_allclose(K @ x, np.kron(real, complex_) @ x, rtol=1e-14)


def test_it_serves_the_solvers_of_scipy():
    factors = random_factors([(5, 3), (6, 4)], seed=12016)
    x = np.random.default_rng(12017).standard_normal(12)
    K = KroneckerOperator(factors)
    np.testing.assert_allclose(lsqr(K, K @ x, atol=1e-13, btol=1e-13)[0], x, atol=1e-9)


def test_the_product_is_never_formed():
    K = KroneckerOperator(random_factors([(40, 50)] * 3, seed=12018))  # as an array 64 GB
    assert K.shape == (64_000, 125_000) and math.isfinite(np.linalg.norm(K @ np.ones(125_000)))


def test_lists_and_integers_are_accepted():
    np.testing.assert_array_equal(KroneckerOperator([[[1, 2]], [[3], [4]]]) @ np.eye(2), [[3, 6], [4, 8]])


@pytest.mark.parametrize(
    ("factors", "error", "message"),
    [
        ([], ValueError, "factors is empty"),
        (np.eye(2), ValueError, "factors is a ndarray"),
        ([np.eye(2), np.ones(3)], ValueError, r"factors\[1\] has shape \(3,\)"),
        ([np.ones((0, 3))], ValueError, r"factors\[0\] has shape \(0, 3\)"),
        ([np.eye(2), np.array([[1.0, np.nan]])], ValueError, r"factors\[1\]\[0, 1\] is nan"),
        ([np.eye(2), None], TypeError, r"factors\[1\]"),
    ],
)
def test_what_is_no_list_of_matrices_is_refused(factors, error, message):
    with pytest.raises(error, match=message):
        KroneckerOperator(factors)

"""The Walsh-Hadamard matrix as an operator of SciPy."""

import numpy as np
import pytest
import scipy.linalg
from scipy.sparse.linalg import LinearOperator, aslinearoperator, cg, lsqr

from sparsesci.recovery import HadamardOperator, fwht
from sparsesci.recovery.hadamard.orders import natural_rows

ORDERS = ["natural", "dyadic", "sequency"]


def random_array(shape, *, seed, dtype="float64"):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal(shape) + (1j * rng.standard_normal(shape) if np.dtype(dtype).kind == "c" else 0)
    return x.astype(dtype)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("norm", ["backward", "ortho", "forward"])
def test_it_is_the_matrix(order, norm):
    factor = {"backward": 1, "ortho": 32**-0.5, "forward": 1 / 32}[norm]
    A = HadamardOperator(32, norm=norm, order=order)
    expected = factor * scipy.linalg.hadamard(32)[natural_rows(32, order)]
    np.testing.assert_allclose(A @ np.eye(32), expected, rtol=1e-15)
    np.testing.assert_allclose(A.H @ np.eye(32), expected.T, rtol=1e-15)
    np.testing.assert_allclose(A.T @ np.eye(32), expected.T, rtol=1e-15)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("dtype", ["float64", "complex128"])
def test_an_inner_product_may_be_formed_on_either_side(order, dtype):
    A = HadamardOperator(64, order=order, dtype=dtype)
    x, y = random_array((2, 64), seed=8301, dtype=dtype)
    assert np.vdot(A.matvec(x), y) == pytest.approx(np.vdot(x, A.rmatvec(y)), abs=1e-13)


@pytest.mark.parametrize("dtype", ["float32", "float64", "complex64", "complex128"])
@pytest.mark.parametrize("shape", [(16,), (16, 1), (16, 5), (16, 0)])
def test_a_product_has_the_shape_and_the_dtype_of_its_argument(dtype, shape):
    A = HadamardOperator(16, dtype=dtype)
    x = random_array(shape, seed=8302, dtype=dtype)
    assert isinstance(A, LinearOperator) and A.shape == (16, 16) and A.dtype == dtype
    for y in (A @ x, A.H @ x):
        assert y.shape == shape and y.dtype == dtype
    if shape[1:] != (0,):
        np.testing.assert_array_equal(A @ x, fwht(x, 0, norm="ortho"))


def test_a_product_leaves_its_argument_alone():
    x = random_array(16, seed=8303)
    before = x.copy()
    HadamardOperator(16) @ x
    np.testing.assert_array_equal(x, before)


def test_the_orthonormal_operator_is_its_own_inverse():
    A, x = HadamardOperator(128, order="sequency"), random_array(128, seed=8304)
    np.testing.assert_allclose((A @ A) @ x, x, atol=1e-14)


def test_lsqr_finds_what_a_part_of_the_transform_was_made_of():
    rng = np.random.default_rng(8305)
    rows = np.sort(rng.permutation(64)[:40])
    pick = aslinearoperator(np.eye(64)[rows])
    A = pick @ HadamardOperator(64)
    b = rng.standard_normal(40)
    x, status, iterations = lsqr(A, b, atol=1e-12, btol=1e-12)[:3]
    assert status in (1, 2) and iterations == 1  # A has orthonormal rows: x = A^H b
    np.testing.assert_allclose(A @ x, b, atol=1e-12)


def test_cg_solves_with_a_spectrum_that_the_transform_makes_diagonal():
    H, d = HadamardOperator(32), np.linspace(1, 9, 32)
    A = H @ aslinearoperator(np.diag(d)) @ H
    b = random_array(32, seed=8306)
    x, info = cg(A, b, rtol=1e-12)
    assert info == 0
    np.testing.assert_allclose(x, H @ ((H @ b) / d), atol=1e-10)


@pytest.mark.parametrize("n", [0, -4])
def test_a_size_below_one_is_refused(n):
    with pytest.raises(ValueError, match=f"n is {n}: an integer >= 1"):
        HadamardOperator(n)


def test_a_size_that_is_no_power_of_two_is_refused():
    with pytest.raises(ValueError, match=r"n is 20: .* 32 or cut to 16"):
        HadamardOperator(20)


@pytest.mark.parametrize(("option", "value"), [("norm", "unit"), ("order", "paley")])
def test_an_unknown_option_is_refused_when_the_operator_is_made(option, value):
    with pytest.raises(ValueError, match=f"{option} is {value!r}"):
        HadamardOperator(8, **{option: value})


@pytest.mark.parametrize("dtype", [int, "float16", "longdouble", object])
def test_a_dtype_without_kernels_is_refused(dtype):
    with pytest.raises(TypeError, match="dtype is"):
        HadamardOperator(8, dtype=dtype)

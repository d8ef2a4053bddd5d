"""Orthogonal matching pursuit: supports, coefficients, costs, and what becomes of bad input."""

import array_api_strict
import numpy as np
import pytest
import scipy.sparse
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse.linalg import LinearOperator, aslinearoperator

from sparsesci.recovery import omp
from sparsesci.recovery.bayes.omp import pursue
from sparsesci.solvers import ConvergenceWarning, Status

DTYPES = ["float32", "float64", "complex64", "complex128"]


def textbook(A, y, n):
    """Return what the textbook does: the largest correlation, then least squares, n times."""
    A = A / np.linalg.norm(A, axis=0)
    taken, r = [], y
    for _ in range(n):
        taken.append(int(np.argmax(abs(A.conj().T @ r))))
        r = y - A[:, taken] @ np.linalg.lstsq(A[:, taken], y, rcond=None)[0]
    return np.sort(taken), np.linalg.norm(r)


@pytest.mark.parametrize("dtype", DTYPES)
def test_it_takes_the_columns_of_the_textbook_and_fits_them_by_least_squares(lib, sparse_problem, dtype):
    A, y, _, _ = sparse_problem(60, 200, 8, seed=15013, dtype=dtype)
    result = omp(lib.array(A), lib.array(y), n_nonzero=8)
    support, left = textbook(A, y, 8)
    x, tolerance = lib.host(result.x), 1e-4 if dtype in ("float32", "complex64") else 1e-12
    assert result.success and result.nit == 8 and x.dtype == dtype and x.shape == (200,)
    np.testing.assert_array_equal(lib.host(result.support), support)
    np.testing.assert_array_equal(np.flatnonzero(x), support)
    expected = np.linalg.lstsq(A[:, support], y, rcond=None)[0]
    np.testing.assert_allclose(x[support], expected, rtol=0, atol=tolerance * abs(expected).max())
    assert result.residuals[-1] == pytest.approx(left, rel=tolerance)
    assert len(result.residuals) == 9 and (np.diff(result.residuals) < 0).all()


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_sparse_solution_is_found_exactly(lib, sparse_problem, dtype):
    A, _, x, _ = sparse_problem(50, 120, 5, seed=15017, dtype=dtype)
    rtol = 1e-5 if dtype in ("float32", "complex64") else 1e-11
    result = omp(lib.array(A), lib.array(A @ x), rtol=rtol)
    assert result.success and result.nit == 5 and result.residuals[-1] <= rtol * result.residuals[0]
    np.testing.assert_allclose(lib.host(result.x), x, atol=10 * rtol)


@pytest.mark.parametrize("dtype", ["float64", "complex128"])
def test_several_columns_choose_together(lib, sparse_problem, dtype):
    A, Y, X, _ = sparse_problem(40, 150, 9, seed=15031, n_columns=6, snr=15, dtype=dtype)
    result = omp(lib.array(A), lib.array(Y), n_nonzero=9)
    assert result.x.shape == (150, 6)
    np.testing.assert_array_equal(lib.host(result.support), np.flatnonzero(X.any(axis=1)))
    assert result.residuals[-1] == pytest.approx(np.linalg.norm(Y - A @ lib.host(result.x)))


FORMS = {
    "csr": scipy.sparse.csr_array,
    "csc_matrix": scipy.sparse.csc_matrix,
    "int64 indices": lambda A: with_wide_indices(scipy.sparse.csr_array(A)),
    "LinearOperator": aslinearoperator,
    "fortran": np.asfortranarray,
    "list": lambda A: A.tolist(),
}


def with_wide_indices(A):
    A.indptr, A.indices = A.indptr.astype(np.int64), A.indices.astype(np.int64)
    return A


@pytest.mark.parametrize("dtype", ["float64", "complex128"])
@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_a_matrix_gives_the_same(sparse_problem, form, dtype):
    A, y, _, _ = sparse_problem(40, 90, 6, seed=15053, dtype=dtype)
    A = A / np.linalg.norm(A, axis=0)
    dense, other = omp(A, y, n_nonzero=6), omp(FORMS[form](A), y, n_nonzero=6)
    np.testing.assert_allclose(other.x, dense.x, atol=1e-12)
    np.testing.assert_array_equal(other.support, dense.support)


@given(seed=st.integers(15061, 2**31), exponent=st.integers(-150, 150))
def test_units_of_the_data_and_of_the_columns_change_the_answer_by_just_that(seed, exponent):
    rng = np.random.default_rng(seed)
    A, y, units = rng.standard_normal((30, 70)), rng.standard_normal(30), np.exp(2 * rng.standard_normal(70))
    usual = omp(A, y, n_nonzero=6)
    scaled = omp(A * units, y * 10.0**exponent, n_nonzero=6)
    np.testing.assert_array_equal(scaled.support, usual.support)
    np.testing.assert_allclose(scaled.x * units * 10.0**-exponent, usual.x, atol=1e-10 * abs(usual.x).max())


@pytest.mark.parametrize("scale", [1e-200, 1e200])
@pytest.mark.parametrize("form", [np.asarray, scipy.sparse.csr_array])
def test_the_scale_of_the_matrix_neither_over_nor_underflows(scale, form):
    A, x = np.random.default_rng(15073).standard_normal((30, 70)), np.zeros(70)
    x[[3, 50]] = 1.0, -1.0
    np.testing.assert_allclose(omp(form(scale * A), scale * (A @ x), n_nonzero=2).x, x, atol=1e-10)


def test_a_step_costs_one_product_with_the_adjoint():
    A = np.random.default_rng(15077).standard_normal((30, 70))
    counts = {"A": 0, "AH": 0}

    def count(name, B):
        def product(x):
            counts[name] += 1
            return B @ x

        return product

    products = {"matvec": count("A", A), "rmatvec": count("AH", A.T), "rmatmat": count("AH", A.T)}
    operator = LinearOperator(A.shape, dtype=float, **products)
    taken, _, _, _ = pursue(operator, np.ones((30, 1)), 7, 0.0)
    assert len(taken) == 7 and counts == {"A": 7, "AH": 9}  # one for a look whether there is an adjoint, one for A^H y


def test_by_default_a_tenth_of_the_columns_is_taken(sparse_problem):
    A, y, _, _ = sparse_problem(40, 90, 6, seed=15083)
    assert omp(A, y).nit == 9
    assert omp(A[:, :5], y).nit == 1
    assert omp(A[:3], y[:3]).nit == 3


def test_it_ends_at_whichever_comes_first(sparse_problem):
    A, y, _, _ = sparse_problem(40, 90, 6, seed=15091, snr=40)
    assert omp(A, y, rtol=0.5, n_nonzero=40).nit < 6
    with pytest.warns(ConvergenceWarning, match=r"2 of 90 columns, .* > 1.00e-01 \|\|y\|\|; raise n_nonzero or rtol"):
        result = omp(A, y, rtol=0.1, n_nonzero=2)
    assert not result.success and result.status is Status.MAXITER and result.nit == 2


def test_zero_and_dependent_columns_are_not_taken():
    rng = np.random.default_rng(15101)
    A = np.zeros((20, 9))
    A[:, [1, 4, 7]] = rng.standard_normal((20, 3))
    A[:, 5] = A[:, 1]
    y = rng.standard_normal(20)
    result = omp(A, y, n_nonzero=9)
    assert result.success and result.nit == 3 and np.isfinite(result.x).all()
    with pytest.warns(ConvergenceWarning, match="no other column is independent of them: raise rtol"):
        assert omp(A, y, rtol=1e-3).nit == 3


def test_zero_data_have_the_solution_zero(lib):
    A = lib.array(np.random.default_rng(15107).standard_normal((6, 9)))
    for y in (np.zeros(6), np.zeros((6, 2))):
        result = omp(A, lib.array(y), rtol=1e-3)
        assert result.success and result.nit == 0 and not lib.host(result.x).any() and result.support.shape == (0,)


def test_a_zero_matrix_has_the_solution_zero():
    result = omp(np.zeros((4, 3)), np.ones(4), n_nonzero=2)
    assert result.success and result.nit == 0 and not result.x.any()


@pytest.mark.parametrize("shape", [(1, 1), (1, 5), (5, 1)])
def test_tiny_problems_are_solved(shape):
    A = 1 + np.arange(5.0).reshape(5, 1)[: shape[0]] + np.zeros(shape)
    result = omp(A, 2 * A[:, 0], rtol=1e-12)
    assert result.success and result.nit == 1
    np.testing.assert_allclose(A @ result.x, 2 * A[:, 0])


def test_integers_and_a_complex_matrix_with_real_data_are_promoted():
    A = np.array([[1, 0, 1], [0, 2, 1]])
    assert omp(A, [0, 4], n_nonzero=1).x.dtype == np.float64
    result = omp(1j * A, np.array([0.0, 4.0]), n_nonzero=1)
    np.testing.assert_allclose(result.x, [0, -2j, 0], atol=1e-15)


def test_inputs_are_not_changed(sparse_problem):
    A, y, _, _ = sparse_problem(20, 40, 3, seed=15121)
    before = A.copy(), y.copy()
    omp(A, y, n_nonzero=3).x[:] = 7
    np.testing.assert_array_equal(A, before[0])
    np.testing.assert_array_equal(y, before[1])


def bad(entry, value):
    A, y = np.ones((4, 6)), np.ones(4)
    (A if entry == "A" else y)[2] = value
    return A, y


@pytest.mark.parametrize(
    ("arguments", "options", "error", "message"),
    [
        (bad("A", np.nan), {}, ValueError, r"A\[2, 0\] is nan"),
        (bad("y", np.inf), {}, ValueError, r"y\[2\] is inf"),
        ((np.ones((4, 6)), np.ones(5)), {}, ValueError, r"A has shape \(4, 6\) and y \(5,\): as many rows"),
        ((np.ones(4), np.ones(4)), {}, ValueError, r"A has shape \(4,\): a matrix \(M, N\)"),
        ((np.ones((4, 6)), np.ones((4, 1, 1))), {}, ValueError, r"y has shape \(4, 1, 1\)"),
        ((np.ones((4, 6)), np.ones(4)), {"n_nonzero": 5}, ValueError, r"n_nonzero is 5: .*\(4, 6\).* 4 columns"),
        ((np.ones((4, 6)), np.ones(4)), {"n_nonzero": 0}, ValueError, "n_nonzero is 0"),
        ((np.ones((4, 6)), np.ones(4)), {"n_nonzero": 1.5}, TypeError, "n_nonzero is 1.5: an integer"),
        ((np.ones((4, 6)), np.ones(4)), {"rtol": -0.1}, ValueError, "rtol is -0.1"),
        ((array_api_strict.ones((4, 6)), np.ones(4)), {}, TypeError, "to_device"),
        (
            (LinearOperator((4, 6), matvec=lambda x: x[:4], dtype=float), np.ones(4)),
            {},
            TypeError,
            "no adjoint: pass a .*LinearOperator with rmatvec",
        ),
    ],
)
def test_bad_input_is_named(arguments, options, error, message):
    with pytest.raises(error, match=message):
        omp(*arguments, **options)

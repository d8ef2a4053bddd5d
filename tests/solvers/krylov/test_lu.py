"""Complete factors as a preconditioner."""

import numpy as np
import pytest
import scipy.sparse as sp
from scipy.sparse.linalg import splu

from sparsesci._lib.operator import CSR
from sparsesci.solvers import gcrodr, lu_preconditioner
from sparsesci.solvers.krylov.factors import Factors, solve_factors, solve_factors_rows
from sparsesci.solvers.krylov.lu import by_rows, factors_of_columns, ordering


@pytest.mark.parametrize("dtype", ["float32", "float64", "complex64", "complex128"])
@pytest.mark.parametrize("form", ["csr", "csc", "coo", "dense"])
def test_it_is_the_inverse(host_lib, dtype, form):
    A, b, x = host_lib.convection(50, seed=901, dtype=dtype)
    A = A.toarray() if form == "dense" else A.asformat(form)
    M = lu_preconditioner(A)
    assert M.dtype == np.dtype(dtype)
    tolerance = 2e-3 if np.dtype(dtype).itemsize // (2 if dtype.startswith("c") else 1) == 4 else 1e-10
    assert np.linalg.norm(M(b) - x) < tolerance * np.linalg.norm(x)


def test_columns_are_solved_together(host_lib):
    A, b, _ = host_lib.convection(50, seed=902)
    B = np.stack([b, 2 * b, -b], axis=1)
    M = lu_preconditioner(A)
    assert np.allclose(M(B), np.stack([M(b), 2 * M(b), -M(b)], axis=1))


def test_real_factors_take_complex_vectors(host_lib):
    A, b, _ = host_lib.convection(50, seed=903)
    M = lu_preconditioner(A)
    assert np.allclose(M(1j * b), 1j * M(b))


@pytest.mark.parametrize("dtype", [float, complex])
def test_one_iteration_solves_its_own_system(host_lib, dtype):
    A, b, _ = host_lib.convection(80, seed=904, dtype=dtype)
    assert gcrodr(A, b, M=lu_preconditioner(A), rtol=1e-10).nit == 1


def test_rows_that_must_be_exchanged_are(host_lib):
    rng = np.random.default_rng(905)
    A = sp.csr_array(np.fliplr(np.eye(20)) + 0.01 * rng.standard_normal((20, 20)))
    x = rng.standard_normal(20)
    assert np.allclose(lu_preconditioner(A)(A @ x), x)
    result = gcrodr(A, A @ x, M=lu_preconditioner(A), rtol=1e-10)
    assert result.success and result.nit == 1


def test_the_ordering_follows_from_pattern_and_diagonal(host_lib):
    symmetric, _, _ = host_lib.convection(9, seed=906)
    saddle = sp.csr_array(np.array([[1.0, 2.0], [2.0, 0.0]]))
    assert ordering(symmetric)["permc_spec"] == "MMD_AT_PLUS_A"
    assert ordering(sp.csr_array(np.triu(np.ones((4, 4)))))["permc_spec"] == "COLAMD"
    assert ordering(saddle)["permc_spec"] == "COLAMD"


@pytest.mark.parametrize("form", [sp.csr_array, np.asarray])
def test_a_singular_matrix_is_named(form):
    with pytest.raises(np.linalg.LinAlgError, match="A has no LU factorisation"):
        lu_preconditioner(form(np.ones((3, 3))))


def test_what_is_not_finite_is_named_with_its_place():
    A = np.eye(3)
    A[1, 2] = np.nan
    for form in (np.asarray, sp.csr_array):
        with pytest.raises(ValueError, match=r"A\[1, 2\] is nan"):
            lu_preconditioner(form(A))


def test_a_vector_of_another_length_is_refused():
    with pytest.raises(ValueError, match=r"was given shape \(4,\)"):
        lu_preconditioner(np.eye(3))(np.ones(4))


def test_64_bit_indices_and_read_only_arrays_are_taken(host_lib):
    A, b, x = host_lib.convection(40, seed=907)
    A = sp.csr_array((A.data, A.indices.astype(np.int64), A.indptr.astype(np.int64)), shape=A.shape)
    for part in (A.data, A.indices, A.indptr):
        part.flags.writeable = False
    assert np.allclose(lu_preconditioner(A)(b), x)


def test_the_caller_keeps_his_matrix(host_lib):
    A, _, _ = host_lib.convection(20, seed=908)
    dense = A.toarray()
    before = dense.copy()
    lu_preconditioner(dense)
    assert np.array_equal(dense, before)


def test_the_repr_says_how_large_the_factors_are():
    assert repr(lu_preconditioner(sp.eye_array(5, format="csr"))).startswith("LU preconditioner, float64, shape (5, 5)")


@pytest.mark.parametrize("dtype", [np.float32, float, complex])
def test_the_kernel_finds_the_rows_that_the_reference_finds(dtype):
    rng = np.random.default_rng(909)
    A = sp.random_array((40, 40), density=0.1, rng=rng) + 3 * sp.eye_array(40, format="csr")[rng.permutation(40)]
    factors = splu(A.tocsc().astype(dtype))
    fast = by_rows(factors)
    slow = Factors(*(type(part)(*(np.zeros_like(x) for x in part)) for part in fast[:2]), np.zeros_like(fast[2]))
    columns = [CSR(X.indptr, X.indices, X.data) for X in (factors.L, factors.U)]
    factors_of_columns.reference(*columns, *slow.triangles)
    for mine, theirs in zip(fast[:2], slow[:2], strict=True):
        assert np.array_equal(mine.indptr, theirs.indptr) and np.array_equal(mine.indices, theirs.indices)
        assert np.allclose(mine.data, theirs.data)
    assert np.allclose(fast.inverse_diagonal, slow.inverse_diagonal)


@pytest.mark.parametrize("apply", [solve_factors, solve_factors.reference])
def test_permuted_factors_solve_as_superlu_does(apply):
    rng = np.random.default_rng(910)
    A = sp.random_array((40, 40), density=0.1, rng=rng) + 3 * sp.eye_array(40, format="csr")[rng.permutation(40)]
    factors, b, x = splu(A.tocsc()), rng.standard_normal(40), np.empty(40)
    apply(by_rows(factors), b, x)
    assert np.allclose(x, factors.solve(b))


def test_permuted_factors_solve_rows(host_lib):
    A, _, _ = host_lib.convection(40, seed=911)
    factors, B = splu(A.tocsc()), np.random.default_rng(912).standard_normal((6, 40))
    X = np.empty_like(B)
    solve_factors_rows(by_rows(factors), B, X)
    assert np.allclose(X, factors.solve(B.T.copy()).T)


def test_a_cycle_with_sparse_factors_runs_compiled_and_one_with_dense_factors_does_not():
    sparse, dense = lu_preconditioner(sp.eye_array(300, format="csr")), lu_preconditioner(np.eye(300))
    full = lu_preconditioner(sp.csr_array(np.eye(300) + np.ones((300, 300))))
    assert isinstance(sparse.kernel_arguments(np.float64), Factors)
    assert dense.kernel_arguments(np.float64) is None and full.kernel_arguments(np.float64) is None


def test_factors_whose_rows_overflow_are_left_to_superlu():
    A = sp.csr_array(np.diag([1.0, 1e-310, 2.0]))
    M, x = lu_preconditioner(A), np.array([1.0, 1e-310, 4.0])
    assert M.kernel_arguments(np.float64) is None
    np.testing.assert_allclose(M(x), [1, 1, 2])

"""Jacobi and ILU(0): their definitions, their kernels against the references, and what they take and refuse."""

import pickle

import array_api_strict
import numpy as np
import pytest
import scipy.sparse
import scipy.sparse.linalg

from sparsesci._cpu import sparse as compiled
from sparsesci._lib.operator import CSR, csr_arrays
from sparsesci.solvers import gcrodr, ilu0_preconditioner, jacobi_preconditioner
from sparsesci.solvers.krylov.factors import Factors, empty_csr, solve_factors, solve_factors_rows
from sparsesci.solvers.krylov.ilu0 import ilu0
from sparsesci.solvers.krylov.pattern import Pattern, find_pivots, split_pattern

DTYPES = ["float32", "float64", "complex64", "complex128"]
SHAPES = [(1, 0.0), (2, 1.0), (9, 0.0), (9, 0.1), (40, 0.08), (25, 1.0)]  # n, and density beside the diagonal


def tolerance(dtype):
    return 2e-4 if dtype in ("float32", "complex64") else 1e-11


def random_vector(shape, *, seed, dtype):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal(shape) + (1j * rng.standard_normal(shape) if np.dtype(dtype).kind == "c" else 0)
    return x.astype(dtype)


def random_matrix(n, density, *, seed, dtype):
    """Return a CSR matrix with a dominant diagonal; rows without any other entry occur at low densities."""
    rng = np.random.default_rng(seed)
    parts = [scipy.sparse.random_array((n, n), density=density, rng=rng, format="csr") for _ in range(2)]
    A = parts[0] + (1j * parts[1] if np.dtype(dtype).kind == "c" else -parts[1])
    A = A + scipy.sparse.diags_array(1 + n * density + rng.random(n))
    return scipy.sparse.csr_array(A.astype(dtype))


def cut(A):
    """Return the pattern of A, its entries there, and room for factors on it, by the references."""
    A = A.copy()
    A.sum_duplicates()
    indptr, indices, data = csr_arrays(A, A.dtype)
    n = indptr.size - 1
    diagonal = np.empty(n, np.int64)
    assert find_pivots.reference(indptr, indices, diagonal) == -1
    n_lower = int((diagonal - indptr[:-1].astype(np.int64)).sum())
    lower, upper = empty_csr(n, n_lower, data.dtype), empty_csr(n, data.size - n - n_lower, data.dtype)
    split_pattern.reference(indptr, indices, diagonal, lower, upper)
    return Pattern(indptr, indices, diagonal), data, Factors(lower, upper, np.empty(n, data.dtype))


def reference_factors(A):
    """Return the factors of ILU(0) by the reference."""
    pattern, data, room = cut(A)
    assert ilu0.reference(*pattern, data, *room.triangles) == -1
    return room


def dense(factors):
    """Return I + L, D and I + U as dense matrices."""
    n = factors.inverse_diagonal.size
    parts = (part._replace(indptr=part.indptr.astype(int), indices=part.indices.astype(int)) for part in factors[:2])
    L, U = (scipy.sparse.csr_array(part[::-1], shape=(n, n)).toarray() for part in parts)
    return np.eye(n) + L, np.diag(1 / factors.inverse_diagonal), np.eye(n) + U[::-1]


def product_of(factors):
    """Return L U as a dense matrix."""
    L, D, U = dense(factors)
    return L @ D @ U


def random_factors(n, density, *, seed, dtype):
    """Return factors with strictly triangular L and U in the order in which they are stored."""
    return reference_factors(random_matrix(n, density, seed=seed, dtype=dtype))


def assert_same_factors(found, expected, dtype):
    for part, reference in zip(found[:2], expected[:2], strict=True):
        np.testing.assert_array_equal(part.indptr, reference.indptr)
        np.testing.assert_array_equal(part.indices, reference.indices)
        np.testing.assert_allclose(part.data, reference.data, rtol=tolerance(dtype), atol=tolerance(dtype))
    np.testing.assert_allclose(found.inverse_diagonal, expected.inverse_diagonal, rtol=tolerance(dtype))


def read_only(arrays):
    for array in arrays:
        array.flags.writeable = False
    return arrays


# --- kernels and their references ------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("n", "density"), SHAPES)
def test_the_compiled_product_is_that_of_scipy(n, density, dtype):
    A = random_matrix(n, density, seed=6101, dtype=dtype)
    x, y = random_vector(n, seed=6113, dtype=dtype), np.full(n, np.nan, dtype)
    compiled.csr_matvec(csr_arrays(A, dtype), x, y)
    np.testing.assert_allclose(y, A @ x, rtol=tolerance(dtype))


def test_the_compiled_product_sets_empty_rows_to_zero():
    A = scipy.sparse.csr_array(([2.0], ([1], [2])), shape=(3, 3))
    y = np.full(3, np.nan)
    compiled.csr_matvec(csr_arrays(A, float), np.arange(3.0), y)
    assert y.tolist() == [0.0, 4.0, 0.0]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("n", "density"), SHAPES)
def test_the_compiled_factorisation_is_that_of_the_reference(n, density, dtype):
    A = random_matrix(n, density, seed=6121, dtype=dtype)
    pattern, data, found = cut(A)
    assert ilu0(*pattern, data, *found.triangles) == -1
    assert_same_factors(found, reference_factors(A), dtype)


@pytest.mark.parametrize(("n", "density"), SHAPES)
def test_the_compiled_cut_is_that_of_the_reference(n, density):
    A = random_matrix(n, density, seed=6129, dtype=float)
    pattern, _, expected = cut(A)
    diagonal = np.empty(n, np.int64)
    assert find_pivots(*pattern[:2], diagonal) == -1
    np.testing.assert_array_equal(diagonal, pattern.diagonal)
    found = [CSR(*map(np.zeros_like, part)) for part in expected[:2]]
    split_pattern(*pattern, *found)
    for part, reference in zip(found, expected[:2], strict=True):
        np.testing.assert_array_equal(part.indptr, reference.indptr)
        np.testing.assert_array_equal(part.indices, reference.indices)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("n", "density"), SHAPES)
def test_the_compiled_solve_is_that_of_the_reference(n, density, dtype):
    factors, x = random_factors(n, density, seed=6133, dtype=dtype), random_vector(n, seed=6143, dtype=dtype)
    found, expected = np.empty_like(x), np.empty_like(x)
    solve_factors(factors, x, found)
    solve_factors.reference(factors, x, expected)
    np.testing.assert_allclose(found, expected, rtol=tolerance(dtype), atol=tolerance(dtype))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("k", [1, 3, 4, 6, 9])
def test_the_compiled_solve_of_a_block_is_that_of_the_reference(k, dtype):
    factors, X = random_factors(17, 0.2, seed=6151, dtype=dtype), random_vector((k, 17), seed=6163, dtype=dtype)
    found, expected = np.empty_like(X), np.empty_like(X)
    solve_factors_rows(factors, X, found)
    solve_factors_rows.reference(factors, X, expected)
    np.testing.assert_allclose(found, expected, rtol=tolerance(dtype), atol=tolerance(dtype))


def test_a_block_of_a_diagonal_preconditioner_passes_the_compiled_solve():
    nothing, X = empty_csr(5, 0, float), random_vector((6, 5), seed=6173, dtype=float)
    factors, Y = Factors(nothing, nothing, np.arange(1.0, 6.0)), np.empty((6, 5))
    solve_factors_rows(factors, X, Y)
    np.testing.assert_array_equal(Y, X * np.arange(1.0, 6.0))


@pytest.mark.parametrize(
    ("A", "row"),
    [
        ([[1.0, 2.0], [2.0, 4.0]], 1),  # a pivot becomes zero
        ([[1.0, 1.0, 0.0], [1.0, 2.0, 1.0], [0.0, 1.0, 1.0]], 2),
        ([[1e-300, 1e300], [1e300, 1.0]], 1),  # a pivot overflows
        ([[1e-310, 0.0], [0.0, 1.0]], 0),  # its inverse does
    ],
)
def test_kernel_and_reference_name_the_same_row_without_a_pivot(A, row):
    for function in (ilu0, ilu0.reference):
        pattern, data, room = cut(scipy.sparse.csr_array(np.array(A)))
        with np.errstate(over="ignore"):
            assert function(*pattern, data, *room.triangles) == row


@pytest.mark.parametrize("function", [find_pivots, find_pivots.reference], ids=["compiled", "reference"])
@pytest.mark.parametrize(("pattern", "row"), [([[0, 1], [1, 1]], 0), ([[1, 1, 0], [1, 1, 0], [1, 1, 0]], 2)])
def test_the_first_row_that_stores_no_diagonal_entry_is_found(function, pattern, row):
    indptr, indices, _ = csr_arrays(scipy.sparse.csr_array(np.array(pattern, float)), float)
    assert function(indptr, indices, np.empty(len(pattern), np.int64)) == row


@pytest.mark.parametrize("order", ["natural", "reversed", "shuffled"])
def test_a_solve_does_not_depend_on_whether_the_last_unknown_of_a_row_is_its_neighbour(order):
    n, rng = 30, np.random.default_rng(6137)
    ranks = {"natural": np.arange(n), "reversed": np.arange(n)[::-1], "shuffled": rng.permutation(n)}[order]
    chain = scipy.sparse.diags_array([-np.ones(n - 1), 3 * np.ones(n), -np.ones(n - 1)], offsets=[-1, 0, 1]).tocsr()
    factors, x, y = reference_factors(chain[ranks][:, ranks]), rng.standard_normal(n), np.empty(n)
    solve_factors(factors, x, y)
    np.testing.assert_allclose(product_of(factors) @ y, x, atol=1e-13)


# --- the definition of ILU(0) ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("n", "density"), SHAPES)
def test_the_product_of_the_factors_is_the_matrix_on_its_pattern(n, density, dtype):
    A = random_matrix(n, density, seed=6197, dtype=dtype)
    pattern, data, found = cut(A)
    assert ilu0(*pattern, data, *found.triangles) == -1
    on_pattern = A.toarray() != 0
    np.testing.assert_allclose(product_of(found)[on_pattern], A.toarray()[on_pattern], rtol=tolerance(dtype))


def test_a_matrix_without_fill_is_factorised_exactly(host_lib):
    A, b, x = host_lib.convection(n=60, seed=6199, dtype=complex)
    np.testing.assert_allclose(ilu0_preconditioner(A)(b), x, rtol=1e-11)


def test_a_full_matrix_is_factorised_exactly():
    A = random_matrix(25, 1.0, seed=6203, dtype=float).toarray()
    x = random_vector(25, seed=6211, dtype=float)
    np.testing.assert_allclose(ilu0_preconditioner(A)(A @ x), x, rtol=1e-10)


def test_it_inverts_the_product_of_its_factors():
    A = random_matrix(40, 0.08, seed=6217, dtype=complex)
    x = random_vector(40, seed=6221, dtype=complex)
    np.testing.assert_allclose(ilu0_preconditioner(A)(product_of(reference_factors(A)) @ x), x, rtol=1e-10)


def test_a_matrix_of_one_row_is_inverted():
    assert ilu0_preconditioner([[4.0]])(np.ones(1)).tolist() == [0.25]


# --- what ILU(0) takes -----------------------------------------------------------------------------------------------


def wide_indices(A):
    A = A.copy()
    A.indptr, A.indices = A.indptr.astype(np.int64), A.indices.astype(np.int64)
    return A


def unsorted(A):
    A = scipy.sparse.csr_array((A.data.copy(), A.indices.copy(), A.indptr.copy()), shape=A.shape)
    for begin, end in zip(A.indptr, A.indptr[1:], strict=False):
        A.indices[begin:end], A.data[begin:end] = A.indices[begin:end][::-1].copy(), A.data[begin:end][::-1].copy()
    A.has_sorted_indices = False
    return A


def duplicated(A):
    rows, columns = A.tocoo().coords
    parts = np.concatenate([0.25 * A.data, 0.75 * A.data])
    return scipy.sparse.coo_array((parts, (np.tile(rows, 2), np.tile(columns, 2))), shape=A.shape)


FORMS = {
    "dense": lambda A: A.toarray(),
    "list": lambda A: A.toarray().tolist(),
    "csc": lambda A: A.tocsc(),
    "coo": lambda A: A.tocoo(),
    "dia": lambda A: A.todia(),
    "csr_matrix": scipy.sparse.csr_matrix,
    "int64 indices": wide_indices,
    "unsorted": unsorted,
    "duplicates": duplicated,
    "read-only": lambda A: (read_only([A.data, A.indices, A.indptr]), A)[1],
}


@pytest.mark.parametrize("make", [ilu0_preconditioner, jacobi_preconditioner])
@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_a_matrix_gives_the_same_preconditioner(make, form):
    A, x = random_matrix(12, 0.3, seed=6229, dtype=float), random_vector(12, seed=6247, dtype=float)
    np.testing.assert_allclose(make(FORMS[form](A.copy()))(x), make(A)(x), rtol=1e-13)


@pytest.mark.parametrize("form", ["csr", "unsorted", "duplicates", "dense", "read-only"])
def test_a_matrix_is_not_changed_by_its_factorisation(form):
    A = random_matrix(12, 0.3, seed=6257, dtype=float)
    A = FORMS.get(form, lambda A: A)(A)
    kept = A.copy()
    ilu0_preconditioner(A)
    parts = ("data", "indices", "indptr") if form not in ("dense", "duplicates") else ("data",)
    for part in parts:
        np.testing.assert_array_equal(getattr(A, part), getattr(kept, part))


@pytest.mark.parametrize("make", [ilu0_preconditioner, jacobi_preconditioner])
@pytest.mark.parametrize(("given", "kept"), [("float32", "float32"), ("complex64", "complex64"), ("int32", "float64")])
def test_a_preconditioner_keeps_the_dtype_of_floats_and_makes_integers_float64(make, given, kept):
    A = (10 * scipy.sparse.eye_array(4, format="csr") + scipy.sparse.eye_array(4, k=1)).astype(given)
    assert make(A).dtype == np.dtype(kept)


# --- a refresh on the same pattern -----------------------------------------------------------------------------------


def test_a_refresh_is_the_factorisation_of_the_new_matrix():
    A = random_matrix(40, 0.1, seed=6367, dtype=float)
    B = A.copy()
    B.data *= np.random.default_rng(6373).uniform(0.5, 1, B.data.size)
    found, expected = ilu0_preconditioner(B, like=ilu0_preconditioner(A)), ilu0_preconditioner(B)
    for one, other in zip(found.factors[:2], expected.factors[:2], strict=True):
        np.testing.assert_array_equal(one.data, other.data)
    np.testing.assert_array_equal(found.factors.inverse_diagonal, expected.factors.inverse_diagonal)


def test_a_refresh_shares_its_index_arrays_and_leaves_the_old_preconditioner_as_it_is():
    A, x = random_matrix(40, 0.1, seed=6379, dtype=float), random_vector(40, seed=6389, dtype=float)
    M = ilu0_preconditioner(A)
    kept = M(x)
    fresh = ilu0_preconditioner(3 * A, like=M)
    assert fresh.pattern is M.pattern
    for one, other in zip(fresh.factors[:2], M.factors[:2], strict=True):
        assert one.indices is other.indices and one.indptr is other.indptr and one.data is not other.data
    np.testing.assert_array_equal(M(x), kept)
    np.testing.assert_allclose(fresh(x), kept / 3, rtol=1e-12)


@pytest.mark.parametrize("form", FORMS)
def test_a_refresh_takes_every_form_of_a_matrix(form):
    A, x = random_matrix(12, 0.3, seed=6397, dtype=float), random_vector(12, seed=6421, dtype=float)
    M = ilu0_preconditioner(FORMS[form]((2 * A).tocsr()), like=ilu0_preconditioner(A))
    np.testing.assert_allclose(M(x), ilu0_preconditioner(A)(x) / 2, rtol=1e-12)


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_refresh_has_the_dtype_of_the_new_matrix(dtype):
    A = random_matrix(12, 0.3, seed=6427, dtype="float32")
    assert ilu0_preconditioner(A.astype(dtype), like=ilu0_preconditioner(A)).dtype == np.dtype(dtype)


def test_a_matrix_whose_index_arrays_are_overwritten_later_does_not_reach_into_the_pattern():
    A = random_matrix(12, 0.3, seed=6449, dtype=float)
    B, M = A.copy(), ilu0_preconditioner(A)
    A.indices[:] = 0
    np.testing.assert_array_equal(ilu0_preconditioner(B, like=M)(np.ones(12)), M(np.ones(12)))


def test_a_refreshed_preconditioner_can_be_pickled_and_refreshed():
    A = random_matrix(12, 0.3, seed=6451, dtype=float)
    M = pickle.loads(pickle.dumps(ilu0_preconditioner(2 * A, like=ilu0_preconditioner(A))))
    np.testing.assert_array_equal(ilu0_preconditioner(A, like=M)(np.ones(12)), ilu0_preconditioner(A)(np.ones(12)))


def test_the_first_row_of_another_pattern_is_named():
    A = random_matrix(12, 0.3, seed=6469, dtype=float)
    B = A.tolil()
    B[7, np.flatnonzero(A.toarray()[7] == 0)[0]] = 1.0
    with pytest.raises(ValueError, match=r"the pattern of A differs from that of like in row 7: leave like out"):
        ilu0_preconditioner(B.tocsr(), like=ilu0_preconditioner(A))


@pytest.mark.parametrize(
    ("like", "error", "message"),
    [
        (ilu0_preconditioner(np.eye(4)), ValueError, r"A has shape \(3, 3\) and like \(4, 4\)"),
        (jacobi_preconditioner(np.eye(3)), TypeError, r"like is a Jacobi: an ILU\(0\), IC\(0\) or SSOR is needed"),
        (np.eye(3), TypeError, "like is a ndarray"),
    ],
)
def test_what_cannot_be_refreshed_is_named(like, error, message):
    with pytest.raises(error, match=message):
        ilu0_preconditioner(np.eye(3), like=like)


@pytest.mark.parametrize("bad", [np.nan, -np.inf])
def test_a_refresh_names_an_entry_that_is_not_finite(bad):
    A = random_matrix(5, 0.5, seed=6473, dtype=float)
    M = ilu0_preconditioner(A)
    A[3, 3] = bad
    with pytest.raises(ValueError, match=rf"A\[3, 3\] is {bad}: not finite"):
        ilu0_preconditioner(A, like=M)


def test_a_refresh_names_the_row_without_a_pivot():
    M = ilu0_preconditioner(np.array([[2.0, 1.0], [1.0, 2.0]]))
    with pytest.raises(ValueError, match="breaks down in row 1: its pivot is zero"):
        ilu0_preconditioner(np.array([[1.0, 2.0], [2.0, 4.0]]), like=M)


# --- how both are applied --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [ilu0_preconditioner, jacobi_preconditioner])
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("k", [1, 5])
def test_a_block_is_its_columns(make, order, k):
    M = make(random_matrix(20, 0.2, seed=6263, dtype=complex))
    X = np.asarray(random_vector((20, k), seed=6269, dtype=complex), order=order)
    np.testing.assert_allclose(M(X), np.stack([M(X[:, j]) for j in range(k)], axis=1), rtol=1e-13)


@pytest.mark.parametrize("make", [ilu0_preconditioner, jacobi_preconditioner])
@pytest.mark.parametrize(("matrix_dtype", "vector_dtype"), [(complex, float), (float, complex), ("float32", float)])
def test_mixed_types_are_computed_in_the_wider_one(make, matrix_dtype, vector_dtype):
    A = random_matrix(20, 0.2, seed=6271, dtype=matrix_dtype)
    x = random_vector(20, seed=6277, dtype=vector_dtype)
    y = make(A)(x)
    wide = np.result_type(matrix_dtype, vector_dtype)
    assert y.dtype == wide
    np.testing.assert_allclose(y, make(A.astype(wide))(x.astype(wide)), rtol=1e-5)


@pytest.mark.parametrize("make", [ilu0_preconditioner, jacobi_preconditioner])
def test_integer_vectors_are_taken(make):
    M = make(2 * scipy.sparse.eye_array(3, format="csr"))
    assert M(np.arange(3)).tolist() == [0.0, 0.5, 1.0]


@pytest.mark.parametrize("make", [ilu0_preconditioner, jacobi_preconditioner])
def test_the_vector_is_not_changed_and_not_returned(make):
    M, x = make(scipy.sparse.eye_array(4, format="csr")), read_only([np.ones(4)])[0]
    y = M(x)
    assert not np.shares_memory(x, y) and x.tolist() == [1.0] * 4


@pytest.mark.parametrize("make", [ilu0_preconditioner, jacobi_preconditioner])
@pytest.mark.parametrize("shape", [(5,), (3,), (1,), (5, 2), (1, 2), (2, 4), (4, 2, 2), ()])
def test_a_vector_of_another_length_is_named_before_a_kernel_reads_beyond_it(make, shape, monkeypatch):
    M = make(random_matrix(4, 0.5, seed=6287, dtype=float))
    for kernel in ("solve_factors", "solve_factors_rows"):
        monkeypatch.setattr(f"sparsesci.solvers.krylov.factors.{kernel}", lambda *_: pytest.fail("a kernel was called"))
    with pytest.raises(ValueError, match=r"shape \(.*\): \(4,\) or \(4, k\) is needed"):
        M(np.ones(shape))


def test_the_preconditioner_of_a_sum_of_columns_is_the_sum(lib):
    A, b, x = lib.poisson(30, seed=6299)
    M = jacobi_preconditioner(A)
    np.testing.assert_allclose(lib.host(M(b + x)), lib.host(M(b)) + lib.host(M(x)), rtol=1e-12)


def test_jacobi_is_the_inverse_diagonal_in_every_library(lib):
    A, b, _ = lib.convection(30, seed=6301, dtype=complex)
    diagonal = 2.0 + np.linspace(0, 3, 30) + 0.5j
    np.testing.assert_allclose(lib.host(jacobi_preconditioner(A)(b)), lib.host(b) / diagonal, rtol=1e-13)


def test_jacobi_leaves_rows_without_a_diagonal_as_they_are(lib):
    M = jacobi_preconditioner(lib.array(np.array([[0.0, 1.0], [1.0, 4.0]])))
    assert lib.host(M(lib.array(np.ones(2)))).tolist() == [1.0, 0.25]


def test_ilu0_refuses_vectors_of_another_library(lib):
    if lib.name.startswith("numpy"):
        pytest.skip("NumPy is what it takes")
    M = ilu0_preconditioner(random_matrix(6, 0.3, seed=6311, dtype=float))
    with pytest.raises(TypeError, match=r"ILU\(0\) solves on the host: pass NumPy vectors, or a Jacobi"):
        M(lib.array(np.ones(6)))


@pytest.mark.parametrize("form", [scipy.sparse.csr_array, np.asarray], ids=["sparse", "dense"])
def test_a_preconditioner_of_another_library_is_refused_by_a_solver(form):
    M = jacobi_preconditioner(array_api_strict.asarray(np.eye(3), device=array_api_strict.Device("device1")))
    with pytest.raises(TypeError, match=r"cannot be mixed.*sparsesci\.gpu\.to_device"):
        gcrodr(form(np.eye(3)), np.ones(3), M=M)


# --- beside other solvers --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [ilu0_preconditioner, jacobi_preconditioner])
@pytest.mark.parametrize("wrapped", [True, False])
def test_gmres_of_scipy_takes_it(make, wrapped, host_lib):
    A, b, x = host_lib.convection(80, seed=6317)
    M = make(A)
    if wrapped:
        M = scipy.sparse.linalg.LinearOperator(M.shape, matvec=M.matvec, matmat=M.matmat, dtype=M.dtype)
    found, info = scipy.sparse.linalg.gmres(A, b, M=M, rtol=1e-10, restart=80)
    assert info == 0
    np.testing.assert_allclose(found, x, rtol=1e-6)


@pytest.mark.parametrize("make", [ilu0_preconditioner, jacobi_preconditioner])
def test_it_saves_iterations(make):
    A = random_matrix(300, 0.01, seed=6323, dtype=float)
    A = A @ scipy.sparse.diags_array(np.logspace(0, 4, 300))
    b = random_vector(300, seed=6329, dtype=float)
    preconditioned = gcrodr(A, b, M=make(A), rtol=1e-8)
    assert preconditioned.success and 3 * preconditioned.nit < gcrodr(A, b, rtol=1e-8, maxiter=4000).nit


@pytest.mark.parametrize("make", [ilu0_preconditioner, jacobi_preconditioner])
def test_it_can_be_pickled(make):
    A, x = random_matrix(9, 0.3, seed=6337, dtype=float), np.arange(9.0)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(make(A)))(x), make(A)(x))


def test_it_says_what_it_is(host_lib):
    A, _, _ = host_lib.poisson(10, seed=6343)
    assert repr(ilu0_preconditioner(A)) == "ILU(0) preconditioner, float64, shape (10, 10), 28 entries"
    assert repr(jacobi_preconditioner(A)) == "Jacobi preconditioner, float64, shape (10, 10), 10 entries"


# --- what is refused -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [ilu0_preconditioner, jacobi_preconditioner])
@pytest.mark.parametrize("A", [np.ones((2, 3)), np.ones(4), np.ones((0, 0)), scipy.sparse.eye_array(3, 4)])
def test_a_matrix_that_is_not_square_is_named(make, A):
    with pytest.raises(ValueError, match=r"A has shape \(.*\): a square matrix is needed"):
        make(A)


@pytest.mark.parametrize("make", [ilu0_preconditioner, jacobi_preconditioner])
@pytest.mark.parametrize("A", [lambda x: x, scipy.sparse.linalg.aslinearoperator(np.eye(3)), "text", None])
def test_a_map_without_entries_is_named(make, A):
    with pytest.raises(TypeError, match=r"A is a .*: its entries are needed"):
        make(A)


@pytest.mark.parametrize("make", [ilu0_preconditioner, jacobi_preconditioner])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_an_entry_that_is_not_finite_is_named(make, bad):
    A = random_matrix(5, 0.5, seed=6353, dtype=float)
    A[3, 3] = bad
    with pytest.raises(ValueError, match=rf"A\[3(, 3)?\] is {bad}: not finite"):
        make(A)


@pytest.mark.parametrize(
    ("A", "message"),
    [
        ([[1.0, 2.0], [2.0, 4.0]], "row 1: its pivot is zero or not finite.*add a shift.*spilu"),
        ([[0.0, 1.0], [1.0, 0.0]], r"row 0: its pivot is missing, A\[0, 0\] is not stored.*add a shift"),
    ],
)
def test_the_row_without_a_pivot_is_named_with_a_way_out(A, message):
    with pytest.raises(ValueError, match=message):
        ilu0_preconditioner(A)


def test_a_zero_that_is_stored_on_the_diagonal_is_no_pivot():
    A = scipy.sparse.csr_array((np.array([2.0, 0.0]), np.array([0, 1]), np.array([0, 1, 2])), shape=(2, 2))
    with pytest.raises(ValueError, match="breaks down in row 1"):
        ilu0_preconditioner(A)


@pytest.mark.parametrize("make", [ilu0_preconditioner, jacobi_preconditioner])
@pytest.mark.parametrize(
    ("array", "place", "value"),
    [("indices", 3, 10**6), ("indices", 3, -1), ("indptr", 4, 10**6), ("indptr", -1, 10**6), ("indptr", 0, -1)],
)
def test_a_corrupted_matrix_is_refused_before_anything_reads_it(make, array, place, value, monkeypatch):
    A = random_matrix(9, 0.3, seed=6359, dtype=float)
    getattr(A, array)[place] = value
    for method in ("diagonal", "tocoo"):  # compiled code of SciPy, which reads without bounds checks too
        monkeypatch.setattr(scipy.sparse.csr_array, method, lambda *_, **__: pytest.fail("the matrix was read"))
    with pytest.raises(ValueError, match=r"indptr|index|indices"):
        make(A)


def test_a_matrix_on_another_device_is_refused_by_ilu0(lib):
    if lib.name.startswith("numpy"):
        pytest.skip("NumPy is what it takes")
    with pytest.raises(TypeError, match=r"runs on the host.*to_host.*Jacobi"):
        ilu0_preconditioner(lib.array(np.eye(3)))


def test_a_diagonal_entry_without_an_inverse_is_named_by_jacobi():
    with pytest.raises(ValueError, match=r"1 / the diagonal of A\[1\] is inf"):
        jacobi_preconditioner(np.diag([1.0, 1e-310, 2.0]))

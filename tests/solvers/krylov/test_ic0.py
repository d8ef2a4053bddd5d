"""IC(0): its definition, its kernels against the references, its shift, and what it takes and refuses."""

import pickle

import numpy as np
import pytest
import scipy.sparse
from hypothesis import given, settings
from hypothesis import strategies as st

from sparsesci._lib.operator import csr_arrays
from sparsesci.solvers import ic0_preconditioner, ilu0_preconditioner, jacobi_preconditioner, recycled_cg
from sparsesci.solvers.krylov.factors import Factors, empty_csr
from sparsesci.solvers.krylov.ic0 import ic0, unmatched
from sparsesci.solvers.krylov.pattern import Pattern, find_pivots, split_pattern

DTYPES = ["float32", "float64", "complex64", "complex128"]
SHAPES = [(1, 0.0), (2, 1.0), (9, 0.0), (9, 0.1), (40, 0.08), (25, 1.0)]  # n, and density beside the diagonal
KERSHAW = np.array([[3.0, -2.0, 0.0, 2.0], [-2.0, 3.0, -2.0, 0.0], [0.0, -2.0, 3.0, -2.0], [2.0, 0.0, -2.0, 3.0]])
NO_SHIFT, EPS = 0.0, np.finfo(float).eps


def tolerance(dtype):
    return 2e-4 if dtype in ("float32", "complex64") else 1e-11


def random_hermitian(n, density, *, seed, dtype="float64"):
    """Return a diagonally dominant CSR matrix; rows without any other entry occur at low densities."""
    rng = np.random.default_rng(seed)
    parts = [scipy.sparse.random_array((n, n), density=density / 2, rng=rng, format="csr") for _ in range(2)]
    X = parts[0] + (1j * parts[1] if np.dtype(dtype).kind == "c" else -parts[1])
    return scipy.sparse.csr_array(
        (X + X.conj().T + scipy.sparse.diags_array(2 + 2 * n * density + rng.random(n))), dtype=dtype
    )


def cut(A):
    """Return the pattern of A, its entries there, and room for factors on it."""
    indptr, indices, data = csr_arrays(A, A.dtype)
    n = indptr.size - 1
    diagonal = np.empty(n, np.int64)
    assert find_pivots(indptr, indices, diagonal) == -1
    n_lower = int((diagonal - indptr[:-1].astype(np.int64)).sum())
    lower, upper = empty_csr(n, n_lower, data.dtype), empty_csr(n, data.size - n - n_lower, data.dtype)
    split_pattern(indptr, indices, diagonal, lower, upper)
    return Pattern(indptr, indices, diagonal), data, Factors(lower, upper, np.empty(n, data.dtype))


def dense(factors):
    """Return I + L, D and I + U as dense matrices."""
    n = factors.inverse_diagonal.size
    parts = (part._replace(indptr=part.indptr.astype(int), indices=part.indices.astype(int)) for part in factors[:2])
    L, U = (scipy.sparse.csr_array(part[::-1], shape=(n, n)).toarray() for part in parts)
    return np.eye(n) + L, np.diag(1 / factors.inverse_diagonal), np.eye(n) + U[::-1]


# --- the definition, and the kernels ---------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("n", "density"), SHAPES)
@pytest.mark.parametrize("shift", [0.0, 0.25])
def test_the_compiled_factorisation_is_that_of_the_reference(n, density, dtype, shift):
    A = random_hermitian(n, density, seed=6507, dtype=dtype)
    (*first, found), (*second, expected) = cut(A), cut(A)
    smallest = float(np.finfo(dtype).eps)
    assert ic0(*first[0], first[1], shift, smallest, *found.triangles) == -1
    assert ic0.reference(*second[0], second[1], shift, smallest, *expected.triangles) == -1
    for part, reference in zip(found[:2], expected[:2], strict=True):
        np.testing.assert_allclose(part.data, reference.data, rtol=tolerance(dtype), atol=tolerance(dtype))
    np.testing.assert_allclose(found.inverse_diagonal, expected.inverse_diagonal, rtol=tolerance(dtype))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("n", "density"), SHAPES)
def test_the_product_of_the_factors_is_the_matrix_on_its_pattern(n, density, dtype):
    A = random_hermitian(n, density, seed=6521, dtype=dtype)
    L, D, U = dense(ic0_preconditioner(A).factors)
    on_pattern = A.toarray() != 0
    np.testing.assert_array_equal(U, L.conj().T)
    np.testing.assert_allclose((L @ D @ U)[on_pattern], A.toarray()[on_pattern], rtol=tolerance(dtype))


@pytest.mark.parametrize("dtype", DTYPES)
def test_it_is_ilu0_of_a_hermitian_matrix(dtype):
    A = random_hermitian(60, 0.1, seed=6529, dtype=dtype)
    x = np.random.default_rng(6531).standard_normal(60).astype(dtype)
    np.testing.assert_allclose(ic0_preconditioner(A)(x), ilu0_preconditioner(A)(x), rtol=tolerance(dtype), atol=1e-5)


def test_a_full_matrix_is_factorised_exactly():
    X = np.random.default_rng(6547).standard_normal((20, 30))
    A, x = X @ X.T, np.arange(20.0)
    np.testing.assert_allclose(ic0_preconditioner(A)(A @ x), x, atol=1e-10)


def test_only_the_lower_triangle_enters_so_that_the_factors_are_conjugates_to_the_last_bit():
    A = random_hermitian(30, 0.2, seed=6551)
    rounded = A.copy()
    rounded.data *= 1 + np.random.default_rng(6553).uniform(-EPS, EPS, A.data.size)
    L, _, U = dense(ic0_preconditioner(rounded).factors)
    np.testing.assert_array_equal(U, L.T)


@pytest.mark.parametrize("function", [ic0, ic0.reference], ids=["compiled", "reference"])
@pytest.mark.parametrize(
    ("A", "row"),
    [
        (KERSHAW, 3),
        ([[1.0, 2.0], [2.0, 1.0]], 1),
        ([[1.0, 1.0], [1.0, 1.0]], 1),  # positive by nothing
        ([[1.0, 1.0], [1.0, 1.0 + 2e-16]], 1),  # positive by rounding
    ],
)
def test_the_first_row_with_a_bad_pivot_is_found(function, A, row):
    pattern, data, room = cut(scipy.sparse.csr_array(np.array(A)))
    assert function(*pattern, data, NO_SHIFT, EPS, *room.triangles) == row


@pytest.mark.parametrize("function", [unmatched, unmatched.reference], ids=["compiled", "reference"])
@pytest.mark.parametrize("dtype", ["float64", "complex128"])
def test_a_hermitian_matrix_has_no_entry_without_its_conjugate(function, dtype):
    pattern, data, _ = cut(random_hermitian(40, 0.1, seed=6563, dtype=dtype))
    assert function(*pattern, data, 0.0) == -1


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(min_value=6569, max_value=2**31), kind=st.sampled_from(["value", "lower", "upper", "imaginary"])
)
def test_kernel_and_reference_both_find_an_entry_without_its_conjugate(seed, kind):
    rng = np.random.default_rng(seed)
    A = random_hermitian(9, 0.4, seed=seed, dtype="complex128").tolil()
    i, j = sorted(rng.choice(9, 2, replace=False))
    A[(i, j) if kind == "upper" else (i, i) if kind == "imaginary" else (j, i)] = 3.0 + 1j
    if kind in ("lower", "upper"):
        A[(j, i) if kind == "upper" else (i, j)] = 0  # not stored any more
    A = scipy.sparse.csr_array(A)
    pattern, data, _ = cut(A)
    D = A.toarray()
    for function in (unmatched, unmatched.reference):
        p = function(*pattern, data, 1e-14)
        i, j = int(np.searchsorted(pattern.indptr, p, side="right")) - 1, int(pattern.indices[p])
        assert p >= 0 and D[i, j] != D[j, i].conj()


# --- the shift -------------------------------------------------------------------------------------------------------


def test_a_positive_definite_matrix_without_a_factorisation_is_shifted_and_says_so():
    assert np.linalg.eigvalsh(KERSHAW)[0] > 0
    M = ic0_preconditioner(KERSHAW)
    assert repr(M) == "IC(0, shift 0.256) preconditioner, float64, shape (4, 4), 12 entries"
    L, D, U = dense(M.factors)
    assert (np.diag(D) > 0).all()
    on_pattern = KERSHAW != 0
    np.testing.assert_allclose((L @ D @ U)[on_pattern], (KERSHAW + 0.256 * 3 * np.eye(4))[on_pattern], rtol=1e-12)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(min_value=6571, max_value=2**31), rank=st.integers(2, 12), exponent=st.integers(-120, 120))
def test_every_positive_definite_matrix_gets_a_positive_definite_preconditioner(seed, rank, exponent):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((12, rank)) * (rng.random((12, rank)) < 0.5) * 10.0 ** rng.uniform(-2, 2, (12, 1))
    A = (X @ X.T + np.diag(1e-3 * rng.random(12) + 1e-8)) * 10.0**exponent
    M = ic0_preconditioner(A)(np.eye(12))
    M = (M + M.T) / 2
    scale = np.sqrt(np.diag(M))
    assert np.linalg.eigvalsh(M / scale[:, None] / scale)[0] > -1e-9


@pytest.mark.parametrize("scale", [1e-200, 1.0, 1e200])
def test_the_shift_does_not_depend_on_the_scale_of_the_matrix(scale):
    assert "shift 0.256" in repr(ic0_preconditioner(scale * KERSHAW))


def test_a_refresh_begins_without_the_shift_of_the_old_matrix():
    shifted = ic0_preconditioner(KERSHAW)
    fresh = ic0_preconditioner(KERSHAW + 3 * np.eye(4), like=shifted)
    assert repr(fresh).startswith("IC(0) preconditioner")
    np.testing.assert_array_equal(fresh(np.ones(4)), ic0_preconditioner(KERSHAW + 3 * np.eye(4))(np.ones(4)))


# --- what it takes and what it is worth ------------------------------------------------------------------------------


def test_one_pattern_serves_both_factorisations():
    A, x = random_hermitian(40, 0.1, seed=6577), np.arange(40.0)
    np.testing.assert_allclose(ic0_preconditioner(2 * A, like=ilu0_preconditioner(A))(x), ic0_preconditioner(A)(x) / 2)
    np.testing.assert_allclose(ilu0_preconditioner(2 * A, like=ic0_preconditioner(A))(x), ic0_preconditioner(A)(x) / 2)


@pytest.mark.parametrize(("given", "kept"), [("float32", "float32"), ("complex64", "complex64"), ("int64", "float64")])
def test_it_keeps_the_dtype_of_floats_and_makes_integers_float64(given, kept):
    assert ic0_preconditioner(scipy.sparse.csr_array(KERSHAW.astype(given))).dtype == np.dtype(kept)


@pytest.mark.parametrize("form", ["dense", "csc", "coo", "csr_matrix", "int64", "read-only", "duplicates"])
def test_every_form_of_a_matrix_gives_the_same_and_is_left_as_it_is(form):
    A, x = random_hermitian(15, 0.3, seed=6581), np.arange(15.0)
    expected = ic0_preconditioner(A)(x)
    given = A.toarray() if form == "dense" else scipy.sparse.csr_matrix(A) if form == "csr_matrix" else A.copy()
    if form in ("csc", "coo"):
        given = A.asformat(form)
    if form == "int64":
        given.indices, given.indptr = given.indices.astype(np.int64), given.indptr.astype(np.int64)
    if form == "read-only":
        for part in (given.data, given.indices, given.indptr):
            part.flags.writeable = False
    if form == "duplicates":
        rows, columns = A.tocoo().coords
        parts = np.concatenate([0.25 * A.data, 0.75 * A.data])
        given = scipy.sparse.coo_array((parts, (np.tile(rows, 2), np.tile(columns, 2))), shape=A.shape)
    kept = given.copy()
    np.testing.assert_allclose(ic0_preconditioner(given)(x), expected, rtol=1e-13)
    assert abs(given - kept).max() == 0


def test_it_saves_iterations_of_cg(host_lib):
    D = scipy.sparse.diags_array([-1.0, 2.0, -1.0], offsets=[-1, 0, 1], shape=(30, 30))
    A, b = scipy.sparse.kronsum(D, D, format="csr"), np.random.default_rng(6599).standard_normal(900)
    nit = [
        recycled_cg(A, b, M=make(A), rtol=1e-8, n_recycle=0).nit for make in (jacobi_preconditioner, ic0_preconditioner)
    ]
    assert 2 * nit[1] < nit[0]


def test_it_can_be_pickled_and_refreshed():
    A, x = random_hermitian(15, 0.3, seed=6607), np.arange(15.0)
    M = pickle.loads(pickle.dumps(ic0_preconditioner(A)))
    np.testing.assert_array_equal(ic0_preconditioner(A, like=M)(x), ic0_preconditioner(A)(x))


def test_a_matrix_on_another_device_is_refused(lib):
    if lib.name.startswith("numpy"):
        pytest.skip("NumPy is what it takes")
    with pytest.raises(TypeError, match=r"IC\(0\) is sequential and runs on the host"):
        ic0_preconditioner(lib.array(np.eye(3)))


# --- what is refused -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("A", "message"),
    [
        ([[2.0, 1.0], [0.5, 2.0]], r"not Hermitian: A\[1, 0\] is 0\.5 and A\[0, 1\] is 1\.0; .* use ILU\(0\)"),
        ([[2.0, 1j], [1j, 2.0]], r"not Hermitian: A\[1, 0\] is 1j and A\[0, 1\] is 1j"),
        ([[2.0, 1.0], [0.0, 2.0]], r"not Hermitian: A\[0, 1\] is 1\.0 and A\[1, 0\] is not stored"),
        ([[2.0, 0.0], [1.0, 2.0]], r"not Hermitian: A\[1, 0\] is 1\.0 and A\[0, 1\] is not stored"),
        ([[2.0, 0.0], [0.0, 2.0 + 1j]], r"not Hermitian: A\[1, 1\] is \(2\+1j\)"),
        ([[2.0, 1.0], [1.0, -3.0]], r"A\[1, 1\] is -3\.0: a positive definite matrix has a positive diagonal"),
        ([[2.0, 1.0], [1.0, 0.0]], r"breaks down in row 1: its pivot is missing"),
        ([[1e-9, 1.0], [1.0, 1e-9]], "not positive definite: use ILU"),
        ([[2.0, np.nan], [np.nan, 2.0]], r"A\[0, 1\] is nan: not finite"),
        (np.ones((2, 3)), r"A has shape \(2, 3\): a square matrix"),
        (np.ones((0, 0)), r"A has shape \(0, 0\): a square matrix"),
    ],
)
def test_a_matrix_that_is_not_hermitian_positive_definite_is_named(A, message):
    with pytest.raises(ValueError, match=message):
        ic0_preconditioner(np.array(A))


def test_a_refresh_finds_out_that_the_new_matrix_is_not_hermitian():
    M = ic0_preconditioner([[2.0, 1.0], [1.0, 2.0]])
    with pytest.raises(ValueError, match=r"not Hermitian: A\[1, 0\] is 3\.0 and A\[0, 1\] is 1\.0"):
        ic0_preconditioner([[2.0, 1.0], [3.0, 2.0]], like=M)


def test_the_rounding_of_an_assembly_is_no_asymmetry():
    A = random_hermitian(20, 0.3, seed=6619)
    A.data *= 1 + np.random.default_rng(6637).uniform(-4 * EPS, 4 * EPS, A.data.size)
    ic0_preconditioner(A)
    A.data *= 1 + np.random.default_rng(6653).uniform(-1e-9, 1e-9, A.data.size)
    with pytest.raises(ValueError, match="not Hermitian"):
        ic0_preconditioner(A)


@pytest.mark.parametrize("n", [1, 6])
def test_pivots_that_have_no_inverse_are_named(n):
    A = scipy.sparse.diags_array(np.full(n, 2.0), format="csr") * 1e-310
    with pytest.raises(ValueError, match=r"A\[0, 0\] is 2e-310: too small to divide by"):
        ic0_preconditioner(A)


@pytest.mark.parametrize("factorise", [ic0_preconditioner, ilu0_preconditioner])
def test_nan_in_a_list_is_named(factorise):
    with pytest.raises(ValueError, match=r"A\[0, 1\] is nan"):
        factorise([[1.0, np.nan], [np.nan, 1.0]])


@pytest.mark.parametrize("factorise", [ic0_preconditioner, ilu0_preconditioner])
def test_duplicates_whose_sum_is_infinite_are_named(factorise):
    rows, columns = [0, 0, 0, 1, 1, 1], [0, 1, 1, 0, 0, 1]
    A = scipy.sparse.coo_array(([1.0, 1e308, 1e308, 1e308, 1e308, 1.0], (rows, columns)))
    with pytest.raises(ValueError, match=r"A\[0, 1\] is inf"):
        factorise(A)

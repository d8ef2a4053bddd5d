"""One face for every kind of matrix: products, adjoints, counts, and the arrays that kernels read."""

import types

import array_api_strict
import numpy as np
import pytest
import scipy.sparse
import scipy.sparse.linalg
from hypothesis import given
from hypothesis import strategies as st

from sparsesci._lib.operator import Operator, as_operator, csr_arrays, index_dtype
from sparsesci._lib.xp import device

N = 7


def random_matrix(*, seed, n=N, dtype="complex128"):
    rng = np.random.default_rng(seed)
    A = scipy.sparse.random_array((n, n), density=0.5, rng=rng, format="csr")
    if np.dtype(dtype).kind == "c":
        A = A + 1j * scipy.sparse.random_array((n, n), density=0.5, rng=rng, format="csr")
    return scipy.sparse.csr_array(A.astype(dtype))


def random_block(*, seed, shape=(N, 3), dtype="complex128"):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal(shape) + (1j * rng.standard_normal(shape) if np.dtype(dtype).kind == "c" else 0)
    return X.astype(dtype)


FORMS = {
    "dense": lambda A: A.toarray(),
    "fortran": lambda A: np.asfortranarray(A.toarray()),
    "csr": lambda A: A,
    "csc": lambda A: A.tocsc(),
    "coo": lambda A: A.tocoo(),
    "bsr": lambda A: A.tobsr((1, 1)),
    "lil": lambda A: A.tolil(),
    "csr_matrix": scipy.sparse.csr_matrix,
    "LinearOperator": scipy.sparse.linalg.aslinearoperator,
    "sum": lambda A: scipy.sparse.linalg.aslinearoperator(A / 4) + scipy.sparse.linalg.aslinearoperator(3 * A / 4),
    "function": lambda A: lambda x: A @ x,
}
WITH_ADJOINT = [form for form in FORMS if form != "function"]


# --- products --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(N,), (N, 1), (N, 3)])
def test_a_product_is_that_of_the_matrix(lib, shape):
    A, X = random_matrix(seed=2003), random_block(seed=2011, shape=shape)
    Y = as_operator(lib.matrix(A), lib.array(X))(lib.array(X))
    np.testing.assert_allclose(lib.host(Y), A @ X, rtol=1e-13)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("shape", [(N,), (N, 3)])
def test_every_form_of_a_matrix_is_the_same_map(form, shape):
    A, X = random_matrix(seed=2017), random_block(seed=2027, shape=shape)
    operator = as_operator(FORMS[form](A), X)
    np.testing.assert_allclose(operator(X), A @ X, rtol=1e-13)
    assert operator.shape == (N, N) and (form == "function" or operator.dtype == A.dtype)


@pytest.mark.parametrize("form", WITH_ADJOINT)
@pytest.mark.parametrize("shape", [(N,), (N, 3)])
def test_the_adjoint_is_the_conjugate_transpose(form, shape):
    A, X = random_matrix(seed=2029), random_block(seed=2039, shape=shape)
    np.testing.assert_allclose(as_operator(FORMS[form](A), X).H(X), A.toarray().conj().T @ X, rtol=1e-13)


def test_the_adjoint_is_defined_in_every_library(lib):
    A, x = random_matrix(seed=2053), random_block(seed=2063, shape=(N,))
    y = as_operator(lib.matrix(A), lib.array(x)).H(lib.array(x))
    np.testing.assert_allclose(lib.host(y), A.toarray().conj().T @ x, rtol=1e-13)


def test_the_adjoint_of_a_sparse_matrix_is_made_when_it_is_asked_for_and_once(monkeypatch):
    A, made = random_matrix(seed=733, dtype="float64"), []
    transpose = type(A).transpose
    monkeypatch.setattr(type(A), "transpose", lambda self, *rest, **options: made.append(1) or transpose(self))
    wrapped = as_operator(A, np.ones(N))
    wrapped(np.ones(N))
    assert not made
    adjoint = wrapped.H
    for _ in range(2):
        adjoint(np.ones(N))
    assert len(made) == 1


def test_the_adjoint_of_the_adjoint_is_the_map():
    A, x = random_matrix(seed=2069), random_block(seed=2081, shape=(N,))
    np.testing.assert_allclose(as_operator(A, x).H.H(x), A @ x, rtol=1e-13)


@pytest.mark.parametrize("make", [scipy.sparse.linalg.splu, scipy.sparse.linalg.spilu])
def test_a_factorisation_is_the_map_that_it_solves(make):
    A = (random_matrix(seed=2083, dtype=float) + 4 * scipy.sparse.eye_array(N)).tocsc()
    X = random_block(seed=2087, dtype=float)
    solve = as_operator(make(A, drop_tol=0.0) if make is scipy.sparse.linalg.spilu else make(A), X)
    np.testing.assert_allclose(A @ solve(X), X, atol=1e-12)
    np.testing.assert_allclose(A @ solve(X[:, 0]), X[:, 0], atol=1e-12)


def test_an_object_with_matvec_alone_is_applied_column_by_column(lib):
    X = lib.array(random_block(seed=2089))
    twice = types.SimpleNamespace(shape=(N, N), matvec=lambda x: 2 * x)
    np.testing.assert_array_equal(lib.host(as_operator(twice, X)(X)), 2 * lib.host(X))


def test_a_function_sees_one_vector_at_a_time(lib):
    X, seen = lib.array(random_block(seed=2099)), []

    def function(x):
        seen.append(tuple(x.shape))
        return 3 * x

    np.testing.assert_array_equal(lib.host(as_operator(function, X)(X)), 3 * lib.host(X))
    assert seen == [(N,)] * 3


@pytest.mark.parametrize("dtype", ["float32", "complex64", "float64", "complex128"])
def test_a_product_has_the_dtype_of_the_vector(lib, dtype):
    A = random_matrix(seed=2111, dtype="float64")
    x = lib.array(random_block(seed=2113, shape=(N,), dtype=dtype))
    assert as_operator(lib.matrix(A), x)(x).dtype == x.dtype


def test_a_wider_answer_is_brought_back_to_the_dtype_of_the_vector():
    x = random_block(seed=2129, shape=(N,), dtype="float32")
    assert as_operator(random_matrix(seed=2131, dtype="float64"), x)(x).dtype == np.float32
    assert as_operator(lambda v: v.astype(float), x)(x).dtype == np.float32


def test_a_product_does_not_change_the_vector(lib):
    x = random_block(seed=2137, shape=(N,))
    there = lib.array(x.copy())
    as_operator(lib.matrix(random_matrix(seed=2141)), there)(there)
    np.testing.assert_array_equal(lib.host(there), x)


def test_a_product_stays_on_the_device(lib):
    x = lib.array(random_block(seed=2143, shape=(N,)))
    assert device(as_operator(lib.matrix(random_matrix(seed=2153)), x)(x)) == device(x)


# --- identities ------------------------------------------------------------------------------------------------------


seeds = st.integers(min_value=2161, max_value=2**31)


@given(seed=seeds, form=st.sampled_from(list(FORMS)), alpha=st.complex_numbers(max_magnitude=1e3))
def test_a_map_is_linear(seed, form, alpha):
    x, y = random_block(seed=seed, shape=(2, N))
    A = as_operator(FORMS[form](random_matrix(seed=seed + 1)), x)
    np.testing.assert_allclose(A(alpha * x + y), alpha * A(x) + A(y), atol=1e-11 * (1 + abs(alpha)))


@given(seed=seeds, form=st.sampled_from(WITH_ADJOINT))
def test_a_map_and_its_adjoint_change_sides_in_an_inner_product(seed, form):
    x, y = random_block(seed=seed, shape=(2, N))
    A = as_operator(FORMS[form](random_matrix(seed=seed + 1)), x)
    assert np.vdot(A.H(y), x) == pytest.approx(np.vdot(y, A(x)), rel=1e-12, abs=1e-12)


# --- rectangular maps ------------------------------------------------------------------------------------------------

M = 4
RECTANGULAR = [form for form in FORMS if form not in ("bsr", "sum")]


def rectangular_matrix(*, seed, dtype="complex128"):
    return scipy.sparse.csr_array(random_matrix(seed=seed, dtype=dtype)[:M])


@pytest.mark.parametrize("form", RECTANGULAR)
@pytest.mark.parametrize("columns", [(), (1,), (3,)])
def test_every_form_of_a_rectangular_matrix_is_the_same_map(form, columns):
    A, X = rectangular_matrix(seed=2281), random_block(seed=2287, shape=(N, *columns))
    operator = as_operator(FORMS[form](A), X, shape=(M, N))
    np.testing.assert_allclose(operator(X), A @ X, rtol=1e-13)
    assert operator.shape == (M, N)


@pytest.mark.parametrize("form", [form for form in RECTANGULAR if form in WITH_ADJOINT])
@pytest.mark.parametrize("columns", [(), (3,)])
def test_the_adjoint_of_a_rectangular_matrix_goes_back(form, columns):
    A, Y = rectangular_matrix(seed=2293), random_block(seed=2297, shape=(M, *columns))
    adjoint = as_operator(FORMS[form](A), Y, shape=(M, N)).H
    np.testing.assert_allclose(adjoint(Y), A.toarray().conj().T @ Y, rtol=1e-13)
    assert adjoint.shape == (N, M) and adjoint.H.shape == (M, N)


def test_rectangular_maps_are_defined_in_every_library(lib):
    A, x, y = rectangular_matrix(seed=2309), random_block(seed=2311, shape=(N, 2)), random_block(seed=2333, shape=(M,))
    operator = as_operator(lib.matrix(A), lib.array(x), shape=(M, N))
    np.testing.assert_allclose(lib.host(operator(lib.array(x))), A @ x, rtol=1e-13)
    np.testing.assert_allclose(lib.host(operator.H(lib.array(y))), A.toarray().conj().T @ y, rtol=1e-13)


@given(seed=seeds, form=st.sampled_from([form for form in RECTANGULAR if form in WITH_ADJOINT]))
def test_a_rectangular_map_and_its_adjoint_change_sides_in_an_inner_product(seed, form):
    x, y = random_block(seed=seed, shape=(N,)), random_block(seed=seed + 2, shape=(M,))
    A = as_operator(FORMS[form](rectangular_matrix(seed=seed + 1)), x, shape=(M, N))
    assert np.vdot(A.H(y), x) == pytest.approx(np.vdot(y, A(x)), rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("transposed", [False, True])
def test_wide_indices_of_a_rectangular_matrix_are_converted_for_the_kernels(transposed):
    A = rectangular_matrix(seed=2339, dtype=float)
    A = scipy.sparse.csr_array(A.T) if transposed else A
    A.indptr, A.indices = A.indptr.astype(np.int64), A.indices.astype(np.int64)
    x = np.ones(A.shape[1])
    operator = as_operator(A, x, shape=A.shape)
    indptr, indices, data = operator.kernel_arguments(x.dtype)
    assert indptr.dtype == indices.dtype == np.uint32
    np.testing.assert_allclose(operator(x), A.toarray() @ x)
    np.testing.assert_array_equal(scipy.sparse.csr_array((data, indices, indptr), shape=A.shape).toarray(), A.toarray())


@pytest.mark.parametrize("A", [np.ones((M, M)), scipy.sparse.eye_array(N), np.ones((N, M)), np.ones(M)])
def test_a_matrix_of_another_shape_than_is_asked_for_is_refused(A):
    with pytest.raises(ValueError, match=rf"K has shape .*: \({M}, {N}\) is needed$"):
        as_operator(A, np.ones(M), shape=(M, N), name="K")


def test_an_answer_as_long_as_the_vector_is_not_that_of_a_rectangular_map():
    with pytest.raises(ValueError, match=rf"A returned shape \({N},\) for a vector of shape \({N},\)"):
        as_operator(lambda x: x, np.ones(M), shape=(M, N))(np.ones(N))


# --- counts ----------------------------------------------------------------------------------------------------------


def test_products_are_counted_by_columns(lib):
    X = lib.array(random_block(seed=2179))
    A = as_operator(lib.matrix(random_matrix(seed=2203)), X)
    A(X[:, 0])
    A(X)
    assert A.nmatvec == 4


def test_a_product_that_fails_is_counted_as_one_that_was_paid():
    def fail(_):
        raise ArithmeticError

    A = Operator(fail, 3, None)
    with pytest.raises(ArithmeticError):
        A(np.ones(3))
    assert A.nmatvec == 1


# --- what is refused -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("A", [np.ones((3, 2)), scipy.sparse.eye_array(4), np.ones(3), np.ones((3, 3, 3))])
def test_a_matrix_of_another_shape_is_refused(A):
    with pytest.raises(ValueError, match=r"K has shape .*: \(3, 3\) is needed, square and as long as b"):
        as_operator(A, np.ones(3), name="K")


@pytest.mark.parametrize("A", ["text", 3.0, None, object()])
def test_what_is_no_map_is_refused(A):
    with pytest.raises(TypeError, match=r"M is a .*: an array, a sparse matrix, a LinearOperator or a function"):
        as_operator(A, np.ones(3), name="M")


def test_matrix_and_vector_of_different_libraries_are_refused():
    b = array_api_strict.ones(3)
    with pytest.raises(TypeError, match=r"sparsesci\.gpu\.to_device"):
        as_operator(np.eye(3), b)
    with pytest.raises(TypeError, match=r"sparse matrix of scipy and b an array of array_api_strict.*to_device"):
        as_operator(scipy.sparse.eye_array(3, format="csr"), b)


@pytest.mark.parametrize("answer", [np.ones(2), np.ones((3, 1)), 1.0, None, [1.0, 2.0, 3.0]])
def test_an_answer_of_another_shape_is_named(answer):
    with pytest.raises(ValueError, match=r"M returned shape .* for a vector of shape \(3,\)"):
        as_operator(lambda _: answer, np.ones(3), name="M")(np.ones(3))


def test_a_complex_answer_to_a_real_vector_is_named(lib):
    x = lib.array(np.ones(3))
    with pytest.raises(TypeError, match="A returned complex128 for a real vector: make b complex"):
        as_operator(lib.array(1j * np.eye(3)), x)(x)


@pytest.mark.parametrize("A", [lambda x: x, scipy.sparse.linalg.splu(scipy.sparse.eye_array(3, format="csc"))])
def test_a_map_without_an_adjoint_says_what_to_pass(A):
    with pytest.raises(TypeError, match="A has no adjoint: pass a matrix, or a LinearOperator with rmatvec"):
        as_operator(A, np.ones(3)).H  # noqa: B018  (the property itself raises)


# --- the arrays that kernels read ------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["csr", "csc", "coo", "lil", "csr_matrix"])
def test_a_sparse_matrix_has_arrays_for_a_kernel(form):
    A, x = random_matrix(seed=2207, dtype=float), np.ones(N)
    csr = as_operator(FORMS[form](A), x).kernel_arguments(x.dtype)
    indptr, indices, data = csr
    assert indptr.dtype == indices.dtype == np.uint32 and data.dtype == np.float64
    np.testing.assert_array_equal(scipy.sparse.csr_array((data, indices, indptr), shape=A.shape).toarray(), A.toarray())


@pytest.mark.parametrize("form", ["dense", "LinearOperator", "function"])
def test_other_maps_have_no_arrays_for_a_kernel(form):
    x = np.ones(N)
    assert as_operator(FORMS[form](random_matrix(seed=2213)), x).kernel_arguments(x.dtype) is None


def test_the_arrays_come_in_the_dtype_that_is_asked_for_each_time():
    A = as_operator(random_matrix(seed=2221, dtype="float32"), np.ones(N))
    for dtype in ("float32", "float64", "complex128", "float32"):
        assert A.kernel_arguments(np.dtype(dtype)).data.dtype == dtype


def test_indices_of_32_bits_are_read_without_a_copy():
    A = random_matrix(seed=2237, dtype=float)
    assert A.indices.dtype == np.int32
    indptr, indices, data = csr_arrays(A, np.float64)
    for array, source in ((indptr, A.indptr), (indices, A.indices), (data, A.data)):
        assert np.shares_memory(array, source)


def test_indices_of_64_bits_are_converted_to_the_narrow_ones():
    A = random_matrix(seed=2239, dtype=float)
    A.indptr, A.indices = A.indptr.astype(np.int64), A.indices.astype(np.int64)
    indptr, indices, _ = csr_arrays(A, np.float64)
    assert indptr.dtype == indices.dtype == np.uint32
    np.testing.assert_array_equal(indices, A.indices)


def test_a_matrix_is_not_changed_by_being_read():
    A = random_matrix(seed=2243, dtype=float)
    A.indices[:2] = A.indices[1::-1].copy()  # unsorted
    before = [array.copy() for array in (A.indptr, A.indices, A.data)]
    as_operator(A, np.ones(N)).kernel_arguments(np.dtype("complex64"))
    for array, kept in zip((A.indptr, A.indices, A.data), before, strict=True):
        np.testing.assert_array_equal(array, kept)


def test_read_only_arrays_are_taken():
    A = random_matrix(seed=2251, dtype=float)
    for array in (A.indptr, A.indices, A.data):
        array.flags.writeable = False
    assert csr_arrays(A, np.float64).data is A.data


@pytest.mark.parametrize(("n", "n_entries", "bits"), [(3, 9, 32), (2**32 - 1, 5, 32), (2**32, 5, 64), (5, 2**32, 64)])
def test_indices_are_as_narrow_as_the_matrix_allows(n, n_entries, bits):
    assert np.dtype(index_dtype(n, n_entries)).itemsize * 8 == bits


CORRUPTIONS = {
    "column too large": ("indices", 3, N),
    "column far too large": ("indices", 0, 2**31 - 1),
    "column negative": ("indices", 2, -1),
    "pointer falls": ("indptr", 3, 1_000),
    "pointer begins late": ("indptr", 0, 1),
    "pointer begins negative": ("indptr", 0, -1),
    "pointer ends beyond": ("indptr", N, 10_000),
}


@pytest.mark.parametrize("corruption", CORRUPTIONS)
def test_a_corrupted_matrix_never_reaches_a_kernel(corruption):
    A = random_matrix(seed=2267, dtype=float)
    array, place, value = CORRUPTIONS[corruption]
    getattr(A, array)[place] = value
    with pytest.raises(ValueError, match="A is not a valid CSR matrix"):
        as_operator(A, np.ones(N))


@pytest.mark.parametrize("array", ["indptr", "indices", "data"])
def test_an_array_that_was_cut_short_never_reaches_a_kernel(array):
    A = random_matrix(seed=2269, dtype=float)
    setattr(A, array, getattr(A, array)[:-2].copy())
    with pytest.raises(ValueError, match=r"not a valid CSR matrix|size|length|shape"):
        as_operator(A, np.ones(N))


@pytest.mark.parametrize("form", ["csc", "coo"])
@pytest.mark.parametrize("value", [10 * N, -1])
def test_a_corrupted_matrix_of_another_format_is_not_even_converted(form, value, monkeypatch):
    A = FORMS[form](random_matrix(seed=2273, dtype=float))
    (A.indices if form == "csc" else A.coords[0])[3] = value
    # SciPy converts without checks: a row beyond the end is written there.
    monkeypatch.setattr(type(A), "tocsr", lambda *_, **__: pytest.fail("the matrix was converted"))
    with pytest.raises(ValueError, match=r"A is not a valid C.. matrix"):
        as_operator(A, np.ones(N))


def test_an_empty_matrix_is_the_zero_map():
    A = as_operator(scipy.sparse.csr_array((N, N)), np.ones(N))
    assert not A(np.ones(N)).any() and A.kernel_arguments(np.dtype(float)).data.size == 0


@pytest.mark.parametrize("factors", ["float32", "float64", "complex64", "complex128"])
@pytest.mark.parametrize("vector", ["float32", "float64", "complex64", "complex128"])
def test_factors_of_scipy_serve_vectors_of_every_dtype(factors, vector):
    if "complex" in factors and "complex" not in vector:
        pytest.skip("a complex operator makes a system complex")
    A = scipy.sparse.diags_array([np.ones(8), np.arange(3.0, 12.0)], offsets=[-1, 0], format="csc")
    x = np.random.default_rng(12119).standard_normal(9).astype(vector)
    y = as_operator(scipy.sparse.linalg.splu(A.astype(factors)), x)(x)
    assert y.dtype == vector
    np.testing.assert_allclose(A @ y, x, rtol=1e-5, atol=1e-6)

"""SSOR: the formula, the matrices it takes, what it is worth, and what becomes of bad input."""

import copy

import numpy as np
import pytest
import scipy.sparse
from hypothesis import given, settings
from hypothesis import strategies as st

from sparsesci.solvers import gcrodr, ilu0_preconditioner, recycled_cg
from sparsesci.solvers.krylov.factors import sorted_csr
from sparsesci.solvers.krylov.pattern import on_pattern
from sparsesci.solvers.krylov.ssor import diagonal_positions, find_diagonal, ssor, ssor_preconditioner

DTYPES = ["float32", "float64", "complex64", "complex128"]


def dense_ssor(A, omega):
    """Return M as the docstring defines it."""
    D, L, U = np.diag(np.diag(A)) / omega, np.tril(A, -1), np.triu(A, 1)
    return (2 - omega) * np.linalg.inv(D + U) @ D @ np.linalg.inv(D + L)


def random_matrix(n, *, seed, dtype="float64"):
    """Return a random sparse matrix with a strong diagonal, complex where dtype is."""
    rng = np.random.default_rng(seed)
    dense = rng.standard_normal((n, n)) * (rng.random((n, n)) < 0.2)
    if np.dtype(dtype).kind == "c":
        dense = dense * np.exp(1j * rng.random((n, n)))
    return scipy.sparse.csr_array((dense + np.diag(4 + rng.random(n))).astype(dtype))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("omega", [0.3, 1.0, 1.7])
def test_it_is_the_formula(dtype, omega):
    A = random_matrix(30, seed=2003, dtype=dtype)
    M = ssor_preconditioner(A, omega)
    assert M.dtype == dtype
    tolerance = 1e-5 if dtype in ("float32", "complex64") else 1e-13
    np.testing.assert_allclose(M(np.eye(30, dtype=dtype)), dense_ssor(A.toarray(), omega), atol=tolerance)


@given(omega=st.floats(0.05, 1.95), seed=st.integers(2, 10**6))
@settings(max_examples=25, deadline=None)
def test_of_a_hermitian_matrix_it_is_hermitian_positive_definite_and_at_most_its_inverse(omega, seed):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((8, 8)) + 1j * rng.standard_normal((8, 8))
    A = X @ X.conj().T + np.eye(8)
    M = ssor_preconditioner(A, omega)(np.eye(8, dtype=complex))
    np.testing.assert_allclose(M, M.conj().T, atol=1e-11)
    L = np.linalg.cholesky(A)
    eigenvalues = np.linalg.eigvalsh(L.conj().T @ M @ L)
    assert eigenvalues[0] > 0 and eigenvalues[-1] <= 1 + 1e-10


def test_a_step_with_it_is_a_forward_and_a_backward_sweep():
    A = random_matrix(12, seed=2011).toarray()
    b, omega = np.arange(12.0), 1.3
    x = np.zeros(12)
    for i in [*range(12), *reversed(range(12))]:
        x[i] += omega * (b[i] - A[i] @ x) / A[i, i]
    np.testing.assert_allclose(ssor_preconditioner(A, omega)(b), x, rtol=1e-12)


def test_every_format_gives_the_same():
    A = random_matrix(25, seed=2017)
    b = np.random.default_rng(2018).standard_normal(25)
    forms = [A, A.tocsc(), A.tocoo(), A.tolil(), scipy.sparse.csr_matrix(A), A.toarray(), A.toarray().tolist()]
    for form in forms:
        np.testing.assert_allclose(ssor_preconditioner(form, 1.4)(b), ssor_preconditioner(A, 1.4)(b), rtol=1e-14)


def test_unsorted_and_duplicate_indices_and_int64_are_taken_and_left_as_they_are():
    A = random_matrix(20, seed=2027)
    rows = [slice(a, b) for a, b in zip(A.indptr[:-1], A.indptr[1:], strict=True)]
    indices = np.concatenate([np.repeat(A.indices[row][::-1], 2) for row in rows]).astype(np.int64)
    data = np.concatenate([np.repeat(A.data[row][::-1] / 2, 2) for row in rows])
    twice = scipy.sparse.csr_array((data, indices, 2 * A.indptr.astype(np.int64)), shape=A.shape)
    kept = copy.deepcopy((twice.data, twice.indices, twice.indptr))
    b = np.arange(20.0)
    np.testing.assert_allclose(ssor_preconditioner(twice, 1.2)(b), ssor_preconditioner(A, 1.2)(b), rtol=1e-13)
    for before, after in zip(kept, (twice.data, twice.indices, twice.indptr), strict=True):
        np.testing.assert_array_equal(before, after)


def test_integers_become_float64():
    M = ssor_preconditioner(scipy.sparse.csr_array(np.array([[4, 1], [1, 5]])), 1.5)
    assert M.dtype == np.float64
    np.testing.assert_allclose(M(np.eye(2)), dense_ssor(np.array([[4.0, 1], [1, 5]]), 1.5))


def test_the_compiled_cycles_take_it(host_lib):
    A, b, _ = host_lib.poisson(n=200, seed=2029)
    M = ssor_preconditioner(A, 1.9)
    compiled, opaque = recycled_cg(A, b, M=M, rtol=1e-9), recycled_cg(A, b, M=lambda r: M(r), rtol=1e-9)
    assert compiled.success and abs(compiled.nit - opaque.nit) <= 1
    compiled, opaque = gcrodr(A, b, M=M, rtol=1e-9), gcrodr(A, b, M=lambda r: M(r), rtol=1e-9)
    assert compiled.success and abs(compiled.nit - opaque.nit) <= 1


def test_a_good_omega_saves_three_iterations_of_four(host_lib):
    A, b, _ = host_lib.poisson(n=400, seed=2039)
    plain, relaxed = (recycled_cg(A, b, M=M, n_recycle=0) for M in (None, ssor_preconditioner(A, 1.95)))
    assert relaxed.success and 4 * relaxed.nit < plain.nit


def test_it_says_what_it_is():
    M = ssor_preconditioner(random_matrix(30, seed=2053), 1.25)
    assert repr(M).startswith("SSOR(1.25) preconditioner, float64, shape (30, 30)")


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_kernels_repeat_their_references(dtype):
    A = sorted_csr(random_matrix(40, seed=2063, dtype=dtype), "SSOR")
    index = A.indptr.astype(np.uint32), A.indices.astype(np.uint32)
    found, expected = np.empty(40, np.int64), np.empty(40, np.int64)
    assert find_diagonal(*index, A.data, found) == find_diagonal.reference(*index, A.data, expected) == -1
    np.testing.assert_array_equal(found, expected)
    pattern, data, compiled = on_pattern(A, None, "SSOR")
    plain = on_pattern(A, None, "SSOR")[2]
    assert ssor(*pattern, data, 1.6, *compiled.triangles) == -1
    assert ssor.reference(*pattern, data, 1.6, *plain.triangles) == -1
    tolerance = 1e-5 if dtype in ("float32", "complex64") else 1e-13
    for one, other in zip(compiled[:2], plain[:2], strict=True):
        np.testing.assert_allclose(one.data, other.data, rtol=tolerance)
    np.testing.assert_allclose(compiled.inverse_diagonal, plain.inverse_diagonal, rtol=tolerance)


def test_a_preconditioner_of_the_same_pattern_is_refreshed():
    A = random_matrix(30, seed=2055)
    M = ssor_preconditioner(shifted := A + 3 * scipy.sparse.eye_array(30), 1.4, like=ilu0_preconditioner(A))
    np.testing.assert_array_equal(M(np.ones(30)), ssor_preconditioner(shifted, 1.4)(np.ones(30)))
    assert M.pattern.indices is ssor_preconditioner(A, 1.1, like=M).pattern.indices


@pytest.mark.parametrize("row", [0, 3, 8])
@pytest.mark.parametrize("stored", [True, False])
def test_a_zero_on_the_diagonal_is_named_by_kernel_and_reference(row, stored):
    A = random_matrix(9, seed=2069)
    A[row, row] = 0
    A = sorted_csr(A, "SSOR")
    if not stored:
        A.eliminate_zeros()
    index, room = (A.indptr.astype(np.uint32), A.indices.astype(np.uint32)), np.empty(9, np.int64)
    assert find_diagonal(*index, A.data, room) == find_diagonal.reference(*index, A.data, room) == row
    reason = "zero: SSOR divides.*gcrodr" if stored else "not stored; reorder A"
    with pytest.raises(ValueError, match=rf"A\[{row}, {row}\] is {reason}"):
        ssor_preconditioner(A)


def test_a_diagonal_alone_is_jacobi_but_for_its_scale():
    M = ssor_preconditioner(scipy.sparse.diags_array(np.array([2.0, 4.0])), 1.5)
    assert M.is_diagonal
    np.testing.assert_allclose(M(np.ones(2)), 0.75 * np.array([0.5, 0.25]))
    np.testing.assert_array_equal(diagonal_positions(scipy.sparse.eye_array(3, format="csr"), "SSOR"), [0, 1, 2])


@pytest.mark.parametrize("omega", [0, 2, -1.0, np.nan, np.inf])
def test_an_omega_outside_of_0_and_2_is_refused(omega):
    with pytest.raises(ValueError, match=r"omega is .*0 < omega < 2"):
        ssor_preconditioner(np.eye(2), omega)


@pytest.mark.parametrize(
    ("A", "omega", "error", "message"),
    [
        (np.eye(2), "big", TypeError, "omega is 'big'"),
        (np.eye(2), True, TypeError, "omega is True"),
        (np.ones((2, 3)), 1.0, ValueError, r"A has shape \(2, 3\)"),
        (np.diag([1.0, np.nan]), 1.0, ValueError, r"A\[1, 1\] is nan"),
        (scipy.sparse.csr_array(np.diag([1.0, np.inf])), 1.0, ValueError, r"A\[1, 1\] is inf"),
        (lambda x: x, 1.0, TypeError, "A is a function: its entries are needed"),
    ],
)
def test_bad_input_is_named(A, omega, error, message):
    with pytest.raises(error, match=message):
        ssor_preconditioner(A, omega)


def test_a_broken_matrix_does_not_reach_a_kernel():
    A = scipy.sparse.csr_array(np.eye(3))
    A.indices[1] = 7
    with pytest.raises(ValueError, match="indices"):
        ssor_preconditioner(A)


def test_a_matrix_on_a_device_is_refused_with_advice(lib):
    A, _, _ = lib.poisson(n=7, seed=2081)
    if lib.name in ("strict", "cupy"):
        with pytest.raises(TypeError, match=r"SSOR is sequential.*to_host"):
            ssor_preconditioner(A)
    else:
        assert ssor_preconditioner(A).shape == (7, 7)

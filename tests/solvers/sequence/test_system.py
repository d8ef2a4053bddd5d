"""What the walk sees of a system."""

import numpy as np
import pytest
import scipy.sparse as sp

from sparsesci.solvers.sequence.system import Looking


def numbers(matrices):
    """Return the number of each matrix, as the walk counts them."""
    looking, b = Looking(), np.ones(matrices[0].shape[0])
    return [looking.at(A, b).matrix for A in matrices]


def tridiagonal(n=6, diagonal=3.0):
    return sp.diags_array([-1.0, diagonal, -1.0], offsets=[-1, 0, 1], shape=(n, n)).tocsr()


def test_equal_matrices_are_one_matrix(host_lib):
    A = tridiagonal()
    assert numbers([A, A, A.copy(), A.tocoo(), 2 * A, A]) == [1, 1, 1, 1, 2, 3]


def test_equal_dense_matrices_are_one_matrix():
    A = tridiagonal().toarray()
    assert numbers([A, A.copy(), A + 1]) == [1, 1, 2]


def test_functions_are_the_same_if_they_are_one_object():
    A = tridiagonal()
    looking, first, second = Looking(), A.__matmul__, A.__matmul__
    assert [looking.at(f, np.ones(6)).matrix for f in (first, first, second)] == [1, 1, 2]


def test_a_pattern_alone_makes_no_equal_matrices():
    A = tridiagonal()
    B = A.copy()
    B.data[0] += 1e-15 * B.data[0] * 8
    assert numbers([A, B]) == [1, 2]


def test_a_matrix_that_is_changed_behind_our_back_is_not_used():
    A = tridiagonal()
    looking, b, old = Looking(), np.ones(6), A.copy()
    looking.at(A, b)
    A.data[:] = 7.0
    system = looking.at(old, b)
    assert np.allclose(system.operator(b), old @ b)


@pytest.mark.parametrize("dtype", [float, complex, np.float32])
def test_symmetry_is_seen(lib, dtype):
    hermitian, b, _ = lib.poisson(20, seed=1401, dtype=dtype)
    general, c, _ = lib.convection(20, seed=1402, dtype=dtype)
    assert Looking().at(hermitian, b).kind.is_hermitian
    assert not Looking().at(general, c).kind.is_hermitian


@pytest.mark.parametrize("dtype", [float, complex])
def test_symmetry_of_a_function_is_seen_by_its_products(lib, dtype):
    hermitian, b, _ = lib.poisson(20, seed=1403, dtype=dtype)
    general, c, _ = lib.convection(20, seed=1404, dtype=dtype)
    assert Looking().at(lambda x: hermitian @ x, b).kind.is_hermitian
    assert not Looking().at(lambda x: general @ x, c).kind.is_hermitian


def test_a_negative_diagonal_entry_rules_out_definiteness():
    A = tridiagonal().tolil()
    A[2, 2] = -1.0
    assert not Looking().at(A, np.ones(6)).kind.has_positive_diagonal
    assert Looking().at(tridiagonal(), np.ones(6)).kind.has_positive_diagonal


def test_the_entries_of_a_known_pattern_are_checked_all_the_same():
    A, b = tridiagonal(), np.ones(6)
    B = A.copy()
    B.data[4] = np.nan
    looking = Looking()
    looking.at(A, b)
    with pytest.raises(ValueError, match=r"A\[1, 2\] is nan"):
        looking.at(B, b)


def test_another_shape_with_the_same_arrays_is_refused():
    A, b = tridiagonal(), np.ones(6)
    looking = Looking()
    looking.at(A, b)
    with pytest.raises(ValueError, match="shape"):
        looking.at(sp.csr_array((2 * A.data, A.indices, A.indptr), shape=(6, 8)), b)


def test_a_known_pattern_with_other_entries_is_another_map():
    A, b = tridiagonal(), np.arange(6.0)
    looking = Looking()
    looking.at(A, b)
    system = looking.at(3 * A, b)
    assert np.allclose(system.operator(b), 3 * (A @ b)) and system.operator.kernel_arguments(float).data[0] == 9.0


def test_entries_that_are_replaced_in_the_same_object_are_seen_by_the_kernels():
    A, b = tridiagonal(), np.ones(6)
    looking, old = Looking(), A.data
    looking.at(A, b).operator.kernel_arguments(float)
    A.data = old.copy()
    old[:] = 7.0
    system = looking.at(A, b)
    assert np.array_equal(system.operator.kernel_arguments(float).data, A.data)


@pytest.mark.parametrize("form", [sp.csr_array, sp.csr_matrix, lambda A: A.toarray()])
def test_a_constant_diagonal_is_seen(form):
    even, uneven = tridiagonal(), tridiagonal()
    uneven[2, 2] = 3.5
    kinds = [Looking().at(form(A), np.ones(6)).kind for A in (even, uneven)]
    assert [kind.has_constant_diagonal for kind in kinds] == [True, False]


def test_the_first_matrix_on_a_pattern_can_come_back_after_another():
    A, B = tridiagonal(diagonal=3.0), tridiagonal(diagonal=4.0)
    assert numbers([A, B, B.copy(), A]) == [1, 2, 2, 3]

"""The size of complete factors against the factors themselves."""

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse.linalg import splu

from sparsesci.solvers.sequence.fill import bandwidth, column_counts, column_counts_of, factor_size


def grid(n, dimension):
    D = sp.diags_array([-1.0, 2.5, -1.0], offsets=[-1, 0, 1], shape=(n, n))
    A = D
    for _ in range(dimension - 1):
        A = sp.kronsum(A, D)
    return A.tocsr()


def factors(A):
    options = {"permc_spec": "MMD_AT_PLUS_A", "diag_pivot_thresh": 0.0, "options": {"SymmetricMode": True}}
    return splu(A.tocsc(), **options)


@pytest.mark.parametrize(("n", "dimension"), [(30, 1), (17, 2), (7, 3)])
def test_counts_are_those_of_superlu(n, dimension):
    A = grid(n, dimension)
    assert column_counts_of(A).sum() == factors(A).L.nnz


@given(seed=st.integers(2, 10**6), n=st.integers(1, 40), density=st.floats(0, 0.3))
def test_the_kernel_counts_what_the_reference_counts(seed, n, density):
    rng = np.random.default_rng(seed)
    A = sp.random_array((n, n), density=density, rng=rng)
    A = (A + A.T + sp.eye_array(n)).tocsc()
    place = rng.permutation(n)
    fast, slow = np.zeros(n, np.int64), np.zeros(n, np.int64)
    column_counts(A.indptr, A.indices, place, np.argsort(place), fast)
    column_counts.reference(A.indptr, A.indices, place, np.argsort(place), slow)
    assert np.array_equal(fast, slow)


def test_the_counts_of_a_dense_matrix_are_those_of_a_triangle():
    assert column_counts_of(sp.csr_array(np.ones((9, 9)))).tolist() == list(range(9, 0, -1))


def test_a_grid_in_the_plane_is_estimated_within_a_quarter():
    A = grid(60, 2)
    LU = factors(A)
    size, multiplications = factor_size(A, bandwidth(A))
    counted = (column_counts_of(A) ** 2).sum()
    assert abs(multiplications / counted - 1) < 0.25
    assert abs(size / (LU.L.nnz + LU.U.nnz) - 1) < 0.25


def test_other_graphs_are_counted_exactly():
    A = grid(9, 3)
    LU = factors(A)
    assert factor_size(A, bandwidth(A))[0] == LU.L.nnz + LU.U.nnz


def test_a_band_is_found_whatever_the_numbering():
    A = grid(50, 1)
    shuffled = np.random.default_rng(7717).permutation(50)
    assert bandwidth(A[shuffled][:, shuffled].tocsr()) == 1


def test_an_unsymmetric_pattern_counts_as_its_symmetric_closure():
    A = grid(8, 3)
    assert factor_size(sp.triu(A).tocsr(), bandwidth(A)) == factor_size(A, bandwidth(A))


def test_a_column_of_c_entries_takes_c_squared_multiplications():
    A = sp.csr_array(np.ones((9, 9)))
    assert factor_size(A, bandwidth(A)) == (2 * 45, sum(c**2 for c in range(1, 10)))

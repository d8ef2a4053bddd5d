"""The Darcy problem is what it says: symmetric, definite, of second order, harmonic at the faces."""

import numpy as np
import pytest
from scipy.sparse.linalg import spsolve

from sparsesci.bench.problems.darcy import darcy_matrix, darcy_sequence, harmonic_face_means


def random_permeability(seed, shape):
    """Return positive values over two orders of magnitude."""
    return np.exp(np.random.default_rng(seed).uniform(-2.3, 2.3, shape))


@pytest.mark.parametrize("shape", [(9, 9), (5, 5, 5)])
def test_the_matrix_is_symmetric_positive_definite(shape):
    A = darcy_matrix(random_permeability(21, shape)).toarray()
    assert np.array_equal(A, A.T)
    assert np.linalg.eigvalsh(A).min() > 0


def test_a_manufactured_solution_is_approached_at_second_order():
    def error(n):
        x = np.arange(1, n + 1) / (n + 1)
        u = np.outer(np.sin(np.pi * x), np.sin(2 * np.pi * x))
        A = darcy_matrix(np.ones((n, n)))
        return abs(spsolve(A, 5 * np.pi**2 * u.ravel()) - u.ravel()).max()

    assert np.log2(error(15) / error(31)) == pytest.approx(2, abs=0.05)


def test_a_face_between_two_layers_conducts_like_both_in_series():
    a = np.repeat([[4.0], [1.0], [0.25]], 3, axis=1)
    faces = harmonic_face_means(a, axis=0)
    assert faces[:, 0] == pytest.approx([4, 8 / 5, 2 / 5, 0.25])


def test_neighbours_are_coupled_by_their_harmonic_mean_over_the_square_of_the_spacing():
    n = 4
    a = random_permeability(24, (n, n))
    A = darcy_matrix(a).toarray().reshape(n, n, n, n)
    for i in range(n - 1):
        for j in range(n):
            assert A[i, j, i + 1, j] == pytest.approx(-2 * (n + 1) ** 2 / (1 / a[i, j] + 1 / a[i + 1, j]))
            assert A[j, i, j, i + 1] == pytest.approx(-2 * (n + 1) ** 2 / (1 / a[j, i] + 1 / a[j, i + 1]))


def test_a_row_away_from_the_boundary_annihilates_constants():
    n = 7
    row_sums = (darcy_matrix(random_permeability(22, (n, n))) @ np.ones(n * n)).reshape(n, n)
    assert abs(row_sums[1:-1, 1:-1]).max() < 1e-10 < row_sums[0].min()


def test_a_sequence_is_the_same_for_the_same_seed_and_drifts():
    first, again = (list(darcy_sequence(np.random.default_rng(23), 8, 2, 0.99, 3)) for _ in range(2))
    for (A, b), (A_again, b_again) in zip(first, again, strict=True):
        assert (A != A_again).nnz == 0 and np.array_equal(b, b_again)
    assert (first[0][0] != first[1][0]).nnz > 0

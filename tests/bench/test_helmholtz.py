"""The Helmholtz problem is what it says."""

import numpy as np
import pytest

from sparsesci.bench.problems import PROBLEMS
from sparsesci.bench.problems.helmholtz import helmholtz_matrix, helmholtz_sequence


def second_difference(n):
    """Return the dense matrix of -u'' with u = 0 at both ends."""
    return (n + 1) ** 2 * (2 * np.eye(n) - np.eye(n, k=1) - np.eye(n, k=-1))


def test_the_matrix_in_two_dimensions_is_the_kronecker_sum_less_the_shift():
    n, k0, amplitude = 6, 12.0, 0.3
    g = np.random.default_rng(31).standard_normal((n, n))
    T, eye = second_difference(n), np.eye(n)
    expected = np.kron(T, eye) + np.kron(eye, T) - np.diag(k0**2 * (1 + amplitude * g.ravel()))
    assert helmholtz_matrix(g, k0, amplitude).toarray() == pytest.approx(expected, rel=1e-12)


def test_the_matrix_in_three_dimensions_is_the_kronecker_sum_less_the_shift():
    n, k0 = 4, 5.0
    g = np.random.default_rng(32).standard_normal((n, n, n))
    T, eye = second_difference(n), np.eye(n)
    laplacian = np.kron(np.kron(T, eye), eye) + np.kron(np.kron(eye, T), eye) + np.kron(np.kron(eye, eye), T)
    assert helmholtz_matrix(g, k0, 0.0).toarray() == pytest.approx(laplacian - k0**2 * np.eye(n**3), rel=1e-12)


def test_about_as_many_eigenvalues_are_negative_as_weyl_says():
    n, k0 = 16, 15.0
    eigenvalues = np.linalg.eigvalsh(helmholtz_matrix(np.zeros((n, n)), k0, 0.1).toarray())
    weyl = k0**2 / (4 * np.pi) - 4 * k0 / (4 * np.pi)  # area term less boundary term
    assert np.sum(eigenvalues < 0) == pytest.approx(weyl, abs=2)


def test_every_system_has_its_own_right_hand_side():
    (A, b), (C, d) = helmholtz_sequence(np.random.default_rng(33), 8, 2, 3.0, 0.1, 0.9995, 2)
    assert (A != C).nnz == 64  # the diagonal alone
    assert not np.array_equal(b, d)


def test_the_problems_differ_in_what_their_names_say():
    drifting, independent, hard = (PROBLEMS[f"helmholtz2d{end}"].parameters for end in ("", "-independent", "-hard"))
    assert {key for key in drifting if drifting[key] != independent[key]} == {"drift"}
    assert {key for key in drifting if drifting[key] != hard[key]} == {"k0"}

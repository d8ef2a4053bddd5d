"""Orthogonal matching pursuit with a Kronecker product."""

from functools import reduce

import numpy as np
import pytest

from sparsesci import ConvergenceWarning
from sparsesci.recovery import kron_omp


def problem(shapes, K, *, seed, is_complex=False, columns=()):
    """Return factors, y and x without noise; the support is no Kronecker product."""
    rng = np.random.default_rng(seed)

    def normal(*shape):
        return rng.standard_normal(shape) + (1j * rng.standard_normal(shape) if is_complex else 0)

    factors = [normal(*shape) for shape in shapes]
    A = reduce(np.kron, factors)
    x = np.zeros((A.shape[1], *columns), A.dtype)
    x[rng.choice(A.shape[1], K, replace=False)] = normal(K, *columns)
    return factors, A @ x, x


@pytest.mark.parametrize("is_complex", [False, True])
@pytest.mark.parametrize("columns", [(), (3,)])
def test_an_exactly_sparse_vector_is_found_exactly(lib, is_complex, columns):
    factors, y, x = problem([(14, 16), (15, 16)], 4, seed=12101, is_complex=is_complex, columns=columns)
    result = kron_omp([lib.array(H) for H in factors], lib.array(y), rtol=1e-10)
    assert result.success and result.nit == 4
    np.testing.assert_allclose(lib.host(result.x), x, atol=1e-12)


def test_it_takes_the_columns_that_pursuit_on_the_product_takes():
    factors, y, _ = problem([(4, 6), (5, 6)], 6, seed=12102)
    A = reduce(np.kron, factors)
    taken, r = [], y
    for _ in range(5):
        taken.append(int(np.argmax(np.abs(A.T @ r) / np.linalg.norm(A, axis=0))))
        fit = np.linalg.lstsq(A[:, taken], y, rcond=None)[0]
        r = y - A[:, taken] @ fit
    x = kron_omp(factors, y, n_nonzero=5).x
    assert set(np.flatnonzero(x)) == set(taken)
    np.testing.assert_allclose(x[taken], fit, rtol=1e-10)


def test_tall_factors_and_the_lengths_of_columns_change_nothing():
    factors, y, x = problem([(30, 5), (9, 12)], 3, seed=12103)
    lengths = np.geomspace(1e-3, 1e3, 12)
    result = kron_omp([factors[0], factors[1] * lengths], y, n_nonzero=3)
    np.testing.assert_allclose(result.x * np.tile(lengths, 5), x, atol=1e-10)


def test_data_that_are_zero_have_no_columns():
    result = kron_omp([np.eye(3), np.ones((2, 4))], np.zeros(6), rtol=1e-3)
    assert result.success and result.nit == 0 and not result.x.any()


def test_without_options_a_tenth_of_the_columns_is_taken():
    factors, y, _ = problem([(5, 8), (10, 20)], 40, seed=12104)
    result = kron_omp(factors, y)
    assert result.nit == 16 and result.residuals.shape == (17,) and (np.diff(result.residuals) < 0).all()
    assert result.support.tolist() == np.flatnonzero(result.x).tolist()
    left = np.linalg.norm(y - reduce(np.kron, factors) @ result.x)
    assert result.residuals[0] == pytest.approx(np.linalg.norm(y)) and result.residuals[-1] == pytest.approx(left)


def test_a_goal_that_is_out_of_reach_warns():
    factors, y, _ = problem([(5, 8), (10, 20)], 40, seed=12105)
    with pytest.warns(ConvergenceWarning, match="raise n_nonzero or rtol"):
        result = kron_omp(factors, y, n_nonzero=4, rtol=1e-3)
    assert not result.success and result.nit == 4


def test_columns_that_depend_on_those_taken_end_the_pursuit():
    y = np.array([1.0, 2.0, 3.0, 4.0])
    with pytest.warns(ConvergenceWarning, match="no other column is independent"):
        result = kron_omp([np.ones((2, 2)), np.ones((2, 3))], y, rtol=1e-3)
    assert result.nit == 1


def test_measurements_that_do_not_match_are_refused():
    with pytest.raises(ValueError, match=r"2 x 3 = 6 rows.*last factor runs fastest"):
        kron_omp([np.eye(2), np.eye(3)], np.ones(5))
    with pytest.raises(ValueError, match="n_nonzero is 0"):
        kron_omp([np.eye(2)], np.ones(2), n_nonzero=0)
    with pytest.raises(ValueError, match="n_nonzero is 3: of 2 measurements 2 columns"):
        kron_omp([np.eye(2)], np.ones(2), n_nonzero=3)

"""`sbl` with blocks: what it finds, what it promises whatever the method."""

import warnings

import numpy as np
import pytest
import scipy.sparse
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse.linalg import aslinearoperator

from sparsesci._lib.result import ConvergenceWarning, Status
from sparsesci.recovery import sbl

DENSE = ["fast", "em", "mackay", "mm"]


def draw(M, N, n_active, *, seed, r=0.0, snr=20.0, n_columns=None, dtype=float):
    """Return A (M, N), Y, X, the variance of the noise, and the sizes of blocks of 5 to 10 (the last up to 14)."""
    rng = np.random.default_rng(seed)
    is_complex = np.dtype(dtype).kind == "c"

    def normal(*shape):
        return rng.standard_normal(shape) + (1j * rng.standard_normal(shape) if is_complex else 0)

    sizes = []
    while N - sum(sizes) > 14:
        sizes.append(int(rng.integers(5, 11)))
    sizes.append(N - sum(sizes))
    A, X, starts = normal(M, N), np.zeros((N, n_columns or 1), dtype), np.cumsum(sizes) - sizes
    for b in rng.choice(len(sizes), n_active, replace=False):
        i = np.arange(sizes[b])
        B = float(r) ** np.abs(i[:, None] - i) if r else np.eye(sizes[b])
        X[starts[b] : starts[b] + sizes[b]] = np.linalg.cholesky(B) @ normal(sizes[b], n_columns or 1)
    clean = A @ X
    noise_var = np.mean(np.abs(clean) ** 2) / 10 ** (snr / 10)
    Y = clean + normal(*clean.shape) * np.sqrt(noise_var / (2 if is_complex else 1))
    A, Y, X = A.astype(dtype), Y.astype(dtype), X.astype(dtype)
    return (A, Y, X, noise_var, sizes) if n_columns else (A, Y[:, 0], X[:, 0], noise_var, sizes)


def nmse(x, true):
    """Return ``||x - true||^2 / ||true||^2``."""
    return np.sum(np.abs(x - true) ** 2) / np.sum(np.abs(true) ** 2)


def f1_of_blocks(x, true, sizes):
    """Return the F1 score of which blocks are not zero."""
    starts = np.cumsum(sizes) - sizes
    found, there = (np.add.reduceat(np.abs(each), starts) > 0 for each in (x, true))
    return 2 * np.sum(found & there) / (np.sum(found) + np.sum(there))


def covariance(result, sizes):
    """Return the prior covariance that a result stands for, for consecutive blocks."""
    owner, i = np.repeat(np.arange(len(sizes)), sizes), np.arange(sum(sizes))
    B = result.posterior.correlation ** np.abs(i[:, None] - i).astype(float)
    return np.where(owner[:, None] == owner, B * result.gamma, 0.0)


# --- the answer ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", DENSE)
@pytest.mark.parametrize("shape", [(40, 80), (80, 40)])
def test_the_blocks_are_found_in_every_library(lib, method, shape):
    A, y, x, noise_var, sizes = draw(*shape, 2, seed=5009, r=0.8, snr=30)
    result = sbl(lib.array(A), lib.array(y), method=method, blocks=sizes)
    assert result.success and nmse(lib.host(result.x), x) < 5e-3
    assert set(np.flatnonzero(x)) <= set(lib.host(result.support))
    assert 0.4 < result.noise_var / noise_var < 2


@pytest.mark.parametrize("r", [0.0, 0.9])
@pytest.mark.parametrize("snr", [20, 30])
def test_the_answer_is_as_good_as_least_squares_on_the_true_blocks(r, snr):
    ours, best, scores = [], [], []
    for seed in range(5011, 5019):
        A, y, x, _, sizes = draw(100, 300, 5, seed=seed, r=r, snr=snr)
        result = sbl(A, y, blocks=sizes)
        oracle = np.zeros_like(x)
        oracle[x != 0] = np.linalg.lstsq(A[:, x != 0], y)[0]
        ours.append(nmse(result.x, x))
        best.append(nmse(oracle, x))
        scores.append(f1_of_blocks(result.x, x, sizes))
    assert np.median(ours) < 1.15 * np.median(best)
    assert np.mean(scores) > 0.97


@pytest.mark.parametrize("r", [0.0, 0.9])
@pytest.mark.parametrize("snr", [20, 30])
def test_blocks_halve_the_error_where_there_are_too_many_entries_to_be_found_one_by_one(r, snr):
    ours, plain = [], []
    for seed in range(5021, 5026):
        A, y, x, _, sizes = draw(100, 300, 7, seed=seed, r=r, snr=snr)
        ours.append(nmse(sbl(A, y, blocks=sizes).x, x))
        plain.append(nmse(sbl(A, y).x, x))
    assert np.median(ours) < 0.5 * np.median(plain)


@pytest.mark.parametrize("dtype", [float, complex])
@pytest.mark.parametrize("r", [0.0, 0.9])
@pytest.mark.parametrize("snr", [10, 20, 30])
def test_the_variance_of_the_noise_is_right(r, snr, dtype):
    ratios = []
    for seed in range(5021, 5025):
        A, y, _, noise_var, sizes = draw(250, 500, 5, seed=seed, r=r, snr=snr, dtype=dtype)
        ratios.append(sbl(A, y, blocks=sizes).noise_var / noise_var)
    assert 0.75 < min(ratios) and max(ratios) < 1.25


@pytest.mark.parametrize("r", [-0.6, 0.0, 0.9])
def test_the_correlation_is_learned(r):
    A, Y, _, _, sizes = draw(120, 300, 6, seed=5039, r=r, snr=30, n_columns=6)
    result = sbl(A, Y, blocks=sizes)
    assert result.posterior.correlation == pytest.approx(r, abs=0.1)
    assert f"correlation {result.posterior.correlation:.2f} within" in result.message


def test_blocks_are_found_where_they_take_half_of_the_degrees_of_freedom():
    errors, scores = [], []
    for seed in range(5437, 5445):
        A, y, x, _, sizes = draw(100, 300, 7, seed=seed, snr=10)
        result = sbl(A, y, blocks=sizes)
        errors.append(nmse(result.x, x))
        scores.append(f1_of_blocks(result.x, x, sizes))
    assert np.median(errors) < 0.18 and np.mean(scores) > 0.88


def test_pure_noise_has_a_false_block_in_few_problems():
    rng = np.random.default_rng(5051)
    n_false = sum(
        len(sbl(rng.standard_normal((30, 60)), rng.standard_normal(30), blocks=5).support) > 0 for _ in range(100)
    )
    assert 1 <= n_false <= 22  # 10 are expected, with a standard deviation of 3


@pytest.mark.parametrize("method", DENSE)
@pytest.mark.parametrize("dtype", ["float32", "float64", "complex64", "complex128"])
@pytest.mark.parametrize("n_columns", [None, 3])
def test_dtype_and_shape_of_y_are_kept(method, dtype, n_columns):
    A, Y, X, _, sizes = draw(40, 80, 2, seed=5059, r=0.7, snr=30, dtype=dtype, n_columns=n_columns)
    result = sbl(A, Y, method=method, blocks=sizes)
    assert result.x.shape == X.shape and result.x.dtype == dtype
    assert result.gamma.shape == (80,) and result.gamma.dtype == A.real.dtype
    assert nmse(result.x, X) < 5e-3


@pytest.mark.parametrize("method", DENSE)
@pytest.mark.parametrize("shape", [(30, 50), (50, 30)])
@pytest.mark.parametrize("dtype", [float, complex])
def test_the_posterior_is_that_of_the_model(method, shape, dtype):
    A, y, _, _, sizes = draw(*shape, 2, seed=5077, r=0.8, dtype=dtype)
    result = sbl(A, y, method=method, blocks=sizes)
    prior = covariance(result, sizes)
    gain = prior @ A.conj().T @ np.linalg.inv(result.noise_var * np.eye(shape[0]) + A @ prior @ A.conj().T)
    np.testing.assert_allclose(result.x, gain @ y, atol=1e-8)
    np.testing.assert_allclose(result.variance, np.diag(prior - gain @ A @ prior).real, atol=1e-10)
    assert np.array_equal(result.support, np.flatnonzero(result.x))


@pytest.mark.parametrize("is_complex", [False, True])
def test_the_evidence_is_the_density_of_the_data(is_complex):
    A, Y, _, _, sizes = draw(30, 50, 2, seed=5081, r=0.8, n_columns=2, dtype=complex if is_complex else float)
    result = sbl(A, Y, blocks=sizes)
    C = result.noise_var * np.eye(30) + A @ covariance(result, sizes) @ A.conj().T
    quadratic = np.sum(Y.conj() * np.linalg.solve(C, Y)).real
    log_determinant = np.linalg.slogdet((1 if is_complex else 2) * np.pi * C)[1]
    assert result.evidence[-1] == pytest.approx(-(2 * log_determinant + quadratic) * (1 if is_complex else 0.5))


@pytest.mark.parametrize("method", ["em", "mm"])
@settings(max_examples=50, deadline=None)
@given(
    seed=st.integers(2, 10**6),
    M=st.integers(2, 25),
    N=st.integers(4, 40),
    size=st.integers(2, 9),
    is_complex=st.booleans(),
)
def test_the_evidence_never_falls(method, seed, M, N, size, is_complex):
    rng = np.random.default_rng(seed)
    A, y = rng.standard_normal((M, N)), rng.standard_normal((M, 2))
    if is_complex:
        A, y = A + 1j * rng.standard_normal((M, N)), y + 1j * rng.standard_normal((M, 2))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        noise_var = rng.uniform(0.01, 1)
        evidence = sbl(A, y, method=method, noise_var=noise_var, blocks=min(size, N), maxiter=40).evidence
    assert np.all(np.diff(evidence) >= -1e-9 * np.abs(evidence[:-1]))


@pytest.mark.parametrize("n_columns", [None, 2])
def test_samples_have_the_moments_of_the_posterior(lib, n_columns):
    A, Y, _, _, sizes = draw(30, 50, 2, seed=5087, r=0.8, n_columns=n_columns)
    result = sbl(lib.array(A), lib.array(Y), blocks=sizes)
    draws = lib.host(result.sample(4000, rng=5099))
    draws = draws if n_columns is None else draws[:, :, 0]
    x = lib.host(result.x) if n_columns is None else lib.host(result.x)[:, 0]
    prior = covariance(result.__class__(**{**vars(result), "gamma": lib.host(result.gamma)}), sizes)
    C = result.noise_var * np.eye(30) + A @ prior @ A.T
    expected = prior - prior @ A.T @ np.linalg.solve(C, A @ prior)
    largest = expected.diagonal().max()
    np.testing.assert_allclose(draws.mean(axis=0), x, atol=5 * (largest / 4000) ** 0.5)
    np.testing.assert_allclose(np.cov(draws.T), expected, atol=0.1 * largest)


def test_intervals_cover_as_often_as_they_say():
    covered = []
    for seed in range(5101, 5117):
        A, y, x, _, sizes = draw(100, 200, 4, seed=seed, r=0.9, snr=20)
        result = sbl(A, y, blocks=sizes)
        low, high = result.credible_interval(0.9)
        covered.extend(((low <= x) & (x <= high))[result.support])
    assert 0.85 < np.mean(covered) < 0.95


# --- the layout and the units ----------------------------------------------------------------------------------------


def test_blocks_of_one_entry_are_none():
    A, y, _, _, _ = draw(40, 80, 2, seed=5119)
    for blocks in (1, range(80)):
        assert np.array_equal(sbl(A, y, blocks=blocks).x, sbl(A, y).x)


@pytest.mark.parametrize("method", DENSE)
def test_where_the_entries_of_a_block_stand_does_not_matter(method):
    A, y, _, _, sizes = draw(40, 80, 2, seed=5147, r=0.8, snr=30)
    labels = np.repeat(np.arange(len(sizes)), sizes)
    moved = np.argsort(np.random.default_rng(5153).permutation(len(sizes))[labels] + np.linspace(0, 0.9, 80))
    one, other = sbl(A, y, method=method, blocks=sizes), sbl(A[:, moved], y, method=method, blocks=labels[moved])
    np.testing.assert_allclose(other.x, one.x[moved], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("method", DENSE)
@pytest.mark.parametrize("unit", [1e-6, 1e6, 1e-150, 1e150])
def test_the_unit_of_y_is_that_of_x(method, unit):
    A, y, _, _, sizes = draw(40, 80, 2, seed=5167, r=0.8)
    one, other = sbl(A, y, method=method, blocks=sizes), sbl(A, y * unit, method=method, blocks=sizes)
    np.testing.assert_allclose(other.x / unit, one.x, rtol=1e-4, atol=1e-6)
    assert other.noise_var / unit**2 == pytest.approx(one.noise_var, rel=1e-4)


@pytest.mark.parametrize("method", DENSE)
def test_the_unit_of_a_block_is_one_too(method):
    A, y, _, _, sizes = draw(40, 80, 2, seed=5171, r=0.8)
    lengths = np.repeat(np.geomspace(1e-6, 1e6, len(sizes)), sizes)
    one, other = sbl(A, y, method=method, blocks=sizes), sbl(A * lengths, y, method=method, blocks=sizes)
    np.testing.assert_allclose(other.x * lengths, one.x, rtol=1e-4, atol=1e-6)


def test_a_column_of_zeros_has_an_entry_that_follows_its_neighbours():
    A, Y, X, _, sizes = draw(60, 80, 2, seed=5179, r=0.98, snr=40, n_columns=4)
    i = np.flatnonzero(X[:, 0])[2]
    A[:, i] = 0
    result = sbl(A, Y - 0.0, blocks=sizes)
    assert np.all(np.isfinite(result.x)) and np.all(result.variance[i] > result.variance[i + 1])
    assert nmse(result.x, X) < 0.2


# --- ends of the road ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", DENSE)
def test_maxiter_ends_with_a_warning_and_what_there_is(method):
    A, y, _, _, sizes = draw(40, 80, 2, seed=5189)
    with pytest.warns(ConvergenceWarning, match="raise maxiter or rtol"):
        result = sbl(A, y, method=method, blocks=sizes, maxiter=1)
    assert result.status is Status.MAXITER and not result.success and result.nit == 1
    assert np.all(np.isfinite(result.x))


@pytest.mark.parametrize("method", DENSE)
def test_a_callback_sees_every_iteration_and_may_stop(method):
    A, y, _, _, sizes = draw(40, 80, 2, seed=5197)
    seen = []

    def callback(intermediate_result):
        seen.append(intermediate_result)
        if len(seen) == 3:
            raise StopIteration

    with pytest.warns(ConvergenceWarning, match="stopped by the callback"):
        result = sbl(A, y, method=method, blocks=sizes, callback=callback)
    assert result.status is Status.STOPPED_BY_CALLBACK
    assert [each.nit for each in seen] == [1, 2, 3] and seen[0].x.shape == (80,)


def test_a_callback_changes_nothing():
    A, y, _, _, sizes = draw(60, 100, 3, seed=5209, r=0.8)
    shown, alone = sbl(A, y, blocks=sizes, callback=lambda intermediate_result: None), sbl(A, y, blocks=sizes)
    np.testing.assert_allclose(shown.x, alone.x, rtol=1e-6, atol=1e-9)
    assert shown.nit == alone.nit


@pytest.mark.parametrize("method", DENSE)
def test_zero_measurements_have_the_zero_solution(lib, method):
    result = sbl(lib.array(np.eye(4, 7)), lib.array(np.zeros(4)), method=method, blocks=3)
    assert result.success and not lib.host(result.x).any() and len(lib.host(result.support)) == 0
    assert lib.host(result.sample(3, rng=5227)).shape == (3, 7)


def test_where_nothing_is_found_samples_are_zero():
    A, y = np.eye(6, 8), np.array([1.0, -1, 1, 1, -1, 1])
    result = sbl(A, y, blocks=4)
    assert result.success and not result.x.any() and not result.sample(3, rng=5231).any()


@pytest.mark.parametrize("method", DENSE)
def test_a_block_of_zero_columns_has_coefficients_zero(method):
    A, y, _, _, _ = draw(40, 60, 2, seed=5233)
    A[:, 12:18] = 0
    result = sbl(A, y, method=method, blocks=6)
    assert not result.x[12:18].any() and not result.variance[12:18].any() and np.all(np.isfinite(result.x))


@pytest.mark.parametrize("method", DENSE)
@pytest.mark.parametrize("shape", [(1, 5), (5, 2), (1, 2), (2, 2), (3, 40)])
def test_the_smallest_problems_have_finite_answers(method, shape):
    rng = np.random.default_rng(5237)
    result = sbl(rng.standard_normal(shape), rng.standard_normal(shape[0]), method=method, blocks=2, rtol=1e-2)
    assert result.x.shape == (shape[1],) and np.all(np.isfinite(result.x)) and np.isfinite(result.noise_var)


def test_data_without_noise_give_the_exact_answer():
    A, _, x, _, sizes = draw(60, 200, 3, seed=5261, r=0.8)
    result = sbl(A, A @ x, blocks=sizes)
    assert result.success and np.array_equal(result.support, np.flatnonzero(x))
    np.testing.assert_allclose(result.x, x, atol=1e-6)
    assert 0 < result.noise_var < 1e-9


def test_the_noise_may_be_given():
    A, y, x, noise_var, sizes = draw(60, 200, 3, seed=5273, r=0.8)
    result = sbl(A, y, blocks=sizes, noise_var=noise_var)
    assert result.noise_var == noise_var and nmse(result.x, x) < 0.05 and "given noise_var" in result.message


def test_of_equal_blocks_one_is_taken():
    A, y, x, _, sizes = draw(60, 100, 2, seed=5279, snr=30)
    twice = sbl(np.hstack([A, A]), y, blocks=[*sizes, *sizes])
    assert np.all(np.isfinite(twice.x)) and len(twice.support) == np.count_nonzero(x)
    np.testing.assert_allclose(twice.x[:100] + twice.x[100:], sbl(A, y, blocks=sizes).x, atol=1e-3)


def test_a_sparse_matrix_is_as_good_as_a_dense_one():
    A, y, _, _, sizes = draw(40, 60, 2, seed=5281)
    A[np.abs(A) < 0.8] = 0
    np.testing.assert_array_equal(sbl(scipy.sparse.csr_array(A), y, blocks=sizes).x, sbl(A, y, blocks=sizes).x)


def test_inputs_are_left_alone():
    A, y, _, _, sizes = draw(40, 60, 2, seed=5297)
    before, labels = (A.copy(), y.copy()), np.repeat(np.arange(len(sizes)), sizes)
    for array in (A, y, labels):
        array.flags.writeable = False
    for method in DENSE:
        sbl(A, y, method=method, blocks=labels)
    assert np.array_equal(A, before[0]) and np.array_equal(y, before[1])


def test_what_knows_no_blocks_says_so():
    with pytest.raises(TypeError, match="blocks need its entries"):
        sbl(aslinearoperator(np.ones((3, 6))), np.ones(3), blocks=2)
    for method in ("cofem", "exchange"):
        with pytest.raises(ValueError, match=f"'{method}', which knows no blocks"):
            sbl(np.ones((3, 6)), np.ones(3), blocks=2, method=method)
    with pytest.raises(ValueError, match="'nonnegative', which knows no blocks"):
        sbl(np.ones((3, 6)), np.ones(3), blocks=2, prior="nonnegative")

"""Exchange: the walk has the distribution it claims, its compiled form is the reference, and alike columns are told."""

import itertools
import math
from types import SimpleNamespace

import numpy as np
import pytest
import scipy.optimize
import scipy.stats

from sparsesci._lib.result import Status
from sparsesci.bench.objectives.coefficient_error import coefficient_error, f1_score
from sparsesci.bench.problems.minerals import mixtures
from sparsesci.recovery.bayes.exchange import BURN_IN, FIRST, agree, catch_up, exchange, likely_support
from sparsesci.recovery.bayes.model import prepared
from sparsesci.recovery.bayes.orthant import orthant
from sparsesci.recovery.bayes.walk import log_prior, walk


def problem(M=40, N=90, entries=(3, 17, 40), n_y=1, *, seed, noise=0.05, positive=False, dtype=float):
    """Return A, with a large mean that its columns share, Y of mean square about 1, and x."""
    rng = np.random.default_rng(seed)
    is_complex = np.dtype(dtype).kind == "c"

    def normal(shape):
        return rng.standard_normal(shape) + (1j * rng.standard_normal(shape) if is_complex else 0)

    A, x = normal((M, N)) + 2, np.zeros((N, n_y), dtype)
    values = normal((len(entries), n_y))
    x[list(entries)] = np.abs(values) + 0.5 if positive else values + 1.5 * np.sign(values.real)
    Y = A @ x
    return A, Y + noise * np.sqrt(np.mean(np.abs(Y) ** 2)) * normal(Y.shape) / (2**0.5 if is_complex else 1), x


def solve(A, Y, *, known=None, maxiter=2000, nonnegative=False, rng=7, show=None):
    """Return the fit and the coefficients, in the units of A and Y."""
    data = prepared(A, Y)
    fit = exchange(
        data.A, data.weights, data.Y, noise_var=known, maxiter=maxiter, nonnegative=nonnegative, rng=rng, show=show
    )
    return fit, fit.mu * data.weights[:, None] * data.scale


def run_walk(function, A, Y, *, known=0.0, nonnegative=False, n=60, n_rows=None, seed=5):
    """Return where a walk is, v, and its trace."""
    N, n_y, most = A.shape[1], Y.shape[1], min(A.shape[1], len(A) // 2)
    rng = np.random.default_rng(seed)
    atoms = np.ascontiguousarray((A / np.linalg.norm(A, axis=0)).T)
    S, v, where = np.full(most, -1), np.array([1e3]), np.full(N, -1)
    rows, z = np.empty((n_rows or N, N), A.dtype), rng.standard_normal((n, most, n_y)).astype(A.dtype)
    trace = np.full((n, most), -1), np.zeros((n, most, n_y), A.dtype), np.zeros((n, most)), np.zeros((n, 4))
    function(atoms, atoms.conj() @ Y, Y, known, nonnegative, 7, rng, S, v, rows, where, z, *trace)
    return S, v, *trace


# --- the walk --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("known", [0.0, 0.01])
@pytest.mark.parametrize(("dtype", "nonnegative"), [(float, False), (float, True), (complex, False)])
def test_the_compiled_walk_is_the_reference(dtype, nonnegative, known):
    A, Y, _ = problem(n_y=2, seed=4001, noise=0.6, positive=nonnegative, dtype=dtype)
    Y = Y / np.sqrt(np.mean(np.abs(Y) ** 2))
    compiled = run_walk(walk, A, Y, known=known, nonnegative=nonnegative)
    expected = run_walk(walk.reference, A, Y, known=known, nonnegative=nonnegative)
    assert len({tuple(sorted(row)) for row in expected[2]}) > 1
    for one, other in zip(compiled, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-8, atol=1e-9)


def test_a_store_that_overflows_changes_nothing():
    A, Y, _ = problem(seed=4003, noise=0.5)
    wide, narrow = (run_walk(walk, A, Y, n_rows=n_rows) for n_rows in (90, 20))
    for one, other in zip(wide, narrow, strict=True):
        np.testing.assert_array_equal(one, other)


def supports_of(N):
    return [list(S) for K in range(N + 1) for S in itertools.combinations(range(N), K)]


def log_posterior(A, Y, S, v, nonnegative):
    """Return the logarithm of the posterior of a support with v, but for a constant, by dense linear algebra."""
    A_S, K, size = A[:, S], len(S), Y.size
    C = np.eye(len(A)) + v * A_S @ A_S.T
    r = float(Y[:, 0] @ np.linalg.solve(C, Y[:, 0]))
    height = log_prior(K, A.shape[1]) - np.linalg.slogdet(C)[1] / 2 - size / 2 * math.log(r)
    if nonnegative and K:
        P = np.linalg.inv(A_S.T @ A_S + np.eye(K) / v)
        signs = scipy.stats.multivariate_normal(np.zeros(K), r / size * P).cdf((P @ A_S.T @ Y)[:, 0])
        height += K * math.log(2) + math.log(max(signs, 1e-300))
    return height


@pytest.mark.parametrize("nonnegative", [False, True])
def test_a_walk_visits_supports_as_often_as_they_are_likely(nonnegative):
    A, Y, _ = problem(M=14, N=4, entries=(1, 3), seed=4007, noise=0.5, positive=True)
    A, Y = A / np.linalg.norm(A, axis=0), Y / np.sqrt(np.mean(Y**2))
    grid, supports = np.geomspace(0.1, 1e6, 40), supports_of(4)
    prior_v = -0.5 * np.log(grid) - 7 / grid  # of log v, where 1 / v ~ Gamma(1/2, M/2)
    heights = np.array([[log_posterior(A, Y, S, v, nonnegative) for v in grid] for S in supports]) + prior_v
    expected = np.exp(heights - heights.max()).sum(axis=1)
    expected /= expected.sum()
    seen = run_walk(walk, A, Y, nonnegative=nonnegative, n=20_000)[2]
    counts = {tuple(S): 0 for S in supports}
    for row in seen:
        counts[tuple(sorted(row[row >= 0].tolist()))] += 1
    found = np.array([counts[tuple(S)] for S in supports]) / len(seen)
    assert expected.max() < 0.9
    np.testing.assert_allclose(
        found, expected, atol=0.05 if nonnegative else 0.02
    )  # signs are told nearly, not exactly


def test_the_evidence_of_a_walk_is_that_of_a_dense_covariance():
    A, Y, _ = problem(n_y=2, seed=4013)
    *_, supports, means, _, scalars = run_walk(walk, A, Y, known=0.02)
    S, (v, noise, _, evidence) = supports[-1][supports[-1] >= 0], scalars[-1]
    A = A / np.linalg.norm(A, axis=0)
    C = noise * (np.eye(len(A)) + v * A[:, S] @ A[:, S].T)
    density = scipy.stats.multivariate_normal(np.zeros(len(A)), C)
    assert noise == 0.02 and evidence == pytest.approx(density.logpdf(Y.T).sum(), rel=1e-10)
    mean = noise * v * A[:, S].T @ np.linalg.solve(C, Y)
    np.testing.assert_allclose(means[-1][: len(S)], mean, rtol=1e-8)


# --- how much is positive --------------------------------------------------------------------------------------------


def positive_part(function, mean, covariance):
    mean, variance = np.array(mean, float), np.empty(len(mean))
    return function(np.linalg.inv(covariance), np.array(covariance), 1.0, mean, variance), mean, variance


@pytest.mark.parametrize("K", [1, 2, 5])
def test_the_compiled_orthant_is_the_reference(K):
    rng = np.random.default_rng(4019)
    X = rng.standard_normal((K + 2, K)) + 1
    compiled, expected = (
        positive_part(function, np.linspace(-1, 2, K), np.linalg.inv(X.T @ X))
        for function in (orthant, orthant.reference)
    )
    for one, other in zip(compiled, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-9)


def test_one_sign_is_exact():
    log_p, mean, variance = positive_part(orthant, [-0.7], [[1.0]])
    truncated = scipy.stats.truncnorm(0.7, np.inf, loc=-0.7)
    assert log_p == pytest.approx(scipy.stats.norm.logcdf(-0.7), rel=1e-3)
    assert (mean[0], variance[0]) == pytest.approx((truncated.mean(), truncated.var()), rel=1e-3)


@pytest.mark.parametrize("correlation", [-0.9, 0.0, 0.6])
def test_two_signs_are_as_the_arc_sine_says(correlation):
    log_p, _, _ = positive_part(orthant, [0, 0], [[1, correlation], [correlation, 1]])
    assert math.exp(log_p) == pytest.approx(0.25 + math.asin(correlation) / (2 * math.pi), rel=0.05)


def test_a_probability_is_at_most_that_of_one_sign():
    rho = -1 + 1e-12
    log_p, mean, variance = positive_part(orthant, [1e3, -1e3], [[1, rho], [rho, 1]])
    assert log_p <= scipy.stats.norm.logcdf(-1e3) and np.isfinite(mean).all() and np.isfinite(variance).all()


# --- answers ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("dtype", "nonnegative"), [(float, False), (float, True), (complex, False)])
def test_the_support_is_found(lib, dtype, nonnegative):
    A, Y, x = problem(n_y=2, seed=4021, positive=nonnegative, dtype=dtype)
    data = prepared(lib.array(A), lib.array(Y))
    fit = exchange(data.A, data.weights, data.Y, noise_var=None, maxiter=1000, nonnegative=nonnegative, rng=4)
    assert fit.status is Status.CONVERGED and len(fit.evidence) == fit.nit
    np.testing.assert_array_equal(np.flatnonzero(lib.host(fit.gamma)), [3, 17, 40])
    found = lib.host(fit.mu) * lib.host(data.weights)[:, None] * data.scale
    assert np.linalg.norm(found - x) < 0.05 * np.linalg.norm(x)
    assert np.array_equal(lib.host(fit.variance) > 0, x[:, 0] != 0)


@pytest.mark.parametrize("snr", [30, 40, 50])
def test_minerals_are_told_from_their_likes(snr):
    ours, theirs = [], []
    for A, y, x, noise_var in mixtures(np.random.default_rng(4027), snr, False, 5):
        lengths = np.linalg.norm(A, axis=0)
        _, found = solve(A, y, nonnegative=True)
        for scores, answer in ((ours, found[:, 0]), (theirs, scipy.optimize.nnls(A / lengths, y)[0] / lengths)):
            scores.append((coefficient_error(A, y, x, noise_var, answer), f1_score(x, answer)))
    (error, f1), (their_error, their_f1) = (np.median(scores, axis=0) for scores in (ours, theirs))
    assert error < 0.6 * their_error and f1 > 2 * their_f1


def test_signed_minerals_are_told_from_their_likes():
    for A, y, x, noise_var in mixtures(np.random.default_rng(4049), 50, True, 5):
        _, found = solve(A, y)
        assert coefficient_error(A, y, x, noise_var, found[:, 0]) < 0.05 and f1_score(x, found[:, 0]) > 0.7


def test_the_noise_is_learned():
    A, Y, _ = problem(M=200, n_y=3, seed=4217, noise=0.1)
    fit, _ = solve(A, Y)
    assert fit.noise_var == pytest.approx(0.01, rel=0.15)


def test_a_known_noise_is_kept():
    A, Y, _ = problem(seed=4051)
    fit, _ = solve(A, Y, known=0.0025)
    assert fit.noise_var == pytest.approx(0.0025) and np.flatnonzero(fit.gamma).tolist() == [3, 17, 40]


def test_of_noise_alone_mostly_nothing_is_kept():
    fits = []
    for seed in range(4241, 4251):
        rng = np.random.default_rng(seed)
        fits.append(solve(rng.standard_normal((50, 120)), rng.standard_normal((50, 1)))[0])
    empty = [fit for fit in fits if not fit.gamma.any()]
    assert len(empty) >= 9 and all(not fit.mu.any() and fit.noise_var == pytest.approx(1, rel=0.2) for fit in empty)


def test_without_noise_the_answer_is_nearly_exact():
    A, Y, x = problem(seed=4073, noise=0.0)
    fit, found = solve(A, Y)
    assert np.flatnonzero(fit.gamma).tolist() == [3, 17, 40] and np.linalg.norm(found - x) < 1e-6 * np.linalg.norm(x)


def test_nonnegative_entries_are_not_negative():
    A, y, _, _ = next(mixtures(np.random.default_rng(4079), 30, False, 1))
    fit, found = solve(A, y, nonnegative=True)
    assert found.min() >= 0 and np.array_equal(found[:, 0] > 0, fit.gamma > 0)


def test_two_equal_columns_share_the_doubt():
    A, _, x = problem(seed=4091, entries=(3,))
    A[:, 50] = A[:, 3]
    y = A @ x + 0.1 * np.random.default_rng(4093).standard_normal((40, 1))
    fit, found = solve(A, y)
    assert np.isfinite(fit.mu).all() and abs(found[[3, 50]].sum() / x[3, 0] - 1) < 0.05
    kept = np.flatnonzero(fit.gamma)
    assert set(kept) == {3, 50} and fit.variance[kept].min() > 0.1 * np.abs(fit.mu[kept]).max() ** 2


def test_a_zero_column_is_no_entry():
    A, Y, _ = problem(seed=4099)
    A[:, 60] = 0
    fit, found = solve(A, Y)
    assert np.isfinite(found).all() and np.flatnonzero(fit.gamma).tolist() == [3, 17, 40]


@pytest.mark.parametrize(("M", "N"), [(1, 1), (1, 5), (5, 1), (2, 2)])
def test_tiny_problems_have_finite_answers(M, N):
    rng = np.random.default_rng(4111)
    fit, found = solve(rng.standard_normal((M, N)), rng.standard_normal((M, 1)))
    assert np.isfinite(found).all() and np.isfinite(fit.noise_var) and (fit.variance >= 0).all()


def test_the_same_seed_walks_the_same_way():
    A, Y, _ = problem(seed=4127, noise=0.5)
    (one, _), (other, _), (another, _) = (solve(A, Y, rng=rng) for rng in (31, 31, 32))
    assert np.array_equal(one.mu, other.mu) and not np.array_equal(one.mu, another.mu)


def test_complex_entries_have_no_sign():
    A, Y, _ = problem(seed=4129, dtype=complex)
    with pytest.raises(ValueError, match="no sign"):
        solve(A, Y, nonnegative=True)


# --- the end ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("maxiter", [1, BURN_IN, BURN_IN + 1])
def test_a_walk_that_is_cut_short_says_so(maxiter):
    A, Y, _ = problem(seed=4133)
    fit, found = solve(A, Y, maxiter=maxiter)
    assert fit.status is Status.MAXITER and fit.nit == len(fit.evidence) == maxiter and np.isfinite(found).all()


def test_a_clear_case_ends_at_the_first_comparison():
    A, Y, _ = problem(seed=4139)
    fit, _ = solve(A, Y)
    assert fit.nit == BURN_IN + FIRST


def test_it_can_be_stopped_at_a_comparison():
    A, Y, _ = problem(seed=4153)
    shown = []
    fit, _ = solve(A, Y, show=lambda fit: shown.append(fit) or True)
    assert fit.status is Status.STOPPED_BY_CALLBACK and len(shown) == 1 and shown[0].nit == fit.nit


def walker(height, support, *, begin=0, n=50, seed):
    """Return what is asked of a walk that stays where it is."""
    scalars = np.zeros((n, 4))
    scalars[:, 2] = height + np.random.default_rng(seed).standard_normal(n)
    inclusion = np.isin(np.arange(9), support).astype(float)
    return SimpleNamespace(S=np.array(support), v=np.ones(1), begin=begin, scalars=scalars, inclusion=lambda: inclusion)


def test_a_walk_that_is_left_behind_goes_on_from_the_best():
    low, high = walker(-100, [1, 2], seed=4157), walker(0, [3, 4], seed=4159)
    assert catch_up([low, high]) and low.S.tolist() == [3, 4] and low.begin == 50 and high.begin == 0
    low.S[0] = 7
    assert high.S[0] == 3


def test_walks_of_one_height_on_different_supports_do_not_agree():
    assert agree([walker(0, [1, 2], seed=4177), walker(0, [1, 2], seed=4201)])
    assert not agree([walker(0, [1, 2], seed=4177), walker(0, [1, 3], seed=4201)])
    assert not agree([walker(0, [1, 2], seed=4177), walker(4, [1, 2], seed=4201)])


def test_the_support_is_the_best_of_all_on_average():
    supports = [(0, 1, 2), (0, 1), (0, 3), (0, 1, 4)]
    inclusion = np.array([sum(i in S for S in supports) for i in range(6)]) / 4
    assert sorted(likely_support(inclusion, np.array([3, 2, 2, 3]))) == [0, 1]
    assert likely_support(np.array([0.1, 0.1]), np.array([0, 0, 0, 0, 1])).size == 0

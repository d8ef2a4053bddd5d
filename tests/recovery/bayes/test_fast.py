"""Fast marginal likelihood: its kernel, its prices, and what it finds."""

import numpy as np
import pytest
from scipy.special import fdtrc

from sparsesci.recovery import sbl
from sparsesci.recovery.bayes.fast import FALSE, ascend, prices


def arguments(A, Y, *, noise=0.0, n_steps=1000):
    """Return what `ascend` takes for a problem with columns of length 1 and gamma = 0."""
    (M, N), n_columns = A.shape, Y.shape[1]
    b = np.ascontiguousarray((A.conj().T @ Y).T)
    misfit = np.sum(np.abs(Y) ** 2) / n_columns
    costs = prices(M, N, n_columns * (2 if A.dtype.kind == "c" else 1), FALSE, is_noise_known=noise > 0)
    empty = b[:0], np.full(N, -1)
    return A, np.ones(N), b, misfit, 1e-13 * misfit, np.zeros(N), costs, noise, 1e-4, n_steps, *empty


@pytest.mark.parametrize("dtype", [float, complex])
@pytest.mark.parametrize("n_columns", [1, 3])
@pytest.mark.parametrize("is_noise_known", [False, True])
def test_the_kernel_takes_the_steps_of_the_reference(sparse_problem, dtype, n_columns, is_noise_known):
    A, Y, _, noise_var = sparse_problem(40, 90, 5, seed=4021, n_columns=n_columns, dtype=dtype, kind="gauss", snr=30)
    A = A / np.linalg.norm(A, axis=0)
    given = arguments(A, Y, noise=noise_var if is_noise_known else 0.0)
    gamma, history, is_done, *_ = ascend(*given)
    expected, steps, is_expected_done, *_ = ascend.reference(*given)
    assert is_done and is_expected_done and len(history) == len(steps) > 5
    np.testing.assert_allclose(gamma, expected, rtol=1e-6)
    np.testing.assert_allclose(history, np.array(steps), rtol=1e-7)


def test_the_kernel_goes_on_where_it_was_interrupted(sparse_problem):
    A, Y, _, _ = sparse_problem(60, 150, 6, seed=4027, n_columns=1, kind="gauss", snr=30)
    A = A / np.linalg.norm(A, axis=0)
    at_once, *_ = ascend(*arguments(A, Y))
    given = list(arguments(A, Y, n_steps=4))
    is_done = False
    while not is_done:
        given[5], _, is_done, given[10], given[11] = ascend(*given)
    np.testing.assert_allclose(given[5], at_once, rtol=1e-6)


def test_rounding_does_not_add_up_over_hundreds_of_steps(sparse_problem):
    A, Y, _, _ = sparse_problem(200, 400, 50, seed=4049, n_columns=1, kind="gauss", snr=30)
    A = A / np.linalg.norm(A, axis=0)
    given = arguments(A, Y)
    gamma, history, *_ = ascend(*given)
    _, more, is_done, *_ = ascend.reference(*given[:5], gamma, *given[6:])
    assert len(history) > 150
    assert is_done and not more


@pytest.mark.parametrize("M", [5, 30, 400])
def test_a_price_is_the_gain_that_noise_reaches_once_in_ten_problems(M):
    N, d = 50, 1
    price = prices(M, N, d, 0.1, is_noise_known=False)
    u = np.linspace(1 / M + 1e-9, 1 - 1e-9, 200_001)
    t = (M * u - 1) / (u * (M - 1))
    gain = 0.5 * (np.log1p(-t) - M * np.log1p(-t * u))
    for k in {0, len(price) // 2}:
        least = u[np.searchsorted(gain, price[k])] * M / (M - k)  # of what k columns have left, that pays
        assert fdtrc(d, M - k - 1, least * (M - k - 1) / (1 - least)) == pytest.approx(0.1 / N, rel=0.05)


def test_pure_noise_has_a_false_entry_in_few_problems():
    rng = np.random.default_rng(4051)
    n_false = sum(len(sbl(rng.standard_normal((30, 60)), rng.standard_normal(30)).support) > 0 for _ in range(200))
    assert 4 <= n_false <= 40  # 20 are expected, with a standard deviation of 4.2, of neighbouring entries fewer


@pytest.mark.parametrize("shape", [(20, 100), (40, 400)])
def test_pure_noise_of_few_measurements_has_no_more_false_entries_than_that_of_many(shape):
    rng = np.random.default_rng(4054)
    n_false = sum(len(sbl(rng.standard_normal(shape), rng.standard_normal(shape[0])).support) > 0 for _ in range(200))
    assert n_false <= 33  # 20 are expected, and three standard deviations


@pytest.mark.parametrize("dtype", [float, complex])
@pytest.mark.parametrize("snr", [10, 20, 30])
def test_the_variance_of_the_noise_is_right(sparse_problem, dtype, snr):
    ratios = []
    for seed in range(4057, 4067):
        A, y, _, noise_var = sparse_problem(250, 1000, 15, seed=seed, snr=snr, dtype=dtype)
        ratios.append(sbl(A, y).noise_var / noise_var)
    assert 0.75 < min(ratios) and max(ratios) < 1.25


@pytest.mark.parametrize("shape", [(100, 500, 10), (100, 500, 16), (50, 100, 8), (250, 1000, 40)])
def test_entries_of_equal_size_are_found_none_of_which_is_seen_alone(sparse_problem, figures, shape):
    errors, scores = [], []
    for seed in range(4073, 4083):
        A, y, x, _ = sparse_problem(*shape, seed=seed)
        error, f1 = figures(sbl(A, y).x, x)
        errors.append(error)
        scores.append(f1)
    assert np.median(errors) < 5e-3 and np.mean(scores) > 0.95


@pytest.mark.parametrize("dtype", [float, complex])
def test_where_every_entry_matters_least_squares_tell_the_noise(sparse_problem, figures, dtype):
    A, y, x, noise_var = sparse_problem(240, 60, 60, seed=4637, dtype=dtype, kind="gauss")
    result = sbl(A, y)
    least_squares = np.linalg.lstsq(A, y, rcond=None)[0]
    assert figures(result.x, x)[0] < 3 * figures(least_squares, x)[0]
    assert 0.75 < result.noise_var / noise_var < 1.4


def test_data_without_noise_give_the_exact_answer(sparse_problem):
    A, _, x, _ = sparse_problem(60, 200, 8, seed=4091)
    result = sbl(A, A @ x)
    assert result.success and np.array_equal(result.support, np.flatnonzero(x))
    np.testing.assert_allclose(result.x, x, atol=1e-6)
    assert 0 < result.noise_var < 1e-12


def test_no_column_is_visited_without_need(sparse_problem):
    A, y, x, _ = sparse_problem(100, 300, 5, seed=4093, snr=40)
    result = sbl(A, y)
    assert np.array_equal(result.support, np.flatnonzero(x))
    assert result.nit < 200

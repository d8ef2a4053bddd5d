"""Covariance-free sparse Bayesian learning: what it finds, what it costs, and what its posterior is worth."""

import numpy as np
import pytest
import scipy.fft
import scipy.sparse
from scipy.sparse.linalg import LinearOperator, aslinearoperator

from sparsesci._lib.operator import as_operator
from sparsesci._lib.result import Status
from sparsesci.recovery import sbl
from sparsesci.recovery.bayes.cofem import cofem, different, threshold, weakest
from sparsesci.recovery.bayes.expectation import expectation as dense_expectation
from sparsesci.recovery.bayes.normal_equations import OperatorPosterior, column_lengths, conjugate_gradients, sketch

DTYPES = ["float32", "float64", "complex64", "complex128"]


def run(A, y, **options):
    """Return the fit of normalised data, and the scale of y."""
    Y = y if y.ndim == 2 else y[:, None]
    scale = float(np.sqrt((abs(np.asarray(Y)) ** 2).mean())) if isinstance(Y, np.ndarray) else 1.0
    usual = {"noise_var": None, "rtol": 1e-4, "maxiter": 200, "rng": 16001, "show": None}
    return cofem(A, Y / scale if scale != 1.0 else Y, **usual | options), scale


@pytest.mark.parametrize("dtype", DTYPES)
def test_support_noise_and_coefficients_are_right(lib, sparse_problem, figures, dtype):
    A, y, x, noise_var = sparse_problem(120, 400, 10, seed=16007, dtype=dtype)
    scale = np.sqrt((abs(y) ** 2).mean())
    fit, _ = run(lib.array(A), lib.array((y / scale).astype(dtype)))
    found = lib.host(fit.mu)[:, 0]
    nmse, f1 = figures(found * scale, x)
    assert fit.status is Status.CONVERGED and found.dtype == dtype
    assert f1 >= 0.95 and nmse < 3e-3 and abs(fit.noise_var * scale**2 / noise_var - 1) < 0.25
    np.testing.assert_array_equal(lib.host(fit.gamma) > 0, found != 0)


@pytest.mark.parametrize("snr", [10, 20, 30])
@pytest.mark.parametrize("is_known", [False, True])
def test_the_answer_is_nearly_that_of_an_oracle_at_every_noise(sparse_problem, figures, snr, is_known):
    A, y, x, noise_var = sparse_problem(250, 1000, 20, seed=16033 + snr, snr=snr)
    scale = np.sqrt((y**2).mean())
    fit, _ = run(A, y, noise_var=noise_var / scale**2 if is_known else None)
    support = np.flatnonzero(x)
    oracle = np.sum((np.linalg.lstsq(A[:, support], y, rcond=None)[0] - x[support]) ** 2) / np.sum(x**2)
    nmse, f1 = figures(fit.mu[:, 0] * scale, x)
    assert f1 >= 0.95 and nmse < 2 * oracle and abs(fit.noise_var * scale**2 / noise_var - 1) < 0.25


def test_columns_share_a_support_that_none_of_them_shows(sparse_problem, figures):
    A, Y, X, _ = sparse_problem(60, 300, 15, seed=16057, n_columns=20, kind="normal")
    fit, scale = run(A, Y)
    nmse, f1 = figures(fit.mu * scale, X)
    assert f1 == 1.0 and nmse < 0.02


@pytest.mark.parametrize("form", [scipy.sparse.csr_array, aslinearoperator, np.asfortranarray])
def test_every_form_of_a_map_gives_the_same(sparse_problem, form):
    A, y, _, _ = sparse_problem(80, 200, 6, seed=16061, dtype=complex)
    dense, other = run(A, y)[0], run(form(A), y)[0]
    np.testing.assert_allclose(other.mu, dense.mu, atol=1e-6)


def test_weights_are_units_of_the_columns(sparse_problem):
    A, y, _, _ = sparse_problem(80, 200, 6, seed=16063)
    weights = 1 / np.linalg.norm(A, axis=0)
    fit, other = run(A * weights, y, weights=np.ones(200))[0], run(A, y, weights=weights)[0]
    for one, two in zip(fit[:3], other[:3], strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-5, atol=1e-9)


def test_columns_of_an_operator_may_have_any_lengths(sparse_problem, figures):
    A, y, x, noise_var = sparse_problem(200, 600, 12, seed=16067)
    units = np.exp(np.random.default_rng(16068).standard_normal(600))
    fit, scale = run(aslinearoperator(A * units), y)
    nmse, f1 = figures(fit.mu[:, 0] * scale * units, x)
    assert f1 >= 0.95 and nmse < 3e-3 and abs(fit.noise_var * scale**2 / noise_var - 1) < 0.25


@pytest.fixture
def partial_dct():
    """Return 1/8 of the rows of a cosine transform of 2^14 points as an operator, and 100 active columns."""
    rng = np.random.default_rng(16069)
    n, m = 2**14, 2**11
    rows = np.sort(rng.choice(n, m, replace=False))

    def forward(x):
        return np.sqrt(n / m) * scipy.fft.dct(x, axis=0, norm="ortho")[rows]

    def adjoint(y):
        full = np.zeros((n, *y.shape[1:]), y.dtype)
        full[rows] = np.sqrt(n / m) * y
        return scipy.fft.idct(full, axis=0, norm="ortho")

    x = np.zeros(n)
    x[rng.choice(n, 100, replace=False)] = rng.standard_normal(100)
    y = forward(x)
    noise_var = np.mean(y**2) / 1000
    y = y + np.sqrt(noise_var) * rng.standard_normal(m)
    products = {"matvec": forward, "rmatvec": adjoint, "matmat": forward, "rmatmat": adjoint}
    return LinearOperator((m, n), dtype=float, **products), y, x, noise_var


def test_a_large_transform_takes_few_products(partial_dct, figures):
    A, y, x, noise_var = partial_dct
    operator = as_operator(A, y, shape=A.shape)
    fit, scale = run(operator, y)
    nmse, f1 = figures(fit.mu[:, 0] * scale, x)
    assert nmse < 1e-4 and f1 > 0.95 and abs(fit.noise_var * scale**2 / noise_var - 1) < 0.1
    assert fit.nit < 25 and operator.nmatvec < 800  # the covariance alone would take 16384


def test_variances_are_those_of_the_dense_posterior(sparse_problem):
    for K, tolerance in ((5, 0.02), (30, 0.35)):  # unit vectors, then random signs
        A, y, _, _ = sparse_problem(120, 300, K, seed=16073 + K)
        fit, scale = run(A, y)
        kept = fit.gamma > 0
        exact = dense_expectation(A[:, kept], y[:, None] / scale, fit.gamma[kept], fit.noise_var)
        np.testing.assert_allclose(fit.variance[kept], exact.variance, rtol=tolerance)
        np.testing.assert_allclose(fit.mu[kept], exact.mu, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("dtype", ["float64", "complex128"])
def test_the_posterior_mean_is_that_of_the_formula(lib, dtype):
    rng = np.random.default_rng(16087)
    A, y = (rng.standard_normal(shape) + (1j if dtype == "complex128" else 0) for shape in ((20, 50), (20, 3)))
    gamma = np.where(rng.random(50) < 0.3, rng.random(50), 0)
    operator = as_operator(lib.array(A), lib.array(y), shape=(20, 50))
    posterior = OperatorPosterior(operator, lib.array(gamma), 0.1, lib.array(np.linalg.norm(A, axis=0)))
    C = 0.1 * np.eye(20) + (A * gamma) @ A.conj().T
    expected = gamma[:, None] * (A.conj().T @ np.linalg.solve(C, y))
    np.testing.assert_allclose(lib.host(posterior.mean(lib.array(y))), expected, atol=1e-7)
    z = rng.standard_normal((50, 3)).astype(dtype)
    np.testing.assert_allclose(lib.host(posterior.prior(lib.array(z))), np.sqrt(gamma)[:, None] * z)
    x = np.where(gamma[:, None] > 0, z, 0)
    np.testing.assert_allclose(lib.host(posterior.forward(lib.array(x))), A @ x)


def test_a_column_that_is_done_stays_as_it_is():
    rng = np.random.default_rng(16091)
    H = np.diag(np.linspace(1, 3, 30))
    B, steps = rng.standard_normal((30, 2)), []
    X = conjugate_gradients(lambda V: steps.append(1) or H @ V, B, 0 * B, np.array([1e-2, 1e-10]))
    left = np.linalg.norm(B - H @ X, axis=0)
    alone = conjugate_gradients(lambda V: H @ V, B[:, :1], 0 * B[:, :1], np.array([1e-2]))
    np.testing.assert_allclose(X[:, :1], alone, atol=1e-14)
    assert 1e-5 < left[0] <= 1e-2 and left[1] <= 1e-9 and len(steps) < 30


@pytest.mark.parametrize("spread", [0.0, 1.0])
def test_lengths_of_columns_are_estimated(spread):
    rng = np.random.default_rng(16097)
    A = rng.standard_normal((300, 2000)) / np.sqrt(300) * np.exp(spread * rng.standard_normal(2000))
    A[:, 5] = 0
    short, unit = sketch(as_operator(A, A[:, 0], shape=A.shape), None, A[:, 0], rng)
    lengths = unit * column_lengths(short)
    error = np.log(np.delete(lengths, 5) / np.delete(np.linalg.norm(A, axis=0), 5))
    assert lengths[5] == 0 and np.std(error) < (0.06 if spread == 0 else 0.2)


def test_pure_noise_has_no_support():
    rng = np.random.default_rng(16103)
    counts = []
    for _ in range(20):
        A, y = rng.standard_normal((100, 300)), rng.standard_normal(100)
        counts.append(np.count_nonzero(run(A, y)[0].gamma))
    assert sum(count > 0 for count in counts) <= 6


def test_data_without_noise_are_fitted_to_rounding(sparse_problem):
    A, _, x, _ = sparse_problem(100, 300, 8, seed=16111)
    for dtype, tolerance in ((float, 1e-6), ("float32", 1e-4)):
        fit, scale = run(A.astype(dtype), (A @ x).astype(dtype))
        assert np.isfinite(fit.mu).all() and 0 < fit.noise_var < 1e-8
        np.testing.assert_allclose(fit.mu[:, 0] * scale, x, atol=tolerance)


def test_of_columns_that_are_there_twice_one_is_taken(sparse_problem):
    A, y, x, _ = sparse_problem(100, 250, 8, seed=16127)
    fit, scale = run(np.concatenate([A, A], axis=1), y)
    both = (fit.mu[:250, 0] + fit.mu[250:, 0]) * scale
    assert np.count_nonzero(fit.gamma) == 8 and np.sum((both - x) ** 2) < 5e-3 * np.sum(x**2)


def test_zero_columns_have_zero_coefficients(sparse_problem):
    A, y, x, _ = sparse_problem(100, 250, 8, seed=16139)
    A[:, x == 0] *= np.arange(242) % 2
    for matrix in (A, aslinearoperator(A)):
        fit, _ = run(matrix, y)
        assert np.isfinite(fit.mu).all() and not fit.gamma[~A.any(axis=0)].any()
    assert not run(0 * A, y)[0].mu.any()


@pytest.mark.parametrize("shape", [(1, 1), (1, 5), (5, 1), (2, 2)])
@pytest.mark.parametrize("noise_var", [None, 1e-4])
def test_tiny_problems_have_finite_answers(shape, noise_var):
    A = np.random.default_rng(16141).standard_normal(shape)
    fit, _ = run(A, A @ np.ones(shape[1]), noise_var=noise_var)
    assert fit.status is Status.CONVERGED and np.isfinite(fit.mu).all() and fit.noise_var > 0


def test_maxiter_and_the_callback_end_it(sparse_problem):
    A, y, _, _ = sparse_problem(100, 250, 8, seed=16183)
    assert run(A, y, maxiter=1)[0].status is Status.MAXITER
    seen = []
    fit, _ = run(A, y, show=lambda fit: seen.append(fit) or fit.nit == 3)
    assert fit.status is Status.STOPPED_BY_CALLBACK and fit.nit == 3 == len(seen)
    assert all(np.array_equal(one.gamma > 0, one.mu[:, 0] != 0) for one in seen)


def test_the_same_seed_gives_the_same_answer(sparse_problem):
    A, y, _, _ = sparse_problem(100, 250, 20, seed=16187)
    one, two = run(A, y, rng=5)[0], run(A, y, rng=5)[0]
    np.testing.assert_array_equal(one.variance, two.variance)


def test_a_product_that_is_not_finite_is_named():
    A = LinearOperator((4, 6), matvec=lambda x: x[:4], rmatvec=lambda y: np.full(6, np.nan), dtype=float)
    with pytest.raises(ValueError, match="A returned NaN or Inf"):
        run(A, np.ones(4))


def test_columns_that_are_alike_do_not_enter_together(lib):
    rows = np.random.default_rng(16189).standard_normal((5, 16))
    rows[3] = -2 * rows[1]
    z, enters = np.array([5.0, 6.0, 7.0, 8.0, 9.0]), np.array([True, True, True, True, False])
    found = lib.host(different(lib.array(rows.astype("float32")), lib.array(z), lib.array(enters)))
    np.testing.assert_array_equal(found, [True, False, True, True, False])


def test_the_weakest_quarter_leaves(lib):
    z = lib.array(np.array([3.0, 9.0, 1.0, 2.0, 4.0, 0.5]))
    np.testing.assert_array_equal(lib.host(weakest(z, 4.0)), [False, False, True, False, False, True])
    assert not lib.host(weakest(z, 0.1)).any()


def test_the_bar_is_passed_by_as_many_columns_of_noise_as_it_says():
    z = np.random.default_rng(16193).standard_normal((200_000, 3)) ** 2
    assert np.sum(z.mean(axis=1) > threshold(2000, 3, 1.0)) == pytest.approx(100, abs=30)


@pytest.mark.parametrize("scale", [1e-6, 1e6])
def test_sbl_of_an_operator_is_this_method_and_its_draws_have_the_variances_it_states(sparse_problem, figures, scale):
    A, y, x, noise_var = sparse_problem(150, 500, 8, seed=16217)
    result = sbl(aslinearoperator(A), scale * y, rng=16218)
    nmse, f1 = figures(result.x / scale, x)
    assert result.success and "A is an operator" in result.message and result.evidence.shape == (0,)
    assert f1 >= 0.95 and nmse < 3e-3 and abs(result.noise_var / scale**2 / noise_var - 1) < 0.25
    draws = result.sample(600, rng=16219)[:, result.support]
    np.testing.assert_allclose(draws.var(axis=0), result.variance[result.support], rtol=0.35)
    error = 5 * draws.std(axis=0).max() / 600**0.5
    np.testing.assert_allclose(draws.mean(axis=0), result.x[result.support], atol=error)


def test_sbl_of_an_operator_without_an_adjoint_says_what_to_pass():
    with pytest.raises(TypeError, match="A has no adjoint: pass a LinearOperator with rmatvec"):
        sbl(LinearOperator((4, 6), matvec=lambda x: x[:4], dtype=float), np.ones(4))

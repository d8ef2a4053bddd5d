"""The estimator over `sbl`: coefficients, intercept, error bars, and the conventions of scikit-learn."""

import numpy as np
import pytest

from sparsesci._lib.result import NotFittedError
from sparsesci.recovery import SBLRegressor, sbl


@pytest.fixture
def data(sparse_problem):
    """Return X, y = 5 + X w + noise, and w."""
    X, y, w, _ = sparse_problem(90, 150, 5, seed=4397)
    return X + np.linspace(-3, 3, 150), y + 5 + np.linspace(-3, 3, 150) @ w, w


def test_coefficients_and_intercept_are_found(lib, data, figures):
    X, y, w = data
    model = SBLRegressor().fit(lib.array(X), lib.array(y))
    error, f1 = figures(lib.host(model.coef_), w)
    assert error < 0.01 and f1 == 1
    assert model.intercept_ == pytest.approx(5, abs=0.5)
    assert lib.host(model.coef_std_).shape == w.shape
    mean, std = model.predict(lib.array(X), return_std=True)
    assert np.std((lib.host(mean) - y) / lib.host(std)) == pytest.approx(1, abs=0.15)


def test_without_an_intercept_it_is_sbl(sparse_problem):
    A, y, _, _ = sparse_problem(60, 90, 4, seed=4409)
    model, result = SBLRegressor(fit_intercept=False).fit(A, y), sbl(A, y)
    np.testing.assert_array_equal(model.coef_, result.x)
    np.testing.assert_array_equal(model.coef_std_, np.sqrt(result.variance))
    assert model.intercept_ == 0 and model.noise_var_ == result.noise_var and model.n_iter_ == result.nit


def test_targets_share_their_features(sparse_problem, figures):
    X, Y, W, _ = sparse_problem(60, 90, 4, seed=4421, n_columns=3)
    model = SBLRegressor().fit(X, Y + np.array([1, 2, 3]))
    assert model.coef_.shape == (3, 90) and model.coef_std_.shape == (3, 90) and model.intercept_.shape == (3,)
    assert figures(model.coef_.T, W)[1] == 1
    assert model.predict(X).shape == (60, 3) and model.score(X, Y + np.array([1, 2, 3])) > 0.9


def test_intervals_of_predictions_cover_as_often_as_they_say(sparse_problem):
    covered = []
    for seed in range(4423, 4443):
        A, y, x, noise_var = sparse_problem(60, 100, 8, seed=seed, kind="gauss")
        rng = np.random.default_rng(seed + 5000)
        model = SBLRegressor().fit(A, y + 1)
        new = rng.standard_normal((50, 100))
        mean, std = model.predict(new, return_std=True)
        measured = new @ x + 1 + noise_var**0.5 * rng.standard_normal(50)
        covered.append(np.abs(measured - mean) <= 1.645 * std)
    assert 0.85 < np.mean(covered) < 0.95


def test_the_deviation_of_a_prediction_is_that_of_the_samples(sparse_problem):
    A, y, _, _ = sparse_problem(40, 60, 4, seed=4447)
    model = SBLRegressor(fit_intercept=False).fit(A, y)
    draws = model.result_.sample(4000, rng=4451) @ A[:5].T
    _, std = model.predict(A[:5], return_std=True)
    np.testing.assert_allclose(np.sqrt(draws.var(axis=0) + model.noise_var_), std, rtol=0.05)


def test_constant_columns_have_no_coefficient(data):
    X, y, _ = data
    X[:, ::10] = 0.1  # whose mean is not exactly 0.1
    model = SBLRegressor().fit(X, y)
    assert not model.coef_[::10].any()


def test_a_constant_target_is_an_intercept():
    model = SBLRegressor().fit(np.random.default_rng(4457).standard_normal((20, 30)), np.full(20, 0.1))
    assert not model.coef_.any() and model.intercept_ == pytest.approx(0.1)


def test_float32_is_kept(data):
    X, y, _ = data
    model = SBLRegressor().fit(X.astype(np.float32), y.astype(np.float32))
    assert model.coef_.dtype == np.float32 and model.predict(X.astype(np.float32)).dtype == np.float32


def test_options_are_got_and_set():
    model = SBLRegressor(method="mm", rtol=1e-3)
    assert model.get_params() == {
        "method": "mm",
        "fit_intercept": True,
        "noise_var": None,
        "blocks": None,
        "prior": None,
        "rtol": 1e-3,
        "maxiter": None,
        "rng": None,
    }
    assert model.set_params(method="fast").method == "fast"
    assert repr(model).startswith("SBLRegressor(method='fast', fit_intercept=True")
    with pytest.raises(ValueError, match="no option 'alpha'"):
        model.set_params(alpha=1)


def test_blocks_and_signs_are_handed_on(sparse_problem):
    X, y, w, _ = sparse_problem(60, 90, 4, seed=4603)
    blocks = SBLRegressor(blocks=3).fit(X, y)
    assert "of 30 blocks" in blocks.result_.message
    positive = SBLRegressor(prior="nonnegative", rng=4621).fit(X, X @ np.abs(w))
    assert np.all(positive.coef_ >= 0) and "exchange" in positive.result_.message


def test_prediction_needs_a_fit():
    with pytest.raises(NotFittedError, match="call fit"):
        SBLRegressor().predict(np.ones((2, 3)))


def test_bad_input_is_refused_with_its_name(data):
    X, y, _ = data
    model = SBLRegressor().fit(X, y)
    with pytest.raises(ValueError, match=r"X has shape \(2, 3\): \(n, 150\) is needed"):
        model.predict(np.ones((2, 3)))
    with pytest.raises(ValueError, match=r"X\[0, 0\] is nan"):
        model.predict(np.full((2, 150), np.nan))
    with pytest.raises(TypeError, match="real numbers"):
        SBLRegressor().fit(X + 1j, y)
    with pytest.raises(ValueError, match="at least 2 samples"):
        SBLRegressor().fit(X[:1], y[:1])

"""Backward elimination: its kernel, its path, and how a criterion chooses from it."""

import numpy as np
import pytest

from sparsesci.recovery.dynamics.gram import as_gram
from sparsesci.recovery.dynamics.information import aic, aicc, bic
from sparsesci.recovery.dynamics.ssr import eliminate, ssr


def problem(seed, *, n=300, p=12, d=2, noise=0.1):
    """Return Theta with columns of lengths 1e-3 to 1e3, Y, and its true coefficients, three for each target."""
    rng = np.random.default_rng(seed)
    mixing = np.eye(p) + 0.3 * rng.standard_normal((p, p)) / p**0.5
    Theta = rng.standard_normal((n, p)) @ mixing * 10.0 ** rng.uniform(-3, 3, p)
    x = np.zeros((p, d))
    for k in range(d):
        x[rng.choice(p, 3, replace=False), k] = rng.choice([-1.0, 0.5, 2.0], 3)
    x /= Theta.std(axis=0)[:, None]
    return Theta, Theta @ x + noise * rng.standard_normal((n, d)), x


def left_by(Theta, y, S):
    """Return the residual sum of squares of least squares on the columns S."""
    units = np.linalg.norm(Theta, axis=0)
    return np.sum((y - (Theta / units)[:, S] @ np.linalg.lstsq((Theta / units)[:, S], y, rcond=None)[0]) ** 2)


@pytest.mark.parametrize("by_loss", [True, False])
@pytest.mark.parametrize("k", [1, 2, 17])
def test_the_kernel_takes_the_steps_of_the_reference(by_loss, k):
    rng = np.random.default_rng(7507)
    T, z = np.linalg.inv(np.triu(rng.standard_normal((k, k)) + 3 * np.eye(k))), rng.standard_normal(k)
    gone, losses = eliminate(T, z, by_loss)
    expected, steps = eliminate.reference(T, z, by_loss)
    assert np.array_equal(gone, expected)
    np.testing.assert_allclose(losses, steps, rtol=1e-9)
    assert losses.sum() == pytest.approx(z @ z)


@pytest.mark.parametrize("path", ["gram", "qr"])
def test_each_step_leaves_out_the_function_that_is_missed_least(path):
    Theta, Y, _ = problem(7517)
    result = ssr(as_gram(Theta, Y, path=path))
    for k in range(12, 0, -1):
        S, smaller = (np.flatnonzero(result.subsets[m, :, 1]) for m in (k, k - 1))
        left = {j: left_by(Theta, Y[:, 1], np.setdiff1d(S, [j])) for j in S}
        assert set(S) - set(smaller) == {min(left, key=left.get)}
        assert result.subset_rss[k - 1, 1] == pytest.approx(min(left.values()), rel=1e-8)


def test_the_rank_of_coefficients_leaves_out_the_smallest_in_units_of_its_column():
    Theta, Y, _ = problem(7523, d=1)
    result = ssr(Theta, Y, rank="coefficient")
    for k in range(12, 0, -1):
        S, smaller = (np.flatnonzero(result.subsets[m, :, 0]) for m in (k, k - 1))
        units = np.linalg.norm(Theta[:, S], axis=0)
        x = np.linalg.lstsq(Theta[:, S] / units, Y[:, 0], rcond=None)[0]
        assert set(S) - set(smaller) == {S[np.argmin(np.abs(x))]}


@pytest.mark.parametrize("rank", ["loss", "coefficient"])
def test_the_functions_are_found_in_every_library(lib, rank):
    Theta, Y, x = problem(7529)
    result = ssr(lib.array(Theta), lib.array(Y), rank=rank)
    assert result.success and np.array_equal(lib.host(result.support), x != 0)
    for k in range(2):
        S = x[:, k] != 0
        expected = np.linalg.lstsq(Theta[:, S], Y[:, k], rcond=None)[0]
        np.testing.assert_allclose(lib.host(result.x)[S, k], expected, rtol=1e-9)


def test_units_do_not_matter():
    Theta, Y, _ = problem(7537)
    units = 10.0 ** np.random.default_rng(7541).uniform(-9, 9, 12)
    one, other = ssr(Theta, Y), ssr(Theta * units, 1e-40 * Y)
    assert np.array_equal(one.subsets, other.subsets)
    np.testing.assert_allclose(other.x * units[:, None] * 1e40, one.x, rtol=1e-8)


def test_n_terms_is_how_many_are_kept():
    Theta, Y, _ = problem(7547)
    for n_terms in (0, 1, 5, 12):
        result = ssr(Theta, Y, n_terms=n_terms)
        assert np.array_equal(result.support.sum(axis=0), [n_terms] * 2)
        np.testing.assert_allclose(result.rss, result.subset_rss[n_terms], rtol=1e-8)


def test_the_criterion_chooses_the_model_of_smallest_score():
    Theta, Y, _ = problem(7549, n=40, noise=1.0)
    k = np.arange(13)[:, None]
    for name, criterion in (("aic", aic), ("aicc", aicc), ("bic", bic)):
        result = ssr(Theta, Y, criterion=name, n_effective=None, accuracy=0)
        expected = criterion(result.subset_rss, 40, k)
        assert np.array_equal(result.n_terms, np.argmin(expected, axis=0))
        differences = np.diff(result.scores, axis=0)  # scores are of relative residuals: they differ by a constant
        np.testing.assert_allclose(differences, np.diff(expected, axis=0), atol=1e-6)


def test_what_is_below_the_accuracy_is_not_explained():
    Theta, _, _ = problem(7559, d=1)
    Theta /= Theta.std(axis=0)
    y = Theta[:, 3] + 1e-4 * Theta[:, 5]
    assert np.array_equal(np.flatnonzero(ssr(Theta, y, accuracy=1e-3).support), [3])
    assert np.array_equal(np.flatnonzero(ssr(Theta, y, accuracy=0).support), [3, 5])
    both = ssr(Theta, np.stack([y, y], axis=1), accuracy=[1e-3, 0])
    assert np.array_equal(both.n_terms, [1, 2])


def test_a_smooth_error_is_not_taken_for_functions():
    rng = np.random.default_rng(7561)
    t = np.linspace(0, 60, 3000)
    states = np.stack([np.sin(t), np.cos(1.3 * t), np.sin(0.7 * t + 1)], axis=1)
    Theta = np.concatenate([states, states**2, states**3, states[:, [0]] * states[:, 1:]], axis=1)
    error = 1e-2 * np.sin(2.1 * t + 0.3) * states[:, 1] + 1e-3 * rng.standard_normal(3000)
    y = 2 * Theta[:, 0] - Theta[:, 7] + error
    assert np.array_equal(np.flatnonzero(ssr(Theta, y).support), [0, 7])
    assert np.count_nonzero(ssr(Theta, y, criterion="bic").support) > 2  # thousands of samples make it significant
    few = ssr(Theta, y, criterion="bic", n_effective=20, accuracy=5e-3)
    assert np.array_equal(np.flatnonzero(few.support), [0, 7])


@pytest.mark.parametrize("shape", [(100, 10), (100, 50), (1000, 50)])
def test_pure_noise_has_functions_in_few_problems(shape):
    rng = np.random.default_rng(7573)
    found = sum(ssr(rng.standard_normal(shape), rng.standard_normal(shape[0])).n_terms[0] > 0 for _ in range(100))
    assert found <= 10


def test_functions_that_depend_on_others_are_left_out_first():
    Theta, Y, _ = problem(7574)
    Theta /= Theta.std(axis=0)
    for path in ("gram", "qr"):
        twice = np.hstack([Theta, Theta[:, :2] @ [[1.0], [2.0]], np.zeros((300, 1))])
        result = ssr(as_gram(twice, Y, path=path))
        assert np.count_nonzero(result.support) == 6
        np.testing.assert_allclose(twice @ result.x, Theta @ ssr(Theta, Y).x, rtol=1e-5, atol=1e-5)


def test_an_exact_fit_has_no_function_too_many():
    Theta, _, x = problem(7577)
    result = ssr(Theta, Theta @ x)
    assert np.array_equal(result.support, x != 0)
    np.testing.assert_allclose(result.x, x, rtol=1e-9)


def test_a_target_that_is_zero_has_no_function():
    Theta, Y, _ = problem(7583)
    Y[:, 0] = 0
    result = ssr(Theta, Y)
    assert result.success and np.array_equal(result.n_terms, [0, 3])


@pytest.mark.filterwarnings("ignore:.*infinitely many")
def test_fewer_samples_than_functions_give_as_many_models_as_samples():
    Theta, Y, _ = problem(7589, n=10, noise=0.0)
    assert len(ssr(Theta, Y).subsets) <= 11


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"rank": "size"}, "rank is 'size'"),
        ({"criterion": "cv"}, "criterion is 'cv'"),
        ({"n_terms": 13}, "12 functions"),
        ({"n_terms": -1}, "n_terms"),
        ({"n_effective": 0}, "n_effective"),
        ({"accuracy": -1.0}, "accuracy"),
        ({"accuracy": [0.1, np.nan]}, "accuracy"),
        ({"accuracy": [0.1]}, "2 of them"),
    ],
)
def test_options_that_are_none_are_refused(options, match):
    Theta, Y, _ = problem(7591)
    with pytest.raises(ValueError, match=match):
        ssr(Theta, Y, **options)


def test_data_that_are_none_are_refused():
    Theta, Y, _ = problem(7603)
    with pytest.raises(TypeError, match="complex"):
        ssr(Theta, Y * 1j)
    Y[7, 1] = np.inf
    with pytest.raises(ValueError, match=r"Y\[7, 1\]"):
        ssr(Theta, Y)


def test_criteria_are_those_of_normal_errors():
    rss, n, k = 3.0, 50, 4
    likelihood = -n / 2 * (np.log(2 * np.pi * rss / n) + 1)
    constant = n * (np.log(2 * np.pi) + 1)
    assert aic(rss, n, k) + constant == pytest.approx(2 * k - 2 * likelihood)
    assert bic(rss, n, k) + constant == pytest.approx(k * np.log(n) - 2 * likelihood)
    assert aicc(rss, n, k) - aic(rss, n, k) == pytest.approx(2 * k * (k + 1) / (n - k - 1))
    assert np.isinf(aicc(rss, 5, 4)) and np.isfinite(aic(0.0, n, k))

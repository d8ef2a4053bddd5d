"""The relevance vector machine on sums over samples: another door to sparse Bayesian learning."""

import numpy as np
import pytest

from sparsesci._lib.result import ConvergenceWarning, Status
from sparsesci.recovery import sbl
from sparsesci.recovery.dynamics.gram import as_gram
from sparsesci.recovery.dynamics.rvm import rvm


def problem(seed, *, n=400, p=20, d=2, noise=0.1):
    """Return Theta with columns of lengths 1e-3 to 1e3, Y, and its true coefficients, three for each target."""
    rng = np.random.default_rng(seed)
    Theta = rng.standard_normal((n, p)) * 10.0 ** rng.uniform(-3, 3, p)
    x = np.zeros((p, d))
    for k in range(d):
        x[rng.choice(p, 3, replace=False), k] = rng.choice([-1.0, 0.5, 2.0], 3)
    x /= Theta.std(axis=0)[:, None]
    return Theta, Theta @ x + noise * rng.standard_normal((n, d)), x


@pytest.mark.parametrize("method", ["fast", "mackay"])
@pytest.mark.parametrize("path", ["gram", "qr"])
@pytest.mark.parametrize("shape", [(400, 20), (30, 50)])
@pytest.mark.parametrize("noise_var", [None, 0.01])
@pytest.mark.filterwarnings("ignore:.*infinitely many")
def test_both_doors_lead_to_the_same_posterior(method, path, shape, noise_var):
    Theta, Y, _ = problem(7127, n=shape[0], p=shape[1])
    result = rvm(as_gram(Theta, Y, path=path), method=method, noise_var=noise_var)
    for k in range(2):
        expected = sbl(Theta, Y[:, k], method=method, noise_var=noise_var)
        assert np.array_equal(np.flatnonzero(result.support[:, k]), expected.support)
        np.testing.assert_allclose(result.x[:, k], expected.x, rtol=1e-8, atol=1e-8 * abs(expected.x).max())
        np.testing.assert_allclose(result.std[:, k] ** 2, expected.variance, rtol=1e-8)
        np.testing.assert_allclose(result.gamma[:, k], expected.gamma, rtol=1e-7)
        assert result.noise_var[k] == pytest.approx(expected.noise_var, rel=1e-8)
        assert result.evidence[k] == pytest.approx(expected.evidence[-1], rel=1e-8)


def test_each_target_has_its_own_support_and_noise():
    Theta, Y, x = problem(7129)
    Y[:, 1] += 3 * np.random.default_rng(7151).standard_normal(len(Y))
    result = rvm(Theta, Y)
    assert np.array_equal(result.support[:, 0], x[:, 0] != 0)
    assert result.noise_var[0] == pytest.approx(0.01, rel=0.2)
    assert result.noise_var[1] == pytest.approx(9.01, rel=0.2)


def test_the_result_is_in_every_library_and_of_its_dtype(lib):
    Theta, Y, x = problem(7159)
    result = rvm(lib.array(Theta), lib.array(Y))
    np.testing.assert_allclose(lib.host(result.x), x, atol=5 * lib.host(result.std).max())
    assert lib.host(result.std).shape == x.shape


def test_a_vector_gives_a_vector():
    Theta, Y, x = problem(7177)
    result = rvm(Theta, Y[:, 0])
    assert result.x.shape == result.std.shape == result.gamma.shape == (20,)
    assert result.coef.shape == (1, 20) and result.noise_var.shape == (1,)
    assert np.array_equal(result.support, x[:, 0] != 0)


def test_intervals_cover_as_often_as_they_say():
    covered = []
    for seed in range(7187, 7227):
        Theta, Y, x = problem(seed, n=100)
        result = rvm(Theta, Y)
        low, high = result.interval(0.9)
        covered.append(((low <= x) & (x <= high))[result.support & (x != 0)])
    assert 0.85 < np.mean(np.concatenate(covered)) < 0.95


@pytest.mark.parametrize("method", ["fast", "mackay"])
def test_units_do_not_matter(method):
    Theta, Y, _ = problem(7229)
    units, unit = 10.0 ** np.random.default_rng(7237).uniform(-8, 8, 20), 1e-30
    one, other = rvm(Theta, Y, method=method), rvm(Theta * units, Y * unit, method=method)
    np.testing.assert_allclose(other.x * units[:, None] / unit, one.x, rtol=1e-6)
    np.testing.assert_allclose(other.std * units[:, None] / unit, one.std, rtol=1e-6)
    np.testing.assert_allclose(other.evidence, one.evidence - 400 * np.log(unit), rtol=1e-9)


def test_streamed_data_give_what_all_data_give():
    Theta, Y, _ = problem(7243)
    streamed = rvm(as_gram(Theta[:150], Y[:150]) + as_gram(Theta[150:], Y[150:]))
    np.testing.assert_allclose(streamed.x, rvm(Theta, Y).x, rtol=1e-9)


@pytest.mark.parametrize("path", ["gram", "qr"])
def test_of_two_functions_that_are_the_same_one_is_chosen(path):
    Theta, Y, x = problem(7247)
    first = int(np.flatnonzero(x[:, 0])[0])
    twice = np.hstack([Theta, 2 * Theta[:, [first]]])
    result = rvm(as_gram(twice, Y[:, 0], path=path))
    assert np.count_nonzero(result.support) == 3
    total = result.x[first] + 2 * result.x[20]
    assert total == pytest.approx(rvm(Theta, Y[:, 0]).x[first], rel=1e-6)


def test_zero_functions_and_zero_targets_have_zero_coefficients():
    Theta, Y, _ = problem(7253)
    Theta[:, 4], Y[:, 1] = 0.0, 0.0
    result = rvm(Theta, Y)
    assert result.success and not result.support[4].any() and not result.support[:, 1].any()
    assert result.noise_var[1] == 0


def test_an_iteration_that_is_cut_short_says_so():
    Theta, Y, _ = problem(7283)
    with pytest.warns(ConvergenceWarning, match="raise maxiter"):
        assert rvm(Theta, Y, maxiter=2).status is Status.MAXITER


@pytest.mark.parametrize(
    ("options", "error", "match"),
    [
        ({"method": "em"}, ValueError, "method is 'em'"),
        ({"noise_var": 0.0}, ValueError, "noise_var is 0.0"),
        ({"noise_var": [1.0, 1.0, 1.0]}, ValueError, "2 of them"),
        ({"noise_var": [1.0, np.nan]}, ValueError, "noise_var"),
        ({"rtol": -1.0}, ValueError, "rtol"),
        ({"maxiter": 0}, ValueError, "maxiter"),
    ],
)
def test_options_that_are_none_are_refused(options, error, match):
    Theta, Y, _ = problem(7297)
    with pytest.raises(error, match=match):
        rvm(Theta, Y, **options)


def test_data_that_are_none_are_refused():
    Theta, Y, _ = problem(7307)
    with pytest.raises(TypeError, match="complex"):
        rvm(Theta * 1j, Y)
    Theta[3, 5] = np.nan
    with pytest.raises(ValueError, match=r"Theta\[3, 5\]"):
        rvm(Theta, Y)


@pytest.mark.parametrize("level", [0, 1, 90])
def test_the_level_of_an_interval_is_a_probability(level):
    Theta, Y, _ = problem(7309)
    with pytest.raises(ValueError, match="between 0 and 1"):
        rvm(Theta, Y).interval(level)

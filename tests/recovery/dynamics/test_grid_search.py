"""Grids of thresholds and ridges: their choice, their front, and ensembles that share bootstraps."""

import functools

import matplotlib as mpl
import numpy as np
import pytest

from sparsesci._lib.result import ConvergenceWarning, Status
from sparsesci.recovery.dynamics.ensemble import ensemble
from sparsesci.recovery.dynamics.gram import as_gram
from sparsesci.recovery.dynamics.grid_search import front, grid_search
from sparsesci.recovery.dynamics.samples import Samples
from sparsesci.recovery.dynamics.stlsq import stlsq

mpl.use("Agg")
THRESHOLDS = np.geomspace(0.01, 0.5, 7)


def problem(n=200, p=10, d=2, *, seed, noise=0.3):
    """Return Theta, Y and the coefficients."""
    rng = np.random.default_rng(seed)
    Theta, x = rng.standard_normal((n, p)), np.zeros((p, d))
    for k in range(d):
        x[rng.permutation(p)[:3], k] = rng.choice([-1, 1], 3) * rng.uniform(0.7, 2, 3)
    return Theta, Theta @ x + noise * rng.standard_normal((n, d)), x


@pytest.mark.parametrize("path", ["gram", "qr"])
def test_every_model_is_the_regression_with_its_options(path):
    Theta, Y, _ = problem(seed=7789)
    gram = as_gram(Theta, Y, path=path)
    result = grid_search(gram, thresholds=THRESHOLDS, alphas=(0.0, 1.0, 30.0), unbias=False)
    assert len(result.models) == 21
    for i in range(21):
        alone = stlsq(gram, threshold=result.thresholds[i], alpha=result.alphas[i], unbias=False)
        np.testing.assert_allclose(result.models[i], alone.x, rtol=1e-10, atol=1e-14)
        assert result.complexities[i] == alone.complexity
        np.testing.assert_allclose(result.errors[i], (alone.rss / gram.yy).mean())


@pytest.mark.parametrize("criterion", ["aic", "aicc", "bic"])
def test_the_model_of_the_smallest_criterion_is_chosen(criterion):
    Theta, Y, _ = problem(seed=7793)
    result = grid_search(Theta, Y, thresholds=THRESHOLDS, criterion=criterion)
    scores = []
    for x in result.models:
        n, k = 200, (x != 0).sum(axis=0)
        penalty = {"aic": 2 * k, "aicc": 2 * k + 2 * k * (k + 1) / (n - k - 1), "bic": k * np.log(n)}[criterion]
        scores.append((n * np.log(((Y - Theta @ x) ** 2).mean(axis=0)) + penalty).sum())
    np.testing.assert_allclose(result.scores, scores)
    best = int(np.argmin(scores))
    np.testing.assert_array_equal(result.x, result.models[best])
    assert result.threshold == THRESHOLDS[best] and result.alpha == 0


def test_the_terms_are_found_without_a_threshold_to_be_tuned(lib):
    Theta, Y, x = problem(seed=7817)
    result = grid_search(lib.array(Theta), lib.array(Y), thresholds=np.geomspace(1e-3, 1, 20), criterion="bic")
    assert result.success
    np.testing.assert_array_equal(lib.host(result.support), x != 0)


def test_of_exact_models_the_smallest_is_chosen():
    Theta, _, x = problem(seed=7823)
    result = grid_search(Theta, Theta @ x, thresholds=[0.0, 1e-13, 0.1])
    np.testing.assert_array_equal(result.support, x != 0)


def test_the_front_is_what_nothing_beats():
    complexities, errors = np.array([3, 1, 2, 2, 5, 0]), np.array([0.1, 0.5, 0.4, 0.6, 0.1, 1.0])
    np.testing.assert_array_equal(front(complexities, errors), [5, 1, 2, 0])


def test_relative_grids_do_not_depend_on_units():
    Theta, Y, _ = problem(seed=7829)
    options = {"thresholds": THRESHOLDS, "alphas": (0.0, 0.1), "relative": True}
    here, there = grid_search(Theta, Y, **options), grid_search(Theta * np.geomspace(1e-5, 1e5, 10), Y * 7, **options)
    assert (here.threshold, here.alpha) == (there.threshold, there.alpha)
    np.testing.assert_array_equal(here.support, there.support)


@pytest.mark.parametrize("aggregate", ["median", "mean", "refit"])
def test_ensembles_share_their_bootstraps_and_keep_their_models(aggregate):
    Theta, Y, _ = problem(seed=7841, noise=2.0)
    members = {"n_models": 15, "rng": 7842, "library_fraction": 0.8, "aggregate": aggregate}
    result = grid_search(Theta, Y, thresholds=[0.1, 0.3], alphas=[0.0, 5.0], ensemble=ensemble(**members))
    for i in range(4):
        optimizer = functools.partial(stlsq, threshold=result.thresholds[i], alpha=result.alphas[i])
        alone = ensemble(optimizer, **members)(Theta, Y)
        np.testing.assert_allclose(result.models[i], alone.x, rtol=1e-10)
        np.testing.assert_array_equal(result.inclusion_probabilities[i], alone.inclusion_probability)
        np.testing.assert_allclose(result.coef_lists[i], alone.coef_list, rtol=1e-10)
        np.testing.assert_array_equal(result.offered, alone.offered)


def test_the_sums_of_the_bootstraps_are_found_once(monkeypatch):
    Theta, Y, _ = problem(seed=7849)
    chunks, seen = Samples.chunks, []
    monkeypatch.setattr(Samples, "chunks", lambda *given: seen.append(1) or chunks(*given))
    counts = []
    for thresholds in ([0.1], THRESHOLDS):
        seen.clear()
        grid_search(Theta, Y, thresholds=thresholds, alphas=[0.0, 1.0], ensemble=ensemble(n_models=7, rng=7850))
        counts.append(len(seen))
    assert counts == [2, 2]  # of all samples, and of the bootstraps


def test_the_models_of_a_vector_are_vectors(lib):
    Theta, Y, _ = problem(seed=7852)
    many = ensemble(n_models=6, rng=7854)
    result = grid_search(lib.array(Theta), lib.array(Y[:, 0]), thresholds=THRESHOLDS, ensemble=many)
    assert lib.host(result.coef_lists).shape == (7, 6, 10) and lib.host(result.offered).shape == (6, 10)
    assert grid_search(Theta, Y, thresholds=THRESHOLDS).coef_lists is None


def test_more_coefficients_than_samples_can_tell_are_not_chosen():
    Theta, Y, _ = problem(n=11, seed=7853)
    result = grid_search(Theta, Y[:, 0], thresholds=[0.0, 0.6])
    assert result.scores[0] == np.inf and result.complexity < 10


def test_a_choice_of_nothing_is_a_status():
    Theta, Y, _ = problem(seed=7867)
    with pytest.warns(ConvergenceWarning, match="aicc chooses threshold = 100.*nothing is left"):
        result = grid_search(Theta, Y, thresholds=[100.0])
    assert result.status is Status.EMPTY


def test_the_front_can_be_drawn():
    Theta, Y, _ = problem(seed=7873)
    axes = grid_search(Theta, Y, thresholds=THRESHOLDS).plot()
    assert axes.get_xlabel() == "coefficients" and len(axes.lines) == 3
    mpl.pyplot.close(axes.figure)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"thresholds": []}, "thresholds is empty"),
        ({"thresholds": [-1.0]}, "thresholds is -1.0"),
        ({"thresholds": [0.1], "alphas": [np.nan]}, "alphas is nan"),
        ({"thresholds": [0.1], "criterion": "r2"}, "criterion is 'r2'"),
        ({"thresholds": [0.1], "maxiter": 0}, "maxiter is 0"),
    ],
)
def test_grids_that_make_no_sense_are_refused(options, message):
    Theta, Y, _ = problem(seed=7877)
    with pytest.raises(ValueError, match=message):
        grid_search(Theta, Y, **options)


def test_an_ensemble_that_is_none_is_refused():
    rng = np.random.default_rng(5039)
    with pytest.raises(TypeError, match="ensemble is 3"):
        grid_search(rng.standard_normal((30, 2)), rng.standard_normal(30), thresholds=[0.1], ensemble=3)

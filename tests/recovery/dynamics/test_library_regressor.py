"""Regression on a library for what is no motion: rewards, policies, measured outputs."""

from functools import partial

import numpy as np
import pytest

from sparsesci.recovery import LibraryRegressor, PolynomialLibrary, ensemble, ssr, stlsq


def reward(n=300, seed=5003):
    """States and ``1 - x^2 - 0.1 y^2``."""
    x = np.random.default_rng(seed).standard_normal((n, 2))
    return x, 1 - x[:, 0] ** 2 - 0.1 * x[:, 1] ** 2


def test_an_exact_function_is_found_with_the_defaults():
    model = LibraryRegressor().fit(*reward())
    assert model.equations(1) == ["1.0 - 1.0 x0^2 - 0.1 x1^2"]


def test_a_vector_of_targets_gives_a_vector():
    x, y = reward()
    model = LibraryRegressor().fit(x, y)
    assert model.predict(x[:4]).shape == (4,)
    assert LibraryRegressor().fit(x, y[:, None]).predict(x[:4]).shape == (4, 1)


def test_a_function_that_is_only_approximated_gets_as_many_terms_as_pay():
    rng = np.random.default_rng(5011)
    x = rng.uniform(-2, 2, (2000, 1))
    y = np.sin(2 * x[:, 0]) + 0.05 * rng.standard_normal(2000)
    model = LibraryRegressor(PolynomialLibrary(9)).fit(x, y)
    assert model.score(x, y) > 0.99


def test_predictions_stay_within_bounds():
    x, y = reward()
    predicted = LibraryRegressor(bounds=(0, [0.5])).fit(x, y).predict(np.array([[0.0, 0.0], [3.0, 0.0]]))
    assert np.array_equal(predicted, [0.5, 0.0])


def test_members_of_an_ensemble_are_kept_within_bounds_too():
    x, y = reward()
    model = LibraryRegressor(optimizer=ensemble(partial(stlsq, threshold=0.05), n_models=3, rng=5021), bounds=(0, 1))
    predicted = model.fit(x, y).predict(x, members=True)
    assert predicted.shape == (3, 300)
    assert 0 <= predicted.min() <= predicted.max() <= 1


def test_controls_and_names_stand_in_the_equation():
    rng = np.random.default_rng(5023)
    x, u = rng.standard_normal((200, 1)), rng.standard_normal((200, 1))
    model = LibraryRegressor(feature_names=["angle", "force"]).fit(x, x[:, 0] * u[:, 0], u)
    assert model.equations(1) == ["1.0 angle force"]


@pytest.mark.parametrize("bounds", [(1, 0), (0, 0)])
def test_bounds_that_leave_nothing_are_refused(bounds):
    with pytest.raises(ValueError, match="low must be below high"):
        LibraryRegressor(bounds=bounds).fit(*reward())


def test_targets_of_another_length_are_refused():
    x, y = reward()
    with pytest.raises(ValueError, match="y has 299 samples and x 300"):
        LibraryRegressor().fit(x, y[:-1])


def test_the_optimizer_is_that_which_was_given():
    x, y = reward()
    model = LibraryRegressor(optimizer=partial(ssr, n_terms=1)).fit(x, y)
    assert model.complexity == 1

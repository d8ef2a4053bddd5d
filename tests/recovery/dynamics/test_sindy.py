"""The model as a whole: from trajectories to equations, predictions and simulations."""

import pickle
from functools import partial
from importlib import resources

import numpy as np
import pytest

from sparsesci._lib.result import NotFittedError
from sparsesci.bench.chaotic_systems import SYSTEMS
from sparsesci.recovery import (
    ControlAffineLibrary,
    CustomLibrary,
    FourierLibrary,
    LibraryRegressor,
    PDELibrary,
    PolynomialLibrary,
    SINDy,
    WeakLibrary,
    differentiate,
    ensemble,
    stlsq,
)
from sparsesci.recovery.dynamics.gram import as_gram

LORENZ = next(system for system in SYSTEMS if system.name == "lorenz")
TRUE = LORENZ.coefficients(PolynomialLibrary(2))


@pytest.fixture(scope="module")
def lorenz():
    """Five trajectories of the Lorenz system with 0.1 % of noise, and their step."""
    rng = np.random.default_rng(1963)
    return LORENZ.trajectories(rng, n_trajectories=5, n_samples=600, per_period=100, noise=1e-3)


@pytest.fixture(scope="module")
def model(lorenz):
    """Fit a model to all five."""
    return SINDy().fit(*lorenz)


def exact(n=200, seed=77, d=2):
    """States and derivatives of a linear system, at points that are no trajectory."""
    A = np.array([[-0.5, 2.0], [-2.0, -0.5]])[:d, :d]
    x = np.random.default_rng(seed).standard_normal((n, d))
    return x, x @ A.T, A


def test_the_equations_of_lorenz_are_found_with_the_defaults(model):
    assert np.array_equal(model.coef_ != 0, TRUE != 0)
    assert np.allclose(model.coef_, TRUE, rtol=5e-3)


def test_lynx_and_hare_are_lotka_and_volterra_with_the_defaults():
    path = resources.files("sparsesci.bench") / "data" / "hudson_bay_lynx_hare.csv"
    lynx, hare = np.loadtxt(str(path), delimiter=",", skiprows=3)[:, 1:].T  # one sample a year
    x = np.stack([hare, lynx], axis=1)
    model = SINDy(feature_names=["hare", "lynx"]).fit(x / x.std(axis=0))
    assert model.equations(1) == ["0.6 hare - 0.4 hare lynx", "-0.9 lynx + 0.5 hare lynx"]


def test_equations_read_like_a_paper(model):
    first, second, third = model.equations(1)
    assert first == "-10.0 x0 + 10.0 x1"
    assert second == "28.0 x0 - 1.0 x1 - 1.0 x0 x2"
    assert third == "-2.7 x2 + 1.0 x0 x1"


@pytest.mark.parametrize("precision", [-1, 2.5, "a"])
def test_the_precision_is_an_integer(model, precision):
    with pytest.raises((TypeError, ValueError), match="precision is"):
        model.equations(precision)


def test_print_names_the_left_sides(model, capsys):
    model.print(1)
    assert capsys.readouterr().out.splitlines()[0] == "x0' = -10.0 x0 + 10.0 x1"


def test_a_discrete_model_names_its_steps(capsys):
    x = 0.9 ** np.arange(30.0)
    SINDy(discrete=True, optimizer=partial(stlsq, threshold=0.1), feature_names=["n"]).fit(x).print(2)
    assert capsys.readouterr().out == "n[k+1] = 0.90 n[k]\n"


def test_coefficients_do_not_depend_on_units(lorenz, model):
    xs, step = lorenz
    units = np.array([1e-3, 1.0, 1e4])
    scaled = SINDy().fit([x * units for x in xs], step * 60)
    assert np.array_equal(scaled.coef_ != 0, model.coef_ != 0)


def test_known_derivatives_are_taken_as_they_are():
    x, x_dot, A = exact()
    found = SINDy(PolynomialLibrary(1)).fit(x, x_dot=x_dot)
    assert np.allclose(found.coef_[:, 1:], A, atol=1e-12)


def test_integer_states_are_not_truncated():
    x = np.arange(40)[:, None] ** 2
    found = SINDy(PolynomialLibrary(1), partial(stlsq, threshold=0.01), differentiate.finite_difference).fit(x, 0.5)
    assert found.score(x, 0.5) > 0.7
    assert np.issubdtype(found.coef_.dtype, np.floating)


def test_a_refit_forgets_and_does_not_append():
    x, x_dot, _ = exact()
    once = SINDy().fit(x, x_dot=x_dot)
    twice = SINDy().fit(x[:50], x_dot=-x_dot[:50]).fit(x, x_dot=x_dot)
    assert np.array_equal(once.coef_, twice.coef_)
    assert once.equations() == twice.equations()


def test_a_stream_of_parts_gives_what_the_whole_gives():
    x, x_dot, _ = exact(300, seed=78)
    whole = SINDy().fit(x, x_dot=x_dot)
    parts = SINDy()
    for rows in np.array_split(np.arange(300), 7):
        parts.partial_fit(x[rows], x_dot=x_dot[rows])
    assert parts.result_.n_samples == 300
    assert np.allclose(parts.coef_, whole.coef_, atol=1e-12)


def test_fit_forgets_what_was_streamed():
    x, x_dot, _ = exact(seed=79)
    model = SINDy().partial_fit(x, x_dot=-x_dot).fit(x, x_dot=x_dot).partial_fit(x, x_dot=x_dot)
    assert model.result_.n_samples == 200


def test_a_stream_of_other_states_is_refused():
    x, x_dot, _ = exact(seed=80)
    model = SINDy(feature_names=None).partial_fit(x, x_dot=x_dot)
    with pytest.raises(ValueError, match="and were"):
        model.partial_fit(x[:, :1], x_dot=x_dot[:, :1])


@pytest.mark.parametrize("change", [{"discrete": True}, {"library": PolynomialLibrary(2, include_bias=False)}])
def test_a_stream_is_of_one_model(change):
    x, x_dot, _ = exact(seed=108)
    model = SINDy().partial_fit(x, x_dot=x_dot)
    with pytest.raises(ValueError, match="has changed within a stream: call fit"):
        model.set_params(**change).partial_fit(x, x_dot=x_dot)


def test_a_stream_that_cannot_be_fitted_is_not_kept():
    x, x_dot, _ = exact(seed=109)
    model = SINDy().partial_fit(x, x_dot=x_dot).set_params(optimizer=ensemble())
    with pytest.raises(TypeError, match="bootstraps are drawn from samples"):
        model.partial_fit(x, x_dot=x_dot)
    assert model.set_params(optimizer=None).partial_fit(x, x_dot=x_dot).result_.n_samples == 400


@pytest.mark.parametrize("bounds", [([0, 0], 1), (0, np.ones(3)), ("a", 1), (0, None)])
def test_bounds_are_one_number_a_target(bounds):
    x, _, _ = exact(seed=110)
    with pytest.raises((TypeError, ValueError), match="bounds is"):
        LibraryRegressor(bounds=bounds).fit(x, x[:, 0])


def test_an_optimizer_takes_a_gram_as_well_as_rows():
    x, x_dot, _ = exact(seed=81)
    gram = as_gram(PolynomialLibrary(2).transform(x), x_dot)
    assert np.allclose(stlsq(gram).x.T, SINDy(optimizer=stlsq).fit(x, x_dot=x_dot).coef_, atol=1e-12)


def test_predictions_are_the_derivatives(model, lorenz):
    x = lorenz[0][0][:7]
    theta = PolynomialLibrary(2).transform(x)
    assert np.allclose(model.predict(x), theta @ model.coef_.T)


def test_predictions_of_a_list_are_a_list(model, lorenz):
    predicted = model.predict([x[:5] for x in lorenz[0]])
    assert len(predicted) == 5
    assert predicted[0].shape == (5, 3)


@pytest.mark.parametrize(("controls", "message"), [
    (np.ones((5, 1)), "u must be a list too"),
    ([np.ones((5, 1))], "u is a list of 1 and x one of 2"),
    (None, "fitted with 1 controls: pass u"),
])  # fmt: skip
def test_predictions_of_a_list_need_controls_for_each(controls, message):
    x, x_dot, _ = exact(seed=111)
    model = SINDy(PolynomialLibrary(1)).fit(x, x_dot=x_dot, u=x[:, :1] ** 2)
    assert len(model.predict([x[:5], x[:3]], [x[:5, :1], x[:3, :1]])) == 2
    with pytest.raises(ValueError, match=message):
        model.predict([x[:5], x[5:10]], controls)


def test_states_that_are_typed_in_are_samples(model):
    assert model.predict([[1.0, 2.0, 3.0], [4, 5, 6]]).shape == (2, 3)


def test_predict_refuses_another_number_of_states(model):
    with pytest.raises(ValueError, match=r"x has shape \(4, 2\): \(n, 3\) is needed"):
        model.predict(np.ones((4, 2)))


def test_one_sample_is_a_row(model):
    with pytest.raises(ValueError, match=r"x has shape \(3,\): \(n, 3\) is needed"):
        model.predict(np.ones(3))


def test_print_before_fit_says_so():
    with pytest.raises(NotFittedError, match="call fit first"):
        SINDy().print()


def test_score_of_other_states_is_refused():
    x, x_dot, _ = exact(seed=107)
    model = SINDy().fit(x, x_dot=x_dot, u=x[:, :1])
    with pytest.raises(ValueError, match="3 states and 0 controls, and 2 and 1 in fit"):
        model.score(np.hstack([x, x[:, :1]]), x_dot=x_dot)


def test_predict_before_fit_says_so():
    with pytest.raises(ValueError, match="not fitted yet: call fit"):
        SINDy().predict(np.ones((4, 2)))


def test_score_is_the_share_of_the_variance_of_the_derivative(model, lorenz):
    assert 0.999 < model.score(*lorenz) <= 1


def test_a_simulation_stays_on_the_trajectory(model, lorenz):
    t = np.linspace(0, 1, 101)
    start = np.array(LORENZ.start)
    simulated = model.simulate(start, t)
    assert simulated.success
    assert np.allclose(simulated.x, LORENZ.integrate(start, t), atol=0.2)


def test_a_simulation_that_blows_up_says_when():
    x = np.linspace(-1, 1, 50)[:, None]
    model = SINDy().fit(x, x_dot=x**2)
    with pytest.warns(UserWarning, match="bound"):
        result = model.simulate([1.0], np.linspace(0, 2, 21))
    assert not result.success
    assert result.valid[:10].all()
    assert not result.valid[11:].any()
    assert np.isnan(result.x[11:]).all()


def test_members_of_an_ensemble_simulate_at_once(lorenz):
    xs, step = lorenz
    model = SINDy(optimizer=ensemble(partial(stlsq, threshold=0.2), n_models=5, rng=14)).fit(xs, step)
    starts = np.add(LORENZ.start, [[0.0], [0.1]])
    assert model.simulate(starts, [0.0, 0.1, 0.2], members=True).x.shape == (5, 2, 3, 3)
    assert model.predict(starts, members=True).shape == (5, 2, 3)
    assert model.predict_variance(starts).shape == (2, 3)
    assert model.result_.inclusion_probability.shape == (10, 3)


def test_the_variance_of_a_list_is_a_list(lorenz):
    model = SINDy(optimizer=ensemble(partial(stlsq, threshold=0.3), n_models=5, rng=112)).fit(*lorenz)
    one, other = model.predict_variance(lorenz[0][:2])
    assert np.array_equal(one, model.predict_variance(lorenz[0][0])) and other.shape == lorenz[0][1].shape


def test_members_without_an_ensemble_are_refused(model):
    with pytest.raises(ValueError, match="members=True needs an ensemble"):
        model.predict(np.ones((2, 3)), members=True)


def test_a_discrete_model_rolls_out_what_it_has_seen():
    x = np.empty((60, 1))
    x[0] = 0.3
    for k in range(59):
        x[k + 1] = 3.7 * x[k] * (1 - x[k])
    model = SINDy(discrete=True).fit(x)
    assert model.equations(2) == ["3.70 x0[k] - 3.70 x0[k]^2"]
    assert np.allclose(model.rollout(x[0], 10).x, x[:11], atol=1e-9)


def test_rollout_of_a_continuous_model_is_refused(model):
    with pytest.raises(ValueError, match=r"use simulate"):
        model.rollout([1.0, 1.0, 1.0], 5)


def test_simulate_of_a_discrete_model_is_refused():
    model = SINDy(discrete=True).fit(0.9 ** np.arange(20.0))
    with pytest.raises(ValueError, match=r"use rollout"):
        model.simulate([1.0], [0.0, 1.0])


def test_controls_are_part_of_the_library():
    rng = np.random.default_rng(91)
    x, u = rng.standard_normal((150, 2)), rng.standard_normal((150, 1))
    x_dot = np.stack([x[:, 1], -x[:, 0] + 3 * u[:, 0]], axis=1)
    model = SINDy(PolynomialLibrary(2), feature_names=["q", "p"]).fit(x, x_dot=x_dot, u=u)
    assert model.equations(1) == ["1.0 p", "-1.0 q + 3.0 u0"]
    assert np.allclose(model.predict(x, u), x_dot)


def test_a_model_with_controls_needs_them():
    rng = np.random.default_rng(92)
    x, u = rng.standard_normal((50, 1)), rng.standard_normal((50, 1))
    model = SINDy(PolynomialLibrary(1)).fit(x, x_dot=x + u, u=u)
    with pytest.raises(ValueError, match="fitted with 1 controls: pass u"):
        model.predict(x)
    with pytest.raises(ValueError, match="u has 10 samples and x 50"):
        model.predict(x, u[:10])


def test_a_control_affine_library_is_affine():
    rng = np.random.default_rng(93)
    x, u = rng.standard_normal((200, 1)), rng.standard_normal((200, 1))
    model = SINDy(ControlAffineLibrary(PolynomialLibrary(2))).fit(x, x_dot=x * u - x**2, u=u)
    assert model.equations(1) == ["-1.0 x0^2 + 1.0 x0 u0"]


def test_libraries_of_other_functions_run_compiled():
    x = np.linspace(-3, 3, 200)[:, None]
    model = SINDy(PolynomialLibrary(1) + FourierLibrary()).fit(x, x_dot=2 * np.sin(x) - 0.5 * x)
    assert model.equations(1) == ["-0.5 x0 + 2.0 sin(1 x0)"]


def test_a_function_that_branches_is_called():
    def ramp(x):
        return np.where(x > 0, x, 0)

    x = np.linspace(-3, 3, 200)[:, None]
    model = SINDy(CustomLibrary([ramp, lambda x: x], names=["ramp({})", "{}"])).fit(x, x_dot=-2.0 * np.maximum(x, 0))
    assert model.equations(1) == ["-2.0 ramp(x0)"]
    assert np.allclose(model.simulate([1.0], [0.0, 0.5]).x[-1], np.exp(-1.0), atol=1e-5)


def test_a_short_trajectory_is_named():
    with pytest.raises(ValueError, match=r"trajectory x\[1\] cannot be differentiated"):
        SINDy().fit([np.random.default_rng(94).standard_normal((30, 2)), np.ones((1, 2))], 0.1)


def test_a_discrete_trajectory_of_one_sample_is_named():
    with pytest.raises(ValueError, match=r"x\[1\] has one sample"):
        SINDy(discrete=True).fit([np.ones((5, 1)), np.ones((1, 1))])


def test_steps_that_vary_are_refused_where_a_method_cannot_take_them():
    t = np.sort(np.random.default_rng(95).uniform(0, 5, 60))
    with pytest.raises(ValueError, match=r"cannot be differentiated: .*uniform"):
        SINDy(differentiation=differentiate.savitzky_golay).fit(np.sin(t), t)


def test_transposed_data_are_refused_before_any_work():
    with pytest.raises(ValueError, match="transposed"):
        SINDy().fit(np.random.default_rng(96).standard_normal((3, 500)), 0.1)


def test_libraries_that_are_too_large_are_refused_before_any_work():
    def derivative(x, t):
        raise AssertionError

    with pytest.raises(ValueError, match="250 states give 31626 functions"):
        SINDy(differentiation=derivative).fit(np.random.default_rng(104).standard_normal((300, 250)), 0.1)


@pytest.mark.parametrize(("option", "error", "message"), [
    ({"library": 3}, TypeError, "library is 3"),
    ({"library": PolynomialLibrary}, TypeError, "library is .*an instance"),
    ({"optimizer": "stlsq"}, TypeError, "optimizer is 'stlsq'"),
    ({"optimizer": lambda samples: None}, TypeError, "the optimizer returned None"),
    ({"differentiation": "kalman"}, TypeError, "differentiation is 'kalman'"),
    ({"differentiation": lambda x, t: x[1:]}, ValueError, r"x_dot of shape \(29, 2\).*\(30, 2\) is needed"),
    ({"feature_names": "xy"}, TypeError, "feature_names is 'xy'"),
    ({"feature_names": ["x", "x"]}, ValueError, "'x' names more than one"),
])  # fmt: skip
def test_options_that_are_none_are_named(option, error, message):
    with pytest.raises(error, match=message):
        SINDy(**option).fit(np.random.default_rng(105).standard_normal((30, 2)), 0.1)


def test_names_may_come_in_an_array():
    x, x_dot, _ = exact(seed=106)
    assert SINDy(feature_names=np.array(["a", "b"])).fit(x, x_dot=x_dot).feature_names_ == ["a", "b"]


def test_fewer_samples_than_functions_warn():
    x, x_dot, _ = exact(4, seed=97)
    with pytest.warns(UserWarning, match="4 samples of 6 functions"):
        SINDy(optimizer=stlsq).fit(x, x_dot=x_dot)


def test_a_threshold_that_kills_everything_is_a_status():
    x, x_dot, _ = exact(seed=98)
    with pytest.warns(UserWarning, match="threshold"):
        model = SINDy(optimizer=partial(stlsq, threshold=1e3)).fit(x, x_dot=x_dot)
    assert not model.result_.success
    assert model.complexity == 0
    assert model.equations() == ["0", "0"]
    assert np.array_equal(model.predict(x[:3]), np.zeros((3, 2)))


def test_collinear_functions_are_reported():
    angle = np.random.default_rng(99).uniform(0, 6, 300)
    x = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    model = SINDy(PolynomialLibrary(2)).fit(x, x_dot=x[:, ::-1] * [-1.0, 1.0])
    assert model.result_.collinear == ((0, 3, 5),)
    assert [model.get_feature_names()[i] for i in (0, 3, 5)] == ["1", "x0^2", "x1^2"]


def test_nan_rows_are_omitted_where_that_is_asked_for(lorenz):
    xs, step = lorenz
    holes = [x.copy() for x in xs]
    holes[0][100] = np.nan
    model = SINDy().fit(holes, step, nan_policy="omit")
    assert model.result_.n_samples == 5 * 600 - 1
    assert np.array_equal(model.coef_ != 0, TRUE != 0)


def test_pieces_between_nan_that_are_too_short_are_left_out(lorenz):
    x = lorenz[0][0].copy()
    x[[100, 102, 103, 300]] = np.nan  # one sample alone: no derivative
    with pytest.warns(UserWarning, match="1 of 4 pieces .* 1 of 596 samples"):
        model = SINDy().fit(x, lorenz[1], nan_policy="omit")
    assert model.result_.n_samples == 595
    x[::3] = np.nan
    with pytest.raises(ValueError, match="cannot be differentiated"):
        SINDy().fit(x, lorenz[1], nan_policy="omit")


class Frame:
    """A frame as pandas and polars have it: names, and ``__array__``."""

    def __init__(self, values, columns):
        self.values, self.columns = values, columns

    def __array__(self, dtype=None, copy=None):
        """Return the values, as NumPy asks for them."""
        return np.asarray(self.values, dtype)


def test_a_frame_names_states_and_controls():
    x, x_dot, _ = exact(seed=101)
    u = Frame(np.random.default_rng(102).standard_normal((200, 1)), ["force"])
    model = SINDy(PolynomialLibrary(1)).fit(Frame(x, ["hare", "lynx"]), x_dot=x_dot, u=u)
    assert model.get_feature_names() == ["1", "hare", "lynx", "force"]


def test_names_that_do_not_fit_are_refused():
    x, x_dot, _ = exact(seed=103)
    with pytest.raises(ValueError, match="3 feature names for 2 states"):
        SINDy(feature_names=["a", "b", "c"]).fit(x, x_dot=x_dot)


def test_a_fitted_model_can_be_pickled(model):
    x = np.ones((2, 3))
    assert np.array_equal(pickle.loads(pickle.dumps(model)).predict(x), model.predict(x))


def test_a_library_that_is_changed_later_does_not_change_a_fitted_model():
    x, x_dot, A = exact(seed=104)
    model = SINDy(PolynomialLibrary(1)).fit(x, x_dot=x_dot)
    model.set_params(library=PolynomialLibrary(3))
    assert np.allclose(model.predict(x), x @ A.T)


def test_scikit_learn_clones_and_searches():
    pytest.importorskip("sklearn")
    from sklearn.base import clone
    from sklearn.model_selection import GridSearchCV, TimeSeriesSplit

    t = np.linspace(0, 30, 300)
    x, choice = np.stack([np.sin(t), np.cos(t)], axis=1), {"library": [PolynomialLibrary(1), PolynomialLibrary(2)]}
    assert GridSearchCV(clone(SINDy()), choice, cv=TimeSeriesSplit(3)).fit(x).best_score_ > 0.9
    search = GridSearchCV(LibraryRegressor(), choice, cv=3).fit(x, x[:, 0] * x[:, 1])
    assert search.best_params_ == {"library": PolynomialLibrary(2)}


def test_options_are_kept_by_name():
    model = SINDy(discrete=True)
    assert model.get_params()["discrete"] is True
    assert model.set_params(discrete=False).discrete is False
    with pytest.raises(ValueError, match="no option 'threshold'"):
        model.set_params(threshold=1)


def test_aicc_prefers_the_true_degree(lorenz):
    criteria = [SINDy(PolynomialLibrary(degree)).fit(*lorenz).aicc() for degree in (1, 2)]
    assert criteria[1] < criteria[0]


def test_data_of_any_library_are_fitted_where_they_are(lib):
    x, x_dot, A = exact(seed=105)
    model = SINDy(PolynomialLibrary(1)).fit(lib.array(x), x_dot=lib.array(x_dot))
    assert np.allclose(lib.host(model.coef_)[:, 1:], A, atol=1e-10)
    assert np.allclose(lib.host(model.predict(lib.array(x))), x @ A.T)


def heat(n=40, n_t=30):
    """Return a field with ``u_t = 0.3 u_xx``, its grid and times."""
    x, t = np.linspace(0, 2 * np.pi, n), np.linspace(0, 1, n_t)
    u = np.exp(-0.3 * t) * np.sin(x)[:, None] + 0.5 * np.exp(-1.2 * t) * np.cos(2 * x)[:, None]
    return u[:, :, None], x, t


@pytest.mark.parametrize("kind", [PDELibrary, WeakLibrary])
def test_an_equation_of_a_field_is_found(kind, capsys):
    u, x, t = heat()
    library = kind(PolynomialLibrary(1, include_bias=False), spatial_grid=x, derivative_order=2)
    model = SINDy(library, feature_names=["u"]).fit(u, t)
    model.print(1)
    assert capsys.readouterr().out == "u_t = 0.3 u_xx\n"
    assert model.score(u, t) > 0.99


def test_rates_of_a_field_have_its_shape():
    u, x, t = heat()
    model = SINDy(PDELibrary(spatial_grid=x, derivative_order=2, include_interaction=False)).fit(u, t)
    interior = (slice(2, -2), slice(1, -1))
    assert model.predict(u).shape == u.shape
    assert np.allclose(model.predict(u)[interior], np.gradient(u, t, axis=1)[interior], atol=0.02)


def test_a_weak_form_in_space_has_no_rates_at_points():
    u, x, t = heat()
    model = SINDy(WeakLibrary(spatial_grid=x, derivative_order=2)).fit(u, t)
    with pytest.raises(ValueError, match="use score, or a PDELibrary"):
        model.predict(u)


def test_a_field_is_not_simulated_as_a_state():
    u, x, t = heat()
    model = SINDy(PDELibrary(spatial_grid=x, derivative_order=2)).fit(u, t)
    with pytest.raises(ValueError, match="discretise it in space"):
        model.simulate(u[:, 0, 0], t)


def test_weak_forms_and_fields_are_not_discrete():
    with pytest.raises(ValueError, match="no steps: leave discrete"):
        SINDy(WeakLibrary(PolynomialLibrary(1)), discrete=True).fit(np.random.default_rng(113).standard_normal((60, 1)))


def test_a_field_needs_an_axis_of_its_states():
    library = PDELibrary(spatial_grid=np.arange(50.0), derivative_order=2)
    with pytest.raises(ValueError, match="transposed, or a field without its last axis"):
        SINDy(library).fit(np.random.default_rng(114).standard_normal((50, 60)), 0.1)


def test_a_weak_model_of_trajectories_is_simulated():
    t = np.linspace(0, 6, 301)
    x = np.stack([np.cos(t), -np.sin(t)], axis=1)
    model = SINDy(WeakLibrary(PolynomialLibrary(2))).fit(x, t)
    assert model.equations(2) == ["1.00 x1", "-1.00 x0"]
    assert np.allclose(model.simulate(x[0], t).x, x, atol=1e-3)

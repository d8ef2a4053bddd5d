"""A fitted model as an environment of Gymnasium."""

import copy
import importlib.util
import inspect
import pickle
import sys
from functools import partial

import numpy as np
import pytest

from sparsesci.recovery.dynamics.ensemble import ensemble
from sparsesci.recovery.dynamics.polynomial_library import PolynomialLibrary
from sparsesci.recovery.dynamics.sindy import SINDy
from sparsesci.recovery.dynamics.stlsq import stlsq
from sparsesci.recovery.dynamics.surrogate_environment import SurrogateEnvironment

needs_gymnasium = pytest.mark.skipif(importlib.util.find_spec("gymnasium") is None, reason="needs Gymnasium")


def reward(x, u):
    return 1 - (x**2).sum(axis=1) - 0.1 * u[:, 0] ** 2


@pytest.fixture(scope="module")
def steps():
    """Return steps of an oscillator that is pushed, with a little noise."""
    rng = np.random.default_rng(6007)
    x, u = rng.standard_normal((400, 2)), rng.uniform(-2, 2, (400, 1))
    after = np.stack([x[:, 0] + 0.1 * x[:, 1], x[:, 1] - 0.1 * x[:, 0] + 0.2 * u[:, 0]], axis=1)
    return x, u, after + 1e-2 * rng.standard_normal((400, 2))


@pytest.fixture(scope="module")
def single(steps):
    """Return one model."""
    x, u, after = steps
    return SINDy(PolynomialLibrary(1), partial(stlsq, threshold=0.05), discrete=True).fit(x, x_dot=after, u=u)


@pytest.fixture(scope="module")
def several(steps):
    """Return an ensemble of models."""
    x, u, after = steps
    optimizer = ensemble(partial(stlsq, threshold=0.05), n_models=7, rng=6011)
    return SINDy(PolynomialLibrary(1), optimizer, discrete=True).fit(x, x_dot=after, u=u)


def test_without_gymnasium_it_says_what_to_install(single, monkeypatch):
    from sparsesci.recovery.dynamics import surrogate_environment

    surrogate_environment.as_environment.cache_clear()
    monkeypatch.setitem(sys.modules, "gymnasium", None)
    with pytest.raises(ImportError, match="pip install gymnasium"):
        SurrogateEnvironment(single, reward, [0.0, 0.0])


def test_its_arguments_are_shown_by_name():
    assert list(inspect.signature(SurrogateEnvironment).parameters)[:4] == ["model", "reward", "start", "n_steps"]


@needs_gymnasium
@pytest.mark.filterwarnings("ignore:.*(bound|infinity).*")
def test_it_passes_the_checks_of_gymnasium(several):
    from gymnasium.utils.env_checker import check_env

    check_env(SurrogateEnvironment(several, reward, [0.5, -0.5], sample_members=True), skip_render_check=True)


@needs_gymnasium
def test_it_is_an_environment_and_one_of_this_class(single):
    import gymnasium

    environment = SurrogateEnvironment(single, reward, [0.0, 0.0])
    assert isinstance(environment, gymnasium.Env) and isinstance(environment, SurrogateEnvironment)


@needs_gymnasium
def test_an_episode_is_the_rollout_of_the_model(single):
    environment = SurrogateEnvironment(single, reward, [0.5, -0.5], n_steps=9, bounds=(-2, 2))
    controls = np.random.default_rng(6029).uniform(-2, 2, (9, 1))
    states = [environment.reset(seed=6037)[0]]
    answers = [environment.step(u) for u in controls]
    states += [answer[0] for answer in answers]
    np.testing.assert_allclose(states, single.rollout([0.5, -0.5], 9, controls).x, rtol=1e-13)
    np.testing.assert_allclose([answer[1] for answer in answers], reward(np.array(states[1:]), controls), rtol=1e-13)
    assert [answer[2:4] for answer in answers] == [(False, False)] * 8 + [(False, True)]


@needs_gymnasium
def test_actions_are_clipped_to_the_bounds(single):
    first, second = (SurrogateEnvironment(single, reward, [0.0, 0.0], bounds=(-2, 1)) for _ in range(2))
    first.reset(seed=6043), second.reset(seed=6043)
    np.testing.assert_array_equal(first.step([3.0])[0], second.step([1.0])[0])


@needs_gymnasium
def test_the_projection_has_the_last_word_on_a_state(single):
    environment = SurrogateEnvironment(single, reward, [3.0, 4.0], project=lambda x: x / np.linalg.norm(x))
    environment.reset(seed=6047)
    np.testing.assert_allclose(np.linalg.norm(environment.step([0.0])[0]), 1, rtol=1e-15)


@needs_gymnasium
def test_each_episode_runs_on_a_member_that_is_drawn(several):
    environment = SurrogateEnvironment(several, reward, [0.5, -0.5], sample_members=True)
    members = several.predict(np.array([[0.5, -0.5]]), np.array([[0.3]]), members=True)[:, 0]
    drawn = set()
    environment.reset(seed=6053)
    for _ in range(40):
        environment.reset()
        np.testing.assert_array_equal(environment.step([0.3])[0], members[environment.member])
        drawn.add(environment.member)
    assert drawn == set(range(7))


@needs_gymnasium
def test_the_variance_of_the_members_is_told(several):
    environment = SurrogateEnvironment(several, reward, [0.5, -0.5])
    environment.reset(seed=6067)
    info = environment.step([0.3])[4]
    expected = several.predict_variance(np.array([[0.5, -0.5]]), np.array([[0.3]]))[0]
    np.testing.assert_allclose(info["variance"], expected, rtol=1e-12)
    assert np.all(expected > 0)


@needs_gymnasium
def test_a_state_beyond_the_bound_ends_the_episode(single):
    environment = SurrogateEnvironment(single, reward, [0.0, 0.9], bound=1.0)
    environment.reset(seed=6073)
    x, earned, terminated, truncated, _ = environment.step([1.0])
    assert (earned, terminated, truncated) == (0.0, True, False)
    np.testing.assert_array_equal(x, [0.0, 0.9])
    with pytest.raises(RuntimeError, match="call reset first"):
        environment.step([0.0])


@needs_gymnasium
def test_the_same_seed_gives_the_same_start(single):
    starts = np.random.default_rng(6079).standard_normal((50, 2))
    environment = SurrogateEnvironment(single, reward, starts)
    first = environment.reset(seed=6089)[0]
    assert first in starts
    assert not np.array_equal(environment.reset()[0], first)
    np.testing.assert_array_equal(environment.reset(seed=6089)[0], first)


@needs_gymnasium
def test_starts_may_come_from_a_function(single):
    environment = SurrogateEnvironment(single, reward, lambda rng: rng.uniform(2, 3, 2))
    assert np.all(environment.reset(seed=6091)[0] >= 2)


@needs_gymnasium
@pytest.mark.parametrize("again", [copy.deepcopy, lambda environment: pickle.loads(pickle.dumps(environment))])
def test_a_copy_goes_on_where_the_original_stands(single, again):
    environment = SurrogateEnvironment(single, reward, [0.5, -0.5])
    environment.reset(seed=6101)
    environment.step([0.4])
    other = again(environment)
    np.testing.assert_array_equal(other.step([-0.2])[0], environment.step([-0.2])[0])


@needs_gymnasium
def test_what_cannot_be_an_environment_is_refused(single, steps):
    x, u, after = steps
    continuous = SINDy(PolynomialLibrary(1)).fit(x, x_dot=after, u=u)
    with pytest.raises(ValueError, match="continuous or has no controls"):
        SurrogateEnvironment(continuous, reward, [0.0, 0.0])
    with pytest.raises(ValueError, match="needs an ensemble"):
        SurrogateEnvironment(single, reward, [0.0, 0.0], sample_members=True)
    with pytest.raises(ValueError, match=r"start has shape \(3,\): \(2,\) or \(m, 2\)"):
        SurrogateEnvironment(single, reward, [0.0, 0.0, 0.0])
    with pytest.raises(ValueError, match=r"start\[0, 1\] is nan"):
        SurrogateEnvironment(single, reward, [0.0, np.nan])
    with pytest.raises(ValueError, match="low below high"):
        SurrogateEnvironment(single, reward, [0.0, 0.0], bounds=(1, -1))
    with pytest.raises(TypeError, match="a LibraryRegressor or a function"):
        SurrogateEnvironment(single, 3.0, [0.0, 0.0])


@needs_gymnasium
def test_an_action_that_is_none_is_refused(single):
    environment = SurrogateEnvironment(single, reward, [0.0, 0.0])
    environment.reset(seed=6113)
    with pytest.raises(ValueError, match=r"finite numbers of shape \(1,\)"):
        environment.step([np.nan])
    with pytest.raises(ValueError, match=r"finite numbers of shape \(1,\)"):
        environment.step([0.1, 0.2])

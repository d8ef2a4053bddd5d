"""The cart-pole moves as mechanics says; plans, policies and a model of it do what they say."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from sparsesci.bench.cart_pole import MIRROR, CartPole, is_balanced
from sparsesci.bench.path_integral import PathIntegral
from sparsesci.bench.policy_search import PolicySearch
from sparsesci.bench.surrogate import Surrogate
from sparsesci.recovery.dynamics.control_affine_library import ControlAffineLibrary
from sparsesci.recovery.dynamics.library_regressor import LibraryRegressor
from sparsesci.recovery.dynamics.polynomial_library import PolynomialLibrary
from sparsesci.recovery.dynamics.sindy import SINDy
from sparsesci.recovery.dynamics.stlsq import stlsq

SYSTEM = CartPole()


def states(rng, m):
    """Return states (m, 5) of any angle, off the ends of the rail."""
    angle = rng.uniform(-np.pi, np.pi, m)
    position, v, w = rng.uniform(-1, 1, (3, m)) * np.array([[1.0], [2.0], [6.0]])
    return np.stack([position, np.cos(angle), np.sin(angle), v, w], axis=1)


def lagrange(force):
    """Return the motion of (x, theta, x', theta') from the mass matrix of cart and rod: J = m (2 l)^2 / 12 + m l^2."""
    m, M, length, g = SYSTEM.pole, SYSTEM.cart, SYSTEM.half_length, SYSTEM.gravity

    def rates(_, y):
        c, s = np.cos(y[1]), np.sin(y[1])
        mass = np.array([[M + m, m * length * c], [m * length * c, m * (2 * length) ** 2 / 12 + m * length**2]])
        forces = np.array([force + m * length * y[3] ** 2 * s, m * g * length * s])
        return np.concatenate([y[2:], np.linalg.solve(mass, forces)])

    return rates


def test_a_step_is_what_the_lagrangian_says():
    rng = np.random.default_rng(6131)
    x, u = states(rng, 7), rng.uniform(-1, 1, (7, 1))
    after = SYSTEM.step(x, u)
    for row, control, found in zip(x, u, after, strict=True):
        begin = [row[0], np.arctan2(row[2], row[1]), row[3], row[4]]
        y = solve_ivp(lagrange(10 * control[0]), (0, SYSTEM.dt), begin, rtol=1e-11, atol=1e-12).y[:, -1]
        np.testing.assert_allclose(found, [y[0], np.cos(y[1]), np.sin(y[1]), y[2], y[3]], atol=2e-8)


def test_energy_is_kept_without_a_force():
    def energy(x):
        _, c, _, v, w = x.T
        m, length = SYSTEM.pole, SYSTEM.half_length
        kinetic = (SYSTEM.cart + m) * v**2 / 2 + m * length * c * v * w + 2 / 3 * m * length**2 * w**2
        return kinetic + m * SYSTEM.gravity * length * c

    system = CartPole(rail=1e9)
    x = states(np.random.default_rng(6133), 20)
    course, *_ = system.run(x, np.zeros((20, 100, 1)), 100)
    np.testing.assert_allclose(energy(course[:, -1]), energy(x), atol=1e-5)


def test_the_mirror_image_of_a_motion_is_a_motion():
    rng = np.random.default_rng(6143)
    x, u = states(rng, 9), rng.uniform(-1, 1, (9, 1))
    np.testing.assert_allclose(SYSTEM.step(x * MIRROR, -u), SYSTEM.step(x, u) * MIRROR, atol=1e-14)


def test_many_poles_move_as_each_does_alone():
    rng = np.random.default_rng(6151)
    x, u = states(rng, 5), rng.uniform(-1, 1, (5, 1))
    alone = [SYSTEM.step(x[i : i + 1], u[i : i + 1])[0] for i in range(5)]
    np.testing.assert_allclose(SYSTEM.step(x, u), alone, rtol=1e-14)


def test_controls_are_clipped():
    x = states(np.random.default_rng(6163), 3)
    np.testing.assert_array_equal(SYSTEM.step(x, np.full((3, 1), 7.0)), SYSTEM.step(x, np.ones(3)))


def test_a_cart_stops_at_the_end_of_the_rail():
    x, *_ = SYSTEM.run(SYSTEM.starts(np.random.default_rng(6173), 2), np.ones((2, 100, 1)), 100)
    assert SYSTEM.is_stopped(x[:, -1]).all()
    np.testing.assert_array_equal(x[:, -1, [0, 3]], [[1.8, 0.0]] * 2)


def test_transitions_leave_out_the_ends_of_the_rail():
    x, u, _ = SYSTEM.run(SYSTEM.starts(np.random.default_rng(6197), 2), np.ones((2, 100, 1)), 100)
    before, controls, after = SYSTEM.transitions(x, u)
    assert 0 < len(before) == len(controls) == len(after) < 200
    assert np.abs(before[:, 0]).max() < 1.8 and np.abs(after[:, 0]).max() < 1.8
    np.testing.assert_array_equal(SYSTEM.step(before, controls), after)


def test_a_projected_state_is_on_the_circle():
    x = SYSTEM.project([[0.3, 0.6, 1.2, 5.0, 7.0], [-2.0, -3.0, 0.0, -1.0, 0.0]])
    expected = [[0.3, 5**-0.5, 2 * 5**-0.5, 5.0, 7.0], [-1.8, -1.0, 0.0, 0.0, 0.0]]
    np.testing.assert_allclose(x, expected, rtol=1e-15)


def test_the_reward_is_one_at_rest_upright_in_the_middle_and_zero_hanging():
    x = np.array([[0, 1, 0, 0, 0], [0, -1, 0, 0, 0]], float)
    np.testing.assert_array_equal(SYSTEM.reward(x, np.zeros((2, 1))), [1.0, 0.0])
    assert SYSTEM.reward(x, np.ones((2, 1)))[0] == pytest.approx(0.8)
    assert SYSTEM.reward([[2, 1, 0, 0, 5]] * np.ones((1, 1)), np.zeros(1))[0] == pytest.approx(0.55**2)


def test_random_controls_are_held_and_drawn_from_the_seed():
    x, u, rewards = SYSTEM.random_steps(np.random.default_rng(6199), 3, 12)
    assert (x.shape, u.shape, rewards.shape) == ((3, 13, 5), (3, 12, 1), (3, 12))
    assert [len(np.unique(row)) for row in u] == [3, 3, 3]
    np.testing.assert_array_equal(SYSTEM.random_steps(np.random.default_rng(6199), 3, 12)[0], x)


def test_a_pole_is_balanced_if_it_is_up_until_the_end():
    x = np.zeros((3, 6, 5))
    x[:, :, 1] = [[-1, -1, 1, 1, 1, 1], [1, 1, 1, 1, 1, 0.9], [1, 1, 0, 1, 1, 1]]
    np.testing.assert_array_equal(is_balanced(x, 4), [True, False, False])


def true_value(x0, u):
    """Return the rewards of controls in the true system."""
    return SYSTEM.run(x0, u, u.shape[1])[2].sum(axis=1)


def test_a_plan_never_returns_less_with_the_best_candidate_alone():
    rng = np.random.default_rng(6203)
    planner = PathIntegral(true_value, n_steps=20, n_candidates=12, n_rounds=1, temperature=0.0)
    x, plan = states(rng, 4), np.zeros((4, 20, 1))
    before = true_value(x, plan)
    for _ in range(3):
        plan = planner.improved(rng, x, plan)
        after = true_value(x, plan)
        assert np.all(after >= before - 1e-12)
        before = after


def test_plans_on_the_true_dynamics_swing_poles_up_and_balance_them():
    rng = np.random.default_rng(6211)
    x, *_ = SYSTEM.run(SYSTEM.starts(rng, 3), PathIntegral(true_value).policy(rng), 200)
    assert is_balanced(x, 50).all()


def test_demonstrations_are_the_controls_of_plans_and_not_what_was_carried_out():
    rng = np.random.default_rng(6217)
    planner, carried_out = PathIntegral(true_value, n_steps=10, n_candidates=8), []

    def run(x0, policy, n_steps):
        x, u, rewards = SYSTEM.run(x0, policy, n_steps)
        carried_out.append(u)
        return x, u, rewards

    x, u = planner.demonstrations(rng, run, SYSTEM.starts(rng, 2), 12)
    assert (x.shape, u.shape) == ((24, 5), (24, 1))
    assert np.abs(u - carried_out[0].transpose(1, 0, 2).reshape(-1, 1)).max() > 0.1


def test_several_policies_act_each_on_its_share():
    rng = np.random.default_rng(6221)
    program = PolynomialLibrary(1, include_bias=False).program(5)
    search, coef, x = PolicySearch(program, None), rng.standard_normal((3, 5)), states(rng, 6)
    together = search.policy(coef)(x)
    alone = np.concatenate([search.policy(c)(x[2 * i : 2 * i + 2]) for i, c in enumerate(coef)])
    np.testing.assert_allclose(together, alone, rtol=1e-14)
    np.testing.assert_allclose(alone[:2, 0], np.clip(x[:2] @ coef[0], -1, 1), rtol=1e-14)


def test_a_search_finds_the_policy_that_earns_most_and_keeps_what_it_may_not_change():
    rng = np.random.default_rng(6229)
    goal, program = np.array([0.3, -0.2, 0.1, 0.0, 0.4]), PolynomialLibrary(1, include_bias=False).program(5)
    search = PolicySearch(program, lambda x, policy: -((policy(x)[:, 0] - x @ goal) ** 2))
    spread = np.array([0.3, 0.3, 0.3, 0.0, 0.3])
    found = search.improved(rng, np.zeros(5), lambda rng: 0.3 * states(rng, 40), spread, n_rounds=40)
    assert found[3] == 0
    np.testing.assert_allclose(found, goal, atol=1e-3)


@pytest.fixture(scope="module")
def surrogate():
    """Return a model of the cart-pole that was fitted to random steps, with its reward."""
    x, u, rewards = SYSTEM.random_steps(np.random.default_rng(6247), 10, 300)
    before, controls, after = SYSTEM.transitions(x, u)
    library = ControlAffineLibrary(PolynomialLibrary(2, include_bias=False), PolynomialLibrary(2))
    model = SINDy(library, partial(stlsq, threshold=7e-3), discrete=True).fit(before, x_dot=after, u=controls)
    reward = LibraryRegressor(PolynomialLibrary(2), partial(stlsq, threshold=7e-3), bounds=(0, 1))
    return Surrogate(model, reward.fit(x[:, 1:].reshape(-1, 5), rewards.ravel(), u.reshape(-1, 1)), SYSTEM.project)


def test_the_library_of_the_cart_pole_is_reported_as_dependent(surrogate):
    names = surrogate.dynamics.get_feature_names()
    assert len(names) == 41
    assert [[names[j] for j in group] for group in surrogate.dynamics.result_.collinear] == [
        ["u0", "x1^2 u0", "x2^2 u0"]
    ]


def test_a_surrogate_steps_as_its_model_and_stays_on_the_circle(surrogate):
    rng = np.random.default_rng(6257)
    x0, u = states(rng, 4), rng.uniform(-1, 1, (4, 6, 1))
    x, controls, rewards = surrogate.run(x0, u, 6)
    np.testing.assert_array_equal(controls, u)
    np.testing.assert_allclose(x[:, 1], SYSTEM.project(surrogate.dynamics.predict(x0, u[:, 0])), rtol=1e-12)
    np.testing.assert_allclose(np.hypot(x[..., 1], x[..., 2]), 1, rtol=1e-14)
    np.testing.assert_allclose(rewards[:, 0], surrogate.reward.predict(x[:, 1], u[:, 0]), rtol=1e-12)


def test_a_policy_and_its_controls_give_the_same_course(surrogate):
    x0 = states(np.random.default_rng(6263), 3)
    first = surrogate.run(x0, lambda x: -2 * x[:, 3], 8)
    second = surrogate.run(x0, first[1], 8)
    assert np.abs(first[1]).max() <= 1
    for one, other in zip(first, second, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-14)


def test_what_leaves_the_bound_earns_nothing_more(surrogate):
    narrow = replace(surrogate, bound=3.0)
    x0 = np.array([[0.0, 1.0, 0.0, 0.0, 2.9], [0.0, -1.0, 0.0, 0.0, 0.0]])
    x, u, rewards = narrow.run(x0, lambda x: np.sign(x[:, 2]), 60)
    lost = np.isnan(x[:, 1:, 0])
    assert lost.any() and u.shape == (2, 60, 1)
    assert np.all(rewards[lost] == 0)

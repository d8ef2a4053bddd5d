"""Rollouts of discrete models: against a plain loop, policies, projections, blow-up, and bad input."""

import numpy as np
import pytest

from sparsesci._lib.result import ConvergenceWarning, Status
from sparsesci.recovery.dynamics.program import Tape
from sparsesci.recovery.dynamics.rollout import iterate, rollout
from sparsesci.recovery.dynamics.vector_field import VectorField


def model(*, seed, members=None, scale=0.3):
    """Return a library of degree 2 of two states and a control, coefficients, and the map in plain NumPy."""
    tape = Tape(3)
    x, y, u = tape.inputs
    program = tape.program([tape.constant(1.0), x, y, u, x * y, x * u, np.sin(y)])
    rng = np.random.default_rng(seed)
    coef = scale * rng.standard_normal((members or 1, 2, 7)) * (rng.random((members or 1, 2, 7)) < 0.6)

    def step(coef, x, u):
        return coef @ np.array([1, x[0], x[1], u[0], x[0] * x[1], x[0] * u[0], np.sin(x[1])])

    return program, coef if members else coef[0], step


def logistic():
    """Return ``x_{k+1} = 3.8 x_k (1 - x_k)``, which leaves every bound from outside of [0, 1]."""
    tape = Tape(1)
    (x,) = tape.inputs
    return tape.program([x, x * x]), np.array([[3.8, -3.8]])


def loop(step, coef, x0, controls):
    states = [np.asarray(x0)]
    for u in controls:
        states.append(step(coef, states[-1], u))
    return np.array(states)


# --- against a plain loop --------------------------------------------------------------------------------------------


def test_a_rollout_is_the_plain_loop():
    program, coef, step = model(seed=8681)
    u = np.random.default_rng(8682).standard_normal((40, 1))
    result = rollout(program, coef, [0.5, -0.2], 40, u=u)
    assert result.success and result.nit == 40
    np.testing.assert_allclose(result.x, loop(step, coef, [0.5, -0.2], u), rtol=1e-12)
    np.testing.assert_array_equal(result.t, np.arange(41))


@pytest.mark.parametrize("per_start", [False, True])
def test_members_come_first_and_then_starts(per_start):
    program, coef, step = model(seed=8689, members=3)
    rng = np.random.default_rng(8690)
    x0, u = rng.standard_normal((50, 2)), rng.standard_normal((50, 12, 1))
    result = rollout(program, coef, x0, 12, u=u if per_start else u[7])
    expected = [[loop(step, c, x, v if per_start else u[7]) for x, v in zip(x0, u, strict=True)] for c in coef]
    assert result.x.shape == (3, 50, 13, 2) and result.valid.shape == (3, 50, 13)
    np.testing.assert_allclose(result.x, expected, rtol=1e-10, atol=1e-12)


def test_controls_of_one_kind_may_be_a_vector():
    program, coef, _ = model(seed=8693)
    u = np.random.default_rng(8694).standard_normal(9)
    np.testing.assert_array_equal(
        rollout(program, coef, [1, 2], 9, u=u).x, rollout(program, coef, [1, 2], 9, u=u[:, None]).x
    )


def test_no_step_gives_the_start():
    result = rollout(*logistic(), [[0.2], [0.3]], 0)
    assert result.success and result.nit == 0 and result.x.tolist() == [[[0.2]], [[0.3]]]


def test_the_compiled_rollout_repeats_the_reference():
    rng = np.random.default_rng(8699)
    program, coef, _ = model(seed=8700, members=4, scale=1.5)
    field, x0, controls = VectorField.of(program, coef), rng.standard_normal((33, 2)), rng.standard_normal((33, 25, 1))
    found = []
    for function in (iterate, iterate.reference):
        out, reached = np.full((132, 26, 2), np.nan), np.zeros(132, np.int64)
        function(field, x0, controls, 30.0, out, reached)
        found.append((out, reached))
    assert 0 < (found[0][1] < 26).sum() < 132
    np.testing.assert_array_equal(found[0][1], found[1][1])
    np.testing.assert_allclose(found[0][0], found[1][0], rtol=1e-8, atol=1e-10)


def test_the_answers_are_those_of_the_library_of_the_input(lib):
    program, coef, _ = model(seed=8707, members=2)
    rng = np.random.default_rng(8708)
    x0, u = rng.standard_normal((3, 2)), rng.standard_normal((3, 10, 1))
    expected = rollout(program, coef, x0, 10, u=u)
    result = rollout(program, lib.array(coef), lib.array(x0), 10, u=lib.array(u))
    np.testing.assert_allclose(lib.host(result.x), expected.x, rtol=1e-11, atol=1e-13)
    assert lib.host(result.valid).all()


# --- policies and projections ----------------------------------------------------------------------------------------


def test_a_policy_sees_all_states_once_a_step(lib):
    program, coef, step = model(seed=8713, members=2)
    x0, shapes = np.random.default_rng(8714).standard_normal((5, 2)), []

    def policy(x):
        shapes.append(tuple(x.shape))
        return 0.5 * x[:, :1] - 0.2 * x[:, 1:]

    result = rollout(program, lib.array(coef), lib.array(x0), 20, u=policy)
    assert shapes == [(10, 2)] * 20
    for c, rows in zip(coef, lib.host(result.x), strict=True):
        for x, row in zip(x0, rows, strict=True):
            for k in range(20):
                x = step(c, x, [0.5 * x[0] - 0.2 * x[1]])
                np.testing.assert_allclose(row[k + 1], x, rtol=1e-10, atol=1e-12)


def test_a_projection_follows_each_step(lib):
    tape = Tape(2)
    turn = np.array([[np.cos(0.3), -np.sin(0.3)], [np.sin(0.3), np.cos(0.3)]])
    x0 = np.array([[1.0, 0], [0, 1]])

    def on_circle(x):
        return x / (x[:, :1] ** 2 + x[:, 1:] ** 2) ** 0.5

    result = rollout(tape.program(tape.inputs), lib.array(1.5 * turn), lib.array(x0), 30, project=on_circle)
    angles = 0.3 * np.arange(31)
    np.testing.assert_allclose(lib.host(result.x)[0], np.stack([np.cos(angles), np.sin(angles)], axis=1), atol=1e-12)


def test_controls_and_a_projection_go_together():
    program, coef, step = model(seed=8719)
    u = np.random.default_rng(8720).standard_normal((15, 1))
    result = rollout(program, coef, [0.5, 1], 15, u=u, project=lambda x: np.clip(x, -0.4, 0.4))
    expected = loop(lambda *a: np.clip(step(*a), -0.4, 0.4), coef, [0.5, 1], u)
    np.testing.assert_allclose(result.x, expected, rtol=1e-12)


def test_what_a_policy_does_to_its_argument_is_its_own_affair():
    program, coef, _ = model(seed=8731)

    def rude(x):
        x[:] = 7
        return np.zeros((len(x), 1))

    np.testing.assert_array_equal(
        rollout(program, coef, [0.5, 1], 5, u=rude).x, rollout(program, coef, [0.5, 1], 5, u=np.zeros((5, 1))).x
    )


def test_a_function_that_cannot_be_compiled_is_called():
    tape = Tape(1)
    (x,) = tape.inputs
    program = tape.program([tape.apply(lambda a: np.where(a < 0.5, 2 * a, 2 - 2 * a), [x])])
    result = rollout(program, [[1.0]], [[0.125], [0.375]], 4)
    assert result.x[..., 0].tolist() == [[0.125, 0.25, 0.5, 1.0, 0.0], [0.375, 0.75, 0.5, 1.0, 0.0]]


# --- blow-up ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("project", [None, lambda x: x])
def test_a_trajectory_that_blows_up_ends_and_the_others_go_on(project):
    x0 = np.linspace(0.05, 1.5, 200)[:, None]
    with pytest.warns(ConvergenceWarning, match=r"of 200 trajectories ended early, the first, \[\d+\], after t = "):
        result = rollout(*logistic(), x0, 60, project=project, bound=50)
    assert result.status is Status.BLEW_UP
    np.testing.assert_array_equal(result.valid.all(axis=1), x0[:, 0] <= 1)
    np.testing.assert_array_equal(np.isnan(result.x[..., 0]), ~result.valid)
    assert np.nanmax(np.abs(result.x)) <= 50 and (np.diff(result.valid.astype(int), axis=1) <= 0).all()
    alone = rollout(*logistic(), x0[60], 60)
    np.testing.assert_array_equal(result.x[60], alone.x)


def test_a_policy_never_sees_what_is_not_finite():
    program, coef, _ = model(seed=8737)

    def policy(x):
        assert np.isfinite(x).all()
        return np.exp(50 * np.ones((len(x), 1)))

    with pytest.warns(ConvergenceWarning, match="the trajectory ended early, after t = 0"):
        rollout(program, coef, [0.5, 1], 10, u=policy, project=unchanged)


def unchanged(x):
    assert np.isfinite(x).all()
    return x


def test_without_a_bound_only_what_is_not_finite_ends_a_trajectory():
    tape = Tape(1)
    with pytest.warns(ConvergenceWarning, match="stopped being finite"):
        result = rollout(tape.program(tape.inputs), [[10.0]], [1.0], 400, bound=np.inf)
    assert result.valid.sum() == 309  # 1e308 is the last power of ten


# --- bad input -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("change", "error", "message"), [
    ({"u": None}, ValueError, "take 1 controls: pass u"),
    ({"u": np.ones((9, 1))}, ValueError, r"u has shape \(9, 1\): \(8, 1\), or for each start \(3, 8, 1\)"),
    ({"u": np.ones((2, 8, 1))}, ValueError, r"u has shape \(2, 8, 1\)"),
    ({"u": np.ones((8, 2))}, ValueError, r"u has shape \(8, 2\)"),
    ({"u": np.full((8, 1), np.nan)}, ValueError, "u.0, 0, 0. is nan"),
    ({"u": np.ones((8, 1), complex)}, TypeError, "u is complex"),
    ({"u": lambda x: np.ones((1, 3))}, ValueError, r"u\(x\) has shape \(1, 3\) for x \(3, 2\): \(3, 1\) is needed"),
    ({"project": 3}, TypeError, "project is 3: a function"),
    ({"project": lambda x: x[0]}, ValueError, r"project\(x\) has shape \(2,\)"),
    ({"n_steps": -1}, ValueError, "n_steps is -1"),
    ({"n_steps": 2.5}, TypeError, "n_steps is 2.5"),
    ({"x0": np.ones((2, 3))}, ValueError, r"x0 has shape \(2, 3\)"),
    ({"x0": np.ones((3, 2)) * 1j}, TypeError, "x0 is complex"),
    ({"bound": 0.5}, ValueError, r"\|x0\| is up to 1, beyond bound = 0.5"),
])  # fmt: skip
def test_bad_input_is_named(change, error, message):
    program, coef, _ = model(seed=8741)
    arguments = {"x0": np.ones((3, 2)), "n_steps": 8, "u": np.ones((8, 1)), **change}
    with pytest.raises(error, match=message):
        rollout(program, coef, arguments.pop("x0"), arguments.pop("n_steps"), **arguments)


@pytest.mark.parametrize("u", [[1.0, 2.0], lambda x: x])
def test_controls_of_a_model_without_any_are_refused(u):
    with pytest.raises(ValueError, match="take no controls"):
        rollout(*logistic(), [0.5], 2, u=u)


def test_single_precision_is_kept_and_integers_are_promoted():
    program, coef = logistic()
    assert rollout(program, coef.astype("float32"), np.full(1, 0.5, "float32"), 3).x.dtype == np.float32
    assert rollout(program, [[2, -1]], [1], 3).x.dtype == np.float64

"""Simulated differential equations: against SciPy and against the reference, controls, blow-up, and bad input."""

import math

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from sparsesci._lib.result import ConvergenceWarning, Status
from sparsesci.recovery.dynamics import dopri5
from sparsesci.recovery.dynamics.program import Tape
from sparsesci.recovery.dynamics.scipy_integrators import INTEGRATORS, derivative, packed, right_hand_side
from sparsesci.recovery.dynamics.simulate import driven, simulate
from sparsesci.recovery.dynamics.vector_field import VectorField, derivatives, traced


def lorenz(sigma=10.0, rho=28.0, beta=8 / 3):
    """Return a library of degree 2 with a bias, and the coefficients of the Lorenz system."""
    tape = Tape(3)
    x, y, z = tape.inputs
    program = tape.program([tape.constant(1.0), x, y, z, x * x, x * y, x * z, y * y, y * z, z * z])
    coef = np.zeros((3, 10))
    coef[0, 1:3] = -sigma, sigma
    coef[1, [1, 2, 6]] = rho, -1, -1
    coef[2, [3, 5]] = -beta, 1
    return program, coef


def oscillator():
    """Return the library (x, v, u) of ``x'' = -x - 0.1 x' + u``, and its coefficients."""
    tape = Tape(3)
    return tape.program(tape.inputs), np.array([[0, 1, 0], [-1, -0.1, 1.0]])


def decay():
    """Return ``x' = -x``."""
    tape = Tape(1)
    return tape.program(tape.inputs), np.array([[-1.0]])


def exact(f, x0, t, **options):
    options = {"method": "DOP853", "rtol": 1e-12, "atol": 1e-12, **options}
    return solve_ivp(f, (t[0], t[-1]), x0, t_eval=t, **options).y.T


def lorenz_field(t, x):
    return [10 * (x[1] - x[0]), x[0] * (28 - x[2]) - x[1], x[0] * x[1] - 8 / 3 * x[2]]


# --- against SciPy ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("integrator", "rtol"), [
    ("dopri5", 1e-10), ("lsoda", 1e-10), ("rk45", 1e-10), ("dop853", 1e-10), ("radau", 1e-8), ("bdf", 1e-10),
])  # fmt: skip
def test_every_integrator_follows_the_lorenz_system(integrator, rtol):
    program, coef = lorenz()
    t = np.linspace(0, 2, 83)
    result = simulate(program, coef, [-8, 7, 27], t, integrator=integrator, rtol=rtol, atol=rtol)
    assert result.success and result.valid.all() and result.x.shape == (83, 3)
    np.testing.assert_allclose(result.x, exact(lorenz_field, [-8, 7, 27], t), atol=2e-5)


def test_the_lorenz_system_is_as_near_as_the_same_method_of_scipy():
    program, coef = lorenz()
    t = np.linspace(0, 5, 501)
    truth = exact(lorenz_field, [-8, 7, 27], t, rtol=1e-13, atol=1e-13)
    theirs = np.abs(exact(lorenz_field, [-8, 7, 27], t, method="RK45", rtol=1e-10, atol=1e-10) - truth).max()
    result = simulate(program, coef, [-8, 7, 27], t, rtol=1e-10, atol=1e-10)
    assert np.abs(result.x - truth).max() < 2 * theirs


def test_the_error_falls_with_the_tolerance():
    t = np.linspace(0, 5, 30)
    errors = [np.abs(simulate(*decay(), [1.0], t, rtol=r, atol=r).x[:, 0] - np.exp(-t)).max() for r in (1e-5, 1e-8)]
    assert errors[1] < 1e-7 and errors[1] < 0.01 * errors[0]


def test_a_stiff_system_is_for_lsoda():
    tape = Tape(2)
    x, v = tape.inputs
    program, coef = tape.program([x, v, x * x * v]), [[0, 1, 0], [-1, 100, -100]]
    t = np.linspace(0, 200, 41)
    result = simulate(program, coef, [2, 0], t, integrator="lsoda", rtol=1e-10, atol=1e-10)
    truth = exact(lambda t, x: [x[1], 100 * (1 - x[0] ** 2) * x[1] - x[0]], [2, 0], t, method="Radau")
    assert result.success and result.nit < 3000
    np.testing.assert_allclose(result.x, truth, rtol=1e-5, atol=1e-6)


def test_members_and_starts_are_those_alone():
    program, coef = lorenz()
    members, starts = np.stack([coef, 1.05 * coef]), np.random.default_rng(8623).normal(5, 3, (3, 3))
    t = np.linspace(0, 1, 11)
    together = simulate(program, members, starts, t)
    assert together.x.shape == (2, 3, 11, 3) and together.valid.shape == (2, 3, 11)
    alone = [[simulate(program, c, x, t) for x in starts] for c in members]
    np.testing.assert_array_equal(together.x, [[np.asarray(r) for r in row] for row in alone])
    assert together.nit == sum(r.nit for row in alone for r in row)


def test_the_axes_of_the_answer_are_those_of_the_input():
    program, coef = lorenz()
    shapes = {
        (np.shape(c), np.shape(x)): simulate(program, c, x, [0, 0.1]).x.shape
        for c in (coef, coef[None])
        for x in (np.ones(3), np.ones((1, 3)))
    }
    assert list(shapes.values()) == [(2, 3), (1, 2, 3), (1, 2, 3), (1, 1, 2, 3)]


def test_times_may_begin_anywhere_repeat_and_be_uneven():
    t = np.array([-1.5, -1.5, -1.2, 0.3, 0.3, 0.31, 4.0, 4.0])
    for integrator in INTEGRATORS:
        result = simulate(*decay(), [2.0], t, integrator=integrator, rtol=1e-8, atol=1e-10)
        np.testing.assert_allclose(result.x[:, 0], 2 * np.exp(-1.5 - t), rtol=1e-6, err_msg=integrator)


@pytest.mark.parametrize("integrator", INTEGRATORS)
@pytest.mark.parametrize("t", [[3.0], [3.0, 3.0]])
def test_a_single_time_gives_the_start(integrator, t):
    result = simulate(*decay(), [2.0], t, integrator=integrator)
    assert result.success and result.nit == 0 and (result.x == 2).all()


def test_what_no_coefficient_uses_is_never_evaluated():
    tape = Tape(1)
    (x,) = tape.inputs
    calls = []
    program = tape.program([x, tape.apply(lambda a: calls.append(a) or a * 0, [x])])
    assert simulate(program, [[-1.0, 0.0]], [1.0], [0, 1]).success
    assert [len(c) for c in calls if isinstance(c, np.ndarray)] == []


def test_a_member_is_not_hurt_by_a_function_of_another_one():
    tape = Tape(1)
    (x,) = tape.inputs
    program = tape.program([x, np.log(x)])  # NaN for x < 0
    with pytest.warns(ConvergenceWarning, match=r"1 of 2 trajectories ended early, the first, \[1\], after t = 0;"):
        result = simulate(program, [[[-1.0, 0]], [[0, 1.0]]], [-1.0], [0, 1, 2])
    assert result.valid.tolist() == [[True] * 3, [True, False, False]]


# --- controls --------------------------------------------------------------------------------------------------------


def forced(t, u):
    return exact(lambda s, x: [x[1], -x[0] - 0.1 * x[1] + u(s)], [1, 0], t, max_step=0.02)


@pytest.mark.parametrize("integrator", ["dopri5", "lsoda", "dop853"])
def test_controls_at_the_times_are_linear_in_between(integrator):
    t = np.linspace(0, 6, 25)
    u = np.random.default_rng(8629).standard_normal((25, 1))
    result = simulate(*oscillator(), [1, 0], t, u=u, integrator=integrator, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(result.x, forced(t, lambda s: np.interp(s, t, u[:, 0])), atol=3e-7)


def test_a_step_ends_at_each_kink_of_the_controls():
    t = np.linspace(0, 6, 25)
    u = np.random.default_rng(8641).standard_normal(25)
    assert 24 <= simulate(*oscillator(), [1, 0], t, u=u, rtol=1e-3, atol=1e-3).nit <= 25  # the first one is short


@pytest.mark.parametrize("integrator", ["dopri5", "lsoda", "radau"])
@pytest.mark.parametrize("u", [lambda t: np.sin(3 * t), lambda t: [np.sin(3 * t)], lambda t: math.sin(3 * t)])
def test_controls_are_a_function_of_the_time(integrator, u):
    t = np.linspace(0, 6, 25)
    result = simulate(*oscillator(), [1, 0], t, u=u, integrator=integrator, rtol=1e-8, atol=1e-8)
    np.testing.assert_allclose(result.x, forced(t, lambda s: np.sin(3 * s)), atol=1e-6)


def test_a_function_of_numpy_is_compiled_and_not_called():
    calls = []

    def u(t):
        calls.append(t)
        return np.sin(3 * t)

    simulate(*oscillator(), [1, 0], np.linspace(0, 6, 25), u=u)
    assert len(calls) == 2  # to look at what it gives, and to write it down


@pytest.mark.parametrize("function", [
    lambda t: math.sin(t), lambda t: 0.5, lambda t: np.array([np.sin(t)]), lambda t: 1.0 if t > 2 else t,
    lambda t: [np.sin(t), t],
])  # fmt: skip
def test_what_cannot_be_written_down_is_not(function):
    assert traced(function, 1) is None


def test_two_controls_and_a_library_that_mixes_them():
    tape = Tape(3)
    x, u, v = tape.inputs
    program = tape.program([x, u, x * v, np.cos(u)])
    coef, t = [[-1.0, 0.5, 0.3, 0.2]], np.linspace(0, 4, 17)

    def field(s, y):
        a, b = np.sin(s), s * s / 10
        return -y + 0.5 * a + 0.3 * y * b + 0.2 * np.cos(a)

    truth = exact(field, [1.0], t)
    for u in (lambda s: [np.sin(s), s * s / 10], lambda s: np.array([math.sin(s), s * s / 10])):
        result = simulate(program, coef, [1.0], t, u=u, rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(result.x, truth, atol=1e-7)


# --- the reference ---------------------------------------------------------------------------------------------------


def run(function, field, controls, x0, t, *, bound=1e6, max_steps=5000, rtol=1e-6):
    """Return the number of steps, the states, how many are valid, and the endings."""
    n = len(field.values) * len(x0)
    out, reached, ended = np.full((n, len(t), x0.shape[1]), np.nan), np.zeros(n, np.int64), np.zeros(n, np.int64)
    n_steps = function(field, controls, x0, t, rtol, 1e-9, bound, max_steps, out, reached, ended)
    return n_steps, out, reached, ended


@pytest.mark.parametrize("case", ["free", "table", "time", "repeated", "ends"])
def test_the_compiled_integrator_repeats_the_reference(case):
    rng = np.random.default_rng(8647)
    t, options = np.sort(rng.uniform(-1, 3, 40)), {}
    if case == "ends":
        tape = Tape(2)
        x, y = tape.inputs
        field = VectorField.of(tape.program([x * x, y, np.sqrt(x)]), np.array([[[1.0, 0, 0], [0, -1, 0.5]]] * 2))
        x0, u, options = np.array([[0.4, 1], [-2, 1], [0.1, 0], [0.28, 0]]), None, {"max_steps": 40}
    elif case in ("free", "repeated"):
        program, coef = lorenz()
        field, x0, u = VectorField.of(program, np.stack([coef, 0.9 * coef])), rng.normal(3, 2, (3, 3)), None
        t = np.repeat(t[::2], 2) if case == "repeated" else t
    else:
        program, coef = oscillator()
        field, x0 = VectorField.of(program, coef[None]), rng.standard_normal((3, 2))
        u = rng.standard_normal((40, 1)) if case == "table" else lambda s: np.cos(5 * s)
    field, controls = driven(field, u, t)
    compiled = run(dopri5.integrate, field, controls, x0, t, **options)
    reference = run(dopri5.integrate.reference, field, controls, x0, t, **options)
    assert compiled[0] == reference[0]
    np.testing.assert_allclose(compiled[1], reference[1], rtol=1e-7, atol=1e-9)
    np.testing.assert_array_equal(compiled[2:], reference[2:])
    assert set(compiled[3]) == ({0, 1, 2} if case == "ends" else {0})


def test_the_compiled_derivatives_are_those_of_the_reference():
    tape = Tape(4)
    x, y, u, v = tape.inputs
    program = tape.program([x, y, tape.constant(2.0), x * y, np.sin(u) * y, np.exp(-(v**2)), np.sqrt(x)])
    rng = np.random.default_rng(8663)
    coef = rng.standard_normal((5, 2, 7)) * (rng.random((5, 2, 7)) < 0.5)
    coef[:, :, 6] = 0
    coef[3, :, 6] = 1
    field, inputs, member = VectorField.of(program, coef), rng.standard_normal((4, 600)), rng.integers(0, 5, 600)
    found = derivatives(field, inputs, member)
    np.testing.assert_allclose(found, derivatives.reference(field, inputs, member), rtol=1e-13, atol=1e-13)
    is_lost = np.broadcast_to((member == 3) & (inputs[0] < 0), found.shape)
    np.testing.assert_array_equal(np.isnan(found), is_lost)


@pytest.mark.parametrize("u", [None, "table", "time", "function"])
def test_the_right_hand_side_for_scipy_is_the_field(u):
    rng = np.random.default_rng(8669)
    t = np.sort(rng.uniform(0, 2, 9))
    program, coef = lorenz() if u is None else oscillator()
    field = VectorField.of(program, np.stack([coef, 2 * coef]))
    given = {"table": rng.standard_normal((9, 1)), "time": lambda s: np.sin(s), "function": lambda s: math.sin(s)}
    driven_field, controls = driven(field, given.get(u), t)
    (f, n_calls), x = right_hand_side(driven_field, controls, 1, 50.0, 2), rng.standard_normal(field.n_states)
    s = 0.6 * t[3] + 0.4 * t[4]
    now = [np.interp(s, t, given[u][:, 0]) if u == "table" else np.sin(s)] if u else []
    expected = derivatives(field, np.concatenate([x, now])[:, None], np.array([1]))[:, 0]
    np.testing.assert_allclose(f(x, s), expected, rtol=1e-13)
    assert np.isnan(f(x + 60, s)).any() and n_calls[0] == 2
    assert np.isnan(f(x, s)).any()  # the third one of two


@pytest.mark.parametrize("u", [None, "table", "time"])
def test_the_compiled_right_hand_side_is_that_of_the_reference(u):
    rng = np.random.default_rng(8747)
    t = np.sort(rng.uniform(0, 2, 9))
    program, coef = lorenz() if u is None else oscillator()
    given = {"table": rng.standard_normal((9, 1)), "time": lambda s: np.sin(s)}
    field, controls = driven(VectorField.of(program, coef[None]), given.get(u), t)
    integers, floats = packed(field.kernel_arguments(float), controls, 0)
    floats[:2] = 5.0, 3
    memories = np.zeros((2, 50))
    for size, is_fine in ((1, True), (9, False), (1, True), (1, False)):
        x, s = np.full(field.n_states, size) + 0.1 * rng.random(field.n_states), rng.uniform(t[0], t[-1])
        found = derivative(x, s, integers, floats, memories[0])
        np.testing.assert_allclose(found, derivative.reference(x, s, integers, floats, memories[1]), rtol=1e-13)
        assert np.isfinite(found).all() == is_fine


@pytest.mark.parametrize("integrator", INTEGRATORS)
def test_a_function_that_a_member_does_not_use_cannot_stop_it(integrator):
    tape = Tape(1)
    (x,) = tape.inputs
    program, members = tape.program([x, np.sqrt(x + 1)]), [[[-1.0, 0]], [[0, 0.5]]]
    with pytest.warns(ConvergenceWarning, match=r"the first, \[1\], after t = 0"):
        result = simulate(program, members, [-2.0], [0, 1, 2], integrator=integrator)
    assert result.valid[0].all() and result.valid[1].tolist() == [True, False, False]


def test_the_answers_are_those_of_the_library_of_the_input(lib):
    program, coef = lorenz()
    t = np.linspace(0, 0.5, 6)
    expected = simulate(program, np.stack([coef, 0.9 * coef]), np.ones((2, 3)), t)
    result = simulate(program, lib.array(np.stack([coef, 0.9 * coef])), lib.array(np.ones((2, 3))), lib.array(t))
    assert result.nit == expected.nit and lib.host(result.valid).all()
    np.testing.assert_allclose(lib.host(result.x), expected.x, rtol=1e-9)
    np.testing.assert_array_equal(lib.host(result.t), t)


def test_controls_in_every_library(lib):
    t = np.linspace(0, 2, 9)
    u = np.random.default_rng(8677).standard_normal((9, 1))
    program, coef = oscillator()
    expected = simulate(program, coef, [1, 0], t, u=u)
    result = simulate(program, lib.array(coef), lib.array([1.0, 0]), t, u=lib.array(u))
    np.testing.assert_allclose(lib.host(result.x), expected.x, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("integrator", ["dopri5", "lsoda", "rk45"])
def test_a_function_that_cannot_be_compiled_is_called(integrator):
    tape = Tape(1)
    (x,) = tape.inputs
    program = tape.program([x, tape.apply(lambda a: np.where(a > 0.5, 1.0, 0.5), [x])])
    assert not program.is_compiled
    t = np.linspace(0, 1, 5)
    result = simulate(program, [[0.0, -0.5]], [1.0], t, integrator=integrator, rtol=1e-6)
    np.testing.assert_allclose(result.x[:, 0], np.maximum(1 - 0.5 * t, 0.5), atol=1e-5)


# --- blow-up ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("integrator", INTEGRATORS)
def test_a_trajectory_that_blows_up_ends_and_the_others_go_on(integrator):
    tape = Tape(1)
    (x,) = tape.inputs
    t = np.linspace(0, 2, 9)
    with pytest.warns(
        ConvergenceWarning, match=r"1 of 2 .* the first, \[0\], after t = 0\.75; .*raise bound \(bound = 1e"
    ):
        result = simulate(tape.program([x * x]), [[1.0]], [[1.0], [0.1]], t, integrator=integrator)
    assert result.status is Status.BLEW_UP and not result.success
    assert result.valid.sum(axis=1).tolist() == [4, 9]
    np.testing.assert_array_equal(np.isnan(result.x[..., 0]), ~result.valid)
    np.testing.assert_allclose(result.x[1, :, 0], 1 / (10 - t), rtol=1e-4)


@pytest.mark.parametrize("integrator", ["dopri5", "lsoda", "dop853", "bdf"])
def test_the_edge_of_the_domain_ends_a_trajectory(integrator):
    tape = Tape(1)
    with pytest.warns(ConvergenceWarning, match="stopped being finite"):
        result = simulate(
            tape.program([np.sqrt(tape.inputs[0])]), [[-1.0]], [1.0], np.linspace(0, 4, 9), integrator=integrator
        )
    assert 4 <= result.valid.sum() <= 5  # sqrt(x) reaches 0 at t = 2


def test_no_valid_state_is_beyond_the_bound():
    tape = Tape(1)
    with pytest.warns(ConvergenceWarning, match="bound = 20"):
        result = simulate(tape.program(tape.inputs), [[1.0]], [1.0], np.linspace(0, 5, 501), bound=20)
    assert 10 < result.x[result.valid].max() <= 20


def test_without_a_bound_numbers_may_be_large():
    tape = Tape(1)
    result = simulate(tape.program(tape.inputs), [[1.0]], [1.0], [0, 100], bound=np.inf, rtol=1e-10)
    np.testing.assert_allclose(result.x[1], np.exp(100), rtol=1e-7)


@pytest.mark.parametrize("integrator", ["dopri5", "lsoda", "rk45"])
def test_a_trajectory_that_takes_too_many_steps_ends_with_advice(integrator):
    t = [0, 1e-6, 1e7]
    tape = Tape(1)
    (x,) = tape.inputs
    program = tape.program([x, tape.constant(1.0)]) if integrator != "lsoda" else tape.program([np.cos(100 * x), x**0])
    coef = [[-1.0, 1.0]] if integrator != "lsoda" else [[1.0, 1.5]]
    with pytest.warns(ConvergenceWarning, match="ended early, after t = 1e-06; max_steps is used up") as caught:
        result = simulate(program, coef, [0.5], t, integrator=integrator, max_steps=200)
    assert result.status is Status.MAX_STEPS and result.nit <= 205 and result.valid.tolist() == [True, True, False]
    assert ("use integrator='lsoda'" in str(caught[0].message)) == (integrator != "lsoda")  # which has been used


@pytest.mark.parametrize("integrator", INTEGRATORS)
def test_a_start_next_to_the_bound_is_no_endless_loop(integrator):
    tape = Tape(1)
    with pytest.warns(ConvergenceWarning, match="left the bound"):  # SciPy's first step is not a number there
        result = simulate(tape.program(tape.inputs), [[1.0]], [0.999], [0, 1, 2], integrator=integrator, bound=1.0)
    assert result.status is Status.BLEW_UP and result.valid.tolist() == [True, False, False]


def test_lsoda_does_not_go_on_for_ever_from_time_to_time():
    tape = Tape(2)
    t = np.linspace(0, 1e5, 10001)
    with pytest.warns(ConvergenceWarning, match="max_steps is used up"):
        result = simulate(tape.program(tape.inputs), [[0, 1], [-1, 0]], [1, 0], t, integrator="lsoda", max_steps=300)
    assert result.status is Status.MAX_STEPS and result.nit < 3000
    assert result.valid.sum() > 10 and np.abs(result.x[result.valid, 0] - np.cos(t[result.valid])).max() < 0.01


# --- the result ------------------------------------------------------------------------------------------------------


def test_the_result_is_an_array_and_tells_its_story():
    result = simulate(*decay(), [1.0], [0, 1, 2])
    assert np.asarray(result) is result.x and np.array(result, dtype="float32").dtype == np.float32
    assert "1 trajectory of 3 times, dopri5," in repr(result) and "bool (3,)" in repr(result)


def test_single_precision_is_kept_and_integers_are_promoted():
    program, coef = decay()
    assert simulate(program, coef.astype("float32"), np.ones(1, "float32"), [0, 1]).x.dtype == np.float32
    assert simulate(program, [[-1]], [1], [0, 1]).x.dtype == np.float64


# --- bad input -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("change", "error", "message"), [
    ({"x0": [1, 2]}, ValueError, r"x0 has shape \(2,\): \(3,\), or a row for each start"),
    ({"x0": np.ones((3, 2, 3))}, ValueError, "x0 has shape"),
    ({"x0": np.empty((0, 3))}, ValueError, "x0 has shape"),
    ({"x0": [1, np.nan, 2]}, ValueError, r"x0\[1\] is nan: not finite"),
    ({"x0": [1, 2, 3j]}, TypeError, "x0 is complex.*stack real and imaginary parts"),
    ({"x0": [1, 2, 3e7]}, ValueError, r"\|x0\| is up to 3e\+07, beyond bound"),
    ({"coef": np.ones((3, 9))}, ValueError, r"coef has shape \(3, 9\): \(d, 10\)"),
    ({"coef": np.ones((4, 10))}, ValueError, "rows for 4 states; the program has 3"),
    ({"coef": np.full((3, 10), np.inf)}, ValueError, r"coef\[0, 0\] is inf"),
    ({"coef": np.ones((3, 10), complex)}, TypeError, "coef is complex"),
    ({"t": [0, 2, 1]}, ValueError, r"t decreases from t\[1\] = 2 to t\[2\] = 1"),
    ({"t": []}, ValueError, r"t has shape \(0,\)"),
    ({"t": [[0, 1]]}, ValueError, r"t has shape \(1, 2\)"),
    ({"t": [0, np.inf]}, ValueError, r"t\[1\] is inf"),
    ({"u": [1, 2]}, ValueError, "take no controls"),
    ({"integrator": "euler"}, ValueError, "integrator is 'euler': accepted are 'dopri5', 'lsoda'"),
    ({"bound": 0}, ValueError, "bound is 0.0: a positive number"),
    ({"bound": np.nan}, ValueError, "bound is nan"),
    ({"rtol": 0, "atol": 0}, ValueError, "rtol and atol are 0"),
    ({"max_steps": 0}, ValueError, "max_steps is 0"),
])  # fmt: skip
def test_bad_input_is_named(change, error, message):
    program, coef = lorenz()
    arguments = {"coef": coef, "x0": np.ones(3), "t": [0, 1], **change}
    with pytest.raises(error, match=message):
        simulate(program, **arguments)


@pytest.mark.parametrize(("u", "error", "message"), [
    (None, ValueError, "take 1 controls: pass u"),
    (np.ones((5, 2)), ValueError, r"u has shape \(5, 2\): \(4, 1\), a row for each time"),
    (np.ones((1, 4)), ValueError, r"u has shape \(1, 4\)"),
    (np.ones((4, 1)) * 1j, TypeError, "u is complex"),
    ([0, 0, np.nan, 0], ValueError, r"u\[2\] is nan"),
    (lambda t: [t, t], ValueError, r"u\(0\) has shape \(2,\): 1 controls"),
    (lambda t: np.nan, ValueError, r"u\(0\) is not finite"),
])  # fmt: skip
def test_bad_controls_are_named(u, error, message):
    with pytest.raises(error, match=message):
        simulate(*oscillator(), [1, 0], [0, 1, 2, 3], u=u)


def test_a_table_of_controls_needs_different_times():
    with pytest.raises(ValueError, match="t repeats a time"):
        simulate(*oscillator(), [1, 0], [0, 1, 1, 3], u=[0, 1, 2, 3])


def test_inputs_are_left_as_they_are():
    program, coef = lorenz()
    x0, t = np.ones(3), np.linspace(0, 1, 5)
    before = coef.copy(), x0.copy(), t.copy()
    simulate(program, coef, x0, t).x[:] = 0
    for now, then in zip((coef, x0, t), before, strict=True):
        np.testing.assert_array_equal(now, then)

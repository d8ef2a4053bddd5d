"""Straight-line programs: what the kernel, the reference and NumPy make of them, and what tracing writes down."""

import math
import pickle

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from sparsesci._cpu import program as compiled
from sparsesci.recovery.dynamics import program as module
from sparsesci.recovery.dynamics.program import CODES, OPERATIONS, UNARY, Program, Tape, evaluate

BINARY = [name for name in OPERATIONS[1:] if name not in UNARY]
AWKWARD = [0.0, -0.0, 1.0, -1.0, 0.5, -2.5, 3.0, 1e-300, 1e300, math.inf, -math.inf, math.nan]
numbers = st.one_of(st.sampled_from(AWKWARD), st.floats(-50, 50))


def random_inputs(n_inputs, m, *, seed):
    return np.random.default_rng(seed).standard_normal((n_inputs, m))


def traced(function, n_inputs):
    """Return the program of one function of all inputs."""
    tape = Tape(n_inputs)
    return tape.program([tape.apply(function, tape.inputs)])


# --- Kernel, reference and NumPy --------------------------------------------------------------------------------------


def test_the_kernel_numbers_its_operations_as_the_reference_does():
    named = {name: getattr(compiled, name.upper()) for name in OPERATIONS}
    assert named == CODES


@pytest.mark.parametrize("name", OPERATIONS[1:])
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(columns=st.lists(st.tuples(numbers, numbers), min_size=1, max_size=9))
def test_every_operation_is_that_of_numpy(lib, name, columns):
    X = np.array(columns).T
    tape = Tape(2)
    program = tape.program([tape.write(name, *tape.inputs[: 1 if name in UNARY else 2])])
    with np.errstate(all="ignore"):
        expected = getattr(np, name)(*(X[:1] if name in UNARY else X))[None]
    given_X = lib.array(X)
    np.testing.assert_allclose(lib.host(program(given_X)), expected, rtol=4e-15)
    np.testing.assert_allclose(lib.host(evaluate.reference(*program.instructions, given_X)), expected, rtol=4e-15)


ROUNDED_RIGHT = ["add", "subtract", "multiply", "divide", "maximum", "minimum"], ["negative", "abs", "sign", "sqrt"]
EXPRESSIONS = st.recursive(
    st.one_of(st.sampled_from([0, 1, 2]), st.floats(-3, 3).map(lambda number: number + 0.0)),  # there is no -0 constant
    lambda inner: st.one_of(
        st.tuples(st.sampled_from(ROUNDED_RIGHT[0]), inner, inner),
        st.tuples(st.sampled_from(ROUNDED_RIGHT[1]), inner),
    ),
    max_leaves=12,
)


def value(expression, inputs):
    """Return an expression of inputs, numbers and operations: of symbols as of arrays."""
    if isinstance(expression, int):
        return inputs[expression]
    if isinstance(expression, float):
        return expression
    name, *arguments = expression
    return getattr(np, name)(*(value(a, inputs) for a in arguments))


@settings(max_examples=200, deadline=None)
@given(expression=EXPRESSIONS)
def test_a_traced_expression_is_what_numpy_computes_to_the_last_bit(expression):
    X = random_inputs(3, 5, seed=8101)
    tape = Tape(3)
    with np.errstate(all="ignore"):
        symbol = tape.apply(lambda *inputs: value(expression, inputs), tape.inputs)
        expected = np.broadcast_to(value(expression, X), 5)
    program = tape.program([symbol])
    assume(program.is_compiled)  # what is a constant infinity is not
    np.testing.assert_array_equal(program(X)[0], expected)
    np.testing.assert_array_equal(evaluate.reference(*program.instructions, X)[0], expected)


@pytest.mark.parametrize("m", [1, 255, 256, 257, 1000])
def test_samples_are_the_same_whatever_block_they_are_in(lib, m):
    X = random_inputs(2, 1000, seed=8111)
    program = traced(lambda x, y: np.exp(x) * np.sin(y) - 0.5, 2)
    np.testing.assert_allclose(lib.host(program(lib.array(X[:, :m]))), program(X)[:, :m], rtol=1e-14, atol=1e-15)


def test_single_precision_is_kept(lib):
    X = random_inputs(2, 40, seed=8117).astype(np.float32)
    found = lib.host(traced(lambda x, y: 0.1 * x + np.tanh(y), 2)(lib.array(X)))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found[0], np.float32(0.1) * X[0] + np.tanh(X[1]), rtol=1e-5, atol=1e-6)


def test_slices_and_transposes_are_taken_as_they_are():
    X = random_inputs(60, 3, seed=8123)
    program = traced(lambda x, y, z: x * y + z, 3)
    expected = X[:, 0] * X[:, 1] + X[:, 2]
    np.testing.assert_array_equal(program(X.T)[0], expected)
    np.testing.assert_array_equal(program(X.T[:, ::7])[0], expected[::7])


def test_a_program_leaves_its_inputs_alone():
    X = random_inputs(2, 30, seed=8147)
    before = X.copy()
    traced(lambda x, y: x + y, 2)(X)
    traced(_clears_what_is_negative, 2)(X)
    np.testing.assert_array_equal(X, before)


def _clears_what_is_negative(x, y):
    x[x < 0] = 0
    return x + y


def test_a_logarithm_outside_its_domain_is_nan_and_no_warning(lib):
    X = np.array([[-1.0, 0.0, 1.0]])
    np.testing.assert_array_equal(lib.host(traced(np.log, 1)(lib.array(X))), [[np.nan, -np.inf, 0.0]])


def test_no_output_is_an_array_of_none(lib):
    program = traced(lambda x, y: x + y, 2).restricted([False])
    assert lib.host(program(lib.array(random_inputs(2, 7, seed=8161)))).shape == (0, 7)


# --- Tracing ----------------------------------------------------------------------------------------------------------

TRACED = {
    "arithmetic": lambda x, y: 2 - x / (1 + y * y) + 3 * -x - np.float64(0.5) * +y,
    "whole powers": lambda x, y: x**3 + x**0 - y**1 + np.power(x, 2) + y**2.0,
    "other powers": lambda x, y: abs(x) ** 0.5 + 2**y + abs(x) ** y,
    "aliases": lambda x, y: (
        np.absolute(x) + np.true_divide(y, 2) + np.square(x) + np.fabs(y) + np.reciprocal(3 + x * x)
    ),
    "functions": lambda x, y: np.exp(-(x**2)) * np.sin(3 * y) + np.arctan(x) - np.log(1 + y * y),
    "bounds": lambda x, y: np.clip(x, -0.3, 0.4) + np.maximum(y, 0) + np.clip(y, None, 0.2) + np.minimum(0.1, x),
    "sum": lambda x, y: sum([x, y, 1.0]),
    "constant": lambda x, y: 2.5,
    "one of its inputs": lambda x, y: y,
    "numbers of arrays": lambda x, y: np.array(2.0) * x + np.float32(0.5),
}


@pytest.mark.parametrize("name", TRACED)
def test_a_function_of_arithmetic_and_elementwise_functions_is_compiled(name, lib):
    X = random_inputs(2, 50, seed=8167)
    program = traced(TRACED[name], 2)
    assert program.is_compiled
    expected = np.broadcast_to(TRACED[name](*X), 50)
    np.testing.assert_allclose(lib.host(program(lib.array(X)))[0], expected, rtol=1e-14, atol=1e-14)


def _branches(x):
    return np.where(x > 0, x, 0.0)


def _takes_a_branch_at_zero(x):
    return np.where(np.abs(x) > 0, np.sin(x) / np.where(x == 0, 1, x), 1.0)


CALLED = {
    "where": _branches,
    "equality": _takes_a_branch_at_zero,
    "an unknown function": np.expm1,
    "a comparison": lambda x: 1.0 * (x > 0.2),
    "a shape": lambda x: x + np.ones(x.shape),
    "an option": lambda x: np.sin(x, dtype=float),
    "vectorize": np.vectorize(lambda x: math.sin(x) if x > 0 else x),
}


@pytest.mark.parametrize("name", CALLED)
def test_a_function_that_cannot_be_traced_is_called(name):
    X = random_inputs(1, 50, seed=8171)
    X[0, 3] = 0.0
    program = traced(CALLED[name], 1)
    assert not program.is_compiled
    assert len(program.codes) == 1  # nothing is left of what was traced before it failed
    np.testing.assert_array_equal(program(X)[0], CALLED[name](X[0]))


def test_a_branch_at_equality_is_not_taken_while_tracing():
    """Objects have an ``==`` of their own, which is False: the function would lose a branch without a word."""
    program = traced(lambda x: 1.0 if x == 0 else np.sin(x) / x, 1)
    assert not program.is_compiled


@pytest.mark.parametrize("function", [np.mean, np.sum, lambda x: np.max(x), lambda x: x.sum()])
def test_a_mean_over_samples_is_no_function_of_one(function):
    program = traced(function, 1)
    assert not program.is_compiled
    with pytest.raises(ValueError, match=r"for arrays \(9,\): a real number for each sample.*this sample alone"):
        program(random_inputs(1, 9, seed=8179))


@pytest.mark.parametrize("function", [lambda x: x + 1j, lambda x: np.where(x > 0, x, x)[:3], lambda x: [1] * len(x)])
def test_what_is_no_real_number_a_sample_is_refused(function):
    with pytest.raises(ValueError, match="a real number for each sample"):
        traced(function, 1)(random_inputs(1, 9, seed=8191))


def test_what_a_function_raises_comes_with_advice():
    with pytest.raises((TypeError, ValueError)) as raised:
        traced(lambda x: 1.0 if x > 0 else 0.0, 1)(random_inputs(1, 9, seed=8209))
    assert any("np.vectorize" in note for note in raised.value.__notes__)


def test_called_functions_run_on_the_namespace_of_the_inputs(lib):
    X = random_inputs(2, 20, seed=8219)
    program = traced(lambda x, y: x * (y > 0) if lib.name.startswith("numpy") else _product(x, y), 2)
    np.testing.assert_array_equal(lib.host(program(lib.array(X)))[0], X[0] * (X[1] > 0))


def _product(x, y):
    namespace = module.xp.namespace(x, y)
    return namespace.where(y > 0, x, namespace.zeros_like(x))


@pytest.mark.parametrize("how", [bool, np.asarray, float, lambda s: s == 0, lambda s: s != 0, lambda s: s < 1, hash])
def test_a_symbol_refuses_to_be_a_number(how):
    with pytest.raises(TypeError):
        how(Tape(1).inputs[0])


def test_an_infinite_constant_is_not_written_down():
    with pytest.raises(TypeError, match="neither a symbol nor a finite number"):
        Tape(1).inputs[0] * math.inf


# --- What is shared, and what is left out -----------------------------------------------------------------------------


def test_what_functions_share_is_computed_once():
    tape = Tape(2)
    x, y = tape.inputs
    program = tape.program([np.sin(x * y), np.cos(y * x), x * y])
    assert len(program.codes) == 3
    assert [OPERATIONS[code] for code in program.codes] == ["multiply", "sin", "cos"]


def test_a_difference_is_not_taken_for_its_negative():
    tape = Tape(2)
    x, y = tape.inputs
    X = random_inputs(2, 4, seed=8221)
    np.testing.assert_array_equal(tape.program([x - y, y - x])(X), [X[0] - X[1], X[1] - X[0]])


def test_one_function_called_twice_with_the_same_inputs_is_called_once():
    tape = Tape(2)
    x, y = tape.inputs
    assert len(tape.program([tape.apply(_branches, [r]) for r in (x, x, y)]).calls) == 2


def mixed_program():
    tape = Tape(2)
    x, y = tape.inputs
    called = tape.apply(_branches, [x * y])
    return tape.program([x, np.sin(x), called, called * y, tape.constant(3.0), np.exp(y) * np.sin(x)])


@settings(max_examples=60, deadline=None)
@given(mask=st.lists(st.booleans(), min_size=6, max_size=6))
def test_a_restricted_program_has_the_chosen_outputs(mask):
    program, X = mixed_program(), random_inputs(2, 9, seed=8231)
    restricted = program.restricted(np.array(mask))
    np.testing.assert_array_equal(restricted(X), program(X)[np.array(mask)])
    assert restricted.is_compiled == (not (mask[2] or mask[3]))


def test_a_restricted_program_leaves_out_what_it_does_not_need():
    restricted = mixed_program().restricted([5, 1])
    assert [OPERATIONS[code] for code in restricted.codes] == ["sin", "exp", "multiply"]
    assert restricted.n_inputs == 2
    X = random_inputs(2, 9, seed=8233)
    np.testing.assert_array_equal(restricted(X), mixed_program()(X)[[5, 1]])


def test_a_restricted_program_finds_the_call_that_is_left():
    tape, X = Tape(2), random_inputs(2, 9, seed=8243)
    x, y = tape.inputs
    program = tape.program([tape.apply(_branches, [x]), tape.apply(np.expm1, [y]), tape.apply(np.log1p, [x * x])])
    np.testing.assert_array_equal(program.restricted([2])(X), [np.log1p(X[0] * X[0])])
    np.testing.assert_array_equal(program.restricted([2, 1])(X), [np.log1p(X[0] * X[0]), np.expm1(X[1])])


def test_a_compiled_program_can_be_pickled():
    program = traced(TRACED["functions"], 2)
    copy, X = pickle.loads(pickle.dumps(program)), random_inputs(2, 9, seed=8237)
    assert isinstance(copy, Program)
    np.testing.assert_array_equal(copy(X), program(X))

"""Libraries: which functions they have, in which order and by which names, sums and products, and bad input."""

import math
import pickle
from itertools import product

import numpy as np
import pytest

from sparsesci.recovery.dynamics.control_affine_library import ControlAffineLibrary
from sparsesci.recovery.dynamics.custom_library import CustomLibrary
from sparsesci.recovery.dynamics.fourier_library import FourierLibrary
from sparsesci.recovery.dynamics.library import Library
from sparsesci.recovery.dynamics.polynomial_library import PolynomialLibrary

CUBIC = ["1", "x", "y", "z", "x^2", "x y", "x z", "y^2", "y z", "z^2", "x^3", "x^2 y", "x^2 z", "x y^2", "x y z",
         "x z^2", "y^3", "y^2 z", "y z^2", "z^3"]  # fmt: skip


def samples(n, d, *, seed):
    return np.random.default_rng(seed).standard_normal((n, d))


def damped(x):
    return np.exp(-x)


def swirl(x, y):
    return x * np.sin(y)


def rectified(x):
    return np.where(x > 0, x, 0.0)


LIBRARIES = {
    "PolynomialLibrary(degree=3)": PolynomialLibrary(3),
    "PolynomialLibrary(degree=2, include_bias=False)": PolynomialLibrary(2, include_bias=False),
    "PolynomialLibrary(degree=3, include_interaction=False)": PolynomialLibrary(3, include_interaction=False),
    "PolynomialLibrary(degree=2, interaction_only=True)": PolynomialLibrary(2, interaction_only=True),
    "FourierLibrary(n_frequencies=2)": FourierLibrary(2),
    "FourierLibrary(n_frequencies=1, include_sin=False)": FourierLibrary(include_sin=False),
    "CustomLibrary([damped, swirl])": CustomLibrary([damped, swirl]),
    "CustomLibrary([rectified], names=['max({}, 0)'])": CustomLibrary([rectified], names=["max({}, 0)"]),
    "ControlAffineLibrary(state_library=PolynomialLibrary(degree=2))": ControlAffineLibrary(PolynomialLibrary(2)),
    "PolynomialLibrary(degree=1) + FourierLibrary(n_frequencies=1)": PolynomialLibrary(1) + FourierLibrary(),
    "PolynomialLibrary(degree=1) * (FourierLibrary(n_frequencies=1) + CustomLibrary([damped]))": PolynomialLibrary(1)
    * (FourierLibrary() + CustomLibrary([damped])),
}


@pytest.fixture(params=LIBRARIES)
def library(request) -> Library:
    return LIBRARIES[request.param]


# --- What all libraries share -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", LIBRARIES)
def test_a_library_is_shown_as_it_is_typed(text):
    assert repr(LIBRARIES[text]) == text


@pytest.mark.parametrize("text", LIBRARIES)
def test_what_is_shown_makes_the_same_library(text):
    assert eval(text) == LIBRARIES[text]


def test_options_that_are_not_at_their_defaults_are_shown_and_no_others():
    assert repr(PolynomialLibrary()) == "PolynomialLibrary(degree=2)"
    assert repr(ControlAffineLibrary(PolynomialLibrary(2), PolynomialLibrary(1))) == (
        "ControlAffineLibrary(state_library=PolynomialLibrary(degree=2), control_library=PolynomialLibrary(degree=1))"
    )


def test_a_library_survives_pickling(library):
    copy = pickle.loads(pickle.dumps(library))
    x, u = samples(8, 3, seed=8501), samples(8, 2, seed=8513)
    assert copy == library
    np.testing.assert_array_equal(copy.transform(x, u), library.transform(x, u))


@pytest.mark.parametrize(("n_states", "n_controls"), [(1, 1), (2, 1), (3, 2), (5, 3)])
def test_functions_are_counted_without_being_made(library, n_states, n_controls):
    names = library.names([f"x{i}" for i in range(n_states)], [f"u{i}" for i in range(n_controls)])
    assert library.n_features(n_states, n_controls) == len(names)
    assert len(library.program(n_states, n_controls).outputs) == len(names)


def test_columns_are_what_their_names_say(library, lib):
    if lib.name == "strict" and "rectified" in repr(library):
        pytest.skip("a function of the user's own that is written for NumPy")
    x, u = samples(11, 3, seed=8521), samples(11, 2, seed=8527)
    Theta = lib.host(library.transform(lib.array(x), lib.array(u)))
    inputs = {**{f"x{i}": x[:, i] for i in range(3)}, **{f"u{i}": u[:, i] for i in range(2)}}
    for column, name in zip(Theta.T, library.names(["x0", "x1", "x2"], ["u0", "u1"]), strict=True):
        np.testing.assert_allclose(column, meaning(name, inputs), rtol=1e-13, atol=1e-13, err_msg=name)


def meaning(name, inputs):
    """Evaluate a name: a space is a product, ^ a power."""
    if name.startswith("max("):
        return np.maximum(inputs[name[4:6]], 0)
    text = name.replace("sin(1 ", "sin(").replace("cos(1 ", "cos(").replace("(2 ", "(2*").replace(" ", "*")
    functions = {"sin": np.sin, "cos": np.cos, "f0": damped, "f1": swirl}
    return eval(text.replace("^", "**"), functions, inputs)


def test_without_controls_there_are_states_alone():
    library = PolynomialLibrary(2) + FourierLibrary()
    x = samples(5, 2, seed=8537)
    assert library.names(["a", "b"])[-1] == "cos(1 b)"
    assert library.transform(x).shape == (5, library.n_features(2, 0)) == (5, 10)


def test_single_precision_is_kept_and_integers_become_double(lib):
    x = samples(6, 2, seed=8539)
    assert lib.host(PolynomialLibrary().transform(lib.array(x.astype(np.float32)))).dtype == np.float32
    whole = lib.host(PolynomialLibrary(3).transform(lib.array(np.array([[2, 3]]))))
    assert whole.dtype == np.float64
    np.testing.assert_array_equal(whole, [[1, 2, 3, 4, 6, 9, 8, 12, 18, 27]])


# --- Polynomials, sines, functions of one's own -----------------------------------------------------------------------


def test_monomials_are_ordered_by_degree():
    assert PolynomialLibrary(3).names(["x", "y", "z"]) == CUBIC


@pytest.mark.parametrize(
    ("options", "names"),
    [
        ({"degree": 0}, ["1"]),
        ({"degree": 1}, ["1", "x", "y", "z"]),
        ({"include_bias": False}, CUBIC[1:10]),
        ({"degree": 3, "include_interaction": False}, ["1", *"xyz", "x^2", "y^2", "z^2", "x^3", "y^3", "z^3"]),
        ({"degree": 3, "interaction_only": True}, ["1", *"xyz", "x y", "x z", "y z", "x y z"]),
        ({"degree": 9, "interaction_only": True}, ["1", *"xyz", "x y", "x z", "y z", "x y z"]),
    ],
)
def test_options_choose_among_the_monomials(options, names):
    library = PolynomialLibrary(**options)
    assert library.names(["x", "y", "z"]) == names
    assert library.n_features(3, 0) == len(names)


def test_a_monomial_costs_one_product():
    program = PolynomialLibrary(5).program(3)
    assert len(program.codes) == 56 - 3  # the inputs are there, the constant is written


def test_controls_are_further_inputs():
    assert PolynomialLibrary(2).names(["x"], ["u"]) == ["1", "x", "u", "x^2", "x u", "u^2"]
    assert FourierLibrary().names(["x"], ["u"]) == ["sin(1 x)", "cos(1 x)", "sin(1 u)", "cos(1 u)"]


def test_all_inputs_come_before_the_next_frequency():
    assert FourierLibrary(2).names(["a", "b"]) == [
        f"{name}({k} {x})" for k, x, name in product([1, 2], ["a", "b"], ["sin", "cos"])
    ]
    assert FourierLibrary(2, include_cos=False).names(["a"]) == ["sin(1 a)", "sin(2 a)"]


def test_a_function_is_taken_of_all_combinations_of_its_inputs():
    library = CustomLibrary([np.exp, swirl, lambda x, y, z: x + y * z])
    assert library.names(["a", "b", "c"]) == [
        "f0(a)", "f0(b)", "f0(c)", "f1(a,b)", "f1(a,c)", "f1(b,c)", "f2(a,b,c)"
    ]  # fmt: skip
    x = samples(4, 3, seed=8543)
    a, b, c = x.T
    expected = np.stack([*np.exp(x.T), swirl(a, b), swirl(a, c), swirl(b, c), a + b * c], axis=1)
    np.testing.assert_allclose(library.transform(x), expected, rtol=1e-14)
    assert library.program(3).is_compiled


def test_names_are_functions_or_formats():
    library = CustomLibrary([damped, swirl], names=[lambda x: f"exp(-{x})", "{0} sin({1})"])
    assert library.names(["a", "b"]) == ["exp(-a)", "exp(-b)", "a sin(b)"]


def test_an_argument_with_a_default_is_no_input():
    library = CustomLibrary([lambda x, scale=2.0: scale * x])
    np.testing.assert_array_equal(library.transform([[3.0, 4.0]]), [[6.0, 8.0]])


def test_a_function_that_branches_is_called_once_it_is_vectorised():
    library = CustomLibrary([np.vectorize(lambda x, y: x if x > y else math.sin(y))])
    x = samples(30, 2, seed=8563)
    expected = np.where(x[:, 0] > x[:, 1], x[:, 0], np.sin(x[:, 1]))
    np.testing.assert_allclose(library.transform(x)[:, 0], expected, rtol=1e-15)


# --- Controls, sums and products --------------------------------------------------------------------------------------


def test_controls_multiply_the_functions_of_the_state():
    library = ControlAffineLibrary(PolynomialLibrary(1))
    assert library.names(["x", "y"], ["u", "v"]) == ["1", "x", "y", "u", "x u", "y u", "v", "x v", "y v"]


def test_other_functions_may_multiply_the_controls():
    library = ControlAffineLibrary(PolynomialLibrary(2, include_bias=False), PolynomialLibrary(2))
    assert library.n_features(5, 1) == 41
    assert library.names(["x"], ["u"]) == ["x", "x^2", "u", "x u", "x^2 u"]


def test_a_sum_has_the_functions_side_by_side():
    library = PolynomialLibrary(1) + FourierLibrary() + CustomLibrary([damped])
    assert library.names(["x"]) == ["1", "x", "sin(1 x)", "cos(1 x)", "f0(x)"]
    assert library == PolynomialLibrary(1) + (FourierLibrary() + CustomLibrary([damped]))


def test_the_last_factor_of_a_product_changes_first():
    library = PolynomialLibrary(1) * FourierLibrary()
    assert library.names(["x"]) == ["sin(1 x)", "cos(1 x)", "x sin(1 x)", "x cos(1 x)"]
    assert (library * CustomLibrary([damped])).names(["x"])[2] == "x sin(1 x) f0(x)"
    x = samples(5, 1, seed=8573)
    expected = [np.sin(x), np.cos(x), x * np.sin(x), x * np.cos(x)]
    np.testing.assert_allclose(library.transform(x), np.concatenate(expected, axis=1), rtol=1e-14)


def test_the_name_of_a_sum_is_bracketed_in_a_product():
    sums = CustomLibrary([lambda x, y: x + y], names=["{} + {}"])
    library = ControlAffineLibrary(sums + CustomLibrary([damped], names=["exp(-{})"]) + PolynomialLibrary(1))
    assert library.names(["x", "y"], ["u"])[6:] == ["(x + y) u", "exp(-x) u", "exp(-y) u", "u", "x u", "y u"]


# --- Bad input --------------------------------------------------------------------------------------------------------


def test_a_transposed_x_is_suspected_before_any_work():
    message = (
        r"1000 states give 501501 functions, of which the Gram matrix alone takes 2\.01e\+03 GB: is x transposed\?"
    )
    with pytest.raises(ValueError, match=message):
        PolynomialLibrary(2).transform(np.ones((3, 1000)))


def test_a_product_counts_before_it_multiplies():
    with pytest.raises(ValueError, match=r"50 states and 7 controls give .* is x transposed"):
        (PolynomialLibrary(9) * PolynomialLibrary(9)).program(50, 7)


def test_one_name_of_two_functions_is_refused():
    with pytest.raises(ValueError, match=r"'1' more than once.*include_bias=False"):
        (PolynomialLibrary(1) + PolynomialLibrary(0)).program(2)
    with pytest.raises(ValueError, match=r"'f0\(x0\)' more than once"):
        (CustomLibrary([np.exp]) + CustomLibrary([np.sin])).program(1)


def test_a_library_without_a_function_is_refused():
    with pytest.raises(ValueError, match=r"CustomLibrary\(\[swirl\]\) has no function of 1 states"):
        CustomLibrary([swirl]).program(1)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: PolynomialLibrary(-1), ValueError, "degree is -1"),
        (lambda: PolynomialLibrary(1.5), TypeError, "degree is 1.5"),
        (lambda: PolynomialLibrary(0, include_bias=False), ValueError, "no function is left"),
        (lambda: PolynomialLibrary(include_interaction=False, interaction_only=True), ValueError, "leaves no product"),
        (lambda: FourierLibrary(0), ValueError, "n_frequencies is 0"),
        (lambda: FourierLibrary(include_sin=False, include_cos=False), ValueError, "no function is left"),
        (lambda: CustomLibrary([]), ValueError, "functions is empty"),
        (lambda: CustomLibrary(np.sin), TypeError, "a list is needed, if of one"),
        (lambda: CustomLibrary([np.sin, 3.0]), TypeError, r"functions\[1\] is 3.0: a function is needed"),
        (lambda: CustomLibrary([lambda: 1.0]), TypeError, r"cannot be told.*PolynomialLibrary\(0\)"),
        (lambda: CustomLibrary([lambda *x: x[0]]), TypeError, "cannot be told"),
        (lambda: CustomLibrary([max]), TypeError, "'max' takes cannot be told"),
        (lambda: CustomLibrary([np.sin], names=["a", "b"]), ValueError, "2 names and 1 functions"),
        (lambda: CustomLibrary([np.sin], names="sin({})"), TypeError, "a list is needed"),
        (lambda: CustomLibrary([np.sin], names=[3]), TypeError, r"names\[0\] is 3"),
        (lambda: CustomLibrary([np.sin], names=["{} {}"]), ValueError, "a format for 1 names"),
        (lambda: CustomLibrary([np.sin], names=[lambda x: 3]).names(["x"]), TypeError, r"names\[0\] returned 3 for x"),
        (lambda: ControlAffineLibrary(2), TypeError, "state_library is 2: a library is needed"),
        (lambda: ControlAffineLibrary(PolynomialLibrary(2)).program(2), ValueError, "needs controls: pass u"),
        (lambda: PolynomialLibrary().program(0), ValueError, "n_states is 0"),
        (lambda: PolynomialLibrary() + 1, TypeError, "unsupported operand"),
        (lambda: PolynomialLibrary() * 2.0, TypeError, "unsupported operand"),
    ],
)
def test_a_library_that_cannot_be_meant_is_refused(make, error, message):
    with pytest.raises(error, match=message):
        make()


@pytest.mark.parametrize(
    ("x", "u", "error", "message"),
    [
        (np.ones(5), None, ValueError, r"x has shape \(5,\): samples in rows"),
        (np.ones((0, 2)), None, ValueError, r"x has shape \(0, 2\)"),
        (np.ones((4, 2)), np.ones((3, 1)), ValueError, "u has 3 samples and x 4"),
        (np.ones((4, 2)) * 1j, None, TypeError, "x is complex"),
        ([[1.0, np.nan]], None, ValueError, r"x\[0, 1\] is nan"),
        (np.ones((4, 2)), [[1.0], [2.0], [-np.inf], [0.0]], ValueError, r"u\[2, 0\] is -inf"),
    ],
)
def test_samples_that_cannot_be_meant_are_refused(x, u, error, message):
    with pytest.raises(error, match=message):
        PolynomialLibrary().transform(x, u)

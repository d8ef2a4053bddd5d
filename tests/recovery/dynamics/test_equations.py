"""Equations: their signs, decimals and units, in plain text and for LaTeX."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparsesci.recovery.dynamics.equations import equation, latex_name

NAMES = ["1", "x0", "x1", "x0 x1"]


@pytest.mark.parametrize(
    ("coef", "expected"),
    [
        ([0, -10, 10, 0], "-10.000 x0 + 10.000 x1"),
        ([0, 28, -1, -1], "28.000 x0 - 1.000 x1 - 1.000 x0 x1"),
        ([0, 0, -8 / 3, 0.5], "-2.667 x1 + 0.500 x0 x1"),
        ([-1.5, 2, 0, 0], "-1.500 + 2.000 x0"),
        ([0, 2, 0, 0], "2.000 x0"),
        ([0.25, 0, 0, 0], "0.250"),
        ([0, 0, 0, 0], "0"),
        ([0, 0.0, -0.0, 0], "0"),
    ],
)
def test_an_equation_reads_as_in_a_paper(coef, expected):
    assert equation(coef, NAMES) == expected


@pytest.mark.parametrize(
    ("size", "text"),
    [(3.2e-5, "3.200e-05"), (5.1e-4, "0.001"), (4.9e-4, "4.900e-04"), (999999.0, "999999.000"), (2.5e7, "2.500e+07")],
)
def test_what_decimals_would_hide_gets_a_power_of_ten(size, text):
    assert equation([size], ["x"]) == f"{text} x"
    assert equation([-size], ["x"]) == f"-{text} x"


def test_precision_is_the_number_of_decimals():
    assert equation([np.pi, -np.e], ["x", "y"], 1) == "3.1 x - 2.7 y"
    assert equation([np.pi, -np.e], ["x", "y"], 0) == "3 x - 3 y"


def test_coefficients_that_are_not_finite_are_shown():
    assert equation([np.nan, -np.inf], ["x", "y"]) == "nan x - inf y"


def test_as_many_names_as_coefficients_are_needed():
    with pytest.raises(ValueError, match="shorter"):
        equation([1.0, 2.0], ["x"])


@given(st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=6), st.integers(0, 8))
def test_two_signs_never_meet_and_no_term_is_lost(coef, precision):
    text = equation(coef, [f"x{i}" for i in range(len(coef))], precision)
    assert "+ -" not in text and "- -" not in text and "+ +" not in text
    assert text.count("x") == np.count_nonzero(coef)
    read = [float(term) for term in text.replace("- ", "-").replace("+ ", "").split() if not term.startswith("x")]
    kept = [value for value in coef if value != 0]
    assert all(np.sign(a) == np.sign(b) for a, b in zip(read, kept, strict=False))


def test_latex_sets_the_numbers_and_the_names():
    assert equation([-10.0, 3.2e-5, 1.5], ["x0^2", "sin(1 x1)", "1"], latex=True) == (
        r"-10.000 \, x_{0}^{2} + 3.200 \times 10^{-5} \, \sin(x_{1}) + 1.500"
    )


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("x0 x1", r"x_{0} \, x_{1}"),
        ("theta^2", r"\theta^{2}"),
        ("lynx hare", r"\mathrm{lynx} \, \mathrm{hare}"),
        ("cos(2 omega1)", r"\cos(2 \, \omega_{1})"),
        ("x12^10", "x_{12}^{10}"),
    ],
)
def test_names_are_set_as_variables(name, expected):
    assert latex_name(name) == expected

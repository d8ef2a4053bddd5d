"""SINDy-PI: relations between states and rates, which of them is best, and the rates that they imply."""

from functools import partial

import numpy as np
import pytest

from sparsesci._lib.result import ConvergenceWarning, Status
from sparsesci.recovery.dynamics.control_affine_library import ControlAffineLibrary
from sparsesci.recovery.dynamics.gram import as_gram
from sparsesci.recovery.dynamics.implicit_result import Rate, mentions, without_factor
from sparsesci.recovery.dynamics.polynomial_library import PolynomialLibrary
from sparsesci.recovery.dynamics.samples import Samples
from sparsesci.recovery.dynamics.sindy_pi import ranked, sindy_pi
from sparsesci.recovery.dynamics.stlsq import stlsq

NAMES = ("1", "x", "x'", "x x'")
AFFINE = ControlAffineLibrary(PolynomialLibrary(1))
RELATION = np.array([0.18, -0.9, -0.3, -1.0])  # of NAMES, whose product with the functions is zero


def michaelis_menten(x):
    return 0.6 - 1.5 * x / (0.3 + x)


def trajectories(*, step=0.02):
    """Return six trajectories (200, 6) of Michaelis-Menten kinetics, from the implicit formula for their times."""
    x, rows = np.array([0.01, 0.1, 0.5, 1.0, 2.0, 4.0]), []
    for _ in range(200):
        rows.append(x)
        for _ in range(10):  # Runge-Kutta with a tenth of the step
            k1 = michaelis_menten(x)
            k2 = michaelis_menten(x + step / 20 * k1)
            k3 = michaelis_menten(x + step / 20 * k2)
            k4 = michaelis_menten(x + step / 10 * k3)
            x = x + step / 60 * (k1 + 2 * k2 + 2 * k3 + k4)
    return np.array(rows)


def clean(library=AFFINE):
    """Return the library at the trajectories, with their exact rates."""
    x = trajectories().reshape(-1, 1)
    return library.transform(x, michaelis_menten(x))


def relation(result, rank=0):
    """Return the coefficients (p,) whose product with the functions is zero, those of "x x'" being -1."""
    row = np.array(result.coefficients[rank], float)
    row[result.candidates[rank]] = -1.0
    return -row / row[-1]


# --- Relations --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rank", range(4))
def test_exact_rates_give_the_relation_whatever_column_is_on_the_left(rank):
    result = sindy_pi(clean(), names=NAMES)
    assert result.success
    assert sorted(result.candidates) == [0, 1, 2, 3]
    np.testing.assert_allclose(relation(result, rank), RELATION, rtol=1e-11)
    assert result.errors[rank] < 1e-13


def test_differences_give_it_within_a_percent():
    x = trajectories()
    rates = np.gradient(x, 0.02, axis=0, edge_order=2)
    result = sindy_pi(AFFINE.transform(x.reshape(-1, 1), rates.reshape(-1, 1)), names=NAMES)
    np.testing.assert_allclose(relation(result), RELATION, rtol=1e-2)
    assert 1e-6 < result.errors[0] < 1e-3


def test_noisy_rates_give_it_within_a_few_percent():
    rng = np.random.default_rng(8707)
    x = trajectories().reshape(-1, 1)
    rates = michaelis_menten(x) * (1 + 0.02 * rng.standard_normal(x.shape))
    np.testing.assert_allclose(relation(sindy_pi(AFFINE.transform(x, rates))), RELATION, rtol=0.03)


def test_a_predator_that_is_sated_is_found_among_twenty_functions():
    rng = np.random.default_rng(8713)
    x, y = rng.uniform(0.1, 2.0, (2, 400))
    rates = 1.2 * x - 0.8 * x * y / (0.4 + x)
    library = ControlAffineLibrary(PolynomialLibrary(2), PolynomialLibrary(1))
    names = library.names(["x", "y"], ["x'"])
    Theta = library.transform(np.stack([x, y], axis=1), rates[:, None])
    result = sindy_pi(Theta, names=names, candidates=["x'", "x x'"])
    assert result.solve("x'").equation() == "x' = (0.480 x + 1.200 x^2 - 0.800 x y) / (0.400 + 1.000 x)"


def test_of_relations_that_fit_as_well_that_with_the_fewest_terms_is_first():
    library = ControlAffineLibrary(PolynomialLibrary(3))
    result = sindy_pi(clean(library), names=library.names(["x"], ["x'"]))
    assert np.count_nonzero(result.x) == 3
    counts = np.count_nonzero(result.coefficients, axis=1)
    assert counts.max() > 3  # the library holds multiples of the relation, and their mixtures
    # Whatever it was multiplied by, the rate is the same.
    x = np.linspace(0.2, 3, 20)[:, None]
    rates = result.solve("x'")(library.transform(x, np.ones_like(x)))
    np.testing.assert_allclose(rates, michaelis_menten(x[:, 0]), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    ("errors", "n_terms", "order"),
    [
        ([1e-3, 2e-3, 5e-2], [6, 3, 1], [1, 0, 2]),  # twice the error, half the terms; but not fifty times
        ([0.9, 1.0, 0.3], [1, 0, 2], [0, 2, 1]),  # no term is no relation
        ([1e-16, 3e-14, 1e-15], [3, 2, 2], [1, 2, 0]),  # the errors of rounding are equal
        ([], [], []),
    ],
)
def test_candidates_are_ranked_by_error_behind_the_simplest_of_the_best(errors, n_terms, order):
    assert ranked(np.array(errors), np.array(n_terms)).tolist() == order


def test_units_do_not_matter():
    units = np.array([1e3, 1e-4, 7.0, 1e5])
    Theta = clean()
    plain, scaled = sindy_pi(Theta), sindy_pi(Theta * units)
    assert plain.candidate == scaled.candidate
    np.testing.assert_allclose(scaled.x * units / units[scaled.candidate], plain.x, rtol=1e-9)


# --- What is given, and what comes back -------------------------------------------------------------------------------


def test_arrays_of_any_library_are_taken(lib):
    result = sindy_pi(lib.array(clean()), names=NAMES)
    assert lib.host(result.x).shape == (4,)
    np.testing.assert_allclose(relation(sindy_pi(clean())), RELATION, rtol=1e-11)
    assert lib.host(result.coefficients).shape == (4, 4)
    assert lib.host(result.errors).max() < 1e-13
    assert result.solve("x'").equation() == "x' = (0.180 - 0.900 x) / (0.300 + 1.000 x)"


def test_single_precision_is_kept():
    result = sindy_pi(clean().astype(np.float32))
    assert result.x.dtype == result.errors.dtype == np.float32
    np.testing.assert_allclose(relation(result), RELATION, rtol=1e-4)


def test_samples_give_what_their_array_gives_to_all_digits():
    x = trajectories().reshape(-1, 1)
    rates = michaelis_menten(x) * (1 + 1e-4 * np.random.default_rng(8753).standard_normal(x.shape))
    inputs = np.concatenate([x, rates], axis=1).T
    found = sindy_pi(Samples(program=AFFINE.program(1, 1), inputs=inputs, Y=np.zeros(len(x))))
    expected = sindy_pi(AFFINE.transform(x, rates))
    np.testing.assert_allclose(found.coefficients, expected.coefficients, rtol=1e-10)
    np.testing.assert_allclose(found.errors, expected.errors, rtol=1e-10)  # which a Gram matrix knows to 1e-8


def test_a_gram_without_a_triangle_gives_half_the_digits():
    gram = as_gram(clean(), np.zeros(1200), path="gram")
    result = sindy_pi(gram, names=NAMES)
    np.testing.assert_allclose(relation(result), RELATION, rtol=1e-6)
    assert result.errors[0] < 1e-7


def test_errors_are_those_of_the_rows_held_out():
    rng = np.random.default_rng(8719)
    x = rng.uniform(0.1, 3, (50, 1))
    held_out = AFFINE.transform(x, 1.1 * michaelis_menten(x))
    result = sindy_pi(clean(), names=NAMES, validation=held_out)
    for j, row, error in zip(result.candidates, result.coefficients, result.errors, strict=True):
        expected = np.linalg.norm(held_out[:, j] - held_out @ row) / np.linalg.norm(held_out[:, j])
        assert error == pytest.approx(expected, rel=1e-12)
    assert result.errors.min() > 1e-3
    assert "on the rows held out" in result.message


def test_candidates_are_columns_or_names():
    assert sorted(sindy_pi(clean(), names=NAMES, candidates=["x'", 3]).candidates) == [2, 3]
    assert sindy_pi(clean(), candidates=[1]).nit == 1


def test_an_optimizer_is_run_on_every_candidate():
    seen = []

    def optimizer(gram):
        seen.append((gram.p, gram.d, gram.n, gram.path))
        return stlsq(gram, threshold=0.01, relative=True)

    result = sindy_pi(clean(), optimizer=optimizer)
    assert seen == [(3, 1, 1200, "qr")] * 4
    np.testing.assert_allclose(relation(result), RELATION, rtol=1e-11)


def test_equations_read_as_relations():
    result = sindy_pi(clean(), names=NAMES, candidates=["x x'"])
    assert result.equations() == ["x x' = 0.180 - 0.900 x - 0.300 x'"]
    assert result.equations(1) == ["x x' = 0.2 - 0.9 x - 0.3 x'"]
    assert result.message.startswith("x x' = 0.180 - 0.900 x - 0.300 x', relative error")
    assert "x x' = 0.180" in repr(result)


def test_inputs_are_left_alone():
    Theta = clean()
    before = Theta.copy()
    sindy_pi(Theta, validation=Theta)
    np.testing.assert_array_equal(Theta, before)


# --- The rate that a relation implies ---------------------------------------------------------------------------------


def test_the_rate_is_a_formula_and_a_function(lib):
    rate = sindy_pi(clean(), names=NAMES).solve("x'")
    assert repr(rate) == "x' = (0.180 - 0.900 x) / (0.300 + 1.000 x)"
    x = np.linspace(0, 5, 30)[:, None]
    found = lib.host(rate(AFFINE.transform(lib.array(x), lib.array(np.ones_like(x)))))
    np.testing.assert_allclose(found, michaelis_menten(x[:, 0]), rtol=1e-10, atol=1e-12)


def test_a_rate_without_a_denominator_is_no_fraction():
    x = np.random.default_rng(8731).uniform(-1, 1, (60, 1))
    result = sindy_pi(AFFINE.transform(x, 2 - 3 * x), names=NAMES, candidates=["x'"])
    assert result.solve("x'").equation(1) == "x' = 2.0 - 3.0 x"


def test_a_pole_is_infinite():
    rate = Rate("y'", np.array([1.0, 0.0]), np.array([0.0, 1.0]), ("1", "y"))
    np.testing.assert_array_equal(rate([[1.0, 0.0], [1.0, 4.0], [-1.0, 0.0]]), [np.inf, 0.25, -np.inf])


def test_an_identity_of_the_library_holds_no_rate():
    x = np.random.default_rng(8737).uniform(-2, 2, 80)
    rates = np.exp(np.sin(3 * x))  # of which the library knows nothing
    Theta = np.stack([np.ones(80), np.sin(x) ** 2, np.cos(x) ** 2, rates], axis=1)
    result = sindy_pi(Theta, names=["1", "sin^2", "cos^2", "x'"])
    assert result.equations()[0] == "1 = 1.000 sin^2 + 1.000 cos^2"
    with pytest.raises(ValueError, match=r"does not hold x'.*candidates that contain the rate"):
        result.solve("x'")


def test_a_square_of_the_rate_is_refused_by_name():
    x = np.random.default_rng(8741).uniform(0.1, 2, (80, 1))
    library = PolynomialLibrary(2)
    Theta = library.transform(x, np.sqrt(1 + 2 * x))
    result = sindy_pi(Theta, names=library.names(["x"], ["x'"]), candidates=["x'^2"])
    assert result.equations() == ["x'^2 = 1.000 + 2.000 x"]
    with pytest.raises(ValueError, match=r"not linear in x': it holds \"x'\^2\""):
        result.solve("x'")


@pytest.mark.parametrize(
    ("name", "rest"),
    [
        ("x'", "1"),
        ("x x'", "x"),
        ("x0^2 x' sin(1 x)", "x0^2 sin(1 x)"),
        ("(x + 1) x'", "(x + 1)"),
        ("x", None),
        ("x'^2", None),
        ("sin(1 x')", None),
        ("(2 x' + y) x", None),
        ("x + x'", None),
        ("f0(x,x')", None),
        ("x0'", None),
    ],
)
def test_a_factor_is_taken_out_of_a_product(name, rest):
    assert without_factor(name, "x'") == rest


def test_only_whole_names_are_mentioned():
    assert mentions("x'^2", "x'") and mentions("sin(1 x')", "x'") and mentions("x' x'", "x'")
    assert not mentions("x x0'", "x'") and not mentions("max'", "x'") and not mentions("x''", "x'")


# --- Failure and bad input --------------------------------------------------------------------------------------------


def test_noise_has_no_relation():
    Theta = np.random.default_rng(8747).standard_normal((5000, 6))
    with pytest.warns(ConvergenceWarning, match="no candidate has a relation"):
        result = sindy_pi(Theta)
    assert result.status is Status.EMPTY and not result.success
    assert not np.any(result.x)
    np.testing.assert_array_equal(result.errors, 1.0)


def test_a_column_of_zeros_is_no_candidate_and_no_term():
    Theta = np.concatenate([clean(), np.zeros((1200, 1))], axis=1)
    result = sindy_pi(Theta)
    assert 4 not in result.candidates
    assert not np.any(result.coefficients[:, 4])


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"names": ["x"]}, ValueError, "1 names and 4 functions"),
        ({"candidates": [4]}, ValueError, "candidates has 4: there are 4 columns"),
        ({"candidates": ["y"]}, ValueError, "candidates has 'y'"),
        ({"candidates": []}, ValueError, "not empty"),
        ({"candidates": "f1"}, ValueError, "a list of columns"),
        ({"candidates": [1.5]}, TypeError, "an integer is needed"),
        ({"optimizer": 0.1}, TypeError, "optimizer is 0.1"),
        ({"validation": np.ones((3, 2))}, ValueError, r"validation has shape \(3, 2\): \(m, 4\)"),
        ({"validation": np.full((3, 4), np.nan)}, ValueError, r"validation\[0, 0\] is nan"),
    ],
)
def test_options_that_cannot_be_meant_are_refused(options, error, message):
    with pytest.raises(error, match=message):
        sindy_pi(clean(), **options)


@pytest.mark.parametrize(
    ("Theta", "error", "message"),
    [
        (np.ones((5, 1)), ValueError, "one column"),
        (np.ones(5), ValueError, r"Theta has shape \(5,\)"),
        (np.ones((5, 2)) * 1j, TypeError, "Theta is complex"),
        ([[1.0, 2.0], [np.nan, 1.0], [1.0, 0.0]], ValueError, r"Theta\[1, 0\] is nan"),
        (np.zeros((0, 3)), ValueError, r"Theta has shape \(0, 3\)"),
    ],
)
def test_functions_that_cannot_be_meant_are_refused(Theta, error, message):
    with pytest.raises(error, match=message):
        sindy_pi(Theta)


def test_fewer_samples_than_functions_is_said():
    with pytest.warns(UserWarning, match="3 samples of 4 functions"):
        sindy_pi(clean()[::400], optimizer=partial(stlsq, threshold=0.0))


def test_a_rate_wants_all_functions():
    rate = sindy_pi(clean(), names=NAMES).solve("x'")
    with pytest.raises(ValueError, match=r"Theta has shape \(3, 2\): \(n, 4\) is needed"):
        rate(np.ones((3, 2)))

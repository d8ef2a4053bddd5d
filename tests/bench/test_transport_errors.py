"""The two measures of error for transport plans: neither can be met by an answer that is wrong."""

import numpy as np
import pytest

from sparsesci.bench.objectives.linear_program_error import linear_program_error
from sparsesci.bench.objectives.marginal_error import marginal_error


def gibbs(seed, reg=0.3):
    """Return a system whose marginals are those of a plan of given potentials, and the potentials."""
    rng = np.random.default_rng(seed)
    f, g, C = rng.standard_normal(4), rng.standard_normal(3), rng.random((4, 3))
    P = np.exp((f[:, None] + g - C) / reg)
    return (P.sum(axis=1), P.sum(axis=0), C, reg), (f, g)


def test_the_potentials_of_the_plan_have_no_error_in_any_gauge():
    system, (f, g) = gibbs(211)
    assert marginal_error(*system, (f, g)) < 1e-15
    assert marginal_error(*system, (f + 5.0, g - 5.0)) < 1e-13


def test_the_error_is_the_sum_over_both_marginals_beside_the_mass():
    (a, b, C, reg), (f, g) = gibbs(212)
    assert marginal_error(a, b, C, reg, (f + reg * np.log(1.5), g)) == pytest.approx(1.0)
    assert marginal_error(a, b, C, reg, (f - np.inf, g)) == pytest.approx(2.0)


def test_potentials_in_another_unit_are_wrong():
    (a, b, C, reg), (f, g) = gibbs(213)
    assert marginal_error(a, b, C, reg, (f / reg, g / reg)) > 0.1


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_potentials_that_are_not_finite_have_no_finite_error(bad):
    system, (f, g) = gibbs(214)
    assert not np.isfinite(marginal_error(*system, (f, np.full_like(g, bad))))


def test_a_plan_is_no_answer_to_the_entropic_problem():
    (a, b, C, reg), _ = gibbs(215)
    with pytest.raises(ValueError, match="no pair of potentials"):
        marginal_error(a, b, C, reg, np.outer(a, b) / a.sum())


# Without entropy


def assignment():
    """Return a system of two points, its optimal plan and dual variables."""
    half = np.full(2, 0.5)
    return (half, half, np.array([[0.0, 1.0], [2.0, 0.0]]), 0.1), (np.diag(half), np.zeros(2), np.zeros(2))


def test_an_optimal_plan_with_its_dual_variables_has_no_error():
    system, x = assignment()
    assert linear_program_error(*system, x) == 0


@pytest.mark.parametrize(
    ("P", "u", "v", "error"),
    [
        ([[0.25, 0.25], [0.25, 0.25]], [0, 0], [0, 0], 0.375),  # feasible, and too dear: the gap
        ([[0.5, 0.0], [0.0, 0.25]], [0, 0], [0, 0], 0.5),  # too little mass
        ([[0.5, 0.0], [0.0, 0.5]], [1, 0], [0, -1], 0.5),  # no gap, but u_0 + v_0 > C_00
        ([[0.75, -0.25], [-0.25, 0.75]], [0, 0], [0, 0], 0.375),  # the right marginals with negative mass
    ],
)
def test_each_condition_of_optimality_is_checked(P, u, v, error):
    system, _ = assignment()
    assert linear_program_error(*system, (np.array(P), np.array(u), np.array(v))) == pytest.approx(error)


def test_nan_is_no_optimum():
    system, (P, u, v) = assignment()
    assert np.isnan(linear_program_error(*system, (P, u * np.nan, v)))


def test_an_answer_without_dual_variables_is_refused():
    system, (P, _, _) = assignment()
    with pytest.raises(ValueError, match="no plan with dual variables"):
        linear_program_error(*system, (P,))

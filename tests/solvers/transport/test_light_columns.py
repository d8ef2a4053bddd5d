"""Columns of negligible weight: when they are left out, and that they are exact in the end."""

import numpy as np
import pytest

from sparsesci.solvers.transport.checks import transport_problem
from sparsesci.solvers.transport.light_columns import LightColumns
from sparsesci.solvers.transport.sinkhorn_newton import sinkhorn_newton


def light_problem(general, seed):
    a, b, C = general(30, 25, seed)
    b[[4, 9, 24]] *= np.array([1e-13, 1e-30, 1e-200])
    return a, b / b.sum(), C


def test_light_columns_are_exact_in_the_end(lib, general):
    a, b, C = light_problem(general, 8501)
    result = sinkhorn_newton(lib.array(a), lib.array(b), lib.array(C), 0.01)
    P = lib.host(result.plan)
    assert result.success
    np.testing.assert_allclose(P.sum(axis=0)[[4, 9, 24]], b[[4, 9, 24]], rtol=1e-9)
    np.testing.assert_allclose(P.sum(axis=1), a, atol=1e-12)


def test_they_weigh_together_what_is_negligible_at_the_most(lib, general):
    parts = [lib.array(part) for part in light_problem(general, 8513)]
    problem = transport_problem(*parts)
    columns = LightColumns.of(problem, 1e-11)
    assert sorted(lib.host(columns.places[0])) == [4, 9, 24] and 0 < columns.weight <= 1e-11
    assert columns.without().C.shape == (30, 22)
    assert columns.without().b.shape == (22,)


@pytest.mark.parametrize("negligible", [0.0, 1e-300])
def test_without_a_light_column_nothing_is_copied(general, negligible):
    problem = transport_problem(*light_problem(general, 8521))
    columns = LightColumns.of(problem, negligible)
    assert columns.places is None and columns.without() is problem and columns.weight == 0


def test_where_arcs_are_forbidden_no_column_is_left_out(general):
    a, b, C = light_problem(general, 8527)
    C[0, 0] = np.inf
    assert LightColumns.of(transport_problem(a, b, C), 1e-11).places is None
    assert sinkhorn_newton(a, b, C, 0.01).success


def test_their_weight_belongs_to_the_error_that_the_iteration_sees(general):
    a, b, C = light_problem(general, 8537)
    b[4] = 8e-12
    result = sinkhorn_newton(a, b / b.sum(), C, 0.05)
    assert result.success and result.residuals[-1] >= b[4]
    assert result.marginal_error == pytest.approx(result.residuals[-1], rel=1e-2)


def test_potentials_of_a_problem_with_light_columns_are_a_start(general):
    parts = light_problem(general, 8539)
    first = sinkhorn_newton(*parts, 0.01)
    again = sinkhorn_newton(*parts, 0.01, potentials=first.potentials)
    assert first.nit > 0 and again.success and again.nit == 0

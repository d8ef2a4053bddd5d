"""Newton's method on the semi-dual: it converges everywhere, in few steps, and says so when it does not."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sparsesci.solvers import ConvergenceWarning, Status
from sparsesci.solvers.transport import sinkhorn_newton as module
from sparsesci.solvers.transport.checks import transport_problem
from sparsesci.solvers.transport.published import sparsified_hessian
from sparsesci.solvers.transport.rows import rows_of
from sparsesci.solvers.transport.sinkhorn import sinkhorn
from sparsesci.solvers.transport.sinkhorn_newton import sinkhorn_newton

SEEDS = st.integers(min_value=6311, max_value=2**31)
SEEDS_OF_DECADES = [(40, 6917), (40, 6926), (100, 6905), (100, 6914), (300, 6908), (300, 6920)]


def marginal_error(result, a, b):
    P = result.plan
    return np.abs(P.sum(axis=1) - a).sum() + np.abs(P.sum(axis=0) - b).sum()


@pytest.mark.parametrize("eta", [10.0, 1e2, 1.2e3, 1e4, 1e5])
@pytest.mark.parametrize("seed", [6317, 6323])
def test_random_assignments_converge_at_every_reg(assign, eta, seed):
    a, b, C = assign(300, seed)
    result = sinkhorn_newton(a, b, C, 1 / eta)
    assert result.success and result.nit <= 40
    assert marginal_error(result, a, b) <= 1e-9


@pytest.mark.parametrize("eta", [10.0, 1e2, 1.2e3, 1e4, 1e5])
@pytest.mark.parametrize("power", [1, 2])
def test_pictures_converge_at_every_reg(pictures, power, eta):
    a, b, C = pictures(power, 6329)
    result = sinkhorn_newton(a, b, C, 1 / eta)
    assert result.success and result.nit <= 60
    assert marginal_error(result, a, b) <= 1e-9


def test_it_finds_what_sinkhorn_finds(lib, general):
    parts = [lib.array(part) for part in general(30, 40, 6337)]
    newton, scaling = sinkhorn_newton(*parts, 0.02, rtol=1e-11), sinkhorn(*parts, 0.02, rtol=1e-11)
    assert newton.success and scaling.success and newton.nit < scaling.nit / 4
    np.testing.assert_allclose(lib.host(newton.plan), lib.host(scaling.plan), atol=1e-11)
    assert newton.value == pytest.approx(scaling.value, rel=1e-10)
    for one, other in zip(newton.potentials, scaling.potentials, strict=True):
        np.testing.assert_allclose(lib.host(one), lib.host(other), atol=1e-9)


@pytest.mark.parametrize("seed", [6343, 6353])
def test_the_last_steps_converge_quadratically(assign, seed):
    result = sinkhorn_newton(*assign(200, seed), 1e-3, rtol=1e-13)
    before, last = result.residuals[-2:]
    assert last < max(30 * before**1.5, 1e-14)


def test_its_own_potentials_make_a_start_without_a_step(lib, general):
    parts = [lib.array(part) for part in general(40, 30, 6359)]
    first = sinkhorn_newton(*parts, 1e-3)
    again = sinkhorn_newton(*parts, 1e-3, potentials=first.potentials)
    assert first.nit > 0 and again.success and again.nit == 0


def test_near_potentials_save_steps(general):
    a, b, C = general(150, 150, 6361)
    first = sinkhorn_newton(a, b, C, 1e-3)
    near = C + 1e-5 * np.random.default_rng(6367).random(C.shape)
    assert sinkhorn_newton(a, b, near, 1e-3, potentials=first.potentials).nit < sinkhorn_newton(a, b, near, 1e-3).nit


def test_far_potentials_do_no_harm(general):
    a, b, C = general(60, 60, 6373)
    wrong = np.zeros(60), 5 * np.random.default_rng(6379).standard_normal(60)
    result = sinkhorn_newton(a, b, C, 1e-3, potentials=wrong)
    assert result.success and marginal_error(result, a, b) <= 1e-9


def test_a_plan_that_falls_into_parts_converges(general):
    a, b, C = general(40, 40, 6389)
    C[:20, 20:] = C[20:, :20] = np.inf
    b[:20] *= a[:20].sum() / b[:20].sum()
    b[20:] *= a[20:].sum() / b[20:].sum()
    result = sinkhorn_newton(a, b, C, 1e-3)
    assert result.success and not result.plan[:20, 20:].any()


def test_ties_everywhere_converge():
    x = np.arange(30.0)
    C = np.abs(x[:, None] - x)  # every shift of mass costs the same by many ways
    a, b = np.exp(-x / 10), np.exp(-x[::-1] / 10)
    result = sinkhorn_newton(a / a.sum(), b / b.sum(), C, 0.01)
    assert result.success


def test_constant_costs_spread_the_mass():
    a, b = np.array([0.2, 0.8]), np.array([0.1, 0.6, 0.3])
    np.testing.assert_allclose(sinkhorn_newton(a, b, np.full((2, 3), 7.0), 0.1).plan, a[:, None] * b, atol=1e-12)


def test_weights_of_very_different_size_converge(general):
    a, b, C = general(50, 60, 6397)
    b = b * np.geomspace(1e-12, 1, 60)
    result = sinkhorn_newton(a, b / b.sum(), C, 1e-3)
    assert result.success


def weights_over_decades(decades, seed):
    """Return weights whose logarithms are uniform, and squared distances between points on a line."""
    rng = np.random.default_rng(seed)
    a, b = 10 ** (-decades * rng.random(50)), 10 ** (-decades * rng.random(60))
    return a / a.sum(), b / b.sum(), (rng.random(50)[:, None] - rng.random(60)) ** 2


def test_three_hundred_points_of_weights_over_250_decades_converge():
    rng = np.random.default_rng(8801)
    a, b = 10 ** (-250 * rng.random(300)), 10 ** (-250 * rng.random(260))
    a, b, _ = a / a.sum(), b / b.sum(), rng.random((300, 1)) - rng.random(260)
    result = sinkhorn_newton(a, b, rng.random((300, 260)), 1e-4)
    assert result.success and result.nit < 100


@pytest.mark.parametrize(("decades", "seed"), SEEDS_OF_DECADES)
def test_weights_over_any_number_of_decades_converge(decades, seed):
    a, b, C = weights_over_decades(decades, seed)
    result = sinkhorn_newton(a, b, C, 1e-4)
    assert result.success and result.nit < 100
    assert marginal_error(result, a, b) <= 1e-9
    light = b < 1e-14
    np.testing.assert_allclose(result.plan.sum(axis=0)[light], b[light], rtol=1e-9, atol=1e-300)


def test_more_rows_than_columns_or_fewer_make_no_difference(general):
    a, b, C = general(20, 90, 6421)
    wide, tall = sinkhorn_newton(a, b, C, 2e-3, rtol=1e-11), sinkhorn_newton(b, a, C.T, 2e-3, rtol=1e-11)
    np.testing.assert_allclose(wide.plan, tall.plan.T, atol=1e-11)
    for one, other in zip(wide.potentials, tall.potentials[::-1], strict=True):
        np.testing.assert_allclose(one, other, atol=1e-9)


@settings(max_examples=25, deadline=None)
@given(SEEDS, st.integers(1, 12), st.integers(1, 12), st.floats(-4, 1))
def test_the_marginals_of_the_plan_are_the_weights(seed, n, m, exponent):
    rng = np.random.default_rng(seed)
    a, b, C = rng.random(n) + 1e-3, rng.random(m) + 1e-3, rng.standard_normal((n, m))
    b *= a.sum() / b.sum()
    result = sinkhorn_newton(a, b, C, 10.0**exponent)
    assert result.success and marginal_error(result, a, b) <= 1.1e-9 * a.sum()
    assert np.isclose(result.marginal_error * a.sum(), marginal_error(result, a, b), rtol=1e-2, atol=1e-10)


@settings(max_examples=20, deadline=None)
@given(SEEDS, st.floats(-3, 3), st.floats(-8, 8))
def test_a_constant_on_the_costs_is_a_constant_on_the_cost_and_mass_scales_the_plan(seed, constant, exponent):
    rng = np.random.default_rng(seed)
    a, b, C = rng.random(9), rng.random(7), rng.random((9, 7))
    b *= a.sum() / b.sum()
    plain = sinkhorn_newton(a, b, C, 0.05, rtol=1e-11)
    raised = sinkhorn_newton(a, b, C + constant, 0.05, rtol=1e-11)
    scale = 10.0**exponent
    heavy = sinkhorn_newton(scale * a, scale * b, C, 0.05, rtol=1e-11)
    np.testing.assert_allclose(raised.plan, plain.plan, atol=1e-10)
    assert math.isclose(raised.cost, plain.cost + constant * a.sum(), abs_tol=1e-10)
    assert math.isclose(raised.value, plain.value + constant * a.sum(), abs_tol=1e-10)
    np.testing.assert_allclose(heavy.plan, scale * plain.plan, atol=1e-10 * scale)
    assert math.isclose(heavy.cost, scale * plain.cost, rel_tol=1e-9)


def test_without_enough_steps_it_warns_and_says_what_to_do(lib, assign):
    parts = [lib.array(part) for part in assign(60, 6427)]
    with pytest.warns(ConvergenceWarning, match=r"maxiter is used up: raise maxiter or reg"):
        result = sinkhorn_newton(*parts, 1e-4, maxiter=2)
    assert not result.success and result.status is Status.MAXITER and result.nit == 2
    assert result.reg == 1e-4 and result.marginal_error > 1e-9
    np.testing.assert_allclose(lib.host(result.plan).sum(axis=1), 1 / 60, rtol=1e-9)  # the rows are exact all the same


def test_a_tolerance_below_rounding_is_told(general):
    with pytest.warns(ConvergenceWarning, match="stagnated: rounding errors"):
        result = sinkhorn_newton(*general(30, 30, 6449), 1e-4, rtol=0)
    assert result.status is Status.STAGNATED and result.marginal_error < 1e-11


def test_forbidden_arcs_that_leave_no_plan_are_an_error_once_the_iteration_has_failed():
    a, b, C = np.array([0.6, 0.4]), np.array([0.5, 0.3, 0.2]), np.ones((2, 3))
    C[0, 1:] = np.inf  # 0.6 must go into 0.5
    with pytest.raises(ValueError, match=r"rows 0 hold 0\.6 of the mass"):
        sinkhorn_newton(a, b, C, 0.1)


def test_the_callback_sees_every_step_and_may_stop(lib, assign):
    parts, seen = [lib.array(part) for part in assign(50, 6451)], []

    def stop_at_three(intermediate_result):
        seen.append(intermediate_result)
        if len(seen) == 3:
            raise StopIteration

    result = sinkhorn_newton(*parts, 1e-4, callback=stop_at_three)
    assert result.status is Status.STOPPED_BY_CALLBACK and result.nit == 3 and [r.nit for r in seen] == [1, 2, 3]
    assert seen[0].status is Status.RUNNING and seen[0].reg >= seen[-1].reg >= result.reg == 1e-4


def test_errors_of_the_callback_are_handed_on(assign):
    def fail(intermediate_result):
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        sinkhorn_newton(*assign(50, 6469), 1e-4, callback=fail)


def test_a_stage_that_cannot_be_solved_is_approached(assign, monkeypatch):
    monkeypatch.setattr(module, "PATIENCE", 3)
    monkeypatch.setattr(module, "SWEEPS", 0)
    monkeypatch.setattr(module, "SLOW", 64.0)
    monkeypatch.setattr(module, "FAST", 64.0)
    a, b, C = assign(80, 6473)
    result = sinkhorn_newton(a, b, C, 1e-4)
    assert result.success and marginal_error(result, a, b) <= 1e-9


def test_columns_out_of_reach_are_reached(assign, monkeypatch, lib):
    a, b, C = assign(40, 6829)
    wrong = np.where(np.arange(40) % 3 == 0, -50.0, 0.0)  # exp(-50 / reg) of their mass is left to a third
    reached = []
    reach = module.FixedMarginals._reach
    monkeypatch.setattr(module.FixedMarginals, "_reach", lambda *given: reached.append(given) or reach(*given))
    potentials = lib.array(np.zeros(40)), lib.array(wrong)
    result = sinkhorn_newton(lib.array(a), lib.array(b), lib.array(C), 0.01, potentials=potentials)
    assert reached and result.success
    np.testing.assert_allclose(lib.host(result.plan).sum(axis=0), b, atol=1e-9)


def test_a_column_held_by_rows_of_no_weight_alone_is_scaled_with_every_arc(lib):
    a, b, C = np.array([1.0, 1e-200]), np.array([0.5, 0.5]), np.array([[0.0, 0.6], [5.0, 0.0]])
    dual = module.FixedMarginals(transport_problem(lib.array(a), lib.array(b), lib.array(C)), rows_of)
    at = dual.at(lib.array(np.zeros(2)), 0.01, 20.0)
    f, g = lib.host(at.f), lib.host(dual.sweep(at, 0.01, 20.0))
    np.testing.assert_allclose(np.exp((f[:, None] + g - C) / 0.01).sum(axis=0), b, rtol=1e-9)


# --- the published method --------------------------------------------------------------------------------------------


def test_the_published_method_converges_on_an_assignment(assign):
    a, b, C = assign(100, 6481)
    result = sinkhorn_newton(a, b, C, 1 / 100, hessian="paper", sparsity=0.2)
    expected = sinkhorn_newton(a, b, C, 1 / 100)
    assert result.success and result.nit < 40
    np.testing.assert_allclose(result.plan, expected.plan, atol=1e-10)


def test_the_published_hessian_keeps_the_largest_entries():
    P = np.random.default_rng(6491).random((5, 4))
    H = sparsified_hessian(P, 7).toarray()
    kept = np.where(np.sort(P.ravel())[-7] <= P, P, 0)
    expected = np.block([[np.diag(P.sum(1)), kept], [kept.T, np.diag(P.sum(0))]])
    np.testing.assert_allclose(H, expected)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"hessian": "dense"}, "accepted are 'exact' and 'paper'"),
        ({"hessian": "paper", "sparsity": 0.0}, "sparsity is 0.0"),
        ({"hessian": "paper", "n_sinkhorn": 0}, "n_sinkhorn is 0"),
        ({"rtol": -1.0}, "rtol is -1.0"),
        ({"maxiter": 0}, "maxiter is 0"),
    ],
)
def test_options_that_make_no_sense_are_refused(general, options, message):
    with pytest.raises(ValueError, match=message):
        sinkhorn_newton(*general(5, 4, 6521), 0.1, **options)

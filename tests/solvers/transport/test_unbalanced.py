"""Relaxed marginals and partial mass: closed forms, limits, symmetries, and what becomes of bad input."""

import copy
import pickle

import numpy as np
import pytest

from sparsesci.solvers import ConvergenceWarning
from sparsesci.solvers.transport.partial import partial_ot
from sparsesci.solvers.transport.sinkhorn_newton import sinkhorn_newton
from sparsesci.solvers.transport.solve_ot import solve_ot
from sparsesci.solvers.transport.unbalanced import unbalanced_newton
from sparsesci.solvers.transport.unbalanced_sinkhorn import unbalanced_sinkhorn

SOLVERS = [unbalanced_newton, unbalanced_sinkhorn]
INF = np.inf


@pytest.fixture(params=SOLVERS, ids=lambda solver: solver.__name__)
def solver(request):
    """One solver after the other."""
    return request.param


@pytest.fixture
def unequal(general):
    """Return a function that makes a problem whose masses are 3 and 2."""

    def make(n, m, seed):
        a, b, C = general(n, m, seed)
        return 3 * a, 2 * b, C

    return make


@pytest.fixture
def cloud():
    """Return a function that makes two clouds of points in the plane, one point of each far from all others."""

    def make(n, m, seed):
        rng = np.random.default_rng(seed)
        X, Y = rng.standard_normal((n, 2)), rng.standard_normal((m, 2)) + 0.5
        X[n // 2], Y[m // 3] = [9.0, -7.0], [-8.0, 6.0]
        return rng.random(n), 2 * rng.random(m), ((X[:, None] - Y) ** 2).sum(axis=-1)

    return make


def divergence(p, q):
    """KL(p | q) of positive weights."""
    return np.sum(np.where(p > 0, p * np.log(np.where(p > 0, p / q, 1)), 0) - p + q)


def objective(P, a, b, C, reg, rho):
    entropy = np.sum(np.where(P > 0, P * (np.log(np.where(P > 0, P, 1)) - 1), 0))
    relaxed = sum(r * divergence(p, w) for r, p, w in zip(rho, (P.sum(1), P.sum(0)), (a, b), strict=True) if r < INF)
    return np.sum(C * P) + reg * entropy + relaxed


# Closed forms and optimality


@pytest.mark.parametrize("rho", [(1.0, 1.0), (0.1, 5.0), (INF, 2.0), (3.0, INF)])
@pytest.mark.parametrize("cost", [0.7, -3.0, 12.0])
def test_a_single_arc_has_a_closed_form(solver, rho, cost):
    a, b, reg = 2.0, 5.0, 0.3
    share = np.array([rho[0], rho[1], 1.0]) / (reg + sum(rho)) if max(rho) < INF else (*np.isinf(rho), 0.0)
    expected = a ** share[0] * b ** share[1] * np.exp(-cost * share[2])
    result = solver([a], [b], [[cost]], reg, rho=rho)
    assert result.success and float(result.plan[0, 0]) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("rho", [0.05, (0.2, 3.0), (INF, 0.5), (1.0, INF)])
def test_potentials_and_plan_meet_the_equations_of_optimality(lib, solver, unequal, rho):
    a, b, C = unequal(9, 7, 7001)
    result = solver(lib.array(a), lib.array(b), lib.array(C), 0.05, rho=rho)
    f, g = map(lib.host, result.potentials)
    P = lib.host(result.plan)
    rho_a, rho_b = rho if isinstance(rho, tuple) else (rho, rho)
    np.testing.assert_allclose(P, np.exp((f[:, None] + g - C) / 0.05), rtol=1e-10)
    np.testing.assert_allclose(P.sum(axis=1), a * np.exp(-f / rho_a), atol=1e-8)
    np.testing.assert_allclose(P.sum(axis=0), b * np.exp(-g / rho_b), atol=1e-8)


@pytest.mark.parametrize("rho", [(0.3, 0.3), (0.1, 2.0), (INF, 1.0)])
def test_the_value_is_that_of_the_plan_and_no_plan_nearby_has_less(unequal, rho):
    a, b, C = unequal(6, 8, 7013)
    result = unbalanced_newton(a, b, C, 0.1, rho=rho, rtol=1e-12)
    P = result.plan
    assert result.value == pytest.approx(objective(P, a, b, C, 0.1, rho), rel=1e-10)
    assert result.cost == pytest.approx(np.sum(P * C), rel=1e-12)
    for change in 1e-3 * np.random.default_rng(7019).standard_normal((20, 6, 8)):
        change -= change.mean(axis=1, keepdims=True) if rho[0] == INF else 0
        near = P + P.min() * change
        assert objective(near, a, b, C, 0.1, rho) > result.value


@pytest.mark.parametrize("reg", [1.0, 0.03, 1e-3])
@pytest.mark.parametrize("rho", [1e-3, 0.1, (0.05, 1.0), (INF, 0.1)])
def test_newton_finds_what_scaling_finds(unequal, cloud, reg, rho):
    for a, b, C in (unequal(40, 30, 7027), cloud(30, 40, 7039)):
        newton = unbalanced_newton(a, b, C, reg, rho=rho)
        scaling = unbalanced_sinkhorn(a, b, C, reg, rho=rho, rtol=1e-10, maxiter=50_000)
        assert newton.success and scaling.success and newton.nit <= 40
        np.testing.assert_allclose(newton.plan, scaling.plan, atol=1e-8 * scaling.plan.sum())
        assert newton.value == pytest.approx(scaling.value, rel=1e-9)


def test_newton_takes_few_steps_where_scaling_takes_thousands(unequal):
    a, b, C = unequal(60, 50, 7043)
    newton = unbalanced_newton(a, b, C, 1e-3, rho=10.0)
    with pytest.warns(ConvergenceWarning, match="raise maxiter"):
        scaling = unbalanced_sinkhorn(a, b, C, 1e-3, rho=10.0, maxiter=2000)
    assert newton.success and newton.nit <= 25 and scaling.marginal_error > 1e-6


@pytest.mark.parametrize("reg", [1.0, 1e-2, 1e-4])
@pytest.mark.parametrize("rho", [1e-3, 1.0, 1e4, (1e-2, 1e2), (INF, 1e-2)])
def test_newton_converges_for_any_ratio_of_reg_to_rho(cloud, reg, rho):
    result = unbalanced_newton(*cloud(70, 60, 7057), reg, rho=rho)
    assert result.success and result.nit <= 80


# Limits and symmetries


@pytest.mark.parametrize("rho", [INF, (INF, INF)])
def test_infinite_penalties_are_the_balanced_problem(lib, solver, general, rho):
    a, b, C = general(9, 11, 7069, mass=3.0)
    result = solver(lib.array(a), lib.array(b), lib.array(C), 0.05, rho=rho)
    balanced = sinkhorn_newton(a, b, C, 0.05)
    np.testing.assert_allclose(lib.host(result.plan), balanced.plan, atol=1e-8)
    assert result.value == pytest.approx(balanced.value, rel=1e-9)


def test_large_penalties_come_near_to_the_balanced_problem(general):
    a, b, C = general(20, 25, 7079)
    balanced = sinkhorn_newton(a, b, C, 0.01)
    errors = [abs(unbalanced_newton(a, b, C, 0.01, rho=rho).plan - balanced.plan).sum() for rho in (1e2, 1e4, 1e8)]
    assert errors[0] < 1e-2 and errors[1] < 1e-4 and errors[2] < 2e-8


def test_large_penalties_with_unequal_masses_meet_at_the_geometric_mean(unequal):
    assert unbalanced_newton(*unequal(15, 12, 7103), 0.01, rho=1e9).plan.sum() == pytest.approx(6**0.5, rel=1e-7)


def test_exchanging_the_sides_transposes_the_plan(solver, unequal):
    a, b, C = unequal(9, 7, 7109)
    result, other = solver(a, b, C, 0.05, rho=(0.2, 1.0)), solver(b, a, C.T, 0.05, rho=(1.0, 0.2))
    np.testing.assert_allclose(result.plan, other.plan.T, atol=1e-8)


@pytest.mark.parametrize("scale", [1e-12, 1e9])
def test_the_unit_of_cost_does_not_matter(solver, unequal, scale):
    a, b, C = unequal(9, 7, 7121)
    result, other = solver(a, b, C, 0.05, rho=0.5), solver(a, b, scale * C, 0.05 * scale, rho=0.5 * scale)
    np.testing.assert_allclose(result.plan, other.plan, rtol=1e-6)
    assert other.value == pytest.approx(scale * result.value, rel=1e-9)


@pytest.mark.parametrize("mass", [1e-30, 1e30])
def test_the_unit_of_mass_is_a_constant_cost(solver, unequal, mass):
    a, b, C = unequal(9, 7, 7127)
    one = solver(a, b, C + 0.05 * np.log(mass), 0.05, rho=0.5)
    other = solver(mass * a, mass * b, C, 0.05, rho=0.5)
    assert other.success
    np.testing.assert_allclose(other.plan, mass * one.plan, rtol=1e-6)


def test_one_row_with_all_the_mass(solver, unequal):
    _, b, C = unequal(9, 7, 7417)
    a = np.full(9, 1e-14)
    a[3] = 2.0
    result = solver(a, b, C, 0.05, rho=0.5)
    assert result.success and result.plan[3].sum() == pytest.approx(result.plan.sum(), rel=1e-6)


@pytest.mark.parametrize("rho", [1e-300, 1e-9, 1e12])
def test_any_penalty_leaves_numbers_finite(general, rho):
    a, b, C = general(9, 7, 7123)
    result = unbalanced_newton(a, b, C, 0.05, rho=rho)
    assert result.success and np.isfinite([result.value, result.cost, result.plan.sum()]).all()


def test_costs_that_are_high_everywhere_leave_everything_where_it_is(solver, unequal):
    a, b, C = unequal(9, 7, 7129)
    result = solver(a, b, C + 1e6, 0.05, rho=0.5)
    assert result.success and not result.plan.any()
    assert result.value == pytest.approx(0.5 * (a.sum() + b.sum()), rel=1e-12)


# Weights and arcs


def test_zero_weights_are_dropped_and_come_back_as_zeros(lib, solver, unequal):
    a, b, C = unequal(9, 7, 7151)
    a[[1, 5]], b[3] = 0, 0
    result = solver(lib.array(a), lib.array(b), lib.array(C), 0.05, rho=0.5)
    P, f = lib.host(result.plan), lib.host(result.potentials[0])
    assert result.success and not P[[1, 5]].any() and not P[:, 3].any()
    assert (f == -INF).tolist() == (a == 0).tolist()


def test_a_point_without_arcs_keeps_its_mass_at_its_price(lib, solver, unequal):
    a, b, C = unequal(9, 7, 7159)
    C[4], C[2, 5] = INF, INF
    result = solver(lib.array(a), lib.array(b), lib.array(C), 0.05, rho=(0.5, 2.0))
    others = np.arange(9) != 4
    without = solver(a[others], b, C[others], 0.05, rho=(0.5, 2.0))
    assert result.success and not lib.host(result.plan)[4].any()
    assert result.value == pytest.approx(without.value + 0.5 * a[4], rel=1e-9)
    assert lib.host(result.gradient().a)[4] == 0.5


def test_a_point_without_arcs_whose_marginal_is_fixed_is_named(solver, unequal):
    a, b, C = unequal(5, 4, 7177)
    C[:, 2] = INF
    with pytest.raises(ValueError, match="column 2 of C is all"):
        solver(a, b, C, 0.1, rho=(1.0, INF))


def test_costs_that_forbid_everything_are_refused(solver):
    with pytest.raises(ValueError, match="every arc"):
        solver([1.0, 0.0], [1.0], [[INF], [0.0]], 0.1, rho=1.0)


@pytest.mark.parametrize("rho", [0.4, (INF, 0.7), (0.3, 5.0)])
def test_the_gradient_by_the_weights_is_that_of_differences(unequal, rho):
    a, b, C = unequal(6, 5, 7187)
    gradient = unbalanced_newton(a, b, C, 0.05, rho=rho).gradient()
    rng, h = np.random.default_rng(7193), 1e-5
    da, db = rng.standard_normal(6), rng.standard_normal(5)
    values = [unbalanced_newton(a + t * da, b + t * db, C, 0.05, rho=rho, rtol=1e-12).value for t in (h, -h)]
    assert (values[0] - values[1]) / (2 * h) == pytest.approx(gradient.a @ da + gradient.b @ db, rel=1e-6)


# The iteration


def test_a_solution_as_start_costs_no_step(unequal):
    a, b, C = unequal(30, 20, 7207)
    first = unbalanced_newton(a, b, C, 1e-3, rho=0.5, rtol=1e-11)
    again = unbalanced_newton(a, b, C, 1e-3, rho=0.5, potentials=first.potentials)
    assert first.nit > 3 and again.success and again.nit == 0


def test_a_start_from_nowhere_does_no_harm(unequal):
    a, b, C = unequal(12, 10, 7211)
    start = (np.zeros(12), np.linspace(-1e5, 1e5, 10))
    result = unbalanced_newton(a, b, C, 0.05, rho=0.5, potentials=start)
    assert result.success and result.nit < 20
    np.testing.assert_allclose(result.plan, unbalanced_newton(a, b, C, 0.05, rho=0.5).plan, atol=1e-8)


def test_a_failure_is_a_status_and_a_warning(solver, cloud):
    with pytest.warns(ConvergenceWarning, match="raise maxiter"):
        result = solver(*cloud(30, 40, 7213), 1e-3, rho=1.0, maxiter=2)
    assert not result.success and result.nit == 2 and result.marginal_error > 1e-6


def test_the_callback_can_stop(solver, cloud):
    seen = []

    def stop(intermediate_result):
        seen.append(intermediate_result.marginal_error)
        if len(seen) == 3:
            raise StopIteration

    result = solver(*cloud(30, 40, 7219), 1e-3, rho=1.0, callback=stop)
    assert result.nit == len(seen) == 3 and "callback" in result.message


def test_a_result_can_be_copied_stored_and_printed(unequal):
    result = unbalanced_newton(*unequal(6, 5, 7229), 0.05, rho=1.0)
    for twin in (copy.deepcopy(result), pickle.loads(pickle.dumps(result))):
        np.testing.assert_array_equal(twin.plan, result.plan)
    assert repr(result).startswith("UnbalancedResult: converged, marginal error")


def test_single_precision_and_integers_are_computed_in_double(unequal):
    a, b, C = unequal(9, 7, 7237)
    C = np.round(10 * C)
    expected = unbalanced_newton(a.astype(np.float32).astype(float), b, C, 0.5, rho=3.0).plan
    found = unbalanced_newton(a.astype(np.float32), b, C.astype(np.int64), 0.5, rho=3.0).plan
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("rho", [0.0, -1.0, np.nan, (1.0, 0.0)])
def test_penalties_that_are_not_positive_are_refused(solver, unequal, rho):
    with pytest.raises(ValueError, match="rho is"):
        solver(*unequal(5, 4, 7243), 0.1, rho=rho)


@pytest.mark.parametrize("rho", ["1", (1.0,), (1.0, 2.0, 3.0), None, (1.0, "2")])
def test_penalties_that_are_no_numbers_are_refused(solver, unequal, rho):
    with pytest.raises(TypeError, match="rho is"):
        solver(*unequal(5, 4, 7247), 0.1, rho=rho)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda a, b, C: (-a, b, C), r"a\[0\] is -"),
        (lambda a, b, C: (a, b * np.nan, C), r"b\[0\] is nan"),
        (lambda a, b, C: (a, b, C * np.nan), r"C\[0, 0\] is nan"),
        (lambda a, b, C: (a, b, C - np.inf), r"C\[0, 0\] is -inf"),
        (lambda a, b, C: (a[1:], b, C), r"a has shape \(4,\)"),
        (lambda a, b, C: (a, b, C[:, :0]), r"C has shape \(5, 0\)"),
        (lambda a, b, C: (a, 0 * b, C), "b has the sum 0"),
    ],
)
@pytest.mark.parametrize("run", [*SOLVERS, partial_ot], ids=lambda run: run.__name__)
def test_bad_input_is_named(unequal, run, change, message):
    option = {"mass": 1.0} if run is partial_ot else {"rho": 1.0}
    with pytest.raises(ValueError, match=message):
        run(*change(*unequal(5, 4, 7253)), 0.1, **option)


@pytest.mark.parametrize("reg", [0.0, -1.0, np.nan])
def test_a_reg_that_is_not_positive_is_refused(solver, unequal, reg):
    with pytest.raises(ValueError, match="reg is"):
        solver(*unequal(5, 4, 7283), reg, rho=1.0)


def test_fixed_marginals_need_equal_masses(solver, unequal):
    with pytest.raises(ValueError, match="equal masses"):
        solver(*unequal(5, 4, 7297), 0.1, rho=INF)


@pytest.mark.parametrize("rho", [1.0, (0.5, 3.0)])
def test_costs_so_far_below_zero_that_the_mass_overflows_are_an_error_that_says_so(solver, unequal, rho):
    a, b, C = unequal(6, 5, 8009)
    with pytest.raises(ValueError, match=r"would have a mass of about exp\(.*add a constant to C, or raise rho"):
        solver(a, b, C - 1e6, 0.05, rho=rho)


def test_a_mass_just_below_what_can_be_written_is_no_error(solver, unequal):
    a, b, C = unequal(6, 5, 8011)
    result = solver(a, b, C - 1300, 0.05, rho=1.0)
    assert result.success and 1e250 < result.cost / -1300 < np.inf and np.isfinite(result.value)


# Partial mass


@pytest.mark.parametrize("reg", [0.0, 0.02])
def test_the_mass_is_moved_and_no_point_gives_more_than_it_has(lib, unequal, reg):
    a, b, C = unequal(9, 7, 7307)
    result = partial_ot(lib.array(a), lib.array(b), lib.array(C), reg, 1.3)
    P = lib.host(result.plan) if reg else result.plan  # an exact plan is on the host
    assert result.success and P.shape == (9, 7) and P.sum() == pytest.approx(1.3, rel=1e-9)
    assert (P.sum(axis=1) <= a + 1e-9).all() and (P.sum(axis=0) <= b + 1e-9).all() and P.min() >= 0
    assert result.cost == pytest.approx(np.sum(P * C), rel=1e-9)


def test_an_exact_partial_plan_is_that_of_the_linear_program(unequal):
    from scipy.optimize import linprog

    a, b, C = unequal(6, 5, 7309)
    A = np.vstack([np.kron(np.eye(6), np.ones(5)), np.kron(np.ones(6), np.eye(5))])
    best = linprog(C.ravel(), A_ub=A, b_ub=np.r_[a, b], A_eq=np.ones((1, 30)), b_eq=[1.5]).fun
    assert partial_ot(a, b, C, 0, 1.5).cost == pytest.approx(best, rel=1e-9)


def test_the_value_counts_the_entropy_of_what_stays(unequal):
    a, b, C = unequal(6, 5, 7321)
    result = partial_ot(a, b, C + 4, 0.1, 1.5, rtol=1e-11)
    P = result.plan
    entropy = sum(np.sum(p * (np.log(p) - 1)) for p in (P, a - P.sum(1), b - P.sum(0)))
    assert result.value == pytest.approx(np.sum(P * (C + 4)) + 0.1 * entropy, rel=1e-9)


def test_the_price_is_the_derivative_by_the_mass(unequal):
    a, b, C = unequal(6, 5, 7331)
    values = [partial_ot(a, b, C + 4, 0.1, 1.5 + t, rtol=1e-12).value for t in (1e-5, -1e-5)]
    assert partial_ot(a, b, C + 4, 0.1, 1.5).price == pytest.approx((values[0] - values[1]) / 2e-5, rel=1e-6)


def test_the_gradient_of_a_partial_problem_is_that_of_differences(unequal):
    a, b, C = unequal(6, 5, 7333)
    gradient = partial_ot(a, b, C + 4, 0.1, 1.5).gradient()
    rng, h = np.random.default_rng(7349), 1e-5
    da, db = rng.standard_normal(6), rng.standard_normal(5)
    values = [partial_ot(a + t * da, b + t * db, C + 4, 0.1, 1.5, rtol=1e-12).value for t in (h, -h)]
    assert (values[0] - values[1]) / (2 * h) == pytest.approx(gradient.a @ da + gradient.b @ db, rel=1e-6)


@pytest.mark.parametrize("reg", [0.0, 0.05])
def test_moving_everything_is_the_whole_problem(general, reg):
    a, b, C = general(8, 6, 7351)
    np.testing.assert_allclose(partial_ot(a, b, C, reg, 1.0).plan, solve_ot(a, b, C, reg).plan, atol=1e-9)


@pytest.mark.parametrize("mass", [1e-3, 1e-9, 1e-12, 1e-100])
def test_a_small_mass_without_entropy_is_moved_to_all_digits(mass):
    a, b, C = np.full(6, 0.7), np.full(5, 0.8), np.random.default_rng(8017).random((6, 5))
    result = partial_ot(a, b, C, 0, mass)
    assert result.success and result.plan.sum() / mass == pytest.approx(1, rel=1e-12)
    assert result.cost / mass == pytest.approx(C.min(), rel=1e-12)
    assert result.price == pytest.approx(C.min(), rel=1e-9)
    np.testing.assert_array_equal(result.a, a)


def test_the_error_of_a_partial_plan_is_relative_to_the_mass_that_is_moved(unequal):
    a, b, C = unequal(9, 7, 8039)
    result = partial_ot(a, b, C, 0.05, 1e-4)
    assert result.success and result.marginal_error <= 1e-9
    assert abs(result.plan.sum() / 1e-4 - 1) <= result.marginal_error
    assert f"marginal error {result.marginal_error:.2e} <= 1.00e-09" in result.message


@pytest.mark.parametrize("mass", [1e-9, 1e-12, 1e-100])
def test_a_mass_that_is_lost_in_rounding_is_no_success(unequal, mass):
    a, b, C = unequal(9, 7, 8053)
    with pytest.warns(ConvergenceWarning, match=r"mass is .* of the weights.*relax rtol to"):
        result = partial_ot(a, b, C, 0.05, mass)
    assert not result.success and result.marginal_error > 1e-9


@pytest.mark.parametrize("reg", [0.0, 0.05])
def test_a_mass_that_forbidden_arcs_do_not_let_through_is_an_error_that_says_how_much_they_do(reg):
    C = np.random.default_rng(8059).random((4, 5))
    C[1:, 1:] = INF  # three rows reach one column alone
    a, b = np.full(4, 0.5), np.full(5, 0.3)
    assert partial_ot(a, b, C, reg, 0.7).plan.sum() == pytest.approx(0.7)
    with pytest.raises(ValueError, match=r"mass is 0.9, and no more than 0.8 .* rows 1, 2, 3 .* columns of mass 0.3"):
        partial_ot(a, b, C, reg, 0.9)


@pytest.mark.parametrize("mass", [0.0, -1.0, 2.1, np.nan, np.inf])
def test_a_mass_that_is_not_there_is_refused(unequal, mass):
    with pytest.raises(ValueError, match="mass is"):
        partial_ot(*unequal(5, 4, 7369), 0.1, mass)


def test_a_partial_problem_starts_from_potentials(unequal):
    a, b, C = unequal(30, 20, 7393)
    first = partial_ot(a, b, C, 0.01, 1.5)
    again = partial_ot(a, b, C, 0.01, 1.5, potentials=first.potentials)
    assert again.success and again.nit < first.nit
    with pytest.raises(TypeError, match="no pair"):
        partial_ot(a, b, C, 0.01, 1.5, potentials=1)


def test_a_partial_failure_is_one_warning(unequal):
    with pytest.warns(ConvergenceWarning, match="raise maxiter") as caught:
        assert not partial_ot(*unequal(9, 7, 7411), 1e-3, 1.3, maxiter=1).success
    assert len(caught) == 1

"""Whether forbidden arcs leave a plan: sets of rows that prove the contrary, beside a linear program."""

import pickle

import numpy as np
import pytest
from scipy.optimize import linprog

from sparsesci.solvers import (
    ConvergenceWarning,
    sinkhorn,
    sinkhorn_newton,
    solve_ot,
    solve_ot_sample,
    unbalanced_newton,
)
from sparsesci.solvers.transport.feasibility import NoPlanError, check_feasible, overfull_rows


def has_plan(a, b, allowed):
    """Ask HiGHS."""
    n, m = allowed.shape
    i, j = np.nonzero(allowed)
    A = np.zeros((n + m, i.size))
    A[i, np.arange(i.size)] = A[n + j, np.arange(i.size)] = 1
    return linprog(np.zeros(i.size), A_eq=A, b_eq=np.concatenate([a, b])).status == 0


def test_two_rows_that_want_one_column_are_named():
    allowed = np.ones((3, 3), bool)
    allowed[:2, 1:] = False
    a = b = np.full(3, 1 / 3)
    assert overfull_rows(a, b, allowed).tolist() == [0, 1]
    with pytest.raises(ValueError, match=r"rows 0, 1 hold 0.666667 of the mass, and the 1 columns .* take 0.333333"):
        check_feasible(a, b, allowed)


def test_rows_are_named_as_the_caller_knows_them():
    allowed = np.array([[True, False], [True, True]])
    with pytest.raises(ValueError, match="rows 7 hold"):
        check_feasible(np.array([0.6, 0.4]), np.array([0.5, 0.5]), allowed, names=np.array([7, 9]))


def test_columns_that_ask_for_more_than_their_rows_hold_are_found_too():
    allowed = np.ones((4, 3), bool)
    allowed[1:, 0] = False  # one row alone reaches the first column
    rows = overfull_rows(np.full(4, 0.25), np.array([0.5, 0.25, 0.25]), allowed)
    assert rows.tolist() == [1, 2, 3]


@pytest.mark.parametrize("seed", range(7823, 7853))
def test_the_answer_is_that_of_a_linear_program(seed):
    rng = np.random.default_rng(seed)
    n, m = rng.integers(2, 12, 2)
    a, b = rng.random(n) + 0.05, rng.random(m) + 0.05
    a, b = a / a.sum(), b / b.sum()
    allowed = rng.random((n, m)) < rng.uniform(0.2, 0.9)
    rows = overfull_rows(a, b, allowed)
    assert (rows is None) == has_plan(a, b, allowed)
    if rows is not None:
        assert a[rows].sum() > b[allowed[rows].any(axis=0)].sum()


@pytest.mark.parametrize("seed", [7867, 7873])
def test_a_plan_that_just_fits_is_left_alone(seed):
    # both weights are the sums of a plan on the arcs: every set of rows fits, many with nothing to spare
    rng = np.random.default_rng(seed)
    allowed = rng.random((200, 150)) < 0.02
    allowed[np.arange(200), np.arange(200) % 150] = True
    P = allowed * rng.random((200, 150))
    assert overfull_rows(P.sum(axis=1), P.sum(axis=0), allowed) is None


@pytest.mark.parametrize("scale", [1e-12, 1e12])
def test_the_unit_of_mass_does_not_matter(scale):
    allowed = np.array([[True, False], [True, True]])
    for first, fits in ((0.4999, True), (0.5001, False)):
        a, b = scale * np.array([first, 1 - first]), scale * np.array([0.5, 0.5])
        assert (overfull_rows(a, b, allowed) is None) == fits


def test_without_forbidden_arcs_there_is_nothing_to_find():
    assert overfull_rows(np.ones(3), np.ones(3), np.ones((3, 3), bool)) is None


def test_a_row_without_arcs_is_overfull():
    allowed = np.array([[True, True], [False, False]])
    assert overfull_rows(np.array([0.9, 0.1]), np.array([0.5, 0.5]), allowed).tolist() == [1]


@pytest.mark.parametrize("weights", [None, np.array([0.16, 0.17, 0.17, 0.16, 0.17, 0.17])])
def test_an_exact_plan_that_cannot_exist_is_an_error_that_says_why(weights):
    C = np.random.default_rng(7877).random((6, 6))
    C[:3, 2:] = np.inf  # three rows want two columns, and all hang together
    with pytest.raises(ValueError, match="rows 0, 1, 2 hold"):
        solve_ot(weights, None, C, 0)


def half_forbidden():
    C = np.random.default_rng(8069).random((6, 6))
    C[:3, 2:] = np.inf  # three rows want two columns, and all hang together
    return C


@pytest.mark.parametrize("hessian", ["exact", "paper"])
def test_newton_that_ends_without_a_plan_says_that_there_is_none(hessian):
    with pytest.raises(ValueError, match=r"rows 0, 1, 2 hold 0\.5 of the mass"):
        sinkhorn_newton(None, None, half_forbidden(), 0.1, hessian=hessian)


def test_scaling_that_ends_without_a_plan_says_that_there_is_none(lib):
    with pytest.raises(ValueError, match=r"rows 0, 1, 2 hold 0\.5 of the mass"):
        sinkhorn(None, None, lib.array(half_forbidden()), 0.1, maxiter=30)


def test_rows_without_weight_do_not_shift_the_names():
    a = np.array([0, 0.2, 0.2, 0.2, 0.2, 0.2])
    C = half_forbidden()[[5, 0, 1, 2, 3, 4]]
    with pytest.raises(ValueError, match=r"rows 1, 2, 3 hold 0\.6 of the mass"):
        sinkhorn(a, None, C, 0.1, maxiter=30)


def test_fixed_marginals_of_the_unbalanced_solver_say_it_too():
    with pytest.raises(ValueError, match="rows 0, 1, 2 hold"):
        unbalanced_newton(None, None, half_forbidden(), 0.1, rho=np.inf)


@pytest.mark.parametrize("lazy", [True, False])
def test_a_metric_that_forbids_too_much_is_told_likewise(lazy):
    X = np.arange(6.0)[:, None]

    def metric(X, Y):
        return np.where((X > 2) | (Y.T < 2), (X - Y.T) ** 2, np.inf)

    with pytest.raises(ValueError, match="rows 0, 1, 2 hold"):
        solve_ot_sample(X, X, 0.5, metric=metric, lazy=lazy)


def test_a_solver_that_was_stopped_says_nothing_of_plans():
    def stop(result):
        raise StopIteration

    assert "stopped by the callback" in sinkhorn(None, None, half_forbidden(), 0.1, callback=stop).message


def test_a_failure_where_a_plan_exists_blames_no_forbidden_arcs():
    C = np.random.default_rng(8081).random((6, 6))
    C[0, 0] = np.inf
    with pytest.warns(ConvergenceWarning, match="raise maxiter") as caught:
        sinkhorn(None, None, C, 1e-3, maxiter=2)
    assert "forbidden" not in str(caught[0].message)


def test_the_error_travels_between_processes():
    error = pickle.loads(pickle.dumps(NoPlanError("3, 5", 0.7, 4, 0.5)))
    assert "rows 3, 5 hold 0.7" in str(error) and (error.rows, error.held, error.taken) == ("3, 5", 0.7, 0.5)

"""What a transport result promises: plan, potentials, value, gradients, and the plan without its zeros."""

import copy
import pickle

import numpy as np
import pytest

from sparsesci.solvers.transport.sinkhorn import sinkhorn
from sparsesci.solvers.transport.sinkhorn_newton import sinkhorn_newton
from sparsesci.solvers.transport.solve_ot import solve_ot
from sparsesci.solvers.transport.solve_ot_sample import solve_ot_sample


@pytest.mark.parametrize("mass", [1.0, 30.0])
def test_the_potentials_make_the_plan(lib, general, mass):
    a, b, C = general(7, 9, 6529, mass)
    result = solve_ot(lib.array(a), lib.array(b), lib.array(C + 5), 0.05)
    f, g = map(lib.host, result.potentials)
    np.testing.assert_allclose(np.exp((f[:, None] + g - C - 5) / 0.05), lib.host(result.plan), rtol=1e-10)


def test_the_gauge_balances_both_sides(general):
    a, b, C = general(7, 9, 6547)
    for solver in (sinkhorn, sinkhorn_newton):
        f, g = solver(a, b, C, 0.05).potentials
        assert a @ f == pytest.approx(b @ g, abs=1e-14)


@pytest.mark.parametrize("mass", [1.0, 30.0])
def test_cost_value_and_error_are_those_of_the_plan(general, mass):
    a, b, C = general(7, 9, 6551, mass)
    result = solve_ot(a, b, C - 2, 0.05)
    P = result.plan
    assert result.cost == pytest.approx(np.sum((C - 2) * P), rel=1e-12)
    assert result.value == pytest.approx(np.sum((C - 2) * P) + 0.05 * np.sum(P * (np.log(P) - 1)), rel=1e-9)
    error = np.abs(P.sum(1) - a).sum() + np.abs(P.sum(0) - b).sum()
    assert result.marginal_error == pytest.approx(error / mass, rel=1e-3, abs=1e-14)


def test_the_error_of_a_plan_that_is_not_there_yet_is_told(general):
    a, b, C = general(7, 9, 6553)
    with pytest.warns(match="maxiter"):
        result = sinkhorn(a, b, C, 0.005, maxiter=2)
    P = result.plan
    error = np.abs(P.sum(1) - a).sum() + np.abs(P.sum(0) - b).sum()
    assert result.marginal_error > 1e-4 and result.marginal_error == pytest.approx(error, rel=1e-9)


@pytest.mark.parametrize("threshold", [None, 0.0, 1e-6, 1e-2])
def test_the_sparse_plan_holds_the_entries_above_the_threshold(lib, general, threshold):
    a, b, C = general(300, 9, 6563)
    result = solve_ot(lib.array(a), lib.array(b), lib.array(C), 0.01)
    P, S = lib.host(result.plan), result.sparse_plan(threshold)
    limit = np.finfo(float).eps / C.size if threshold is None else threshold
    np.testing.assert_allclose(S.toarray(), np.where(limit < P, P, 0), rtol=1e-12)
    assert S.format == "csr" and S.shape == C.shape and (threshold == 0.0 or S.nnz < C.size)


def test_a_threshold_below_zero_is_refused(general):
    with pytest.raises(ValueError, match="threshold is -1"):
        solve_ot(*general(4, 4, 6569), 0.1).sparse_plan(-1)


def test_the_gradient_by_the_weights_is_that_of_differences(general):
    a, b, C = general(6, 5, 6571)
    gradient = solve_ot(a, b, C, 0.05).gradient()
    da, db, h = np.zeros(6), np.zeros(5), 1e-5
    da[[1, 4]], db[[0, 3]] = [1, -1], [-1, 1]
    values = [solve_ot(a + t * da, b + t * db, C, 0.05, rtol=1e-12).value for t in (h, -h)]
    assert (values[0] - values[1]) / (2 * h) == pytest.approx(gradient.a @ da + gradient.b @ db, rel=1e-6)


@pytest.mark.parametrize("reg", [0.0, 0.05])
@pytest.mark.parametrize("metric", ["sqeuclidean", "euclidean", "cityblock"])
def test_the_gradient_by_the_points_is_that_of_differences(lib, metric, reg):
    rng = np.random.default_rng(6577)
    X, Y, dX, dY = rng.random((6, 2)), rng.random((5, 2)), rng.random((6, 2)), rng.random((5, 2))
    gradient = solve_ot_sample(lib.array(X), lib.array(Y), reg, metric=metric).gradient()
    h = 1e-6
    values = [solve_ot_sample(X + t * dX, Y + t * dY, reg, metric=metric, rtol=1e-12).value for t in (h, -h)]
    found = np.sum(lib.host(gradient.X) * dX) + np.sum(lib.host(gradient.Y) * dY)
    assert (values[0] - values[1]) / (2 * h) == pytest.approx(found, rel=1e-5)


def test_without_points_there_is_no_gradient_by_them(general):
    assert solve_ot(*general(4, 4, 6581), 0.1).gradient().X is None


def test_a_result_can_be_copied_stored_and_printed(general):
    result = solve_ot(*general(6, 5, 6599), 0.05)
    for twin in (copy.deepcopy(result), pickle.loads(pickle.dumps(result))):
        np.testing.assert_array_equal(twin.plan, result.plan)
    story = repr(result)
    assert story.startswith("OTResult: converged, marginal error") and "float64 (6, 5)" in story

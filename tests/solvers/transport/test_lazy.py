"""Lazy costs: the same answers as from a stored matrix, for every metric, weight and dimension."""

import math
import tracemalloc

import numpy as np
import pytest

from sparsesci.solvers import ConvergenceWarning, Status
from sparsesci.solvers.transport import lazy as module
from sparsesci.solvers.transport import leaves, point_costs, result, rows
from sparsesci.solvers.transport.point_costs import METRICS, PointCosts
from sparsesci.solvers.transport.solve_ot_sample import solve_ot_sample

TIGHT = 1e-11


def clouds(seed, n=90, m=110, d=2):
    rng = np.random.default_rng(seed)
    a, b = rng.random(n) + 0.1, rng.random(m) + 0.1
    return rng.random((n, d)), rng.random((m, d)) ** 1.5, a / a.sum(), b / b.sum()


def squares(X, Y):
    """Return the squared distances, as a function does."""
    return ((X[:, None, :] - Y[None, :, :]) ** 2).sum(axis=-1)


def assert_same(one, other, lib=None):
    host = np.asarray if lib is None else lib.host
    assert one.success and other.success
    np.testing.assert_allclose(host(one.plan), host(other.plan), atol=1e-10 / math.prod(one.C.shape) ** 0.5)
    assert one.cost == pytest.approx(other.cost, rel=1e-10)
    assert one.value == pytest.approx(other.value, rel=1e-11, abs=1e-13)
    for part, whole in zip(one.potentials, other.potentials, strict=True):
        np.testing.assert_allclose(host(part), host(whole), atol=1e-9)


@pytest.mark.parametrize("reg", [1.0, 1e-2, 1e-3])
@pytest.mark.parametrize("metric", METRICS)
def test_lazy_costs_give_the_answer_of_stored_ones(lib, metric, reg):
    X, Y, a, b = map(lib.array, clouds(7213))
    options = {"a": a, "b": b, "metric": metric, "rtol": TIGHT}
    assert_same(solve_ot_sample(X, Y, reg, lazy=True, **options), solve_ot_sample(X, Y, reg, **options), lib)


@pytest.mark.parametrize("d", [1, 3, 8, 9, 30])
def test_any_dimension_will_do(d):
    X, Y, a, b = clouds(7219, d=d)
    reg = 0.003 * d
    lazy, stored = (solve_ot_sample(X, Y, reg, a=a, b=b, rtol=TIGHT, lazy=lazy) for lazy in (True, False))
    assert_same(lazy, stored)


@pytest.mark.parametrize("reg", [0.5, 5e-3])
def test_a_metric_that_is_a_function_is_called_for_some_rows_at_a_time(lib, monkeypatch, reg):
    monkeypatch.setattr(point_costs, "BLOCK", 1100)
    X, Y, a, b = map(lib.array, clouds(7229))
    seen = []

    def metric(X, Y):
        seen.append(X.shape[0])
        namespace = X.__array_namespace__() if hasattr(X, "__array_namespace__") else np
        return namespace.sum((X[:, None, :] - Y[None, :, :]) ** 2, axis=-1)

    lazy = solve_ot_sample(X, Y, reg, a=a, b=b, metric=metric, rtol=TIGHT, lazy=True)
    assert max(seen) == 10
    assert_same(lazy, solve_ot_sample(X, Y, reg, a=a, b=b, rtol=TIGHT), lib)
    assert lazy.gradient().X is None


def test_the_message_says_how_the_costs_were_met():
    X, Y, _, _ = clouds(7237, n=300, m=310)
    assert "bounds of the metric" in solve_ot_sample(X, Y, 1e-2, lazy=True).message
    assert "arcs that matter listed" in solve_ot_sample(X, Y, 1e-5, rtol=1e-6, metric=squares, lazy=True).message
    assert "too dense to be stored" in solve_ot_sample(X, Y, 1.0, metric=squares, lazy=True).message


def test_lists_that_would_be_too_long_give_way_to_passes_over_all_costs(monkeypatch):
    X, Y, a, b = clouds(7243)
    stored = solve_ot_sample(X, Y, 1e-3, a=a, b=b, rtol=TIGHT)
    monkeypatch.setattr(rows, "MOST_LISTED", 100)
    lazy = solve_ot_sample(X, Y, 1e-3, a=a, b=b, metric=squares, rtol=TIGHT, lazy=True)
    assert "too dense to be stored" in lazy.message
    assert_same(lazy, stored)


@pytest.mark.parametrize("metric", ["sqeuclidean", "cityblock", squares])
def test_many_points_begin_at_the_potentials_of_few(monkeypatch, metric):
    monkeypatch.setattr(module, "COARSE", 64)
    X, Y, a, b = clouds(7247, n=700, m=600)
    starts, start = [], module.coarse_start
    monkeypatch.setattr(module, "coarse_start", lambda *given: starts.append(start(*given)) or starts[-1])
    lazy = solve_ot_sample(X, Y, 3e-4, a=a, b=b, metric=metric, rtol=TIGHT, lazy=True)
    stored = solve_ot_sample(X, Y, 3e-4, a=a, b=b, metric=metric, rtol=TIGHT)
    assert_same(lazy, stored)
    ((_, first),) = starts
    assert 3e-4 < first < 0.1 and lazy.nit < stored.nit + 5


def test_few_points_stand_for_all_at_a_large_reg(monkeypatch):
    monkeypatch.setattr(module, "COARSE", 64)
    X, Y, a, b = clouds(7253, n=700, m=600)
    lazy = solve_ot_sample(X, Y, 0.1, a=a, b=b, lazy=True)
    assert lazy.success and lazy.nit <= 2


def test_coarse_points_carry_all_the_mass_and_its_mean():
    X, _, a, _ = clouds(7477, n=5000)
    few, masses = module.coarse_points(X, a, False)
    assert few.shape == (module.COARSE, 2) and masses.sum() == pytest.approx(1)
    np.testing.assert_allclose(masses @ few, a @ X, rtol=1e-12)
    members, _ = module.coarse_points(X, a, True)
    assert set(map(tuple, members)) <= set(map(tuple, X))


def test_the_crowd_of_a_row_is_told_alike_by_every_form_of_the_plan():
    X, Y, a, _ = clouds(7283)
    C = PointCosts(X, Y, "sqeuclidean")
    forms = [rows.DenseRows(C[:], a, 0.0), rows.ListedRows(C[:], a, 0.0), rows.DenseRows(C, a, 0.0)]
    forms.append(leaves.LeafRows(C, a, 0.0))
    found = []
    for form in forms:
        at = form.at(np.zeros(110), 1e-3, 40.0)
        found.append(module.crowd(form.plan(at, 1e-3), at, a))
    P = forms[0].plan(forms[0].at(np.zeros(110), 1e-3, 40.0), 1e-3)
    np.testing.assert_allclose(found, 1 / np.sum(P**2 / a[:, None]), rtol=1e-3)


@pytest.mark.parametrize("metric", ["sqeuclidean", squares])
def test_points_without_weight_stay_out(metric):
    X, Y, a, b = clouds(7297)
    a[3], b[[0, 50]] = 0, 0
    options = {"a": a / a.sum(), "b": b / b.sum(), "metric": metric, "rtol": TIGHT}
    lazy, stored = (solve_ot_sample(X, Y, 1e-2, lazy=lazy, **options) for lazy in (True, False))
    np.testing.assert_allclose(lazy.plan, stored.plan, atol=1e-12)
    assert lazy.potentials[0][3] == lazy.potentials[1][50] == -np.inf and lazy.sparse_plan()[[3]].nnz == 0
    for one, other in zip(lazy.gradient(), stored.gradient(), strict=True):
        if one is not None:
            np.testing.assert_allclose(one, other, atol=1e-9)


@pytest.mark.parametrize("d", [2, 9])
@pytest.mark.parametrize("metric", METRICS)
def test_the_gradient_by_the_points_is_that_of_stored_costs(lib, metric, d):
    X, Y, a, b = map(lib.array, clouds(7307, d=d))
    options = {"a": a, "b": b, "metric": metric, "rtol": TIGHT}
    lazy, stored = (solve_ot_sample(X, Y, 0.05, lazy=lazy, **options).gradient() for lazy in (True, False))
    for one, other in zip(lazy, stored, strict=True):
        np.testing.assert_allclose(lib.host(one), lib.host(other), atol=1e-9)


def test_the_gradient_is_zero_between_points_that_coincide():
    X = np.random.default_rng(7309).random((40, 2))
    gradient = solve_ot_sample(X, X, 1e-4, metric="euclidean", lazy=True).gradient()
    np.testing.assert_allclose(gradient.X, 0, atol=1e-9)


@pytest.mark.parametrize("threshold", [None, 0.0, 1e-6, 1e-3])
def test_the_sparse_plan_needs_no_stored_costs(threshold):
    X, Y, a, b = clouds(7321)
    lazy = solve_ot_sample(X, Y, 1e-3, a=a, b=b, rtol=TIGHT, lazy=True)
    sparse = lazy.sparse_plan(threshold)
    limit = np.finfo(float).eps / lazy.plan.size if threshold is None else threshold
    np.testing.assert_allclose(sparse.toarray(), np.where(lazy.plan > limit, lazy.plan, 0), rtol=1e-10)
    assert sparse.format == "csr" and sparse.has_sorted_indices


def test_a_large_dense_plan_is_refused(monkeypatch):
    X, Y, _, _ = clouds(7331)
    lazy = solve_ot_sample(X, Y, 0.1, lazy=True)
    monkeypatch.setattr(result, "LARGEST_PLAN", 1000)
    with pytest.raises(ValueError, match=r"the plan has 90 x 110 entries.*sparse_plan"):
        lazy.plan  # noqa: B018


def test_the_memory_is_that_of_the_points():
    X, Y, _, _ = clouds(7333, n=3000, m=3000)
    solve_ot_sample(X[:100], Y[:100], 1e-3, rtol=1e-6, lazy=True)  # compiles
    tracemalloc.start()
    answer = solve_ot_sample(X, Y, 3e-3, rtol=1e-6, potentials=(np.zeros(3000), np.zeros(3000)), lazy=True)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert answer.success and peak < 0.1 * 8 * X.shape[0] * Y.shape[0]


def test_float32_and_integers_are_computed_in_double():
    X, Y, _, _ = clouds(7349)
    found = solve_ot_sample(X.astype(np.float32), Y.astype(np.float32), 1e-2, rtol=TIGHT, lazy=True)
    expected = solve_ot_sample(X.astype(np.float32), Y.astype(np.float32), 1e-2, rtol=TIGHT)
    assert found.success and found.x[0].dtype == np.float64
    np.testing.assert_allclose(found.plan, expected.plan, atol=1e-12)
    whole = np.arange(12).reshape(6, 2)
    assert solve_ot_sample(whole, whole[::-1], 1.0, lazy=True).cost < 0.1


def test_points_on_top_of_each_other_are_no_trouble():
    X = np.repeat(np.random.default_rng(7351).random((5, 2)), 60, axis=0)
    Y = np.repeat(np.random.default_rng(7369).random((4, 2)), 70, axis=0)
    for metric in METRICS:
        lazy, stored = (solve_ot_sample(X, Y, 1e-2, metric=metric, rtol=TIGHT, lazy=lazy) for lazy in (True, False))
        assert_same(lazy, stored)


@pytest.mark.parametrize("metric", METRICS)
def test_clouds_far_apart_lose_no_digits(metric):
    X, Y, a, b = clouds(7393)
    result = solve_ot_sample(X, Y + 1000.0, 1e-2, a=a, b=b, metric=metric, lazy=True)
    assert result.success and result.marginal_error <= 1e-9


def test_potentials_of_a_similar_problem_are_a_start():
    X, Y, a, b = clouds(7411)
    first = solve_ot_sample(X, Y, 1e-2, a=a, b=b, lazy=True)
    again = solve_ot_sample(X, Y, 1e-2, a=a, b=b, potentials=first.potentials, lazy=True)
    assert again.success and again.nit == 0


def test_two_threads_find_what_one_finds():
    X, Y, a, b = clouds(7417, n=3000)
    one, two = (solve_ot_sample(X, Y, 1e-2, a=a, b=b, lazy=True, workers=workers) for workers in (1, 2))
    assert two.success and one.nit == two.nit
    np.testing.assert_allclose(two.x[1], one.x[1], atol=1e-11)


@pytest.mark.parametrize("metric", ["sqeuclidean", squares])
def test_points_of_negligible_weight_get_their_mass_from_the_points_alone(metric):
    X, Y, a, b = clouds(7487)
    b[::3] *= 1e-60
    result = solve_ot_sample(X, Y, 1e-2, a=a, b=b / b.sum(), metric=metric, lazy=True)
    columns = result.plan.sum(axis=0)
    assert result.success
    np.testing.assert_allclose(columns[::3], result.b[::3], rtol=1e-9)
    np.testing.assert_allclose(columns, result.b, atol=1e-9)


def test_the_callback_sees_every_step():
    X, Y, a, b = clouds(7433)
    seen = []
    result = solve_ot_sample(X, Y, 1e-3, a=a, b=b, lazy=True, callback=seen.append)
    assert [step.nit for step in seen] == list(range(1, result.nit + 1)) and seen[0].status is Status.RUNNING


def test_a_failure_warns_once_and_at_the_line_of_the_caller():
    X, Y, _, _ = clouds(7451)
    with pytest.warns(ConvergenceWarning, match="maxiter is used up") as record:
        result = solve_ot_sample(X, Y, 1e-4, maxiter=1, lazy=True)
    assert len(record) == 1 and record[0].filename == __file__ and result.status is Status.MAXITER


def test_forbidden_arcs_of_a_function_stay_empty():
    X, Y, _, _ = clouds(7457, n=30, m=30)

    def metric(X, Y):
        C = squares(X, Y)
        return np.where(C < 0.5, C, np.inf)

    lazy = solve_ot_sample(X, Y, 1e-2, metric=metric, lazy=True)
    assert lazy.success and not lazy.plan[squares(X, Y) >= 0.5].any()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "sinkhorn"}, "method is 'sinkhorn' and lazy True"),
        ({"reg": 0.0}, "reg is 0.0"),
        ({"metric": "cosine"}, "metric is 'cosine'"),
        ({"metric": lambda X, Y: X}, r"metric returned shape \(5, 2\)"),
        ({"metric": lambda X, Y: np.full((len(X), len(Y)), np.nan)}, r"metric\(X, Y\)\[0, 0\] is nan"),
        ({"metric": lambda X, Y: np.where(np.arange(5)[:, None] == 3, np.inf, np.ones((5, 4)))}, "from point 3"),
        ({"metric": lambda X, Y: np.where(np.arange(4) == 2, np.inf, np.ones((5, 4)))}, "to point 2"),
        ({"a": np.ones(4)}, r"a has shape \(4,\): \(5,\) is needed"),
        ({"a": np.ones(5)}, "a has the mass 5"),
        ({"workers": 0}, "workers is 0"),
        ({"workers": map}, "a number of threads is needed"),
        ({"rtol": -1.0}, "rtol is -1.0"),
    ],
)
def test_what_makes_no_sense_is_refused(options, message):
    X, Y = np.random.default_rng(7459).random((2, 5, 2))
    with pytest.raises(ValueError, match=message):
        solve_ot_sample(X, Y[:4], **{"reg": 0.1, "lazy": True, **options})


def test_leaves_are_for_known_metrics_in_few_dimensions():
    X = np.zeros((3, leaves.GROUP))
    assert PointCosts(X, X, "euclidean").has_leaves
    assert not PointCosts(X, X, squares).has_leaves and not PointCosts(np.zeros((3, 9)), X, "euclidean").has_leaves


# What an adversary found


@pytest.mark.parametrize("metric", ["euclidean", "cityblock"])
def test_the_gradient_between_near_points_of_far_clusters_loses_no_digits(metric):
    rng = np.random.default_rng(8111)
    at = 1e6 * rng.standard_normal((3, 2))[np.arange(12) % 3]
    X, Y = at + 1e-6 * rng.random((2, 12, 2))
    lazy, stored = (solve_ot_sample(X, Y, 1e3, metric=metric, lazy=lazy).gradient() for lazy in (True, False))
    np.testing.assert_allclose(lazy.X, stored.X, atol=1e-9)
    np.testing.assert_allclose(lazy.Y, stored.Y, atol=1e-9)


def test_the_gradient_of_squared_distances_does_not_depend_on_where_the_origin_is():
    X, Y = np.random.default_rng(7919).integers(0, 64, (2, 30, 2)) / 64
    for lazy in (True, False):
        here, there = (solve_ot_sample(X + t, Y + t, 0.05, rtol=1e-11, lazy=lazy).gradient() for t in (0, 2.0**28))
        np.testing.assert_allclose(there.X, here.X, atol=1e-9)


@pytest.mark.parametrize("lazy", [True, False])
def test_weights_of_any_size_are_no_division_by_zero(lazy):
    rng = np.random.default_rng(7927)
    X, Y = rng.standard_normal((2, 60, 1)) @ np.ones((1, 3))
    a, b = 10 ** (-300 * rng.random((2, 60)))
    result = solve_ot_sample(X, Y, 1e-2, a=a / a.sum(), b=b / b.sum(), lazy=lazy)
    assert result.success


def test_a_column_that_the_hessian_leaves_out_has_its_mass_on_the_diagonal():
    X, Y, a, _ = clouds(7933)
    C, g = PointCosts(X, Y, "sqeuclidean"), np.zeros(110)
    g[7] = -1.2  # beyond the bounds of every leaf
    form = leaves.LeafRows(C, a, 0.0)
    at = form.at(g, 1e-2, 300.0)
    plan = form.plan(at, 1e-2)
    unit = np.zeros(110)
    unit[7] = 1.0
    assert 0 < at.columns[7] < 1e-6 and plan.diagonal()[7] == pytest.approx(at.columns[7], rel=1e-6)
    np.testing.assert_allclose(plan.product(unit)[7], at.columns[7], rtol=1e-6)

"""Rows filled leaf by leaf: kernels beside their references, and what bounds may leave out."""

import numpy as np
import pytest

from sparsesci.solvers.transport import leaves as module
from sparsesci.solvers.transport.leaves import LeafPlan, LeafRows, cut_order, tree_of
from sparsesci.solvers.transport.point_costs import METRICS, PointCosts
from sparsesci.solvers.transport.rows import DenseRows

CUT = 43.0
REGS = {"sqeuclidean": 1e-3, "euclidean": 5e-3, "cityblock": 5e-3}


@pytest.fixture(autouse=True)
def small_leaves(monkeypatch):
    monkeypatch.setattr(module, "LEAF", 10)
    monkeypatch.setattr(module, "GROUP", 2)


def points(seed, n, m, d, shift=0.05):
    rng = np.random.default_rng(seed)
    a = rng.random(n) + 0.1
    return PointCosts(rng.random((n, d)), rng.random((m, d)) + shift, "sqeuclidean"), a / a.sum(), 0.01 * rng.random(m)


def problem(seed, metric, n=170, m=150, d=2):
    C, a, g = points(seed, n, m, d)
    return PointCosts(C.X, C.Y, metric), a, g


def both(function, arguments, rooms):
    """Return what a kernel and its reference fill, and what they return."""
    found = []
    for form in (function, function.reference):
        own = [room.copy() for room in rooms]
        found.append((form(*arguments, *own), own))
    return found


@pytest.mark.parametrize("d", [1, 2, 3])
@pytest.mark.parametrize("metric", METRICS)
def test_compiled_passes_repeat_their_references(metric, d):
    C, a, g = problem(7103, metric, d=d)
    (n, m), reg, rows = C.shape, REGS[metric], LeafRows(C, a, 0.02)
    given, chunk = (rows.tree, *rows.given), rows.chunks[0]
    f = np.zeros(n)
    module.leaf_rows.reference(*given, rows.a, g, reg, CUT, *chunk, f, np.zeros(m))
    lists = rows.lists(g, 12 * reg, chunk)
    v = np.random.default_rng(7109).standard_normal(m)
    sums = [np.empty(n), np.zeros(m), np.empty((n, d)), np.zeros((m, d))]
    calls = [
        (module.leaf_rows, (*given, rows.a, g, reg, CUT, *chunk), [np.empty(n), np.zeros(m)], 1e-12),
        (module.leaf_sums, (*given, f, g, reg, CUT, *chunk), sums, 1e-12),
        (module.leaf_product, (*given, *lists, f, g, reg, v, *chunk), [np.zeros(m)], 3e-6),
        (module.leaf_diagonal, (*given, *lists, f, g, reg, *chunk), [np.zeros(m), np.zeros(m)], 3e-6),
    ]
    for function, arguments, rooms, rounding in calls:
        (one, found), (other, expected) = both(function, arguments, rooms)
        assert one == other or one == pytest.approx(other, rel=1e-12)
        for part, whole in zip(found, expected, strict=True):
            np.testing.assert_allclose(part, whole, rtol=rounding, atol=rounding * np.abs(whole).max())


@pytest.mark.parametrize("metric", METRICS)
def test_compiled_lists_are_those_of_the_reference(metric):
    C, a, g = problem(7121, metric)
    rows, reg = LeafRows(C, a, 0.02), REGS[metric]
    first, last = 1, rows.tree.groups.radii.size
    leaves = rows.tree.groups.bounds[last] - rows.tree.groups.bounds[first]
    room = [np.zeros(leaves + 1, np.int64), np.zeros(leaves * g.size, np.int32)]
    arguments = (rows.tree, *rows.given, g, 12 * reg, first, first, last)
    (reached, found), (expected, whole) = both(module.leaf_lists, arguments, room)
    assert reached == expected == last and 0 < whole[0][-1] < 0.7 * leaves * g.size
    for one, other in zip(found, whole, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_list_that_needs_more_room_gets_it():
    C, a, g = problem(7127, "sqeuclidean")
    rows = LeafRows(C, a, 0.0)
    indptr, indices = rows.lists(g, 1e9, rows.chunks[0])  # all columns
    n_leaves = rows.tree.leaves.radii.size
    np.testing.assert_array_equal(indptr, np.arange(n_leaves + 1) * g.size)
    np.testing.assert_array_equal(indices, np.tile(np.arange(g.size), n_leaves))


@pytest.mark.parametrize("d", [1, 2, 5])
@pytest.mark.parametrize("metric", METRICS)
def test_what_the_bounds_leave_out_is_rounding(metric, d):
    C, a, g = problem(7129, metric, d=d)
    reg = REGS[metric] / 10
    found, expected = LeafRows(C, a, 0.02).at(g, reg, CUT), DenseRows(C[:], a, 0.02).at(g, reg, CUT)
    np.testing.assert_allclose(found.f, expected.f, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(found.columns, expected.columns, rtol=1e-10, atol=1e-17)


def test_far_columns_are_never_touched():
    C, a, g = problem(7151, "sqeuclidean")
    rows = LeafRows(C, a, 0.0)
    indptr, _ = rows.lists(g, CUT * 1e-5, rows.chunks[0])
    assert indptr[-1] < 0.2 * (indptr.size - 1) * g.size


def test_a_hessian_without_the_small_entries_has_the_null_vector_and_the_products_of_the_whole():
    C, a, g = problem(7159, "sqeuclidean")
    reg, rows = 1e-3, LeafRows(C, a, 0.0)
    at = rows.at(g, reg, CUT)
    P = DenseRows(C[:], a, 0.0).plan(at, reg)
    H = np.diag(P.sum(axis=0)) - P.T @ (P / a[:, None])
    plan, v = rows.plan(at, reg), np.random.default_rng(7177).standard_normal(g.size)
    assert isinstance(plan, LeafPlan)
    np.testing.assert_allclose(plan.product(v), H @ v, atol=1e-3 * np.abs(H @ v).max())
    np.testing.assert_allclose(plan.diagonal(), np.diag(H), rtol=1e-3, atol=1e-3 * np.diag(H).max())
    np.testing.assert_allclose(plan.product(np.ones(g.size)), 0, atol=1e-15)


def test_pieces_of_the_work_add_up_to_the_whole():
    C, a, g = problem(7187, "euclidean")
    whole, shared = LeafRows(C, a, 0.0), LeafRows(C, a, 0.0, n_chunks=3)
    one, other = (rows.at(g, 1e-2, CUT) for rows in (whole, shared))
    assert len(shared.chunks) == 3
    np.testing.assert_array_equal(one.f, other.f)
    np.testing.assert_allclose(one.columns, other.columns, rtol=1e-13)
    v = np.random.default_rng(7193).standard_normal(g.size)
    found, expected = shared.plan(other, 1e-2).product(v), whole.plan(one, 1e-2).product(v)
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-17)


@pytest.mark.parametrize("n", [1, 2, 9, 11, 100])
def test_a_tree_holds_every_point_once_in_leaves_of_like_size(n):
    X = np.random.default_rng(7207).random((n, 3))
    tree, order = tree_of(X, "euclidean")
    np.testing.assert_array_equal(np.sort(order), np.arange(n))
    np.testing.assert_array_equal(tree.X, X[order])
    sizes = np.diff(tree.leaves.bounds)
    assert sizes.sum() == n and sizes.min() >= 1 and sizes.max() <= 10 and np.ptp(sizes) <= 1
    assert tree.groups.bounds[-1] == sizes.size


@pytest.mark.parametrize("metric", METRICS)
def test_balls_hold_their_points(metric):
    from scipy.spatial.distance import cdist

    X = np.random.default_rng(7211).random((90, 2))
    tree, _ = tree_of(X, metric)
    for leaf, (begin, end) in enumerate(zip(tree.leaves.bounds[:-1], tree.leaves.bounds[1:], strict=True)):
        away = cdist(tree.leaves.centres[leaf : leaf + 1], tree.X[begin:end], metric.replace("sq", ""))
        assert away.max() == pytest.approx(tree.leaves.radii[leaf], rel=1e-12)


def test_points_that_coincide_are_cut_all_the_same():
    order = cut_order(np.ones((64, 2)), 4)
    np.testing.assert_array_equal(np.sort(order), np.arange(64))

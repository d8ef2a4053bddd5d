"""The Sinkhorn divergence: what it is zero for, closed forms, gradients, and what becomes of bad input."""

import copy
import pickle

import numpy as np
import pytest

from sparsesci.solvers import ConvergenceWarning
from sparsesci.solvers.transport import sinkhorn as sinkhorn_module
from sparsesci.solvers.transport.divergence import DivergenceResult, sinkhorn_divergence
from sparsesci.solvers.transport.solve_ot_sample import solve_ot_sample

METRICS = ["sqeuclidean", "euclidean", "cityblock"]


def points(n, m, seed, d=2):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((n, d)), rng.standard_normal((m, d)) + 0.5


def bells(x, means, variances):
    """Return normalised Gaussian weights on the points x of a line."""
    w = np.exp(-((x - np.array(means)[:, None]) ** 2) / (2 * np.array(variances)[:, None]))
    return w / w.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("reg", [10.0, 0.3, 1e-2])
@pytest.mark.parametrize("metric", METRICS)
def test_it_is_zero_between_equal_sets(lib, reg, metric):
    X, _ = points(12, 1, 7417)
    result = sinkhorn_divergence(lib.array(X), lib.array(X), reg, metric=metric)
    assert result.success and result.value == 0


def test_the_order_of_points_does_not_matter():
    X, _ = points(40, 1, 7433)
    order = np.random.default_rng(7451).permutation(40)
    assert abs(sinkhorn_divergence(X, X[order], 0.1).value) < 1e-12


@pytest.mark.parametrize("seed", range(7457, 7467))
@pytest.mark.parametrize("metric", METRICS)
def test_it_is_positive_and_symmetric_between_others(seed, metric):
    rng = np.random.default_rng(seed)
    X, Y = points(int(rng.integers(2, 15)), int(rng.integers(2, 15)), seed)
    reg = float(10 ** rng.uniform(-2, 2))
    there, back = (sinkhorn_divergence(*pair, reg, metric=metric).value for pair in ((X, Y), (Y, X)))
    assert there > 0 and there == pytest.approx(back, rel=1e-8)


def test_between_single_points_it_is_the_cost():
    assert sinkhorn_divergence([[0.0, 0.0]], [[3.0, 4.0]], 0.7).value == pytest.approx(25, rel=1e-12)


@pytest.mark.parametrize("reg", [0.1, 1.0, 20.0])
def test_between_gaussians_it_has_a_closed_form(reg):
    # The best Gaussian plan has the covariance c = (sqrt(4 A B + (reg/2)^2) - reg/2) / 2, and -log(1 - c^2/(A B)) / 2
    # is its mutual information.
    x = np.linspace(-7, 7, 281)
    (A, B), (p, q) = (0.3, 0.8), (-0.5, 0.6)

    def transport(A, B):
        c = (np.sqrt(4 * A * B + reg**2 / 4) - reg / 2) / 2
        return A + B - 2 * c - reg / 2 * np.log(1 - c**2 / (A * B))

    expected = (p - q) ** 2 + transport(A, B) - (transport(A, A) + transport(B, B)) / 2
    a, b = bells(x, [p, q], [A, B])
    assert sinkhorn_divergence(x, x, reg, a=a, b=b).value == pytest.approx(expected, rel=1e-6)


def test_a_large_reg_gives_half_the_energy_distance():
    X, Y = points(20, 30, 7477)
    between, own_x, own_y = (np.sqrt(((P[:, None] - Q) ** 2).sum(-1)).mean() for P, Q in ((X, Y), (X, X), (Y, Y)))
    energy = between - (own_x + own_y) / 2
    assert sinkhorn_divergence(X, Y, 1e5, metric="euclidean").value == pytest.approx(energy, rel=1e-4)


def test_a_small_reg_gives_optimal_transport():
    X, Y = points(25, 25, 7481)
    assert sinkhorn_divergence(X, Y, 1e-4).value == pytest.approx(solve_ot_sample(X, Y, 0).cost, rel=1e-2)


@pytest.mark.parametrize("factor", [1e-3, 1e4])
def test_it_scales_like_the_cost(factor):
    X, Y = points(20, 30, 7487)
    one = sinkhorn_divergence(X, Y, 0.1).value
    assert sinkhorn_divergence(factor * X, factor * Y, 0.1 * factor**2).value == pytest.approx(
        factor**2 * one, rel=1e-8
    )


def test_it_is_the_combination_of_three_values(lib):
    X, Y = points(9, 7, 7489)
    result = sinkhorn_divergence(lib.array(X), lib.array(Y), 0.2)
    values = [solve_ot_sample(*pair, 0.2).value for pair in ((X, Y), (X, X), (Y, Y))]
    assert result.value == pytest.approx(values[0] - (values[1] + values[2]) / 2, rel=1e-9)
    np.testing.assert_allclose(lib.host(result.plan), solve_ot_sample(X, Y, 0.2).plan, atol=1e-9)
    assert [own.a.shape[0] for own in result.within] == [9, 7]


@pytest.mark.parametrize("reg", [0.5, 2.0])
def test_costs_alone_make_what_pot_calls_by_this_name(reg):
    ot = pytest.importorskip("ot")
    X, Y = points(12, 9, 7879)
    result = sinkhorn_divergence(X, Y, reg)
    of_costs = result.cost - (result.within[0].cost + result.within[1].cost) / 2
    theirs = ot.bregman.empirical_sinkhorn_divergence(X, Y, reg, method="sinkhorn_log", stopThr=1e-11, numIterMax=10**4)
    assert of_costs == pytest.approx(float(theirs), rel=1e-8) and result.value != pytest.approx(float(theirs), rel=1e-3)


@pytest.mark.parametrize("relative", [False, True])
def test_from_plans_of_pot_with_either_entropy_it_is_the_same(relative):
    ot = pytest.importorskip("ot")
    X, Y = points(12, 9, 7883)
    rng = np.random.default_rng(7901)
    a, b = (w / w.sum() for w in (rng.random(12) + 0.1, rng.random(9) + 0.1))

    def transport(X, Y, a, b):
        C = ot.dist(X, Y)
        P = ot.sinkhorn(a, b, C, 0.4, method="sinkhorn_log", stopThr=1e-13, numItermax=10**5)
        return np.sum(P * (C + 0.4 * np.log(P / np.outer(a, b) if relative else P)))

    expected = transport(X, Y, a, b) - (transport(X, X, a, a) + transport(Y, Y, b, b)) / 2
    assert sinkhorn_divergence(X, Y, 0.4, a=a, b=b).value == pytest.approx(expected, rel=1e-8)


@pytest.mark.parametrize("metric", METRICS)
def test_the_gradient_by_the_points_is_that_of_differences(lib, metric):
    X, Y = points(6, 5, 7499)
    gradient = sinkhorn_divergence(lib.array(X), lib.array(Y), 0.3, metric=metric, rtol=1e-11).gradient()
    dX, dY = points(6, 5, 7507)
    values = [sinkhorn_divergence(X + t * dX, Y + t * dY, 0.3, metric=metric, rtol=1e-12).value for t in (1e-5, -1e-5)]
    found = np.sum(lib.host(gradient.X) * dX) + np.sum(lib.host(gradient.Y) * dY)
    assert (values[0] - values[1]) / 2e-5 == pytest.approx(found, rel=1e-5)


def test_the_gradient_by_the_weights_is_that_of_differences():
    X, Y = points(6, 5, 7517)
    rng = np.random.default_rng(7523)
    a, b, da, db = (*map(bell, rng.random((2, 6))), *rng.standard_normal((2, 6)))
    b, db = bell(b[:5]), db[:5]
    da, db = da - da.mean(), db - db.mean()
    gradient = sinkhorn_divergence(X, Y, 0.3, a=a, b=b).gradient()
    values = [sinkhorn_divergence(X, Y, 0.3, a=a + t * da, b=b + t * db, rtol=1e-12).value for t in (1e-5, -1e-5)]
    assert (values[0] - values[1]) / 2e-5 == pytest.approx(gradient.a @ da + gradient.b @ db, rel=1e-6)


def bell(w):
    return (w + 0.1) / (w + 0.1).sum()


def test_the_gradient_at_a_zero_weight_is_that_of_a_difference_to_one_side():
    X, Y = points(6, 5, 7529)
    a = np.array([0.3, 0.0, 0.2, 0.1, 0.2, 0.2])
    change = np.array([0, 1.0, 0, 0, 0, -1.0])
    first = sinkhorn_divergence(X, Y, 0.3, a=a)
    values = [sinkhorn_divergence(X, Y, 0.3, a=a + t * change, rtol=1e-12).value for t in (1e-6, 2e-6)]
    slope = (4 * values[0] - values[1] - 3 * first.value) / 2e-6
    assert slope == pytest.approx(first.gradient().a @ change, rel=1e-4)


def test_value_and_potentials_belong_together():
    X, Y = points(20, 30, 7537)
    result = sinkhorn_divergence(X, Y, 0.3)
    gradient = result.gradient()
    assert gradient.a.mean() + gradient.b.mean() == pytest.approx(result.value, rel=1e-8)


def test_at_equal_sets_the_gradient_vanishes():
    X, _ = points(20, 1, 7541)
    gradient = sinkhorn_divergence(X, X, 0.3, rtol=1e-12).gradient()
    assert abs(gradient.X).max() < 1e-10 and np.ptp(gradient.a) < 1e-10


def test_a_metric_may_be_a_function_and_has_no_gradient_by_points():
    X, Y = points(9, 7, 7547)
    own = sinkhorn_divergence(X, Y, 0.3, metric=lambda X, Y: ((X[:, None] - Y) ** 2).sum(-1))
    assert own.value == pytest.approx(sinkhorn_divergence(X, Y, 0.3).value, rel=1e-9)
    assert own.gradient().X is None and own.gradient().Y is None


@pytest.mark.parametrize("metric", ["sqeuclidean", "cityblock", lambda X, Y: ((X[:, None] - Y) ** 2).sum(-1)])
def test_lazy_costs_give_the_divergence_and_the_gradient_of_stored_ones(monkeypatch, metric):
    monkeypatch.setattr(sinkhorn_module, "BLOCK", 500)
    X, Y = points(60, 70, 8087)
    a, b = np.random.default_rng(8089).random(60), np.random.default_rng(8093).random(70)
    a[3] = 0
    a /= a.sum()
    options = {"a": a, "b": b / b.sum(), "metric": metric, "rtol": 1e-11}
    lazy, stored = (sinkhorn_divergence(X, Y, 0.05, lazy=lazy, **options) for lazy in (True, False))
    assert lazy.success and lazy.value == pytest.approx(stored.value, rel=1e-9)
    for one, other in zip(lazy.gradient(), stored.gradient(), strict=True):
        if other is not None:
            np.testing.assert_allclose(one, other, atol=1e-8)


@pytest.mark.parametrize("lazy", [True, False])
def test_two_threads_find_what_one_finds(lazy):
    X, Y = points(70, 60, 8101)
    one, two = (sinkhorn_divergence(X, Y, 0.1, lazy=lazy, workers=workers) for workers in (1, 2))
    assert two.success and two.value == pytest.approx(one.value, rel=1e-12)


def test_what_came_before_saves_the_steps():
    X, Y = points(40, 30, 7549)
    first = sinkhorn_divergence(X, Y, 0.01, rtol=1e-11)
    again = sinkhorn_divergence(X, Y, 0.01, previous=first)
    assert first.nit > 3 and again.nit == 0 and again.value == pytest.approx(first.value, rel=1e-8)


def test_a_failure_of_one_part_is_one_warning_that_names_it():
    X, Y = points(40, 30, 7559)
    with pytest.warns(ConvergenceWarning, match=r"X to Y.*raise maxiter") as caught:
        result = sinkhorn_divergence(X, Y, 1e-3, maxiter=1)
    assert len(caught) == 1 and not result.success


def test_a_result_can_be_copied_stored_and_printed():
    result = sinkhorn_divergence(*points(6, 5, 7561), 0.3)
    for twin in (copy.deepcopy(result), pickle.loads(pickle.dumps(result))):
        assert isinstance(twin, DivergenceResult) and twin.value == result.value
    assert repr(result).startswith("DivergenceResult: X to Y: converged")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"reg": 0}, "solve_ot_sample is the divergence"),
        ({"reg": -1.0}, "reg is"),
        ({"reg": np.nan}, "reg is"),
        ({"X": np.full((4, 2), np.nan)}, r"X\[0, 0\] is nan"),
        ({"X": np.ones((4, 3))}, "dimension 3 and Y of 2"),
        ({"X": np.ones((0, 2))}, "X has shape"),
        ({"a": np.array([1.0, -1, 1, 1])}, r"a\[1\] is -1"),
        ({"b": np.ones(3)}, "equal masses"),
        ({"metric": "cosine"}, "metric is 'cosine'"),
    ],
)
def test_bad_input_is_named(change, message):
    arguments = {"X": np.ones((4, 2)), "Y": np.zeros((3, 2)), "reg": 0.1, **change}
    with pytest.raises(ValueError, match=message):
        sinkhorn_divergence(**arguments)


def test_what_came_before_has_to_fit():
    X, Y = points(9, 7, 7573)
    first = sinkhorn_divergence(X, Y, 0.3)
    with pytest.raises(ValueError, match="potentials has a f"):
        sinkhorn_divergence(X[1:], Y, 0.3, previous=first)
    with pytest.raises(TypeError, match="previous is a tuple"):
        sinkhorn_divergence(X, Y, 0.3, previous=first.potentials)

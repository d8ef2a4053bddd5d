"""Barycenters on fixed points: closed forms, identities, optimality, and what becomes of bad input."""

import copy
import pickle

import numpy as np
import pytest
from scipy.optimize import brentq

from sparsesci.solvers import ConvergenceWarning
from sparsesci.solvers.transport.barycenter import barycenter
from sparsesci.solvers.transport.sinkhorn_newton import sinkhorn_newton


def line(n=161, width=4.0):
    """Return points on a line and the squares of their distances."""
    x = np.linspace(-width, width, n)
    return x, (x[:, None] - x) ** 2


def bells(x, means, variances):
    """Return normalised Gaussian weights on the points x of a line."""
    w = np.exp(-((x - np.array(means)[:, None]) ** 2) / (2 * np.array(variances)[:, None]))
    return w / w.sum(axis=1, keepdims=True)


def moments(x, w):
    mean = w @ x / w.sum()
    return mean, w @ (x - mean) ** 2 / w.sum()


def histograms(K, n, seed):
    A = np.random.default_rng(seed).random((K, n)) + 0.05
    return A / A.sum(axis=1, keepdims=True)


# Closed forms


@pytest.mark.parametrize("reg", [0.1, 0.5])
def test_entropy_widens_equal_gaussians_by_half_of_reg(lib, reg):
    x, C = line()
    result = barycenter(lib.array(bells(x, [-0.8, 0.7], [0.2, 0.2])), lib.array(C), reg, weights=[0.25, 0.75])
    mean, variance = moments(x, lib.host(result.x))
    assert result.success and mean == pytest.approx(0.25 * -0.8 + 0.75 * 0.7, abs=1e-6)
    assert variance == pytest.approx(0.2 + reg / 2, rel=1e-5)


@pytest.mark.parametrize("reg", [0.1, 0.5])
def test_debiased_the_barycenter_of_equal_gaussians_has_their_width(lib, reg):
    x, C = line()
    A = lib.array(bells(x, [-0.8, 0.7], [0.2, 0.2]))
    result = barycenter(A, lib.array(C), reg, weights=[0.25, 0.75], debiased=True)
    mean, variance = moments(x, lib.host(result.x))
    assert result.success and mean == pytest.approx(0.325, abs=1e-6) and variance == pytest.approx(0.2, rel=1e-5)


def test_debiased_gaussians_of_different_width_meet_the_equation_of_janati():
    x, C = line(241, 6.0)
    widths, weights, reg = np.array([0.2, 0.9]), np.array([0.4, 0.6]), 0.4
    average = barycenter(bells(x, [-1.0, 1.0], widths), C, reg, weights=weights, debiased=True).x

    def excess(S):
        return weights @ np.sqrt(4 * widths * S + reg**2 / 4) - np.sqrt(4 * S**2 + reg**2 / 4)

    mean, variance = moments(x, average)
    assert mean == pytest.approx(0.2, abs=1e-6) and variance == pytest.approx(brentq(excess, 0.1, 2), rel=1e-5)


@pytest.mark.parametrize("K", [1, 3])
def test_debiased_equal_distributions_are_their_own_barycenter(K):
    x, C = line(40, 1.0)
    a = bells(x, [0.1], [0.05])
    result = barycenter(np.repeat(a, K, axis=0), C, 0.05, debiased=True, rtol=1e-7)
    np.testing.assert_allclose(result.x, a[0], atol=1e-6)


def test_one_distribution_alone_is_blurred():
    _, C = line(40, 1.0)
    a = histograms(1, 40, 7583)
    K = np.exp(-C / 0.05)
    np.testing.assert_allclose(barycenter(a, C, 0.05).x, (a[0] / K.sum(axis=1)) @ K, rtol=1e-10)


# Optimality


@pytest.mark.parametrize("m", [12, 7])
def test_no_weights_nearby_are_nearer(m):
    rng = np.random.default_rng(7589)
    A, C, w = histograms(3, 12, 7591), rng.random((12, m)), np.array([0.2, 0.5, 0.3])
    result = barycenter(A, C, 0.05, weights=w, rtol=1e-11)

    def objective(x):
        return sum(share * sinkhorn_newton(a, x, C, 0.05, rtol=1e-11).value for share, a in zip(w, A, strict=True))

    x = result.x / result.x.sum()
    assert result.success and result.value == pytest.approx(objective(x), rel=1e-9)
    for change in rng.standard_normal((5, m)):
        assert objective(x + 0.05 * x.min() * (change - change.mean())) > result.value


def test_the_plans_lead_from_the_distributions_to_the_barycenter(lib):
    A, C = 4 * histograms(3, 11, 7603), np.random.default_rng(7607).random((11, 8)) + 3
    result = barycenter(lib.array(A), lib.array(C), 0.05, rtol=1e-10)
    x, cost, value = lib.host(result.x), 0, 0
    for k, a in enumerate(A):
        P = lib.host(result.plan(k))
        np.testing.assert_allclose(P.sum(axis=1), a, atol=1e-8)
        np.testing.assert_allclose(P.sum(axis=0), x, atol=1e-8)
        cost += np.sum(P * C) / 3
        value += np.sum(P * (C + 0.05 * (np.log(P) - 1))) / 3
    assert x.sum() == pytest.approx(4, rel=1e-9)
    assert result.cost == pytest.approx(cost, rel=1e-9) and result.value == pytest.approx(value, rel=1e-8)
    np.testing.assert_allclose(lib.host(result.potentials[1]).sum(axis=0), 0, atol=1e-9)


def test_the_marginal_error_is_that_of_the_plans():
    A, C = histograms(3, 11, 7621), np.random.default_rng(7639).random((11, 8))
    with pytest.warns(ConvergenceWarning, match="raise maxiter"):
        result = barycenter(A, C, 0.01, maxiter=3)
    error = 0
    for k, a in enumerate(A):
        P = result.plan(k)
        error += (abs(P.sum(axis=1) - a).sum() + abs(P.sum(axis=0) - result.x).sum()) / 3
    assert result.nit == 3 and result.marginal_error == pytest.approx(error, rel=1e-9) and error > 1e-5


def test_the_barycenter_is_that_of_pot():
    ot = pytest.importorskip("ot")
    A, C, w = histograms(3, 30, 7907), line(30, 1.0)[1], np.array([0.2, 0.5, 0.3])
    theirs = ot.bregman.barycenter(A.T.copy(), C, 0.05, weights=w, method="sinkhorn_log", stopThr=1e-13)
    np.testing.assert_allclose(barycenter(A, C, 0.05, weights=w, rtol=1e-11).x, theirs, rtol=1e-7)


def test_the_debiased_barycenter_has_the_moments_of_that_of_pot():
    # single weights cannot be compared: what oscillates below the blur hardly changes the objective
    ot = pytest.importorskip("ot")
    x, C = line(60, 2.0)
    A = bells(x, [-0.6, 0.1, 0.5], [0.2, 0.3, 0.15])
    theirs = ot.bregman.barycenter_debiased(A.T.copy(), C, 0.1, method="sinkhorn_log", stopThr=1e-6, numItermax=10_000)
    ours = barycenter(A, C, 0.1, debiased=True, rtol=1e-6).x
    np.testing.assert_allclose(moments(x, ours), moments(x, theirs), rtol=0, atol=1e-6)


# Symmetries


@pytest.mark.parametrize("debiased", [False, True])
def test_the_order_of_distributions_does_not_matter(debiased):
    x, C = line(30, 1.0)
    A, w = bells(x, [-0.4, 0.0, 0.5], [0.05, 0.08, 0.03]), np.array([0.2, 0.5, 0.3])
    orders = [0, 1, 2], [2, 0, 1]
    one, other = (barycenter(A[order], C, 0.05, weights=w[order], debiased=debiased).x for order in orders)
    np.testing.assert_allclose(one, other, atol=1e-10)


def test_weights_count_by_their_ratios_and_one_that_is_zero_not_at_all():
    A, C = histograms(3, 11, 7649), np.random.default_rng(7669).random((11, 8))
    expected = barycenter(A[:2], C, 0.05, weights=[0.25, 0.75]).x
    np.testing.assert_allclose(barycenter(A, C, 0.05, weights=[2, 6, 0]).x, expected, atol=1e-7)


@pytest.mark.parametrize(("scale", "shift"), [(1e-12, 0.0), (1e9, 0.0), (1.0, 1e6), (1.0, -50.0)])
def test_unit_and_zero_of_cost_do_not_matter(scale, shift):
    A, C = histograms(3, 11, 7673), np.random.default_rng(7681).random((11, 8))
    found = barycenter(A, scale * C + shift, 0.05 * scale).x
    np.testing.assert_allclose(found, barycenter(A, C, 0.05).x, atol=1e-7)


@pytest.mark.parametrize("debiased", [False, True])
def test_a_small_reg_overflows_nothing(debiased):
    _, C = line(21, 1.0)
    A = np.zeros((2, 21))
    A[0, 4] = A[1, 12] = 1  # half-way between two points lies the point 8
    result = barycenter(A, C, 1e-3, debiased=debiased)
    assert result.success and result.x[8] == pytest.approx(1, abs=1e-2)


def test_zero_weights_are_no_harm(lib):
    A, C = histograms(3, 11, 7687), np.random.default_rng(7691).random((11, 8))
    A[0, [2, 7]] = A[2, 0] = 0
    A /= A.sum(axis=1, keepdims=True)
    result = barycenter(lib.array(A), lib.array(C), 0.05)
    assert result.success and not lib.host(result.plan(0))[[2, 7]].any()
    assert np.isfinite(result.value) and abs(lib.host(result.x).sum() - 1) < 1e-6


# The iteration


@pytest.mark.parametrize("debiased", [False, True])
def test_a_solution_as_start_costs_one_iteration(debiased):
    x, C = line(30, 1.0)
    A = bells(x, [-0.4, 0.0, 0.5], [0.05, 0.08, 0.03])
    first = barycenter(A, C, 0.05, debiased=debiased, rtol=1e-5)
    again = barycenter(A, C, 0.05, debiased=debiased, rtol=1e-5, potentials=first.potentials)
    assert first.nit > 10 and again.nit == 1
    np.testing.assert_allclose(again.x, first.x, atol=1e-6)


def test_the_callback_can_stop():
    seen = []

    def stop(intermediate_result):
        seen.append(intermediate_result.x)
        if len(seen) == 3:
            raise StopIteration

    result = barycenter(histograms(3, 11, 7703), np.random.default_rng(7717).random((11, 8)), 0.01, callback=stop)
    assert result.nit == len(seen) == 3 and "callback" in result.message and (seen[0] != seen[1]).any()


def test_inputs_are_not_changed_and_results_can_be_stored():
    A, C = histograms(3, 11, 7723), np.random.default_rng(7727).random((11, 8))
    first = barycenter(A, C, 0.05)
    kept, G = A.copy(), first.potentials[1].copy()
    barycenter(A, C, 0.1, potentials=first.potentials)
    np.testing.assert_array_equal(A, kept)
    np.testing.assert_array_equal(first.potentials[1], G)
    for twin in (copy.deepcopy(first), pickle.loads(pickle.dumps(first))):
        np.testing.assert_array_equal(twin.plan(1), first.plan(1))
    assert repr(first).startswith("BarycenterResult: converged, marginal error")


def test_single_precision_lists_and_integers_are_computed_in_double():
    A = np.array([[1, 2, 1], [2, 1, 1]])
    C = [[0, 1, 2], [1, 0, 1], [2, 1, 0]]
    expected = barycenter(A.astype(float), np.array(C, float), 0.5).x
    np.testing.assert_array_equal(barycenter(A.astype(np.float32), C, 0.5).x, expected)
    np.testing.assert_array_equal(barycenter(np.asfortranarray(A), np.array(C), 0.5).x, expected)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"distributions": np.ones(4)}, r"distributions has shape \(4,\)"),
        ({"distributions": np.ones((0, 4))}, r"distributions has shape \(0, 4\)"),
        ({"distributions": np.ones((2, 5))}, r"C has shape \(4, 4\): \(5, m\)"),
        ({"distributions": np.array([[1.0, 1, 1, 1], [1, 1, -1, 3]])}, r"distributions\[1, 2\] is -1"),
        ({"distributions": np.array([[1.0, 1, 1, np.nan]])}, r"distributions\[0, 3\] is nan"),
        ({"distributions": np.array([[1.0, 1, 1, 1], [1, 1, 1, 2]])}, "masses from 4 to 5"),
        ({"distributions": np.zeros((2, 4))}, "positive, finite"),
        ({"C": np.full((4, 4), np.inf)}, r"C\[0, 0\] is inf"),
        ({"C": np.triu(np.ones((4, 4))), "debiased": True}, "not symmetric"),
        ({"C": np.ones((4, 3)), "debiased": True}, "square"),
        ({"reg": 0.0}, "reg is"),
        ({"reg": np.inf}, "reg is"),
        ({"weights": [1.0]}, r"weights has shape \(1,\): \(2,\)"),
        ({"weights": [1.0, -1.0]}, "weights is"),
        ({"weights": [0.0, 0.0]}, "weights is"),
        ({"weights": [np.nan, 1.0]}, r"weights\[0\] is nan"),
        ({"potentials": (None, np.ones((2, 3)))}, "potentials has a g"),
        ({"potentials": (None, np.full((2, 4), np.inf))}, r"g\[0, 0\] is inf"),
    ],
)
def test_bad_input_is_named(change, message):
    arguments = {"distributions": np.ones((2, 4)), "C": np.ones((4, 4)), "reg": 0.1, **change}
    with pytest.raises(ValueError, match=message):
        barycenter(**arguments)


def test_wrong_types_are_named():
    with pytest.raises(TypeError, match="distributions has dtype complex128"):
        barycenter(np.ones((2, 4), complex), np.ones((4, 4)), 0.1)
    with pytest.raises(TypeError, match="no pair"):
        barycenter(np.ones((2, 4)), np.ones((4, 4)), 0.1, potentials=1)

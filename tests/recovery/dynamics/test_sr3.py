"""Sparse relaxed regularised regression, with constraints and without."""

import numpy as np
import pytest

from sparsesci._lib.result import ConvergenceWarning, Status
from sparsesci.recovery.dynamics.gram import as_gram
from sparsesci.recovery.dynamics.sr3 import sr3


def problem(seed, *, n=200, p=6, d=2, noise=0.1):
    """Return Theta, Y and true coefficients of about 1, two for each target."""
    rng = np.random.default_rng(seed)
    Theta, x = rng.standard_normal((n, p)), np.zeros((p, d))
    for k in range(d):
        x[rng.choice(p, 2, replace=False), k] = rng.choice([-1.0, 2.0], 2)
    return Theta, Theta @ x + noise * rng.standard_normal((n, d)), x


def objective(Theta, Y, W, U, threshold, nu, regularizer):
    """Return what is minimised, as the papers have it."""
    penalty = {
        "l0": threshold**2 / (2 * nu) * np.count_nonzero(U),
        "l1": threshold / nu * np.abs(U).sum(),
        "l2": threshold / nu * (U**2).sum(),
    }
    return 0.5 * ((Y - Theta @ W) ** 2).sum() + penalty[regularizer] + 0.5 / nu * ((W - U) ** 2).sum()


@pytest.mark.parametrize("regularizer", ["l0", "l1", "l2"])
@pytest.mark.parametrize("nu", [1e-3, 1.0])
@pytest.mark.parametrize("path", ["gram", "qr"])
def test_the_answer_minimises_the_objective(regularizer, nu, path):
    Theta, Y, _ = problem(7321)
    threshold = 0.2 if nu == 1 else 0.02
    options = {"threshold": threshold, "nu": nu, "regularizer": regularizer, "unbias": False}
    U = sr3(as_gram(Theta, Y, path=path), **options, rtol=1e-13).x
    G, b = Theta.T @ Theta, Theta.T @ Y

    def best(U):
        W = np.linalg.solve(G + np.eye(6) / nu, b + U / nu)
        return objective(Theta, Y, W, U, threshold, nu, regularizer)

    rng, here = np.random.default_rng(7331), best(U)
    for size in (1e-4, 1e-2):
        for _ in range(20):  # where U is zero it stays so: a step of |u|_0 is no small one
            assert best(U + size * rng.standard_normal(U.shape) * (U != 0)) >= here - 1e-12 * here


@pytest.mark.parametrize("relative", [False, True])
def test_the_functions_are_found_in_every_library(lib, relative):
    Theta, Y, x = problem(7333)
    result = sr3(lib.array(Theta), lib.array(Y), threshold=0.3, relative=relative)
    assert result.success and np.array_equal(lib.host(result.support), x != 0)
    for k in range(2):
        S = x[:, k] != 0
        expected = np.linalg.lstsq(Theta[:, S], Y[:, k], rcond=None)[0]
        np.testing.assert_allclose(lib.host(result.x)[S, k], expected, rtol=1e-10)


def test_relative_thresholds_do_not_depend_on_units():
    Theta, Y, _ = problem(7349)
    units = 10.0 ** np.random.default_rng(7351).uniform(-6, 6, 6)
    one, other = (sr3(T, y, relative=True, nu=0.5, unbias=False) for T, y in ((Theta, Y), (Theta * units, 1e-9 * Y)))
    np.testing.assert_allclose(other.x * units[:, None] * 1e9, one.x, rtol=1e-6)


def test_a_threshold_for_each_coefficient():
    Theta, Y, x = problem(7369)
    kept = np.flatnonzero(x[:, 0])[0]
    thresholds = np.full((6, 2), 0.3)
    thresholds[kept, 0] = 10
    assert not sr3(Theta, Y, threshold=thresholds).support[kept, 0]
    assert not sr3(Theta, Y, threshold=thresholds[:, 0]).support[kept].any()


def test_l1_without_a_second_fit_is_the_lasso_for_small_nu():
    Theta, Y, _ = problem(7393)
    Theta, Y, nu, penalty = np.linalg.qr(Theta)[0], Y[:, 0], 1e-4, 0.4
    x = sr3(Theta, Y, threshold=penalty * nu, nu=nu, regularizer="l1", unbias=False, rtol=1e-14, maxiter=10**6).x
    b = Theta.T @ Y
    np.testing.assert_allclose(x, np.sign(b) * np.maximum(abs(b) - penalty, 0), atol=2e-3)


# --- constraints -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", ["target", "feature"])
@pytest.mark.parametrize("path", ["gram", "qr"])
def test_the_answer_is_least_squares_that_meet_the_constraints(order, path):
    Theta, Y, _ = problem(7411)
    rng = np.random.default_rng(7417)
    C, rhs = rng.standard_normal((3, 12)), rng.standard_normal(3)
    result = sr3(as_gram(Theta, Y, path=path), threshold=0.0, constraints=(C, rhs), constraint_order=order)
    columns = C if order == "target" else C.reshape(3, 6, 2).swapaxes(1, 2).reshape(3, 12)  # target by target
    H = np.kron(np.eye(2), Theta.T @ Theta)
    saddle = np.block([[H, columns.T], [columns, np.zeros((3, 3))]])
    expected = np.linalg.solve(saddle, np.concatenate([(Theta.T @ Y).T.ravel(), rhs]))[:12]
    np.testing.assert_allclose(result.x.T.ravel(), expected, rtol=1e-9, atol=1e-11)


def test_constraints_hold_on_a_sparse_support():
    Theta, Y, x = problem(7433, d=1)
    first, second = np.flatnonzero(x[:, 0])
    C = np.zeros((1, 6))
    C[0, [first, second]] = 1.0
    result = sr3(Theta, Y[:, 0], threshold=0.3, constraints=(C, [0.7]))
    assert np.array_equal(np.flatnonzero(result.support), [first, second])
    assert result.x.sum() == pytest.approx(0.7, abs=1e-12)


def test_constraints_said_twice_are_one():
    Theta, Y, _ = problem(7451)
    C, rhs = np.eye(12)[[0, 0]] * [[1.0], [2.0]], np.array([0.5, 1.0])
    assert sr3(Theta, Y, threshold=0.0, constraints=(C, rhs)).x[0, 0] == pytest.approx(0.5)


def test_constraints_that_need_what_the_threshold_killed_are_a_status():
    Theta, Y, x = problem(7457, d=1)
    unused = np.flatnonzero(x[:, 0] == 0)[0]
    C = np.eye(6)[[unused]]
    with pytest.warns(ConvergenceWarning, match="cannot be met on the support"):
        result = sr3(Theta, Y, threshold=0.3, constraints=(C, [0.1]))
    assert not result.success


@pytest.mark.parametrize(
    ("constraints", "match"),
    [
        ((np.eye(12)[[0, 0]], [1.0, 2.0]), "contradict"),
        ((np.zeros((1, 12)), [1.0]), "contradict"),
        ((np.eye(6)[:1], [1.0]), r"\(m, 12\)"),
        ((np.eye(12)[:1], [1.0, 2.0]), "shapes"),
        ((np.eye(12)[:1] * np.nan, [1.0]), r"constraints\[0\]"),
        ("abc", "pair"),
    ],
)
def test_constraints_that_are_none_are_refused(constraints, match):
    Theta, Y, _ = problem(7459)
    with pytest.raises(ValueError, match=match):
        sr3(Theta, Y, constraints=constraints)


# --- what goes wrong -------------------------------------------------------------------------------------------------


def test_a_threshold_that_kills_all_is_a_status():
    Theta, Y, _ = problem(7477)
    with pytest.warns(ConvergenceWarning, match="lower the threshold"):
        result = sr3(Theta, Y, threshold=100.0)
    assert result.status is Status.EMPTY and not result.support.any()


def test_an_iteration_that_is_cut_short_says_so():
    Theta, Y, _ = problem(7481)
    with pytest.warns(ConvergenceWarning, match="raise maxiter"):
        assert sr3(Theta, Y, nu=1e-4, rtol=1e-14, maxiter=2).status is Status.MAXITER


def test_functions_that_depend_on_each_other_share_their_coefficient():
    Theta, Y, _ = problem(7487)
    result = sr3(np.hstack([Theta, Theta[:, :1], np.zeros((200, 1))]), Y, threshold=0.0)
    np.testing.assert_allclose(result.x[0], result.x[6], rtol=1e-6)
    assert not result.x[7].any()


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"regularizer": "l3"}, "regularizer is 'l3'"),
        ({"constraint_order": "F"}, "constraint_order"),
        ({"nu": 0.0}, "nu is 0.0"),
        ({"threshold": -1.0}, "threshold"),
        ({"threshold": np.ones(5)}, "threshold has shape"),
        ({"threshold": [np.nan] * 6}, "threshold"),
        ({"maxiter": 0}, "maxiter"),
    ],
)
def test_options_that_are_none_are_refused(options, match):
    Theta, Y, _ = problem(7489)
    with pytest.raises(ValueError, match=match):
        sr3(Theta, Y, **options)


def test_data_that_are_none_are_refused():
    Theta, Y, _ = problem(7499)
    with pytest.raises(TypeError, match="complex"):
        sr3(Theta, Y * 1j)
    with pytest.raises(ValueError, match="Y is missing"):
        sr3(Theta)


def test_constraints_hold_from_the_first_step_however_small_nu_is():
    rng = np.random.default_rng(4919)
    Theta = rng.standard_normal((300, 4))
    x = np.zeros((4, 2))
    x[1], x[2] = [0.3, -0.3], [1.0, 0.0]
    Y = Theta @ x + 0.01 * rng.standard_normal((300, 2))
    C = np.zeros((1, 8))
    C[0, [1, 5]] = 1.0  # x[1, 0] = -x[1, 1]
    result = sr3(Theta, Y, threshold=0.2, nu=1e-6, constraints=(C, np.zeros(1)))
    assert np.array_equal(result.x != 0, x != 0)
    assert np.allclose(result.x, x, atol=0.01)


def test_what_constraints_forbid_is_no_term():
    rng = np.random.default_rng(4931)
    Theta = rng.standard_normal((200, 3))
    Y = Theta @ np.array([[1.0, 0.5], [0.5, 1.0], [0.4, 0.4]]) + 0.1 * rng.standard_normal((200, 2))
    C = np.zeros((2, 6))
    C[0, 2] = C[1, 5] = 1.0  # no third function in either target
    result = sr3(Theta, Y, threshold=0.01, constraints=(C, np.zeros(2)))
    assert np.array_equal(result.support, [[True, True], [True, True], [False, False]])

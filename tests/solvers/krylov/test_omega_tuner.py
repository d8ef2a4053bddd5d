"""OmegaTuner: the probabilities, what it saves on sequences of systems, and what becomes of bad input."""

import math
import pickle
from functools import cache

import numpy as np
import pytest
import scipy.sparse
from hypothesis import given, settings
from hypothesis import strategies as st

from sparsesci.solvers import recycled_cg
from sparsesci.solvers.krylov.bandits import ChebCB, TsallisINF
from sparsesci.solvers.krylov.omega_tuner import METHODS, OmegaTuner
from sparsesci.solvers.krylov.sor import sor
from sparsesci.solvers.krylov.ssor import ssor_preconditioner

GRID = np.linspace(1, 1.9, 10)


# --- the sequences of the paper --------------------------------------------------------------------------------------


def heat_counts(choose, learn=lambda n_iter: None, *, nx=25, n_steps=300):
    """Return the iterations of SSOR-preconditioned CG in each step of one period of the paper's heat equation.

    Crank-Nicolson for ``u_t = c(t) Lap u + f`` on the unit square: c oscillates between 0.07 and 10, f is a bump that
    goes round. ``choose(c)`` gives omega.
    """
    e, dt = np.ones(nx - 1), 1 / n_steps
    line = scipy.sparse.diags_array([e[1:], -2 * e, e[1:]], offsets=[-1, 0, 1]) * nx**2
    eye = scipy.sparse.eye_array((nx - 1) ** 2, format="csr")
    laplacian = scipy.sparse.csr_array(scipy.sparse.kronsum(line, line))
    X, Y = (part.ravel() for part in np.meshgrid(*2 * [np.arange(1, nx) / nx], indexing="ij"))

    def bump(x, y, radius):
        inside = 1 - np.minimum(1 - 1e-9, ((X - x) ** 2 + (Y - y) ** 2) / radius**2)
        return np.exp(1 - 1 / inside)

    def coefficient(t):
        return max(0.1 * math.sin(2 * math.pi * t), -10 * math.sin(2 * math.pi * t))

    u, counts = bump(0.5, 0.5, 0.25), []
    for t in dt * np.arange(n_steps):
        half = t + dt / 2
        C = (coefficient(half) * dt / 2) * laplacian
        f = 32 * bump(0.5 + math.cos(16 * math.pi * half) / 4, 0.5 + math.sin(16 * math.pi * half) / 4, 0.125)
        A, b = eye - C, u + C @ u + dt * f
        M = ssor_preconditioner(A, choose(coefficient(t)))
        result = recycled_cg(A, b, u, M=M, n_recycle=0, rtol=1e-8)
        u = result.x
        counts.append(result.nit)
        learn(result.nit)
    return np.array(counts)


@cache
def fixed_mean(omega):
    """Return the mean count of one omega for all steps."""
    return heat_counts(lambda c: omega).mean()


def tuned_mean(method, seed):
    """Return the mean count of a tuner."""
    tuner = OmegaTuner(GRID, method=method, context_bounds=(0, 10), rng=seed)
    return heat_counts(tuner.ask, tuner.tell).mean()


def best_fixed():
    """Return the smallest mean count of the omegas among which the best lies."""
    return min(fixed_mean(omega) for omega in (1.4, 1.5, 1.6))


def test_on_the_heat_equation_tsallis_inf_comes_near_the_best_fixed_omega():
    mean = tuned_mean("tsallis-inf", seed=7001)
    assert mean < 0.95 * fixed_mean(1.0) and mean < 1.15 * best_fixed()


def test_on_the_heat_equation_chebcb_beats_the_best_fixed_omega():
    assert tuned_mean("chebcb", seed=7013) < best_fixed()


@pytest.mark.parametrize("method", METHODS)
def test_on_shifted_laplacians_sor_is_tuned(method):
    line = scipy.sparse.diags_array([-np.ones(9), 2 * np.ones(10), -np.ones(9)], offsets=[-1, 0, 1])
    A, eye = scipy.sparse.csr_array(scipy.sparse.kronsum(line, line)), scipy.sparse.eye_array(100, format="csr")
    rng = np.random.default_rng(7019)
    tuner = OmegaTuner(method=method, context_bounds=(-0.15, 0.45), rng=rng)
    fixed, tuned = [], []
    for _ in range(400):
        shift, b = -0.15 + 0.6 * rng.beta(2, 6), rng.standard_normal(100)
        tuned.append(sor(A + shift * eye, b, omega=tuner.ask(shift), rtol=1e-8, maxiter=10**4).nit)
        tuner.tell(tuned[-1])
        fixed.append(sor(A + shift * eye, b, omega=1.7, rtol=1e-8).nit if len(fixed) < 40 else np.mean(fixed))
    late = np.mean(tuned[200:])
    assert late < (1.05 if method == "chebcb" else 1.5) * np.mean(fixed)  # omega = 1 takes 4.5 times as many


# --- Tsallis-INF -----------------------------------------------------------------------------------------------------


@given(
    losses=st.lists(st.floats(0, 1e12), min_size=1, max_size=60),
    t=st.integers(2, 10**9),
    total=st.floats(1e-12, 1e12),
)
@settings(max_examples=300, deadline=None)
def test_for_any_losses_the_probabilities_sum_to_one_and_fall_with_the_loss(losses, t, total):
    bandit = TsallisINF(len(losses))
    bandit.k, bandit.t, bandit.total = np.array(losses), t, total
    p = bandit.probabilities(None)
    assert abs(p.sum() - 1) < 1e-12 and (p >= 0).all()
    assert (np.diff(p[np.argsort(losses)]) <= 0).all()


def test_the_probabilities_are_the_formula_of_the_paper():
    bandit = TsallisINF(4)
    for arm, loss in [(0, 11.0), (2, 5.0), (1, 7.0), (0, 9.0)]:
        bandit.learn(arm, 0.4, loss)
    eta, k = 2 / math.sqrt(5), np.array([20, 7, 5, 0]) / 0.4 / 8.0  # 8 is the mean loss
    p = bandit.probabilities(None)
    x = k - 2 / (eta * np.sqrt(p))
    np.testing.assert_allclose(x, x[0], rtol=1e-10)
    assert x[0] < k.min() and p.sum() == pytest.approx(1, abs=1e-13)


def test_only_the_loss_of_the_arm_drawn_is_raised_by_its_weight():
    bandit = TsallisINF(3)
    bandit.learn(1, 0.25, 12.0)
    np.testing.assert_array_equal(bandit.k, [0, 48, 0])


@pytest.mark.parametrize("method", METHODS)
def test_losses_in_another_unit_give_the_same_choices(method):
    def choices(unit):
        tuner = OmegaTuner(GRID, method=method, context_bounds=(0, 1), rng=7039)
        rng = np.random.default_rng(7043)
        for _ in range(80):
            omega = tuner.ask(rng.random())
            tuner.tell(1 + unit * (20 + 300 * (omega - 1.5) ** 2))
        return [omega for omega, _ in tuner.history], tuner.probabilities

    omegas, p = choices(1.0)
    same, q = choices(1024.0)
    assert omegas == same
    np.testing.assert_allclose(p, q, rtol=1e-6)


def test_counts_that_are_all_one_leave_every_omega_equal():
    tuner = OmegaTuner(GRID, rng=7057)
    for _ in range(20):
        tuner.ask()
        tuner.tell(1)
    tuner.ask()
    np.testing.assert_allclose(tuner.probabilities, 0.1)


def test_it_finds_the_only_good_omega():
    tuner = OmegaTuner(GRID, rng=7069)
    for _ in range(400):
        tuner.tell(10 if tuner.ask() == GRID[3] else 50)
    assert tuner.probabilities.argmax() == 3 and tuner.probabilities[3] > 0.5


# --- ChebCB ----------------------------------------------------------------------------------------------------------


@given(counts=st.lists(st.floats(1, 1e9), min_size=1, max_size=30), seed=st.integers(2, 10**6))
@settings(max_examples=60, deadline=None)
def test_for_any_counts_the_probabilities_of_chebcb_sum_to_one(counts, seed):
    rng = np.random.default_rng(seed)
    tuner = OmegaTuner(GRID[:4], method="chebcb", context_bounds=(-3, 5), rng=rng)
    for count in counts:
        tuner.ask(rng.uniform(-3, 5))
        assert abs(tuner.probabilities.sum() - 1) < 1e-12 and (tuner.probabilities >= 0).all()
        tuner.tell(count)
    tuner.ask(5)


def test_the_probabilities_of_chebcb_are_the_inverse_gaps():
    bandit = ChebCB(3, 0.0, 1.0)
    bandit.theta[:, 0], bandit.eta = [5.0, 2.0, 4.0], 0.5
    p = bandit.probabilities(0.3)
    np.testing.assert_allclose(p[[0, 2]], [1 / (3 + 0.5 * 3), 1 / (3 + 0.5 * 2)])
    assert p[1] == 1 - p[0] - p[2]


def test_the_features_are_chebyshev_polynomials_of_the_scaled_context():
    bandit = ChebCB(2, 10.0, 20.0)
    bandit.probabilities(17.0)
    np.testing.assert_allclose(bandit.features, np.polynomial.chebyshev.chebvander(0.4, 5)[0], atol=1e-14)


def test_a_series_within_its_bounds_is_fitted_exactly():
    truth, rng = np.array([60.0, 20.0, -5.0, 1.0, 0.5, -0.2]), np.random.default_rng(7079)
    bandit = ChebCB(1, -1.0, 1.0)
    for context in rng.uniform(-1, 1, 40):
        bandit.probabilities(context)
        bandit.learn(0, 1.0, float(bandit.features @ truth))
    np.testing.assert_allclose(bandit.theta[0], truth, rtol=1e-8)
    assert bandit.residuals[0] < 1e-15 * bandit.squared_errors


def test_a_fit_on_the_kept_factor_is_the_bounded_fit_of_all_data():
    from scipy.optimize import lsq_linear

    rng = np.random.default_rng(7103)
    bandit, features, losses = ChebCB(1, -1.0, 1.0), [], []
    for context in 0.3 * rng.random(25):  # on a part of the interval: the free fit runs into its bounds
        bandit.probabilities(context)
        features.append(bandit.features)
        losses.append(float(20 + 10 * rng.random()))
        bandit.learn(0, 1.0, losses[-1])
    bound = np.append(max(losses), 2 * np.ptp(losses) / np.arange(1, 6))
    expected = lsq_linear(np.array(features), np.array(losses), (-bound, bound), method="bvls")
    np.testing.assert_allclose(bandit.residuals[0], 2 * expected.cost, rtol=1e-8)
    assert (abs(bandit.theta[0]) >= bound * (1 - 1e-9)).any()


def test_with_a_context_the_best_omega_of_each_context_is_found():
    tuner = OmegaTuner([1.2, 1.8], method="chebcb", context_bounds=(0, 1), rng=7109)
    rng = np.random.default_rng(7121)
    right = []
    for _ in range(300):
        context = rng.random()
        omega = tuner.ask(context)
        right.append((omega == 1.8) == (context > 0.5))
        tuner.tell(20 + 60 * abs(context - (1 if omega == 1.8 else 0)))
    assert np.mean(right[150:]) > 0.9


def test_a_context_outside_of_its_bounds_is_the_nearer_one():
    tuner = OmegaTuner(method="chebcb", context_bounds=(0, 2), rng=7127)
    for context in np.linspace(0, 2, 30):
        omega = tuner.ask(context)
        tuner.tell(30 + 20 * context * omega)
    tuner.ask(2.0)
    at_bound = tuner.probabilities
    tuner.ask(1e9)
    np.testing.assert_array_equal(tuner.probabilities, at_bound)


# --- use -------------------------------------------------------------------------------------------------------------


def test_the_same_seed_gives_the_same_omegas_and_a_pickle_goes_on_where_it_was():
    first, second = (OmegaTuner(rng=seed) for seed in (7129, np.random.default_rng(7129)))
    for _ in range(10):
        omega = first.ask()
        assert omega == second.ask() and type(omega) is float
        first.tell(100 * omega)
        second.tell(100 * omega)
    restored = pickle.loads(pickle.dumps(first))
    assert [restored.ask() for _ in range(5)] == [first.ask() for _ in range(5)]
    assert restored.history == first.history


def test_the_history_is_what_was_told():
    tuner = OmegaTuner([1.5], rng=7151)
    tuner.ask()
    tuner.tell(np.int64(12))
    assert tuner.history == [(1.5, 12.0)]
    np.testing.assert_array_equal(tuner.probabilities, [1.0])


def test_the_default_grid_is_that_of_the_paper_and_its_start_is_uniform():
    tuner = OmegaTuner()
    np.testing.assert_allclose(tuner.grid, np.linspace(1, 1.95, 20))
    np.testing.assert_allclose(tuner.probabilities, 0.05)


def test_a_context_may_be_given_to_tsallis_inf_and_is_not_used():
    assert OmegaTuner(rng=7159).ask("whatever") == OmegaTuner(rng=7159).ask()


def test_a_second_ask_forgets_the_first():
    tuner, other = OmegaTuner(GRID, rng=7177), OmegaTuner(GRID, rng=7177)
    for each in (tuner, other):
        each.ask()
    other.tell(9)
    omega = tuner.ask()
    tuner.tell(5)
    assert tuner.history == [(omega, 5.0)] and len(other.history) == 1


def test_a_tell_needs_an_ask():
    tuner = OmegaTuner(rng=7187)
    with pytest.raises(RuntimeError, match=r"tell\(\) without ask\(\)"):
        tuner.tell(7)
    tuner.ask()
    tuner.tell(7)
    with pytest.raises(RuntimeError, match="belongs to the omega of one ask"):
        tuner.tell(7)


@pytest.mark.parametrize(
    ("n_iter", "error", "message"),
    [
        (0, ValueError, r"n_iter is 0: a number >= 1 .*ask for the next without telling"),
        (-3, ValueError, "n_iter is -3"),
        (0.5, ValueError, r"n_iter is 0.5"),
        (np.nan, ValueError, "n_iter is nan: a finite number"),
        (math.inf, ValueError, "n_iter is inf: a finite number"),
        ("ten", TypeError, "n_iter is 'ten'"),
        (True, TypeError, "n_iter is True"),
    ],
)
def test_a_count_that_is_none_is_refused_and_the_ask_stays_open(n_iter, error, message):
    tuner = OmegaTuner(rng=7193)
    tuner.ask()
    with pytest.raises(error, match=message):
        tuner.tell(n_iter)
    tuner.tell(3)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"grid": []}, ValueError, r"grid has shape \(0,\)"),
        ({"grid": 1.5}, ValueError, r"grid has shape \(\)"),
        ({"grid": [[1.5]]}, ValueError, r"grid has shape \(1, 1\)"),
        ({"grid": [0.0, 1.0]}, ValueError, "from 0 to 1: 0 < omega < 2"),
        ({"grid": [1.0, 2.0]}, ValueError, "from 1 to 2: 0 < omega < 2"),
        ({"grid": [1.0, np.nan]}, ValueError, "0 < omega < 2"),
        ({"grid": [1.5, 1.2]}, ValueError, r"not ascending: .*numpy.unique"),
        ({"grid": [1.5, 1.5]}, ValueError, "not ascending"),
        ({"method": "exp3"}, ValueError, "method is 'exp3': accepted are 'tsallis-inf', 'chebcb'"),
        ({"method": "chebcb"}, ValueError, "context_bounds is None: method='chebcb' needs"),
        ({"context_bounds": (1, 1)}, ValueError, "smallest < largest"),
        ({"context_bounds": (2, 1)}, ValueError, "smallest < largest"),
        ({"context_bounds": (0, np.inf)}, ValueError, r"context_bounds\[1\] is inf"),
        ({"context_bounds": ("a", 1)}, TypeError, r"context_bounds\[0\] is 'a'"),
        ({"context_bounds": 3}, ValueError, "context_bounds is 3"),
        ({"context_bounds": (1, 2, 3)}, ValueError, r"context_bounds is \(1, 2, 3\)"),
    ],
)
def test_bad_options_are_named(arguments, error, message):
    with pytest.raises(error, match=message):
        OmegaTuner(**arguments)


@pytest.mark.parametrize(
    ("context", "error"), [(None, TypeError), ("warm", TypeError), (np.nan, ValueError), (-np.inf, ValueError)]
)
def test_chebcb_refuses_a_context_that_is_no_number(context, error):
    with pytest.raises(error, match="context is"):
        OmegaTuner(method="chebcb", context_bounds=(0, 1)).ask(context)


def test_the_grid_is_copied():
    grid = np.array([1.0, 1.5])
    tuner = OmegaTuner(grid)
    grid[0] = 1.9
    assert tuner.grid[0] == 1.0


def test_it_tells_its_story():
    tuner = OmegaTuner([1.0, 1.5], rng=7207)
    assert repr(tuner) == "OmegaTuner: tsallis-inf over 2 omegas in [1, 1.5], nothing told yet"
    for _ in range(80):
        tuner.tell(12 if tuner.ask() == 1.5 else 40)
    story = repr(tuner)
    assert "80 counts, mean " in story and "favourite  omega = 1.5" in story

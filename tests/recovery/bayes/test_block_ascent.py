"""The ascent over blocks: its updates, its prices, its slopes."""

import numpy as np
import pytest
from scipy.stats import beta

from sparsesci._lib.xp import adjoint
from sparsesci.recovery.bayes.block_ascent import Data, fresh, spectra, stepped
from sparsesci.recovery.bayes.block_layout import layout
from sparsesci.recovery.bayes.block_polish import slopes
from sparsesci.recovery.bayes.block_prices import NEVER, Prices, height, peak

SIZES = [3, 1, 4, 3, 5, 4]


def problem(*, seed, M=30, dtype=float):
    """Return an ascent's data, for columns sorted as the layout has them, and Y."""
    rng = np.random.default_rng(seed)
    A, Y = rng.standard_normal((M, sum(SIZES))), rng.standard_normal((M, 2))
    if dtype is complex:
        A, Y = A + 1j * rng.standard_normal(A.shape), Y + 1j * rng.standard_normal(Y.shape)
    misfit = np.sum(np.abs(Y) ** 2) / 2
    return Data(A, A.conj().T @ Y, layout(SIZES, sum(SIZES)), misfit, 1e-13 * misfit, 0.0), Y


def empty(data):
    """Return the state with no block active."""
    return fresh(data, np.zeros(len(SIZES)), [], adjoint(data.A[:, :0]) @ data.A)


def moved(data, state):
    """Take blocks in, change one, and put one out, at rank d each."""
    for block, g in [(4, 0.7), (1, 2.0), (0, 0.3), (4, 5.0), (1, 0.0), (2, 1.5)]:
        state = stepped(data, state, block, g)
    return state


@pytest.mark.parametrize("dtype", [float, complex])
def test_updates_lead_to_what_is_computed_anew(lib, dtype):
    data, _ = problem(seed=5303, dtype=dtype)
    data = data._replace(A=lib.array(data.A), b=lib.array(data.b))
    state = moved(data, empty(data))
    anew = fresh(data, state.gamma, state.active, state.rows)
    assert state.active == [4, 0, 2] and state.gamma.tolist() == [0.3, 0, 1.5, 0, 5.0, 0]
    for part in ("P", "rows", "Q"):
        np.testing.assert_allclose(lib.host(getattr(state, part)), lib.host(getattr(anew, part)), atol=1e-10)
    for S, expected in zip(state.S, anew.S, strict=True):
        np.testing.assert_allclose(lib.host(S), lib.host(expected), atol=1e-10)
    assert state.left == pytest.approx(anew.left) and state.log_determinant == pytest.approx(anew.log_determinant)


@pytest.mark.parametrize("dtype", [float, complex])
def test_a_state_is_what_it_is_called(dtype):
    data, Y = problem(seed=5309, dtype=dtype)
    state = moved(data, empty(data))
    B = np.eye(30) + (data.A * state.gamma[data.blocks.owner]) @ data.A.conj().T
    solved = np.linalg.solve(B, np.hstack([data.A, Y]))
    np.testing.assert_allclose(state.Q, data.A.conj().T @ solved[:, -2:], atol=1e-10)
    assert state.left == pytest.approx(np.sum(Y.conj() * solved[:, -2:]).real / 2)
    assert state.log_determinant == pytest.approx(np.linalg.slogdet(B)[1])
    for group, S in zip(data.blocks.groups, state.S, strict=True):
        c = group.columns
        whole = data.A[:, c].conj().T @ solved[:, c]
        for i in range(len(S)):
            own = slice(i * group.size, (i + 1) * group.size)
            np.testing.assert_allclose(S[i], whole[own, own], atol=1e-10)


def test_the_height_of_a_block_is_the_evidence_that_it_adds():
    data, Y = problem(seed=5323)
    state = moved(data, empty(data))
    gamma, M = state.gamma, 30

    def evidence(gamma):
        B = np.eye(M) + (data.A * gamma[data.blocks.owner]) @ data.A.T
        return -np.linalg.slogdet(B)[1] - M * np.log(np.sum(Y * np.linalg.solve(B, Y)) / 2)

    for group, S in zip(data.blocks.groups, state.S, strict=True):
        s, p = spectra(data, state, group, S)
        for i, b in enumerate(range(group.blocks.start, group.blocks.stop)):
            without, with_one = gamma.copy(), gamma.copy()
            without[b], with_one[b] = 0.0, 0.9
            rest = state.left + np.sum(gamma[b] * p[i] / (1 + gamma[b] * s[i]))
            found = height(np.array([[0.9]]), s[None, None, i], p[None, None, i], rest, 0.0, M)
            assert found[0, 0] == pytest.approx(evidence(with_one) - evidence(without))


@pytest.mark.parametrize("noise", [0.0, 0.2])
def test_the_peak_is_the_best_of_a_fine_grid(noise):
    rng = np.random.default_rng(5333)
    s, p = rng.uniform(0.01, 3, (20, 4)), rng.exponential(1, (20, 4)) * np.geomspace(0.1, 30, 20)[:, None]
    rest = np.geomspace(1.2, 100, 20) * np.sum(p / s, axis=1)
    g, top = peak(s, p, rest, noise, 40)
    fine = np.geomspace(1e-3, 1e5, 20001)[None, :]
    values = height(fine, s[:, None, :], p[:, None, :], rest[:, None], noise, 40)
    best = np.maximum(values.max(axis=1), 0)
    assert np.all(top >= best - 1e-7) and np.any(g == 0) and np.any(g > 0)
    np.testing.assert_allclose(top[g > 0], best[g > 0], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("M", [20, 400])
@pytest.mark.parametrize("d", [1, 6])
def test_a_price_is_the_gain_that_noise_reaches_once_in_ten_problems(M, d):
    into, _ = Prices(M, np.array([float(d)]), 30, 1, 0.1, is_noise_known=False).marginal(np.array([1]))
    u = beta.isf(0.1 / 30, d / 2, (M - 2 * d) / 2)  # what a second block explains of what the first leaves
    u *= (M - d) / M  # of y^H B^-1 y, where the first has its share
    t = np.linspace(0, 1, 100_001)[:-1]
    assert into[0] == pytest.approx(0.5 * np.max(d * np.log1p(-t) - M * np.log1p(-t * u)), rel=1e-5)


def test_the_price_of_a_set_does_not_depend_on_its_order():
    prices = Prices(40, np.array([2.0, 3.5]), 12, 1, 0.1, is_noise_known=False)
    one, other = np.array([2, 1]), np.array([1, 2])
    first = prices.marginal(one)[0][1] + prices.marginal(np.array([1, 1]))[0][0]
    second = prices.marginal(other)[0][0] + prices.marginal(np.array([1, 1]))[0][1]
    assert first == pytest.approx(second)
    assert prices.marginal(one)[1][0] == pytest.approx(prices.marginal(np.array([1, 1]))[0][0])


def test_a_block_that_leaves_the_noise_nothing_costs_too_much():
    prices = Prices(10, np.array([4.0]), 5, 1, 0.1, is_noise_known=False)
    assert prices.marginal(np.array([1]))[0] < 100 and prices.marginal(np.array([2]))[0] > NEVER / 2


@pytest.mark.parametrize("M", [12, 40])
@pytest.mark.parametrize("dtype", [float, complex])
def test_slopes_are_those_of_finite_differences(lib, M, dtype):
    data, Y = problem(seed=5347, M=M, dtype=dtype)
    blocks, gamma, r = data.blocks, np.random.default_rng(5351).uniform(0.1, 1, len(SIZES)), 0.6
    A, Y = lib.array(data.A), lib.array(Y)
    H = lib.array(data.A.conj().T @ data.A) if M > len(blocks.order) else None

    def evidence(gamma, r):
        at = slopes(A, Y, blocks, gamma, r, H)
        return -at.log_determinant - M * np.log(at.left)

    at = slopes(A, Y, blocks, gamma, r, H)
    s2, step = at.left / M, 1e-6
    over_gamma = [(evidence(gamma + e, r) - evidence(gamma - e, r)) / (2 * step) for e in step * np.eye(len(SIZES))]
    over_r = (evidence(gamma, r + step) - evidence(gamma, r - step)) / (2 * step)
    np.testing.assert_allclose(over_gamma, at.squares / s2 - at.traces, rtol=1e-5, atol=1e-4)
    assert over_r == pytest.approx(gamma @ (at.turned_squares / s2 - at.turned_traces), rel=1e-4)

"""A model error of the Kuramoto-Sivashinsky equation, found from analysis increments: MEDIDA.

Mojgani, Chattopadhyay, Hassanzadeh, Chaos 32 (2022) 061105.
"""

import numpy as np
import pytest

from sparsesci.recovery.dynamics.rvm import rvm

LENGTH, N = 20 * np.pi, 128
WAVES = 2 * np.pi / LENGTH * np.fft.rfftfreq(N, 1 / N)
TRUTH = {(0, 1): 0.15, (1, 1): -1.0, (0, 2): -1.0, (0, 4): -1.0}  # u_t = sum of c u^i d^j u / dx^j
MODEL = {(1, 1): -1.0, (0, 2): -0.8, (0, 4): -1.0}
ERROR = {(0, 1): 0.15, (0, 2): -0.2}
SHORT = 0.01  # until the increment is taken


def derivative(u, order):
    """Return the spectral derivative of fields (n, N)."""
    return np.fft.irfft((1j * WAVES) ** order * np.fft.rfft(u), N)


def forecast(u, terms, duration, step=0.05):
    """Return fields (n, N) later on, by the fourth-order exponential Runge-Kutta scheme of Cox and Matthews."""
    linear = sum(c * (1j * WAVES) ** j for (i, j), c in terms.items() if i == 0)
    circle = np.exp(1j * np.pi * (np.arange(1, 33) - 0.5) / 16)
    z = step * linear[:, None] + circle  # Kassam and Trefethen: means over a circle around each value
    e, half = np.exp(step * linear), np.exp(step * linear / 2)
    q = step * np.mean((np.exp(z / 2) - 1) / z, axis=1)
    f1 = step * np.mean((-4 - z + np.exp(z) * (4 - 3 * z + z**2)) / z**3, axis=1)
    f2 = step * np.mean((2 + z + np.exp(z) * (z - 2)) / z**3, axis=1)
    f3 = step * np.mean((-4 - 3 * z - z**2 + np.exp(z) * (4 - z)) / z**3, axis=1)
    dealiased = WAVES < 2 / 3 * WAVES[-1]

    def advection(v):  # -u u_x = -(u^2 / 2)_x
        return 0.5 * terms[1, 1] * 1j * WAVES * dealiased * np.fft.rfft(np.fft.irfft(v, N) ** 2)

    v = np.fft.rfft(u)
    for _ in range(round(duration / step)):
        n = advection(v)
        a = half * v + q * n
        na = advection(a)
        b = half * v + q * na
        nb = advection(b)
        nc = advection(half * a + q * (2 * nb - n))
        v = e * v + f1 * n + 2 * f2 * (na + nb) + f3 * nc
    return np.fft.irfft(v, N)


@pytest.fixture(scope="module")
def twins():
    """States of the truth, what it becomes after a short time, and the forecast of the model from the same states."""
    rng = np.random.default_rng(7103)
    x = LENGTH * np.arange(N) / N
    u = np.stack([a * np.cos(x / 10 + b) + c * np.cos(x / 5) for a, b, c in rng.uniform(0.5, 1.5, (30, 3))])
    start = forecast(u, TRUTH, 150)
    return start, forecast(start, TRUTH, SHORT, SHORT), forecast(start, MODEL, SHORT, SHORT)


def increments(twins, noise, seed):
    """Return library, names and increments per unit of time, the later truth being observed with noise."""
    start, later, model = twins
    rng = np.random.default_rng(seed)
    observed = later + noise * later.std() * rng.standard_normal(later.shape)
    middle = (start + model) / 2
    names = [(i, j) for i in range(3) for j in range(5) if (i, j) != (0, 0)]
    Theta = np.stack([(middle**i * derivative(middle, j)).ravel() for i, j in names], axis=1)
    return Theta, names, ((observed - model) / SHORT).ravel()


@pytest.mark.parametrize("noise", [0.0, 1e-4])
def test_a_planted_model_error_is_discovered_from_analysis_increments(twins, noise):
    Theta, names, y = increments(twins, noise, seed=7109)
    result = rvm(Theta, y)
    # The rest is true, too: in SHORT the two go different ways, and the increment is no difference of tendencies.
    strong = {names[j]: result.x[j] for j in result.support.nonzero()[0] if abs(result.x[j]) > SHORT}
    assert strong == pytest.approx(ERROR, rel=0.02)


@pytest.mark.parametrize("noise", [5e-4, 1e-3])
def test_where_noise_hides_what_is_of_the_order_of_the_time_there_is_no_other_term(twins, noise):
    Theta, names, y = increments(twins, noise, seed=7121)
    result = rvm(Theta, y)
    found = {names[j]: result.x[j] for j in result.support.nonzero()[0]}
    assert found == pytest.approx(ERROR, rel=0.05)
    error = noise * twins[1].std() / SHORT
    assert result.noise_var[0] == pytest.approx(error**2, rel=0.05)

"""Transport problems for the tests."""

import numpy as np
import pytest


@pytest.fixture
def assign():
    """Return a function that makes random costs between as many points of equal weight."""

    def make(n, seed):
        return np.full(n, 1 / n), np.full(n, 1 / n), np.random.default_rng(seed).random((n, n))

    return make


@pytest.fixture
def general():
    """Return a function that makes random costs between points of random weights, whose sum is ``mass``."""

    def make(n, m, seed, mass=1.0):
        rng = np.random.default_rng(seed)
        a, b = rng.random(n) + 0.05, rng.random(m) + 0.05
        return mass * a / a.sum(), mass * b / b.sum(), rng.random((n, m))

    return make


@pytest.fixture
def pictures():
    """Return a function that makes two pictures of a pen stroke, 28 by 28, and the costs between their pixels."""

    def stroke(rng):
        t, P = np.linspace(0, 1, 150)[:, None], rng.random((4, 2)) * 16 + 6
        curve = (1 - t) ** 3 * P[0] + 3 * t * (1 - t) ** 2 * P[1] + 3 * t**2 * (1 - t) * P[2] + t**3 * P[3]
        i, j = np.mgrid[:28, :28]
        nearest = ((i - curve[:, :1, None]) ** 2 + (j - curve[:, 1:, None]) ** 2).min(axis=0)
        w = (np.exp(-nearest) * (nearest < 4) + 0.01).ravel()
        return w / w.sum()

    def make(power, seed):
        rng = np.random.default_rng(seed)
        i, j = np.mgrid[:28, :28].reshape(2, -1) / 28
        C = np.abs(i[:, None] - i) ** power + np.abs(j[:, None] - j) ** power
        return stroke(rng), stroke(rng), C

    return make

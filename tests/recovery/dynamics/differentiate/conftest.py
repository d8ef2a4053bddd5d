"""Trajectories for the tests of derivatives."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp


@pytest.fixture(scope="session")
def lorenz():
    """Return t, x and x' of 800 samples of the Lorenz system, a hundredth apart, to ten digits."""

    def rate(_, x):
        return [10 * (x[1] - x[0]), x[0] * (28 - x[2]) - x[1], x[0] * x[1] - 8 / 3 * x[2]]

    t = np.arange(800) * 0.01
    x = solve_ivp(rate, (0, 8), [-8, 7, 27], t_eval=t, method="DOP853", rtol=1e-12, atol=1e-12).y.T
    return t, x, np.stack(rate(0, x.T), axis=1)

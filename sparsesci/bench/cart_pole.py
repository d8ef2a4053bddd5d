"""A pole on a cart that has to be swung up and balanced: many of them at once, in plain NumPy.

Tassa et al., *DeepMind control suite*, arXiv 1801.00690 (2018): a cart of 1 kg on a rail of 3.6 m, a uniform pole of
0.1 kg and 1 m, a force of at most 10 N, no friction; the reward is theirs. The equations of motion are those of Barto,
Sutton, Anderson, IEEE Trans. Syst. Man Cybern. 13 (1983) 834-846.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

NAMES = ("x", "c", "s", "v", "w")  # position, cosine and sine of the angle, velocity, angular velocity
CONTROL = "u"
MIRROR = np.array(
    [-1.0, 1.0, -1.0, -1.0, -1.0]
)  # the motion of x * MIRROR under -u is the motion of x under u, mirrored


@dataclass(frozen=True)
class CartPole:
    """Poles on carts with states ``(x, cos theta, sin theta, x', theta')`` in rows (m, 5); the pole is up at theta = 0.

    The control u (m, 1), clipped to [-1, 1], is the force in units of the largest one, and is held for a step. With the
    mass of the cart M, that of the pole m and its half length l, ``a = (F + m l theta'^2 sin theta) / (M + m)``,
    ``theta'' = (g sin theta - a cos theta) / (l (4/3 - m cos^2 theta / (M + m)))`` and
    ``x'' = a - m l theta'' cos theta / (M + m)``. At an end of the rail the cart stops.

    Attributes
    ----------
    dt : float
        Seconds of a step; integrated by `substeps` steps of the classical Runge-Kutta method.
    cart, pole, half_length, gravity, force, rail : float
        Masses in kg, l in m, g in m/s^2, largest force in N, and the largest ``|x|`` in m.
    """

    dt: float = 0.02
    substeps: int = 2
    cart: float = 1.0
    pole: float = 0.1
    half_length: float = 0.5
    gravity: float = 9.81
    force: float = 10.0
    rail: float = 1.8

    def starts(self, rng: np.random.Generator, m: int) -> np.ndarray:
        """Return m states at rest but for 0.01, with the pole hanging down and the cart near the middle."""
        x, angle, v, w = 0.01 * rng.standard_normal((4, m))
        return np.stack([x, -np.cos(angle), -np.sin(angle), v, w], axis=1)

    def step(self, x: np.ndarray, u: np.ndarray) -> np.ndarray:
        """Return the states (m, 5) one step later, of states (m, 5) and controls (m, 1) or (m,)."""
        force = self.force * np.clip(np.reshape(u, len(x)), -1, 1)
        y = np.stack([x[:, 0], np.arctan2(x[:, 2], x[:, 1]), x[:, 3], x[:, 4]])
        h = self.dt / self.substeps
        for _ in range(self.substeps):
            k1 = self._rates(y, force)
            k2 = self._rates(y + h / 2 * k1, force)
            k3 = self._rates(y + h / 2 * k2, force)
            k4 = self._rates(y + h * k3, force)
            y = y + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
        return self.project(np.stack([y[0], np.cos(y[1]), np.sin(y[1]), y[2], y[3]], axis=1))

    def _rates(self, y: np.ndarray, force: np.ndarray) -> np.ndarray:
        """Return the derivatives of ``(x, theta, x', theta')``."""
        _, angle, v, w = y
        sine, cosine, total = np.sin(angle), np.cos(angle), self.cart + self.pole
        lever = self.pole * self.half_length / total
        a = force / total + lever * w**2 * sine
        turning = (self.gravity * sine - a * cosine) / (self.half_length * (4 / 3 - self.pole * cosine**2 / total))
        return np.stack([v, w, a - lever * turning * cosine, turning])

    def project(self, x: np.ndarray) -> np.ndarray:
        """Return states (m, 5) with ``cos^2 + sin^2 = 1``, and with carts stopped that have left the rail."""
        x = np.array(x, float)
        x[:, 1:3] /= np.hypot(x[:, 1], x[:, 2])[:, None]
        x[self.is_stopped(x), 3] = 0.0
        x[:, 0] = np.clip(x[:, 0], -self.rail, self.rail)
        return x

    def is_stopped(self, x: np.ndarray) -> np.ndarray:
        """Return which carts (m,) of states (m, 5) are at an end of the rail."""
        return np.abs(x[:, 0]) >= self.rail

    def reward(self, x: np.ndarray, u: np.ndarray) -> np.ndarray:
        """Return the reward (m,) in [0, 1] of arriving at states (m, 5) with controls (m, 1) or (m,).

        ``(1 + cos theta) / 2 * (1 + G(x / 2)) / 2 * (4 + max(0, 1 - u^2)) / 5 * (1 + G(theta' / 5)) / 2``, with
        ``G(z) = 0.1^(z^2)``: upright, in the middle, little force, at rest.
        """
        position, cosine, _, _, w = x.T
        small_control = (4 + np.maximum(0, 1 - np.reshape(u, len(x)) ** 2)) / 5
        return (1 + cosine) / 2 * (1 + _near(position / 2)) / 2 * small_control * (1 + _near(w / 5)) / 2

    def run(
        self, x0: np.ndarray, u: np.ndarray | Callable[[np.ndarray], np.ndarray], n_steps: int
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return states x (m, n_steps + 1, 5), controls (m, n_steps, 1) and rewards (m, n_steps) from starts x0 (m, 5).

        The controls are an array (m, n_steps, 1), or a policy: a function of the states (m, 5) that gives them.
        """
        m = len(x0)
        x, controls, rewards = np.empty((m, n_steps + 1, 5)), np.empty((m, n_steps, 1)), np.empty((m, n_steps))
        x[:, 0] = x0
        for k in range(n_steps):
            now = u(x[:, k]) if callable(u) else u[:, k]
            controls[:, k] = np.clip(np.reshape(now, (m, 1)), -1, 1)
            x[:, k + 1] = self.step(x[:, k], controls[:, k])
            rewards[:, k] = self.reward(x[:, k + 1], controls[:, k])
        return x, controls, rewards

    def random_steps(
        self, rng: np.random.Generator, n_trajectories: int, n_steps: int, held: int = 5
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return `run` of random controls, uniform in [-1, 1], each ``held`` for some steps, from `starts`."""
        drawn = rng.uniform(-1, 1, (n_trajectories, -(-n_steps // held), 1))
        return self.run(self.starts(rng, n_trajectories), np.repeat(drawn, held, axis=1)[:, :n_steps], n_steps)

    def transitions(self, x: np.ndarray, u: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return states (n, 5), controls (n, 1) and next states (n, 5) of trajectories (m, n_t, 5), off the ends.

        The blow of an end of the rail is no smooth function of the state, and would spoil the fit of one.
        """
        before, after, u = x[:, :-1].reshape(-1, 5), x[:, 1:].reshape(-1, 5), u.reshape(-1, 1)
        free = ~(self.is_stopped(before) | self.is_stopped(after))
        return before[free], u[free], after[free]


def is_balanced(x: np.ndarray, n_last: int) -> np.ndarray:
    """Return of which trajectories (m, n_t, 5) the pole is up (within 0.2 rad) in all of the last ``n_last`` states."""
    return (x[:, -n_last:, 1] > np.cos(0.2)).all(axis=1)


def _near(z: np.ndarray) -> np.ndarray:
    """Return a bell that is 1 at 0 and 0.1 at 1."""
    return 0.1 ** (z**2)

"""A fitted model of motion with a fitted reward, to be run in the place of the system that they were fitted to."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from sparsesci._lib.result import ConvergenceWarning
from sparsesci.recovery.dynamics.library_regressor import LibraryRegressor
from sparsesci.recovery.dynamics.sindy import SINDy


@dataclass(frozen=True)
class Surrogate:
    """Fitted models that `run` as `sparsesci.bench.cart_pole.CartPole` does.

    Attributes
    ----------
    dynamics : SINDy
        A discrete model of the states (d,), with one control in [-1, 1].
    reward : LibraryRegressor
        Of arriving at a state with a control.
    project : callable, optional
        Called with the states (N, d) after each step, as in `SINDy.rollout`.
    members : bool
        Whether all members of the ensemble are run, and not what they agree on.
    bound : float
        A trajectory that has a state beyond it earns nothing more.
    """

    dynamics: SINDy
    reward: LibraryRegressor
    project: Callable | None = None
    members: bool = False
    bound: float = 100.0

    def run(
        self, x0: np.ndarray, u: np.ndarray | Callable[[np.ndarray], np.ndarray], n_steps: int
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return states (N, n_steps + 1, d), controls (N, n_steps, 1) and rewards (N, n_steps) from starts x0 (m, d).

        The controls are an array (m, n_steps, 1) or a policy, a function of states (N, d). N is m, or with members m
        for each of them, the first member first. States are NaN from where a trajectory has left the bound.
        """
        taken: list[np.ndarray] = []

        def policy(x):
            taken.append(np.clip(np.reshape(u(x), (len(x), 1)), -1, 1))
            return taken[-1]

        controls = policy if callable(u) else np.clip(u, -1, 1)
        options = {"members": self.members, "project": self.project, "bound": self.bound}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            result = self.dynamics.rollout(x0, n_steps, controls, **options)
        d = x0.shape[1]
        x, valid = result.x.reshape(-1, n_steps + 1, d), result.valid.reshape(-1, n_steps + 1)[:, 1:]
        if callable(u):
            taken += [taken[-1]] * (n_steps - len(taken))  # all trajectories have ended before
            controls = np.stack(taken, axis=1)
        controls = np.tile(controls, (len(x) // len(controls), 1, 1))
        rewards = np.zeros(valid.shape)
        rewards[valid] = self.reward.predict(x[:, 1:][valid], controls[valid])
        return x, controls, rewards

"""Planning by model predictive path integrals, for many systems at once.

Williams et al., *Information theoretic MPC for model-based reinforcement learning*, ICRA (2017) 1714-1721.

Deviations
----------
1. The temperature is a part of the spread of the returns of the candidates, for each system.
2. Noise is held for some steps, and a plan is carried out for some steps before the next one is made.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class PathIntegral:
    """Plans of one control in [-1, 1], each the mean of random candidates, weighted by what they return.

    Attributes
    ----------
    value : callable
        ``value(x0, u)`` for starts x0 (N, d) and controls u (N, n_steps, 1): the returns (N,). The model is in it.
    n_steps, n_candidates, n_rounds : int
        Horizon, candidates of a plan, and how often it is improved before it is carried out.
    n_done : int
        Steps of a plan that are carried out.
    spread, temperature : float
        Standard deviation of the noise, and the temperature, in standard deviations of the returns.
    held : int
        Steps for which noise is held.
    """

    value: Callable[[np.ndarray, np.ndarray], np.ndarray]
    n_steps: int = 60
    n_candidates: int = 64
    n_rounds: int = 2
    n_done: int = 5
    spread: float = 0.7
    temperature: float = 0.1
    held: int = 5

    def improved(self, rng: np.random.Generator, x: np.ndarray, plan: np.ndarray) -> np.ndarray:
        """Return plans (m, n_steps, 1) for systems in the states x (m, d), given plans that are to be improved."""
        (m, n, _), k = plan.shape, self.n_candidates
        starts = np.repeat(x, k, axis=0)
        for _ in range(self.n_rounds):
            noise = np.repeat(rng.standard_normal((m, k, -(-n // self.held), 1)), self.held, axis=2)[:, :, :n]
            noise[:, 0] = 0.0  # the plan itself is a candidate
            candidates = np.clip(plan[:, None] + self.spread * noise, -1, 1)
            returns = self.value(starts, candidates.reshape(m * k, n, 1)).reshape(m, k)
            scale = self.temperature * returns.std(axis=1, keepdims=True)
            weights = np.exp((returns - returns.max(axis=1, keepdims=True)) / np.maximum(scale, 1e-12))
            weights /= weights.sum(axis=1, keepdims=True)
            plan = np.einsum("mk,mkni->mni", weights, candidates)
        return plan

    def policy(self, rng: np.random.Generator) -> Callable[[np.ndarray], np.ndarray]:
        """Return a function that gives the controls (m, 1) in states x (m, d), to be called step by step."""
        plan, k = np.zeros((0, self.n_steps, 1)), 0

        def act(x: np.ndarray) -> np.ndarray:
            nonlocal plan, k
            if not len(plan):
                plan = self.improved(rng, x, np.zeros((len(x), self.n_steps, 1)))
            elif k == self.n_done:
                plan = np.concatenate([plan[:, k:], np.repeat(plan[:, -1:], k, axis=1)], axis=1)
                plan, k = self.improved(rng, x, plan), 0
            k += 1
            return plan[:, k - 1]

        return act

    def demonstrations(
        self, rng: np.random.Generator, run: Callable, x0: np.ndarray, n_steps: int, noise: float = 0.3
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return states (n, d) that are met from starts x0 (m, d), and the controls (n, 1) of the plans in them.

        ``run`` is that of a system; what is carried out is disturbed by (held) normal noise, so that the states are not
        those of the perfect course alone.
        """
        act, states, controls = self.policy(rng), [], []
        disturbance = np.zeros((len(x0), 1))

        def disturbed(x: np.ndarray) -> np.ndarray:
            nonlocal disturbance
            if len(states) % self.held == 0:
                disturbance = noise * rng.standard_normal((len(x0), 1))
            states.append(x.copy())
            controls.append(act(x))
            return controls[-1] + disturbance

        run(x0, disturbed, n_steps)
        return np.concatenate(states), np.concatenate(controls)

"""Policies ``clip(Theta(x) xi, -1, 1)`` for one control: many of them at once, and a search among them.

The search is the cross-entropy method: de Boer, Kroese, Mannor, Rubinstein, Ann. Oper. Res. 134 (2005) 19-67.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from sparsesci.recovery.dynamics.program import Program


@dataclass(frozen=True)
class PolicySearch:
    """Policies that are sparse combinations of p functions, judged by what they return.

    Attributes
    ----------
    program : Program
        The functions of the states (d,).
    value : callable
        ``value(x0, policy)`` for starts x0 (N, d) and a function of states (N, d) that gives controls (N, 1): the
        returns (N,). The model is in it.
    """

    program: Program
    value: Callable[[np.ndarray, Callable[[np.ndarray], np.ndarray]], np.ndarray]

    def policy(self, coef: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
        """Return the policy with coefficients (p,); of coefficients (J, p) each acts on its share of the states."""
        coef = np.atleast_2d(coef)

        def act(x: np.ndarray) -> np.ndarray:
            functions = self.program(x.T).reshape(coef.shape[1], len(coef), -1)
            return np.clip(np.einsum("jp,pjk->jk", coef, functions), -1, 1).reshape(-1, 1)

        return act

    def returns(self, coef: np.ndarray, x0: np.ndarray) -> np.ndarray:
        """Return what policies with coefficients (J, p) earn from starts x0 (k, d): an array (J, k)."""
        return self.value(np.tile(x0, (len(coef), 1)), self.policy(coef)).reshape(len(coef), len(x0))

    def improved(
        self,
        rng: np.random.Generator,
        coef: np.ndarray,
        starts: Callable[[np.random.Generator], np.ndarray],
        spread: np.ndarray,
        *,
        n_rounds: int = 20,
        n_candidates: int = 100,
        n_best: int = 12,
    ) -> np.ndarray:
        """Return better coefficients (p,) than those given, from normal candidates around the best of them.

        ``spread`` (p,) holds their first standard deviations: where it is zero a coefficient stays what it is. Each
        round draws starts (k, d) of its own.
        """
        for _ in range(n_rounds):
            candidates = coef + spread * rng.standard_normal((n_candidates, len(coef)))
            candidates[0] = coef
            returns = self.returns(candidates, starts(rng)).mean(axis=1)
            best = candidates[np.argsort(-returns)[:n_best]]
            coef = best.mean(axis=0)
            spread = np.sqrt((spread**2 + best.var(axis=0)) / 2)
        return coef

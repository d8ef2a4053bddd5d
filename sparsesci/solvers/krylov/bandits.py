"""Two bandits for `OmegaTuner`: they choose an arm i = 1..d, and learn its loss ``n_t - 1``.

Khodak, Chow, Balcan, Talwalkar, *Learning to Relax: Setting Solver Parameters Across a Sequence of Linear System
Instances*, ICLR 2024.

**Tsallis-INF** (Zimmert and Seldin, JMLR 22 (2021)): with ``eta_t = 2 / sqrt(t)`` draw from
``p_i = 4 (eta_t (k_i / s - x))^-2``, where x makes them sum to 1; then ``k_i += (n_t - 1) / p_i`` for the arm drawn.

**ChebCB** (theirs, on the inverse gap weighting of Foster and Rakhlin, ICML 2020): for each arm the loss is a Chebyshev
series y_i of m terms in the context; draw from ``p_i = 1 / (d + eta_t (y_i - min y))``, with what is left on the
smallest y_i; then fit the arm drawn by bounded least squares.

Deviations
----------
1. The scale s is the mean loss so far, as in the paper's code, so that no largest count need be known: losses all
   multiplied by one number give the same probabilities. ChebCB keeps its coefficients in iterations; the factor by
   which the paper scales losses cancels. Its bounds come from the largest and smallest loss so far.
2. With ``z = eta_t (min k / s - x) / 2`` in [1, sqrt(d)] as unknown and ``(sum p)^(-1/2) = 1`` as equation, Newton's
   method climbs to the root from z = 1 without overshooting, in five steps: neither a warm start nor a safeguard.
3. An arm's data are kept as a triangular factor of m + 1 columns: a step does not get dearer with t. The regret in
   ``eta_t = 2 t sqrt(d t / (regret + 2 alpha^2 t))`` subtracts the residuals of all arms, not of the last fit.
4. A context outside of its bounds is taken as the nearer one.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

N_FEATURES = 6  # Chebyshev polynomials of degree 0 to 5, as in the paper's experiments


class TsallisINF:
    """Follow the leader, regularised by the Tsallis entropy of order 1/2."""

    def __init__(self, d: int):
        self.k = np.zeros(d)
        self.total, self.t = 0.0, 1

    def probabilities(self, context: Any) -> np.ndarray:
        """Return p for step t."""
        eta = 2 / math.sqrt(self.t)
        scale = self.total / (self.t - 1) if self.total else 1.0
        gaps = eta / 2 * ((self.k - self.k.min()) / scale)
        z = 1.0
        for _ in range(20):
            q = 1 / (gaps + z)
            sum_p = q @ q
            if sum_p <= 1 + 1e-14:
                break
            z += (sum_p**1.5 - sum_p) / np.sum(q**3)
        return q**2 / sum_p

    def learn(self, i: int, p_i: float, loss: float) -> None:
        """Take in the loss of arm i."""
        self.k[i] += loss / p_i
        self.total += loss
        self.t += 1


class ChebCB:
    """Chebyshev regression on the context, with inverse gap weighting."""

    def __init__(self, d: int, smallest: float, largest: float):
        self.bounds = smallest, largest
        self.theta = np.zeros((d, N_FEATURES))
        self.data = np.zeros((d, N_FEATURES + 1, N_FEATURES + 1))  # R of [features losses] for each arm
        self.residuals = np.zeros(d)
        self.eta, self.squared_errors, self.t = 0.0, 0.0, 1
        self.least, self.most = math.inf, 0.0

    def probabilities(self, context: float) -> np.ndarray:
        """Return p for a system with this context."""
        a, b = self.bounds
        angle = math.acos(min(1.0, max(-1.0, 2 * (context - a) / (b - a) - 1)))
        self.features = np.cos(np.arange(N_FEATURES) * angle)
        self.predicted = self.theta @ self.features
        best = self.predicted.argmin()
        p = 1 / (len(self.theta) + self.eta * (self.predicted - self.predicted[best]))
        p[best] = 0
        p[best] = 1 - p.sum()
        return p

    def learn(self, i: int, p_i: float, loss: float) -> None:
        """Take in the loss of arm i, and choose eta by the regret of the regression."""
        m, d = N_FEATURES, len(self.theta)
        self.squared_errors += (self.predicted[i] - loss) ** 2
        self.data[i] = np.linalg.qr(np.vstack([self.data[i], [*self.features, loss]]), mode="r")
        extremes = min(self.least, loss), max(self.most, loss)
        arms = [i] if extremes == (self.least, self.most) else range(d)  # other extremes are other bounds
        self.least, self.most = extremes
        spread = self.most - self.least
        for arm in arms:
            self._fit(arm, spread)
        alpha = (math.pi + 2 / math.pi * math.log(2 * m + 1)) / (2 * (m + 1)) * spread
        regret = self.squared_errors - self.residuals.sum() + 2 * alpha**2 * self.t
        if self.most > 0:
            floor = np.finfo(float).eps * self.most**2  # of a fit that has been right by luck, or in all there was
            self.eta = 2 * self.t * math.sqrt(d * self.t / max(regret, floor))
        self.t += 1

    def _fit(self, arm: int, spread: float) -> None:
        """Fit an arm: least squares of smallest norm, or with ``|theta_0| <= most, |theta_j| <= 2 spread / j``."""
        from scipy.optimize import lsq_linear

        R, y = self.data[arm, :, :-1], self.data[arm, :, -1]
        if not (y.any() and R.any()):
            return
        bound = np.array([self.most, *(2 * max(spread, 1e-12 * self.most) / j for j in range(1, N_FEATURES))])
        fit = lsq_linear(R, y, (-bound, bound), method="bvls")
        self.theta[arm], self.residuals[arm] = fit.x, 2 * fit.cost

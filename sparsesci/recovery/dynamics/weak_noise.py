"""Rows of a weak form made equally noisy and uncorrelated: generalised least squares.

White noise eps in a field that obeys ``u_t = sum_a c_a d^a u + ...`` enters row k as ``int r_k eps`` with
``r_k = -phi_t - sum_a c_a (-1)^|a| d^a phi``, so rows have the covariance ``C_kl = int r_k r_l``: those of boxes that
overlap say partly the same, and least squares should know. Bortz, Messenger, Dukic, *Direct estimation of parameters in
ODE models using WENDy*, Bull. Math. Biol. 85 (2023) 110, do so for ordinary equations, with all terms and repeatedly.

Deviations
----------
1. Only linear terms count, with coefficients of one least-squares fit of the whole library before.
2. All fields share one covariance, the mean of theirs (each of mean variance 1), so that they keep one Theta.
3. `RIDGE` of the mean variance is added: boxes one standard deviation apart leave C nearly singular, and directions
   that hold hardly any noise hold errors of the model.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

import numpy as np

from .weak_weights import AxisWeights

RIDGE = 1e-2
MOST_BOXES = 6000  # their covariance has 288 MB


class Sensitivity:
    """Covariances of the rows of boxes, with ``weights`` and numbers of samples along each axis, time the last one."""

    def __init__(self, weights: Sequence[AxisWeights], lengths: Sequence[int]):
        self.n_boxes = len(weights[0].starts)
        self._axes = [_products(part, n) for part, n in zip(weights, lengths, strict=True)]

    def covariance(self, linear: Sequence[tuple[float, tuple[int, ...]]]) -> np.ndarray:
        """Return C (K, K), of mean variance 1, where linear terms have the coefficients and derivatives given."""
        groups: dict[tuple[int, ...], np.ndarray] = {}  # coefficients by order along axis 0, of all others alike
        n_space = len(self._axes) - 1
        for c, orders in [(1.0, (*(0,) * n_space, 1)), *((c, (*a, 0)) for c, a in linear)]:
            row = groups.setdefault(orders[1:], np.zeros(len(self._axes[0][0])))
            row[orders[0]] -= c * (-1.0) ** sum(orders[:n_space])
        C = np.zeros((self.n_boxes, self.n_boxes))
        for i, (a, r) in enumerate(groups.items()):
            for b, s in list(groups.items())[: i + 1]:
                grams = [np.einsum("i,j,ijkl->kl", r, s, self._axes[0][0])]
                grams += [gram[x, y] for (gram, _), x, y in zip(self._axes[1:], a, b, strict=True)]
                places = [place for _, place in self._axes]
                part = reduce(np.multiply, [g[k[:, None], k] for g, k in zip(grams, places, strict=True)])
                C += part if a == b else part + part.T
        return C / np.mean(np.diagonal(C))


def _products(weights: AxisWeights, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Return inner products (orders, orders, c, c) of the weights of c different boxes, and which one each box has."""
    boxes, place = np.unique(np.stack([weights.starts, weights.which]), axis=1, return_inverse=True)
    n_orders, width = weights.weights.shape[1:]
    rows = np.zeros((n_orders, boxes.shape[1], n))
    for k, (start, which) in enumerate(boxes.T):
        rows[:, k, start : start + width] = weights.weights[which]
    flat = rows.reshape(-1, n)
    gram = (flat @ flat.T).reshape(n_orders, boxes.shape[1], n_orders, boxes.shape[1])
    return gram.transpose(0, 2, 1, 3), place.reshape(-1)


def whitened(Theta: np.ndarray, Y: np.ndarray, C: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return ``L^-1 Theta`` and ``L^-1 Y`` with ``L L^T = C + RIDGE``."""
    from scipy.linalg import solve_triangular

    L = np.linalg.cholesky(C + RIDGE * np.eye(len(C)))
    rows = solve_triangular(L, np.column_stack([Theta, Y]), lower=True)
    return rows[:, : Theta.shape[1]], rows[:, Theta.shape[1] :]

"""Test functions ``phi(z) = (1 - z^2)^p`` on boxes of a grid, and the weights that integrate data against them.

Messenger, Bortz, *Weak SINDy for partial differential equations*, J. Comput. Phys. 443 (2021) 110525. A weak form takes
``int d^a phi u dx`` over a box: along each axis a sum of samples times weights, so a box is contracted axis by axis.

Deviations
----------
1. phi is divided by its integral: rows are local means, and have the units of what they integrate.
2. Where a step changes, weights are exact for data that are linear between samples: with ``Phi'' = phi^(a)`` those of a
   sample are the second divided differences of Phi. A regular axis has the trapezoidal rule, whose error for smooth
   data is far smaller, of order h^(p + 1 - a): phi vanishes at both ends, together with its first p - 1 derivatives.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import comb

import numpy as np

from sparsesci._lib import xp
from sparsesci._lib.dispatch import kernel

REGULAR = 1e-6  # change of a step, relative, that still counts as none
MAX_DEGREE = 24  # beyond it the binomials of (1 - z^2)^p cost digits


@dataclass(frozen=True, eq=False)
class AxisWeights:
    """Weights of boxes along one axis.

    Attributes
    ----------
    starts : int array (K,)
        First sample of a box.
    which : int array (K,)
        Row of ``weights`` that a box uses.
    weights : array (c, n_orders, width)
        Those of ``phi, phi', phi'', ...``; on a regular axis all boxes share one row.
    """

    starts: np.ndarray
    which: np.ndarray
    weights: np.ndarray

    def orders(self, n_orders: int) -> AxisWeights:
        """Return the first ``n_orders`` derivatives alone."""
        return AxisWeights(self.starts, self.which, np.ascontiguousarray(self.weights[:, :n_orders]))


def is_regular(grid: np.ndarray) -> bool:
    """Whether all steps of a grid are the same."""
    steps = np.diff(grid)
    return bool(np.ptp(steps) <= REGULAR * steps.mean())


def bump(degree: int, order: int) -> np.polynomial.Polynomial:
    """Return derivative ``order`` of ``(1 - z^2)^degree``, of integral 1, as a polynomial; an integral where < 0."""
    powers = np.zeros(2 * degree + 1)
    powers[::2] = [(-1) ** k * comb(degree, k) for k in range(degree + 1)]
    phi = np.polynomial.Polynomial(powers)
    phi /= phi.integ()(1.0) - phi.integ()(-1.0)
    return phi.deriv(order) if order >= 0 else phi.integ(-order, lbnd=-1)


def trapezoid_weights(half_width: int, step: float, degree: int, n_orders: int) -> np.ndarray:
    """Return weights (n_orders, 2 half_width + 1) of the trapezoidal rule on a regular axis, a sample in the middle."""
    z = np.arange(-half_width, half_width + 1) / half_width
    size = half_width * step
    values = np.stack([bump(degree, a)(z) / size ** (a + 1) for a in range(n_orders)])
    values[:, [0, -1]] = 0.0  # phi^(a) vanishes there, but for rounding
    return values * step


def linear_weights(grid: np.ndarray, center: float, half_width: float, degree: int, n_orders: int) -> np.ndarray:
    """Return weights (n_orders, len(grid)), exact for data that are linear between the samples of ``grid``.

    The box may end between two samples; all of its ends must lie within the grid.
    """
    z = (grid - center) / half_width
    inside = np.clip(z, -1.0, 1.0)
    weights = np.empty((n_orders, len(grid)))
    for a in range(n_orders):
        # Phi'' = phi^(a), and 0 outside of the box, where Phi goes on as a straight line
        Phi = bump(degree, a - 2)(inside)
        Phi += np.where(z > 1, bump(degree, a - 1)(1.0) * (z - inside), 0.0)
        slopes = np.diff(Phi) / np.diff(z)
        weights[a] = np.diff(slopes, prepend=0.0, append=bump(degree, a - 1)(1.0)) / half_width**a
    return weights


def axis_weights(grid: np.ndarray, centers: np.ndarray, half_width: float, degree: int, n_orders: int) -> AxisWeights:
    """Return the weights of boxes with given centres, which on a regular axis are those of the nearest samples."""
    if is_regular(grid):
        step = (grid[-1] - grid[0]) / (len(grid) - 1)
        m = min(round(half_width / step), (len(grid) - 1) // 2)
        middle = np.clip(np.rint((centers - grid[0]) / step).astype(np.int64), m, len(grid) - 1 - m)
        return AxisWeights(middle - m, np.zeros_like(middle), trapezoid_weights(m, step, degree, n_orders)[None])
    distinct, which = np.unique(np.clip(centers, grid[0] + half_width, grid[-1] - half_width), return_inverse=True)
    first = np.maximum(np.searchsorted(grid, distinct - half_width, side="right") - 1, 0)
    last = np.minimum(np.searchsorted(grid, distinct + half_width), len(grid) - 1)
    width = int(np.max(last - first)) + 1
    first = np.minimum(first, len(grid) - width)
    rows = [
        linear_weights(grid[i : i + width], c, half_width, degree, n_orders)
        for i, c in zip(first, distinct, strict=True)
    ]
    return AxisWeights(first[which], which.reshape(-1).astype(np.int64), np.stack(rows))


@kernel(cpu="sparsesci._cpu.weak_form:contract")
def contract(F, starts, which, W0, W1, W2):
    """Return the integrals (K, q0, q1, q2) of samples F (n0, n1, n2) over K boxes, against all products of weights.

    Box k begins at sample ``starts[k]`` (3,) and has along axis j the weights ``Wj[which[k, j]]`` (q_j, m_j).
    """
    namespace = xp.namespace(F)
    sums = []
    for (i, j, k), (a, b, c) in zip(xp.to_host(starts).tolist(), xp.to_host(which).tolist(), strict=True):
        box = F[i : i + W0.shape[2], j : j + W1.shape[2], k : k + W2.shape[2]]
        box = namespace.tensordot(box, W2[c, :, :], axes=((2,), (1,)))  # (m0, m1, q2)
        box = namespace.tensordot(W1[b, :, :], box, axes=((1,), (1,)))  # (q1, m0, q2)
        sums.append(namespace.tensordot(W0[a, :, :], box, axes=((1,), (1,))))
    return namespace.stack(sums)

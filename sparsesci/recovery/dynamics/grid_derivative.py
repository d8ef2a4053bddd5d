"""Derivatives of arrays along one axis of a grid, regular or not, by sums of neighbours: for arrays made in passing."""

from __future__ import annotations

import numpy as np

from sparsesci._lib import xp
from sparsesci._lib.dispatch import kernel

from .differentiate.stencil import weights


def stencils(grid: np.ndarray, order: int) -> tuple[np.ndarray, np.ndarray]:
    """Return first neighbours (n,) and weights (n, w) of derivative ``order``, of the second order of accuracy.

    Inside they are symmetric, of ``order + 1`` samples, one more for odd orders; at the ends of ``order + 2``.
    """
    n, half, edge = len(grid), (order + 1) // 2, order + 2
    if n < edge:
        raise ValueError(f"a grid of {n} points is too short for derivatives of order {order}: {edge} are needed")
    starts, table = np.empty(n, np.int64), np.zeros((n, edge))
    for rows, width in (
        (np.arange(half), edge),
        (np.arange(half, n - half), 2 * half + 1),
        (np.arange(n - half, n), edge),
    ):
        begin = np.clip(rows - half, 0, n - width)
        gaps = grid[begin[:, None] + np.arange(width)] - grid[rows, None]
        unit = np.abs(gaps).max(axis=1, keepdims=True, initial=0)
        starts[rows] = np.minimum(begin, n - edge)
        shift = begin - starts[rows]  # a row of fewer weights near the end begins later
        table[rows[:, None], shift[:, None] + np.arange(width)] = weights(gaps / unit, order) / unit**order
    return starts, table


@kernel(cpu="sparsesci._cpu.weak_form:neighbour_sums")
def neighbour_sums(F, starts, table):
    """Return ``sum_k table[i, k] F[:, starts[i] + k, :]`` for all i, of F (a, n, b)."""
    namespace = xp.namespace(F)
    total = xp.zeros_like(F)
    for k in range(table.shape[1]):
        total = total + table[:, k][None, :, None] * namespace.take(F, starts + k, axis=1)
    return total


def derivative(F: np.ndarray, grid: np.ndarray, axis: int, order: int) -> np.ndarray:
    """Return a derivative of F along an axis, of a grid of its length."""
    n_before = int(np.prod(F.shape[:axis]))
    return neighbour_sums(F.reshape(n_before, F.shape[axis], -1), *stencils(grid, order)).reshape(F.shape)

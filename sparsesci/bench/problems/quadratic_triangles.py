"""Quadratic finite elements for ``-Lap u = f`` on rectangular cells, each cut into two right triangles.

The nodes are the corners and the midpoints of all sides: a lattice of half the spacing of the cells, numbered in C
order. Integrals are taken by the values at the midpoints of the sides, which is exact for quadratic functions.
"""

from __future__ import annotations

import numpy as np
from scipy.sparse import coo_array, csr_array

# Lattice steps from the lowest corner of a cell: three corners, then the midpoints of the sides 01, 12, 20.
LOWER = np.array([(0, 0), (2, 0), (0, 2), (1, 0), (1, 1), (0, 1)])
UPPER = 2 - LOWER
SLOPES = np.array([(-1.0, -1.0), (1.0, 0.0), (0.0, 1.0)])  # of the barycentric coordinates of the reference triangle
SIDES = ((0, 1), (1, 2), (2, 0))


def triangles(cells: np.ndarray) -> np.ndarray:
    """Return the six nodes of each triangle, shape (count, 6); ``cells[i, j]`` tells whether the domain has that cell.

    The lattice has the shape ``(2 rows + 1, 2 columns + 1)``.
    """
    corners = 2 * np.argwhere(cells)
    nodes = np.concatenate([corners[:, None] + steps for steps in (LOWER, UPPER)])
    numbers = nodes[..., 0] * (2 * cells.shape[1] + 1) + nodes[..., 1]
    return numbers.astype(np.int32)  # 64-bit indices would slow SciPy's product down


def slopes_at_midpoints() -> np.ndarray:
    """Return the gradients of the six shape functions at the three midpoints, shape (3, 6, 2)."""
    gradients = np.empty((3, 6, 2))
    for q, side in enumerate(SIDES):
        barycentric = np.zeros(3)
        barycentric[list(side)] = 0.5
        gradients[q, :3] = (4 * barycentric - 1)[:, None] * SLOPES
        for edge, (i, j) in enumerate(SIDES, start=3):
            gradients[q, edge] = 4 * (barycentric[i] * SLOPES[j] + barycentric[j] * SLOPES[i])
    return gradients


def stiffness(elements: np.ndarray, n_nodes: int, hx: float, hy: float) -> csr_array:
    """Return the matrix of ``(grad u, grad v)`` for cells of hx by hy, a row for each node of the lattice."""
    gradients = slopes_at_midpoints() / np.array([hx, hy])
    local = np.einsum("qid,qjd->ij", gradients, gradients) * hx * hy / 6
    rows, columns = np.repeat(elements, 6, axis=1), np.tile(elements, 6)
    values = np.tile(local.ravel(), len(elements))
    return csr_array(coo_array((values, (rows.ravel(), columns.ravel())), shape=(n_nodes, n_nodes)))


def load(elements: np.ndarray, n_nodes: int, hx: float, hy: float) -> np.ndarray:
    """Return w with ``(f, v_i) = w_i f(node i)``: a third of each triangle at the midpoints of its sides."""
    return np.bincount(elements[:, 3:].ravel(), minlength=n_nodes) * hx * hy / 6

"""Finite differences on the unit cube: n interior nodes an axis, h = 1/(n+1), value zero on the boundary.

A grid function is an array of shape ``(n,) * dimension``; the matrices act on it raveled in C order.
"""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_array, diags_array, eye_array, kron


def difference(n: int) -> csr_array:
    """Return the (n+1, n) matrix of derivatives at the faces, ``(u[i] - u[i-1]) / h`` with ``u[-1] = u[n] = 0``."""
    ones = np.full(n, n + 1.0)
    return diags_array([ones, -ones], offsets=[0, -1], shape=(n + 1, n), format="csr")


def along(matrix: csr_array, axis: int, n: int, dimension: int) -> csr_array:
    """Return the matrix that applies a one-dimensional ``matrix`` along one axis of an n x ... x n grid."""
    before, after = eye_array(n**axis), eye_array(n ** (dimension - axis - 1))
    return csr_array(kron(kron(before, matrix), after))


def diffusion(face_values: list[np.ndarray], n: int) -> csr_array:
    """Return the matrix of ``-div(a grad u)``, given a at the n + 1 faces along each axis.

    It is the sum over the axes of ``D^T diag(a) D``, D the derivatives at the faces: symmetric, definite where a > 0.
    """
    dimension = len(face_values)
    A = csr_array((n**dimension, n**dimension))
    for axis, a in enumerate(face_values):
        D = along(difference(n), axis, n, dimension)
        A = A + D.T @ diags_array(a.ravel()) @ D
    return csr_array(A)


def laplacian(n: int, dimension: int) -> csr_array:
    """Return the (2 dimension + 1)-point matrix of ``-Lap u``."""
    shapes = (tuple(n + (axis == other) for other in range(dimension)) for axis in range(dimension))
    return diffusion([np.ones(shape) for shape in shapes], n)

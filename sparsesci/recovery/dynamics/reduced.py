"""A regression reduced to a triangle: the same products as the data, in r rows instead of n.

With ``Theta = Q R`` the fits of ``Theta X ~ Y`` are those of ``R X ~ z``, ``z = Q^T Y``, and what z leaves of Y is left
by each of them. R comes from the QR of the data, where the `Gram` has one, and else from its matrix by Cholesky's
method: the selection of columns by orthogonal steps then costs no digit that is left in it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .factors import independent, rounding
from .gram import Gram


class Reduced(NamedTuple):
    """A regression in r rows, r the rank; columns have length 1, and so has each target.

    Attributes
    ----------
    R : array (r, p)
        Columns of length 1, zero where those of the data are zero.
    z : array (r, d)
        The targets, in the span of the columns.
    rest : array (d,)
        What no fit explains: ``1 - |z|^2``; 0 of a zero target.
    order : int array (r,)
        Columns that do not depend on each other, in the order in which ``R[:, order]`` is upper triangular.
    lengths, scales : array (p,), (d,)
        Lengths of the columns and of the targets, 1 instead of 0.
    n : int
        Number of samples.
    """

    R: np.ndarray
    z: np.ndarray
    rest: np.ndarray
    order: np.ndarray
    lengths: np.ndarray
    scales: np.ndarray
    n: int

    @property
    def units(self) -> np.ndarray:
        """What to multiply a coefficient (p, d) by to have it in the units of the data."""
        return self.scales / self.lengths[:, None]

    def with_rest(self) -> tuple[np.ndarray, np.ndarray]:
        """Return R (r + 1, p) and z (r + 1, d) with one row more, which holds what no fit explains."""
        R = np.concatenate([self.R, np.zeros((1, self.R.shape[1]))])
        return R, np.concatenate([self.z, np.sqrt(self.rest)[None, :]])


def reduced(gram: Gram) -> Reduced:
    """Return the reduction of a Gram: O(p^3)."""
    scales = np.where(gram.yy > 0, np.sqrt(gram.yy), 1.0)
    if gram.R is not None:
        from scipy.linalg import qr

        Q, T, order = qr(gram.R / gram.scale, pivoting=True, check_finite=False)
        r = independent(T, rounding(gram.p))
        z = Q.T @ (gram.z / scales)
        rest = gram.rest / scales**2 + (z[r:] ** 2).sum(axis=0)
        return Reduced(restored(T[:r], order), z[:r], rest, order[:r], gram.scale, scales, gram.n)
    if gram.factor is not None:
        T, order, r = np.triu(gram.factor), np.arange(gram.p), gram.p
    else:
        T, order, limit = gram.pivoted()
        r = independent(T, limit)
    z = substitute(T[:r, :r], gram.scaled_b[order[:r]] / scales)
    rest = np.maximum((gram.yy > 0) - (z**2).sum(axis=0), 0.0)
    return Reduced(restored(T[:r], order), z, rest, order[:r], gram.scale, scales, gram.n)


def restored(T: np.ndarray, order: np.ndarray) -> np.ndarray:
    """Return a matrix whose columns have been permuted, in their order, contiguous in rows."""
    R = np.empty(T.shape)
    R[:, order] = T
    return R


def substitute(T: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return x with ``T^T x = b`` for an upper triangle, which may be empty."""
    from scipy.linalg import solve_triangular

    return solve_triangular(T, b, trans=1, check_finite=False) if len(T) else b[:0]


def inverted(T: np.ndarray) -> np.ndarray:
    """Return the inverse of an upper triangle, contiguous in rows."""
    from scipy.linalg import lapack

    return np.ascontiguousarray(lapack.dtrtri(T)[0]) if len(T) else np.zeros((0, 0))

"""Triangular factors and what is decided from them: definiteness, rank, and which columns depend on which."""

from __future__ import annotations

from typing import Any

import numpy as np

from sparsesci._lib import xp

EPS = float(np.finfo(float).eps)
PANEL = 16  # columns that TSQR transforms at once


def triangular(chunks: Any, scale: np.ndarray, d: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return R (p, p), z (p, d) and the rest (d,) of Theta with columns divided by ``scale``, by QR over chunks."""
    from scipy.linalg import lapack

    p = len(scale)
    R = np.zeros((p + d, p + d), order="F")
    for _, functions, targets in chunks:
        block = np.empty((functions.shape[1], p + d), order="F")
        block[:, :p] = xp.to_host(functions).T
        block[:, :p] /= scale
        block[:, p:] = xp.to_host(targets)
        R, *_ = lapack.dtpqrt(0, min(PANEL, p + d), R, block, overwrite_a=1, overwrite_b=1)
    return R[:p, :p].copy(), R[:p, p:].copy(), (np.triu(R[p:, p:]) ** 2).sum(axis=0)


def cholesky(C: np.ndarray) -> np.ndarray | None:
    """Return the upper factor of a matrix of about unit diagonal; None where rounding may have made it definite."""
    from scipy.linalg import lapack

    if not len(C):
        return C
    factor, info = lapack.dpotrf(C, lower=0, clean=0)
    if info != 0:
        return None
    pivots = np.diagonal(factor) ** 2
    return factor if (pivots > rounding(len(C)) * np.diagonal(C)).all() else None


def substitute(factor: np.ndarray, rhs: np.ndarray) -> np.ndarray:
    """Return the solution of the system with this upper Cholesky factor."""
    from scipy.linalg import lapack

    return lapack.dpotrs(factor, rhs, lower=0)[0] if len(factor) else rhs


def rounding(p: int) -> float:
    """Return the part of its length below which a column of p is taken to depend on the others."""
    return 32 * p * EPS


def dependences(factor: np.ndarray, order: np.ndarray, limit: float, is_zero: np.ndarray) -> np.ndarray:
    """Return a row (m, p) for each column without a pivot: what it and those with one sum up to zero with.

    ``factor`` is that of the columns in this order; zero columns have no row.
    """
    from scipy.linalg import solve_triangular

    rank = independent(factor, limit)
    if rank in (0, len(order)):
        return np.zeros((0, len(order)))
    rows = np.zeros((len(order) - rank, len(order)))
    rows[:, order[:rank]] = solve_triangular(factor[:rank, :rank], factor[:rank, rank:], check_finite=False).T
    rows[np.arange(len(rows)), order[rank:]] = -1.0
    return rows[~is_zero[order[rank:]]]


def independent(factor: np.ndarray, limit: float) -> int:
    """Return how many columns have a pivot above the limit; LAPACK leaves anything where it stops."""
    return int(np.count_nonzero(np.minimum.accumulate(abs(np.diagonal(factor))) > limit))


def dependent_groups(rows: np.ndarray) -> list[tuple[int, ...]]:
    """Return the columns of each of these `dependences`."""
    sizes = abs(rows)
    is_member = (sizes > 1e-6 * sizes.max(axis=1, initial=0.0, keepdims=True)) | (rows == -1.0)
    return [tuple(np.flatnonzero(row).tolist()) for row in is_member]

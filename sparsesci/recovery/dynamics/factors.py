"""Triangular factors and what is decided from them: definiteness, rank, and which columns depend on which."""

from __future__ import annotations

from typing import Any

import numpy as np

from sparsesci._lib import xp

EPS = float(np.finfo(float).eps)
PANEL = 32  # columns that TSQR transforms at once


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


def dependent_groups(factor: np.ndarray, order: np.ndarray, limit: float, is_zero: np.ndarray) -> list[tuple[int, ...]]:
    """Return for each column without a pivot the smallest set of columns that it is dependent on, with itself."""
    from scipy.linalg import solve_triangular

    rank = int(np.count_nonzero(abs(np.diagonal(factor)) > limit))
    if rank in (0, len(order)):
        return []
    weights = solve_triangular(factor[:rank, :rank], factor[:rank, rank:], check_finite=False)
    groups = []
    for j, column in zip(order[rank:].tolist(), abs(weights).T, strict=True):
        if not is_zero[j]:
            members = order[:rank][column > 1e-6 * column.max()]
            groups.append(tuple(sorted([j, *members.tolist()])))
    return groups

"""Least squares on a known support: what all bins together say about the coefficients.

With ``A`` the map from coefficients (K,) to bins (C, B, P), ``(A X)[c, j, p] = sum_{k in bin j} X_k (-1)^<d_p, k>``,
minimise ``||U - A X||``. The columns of A have the square norm ``C P`` and are nearly orthogonal: a few steps of
conjugate gradients do.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sparsesci._lib.dispatch import kernel

from .hashing import Hashing
from .signs import parity

MOST_STEPS = 50


class Support(NamedTuple):
    """Where indices fall: their bins (C, K), and the signs that the offsets give them (C, K, P)."""

    bins: np.ndarray
    signs: np.ndarray


def locate(hashing: Hashing, indices: np.ndarray) -> Support:
    """Return the bins and signs of indices (K, w)."""
    n_groups = len(hashing.hashes)
    bins = np.empty((n_groups, len(indices)), np.int64)
    signs = np.empty((n_groups, len(indices), len(hashing.codes)), np.int8)
    fill_support(hashing.hashes, hashing.offsets, indices, bins, signs)
    return Support(bins, signs)


def least_squares(left: np.ndarray, support: Support, X: np.ndarray, *, atol: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the coefficients (K,) that fit the bins best, and what they leave, from X and ``left = U - A X``.

    Conjugate gradients on the normal equations stop at ``||A'(U - A X)|| <= atol``; cost O(C K P) a step.
    """
    gradient = gather(left, *support)
    p, rho = gradient, np.vdot(gradient, gradient).real
    for _ in range(MOST_STEPS):
        if rho <= atol**2:
            break
        Ap = np.zeros_like(left)
        subtract(Ap, *support, -p)
        alpha = rho / np.vdot(Ap, Ap).real
        X = X + alpha * p
        left = left - alpha * Ap
        gradient = gather(left, *support)
        rho, rho_old = np.vdot(gradient, gradient).real, rho
        p = gradient + (rho / rho_old) * p
    return X, left


@kernel(cpu="sparsesci._cpu.support:fill_support")
def fill_support(hashes, offsets, indices, bins, signs):
    """Fill in the bins (C, K) and signs (C, K, P) of indices (K, w)."""
    is_set = parity(hashes[:, None] & indices[None, :, None])  # (C, K, b)
    bins[:] = (is_set << np.arange(hashes.shape[1])).sum(axis=2)
    signs[:] = np.where(parity(offsets[:, None] & indices[None, :, None]), -1, 1)


@kernel(cpu="sparsesci._cpu.support:subtract")
def subtract(U, bins, signs, values):
    """Subtract ``A X`` from bins U."""
    for c in range(len(U)):
        np.subtract.at(U[c], bins[c], signs[c] * values[:, None])


@kernel(cpu="sparsesci._cpu.support:gather")
def gather(U, bins, signs):
    """Return ``A' U`` (K,)."""
    return sum((signs[c] * U[c, bins[c]]).sum(axis=1) for c in range(len(U)))

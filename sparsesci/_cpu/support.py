"""The map from the coefficients of a support to Walsh-Hadamard bins, and its adjoint."""

import numpy as np
from numba import njit

from .walsh import is_negative


@njit(cache=True, nogil=True)
def fill_support(hashes, offsets, indices, bins, signs):
    """Fill in the bins (C, K) and signs (C, K, P) of indices (K, w)."""
    for c in range(len(hashes)):
        for k in range(len(indices)):
            bin = 0
            for i in range(hashes.shape[1]):
                bin |= np.int64(is_negative(hashes[c, i], indices[k])) << i
            bins[c, k] = bin
            for p in range(offsets.shape[1]):
                signs[c, k, p] = -1 if is_negative(offsets[c, p], indices[k]) else 1


@njit(cache=True, nogil=True)
def subtract(U, bins, signs, values):
    """Subtract ``A X`` from bins U."""
    for c in range(len(U)):
        for k in range(len(values)):
            bin = bins[c, k]
            for p in range(U.shape[2]):
                U[c, bin, p] -= signs[c, k, p] * values[k]


@njit(cache=True, nogil=True)
def gather(U, bins, signs):
    """Return ``A' U`` (K,)."""
    sums = np.zeros(bins.shape[1], U.dtype)
    for c in range(len(U)):
        for k in range(len(sums)):
            bin, total = bins[c, k], sums[k]
            for p in range(U.shape[2]):
                total += signs[c, k, p] * U[c, bin, p]
            sums[k] = total
    return sums

"""Sums of coefficients with the signs ``(-1)^<m, k>``: the transform at single points."""

from __future__ import annotations

import numpy as np

from sparsesci._lib.dispatch import kernel


@kernel(cpu="sparsesci._cpu.walsh:signed_sums")
def signed_sums(points, indices, values):
    """Return ``sum_k X_k (-1)^<m, k>`` for each point m: words (q, w) and (K, w), values (K,) -> (q,)."""
    odd = parity(points[:, None, :] & indices[None, :, :])
    return np.where(odd, -values, values).sum(axis=1)


def parity(words: np.ndarray) -> np.ndarray:
    """Whether an odd number of bits is set, over the last axis of 64-bit words."""
    return (np.bitwise_count(words).sum(axis=-1, dtype=np.int64) & 1).astype(bool)

"""Indices of few variables: where only interactions of at most t variables exist, each bin has a short list of them.

Of the ``sum_{s <= t} C(n, s)`` indices of degree at most t, a bin of B gets the B-th part. A coefficient is the entry
of the list that correlates best with the bin, the most likely one; the offsets are random, and ``log2`` of the length
of a list and a few more of them suffice where n - b + 1 would be needed to spell an index out.
"""

from __future__ import annotations

from itertools import combinations
from math import comb

import numpy as np

from . import words as bits_of
from .hashing import Hashing
from .peeling import Decoder
from .signs import parity

MOST_LISTED = 1 << 22
SPARE_OFFSETS = 10  # a wrong entry of the list looks right with probability 2^-SPARE_OFFSETS, in a bin without noise


def n_indices(n: int, max_order: int) -> int:
    """Return how many indices have degree at most ``max_order``."""
    return sum(comb(n, order) for order in range(min(max_order, n) + 1))


def all_indices(n: int, max_order: int) -> np.ndarray:
    """Return all indices of degree at most ``max_order`` as words (L, w)."""
    units = bits_of.from_bits(np.eye(n, dtype=bool))
    parts = [np.zeros((1, units.shape[1]), np.uint64)]
    for order in range(1, min(max_order, n) + 1):
        chosen = np.fromiter((i for subset in combinations(range(n), order) for i in subset), np.int64)
        parts.append(np.bitwise_or.reduce(units[chosen.reshape(-1, order)], axis=1))
    return np.concatenate(parts)


def least_offsets(n: int, max_order: int, b: int) -> int:
    """Return how many offsets tell the entries of a list apart."""
    return int(np.log2(1 + n_indices(n, max_order) / 2**b)) + SPARE_OFFSETS


def list_decoder(hashing: Hashing, indices: np.ndarray) -> Decoder:
    """Sort indices (L, w) into the bins of each group."""
    n_groups, b, _ = hashing.hashes.shape
    listed = np.empty((n_groups, *indices.shape), np.uint64)
    starts = np.zeros((n_groups, hashing.n_bins + 1), np.int64)
    for c in range(n_groups):
        bins = np.zeros(len(indices), np.int64)
        for i in range(b):
            bins |= parity(hashing.hashes[c, i] & indices).astype(np.int64) << i
        listed[c] = indices[np.argsort(bins, kind="stable")]
        starts[c, 1:] = np.cumsum(np.bincount(bins, minlength=hashing.n_bins))
    return Decoder(listed, starts, 1, -1)

"""Ordered-statistics decoding of short binary linear codes.

Fossorier, Lin, *Soft-decision decoding of linear block codes based on ordered statistics*, IEEE Transactions on
Information Theory 41(5), 1995. The symbols of the word that was received are sorted by reliability; the first
independent ones fix the message; the messages that differ from it in one or two of these symbols are tried as well.
"""

from __future__ import annotations

from itertools import chain, combinations

import numpy as np

from sparsesci._lib.dispatch import kernel

from .signs import parity


@kernel(cpu="sparsesci._cpu.ordered_statistics:decode")
def decode(received, codes, n_bits, order):
    """Return the message u of ``n_bits`` bits whose word correlates best with what was received (P,), a uint64.

    Symbol p of the word is ``(-1)^<codes_p, u>``. Messages are searched that differ from the hard decision in at most
    ``order`` (0, 1 or 2) of the most reliable independent symbols; cost O(n_bits^2 P). 0 where the codes do not
    determine u.
    """
    generator = (codes[:, None] >> np.arange(n_bits, dtype=np.uint64)) & np.uint64(1)  # (P, n_bits)
    chosen: list[int] = []
    for p in np.argsort(-np.abs(received)):
        if _rank(generator[[*chosen, p]]) > len(chosen):
            chosen.append(p)
    if len(chosen) < n_bits:
        return np.uint64(0)
    inverse = _inverse(generator[chosen])
    bits = np.uint64(1) << np.arange(n_bits, dtype=np.uint64)
    flips = [np.bitwise_xor.reduce(np.where(column, bits, np.uint64(0))) for column in inverse.T]
    hard = np.bitwise_xor.reduce(
        [flip for flip, p in zip(flips, chosen, strict=True) if received[p] < 0] or [bits[0] * 0]
    )
    patterns = chain.from_iterable(combinations(flips, size) for size in range(1, order + 1))
    tried = [hard, *(hard ^ np.bitwise_xor.reduce(pattern) for pattern in patterns)]
    return max(tried, key=lambda u: np.where(parity((codes & u)[:, None]), -received, received).sum())


def _rank(rows):
    return _echelon(rows, rows.shape[1])[1]


def _inverse(square):
    n = len(square)
    return _echelon(np.concatenate((square, np.eye(n, dtype=np.uint64)), axis=1), n)[0][:, n:].astype(bool)


def _echelon(rows, n_columns):
    """Return the reduced row echelon form over F_2, with pivots in the first columns alone, and the rank."""
    rows, rank = rows.copy(), 0
    for column in range(n_columns):
        pivots = np.flatnonzero(rows[rank:, column])
        if pivots.size:
            rows[[rank, rank + pivots[0]]] = rows[[rank + pivots[0], rank]]
            rows[(rows[:, column] == 1) & (np.arange(len(rows)) != rank)] ^= rows[rank]
            rank += 1
    return rows, rank

"""Ordered-statistics decoding of short binary linear codes, received as real numbers (Fossorier and Lin, 1995)."""

import numpy as np
from numba import njit

from .walsh import is_odd

ONE = np.uint64(1)


@njit(cache=True, nogil=True, fastmath={"reassoc"})  # sums are only compared
def decode(received, codes, n_bits, order):
    """Return the message u of ``n_bits`` bits whose word correlates best with what was received.

    Symbol p of the word is ``(-1)^<codes_p, u>``. Exact for the messages that differ from the hard decision in at most
    ``order`` (0, 1, 2) of the most reliable independent symbols. 0 where the codes have no full rank.
    """
    n_symbols = len(received)
    flips = np.zeros(n_bits, np.uint64)  # what of u changes with one of the reliable symbols, the others as they are
    reliable = np.empty(n_bits, np.int64)
    if not _most_reliable_basis(received, codes, n_bits, reliable, flips):
        return np.uint64(0)
    u = np.uint64(0)
    for i in range(n_bits):
        if received[reliable[i]] < 0:
            u ^= flips[i]

    agreement = np.empty(n_symbols, np.float32)  # received, times the symbols of u: positive where they agree
    signs = np.empty((n_bits, n_symbols), np.float32)
    weighed = np.empty(n_symbols, np.float32)
    for p in range(n_symbols):
        agreement[p] = -received[p] if is_odd(codes[p] & u) else received[p]
    best, best_flip = agreement.sum(), np.uint64(0)
    if order >= 1:
        for i in range(n_bits):
            for p in range(n_symbols):
                signs[i, p] = -1 if is_odd(codes[p] & flips[i]) else 1
                weighed[p] = signs[i, p] * agreement[p]
            total = weighed.sum()
            if total > best:
                best, best_flip = total, flips[i]
            for j in range(i if order >= 2 else 0):
                total = np.float32(0)
                for p in range(n_symbols):
                    total += weighed[p] * signs[j, p]
                if total > best:
                    best, best_flip = total, flips[i] ^ flips[j]
    return u ^ best_flip


@njit(cache=True, nogil=True)
def _most_reliable_basis(received, codes, n_bits, reliable, flips):
    """Fill in the most reliable symbols whose codes are independent, and the dual vectors of these codes."""
    reduced = np.empty(n_bits, np.uint64)  # Gauss-Jordan: reduced_i has its pivot bit alone among the reduced
    combination = np.empty(n_bits, np.uint64)  # of which codes it is the sum
    pivots = np.empty(n_bits, np.uint64)
    rank = 0
    for p in np.argsort(-np.abs(received)):
        vector, sum_of = codes[p], ONE << np.uint64(rank)
        for i in range(rank):
            if vector >> pivots[i] & ONE:
                vector ^= reduced[i]
                sum_of ^= combination[i]
        if vector == 0:
            continue
        pivot = np.uint64(0)
        while not vector >> pivot & ONE:
            pivot += ONE
        for i in range(rank):
            if reduced[i] >> pivot & ONE:
                reduced[i] ^= vector
                combination[i] ^= sum_of
        reduced[rank], combination[rank], pivots[rank], reliable[rank] = vector, sum_of, pivot, p
        rank += 1
        if rank == n_bits:
            break
    for i in range(rank):
        for j in range(n_bits):
            if combination[i] >> np.uint64(j) & ONE:
                flips[j] ^= ONE << pivots[i]
    return rank == n_bits

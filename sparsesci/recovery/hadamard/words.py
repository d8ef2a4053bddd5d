"""Points and indices of F_2^n as rows of 64-bit words: bit i of the number is variable i, word 0 holds bits 0..63."""

from __future__ import annotations

from typing import Any

import numpy as np

WORD = 64
MOST_BITS = 63  # of a number in a uint64 that NumPy arithmetic with signed numbers cannot break


def n_words(n: int) -> int:
    """Return how many words n bits take."""
    return -(-n // WORD)


def from_bits(bits: Any) -> np.ndarray:
    """Return boolean rows (q, n) as words (q, n_words)."""
    bits = np.asarray(bits, dtype=bool)
    padded = np.zeros((len(bits), n_words(bits.shape[1]) * WORD), bool)
    padded[:, : bits.shape[1]] = bits
    return np.packbits(padded, axis=1, bitorder="little").view("<u8").astype(np.uint64, copy=False)


def to_bits(words: np.ndarray, n: int) -> np.ndarray:
    """Return words (q, n_words) as boolean rows (q, n)."""
    octets = np.ascontiguousarray(words, dtype="<u8").view(np.uint8)
    octets = octets.reshape(len(words), 8 * words.shape[1])  # not -1, which no rows leave undefined
    return np.unpackbits(octets, axis=1, count=n, bitorder="little").astype(bool)


def from_integers(numbers: Any, n: int) -> np.ndarray:
    """Return integers (q,) as words (q, n_words)."""
    if n <= MOST_BITS:
        return np.asarray(numbers).astype(np.uint64).reshape(-1, 1)
    mask = (1 << WORD) - 1
    rows = [[(int(number) >> WORD * w) & mask for w in range(n_words(n))] for number in numbers]
    return np.array(rows, np.uint64).reshape(-1, n_words(n))


def to_integers(words: np.ndarray, n: int) -> np.ndarray:
    """Return words (q, n_words) as numbers (q,): uint64, or Python's own (dtype object) where n > 63."""
    if n <= MOST_BITS:
        return words[:, 0].copy()
    numbers = np.empty(len(words), object)
    numbers[:] = [sum(int(word) << WORD * w for w, word in enumerate(row)) for row in words]
    return numbers


def lexicographic(words: np.ndarray) -> np.ndarray:
    """Return the order that sorts rows of words as numbers."""
    return np.lexsort(words.T)


def points_as_words(points: Any, n: int, name: str = "points") -> np.ndarray:
    """Check points of F_2^n, numbers (q,) or boolean rows (q, n), and return their words (q, n_words)."""
    points = np.asarray(points)
    if points.dtype == bool:
        if points.ndim != 2 or points.shape[1] != n:
            raise ValueError(f"{name} has shape {points.shape}: boolean points have shape (q, {n})")
        return from_bits(points)
    if points.ndim != 1:
        raise ValueError(f"{name} has shape {points.shape}: numbers (q,) or boolean rows (q, {n}) are needed")
    if points.dtype.kind not in "iuO" and points.size:
        raise TypeError(f"{name} has dtype {points.dtype}: integers or booleans are needed")
    outside = [i for i in np.flatnonzero((points < 0) | (points >= (1 << n)))[:1]]
    if outside:
        raise ValueError(f"{name}[{outside[0]}] is {points[outside[0]]}: numbers from 0 to 2**{n} - 1 are needed")
    return from_integers(points, n)

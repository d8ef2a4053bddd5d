"""Walsh functions up to an order as columns of a least-squares problem: which there are, and their correlations."""

from __future__ import annotations

from itertools import chain, combinations
from math import comb
from typing import NamedTuple

import numpy as np

from . import words
from .fwht import fwht
from .signs import signed_sums

LARGEST_TABLE = 20  # bits: up to here all 2**n correlations may be had from one fast transform
MOST_PAIRS = 2**26  # of samples and Walsh functions, of which each costs about a nanosecond
TRANSFORM = 4  # pairs that take the time of a fast transform, for each of its 2**n numbers
GROWTH = 4  # of the number of Walsh functions from one dictionary to the next


class Dictionary(NamedTuple):
    """The Walsh functions of at most ``max_order`` of n variables, the lowest orders first.

    ``indices`` (F, w) are words; those of order j begin at ``starts[j]``.
    """

    n: int
    max_order: int
    indices: np.ndarray
    starts: np.ndarray


def dictionary(n: int, max_order: int) -> Dictionary:
    """Return all ``sum_{j <= max_order} (n over j)`` Walsh functions."""
    sizes = [comb(n, order) for order in range(max_order + 1)]
    indices = np.zeros((sum(sizes), words.n_words(n)), np.uint64)
    starts = np.cumsum([0, *sizes[:-1]])
    if n <= LARGEST_TABLE:
        numbers = np.arange(1 << n, dtype=np.uint64)
        indices[:, 0] = np.argsort(np.bitwise_count(numbers), kind="stable")[: sum(sizes)]
        return Dictionary(n, max_order, indices, starts)
    for order in range(1, max_order + 1):
        rows = slice(starts[order], starts[order] + sizes[order])
        variables = np.fromiter(chain.from_iterable(combinations(range(n), order)), np.uint64, order * sizes[order])
        for variable in variables.reshape(-1, order).T:
            word = (variable // words.WORD).astype(np.int64)
            indices[np.arange(rows.start, rows.stop), word] |= np.uint64(1) << variable % np.uint64(words.WORD)
    return Dictionary(n, max_order, indices, starts)


def orders_to_try(n: int, n_samples: int, max_order: int | None) -> list[int]:
    """Return the largest orders of the dictionaries that can be searched, each at least four times the one before.

    One is searched by a fast transform of length 2**n where n <= 20, else by ``F n_samples`` operations, up to 2**26.
    The last is the largest of these, and 1 is always one.
    """
    most = n if max_order is None else min(max_order, n)
    sizes = np.cumsum([comb(n, order) for order in range(most + 1)], dtype=object)
    possible = [j for j in range(min(1, most), most + 1) if n <= LARGEST_TABLE or sizes[j] * n_samples <= MOST_PAIRS]
    chosen = possible[:1] or [min(1, most)]
    for order in possible[1:]:
        if sizes[order] >= GROWTH * sizes[chosen[-1]]:
            chosen.append(order)
    return sorted({*chosen, *possible[-1:]})


def is_transformed(n: int, n_indices: int, n_points: int) -> bool:
    """Return whether correlations are had by a fast transform of length 2**n, which costs less than all pairs."""
    return n <= LARGEST_TABLE and n_indices * n_points >= TRANSFORM << n


def step_cost(functions: Dictionary, n_points: int) -> int:
    """Return what the correlations of all functions with n_points samples cost, in pairs of both."""
    is_cheaper = is_transformed(functions.n, len(functions.indices), n_points)
    return TRANSFORM << functions.n if is_cheaper else len(functions.indices) * n_points


def correlations(n: int, indices: np.ndarray, points: np.ndarray, residual: np.ndarray) -> np.ndarray:
    """Return ``sum_q r_q (-1)^<m_q, k>`` for indices k (F, w) and points m (q, w).

    Cost O(F q), or that of a fast transform of length 2**n where this is less.
    """
    if not is_transformed(n, len(indices), len(points)):
        return signed_sums(indices, points, residual)  # <m, k> = <k, m>
    table = np.zeros(1 << n, residual.dtype)
    np.add.at(table, points[:, 0].astype(np.int64), residual)
    return fwht(table, overwrite_x=True)[indices[:, 0].astype(np.int64)]

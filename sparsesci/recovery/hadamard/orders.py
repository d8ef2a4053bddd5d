"""The orders of the index of a Walsh-Hadamard transform.

With ``H[j, k] = (-1)^<j, k>``, the natural (Hadamard) order of Sylvester's matrices, the rows of the others are

* dyadic (Paley): row k is row ``bitrev(k)`` of H
* sequency (Walsh): row s is row ``bitrev(gray(s))`` of H, ``gray(s) = s ^ (s >> 1)``; it has s changes of sign

(Fino and Algazi 1976). All three matrices are symmetric, and so each of them is its own inverse up to the factor n; and
the order may be imposed on the input, ``W x = H z`` with ``z[bitrev(gray(s))] = x[s]``, before the butterflies run.
"""

from __future__ import annotations

import functools

import numpy as np

from sparsesci._lib.dispatch import kernel
from sparsesci._lib.xp import is_numpy, namespace, to_like

ORDERS = ("natural", "dyadic", "sequency")
TILED = 2**14  # the length from which a permutation in tiles is faster than one by a list of sources


def bit_reversed(k: np.ndarray, n_bits: int) -> np.ndarray:
    """Return the numbers whose lowest ``n_bits`` bits are those of k in reverse."""
    reverse = np.zeros_like(k)
    for bit in range(n_bits):
        reverse |= (k >> bit & 1) << (n_bits - 1 - bit)
    return reverse


def gray(k: np.ndarray) -> np.ndarray:
    """Return the Gray code ``k ^ (k >> 1)``: neighbours differ in one bit."""
    return k ^ k >> 1


def natural_rows(n: int, order: str) -> np.ndarray:
    """Return which row of H each row of the transform of size n is."""
    k = np.arange(n)
    if order == "natural":
        return k
    return bit_reversed(gray(k) if order == "sequency" else k, n.bit_length() - 1)


def inverse(permutation: np.ndarray) -> np.ndarray:
    """Return the permutation that takes the other back."""
    back = np.empty_like(permutation)
    back[permutation] = np.arange(permutation.size)
    return back


def natural_sources(n: int, order: str) -> np.ndarray:
    """Return the inverse of `natural_rows`: row j of H is this row of the transform."""
    return inverse(natural_rows(n, order))


@functools.cache
def _kept(function, n, order):
    """Remember a permutation of at most `TILED` indices."""
    permutation = function(n, order)
    permutation.flags.writeable = False
    return permutation


def reordered(x, order: str):
    """Return z with ``z[:, natural_rows[k], :] = x[:, k, :]`` for x (outer, n, inner): a new array."""
    outer, n, inner = x.shape
    if n <= TILED:
        return namespace(x).take(x, to_like(_kept(natural_sources, n, order), x), axis=1)
    if inner > 1 or not is_numpy(x):
        return namespace(x).take(x, to_like(natural_sources(n, order), x), axis=1)
    low = 1 << (n.bit_length() - 1) // 2
    rows, columns = _kept(natural_rows, low, order), _kept(natural_sources, n // low, order)
    out = np.empty((outer, n), x.dtype)
    permute(x.reshape(outer, n), out, rows, columns, order)
    return out.reshape(x.shape)


@kernel(cpu="sparsesci._cpu.hadamard:permute")
def permute(x, out, rows, columns, order):
    """Write the rows of x (outer, n) into ``out`` in natural order.

    With n = high low and k = i low + j, entry k goes to row ``rows[j]`` and to the column c with ``columns[c] = i`` of
    a matrix (low, high). In the sequency order, ``gray(k)`` carries the lowest bit of i into the highest of j, which
    the reversal makes the lowest bit of the row: there it is ``low - 1 - j`` whose row is next to that of j.
    """
    low = rows.size
    i, j = columns[None, :], inverse(rows)[:, None]
    j = np.where((i & 1 == 1) & (order == "sequency"), low - 1 - j, j)
    out[...] = x[:, np.ravel(i * low + j)]

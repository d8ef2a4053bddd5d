"""Order of points along a Hilbert curve: neighbours on the curve are neighbours in space.

Skilling, *Programming the Hilbert curve*, AIP Conf. Proc. 707 (2004) 381-387. With b bits for each of the d
coordinates ``X_0 .. X_(d-1)`` of a cell, its place on the curve follows from the coordinates in four steps:

1. Undo the rotations and reflections of the subcubes, from the largest to the smallest.
2. Gray code across the coordinates, ``X_i ^= X_(i-1)``, ...
3. ... and along the bits of the last one.
4. Read the bits in turn: the highest ones of X_0 to X_(d-1), then the next ones.

Deviations
----------
1. All points take each step together: d b steps on whole arrays.
2. Points are real numbers: they are rounded to the cells of a cube that holds them all, with one scale for all
   coordinates. One that extends less than 1/N of the longest is left out: it can only disturb the order along that.
"""

from __future__ import annotations

import numpy as np

KEY_BITS = 63  # of one key, shared by the coordinates: cells of 2**-21 of the extent in space, 2**-31 in the plane


def hilbert_order(points: np.ndarray) -> np.ndarray:
    """Return the permutation that visits points (N, d) along the curve, ties by index; d is small."""
    points = points - points.min(axis=0)
    extents = points.max(axis=0)
    longest = float(extents.max())
    if longest == 0:
        return np.arange(points.shape[0])
    points = points[:, extents * points.shape[0] >= longest]
    bits = min(KEY_BITS // points.shape[1], 52)  # a float64 resolves no more
    cells = points * ((2**bits - 1) / longest)
    return np.argsort(hilbert_keys(cells.astype(np.uint64), bits), kind="stable")


def hilbert_keys(cells: np.ndarray, bits: int) -> np.ndarray:
    """Return the places on the curve, as uint64, of cells (N, d) with coordinates below ``2**bits``; d bits <= 64."""
    one = np.uint64(1)
    X = cells.T.copy()
    d = X.shape[0]
    for bit in range(bits - 1, 0, -1):  # 1
        Q = one << np.uint64(bit)
        P = Q - one
        for i in range(d):
            is_set = (X[i] & Q) != 0
            exchanged = np.where(is_set, 0, (X[0] ^ X[i]) & P)
            X[0] ^= np.where(is_set, P, exchanged)
            X[i] ^= exchanged
    for i in range(1, d):  # 2
        X[i] ^= X[i - 1]
    flips = np.zeros_like(X[0])
    for bit in range(bits - 1, 0, -1):  # 3
        Q = one << np.uint64(bit)
        flips ^= np.where((X[-1] & Q) != 0, Q - one, 0)
    X ^= flips
    keys = np.zeros_like(flips)
    for bit in range(bits - 1, -1, -1):  # 4
        for x in X:
            keys = (keys << one) | ((x >> np.uint64(bit)) & one)
    return keys

"""Short paths through points: the compiled forms of what `sparsesci.solvers.krylov.greedy_path` explains."""

import numpy as np
from numba import njit

SUMS_MAY_BE_REORDERED = {"reassoc", "contract"}  # so that they vectorise
BLOCK = 64  # coordinates between two looks at whether a point can still be the nearest


@njit(cache=True, nogil=True)
def greedy_path(X, start, path):
    """Fill ``path`` with a walk from row to nearest unvisited row of X, ties to the lower.

    A distance is abandoned as soon as a part of it exceeds the smallest one so far. Where the coordinates of largest
    spread come first, as principal components do, that is after one block for most of them.
    """
    n = path.size
    unvisited = np.arange(n)
    path[0] = start
    unvisited[start] = n - 1
    for step in range(1, n):
        current = X[path[step - 1]]
        best, place = np.inf, 0
        for p in range(n - step):
            square = squared_distance(current, X[unvisited[p]], best)
            if square < best or (square == best and unvisited[p] < unvisited[place]):
                best, place = square, p
        path[step] = unvisited[place]
        unvisited[place] = unvisited[n - step - 1]


@njit(cache=True, nogil=True)
def squared_distance(x, y, limit):
    """Return ``||x - y||^2``, or the first partial sum of it above ``limit``."""
    total = 0.0
    for begin in range(0, x.size, BLOCK):
        total += squared_distance_between(x, y, begin, min(begin + BLOCK, x.size))
        if total > limit:
            break
    return total


@njit(cache=True, nogil=True, fastmath=SUMS_MAY_BE_REORDERED)
def squared_distance_between(x, y, begin, end):
    """Sum the squared differences of the coordinates begin..end-1."""
    begin, end = np.uint64(begin), np.uint64(end)
    total = 0.0
    for p in range(begin, end):
        total += (x[p] - y[p]) ** 2
    return total


@njit(cache=True, nogil=True)
def pairwise_distances(X, D):
    """Fill D (n, n) with the distances of the rows of X."""
    for i in range(X.shape[0]):
        D[i, i] = 0.0
        for j in range(i):
            D[i, j] = D[j, i] = np.sqrt(squared_distance(X[i], X[j], np.inf))


@njit(cache=True, nogil=True)
def uncross(D, path, least, sweeps):
    """Reverse stretches of ``path`` as long as that shortens it."""
    last = path.size - 1
    for _ in range(sweeps):
        is_shorter = False
        for i in range(1, last):
            before, first = path[i - 1], path[i]
            best, end = least, i
            for j in range(i + 1, last):
                gain = D[before, first] + D[path[j], path[j + 1]] - D[before, path[j]] - D[first, path[j + 1]]
                if gain > best:
                    best, end = gain, j
            if end > i:
                is_shorter = True
                for p in range((end - i + 1) // 2):
                    path[i + p], path[end - p] = path[end - p], path[i + p]
        if not is_shorter:
            break

"""A short path through points: from nearest neighbour to nearest neighbour, then freed of its crossings.

The second part is the 2-opt of Croes, *A method for solving traveling-salesman problems*, Oper. Res. 6 (1958) 791-812:
a stretch of the path is reversed where the two new links at its ends are shorter than the two old ones. Two sides of
one curve, which a walk that began in its middle visits one after the other, become one side.
"""

from __future__ import annotations

import numpy as np

from sparsesci._lib.dispatch import kernel

STRETCH = 1000  # points that are uncrossed at a time: a table of distances of 8 MB
SWEEPS = 30  # at most, over a stretch; fields need 5 to 15
LEAST_GAIN = 1e-12  # of the largest distance: what rounding cannot feign


def short_path(X: np.ndarray, groups: list[np.ndarray]) -> np.ndarray:
    """Return the order of a short path through the rows of X (N, d) that visits the groups (arrays of rows) in turn.

    The first walk begins at the row farthest from the one that is farthest from the mean, each other one at the row
    nearest to where the last one ended.
    """
    order = []
    for group in groups:
        points = X[group]
        if order:
            start = np.argmin(distances_to(points, X[order[-1][-1]]))
        else:
            outermost = points[np.argmax(distances_to(points, points.mean(axis=0)))]
            start = np.argmax(distances_to(points, outermost))
        path = np.empty(group.size, np.int64)
        greedy_path(points, int(start), path)
        order.append(group[path])
    return uncrossed(X, np.concatenate(order))


def uncrossed(X: np.ndarray, order: np.ndarray) -> np.ndarray:
    """Return an order that is no longer a path, each `STRETCH` of it uncrossed between its fixed neighbours."""
    order = order.copy()
    for begin in range(0, order.size, STRETCH):
        stretch = order[begin : begin + STRETCH]  # a view
        points, n = X[stretch], stretch.size
        # Row 0 and column n + 1 are the neighbours; where there is none, all points are equally near: the end is free.
        D = np.zeros((n + 2, n + 2))
        pairwise_distances(points, D[1:-1, 1:-1])
        if begin > 0:
            D[0, 1:-1] = distances_to(points, X[order[begin - 1]])
        if begin + n < order.size:
            D[1:-1, -1] = distances_to(points, X[order[begin + n]])
        path = np.arange(n + 2)
        uncross(D, path, LEAST_GAIN * D.max(), SWEEPS)
        stretch[:] = stretch[path[1:-1] - 1]
    return order


def distances_to(X: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Return the distance of each row of X to x, by differences: the Gram form loses those below 1e-8 of ``||x||``."""
    return np.sqrt(np.sum((X - x) ** 2, axis=1))


@kernel(cpu="sparsesci._cpu.ordering:greedy_path")
def greedy_path(X, start, path):
    """Fill ``path`` (n,) with a walk through the rows of X (n, d), from ``start`` to the nearest one not yet visited.

    Of rows at equal distance the first one is taken.
    """
    unvisited = np.arange(path.size)
    path[0] = start
    for step in range(1, path.size):
        unvisited = unvisited[unvisited != path[step - 1]]
        path[step] = unvisited[np.argmin(distances_to(X[unvisited], X[path[step - 1]]))]


@kernel(cpu="sparsesci._cpu.ordering:pairwise_distances")
def pairwise_distances(X, D):
    """Fill D (n, n) with the distances of the rows of X (n, d)."""
    for i, x in enumerate(X):
        D[i] = distances_to(X, x)


@kernel(cpu="sparsesci._cpu.ordering:uncross")
def uncross(D, path, least, sweeps):
    """Reverse stretches of ``path``, in place, as long as one gains more than ``least``; its two ends stay.

    Each sweep reverses for every i the stretch ``path[i..j]`` with the largest gain.
    """
    last = path.size - 1
    for _ in range(sweeps):
        is_shorter = False
        for i in range(1, last - 1):
            before, first, ends, after = path[i - 1], path[i], path[i + 1 : last], path[i + 2 :]
            gains = D[before, first] + D[ends, after] - D[before, ends] - D[first, after]
            if gains.max() > least:
                is_shorter = True
                stretch = path[i : i + 2 + np.argmax(gains)]
                stretch[:] = stretch[::-1].copy()
        if not is_shorter:
            break

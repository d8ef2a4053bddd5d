"""Optimal transport between points: passes over the rows of a plan whose costs are computed as they are needed.

The points X lie in the order of the leaves of a tree (`solvers.transport.leaves`). All rows of a leaf look at the
columns that can matter to one of them, gathered side by side, with coordinates relative to the centre of the leaf.
Bounds tell which these are, first for a group of leaves and then for each of them. Y holds coordinates (d, m).
"""

import numpy as np
from numba import njit

from sparsesci._cpu.transport import REORDER, SMALLEST, exp

SQEUCLIDEAN, EUCLIDEAN = 0, 1  # the cityblock metric is 2
CHUNK = 256
TINY = 1e-300  # the sum of a row whose entries all underflow is taken for this


@njit(cache=True, nogil=True, inline="always")
def rough_exp(x):
    """Return ``exp(x)`` for x <= 0 to 3e-6, relatively, in half the time; 0 for x <= -700."""
    is_zero = x <= SMALLEST
    x = max(x, SMALLEST)
    k = np.floor(x * 1.4426950408889634 + 0.5)
    r = x - k * 0.6931471805599453
    p = 1 / 120 * r + 1 / 24
    p = p * r + 1 / 6
    p = p * r + 0.5
    p = p * r + 1.0
    p = p * r + 1.0
    return 0.0 if is_zero else p * np.int64((np.int64(k) + 1023) << 52).view(np.float64)


@njit(cache=True, nogil=True, fastmath=REORDER)
def fill_costs(x, Y, m, metric, c):
    """Fill c with the costs from x to the first m columns of Y."""
    for k in range(x.size):
        at = x[k]
        if metric <= EUCLIDEAN:
            if k == 0:
                for j in range(m):
                    c[j] = (Y[k, j] - at) * (Y[k, j] - at)
            else:
                for j in range(m):
                    c[j] += (Y[k, j] - at) * (Y[k, j] - at)
        elif k == 0:
            for j in range(m):
                c[j] = abs(Y[k, j] - at)
        else:
            for j in range(m):
                c[j] += abs(Y[k, j] - at)
    if metric == EUCLIDEAN:
        for j in range(m):
            c[j] = np.sqrt(c[j])


@njit(cache=True, nogil=True, fastmath=REORDER)
def near(centre, radius, Y, g, m, metric, shift, slack, z, c, kept):
    """Fill kept with the columns within ``slack`` of the largest g - c of any point of a ball; return their number.

    With ``z = g - c(centre, y)`` and y* at its maximum, a point x changes ``z(y) - z(y*)`` by 2 radius at the most, or
    for the squared distance by exactly ``2 (x - centre)'(y - y*)``.
    """
    fill_costs(centre, Y, m, metric, c)
    top, best = -np.inf, 0
    for begin in range(0, m, CHUNK):
        end = min(begin + CHUNK, m)
        highest = -np.inf
        for j in range(begin, end):
            z[j] = g[j] - (c[j] - shift)
            highest = max(highest, z[j])
        if highest > top:
            top, best = highest, begin
    while z[best] < top:
        best += 1
    n_kept = 0
    if metric == SQEUCLIDEAN:
        fill_costs(Y[:, best].copy(), Y, m, metric, c)
        reach = 4 * radius * radius
        for j in range(m):  # without a branch: what is not kept is overwritten
            lack = top - slack - z[j]
            kept[n_kept] = j
            n_kept += lack * abs(lack) <= reach * c[j]
    else:
        limit = top - slack - 2 * radius
        for j in range(m):
            kept[n_kept] = j
            n_kept += z[j] >= limit
    return n_kept


@njit(cache=True, nogil=True)
def list_group(tree, group, Y, g, metric, shift, slack, room, indptr, indices):
    """List the columns of the leaves of a group one after the other; indptr starts with the first of them."""
    groups, leaves = tree.groups, tree.leaves
    near_Y, near_g, z, c, kept = room
    n_near = near(groups.centres[group], groups.radii[group], Y, g, g.size, metric, shift, slack, z, c, kept)
    for k in range(Y.shape[0]):
        for p in range(n_near):
            near_Y[k, p] = Y[k, kept[p]]
    for p in range(n_near):
        near_g[p] = g[kept[p]]
    begin = groups.bounds[group]
    for leaf in range(begin, groups.bounds[group + 1]):
        filled = indptr[leaf - begin]
        found = indices[filled:]
        n_found = near(
            leaves.centres[leaf], leaves.radii[leaf], near_Y, near_g, n_near, metric, shift, slack, z, c, found
        )
        for p in range(n_found):
            found[p] = kept[found[p]]
        indptr[leaf - begin + 1] = filled + n_found


@njit(cache=True, nogil=True)
def room_for(d, m):
    """Return the room that `list_group` needs."""
    return np.empty((d, m)), np.empty(m), np.empty(m), np.empty(m), np.empty(m, np.int32)


@njit(cache=True, nogil=True)
def work_for(d, m):
    """Return what the rows of a leaf work in: three vectors of its columns, their coordinates, and those of a point."""
    return np.empty(m), np.empty(m), np.empty(m), np.empty((d, m)), np.empty(d)


@njit(cache=True, nogil=True)
def longest_group(groups, first, last):
    """Return the largest number of leaves in a group."""
    longest = 0
    for group in range(first, last):
        longest = max(longest, groups.bounds[group + 1] - groups.bounds[group])
    return longest


@njit(cache=True, nogil=True, fastmath=REORDER)
def gather(kept, centre, Y, g, metric, shift, W, psi):
    """Copy kept columns side by side, in the form that `reduced` takes: for squared distances relative to a centre.

    The other metrics need the differences to the rows, which are exact where both are near, only if nothing is rounded
    before.
    """
    for p in range(kept.size):
        psi[p] = -shift if metric == SQEUCLIDEAN else 0.0
    for k in range(centre.size):
        origin = centre[k] if metric == SQEUCLIDEAN else 0.0
        for p in range(kept.size):
            W[k, p] = Y[k, kept[p]] - origin
        if metric == SQEUCLIDEAN:
            for p in range(kept.size):
                psi[p] += W[k, p] * W[k, p]
                W[k, p] *= 2
    for p in range(kept.size):
        psi[p] = g[kept[p]] - psi[p]


@njit(cache=True, nogil=True, fastmath=REORDER)
def reduced(X, i, centre, W, psi, m, metric, shift, x, z):
    """Fill ``z = g - c(x, y) + shift`` up to a constant of the row, which is returned: it is to be subtracted.

    For squared distances z is linear in x, and the constant ``|x|^2``.
    """
    square = 0.0
    for k in range(x.size):
        x[k] = X[i, k] - centre[k] if metric == SQEUCLIDEAN else X[i, k]
        square += x[k] * x[k]
    if metric == SQEUCLIDEAN:
        if x.size == 2:
            for j in range(m):
                z[j] = psi[j] + x[0] * W[0, j] + x[1] * W[1, j]
        else:
            for j in range(m):
                z[j] = psi[j] + x[0] * W[0, j]
            for k in range(1, x.size):
                for j in range(m):
                    z[j] += x[k] * W[k, j]
        return square
    fill_costs(x, W, m, metric, z)
    for j in range(m):
        z[j] = psi[j] - (z[j] - shift)
    return 0.0


@njit(cache=True, nogil=True, fastmath=REORDER)
def leaf_rows(tree, Y, metric, shift, a, g, reg, cut, first, last, f, columns):
    """Fill f of the groups from first to last, with which their rows sum to a, and add to the column sums."""
    X, leaves, groups = tree
    d, m = Y.shape
    room, longest = room_for(d, m), longest_group(groups, first, last)
    indptr, indices = np.zeros(longest + 1, np.int64), np.empty(longest * m, np.int32)
    z, psi, sums, W, x = work_for(d, m)
    scale = 1 / reg
    for group in range(first, last):
        list_group(tree, group, Y, g, metric, shift, cut * reg, room, indptr, indices)
        begin = groups.bounds[group]
        for leaf in range(begin, groups.bounds[group + 1]):
            kept = indices[indptr[leaf - begin] : indptr[leaf - begin + 1]]
            n_kept, centre = kept.size, leaves.centres[leaf]
            gather(kept, centre, Y, g, metric, shift, W, psi)
            for p in range(n_kept):
                sums[p] = 0.0
            for i in range(leaves.bounds[leaf], leaves.bounds[leaf + 1]):
                constant = reduced(X, i, centre, W, psi, n_kept, metric, shift, x, z)
                top = -np.inf
                for p in range(n_kept):
                    top = max(top, z[p])
                total = 0.0
                for p in range(n_kept):
                    z[p] = exp((z[p] - top) * scale)
                    total += z[p]
                factor = a[i] / total
                for p in range(n_kept):
                    sums[p] += factor * z[p]
                f[i] = reg * np.log(factor) - top + constant
            for p in range(n_kept):
                columns[kept[p]] += sums[p]


@njit(cache=True, nogil=True)
def leaf_lists(tree, Y, metric, shift, g, slack, start, first, last, indptr, indices):
    """List the columns that matter to the leaves of the groups from ``start``; indptr belongs to those from ``first``.

    Return the group at which the room was used up, or last; one group more than fits is never begun.
    """
    m = g.size
    room = room_for(Y.shape[0], m)
    for group in range(start, last):
        begin, end = tree.groups.bounds[group], tree.groups.bounds[group + 1]
        own = indptr[begin - tree.groups.bounds[first] :]
        if own[0] + (end - begin) * m > indices.size:
            return group
        list_group(tree, group, Y, g, metric, shift, slack, room, own, indices)
    return last


@njit(cache=True, nogil=True, fastmath=REORDER)
def leaf_product(tree, Y, metric, shift, indptr, indices, f, g, reg, v, first, last, y):
    """Add ``(diag(P'1) - P' diag(P 1)^-1 P) v`` to y, with P of the listed columns of the groups from first to last."""
    X, leaves, groups = tree
    d, m = Y.shape
    z, psi, sums, W, x = work_for(d, m)
    near_v, scale, begin = np.empty(m), 1 / reg, groups.bounds[first]
    for leaf in range(begin, groups.bounds[last]):
        kept = indices[indptr[leaf - begin] : indptr[leaf - begin + 1]]
        n_kept, centre = kept.size, leaves.centres[leaf]
        gather(kept, centre, Y, g, metric, shift, W, psi)
        for p in range(n_kept):
            near_v[p] = v[kept[p]]
            sums[p] = 0.0
        for i in range(leaves.bounds[leaf], leaves.bounds[leaf + 1]):
            u = f[i] - reduced(X, i, centre, W, psi, n_kept, metric, shift, x, z)
            total = mean = 0.0
            for p in range(n_kept):
                z[p] = rough_exp((z[p] + u) * scale)
                total += z[p]
                mean += z[p] * near_v[p]
            mean /= max(total, TINY)
            for p in range(n_kept):
                sums[p] += z[p] * (near_v[p] - mean)
        for p in range(n_kept):
            y[kept[p]] += sums[p]


@njit(cache=True, nogil=True, fastmath=REORDER)
def leaf_diagonal(tree, Y, metric, shift, indptr, indices, f, g, reg, first, last, y, columns):
    """Add the diagonal of the matrix of `leaf_product` to y, and the sums of the listed columns to columns."""
    X, leaves, groups = tree
    d, m = Y.shape
    z, psi, sums, W, x = work_for(d, m)
    squares = np.empty(m)
    scale, begin = 1 / reg, groups.bounds[first]
    for leaf in range(begin, groups.bounds[last]):
        kept = indices[indptr[leaf - begin] : indptr[leaf - begin + 1]]
        n_kept, centre = kept.size, leaves.centres[leaf]
        gather(kept, centre, Y, g, metric, shift, W, psi)
        for p in range(n_kept):
            sums[p] = squares[p] = 0.0
        for i in range(leaves.bounds[leaf], leaves.bounds[leaf + 1]):
            u = f[i] - reduced(X, i, centre, W, psi, n_kept, metric, shift, x, z)
            total = 0.0
            for p in range(n_kept):
                z[p] = rough_exp((z[p] + u) * scale)
                total += z[p]
            part = 1 / max(total, TINY)
            for p in range(n_kept):
                sums[p] += z[p]
                squares[p] += z[p] * z[p] * part
        for p in range(n_kept):
            y[kept[p]] += sums[p] - squares[p]
            columns[kept[p]] += sums[p]


@njit(cache=True, nogil=True, fastmath=REORDER)
def leaf_sums(tree, Y, metric, shift, f, g, reg, cut, first, last, rows, columns, by_x, by_y):
    """Fill row sums and pulls ``sum_j P_ij dc/dx``, add to column sums and pulls by y; return ``<C - shift, P>``."""
    X, leaves, groups = tree
    d, m = Y.shape
    room, longest = room_for(d, m), longest_group(groups, first, last)
    indptr, indices = np.zeros(longest + 1, np.int64), np.empty(longest * m, np.int32)
    z, psi, w, W, x = work_for(d, m)
    near_g, sums, pulls = np.empty(m), np.empty(m), np.empty((d, m))
    scale, cost = 1 / reg, 0.0
    for group in range(first, last):
        list_group(tree, group, Y, g, metric, shift, cut * reg, room, indptr, indices)
        begin = groups.bounds[group]
        for leaf in range(begin, groups.bounds[group + 1]):
            kept = indices[indptr[leaf - begin] : indptr[leaf - begin + 1]]
            n_kept, centre = kept.size, leaves.centres[leaf]
            gather(kept, centre, Y, g, metric, shift, W, psi)
            for p in range(n_kept):
                near_g[p] = g[kept[p]]
                sums[p] = 0.0
                for k in range(d):
                    pulls[k, p] = 0.0
            for i in range(leaves.bounds[leaf], leaves.bounds[leaf + 1]):
                constant = reduced(X, i, centre, W, psi, n_kept, metric, shift, x, z)
                total = paid = 0.0
                for p in range(n_kept):
                    w[p] = exp((z[p] - constant + f[i]) * scale)
                    total += w[p]
                    sums[p] += w[p]
                    z[p] = near_g[p] - z[p] + constant  # the cost, less the shift
                    paid += w[p] * z[p]
                rows[i] = total
                cost += paid
                if metric == EUCLIDEAN:
                    fill_costs(x, W, n_kept, metric, z)
                    for p in range(n_kept):
                        w[p] = w[p] / z[p] if z[p] > 0 else 0.0
                for k in range(d):
                    at, pulled = x[k], 0.0
                    if metric <= EUCLIDEAN:
                        twice = 2 * at if metric == SQEUCLIDEAN else at
                        for p in range(n_kept):
                            pull = w[p] * (twice - W[k, p])
                            pulled += pull
                            pulls[k, p] -= pull
                    else:
                        for p in range(n_kept):
                            pull = w[p] * np.sign(at - W[k, p])
                            pulled += pull
                            pulls[k, p] -= pull
                    by_x[i, k] = pulled
            for p in range(n_kept):
                columns[kept[p]] += sums[p]
                for k in range(d):
                    by_y[kept[p], k] += pulls[k, p]
    return cost

"""Column counts of a Cholesky factor: the compiled form of `sparsesci.solvers.sequence.fill.column_counts`.

Gilbert, Ng, Peyton, SIAM J. Matrix Anal. Appl. 15 (1994) 1075-1091: time nearly linear in the entries of the matrix,
where the reference needs that of the entries of the factor.
"""

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def column_counts(indptr, indices, place, order, counts):
    """Fill ``counts``; the arguments are explained at the reference."""
    n = order.size
    parent = elimination_tree(indptr, indices, place, order)
    postorder = depth_first(parent)
    # The first descendant of a node in the postorder, by its rank there; a leaf is its own.
    first = np.full(n, -1, np.int64)
    for rank in range(n):
        j = postorder[rank]
        counts[j] = 1 if first[j] < 0 else 0
        while j >= 0 and first[j] < 0:
            first[j] = rank
            j = parent[j]
    newest, last_leaf = np.full(n, -1, np.int64), np.full(n, -1, np.int64)
    ancestor = np.arange(n)
    for rank in range(n):
        j = postorder[rank]
        if parent[j] >= 0:
            counts[parent[j]] -= 1
        for p in range(indptr[order[j]], indptr[order[j] + 1]):
            i = place[indices[p]]
            if i <= j or first[j] <= newest[i]:
                continue
            # j is a leaf of the subtree of row i.
            newest[i] = first[j]
            counts[j] += 1
            if last_leaf[i] >= 0:
                counts[root(ancestor, last_leaf[i])] -= 1  # where the paths from both leaves meet
            last_leaf[i] = j
        if parent[j] >= 0:
            ancestor[j] = parent[j]
    for j in range(n):
        if parent[j] >= 0:
            counts[parent[j]] += counts[j]


@njit(cache=True, nogil=True)
def elimination_tree(indptr, indices, place, order):
    """Return the parent of each column in the elimination tree, -1 for a root (Liu, 1986)."""
    n = order.size
    parent, ancestor = np.full(n, -1, np.int64), np.full(n, -1, np.int64)
    for i in range(n):
        for p in range(indptr[order[i]], indptr[order[i] + 1]):
            j = place[indices[p]]
            while j >= 0 and j < i:
                above = ancestor[j]
                ancestor[j] = i
                if above < 0:
                    parent[j] = i
                j = above
    return parent


@njit(cache=True, nogil=True)
def depth_first(parent):
    """Return the nodes of a forest in postorder; a parent has a larger number than its children."""
    n = parent.size
    child, sibling = np.full(n, -1, np.int64), np.full(n, -1, np.int64)
    for j in range(n - 1, -1, -1):
        if parent[j] >= 0:
            sibling[j] = child[parent[j]]
            child[parent[j]] = j
    postorder = np.empty(n, np.int64)
    stack = np.empty(n, np.int64)
    done = 0
    for top in range(n):
        if parent[top] >= 0:
            continue
        height = 1
        stack[0] = top
        while height:
            j = stack[height - 1]
            if child[j] >= 0:
                stack[height] = child[j]
                height += 1
                child[j] = sibling[child[j]]
            else:
                postorder[done] = j
                done += 1
                height -= 1
    return postorder


@njit(cache=True, nogil=True)
def root(ancestor, j):
    """Return the root that j has been merged into, and shorten the path to it."""
    top = j
    while ancestor[top] != top:
        top = ancestor[top]
    while ancestor[j] != top:
        ancestor[j], j = top, ancestor[j]
    return top

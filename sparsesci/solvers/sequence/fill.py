"""The size of complete factors, before they are made.

On a graph like that of a grid in the plane, whose bandwidth w after Cuthill-McKee is about the square root of its
size, factors under a minimum degree ordering have about ``n (11 log2(w) - 34)`` entries, and ``1.5 n w log2(w)``
multiplications make them (the constants are those of the five-point grids of 64^2 to 1000^2). On all other graphs the
columns are counted, without making them: a column of L with c entries takes c^2 multiplications.

Gilbert, Ng, Peyton, *An efficient algorithm to compute row and column counts for sparse Cholesky factorization*, SIAM
J. Matrix Anal. Appl. 15 (1994) 1075-1091. Row i of the factor is a subtree of the elimination tree; the counts follow
from the leaves of these subtrees and from where the paths that come from two neighbouring leaves meet.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from sparsesci._lib.dispatch import kernel

LIKE_A_PLANE = 2.0  # w^2 / n of a square grid is 1


def factor_size(A: Any, w: int) -> tuple[float, float]:
    """Return about how many entries L and U have together, and how many multiplications make them.

    For a CSR matrix A of bandwidth w whose rows are not exchanged; where its pattern is not symmetric, that of
    ``A + A^T`` is taken, and pivoting may fill more.
    """
    if w**2 <= LIKE_A_PLANE * A.shape[0]:
        return in_a_plane(A.shape[0], w)
    counts = column_counts_of(A)
    return float(2 * counts.sum()), float((counts**2).sum())


def in_a_plane(n: int, w: int) -> tuple[float, float]:
    """Return the same for a graph of n nodes and bandwidth w that is like that of a grid in the plane."""
    depth = math.log2(w + 1)
    return 2.0 * n * min(w + 1, max(4.0, 5.5 * depth - 17)), 1.5 * n * (w + 1) * max(1.0, depth)


def bandwidth(A: Any) -> int:
    """Return ``max |i - j|`` over the entries of a CSR matrix under the reverse Cuthill-McKee ordering."""
    from scipy.sparse import csr_matrix
    from scipy.sparse.csgraph import reverse_cuthill_mckee

    pattern = csr_matrix((np.ones(A.nnz, np.int8), A.indices, A.indptr), shape=A.shape)
    order = reverse_cuthill_mckee(pattern)
    place = np.empty_like(order)
    place[order] = np.arange(order.size, dtype=order.dtype)
    rows = np.repeat(place, np.diff(A.indptr))
    return int(np.abs(rows - place[A.indices]).max(initial=0))


def column_counts_of(A: Any) -> np.ndarray:
    """Return how many entries each column of L has, under SuperLU's minimum degree ordering of ``A + A^T``.

    The ordering is had from an incomplete factorisation of the pattern that drops everything.
    """
    from scipy.sparse import csc_array, eye_array
    from scipy.sparse.linalg import spilu

    n = A.shape[0]
    pattern = csc_array((np.full(A.nnz, 1e-9), A.indices, A.indptr), shape=A.shape)
    pattern = pattern + pattern.T + eye_array(n, format="csc")
    place = spilu(pattern, drop_tol=0.1, fill_factor=1, permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0).perm_c
    place = place.astype(np.int64)
    counts = np.zeros(n, np.int64)
    column_counts(pattern.indptr, pattern.indices, place, np.argsort(place), counts)
    return counts.astype(float)


@kernel(cpu="sparsesci._cpu.fill:column_counts")
def column_counts(indptr, indices, place, order, counts):
    """Count the entries of each column of the Cholesky factor of a symmetric pattern, the diagonal included.

    Row ``order[i]`` is eliminated i-th, so that ``place[order[i]] = i``. This reference walks through all subtrees.
    """
    n = order.shape[0]
    parent, reached = np.full(n, -1), np.full(n, -1)
    counts[:] = 1
    for i in range(n):
        reached[i] = i
        row = order[i]
        for column in indices[indptr[row] : indptr[row + 1]]:
            j = place[column]
            while j < i and reached[j] != i:
                parent[j] = i if parent[j] < 0 else parent[j]
                counts[j] += 1
                reached[j] = i
                j = parent[j]

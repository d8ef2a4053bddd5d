"""Incomplete LU factorisation without fill, ILU(0).

Saad, *Iterative Methods for Sparse Linear Systems*, 2nd ed., algorithm 10.4; its line numbers stand at the right of
the reference.

Deviations
----------
1. L and U are stored apart, U from its last row to its first, and D is inverted: what a solve reads, it reads in order.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from sparsesci._lib import validate
from sparsesci._lib.dispatch import kernel
from sparsesci._lib.operator import csr_arrays

from .factors import FactoredPreconditioner, from_merged, sorted_csr


def ilu0_preconditioner(A: Any) -> FactoredPreconditioner:
    """Return the preconditioner ``M = (L U)^-1`` whose factors have the pattern of A, and ``L U`` its entries there.

    Parameters
    ----------
    A : sparse matrix or array (n, n)
        Real or complex, in any sparse format, with sorted indices or not; duplicates are summed. Every diagonal entry
        must be stored and its pivot not become zero.

    Returns
    -------
    FactoredPreconditioner
        Pass it as ``M``; ``M(x)`` applies it at the cost of one product with A.

    Raises
    ------
    ValueError
        A is not square, has NaN or Inf, or a pivot is missing or zero; the message names the row.
    TypeError
        A is a GPU matrix: the factorisation is sequential and runs on the host.

    References
    ----------
    Saad, *Iterative Methods for Sparse Linear Systems*, 2nd ed., algorithm 10.4.

    Examples
    --------
    A tridiagonal matrix has no fill, so that ILU(0) is its exact factorisation.

    >>> import numpy as np, scipy.sparse
    >>> from sparsesci.solvers import ilu0_preconditioner
    >>> A = scipy.sparse.diags_array([-np.ones(3), 3 * np.ones(4), -np.ones(3)], offsets=[-1, 0, 1], format="csr")
    >>> M = ilu0_preconditioner(A)
    >>> bool(np.allclose(A @ M(np.ones(4)), np.ones(4)))
    True
    """
    LU = sorted_csr(A, "ILU(0)", copy=True)
    validate.finite(LU, "A")
    indptr, indices, data = csr_arrays(LU, LU.dtype)
    diagonal = np.empty(LU.shape[0], np.int64)
    row = ilu0(indptr, indices, data, diagonal)
    if row >= 0:
        raise ValueError(
            f"ILU(0) breaks down in row {row}: its pivot is missing, zero or not finite; reorder A so that its "
            "diagonal is nonzero, add a shift to it, or use scipy.sparse.linalg.spilu, which pivots"
        )
    return from_merged(indptr, indices, data, diagonal, "ILU(0)")


@kernel(cpu="sparsesci._cpu.incomplete:ilu0")
def ilu0(indptr, indices, data, diagonal):
    """Overwrite ``data`` by L - I and U; return the first row without a usable pivot, or -1."""
    position = [{int(j): p for p, j in enumerate(indices[a:b], start=a)} for a, b in pairwise(indptr)]
    for i, row in enumerate(position):  # 1
        for k, p in row.items():  # 2
            if k >= i:
                break
            data[p] /= data[position[k][k]]  # 3
            for j, q in position[k].items():  # 4
                if j > k and j in row:
                    data[row[j]] -= data[p] * data[q]  # 5
        diagonal[i] = row.get(i, -1)
        if diagonal[i] < 0 or data[diagonal[i]] == 0 or not np.isfinite(data[diagonal[i]]):
            return i
    return -1

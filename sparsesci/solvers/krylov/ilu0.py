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

from sparsesci._lib import validate, xp
from sparsesci._lib.dispatch import kernel
from sparsesci._lib.operator import csr_arrays

from .factors import FactoredPreconditioner, Factors, empty_csr


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
    from scipy.sparse import csr_array

    A = validate.square_matrix(A, "A")
    if xp.is_cupy(A) or not (xp.is_numpy(A) or xp.is_sparse(A)):
        raise TypeError(
            "A lies on a GPU: ILU(0) is sequential and runs on the host; pass sparsesci.gpu.to_host(A), or use Jacobi"
        )
    validate.finite(A, "A")
    LU = csr_array(A, dtype=xp.common_float(np, A.dtype), copy=True)
    LU.sum_duplicates()
    indptr, indices, data = csr_arrays(LU, LU.dtype)
    diagonal = np.empty(LU.shape[0], np.int64)
    row = ilu0(indptr, indices, data, diagonal)
    if row >= 0:
        raise ValueError(
            f"ILU(0) breaks down in row {row}: its pivot is missing, zero or not finite; reorder A so that its "
            "diagonal is nonzero, add a shift to it, or use scipy.sparse.linalg.spilu, which pivots"
        )
    n, n_lower = diagonal.size, int((diagonal - indptr[:-1]).sum())
    lower, upper = empty_csr(n, n_lower, data.dtype), empty_csr(n, data.size - n - n_lower, data.dtype)
    factors = Factors(lower, upper, np.empty(n, data.dtype))
    split_factors(indptr, indices, data, diagonal, *factors)
    return FactoredPreconditioner(factors, "ILU(0)")


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


@kernel(cpu="sparsesci._cpu.incomplete:split_factors")
def split_factors(indptr, indices, data, diagonal, lower, upper, inverse_diagonal):
    """Fill L, the reversed I + U and D^-1 from the merged factors of `ilu0`."""
    inverse_diagonal[:] = 1 / data[diagonal]
    n = diagonal.size
    begin_lower = begin_upper = 0
    for i in range(n):
        left = slice(int(indptr[i]), int(diagonal[i]))
        end = begin_lower + left.stop - left.start
        lower.indices[begin_lower:end], lower.data[begin_lower:end] = indices[left], data[left]
        lower.indptr[i + 1] = begin_lower = end
    for stored in range(n):
        i = n - 1 - stored
        right = slice(int(diagonal[i]) + 1, int(indptr[i + 1]))
        end = begin_upper + right.stop - right.start
        upper.indices[begin_upper:end] = indices[right][::-1]
        upper.data[begin_upper:end] = data[right][::-1] * inverse_diagonal[i]
        upper.indptr[stored + 1] = begin_upper = end

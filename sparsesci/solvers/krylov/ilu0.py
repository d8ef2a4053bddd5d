"""Incomplete LU factorisation without fill, ILU(0).

Saad, *Iterative Methods for Sparse Linear Systems*, 2nd ed., algorithm 10.4; its line numbers stand at the right of
the reference.

Deviations
----------
1. L, D^-1 and D^-1 U are stored apart, the last from its last row to its first: what a solve reads, it reads in order.
   Line 3 is delayed until its row has been used: one division for a row is enough.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from sparsesci._lib.dispatch import kernel

from .factors import FactoredPreconditioner
from .pattern import on_pattern


def ilu0_preconditioner(A: Any, *, like: FactoredPreconditioner | None = None) -> FactoredPreconditioner:
    """Return the preconditioner ``M = (L U)^-1`` whose factors have the pattern of A, and ``L U`` its entries there.

    Parameters
    ----------
    A : sparse matrix or array (n, n)
        Real or complex, in any sparse format, with sorted indices or not; duplicates are summed. Every diagonal entry
        must be stored and its pivot not become zero.
    like : FactoredPreconditioner, optional
        An ILU(0) or IC(0) of a matrix of the same pattern. Checking, sorting and index arrays are then taken from it,
        which is fastest for a ``csr_array``; it is not changed.

    Returns
    -------
    FactoredPreconditioner
        Pass it as ``M``; ``M(x)`` applies it at the cost of one product with A.

    Raises
    ------
    ValueError
        A is not square, has NaN or Inf, or a pivot is missing or zero; the message names the row. Or its pattern is
        not that of ``like``.
    TypeError
        A is a GPU matrix: the factorisation is sequential and runs on the host.

    See Also
    --------
    ic0_preconditioner : For Hermitian positive definite matrices, at half the work.

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

    The next matrix of a sequence is factorised faster.

    >>> M = ilu0_preconditioner(2 * A, like=M)
    >>> bool(np.allclose(2 * A @ M(np.ones(4)), np.ones(4)))
    True
    """
    pattern, data, factors = on_pattern(A, like, "ILU(0)")
    row = ilu0(*pattern, data, *factors.triangles)
    if row >= 0:
        raise ValueError(
            f"ILU(0) breaks down in row {row}: its pivot is zero or not finite; reorder A so that its diagonal is "
            "nonzero, add a shift to it, or use scipy.sparse.linalg.spilu, which pivots"
        )
    return FactoredPreconditioner(factors, "ILU(0)", pattern)


@kernel(cpu="sparsesci._cpu.incomplete:ilu0")
def ilu0(indptr, indices, diagonal, data, lower, upper, inverse_diagonal):
    """Fill the entries of L, ``D^-1 U`` and ``D^-1``; return the first row without a usable pivot, or -1."""
    n = diagonal.size
    for i in range(n):  # 1
        row = {int(indices[p]): data[p] for p in range(int(indptr[i]), int(indptr[i + 1]))}
        left = slice(int(lower.indptr[i]), int(lower.indptr[i + 1]))
        for k in map(int, lower.indices[left]):  # 2
            above = slice(int(upper.indptr[n - 1 - k]), int(upper.indptr[n - k]))
            for j, entry in zip(upper.indices[above], upper.data[above], strict=True):  # 4
                if j in row:
                    row[j] -= row[k] * entry  # 5
            row[k] *= inverse_diagonal[k]  # 3
        lower.data[left] = [row[j] for j in lower.indices[left]]
        with np.errstate(divide="ignore", over="ignore"):
            inverse_diagonal[i] = 1 / row[i]
        if row[i] == 0 or not (np.isfinite(row[i]) and np.isfinite(inverse_diagonal[i])):
            return i
        right = slice(int(upper.indptr[n - 1 - i]), int(upper.indptr[n - i]))
        upper.data[right] = [row[j] * inverse_diagonal[i] for j in upper.indices[right]]
    return -1

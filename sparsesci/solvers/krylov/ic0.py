"""Incomplete Cholesky factorisation without fill, IC(0).

Meijerink, van der Vorst, *An iterative solution method for linear systems of which the coefficient matrix is a
symmetric M-matrix*, Math. Comp. 31 (1977) 148-162, in the form ``L D L^H``. Where a pivot is not positive, the shift of
Manteuffel, *An incomplete factorization technique for positive definite linear systems*, Math. Comp. 34 (1980) 473-497.

Deviations
----------
1. L^H is stored beside L, its rows from the last to the first: what a solve reads, it reads in order.
2. The shift is found by doubling (Lin, More, SIAM J. Sci. Comput. 21 (1999) 24-45); Manteuffel leaves it to the user.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy import conj

from sparsesci._lib.dispatch import kernel

from .factors import FactoredPreconditioner
from .pattern import Pattern, on_pattern

FIRST_SHIFT = 1e-3
ROUNDING = 100  # times eps: how far entries across the diagonal may differ, relative to the diagonal


def ic0_preconditioner(A: Any, *, like: FactoredPreconditioner | None = None) -> FactoredPreconditioner:
    """Return the preconditioner ``M = (L D L^H)^-1``: L has the pattern of A, and ``L D L^H`` its entries there.

    Where ILU(0) of A has positive pivots it is the same in exact arithmetic, found with half the operations. And it is
    Hermitian positive definite in every case: where a pivot is not positive, ``A + alpha diag(A)`` is factorised, with
    alpha = 0.001, 0.002, 0.004, ... until all are. The repr shows the alpha that was used.

    Parameters
    ----------
    A : sparse matrix or array (n, n)
        Hermitian positive definite, real or complex, in any sparse format, with sorted indices or not; duplicates are
        summed. Its pattern must be symmetric, every diagonal entry stored.
    like : FactoredPreconditioner, optional
        An IC(0) or ILU(0) of a matrix of the same pattern. Checking, sorting and index arrays are then taken from it,
        which is fastest for a ``csr_array``; it is not changed.

    Returns
    -------
    FactoredPreconditioner
        Pass it as ``M``; ``M(x)`` applies it at the cost of one product with A.

    Raises
    ------
    ValueError
        A is not square, has NaN or Inf, is not Hermitian (up to rounding: ``|a_ij - conj(a_ji)| <= 100 eps (a_ii
        a_jj)^(1/2)``), a diagonal entry is missing or not positive; the message names the entry. Or no shift helps,
        which shows that A is not positive definite. Or its pattern is not that of ``like``.
    TypeError
        A is a GPU matrix: the factorisation is sequential and runs on the host.

    See Also
    --------
    ilu0_preconditioner : For matrices that are not Hermitian positive definite.

    References
    ----------
    Meijerink, van der Vorst, Math. Comp. 31 (1977) 148-162. Manteuffel, Math. Comp. 34 (1980) 473-497.

    Examples
    --------
    >>> import numpy as np, scipy.sparse as sp
    >>> from sparsesci.solvers import ic0_preconditioner, recycled_cg
    >>> D = sp.diags_array([-1.0, 2.0, -1.0], offsets=[-1, 0, 1], shape=(40, 40))
    >>> A, b = sp.kronsum(D, D, format="csr"), np.ones(1600)
    >>> M = ic0_preconditioner(A)
    >>> recycled_cg(A, b, M=M).nit < 0.5 * recycled_cg(A, b).nit
    True

    The next matrix of a sequence is factorised faster.

    >>> ic0_preconditioner(2 * A, like=M)
    IC(0) preconditioner, float64, shape (1600, 1600), 7840 entries

    A positive definite matrix without an incomplete factorisation, of Kershaw:

    >>> ic0_preconditioner([[3, -2, 0, 2], [-2, 3, -2, 0], [0, -2, 3, -2], [2, 0, -2, 3]])
    IC(0, shift 0.256) preconditioner, float64, shape (4, 4), 12 entries
    """
    pattern, data, factors = on_pattern(A, like, "IC(0)")
    check_hermitian(pattern, data)
    precision = float(np.finfo(data.dtype).eps)
    shift = 0.0
    while ic0(*pattern, data, shift, precision, *factors.triangles) >= 0:
        shift = max(2 * shift, FIRST_SHIFT)
        # Scaled to a unit diagonal, no entry of a definite matrix exceeds 1: such a shift makes it diagonally dominant.
        if shift > 2 * np.diff(pattern.indptr).max():
            raise ValueError("IC(0) finds A not positive definite: use ILU(0) and gcrodr")
    return FactoredPreconditioner(factors, f"IC(0, shift {shift:g})" if shift else "IC(0)", pattern)


def check_hermitian(pattern: Pattern, data: np.ndarray) -> None:
    """Raise ValueError, naming an entry, where a matrix is not Hermitian or its diagonal not positive."""
    indptr, indices, diagonal = pattern
    tolerance = ROUNDING * float(np.finfo(data.dtype).eps)
    position = unmatched(*pattern, data, tolerance)
    if position >= 0:
        i, j = int(np.searchsorted(indptr, position, side="right")) - 1, int(indices[position])
        row = slice(int(indptr[j]), int(indptr[j + 1]))
        across = data[row][indices[row] == i]
        other = f"A[{j}, {i}] is {across[0] if across.size else 'not stored'}"
        raise ValueError(
            f"A is not Hermitian: A[{i}, {j}] is {data[position]} and {other}; IC(0) needs a Hermitian matrix, "
            "use ILU(0) and gcrodr"
        )
    d = data[diagonal].real
    if not d.min() > 0:
        i = int(np.argmin(d > 0))
        raise ValueError(f"A[{i}, {i}] is {d[i]}: a positive definite matrix has a positive diagonal; use ILU(0)")
    if d.min() < 1 / np.finfo(d.dtype).max:
        i = int(np.argmin(d))
        raise ValueError(f"A[{i}, {i}] is {d[i]}: too small to divide by; scale A")


@kernel(cpu="sparsesci._cpu.incomplete:unmatched")
def unmatched(indptr, indices, diagonal, data, tolerance):
    """Return where an entry stands that is not the conjugate of the one across the diagonal, or -1.

    They may differ by the tolerance, relative to ``(a_ii a_jj)^(1/2)``. There must be one, even if it is zero.
    """
    n = diagonal.size
    row = [{int(indices[p]): p for p in range(int(indptr[i]), int(indptr[i + 1]))} for i in range(n)]
    root = np.sqrt(np.abs(data[diagonal]))
    for i in range(n):
        for j, p in row[i].items():
            q = row[j].get(i)
            if q is None or not abs(data[p] - conj(data[q])) <= tolerance * root[i] * root[j]:
                return p
    return -1


@kernel(cpu="sparsesci._cpu.incomplete:ic0")
def ic0(indptr, indices, diagonal, data, shift, smallest, lower, upper, inverse_diagonal):
    """Fill the entries of L, ``L^H`` and ``D^-1`` for ``A + shift diag(A)``; return the first row that fails, or -1.

    A row fails whose pivot is not above ``smallest`` times its diagonal entry.
    """
    n = diagonal.size
    L = [{} for _ in range(n)]
    for i in range(n):
        for p in range(int(indptr[i]), int(diagonal[i])):
            k = int(indices[p])
            inner = sum(L[i][j] * conj(L[k][j]) / inverse_diagonal[j] for j in L[k] if j in L[i])
            L[i][k] = (data[p] - inner) * inverse_diagonal[k]
        entry = data[diagonal[i]].real * (1 + shift)
        pivot = entry - sum(abs(L[i][k]) ** 2 / inverse_diagonal[k].real for k in L[i])
        if not (smallest * entry < pivot < np.inf and pivot > 1 / np.finfo(data.dtype).max):
            return i
        inverse_diagonal[i] = 1 / pivot
        lower.data[int(lower.indptr[i]) : int(lower.indptr[i + 1])] = list(L[i].values())
    for stored in range(n):
        k = n - 1 - stored
        row = slice(int(upper.indptr[stored]), int(upper.indptr[stored + 1]))
        upper.data[row] = [conj(L[i][k]) for i in map(int, upper.indices[row])]
    return -1

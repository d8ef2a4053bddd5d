"""The SSOR preconditioner: one forward and one backward sweep of successive over-relaxation.

Saad, *Iterative Methods for Sparse Linear Systems*, 2nd ed., section 10.2, with ``A = L + D + U``.

Deviations
----------
1. The factor ``omega (2 - omega)`` is kept, which Saad drops: M then is the inverse that belongs to a symmetric sweep,
   ``x <- x + M (b - A x)``, and for omega = 1 that of symmetric Gauss-Seidel.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from sparsesci._lib import validate
from sparsesci._lib.dispatch import kernel
from sparsesci._lib.operator import csr_arrays

from .factors import FactoredPreconditioner
from .pattern import on_pattern


def ssor_preconditioner(
    A: Any, omega: float = 1.0, *, like: FactoredPreconditioner | None = None
) -> FactoredPreconditioner:
    """Return the preconditioner ``M = (2 - omega) (D / omega + U)^-1 (D / omega) (D / omega + L)^-1``.

    D is the diagonal of A, L and U are its strict triangles. In the factored form of this package,
    ``M = (I + omega D^-1 U)^-1 omega (2 - omega) D^-1 (I + omega L D^-1)^-1``. Where A is Hermitian positive definite,
    M is too, and the eigenvalues of ``M A`` lie in (0, 1].

    Parameters
    ----------
    A : sparse matrix or array (n, n)
        Real or complex, in any sparse format, with sorted indices or not; duplicates are summed. No diagonal entry may
        be zero.
    omega : float
        The relaxation factor, ``0 < omega < 2``; 1 is symmetric Gauss-Seidel. A sequence of systems learns a good one
        by an `OmegaTuner`.
    like : FactoredPreconditioner, optional
        An SSOR, ILU(0) or IC(0) of a matrix with the same pattern: what follows from the pattern is taken from it.

    Returns
    -------
    FactoredPreconditioner
        Pass it as ``M``; ``M(x)`` applies it at the cost of one product with A.

    Raises
    ------
    ValueError
        A is not square, has NaN or Inf, or a zero on its diagonal (the message names the row); omega is not between 0
        and 2.
    TypeError
        A is a GPU matrix: the triangular solves are sequential and run on the host.

    See Also
    --------
    ilu0_preconditioner : Without a parameter, at the price of a factorisation.

    References
    ----------
    Saad, *Iterative Methods for Sparse Linear Systems*, 2nd ed., section 10.2.

    Examples
    --------
    >>> import numpy as np, scipy.sparse as sp
    >>> from sparsesci.solvers import recycled_cg, ssor_preconditioner
    >>> A = sp.diags_array([-np.ones(99), 2.0 * np.ones(100), -np.ones(99)], offsets=[-1, 0, 1], format="csr")
    >>> plain = recycled_cg(A, np.ones(100), n_recycle=0)
    >>> relaxed = recycled_cg(A, np.ones(100), n_recycle=0, M=ssor_preconditioner(A, omega=1.9))
    >>> plain.nit, relaxed.nit
    (50, 6)
    """
    omega = relaxation_factor(omega)
    pattern, data, factors = on_pattern(A, like, "SSOR")
    row = ssor(*pattern, data, omega, *factors.triangles)
    if row >= 0:
        raise ValueError(zero_on_diagonal(row, "SSOR"))
    return FactoredPreconditioner(factors, f"SSOR({omega:g})", pattern)


def relaxation_factor(omega: Any) -> float:
    """Return omega as a float if it is a real number between 0 and 2."""
    if not 0 < validate.real(omega, "omega") < 2:
        raise ValueError(f"omega is {omega!r}: 0 < omega < 2 is needed, outside of it no relaxation converges")
    return float(omega)


def diagonal_positions(A, method: str) -> np.ndarray:
    """Return where the diagonal of a ``csr_array`` with sorted, unique indices is stored.

    ValueError names the first row that stores none, or a zero.
    """
    indptr, indices, data = csr_arrays(A, A.dtype)
    diagonal = np.empty(A.shape[0], np.int64)
    row = find_diagonal(indptr, indices, data, diagonal)
    if row >= 0:
        raise ValueError(zero_on_diagonal(row, method))
    return diagonal


def zero_on_diagonal(row: int, method: str) -> str:
    """Say that a method divides by a diagonal entry that is zero."""
    return f"A[{row}, {row}] is zero: {method} divides by the diagonal; reorder A so that it has none, or use gcrodr"


@kernel(cpu="sparsesci._cpu.relaxation:find_diagonal")
def find_diagonal(indptr, indices, data, diagonal):
    """Fill ``diagonal`` with where the diagonal entries are; return the first row without a usable one, or -1."""
    for i, (begin, end) in enumerate(pairwise(indptr)):
        position = int(begin) + int(np.searchsorted(indices[begin:end], i))
        with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
            if position == end or indices[position] != i or not np.isfinite(1 / data[position]):
                return i
        diagonal[i] = position
    return -1


@kernel(cpu="sparsesci._cpu.relaxation:ssor")
def ssor(indptr, indices, diagonal, data, omega, lower, upper, inverse_diagonal):
    """Fill ``omega L D^-1``, the reversed rows of ``omega D^-1 U``, and ``omega (2 - omega) D^-1``.

    Returns the first row whose diagonal entry has no finite inverse, or -1.
    """
    n = diagonal.size
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        inverse = 1 / data[diagonal]
    if not np.isfinite(inverse).all():
        return int(np.argmin(np.isfinite(inverse)))
    inverse_diagonal[:] = omega * (2 - omega) * inverse
    for i in range(n):
        left, right = slice(int(indptr[i]), int(diagonal[i])), slice(int(diagonal[i]) + 1, int(indptr[i + 1]))
        lower.data[int(lower.indptr[i]) : int(lower.indptr[i + 1])] = omega * data[left] * inverse[indices[left]]
        above = slice(int(upper.indptr[n - 1 - i]), int(upper.indptr[n - i]))
        upper.data[above] = omega * data[right][::-1] * inverse[i]
    return -1

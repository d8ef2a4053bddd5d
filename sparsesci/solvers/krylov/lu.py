"""A complete factorisation as a preconditioner: exact for its own matrix, and good for those that are near it.

SuperLU (Demmel, Eisenstat, Gilbert, Li, Liu, SIAM J. Matrix Anal. Appl. 20 (1999) 720-755) through SciPy for sparse
matrices, LAPACK's getrf for dense ones.

Where the pattern is symmetric and no diagonal entry is zero, columns are ordered by minimum degree on ``A + A^T`` and a
diagonal pivot is taken as long as it is not below a tenth of its column: on the matrices of elliptic problems that
fills less than COLAMD with partial pivoting. On all others (saddle points, circuits) it is COLAMD.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from sparsesci._lib import validate, xp
from sparsesci._lib.dispatch import kernel
from sparsesci._lib.operator import CSR

from .factors import Factors, cast, empty_csr, solve_factors, solve_factors_rows, sorted_csr

DENSE_FACTORS = 120  # entries a row: beyond, SuperLU's solve by blocks is as fast as one by rows
MANY_COLUMNS = 8  # solves that pay for the conversion to rows
DIAGONAL_PIVOT = 0.1  # of the largest entry of its column


class LUPreconditioner:
    """``M = A^-1`` by complete factors of A; ``M(x)`` applies it, ``M.matvec`` does the same.

    It is accepted as ``M`` by every solver of this package, for the A that it was made from and for others near it.
    """

    def __init__(self, solve: Callable, n: int, dtype: Any, n_entries: int, columns: Callable | None = None):
        self._solve = solve
        self._columns = columns  # () -> SuperLU's factors and permutations
        self._factors: Factors | None = None
        self.shape = (n, n)
        self.dtype = dtype
        self.n_entries = n_entries

    def __call__(self, x):
        """Return ``A^-1 x`` for a vector (n,) or for each column of (n, k)."""
        if x.ndim not in (1, 2) or x.shape[0] != self.shape[0]:
            n = self.shape[0]
            raise ValueError(f"the LU preconditioner was given shape {tuple(x.shape)}: ({n},) or ({n}, k) is needed")
        if not xp.is_numpy(x):
            raise TypeError("the LU preconditioner solves on the host: pass NumPy vectors, or a Jacobi preconditioner")
        if xp.is_complex(x.dtype) and not xp.is_complex(self.dtype):
            return self(x.real) + 1j * self(x.imag)
        factors = self._factors
        if x.ndim == 2 and x.shape[1] >= MANY_COLUMNS:
            factors = self.kernel_arguments(self.dtype)
        if factors is None:
            return self._solve(np.asarray(x, dtype=self.dtype))
        rows = np.ascontiguousarray(x.T, dtype=self.dtype)
        (solve_factors if x.ndim == 1 else solve_factors_rows)(factors, rows, result := np.empty_like(rows))
        return result.T

    matvec = __call__
    matmat = __call__

    def kernel_arguments(self, dtype: Any) -> Factors | None:
        """Return the factors in ``dtype`` for a compiled cycle; None where SuperLU's solve by blocks is faster."""
        columns = self._columns
        if columns is None or self.n_entries > DENSE_FACTORS * self.shape[0]:
            return None
        if self._factors is None:
            factors = by_rows(columns())
            if not all(np.isfinite(x).all() for x in (factors.inverse_diagonal, factors.upper.data)):
                self._columns = None  # U has rows that overflow when they are divided by their pivots
                return None
            self._factors = factors
        return cast(self._factors, dtype)

    def __repr__(self) -> str:
        """One line: method, dtype, shape and number of entries."""
        return f"LU preconditioner, {self.dtype}, shape {self.shape}, {self.n_entries} entries"


def lu_preconditioner(A: Any) -> LUPreconditioner:
    """Return the preconditioner ``M = A^-1`` by a complete factorisation ``P A Q = L U``.

    In a sequence whose matrices drift, one factorisation serves many of them, at a handful of iterations each.

    Parameters
    ----------
    A : array or sparse matrix (n, n)
        Real or complex, in any sparse format; duplicates are summed.

    Returns
    -------
    LUPreconditioner
        Pass it as ``M``; ``M(x)`` applies it.

    Raises
    ------
    ValueError
        A is not square, or has NaN or Inf.
    numpy.linalg.LinAlgError
        A is exactly singular.
    TypeError
        A is a GPU matrix: the factorisation runs on the host.

    Notes
    -----
    On an n x n grid about ``8 n^2 log2(n)`` entries and 10 n^3 multiplications; in three dimensions about n^4 and
    10 n^6, where incomplete factors win soon.

    Examples
    --------
    >>> import numpy as np, scipy.sparse as sp
    >>> from sparsesci.solvers import gcrodr, lu_preconditioner
    >>> A = sp.diags_array([np.ones(99), np.linspace(2, 3, 100), np.ones(99)], offsets=[-1, 0, 1], format="csr")
    >>> M = lu_preconditioner(A)
    >>> gcrodr(A, np.ones(100), M=M).nit, gcrodr(A + 1e-3 * sp.eye_array(100), np.ones(100), M=M).nit
    (1, 2)
    """
    A = validate.square_matrix(A, "A")
    if xp.is_numpy(A):
        return _dense(A)
    A = sorted_csr(A, "LU")
    validate.finite(A, "A")
    return factorise(A, ordering(A))


def ordering(A: Any) -> dict[str, Any]:
    """Return the options of SuperLU that suit the pattern of a ``csr_array`` with sorted, unique indices."""
    columns = A.tocsc()
    is_symmetric = np.array_equal(A.indptr, columns.indptr) and np.array_equal(A.indices, columns.indices)
    if is_symmetric and A.diagonal().all():
        return {
            "permc_spec": "MMD_AT_PLUS_A",
            "diag_pivot_thresh": DIAGONAL_PIVOT,
            "options": {"SymmetricMode": True},
        }
    return {"permc_spec": "COLAMD"}


def factorise(A: Any, options: dict[str, Any]) -> LUPreconditioner:
    """Return the factors of a sparse matrix, given the options of SuperLU."""
    from scipy.sparse.linalg import splu

    try:
        factors = splu(A.tocsc(), **options)
    except RuntimeError as error:
        raise np.linalg.LinAlgError(f"A has no LU factorisation ({error}): use gcrodr or lsqr") from error
    return LUPreconditioner(factors.solve, A.shape[0], A.dtype, factors.nnz, lambda: factors)


def by_rows(factors: Any) -> Factors:
    """Return the factors of SuperLU in the form that the compiled cycles take."""
    L, U, n = factors.L, factors.U, factors.shape[0]
    found = Factors(
        empty_csr(n, L.nnz - n, L.dtype),
        empty_csr(n, U.nnz - n, U.dtype),
        np.empty(n, U.dtype),
        np.argsort(factors.perm_r),
        np.argsort(factors.perm_c),
    )
    factors_of_columns(*(CSR(X.indptr, X.indices, X.data) for X in (L, U)), *found.triangles)
    return found


@kernel(cpu="sparsesci._cpu.sparse:factors_of_columns")
def factors_of_columns(L, U, lower, upper, inverse_diagonal):
    """Fill L - I by rows, D^-1 and the reversed rows of ``D^-1 U - I`` from compressed columns of L and U."""
    from scipy.sparse import csc_array, diags_array, tril, triu

    n = inverse_diagonal.shape[0]
    L, U = (csc_array((X.data, X.indices, X.indptr), shape=(n, n)) for X in (L, U))
    inverse_diagonal[:] = 1 / U.diagonal()
    below = tril(L, -1).tocsr().sorted_indices()
    above = (diags_array(inverse_diagonal) @ triu(U, 1)).tocsr().sorted_indices()
    lower.indptr[:], lower.indices[:], lower.data[:] = below.indptr, below.indices, below.data
    upper.indptr[1:] = np.cumsum(np.diff(above.indptr)[::-1])
    upper.indices[:], upper.data[:] = above.indices[::-1], above.data[::-1]


def _dense(A: np.ndarray) -> LUPreconditioner:
    from scipy.linalg import get_lapack_funcs, lu_solve

    validate.finite(A, "A")
    (getrf,) = get_lapack_funcs(("getrf",), (A,))
    factors, pivots, first_zero = getrf(A)
    if first_zero:
        raise np.linalg.LinAlgError(f"A has no LU factorisation (pivot {first_zero - 1} is zero): use gcrodr or lstsq")
    return LUPreconditioner(lambda x: lu_solve((factors, pivots), x, check_finite=False), A.shape[0], A.dtype, A.size)

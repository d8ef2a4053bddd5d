"""Preconditioners in factored form, which Jacobi, SSOR, incomplete and complete factorisations share.

``M = Q (I + U)^-1 D^-1 (I + L)^-1 P`` with L strictly lower and U strictly upper triangular, and permutations P and Q
that only complete factors have. One form means one compiled solve, and one compiled Arnoldi cycle for all of them.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from sparsesci._lib import validate, xp
from sparsesci._lib.dispatch import kernel
from sparsesci._lib.operator import CSR, Operator, index_dtype


class Factors(NamedTuple):
    """The arrays of ``M``: rows of ``lower`` in order, rows of ``upper`` from last to first with descending columns.

    Entry i of ``P x`` is ``x[rows[i]]``, and entry i of ``z`` is entry ``columns[i]`` of ``Q z``; both are empty where
    nothing is permuted.
    """

    lower: CSR
    upper: CSR
    inverse_diagonal: np.ndarray
    rows: np.ndarray = np.empty(0, np.int64)
    columns: np.ndarray = np.empty(0, np.int64)

    @property
    def triangles(self) -> tuple[CSR, CSR, np.ndarray]:
        """L, U and the inverse of D, which a factorisation fills."""
        return self[:3]


class FactoredPreconditioner:
    """A preconditioner ``M = (I + U)^-1 D^-1 (I + L)^-1``; ``M(x)`` applies it.

    It is accepted as ``M`` by every solver of this package, and by those of SciPy through
    ``scipy.sparse.linalg.LinearOperator(M.shape, matvec=M.matvec, dtype=M.dtype)``.

    Parameters
    ----------
    factors : Factors
        L, U and the inverse of D.
    name : str
        The method that made it, for the repr.
    pattern : tuple of arrays, optional
        What the factorisation of another matrix of the same pattern can share (`like` of `ilu0_preconditioner`).
    """

    def __init__(self, factors: Factors, name: str, pattern: Any = None):
        n = factors.inverse_diagonal.shape[0]
        self.factors = factors
        self.name = name
        self.pattern = pattern
        self.shape = (n, n)
        self.dtype = factors.inverse_diagonal.dtype

    def __call__(self, x):
        """Apply the preconditioner to a vector (n,) or to each column of (n, k)."""
        if x.ndim not in (1, 2) or x.shape[0] != self.shape[0]:
            n = self.shape[0]
            raise ValueError(f"{self.name} was given shape {tuple(x.shape)}: ({n},) or ({n}, k) is needed")
        if self.is_diagonal:
            d = self.factors.inverse_diagonal
            return (d if x.ndim == 1 else d[:, None]) * x
        if not xp.is_numpy(x):
            raise TypeError(f"{self.name} solves on the host: pass NumPy vectors, or a Jacobi preconditioner")
        dtype = np.result_type(self.dtype, x.dtype)
        factors = self.kernel_arguments(dtype)
        rows = np.ascontiguousarray(x.T, dtype=dtype)  # no copy of a block whose columns are contiguous
        result = np.empty_like(rows)
        (solve_factors if x.ndim == 1 else solve_factors_rows)(factors, rows, result)
        return result.T

    matvec = __call__
    matmat = __call__

    @property
    def like(self):
        """An array that shows in which library and on which device the factors are."""
        return self.factors.inverse_diagonal

    @property
    def is_diagonal(self) -> bool:
        """Whether L and U are empty."""
        return self.factors.lower.data.size == 0 and self.factors.upper.data.size == 0

    def kernel_arguments(self, dtype: Any) -> Factors:
        """Return the factors in ``dtype`` as the kernels take them."""
        return cast(self.factors, dtype)

    def __repr__(self) -> str:
        """One line: method, dtype, shape and number of entries."""
        n_factors = self.factors.lower.data.size + self.factors.upper.data.size + self.shape[0]
        return f"{self.name} preconditioner, {self.dtype}, shape {self.shape}, {n_factors} entries"


def identity(n: int, dtype: Any) -> Operator:
    """Return the preconditioner that does nothing; compiled cycles know it by its empty arrays."""

    def lower(dtype):
        nothing = empty_csr(0, 0, dtype)
        return Factors(nothing, nothing, nothing.data)

    return Operator(lambda x: x, n, dtype, lower=lower, name="M")


def diagonal_factors(inverse_diagonal) -> Factors:
    """Return the factors of a diagonal preconditioner."""
    nothing = empty_csr(inverse_diagonal.shape[0], 0, np.float32)
    return Factors(nothing, nothing, inverse_diagonal)


def cast(factors: Factors, dtype: Any) -> Factors:
    """Return the factors in ``dtype``, those that have it already uncopied."""
    return factors._replace(
        lower=factors.lower._replace(data=factors.lower.data.astype(dtype, copy=False)),
        upper=factors.upper._replace(data=factors.upper.data.astype(dtype, copy=False)),
        inverse_diagonal=factors.inverse_diagonal.astype(dtype, copy=False),
    )


def sorted_csr(A: Any, method: str, *, copy: bool = False):
    """Return a matrix on the host as a ``csr_array`` with sorted, unique indices; A itself is not changed."""
    from scipy.sparse import csr_array

    A = validate.square_matrix(A, "A")
    if xp.is_cupy(A) or not (xp.is_numpy(A) or xp.is_sparse(A)):
        raise TypeError(
            f"A lies on a GPU: {method} is sequential and runs on the host; pass sparsesci.gpu.to_host(A), or use a "
            "Krylov method with Jacobi"
        )
    csr = csr_array(A, dtype=xp.common_float(np, A.dtype), copy=copy)
    if getattr(A, "format", None) not in ("csr", "csc", "coo"):  # of these the indices have been checked above
        csr.check_format(full_check=True)  # a kernel reads without bounds checks
    if not csr.has_canonical_format:
        csr = csr if copy else csr.copy()
        csr.sum_duplicates()
    return csr


def empty_csr(n: int, n_entries: int, dtype: Any) -> CSR:
    """Return room for a matrix of n rows, zero until its arrays are filled."""
    index = index_dtype(n, n_entries)
    return CSR(np.zeros(n + 1, index), np.zeros(n_entries, index), np.zeros(n_entries, dtype))


@kernel(cpu="sparsesci._cpu.sparse:solve_factors")
def solve_factors(factors, x, y):
    """Set ``y = M x`` for vectors x and y (n,)."""
    lower, upper, inverse_diagonal, rows, columns = factors
    n = x.shape[0]
    z = x[rows] if rows.size else x.copy()
    for i in range(n):
        row = slice(int(lower.indptr[i]), int(lower.indptr[i + 1]))
        z[i] -= lower.data[row] @ z[lower.indices[row]]
    for stored in range(n):
        i = n - 1 - stored
        row = slice(int(upper.indptr[stored]), int(upper.indptr[stored + 1]))
        z[i] = inverse_diagonal[i] * z[i] - upper.data[row] @ z[upper.indices[row]]
    y[columns if columns.size else slice(None)] = z


@kernel(cpu="sparsesci._cpu.sparse:solve_factors_rows")
def solve_factors_rows(factors, X, Y):
    """Set each row of Y (k, n) to M times that row of X."""
    for x, y in zip(X, Y, strict=True):
        solve_factors.reference(factors, x, y)

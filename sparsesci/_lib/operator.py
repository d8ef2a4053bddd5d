"""A linear map with one face: dense, sparse, ``LinearOperator``, factorisation or function.

An algorithm sees ``A(x)`` and ``A.H(x)`` and never asks what A is; a kernel is handed the arrays of the maps that
have any.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from . import xp


class CSR(NamedTuple):
    """A compressed-sparse-row matrix as the kernels take it: unsigned indices, which make their loops twice as fast."""

    indptr: np.ndarray
    indices: np.ndarray
    data: np.ndarray


class Operator:
    """A linear map of vectors, and of the columns of (n, k) arrays, that counts its products.

    Parameters
    ----------
    apply : callable
        ``apply(x)`` for ``x`` of shape (n,) or (n, k).
    shape : int or (int, int)
        Rows and columns; one number for a square map.
    dtype : dtype or None
        None where it is not known (a function).
    apply_adjoint : callable, optional
        The same for the conjugate transpose.
    lower : callable, optional
        ``lower(dtype)`` gives the named tuple of arrays that compiled kernels take.
    """

    def __init__(
        self,
        apply: Callable,
        shape: int | tuple[int, int],
        dtype: Any,
        *,
        apply_adjoint: Callable | None = None,
        lower: Callable | None = None,
        name: str = "A",
    ):
        self.shape = (shape, shape) if isinstance(shape, int) else shape
        self.dtype = dtype
        self.name = name
        self.nmatvec = 0
        self._apply = apply
        self._apply_adjoint = apply_adjoint
        self._lower = lower
        self._lowered: tuple[Any, NamedTuple] | None = None  # the last dtype, and the arrays in it

    def __call__(self, x):
        """Return the product with a vector (n,) or with each column of (n, k); k columns count as k products."""
        self.nmatvec += 1 if x.ndim == 1 else x.shape[1]
        y = self._apply(x)
        if getattr(y, "shape", None) != (self.shape[0], *x.shape[1:]):
            raise ValueError(
                f"{self.name} returned shape {getattr(y, 'shape', type(y))} for a vector of shape {x.shape}"
            )
        if xp.is_complex(y.dtype) and not xp.is_complex(x.dtype):
            kind = xp.dtype_name(y.dtype)
            raise TypeError(f"{self.name} returned {kind} for a real vector: make b complex, b.astype(complex)")
        return y if y.dtype == x.dtype else xp.namespace(y).astype(y, x.dtype)

    @property
    def H(self) -> Operator:
        """The conjugate transpose; TypeError where the map was given without one."""
        if self._apply_adjoint is None:
            raise TypeError(f"{self.name} has no adjoint: pass a matrix, or a LinearOperator with rmatvec")
        return Operator(
            self._apply_adjoint, self.shape[::-1], self.dtype, apply_adjoint=self._apply, name=f"{self.name}.H"
        )

    def kernel_arguments(self, dtype: Any) -> NamedTuple | None:
        """Return the arrays in ``dtype`` for a compiled kernel, or None where only the map itself is known."""
        if self._lower is None:
            return None
        if self._lowered is None or self._lowered[0] != dtype:
            self._lowered = dtype, self._lower(dtype)
        return self._lowered[1]


def as_operator(A: Any, like, *, shape: tuple[int, int] | None = None, name: str = "A") -> Operator:
    """Wrap ``A`` as an `Operator` on vectors of the library and device of ``like``.

    It is square and as long as ``like``, or of the ``shape`` that is given.

    Accepted are dense arrays, sparse matrices of SciPy and CuPy, anything with ``matvec`` and ``shape`` (a
    ``LinearOperator``, a preconditioner of this package or of pyamg), anything with ``solve`` and ``shape`` (SciPy's
    ``splu``), functions of a vector, and operators.
    """
    needed = shape or (like.shape[0], like.shape[0])
    given = tuple(getattr(A, "shape", needed))
    if given != needed:
        kind = "" if shape else ", square and as long as b"
        raise ValueError(f"{name} has shape {given}: {needed} is needed{kind}")
    if isinstance(A, Operator):
        return A
    if xp.is_sparse(A):
        return _from_sparse(A, like, name)
    if xp.is_array(A):
        xp.namespace(A, like)
        return Operator(lambda x: A @ x, needed, A.dtype, apply_adjoint=lambda x: xp.conj(A.T @ xp.conj(x)), name=name)
    if hasattr(A, "matvec"):
        if hasattr(A, "like"):  # an array that shows where our own preconditioners live
            xp.namespace(A.like, like)
        return _from_linear_operator(A, needed, name)
    if hasattr(A, "solve"):
        return Operator(_solves(A), needed, getattr(A, "dtype", None), name=name)
    if callable(A):
        return Operator(_column_by_column(A), needed, None, name=name)
    raise TypeError(
        f"{name} is a {type(A).__name__}: an array, a sparse matrix, a LinearOperator or a function is needed"
    )


def _from_sparse(A, like, name: str) -> Operator:
    if not (xp.is_numpy(like) or xp.is_cupy(like)) or xp.is_cupy(A) != xp.is_cupy(like):
        raise TypeError(
            f"{name} is a sparse matrix of {_library(A)} and b an array of {_library(like)}: "
            "nothing is moved silently; use sparsesci.gpu.to_device or sparsesci.gpu.to_host"
        )
    check_indices(A, name)
    A = A.tocsr()

    @functools.cache
    def adjoint():  # most methods never ask for it
        return A.T.conj() if xp.is_complex(A.dtype) else A.T

    lower = None if xp.is_cupy(A) else lambda dtype: csr_arrays(A, dtype)
    return Operator(lambda x: A @ x, A.shape, A.dtype, apply_adjoint=lambda x: adjoint() @ x, lower=lower, name=name)


def check_indices(A, name: str) -> None:
    """Raise ValueError where the indices of a sparse matrix are broken: compiled code reads without bounds checks."""
    kind = getattr(A, "format", "").upper()
    if kind == "COO":
        bounded = [(A.row, A.shape[0]), (A.col, A.shape[1])]
    elif kind in ("CSR", "CSC"):
        n_major, n_minor = A.shape if kind == "CSR" else A.shape[::-1]
        bounded = [(A.indices, n_minor)]
        rises = (
            (A.indptr[1:] >= A.indptr[:-1]).all()
            and A.indptr[0] == 0
            and A.indptr[-1] <= min(A.indices.shape[0], A.data.shape[0])
        )
        if A.indptr.shape[0] != n_major + 1 or not rises:
            raise ValueError(f"{name} is not a valid {kind} matrix: indptr must rise from 0 to the number of entries")
    else:
        bounded = []
    for indices, n in bounded:
        if indices.shape[0] and not 0 <= int(indices.min()) <= int(indices.max()) < n:
            raise ValueError(f"{name} is not a valid {kind} matrix: one of its indices lies outside of 0..{n - 1}")


def csr_arrays(A, dtype: Any) -> CSR:
    """Return the arrays of a SciPy CSR matrix for the kernels; copies only what has another dtype."""
    index = index_dtype(max(A.shape), A.data.size)
    indptr, indices = (_as_unsigned(array, index) for array in (A.indptr, A.indices))
    return CSR(indptr, indices, np.ascontiguousarray(A.data, dtype=dtype))


def index_dtype(n: int, n_entries: int) -> type:
    """Return the narrowest index of the kernels for n rows or columns: a narrower index is a faster product."""
    return np.uint32 if max(n, n_entries) < 2**32 else np.uint64


def _as_unsigned(array: np.ndarray, index: type) -> np.ndarray:
    """Return indices as ``index``: reinterpreted where only the sign differs, converted where the width does."""
    array = np.ascontiguousarray(array)
    return array.view(index) if array.itemsize == np.dtype(index).itemsize else array.astype(index)


def _from_linear_operator(A, shape: tuple[int, int], name: str) -> Operator:
    def apply(x):
        return A.matvec(x) if x.ndim == 1 else A.matmat(x) if hasattr(A, "matmat") else _column_by_column(A.matvec)(x)

    def apply_adjoint(x):
        return A.rmatvec(x) if x.ndim == 1 else A.rmatmat(x)

    return Operator(
        apply,
        shape,
        getattr(A, "dtype", None),
        apply_adjoint=apply_adjoint if hasattr(A, "rmatvec") else None,
        lower=getattr(A, "kernel_arguments", None),
        name=name,
    )


def _solves(A) -> Callable:
    """Return ``A.solve``; what it refuses (SciPy's do not narrow a dtype) is solved in two parts, or narrower."""

    def apply(x):
        kind = xp.dtype_name(x.dtype)
        try:
            return A.solve(x)
        except TypeError:
            if kind in ("float32", "float16"):
                raise
        if "complex" in kind:
            try:
                return A.solve(x.real.copy()) + 1j * A.solve(x.imag.copy())
            except TypeError:
                if kind == "complex64":
                    raise
        return apply(x.astype("complex64" if "complex" in kind else "float32"))

    return apply


def _column_by_column(function: Callable) -> Callable:
    """Extend a function of one vector to the columns of a matrix."""

    def apply(x):
        if x.ndim == 1:
            return function(x)
        return xp.namespace(x).stack([function(x[:, j]) for j in range(x.shape[1])], axis=1)

    return apply


def _library(x) -> str:
    return type(x).__module__.split(".")[0]

"""A Kronecker product of matrices as a linear operator of SciPy."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from sparsesci._lib import validate, xp

from .kron_modes import mode_products

if TYPE_CHECKING:
    from scipy.sparse.linalg import LinearOperator


def KroneckerOperator(factors: Any) -> LinearOperator:
    """Return the Kronecker product of matrices as a ``scipy.sparse.linalg.LinearOperator``; it is never formed.

    A function, not a class: ``scipy.sparse.linalg`` is imported when it is called.

    Parameters
    ----------
    factors : sequence of arrays (m_i, n_i)
        Any number of matrices, rectangular or not, real or complex, of NumPy.

    Returns
    -------
    LinearOperator
        Of shape ``(m_1 ... m_d, n_1 ... n_d)``, with ``matvec``, ``rmatvec``, ``matmat`` and ``rmatmat``. The index of
        the last factor runs fastest, as in ``numpy.kron``: entry ``(i_1, ..., i_d)`` of the tensor is entry ``(i_1 n_2
        + i_2) n_3 + i_3 ...`` of the vector. A product costs one product with each factor for every entry of the
        others: ``O(N m_1 + M n_d)`` for square ones, and not ``O(M N)``.

    Raises
    ------
    ValueError, TypeError
        There is no factor, one is no matrix or empty, of another library than NumPy, or holds NaN or Inf.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsesci.recovery import KroneckerOperator
    >>> A, B = np.array([[1, 2], [3, 4]]), np.array([[0, 1, 5]])
    >>> K = KroneckerOperator([A, B])
    >>> bool(np.all(K @ np.eye(6) == np.kron(A, B)))
    True
    """
    from scipy.sparse.linalg import LinearOperator

    factors = checked_factors(factors)
    for i, factor in enumerate(factors):
        if not xp.is_numpy(factor):
            raise TypeError(f"factors[{i}] is an array of {type(factor).__module__}: an operator of SciPy is of NumPy")
    dtype = np.result_type(*factors)
    adjoints = [xp.adjoint(factor) for factor in factors]

    def product(matrices: list, x: np.ndarray) -> np.ndarray:
        X = np.reshape(x, (*(matrix.shape[1] for matrix in matrices), math.prod(x.shape[1:])))
        rows = math.prod(matrix.shape[0] for matrix in matrices)
        return np.reshape(mode_products(X, matrices), (rows, *x.shape[1:]))

    shape = tuple(math.prod(factor.shape[axis] for factor in factors) for axis in (0, 1))
    forward, backward = (lambda x: product(factors, x)), (lambda x: product(adjoints, x))
    return LinearOperator(shape, dtype=dtype, matvec=forward, rmatvec=backward, matmat=forward, rmatmat=backward)


def checked_factors(factors: Any) -> list:
    """Return the factors as floating arrays of one library; each is a finite matrix that is not empty."""
    if not isinstance(factors, list | tuple) or not factors:
        what = "empty" if isinstance(factors, list | tuple) else f"a {type(factors).__name__}"
        raise ValueError(f"factors is {what}: a list of matrices (m_i, n_i) is needed, one or more")
    arrays = []
    for i, given in enumerate(factors):
        factor = validate.matrix(given, f"factors[{i}]")
        if not xp.is_array(factor):
            raise TypeError(f"factors[{i}] is a {type(given).__name__}: an array (m, n) is needed")
        if factor.ndim != 2 or 0 in factor.shape:
            raise ValueError(f"factors[{i}] has shape {tuple(factor.shape)}: a matrix (m, n), not empty, is needed")
        validate.finite(factor, f"factors[{i}]")
        arrays.append(factor)
    xp.namespace(*arrays)
    return arrays

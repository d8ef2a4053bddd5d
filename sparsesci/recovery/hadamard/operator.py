"""The Walsh-Hadamard transform as a linear operator of SciPy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from sparsesci._lib import validate

from .fwht import NORMS, fwht, power_of_two
from .orders import ORDERS

if TYPE_CHECKING:
    from scipy.sparse.linalg import LinearOperator


def HadamardOperator(n: int, *, norm: str = "ortho", order: str = "natural", dtype: Any = float) -> LinearOperator:
    """Return the n x n Walsh-Hadamard matrix as a ``scipy.sparse.linalg.LinearOperator``.

    A function, not a class: ``scipy.sparse.linalg`` is imported when it is called. The matrix is real and symmetric in
    every order, so the operator is its own adjoint, and with ``norm="ortho"`` its own inverse.

    Parameters
    ----------
    n : int
        Its size, a power of two (not its logarithm).
    norm, order : str
        As in `fwht`: the operator is ``fwht(x, axis=0, norm=norm, order=order)``.
    dtype : dtype
        What the operator says that it is: float32, float64 or their complex kin. A product has the dtype of its vector.

    Returns
    -------
    LinearOperator
        With ``matvec``, ``rmatvec``, ``matmat`` and ``rmatmat``; a product costs ``n log2(n)`` additions and no matrix.

    Raises
    ------
    ValueError
        n is not a power of two, or an option is none of those listed.
    TypeError
        n is not an integer, or dtype not one of the four.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsesci.recovery import HadamardOperator
    >>> H = HadamardOperator(4, norm="backward", order="sequency")
    >>> (H @ np.eye(4)).astype(int)
    array([[ 1,  1,  1,  1],
           [ 1,  1, -1, -1],
           [ 1, -1, -1,  1],
           [ 1, -1,  1, -1]])
    """
    from scipy.sparse.linalg import LinearOperator

    n = power_of_two(validate.positive_integer(n, "n"), "n")
    validate.one_of(norm, NORMS, "norm")
    validate.one_of(order, ORDERS, "order")
    if np.dtype(dtype).char not in "fdFD":
        raise TypeError(f"dtype is {dtype!r}: float32, float64, complex64 or complex128 is needed")

    def product(x):
        return fwht(x, axis=0, norm=norm, order=order)

    products = dict.fromkeys(("matvec", "rmatvec", "matmat", "rmatmat"), product)
    return LinearOperator((n, n), dtype=np.dtype(dtype), **products)

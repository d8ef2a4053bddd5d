"""Checks at the public boundary: each raises before any work, and says what was given and what is accepted."""

from __future__ import annotations

import math
import numbers
import operator
import warnings
from typing import Any

import numpy as np

from . import xp
from .operator import Operator, as_operator, check_indices


def positive_integer(value: Any, name: str, *, least: int = 1) -> int:
    """Return ``value`` as an int if it is an integer >= ``least``."""
    try:
        number = operator.index(value)
    except TypeError:
        raise TypeError(f"{name} is {value!r}: an integer is needed") from None
    if isinstance(value, bool) or number < least:
        raise ValueError(f"{name} is {value!r}: an integer >= {least} is needed")
    return number


def real(value: Any, name: str) -> float:
    """Return ``value`` as a float if it is a real number."""
    if not isinstance(value, numbers.Real) or isinstance(value, bool):
        raise TypeError(f"{name} is {value!r}: a real number is needed")
    return float(value)


def finite_real(value: Any, name: str) -> float:
    """Return ``value`` as a float if it is a finite real number."""
    number = real(value, name)
    if not math.isfinite(number):
        raise ValueError(f"{name} is {value!r}: a finite number is needed")
    return number


def nonnegative_real(value: Any, name: str) -> float:
    """Return ``value`` as a float if it is a finite real number >= 0."""
    number = real(value, name)
    if not 0 <= number < math.inf:
        raise ValueError(f"{name} is {value!r}: a finite number >= 0 is needed")
    return number


def positive_real(value: Any, name: str, *, otherwise: str = "") -> float:
    """Return ``value`` as a float if it is a finite number > 0; the error says what else is accepted."""
    number = finite_real(value, name)
    if number <= 0:
        raise ValueError(f"{name} is {value!r}: a positive number is needed" + f", {otherwise}" * bool(otherwise))
    return number


def one_of(value: Any, accepted: tuple[str, ...], name: str) -> None:
    """Raise ValueError where an option is none of those accepted."""
    if value not in accepted:
        raise ValueError(f"{name} is {value!r}: accepted are {', '.join(map(repr, accepted))}")


def relative_tolerance(rtol: Any, atol: float, like: Any) -> float:
    """Return rtol, raised with a warning to 10 eps of the dtype where that is all it can promise and atol is 0."""
    rtol = nonnegative_real(rtol, "rtol")
    floor = 10 * xp.precision(like)
    if rtol >= floor or atol > 0:
        return rtol
    warnings.warn(
        f"rtol = {rtol:.1e} is below what {xp.dtype_name(like.dtype)} can promise and is set to {floor:.1e}; "
        "use a wider dtype, or pass atol",
        UserWarning,
        stacklevel=4,
    )
    return floor


def finite(x: Any, name: str) -> None:
    """Raise ValueError naming the first entry of an array, or of a sparse matrix, that is NaN or Inf."""
    stored = getattr(x, "data", None) if xp.is_sparse(x) else x
    if xp.is_array(stored) and stored.dtype != object and _all_finite(stored):
        return
    entries = x.tocoo() if xp.is_sparse(x) else None
    values = x if entries is None else entries.data
    namespace = xp.namespace(values)
    good = namespace.isfinite(values)
    if bool(namespace.all(good)):  # what is stored may be more than the matrix: the corners of a DIA matrix
        return
    flat = namespace.reshape(good, (-1,))
    first = int(namespace.argmin(namespace.astype(flat, namespace.int8)))
    if entries is None:
        place = tuple(int(i) for i in np.unravel_index(first, tuple(x.shape)))
        value = values[place]
    else:
        place = int(entries.row[first]), int(entries.col[first])
        value = values[first]
    index = ", ".join(map(str, place))
    raise ValueError(f"{name}[{index}] is {complex(value) if xp.is_complex(x.dtype) else float(value)}: not finite")


def _all_finite(x) -> bool:
    namespace = xp.namespace(x)
    return bool(namespace.all(namespace.isfinite(x)))


def matrix(A: Any, name: str):
    """Return lists and ``numpy.matrix`` as arrays, arrays with a floating dtype, and other kinds of A as they are."""
    if isinstance(A, list | tuple | np.matrix):
        A = np.asarray(A)
    return float_array(A, name) if xp.is_array(A) else A


def square_matrix(A: Any, name: str):
    """Return ``A`` as an array or sparse matrix if it is square and not empty."""
    A = matrix(A, name)
    if not (xp.is_array(A) or xp.is_sparse(A)):
        raise TypeError(f"{name} is a {type(A).__name__}: its entries are needed, pass an array or a sparse matrix")
    if len(A.shape) != 2 or A.shape[0] != A.shape[1] or A.shape[0] == 0:
        raise ValueError(f"{name} has shape {tuple(A.shape)}: a square matrix is needed")
    check_indices(A, name)
    return A


def float_array(x: Any, name: str):
    """Return ``x`` as an array of float32, float64 or their complex kin: lists become NumPy, integers float64."""
    if not xp.is_array(x):
        x = np.asarray(x)
    if xp.is_numpy(x):
        if x.dtype.kind not in "fcbiu":
            raise TypeError(f"{name} has dtype {x.dtype}: numbers are needed")
        x = np.ascontiguousarray(x)
    namespace = xp.namespace(x)
    dtype = xp.common_float(namespace, x.dtype)
    return x if x.dtype == dtype else namespace.astype(x, dtype)


def linear_system(A: Any, b: Any, x0: Any, M: Any) -> tuple[Operator, Any, Any, Operator | None]:
    """Check and promote the arguments of a linear solver.

    Returns
    -------
    A, b, x, M
        ``A`` and ``M`` as operators, ``b`` and the starting guess ``x`` as arrays of the common dtype: that of A, b, x0
        and M together. ``x`` and ``M`` stay None where they are.
    """
    b = float_array(b, "b")
    if b.ndim not in (1, 2) or 0 in b.shape:
        raise ValueError(f"b has shape {tuple(b.shape)}: a vector (n,) or columns (n, p), not empty, are needed")
    x = None if x0 is None else float_array(x0, "x0")
    if x is not None and x.shape != b.shape:
        raise ValueError(f"x0 has shape {tuple(x.shape)}: the shape of b, {tuple(b.shape)}, is needed")
    A, M = matrix(A, "A"), matrix(M, "M")
    operators = {"A": as_operator(A, b, name="A")}
    if M is not None:
        operators["M"] = as_operator(M, b, name="M")
    for name, part in (("A", A), ("b", b), ("x0", x), ("M", M)):
        if xp.is_array(part) or xp.is_sparse(part):
            finite(part, name)
    arrays = [b] if x is None else [b, x]
    namespace = xp.namespace(*arrays)
    dtypes = [part.dtype for part in (*arrays, *operators.values())]
    dtype = xp.common_float(namespace, *(known for known in dtypes if known is not None))
    b = b if b.dtype == dtype else namespace.astype(b, dtype)
    x = None if x is None else namespace.astype(x, dtype, copy=True)  # a result must not share memory with x0
    return operators["A"], b, x, operators.get("M")

"""The fast Walsh-Hadamard transform of arrays of any shape."""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np

from sparsesci._lib import validate, xp
from sparsesci._lib.dispatch import public
from sparsesci._lib.parallel import n_workers, worker_map

from .dense import butterflies
from .orders import ORDERS, reordered

NORMS = ("backward", "ortho", "forward")
WORTH_THREADS = 2**21  # entries from which threads are started


@public
def fwht(
    x: Any,
    axis: int = -1,
    *,
    norm: str = "backward",
    order: str = "natural",
    overwrite_x: bool = False,
    workers: int | None = None,
):
    """Return the Walsh-Hadamard transform ``y[j] = sum_k (-1)^<j, k> x[k]`` along one axis.

    ``<j, k>`` counts the bits that j and k share. The transform of length n = 2^m costs ``m n`` additions; done in
    cache-sized blocks, those of 2^24 numbers take as long as five or six products of them with a number, in place.

    Parameters
    ----------
    x : array_like
        Real or complex. float32, float64 and their complex kin are kept, float16 becomes float32, integers and booleans
        float64. NaN and Inf are not looked for, as in ``scipy.fft``: they spread to the whole of their own transform,
        and to no other.
    axis : int
        The axis that is transformed; its length is a power of two (1 included).
    norm : {"backward", "ortho", "forward"}
        As in ``scipy.fft``: the factor 1/n belongs to `ifwht`, ``1 / sqrt(n)`` to both, or 1/n to `fwht`.
    order : {"natural", "dyadic", "sequency"}
        Which row of the transform stands where: row j has the signs ``(-1)^<j, k>`` (Hadamard), ``(-1)^<bitrev(j), k>``
        (Paley), or ``(-1)^<bitrev(gray(j)), k>`` with ``gray(j) = j ^ (j >> 1)``, which has j changes of sign (Walsh).
        Other orders than the natural one cost a permutation, and memory for one more array.
    overwrite_x : bool
        Whether the memory of x may be used. The result is x itself where x is a C-contiguous array of one of the kept
        dtypes; else it is a new array, and x may or may not have changed.
    workers : int, optional
        How many threads share a NumPy array of at least 2^21 numbers; -1 is one a core. Other array libraries have
        their own.

    Returns
    -------
    array
        Of the shape of x, C-contiguous.

    Raises
    ------
    ValueError
        The length is not a power of two, x has no such axis, x is read-only and to be overwritten, or an option is none
        of those listed.
    TypeError
        x does not hold numbers, or numbers of more than double precision.

    See Also
    --------
    ifwht : The inverse.
    HadamardOperator : The same as a ``scipy.sparse.linalg.LinearOperator``.

    References
    ----------
    B. J. Fino and V. R. Algazi, *Unified matrix treatment of the fast Walsh-Hadamard transform*, IEEE Transactions on
    Computers C-25 (1976) 1142-1146: the orders.

    J. Johnson and M. Pueschel, *In search of the optimal Walsh-Hadamard transform*, ICASSP 2000: the nesting that
    keeps blocks in the cache.

    Examples
    --------
    >>> from sparsesci.recovery import fwht, ifwht
    >>> fwht([1.0, 0.0, 1.0, 0.0, 0.0, 1.0, 1.0, 0.0])
    array([ 4.,  2.,  0., -2.,  0.,  2.,  0.,  2.])
    >>> fwht([1.0, 0.0, 1.0, 0.0, 0.0, 1.0, 1.0, 0.0], order="sequency")
    array([ 4.,  0.,  0.,  0., -2.,  2.,  2.,  2.])
    >>> ifwht(fwht([3, 1, 4, 1]))
    array([3., 1., 4., 1.])
    """
    return _transform(x, axis, norm, norm == "forward", order, overwrite_x, workers)


@public
def ifwht(
    x: Any,
    axis: int = -1,
    *,
    norm: str = "backward",
    order: str = "natural",
    overwrite_x: bool = False,
    workers: int | None = None,
):
    """Return the inverse Walsh-Hadamard transform, ``x[k] = (1/n) sum_j (-1)^<j, k> y[j]`` along one axis.

    All orders make symmetric matrices: the inverse differs from `fwht` in its factor alone, and parameters, result,
    errors and references are the same.

    Examples
    --------
    The transform turns dyadic convolution, ``z[k] = sum_j x[j] y[j ^ k]``, into a product:

    >>> from sparsesci.recovery import fwht, ifwht
    >>> ifwht(fwht([1, 2, 0, 0]) * fwht([3, 0, 0, 5]))
    array([ 3.,  6., 10.,  5.])
    """
    return _transform(x, axis, norm, norm == "backward", order, overwrite_x, workers)


def _transform(x, axis, norm, is_divided, order, overwrite_x, workers):
    validate.one_of(norm, NORMS, "norm")
    validate.one_of(order, ORDERS, "order")
    n_threads = _threads(workers)
    x, is_ours = _numbers(x, overwrite_x)
    axis = _axis(axis, x.ndim)
    shape = tuple(x.shape)
    n = power_of_two(shape[axis], f"the length of x along axis {axis}")
    scale = n**-0.5 if norm == "ortho" else 1 / n if is_divided else 1.0

    cube = xp.namespace(x).reshape(x, (math.prod(shape[:axis]), n, math.prod(shape[axis + 1 :])))
    source = cube if order == "natural" else reordered(cube, order)
    if not xp.is_numpy(x):
        return xp.namespace(x).reshape(butterflies(source, source, scale, map, 1), shape)
    out = cube if is_ours else source if source is not cube else np.empty_like(cube)
    if n_threads == 1 or x.size < WORTH_THREADS:
        butterflies(source, out, scale, map, 1)
    else:
        with worker_map(n_threads) as spread:
            butterflies(source, out, scale, spread, n_threads)
    return x if is_ours else out.reshape(shape)


def _numbers(x, overwrite_x):
    """Return x as an array that kernels take, and whether its memory may be written to."""
    if type(x) is np.ndarray and x.dtype.char in "fdFD" and x.flags.carray and x.dtype.isnative:
        return x, bool(overwrite_x)  # what nearly every call has: the questions below cost more than a short transform
    if not xp.is_array(x) or (xp.is_numpy(x) and type(x) is not np.ndarray):
        x = np.asarray(x)
    if overwrite_x and xp.is_numpy(x) and not x.flags.writeable:
        raise ValueError("overwrite_x is True and x is read-only: pass overwrite_x=False, or a copy")
    if xp.is_numpy(x) and (x.dtype.kind not in "fcbiu" or x.dtype.char in "gG"):
        raise TypeError(f"x has dtype {x.dtype}: numbers of at most double precision are needed")
    namespace = xp.namespace(x)
    given, x = x, namespace.astype(x, xp.common_float(namespace, x.dtype), copy=False)
    if xp.is_numpy(x) and not x.flags.carray:  # strided, misaligned or read-only
        x = np.array(x, order="C")
    return x, bool(overwrite_x) or x is not given


def _axis(axis, ndim):
    """Return the axis counted from the first one."""
    try:
        number = operator.index(axis)
    except TypeError:
        raise TypeError(f"axis is {axis!r}: an integer is needed") from None
    if not -ndim <= number < ndim:
        raise ValueError(f"axis is {number}: x has {ndim} dimensions")
    return number % ndim


def _threads(workers):
    if callable(workers) or hasattr(workers, "map"):
        raise TypeError(f"workers is {workers!r}: threads share the array, pass how many (an int, -1: one a core)")
    return n_workers(workers)


def power_of_two(n: int, name: str) -> int:
    """Return n if it is a power of two; say which ones are next to it if not."""
    if n < 1:
        raise ValueError(f"{name} is {n}: a power of two is needed")
    if n & (n - 1):
        below = 1 << n.bit_length() - 1
        raise ValueError(f"{name} is {n}: a power of two is needed, pad with zeros to {2 * below} or cut to {below}")
    return n

"""The model ``y = (H_1 (x) ... (x) H_d) x + n`` as it is given, as the methods take it, and back.

Methods see data of mean square 1, columns of length 1, and no factor with more rows than columns: what y holds outside
of the range of a tall one is noise, and enters as its energy and its dimension alone.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from sparsesci._lib import validate, xp
from sparsesci._lib.xp import adjoint

from .expectation import total
from .kron_modes import mode_product, outer, square
from .kronecker_operator import checked_factors
from .model import in_range, root_mean_square


class KronModel(NamedTuple):
    """Data as the methods take them, in double precision, and what it takes to return to the units of the caller.

    Attributes
    ----------
    factors : list of arrays (r_i, n_i)
        With columns of length 1 (or 0) and ``r_i = min(m_i, n_i)`` rows.
    Y : array (r_1, ..., r_d, l)
        The part of the measurements in the range of the tall factors, over ``scale``.
    outside : (int, float)
        Dimension of the rest, and its squared norm, summed over the columns, over ``scale^2``.
    couplings : list
        A matrix (n_i, n_i) with which the variances of a factor are blurred, or None.
    bases : list
        Orthonormal Q_i (m_i, r_i) of a tall factor, or None.
    lengths : list of arrays (n_i,)
        Of the columns as they were given; 1 for a zero column.
    scale : float
        Root mean square of y.
    dtype : dtype
        That of the answer.
    is_vector : bool
        Whether y was given as (M,).
    """

    factors: list
    Y: Any
    outside: tuple[int, float]
    couplings: list
    bases: list
    lengths: list
    scale: float
    dtype: Any
    is_vector: bool

    @property
    def n_measurements(self) -> int:
        """Number of measurements in one column of y."""
        return math.prod(self.Y.shape[:-1]) + self.outside[0]

    @property
    def is_complex(self) -> bool:
        """Whether noise and coefficients are complex."""
        return xp.is_complex(self.Y.dtype)

    @property
    def shape(self) -> tuple[int, ...]:
        """Numbers of columns of the factors."""
        return tuple(factor.shape[1] for factor in self.factors)

    def units(self) -> Any:
        """Return what turns entries of x (N, l) into the units of the caller, (N, 1)."""
        return self.scale / xp.namespace(self.Y).reshape(outer(self.lengths), (-1, 1))

    def project(self, y: Any) -> Any:
        """Return columns (M, l) as a tensor in the range of the tall factors."""
        rows = (f.shape[0] if Q is None else Q.shape[0] for f, Q in zip(self.factors, self.bases, strict=True))
        Y = xp.namespace(y).reshape(y, (*rows, y.shape[1]))
        for i, Q in enumerate(self.bases):
            if Q is not None:
                Y = mode_product(Y, adjoint(Q), i)
        return Y

    def expand(self, Y: Any) -> Any:
        """Return a tensor in the range of the tall factors as columns (M, l)."""
        for i, Q in enumerate(self.bases):
            if Q is not None:
                Y = mode_product(Y, Q, i)
        return xp.namespace(Y).reshape(Y, (-1, Y.shape[-1]))


def checked(factors: Any, y: Any) -> tuple[list, Any]:
    """Return factors and y, finite, of one library and one dtype, their sizes matching."""
    factors = checked_factors(factors)
    y = validate.float_array(y, "y")
    rows = [factor.shape[0] for factor in factors]
    M = math.prod(rows)
    if y.ndim not in (1, 2) or y.shape[0] != M or 0 in y.shape:
        raise ValueError(
            f"y has shape {tuple(y.shape)}: the factors have {' x '.join(map(str, rows))} = {M} rows, so ({M},) or "
            f"({M}, l) is needed; the index of the last factor runs fastest, as in numpy.kron and in a C-ordered "
            f"array of shape {tuple(rows)}"
        )
    validate.finite(y, "y")
    namespace = xp.namespace(*factors, y)
    dtype = xp.common_float(namespace, y.dtype, *(factor.dtype for factor in factors))
    return factors, namespace.astype(y, dtype, copy=False)


def prepared(factors: list, y: Any, couplings: list) -> KronModel:
    """Return the model of checked data as the methods take it."""
    namespace = xp.namespace(y)
    double = namespace.complex128 if xp.is_complex(y.dtype) else namespace.float64
    lengths, bases, reduced = [], [], []
    for factor in factors:
        H = namespace.astype(factor, double, copy=False)
        largest = namespace.max(namespace.abs(H), axis=0)
        largest = namespace.where(largest > 0, largest, namespace.ones_like(largest))
        length = namespace.sqrt(namespace.sum(square(H / largest), axis=0))  # of numbers whose squares are safe
        length = largest * namespace.where(length > 0, length, namespace.ones_like(length))
        H, Q = H / length, None
        if H.shape[0] > H.shape[1]:
            Q, H = namespace.linalg.qr(H)
        lengths.append(length)
        bases.append(Q)
        reduced.append(H)
    Y = namespace.astype(y[:, None] if y.ndim == 1 else y, double, copy=False)
    scale = in_range(root_mean_square(Y), "y has root mean square", y)
    unit = scale / math.prod(float(namespace.max(length)) for length in lengths)
    in_range(unit, "the root mean square of y over the longest column of the product is", y)
    Y = Y / scale if scale else Y
    model = KronModel(reduced, Y, (0, 0.0), couplings, bases, lengths, scale, y.dtype, y.ndim == 1)
    inside = model.project(Y)
    n_outside = Y.shape[0] - math.prod(inside.shape[:-1])
    energy = max(total(Y) - total(inside), 0.0) if n_outside else 0.0
    return model._replace(Y=inside, outside=(n_outside, energy))


def tridiagonal(beta: float, like: Any) -> Any:
    """Return the matrix that adds beta times each neighbour, of the columns, library and device of a factor."""
    n = like.shape[1]
    return xp.to_like(np.eye(n) + beta * (np.eye(n, k=1) + np.eye(n, k=-1)), like)

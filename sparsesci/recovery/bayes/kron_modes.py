"""Products with a Kronecker product of matrices, one mode of a tensor after the other: the product is never formed.

``(A_1 (x) ... (x) A_d) vec(X)`` is vec of ``X x_1 A_1 ... x_d A_d``, where X has shape ``(n_1, ..., n_d)`` and vec runs
through it in C order: the index of the last factor runs fastest, as in ``numpy.kron``. Further axes of X are columns.
"""

from __future__ import annotations

import math
from typing import Any

from sparsesci._lib import xp


def mode_product(X: Any, A: Any, i: int) -> Any:
    """Return ``X x_i A``: A (m, n_i) applied along axis i of X. No axis is moved, so nothing is copied."""
    namespace = xp.namespace(X)
    before, after = math.prod(X.shape[:i]), math.prod(X.shape[i + 1 :])
    shape = (*X.shape[:i], A.shape[0], *X.shape[i + 1 :])
    if after == 1:
        return namespace.reshape(namespace.reshape(X, (before, X.shape[i])) @ A.T, shape)
    if before == 1:
        return namespace.reshape(A @ namespace.reshape(X, (X.shape[i], after)), shape)
    return namespace.reshape(A @ namespace.reshape(X, (before, X.shape[i], after)), shape)


def mode_products(X: Any, matrices: list) -> Any:
    """Return X with one matrix applied along each of its first axes; those that shrink it most come first."""
    for i in sorted(range(len(matrices)), key=lambda i: matrices[i].shape[0] / matrices[i].shape[1]):
        X = mode_product(X, matrices[i], i)
    return X


def contract(X: Any, vectors: list, kept: int) -> Any:
    """Return the vector (n_kept,) that is left of X when vectors are summed over along all axes but one."""
    namespace = xp.namespace(X)
    for vector in vectors[:kept]:
        X = vector @ namespace.reshape(X, (vector.shape[0], -1))
    for vector in reversed(vectors[kept + 1 :]):
        X = namespace.reshape(X, (-1, vector.shape[0])) @ vector
    return namespace.reshape(X, (-1,))


def outer(vectors: list) -> Any:
    """Return the tensor ``v_1 o v_2 o ... o v_d``; flattened it is the Kronecker product."""
    X = vectors[0]
    for vector in vectors[1:]:
        X = X[..., None] * vector
    return X


def unfold(X: Any, i: int) -> Any:
    """Return X as a matrix whose rows are the slices along axis i."""
    namespace = xp.namespace(X)
    return namespace.reshape(namespace.moveaxis(X, i, 0), (X.shape[i], -1))


def square(X: Any) -> Any:
    """Return the squared moduli."""
    if xp.is_complex(X.dtype):
        namespace = xp.namespace(X)
        return namespace.real(X) ** 2 + namespace.imag(X) ** 2
    return X * X


def at_least_zero(x: Any) -> Any:
    """Return x with zero for what rounding has made negative."""
    return xp.namespace(x).where(x > 0, x, 0.0)

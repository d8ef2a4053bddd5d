"""Orthogonal matching pursuit where A is a Kronecker product: the greedy baseline.

Caiafa and Cichocki, *Computing sparse representations of multidimensional signals using Kronecker bases*, Neural
Computation 25 (2013) 186-220, algorithm 1 (Kronecker-OMP): correlations are mode products with the factors.
The support is any, not a Kronecker product.

Deviations
----------
1. Chosen columns are orthogonalised (Gram-Schmidt, twice) in place of a Cholesky factor of their Gram matrix, which
   would square the condition.
2. Several columns of y choose together, by the sum of their squared correlations.
"""

from __future__ import annotations

import math
import time
import warnings
from typing import Any

import numpy as np

from sparsesci._lib import validate, xp
from sparsesci._lib.dispatch import public
from sparsesci._lib.result import ConvergenceWarning, Status
from sparsesci._lib.xp import adjoint

from .expectation import spread, total
from .kron_model import checked, prepared
from .kron_modes import mode_products, outer, square
from .omp import PursuitResult

DEPENDENT = 1e-10  # what is left of a column of length 1 that lies in the span of those chosen before


@public
def kron_omp(factors: Any, y: Any, *, n_nonzero: int | None = None, rtol: float | None = None) -> PursuitResult:
    """Recover a sparse x from ``y = H x + n``, H a Kronecker product, by orthogonal matching pursuit.

    The column that correlates most with what is left of y is taken, the coefficients of all that were taken are fitted
    again by least squares, and so on. The product of the factors is never formed.

    Parameters
    ----------
    factors : sequence of arrays (m_i, n_i)
        Any number of matrices, real or complex; columns are compared as if they had length 1.
    y : array (m_1 ... m_d,) or (m_1 ... m_d, l)
        Measurements; l of them in columns share their support. The index of the last factor runs fastest, as in
        ``numpy.kron``; so does that of x.
    n_nonzero : int, optional
        Columns to take, ``min(M, N)`` at most. Without it and rtol a tenth of N, at least one.
    rtol : float, optional
        Stop as soon as ``||y - H x|| <= rtol ||y||``.

    Returns
    -------
    PursuitResult
        With ``x``, ``support``, ``residuals``, ``success``, ``status``, ``message``, ``nit`` and ``time``. Where rtol
        was given and not met, ``success`` is False and a `ConvergenceWarning` says so.

    Raises
    ------
    ValueError, TypeError
        NaN or Inf in a factor or in y (the first is named), sizes that do not match, n_nonzero out of range.

    Notes
    -----
    A step costs products with the factors and ``O(M k)`` for the k columns taken before, which are stored.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsesci.recovery import KroneckerOperator, kron_omp
    >>> rng = np.random.default_rng(4)
    >>> factors = [rng.standard_normal((14, 16)), rng.standard_normal((15, 16))]
    >>> x = np.zeros(256)
    >>> x[[5, 77]] = [1.0, -2.0]
    >>> result = kron_omp(factors, KroneckerOperator(factors) @ x, rtol=1e-10)
    >>> np.flatnonzero(result.x), result.x[[5, 77]].round(10)
    (array([ 5, 77]), array([ 1., -2.]))
    """
    begin = time.perf_counter()
    factors, y = checked(factors, y)
    rtol = None if rtol is None else validate.nonnegative_real(rtol, "rtol")
    model = prepared(factors, y, [None] * len(factors))
    M, N = model.n_measurements, math.prod(model.shape)
    most = min(M, N)
    if n_nonzero is not None:
        n_nonzero = validate.positive_integer(n_nonzero, "n_nonzero")
        if n_nonzero > most:
            raise ValueError(f"n_nonzero is {n_nonzero}: of {M} measurements {most} columns can be taken")
        most = n_nonzero
    elif rtol is None:
        most = min(max(N // 10, 1), most)
    norms = [math.sqrt(total(model.Y) + model.outside[1])]

    namespace, n_columns = xp.namespace(y), model.Y.shape[-1]
    adjoints = [adjoint(H) for H in model.factors]
    R = namespace.reshape(model.Y, (-1, n_columns))
    Q = namespace.zeros((R.shape[0], 0), dtype=R.dtype, device=xp.device(R))
    triangle, taken = [], []
    can_go_on = model.scale > 0
    while can_go_on and len(taken) < most and norms[-1] > (rtol or 0.0) * norms[0]:
        score = namespace.sum(square(mode_products(namespace.reshape(R, model.Y.shape), adjoints)), axis=-1)
        j = int(namespace.argmax(score))
        index = np.unravel_index(j, model.shape)
        a = namespace.reshape(outer([H[:, int(i)] for H, i in zip(model.factors, index, strict=True)]), (-1,))
        a = namespace.astype(a, R.dtype)
        column = np.zeros(len(taken) + 1, xp.to_host(R[:1, :1]).dtype)
        for _ in range(2):
            along = adjoint(Q) @ a
            a = a - Q @ along
            column[:-1] += xp.to_host(along)
        column[-1] = size = xp.norm(a)
        can_go_on = size > DEPENDENT
        if can_go_on:
            triangle.append(column)
            taken.append(j)
            Q = namespace.concat([Q, (a / size)[:, None]], axis=1)
            R = R - Q[:, -1:] @ (adjoint(Q[:, -1:]) @ R)
            norms.append(math.sqrt(total(R) + model.outside[1]))

    k = len(taken)
    is_taken, order = np.zeros(N, bool), xp.to_like(np.argsort(taken).astype(np.int64), R)
    is_taken[taken] = True
    T = np.zeros((k, k), xp.to_host(R[:1, :1]).dtype)
    for j, column in enumerate(triangle):
        T[: j + 1, j] = column
    T = xp.to_like(T, R)
    fitted = namespace.linalg.solve(T, adjoint(Q) @ namespace.reshape(model.Y, (-1, n_columns)))
    x = spread(namespace.take(fitted, order, axis=0), xp.to_like(is_taken, R))
    x = model.scale * x / namespace.reshape(outer(model.lengths), (-1, 1))
    left = norms[-1] / norms[0] if model.scale else 0.0
    status = Status.CONVERGED if rtol is None or left <= rtol else Status.MAXITER
    story = f"{k} of {N} columns, ||y - H x|| = {left:.2e} ||y||"
    if status is Status.MAXITER:
        advice = "raise n_nonzero or rtol" if can_go_on else "no other column is independent of them: raise rtol"
        story += f" > {rtol:.2e} ||y||; {advice}"
        warnings.warn(story, ConvergenceWarning, stacklevel=3)
    return PursuitResult(
        x=namespace.astype(x[:, 0] if model.is_vector else x, model.dtype),
        status=status,
        message=story,
        nit=k,
        time=time.perf_counter() - begin,
        support=xp.to_like(np.sort(np.asarray(taken, dtype=np.int64)), R),
        residuals=np.asarray(norms) * model.scale,
    )

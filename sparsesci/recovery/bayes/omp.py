"""Orthogonal matching pursuit: the greedy baseline, for matrices and operators, real and complex.

Pati, Rezaiifar, Krishnaprasad, *Orthogonal matching pursuit*, Asilomar 1993; for several columns of y Tropp, Gilbert,
Strauss, *Algorithms for simultaneous sparse approximation, part I*, Signal Processing 86 (2006) 572-588 (S-OMP).

Deviations
----------
1. The columns that were taken are orthogonalised (Gram-Schmidt, twice): with q the new direction, correlations change
   by ``A^H q (q^H R)``. That is one product with A^H a step, for one column of y as for many, and no system to solve
   until the end.
2. Several columns of y choose by the sum of their squared correlations, where S-OMP has that of moduli.
"""

from __future__ import annotations

import math
import time
import warnings
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np

from sparsesci._lib import validate, xp
from sparsesci._lib.dispatch import public
from sparsesci._lib.operator import as_operator
from sparsesci._lib.parallel import thread_limit
from sparsesci._lib.result import ConvergenceWarning, Result, Status
from sparsesci._lib.xp import conj, real, to_host, to_like

from .model import check_finite, checked, root_mean_square, with_adjoint
from .normal_equations import mean_square

DEPENDENT = 1e3  # eps: what is left, relative, of a column that lies in the span of those taken before
ONE_THREAD_BELOW = 2**20  # entries of A


@dataclass(frozen=True, repr=False, eq=False)
class PursuitResult(Result):
    """Coefficients of the columns that a pursuit took.

    Attributes
    ----------
    x : array (N,) or (N, l)
        Least squares on the support, and zero elsewhere.
    support : int array (nit,)
        The columns that were taken, sorted.
    residuals : float array (nit + 1,)
        ``||y - A x||`` after 0, 1, ... columns.
    status : Status
        How the pursuit ended.
    message : str
        The same in words.
    nit : int
        Columns taken.
    time : float
        Wall-clock seconds.
    """

    support: Any
    residuals: Any


@public
def omp(A: Any, y: Any, *, n_nonzero: int | None = None, rtol: float | None = None) -> PursuitResult:
    """Recover a sparse x from ``y = A x + n`` by orthogonal matching pursuit.

    The column that correlates most with what is left of y is taken, y is fitted again by all that were taken, and so
    on.

    Parameters
    ----------
    A : array (M, N), sparse matrix or LinearOperator
        Columns of a matrix are compared as if they had length 1, those of an operator as they are. Real or complex.
    y : array (M,) or (M, l)
        Measurements; l of them in columns share their support.
    n_nonzero : int, optional
        Columns to take, ``min(M, N)`` at most. Without it and rtol a tenth of N, at least one.
    rtol : float, optional
        Stop as soon as ``||y - A x|| <= rtol ||y||``.

    Returns
    -------
    PursuitResult
        With ``x``, ``support``, ``residuals``, ``success``, ``status``, ``message``, ``nit`` and ``time``. Where rtol
        was given and not met, ``success`` is False and a `ConvergenceWarning` says so.

    Raises
    ------
    ValueError, TypeError
        NaN or Inf in A or y (the first is named), shapes that do not match, n_nonzero out of range, a negative rtol, an
        operator without an adjoint: before any work.

    Notes
    -----
    A step costs one product with A^H (an operator: also one with A) and O(M k) for the k columns taken before, which
    are stored. Zero columns, and those that depend on others, are not taken.

    References
    ----------
    Pati, Rezaiifar, Krishnaprasad, Asilomar 1993. Tropp, Gilbert, Strauss, Signal Processing 86 (2006) 572-588.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsesci.recovery import omp
    >>> A = np.random.default_rng(3).standard_normal((50, 200))
    >>> x = np.zeros(200)
    >>> x[[30, 141]] = [1.0, -2.0]
    >>> result = omp(A, A @ x, rtol=1e-10)
    >>> result.support, result.x[[30, 141]].round(10)
    (array([ 30, 141]), array([ 1., -2.]))
    """
    begin = time.perf_counter()
    A, y = checked(A, y)
    M, N = A.shape
    most = min(M, N)
    rtol = None if rtol is None else validate.nonnegative_real(rtol, "rtol")
    if n_nonzero is not None:
        n_nonzero = validate.positive_integer(n_nonzero, "n_nonzero")
        if n_nonzero > most:
            raise ValueError(f"n_nonzero is {n_nonzero}: A has shape {(M, N)}, of which {most} columns can be taken")
        most = n_nonzero
    elif rtol is None:
        most = min(max(N // 10, 1), most)
    Y = y[:, None] if y.ndim == 1 else y
    scale = root_mean_square(Y)
    with thread_limit(1) if M * N < ONE_THREAD_BELOW else nullcontext():
        taken, x, norms, can_go_on = pursue(A, Y / scale if scale else Y, most, 0.0 if rtol is None else rtol)

    status = Status.CONVERGED if rtol is None or norms[-1] <= rtol * norms[0] else Status.MAXITER
    left = norms[-1] / norms[0] if scale else 0.0
    story = f"{len(taken)} of {N} columns, ||y - A x|| = {left:.2e} ||y||"
    if status is Status.MAXITER:
        advice = "raise n_nonzero or rtol" if can_go_on else "no other column is independent of them: raise rtol"
        story += f" > {rtol:.2e} ||y||; {advice}"
        warnings.warn(story, ConvergenceWarning, stacklevel=3)
    x = x * scale
    return PursuitResult(
        x=x[:, 0] if y.ndim == 1 else x,
        status=status,
        message=story,
        nit=len(taken),
        time=time.perf_counter() - begin,
        support=to_like(np.sort(np.asarray(taken, dtype=np.int64)), y),
        residuals=np.asarray(norms) * scale,
    )


def pursue(A: Any, Y: Any, most: int, rtol: float) -> tuple[list[int], Any, list[float], bool]:
    """Return the columns taken, x (N, l), the norm of what is left after each, and whether there are more to take."""
    (M, N), n_columns, namespace = A.shape, Y.shape[1], xp.namespace(Y)
    has_entries = xp.is_array(A) or xp.is_sparse(A)
    products = as_operator(A, Y, shape=(M, N)) if has_entries else with_adjoint(A, Y[:, 0])
    adjoint = products.H
    worth = namespace.astype(weights(A, Y), real(Y).dtype)  # zero for a column that is not to be taken
    places = namespace.arange(N, device=xp.device(Y))
    Q = namespace.zeros((min(most, 16), M), dtype=Y.dtype, device=xp.device(Y))
    triangle: list[np.ndarray] = []
    taken: list[int] = []
    R, c = Y, adjoint(Y)
    if not has_entries:
        check_finite(c, products.name)
    norms = [frobenius(R)]
    can_go_on = True
    while len(taken) < most and norms[-1] > rtol * norms[0]:
        k = len(taken)
        score = mean_square(c * worth[:, None])
        j = int(namespace.argmax(score))
        can_go_on = float(score[j]) > 0
        if not can_go_on:
            break
        a = A[:, j] if xp.is_array(A) else products(namespace.astype(places == j, Y.dtype))
        a = namespace.astype(a, Y.dtype)
        if not has_entries:
            check_finite(a, products.name)
        size, column = xp.norm(a), np.zeros(k + 1, to_host(Y[:1, 0]).dtype)
        for _ in range(2):  # a second time against rounding
            along = conj(Q[:k, :]) @ a
            a = a - along @ Q[:k, :]
            column[:k] += to_host(along)
        left = xp.norm(a)
        can_go_on = left > DEPENDENT * xp.precision(Y) * size
        if not can_go_on:
            break
        column[k] = left
        if k == Q.shape[0]:
            Q = namespace.concat([Q, namespace.zeros_like(Q)], axis=0)
        Q[k, :] = q = a / left
        along = conj(q) @ R
        R = R - q[:, None] * along
        c = c - adjoint(q)[:, None] * along
        worth = namespace.where(places == j, 0.0, worth)
        taken.append(j)
        triangle.append(column)
        norms.append(frobenius(R))
    return taken, solution(taken, triangle, Q, Y, N, n_columns), norms, can_go_on


def solution(taken: list[int], triangle: list[np.ndarray], Q: Any, Y: Any, N: int, n_columns: int) -> Any:
    """Return x (N, l) with ``T x[taken] = Q^H Y``, where T is the triangle whose columns are given."""
    from scipy.linalg import solve_triangular

    k = len(taken)
    x = np.zeros((N, n_columns), to_host(Y[:1, 0]).dtype)
    if k:
        T = np.zeros((k, k), x.dtype)
        for j, column in enumerate(triangle):
            T[: j + 1, j] = column
        x[taken] = solve_triangular(T, to_host(conj(Q[:k, :]) @ Y), check_finite=False)
    return to_like(x, Y)


def weights(A: Any, like: Any) -> Any:
    """Return one over the lengths (N,) of the columns of a matrix, zero where they are zero; 1 for an operator."""
    namespace = xp.namespace(like)
    ones = namespace.ones((A.shape[0],), dtype=real(like).dtype, device=xp.device(like))
    if not (xp.is_array(A) or xp.is_sparse(A)):
        return namespace.ones((A.shape[1],), dtype=ones.dtype, device=xp.device(like))
    square, scale = squares(A, ones), 1.0
    if not 1e-20 < float(namespace.max(square)) < 1e20:  # squares of single entries may be lost: scale by the largest
        scale = float(abs(A).max()) if xp.is_sparse(A) else float(namespace.max(namespace.abs(A)))
        square = squares(A / scale, ones) if scale > 0 else square
    lengths = scale * namespace.sqrt(square)
    return namespace.where(lengths > 0, 1 / namespace.where(lengths > 0, lengths, 1.0), 0.0)


def squares(A: Any, ones: Any) -> Any:
    """Return the squared lengths (N,) of the columns of an array or of a sparse matrix."""
    with np.errstate(over="ignore", under="ignore"):
        if xp.is_sparse(A):
            size = abs(A)
            return size.multiply(size).T @ ones
        return xp.namespace(A).sum(real(conj(A) * A), axis=0)


def frobenius(R: Any) -> float:
    """Return the root of the sum of |R|^2."""
    return math.sqrt(R.shape[0] * R.shape[1]) * root_mean_square(R)

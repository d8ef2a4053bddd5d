"""Newton directions on the semi-dual, by conjugate gradients with the Hessian of a plan, which need not be stored."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from sparsesci._lib import xp
from sparsesci._lib.dispatch import kernel
from sparsesci._lib.xp import vdot

from .rows import SparsePlan, equal_parts

CG_STEPS = 1000
PIECE = 1 << 16  # entries of a dense plan that are squared at a time: they stay in the cache


def direction(
    P: Any, a: Any, columns: Any, damping: Any, gradient: Any, rtol: float, run: Callable = map, n_chunks: int = 1
) -> Any:
    """Return x of ``(damping + diag(P'1) - P' diag(a)^-1 P) x = gradient``, to rtol in the preconditioned norm.

    Products are made of ``n_chunks`` blocks of rows, under the map ``run``.
    """
    x = xp.zeros_like(gradient)
    if isinstance(P, SparsePlan) and n_chunks == 1:
        newton_direction(P, a, damping, gradient + 0, x, rtol, CG_STEPS)
        return x
    diagonal, product = hessian(P, a, columns, run, n_chunks)
    conjugate_gradients(lambda v: damping * v + product(v), damping + diagonal, gradient, x, rtol, CG_STEPS)
    return x


def hessian(P: Any, a: Any, columns: Any, run: Callable, n_chunks: int) -> tuple:
    """Return the diagonal of ``diag(P'1) - P' diag(a)^-1 P``, and a function that multiplies by it."""
    if hasattr(P, "product"):  # the plan is not stored
        return P.diagonal(), P.product
    parts = equal_parts(a.shape[0], n_chunks)
    if not isinstance(P, SparsePlan):
        squares = sum(run(lambda rows: _squares(P[rows, :], a[rows]), parts))

        def product(v):
            return columns * v - sum(run(lambda rows: ((P[rows, :] @ v) / a[rows]) @ P[rows, :], parts))

        return columns - squares, product

    def summed(function, *vectors):
        def fill(rows):
            y = np.zeros_like(columns)
            function(P.indptr[rows.start : rows.stop + 1], P.indices, P.data, a[rows], *vectors, y)
            return y

        return sum(run(fill, parts))

    return summed(hessian_diagonal), lambda v: summed(hessian_product, v)


def _squares(P: Any, a: Any) -> Any:
    """Return ``sum_i P_ij^2 / a_i``."""
    n, m = P.shape
    total, step = 0, max(1, PIECE // m)
    for begin in range(0, n, step):
        rows = slice(begin, min(n, begin + step))
        total = total + (1 / a[rows]) @ (P[rows, :] * P[rows, :])
    return total


def conjugate_gradients(product: Callable, diagonal: Any, r: Any, x: Any, rtol: float, maxiter: int) -> int:
    """Add to x the solution by conjugate gradients with a Jacobi preconditioner; return the number of steps."""
    p = z = r / diagonal
    rho = float(vdot(r, z))
    goal = rtol**2 * rho
    for step in range(maxiter):
        q = product(p)
        curvature = float(vdot(p, q))
        if not (rho > goal and curvature > 0):
            return step
        alpha = rho / curvature
        x += alpha * p
        r = r - alpha * q
        z = r / diagonal
        rho, old = float(vdot(r, z)), rho
        p = z + (rho / old) * p
    return maxiter


@kernel(cpu="sparsesci._cpu.transport:hessian_product")
def hessian_product(indptr, indices, data, a, x, y):
    """Add ``(diag(P'1) - P' diag(a)^-1 P) x`` to y; the rows of P begin at indptr."""
    entries = slice(indptr[0], indptr[-1])
    row, arcs, P = np.repeat(np.arange(a.size), np.diff(indptr)), indices[entries], data[entries]
    mean = np.bincount(row, P * x[arcs], minlength=a.size) / a
    y += np.bincount(arcs, P * (x[arcs] - mean[row]), minlength=y.size)


@kernel(cpu="sparsesci._cpu.transport:hessian_diagonal")
def hessian_diagonal(indptr, indices, data, a, y):
    """Add the diagonal of that matrix to y."""
    entries = slice(indptr[0], indptr[-1])
    row, P = np.repeat(np.arange(a.size), np.diff(indptr)), data[entries]
    y += np.bincount(indices[entries], P * (1 - P / a[row]), minlength=y.size)


@kernel(cpu="sparsesci._cpu.transport:newton_direction")
def newton_direction(P, a, damping, r, x, rtol, maxiter):
    """Do `conjugate_gradients` with the Hessian of a sparse plan; x is 0 at the start, r may be overwritten."""

    def product(x):
        y = damping * x
        hessian_product.reference(*P, a, x, y)
        return y

    diagonal = damping + 0
    hessian_diagonal.reference(*P, a, diagonal)
    return conjugate_gradients(product, diagonal, r, x, rtol, maxiter)

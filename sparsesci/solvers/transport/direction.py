"""Newton directions on the semi-dual, by conjugate gradients with the Hessian of a plan, which need not be stored."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from sparsesci._lib import xp
from sparsesci._lib.dispatch import kernel
from sparsesci._lib.xp import vdot

from .rows import SparsePlan

CG_STEPS = 1000


def direction(P: Any, a: Any, columns: Any, damping: Any, gradient: Any, rtol: float) -> Any:
    """Return x of ``(damping + diag(P'1) - P' diag(a)^-1 P) x = gradient``, to rtol in the preconditioned norm."""
    x = xp.zeros_like(gradient)
    if isinstance(P, SparsePlan):
        newton_direction(P, a, damping, gradient + 0, x, rtol, CG_STEPS)
        return x
    if hasattr(P, "product"):  # the plan is not stored
        diagonal = damping + P.diagonal()
        conjugate_gradients(lambda v: damping * v + P.product(v), diagonal, gradient, x, rtol, CG_STEPS)
        return x
    diagonal = damping + columns - (1 / a) @ (P * P)

    def product(x):
        return (damping + columns) * x - ((P @ x) / a) @ P

    conjugate_gradients(product, diagonal, gradient, x, rtol, CG_STEPS)
    return x


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


@kernel(cpu="sparsesci._cpu.transport:newton_direction")
def newton_direction(P, a, damping, r, x, rtol, maxiter):
    """Do `conjugate_gradients` with the Hessian of a sparse plan; x is 0 at the start, r may be overwritten."""
    rows, lengths = np.arange(a.size), np.diff(P.indptr)
    row = np.repeat(rows, lengths)

    def product(x):
        mean = np.bincount(row, P.data * x[P.indices], minlength=a.size) / a
        return damping * x + np.bincount(P.indices, P.data * (x[P.indices] - mean[row]), minlength=x.size)

    diagonal = damping + np.bincount(P.indices, P.data * (1 - P.data / a[row]), minlength=x.size)
    return conjugate_gradients(product, diagonal, r, x, rtol, maxiter)

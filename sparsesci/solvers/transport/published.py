"""Sinkhorn-Newton-Sparse as it was published, for comparison and for teaching: `sinkhorn_newton` with its own Hessian.

Tang, Shavlovsky, Rahmanian, Tardini, Thekumparampil, Xiao, Ying, *Accelerating Sinkhorn algorithm with sparse Newton
iterations*, ICLR 2024, algorithm 1. Host only: the Hessian is a SciPy matrix.

Deviations
----------
1. Entropy is ``sum P (log P - 1)`` instead of ``sum P log P``: x and y of the paper are ours less ``reg / 2`` each.
2. The null vector (1, -1) of the Hessian is shifted by 1e-14 of its diagonal, so that CG ends where a part of the
   sparsified plan has no other entry.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from sparsesci._lib import validate, xp
from sparsesci._lib.iterate import Watch
from sparsesci._lib.result import Status

from .result import OTResult
from .sinkhorn import column_potentials, row_potentials

BACKTRACKS = 40


def published(problem, reg: float, g: Any, watch: Watch, *, n_sinkhorn: int, sparsity: float | None) -> OTResult:
    """Run algorithm 1: sweeps, then Newton steps with the ``sparsity`` part of the plan in the Hessian."""
    if not xp.is_numpy(problem.C):
        raise TypeError("hessian='paper' computes on the host: pass NumPy arrays, or use hessian='exact'")
    n, m = problem.C.shape
    n_sinkhorn = validate.positive_integer(n_sinkhorn, "n_sinkhorn", least=1)
    sparsity = 4 / max(n, m) if sparsity is None else validate.finite_real(sparsity, "sparsity")
    if not 0 < sparsity <= 1:
        raise ValueError(f"sparsity is {sparsity!r}: a number in (0, 1] is needed")
    n_kept = math.ceil(sparsity * n * m)
    a, b, costs = problem.a, problem.b, problem.C - problem.shift
    weights = np.concatenate([a, b])
    y = np.zeros(m) if g is None else g
    x = np.empty(n)
    for _ in range(n_sinkhorn):
        row_potentials(problem.C, y, problem.shift, reg, x)
        x += reg * np.log(a)
        column_potentials(problem.C, x, problem.shift, reg, y := np.empty(m))
        y += reg * np.log(b)
    z = np.concatenate([x, y])

    def evaluate(z):
        """Return the dual, its gradient, and P."""
        with np.errstate(over="ignore"):
            P = np.exp((z[:n, None] + z[n:] - costs) / reg)
        return weights @ z - reg * P.sum(), weights - np.concatenate([P.sum(1), P.sum(0)]), P

    value, gradient, P = evaluate(z)
    watch.residuals.append(float(np.abs(gradient).sum()))
    status = watch.verdict(watch.residuals[-1])
    while status is Status.RUNNING:
        H = sparsified_hessian(P, n_kept)
        step = _solve(H, reg * gradient)
        slope, t = gradient @ step, 1.0
        for _ in range(BACKTRACKS):
            new = evaluate(z + t * step)
            if new[0] >= value + 1e-4 * t * slope or np.abs(new[1]).sum() < 0.5 * np.abs(gradient).sum():
                break
            t /= 2
        else:
            status = Status.STAGNATED
            break
        z = z + t * step
        value, gradient, P = new
        watch.count([float(np.abs(gradient).sum())])
        status = watch.verdict(watch.residuals[-1])
        if watch.callback is not None:
            watch.show(OTResult.of(problem, z[:n].copy(), z[n:].copy(), reg, status, watch))
            status = watch.verdict(watch.residuals[-1])
    return OTResult.of(problem, z[:n].copy(), z[n:].copy(), reg, status, watch)


def sparsified_hessian(P: np.ndarray, n_kept: int):
    """Return ``[[diag(P 1), S], [S', diag(P' 1)]]`` where S holds the ``n_kept`` largest entries of P."""
    from scipy.sparse import block_array, coo_array, diags_array

    flat = P.ravel()
    kept = np.argpartition(flat, flat.size - n_kept)[flat.size - n_kept :]
    S = coo_array((flat[kept], np.divmod(kept, P.shape[1])), shape=P.shape)
    return block_array([[diags_array(P.sum(1)), S], [S.T, diags_array(P.sum(0))]], format="csr")


def _solve(H, r: np.ndarray) -> np.ndarray:
    """Solve by conjugate gradients with a Jacobi preconditioner, to a hundredth."""
    from scipy.sparse import diags_array
    from scipy.sparse.linalg import cg

    diagonal = H.diagonal()
    M = diags_array(1 / diagonal)
    return cg(H + diags_array(1e-14 * diagonal), r, M=M, rtol=1e-2, maxiter=1000)[0]

"""All variances of the active blocks and the correlation within them, improved together by L-BFGS.

With the symbols of `block_fast`, ``C = s2 B`` and the noise at its best (or known), half the degrees of freedom times

    g_b (sum_i |q_i|^2 / s2 - tr S_b),    sum_b g_b sum_ij (D + D^T)_ij (q q^H / s2 - S_b)_ij,    D = L^-1 dL/dr,

are the slopes of the evidence over ``log gamma_b`` and over r: ``S_b = A_b^H B^-1 A_b``, ``q = A_b^H B^-1 Y``, columns
white. One block at a time would take thousands of steps where many are active and the noise is low: with every fall of
the noise all of gamma, in units of it, has to rise.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from sparsesci._lib import xp
from sparsesci._lib.xp import adjoint, real

from .block_layout import Blocks, adjoint_of_each, root, root_slope, stack
from .expectation import total

MOST = 0.999  # of |r|: at 1 a block is a number times a vector of ones
REACH = 20.0  # of log gamma, from where it was
STEPS = 100


class Slopes(NamedTuple):
    """``log|B|``, ``y^H B^-1 y``, and for each block sum |q|^2, tr S_b, and their sums weighted with D + D^T."""

    log_determinant: float
    left: float
    squares: np.ndarray
    traces: np.ndarray
    turned_squares: np.ndarray
    turned_traces: np.ndarray


def polished(walk: Any, gamma: np.ndarray, r: float, rtol: float) -> tuple[np.ndarray, float]:
    """Return gamma (n,) and r after up to 100 iterations; they end where one raises the evidence by less than rtol.

    ``walk`` holds the problem: A (M, N) and Y (M, l), blocks, ``noise``, ``noise_var(left)`` and ``density``. Each
    iteration costs an inverse of a matrix of order M, or of as many columns as are active if they are fewer.
    """
    from scipy.optimize import minimize

    active = gamma > 0
    kept = walk.blocks.subset(active)
    if not np.any(active):
        return gamma, r
    A = xp.namespace(walk.A).take(walk.A, xp.to_like(np.flatnonzero(active[walk.blocks.owner]), walk.Y), axis=1)
    H = adjoint(A) @ A if A.shape[1] < A.shape[0] else None
    half = walk.freedom / 2
    turns = bool(np.any(kept.sizes > 1))

    def loss(parameters):
        g, r = np.exp(parameters[:-1]), MOST * math.tanh(parameters[-1])
        at = slopes(A, walk.Y, kept, g, r, H)
        s2 = walk.noise_var(at.left)
        over_gamma = half * g * (at.squares / s2 - at.traces)
        over_r = half * float(g @ (at.turned_squares / s2 - at.turned_traces)) if turns else 0.0
        slope = np.append(over_gamma, over_r * MOST / math.cosh(parameters[-1]) ** 2)
        return -walk.density(at.log_determinant, at.left), -slope

    start = np.append(np.log(gamma[active]), math.atanh(r / MOST))
    bounds = [(value - REACH, value + REACH) for value in start[:-1]] + [(-4.0, 4.0)]
    before = loss(start)[0]
    options = {"maxiter": STEPS, "ftol": rtol / max(abs(before), 1.0), "gtol": 0.0}
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds, options=options)
    if not found.fun < before:
        return gamma, r
    better = np.zeros_like(gamma)
    better[active] = np.exp(found.x[:-1])
    return better, MOST * math.tanh(found.x[-1])


def slopes(A: Any, Y: Any, blocks: Blocks, gamma: np.ndarray, r: float, H: Any) -> Slopes:
    """Return what evidence and slopes are made of; ``H = A^H A`` where there are fewer columns than rows, else None."""
    namespace = xp.namespace(A, Y)
    (M, k), n_columns = A.shape, Y.shape[1]
    g = namespace.asarray(xp.to_like(np.repeat(gamma, blocks.sizes), Y), dtype=A.dtype)
    scale = namespace.sqrt(g)
    unit = namespace.eye(min(M, k), dtype=A.dtype, device=xp.device(A))
    if H is not None:
        white = blocks.coloured(adjoint(blocks.coloured(H, r)), r)
        B = scale[:, None] * white * scale + unit
        told = namespace.linalg.inv(B)  # I - Gamma^(1/2) S Gamma^(1/2)
        b = scale[:, None] * blocks.rows(adjoint(A) @ Y, lambda size: root(size, r).T)
        mu = told @ b
        left = (total(Y) - float(real(namespace.sum(xp.conj(b) * mu)))) / n_columns
        q = mu / scale[:, None]
    else:
        W = blocks.coloured(A, r)
        B = (W * g) @ adjoint(W) + unit
        K = namespace.linalg.inv(B)
        KY, KW = K @ Y, K @ W
        left = float(real(namespace.sum(xp.conj(Y) * KY))) / n_columns
        q = adjoint(W) @ KY
    sums: list[list] = [[], [], [], []]
    for group in blocks.groups:
        d, c = group.size, group.columns
        if H is not None:
            n = (c.stop - c.start) // d
            whole = namespace.permute_dims(namespace.reshape(told[c, c], (n, d, n, d)), (1, 3, 0, 2))
            own = namespace.permute_dims(namespace.linalg.diagonal(whole), (2, 0, 1))
            one = namespace.eye(d, dtype=A.dtype, device=xp.device(A))
            S = (one - own) / namespace.reshape(g[c], (n, d))[:, :1, None]
        else:
            S = adjoint_of_each(stack(W[:, c], d)) @ stack(KW[:, c], d)
        Q = namespace.reshape(q[c, :], (-1, d, n_columns))
        square = real(Q @ adjoint_of_each(Q)) / n_columns
        D = np.linalg.solve(root(d, r), root_slope(d, r))
        D = xp.to_like(D + D.T, square)
        one = namespace.eye(d, dtype=square.dtype, device=xp.device(square))
        for part, (X, factor) in zip(sums, [(square, one), (real(S), one), (square, D), (real(S), D)], strict=True):
            part.append(xp.to_host(namespace.sum(X * factor, axis=(1, 2))))
    log_determinant = float(namespace.linalg.slogdet(B)[1])
    return Slopes(log_determinant, left, *(np.concatenate(part) for part in sums))

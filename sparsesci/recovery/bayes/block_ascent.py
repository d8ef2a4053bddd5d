"""The steepest ascent over the variances of blocks: one block in, out or anew a step, all updated at its rank.

The symbols are those of `block_fast`. With ``Phi`` the columns of the active blocks, ``P = (Phi^H Phi + Gamma^-1)^-1``
and rows ``Phi^H A`` are kept, and of every block ``S = A_b^H B^-1 A_b`` and ``Q = A_b^H B^-1 Y``.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from sparsesci._lib import xp
from sparsesci._lib.xp import adjoint, real

from .block_layout import Blocks, adjoint_of_each, stack
from .block_prices import Prices, height, peak

REFRESH = 50  # steps until all is computed anew: rounding errors of the updates add up
LEAST = 1e-8  # of a block's mean square length: what is left of it when it is all but a combination of others


class Data(NamedTuple):
    """What does not change during an ascent: columns of white coefficients, and the noise.

    ``A`` (M, N), ``b = A^H Y`` (N, l), ``misfit`` the mean square of a column of Y, ``floor`` what is always left of
    it, ``noise`` the variance of the noise, or 0 where it is unknown.
    """

    A: Any
    b: Any
    blocks: Blocks
    misfit: float
    floor: float
    noise: float


class State(NamedTuple):
    """What is known of a model: ``gamma`` (n,) on the host, and the rest of the header for it."""

    gamma: np.ndarray
    active: list[int]
    P: Any
    rows: Any
    S: list
    Q: Any
    log_determinant: float
    left: float


def fresh(data: Data, gamma: np.ndarray, active: list[int], rows: Any) -> State:
    """Return the state for variances gamma (n,), from the rows ``Phi^H A`` of the active blocks in this order."""
    A, b, blocks = data.A, data.b, data.blocks
    namespace, n_columns = xp.namespace(A), data.b.shape[1]
    at = xp.to_like(blocks.places(active), b)
    root = namespace.astype(xp.to_like(np.repeat(gamma[active], blocks.sizes[active]) ** 0.5, b), A.dtype)
    unit = namespace.eye(root.shape[0], dtype=A.dtype, device=xp.device(A))
    H = root[:, None] * namespace.take(rows, at, axis=1) * root + unit
    P = root[:, None] * namespace.linalg.inv(H) * root
    inner = namespace.take(b, at, axis=0)
    PH = P @ rows
    S = []
    for g in blocks.groups:
        X = stack(A[:, g.columns], g.size)
        S.append(
            adjoint_of_each(X) @ X
            - adjoint_of_each(stack(rows[:, g.columns], g.size)) @ stack(PH[:, g.columns], g.size)
        )
    mu = P @ inner
    left = data.misfit - float(real(namespace.sum(xp.conj(inner) * mu))) / n_columns
    return State(gamma, active, P, rows, S, b - adjoint(rows) @ mu, float(namespace.linalg.slogdet(H)[1]), left)


def best_step(data: Data, state: State, prices: Prices) -> tuple[int, float, float]:
    """Return the block whose gamma is to be changed, its new value, and by how much the penalised evidence rises."""
    blocks, gamma = data.blocks, state.gamma
    M, n_columns = data.A.shape[0], data.b.shape[1]
    freedom = n_columns * (2 if xp.is_complex(data.b.dtype) else 1)
    counts = np.array([np.count_nonzero(gamma[g.blocks]) for g in blocks.groups])
    into, out = prices.marginal(counts)
    left = max(state.left, 0.0) + data.floor
    best = (-1, 0.0, 0.0)
    for g, S, cost_in, cost_out in zip(blocks.groups, state.S, into, out, strict=True):
        now_in = gamma[g.blocks]
        is_active = now_in > 0
        s, p = spectra(data, state, g, S)
        there = np.sum(now_in[:, None] * p / (1 + now_in[:, None] * s), axis=1)
        rest = left + there
        now = height(now_in[:, None], s[:, None, :], p[:, None, :], rest[:, None], data.noise, M)[:, 0]
        new, top = peak(s, p, rest, data.noise, M)
        stays = 0.5 * freedom * (top - now)
        goes = cost_out - 0.5 * freedom * now
        is_gone = is_active & ((goes > stays) | (new == 0))
        gain = np.where(is_active, np.where(is_gone, goes, stays), 0.5 * freedom * top - cost_in)
        i = int(np.argmax(gain))
        if gain[i] > best[2]:
            best = (g.blocks.start + i, 0.0 if is_gone[i] else float(new[i]), float(gain[i]))
    return best


def spectra(data: Data, state: State, g: Any, S: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return, for the blocks of one size, eigenvalues s (n, d) and squares p (n, d) along them, all but the block told.

    Of active blocks from P: ``1 - gamma S`` would be a small difference.
    """
    namespace = xp.namespace(S)
    gamma = state.gamma[g.blocks]
    Q = namespace.reshape(state.Q[g.columns, :], (-1, g.size, state.Q.shape[1]))
    own = np.flatnonzero(gamma)
    if len(own):
        S, Q = namespace.asarray(S, copy=True), namespace.asarray(Q, copy=True)
        place = dict(
            zip(state.active, np.cumsum(data.blocks.sizes[state.active]) - data.blocks.sizes[state.active], strict=True)
        )
        mu = state.P @ namespace.take(data.b, xp.to_like(data.blocks.places(state.active), data.b), axis=0)
        for i in own:
            c = slice(int(k := place[g.blocks.start + i]), int(k) + g.size)
            S[int(i), ...] = state.P[c, c] / float(gamma[i])
            Q[int(i), ...] = mu[c, :] / float(gamma[i])
    e, U = namespace.linalg.eigh(0.5 * (S + adjoint_of_each(S)))
    along = adjoint_of_each(U) @ Q
    e, p = xp.to_host(e), xp.to_host(namespace.mean(real(xp.conj(along) * along), axis=-1))
    is_active = (gamma > 0)[:, None]
    without = np.where(is_active, np.clip(e, 1e-15, 1.0), 1.0)
    s = np.where(is_active, (1 - without) / (np.where(is_active, gamma[:, None], 1.0) * without), e)
    usable = s > LEAST
    return np.where(usable, s, 0.0), np.where(usable, p / without**2, 0.0)


def stepped(data: Data, state: State, j: int, g: float) -> State:
    """Return the state after the variance of block j has become g."""
    namespace, blocks = xp.namespace(data.A), data.blocks
    size, old, active = int(blocks.sizes[j]), float(state.gamma[j]), state.active
    own = slice(int(blocks.starts[j]), int(blocks.starts[j]) + size)
    P, rows = state.P, state.rows
    unit = namespace.eye(size, dtype=data.A.dtype, device=xp.device(data.A))
    if old == 0:
        row = adjoint(data.A[:, own]) @ data.A
        h = namespace.take(row, xp.to_like(blocks.places(active), data.b), axis=1)  # A_j^H Phi
        w = P @ adjoint(h)
        V = row - adjoint(w) @ rows  # A_j^H B^-1 A
        S = V[:, own]
        K = g * namespace.linalg.inv(unit + g * S)
        P = namespace.concat(
            [
                namespace.concat([P + w @ K @ adjoint(w), -w @ K], axis=1),
                namespace.concat([-K @ adjoint(w), K], axis=1),
            ]
        )
        rows, active = namespace.concat([rows, row]), [*active, j]
        change = float(namespace.linalg.slogdet(unit + g * S)[1])
    else:
        at = active.index(j)
        first = int(blocks.sizes[active[:at]].sum())
        c = slice(first, first + size)
        V = (P[c, :] @ rows) / old
        S = (unit - P[c, c] / old) / old
        delta = g - old
        # I + delta S, from P: at g = 0 it is P_jj / old, which the unit minus S would not tell
        inside = g / old * unit - (delta / old**2) * P[c, c]
        K = delta * namespace.linalg.inv(inside)
        change = float(namespace.linalg.slogdet(inside)[1])
        w = P[:, c]
        if g > 0:
            P = P - w @ namespace.linalg.inv(unit / (1 / g - 1 / old) + P[c, c]) @ adjoint(w)
        else:
            P = P - w @ namespace.linalg.inv(P[c, c]) @ adjoint(w)
            kept = xp.to_like(np.delete(np.arange(P.shape[0]), np.arange(first, first + size)), data.b)
            P = namespace.take(namespace.take(P, kept, axis=0), kept, axis=1)
            rows, active = namespace.take(rows, kept, axis=0), [*active[:at], *active[at + 1 :]]
    Qj = state.Q[own, :]
    KQ = K @ Qj
    left = state.left - float(real(namespace.sum(xp.conj(Qj) * KQ))) / data.b.shape[1]
    KV = K @ V
    new_S = []
    for group, S in zip(blocks.groups, state.S, strict=True):
        Vg = stack(V[:, group.columns], group.size)
        new_S.append(S - adjoint_of_each(Vg) @ stack(KV[:, group.columns], group.size))
    gamma = state.gamma.copy()
    gamma[j] = g
    return State(gamma, active, P, rows, new_S, state.Q - adjoint(V) @ KQ, state.log_determinant + change, left)


def ascend(data: Data, state: State, prices: Prices, *, rtol: float, n_steps: int) -> tuple[State, list, bool]:
    """Take up to ``n_steps`` steps, each the one that raises the penalised evidence the most.

    The state given is a fresh one. Returns the state, fresh again; log|B| and ``y^H B^-1 y`` after each step; and
    whether no step is left that raises the evidence by more than rtol.
    """
    history: list[tuple[float, float]] = []
    since = 0
    while len(history) < n_steps:
        j, g, gain = best_step(data, state, prices)
        if not gain > rtol and since == 0:
            return state, history, True
        if gain > rtol:
            state = stepped(data, state, j, g)
            history.append((state.log_determinant, state.left))
            since += 1
        if since >= REFRESH or not gain > rtol:
            state, since = fresh(data, state.gamma, state.active, state.rows), 0
    return fresh(data, state.gamma, state.active, state.rows), history, False

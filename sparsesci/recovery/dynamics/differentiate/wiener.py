"""The prior of `kalman`: the p-th derivative of x is white noise; filter and smoother for it, in NumPy.

Kohn, Ansley, *A fast algorithm for signal extraction, influence and cross-validation in state space models*, Biometrika
76 (1989) 65-79, for the smoother; it divides by no covariance, so measurements without noise are no special case.

States are ``(x, x', ..., x^(p-1))`` and steps are in units of the mean one. The filter has no prior on where it starts:
the first p samples, which a polynomial of degree p - 1 passes through, say where, and what noise does to that.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass

import numpy as np

from sparsesci._lib.dispatch import kernel


def transition(step: float, p: int) -> np.ndarray:
    """Return F (p, p): Taylor's formula from one state to the one a step later."""
    F = np.eye(p)
    for k in range(1, p):
        F += np.diag(np.full(p - k, step**k / math.factorial(k)), k)
    return F


def added(step: float, p: int) -> np.ndarray:
    """Return Q (p, p), the covariance that white noise of intensity 1 adds to a state within a step."""
    i = p - 1 - np.arange(p)
    column = np.array([step**k / math.factorial(k) for k in i])
    return np.outer(column, column) * step / (i[:, None] + i + 1)


@dataclass(frozen=True, eq=False)
class Start:
    """What the first p samples say of their states.

    Attributes
    ----------
    states : array (p, p, p)
        State j is ``states[j] @ y[:p]``, but for its error.
    process, measured : arrays (p, p, p)
        The covariance of the error of state j with that of state p - 1 is ``process[j] + noise * measured[j]``.
    """

    states: np.ndarray
    process: np.ndarray
    measured: np.ndarray

    @classmethod
    @functools.lru_cache(64)
    def of(cls, steps: tuple[float, ...], p: int) -> Start:
        """Return the start for samples with these p - 1 steps first."""
        times = np.concatenate([[0.0], np.cumsum(steps)])
        ahead = np.stack([transition(time, p) for time in times])
        states = ahead @ np.linalg.inv(ahead[:, 0, :])
        # w_j is what the process noise adds up to at sample j; C[j, k] its covariance with w_k.
        C = np.zeros((p, p, p, p))
        for j in range(p):
            for k in range(j, p):
                C[j, k] = added(times[j], p) @ transition(times[k] - times[j], p).T
                C[k, j] = C[j, k].T
        # The error of state j is w_j - states[j] (w[0] + e), with w[0] the values (p,) and e the measurement errors.
        last = states[-1]
        process = np.stack(
            [
                C[j, -1] - states[j] @ C[:, -1, 0, :] - C[j, :, :, 0].T @ last.T + states[j] @ C[:, :, 0, 0] @ last.T
                for j in range(p)
            ]
        )
        return cls(states, process, np.stack([states[j] @ last.T for j in range(p)]))


@kernel(cpu="sparsesci._cpu.kalman:innovations")
def innovations(Y, steps, is_uniform, states, process, measured, noise):
    """Return the sums of ``v^2 / S`` (m,) and of ``log S`` over samples p, p + 1, ... of the columns of Y (n, m).

    v is the innovation of a sample, what it differs by from its prediction, and S its variance, where the process noise
    has intensity 1 and the measurements have variance ``noise``.
    """
    columns = [_filtered(y, steps, states, process, measured, noise) for y in Y.T]
    squares = np.array([sum(v * v / P[0, 0] for _, P, _, v in found) for found in columns])
    return squares, sum(math.log(P[0, 0]) for _, P, _, _ in columns[0])


@kernel(cpu="sparsesci._cpu.kalman:smooth")
def smooth(y, steps, is_uniform, states, process, measured, noise, derivatives):
    """Return x and its derivatives up to the one asked for, (derivatives + 1, n), given all samples."""
    n, p = len(y), states.shape[1]
    found = _filtered(y, steps, states, process, measured, noise)
    out, r = np.empty((derivatives + 1, n)), np.zeros(p)
    for k in range(n - 1, p - 1, -1):
        mean, P, K, v = found[k - p]
        u = transition(steps[k], p).T @ r if k < n - 1 else r
        e = v / P[0, 0] - K @ u
        r = u + e * np.eye(p)[0]
        smoothed = mean + (P - noise * np.diag(np.eye(p)[0])) @ r
        smoothed[0] = y[k] - noise * e
        out[:, k] = smoothed[: derivatives + 1]
    u = transition(steps[p - 1], p).T @ r if n > p else r
    for j in range(p):
        smoothed = states[j] @ y[:p] + (process[j] + noise * measured[j]) @ u
        out[:, j] = smoothed[: derivatives + 1]
    return out


def _filtered(y, steps, states, process, measured, noise) -> list[tuple]:
    """Return for samples p, p + 1, ...: the predicted state, its covariance with S in its corner, K, and v."""
    p = states.shape[1]
    mean, P, found = states[-1] @ y[:p], process[-1] + noise * measured[-1], []
    for k in range(p, len(y)):
        F = transition(steps[k - 1], p)
        mean, P = F @ mean, F @ P @ F.T + added(steps[k - 1], p)
        S = P[0, 0] + noise
        K, v = P[:, 0] / S, y[k] - mean[0]
        seen = P.copy()
        seen[0, 0] = S
        found.append((mean, seen, K, v))
        mean, P = mean + K * v, P - np.outer(K, P[0])
    return found

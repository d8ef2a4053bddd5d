"""The integrator of Dormand and Prince, of order 5 with an error estimate of order 4 and continuous output.

Hairer, Nørsett, Wanner, *Solving Ordinary Differential Equations I*, 2nd ed.: table II.5.2 (the tableau), section II.4
(control of the step, and its start), equation (II.6.12) and its program DOPRI5 (continuous output of order 4). The
error is the root mean square over the states of ``h sum_j e_j k_j``, in units of ``atol + rtol max(|x|, |y|)``.

Deviations
----------
1. Where the controls are given at times, between which they are linear, a step ends at each of these times: within a
   step the field is smooth. A step that had to be cut for that does not shorten the next one.
2. A step that would nearly end there (1 % short) is made to end there.
3. No detection of stiffness: a trajectory that needs too many steps is stopped, and its status says what to try.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from sparsesci._lib import xp
from sparsesci._lib.dispatch import kernel

from .vector_field import Controls, VectorField, derivatives, joined

C = (0, 1 / 5, 3 / 10, 4 / 5, 8 / 9, 1, 1)
A = (
    (),
    (1 / 5,),
    (3 / 40, 9 / 40),
    (44 / 45, -56 / 15, 32 / 9),
    (19372 / 6561, -25360 / 2187, 64448 / 6561, -212 / 729),
    (9017 / 3168, -355 / 33, 46732 / 5247, 49 / 176, -5103 / 18656),
    (35 / 384, 0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84),
)
E = (71 / 57600, 0, -71 / 16695, 71 / 1920, -17253 / 339200, 22 / 525, -1 / 40)
D = (
    -12715105075 / 11282082432, 0, 87487479700 / 32700410799, -10690763975 / 1880347072, 701980252875 / 199316789632,
    -1453857185 / 822651844, 69997945 / 29380423,
)  # fmt: skip
SAFETY, BETA, SHRINK, GROW, LEAST_ERROR = 0.9, 0.04, 0.2, 10.0, 1e-4
EPS = float(np.finfo(float).eps)
DONE, BLEW_UP, MAX_STEPS = range(3)  # indices of simulation_result.ENDINGS


@kernel(cpu="sparsesci._cpu.dopri5:integrate")
def integrate(
    field: VectorField,
    controls: Controls,
    x0: Any,
    t: np.ndarray,
    rtol: float,
    atol: float,
    bound: float,
    max_steps: int,
    out: Any,
    reached: np.ndarray,
    ended: np.ndarray,
) -> int:
    """Integrate from each start x0 (m, d) for each member of the field, and return the number of steps.

    Fills ``out`` (N, n_t, d) with the states at the times t (the members first, then the starts) as far as they go,
    ``reached`` (N,) with the number of times that were reached, and ``ended`` (N,) with how it ended. Every trajectory
    has steps of its own; here all of them make one side by side, and those that have ended steps of length zero.
    """
    namespace = xp.namespace(x0)
    (n, n_times, d), n_controls = out.shape, controls.n
    member = np.arange(n) // x0.shape[0]
    x = namespace.concat([x0.T] * (n // x0.shape[0]), axis=1)
    n_first = int(np.searchsorted(t, t[0], side="right"))
    out[:, :n_first, :] = namespace.stack([x.T] * n_first, axis=1)
    reached[:], ended[:] = n_first, DONE
    if n_first == n_times:
        return 0

    def f(time, state):
        rows = [state]
        if n_controls:
            rows.append(xp.to_like(controls(time, np.minimum(reached, n_times - 1)), state))
        elif field.program.n_inputs > d:
            rows.append(xp.to_like(time[None, :], state))
        return derivatives(field, joined(*rows), member)

    time, total = np.full(n, t[0]), 0
    k = f(time, x)
    proposed = first_step(f, x, k, time, (t[n_first] if controls.has_knots else t[-1]) - t[0], rtol, atol)
    before, after_rejection, n_steps = np.full(n, LEAST_ERROR), np.zeros(n, bool), np.zeros(n, int)
    running = np.ones(n, bool)
    while running.any():
        stop = t[np.minimum(reached, n_times - 1)] if controls.has_knots else np.full(n, t[-1])
        is_last = 1.01 * proposed >= stop - time
        h = np.where(running, np.where(is_last, stop - time, proposed), 0.0)
        step, K, y = xp.to_like(h, x), [k], x
        with np.errstate(all="ignore"):
            for c, a in zip(C[1:], A[1:], strict=True):
                y = x + step * combined(a, K)
                K.append(f(time + c * h, y))
            error = root_mean_square(step * combined(E, K), x, y, rtol, atol)
            n_steps += running
            total += int(running.sum())
            factor = error ** (0.2 - 0.75 * BETA) / SAFETY
            is_good = running & (error <= 1)
            is_bad = running & ~is_good

            shorter = np.where(factor < 1 / SHRINK, h / factor, h * SHRINK)
            is_lost = is_bad & (shorter <= 4 * EPS * np.maximum(np.abs(time), EPS * (t[-1] - t[0])))
            is_lost |= is_good & ~within(y, bound, axis=0)
            is_good &= ~is_lost
            after = np.where(is_last, stop, time + h)
            is_lost |= write(out, x, y, K, time, h, t, after, is_good, bound, reached)
            is_good &= ~is_lost

            controlled = np.clip(factor / before**BETA, 1 / GROW, 1 / SHRINK)
            longer = np.where(after_rejection, np.minimum(h / controlled, h), h / controlled)
            longer = np.where(h < proposed, np.maximum(longer, proposed), longer)
        proposed = np.where(is_bad, shorter, np.where(is_good, longer, proposed))
        before = np.where(is_good, np.maximum(error, LEAST_ERROR), before)
        after_rejection = is_bad | (after_rejection & ~is_good)
        time = np.where(is_good, after, time)
        moves = xp.to_like(is_good, x)
        x, k = namespace.where(moves, y, x), namespace.where(moves, K[6], k)

        is_over = is_good & (reached == n_times)
        is_tired = running & ~is_lost & ~is_over & (n_steps >= max_steps)
        ended[is_lost], ended[is_tired] = BLEW_UP, MAX_STEPS
        running &= ~(is_lost | is_over | is_tired)
    return total


def combined(weights: tuple[float, ...], K: list) -> Any:
    """Return ``sum_j weights_j K_j``."""
    total = weights[0] * K[0]
    for weight, k in zip(weights[1:], K[1:], strict=True):
        total = total + weight * k if weight else total
    return total


def root_mean_square(e: Any, x: Any, y: Any, rtol: float, atol: float) -> np.ndarray:
    """Return on the host, for each column, the root mean square of e in units of what is tolerated."""
    namespace = xp.namespace(e)
    scale = atol + rtol * namespace.maximum(namespace.abs(x), namespace.abs(y))
    return np.sqrt(xp.to_host(namespace.mean((e / scale) ** 2, axis=0)))


def within(x: Any, bound: float, *, axis: int) -> np.ndarray:
    """Return on the host whether states are finite and within the bound."""
    namespace = xp.namespace(x)
    return xp.to_host(namespace.all(namespace.abs(x) <= bound, axis=axis))


def first_step(f: Any, x: Any, k: Any, time: np.ndarray, span: float, rtol: float, atol: float) -> np.ndarray:
    """Return how long the first steps (N,) may be, at most ``span`` (section II.4)."""
    with np.errstate(all="ignore"):
        size, slope = (root_mean_square(part, x, x, rtol, atol) for part in (x, k))
        h = np.minimum(np.where((size > 1e-5) & (slope > 1e-5), 0.01 * size / slope, 1e-6), span)
        bend = root_mean_square(f(time + h, x + xp.to_like(h, x) * k) - k, x, x, rtol, atol) / h
        steepest = np.maximum(slope, bend)
        second = np.where(steepest > 1e-15, (0.01 / steepest) ** 0.2, np.maximum(1e-6, 1e-3 * h))
        return np.where(slope + bend < np.inf, np.minimum(100 * h, second), h)


def write(out, x, y, K, time, h, t, after, is_good, bound, reached) -> np.ndarray:
    """Write the states at the times that good steps have passed; return where one of them is beyond the bound."""
    namespace, nothing = xp.namespace(x), np.zeros(len(time), bool)
    last = np.where(is_good, np.searchsorted(t, after, side="right"), reached)
    if not (last > reached).any():
        return nothing
    window = slice(int(reached[is_good].min()), int(last[is_good].max()))
    index = np.arange(window.start, window.stop)
    is_passed = (index >= reached[:, None]) & (index < last[:, None])
    theta = xp.to_like(np.where(is_passed, (t[window] - time[:, None]) / h[:, None], 0.0), x)[:, :, None]

    step = xp.to_like(h, x)
    change = y - x
    left = step * K[0] - change
    right = change - step * K[6] - left
    bend = step * combined(D, K)
    x, change, left, right, bend = (part.T[:, None, :] for part in (x, change, left, right, bend))
    states = x + theta * (change + (1 - theta) * (left + theta * (right + (1 - theta) * bend)))

    is_beyond = is_passed & ~within(states, bound, axis=-1)
    is_passed &= ~np.logical_or.accumulate(is_beyond, axis=1)
    out[:, window, :] = namespace.where(xp.to_like(is_passed, x)[:, :, None], states, out[:, window, :])
    reached += is_passed.sum(axis=1)
    return is_beyond.any(axis=1)

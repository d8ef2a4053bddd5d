"""Dormand-Prince 5(4), compiled: the form of `sparsesci.recovery.dynamics.dopri5`, whose comments explain the steps."""

import numpy as np
from numba import njit

from sparsesci._cpu.vector_field import combine_at_point

C = np.array([0, 1 / 5, 3 / 10, 4 / 5, 8 / 9, 1, 1])
A = np.array([
    [0, 0, 0, 0, 0, 0],
    [1 / 5, 0, 0, 0, 0, 0],
    [3 / 40, 9 / 40, 0, 0, 0, 0],
    [44 / 45, -56 / 15, 32 / 9, 0, 0, 0],
    [19372 / 6561, -25360 / 2187, 64448 / 6561, -212 / 729, 0, 0],
    [9017 / 3168, -355 / 33, 46732 / 5247, 49 / 176, -5103 / 18656, 0],
    [35 / 384, 0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84],
])  # fmt: skip
E = np.array([71 / 57600, 0, -71 / 16695, 71 / 1920, -17253 / 339200, 22 / 525, -1 / 40])
D = np.array([
    -12715105075 / 11282082432, 0, 87487479700 / 32700410799, -10690763975 / 1880347072, 701980252875 / 199316789632,
    -1453857185 / 822651844, 69997945 / 29380423,
])  # fmt: skip
SAFETY, BETA, SHRINK, GROW, LEAST_ERROR = 0.9, 0.04, 0.2, 10.0, 1e-4
EPS = np.finfo(np.float64).eps
DONE, BLEW_UP, MAX_STEPS = range(3)


@njit(cache=True, nogil=True)
def integrate(field, u, x0, t, rtol, atol, bound, max_steps, out, reached, ended):
    """Fill out, reached and ended, and return the number of steps; the arguments are explained at the reference."""
    n, _, d = out.shape
    registers = np.empty(field.n_inputs + len(field.codes))
    x, y, K = np.empty(d), np.empty(d), np.empty((7, d))
    total = 0
    for q in range(n):
        for i in range(d):
            x[i] = x0[q % len(x0), i]
        n_steps, reached[q], ended[q] = trajectory(
            field, q // len(x0), u, x, y, K, registers, t, rtol, atol, bound, max_steps, out[q]
        )
        total += n_steps
    return total


@njit(cache=True, nogil=True, error_model="numpy")
def trajectory(field, member, u, x, y, K, registers, t, rtol, atol, bound, max_steps, out):
    """Fill out (n_t, d), as far as it goes; return the number of steps, of times that are reached, and the ending."""
    n_times, d = out.shape
    place = 0
    while place < n_times and t[place] == t[0]:
        for i in range(d):
            out[place, i] = x[i]
        place += 1
    if place == n_times:
        return 0, place, DONE
    has_knots = u.shape[1] > 0
    time, stop = t[0], t[place] if has_knots else t[-1]
    evaluate(field, member, u, t, place, time, x, registers, K[0])
    proposed = first_step(field, member, u, t, place, stop - time, x, y, K, registers, rtol, atol)
    before, after_rejection = LEAST_ERROR, False
    for n_steps in range(1, max_steps + 1):
        is_last = 1.01 * proposed >= stop - time
        h = stop - time if is_last else proposed
        for stage in range(1, 7):
            for i in range(d):
                slope = 0.0
                for j in range(stage):
                    slope += A[stage, j] * K[j, i]
                y[i] = x[i] + h * slope
            evaluate(field, member, u, t, place, time + C[stage] * h, y, registers, K[stage])
        error = step_error(x, y, K, h, rtol, atol)
        factor = error ** (0.2 - 0.75 * BETA) / SAFETY
        if not error <= 1:
            proposed, after_rejection = h / factor if factor < 1 / SHRINK else h * SHRINK, True
            if proposed <= 4 * EPS * max(abs(time), EPS * (t[-1] - t[0])):
                return n_steps, place, BLEW_UP
            continue
        if not within(y, bound):
            return n_steps, place, BLEW_UP
        after = stop if is_last else time + h
        while place < n_times and t[place] <= after:
            interpolate(x, y, K, h, (t[place] - time) / h, out[place])
            if not within(out[place], bound):
                for i in range(d):
                    out[place, i] = np.nan
                return n_steps, place, BLEW_UP
            place += 1
        if place == n_times:
            return n_steps, place, DONE
        factor = min(max(factor / before**BETA, 1 / GROW), 1 / SHRINK)
        longer = min(h / factor, h) if after_rejection else h / factor
        proposed = max(longer, proposed) if h < proposed else longer
        before, after_rejection = max(error, LEAST_ERROR), False
        time, stop = after, t[place] if has_knots else t[-1]
        for i in range(d):
            x[i], K[0, i] = y[i], K[6, i]
    return max_steps, place, MAX_STEPS


@njit(cache=True, nogil=True, error_model="numpy", inline="always")
def evaluate(field, member, u, t, place, time, state, registers, slope):
    """Fill slope with the field at a state and a time between ``t[place - 1]`` and ``t[place]``."""
    fill_inputs(field.n_inputs, u, t, place, time, state, registers)
    combine_at_point(field, member, registers, slope)


@njit(cache=True, nogil=True, error_model="numpy")
def fill_inputs(n_inputs, u, t, place, time, state, registers):
    """Fill the registers of the inputs.

    Controls u (n_t, n_u) are linear between the times; without any, a further input of the program is the time.
    """
    d, n_controls = len(state), u.shape[1]
    for i in range(d):
        registers[i] = state[i]
    if n_controls:
        weight = (time - t[place - 1]) / (t[place] - t[place - 1])
        for j in range(n_controls):
            registers[d + j] = (1 - weight) * u[place - 1, j] + weight * u[place, j]
    elif n_inputs > d:
        registers[d] = time


@njit(cache=True, nogil=True, error_model="numpy")
def first_step(field, member, u, t, place, span, x, y, K, registers, rtol, atol):
    """Return how long the first step may be, at most ``span``."""
    d, size, slope, bend = len(x), 0.0, 0.0, 0.0
    for i in range(d):
        scale = atol + rtol * abs(x[i])
        size += (x[i] / scale) ** 2
        slope += (K[0, i] / scale) ** 2
    size, slope = np.sqrt(size / d), np.sqrt(slope / d)
    h = min(0.01 * size / slope if size > 1e-5 and slope > 1e-5 else 1e-6, span)
    for i in range(d):
        y[i] = x[i] + h * K[0, i]
    evaluate(field, member, u, t, place, t[0] + h, y, registers, K[1])
    for i in range(d):
        bend += ((K[1, i] - K[0, i]) / (atol + rtol * abs(x[i]))) ** 2
    bend = np.sqrt(bend / d) / h
    if not slope + bend < np.inf:
        return h
    steepest = max(slope, bend)
    return min(100 * h, (0.01 / steepest) ** 0.2 if steepest > 1e-15 else max(1e-6, 1e-3 * h))


@njit(cache=True, nogil=True)
def step_error(x, y, K, h, rtol, atol):
    """Return the error of a step from x to y, in units of what is tolerated."""
    total = 0.0
    for i in range(len(x)):
        e = 0.0
        for j in range(7):
            e += E[j] * K[j, i]
        total += (h * e / (atol + rtol * max(abs(x[i]), abs(y[i])))) ** 2
    return np.sqrt(total / len(x))


@njit(cache=True, nogil=True)
def interpolate(x, y, K, h, theta, target):
    """Fill target with the state at the fraction theta of a step from x to y."""
    for i in range(len(x)):
        bend = 0.0
        for j in range(7):
            bend += D[j] * K[j, i]
        change = y[i] - x[i]
        left = h * K[0, i] - change
        right = change - h * K[6, i] - left
        target[i] = x[i] + theta * (change + (1 - theta) * (left + theta * (right + (1 - theta) * h * bend)))


@njit(cache=True, nogil=True)
def within(x, bound):
    """Whether a state is finite and within the bound."""
    for i in range(len(x)):
        if not abs(x[i]) <= bound:
            return False
    return True

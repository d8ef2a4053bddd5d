"""Vector fields ``y = coef @ Theta(x, u)``: a program, and the coefficients of its functions by their nonzeros.

Samples lie in columns. Each may have coefficients of its own: those of its member of an ensemble.
"""

import numpy as np
from numba import njit

from sparsesci._cpu.program import run, run_at_point

LANES = 64  # samples at a time: their registers and coefficients stay in the caches


@njit(cache=True, nogil=True)
def derivatives(field, inputs, member):
    """Return the rows y (d, m) for inputs (n_inputs, m), states and then controls, and the members (m,)."""
    n_inputs, m = inputs.shape
    width = min(m, LANES)
    registers = np.empty((n_inputs + len(field.codes), width))
    coefficients = np.empty((len(field.rows), width))
    whose = np.full(width, -1)  # members whose coefficients are there
    part, y = np.empty((field.n_states, width)), np.empty((field.n_states, m))
    for start in range(0, m, LANES):
        width = min(LANES, m - start)
        for s in range(width):
            for i in range(n_inputs):
                registers[i, s] = inputs[i, start + s]
            if member[start + s] != whose[s]:
                whose[s] = member[start + s]
                for k in range(len(field.rows)):
                    coefficients[k, s] = field.values[whose[s], k]
        combine(field, coefficients, registers, part, width)
        for i in range(field.n_states):
            for s in range(width):
                y[i, start + s] = part[i, s]
    return y


@njit(cache=True, nogil=True)
def combine(field, coefficients, registers, y, width):
    """Fill the rows of y, given the registers of the inputs and the coefficients (nonzeros, width) of each sample.

    Where a coefficient is zero its function has no say, not even if it is not finite there.
    """
    run(field.codes, field.left, field.right, field.constants, field.n_inputs, registers, width)
    for i in range(y.shape[0]):
        row = y[i]
        for s in range(width):
            row[s] = 0.0
    for k in range(len(field.rows)):
        row, value, c = y[field.rows[k]], registers[field.registers[k]], coefficients[k]
        for s in range(width):
            row[s] += c[s] * value[s] if c[s] != 0 else 0.0


@njit(cache=True, nogil=True, inline="always")
def combine_at_point(field, member, registers, y):
    """Fill y (d,), given the registers of the inputs of one sample.

    Inlined: to hand over so many arrays takes longer than the arithmetic of a small model.
    """
    run_at_point(field.codes, field.left, field.right, field.constants, field.n_inputs, registers)
    for i in range(len(y)):
        y[i] = 0.0
    for k in range(len(field.rows)):
        c = field.values[member, k]
        if c != 0:
            y[field.rows[k]] += c * registers[field.registers[k]]


@njit(cache=True, nogil=True, error_model="numpy")
def derivative(x, t, integers, floats, registers):
    """Return the derivative (d,) of one model; the arguments are explained at the reference."""
    d, n_inputs, n_codes, nnz = integers[0], integers[1], integers[2], integers[3]
    n_times, n_controls = integers[4], integers[5]
    y = np.zeros(d)
    for i in range(d):
        registers[i] = x[i]
        if not abs(x[i]) <= floats[0]:
            y[0] = np.nan
    registers[-1] += 1
    if registers[-1] > floats[1]:
        y[0] = np.nan
    begin = 2 + n_codes + nnz
    if n_controls:
        table = begin + n_times
        right = min(max(np.searchsorted(floats[begin:table], t), 1), n_times - 1)
        weight = (t - floats[begin + right - 1]) / (floats[begin + right] - floats[begin + right - 1])
        for j in range(n_controls):
            a, b = floats[table + (right - 1) * n_controls + j], floats[table + right * n_controls + j]
            registers[d + j] = (1 - weight) * a + weight * b
    elif n_inputs > d:
        registers[d] = t
    codes, left, right_ones = integers[6 : 6 + n_codes], integers[6 + n_codes :], integers[6 + 2 * n_codes :]
    run_at_point(codes, left, right_ones, floats[2:], n_inputs, registers)
    rows = 6 + 3 * n_codes
    for k in range(nnz):
        y[integers[rows + k]] += floats[2 + n_codes + k] * registers[integers[rows + nnz + k]]
    return y

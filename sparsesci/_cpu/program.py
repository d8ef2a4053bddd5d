"""Straight-line programs, run on blocks of samples: one instruction at a time, each over a whole block."""

import numpy as np
from numba import njit

BLOCK = 256  # samples: the registers of a library of a hundred functions stay in the L2 cache

# In the order of sparsesci.recovery.dynamics.program.OPERATIONS.
(CONSTANT, ADD, SUBTRACT, MULTIPLY, DIVIDE, POWER, MAXIMUM, MINIMUM, NEGATIVE, ABS, SIGN, SQRT, EXP, LOG, SIN, COS, TAN,
 SINH, COSH, TANH, ARCSIN, ARCCOS, ARCTAN) = range(23)  # fmt: skip


@njit(cache=True, nogil=True)
def evaluate(codes, left, right, constants, outputs, X):
    """Return the outputs (p, m) of a program for inputs X (n_inputs, m)."""
    n_inputs, m = X.shape
    registers = np.empty((n_inputs + len(codes), min(m, BLOCK)), X.dtype)
    out = np.empty((len(outputs), m), X.dtype)
    for start in range(0, m, BLOCK):
        width = min(BLOCK, m - start)
        for i in range(n_inputs):
            registers[i, :width] = X[i, start : start + width]
        run(codes, left, right, constants, n_inputs, registers, width)
        for j in range(len(outputs)):
            row, place = registers[outputs[j]], out[j, start : start + width]
            for s in range(np.uint64(width)):  # twice as fast as with signed indices, here and in `run`
                place[s] = row[s]
    return out


@njit(cache=True, nogil=True, error_model="numpy")
def run(codes, left, right, constants, n_inputs, registers, width):
    """Fill the registers of instructions, given those of the inputs, for the first ``width`` samples."""
    width = np.uint64(width)
    for i in range(len(codes)):
        code = codes[i]
        a, b, y = registers[left[i]], registers[right[i]], registers[n_inputs + i]
        if code == MULTIPLY:
            for s in range(width):
                y[s] = a[s] * b[s]
        elif code == CONSTANT:
            for s in range(width):
                y[s] = constants[i]
        elif code == ADD:
            for s in range(width):
                y[s] = a[s] + b[s]
        elif code == SUBTRACT:
            for s in range(width):
                y[s] = a[s] - b[s]
        elif code == DIVIDE:
            for s in range(width):
                y[s] = a[s] / b[s]
        else:
            for s in range(width):
                y[s] = function(code, a[s], b[s])


@njit(cache=True, nogil=True, error_model="numpy")
def run_at_point(codes, left, right, constants, n_inputs, registers):
    """Fill the registers (n_inputs + k,) of the instructions, for one sample."""
    for i in range(len(codes)):
        code, a, b = codes[i], registers[left[i]], registers[right[i]]
        if code == MULTIPLY:
            y = a * b
        elif code == CONSTANT:
            y = constants[i]
        elif code == ADD:
            y = a + b
        elif code == SUBTRACT:
            y = a - b
        elif code == DIVIDE:
            y = a / b
        else:
            y = function(code, a, b)
        registers[n_inputs + i] = y


@njit(cache=True, nogil=True, error_model="numpy")
def function(code, a, b):
    """Return the value of an operation that takes long enough for a branch not to matter."""
    if code == SIN:
        return np.sin(a)
    if code == COS:
        return np.cos(a)
    if code == EXP:
        return np.exp(a)
    if code == POWER:
        return a**b
    if code == NEGATIVE:
        return -a
    if code == ABS:
        return np.abs(a)
    if code == SQRT:
        return np.sqrt(a)
    if code == LOG:
        return np.log(a)
    if code == TANH:
        return np.tanh(a)
    if code == MAXIMUM:
        return np.maximum(a, b)
    if code == MINIMUM:
        return np.minimum(a, b)
    if code == SIGN:
        return np.sign(a)
    if code == TAN:
        return np.tan(a)
    if code == SINH:
        return np.sinh(a)
    if code == COSH:
        return np.cosh(a)
    if code == ARCSIN:
        return np.arcsin(a)
    if code == ARCCOS:
        return np.arccos(a)
    return np.arctan(a)

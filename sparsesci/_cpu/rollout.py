"""Discrete models, run on many trajectories at once: the compiled form of `sparsesci.recovery.dynamics.rollout`."""

import numpy as np
from numba import njit

from sparsesci._cpu.vector_field import LANES, combine


@njit(cache=True, nogil=True)
def iterate(field, x0, controls, bound, out, reached):
    """Fill ``out`` and ``reached``; the arguments are explained at the reference."""
    m, d = x0.shape
    n, n_times = out.shape[:2]
    n_controls = controls.shape[2]
    lanes = min(n, LANES)
    registers = np.empty((field.n_inputs + len(field.codes), lanes))
    coefficients, y = np.empty((len(field.rows), lanes)), np.empty((d, lanes))
    trajectory = np.empty(lanes, np.int64)
    for start in range(0, n, lanes):
        width = min(lanes, n - start)
        for s in range(width):
            q = start + s
            trajectory[s] = q
            reached[q] = n_times
            for i in range(d):
                registers[i, s] = out[q, 0, i] = x0[q % m, i]
            for k in range(len(field.rows)):
                coefficients[k, s] = field.values[q // m, k]
        for step in range(n_times - 1):
            for s in range(width):
                which = trajectory[s] % m if controls.shape[0] > 1 else 0
                for j in range(n_controls):
                    registers[d + j, s] = controls[which, step, j]
            combine(field, coefficients, registers, y, width)
            s = 0
            while s < width:
                q, is_good = trajectory[s], True
                for i in range(d):
                    is_good = is_good and abs(y[i, s]) <= bound
                if is_good:
                    for i in range(d):
                        registers[i, s] = out[q, step + 1, i] = y[i, s]
                    s += 1
                    continue
                reached[q] = step + 1
                width -= 1  # the last lane takes the place of one that has ended
                trajectory[s] = trajectory[width]
                for i in range(d):
                    y[i, s] = y[i, width]
                for k in range(len(field.rows)):
                    coefficients[k, s] = coefficients[k, width]

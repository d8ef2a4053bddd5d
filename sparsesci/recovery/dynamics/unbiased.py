"""Functions of noisy fields without the bias that noise gives them.

Of ``u + eps`` with white Gaussian noise of variance s^2 the mean of ``(u + eps)^3`` is ``u^3 + 3 s^2 u``: integrals
over boxes converge to that, however many samples they hold. What has the mean ``f(u)`` is ``exp(-s^2 Laplace / 2) f``:
for monomials a Hermite polynomial. It is found as a sum of values ``f(u + c s)`` over `SHIFTS` c whose weights have the
moments of imaginary noise (1, 0, -1, 0, 3): exact for degrees up to 5 in each field.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from math import comb, prod

import numpy as np

from .program import CALL, CODES, OPERATIONS, UNARY, Program, Symbol, Tape

SHIFTS = np.array([-2.0, -1.0, 0.0, 1.0, 2.0])
ORDER = 6  # of the differences in which noise is looked for


def noise_std(fields: np.ndarray) -> np.ndarray:
    """Return the standard deviations (d,) of white noise in fields (d, ...): sixth differences leave little else.

    The least of those along the axes, since signal can only add; 0 where no axis is long enough.
    """
    found = np.full(len(fields), np.inf)
    for axis in range(1, fields.ndim):
        if fields.shape[axis] > 2 * ORDER:
            rough = np.diff(fields, ORDER, axis=axis) ** 2
            found = np.minimum(found, np.sqrt(rough.reshape(len(fields), -1).mean(axis=1) / comb(2 * ORDER, ORDER)))
    return np.where(np.isfinite(found), found, 0.0)


def unbiased(f: Program, depends_on: Sequence[int], std: np.ndarray) -> Program:
    """Return a program whose mean over noise of standard deviations ``std`` (n_inputs,) in its inputs is f."""
    shaken = [i for i in depends_on if std[i] > 0]
    if not shaken:
        return f
    moments = np.array([1.0, 0.0, -1.0, 0.0, 3.0])
    weights = np.linalg.solve(np.vander(SHIFTS, increasing=True).T, moments)
    tape = Tape(f.n_inputs)
    total = tape.constant(0.0)
    for chosen in product(range(len(SHIFTS)), repeat=len(shaken)):
        inputs = list(tape.inputs)
        for i, k in zip(shaken, chosen, strict=True):
            inputs[i] = inputs[i] + float(SHIFTS[k] * std[i])
        total = total + prod(float(weights[k]) for k in chosen) * written(f, tape, inputs)[0]
    return tape.program([total])


def written(program: Program, tape: Tape, inputs: list[Symbol]) -> list[Symbol]:
    """Return the outputs of a program whose instructions are written on a tape, for other inputs."""
    symbols = list(inputs)
    for code, a, b, constant in zip(*(part.tolist() for part in program.instructions[:4]), strict=True):
        if code == CALL:
            function, registers = program.calls[a]
            symbols.append(tape.apply(function, [symbols[r] for r in registers]))
        elif code == CODES["constant"]:
            symbols.append(tape.constant(constant))
        else:
            name = OPERATIONS[code]
            symbols.append(tape.write(name, *([symbols[a]] if name in UNARY else [symbols[a], symbols[b]])))
    return [symbols[r] for r in program.outputs.tolist()]

"""The integrators of SciPy on a compiled vector field: one trajectory at a time, one call a derivative."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np

from sparsesci._lib.dispatch import kernel

from .dopri5 import BLEW_UP, DONE, MAX_STEPS
from .program import run
from .vector_field import Controls, FieldArrays, VectorField, derivatives, joined

SOLVERS = {"rk45": "RK45", "dop853": "DOP853", "radau": "Radau", "bdf": "BDF"}  # names of scipy.integrate
CALLS_A_STEP = 10  # of the right-hand side, and more than LSODA needs on average
INTEGRATORS = ("dopri5", "lsoda", *SOLVERS)


def integrate_by_scipy(
    name: str,
    field: VectorField,
    controls: Controls,
    x0: np.ndarray,
    t: np.ndarray,
    rtol: float,
    atol: float,
    bound: float,
    max_steps: int,
    out: np.ndarray,
    reached: np.ndarray,
    ended: np.ndarray,
) -> int:
    """Do what `dopri5.integrate` does by the integrator of SciPy of this name."""
    times, index = np.unique(t, return_inverse=True)
    total, m = 0, len(x0)
    for q in range(len(out)):
        f, n_calls = right_hand_side(field, controls, q // m, bound, CALLS_A_STEP * max_steps)
        options = x0[q % m], times, rtol, atol, bound, max_steps
        if len(times) == 1:
            x, n_reached, ended[q] = x0[[q % m]], 1, DONE
        elif not np.isfinite(f(x0[q % m], times[0])).all():  # some solvers of SciPy never come back from there
            x, n_reached, ended[q] = x0[[q % m]], 1, BLEW_UP
        elif name == "lsoda":
            x, n_reached, n_steps, ended[q] = by_odeint(f, *options)
            if ended[q] and n_calls[0] > CALLS_A_STEP * max_steps:
                ended[q] = MAX_STEPS
            total += n_steps
        else:
            x, n_reached, n_steps, ended[q] = by_steps(SOLVERS[name], f, *options)
            total += n_steps
        reached[q] = np.searchsorted(index, n_reached)
        out[q, : reached[q]] = x[index[: reached[q]]]
    return total


def right_hand_side(
    field: VectorField, controls: Controls, member: int, bound: float, most_calls: float
) -> tuple[Callable, np.ndarray]:
    """Return ``f(x, t) -> x'`` and an array that counts its calls.

    It gives NaN beyond the bound, and after too many calls: the integrators then take shorter steps, and end there.
    """
    lowered = field.kernel_arguments(float)
    if lowered is None or controls.function is not None:
        members, n_calls = np.array([member]), np.zeros(1)

        def f(x, t):
            place = np.clip(np.searchsorted(controls.t, t), 1, len(controls.t) - 1)
            given = [np.array([[t]])] if field.program.n_inputs > len(x) + controls.n else []
            given = [controls(np.array([float(t)]), np.array([place]))] if controls.n else given
            y = derivatives(field, joined(x[:, None], *given), members)[:, 0]
            n_calls[0] += 1
            return y if np.abs(x).max() <= bound and n_calls[0] <= most_calls else np.full_like(y, np.nan)

        return f, n_calls

    arrays = packed(lowered, controls, member)
    memory = np.zeros(lowered.n_inputs + len(lowered.codes) + 1)
    arrays[1][:2] = bound, most_calls
    return lambda x, t: derivative(x, t, *arrays, memory), memory[-1:]


def packed(field: FieldArrays, controls: Controls, member: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the integers and the floats of `derivative`; the first two of these are left to be filled."""
    is_used = field.values[member] != 0
    rows, registers, values = (part[is_used] for part in (field.rows, field.registers, field.values[member]))
    sizes = [field.n_states, field.n_inputs, len(field.codes), len(rows), *controls.table.shape]
    integers = np.concatenate([sizes, field.codes, field.left, field.right, rows, registers]).astype(np.int64)
    times = controls.t if controls.n else []
    return integers, np.concatenate([[np.inf, np.inf], field.constants, values, times, controls.table.ravel()])


@kernel(cpu="sparsesci._cpu.vector_field:derivative")
def derivative(x: np.ndarray, t: float, integers: np.ndarray, floats: np.ndarray, memory: np.ndarray) -> np.ndarray:
    """Return the derivative (d,) of one model; NaN where the state is beyond the bound, or too many were asked for.

    ``integers`` holds six sizes (states, inputs, instructions, nonzeros, times, controls) and then the codes, the left
    and the right registers, the rows and the registers of the nonzeros; ``floats`` the bound, the most calls, the
    constants, the coefficients, and where there are controls the times and the table. The last number of ``memory``
    counts calls. So few arguments because a call from Python takes as long as they are many.
    """
    d, n_inputs, n_codes, nnz, n_times, n_controls = integers[:6].tolist()
    n_times = n_times if n_controls else 0
    codes, left, right, rows, registers = np.split(integers[6:], np.cumsum([n_codes, n_codes, n_codes, nnz]))
    limits, constants, values, times, table = np.split(floats, np.cumsum([2, n_codes, nnz, n_times]))
    inputs = [x, [t] * (n_inputs - d - n_controls)]
    if n_controls:
        place = np.clip(np.searchsorted(times, t), 1, n_times - 1)
        inputs.append(Controls(times, table.reshape(n_times, n_controls))(np.array([t]), np.array([place]))[:, 0])
    functions = run(codes, left, right, constants, registers, np.concatenate(inputs)[:, None])[:, 0]
    y = np.bincount(rows, values * functions, minlength=d)
    memory[-1] += 1
    if not ((np.abs(x) <= limits[0]).all() and memory[-1] <= limits[1]):
        y[0] = np.nan
    return y


def by_odeint(f, x0, t, rtol, atol, bound, max_steps):
    """Return states, how many are valid, steps, and the ending, by LSODA of ODEPACK."""
    from scipy.integrate import odeint

    with warnings.catch_warnings(action="ignore"):  # its failures are told by the status
        x, info = odeint(f, x0, t, full_output=True, rtol=rtol, atol=atol, mxstep=max_steps)
    is_good = (np.abs(x) <= bound).all(axis=1)
    is_failed = info["message"] != "Integration successful."
    if is_failed:  # then nothing is written after the first time that is not reached
        is_good[1:] &= info["tcur"] >= t[1:]
    n_reached = len(t) if is_good.all() else int(np.argmin(is_good))
    n_steps = int(info["nst"][min(n_reached, len(t) - 1) - 1])
    if n_reached == len(t):
        return x, n_reached, n_steps, DONE
    return x, n_reached, n_steps, MAX_STEPS if info["message"].startswith("Excess work") else BLEW_UP


def by_steps(name, f, x0, t, rtol, atol, bound, max_steps):
    """Return states, how many are valid, steps, and the ending, by a solver of ``scipy.integrate``."""
    import scipy.integrate

    def rates(t, x):
        if np.isnan(t):  # a step that is not a number is never rejected, and never taken
            raise FloatingPointError
        return f(x, t)

    x, place = np.empty((len(t), len(x0))), 1
    x[0] = x0
    with warnings.catch_warnings(action="ignore"), np.errstate(all="ignore"):
        solver = getattr(scipy.integrate, name)(rates, t[0], x0, t[-1], rtol=rtol, atol=atol)
        for n_steps in range(1, max_steps + 1):
            try:
                solver.step()
            except (ValueError, FloatingPointError, np.linalg.LinAlgError):  # or a Jacobian that is not finite
                return x, place, n_steps, BLEW_UP
            if solver.status == "failed" or not (np.abs(solver.y) <= bound).all():
                return x, place, n_steps, BLEW_UP
            last = int(np.searchsorted(t, solver.t, side="right"))
            if last > place:
                x[place:last] = solver.dense_output()(t[place:last]).T
                place = last
            if solver.status == "finished":
                return x, place, n_steps, DONE
    return x, place, max_steps, MAX_STEPS

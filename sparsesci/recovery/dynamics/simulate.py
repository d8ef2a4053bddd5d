"""Ordinary differential equations ``x' = coef @ Theta(x, u)``, from many starts and for many members of an ensemble."""

from __future__ import annotations

import time
import warnings
from typing import Any

import numpy as np

from sparsesci._lib import validate, xp
from sparsesci._lib.dispatch import public
from sparsesci._lib.result import ConvergenceWarning

from .dopri5 import EPS, integrate
from .program import Program
from .scipy_integrators import INTEGRATORS, integrate_by_scipy
from .simulation_result import SimulationResult, report
from .vector_field import Controls, VectorField, control_at, start, traced


@public
def simulate(
    program: Program,
    coef: Any,
    x0: Any,
    t: Any,
    *,
    u: Any = None,
    integrator: str = "dopri5",
    rtol: float = 1e-6,
    atol: float = 1e-9,
    bound: float = 1e6,
    max_steps: int = 200_000,
) -> SimulationResult:
    """Integrate ``x' = coef @ Theta(x, u)`` from x0 at ``t[0]``, and return x at the times t.

    Parameters
    ----------
    program : Program
        The p functions Theta of d states and then n_u controls.
    coef : array (d, p) or (B, d, p)
        Coefficients of a model, or of the B members of an ensemble.
    x0 : array (d,) or (m, d)
        Start, or m starts; each member begins at each of them.
    t : array (n_t,)
        Times, not decreasing; repeated ones are allowed.
    u : array (n_t, n_u) or callable, optional
        Controls at the times t, linear in between; of one control (n_t,) will do. Or a function ``u(t)`` of a time,
        that gives n_u numbers: it is compiled if it is made of operators and functions of NumPy (``np.sin(t)``, in a
        list where there are several), and otherwise called for each derivative, which is slow.
    integrator : {"dopri5", "lsoda", "rk45", "dop853", "radau", "bdf"}
        "dopri5" runs compiled throughout. The others are those of SciPy (LSODA by `scipy.integrate.odeint`), on a
        compiled right-hand side: for stiff systems "lsoda", "radau" and "bdf".
    rtol, atol : float
        The error of a step is kept below ``atol + rtol |x|``, in the root mean square over the states.
    bound : float
        A trajectory ends where ``|x_i| > bound``, or where no step is short enough for x to be finite.
    max_steps : int
        The most steps of a trajectory (of "lsoda" between two times, and ten derivatives for each in all).

    Returns
    -------
    SimulationResult
        ``x`` (..., n_t, d) with members first and then starts, NaN where ``valid`` is False: after a trajectory has
        ended. Then ``success`` is False, and a `ConvergenceWarning` says how many have, why, and where.

    Raises
    ------
    ValueError, TypeError
        Shapes that do not match, times that decrease, NaN or Inf, complex numbers: before any work.

    Notes
    -----
    Each trajectory has steps of its own. Only functions that have a nonzero coefficient are evaluated. Computed in
    float64; single precision is returned where x0 and coef have it.

    See Also
    --------
    sparsesci.recovery.dynamics.rollout.rollout : The same for discrete models.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsesci.recovery.dynamics.program import Tape
    >>> from sparsesci.recovery.dynamics.simulate import simulate
    >>> tape = Tape(2)
    >>> oscillator = simulate(tape.program(tape.inputs), [[0, 1], [-1, 0]], [1, 0], np.linspace(0, 3, 4))
    >>> np.abs(oscillator.x[:, 0] - np.cos(oscillator.t)).max() < 1e-5
    np.True_
    """
    watch = time.perf_counter()
    field, x0, lead, dtype, bound = start(program, coef, x0, bound)
    t = checked_times(t)
    validate.one_of(integrator, INTEGRATORS, "integrator")
    rtol, atol = validate.nonnegative_real(rtol, "rtol"), validate.nonnegative_real(atol, "atol")
    if max(rtol, atol) == 0:
        raise ValueError("rtol and atol are 0: one of them must be positive")
    max_steps = validate.positive_integer(max_steps, "max_steps")
    field, controls = driven(field, u, t)
    n = x0.shape[0] * field.values.shape[0]
    out = xp.namespace(x0).full((n, len(t), field.n_states), np.nan, dtype=x0.dtype, device=xp.device(x0))
    reached, ended = np.zeros(n, np.int64), np.zeros(n, np.int64)
    arguments = field, controls, x0, t, max(rtol, 2 * EPS), atol, bound, max_steps, out, reached, ended
    if integrator == "dopri5":
        n_steps = integrate(*arguments)
    elif xp.is_numpy(x0):
        n_steps = integrate_by_scipy(integrator, *arguments)
    else:
        raise TypeError(f"integrator={integrator!r} runs on the host: pass NumPy arrays, or use 'dopri5'")
    story = {"method": integrator, "nit": n_steps, "bound": bound}
    times = xp.to_like(t, out)
    result = report(out, times, reached, ended, lead, dtype, time=time.perf_counter() - watch, **story)
    if not result.success:
        warnings.warn(result.message, ConvergenceWarning, stacklevel=3)
    return result


def checked_times(t: Any) -> np.ndarray:
    """Return the times as a float64 array on the host."""
    t = validate.float_array(t, "t")
    if xp.is_complex(t.dtype) or t.ndim != 1 or t.shape[0] == 0:
        kind = f"shape {tuple(t.shape)} and dtype {xp.dtype_name(t.dtype)}"
        raise ValueError(f"t has {kind}: real times (n_t,), not empty, are needed")
    validate.finite(t, "t")
    t = np.array(xp.to_host(t), float)
    down = np.flatnonzero(np.diff(t) < 0)
    if down.size:
        i = int(down[0])
        raise ValueError(f"t decreases from t[{i}] = {t[i]:g} to t[{i + 1}] = {t[i + 1]:g}: sort the times")
    return t


def driven(field: VectorField, u: Any, t: np.ndarray) -> tuple[VectorField, Controls]:
    """Return the field and its controls; of a function of the time that can be compiled, a field of (x, t)."""
    n = field.program.n_inputs - field.n_states
    none = Controls(t, np.zeros((len(t), 0)))
    if u is None:
        if n:
            raise ValueError(f"the functions of the program take {n} controls: pass u")
        return field, none
    if not n:
        raise ValueError("u is given, but the functions of the program take no controls")
    if callable(u):
        control_at(u, float(t[0]), n)  # whether it gives what it should
        control = traced(u, n) if field.program.is_compiled else None
        if control is not None and control.is_compiled:
            return field.driven_by(control), none
        return field, Controls(t, np.zeros((len(t), n)), u)
    u = validate.float_array(u, "u")
    if xp.is_complex(u.dtype):
        raise TypeError("u is complex: real numbers are needed")
    shape = tuple(u.shape)
    if shape != (len(t), n) and not (shape == (len(t),) and n == 1):
        raise ValueError(f"u has shape {shape}: ({len(t)}, {n}), a row for each time, or a function of t, is needed")
    validate.finite(u, "u")
    if (np.diff(t) == 0).any():
        raise ValueError("t repeats a time, so that u is not a function of t: pass different times, or u as a function")
    return field, Controls(t, np.array(xp.to_host(u), float).reshape(len(t), n))

"""Discrete models ``x_{k+1} = coef @ Theta(x_k, u_k)``, run from many starts and for many members of an ensemble."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from sparsesci._lib import validate, xp
from sparsesci._lib.dispatch import kernel, public
from sparsesci._lib.result import ConvergenceWarning

from .dopri5 import BLEW_UP, within
from .program import Program
from .simulation_result import SimulationResult, report
from .vector_field import VectorField, derivatives, joined, start


@public
def rollout(
    program: Program,
    coef: Any,
    x0: Any,
    n_steps: int,
    *,
    u: Any = None,
    project: Callable | None = None,
    bound: float = 1e6,
) -> SimulationResult:
    """Run ``x_{k+1} = coef @ Theta(x_k, u_k)`` for ``n_steps`` steps.

    Parameters
    ----------
    program : Program
        The p functions Theta of d states and then n_u controls.
    coef : array (d, p) or (B, d, p)
        Coefficients of a model, or of the B members of an ensemble.
    x0 : array (d,) or (m, d)
        Start, or m starts; each member begins at each of them.
    n_steps : int
        Steps; the answer holds ``n_steps + 1`` states, x0 first.
    u : array (n_steps, n_u) or (m, n_steps, n_u), or callable, optional
        Controls, the same for all starts or those of each. Of one control (n_steps,) will do. A function (a policy) is
        called in each step as ``u(x)`` with the states x (N, d) of all ``N = B m`` trajectories, members first, and
        gives the controls (N, n_u). Of a trajectory that has ended it sees the last state.
    project : callable, optional
        ``project(x)`` for states (N, d), called after each step: gives the states (N, d) to go on with.
    bound : float
        A trajectory ends where a state is not finite, or ``|x_i| > bound`` (after the projection); Inf for no bound.

    Returns
    -------
    SimulationResult
        ``x`` (..., n_steps + 1, d) with members first and then starts, NaN where ``valid`` is False: after a trajectory
        has ended. Then ``success`` is False, and a `ConvergenceWarning` says how many have, and where.

    Raises
    ------
    ValueError, TypeError
        Shapes that do not match, NaN or Inf, complex numbers: before any work.

    Notes
    -----
    Cost: only functions that have a nonzero coefficient are evaluated. The steps run compiled, on blocks of
    trajectories; a policy or a projection is called between them, once a step for all. Computed in float64.

    Examples
    --------
    The logistic map from two starts, one of which leaves its interval and is lost.

    >>> import warnings
    >>> from sparsesci.recovery.dynamics.program import Tape
    >>> from sparsesci.recovery.dynamics.rollout import rollout
    >>> tape = Tape(1)
    >>> x = tape.inputs[0]
    >>> with warnings.catch_warnings(action="ignore"):
    ...     result = rollout(tape.program([x, x * x]), [[3.8, -3.8]], [[0.3], [1.2]], 20)
    >>> result.x.shape, result.valid.sum(axis=1).tolist()
    ((2, 21, 1), [21, 5])
    """
    watch = time.perf_counter()
    field, x0, lead, dtype, bound = start(program, coef, x0, bound)
    n_steps = validate.positive_integer(n_steps, "n_steps", least=0)
    if project is not None and not callable(project):
        raise TypeError(f"project is {project!r}: a function of the states (N, d) is needed")
    policy, controls = (u, None) if callable(u) else (None, u)
    n_controls = program.n_inputs - field.n_states
    if u is not None and not n_controls:
        raise ValueError("u is given, but the functions of the program take no controls")
    controls = checked_controls(controls, n_controls, n_steps, x0) if policy is None else None
    n = x0.shape[0] * field.values.shape[0]
    out = xp.namespace(x0).full((n, n_steps + 1, field.n_states), np.nan, dtype=x0.dtype, device=xp.device(x0))
    reached = np.empty(n, np.int64)
    if policy is None and project is None:
        iterate(field, x0, controls, bound, out, reached)
    else:
        iterate_with_calls(field, x0, controls, policy, project, bound, out, reached)
    ended = np.where(reached <= n_steps, BLEW_UP, 0)
    story = {"method": "discrete", "nit": int(np.minimum(reached, n_steps).sum()), "bound": bound}
    t = xp.to_like(np.arange(n_steps + 1.0), out)
    result = report(out, t, reached, ended, lead, dtype, time=time.perf_counter() - watch, **story)
    if not result.success:
        warnings.warn(result.message, ConvergenceWarning, stacklevel=3)
    return result


def checked_controls(u: Any, n_controls: int, n_steps: int, x0: Any) -> Any:
    """Return the controls as (1 or m, n_steps, n_u) in float64."""
    namespace = xp.namespace(x0)
    if u is None:
        if n_controls:
            raise ValueError(f"the functions of the program take {n_controls} controls: pass u")
        return namespace.zeros((1, n_steps, 0), dtype=x0.dtype, device=xp.device(x0))
    u = validate.float_array(u, "u")
    if xp.is_complex(u.dtype):
        raise TypeError("u is complex: real numbers are needed")
    given, m = tuple(u.shape), x0.shape[0]
    u = namespace.reshape(u, (-1, 1)) if u.ndim == 1 and n_controls == 1 else u
    u = u if u.ndim == 3 else namespace.reshape(u, (1, *u.shape))
    if u.ndim != 3 or tuple(u.shape[1:]) != (n_steps, n_controls) or u.shape[0] not in (1, m):
        raise ValueError(
            f"u has shape {given}: ({n_steps}, {n_controls}), or for each start ({m}, {n_steps}, {n_controls}), is "
            "needed, a row for each step"
        )
    validate.finite(u, "u")
    return namespace.astype(u, namespace.float64)  # a copy: what is read-only would be compiled for anew


@kernel(cpu="sparsesci._cpu.rollout:iterate")
def iterate(field: VectorField, x0: Any, controls: Any, bound: float, out: Any, reached: np.ndarray) -> None:
    """Run all members from all starts x0 (m, d) with controls (1 or m, n_steps, n_u).

    Fills ``out`` (N, n_steps + 1, d), the members first and then the starts, as far as they go, and ``reached`` (N,)
    with the number of states that are valid.
    """
    iterate_with_calls(field, x0, controls, None, None, bound, out, reached)


def iterate_with_calls(
    field: VectorField,
    x0: Any,
    controls: Any,
    policy: Callable | None,
    project: Callable | None,
    bound: float,
    out: Any,
    reached: np.ndarray,
) -> None:
    """Do the same step by step, with a policy in the place of controls, or a projection after each step."""
    namespace, m = xp.namespace(x0), x0.shape[0]
    n, n_times, _ = out.shape
    n_controls = field.program.n_inputs - field.n_states
    member = np.arange(n) // m
    x = namespace.concat([x0] * (n // m), axis=0)
    out[:, 0, :] = x
    reached[:] = n_times
    running = np.ones(n, bool)
    for step in range(n_times - 1):
        if policy is not None:
            now = answer(policy, x, (n, n_controls), "u")
        else:
            now = namespace.concat([controls[:, step, :]] * (n // controls.shape[0]), axis=0)
        y = derivatives(field, joined(x.T, now.T), member).T
        if project is not None:
            is_finite = namespace.all(namespace.isfinite(y), axis=1)
            y = answer(project, namespace.where(is_finite[:, None], y, x), tuple(x.shape), "project")
            y = namespace.where(is_finite[:, None], y, xp.zeros_like(y) + np.nan)
        is_good = within(y, bound, axis=1)
        reached[running & ~is_good] = step + 1
        running &= is_good
        moves = xp.to_like(running, x)[:, None]
        x = namespace.where(moves, y, x)
        out[:, step + 1, :] = namespace.where(moves, x, xp.zeros_like(x) + np.nan)
        if not running.any():
            return


def answer(function: Callable, x: Any, shape: tuple[int, int], name: str) -> Any:
    """Return what a function makes of the states (N, d), as a float64 array of the shape that is needed."""
    found = validate.float_array(function(x + 0), name)  # it may keep, or change, what it is given
    if found.ndim == 1 and shape[1] == 1:
        found = found[:, None]
    if tuple(found.shape) != shape:
        raise ValueError(f"{name}(x) has shape {tuple(found.shape)} for x {tuple(x.shape)}: {shape} is needed")
    return xp.namespace(x, found).astype(found, x.dtype, copy=False)

"""Data as they are given to a model of motion: one array or a list of trajectories, with times, controls and names."""

from __future__ import annotations

import numbers
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from sparsesci._lib import validate, xp

NAN_POLICIES = ("raise", "omit")


class Trajectory(NamedTuple):
    """Samples of one experiment, in the order of time.

    ``x`` (n, d), ``t`` (n,), ``x_dot`` (n, any) or None, ``u`` (n, n_u) or None. A field has more axes, of space,
    before that of time: (..., n, d).
    """

    x: Any
    t: np.ndarray
    x_dot: Any = None
    u: Any = None


def trajectories(
    x: Any, t: Any = None, x_dot: Any = None, u: Any = None, *, nan_policy: str = "raise", is_field: bool = False
) -> list[Trajectory]:
    """Return checked trajectories of floating-point arrays, of one width each.

    Raises
    ------
    ValueError, TypeError
        For whatever cannot be meant: complex or missing numbers, times that do not increase, lengths that differ, more
        states than samples. A trajectory of a list is named by its number.
    """
    validate.one_of(nan_policy, NAN_POLICIES, "nan_policy")
    is_list = are_several(x)
    parts = list(x) if is_list else [x]
    if not parts:
        raise ValueError("x is an empty list: at least one trajectory is needed")
    times = one_each(t, parts, "t", is_list)
    rates = one_each(x_dot, parts, "x_dot", is_list)
    controls = one_each(u, parts, "u", is_list)
    found: list[Trajectory] = []
    for i, (part, time, rate, control) in enumerate(zip(parts, times, rates, controls, strict=True)):
        found += _trajectory(part, time, rate, control, f"[{i}]" * is_list, nan_policy, is_field)
    if not found:
        raise ValueError("every sample is NaN: nothing is left to fit")
    for name, values in (("x_dot", rates), ("u", controls)):
        missing = [i for i, value in enumerate(values) if value is None]
        if len(missing) not in (0, len(values)):
            raise ValueError(f"{name}[{missing[0]}] is None: it is needed for all trajectories or for none")
    for name in ("x", "x_dot", "u"):
        widths = {getattr(part, name).shape[-1] for part in found if getattr(part, name) is not None}
        if len(widths) > 1:
            raise ValueError(f"the trajectories of {name} have {sorted(widths)} columns: the same number is needed")
    n, d = sum(part.x.shape[-2] for part in found), found[0].x.shape[-1]
    if n < d:
        field = ", or a field without its last axis, that of its states" * is_field
        raise ValueError(f"x has {d} states in columns and {n} samples in rows: is it transposed{field}?")
    return found


def are_several(x: Any) -> bool:
    """Whether x is a list of trajectories; lists of numbers, or of rows of numbers, are an array that is typed in."""
    if not isinstance(x, list | tuple):
        return False
    return not (x and isinstance(x[0], numbers.Real | list | tuple) and np.ndim(x[0]) < 2)


def given_names(feature_names: Any) -> list[str]:
    """Return names that were given as an option; none of them where they were not."""
    if isinstance(feature_names, str):
        raise TypeError(f"feature_names is {feature_names!r}: a list of names is needed")
    return [] if feature_names is None else [str(name) for name in feature_names]


def check_distinct(names: Sequence[str]) -> None:
    """Raise ValueError where two states or controls have the same name."""
    for i, name in enumerate(names):
        if name in names[:i]:
            raise ValueError(f"{name!r} names more than one of the states and controls: {', '.join(names)}")


def column_names(x: Any) -> list[str] | None:
    """Return the names of the columns of a frame (pandas, polars, ...), or of the first one of a list of frames."""
    frame = x[0] if isinstance(x, list | tuple) and x else x
    columns = getattr(frame, "columns", None)
    if columns is None or all(isinstance(name, numbers.Integral) for name in columns):
        return None  # pandas numbers columns that have no names
    return [str(name) for name in columns]


def array(x: Any, name: str, *, is_field: bool = False, may_hold_nan: bool = False) -> Any:
    """Return samples as a real floating-point array (n, k), one of (n,) as (n, 1); a field keeps its axes."""
    if isinstance(x, np.ma.MaskedArray):
        x = x.astype(np.result_type(x.dtype, np.float32)).filled(np.nan)  # what is masked is missing
    if not xp.is_array(x):
        x = np.asarray(x)
    if xp.is_numpy(x) and x.dtype == object:
        raise TypeError(f"{name} is ragged or holds objects: pass a list of arrays for several trajectories")
    x = validate.float_array(x, name)
    if xp.is_complex(x.dtype):
        raise TypeError(f"{name} is complex: pass its real and imaginary parts as states of their own")
    if x.ndim == 1:
        x = x[:, None]
    if x.ndim < 2 or (x.ndim > 2 and not is_field):
        raise ValueError(f"{name} has shape {tuple(x.shape)}: samples in rows, (n, d), are needed")
    if 0 in x.shape:
        raise ValueError(f"{name} has shape {tuple(x.shape)}: it is empty")
    if not may_hold_nan:
        validate.finite(x, name)
    return x


def one_each(value: Any, parts: list, name: str, is_list: bool) -> Sequence:
    """Return what belongs to each trajectory: the elements of a list, or the same for all."""
    if is_list and isinstance(value, list | tuple):
        if len(value) != len(parts):
            raise ValueError(f"{name} is a list of {len(value)} and x one of {len(parts)}: one for each is needed")
        return value
    if value is not None and name != "t" and is_list:
        raise ValueError(f"x is a list of trajectories: {name} must be a list too, one array for each")
    return [value] * len(parts)


def _trajectory(x, t, x_dot, u, place: str, nan_policy: str, is_field: bool) -> list[Trajectory]:
    omits = nan_policy == "omit"
    x = array(x, f"x{place}", is_field=is_field, may_hold_nan=omits)
    n = x.shape[-2]
    t = _times(t, n, f"t{place}")
    if x_dot is not None:
        x_dot = array(x_dot, f"x_dot{place}", is_field=is_field, may_hold_nan=omits)
    if u is not None:
        u = array(u, f"u{place}", may_hold_nan=omits)
    for name, part in (("x_dot", x_dot), ("u", u)):
        if part is not None and part.shape[-2] != n:
            raise ValueError(f"{name}{place} has {part.shape[-2]} samples and x{place} {n}: as many are needed")
    whole = Trajectory(x, t, x_dot, u)
    return _without_nan(whole, place) if omits else [whole]


def _times(t: Any, n: int, name: str) -> np.ndarray:
    if t is None:
        t = 1.0
    if isinstance(t, numbers.Real):
        return np.arange(n) * validate.positive_real(t, name, otherwise="or an array of times")
    t = np.asarray(xp.to_host(t))
    if t.dtype.kind not in "fiu":
        raise TypeError(f"{name} has dtype {t.dtype}: real numbers, in the unit of x_dot, are needed")
    t = t.astype(float)
    if t.ndim == 0:
        return _times(float(t), n, name)
    if t.shape != (n,):
        raise ValueError(f"{name} has shape {t.shape} and x {n} samples: one time a sample, or a step, is needed")
    validate.finite(t, name)
    backward = np.flatnonzero(np.diff(t) <= 0)
    if len(backward):
        i = int(backward[0]) + 1
        raise ValueError(f"{name} must increase, and {name}[{i}] = {t[i]:.6g} is not after {t[i - 1]:.6g}: sort it")
    return t


def _without_nan(whole: Trajectory, place: str) -> list[Trajectory]:
    """Return the pieces between the samples where something is NaN, so that no derivative is taken across a gap."""
    if whole.x.ndim > 2:
        raise ValueError(f'x{place} is a field: nan_policy="omit" is for samples in rows (n, d)')
    is_good = np.ones(whole.x.shape[0], bool)
    for part in (whole.x, whole.x_dot, whole.u):
        if part is not None:
            is_good &= np.asarray(xp.to_host(xp.namespace(part).all(xp.namespace(part).isfinite(part), axis=1)))
    edges = np.flatnonzero(np.diff(np.concatenate([[False], is_good, [False]]).astype(int)))
    pieces = [slice(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True)]
    return [Trajectory(*(None if part is None else part[piece, ...] for part in whole)) for piece in pieces]

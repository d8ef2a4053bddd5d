"""What the methods ask of x and t before any work, and how they see them: samples along the first axis."""

from __future__ import annotations

import math
import numbers
import operator
from dataclasses import dataclass
from typing import Any

import numpy as np

from sparsesci._lib import validate, xp

UNIFORM = 1e-6  # what the steps of uniform times may differ by, beside what rounding does to t


@dataclass(frozen=True, eq=False)
class Samples:
    """Samples of x at times t.

    Attributes
    ----------
    x : array (n, ...)
        The samples, their axis in front.
    step : float
        The step between two samples; of times that are not uniform the mean one.
    times : array (n,) of NumPy, or None
        The times where they are not uniform, with the first at zero; None where they are.
    axis : int
        Where the axis of the samples was.
    """

    x: Any
    step: float
    times: np.ndarray | None
    axis: int

    @property
    def n(self) -> int:
        """Number of samples."""
        return self.x.shape[0]

    @property
    def is_uniform(self) -> bool:
        """Whether all steps are the same."""
        return self.times is None

    @property
    def steps(self) -> np.ndarray:
        """The steps (n - 1,), in units of the mean one."""
        return np.ones(self.n - 1) if self.times is None else np.diff(self.times) / self.step

    def back(self, values: Any) -> Any:
        """Return values (n, ...) with the axis of the samples where it was."""
        return xp.namespace(values).moveaxis(values, 0, self.axis) if self.axis else values

    def columns(self) -> np.ndarray:
        """Return the samples as rows (d, n) of NumPy in float64, one for each series: a copy, to be written to."""
        return np.array(np.reshape(xp.to_host(self.x), (self.n, -1)).T, dtype=np.float64, order="C")

    def from_columns(self, rows: np.ndarray) -> Any:
        """Return rows (d, n) of NumPy as values of the shape, dtype, library and device that x was given in."""
        values = np.reshape(rows.T, self.x.shape).astype(xp.dtype_name(self.x.dtype), copy=False)
        return self.back(xp.to_like(np.ascontiguousarray(values), self.x))


def samples(x: Any, t: Any, axis: Any, *, least: int, needs: str, takes_complex: bool = True) -> Samples:
    """Check x and t; ValueError or TypeError says what is wrong, and where.

    Parameters
    ----------
    x, t, axis
        As the public functions have them.
    least : int
        How many samples are needed.
    needs : str
        What needs them, for the message.
    takes_complex : bool
        Whether x may be complex.
    """
    x = validate.float_array(x, "x")
    if x.ndim == 0 or 0 in x.shape:
        raise ValueError(
            f"x has shape {tuple(x.shape)}: samples (n,) or (n, d), or an array of any dimension, not empty"
        )
    axis = _axis(axis, x.ndim)
    if xp.is_complex(x.dtype) and not takes_complex:
        raise TypeError(f"x has dtype {xp.dtype_name(x.dtype)}: {needs} is not linear, stack real and imaginary parts")
    n = x.shape[axis]
    if n < least:
        raise ValueError(f"x has {n} samples along axis {axis}: {needs} needs at least {least}")
    validate.finite(x, "x")
    step, times = _times(t, n)
    return Samples(xp.namespace(x).moveaxis(x, axis, 0) if axis else x, step, times, axis)


def uniform_samples(x: Any, t: Any, axis: Any, *, least: int, needs: str, takes_complex: bool = True) -> Samples:
    """Check x and t for a method that takes uniform times alone; ValueError names the steps where they are not."""
    found = samples(x, t, axis, least=least, needs=needs, takes_complex=takes_complex)
    if not found.is_uniform:
        steps = np.diff(found.times)
        raise ValueError(
            f"the steps of t lie between {steps.min():.6g} and {steps.max():.6g}: {needs} needs uniform times; "
            "use finite_difference, kalman or total_variation, resample x, or pass the step as t"
        )
    return found


def _axis(axis: Any, ndim: int) -> int:
    try:
        axis = operator.index(axis)
    except TypeError:
        raise TypeError(f"axis is {axis!r}: an integer is needed") from None
    if not -ndim <= axis < ndim:
        raise ValueError(f"axis is {axis}, but x has {ndim} dimensions")
    return axis % ndim


def _times(t: Any, n: int) -> tuple[float, np.ndarray | None]:
    """Return the (mean) step, and times that begin at zero where the steps differ."""
    if isinstance(t, numbers.Real):
        return validate.positive_real(t, "t", otherwise="the step between two samples, or an array of times"), None
    t = xp.to_host(validate.float_array(t, "t"))
    if t.ndim == 0:
        return _times(t.item(), n)
    if t.dtype.kind == "c":
        raise TypeError("t is complex: real times are needed")
    if t.shape != (n,):
        raise ValueError(f"t has shape {t.shape}: a step, or times ({n},), one for each sample of x, are needed")
    validate.finite(t, "t")
    rounding = float(np.finfo(t.dtype).eps) * float(np.abs(t).max())
    times = t.astype(np.float64) - float(t[0])
    steps = np.diff(times)
    if n > 1 and steps.min() <= 0:
        i = int(np.argmax(steps <= 0))
        what = "repeated" if steps[i] == 0 else "decreasing"
        raise ValueError(f"t is {what}: t[{i}] is {float(t[i])!r}, t[{i + 1}] is {float(t[i + 1])!r}; sort x by time")
    step = float(times[-1]) / (n - 1) if n > 1 else 1.0
    if not 0 < step < math.inf:
        raise ValueError(f"the mean step of t is {step!r}: a positive, finite one is needed")
    is_uniform = n < 2 or float(np.abs(steps - step).max()) <= UNIFORM * step + 4 * rounding
    return step, None if is_uniform else times

"""Derivatives by a Kalman smoother that learns how much of x is noise.

The prior, that the p-th derivative of x is white noise, makes the smoothed x the smoothing spline of degree 2 p - 1:
Wahba, *Improper priors, spline smoothing and the problem of guarding against model errors in regression*, J. R. Stat.
Soc. B 40 (1978) 364-372. Filter, smoother and likelihood: `wiener`.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from sparsesci._lib import validate
from sparsesci._lib.dispatch import public

from .times import Samples, samples
from .wiener import Start, innovations, smooth

WINDOWS = 10  # smoothing times at which the likelihood is looked at first
SHORTEST = 0.1  # of them, in steps: below, no noise is left to be smoothed
ACCURACY = 0.03  # of the learned smoothing time, relative
NEAR = 0.4  # how far apart, in the logarithm, places may lie through which a parabola is believed
STRETCHES, LONGEST = 8, 1024  # of samples, in a series that is longer than them: they tell its noise to a few percent
CLOSEST = 1e-4  # mean steps: how close together the samples may lie that the filter starts from
HIGHEST = 6  # order: beyond, rounding of the first samples shows


@public
def kalman(
    x: Any, t: Any = 1.0, *, axis: int = 0, order: int = 4, smoothing_time: float | None = None, derivative: int = 1
) -> Any:
    """Return the derivative of a Kalman smoother for ``x^(order) = white noise``, which learns the noise of x.

    The smoothed x minimises ``sum_i (x_i - x(t_i))^2 + smoothing_time^(2 order) / h * integral x^(order)(t)^2 dt``,
    with h the mean step: it is a spline of degree ``2 order - 1``.

    Parameters
    ----------
    x : array (n,), (n, d) or of any dimension
        The samples of real series, each of which is smoothed for itself.
    t : float or array (n,)
        The step between two samples, or increasing times, uniform or not.
    axis : int
        The axis of the samples.
    order : int
        Which derivative is white noise, 2 to 6: 2 is white acceleration (a cubic spline), 3 white jerk.
    smoothing_time : float, optional
        In units of t: what is slower is kept, what is faster is smoothed away. 0 is the interpolating spline. By
        default it is learned, for each series: the ratio of process and measurement noise of largest likelihood.
    derivative : int
        Which derivative, below ``order``; 0 is the smoothed x.

    Returns
    -------
    array
        Of the shape and dtype of x (integers become float64).

    Raises
    ------
    ValueError, TypeError
        Fewer than ``order + 2`` samples, NaN or Inf (the message gives the index), times that do not increase, or
        complex x.

    Notes
    -----
    There is no prior on where x starts: polynomials of degree below ``order`` are reproduced exactly. The likelihood is
    that of all samples given the first ``order`` of them, maximised over the smoothing time by parabolas from the best
    of 10 between a tenth of a step and half the series; of more than 8192 samples eight stretches of 1024 are looked
    at. With noise, errors are those of the best smoothing time within a factor of 1.4 or so (order 3: of 2, order 2: of
    5), and about twice as large in the last few smoothing times at either end.

    Without noise the error is ``O(h^(2 order - 1))`` inside, but at the ends, where nothing tells the higher
    derivatives, ``O(h^(order - 1))``; both are of the order of rounding if x is a polynomial of low degree.

    Steps may differ by factors of 10^4; beyond that, noise in samples that lie close together at both ends can drown
    the start of the filter, and a `UserWarning` says so.

    Cost: O(n), ``order^3`` flops a sample where steps differ, and ``order^2`` where they do not, since the gains soon
    are constant; 20 times that, of at most 8192 samples, to learn. Memory: ``(order + 1)^2`` numbers a sample of one
    series where steps differ, ``order + 1`` where they do not. The samples are taken to the host and back. float32 is
    computed in float64.

    ``kalman.smoothed(x, t, ...)`` returns the smoothed x and x_dot for the price of one.

    References
    ----------
    Wahba, J. R. Stat. Soc. B 40 (1978) 364-372. Kohn, Ansley, Biometrika 76 (1989) 65-79.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsesci.recovery.dynamics.differentiate import finite_difference, kalman
    >>> t = np.linspace(0, 10, 1001)
    >>> noisy = np.sin(t) + 0.01 * np.random.default_rng(29).standard_normal(1001)
    >>> error = lambda x_dot: float(np.std(x_dot - np.cos(t)))
    >>> f"{error(finite_difference(noisy, t)):.2f} {error(kalman(noisy, t)):.2f}"
    '0.73 0.01'
    """
    derivative = validate.positive_integer(derivative, "derivative", least=0)
    found, order, smoothing_time = _checked(x, t, axis, order, smoothing_time, derivative)
    return found.from_columns(_series(found, order, smoothing_time, derivative)[derivative])


@public
def smoothed(
    x: Any, t: Any = 1.0, *, axis: int = 0, order: int = 4, smoothing_time: float | None = None, derivative: int = 1
) -> tuple[Any, Any]:
    """Return the smoothed x, and its derivative by `kalman`."""
    derivative = validate.positive_integer(derivative, "derivative", least=0)
    found, order, smoothing_time = _checked(x, t, axis, order, smoothing_time, derivative)
    series = _series(found, order, smoothing_time, derivative)
    return found.from_columns(series[0]), found.from_columns(series[derivative])


kalman.smoothed = smoothed


def _checked(x, t, axis, order, smoothing_time, derivative) -> tuple[Samples, int, float | None]:
    order = validate.positive_integer(order, "order", least=2)
    if order > HIGHEST:
        raise ValueError(f"order is {order}: 2 to {HIGHEST} are accepted")
    if derivative >= order:
        raise ValueError(f"derivative is {derivative}: below the order, {order}, is needed")
    if smoothing_time is not None:
        smoothing_time = validate.nonnegative_real(smoothing_time, "smoothing_time")
    needs = f"kalman(order={order})"
    return samples(x, t, axis, least=order + 2, needs=needs, takes_complex=False), order, smoothing_time


def _series(found: Samples, order: int, smoothing_time: float | None, derivative: int) -> np.ndarray:
    windows = None if smoothing_time is None else smoothing_time / found.step
    return smoothed_columns(found, order, windows, derivative).derivatives


class Smoothed(NamedTuple):
    """Smoothed series.

    Attributes
    ----------
    derivatives : array (m + 1, d, n)
        The series, and their derivatives up to the m-th.
    noise : array (d,)
        The standard deviation of the measurement noise.
    windows : array (d,)
        The smoothing times, in steps.
    """

    derivatives: np.ndarray
    noise: np.ndarray
    windows: np.ndarray


def smoothed_columns(
    found: Samples, order: int, smoothing_times: np.ndarray | float | None = None, derivative: int = 1
) -> Smoothed:
    """Return the smoothed series and their derivatives, what noise was found, and the smoothing times in steps.

    ``smoothing_times`` are in steps too: one, or one for each series, or None where they are learned.
    """
    rows, steps = found.columns(), found.steps
    # The filter starts where the first samples are farther apart: noise weighs less in what they say.
    is_reversed = float(np.sum(steps[: order - 1])) < (1 - 1e-9) * float(np.sum(steps[-order + 1 :]))
    if is_reversed:
        rows, steps = rows[:, ::-1], np.ascontiguousarray(steps[::-1])
    if (span := float(np.sum(steps[: order - 1]))) < CLOSEST:
        warnings.warn(
            f"the first and the last {order} samples lie within {span * found.step:.1e} of each other, where the mean "
            f"step is {found.step:.1e}: noise in them may drown all others; average them first",
            UserWarning,
            stacklevel=5,
        )
    model = model_of(steps, found.is_uniform, order)
    bases = rows[:, :1].copy()
    rows = np.ascontiguousarray(rows - bases)
    scales = np.abs(rows).max(axis=1, keepdims=True)
    scales[scales == 0] = 1.0
    rows /= scales
    if smoothing_times is None:
        windows = learn(rows, steps, found.is_uniform, order)
    else:
        windows = np.broadcast_to(np.asarray(smoothing_times, float), len(rows))
    out, noise = np.empty((derivative + 1, *rows.shape)), np.empty(len(rows))
    for j, y in enumerate(rows):
        ratio = windows[j] ** (2 * order)
        out[:, j] = smooth(y, *model, ratio, derivative)
        noise[j] = math.sqrt(ratio * innovations(y[:, None], *model, ratio)[0][0] / (len(y) - order))
    out, noise = out * scales, noise * scales[:, 0]
    out[0] += bases
    if is_reversed:
        out = out[:, :, ::-1]
    for i in range(1, derivative + 1):
        out[i] /= (-found.step if is_reversed else found.step) ** i
    return Smoothed(out, noise, windows)


def model_of(steps: np.ndarray, is_uniform: bool, order: int) -> tuple:
    """Return what filter and smoother have to know of the times."""
    start = Start.of(tuple(steps[: order - 1].tolist()), order)
    return steps, is_uniform, start.states, start.process, start.measured


def stretches(n: int) -> list[slice]:
    """Return the samples that the noise is learned from: all, or stretches of them, evenly spread."""
    if n <= STRETCHES * LONGEST:
        return [slice(0, n)]
    return [slice(begin, begin + LONGEST) for begin in np.linspace(0, n - LONGEST, STRETCHES).astype(int).tolist()]


def learn(rows: np.ndarray, steps: np.ndarray, is_uniform: bool, order: int) -> np.ndarray:
    """Return the smoothing times (m,) of largest likelihood of series (m, n), in steps; 0 where there is no noise."""
    parts = [
        (rows[:, part], model_of(steps[part.start : part.stop - 1], is_uniform, order))
        for part in stretches(rows.shape[1])
    ]
    n = sum(part.shape[1] - order for part, _ in parts)

    def sums(chosen, window):
        """Return the sums of squared innovations of the chosen series, and of the logarithms of their variances."""
        found = [innovations(part[chosen].T.copy(), *model, window ** (2 * order)) for part, model in parts]
        return sum(squares for squares, _ in found), sum(logarithms for _, logarithms in found)

    def surprise(chosen, window):
        """-2 log likelihood, the intensity of the process noise maximised out."""
        squares, logarithms = sums(chosen, window)
        return n * np.log(np.maximum(squares / n, np.finfo(float).tiny)) + logarithms

    learned = np.zeros(len(rows))
    # A polynomial but for rounding passes through every smoother.
    left = np.flatnonzero(sums(slice(None), 0.0)[0] > n * (1e3 * np.finfo(float).eps) ** 2)
    if not len(left):
        return learned
    # The gains are the same for all series: where the likelihood is looked at first, they are filtered side by side.
    windows = np.geomspace(SHORTEST, max(n / 2, 4 * SHORTEST), WINDOWS)
    surprises = np.stack([surprise(left, window) for window in windows])
    without = surprise(left, 0.0)
    for j, best, column, at_zero in zip(
        left.tolist(), np.argmin(surprises, axis=0).tolist(), surprises.T, without, strict=True
    ):
        if at_zero <= column[best] and best == 0:
            continue
        around = slice(max(best - 1, 0), min(best + 2, WINDOWS))
        places, values = np.log(windows[around]).tolist(), column[around].tolist()
        place, value = minimum(lambda place, j=j: surprise([j], math.exp(place))[0], places, values)
        learned[j] = 0.0 if at_zero <= value else math.exp(place)
    return learned


def surprises(found: Samples, order: int, windows: np.ndarray, first: int) -> np.ndarray:
    """Return -2 log likelihood of the samples from ``first`` on, given those before: one number for each series.

    So what smoothers of different orders, up to ``first``, say of the same samples can be compared.
    """
    rows, steps = found.columns(), found.steps
    rows -= rows[:, :1]
    rows /= np.maximum(np.abs(rows).max(axis=1, keepdims=True), np.finfo(float).tiny)
    model, n, out = model_of(steps, found.is_uniform, order)[1:], found.n - first, np.empty(len(rows))
    for j, y in enumerate(rows[..., None]):
        (whole, begin), (logs, first_logs) = zip(
            *(innovations(y[:k].copy(), steps[: k - 1], *model, windows[j] ** (2 * order)) for k in (found.n, first)),
            strict=True,
        )
        out[j] = n * math.log(max((whole[0] - begin[0]) / n, np.finfo(float).tiny)) + logs - first_logs
    return out


def minimum(function: Callable, places: list[float], values: list[float]) -> tuple[float, float]:
    """Return where a function is least, to within `ACCURACY`, and how large it is there.

    Of three places the middle one is the least; parabolas through them say where to look next. Of two places, at an end
    of what was looked at, the better one is taken.
    """
    while len(places) == 3:
        (a, b, c), (fa, fb, fc) = places, values
        left, right = (b - a) * (fb - fc), (b - c) * (fb - fa)
        place = b - ((b - a) * left - (b - c) * right) / (2 * (left - right)) if left != right else b
        if abs(place - b) <= ACCURACY and max(b - a, c - b) <= NEAR:
            return b, fb
        if abs(place - b) <= ACCURACY or min(place - a, c - place) < 0.1 * (c - a):  # it says nothing new
            place = b + 0.38 * (c - b if c - b > b - a else a - b)
        value = function(place)
        i = 1 if place < b else 2
        places, values = [*places[:i], place, *places[i:]], [*values[:i], value, *values[i:]]
        best = min(max(values.index(min(values)), 1), 2)
        places, values = places[best - 1 : best + 2], values[best - 1 : best + 2]
    return min(zip(places, values, strict=True), key=lambda pair: pair[1])

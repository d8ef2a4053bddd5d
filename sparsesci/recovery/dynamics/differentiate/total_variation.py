"""Derivatives of bounded variation: noise is taken away, and jumps of the derivative stay sharp.

Chartrand, *Numerical differentiation of noisy, nonsmooth data*, ISRN Appl. Math. (2011) 164564.

Deviations
----------
1. The derivative is constant between samples, and x its integral through them: with the second differences D of x the
   problem is that of l1 trend filtering (Kim, Koh, Boyd, Gorinevsky, *SIAM Rev.* 51 (2009) 339-360), whose systems are
   pentadiagonal: a step costs O(n), where the matrix of integration would be full.
2. It is solved by their interior-point method and not by lagged diffusivity: no parameter rounds the corner of the
   absolute value, and a bound from below says how far the objective is from its minimum.
3. alpha is chosen, where it is not given, so that x keeps the distance from the data that the noise has.
"""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np

from sparsesci._lib import validate
from sparsesci._lib.dispatch import kernel, public
from sparsesci._lib.result import ConvergenceWarning

from .kalman import smoothed_columns
from .times import Samples, samples

MAXITER = 200
SMALLEST_ALPHA = 1e-12  # of the one from which on x is a straight line
ACCURACY = 0.01  # of the distance that alpha is chosen for


@public
def total_variation(x: Any, t: Any = 1.0, *, axis: int = 0, alpha: float | None = None, rtol: float = 1e-6) -> Any:
    """Return the derivative of the x that is closest to the samples for its total variation of the derivative.

    Minimises ``1/2 integral (x(t) - x_i)^2 dt + alpha integral |x''(t)| dt``, x linear between the samples and the
    first integral by the trapezoidal rule, so alpha means the same whatever the step.

    Parameters
    ----------
    x : array (n,), (n, d) or of any dimension
        The samples of real series, each of which is treated for itself.
    t : float or array (n,)
        The step between two samples, or increasing times, uniform or not.
    axis : int
        The axis of the samples.
    alpha : float, optional
        The weight of the variation, in units of ``x t^2``; 0 leaves x as it is. By default the one with which
        ``rms(x - x_i)`` is the noise that a `kalman` of order 2 finds.
    rtol : float
        The rule is ``objective - bound <= rtol * objective``, with a bound from below by duality, up to rounding.

    Returns
    -------
    array
        Of the shape and dtype of x (integers become float64).

    Raises
    ------
    ValueError, TypeError
        Fewer than 4 samples, NaN or Inf (the message gives the index), times that do not increase, complex x.

    Warns
    -----
    ConvergenceWarning
        The rule was not met in 200 steps.

    Notes
    -----
    Between samples the derivative is constant. At a sample it is that of the parabola through it and its neighbours in
    the fitted x, at the ends the constant next to them: an error of ``O(h)`` there and ``O(h^2)`` inside where no noise
    is, and derivatives made of steps ("staircases") where there is: for smooth x `kalman` is more accurate.

    Cost: 10 to 40 steps of 100 flops a sample for an alpha; choosing alpha takes 10 to 40 of them. The samples are
    taken to the host and back. ``total_variation.smoothed(x, t, ...)`` returns the fitted x and x_dot for the price of
    one.

    References
    ----------
    Chartrand, ISRN Appl. Math. (2011) 164564. Kim, Koh, Boyd, Gorinevsky, SIAM Rev. 51 (2009) 339-360.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsesci.recovery.dynamics.differentiate import total_variation
    >>> t = np.linspace(-1, 1, 201)
    >>> noisy = abs(t) + 0.01 * np.random.default_rng(37).standard_normal(201)
    >>> x_dot = total_variation(noisy, t)
    >>> bool(np.abs(x_dot - np.sign(t))[abs(t) > 0.05].max() < 0.1)
    True
    """
    return smoothed(x, t, axis=axis, alpha=alpha, rtol=rtol)[1]


@public
def smoothed(x: Any, t: Any = 1.0, *, axis: int = 0, alpha: float | None = None, rtol: float = 1e-6) -> tuple[Any, Any]:
    """Return the x of `total_variation` and its derivative."""
    alpha = None if alpha is None else validate.nonnegative_real(alpha, "alpha")
    rtol = validate.positive_real(rtol, "rtol")
    found = samples(x, t, axis, least=4, needs="total_variation", takes_complex=False)
    rows, h, step = found.columns(), found.steps, found.step
    noise = _noise(found) if alpha is None else np.zeros(len(rows))
    worst = 0.0
    for j, row in enumerate(rows):
        base = row[0]
        scale = float(np.abs(row - base).max()) or 1.0
        y = (row - base) / scale
        weight = None if alpha is None else alpha / (scale * step**2)
        fitted, gap = _fit(y, h, weight, noise[j] / scale, rtol)
        rows[j] = base + scale * fitted
        worst = max(worst, gap)
    if worst > rtol:
        warnings.warn(
            f"total_variation is {worst:.1e} above the bound of its objective after {MAXITER} steps, not {rtol:.1e}: "
            "raise rtol, or use kalman",
            ConvergenceWarning,
            stacklevel=3,
        )
    return found.from_columns(rows), found.from_columns(_derivative(rows, h * step))


total_variation.smoothed = smoothed


def _noise(found: Samples) -> np.ndarray:
    """Return the noise of each series, as a smoother that believes in little finds it."""
    return smoothed_columns(found, 2, None, 0).noise


def _derivative(rows: np.ndarray, h: np.ndarray) -> np.ndarray:
    """Return the derivatives of parabolas through three neighbours; at the ends the slope next to them."""
    slopes = np.diff(rows, axis=1) / h
    left, right = h[:-1], h[1:]
    inside = (right * slopes[:, :-1] + left * slopes[:, 1:]) / (left + right)
    return np.concatenate([slopes[:, :1], inside, slopes[:, -1:]], axis=1)


def _fit(y: np.ndarray, h: np.ndarray, alpha: float | None, noise: float, rtol: float) -> tuple[np.ndarray, float]:
    """Return x and its gap, for an alpha or for the distance from y that the noise has."""
    g = (np.concatenate([h, [0]]) + np.concatenate([[0], h])) / 2
    if alpha == 0 or (alpha is None and noise == 0):
        return y, 0.0
    line, straight = _straight(y, h, g)
    if alpha is not None:
        return fit(y, h, g, alpha, rtol, MAXITER) if alpha < straight else (line, 0.0)

    def distance(x):
        return math.sqrt(np.mean((x - y) ** 2))

    if straight == 0 or distance(line) <= noise:
        return line, 0.0
    high = low = straight
    while low > SMALLEST_ALPHA * straight:
        high, low = low, low / 100
        if distance(fit(y, h, g, low, 1e-3, MAXITER)[0]) <= noise:
            break
    while high > (1 + 4 * ACCURACY) * low:
        middle = math.sqrt(low * high)
        reached = distance(fit(y, h, g, middle, 1e-3, MAXITER)[0])
        if abs(reached - noise) <= ACCURACY * noise:
            low = high = middle
        else:
            low, high = (low, middle) if reached > noise else (middle, high)
    return fit(y, h, g, math.sqrt(low * high), rtol, MAXITER)


def _straight(y: np.ndarray, h: np.ndarray, g: np.ndarray) -> tuple[np.ndarray, float]:
    """Return the line closest to y, and the alpha from which on it is the answer: max |z|, with D' z = G (y - line)."""
    t = np.concatenate([[0.0], np.cumsum(h)])
    t -= np.sum(g * t) / np.sum(g)
    line = np.sum(g * y) / np.sum(g) + t * (np.sum(g * t * y) / np.sum(g * t * t))
    return line, float(np.abs(np.cumsum(h * np.cumsum(g * (y - line))[:-1])[:-1]).max())


@kernel(cpu="sparsesci._cpu.total_variation:fit")
def fit(y, h, g, alpha, rtol, maxiter):
    """Minimise ``1/2 (x - y)' G (x - y) + alpha |D x|_1``; return x, and its gap relative to the objective.

    D takes the changes of the slope, and G is the diagonal matrix of g. The dual problem is to minimise ``1/2 z' A z -
    z' D y`` over ``|z| <= alpha``, where ``A = D G^-1 D'`` and ``x = y - G^-1 D' z``; ``upper`` and ``lower`` are the
    multipliers of its bounds. The gap of a pair is ``alpha |D x|_1 - z' D x``, which rounding keeps from zero; the sum
    of the products of the multipliers and how far z is from their bounds, which it equals otherwise, is not kept.
    """
    n = len(y)
    D = (np.eye(n - 2, n, 2) - np.eye(n - 2, n, 1)) / h[1:, None] - (np.eye(n - 2, n, 1) - np.eye(n - 2, n)) / h[
        :-1, None
    ]
    A = D / g @ D.T
    z, gap, centring = np.zeros(n - 2), math.inf, 0.2
    upper = lower = np.full(n - 2, np.abs(D @ y).max())
    for _ in range(maxiter):
        x = y - D.T @ z / g
        Dx = D @ x
        objective = 0.5 * np.sum(g * (x - y) ** 2) + alpha * np.sum(np.abs(Dx))
        gap = (alpha * np.sum(np.abs(Dx)) - z @ Dx) / objective if objective > 0 else 0.0
        above, below = alpha - z, alpha + z
        products = upper @ above + lower @ below
        gap = min(gap, products / objective if objective > 0 else 0.0)
        if not gap > rtol:
            break
        mu = centring * products / (2 * (n - 2))
        dz = np.linalg.solve(A + np.diag(upper / above + lower / below), Dx - mu / above + mu / below)
        d_upper = -upper + (mu + upper * dz) / above
        d_lower = -lower + (mu - lower * dz) / below
        shrinks = np.concatenate([dz / above, -dz / below, -d_upper / upper, -d_lower / lower])
        step = min(1.0, 0.99 / max(float(shrinks.max()), 0.5))  # so that all stay positive
        z, upper, lower = z + step * dz, upper + step * d_upper, lower + step * d_lower
        centring = 0.1 if step > 0.8 else 0.5
    return x, gap

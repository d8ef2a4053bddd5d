"""Savitzky-Golay filters: the derivative of a polynomial fitted to a window around each sample.

Savitzky, Golay, *Smoothing and differentiation of data by simplified least squares procedures*, Anal. Chem. 36 (1964)
1627-1639.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from sparsesci._lib import validate
from sparsesci._lib.dispatch import public

from .stencil import apply, polynomial_weights
from .times import uniform_samples


@public
def savitzky_golay(
    x: Any, t: Any = 1.0, *, axis: int = 0, window: int = 11, degree: int = 3, derivative: int = 1
) -> Any:
    """Return the derivative of the polynomial that is fitted to the window around each sample.

    Parameters
    ----------
    x : array (n,), (n, d) or of any dimension
        The samples; may be complex.
    t : float or array (n,)
        The step between two samples, or uniform times.
    axis : int
        The axis of the samples.
    window : int
        How many samples a polynomial is fitted to: an odd number.
    degree : int
        Degree of the polynomial, below ``window``.
    derivative : int
        Which derivative, at most ``degree``; 0 is the smoothed x.

    Returns
    -------
    array
        Of the shape and dtype of x (integers become float64).

    Raises
    ------
    ValueError, TypeError
        Fewer than ``window`` samples, NaN or Inf (the message gives the index), times that are not uniform or do not
        increase, an even window.

    Notes
    -----
    At the ends the polynomials are those of the first and the last window (``mode="interp"`` of SciPy). The derivative
    of polynomials up to ``degree`` is exact; otherwise the error is ``O((window h)^degree)``, inside one order better
    where ``degree`` is odd and the derivative even or the other way round. Noise of standard deviation s makes an error
    of about ``s / h (12 / window^3)^(1/2)`` for degree 2 and 2.5 times that for degree 4. The first derivative with
    ``window = degree + 2 = 5`` is the finite difference of order 4, and smooths nothing: `smoothed_finite_difference`
    smooths x first.

    Cost: ``3 window`` flops a sample. ``savitzky_golay.smoothed(x, t, ...)`` returns the smoothed x and x_dot.

    References
    ----------
    Savitzky, Golay, Anal. Chem. 36 (1964) 1627-1639.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsesci.recovery.dynamics.differentiate import savitzky_golay
    >>> t = np.linspace(0, 1, 101)
    >>> noisy = t**3 + 1e-3 * np.random.default_rng(23).standard_normal(101)
    >>> bool(np.abs(savitzky_golay(noisy, t, window=31) - 3 * t**2).max() < 0.1)
    True
    """
    window, degree = window_and_degree(window, degree)
    derivative = validate.positive_integer(derivative, "derivative", least=0)
    if derivative > degree:
        raise ValueError(f"derivative is {derivative}: at most the degree of the polynomials, {degree}, is accepted")
    found = uniform_samples(x, t, axis, least=window, needs=f"savitzky_golay(window={window})")
    return found.back(filtered(found.x, found.step, window, degree, derivative))


def filtered(x: Any, step: float, window: int, degree: int, derivative: int) -> Any:
    """Return what the filter makes of samples x (n, ...)."""
    half = window // 2
    rows = polynomial_weights(window, degree, derivative, np.arange(window)) / step**derivative
    sign = -1 if derivative % 2 else 1
    centre = (rows[half] + sign * rows[half][::-1]) / 2  # so that it is odd or even to the last digit
    return apply(x, centre, rows[:half], rows[half + 1 :])


def window_and_degree(window: Any, degree: Any) -> tuple[int, int]:
    """Return a window and a degree that a filter can have, as ints."""
    window, degree = (
        validate.positive_integer(window, "window"),
        validate.positive_integer(degree, "degree", least=0),
    )
    if window % 2 == 0:
        raise ValueError(f"window is {window}: an odd number is needed")
    if degree >= window:
        raise ValueError(f"degree is {degree}: below the window, {window}, is needed")
    return window, degree


@public
def smoothed(
    x: Any, t: Any = 1.0, *, axis: int = 0, window: int = 11, degree: int = 3, derivative: int = 1
) -> tuple[Any, Any]:
    """Return the smoothed x, and its derivative by `savitzky_golay`."""
    options = {"axis": axis, "window": window, "degree": degree}
    return savitzky_golay(x, t, derivative=0, **options), savitzky_golay(x, t, derivative=derivative, **options)


savitzky_golay.smoothed = smoothed

"""Savitzky-Golay smoothing, then finite differences: what the published ensembles of SINDy models were fitted to."""

from __future__ import annotations

from typing import Any

from sparsesci._lib import xp
from sparsesci._lib.dispatch import public

from .finite_difference import finite_difference
from .savitzky_golay import savitzky_golay


@public
def smoothed_finite_difference(
    x: Any,
    t: Any = 1.0,
    *,
    axis: int = 0,
    window: int = 11,
    degree: int = 3,
    order: int = 2,
    edge: int | None = None,
) -> Any:
    """Return finite differences of an x that has been smoothed by polynomials fitted to windows.

    Parameters
    ----------
    x : array (n,), (n, d) or of any dimension
        The samples; may be complex.
    t : float or array (n,)
        The step between two samples, or uniform times.
    axis : int
        The axis of the samples.
    window, degree : int
        Of `savitzky_golay`; the window is odd and the degree below it.
    order, edge : int
        Of `finite_difference`; the order is even.

    Returns
    -------
    array
        Of the shape and dtype of x (integers become float64).

    Notes
    -----
    The weights of the two steps multiply: with ``window=5, degree=3, order=2`` those of seven samples. At the ends the
    smoothing takes the first and last polynomial, and the differences are one-sided. Errors as those two functions.
    What was published had ``edge=4``; with noise those two samples are the worst, and a few hundred feel them.
    ``smoothed_finite_difference.smoothed(x, t, ...)`` returns the smoothed x and x_dot.

    References
    ----------
    Fasel, Kutz, Brunton, Brunton, *Ensemble-SINDy*, Proc. R. Soc. A 478 (2022) 20210904: ``window=5, degree=3``.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsesci.recovery.dynamics.differentiate import smoothed_finite_difference
    >>> t = np.linspace(0, 1, 101)
    >>> bool(np.allclose(smoothed_finite_difference(t**2, t, window=5), 2 * t))
    True
    """
    return smoothed(x, t, axis=axis, window=window, degree=degree, order=order, edge=edge)[1]


@public
def smoothed(
    x: Any,
    t: Any = 1.0,
    *,
    axis: int = 0,
    window: int = 11,
    degree: int = 3,
    order: int = 2,
    edge: int | None = None,
) -> tuple[Any, Any]:
    """Return the smoothed x, and its finite differences."""
    x = savitzky_golay(x, t, axis=axis, window=window, degree=degree, derivative=0)
    t = xp.to_host(t) if xp.is_array(t) else t
    return x, finite_difference(x, t, axis=axis, order=order, edge=edge)


smoothed_finite_difference.smoothed = smoothed

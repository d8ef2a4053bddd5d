"""The smoothed x together with its derivative, from whatever method there is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .automatic import automatic


def smoothed(x: Any, t: Any = 1.0, method: Callable = automatic) -> tuple[Any, Any]:
    """Return x and x_dot by a method; x is smoothed where the method has a smoothed x to offer, else as it was.

    Parameters
    ----------
    x : array (n,) or (n, d)
        The samples.
    t : float or array (n,)
        Step or times.
    method : callable
        ``method(x, t) -> x_dot``: any function, one of this package, or a ``functools.partial`` of one.
        By default `automatic`.

    Returns
    -------
    x, x_dot : arrays
        Of the shape of x.

    Examples
    --------
    >>> import functools, numpy as np
    >>> from sparsesci.recovery.dynamics import differentiate
    >>> t = np.linspace(0, 1, 51)
    >>> noisy = t**2 + 0.01 * np.random.default_rng(31).standard_normal(51)
    >>> x, x_dot = differentiate.smoothed(noisy, t, functools.partial(differentiate.kalman, order=3))
    >>> bool(abs(x - t**2).max() < 0.01 and abs(x_dot - 2 * t).max() < 0.2)
    True
    """
    function, arguments, options = method, (), {}
    while hasattr(function, "func") and hasattr(function, "keywords"):  # of a partial
        arguments, options = (*function.args, *arguments), function.keywords | options
        function = function.func
    if hasattr(function, "smoothed"):
        return function.smoothed(*arguments, x, t, **options)
    return x, method(x, t)

"""Finite differences of any even order, on any times: the derivative of the polynomial through neighbouring samples.

Fornberg, *Generation of finite difference formulas on arbitrarily spaced grids*, Math. Comp. 51 (1988) 699-706.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from sparsesci._lib import validate, xp
from sparsesci._lib.dispatch import public

from .stencil import apply, like, weights
from .times import samples


@public
def finite_difference(
    x: Any,
    t: Any = 1.0,
    *,
    axis: int = 0,
    order: int = 2,
    derivative: int = 1,
    edge: int | None = None,
    periodic: bool = False,
) -> Any:
    """Return the derivative of the polynomials through neighbouring samples.

    With order 2 and uniform times ``x_dot[i] = (x[i + 1] - x[i - 1]) / (2 h)``.

    Parameters
    ----------
    x : array (n,), (n, d) or of any dimension
        The samples; may be complex.
    t : float or array (n,)
        The step between two samples, or increasing times, uniform or not.
    axis : int
        The axis of the samples.
    order : int
        An even number: the error is ``O(h^order)``.
    derivative : int
        Which derivative, 1 or higher.
    edge : int, optional
        How many samples the polynomials of the first and the last samples go through: ``order + derivative`` if not
        given, which has the order of those inside; not less.
    periodic : bool
        Whether x goes on at its beginning: the sample that would follow ``x[n - 1]`` is ``x[0]``. Uniform times only.

    Returns
    -------
    array
        Of the shape and dtype of x (integers become float64).

    Raises
    ------
    ValueError, TypeError
        Fewer than ``order + derivative`` samples, NaN or Inf (the message gives the index), times that do not increase,
        an odd order.

    Notes
    -----
    Inside, the stencil is symmetric. At the ends it is the one-sided one of the same order through the first or last
    ``order + derivative`` samples, so all n values are of that order; the constants of the error are larger there: for
    order 2 it is ``h^2 x''' / 3`` instead of ``h^2 x''' / 6``. Even derivatives on times that are not uniform lose one
    order inside. Noise of standard deviation s makes an error of ``0.71 s / h`` (order 2) to ``1.1 s / h`` (order 8).

    Cost: ``3 order`` flops a sample on uniform times, ``order^2`` on others. Times are looked at on the host.

    References
    ----------
    Fornberg, Math. Comp. 51 (1988) 699-706.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsesci.recovery.dynamics.differentiate import finite_difference
    >>> t = np.array([0.0, 0.1, 0.3, 0.4, 0.7, 0.8])
    >>> bool(np.allclose(finite_difference(t**2, t), 2 * t))
    True
    """
    order = validate.positive_integer(order, "order")
    if order % 2:
        raise ValueError(f"order is {order}: an even number is needed")
    derivative = validate.positive_integer(derivative, "derivative")
    half, least = order // 2 + (derivative + 1) // 2 - 1, order + derivative
    edge = least if edge is None else validate.positive_integer(edge, "edge", least=least)
    found = samples(x, t, axis, least=edge, needs=f"finite_difference(order={order}, derivative={derivative})")
    if not found.is_uniform:
        if periodic:
            raise ValueError("periodic=True with times that are not uniform: the period is not known, resample x")
        return found.back(_on_any_times(found.x, found.times, half, edge, derivative))
    scale = found.step**-derivative
    with np.errstate(over="ignore"):
        inside, at_edge = uniform_weights(half, edge, derivative)
        centre = scale * inside
        if periodic:
            wrapped = xp.namespace(found.x).concat([found.x[-half:, ...], found.x, found.x[:half, ...]])
            return found.back(apply(wrapped, centre, *2 * (np.empty((0, 0)),)))
        first = scale * at_edge
        last = (-1) ** derivative * first[::-1, ::-1]
        return found.back(apply(found.x, centre, first, last))


@functools.lru_cache(64)
def uniform_weights(half: int, edge: int, derivative: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the weights (2 half + 1,) of a sample inside, and those (half, edge) of the first ones, for steps of 1."""
    inside = weights(np.arange(-half, half + 1.0)[None], derivative)[0]
    return inside, weights(np.arange(edge) - np.arange(half)[:, None], derivative)


def _on_any_times(x: Any, times: np.ndarray, half: int, edge: int, derivative: int) -> Any:
    """Return the derivatives of x (n, ...) from weights of their own for each sample."""
    namespace, n, w = xp.namespace(x), x.shape[0], 2 * half + 1
    parts = []
    for rows, width in ((np.arange(half), edge), (np.arange(half, n - half), w), (np.arange(n - half, n), edge)):
        begin = np.clip(rows - half, 0, n - width)
        gaps = times[begin[:, None] + np.arange(width)] - times[rows, None]
        unit = np.abs(gaps).max(axis=1, keepdims=True, initial=0)
        c = like(weights(gaps / unit, derivative) / unit**derivative, x)
        here = namespace.take(x, xp.to_like(rows, x), axis=0)
        total = xp.zeros_like(here)
        for j in range(width):
            other = namespace.take(x, xp.to_like(begin + j, x), axis=0)
            total = total + namespace.reshape(c[:, j], (-1, *(1,) * (x.ndim - 1))) * (other - here)
        parts.append(total)
    return namespace.concat(parts)

"""Sums of neighbouring samples with weights: what a formula for uniform times comes down to."""

from __future__ import annotations

from typing import Any

import numpy as np

from sparsesci._lib import xp


def weights(points: np.ndarray, derivative: int) -> np.ndarray:
    """Return the weights (k, w) of the derivative at zero of the polynomials through points (k, w).

    Fornberg, *Generation of finite difference formulas on arbitrarily spaced grids*, Math. Comp. 51 (1988) 699-706: the
    weights of j + 1 points come from those of j. Cost: ``k w^2 derivative``.
    """
    k, w = points.shape
    c = np.zeros((w, derivative + 1, k))
    c[0, 0] = 1
    before = np.ones(k)  # the product of the differences to the point before
    for j in range(1, w):
        z, product = points[:, j], np.ones(k)
        newest = c[j - 1].copy()
        for i in range(j):
            gap = z - points[:, i]
            product = product * gap
            for m in range(min(j, derivative), -1, -1):
                c[i, m] = (z * c[i, m] - (m * c[i, m - 1] if m else 0)) / gap
        for m in range(min(j, derivative) + 1):
            c[j, m] = before / product * ((m * newest[m - 1] if m else 0) - points[:, j - 1] * newest[m])
        before = product
    return c[:, derivative].T


def polynomial_weights(window: int, degree: int, derivative: int, places: np.ndarray) -> np.ndarray:
    """Return the weights (k, window) of the derivative, at k places, of a polynomial fitted to ``0 .. window - 1``.

    The fit is in Legendre polynomials of the window, which are nearly orthogonal on it at any degree.
    """
    from numpy.polynomial import legendre

    half = max((window - 1) / 2, 0.5)
    points = (np.arange(window) - (window - 1) / 2) / half
    pseudo_inverse = np.linalg.pinv(legendre.legvander(points, degree), rcond=1e-14)
    at = (np.asarray(places, float) - (window - 1) / 2) / half
    basis = np.stack([legendre.legval(at, legendre.legder(row, derivative)) for row in np.eye(degree + 1)], axis=1)
    return basis @ pseudo_inverse / half**derivative


def apply(x: Any, centre: np.ndarray, first: np.ndarray, last: np.ndarray) -> Any:
    """Return the weighted sums of neighbouring rows of x (n, ...), n of them.

    Parameters
    ----------
    x : array (n, ...)
        The samples.
    centre : array (2 half + 1,)
        Weights of the neighbours of a sample that has half of them at either side.
    first, last : arrays (half, w)
        Weights of the first w samples for the first rows, and of the last w samples for the last ones; with no rows,
        what has not enough neighbours is left out.

    Notes
    -----
    Sums are of differences to one sample, so that a constant costs no digits.
    """
    namespace, half, n = xp.namespace(x), len(centre) // 2, x.shape[0]
    total = round(float(np.sum(centre)))  # 1 of a mean, 0 of a derivative
    middle = x[half : n - half, ...]
    out = total * middle if total else xp.zeros_like(middle)
    for k in range(1, half + 1):
        right, left = x[half + k : n - half + k, ...], x[half - k : n - half - k, ...]
        ahead, behind = float(centre[half + k]), float(centre[half - k])
        if ahead == -behind:
            out = out + ahead * (right - left)
        else:
            out = out + (ahead * (right - middle) + behind * (left - middle))
    if not len(first):
        return out
    ends = []
    for rows, part, base in (
        (first, x[: first.shape[1], ...], x[:1, ...]),
        (last, x[n - last.shape[1] :, ...], x[-1:, ...]),
    ):
        flat = namespace.reshape(part - base, (part.shape[0], -1))
        sums = namespace.reshape(like(rows, x) @ flat, (rows.shape[0], *x.shape[1:]))
        ends.append(sums + total * base if total else sums)
    return namespace.concat([ends[0], out, ends[1]])


def like(rows: np.ndarray, x: Any) -> Any:
    """Return host weights with the library, device and dtype of x."""
    return xp.to_like(np.ascontiguousarray(rows).astype(xp.dtype_name(x.dtype)), x)

"""Sorting of a sequence of systems by their parameters, so that each can use what the one before has learnt.

Wang, Hao, Wang, Geng, Wang, Li, Wu, *Accelerating Data Generation for Neural Operators via Krylov Subspace Recycling*,
ICLR 2024 (SKR): its sorting algorithm, with the division into groups that it gives for many systems. System i has the
parameter array P_i, and systems are near each other where ``||P_i - P_j||_F`` is small.

1. Reduce the dimension of the P_i by their low frequencies or by principal components.
2. Divide many systems into groups along a Hilbert curve.
3. Begin a group at one system,
4. move on to the nearest system of the group that has not been visited,
5. and repeat 4 until all of them have been visited.

Deviations
----------
1. The paper begins at the system that happens to come first. Here it is one at an end: the system farthest from that
   one which is farthest from the mean. A later group begins at the system nearest to the last one visited.
2. The path is uncrossed in the end (`greedy_path`): the walk of 3-5 leaves systems behind, and comes back for them by
   long steps.
3. The low frequencies are those of the cosine transform, the even real form of the FFT: it is orthonormal, so that
   distances shrink by what is left out and by nothing else, and fields need not be periodic.
4. The Hilbert curve runs through the first three principal components of the reduced parameters, whatever reduced them.
5. Systems with equal parameters are sorted as one: they always follow each other.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Any

import numpy as np

from sparsesci._lib import validate, xp

from .greedy_path import short_path
from .hilbert import hilbert_order

METHODS = ("greedy", "hilbert")
REDUCTIONS = ("auto", "fft", "pca")
N_EXACT = 256  # auto: no reduction of so few systems, or so few features
N_MODES = 256  # of a field
N_COMPONENTS = 64
VARIANCE_OF_A_FIELD = 0.9  # auto: what the lowest modes must hold to stand for the field
CURVE_DIMENSION = 3
SKETCH_ABOVE = 512  # features: beyond, principal components come out of a random sketch
CHUNK = 1 << 20  # numbers that are transformed at a time


def order_systems(features: Any, *, method: str = "greedy", reduce: str | int | None = "auto", group_size: int = 2000):
    """Return an order in which systems of similar parameters follow each other.

    The order p makes the path ``sum_i ||P[p[i+1]] - P[p[i]]||_F`` through the parameter arrays P short (not shortest).

    Parameters
    ----------
    features : array (N, ...) or sequence of N arrays
        What the systems are made of, one array of any shape for each, real or complex: a coefficient field, a vector
        of parameters, a number.
    method : {"greedy", "hilbert"}
        "greedy" moves on to the nearest system of its group, and uncrosses the path. "hilbert" is the order along a
        Hilbert curve through the first three principal components: cheaper, and for many parameters a longer path.
    reduce : {"auto", "fft", "pca"}, int or None
        The coordinates in which distances are measured. None takes the features as they are, "fft" the 256 lowest
        cosine modes, "pca" the first 64 principal components. "auto" is None where systems or features are at most
        256; beyond, "fft" for fields (arrays of two dimensions or more) of which the lowest modes hold 90 % of the
        variance, otherwise "pca". An int takes that many principal components of what "auto" chooses.
    group_size : int
        Most systems of a group of "greedy". Where there are more, groups are equal stretches of the Hilbert curve.

    Returns
    -------
    array (N,)
        A permutation as int64, in the library and on the device of ``features`` (NumPy for a sequence): solve system
        ``order[0]`` first. The same features always give the same order.

    Raises
    ------
    ValueError
        There are no systems or no features, their shapes differ, one is NaN or Inf (its index is named), or an option
        is unknown or below 1.
    TypeError
        The features are not numbers, or an option is of the wrong type.

    Notes
    -----
    "greedy" costs at most ``N d (group_size / 2 + 500)`` multiply-adds in d coordinates, fewer where the first ones
    tell points apart, and some 10^7 operations for each 1000 systems to uncross the path; the reduction of arrays of D
    numbers ``N D log D`` ("fft") or 400 N D ("pca"). Memory: two float64 copies of the features, and 8 MB. All runs on
    the host: features on a device are brought there once.

    The order does not depend on the scale of the features nor, but for rounding, on an array added to all of them. It
    is worth what recycling gains from similarity: of the products of ILU(0)-preconditioned `gcrodr`, 4 to 6 % on
    shuffled drifting Darcy systems, 2 to 11 % on Helmholtz ones, and nothing where they were drawn independently
    (benchmarks/results/sorting.json).

    References
    ----------
    Wang, Hao, Wang, Geng, Wang, Li, Wu, ICLR 2024. Skilling, AIP Conf. Proc. 707 (2004) 381-387.

    Examples
    --------
    >>> from sparsesci.solvers import order_systems
    >>> order_systems([[0.0, 3.1], [0.0, 9.0], [0.0, 1.0], [0.0, 5.2]]).tolist()
    [2, 0, 3, 1]
    """
    if method not in METHODS:
        raise ValueError(f"method is {method!r}: {' or '.join(map(repr, METHODS))} is needed")
    if isinstance(reduce, str) and reduce not in REDUCTIONS:
        raise ValueError(f"reduce is {reduce!r}: {', '.join(map(repr, REDUCTIONS))}, None or an integer is needed")
    if not (reduce is None or isinstance(reduce, str)):
        reduce = validate.positive_integer(reduce, "reduce")
    group_size = validate.positive_integer(group_size, "group_size")

    P, shape = _parameters(features)
    firsts, which = _distinct(P)
    X = _reduced(P if firsts.size == which.size else P[firsts], shape, reduce)  # 1
    if method == "hilbert" or X.shape[0] > group_size:
        order = hilbert_order(X @ principal_axes(X, CURVE_DIMENSION))
    else:
        order = np.arange(X.shape[0])
    if method == "greedy":
        groups = np.array_split(order, -(-order.size // group_size))  # 2
        order = short_path(X, groups)  # 3-5
    place = np.argsort(order)[which]  # of equal systems the same
    order = np.argsort(place, kind="stable").astype(np.int64)
    return xp.to_like(order, features) if xp.is_array(features) else order


def _parameters(features: Any) -> tuple[np.ndarray, tuple[int, ...]]:
    """Return the features as real rows (N, D) in float64, centred and scaled to at most 1, and the shape of one."""
    if xp.is_array(features) or hasattr(features, "__array__"):
        P = xp.to_host(features) if xp.is_array(features) else np.asarray(features)
    elif xp.is_sparse(features) or not hasattr(features, "__iter__"):
        raise TypeError(f"features is a {type(features).__name__}: an array (N, ...) or a sequence of arrays is needed")
    else:
        items = [xp.to_host(item) if xp.is_array(item) else np.asarray(item) for item in features]
        for i, item in enumerate(items):
            if item.shape != items[0].shape:
                shapes = f"features[{i}] has shape {item.shape} and features[0] {items[0].shape}"
                raise ValueError(f"{shapes}: one shape is needed for all")
        P = np.stack(items) if items else np.empty(0)
    if P.ndim == 0 or P.size == 0:
        raise ValueError(f"features has shape {P.shape}: (N, ...), not empty, is needed")
    P = validate.float_array(P, "features")
    validate.finite(P, "features")

    shape = P.shape[1:]
    P = P.reshape(P.shape[0], -1)
    P = P.view(P.real.dtype).astype(np.float64)  # complex numbers as pairs
    # Powers of two: they round nothing, and keep sums and squares within range.
    _shrink(P)
    P -= P.mean(axis=0)
    _shrink(P)
    P += 0.0  # no negative zeros
    return P, shape


def _shrink(P: np.ndarray) -> None:
    """Divide by a power of two, so that the largest entry lies in [1/2, 1)."""
    np.ldexp(P, -np.frexp(max(P.max(), -P.min()))[1], out=P)


def _distinct(P: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the first index of each set of equal rows, and for every row the number of its set."""
    seen: dict[bytes, int] = {}
    which = np.array([seen.setdefault(blake2b(row).digest(), len(seen)) for row in P])
    return np.unique(which, return_index=True)[1], which


def _reduced(P: np.ndarray, shape: tuple[int, ...], reduce: str | int | None) -> np.ndarray:
    """Return the coordinates (N, d) in which distances of the rows of P are measured."""
    if reduce is None:
        return P
    if reduce == "fft":
        return _lowest_modes(P, shape)
    if reduce == "pca":
        return P @ principal_axes(P, N_COMPONENTS)
    X = _automatic(P, shape)
    return X if reduce == "auto" else X @ principal_axes(X, reduce)


def _automatic(P: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    if min(P.shape) <= N_EXACT:
        return P
    if len(shape) >= 2:
        X = _lowest_modes(P, shape)
        if _square(X) >= VARIANCE_OF_A_FIELD * _square(P):
            return X
    return P @ principal_axes(P, N_COMPONENTS)


def _square(X: np.ndarray) -> float:
    return float(np.vdot(X, X))


def _lowest_modes(P: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Return the `N_MODES` coefficients of lowest frequency in the orthonormal cosine transform of each field."""
    from scipy.fft import dctn

    N, D = P.shape
    shape = shape or (1,)
    axes = tuple(range(1, 1 + len(shape)))
    fields = P.reshape(N, *shape, -1)
    n_parts = fields.shape[-1]  # 2 of a complex number
    squared_frequency = sum(k**2 for k in np.indices(shape)).ravel()
    lowest = np.argsort(squared_frequency, kind="stable")[: N_MODES // n_parts]
    modes = np.empty((N, lowest.size, n_parts))
    step = max(1, CHUNK // D)
    for i in range(0, N, step):
        transformed = dctn(fields[i : i + step], axes=axes, norm="ortho")
        modes[i : i + step] = transformed.reshape(-1, D // n_parts, n_parts)[:, lowest]
    return modes.reshape(N, -1)


def principal_axes(X: np.ndarray, k: int) -> np.ndarray:
    """Return k orthonormal columns (D, k), or D of them, along which centred rows X (N, D) vary most.

    For many features by two steps of subspace iteration from a random start (Halko, Martinsson, Tropp, 2011, algorithm
    4.4), whose numbers are the same in every call.
    """
    D = X.shape[1]
    if D <= SKETCH_ABOVE:
        Q = np.eye(D)
    else:
        Q = np.random.default_rng(20240507).standard_normal((D, min(k + 16, D)))
        for _ in range(2):
            Q = np.linalg.qr(X.T @ (X @ Q))[0]
    Y = X @ Q
    axes = Q @ np.linalg.eigh(Y.T @ Y)[1][:, ::-1][:, :k]
    return axes * np.where(axes[np.abs(axes).argmax(axis=0), np.arange(axes.shape[1])] < 0, -1.0, 1.0)

"""How far a sparse Walsh-Hadamard spectrum is from the true one: its squared error, and its support."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..oracle import Oracle

FOUND = 0.5  # of the smallest true modulus: a coefficient above that counts as found


def spectrum_error(f: Oracle, n: int, sparsity: int, noise_std: float, x: Sequence) -> float:
    """Return the squared error, and 1 more where the support is not exactly the true one; NaN where there is one in x.

    To the support belong the coefficients above half of the smallest true modulus.

    Parameters
    ----------
    f, n, sparsity, noise_std
        The system; f holds the true spectrum.
    x : pair of array (K,) and (K,)
        Indices and coefficients of a spectrum.

    Raises
    ------
    ValueError
        x is no such pair, or holds an index twice.
    """
    X, Y = _side_by_side(f, x)
    is_support_right = np.array_equal(np.abs(Y) > FOUND * np.abs(f.values).min(), X != 0)
    return squared_error(f, x) + (0 if is_support_right else 1)


def squared_error(f: Oracle, x: Sequence) -> float:
    """Return ``||X - Y||^2 / ||X||^2``, over all of F_2^n, for the true spectrum X and that of x, Y."""
    X, Y = _side_by_side(f, x)
    return float((np.abs(X - Y) ** 2).sum() / (np.abs(X) ** 2).sum())


def _side_by_side(f: Oracle, x: Sequence) -> tuple[np.ndarray, np.ndarray]:
    """Return both spectra on the union of their supports."""
    if len(x) != 2 or np.ndim(x[0]) != 1 or np.shape(x[0]) != np.shape(x[1]):
        raise ValueError("the answer is no pair of indices and coefficients of one length")
    indices, values = np.asarray(x[0], dtype=np.uint64), np.asarray(x[1])
    if len(np.unique(indices)) != len(indices):
        raise ValueError("the answer holds an index twice")
    every = np.union1d(f.indices, indices)
    X, Y = np.zeros((2, len(every)), np.complex128)
    X[np.searchsorted(every, f.indices)] = f.values
    Y[np.searchsorted(every, indices)] = values
    return X, Y

"""Sparse problems for the tests of Bayesian recovery."""

import numpy as np
import pytest


@pytest.fixture
def sparse_problem():
    """Return a function that draws ``Y = A X + n``: A (M, N), Y (M,) or (M, l), X, and the variance of n."""

    def draw(M, N, K, *, seed, snr=20.0, n_columns=None, dtype=float, kind="signs"):
        rng = np.random.default_rng(seed)
        is_complex = np.dtype(dtype).kind == "c"

        def normal(*shape):
            return rng.standard_normal(shape) + (1j * rng.standard_normal(shape) if is_complex else 0)

        A = normal(M, N)
        X = np.zeros((N, n_columns or 1), A.dtype)
        entries = normal(K, n_columns or 1)
        X[rng.choice(N, K, replace=False)] = entries / np.abs(entries) if kind == "signs" else entries
        clean = A @ X
        noise_var = np.mean(np.abs(clean) ** 2) / 10 ** (snr / 10)
        noise = normal(*clean.shape)
        Y = clean + noise * np.sqrt(noise_var / (2 if is_complex else 1))
        A, Y, X = A.astype(dtype), Y.astype(dtype), X.astype(dtype)
        return (A, Y, X, noise_var) if n_columns else (A, Y[:, 0], X[:, 0], noise_var)

    return draw


@pytest.fixture
def figures():
    """Return the normalised squared error of x and the F1 score of its support."""

    def of(x, true):
        found, there = np.any(np.reshape(x, (len(x), -1)) != 0, axis=1), np.reshape(true, (len(x), -1)).any(axis=1)
        f1 = 2 * np.sum(found & there) / max(np.sum(found) + np.sum(there), 1)
        return np.sum(np.abs(x - true) ** 2) / np.sum(np.abs(true) ** 2), f1

    return of

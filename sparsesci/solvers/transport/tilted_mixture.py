"""Gaussian mixtures under an exponential tilt: what `LightSB` computes with.

For ``v(y) = sum_k alpha_k N(y | r_k, eps S_k)`` both ``log v(y)`` and ``log c(x) = log int exp(x'y / eps) v(y) dy`` are
log-sum-exps of functions that are linear in the statistics ``T(z) = (1, z, z z')``. One pass over the data, blocked, by
matrix products, serves them all: values, responsibilities and their moments, and it runs on any array namespace. The
parameters are few, and stay on the host.

S has one number a component where the covariances are spherical (K,), the diagonal (K, D), or all of it (K, D, D);
``z z'`` is then ``|z|^2 / D``, ``z * z`` or the outer product, and ``<A, B>`` stands for ``trace(A B)``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from sparsesci._lib import xp
from sparsesci._lib.xp import to_host, to_like

NEGLIGIBLE = -80.0  # logits below the largest of their row: exp of less is slow, and lost in the sum anyway
HOST_BLOCK, DEVICE_BLOCK = 2**15, 2**24  # entries of a block of rows: in the second-level cache; enough to fill a GPU


class Mixture(NamedTuple):
    """``log alpha_k`` (K,), ``r_k`` (K, D) and ``S_k`` (K,), (K, D) or (K, D, D); a gradient has the same form."""

    log_alpha: np.ndarray
    r: np.ndarray
    S: np.ndarray

    def moved(self, step: float, direction: Mixture) -> Mixture:
        """Return ``self + step * direction``."""
        return Mixture(*(part + step * change for part, change in zip(self, direction, strict=True)))


class Moments(NamedTuple):
    """Of a weighted sample, per component: mass (K,), mean (K, D), covariance in the form of S."""

    mass: np.ndarray
    mean: np.ndarray
    V: np.ndarray


# The algebra of the three forms of S


def square(z, S) -> np.ndarray:
    """``z z'`` for rows z (K, D), in the form of S."""
    if S.ndim == 1:
        return (z * z).mean(axis=1)
    return z * z if S.ndim == 2 else z[:, :, None] * z[:, None, :]


def apply(S, z) -> np.ndarray:
    """``S_k z_k`` for rows z (K, D)."""
    if S.ndim == 3:
        return (S @ z[:, :, None])[:, :, 0]
    return (S[:, None] if S.ndim == 1 else S) * z


def product(A, B) -> np.ndarray:
    """``A_k B_k``."""
    return A @ B if A.ndim == 3 else A * B


def inverse(S) -> np.ndarray:
    """``S_k^-1``."""
    return np.linalg.inv(S) if S.ndim == 3 else 1 / S


def inner(A, B, D: int) -> np.ndarray:
    """``<A_k, B_k>``, (K,)."""
    return D * A * B if A.ndim == 1 else (A * B).sum(axis=tuple(range(1, A.ndim)))


def log_determinant(S, D: int) -> np.ndarray:
    """``log det S_k``, (K,)."""
    if S.ndim == 3:
        return np.linalg.slogdet(S)[1]
    return D * np.log(S) if S.ndim == 1 else np.log(S).sum(axis=1)


def identity_like(S) -> np.ndarray:
    """Return the identity in the form of S, to be broadcast."""
    return np.eye(S.shape[-1]) if S.ndim == 3 else np.ones(1)


def bridge_covariance(V_x, V_y, eps: float, least: float) -> np.ndarray:
    """Return the S with ``S V_x S + eps S = V_y``, no eigenvalue below ``least``.

    With ``V_y = B^2`` it is ``B f(B V_x B) B`` for ``f(g) = 2 / (eps + sqrt(eps^2 + 4 g))``, also where ``V_x`` is
    singular.
    """
    if V_y.ndim < 3:
        V_x, V_y = np.maximum(V_x, 0), np.maximum(V_y, 0)
        return at_least(2 * V_y / (eps + np.sqrt(eps**2 + 4 * V_x * V_y)), least)
    B = of_eigenvalues(V_y, lambda v: np.sqrt(np.maximum(v, 0)))
    S = B @ of_eigenvalues(B @ V_x @ B, lambda g: 2 / (eps + np.sqrt(eps**2 + 4 * np.maximum(g, 0)))) @ B
    return at_least(S, least)


def at_least(S, least: float) -> np.ndarray:
    """Raise the eigenvalues of S that are smaller to ``least``."""
    return of_eigenvalues(S, lambda s: np.maximum(s, least)) if S.ndim == 3 else np.maximum(S, least)


def smallest(S) -> float:
    """Return the smallest eigenvalue of all S_k."""
    return float(np.linalg.eigvalsh(S).min() if S.ndim == 3 else S.min())


def of_eigenvalues(A, f) -> np.ndarray:
    """Apply f to the eigenvalues of symmetric matrices (K, D, D)."""
    values, vectors = np.linalg.eigh((A + A.mT) / 2)
    return (vectors * f(values)[:, None, :]) @ vectors.mT


# The logits: coefficients of T(z), one row a component


def coefficients(constant, linear, quadratic) -> np.ndarray:
    """Return rows C with ``C_k T(z) = constant_k + linear_k' z + z' quadratic_k z``."""
    return np.concatenate([constant[:, None], linear, quadratic.reshape(len(constant), -1)], axis=1)


def source_logits(mixture: Mixture, eps: float) -> np.ndarray:
    """Of ``log c(x)``: ``log alpha_k + (x' S_k x + 2 r_k' x) / (2 eps)``."""
    log_alpha, r, S = mixture
    return coefficients(log_alpha, r / eps, S / (2 * eps))


def target_logits(mixture: Mixture, eps: float) -> np.ndarray:
    """Of ``log v(y)``: ``log alpha_k + log N(y | r_k, eps S_k)``."""
    log_alpha, r, S = mixture
    D, precision = r.shape[1], inverse(S) / eps
    linear = apply(precision, r)
    constant = D * np.log(2 * np.pi * eps) + log_determinant(S, D) + (r * linear).sum(axis=1)
    return coefficients(log_alpha - constant / 2, linear, -precision / 2)


def bridge_logits(mixture: Mixture, eps: float, t: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the logits of the components at time t, and p, Q: within a component the drift is ``p_k + Q_k x``.

    With ``B_k = t S_k + (1 - t) I``: logits ``log alpha_k - log det(B_k) / 2 +
    (x' B_k^-1 (S_k - I) x + 2 x' B_k^-1 r_k - t r_k' B_k^-1 r_k) / (2 eps)``, ``p = B^-1 r``, ``Q = B^-1 (S - I)``.
    """
    log_alpha, r, S = mixture
    one = identity_like(S)
    B = t * S + (1 - t) * one
    B_inverse = inverse(B)
    p, Q = apply(B_inverse, r), product(B_inverse, S - one)
    constant = log_alpha - log_determinant(B, r.shape[1]) / 2 - t * (r * p).sum(axis=1) / (2 * eps)
    return coefficients(constant, p / eps, Q / (2 * eps)), p, Q


# Passes over the data, on its own device


def blocks(Z, C) -> Iterator[tuple[Any, Any, Any, Any]]:
    """Yield, for blocks of rows of Z: the rows in double precision, T of them, log-sum-exps, and responsibilities."""
    namespace, (K, width), D = xp.namespace(Z), C.shape, Z.shape[1]
    C = to_like(np.ascontiguousarray(C.T), Z)
    entries = HOST_BLOCK if xp.is_numpy(Z) else DEVICE_BLOCK
    rows = max(64, entries // max(K, width))
    for begin in range(0, Z.shape[0], rows):
        z = namespace.astype(Z[begin : min(begin + rows, Z.shape[0]), :], namespace.float64, copy=False)
        one = namespace.ones((z.shape[0], 1), dtype=z.dtype, device=xp.device(z))
        if width == D + 2:
            quadratic = namespace.sum(z * z, axis=1, keepdims=True)
        elif width == 2 * D + 1:  # for D = 1 the forms coincide
            quadratic = z * z
        else:
            quadratic = namespace.reshape(z[:, :, None] * z[:, None, :], (z.shape[0], D * D))
        T = namespace.concat([one, z, quadratic], axis=1)
        logits = T @ C
        largest = namespace.max(logits, axis=1, keepdims=True)
        weights = namespace.exp(namespace.clip(logits - largest, min=NEGLIGIBLE))
        total = namespace.sum(weights, axis=1, keepdims=True)
        yield z, T, largest + namespace.log(total), (weights, total)


def moments(Z, C, S) -> tuple[float, Moments]:
    """Return the mean of the log-sum-exp of the logits ``C T(z)``, and the moments of the responsibilities."""
    value, sums = 0.0, 0.0
    namespace = xp.namespace(Z)
    for _, T, logarithms, (weights, total) in blocks(Z, C):
        value = value + namespace.sum(logarithms)
        sums = sums + weights.T @ (T / total)
    sums = to_host(sums) / Z.shape[0]
    D = Z.shape[1]
    mass = sums[:, 0]
    mean, second = sums[:, 1 : D + 1] / mass[:, None], sums[:, D + 1 :] / mass[:, None]
    second = second[:, 0] / D if S.ndim == 1 else second.reshape(S.shape)
    return float(value) / Z.shape[0], Moments(mass, mean, second - square(mean, S))


def mean_logarithm(Z, C) -> float:
    """Return the mean of the log-sum-exp of the logits ``C T(z)``."""
    namespace = xp.namespace(Z)
    return sum(float(namespace.sum(logarithms)) for _, _, logarithms, _ in blocks(Z, C)) / Z.shape[0]


def mix(Z, C, p, Q):
    """Return ``sum_k w_k(z) (p_k + Q_k z)`` for the rows of Z, in double precision."""
    namespace, D = xp.namespace(Z), Z.shape[1]
    flat = to_like(Q.reshape(len(Q), -1), Z)
    p, parts = to_like(p, Z), []
    for z, _, _, (weights, total) in blocks(Z, C):
        w = weights / total
        slope = w @ flat
        if Q.ndim == 3:
            turned = namespace.reshape(slope, (z.shape[0], D, D)) @ z[:, :, None]
            parts.append(w @ p + turned[:, :, 0])
        else:
            parts.append(w @ p + slope * z)
    return namespace.concat(parts, axis=0)


def draw(Z, mixture: Mixture, eps: float, uniform, normal):
    """Draw y for every row of Z from ``sum_k w_k(z) N(r_k + S_k z, eps S_k)``, by numbers that were drawn before."""
    namespace, (_, r, S) = xp.namespace(Z), mixture
    root = np.linalg.cholesky(eps * S) if S.ndim == 3 else np.sqrt(eps * S)
    r, S, root = (to_like(part[:, None] if part.ndim == 1 else part, Z) for part in (r, S, root))
    parts, begin = [], 0
    for z, _, _, (weights, total) in blocks(Z, source_logits(mixture, eps)):
        end = begin + z.shape[0]
        u, noise = uniform[begin:end], normal[begin:end, :]
        below = namespace.cumulative_sum(weights, axis=1) < u[:, None] * total
        k = namespace.clip(namespace.sum(namespace.astype(below, namespace.int64), axis=1), max=len(mixture.r) - 1)
        r_k, S_k, root_k = (namespace.take(part, k, axis=0) for part in (r, S, root))
        if mixture.S.ndim == 3:
            parts.append(r_k + (S_k @ z[:, :, None] + root_k @ noise[:, :, None])[:, :, 0])
        else:
            parts.append(r_k + S_k * z + root_k * noise)
        begin = end
    return namespace.concat(parts, axis=0)

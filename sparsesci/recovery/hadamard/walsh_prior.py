"""A Gaussian prior on all Walsh coefficients in which each variable has a strength of its own, learned from the data.

Rasmussen, Williams, *Gaussian Processes for Machine Learning* (2006), sections 2.2, 5.1 and 5.4. The coefficients are
independent, ``X_S ~ N(0, c prod_{i not in S} (1 - a_i) prod_{i in S} a_i)``, with ``0 < a_i < 1/2`` the share of
variable i: an interaction is as strong as its variables let it be, and no order of interaction is ruled out. With
``a_i = (1 - e^{-2 t_i}) / 2`` the values then are a Gaussian process on F_2^n with the covariance

    k(m, m') = sum_S var(X_S) (-1)^{<m + m', S>} = c exp(-2 sum_{i: m_i != m'_i} t_i),

so that nothing of size 2^n is formed. ``t``, ``c`` and the variance s of the noise maximise the marginal likelihood
``-log p(y) = (y' C^-1 y + log det C + q log 2 pi) / 2``, ``C = K + s I``. With ``W = C^-1 - C^-1 y y' C^-1`` and
``G = W o K`` its derivatives are ``sum(G) / 2`` by log c, ``tr(W) s / 2`` by log s, and
``(sum_{m, m'} G (z_i z_i') - sum(G)) / 2`` by t_i, where z_i = (-1)^{m_i}.

Deviations
----------
1. Beside other models, the evidence is that of the maximum less ``(v + 2) / 2 log q`` for what was learned
   (Schwarz), v variables having a strength above 1e-3.
2. The constant coefficient has one more unit of variance: the mean of the sample is not that of the function.
3. The likelihood is maximised on 500 samples first, from two starts, and then on up to 1,500: the strengths are few.
4. Where only the 2^18 coefficients of the largest variance can be held (n > 18), or those up to an order, the posterior
   is that under the prior of these alone, and the variance of the others is noise.
"""

from __future__ import annotations

from math import log, pi
from typing import NamedTuple

import numpy as np

from . import words
from .signs import signed_sums
from .walsh_dictionary import correlations
from .walsh_pursuit import Fit, sum_of_squares

STARTS = (2.0, 6.0)  # sum of the strengths that the search begins with
STAGES = ((500, 60), (1500, 15))  # samples, and steps of L-BFGS
MOST_SAMPLES = 8192  # of which the matrix C is half a gigabyte
MOST_COEFFICIENTS = 2**18
CONSTANT = 1.0  # variance of the constant coefficient, in that of the values
STRENGTHS = (1e-5, 8.0)  # of a variable: below it does nothing, above its two values have nothing in common
MOST_STEPS = 20  # of conjugate gradients
AT_WORK = 1e-3  # strength of a variable that counts as learned
SCALES = (1e-3, 1e3)  # of c, in the variance of the values
LEAST_NOISE = 1e-9  # variance, in that of the values: C stays positive definite
NEGLIGIBLE = 0.01  # share of the squared error of prediction that dropped coefficients may add


class Prior(NamedTuple):
    """Strengths t (n,) of the variables, scale c, and variance of the noise."""

    t: np.ndarray
    c: float
    noise: float


def fit_dense(
    points: np.ndarray,
    y: np.ndarray,
    n: int,
    *,
    noise: float | None,
    least_noise: float,
    max_order: int | None,
    most: int,
    rng: np.random.Generator,
) -> Fit:
    """Return the posterior mean of the coefficients, of order ``max_order`` at most, without those that do not matter.

    ``noise`` is the variance of the noise where it is known, in units of the variance of y. Cost O(q^3) for q samples,
    and O(q_1^3) for each of about 25 steps with ``q_1 = min(q, 1500)``; memory 8 q^2 bytes, twice.
    """
    if len(y) > MOST_SAMPLES:
        raise ValueError(
            f"{len(y)} samples are more than the {MOST_SAMPLES} that are fitted at once: pass a random part of them"
        )
    Z = 1.0 - 2.0 * words.to_bits(points, n)
    mean = y.mean()
    Y = np.stack([part for part in (y.real - mean.real, y.imag - mean.imag)[: 1 + (y.dtype.kind == "c")]], axis=1)
    prior = learn_in_stages(Z, Y, rng.permutation(len(y)), noise=noise, least_noise=least_noise)
    alpha, inverse, evidence = condition(prior, Z, Y)
    alpha = alpha[:, 0] if alpha.shape[1] == 1 else alpha[:, 0] + 1j * alpha[:, 1]
    left_out = alpha / np.diag(inverse)
    evidence -= 0.5 * ((prior.t > AT_WORK).sum() + 2) * log(len(y))
    indices, variance = leading(prior, n, max_order)
    if len(variance) < 2**n:
        alpha = alone(indices, variance, prior, points, y - mean, alpha, inverse, n)
    X = variance * correlations(n, indices, points, alpha)
    X[0] += mean
    kept = needed(X, NEGLIGIBLE * sum_of_squares(left_out) / len(y), most)
    noise_std = float(np.sqrt(prior.noise))
    return Fit(indices[kept], X[kept], noise_std, left_out, evidence, "the posterior mean of a spectrum of all orders")


def learn_in_stages(
    Z: np.ndarray, Y: np.ndarray, order: np.ndarray, *, noise: float | None, least_noise: float
) -> Prior:
    """Return the prior of the largest evidence: that of a few samples, from several starts, leads to that of more."""
    n = Z.shape[1]
    (few, many_steps), (many, few_steps) = STAGES
    part = order[:few]
    starts = [Prior(np.full(n, strength / n), 1.0, 0.1) for strength in STARTS]
    found = [learn(begin, Z[part], Y[part], steps=many_steps, noise=noise, least_noise=least_noise) for begin in starts]
    prior, _ = max(found, key=lambda pair: pair[1])
    if len(order) > few:
        part = order[:many]
        prior, _ = learn(prior, Z[part], Y[part], steps=few_steps, noise=noise, least_noise=least_noise)
    return prior


def covariance(prior: Prior, Z: np.ndarray) -> np.ndarray:
    """Return ``c exp(-2 sum_{i: m_i != m'_i} t_i)`` (q, q), without the constant and the noise."""
    K = (Z * prior.t) @ Z.T
    K -= prior.t.sum()
    np.exp(K, out=K)
    K *= prior.c
    return K


def condition(prior: Prior, Z: np.ndarray, Y: np.ndarray, K: np.ndarray | None = None):
    """Return ``C^-1 Y``, ``C^-1`` and the logarithm of the evidence of Y (q, p); K is overwritten."""
    from scipy.linalg import cho_solve, cholesky
    from scipy.linalg.lapack import dpotri

    q, parts = Y.shape
    C = covariance(prior, Z) if K is None else K
    C += CONSTANT
    C[np.diag_indices(q)] += prior.noise
    L = cholesky(C.T, lower=True, overwrite_a=True, check_finite=False)  # C is symmetric; C.T is in Fortran's order
    alpha = cho_solve((L, True), Y, check_finite=False)
    log_det = 2 * np.log(np.diag(L)).sum()
    evidence = -0.5 * (np.vdot(Y, alpha) + parts * (log_det + q * log(2 * pi)))
    inverse = dpotri(L, lower=1, overwrite_c=1)[0]
    upper = np.triu_indices(q, 1)
    inverse[upper] = inverse.T[upper]
    return alpha, inverse, float(evidence)


def learn(
    prior: Prior, Z: np.ndarray, Y: np.ndarray, *, steps: int, noise: float | None, least_noise: float
) -> tuple[Prior, float]:
    """Return the prior that maximises the evidence, and this, by L-BFGS in the logarithms of t, c and the noise."""
    from scipy.optimize import minimize

    n, parts = Z.shape[1], Y.shape[1]

    def unpack(p):
        t, (c, variance) = np.exp(p[:n]), np.exp(p[n:])
        return Prior(t, float(c), float(variance))

    def loss(p):
        trial = unpack(p)
        K = covariance(trial, Z)
        alpha, W, evidence = condition(trial, Z, Y, K.copy())
        W *= parts
        W -= alpha @ alpha.T
        by_noise = 0.5 * trial.noise * np.trace(W)
        G = np.multiply(W, K, out=K)
        total = G.sum()
        by_t = 0.5 * trial.t * (np.einsum("qi,qi->i", Z, G @ Z) - total)
        return -evidence, np.concatenate((by_t, [0.5 * total, by_noise]))

    least = max(least_noise, LEAST_NOISE)
    noises = (least, 10.0) if noise is None else (max(noise, least),) * 2
    limits = np.log([STRENGTHS] * n + [SCALES, noises])
    begin = np.clip(np.log([*prior.t, prior.c, prior.noise]), *limits.T)
    found = minimize(loss, begin, jac=True, method="L-BFGS-B", bounds=limits, options={"maxiter": steps})
    return unpack(found.x), -float(found.fun)


def leading(prior: Prior, n: int, max_order: int | None) -> tuple[np.ndarray, np.ndarray]:
    """Return the coefficients of the largest variance: indices (F, w) and variances (F,), the constant one first.

    Variables are let in one after the other, and each time the F largest are kept: a variance never grows by another
    variable, so that none of the largest is lost.
    """
    a = -0.5 * np.expm1(-2 * prior.t)
    indices, variance = np.zeros((1, words.n_words(n)), np.uint64), np.array([prior.c])
    order = np.zeros(1, np.int64)
    for i in np.argsort(-a):
        bit = words.from_integers([1 << int(i)], n)
        grows = slice(None) if max_order is None else order < max_order
        indices = np.concatenate((indices, indices[grows] | bit))
        variance = np.concatenate((variance * (1 - a[i]), variance[grows] * a[i]))
        order = np.concatenate((order, order[grows] + 1))
        if len(variance) > MOST_COEFFICIENTS:
            largest = np.sort(np.argpartition(-variance, MOST_COEFFICIENTS)[:MOST_COEFFICIENTS])
            indices, variance, order = indices[largest], variance[largest], order[largest]
    variance[0] += CONSTANT
    return indices, variance


def alone(indices, variance, prior: Prior, points, y, alpha, inverse, n: int) -> np.ndarray:
    """Return ``(Phi V Phi' + s I)^-1 y`` for the Walsh functions Phi (q, F) of some coefficients, V their variances.

    Conjugate gradients from alpha with C^-1 as preconditioner; cost O(F q) a step. s is the variance of the noise and
    of the other coefficients.
    """
    from scipy.sparse.linalg import LinearOperator, cg

    s = prior.noise + max(prior.c + CONSTANT - variance.sum(), 0.0)

    def product(beta):
        beta = beta.ravel()
        return signed_sums(points, indices, variance * correlations(n, indices, points, beta)) + s * beta

    A = LinearOperator(inverse.shape, product, dtype=y.dtype)
    return cg(A, y, x0=alpha, M=inverse, rtol=1e-4, maxiter=MOST_STEPS)[0]


def needed(X: np.ndarray, negligible: float, most: int) -> np.ndarray:
    """Return which coefficients to keep: at most so many, and those dropped have squares that add up to no more.

    That sum is the mean square change of the function over all 2^n points (Parseval).
    """
    largest = np.argsort(-abs(X), kind="stable")
    tail = np.cumsum(abs(X[largest[::-1]]) ** 2)[::-1]
    return largest[: min(most, int((tail > negligible).sum()))]

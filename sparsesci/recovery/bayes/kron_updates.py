"""The M-steps of Kronecker sparse Bayesian learning: singular value decomposition, alternating minimisation, and MM.

He and Joseph, arXiv 2307.14719 (SVD, AM). What an M-step of EM asks for is the Kronecker product that is nearest to
``Lam = diag Sigma + |mu|^2``: SVD takes it in the Frobenius norm, approximately, AM in the distance that EM means.

Deviations
----------
1. Any number of factors: SVD splits them off one by one, AM goes through them in turn.
2. The singular vectors are eigenvectors of the small Gram matrix; Lam has no negative entry, nor have they.
3. MM is not in the paper. With r_i the factors by which the ``g_i`` change, the arithmetic-geometric mean inequality
   splits the usual majoriser of the evidence, ``sum told r_1 ... r_d + power / (r_1 ... r_d)`` over the entries of x,
   into ``sum_i (told_i r_i^d + power_i / r_i^d) / d`` over those of the factors (`KronPosterior.slab`). So ``r_i =
   (power_i / told_i)^(1/(2d))`` for all at once never lowers the evidence, and Lam is not needed.
4. Neighbours are coupled (the paper's PC) in MM: ``g = C g'``, and the covariance is linear in every g' too. The
   majoriser in g' has power and told summed over what a latent reaches; no non-negative least squares, and no floor.
5. MM updates the noise by its own majoriser, ``s2 ||C^-1 y|| / sqrt(tr C^-1)``, the others by EM.
"""

from __future__ import annotations

import math
from typing import Any

from sparsesci._lib import xp

from .kron_modes import contract, square, unfold
from .kron_posterior import KronPosterior

INNER, INNER_CHANGE = 100, 1e-5
LEAST = 1e-30  # of a variance, beside the largest of its factor


def second_moment(posterior: KronPosterior) -> Any:
    """Return ``Lam`` (n_1, ..., n_d), the posterior mean of ``|x|^2``."""
    return posterior.variance() + xp.namespace(posterior.D).mean(square(posterior.mu()), axis=-1)


def em_noise(posterior: KronPosterior) -> float:
    """Return the noise of an EM step: what the mean leaves, and what is not known of it."""
    s2, M = posterior.s2, posterior.model.n_measurements
    return (posterior.residual + s2 * (M - s2 * posterior.trace)) / M


def svd(posterior: KronPosterior) -> tuple[list, float]:
    """Return variances whose product is near the second moment, factor by factor, and the noise of EM."""
    namespace = xp.namespace(posterior.D)
    rest, gammas = second_moment(posterior), []
    for _ in range(rest.ndim - 1):
        L = unfold(rest, 0)
        _, vectors = namespace.linalg.eigh(L @ L.T)
        u = namespace.abs(vectors[:, -1])
        gammas.append(u)
        rest = namespace.reshape(u @ L, rest.shape[1:])
    return [*gammas, rest], em_noise(posterior)


def am(posterior: KronPosterior) -> tuple[list, float]:
    """Return the variances of an EM step, found by going through the factors in turn, and its noise."""
    Lam, gammas = second_moment(posterior), list(posterior.gammas)
    shares = [share(gamma) for gamma in gammas]
    for _ in range(INNER):
        change = 0.0
        for i, old in enumerate(gammas):
            gammas[i] = contract(Lam, shares, i)
            shares[i] = share(gammas[i])
            change = max(change, xp.norm(gammas[i] - old) / (xp.norm(gammas[i]) or 1.0))
        if change < INNER_CHANGE or len(gammas) == 1:
            break
    return gammas, em_noise(posterior)


def share(gamma: Any) -> Any:
    """Return ``1 / (n gamma)`` of the n variances that are not zero, and 0 of those that are: they are no part of x."""
    namespace = xp.namespace(gamma)
    is_in = gamma > LEAST * namespace.max(gamma)
    inverse = 1 / namespace.where(is_in, gamma, namespace.ones_like(gamma))
    return namespace.where(is_in, inverse, namespace.zeros_like(gamma)) / max(int(namespace.count_nonzero(is_in)), 1)


def mm(posterior: KronPosterior) -> tuple[list, float]:
    """Return variances and noise that majorisation-minimisation gives."""
    d = len(posterior.latents)
    latents = [g * grown(*posterior.slab(i), 1 / (2 * d)) for i, g in enumerate(posterior.latents)]
    return latents, math.sqrt(posterior.residual / posterior.trace)


def grown(power: Any, told: Any, exponent: float) -> Any:
    """Return ``(power / told)^exponent``, zero for what is told nothing of (a zero column)."""
    namespace = xp.namespace(power)
    is_told = told > 0
    return namespace.where(is_told, (power / namespace.where(is_told, told, 1.0)) ** exponent, 0.0)

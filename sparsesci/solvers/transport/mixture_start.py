"""How `LightSB` begins: with more components than were asked for, of which the most alike are merged.

A descent leaves components where their data are: two that share a cluster of Y never part, and one that holds two
clusters never splits. Twice as many components as are needed reach every cluster; to merge those that share one is
easy. Centres are chosen by Arthur, Vassilvitskii, *k-means++: the advantages of careful seeding*, SODA 2007; pairs are
merged as in Runnalls, *Kullback-Leibler approach to Gaussian mixture reduction*, IEEE Trans. Aerospace and Electronic
Systems 43 (2007) 989-999, by what it costs in the loss of `LightSB`.
"""

from __future__ import annotations

import numpy as np

from sparsesci._lib import xp
from sparsesci._lib.xp import to_host, to_like

from .tilted_mixture import Mixture, Moments, apply, bridge_covariance, inner, log_determinant, square

SPARE = 10  # components beyond twice those that were asked for
ROWS, TRIALS = 4096, 4  # of Y that centres are chosen from; candidates for each


def centres(Y, K: int, rng: np.random.Generator) -> np.ndarray:
    """Choose K rows of Y far apart: each the best of `TRIALS` drawn by the squares of distances to those before."""
    if Y.shape[0] > max(ROWS, K):
        chosen = np.sort(rng.choice(Y.shape[0], max(ROWS, K), replace=False))
        Y = xp.namespace(Y).take(Y, to_like(chosen, Y), axis=0)
    Y = to_host(Y)
    chosen = [int(rng.integers(len(Y)))]
    nearest = ((Y - Y[chosen[0]]) ** 2).sum(axis=1)
    while len(chosen) < K:
        total = nearest.sum()
        candidates = rng.choice(len(Y), TRIALS, p=nearest / total if total > 0 else None)
        distances = [np.minimum(nearest, ((Y - Y[k]) ** 2).sum(axis=1)) for k in candidates]
        best = int(np.argmin([distance.sum() for distance in distances]))
        nearest = distances[best]
        chosen.append(int(candidates[best]))
    return Y[chosen]


def start(r, V_x, V_y, eps: float, n_axes: int) -> Mixture:
    """Return a first mixture with centres r (K, D), for x and y of these variances.

    The S are those of Gaussians so much smaller that K of them fill the volume of one, and the alpha are such that
    w_k(x) is the density at centre k of the bridge between Gaussians, from x.
    """
    K, D = r.shape
    share = K ** (-2 / D)
    whole, small = (bridge_covariance(a * V_x, a * V_y, eps, 0.0) for a in (1.0, share))
    log_alpha = -(r * r / np.maximum(whole, np.finfo(float).tiny)).sum(axis=1) / (2 * eps)
    return Mixture(
        log_alpha,
        r,
        {1: np.full(K, small.mean()), 2: np.tile(small, (K, 1)), 3: np.tile(np.diag(small), (K, 1, 1))}[n_axes],
    )


def merged(mixture: Mixture, at_x: Moments, at_y: Moments, eps: float, least: float, K: int) -> Mixture:
    """Merge components, the cheapest pair first, until K are left; their moments are what they are merged by.

    ``mass_k l_k`` is what a component adds to the loss, but for entropies of responsibilities, and a pair (i, j) costs
    ``mass_ij l_ij - mass_i l_i - mass_j l_j``. It is told by the diagonals of covariances, also where these are full.
    """
    D = mixture.r.shape[1]
    x, y = Moments(*map(np.copy, at_x)), Moments(*map(np.copy, at_y))
    mass = (x.mass + y.mass) / 2
    second = x.V + square(x.mean, mixture.S)
    mean_logit = mixture.log_alpha + (  # in c, of a component on its own data
        ((mixture.r * x.mean).sum(axis=1) + inner(second, mixture.S, D) / 2) / eps
    )
    left, alone = np.arange(len(mass)), _own_losses(x.mean, _diagonal(x.V), y.mean, _diagonal(y.V), eps, least)
    costs = np.full((len(mass), len(mass)), np.inf)

    def pair(i, j) -> tuple:
        """Return the share of i in its pairs with j, and (mean, V) of x and of y."""
        share = mass[i] / (mass[i] + mass[j])
        return share, *(part for z in (x, y) for part in _mixed(share, z, i, j))

    def price(i: int, j: np.ndarray) -> None:
        """Fill in the costs of the pairs of i."""
        _, x_mean, x_V, y_mean, y_V = pair(np.full_like(j, i), j)
        together = _own_losses(x_mean, _diagonal(x_V), y_mean, _diagonal(y_V), eps, least)
        costs[np.minimum(i, j), np.maximum(i, j)] = (
            (mass[i] + mass[j]) * together - mass[i] * alone[i] - (mass[j] * alone[j])
        )

    for i in left[:-1]:
        price(i, left[i + 1 :])
    while len(left) > K:
        i, j = np.unravel_index(costs.argmin(), costs.shape)
        share, *moments = pair(np.array([i]), np.array([j]))
        x.mean[i], x.V[i], y.mean[i], y.V[i] = (part[0] for part in moments)
        mean_logit[i] = share[0] * mean_logit[i] + (1 - share[0]) * mean_logit[j]
        mass[i] += mass[j]
        alone[i] = _own_losses(x.mean[[i]], _diagonal(x.V[[i]]), y.mean[[i]], _diagonal(y.V[[i]]), eps, least)[0]
        costs[j, :] = costs[:, j] = np.inf
        left = left[left != j]
        price(i, left[left != i])
    x_mean, x_V, y_mean, y_V, mean_logit = (part[left] for part in (x.mean, x.V, y.mean, y.V, mean_logit))
    S = bridge_covariance(x_V, y_V, eps, least)
    r = y_mean - apply(S, x_mean)
    of_moments = ((r * x_mean).sum(axis=1) + inner(x_V + square(x_mean, S), S, D) / 2) / eps
    return Mixture(mean_logit - of_moments, r, S)


def _own_losses(x_mean, x_V, y_mean, y_V, eps: float, least: float) -> np.ndarray:
    """``l = (<S, V_x> + m_x'm_y) / eps + log det(S) / 2``, the loss of matched moments but for a constant."""
    D = x_mean.shape[1]
    S = bridge_covariance(x_V, y_V, eps, least)
    return (inner(S, x_V, D) + (x_mean * y_mean).sum(axis=1)) / eps + log_determinant(S, D) / 2


def _mixed(share, z: Moments, i, j) -> tuple:
    """Return means and covariances of pairs of components, i with so large a share."""
    by_mean, by_V = (share.reshape(-1, *[1] * (part.ndim - 1)) for part in (z.mean, z.V))
    mean = by_mean * z.mean[i] + (1 - by_mean) * z.mean[j]
    between = by_V * (1 - by_V) * square(z.mean[i] - z.mean[j], z.V)
    return mean, by_V * z.V[i] + (1 - by_V) * z.V[j] + between


def _diagonal(V) -> np.ndarray:
    return np.diagonal(V, axis1=1, axis2=2) if V.ndim == 3 else V

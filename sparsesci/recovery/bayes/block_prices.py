"""What a block costs the evidence: what one of pure noise gains in few problems, and the height of a block's variance.

See `block_fast` for the symbols.
"""

from __future__ import annotations

import functools

import numpy as np

NEVER = 1e9  # nats: the price of a block that leaves no degree of freedom to the noise
EPS = 1e-15  # from 1
GRID = np.exp(np.arange(-5.0, 35.0, 0.75))  # of gamma times the largest s


class Prices:
    """The prices of blocks, of as many kinds as there are sizes.

    ``degrees`` (C,) are the degrees of freedom of a block of each kind, ``counts`` (C,) how many of them there are.
    The price of a set of blocks is a function of how many of each kind it has, so that the order does not matter.
    """

    def __init__(self, M, degrees, n_blocks, freedom, false, *, is_noise_known):
        self.degrees = degrees
        self.most = M - 1.0
        self.grid = np.arange(M + 1.0)
        probability = min(false / n_blocks, 0.5)
        make = functools.partial(price, M, freedom, probability, is_noise_known=is_noise_known)
        self.table = [make(float(d), self.grid) for d in degrees]

    def total(self, counts) -> float:
        """Return the price of ``counts`` (C,) blocks of each kind."""
        taken, whole = 0.0, 0.0
        for d, n, table in zip(self.degrees, counts, self.table, strict=True):
            whole += np.interp(taken + d * np.arange(n), self.grid, table).sum()
            taken += d * n
        return float(whole)

    def marginal(self, counts) -> tuple[np.ndarray, np.ndarray]:
        """Return what one more block of each kind costs, and what one less saves (0 where there is none)."""
        unit, now = np.eye(len(counts), dtype=int), self.total(counts)
        into = np.array([self.total(counts + e) - now for e in unit])
        out = np.array([now - self.total(counts - e) if e @ counts else 0.0 for e in unit])
        return into, out


@functools.lru_cache(maxsize=256)
def _cached(M, freedom, probability, d, is_noise_known):
    from scipy.special import betainccinv, chdtri

    if is_noise_known:
        z = max(chdtri(freedom * d, probability) / (freedom * d), 1.0)  # of |q|^2 / s, the mean over a block
        t = 1 - 1 / z
        return np.full(M + 1, 0.5 * freedom * d * (np.log1p(-t) + t * z))
    left = M - np.arange(M + 1.0) - d
    table = np.full(M + 1, NEVER)
    fits = left >= 0.5
    of_residual = betainccinv(freedom * d / 2, freedom * left[fits] / 2, probability)
    u = np.maximum(of_residual * (left[fits] + d) / M, d / M)  # R has s2 for each degree of freedom that is taken
    u = np.minimum(u, 1 - EPS)
    t = (M * u - d) / (u * (M - d))
    table[fits] = 0.5 * freedom * (d * np.log1p(-t) - M * np.log1p(-t * u))
    return table


def price(M, freedom, probability, d, grid, *, is_noise_known):
    """Return the gain that a block of d degrees of freedom of pure noise reaches with a probability.

    One for each number of degrees of freedom that other blocks have taken.
    """
    return _cached(M, freedom, probability, d, is_noise_known)


def height(g, s, p, rest, noise, M):
    """Return what blocks (n, 1, d) add to twice the evidence of a degree of freedom at variances g (n, m): (n, m)."""
    x = g[..., None] * s
    told = np.sum(g[..., None] * p / (1 + x), axis=-1)
    logs = np.sum(np.log1p(x), axis=-1)
    if noise > 0:
        return told / noise - logs
    return -M * np.log1p(-np.minimum(told / rest, 1 - EPS)) - logs


def peak(s, p, rest, noise, M):
    """Return the variance (n,) at which `height` is largest for each of n blocks, and how large it is there.

    ``s`` (n, d) are the eigenvalues of a block's ``A^H B^-1 A``, ``p`` (n, d) the squares of its ``A^H B^-1 Y`` along
    them, all but the block told. Of a grid the best point, and three parabolas from it.
    """
    largest = s.max(axis=1)
    usable = largest > 0
    scale = np.where(usable, largest, 1.0)[:, None]
    s, p, rest = s[:, None, :], p[:, None, :], np.reshape(rest, (-1, 1))
    g = GRID / scale
    values = height(g, s, p, rest, noise, M)
    at = np.argmax(values, axis=1)[:, None]
    best, value = np.take_along_axis(g, at, 1), np.take_along_axis(values, at, 1)
    for width in (0.75, 0.2, 0.02):
        low, high = (height(best * np.exp(side * width), s, p, rest, noise, M) for side in (-1, 1))
        bend = low + high - 2 * value
        safe = np.where(bend < 0, bend, -1.0)
        move = np.where(bend < 0, 0.5 * width * (low - high) / safe, 0.0)
        other = best * np.exp(np.clip(move, -width, width))
        there = height(other, s, p, rest, noise, M)
        better = there > value
        best, value = np.where(better, other, best), np.where(better, there, value)
    rises = (value[:, 0] > 0) & usable
    return np.where(rises, best[:, 0], 0.0), np.where(rises, value[:, 0], 0.0)

"""The walk of `exchange` over supports, as one reads it; what runs is its compiled form."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from sparsesci._lib.dispatch import kernel

from .orthant import FAR_INSIDE, orthant

LEAST_V, MOST_V = 1e-3, 1e10
LEAST_REST = 1e-12  # of tr Y^H C^-1 Y: what a candidate leaves, at least


@kernel(cpu="sparsesci._cpu.exchange:walk")
def walk(
    atoms, c, Y, known, nonnegative, moves, rng, S, v_now, rows, where, normals, supports, means, variances, scalars
):
    """Do an iteration, of ``moves`` moves and a new v, for each row of supports, means, variances and scalars.

    Parameters
    ----------
    atoms : array (N, M)
        The columns of A, of length 1.
    c, Y : array (N, l) and (M, l)
        ``A^H Y``, and the data.
    known : float
        Variance of the noise; 0 where unknown.
    nonnegative : bool
        Whether entries are positive; all is real then.
    moves : int
        Moves of an iteration.
    rng : numpy.random.Generator
        What is drawn, but for ``normals``.
    S : int array (K_most,)
        Where the walk is, -1 after the end of the support; overwritten.
    v_now : array (1,)
        v, overwritten.
    rows, where
        The compiled form's store of rows ``A^H a_i``; not used here.
    normals : array (n, K_most, l)
        Standard normal numbers, of mean square 1 where complex.
    supports, means, variances, scalars : array (n, K_most), (n, K_most, l), (n, K_most), (n, 4)
        Filled in: the support after each iteration, -1 after its end; posterior mean and variance of its entries; v,
        the noise variance, and the logarithms of the posterior (but for a constant) and of the evidence.
    """
    model = Model(atoms, c, Y, known, nonnegative)
    support, v = [int(i) for i in S if i >= 0], float(v_now[0])
    fit = model.fit(support, v)
    for t in range(len(supports)):
        for _ in range(moves):
            new = model.propose(support, v, fit, len(S), rng)
            if new is None:
                continue
            new_fit = model.fit(new, v)
            change = (new_fit.log_signs - new_fit.log_marginals) - (fit.log_signs - fit.log_marginals)
            if nonnegative and rng.random() >= math.exp(min(change, 0.0)):
                continue
            support, fit = new, new_fit
        if support:
            v = model.draw_v(fit, normals[t, : len(support)], rng)
            fit = model.fit(support, v)
        K = len(support)
        supports[t, :K], means[t, :K], variances[t, :K] = support, fit.x, fit.variance
        scalars[t] = v, fit.noise, *model.logarithms(fit, K)
    S[:], v_now[0] = -1, v
    S[: len(support)] = support


class SupportFit(NamedTuple):
    """The posterior given a support, with ``P = (A_S^H A_S + I / v)^-1`` and ``B = P A_S^H A``; noise of variance 1."""

    T: np.ndarray
    P: np.ndarray
    mu: np.ndarray
    B: np.ndarray
    s: np.ndarray
    q: np.ndarray
    r: float
    logdet: float
    noise: float
    x: np.ndarray
    variance: np.ndarray
    log_signs: float
    log_marginals: float


class Model(NamedTuple):
    """The data, and what is asked of a support."""

    atoms: np.ndarray
    c: np.ndarray
    Y: np.ndarray
    known: float
    nonnegative: bool

    @property
    def half(self) -> float:
        """1 where complex: the density is ``exp(-|n|^2 / s2)``."""
        return 1.0 if np.iscomplexobj(self.c) else 0.5

    def noise(self, r):
        """Return the variance of the noise, its mean where it is unknown."""
        return self.known or r / self.Y.size

    def fit(self, support: list[int], v: float) -> SupportFit:
        """Return the posterior given a support."""
        A_S, K = self.atoms[support].T, len(support)
        rows = A_S.conj().T @ self.atoms.T
        T = rows[:, support] + np.eye(K) / v
        P = np.linalg.inv(T)
        mu, B = P @ self.c[support], P @ rows
        s, q = 1 - (rows.conj() * B).real.sum(axis=0), self.c - rows.conj().T @ mu
        r = float((np.abs(self.Y - A_S @ mu) ** 2).sum() + (np.abs(mu) ** 2).sum() / v)
        logdet, noise = float(np.linalg.slogdet(T)[1]) + K * math.log(v), self.noise(r)
        x, variance, log_signs, log_marginals = mu, noise * np.diag(P).real, 0.0, 0.0
        if self.nonnegative:
            log_marginals = float(log_share(mu, variance[:, None]).sum())
            x, parts = mu.copy(), np.empty((K, mu.shape[1]))
            for k in range(mu.shape[1]):
                mean, part = mu[:, k].copy(), np.empty(K)
                log_signs += K * math.log(2) + orthant.reference(T, P, noise, mean, part)
                x[:, k], parts[:, k] = mean, part
            variance = parts.mean(axis=1)
        return SupportFit(T, P, mu, B, s, q, r, logdet, noise, x, variance, log_signs, log_marginals)

    def propose(self, support: list[int], v: float, fit: SupportFit, most: int, rng) -> list[int] | None:
        """Return another support, or None; the target has the marginal probabilities of the signs."""
        K, N = len(support), len(self.atoms)
        j = int(rng.random() * (K + 1))  # the atom to be taken out; K for none
        is_birth = j == K
        if is_birth and K in (most, N):
            return None
        log_w = self.log_weights(support, v, fit, j)
        top = log_w.max()
        w = np.where(log_w > top - 40, np.exp(log_w - top), 0.0)
        log_total = math.log(w.sum()) + top
        is_death = not is_birth and rng.random() < 0.5
        log_chance = 0.0
        if is_birth:
            log_chance = log_total + math.log(0.5 * (K + 1) / (K + 2))
        elif is_death:
            log_chance = math.log(2 * (K + 1) / K) - log_total
        if log_chance < 0 and rng.random() >= math.exp(log_chance):
            return None
        if is_death:
            rest = support.copy()
            rest[j] = rest[-1]
            return rest[:-1]
        i = int(np.searchsorted(np.cumsum(w), rng.random() * w.sum(), side="right"))
        new = [*support[:j], i, *support[j + 1 :]]
        return None if new == support else new

    def log_weights(self, support: list[int], v: float, fit: SupportFit, j: int) -> np.ndarray:
        """Return ``log p(S - j + i) / p(S - j)`` for all i; for j = K with nothing taken out."""
        K, n_y = fit.mu.shape
        others = [a for a in range(K) if a != j]
        s, q, r, mu, P, B = fit.s, fit.q, fit.r, fit.mu[others], np.diag(fit.P).real[others], fit.B[others]
        if j < K:
            o = fit.P[j, j].real
            s, q = s + np.abs(fit.B[j]) ** 2 / o, q + fit.B[j].conj()[:, None] * fit.mu[j] / o
            r = r + (np.abs(fit.mu[j]) ** 2).sum() / o
            ratio = fit.P[others, j][:, None] / o
            mu, P, B = mu - ratio * fit.mu[j], P - (np.abs(ratio) ** 2 * o)[:, 0], B - ratio * fit.B[j]
        d = np.maximum(s, 0) + 1 / v
        g = (np.abs(q) ** 2).sum(axis=1) / d
        n_data = self.Y.size
        if self.known:
            log_w = self.half * g / self.known
        else:
            log_w = -self.half * n_data * np.log(np.maximum(1 - g / r, LEAST_REST))
        log_w = log_w - self.half * n_y * np.log(v * d)
        if self.nonnegative:
            noise = self.known or np.maximum(r - g, LEAST_REST * r) / n_data
            x = q / d[:, None]
            variance = noise * (P[:, None] + B**2 / d)
            log_w = log_w + log_share(x, (noise / d)[:, None]).sum(axis=1)
            log_w += log_share(mu[:, None] - B[..., None] * x, variance[..., None]).sum(axis=(0, 2))
            log_w -= log_share(mu, self.noise(r) * P[:, None]).sum()
        n_others, N = len(others), len(self.atoms)
        log_w += log_prior(n_others + 1, N) - log_prior(n_others, N)
        log_w[[support[a] for a in others]] = -np.inf
        return log_w

    def draw_v(self, fit: SupportFit, z: np.ndarray, rng) -> float:
        """Return a new v, given one draw of the noise variance and one of the entries, from normal numbers z."""
        noise = self.known or self.half * fit.r / rng.standard_gamma(self.half * self.Y.size)
        x = fit.x + math.sqrt(noise) * np.linalg.solve(np.linalg.cholesky(fit.T).conj().T, z)
        power = float((np.abs(np.maximum(x, 0) if self.nonnegative else x) ** 2).sum())
        v = (self.half * power / noise + 0.5 * len(self.Y)) / rng.standard_gamma(self.half * x.size + 0.5)
        return min(max(v, LEAST_V), MOST_V)

    def logarithms(self, fit: SupportFit, K: int) -> tuple[float, float]:
        """Return the logarithms of the posterior, but for a constant, and of the evidence."""
        half, n_data, n_y = self.half, self.Y.size, self.Y.shape[1]
        quadratic = half * fit.r / self.known if self.known else half * n_data * math.log(fit.r)
        posterior = log_prior(K, len(self.atoms)) - half * n_y * fit.logdet - quadratic + fit.log_signs
        evidence = -half * (n_data * math.log(math.pi / half * fit.noise) + n_y * fit.logdet + fit.r / fit.noise)
        return posterior, evidence + fit.log_signs


def log_prior(K: int, N: int) -> float:
    """Return the logarithm of the probability of a support of K of N entries.

    Each is in it with one probability, which is unknown: Beta(1, N).
    """
    return math.log(N) + math.lgamma(K + 1) + math.lgamma(2 * N - K) - math.lgamma(2 * N + 1)


def log_share(mean, variance):
    """Return ``log(2 P(x > 0))`` for normal x."""
    from scipy.special import log_ndtr

    z = mean / np.sqrt(variance)
    return math.log(2) + np.where(z > FAR_INSIDE, 0.0, log_ndtr(z))

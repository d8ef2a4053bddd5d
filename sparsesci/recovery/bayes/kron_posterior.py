"""The posterior of a Kronecker-structured sparse vector for given variances, without the Kronecker product.

He and Joseph, *Bayesian algorithms for Kronecker-structured sparse vector recovery with application to IRS-MIMO channel
estimation*, arXiv 2307.14719: the E-step. With ``Gamma = diag(g_1 (x) ... (x) g_d)`` and ``H_i G_i H_i^H = U_i
diag(p_i) U_i^H``, the covariance of y is diagonal in the basis ``U_1 (x) ... (x) U_d``::

    C = s2 I + H Gamma H^H,    C^-1 -> D = 1 / (s2 + p_1 o ... o p_d),    Y -> T = Y x_i U_i^H,    W = D T
    mu = W x_i G_i H_i^H U_i,  diag Sigma = g - D x_i |G_i H_i^H U_i|^2,   log|C| = -sum log D

An iteration costs ``sum m_i^3 + n_i m_i^2`` and a mode product with each factor.

Deviations
----------
1. In place of ``G_i H_i^H U_i`` stands ``B_i = G_i^(1/2) H_i^H U_i``: a variance of zero divides nothing.
2. What an entry of a factor has to say sums over the slab of x that it rules (`slab`), and ``G_i^(1/2) H_i^H U_i
   U_i^H H_i G_i^(1/2)`` summed over its diagonal is ``p_i``: neither mu nor diag Sigma is formed for it.
"""

from __future__ import annotations

import math
from typing import Any

from sparsesci._lib import xp
from sparsesci._lib.xp import adjoint

from .expectation import log_evidence, total
from .kron_model import KronModel
from .kron_modes import at_least_zero, mode_product, mode_products, outer, square


class KronPosterior:
    """The posterior of x for prior variances ``g_1 (x) ... (x) g_d`` and noise of variance s2.

    Parameters
    ----------
    model : KronModel
    latents : list of arrays (n_i,)
        The variances before the coupling of neighbours, where there is one; ``gammas`` are those after it.
    s2 : float
    """

    def __init__(self, model: KronModel, latents: list, s2: float):
        namespace = xp.namespace(model.Y)
        self.model, self.latents, self.s2 = model, latents, s2
        self.gammas = [g if C is None else C @ g for g, C in zip(latents, model.couplings, strict=True)]
        self.U, self.p, self.B = [], [], []
        for H, g in zip(model.factors, self.gammas, strict=True):
            R = H * namespace.sqrt(g)
            p, U = namespace.linalg.eigh(R @ adjoint(R))
            self.U.append(U)
            self.p.append(at_least_zero(p))
            self.B.append(adjoint(R) @ U)
        self.D = 1 / (s2 + outer(self.p))
        self.T = mode_products(model.Y, [adjoint(U) for U in self.U])
        self.W = self.D[..., None] * self.T
        self._evidence = None
        self._slabs = {}

    def at(self, latents: list, s2: float) -> KronPosterior:
        """Return the posterior for other variances; all factors but the last are brought to norm 1."""
        latents = list(latents)
        for i, latent in enumerate(latents[:-1]):
            size = xp.norm(latent)
            if size > 0:
                latents[i], latents[-1] = latent / size, latents[-1] * size
        return KronPosterior(self.model, latents, s2)

    @property
    def evidence(self) -> float:
        """``log p(Y | gamma, s2)`` in nats."""
        if self._evidence is None:
            n_outside, energy = self.model.outside
            n_columns = self.T.shape[-1]
            namespace = xp.namespace(self.D)
            misfit = (float(namespace.sum(self.D[..., None] * square(self.T))) + energy / self.s2) / n_columns
            log_det = n_outside * math.log(self.s2) - float(namespace.sum(namespace.log(self.D)))
            self._evidence = log_evidence(
                misfit, log_det, self.model.n_measurements, n_columns, is_complex=self.model.is_complex
            )
        return self._evidence

    @property
    def trace(self) -> float:
        """``tr C^-1``."""
        return float(xp.namespace(self.D).sum(self.D)) + self.model.outside[0] / self.s2

    @property
    def residual(self) -> float:
        """The mean over the columns of ``||y - H mu||^2``, which is ``s2^2 ||C^-1 y||^2``."""
        return (self.s2**2 * total(self.W) + self.model.outside[1]) / self.T.shape[-1]

    def slab(self, i: int) -> tuple[Any, Any]:
        """Return two arrays (n_i,), sums over the slab of x that an entry of factor i rules.

        ``power = sum |mu|^2 / gamma``, the mean over the columns, and ``told = sum 1 - Sigma / gamma``, the number of
        entries that the data tell of; of coupled variances both in shares. The evidence is stationary in a latent where
        they are equal.
        """
        if i not in self._slabs:
            self._slabs[i] = self._slab(i)
        return self._slabs[i]

    def _slab(self, i: int) -> tuple[Any, Any]:
        namespace = xp.namespace(self.D)
        others = outer([namespace.ones_like(p) if j == i else p for j, p in enumerate(self.p)])
        axes = tuple(j for j in range(len(self.p)) if j != i)
        told = square(self.B[i]) @ namespace.sum(self.D * others, axis=axes)
        inner = mode_product(namespace.sqrt(others)[..., None] * self.W, self.B[i], i)
        power = namespace.sum(square(inner), axis=(*axes, len(self.p))) / self.T.shape[-1]
        return self._shares(i, power), self._shares(i, told)

    def _shares(self, i: int, amount: Any) -> Any:
        return of_latents(amount, self.latents[i], self.gammas[i], self.model.couplings[i])

    def gains(self) -> list:
        """Return for each entry of each factor how many nats the evidence would lose without its slab of x.

        Exact where the columns of the slab are orthogonal to all others in use, and then of one entry of x ``power /
        (1 - told) + log(1 - told)``, half of that where real.
        """
        namespace = xp.namespace(self.D)
        told = namespace.clip(mode_products(self.D, [square(B) for B in self.B]), 0.0, 1 - 1e-12)
        power = namespace.mean(square(mode_products(self.W, self.B)), axis=-1)
        gain = power / (1 - told) + namespace.log1p(-told)
        d, per = gain.ndim, self.T.shape[-1] * (1.0 if self.model.is_complex else 0.5)
        sums = [per * namespace.sum(gain, axis=tuple(j for j in range(d) if j != i)) for i in range(d)]
        return [self._shares(i, sums[i]) for i in range(d)]

    def mu(self) -> Any:
        """Return the posterior mean (n_1, ..., n_d, l)."""
        return self._back(self.W)

    def _back(self, W: Any) -> Any:
        namespace = xp.namespace(W)
        return mode_products(W, [namespace.sqrt(g)[:, None] * B for g, B in zip(self.gammas, self.B, strict=True)])

    def variance(self) -> Any:
        """Return the posterior variances (n_1, ..., n_d)."""
        told = mode_products(self.D, [square(B) for B in self.B])
        return outer(self.gammas) * at_least_zero(1 - told)

    # --- the protocol of result.Posterior, in the units of the caller ---

    def prior(self, z: Any) -> Any:
        """Return ``Gamma^(1/2) z`` for z (N, l)."""
        namespace = xp.namespace(z)
        return namespace.sqrt(namespace.reshape(outer(self.gammas), (-1, 1))) * self.model.units() * z

    def forward(self, x: Any) -> Any:
        """Return ``H x`` for x (N, l)."""
        X = xp.namespace(x).reshape(x / self.model.units(), (*self.model.shape, x.shape[1]))
        return self.model.scale * self.model.expand(mode_products(X, self.model.factors))

    def mean(self, y: Any) -> Any:
        """Return the posterior mean (N, l) for other measurements y (M, l)."""
        T = mode_products(self.model.project(y / self.model.scale), [adjoint(U) for U in self.U])
        return self.model.units() * xp.namespace(y).reshape(self._back(self.D[..., None] * T), (-1, y.shape[1]))


def of_latents(amount: Any, latents: Any, gammas: Any, C: Any) -> Any:
    """Return the shares of the latents ``g'`` in what belongs to each of ``g = C g'``; C None is I."""
    if C is None:
        return amount
    namespace = xp.namespace(gammas)
    return latents * (C.T @ (amount / namespace.where(gammas > 0, gammas, namespace.ones_like(gammas))))

"""Kronecker sparse Bayesian learning where x itself is a Kronecker product, ``x = x_1 (x) ... (x) x_d``.

He and Joseph, *Decomposition-based Kronecker sparse Bayesian learning* (dSBL), arXiv 2310.07869: split y into a
Kronecker product, and solve one small problem a factor. There are ``sum K_i`` unknowns then and not ``prod K_i``.

Deviations
----------
1. The split and the small problems are not done one after the other, but by variational Bayes with ``q(x_1) ...
   q(x_d)`` (Bishop, *Pattern recognition and machine learning*, section 10.1): for given other factors, x_i is seen in
   ``z_i / w_i = H_i x_i + n`` of noise ``s2 / w_i``, with z_i the data contracted with the means ``H_j mu_j``, and w_i
   the product of the expected ``||H_j x_j||^2``. What is sparse in one factor so cleans the data of the others.
2. Variances and noise are learned by stretched steps (`kron_climb`) of the majorisation-minimisation of `sbl`.
3. The evidence is the lower bound of variational Bayes. It can be compared with itself only: that the scale of one
   factor may go to another costs it some nats.
4. Where a factor ends with more entries than half of its rows, the iteration is begun again where the model of
   Kronecker-structured variances ends, and the larger evidence is taken: that of a small problem has more maxima.
5. Which model holds is told by what is left of y: under this one it is white (`is_white`).
"""

from __future__ import annotations

import math
from typing import Any

from sparsesci._lib import xp
from sparsesci._lib.xp import adjoint, conj, real

from .expectation import log_evidence, total
from .kron_model import KronModel
from .kron_modes import at_least_zero, contract, outer, square, unfold
from .kron_posterior import of_latents
from .kron_updates import grown

SWEEPS = 5  # of alternating least squares before the first variances
LEAST = 1e-100  # of the size of the other factors, where they have vanished
FIRST_NOISE = {False: 0.01, True: 0.1}  # at least, of the mean square of Y; one factor fits all of it
# 99.9 % quantiles of the laws of Tracy and Widom, of the largest eigenvalue of a Wishart matrix: real, complex
QUANTILES = {False: 3.27, True: 1.31}


class RankOnePosterior:
    """The variational posterior of the factors of x, after one sweep through them.

    Parameters
    ----------
    model : KronModel
        With one column.
    latents : list of arrays (n_i,)
        Prior variances of the factors, before the coupling of neighbours.
    s2 : float
    images : list of arrays (r_i,)
        The means of ``H_i x_i`` before the sweep.
    sizes : list of float
        The expected ``||H_i x_i||^2`` before the sweep.
    """

    def __init__(self, model: KronModel, latents: list, s2: float, images: list, sizes: list[float]):
        self.model, self.latents, self.s2 = model, latents, s2
        self.gammas = [g if C is None else C @ g for g, C in zip(latents, model.couplings, strict=True)]
        self.images, self.sizes = list(images), list(sizes)
        self.whitened, self.noises, self._told, cost = [], [], [], 0.0
        Y = model.Y[..., 0]
        for i, (H, g) in enumerate(zip(model.factors, self.gammas, strict=True)):
            namespace = xp.namespace(g)
            z = contract(Y, [conj(v) for v in self.images], i)
            weight = max(math.prod(size for j, size in enumerate(self.sizes) if j != i), LEAST)
            noise = s2 / weight
            white, told, image, uncertain, log_det = seen(H, g, z / weight, noise)
            self.images[i] = image
            self.sizes[i] = total(image) + uncertain
            self.whitened.append(white)
            self.noises.append(noise)
            self._told.append(told)
            cost += log_det - float(namespace.sum(told)) + total(white)
        fit = float(real(xp.vdot(self.images[-1], z)))
        self.residual = total(Y) + model.outside[1] - 2 * fit + math.prod(self.sizes)
        M = model.n_measurements
        self.evidence = log_evidence(self.residual / s2, M * math.log(s2) + cost, M, 1, is_complex=model.is_complex)

    @property
    def means(self) -> list:
        """Means of the factors of x (n_i,)."""
        return [xp.namespace(g).sqrt(g) * white for g, white in zip(self.gammas, self.whitened, strict=True)]

    @property
    def variances(self) -> list:
        """Variances of the entries of the factors of x (n_i,)."""
        return [g * at_least_zero(1 - told) for g, told in zip(self.gammas, self._told, strict=True)]

    @classmethod
    def start(cls, model: KronModel, noise_var: float | None, shapes: list | None = None) -> RankOnePosterior:
        """Return the posterior beginning with the nearest Kronecker product to y.

        ``shapes`` are variances whose scale does not matter; equal ones if not given.
        """
        Y, images = model.Y[..., 0], []
        for i in range(Y.ndim):
            L = unfold(Y, i)
            images.append(xp.namespace(L).linalg.eigh(L @ adjoint(L))[1][:, -1])
        for i in [*range(Y.ndim)] * (SWEEPS if Y.ndim > 1 else 1):
            z = contract(Y, [conj(v) for v in images], i)
            size = xp.norm(z)
            images[i] = z / size
        images = [v * size ** (1 / Y.ndim) for v in images]
        left = (total(Y) + model.outside[1] - size**2) / model.n_measurements
        s2 = max(left, FIRST_NOISE[Y.ndim == 1]) if noise_var is None else noise_var
        sizes = [total(v) for v in images]
        latents = shapes or [real(xp.zeros_like(H[0, :])) + 1.0 for H in model.factors]
        latents = [a / (float(xp.namespace(g).sum(g)) or 1.0) * g for g, a in zip(latents, sizes, strict=True)]
        return cls(model, latents, s2, images, sizes)

    def at(self, latents: list, s2: float) -> RankOnePosterior:
        """Return the posterior for other variances, after a sweep that begins with this one."""
        return RankOnePosterior(self.model, latents, s2, self.images, self.sizes)

    def slab(self, i: int) -> tuple[Any, Any]:
        """Return ``|mu|^2 / gamma`` and ``1 - Sigma / gamma`` of the entries of factor i, in shares of the latents."""
        return self._shares(i, square(self.whitened[i])), self._shares(i, self._told[i])

    def _shares(self, i: int, amount: Any) -> Any:
        return of_latents(amount, self.latents[i], self.gammas[i], self.model.couplings[i])

    def gains(self) -> list:
        """Return for each entry of each factor how many nats the evidence would lose without it."""
        gains, per = [], 1.0 if self.model.is_complex else 0.5
        for i, told in enumerate(self._told):
            namespace = xp.namespace(told)
            left = namespace.where(told < 1 - 1e-12, 1 - told, 1e-12)
            gains.append(self._shares(i, per * (square(self.whitened[i]) / left + namespace.log(left))))
        return gains

    def mu(self) -> Any:
        """Return the mean of x (n_1, ..., n_d, 1)."""
        return outer(self.means)[..., None]

    def variance(self) -> Any:
        """Return the variances of the entries of x (n_1, ..., n_d): products of independent numbers."""
        squares = [square(m) for m in self.means]
        return outer([a + v for a, v in zip(squares, self.variances, strict=True)]) - outer(squares)

    def draw(self, n: int, standard_normal: Any) -> Any:
        """Return n draws of x (N, n); ``standard_normal(shape)`` makes the random numbers."""
        draws = []
        for H, g, mean, noise in zip(self.model.factors, self.gammas, self.means, self.noises, strict=True):
            namespace = xp.namespace(g)
            d = namespace.sqrt(g)[:, None] * standard_normal((H.shape[1], n))
            y = H @ d + noise**0.5 * standard_normal((H.shape[0], n))
            R = H * namespace.sqrt(g)
            C = R @ adjoint(R) + noise * namespace.eye(H.shape[0], dtype=H.dtype, device=xp.device(H))
            d = d - namespace.sqrt(g)[:, None] * (adjoint(R) @ namespace.linalg.solve(C, y))
            draws.append(mean[:, None] + d)
        x = draws[0]
        for draw in draws[1:]:
            x = xp.namespace(x).reshape(x[:, None, :] * draw, (-1, n))
        return self.model.units() * x


def seen(H: Any, g: Any, z: Any, noise: float) -> tuple[Any, Any, Any, float, float]:
    """Return the posterior of ``x ~ N(0, diag(g))`` given ``z = H x + n``.

    That is its mean over ``g^(1/2)``, ``1 - Sigma_jj / g_j``, its image under H, the trace of ``H Sigma H^H``, and
    ``log|I + H G H^H / noise|``.
    """
    namespace = xp.namespace(g)
    R = H * namespace.sqrt(g)
    p, U = namespace.linalg.eigh(R @ adjoint(R))
    p = at_least_zero(p)
    D = 1 / (noise + p)
    B = adjoint(R) @ U
    w = D * (adjoint(U) @ z)
    return B @ w, square(B) @ D, U @ (p * w), noise * float(p @ D), float(namespace.sum(namespace.log1p(p / noise)))


def by_factor(posterior: RankOnePosterior) -> tuple[list, float]:
    """Return the variances of a step of majorisation-minimisation in each factor, and the noise that the sweep left."""
    latents = [g * grown(*posterior.slab(i), 0.5) for i, g in enumerate(posterior.latents)]
    return latents, posterior.residual / posterior.model.n_measurements


def is_crowded(posterior: RankOnePosterior) -> bool:
    """Whether a factor has more entries than half of its rows: many such fit alike, and this may not be the best."""
    return any(
        2 * int(xp.namespace(g).count_nonzero(g)) > H.shape[0]
        for g, H in zip(posterior.latents, posterior.model.factors, strict=True)
    )


def is_white(posterior: RankOnePosterior) -> bool:
    """Whether what a Kronecker product leaves of y looks like noise from all sides.

    Of white noise the largest singular value of an unfolding (m, k) is known: its square is above ``mu + q sigma`` once
    in a thousand times (Johnstone, Ann. Statist. 29 (2001) 295-327). A second product in x, or a core that is none,
    stands out there.
    """
    Y, is_complex = posterior.model.Y[..., 0], posterior.model.is_complex
    R = Y - outer(posterior.images)
    if R.ndim == 1:
        return True
    for i in range(R.ndim):
        L = unfold(R, i)
        m, k = L.shape
        largest = float(xp.namespace(R).linalg.eigvalsh(L @ adjoint(L))[-1])
        a, b = math.sqrt(m if is_complex else max(m - 1, 0.5)), math.sqrt(k)
        edge = (a + b) ** 2 + QUANTILES[is_complex] * (a + b) * (1 / a + 1 / b) ** (1 / 3)
        if largest > posterior.s2 * edge:
            return False
    return True

"""What the sparse Bayesian solvers return: a posterior, normal given what was learned."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from sparsesci._lib import validate, xp
from sparsesci._lib.result import Result


class Posterior(Protocol):
    """What is needed to draw from ``x | y``: the prior, the map A, and the mean as a linear function of the data."""

    def prior(self, z):
        """Return ``Gamma^(1/2) z`` for z (N, l)."""

    def forward(self, x):
        """Return ``A x`` for x (N, l)."""

    def mean(self, y):
        """Return ``Gamma A^H (s2 I + A Gamma A^H)^-1 y`` for y (M, l)."""


@dataclass(frozen=True, repr=False, eq=False)
class SBLResult(Result):
    """The posterior of ``y = A x + n`` under ``x_i ~ N(0, gamma_i)``, ``n ~ N(0, noise_var)``.

    Attributes
    ----------
    x : array (N,) or (N, l)
        The posterior mean; exactly zero outside of `support`.
    gamma : array (N,)
        Prior variances of the entries, as they were learned.
    variance : array (N,)
        Posterior variances; the same for all l columns. Of complex entries both parts together.
    support : int array (K,)
        The entries that are believed not to be zero, sorted.
    noise_var : float
        Variance of the noise of one measurement, as it was given or learned.
    evidence : float array (nit,)
        ``log p(y | gamma, noise_var)`` in nats after each iteration, for y and A as they were given: with
        ``C = noise_var I + A Gamma A^H``, ``-(l log|2 pi C| + tr(Y^H C^-1 Y)) / 2``, and where complex
        ``-(l log|pi C| + tr(Y^H C^-1 Y))``. Empty where a method does not compute it.
    status : Status
        How the iteration ended.
    message : str
        The same in words, with the method that was used, and what to try next after a failure.
    nit : int
        Iterations.
    time : float
        Wall-clock seconds.
    factor_gammas : tuple of arrays or None
        Of `kron_sbl`: one array for each factor, whose Kronecker product is gamma.
    """

    gamma: Any
    variance: Any
    support: Any
    noise_var: float
    evidence: Any
    factor_gammas: tuple | None = None
    posterior: Any = field(default=None, repr=False)

    def sample(self, n: int, rng: Any = None) -> np.ndarray:
        """Draw n solutions from the posterior, (n, N) or (n, N, l).

        ``x = mean + d - E[d | A d + e]`` with d from the prior and e from the noise: one posterior mean a draw, and no
        covariance (Papandreou and Yuille, 2010).
        """
        n, rng = validate.positive_integer(n, "n"), np.random.default_rng(rng)
        x, posterior = self.x, self.posterior
        if hasattr(posterior, "draw"):  # one that is not normal
            draws = posterior.draw(n, lambda shape: self._standard_normal(rng, shape))
            return xp.namespace(x).reshape(xp.namespace(x).permute_dims(draws, (1, 0)), (n, *x.shape))
        columns = n if x.ndim == 1 else n * x.shape[1]
        d = posterior.prior(self._standard_normal(rng, (x.shape[0], columns)))
        Ad = posterior.forward(d)
        e = self.noise_var**0.5 * self._standard_normal(rng, Ad.shape)
        d = d - posterior.mean(Ad + e)
        namespace = xp.namespace(x)
        if x.ndim == 1:
            return x + namespace.permute_dims(d, (1, 0))
        return x + namespace.permute_dims(namespace.reshape(d, (x.shape[0], n, x.shape[1])), (1, 0, 2))

    def credible_interval(self, level: float = 0.9) -> tuple[Any, Any]:
        """Return the bounds between which each entry lies with this probability: a pair of arrays like x.

        Of complex entries the bounds of real and imaginary part, each with this probability.
        """
        from scipy.special import ndtri

        level = validate.finite_real(level, "level")
        if not 0 < level < 1:
            raise ValueError(f"level is {level}: a probability between 0 and 1 is needed")
        x = self.x
        namespace = xp.namespace(x)
        parts = 2 if xp.is_complex(x.dtype) else 1
        half = float(ndtri((1 + level) / 2)) * namespace.sqrt(self.variance / parts)
        half = half if x.ndim == 1 else half[:, None]
        half = namespace.astype(half, x.dtype) * (1 + 1j if parts == 2 else 1)
        return x - half, x + half

    def plot(self, axes: Any = None) -> Any:
        """Draw the entries of the support with their 90 % intervals; returns the axes (Matplotlib)."""
        import matplotlib.pyplot as plt
        from scipy.special import ndtri

        axes = plt.subplots(layout="constrained")[1] if axes is None else axes
        x, variance, support = (xp.to_host(part) for part in (self.x, self.variance, self.support))
        power = np.abs(x) if x.ndim == 1 else np.sqrt((np.abs(x) ** 2).mean(axis=1))
        is_signed = x.ndim == 1 and x.dtype.kind != "c"
        height = x if is_signed else power
        parts = 2 if x.dtype.kind == "c" else 1
        half = ndtri(0.95) * np.sqrt(variance[support] / parts)
        axes.axhline(0, color="0.8", linewidth=0.8)
        axes.errorbar(support, height[support], half, fmt="o", ms=4, elinewidth=1.2, capsize=2)
        axes.set(
            xlabel="index of the entry",
            ylabel="entry" if is_signed else "modulus" if x.ndim == 1 else "root mean square over columns",
            title=f"{len(support)} of {len(x)} entries, 90 % intervals",
            xlim=(-0.02 * len(x), 1.02 * len(x)),
        )
        return axes

    def _standard_normal(self, rng: np.random.Generator, shape: tuple[int, ...]):
        """Draw standard normal numbers like x, on the host as everywhere; complex ones of modulus 1 on average."""
        namespace = xp.namespace(self.x)
        z = rng.standard_normal(shape)
        if xp.is_complex(self.x.dtype):
            z = (z + 1j * rng.standard_normal(shape)) * 0.5**0.5
        return namespace.astype(xp.to_like(z, self.x), self.x.dtype)

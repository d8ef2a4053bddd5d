"""What the sparse Walsh-Hadamard transforms return."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from sparsesci._lib.result import Result

from . import words
from .signs import signed_sums

LARGEST_DENSE = 30  # bits: 8 GiB of float64


@dataclass(frozen=True, repr=False, eq=False)
class WHTResult(Result):
    """A sparse Walsh-Hadamard spectrum: ``f(m) = sum_k X_k (-1)^<m, k>``, with ``m`` and ``k`` in F_2^n.

    Bit i of a number is variable i: ``<m, k>`` is the number of variables that are set in both.

    Attributes
    ----------
    x : array (K,)
        The coefficients X_k, also as `values`; those of ``fwht(f, norm="forward")``.
    indices : array (K,)
        Their indices k, sorted: uint64, or Python integers (dtype object) where n > 63.
    n : int
        Bits of a point.
    n_samples : int
        Different points at which f was evaluated.
    noise_std : float
        Standard deviation of the noise of one sample, as it was given or estimated; 0 where f is exactly sparse.
    status : Status
        How the search ended.
    message : str
        The same in words, with the figures, and what to try next after a failure.
    nit : int
        Attempts at decoding: one for each number of bins and each noise level that was tried.
    time : float
        Wall-clock seconds, without those that f took.
    """

    indices: Any
    n: int
    n_samples: int
    noise_std: float

    @property
    def values(self) -> Any:
        """The coefficients X_k (K,)."""
        return self.x

    @property
    def bits(self) -> np.ndarray:
        """The indices as boolean rows (K, n)."""
        return words.to_bits(self._words, self.n)

    @property
    def _words(self) -> np.ndarray:
        return words.from_integers(self.indices, self.n)

    def to_dict(self) -> dict[int, Any]:
        """Return ``{k: X_k}``."""
        return {int(k): X for k, X in zip(self.indices, self.values.tolist(), strict=True)}

    def to_dense(self) -> np.ndarray:
        """Return all ``2**n`` coefficients; n up to 30."""
        if self.n > LARGEST_DENSE:
            raise ValueError(f"n is {self.n}: 2**n coefficients are too many for an array; use to_dict()")
        X = np.zeros(1 << self.n, self.values.dtype)
        X[self.indices.astype(np.int64)] = self.values
        return X

    def predict(self, points: Any) -> np.ndarray:
        """Return ``f`` at points, numbers (q,) or boolean rows (q, n): ``sum_k X_k (-1)^<m, k>``; cost O(q K)."""
        return signed_sums(words.points_as_words(points, self.n), self._words, self.values)

    def interactions(self, max_order: int | None = None) -> list[tuple[tuple[int, ...], Any]]:
        """Return ``(variables, X_k)`` pairs, the largest first; of at most ``max_order`` variables where that is given.

        ``X_k`` multiplies ``prod_i (-1)^{m_i}`` over the variables i: each is a factor of +1 or -1.
        """
        pairs = [
            (tuple(np.flatnonzero(row).tolist()), X) for row, X in zip(self.bits, self.values.tolist(), strict=True)
        ]
        kept = [pair for pair in pairs if max_order is None or len(pair[0]) <= max_order]
        return sorted(kept, key=lambda pair: -abs(pair[1]))

    def shapley(self) -> np.ndarray:
        """Return the Shapley value of each variable (n,), f(m) being the worth of the set of variables that m holds.

        ``phi_i = -2 sum_{k with bit i, |k| odd} X_k / |k|``. They add up to ``f(all ones) - f(0)``.
        """
        bits = self.bits
        order = bits.sum(axis=1)
        share = np.where(order % 2 == 1, -2 * self.values / np.maximum(order, 1), 0)
        return share @ bits

    def plot(self, axes: Any = None) -> Any:
        """Draw the magnitudes of the coefficients by the order of their interaction; returns the axes (Matplotlib)."""
        import matplotlib.pyplot as plt

        axes = plt.subplots(layout="constrained")[1] if axes is None else axes
        order = self.bits.sum(axis=1)
        spread = np.random.default_rng(7).uniform(-0.25, 0.25, len(order))  # of points that share an order
        axes.semilogy(order + spread, np.abs(self.values), "o", ms=4, alpha=0.6, mew=0)
        axes.set(
            xlabel="order of the interaction (variables)",
            ylabel="magnitude of the coefficient |X_k|",
            title=f"{len(order)} coefficients of 2^{self.n}, from {self.n_samples} samples",
        )
        axes.set_xticks(range(int(order.max(initial=0)) + 1))
        return axes

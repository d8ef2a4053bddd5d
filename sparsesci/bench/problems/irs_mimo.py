"""The channel from a mobile to a base station by way of a reflecting surface: 5832 unknowns, a Kronecker product.

He and Joseph, *Bayesian algorithms for Kronecker-structured sparse vector recovery with application to IRS-MIMO channel
estimation*, arXiv 2307.14719, section VI: a mobile with 6 antennas, a base station with 16 and a surface of 256
elements, all linear arrays of half a wavelength; angles on a grid of 18 cosines. One angle leaves the mobile, three
neighbours arrive at the surface, one leaves it, three neighbours arrive at the base station, with complex normal gains.
The surface shows K_I patterns of +1 and -1, and during each the mobile sends K_P pilots of four phases. What arrives is
``((P^T V) (x) (X^T conj(A_M)) (x) A_B) x`` plus noise, with steering matrices A, pilots X and patterns P; V holds the
products of arriving and leaving directions at the surface, which depend on the difference of their angles alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from ..objectives.channel_error import channel_error
from ..problem import Problem

MOBILE, BASE, SURFACE, GRID, SPREAD = 6, 16, 256, 18, 3
# The best of the published mean errors (their method PC, with the noise given), by the signal-to-noise ratio in dB.
PUBLISHED = {4: 0.312, 8: 0.132, 12: 0.049, 16: 0.0089, 20: 0.0029}

System = tuple[list, np.ndarray, "IRSChannel", float]


@dataclass(frozen=True, eq=False)
class IRSChannel:
    """The true channel, which a solver does not look at.

    Attributes
    ----------
    matrices : array (K_I, 16, 6)
        From the mobile to the base station, for each pattern of the surface.
    bases : tuple of arrays
        What takes coefficients to such matrices: ``P^T V`` (K_I, 18), and the steering vectors at the mobile (6, 18),
        conjugated, and at the base station (16, 18).
    """

    matrices: np.ndarray
    bases: tuple[np.ndarray, np.ndarray, np.ndarray]

    def from_coefficients(self, x: np.ndarray) -> np.ndarray:
        """Return the channels (K_I, 16, 6) that coefficients (5832,) make."""
        X = np.reshape(x, (GRID, GRID, GRID))
        return np.einsum("ka,mc,bd,acd->kbm", *self.bases, X, optimize=True)


def steering(n: int) -> np.ndarray:
    """Return the steering vectors (n, 18) of an array of n elements half a wavelength apart."""
    return np.exp(1j * np.pi * np.outer(np.arange(n), 2 * np.arange(GRID) / GRID - 1)) / np.sqrt(n)


def normal(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """Return complex normal numbers of modulus 1 on average."""
    return (rng.standard_normal(shape) + 1j * rng.standard_normal(shape)) / np.sqrt(2)


def irs_channels(rng: np.random.Generator, pilots: int, patterns: int, snr: float, length: int) -> Iterator[System]:
    """Yield ``length`` systems ``(factors, y, channel, noise_var)`` with the same factors, each with a new channel."""
    mobile, base, surface = (steering(n) for n in (MOBILE, BASE, SURFACE))
    X = np.exp(0.5j * np.pi * (rng.integers(4, size=(MOBILE, pilots)) + 0.5)) / np.sqrt(MOBILE)
    P = rng.choice([-1.0, 1.0], (SURFACE, patterns)) / np.sqrt(SURFACE)
    V = surface * surface[:, :1].conj()
    bases = P.T @ V, mobile.conj(), base
    factors = [bases[0], X.T @ bases[1], base]
    for _ in range(length):
        at_mobile, from_surface = rng.integers(GRID, size=2)
        at_surface, at_base = rng.integers(GRID - SPREAD + 1, size=2)
        first = surface[:, at_surface : at_surface + SPREAD] @ normal(rng, SPREAD)
        second = base[:, at_base : at_base + SPREAD] @ normal(rng, SPREAD)
        gains = np.sqrt(SURFACE / SPREAD) * (P.T @ (first * surface[:, from_surface].conj()))
        rank_one = np.sqrt(MOBILE * BASE * SURFACE / SPREAD) * np.outer(second, mobile[:, at_mobile].conj())
        channel = IRSChannel(gains[:, None, None] * rank_one, bases)
        clean = np.einsum("kbm,mp->kpb", channel.matrices, X).ravel()
        noise_var = float(np.mean(np.abs(clean) ** 2)) / 10 ** (snr / 10)
        yield factors, clean + np.sqrt(noise_var) * normal(rng, clean.size), channel, noise_var


def _problem(snr: int) -> Problem:
    return Problem(
        name=f"irs-mimo-{snr}db",
        family="bayes",
        says=f"channel by way of a reflecting surface, 5832 unknowns from 288 measurements, {snr} dB",
        parameters={"pilots": 3, "patterns": 6, "snr": float(snr), "length": 50},
        make=irs_channels,
        error=channel_error,
        goal=PUBLISHED[snr],
        preconditioner=None,
        traits=frozenset({"kronecker", "complex"}),
        plain=False,
        series={"irs-mimo": "snr"},
    )


PROBLEMS: tuple[Problem, ...] = tuple(
    replace(problem, quick={"length": 5}, plain=snr == 12)
    for snr, problem in ((snr, _problem(snr)) for snr in PUBLISHED)
)

"""How far an estimated channel is from the true one: its squared error, and the symbols that are lost by it."""

from __future__ import annotations

from typing import Any

import numpy as np

SYMBOLS = 10_000  # for each pattern of the surface
CONSTELLATION = np.exp(0.5j * np.pi * np.arange(4))  # quadrature phase-shift keying


def channel_error(factors: list, y: np.ndarray, channel: Any, noise_var: float, x: np.ndarray) -> float:
    """Return ``||H - H_k||^2 / ||H_k||^2``, the mean over the patterns k of the surface, for the channels that x makes.

    Parameters
    ----------
    factors, y, noise_var
        The system that was solved.
    channel : IRSChannel
        Holds the true channels.
    x : array (N,)
        An answer.
    """
    true, found = channel.matrices, channel.from_coefficients(x)
    return float(np.mean(_power(found - true) / _power(true)))


def symbol_error_rate(channel: Any, x: np.ndarray, snr: float, rng: np.random.Generator) -> float:
    """Return the rate of errors of symbols that are sent, and detected, with the channels that x makes.

    For each pattern one stream of symbols of modulus 1, of 4 phases, is sent along the first right singular vector of
    the estimated channel, and received along the first left one. The receiver knows the gain that the estimate says,
    and takes the symbol that is nearest to what it hears. The noise is that of a link which, were the channel known,
    would have this signal-to-noise ratio (dB): who points the beams elsewhere hears less, and the same noise. An
    estimate that is zero knows nothing: its errors are three of four.
    """
    lost = []
    for H, estimate in zip(channel.matrices, channel.from_coefficients(x), strict=True):
        if not estimate.any():
            lost.append(0.75)
            continue
        U, s, Vh = np.linalg.svd(estimate)
        heard = U[:, 0].conj() @ H @ Vh[0].conj()
        noise = np.linalg.svd(H, compute_uv=False)[0] * 10 ** (-snr / 20)
        sent = rng.integers(4, size=SYMBOLS)
        n = (rng.standard_normal(SYMBOLS) + 1j * rng.standard_normal(SYMBOLS)) / np.sqrt(2)
        received = heard * CONSTELLATION[sent] + noise * n
        detected = np.argmin(np.abs(received[:, None] - s[0] * CONSTELLATION), axis=1)
        lost.append(np.mean(detected != sent))
    return float(np.mean(lost))


def _power(H: np.ndarray) -> np.ndarray:
    return np.sum(np.abs(H) ** 2, axis=(1, 2))

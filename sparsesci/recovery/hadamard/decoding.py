"""From bins to a spectrum: peel, fit, drop what is insignificant, and peel what that leaves."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from . import peeling, support
from .hashing import Hashing

MOST_ROUNDS = 20
FIT_ACCURACY = 0.01  # of what a coefficient must be to be told from noise
SURE_OF_ALL_BITS = 3  # standard deviations: about one of 20 times a bit of some 40 is wrong
MARGIN = 1.5  # the largest coefficient missed in 500 random spectra was 1.51 of the estimate


class Spectrum(NamedTuple):
    """Indices as words (K, w), coefficients (K,), and what is left of the bins.

    ``unresolved`` and ``multiple`` are shares of the bins: of those that are more than noise, and of those that
    cannot hold a single coefficient either. ``square_left`` is the square norm of what is left. ``dispersion`` is the
    variance of the energies of bins in units of that of pure noise of the same mean: it is 1 where nothing but noise
    is left. ``size_left`` is the root mean square of the coefficients that unresolved bins hold, and ``weakest``
    about the least coefficient that could have been identified.
    """

    words: np.ndarray
    values: np.ndarray
    unresolved: float
    multiple: float
    square_left: float
    dispersion: float
    size_left: float
    weakest: float


def decode(
    U: np.ndarray, hashing: Hashing, decoder: peeling.Decoder, noise_std: float, n_choices: float, *, is_noisy: bool
) -> Spectrum:
    """Return the spectrum that bins U (C, B, P) hold, for samples with noise of ``noise_std``.

    Rounds of peeling on what the least-squares fit has left, strict ones first; once they find nothing more, bold ones
    (where there is noise: what is exact either peels or has too few bins).
    A coefficient stays as long as ``C P |X_k|^2`` is more than the largest of pure noise.
    """
    n_offsets = U.shape[2]
    options = {"is_complex": np.iscomplexobj(U)}
    strict = peeling.noise_levels(noise_std, U.shape, n_choices, **options)
    bold = peeling.noise_levels(noise_std, U.shape, n_choices, **options, is_bold=True) if is_noisy else strict
    words = np.zeros((0, hashing.hashes.shape[2]), np.uint64)
    values, left, levels = np.zeros(0, U.dtype), U.copy(), strict
    for _ in range(MOST_ROUNDS):
        before = words
        more, increments = peeling.peel_bins(left, hashing, decoder, levels)
        words, values = peeling.collect(np.concatenate((words, more)), np.concatenate((values, increments)))
        words, values, left = _fit(words, values, left, hashing, strict.gain)
        energies = (np.abs(left) ** 2).sum(axis=2)
        is_unresolved = energies > strict.empty
        is_settled = len(words) == len(before) and (words == before).all()
        if not len(words) or (levels is bold and is_settled) or (not is_noisy and not is_unresolved.any()):
            break
        levels = bold if is_settled else levels
    modulus = np.abs(left).sum(axis=2) ** 2 / n_offsets  # at least what a single coefficient explains
    is_multiple = is_unresolved & (energies - modulus > strict.single)
    parts = 2 if np.iscomplexobj(U) else 1
    of_noise = n_offsets * noise_std**2 / U.shape[1]
    return Spectrum(
        words=words,
        values=values,
        unresolved=float(is_unresolved.mean()),
        multiple=float(is_multiple.mean()),
        square_left=float(energies.sum()),
        dispersion=float(energies.var() / max(energies.mean() ** 2, 1e-300) * parts * n_offsets / 2),
        size_left=float(np.sqrt(np.maximum(energies[is_unresolved] - of_noise, 0).mean() / n_offsets))
        if is_unresolved.any()
        else 0.0,
        weakest=_weakest(noise_std / np.sqrt(U.shape[1]), strict.gain, n_offsets, hashing.duals.shape[1]),
    )


def _weakest(spread: float, gain: float, n_offsets: int, n_info: int) -> float:
    """Return the least coefficient that its bin identifies, where each entry of it has noise of ``spread``.

    It must stand out from all other indices, and where no offset is to spare, each of its bits from the noise.
    """
    least = float(np.sqrt(gain / n_offsets))
    return MARGIN * (max(least, SURE_OF_ALL_BITS * spread) if n_offsets == n_info + 1 else least)


def _fit(words, values, left, hashing, gain):
    """Fit the coefficients, drop the insignificant ones, and fit again until all are significant."""
    while True:
        where = support.locate(hashing, words)
        norm = where.signs.shape[0] * where.signs.shape[2]  # of a column, squared
        atol = FIT_ACCURACY * np.sqrt(gain * norm * max(len(words), 1))
        values, left = support.least_squares(left, where, values, atol=atol)
        is_kept = norm * np.abs(values) ** 2 >= gain
        if is_kept.all():
            return words, values, left
        support.subtract(left, *where, np.where(is_kept, 0, -values))
        words, values = words[is_kept], values[is_kept]

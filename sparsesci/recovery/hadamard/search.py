"""How many bins, how many offsets: grown from the same samples until a spectrum stands on points it never saw.

More bins hold fewer coefficients each, and less noise; more offsets say more about the index of each coefficient. After
an attempt that fails, offsets are added where few bins are left that hold a single coefficient each, else bins are
doubled. Bases and offsets are nested: what was evaluated for one attempt is used by the next.

The level of the noise is tried from the lowest quantile of the energies of bins upwards: too small a level takes
noise for coefficients and fails on the checks, too large a level overlooks coefficients. A spectrum is accepted when
it explains every bin, but for a few that hold what is too weak, and the checks to within the noise; and, where the
noise is not given, if it explains a good part of the bins.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from sparsesci._lib.result import Status

from . import codes, decoding, hashing, low_degree, noise, peeling
from . import words as bits_of
from .dense_spectrum import dense_spectrum
from .signs import signed_sums

N_CHECKS = 64  # points that judge a spectrum, and are not used to find it
BINS_PER_COEFFICIENT = 0.5  # 0.4073 in the limit of many bins
FEWEST_BITS = 3
MORE_OFFSETS = 1.5  # factor
MOST_OFFSETS = 8  # times the fewest; beyond, more bins are the better use of samples
NEARLY_DONE = 0.2  # share of bins that are not explained, up to which more offsets may help
SPREAD = 5  # standard deviations that the error on the checks, or the dispersion of bins, may be above that of noise
MOST_DISPERSED = 2  # where weak coefficients are left: their energies may vary as much as those of noise
NEGLIGIBLE = 0.05  # share of bins that may hold what is too weak to be identified ...
WEAK = 0.5  # ... in units of the median coefficient
ORDER = 2  # of ordered statistics
REFINEMENTS = 3
ABOUT_EQUAL = 1.05  # factor between errors on the checks
SETTLED = 0.02  # relative change of the noise level


class Attempt(NamedTuple):
    """A spectrum, as words (K, w) and coefficients (K,); the noise it was decoded for; whether it stands.

    ``error`` is the root mean square on the checks; ``unresolved`` and ``multiple`` are shares of the bins: those
    that are not explained, and those of them that hold several coefficients. ``weakest`` is about the least
    coefficient that could have been identified.
    """

    words: np.ndarray
    values: np.ndarray
    noise_std: float
    error: float
    unresolved: float
    multiple: float
    weakest: float
    stands: bool

    def times(self, factor: float) -> Attempt:
        """Return the same of samples that are larger by a factor."""
        scaled = ("values", "noise_std", "error", "weakest")
        return self._replace(**{name: getattr(self, name) * factor for name in scaled})


class Size(NamedTuple):
    """Bits of a bin, and offsets of a group."""

    b: int
    n_offsets: int

    @property
    def n_points(self) -> int:
        """Points that are read, some of them perhaps twice."""
        return hashing.N_GROUPS * (self.n_offsets << self.b)


class Outcome(NamedTuple):
    """The last attempt, its size, how many there were, and how the search ended."""

    attempt: Attempt
    size: Size
    nit: int
    status: Status


def fewest_samples(n: int, max_order: int | None, sparsity: int | None = None) -> int:
    """Return how many samples the first attempt takes: for unknown sparsity, the least there is."""
    b = _bits_for(n, sparsity)
    return min(Size(b, _fewest_offsets(n, b, max_order)).n_points + N_CHECKS, 1 << n)


def search(
    ask: Callable,
    n: int,
    *,
    method: str,
    sparsity: int | None,
    budget: int,
    noise_std: float | None,
    max_order: int | None,
    sampling: str,
    rng: np.random.Generator,
    is_wanted: Callable[[Attempt, Size, int], bool],
) -> Outcome:
    """Search for the spectrum of ``ask`` with at most ``budget`` samples, as long as an attempt is wanted after all."""
    checks = _random_points(n, N_CHECKS, rng)
    shifts = _random_points(n, 1 << 12, rng)  # what random offsets are made of
    bases = hashing.random_bases(n, rng)
    candidates = low_degree.all_indices(n, max_order) if max_order is not None else None
    known = ask(checks)
    size = _first_size(n, sparsity, budget, max_order)
    nit, last = 0, None
    while True:
        if size.n_points + N_CHECKS >= 1 << n and 1 << n <= budget:
            return Outcome(*whole_table(ask, noise_std), nit + 1, Status.CONVERGED)
        if sampling == "blocks":
            bases = hashing.block_bases(n, size.b)
        hashed, decoder = _design(n, size, method, bases, shifts, candidates)
        points = hashed.points()
        rows = points.reshape(-1, points.shape[-1])
        if last is not None and ask.total_with(rows) > budget:
            return Outcome(*last, nit, Status.UNRESOLVED)
        samples = ask(rows)
        largest = max(float(np.abs(part).max()) for part in (known, samples))
        unit = noise.unit(max(largest, noise_std or 0.0))
        U = hashed.bins(samples.reshape(points.shape[:3])) / unit
        least = noise.rounding_level(largest, samples.dtype) / unit
        n_choices = len(candidates) / hashed.n_bins if candidates is not None else 2.0 ** (n - size.b)
        level = None if noise_std is None else noise_std / unit
        attempt = _best_attempt(U, hashed, decoder, n_choices, level, least, checks, known / unit)
        nit, last = nit + 1, (attempt.times(unit), Size(size.b, hashed.offsets.shape[1]))
        if attempt.stands:
            return Outcome(*last, nit, Status.CONVERGED)
        if not is_wanted(*last, nit):
            return Outcome(*last, nit, Status.STOPPED_BY_CALLBACK)
        size = _next_size(size, attempt, n, method, max_order)


def whole_table(ask: Callable, noise_std: float | None) -> tuple[Attempt, Size]:
    """Return what the dense transform of all values finds; it always stands."""
    indices, values, level = dense_spectrum(ask.whole(), noise_std)
    return Attempt(indices.reshape(-1, 1), values, level, level, 0.0, 0.0, 0.0, stands=True), Size(ask.n, 1)


def _first_size(n: int, sparsity: int | None, budget: int, max_order: int | None) -> Size:
    """Return the size for the expected number of coefficients, or the largest that the budget allows."""
    b = _bits_for(n, sparsity)
    while b > FEWEST_BITS and Size(b, _fewest_offsets(n, b, max_order)).n_points + N_CHECKS > budget:
        b -= 1
    return Size(b, _fewest_offsets(n, b, max_order))


def _bits_for(n: int, sparsity: int | None) -> int:
    bits = FEWEST_BITS if sparsity is None else int(np.ceil(np.log2(max(BINS_PER_COEFFICIENT * sparsity, 1))))
    return min(max(bits, FEWEST_BITS), n)


def _fewest_offsets(n: int, b: int, max_order: int | None) -> int:
    return n - b + 1 if max_order is None else low_degree.least_offsets(n, max_order, b)


def _next_size(size: Size, attempt: Attempt, n: int, method: str, max_order: int | None) -> Size:
    """Add offsets where most bins are explained already, whole blocks of them for repetition; else double the bins."""
    fewest = _fewest_offsets(n, size.b, max_order)
    more = int(np.ceil(MORE_OFFSETS * size.n_offsets))
    if method == "robust":
        more = fewest * -(-more // fewest)
    is_nearly_done = len(attempt.values) and 0 < attempt.unresolved < NEARLY_DONE and attempt.multiple == 0
    if size.b == n or (method != "noiseless" and is_nearly_done and more <= MOST_OFFSETS * fewest):
        return Size(size.b, more)
    fewest_then = _fewest_offsets(n, size.b + 1, max_order)
    return Size(size.b + 1, max(fewest_then, size.n_offsets * fewest_then // fewest))


def _design(n, size, method, bases, shifts, candidates) -> tuple[hashing.Hashing, peeling.Decoder]:
    """Return what maps points to bins, and how indices are read from bins."""
    if candidates is not None:
        hashed = hashing.make_list_hashing(bases, size.b, shifts[: size.n_offsets])
        return hashed, low_degree.list_decoder(hashed, candidates)
    n_info = n - size.b
    is_robust = method == "robust"
    code = (codes.repetition if is_robust else codes.random_code)(
        n_info, size.n_offsets, shifts[:, 0] >> np.uint64(size.b)
    )
    n_blocks = len(code) // (n_info + 1) if is_robust else 1
    order = -1 if is_robust or len(code) == n_info + 1 else ORDER
    return hashing.make_hashing(bases, size.b, code), peeling.code_decoder(n_blocks, order)


def _best_attempt(U, hashed, decoder, n_choices, noise_std, least, checks, known) -> Attempt:
    """Decode for each level that the noise may have, and from the best one on for the level that the spectrum leaves.

    The noise is never less than ``least``, the level of rounding.
    """
    is_known = noise_std is not None

    def decode(level: float) -> tuple[Attempt, float]:
        spectrum = decoding.decode(U, hashed, decoder, level, n_choices, is_noisy=level > least)
        attempt = _judge(spectrum, level, U, checks, known, is_known=is_known or level == least)
        return attempt, max(least, noise.of_residual(spectrum.square_left, U.shape, len(spectrum.words)))

    if is_known:
        return decode(max(noise_std, least))[0]._replace(noise_std=noise_std)
    best, next_level = None, 0.0
    for level in noise.guesses(U, least):
        attempt, left = decode(level)
        if best is None or attempt.error < best.error:
            best, next_level = attempt, left
        if attempt.stands and level == least:
            return attempt._replace(noise_std=0.0)
        if attempt.stands:
            best, next_level = attempt, left
            break
    for _ in range(REFINEMENTS):
        level = next_level
        attempt, next_level = decode(level)
        if attempt.error > best.error * ABOUT_EQUAL:
            break
        best = attempt
        if abs(next_level - level) <= SETTLED * level:
            break
    return best


def _judge(spectrum, level, U, checks, known, *, is_known: bool) -> Attempt:
    """Compare a spectrum with the checks, and what it leaves of the bins with noise."""
    error = noise.root_mean_square(known - signed_sums(checks, spectrum.words, spectrum.values))
    parts = 2 if np.iscomplexobj(U) else 1
    spread = 1 + SPREAD / np.sqrt(2 * parts * len(known))
    is_weak = len(spectrum.values) and spectrum.size_left < WEAK * np.median(np.abs(spectrum.values))
    is_explained = spectrum.unresolved == 0 or (spectrum.unresolved < NEGLIGIBLE and is_weak)
    stands = is_explained and error <= level * spread
    if not is_known:
        explained = 1 - spectrum.square_left / max(np.vdot(U, U).real, 1e-300)
        chance = SPREAD * np.sqrt(2 / U[:, :, 0].size)
        is_noise = spectrum.dispersion <= (MOST_DISPERSED if spectrum.unresolved else 1) + chance
        stands = stands and is_noise and level <= error * spread and explained > noise.LEAST_EXPLAINED
    is_silent = not np.any(U) and not np.any(known)
    return Attempt(
        words=spectrum.words,
        values=spectrum.values,
        noise_std=level,
        error=error,
        unresolved=spectrum.unresolved,
        multiple=spectrum.multiple,
        weakest=spectrum.weakest,
        stands=bool(stands or is_silent),
    )


def _random_points(n: int, count: int, rng: np.random.Generator) -> np.ndarray:
    return bits_of.from_bits(rng.integers(2, size=(count, n), dtype=bool))

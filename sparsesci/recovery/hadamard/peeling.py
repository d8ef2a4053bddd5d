"""Peeling: a bin that holds one coefficient gives it away; without it, other bins hold one less.

Li, Bradley, Pawar, Ramchandran, *SPRIGHT* (2015), section IV. Each bin of P offsets is one of three:

* empty (zero-ton), where ``sum_p |U_p|^2 <= empty``;
* a single coefficient (single-ton), where some index k of the bin leaves
  ``sum_p |U_p - X (-1)^<d_p, k>|^2 <= single`` with ``X = (1/P) sum_p U_p (-1)^<d_p, k>``;
* anything else (multi-ton): it waits until others have been peeled from it.

Deviations
----------
1. Both levels are quantiles of the chi-square distribution of pure noise, at a probability that is shared by all
   bins; the paper takes fixed factors.
2. The residual is formed term by term: ``sum |U|^2 - P |X|^2`` cancels.
3. A coefficient must explain at least ``gain`` of its bin, more than the best of all indices does to pure noise.
4. What was wrongly peeled is not lost: it stands in the bins with the opposite sign, and is peeled again.
5. An index whose bits are not sure is taken only if the other groups agree: a single coefficient in noise is found
   with a bit or two wrong, and fits its bin nevertheless.
6. Where many small coefficients stand beside a large one no bin may hold a single one. A bold pass takes out of a bin
   the index that fits it best, if the other groups agree: there nothing was chosen, and a t-test against all else in
   their bins is fair. It also looks at bins with no more energy than half of the empty ones have.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from sparsesci._lib.dispatch import kernel

from .hashing import Hashing
from .ordered_statistics import decode
from .signs import parity

NOISE_PROBABILITY = 1e-2  # that any bin of pure noise, of all, is above its level
DOUBT = 1e-3  # probability of an index with a wrong bit that need not be confirmed: later rounds mend a few


class Decoder(NamedTuple):
    """How the index is read from a bin.

    Where ``listed`` (C, L, w) is not empty, bin j of group c holds one of its rows ``starts[c, j]`` to
    ``starts[c, j + 1]``. Else the coordinates are the signs of sums over ``n_blocks`` blocks of offsets; and where this
    fails and ``order`` >= 0, those that ordered statistics find.
    """

    listed: np.ndarray
    starts: np.ndarray
    n_blocks: int
    order: int


class Levels(NamedTuple):
    """What is noise, and what is sure.

    ``empty``, ``single`` and ``gain`` are squared norms of a bin (P,): of an empty one, of what a single coefficient
    leaves, and of the least coefficient. An index is ``sure`` if ``|X|`` times its lead in correlation over others is
    at least this; else the other groups must agree: the square of the coefficient as they see it, in units of its
    variance, must be at least ``confirmed`` for a single one, and ``elsewhere`` for one that is not alone in its bin
    (inf: never).
    """

    empty: float
    single: float
    gain: float
    sure: float
    confirmed: float
    elsewhere: float


def code_decoder(n_blocks: int, order: int) -> Decoder:
    """Return the decoder of coordinates by blocks, and by ordered statistics where ``order`` >= 0."""
    return Decoder(np.zeros((0, 0, 1), np.uint64), np.zeros((0, 0), np.int64), n_blocks, order)


def noise_levels(
    noise_std: float, shape: tuple[int, int, int], n_choices: float, *, is_complex: bool, is_bold: bool = False
) -> Levels:
    """Return the levels for bins of ``shape`` (C, B, P) where one of ``n_choices`` indices is chosen for each.

    Each entry of a bin has noise of variance ``noise_std^2 / B``, in the complex case half of it in each part.
    """
    from scipy.special import chdtri, fdtri

    n_groups, n_bins, n_offsets = shape
    parts = 2 if is_complex else 1
    variance = noise_std**2 / n_bins / parts
    chance = NOISE_PROBABILITY / (n_groups * n_bins)
    # As if the weights of the groups were known. They are estimated: of pure noise more than this chance passes (3
    # times as much at 20 offsets, 11 at 9, for a chance of 1e-4); what is wrong is peeled again. Strictness
    # costs samples.
    confirmed = float(fdtri(parts, parts * (n_groups - 1) * max(n_offsets - 1, 1), 1 - chance))
    return Levels(
        empty=variance * (parts * n_offsets if is_bold else float(chdtri(parts * n_offsets, chance))),
        single=variance * float(chdtri(parts * max(n_offsets - 1, 1), chance)),
        gain=variance * float(chdtri(parts, chance / n_choices)),
        # |X| lead / variance is the log-likelihood ratio of a bit:
        sure=variance * math.log(math.log2(n_choices + 1) / DOUBT),
        confirmed=confirmed,
        elsewhere=confirmed if is_bold else math.inf,
    )


def peel_bins(U: np.ndarray, hashing: Hashing, decoder: Decoder, levels: Levels) -> tuple[np.ndarray, np.ndarray]:
    """Return the indices (K, w), sorted, and coefficients (K,) that bins U (C, B, P) give away; the rest stays in U."""
    n_groups, n_bins, _ = U.shape
    room = 4 * n_groups * n_bins  # coefficients that are peeled twice or more are rare
    indices = np.zeros((room, hashing.hashes.shape[2]), np.uint64)
    values = np.zeros(room, U.dtype)
    n_found = peel(U, hashing, decoder, levels, indices, values)
    return collect(indices[:n_found], values[:n_found])


def collect(indices: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sort indices (K, w) and add up the values of those that are equal."""
    if not len(indices):
        return indices, values
    order = np.lexsort(indices.T)
    indices, values = indices[order], values[order]
    is_new = np.ones(len(indices), bool)
    is_new[1:] = (indices[1:] != indices[:-1]).any(axis=1)
    first = np.flatnonzero(is_new)
    return indices[first], np.add.reduceat(values, first)


@kernel(cpu="sparsesci._cpu.peeling:peel")
def peel(U, hashing, decoder, levels, indices, values):
    """Subtract every coefficient that stands alone in a bin until no bin changes; return how many were subtracted.

    U (C, B, P) is changed; indices (room, w) and values (room,) are filled in the order in which they are found.
    """
    n_found = 0
    queue = [(c, j) for c in range(U.shape[0]) for j in range(U.shape[1])]
    while queue and n_found < len(indices):
        c, j = queue.pop(0)
        energy = np.vdot(U[c, j], U[c, j]).real
        if energy <= levels.empty:
            continue
        residual = math.inf
        for k, lead in _candidates(U[c, j], c, j, hashing, decoder, levels, energy):  # noqa: B007, the last one counts
            X, residual = _fit(U[c, j], hashing.offsets[c], k)
            if residual <= levels.single:
                break
        if residual == math.inf:  # an empty list
            continue
        is_single = residual <= levels.single
        is_taken = not is_single or energy - residual >= levels.gain
        if is_taken and (not is_single or abs(X) * lead(X) < levels.sure):
            agreed, X = _elsewhere(U, c, hashing, k)
            is_taken = agreed >= (levels.confirmed if is_single else levels.elsewhere)
        if not is_taken:
            continue
        indices[n_found], values[n_found] = k, X
        n_found += 1
        for g in range(U.shape[0]):
            bin = _bin(hashing, g, k)
            U[g, bin] -= np.where(parity(hashing.offsets[g] & k), -X, X)
            if (g, bin) not in queue:
                queue.append((g, bin))
    return n_found


def _candidates(bin, c, j, hashing, decoder, levels, energy) -> Any:
    """Yield the indices that a bin may hold, the one to try first first, each with its lead as a function of X."""
    if len(decoder.listed):
        listed = decoder.listed[c, decoder.starts[c, j] : decoder.starts[c, j + 1]]
        sizes = abs(np.where(parity(hashing.offsets[c] & listed[:, None, :]), -bin, bin).sum(axis=1))
        if len(listed):
            second, best = np.sort(np.append(sizes, 0))[-2:]
            yield listed[np.argmax(sizes)], lambda X: best - second
        return
    duals = hashing.duals[c]
    blocks = bin[: decoder.n_blocks * (len(duals) + 1)].reshape(decoder.n_blocks, -1)
    is_set = (np.conj(blocks[:, :1]) * blocks[:, 1:]).real.sum(axis=0) < 0

    def lead_of(k):
        flips = (hashing.codes[:, None] >> np.arange(len(duals), dtype=np.uint64)) & np.uint64(1)
        flips = np.column_stack((flips, ~parity(hashing.codes[:, None])))
        signs = np.where(parity(hashing.offsets[c] & k), -1, 1)
        return lambda X: (flips.T @ (2 * signs * (bin * np.conj(X)).real / abs(X))).min()

    first = _index(hashing.origins[c, j], duals[is_set])
    yield first, lead_of(first)
    square = (bin * bin).sum()
    if decoder.order < 0 or square == 0:
        return
    received = (bin * np.conj(np.sqrt(square / abs(square)))).real
    least = energy - levels.single if levels.elsewhere == math.inf else levels.gain
    if abs(received).sum() ** 2 >= least * len(bin):
        sign_bit = np.uint64(1 << len(duals))
        u = decode(received, hashing.codes | sign_bit, len(duals) + 1, decoder.order)
        second = _index(hashing.origins[c, j], duals[(u >> np.arange(len(duals), dtype=np.uint64)) & np.uint64(1) == 1])
        yield second, lead_of(second)


def _fit(bin, offsets, k):
    """Return the coefficient of k in a bin, and the squared norm of what it leaves."""
    signs = np.where(parity(offsets & k), -1, 1)
    X = (signs * bin).mean()
    return X, (abs(bin - signs * X) ** 2).sum()


def _elsewhere(U, c, hashing, k):
    """Return the square of X as the groups other than c see it, in units of its variance, and X."""
    weights, estimates = [], []
    for g in range(len(U)):
        if g != c:
            bin = U[g, _bin(hashing, g, k)]
            X, residual = _fit(bin, hashing.offsets[g], k)
            estimates.append(X)
            weights.append(len(bin) / max(residual, 1e-300))
    X = np.average(estimates, weights=weights)
    return abs(X) ** 2 * sum(weights) * (U.shape[2] - 1), X


def _bin(hashing, g, k) -> int:
    return int((parity(hashing.hashes[g] & k) << np.arange(hashing.hashes.shape[1])).sum())


def _index(origin, duals):
    return origin ^ np.bitwise_xor.reduce(duals, axis=0)

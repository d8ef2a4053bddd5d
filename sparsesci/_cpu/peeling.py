"""Peeling of hashed Walsh-Hadamard bins; arguments as in `sparsesci.recovery.hadamard.peeling`."""

import numpy as np
from numba import njit

from . import ordered_statistics
from .walsh import is_negative, is_odd

ONE = np.uint64(1)


@njit(cache=True, nogil=True)
def peel(U, hashing, decoder, levels, indices, values):
    """Subtract every coefficient that stands alone in a bin until no bin changes; return how many were subtracted."""
    hashes, offsets, origins, duals, codes = hashing
    listed, starts, n_blocks, order = decoder
    empty, single, gain, sure, confirmed, elsewhere = levels
    n_groups, n_bins, n_offsets = U.shape
    n_queue = n_groups * n_bins
    queue, is_queued = np.arange(n_queue), np.ones(n_queue, np.bool_)
    first, waiting, n_found = 0, n_queue, 0
    signs = np.empty(n_offsets)
    k = np.empty(indices.shape[1], np.uint64)
    while waiting and n_found < len(indices):
        c, j = divmod(queue[first], n_bins)
        is_queued[queue[first]] = False
        first, waiting = (first + 1) % n_queue, waiting - 1

        energy = _energy(U[c, j])
        if energy <= empty:
            continue
        if len(listed):
            among = listed[c, starts[c, j] : starts[c, j + 1]]
            if not len(among):
                continue
            residual, X, lead = _from_list(U[c, j], offsets[c], among, k, signs)
        else:
            u = _by_blocks(U[c, j], duals.shape[1], n_blocks)
            residual, X = _fit(U[c, j], codes, u, signs)
            if residual > single and order >= 0:
                u = _by_order(
                    U[c, j], codes, duals.shape[1], order, energy - single if elsewhere == np.inf else gain, u
                )
                residual, X = _fit(U[c, j], codes, u, signs)
            lead = _lead(U[c, j], codes, duals.shape[1], X, residual, signs, sure)
            _index(origins[c, j], duals[c], u, k)
        if residual <= single and energy - residual < gain:
            continue
        if residual > single or abs(X) * lead < sure:
            agreed, X = _elsewhere(U, c, hashes, offsets, k)
            if agreed < (elsewhere if residual > single else confirmed):
                continue

        indices[n_found], values[n_found] = k, X
        n_found += 1
        for g in range(n_groups):
            bin = _bin(hashes[g], k)
            for p in range(n_offsets):
                U[g, bin, p] -= -X if is_negative(offsets[g, p], k) else X
            changed = g * n_bins + bin
            if not is_queued[changed]:
                is_queued[changed] = True
                queue[(first + waiting) % n_queue] = changed
                waiting += 1
    return n_found


@njit(cache=True, nogil=True, inline="always")
def _square(z):
    return z.real * z.real + z.imag * z.imag


@njit(cache=True, nogil=True)
def _energy(bin):
    total = 0.0
    for p in range(len(bin)):
        total += _square(bin[p])
    return total


@njit(cache=True, nogil=True)
def _bin(hashes, k):
    """Return the bin of an index: bit i is ``<hashes_i, k>``."""
    bin = 0
    for i in range(len(hashes)):
        bin |= np.int64(is_negative(hashes[i], k)) << i
    return bin


@njit(cache=True, nogil=True)
def _index(origin, duals, u, k):
    """Fill in the index of the bin of ``origin`` that has coordinates u."""
    k[:] = origin
    for i in range(len(duals)):
        if u >> np.uint64(i) & ONE:
            for w in range(len(k)):
                k[w] ^= duals[i, w]


@njit(cache=True, nogil=True)
def _fit(bin, codes, u, signs):
    """Return what is left of a bin without the coefficient with coordinates u, and that coefficient."""
    X = bin[0] * 0
    for p in range(len(bin)):
        signs[p] = -1.0 if is_odd(codes[p] & u) else 1.0
        X += signs[p] * bin[p]
    X /= len(bin)
    return _residual(bin, X, signs), X


@njit(cache=True, nogil=True)
def _residual(bin, X, signs):
    total = 0.0
    for p in range(len(bin)):
        total += _square(bin[p] - signs[p] * X)
    return total


@njit(cache=True, nogil=True)
def _lead(bin, codes, n_info, X, residual, signs, sure):
    """Return by how much the word found correlates better with a bin than those with one coordinate flipped, or all."""
    size = abs(X)
    least = 2 * (size - np.sqrt(residual))  # no symbol agrees less than this
    if size * least >= sure or size == 0:
        return least
    flipped = np.zeros(n_info + 1)
    for p in range(len(bin)):
        agreement = 2 * signs[p] * (bin[p] * np.conj(X)).real / size
        flipped[n_info] += 0.0 if is_odd(codes[p]) else agreement
        for i in range(n_info):
            if codes[p] >> np.uint64(i) & ONE:
                flipped[i] += agreement
    return flipped.min()


@njit(cache=True, nogil=True)
def _by_blocks(bin, n_info, n_blocks):
    """Return the coordinates that the sums over blocks {r, r + e_1, ..., r + e_n_info} of offsets say."""
    u = np.uint64(0)
    for i in range(n_info):
        total = 0.0
        for block in range(n_blocks):
            a, z = bin[block * (n_info + 1)], bin[block * (n_info + 1) + i + 1]
            total += a.real * z.real + a.imag * z.imag
        if total < 0:
            u |= ONE << np.uint64(i)
    return u


@njit(cache=True, nogil=True)
def _by_order(bin, codes, n_info, order, least_gain, u):
    """Return the coordinates by ordered statistics, or u where no coefficient can explain ``least_gain`` of the bin."""
    square = bin[0] * 0
    for p in range(len(bin)):
        square += bin[p] * bin[p]
    if square == 0:
        return u
    phase = np.sqrt(square / abs(square))  # of X, up to its sign: (+-X)^2 = X^2
    received, total = np.empty(len(bin)), 0.0
    for p in range(len(bin)):
        received[p] = (bin[p] * np.conj(phase)).real
        total += abs(received[p])
    if total * total < least_gain * len(bin):
        return u
    sign_bit = ONE << np.uint64(n_info)
    return ordered_statistics.decode(received, codes | sign_bit, n_info + 1, order) & ~sign_bit


@njit(cache=True, nogil=True)
def _elsewhere(U, c, hashes, offsets, k):
    """Return the square of a coefficient as the other groups see it, in units of its variance, and the coefficient.

    What else is in their bins counts as noise.
    """
    n_groups, _, n_offsets = U.shape
    sum_of_weights, total = 0.0, U[0, 0, 0] * 0
    for g in range(n_groups):
        if g == c:
            continue
        bin, X = U[g, _bin(hashes[g], k)], U[0, 0, 0] * 0
        for p in range(n_offsets):
            X += -bin[p] if is_negative(offsets[g, p], k) else bin[p]
        X /= n_offsets
        spread = max(_energy(bin) / n_offsets - _square(X), 1e-300)
        total += X / spread
        sum_of_weights += 1 / spread
    X = total / sum_of_weights
    return _square(X) * sum_of_weights * (n_offsets - 1), X


@njit(cache=True, nogil=True)
def _from_list(bin, offsets, candidates, k, signs):
    """Fill in the candidate that correlates best with a bin; return what it leaves, its coefficient, and its lead."""
    best, second, X, chosen = -1.0, 0.0, bin[0] * 0, 0
    for candidate in range(len(candidates)):
        total = bin[0] * 0
        for p in range(len(bin)):
            total += -bin[p] if is_negative(offsets[p], candidates[candidate]) else bin[p]
        size = abs(total)
        if size > best:
            second, best, X, chosen = max(best, 0.0), size, total / len(bin), candidate
        elif size > second:
            second = size
    k[:] = candidates[chosen]
    for p in range(len(bin)):
        signs[p] = -1.0 if is_negative(offsets[p], k) else 1.0
    return _residual(bin, X, signs), X, best - second

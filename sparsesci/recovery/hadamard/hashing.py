"""Hashing of a Walsh-Hadamard spectrum into bins by subsampling (the encoder of SPRIGHT).

For each of C groups a basis ``beta_1, ..., beta_n`` of F_2^n is drawn. The first b vectors span the points that are
read, ``M = [beta_1 ... beta_b]``; each offset d shifts them, and a transform of length ``B = 2^b`` of what is read
gives ::

    U_d[j] = (1/B) sum_l f(M l + d) (-1)^<j, l> = sum_{k: M'k = j} X_k (-1)^<d, k> + noise,    Var = sigma^2 / B.

Offsets lie in the span of the other vectors, ``d = sum_i g_i beta_{b+i}``: their sign ``(-1)^<g, u>`` depends on the
coordinates ``u_i = <beta_{b+i}, k>`` alone, and an index k is its bin j and its u: ``k = sum_i j_i beta*_i + u_i
beta*_{b+i}`` with the dual basis. Therefore n - b + 1 offsets identify an index where all bits of k would take n + 1.

The bases do not depend on b: the points of b bins' bits are among those of b + 1, and are not evaluated again.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sparsesci._lib.dispatch import kernel

from . import words
from .fwht import fwht

N_GROUPS = 3  # the number that needs the fewest bins: B > 0.4073 K


class Basis(NamedTuple):
    """A basis of F_2^n and its dual, ``<vectors_i, dual_j> = [i = j]``; both (n, w) words."""

    vectors: np.ndarray
    dual: np.ndarray


class Hashing(NamedTuple):
    """What maps indices to bins and back, for all groups.

    hashes (C, b, w): bit i of the bin of k is ``<hashes_i, k>``. offsets (C, P, w). origins (C, B, w): the index in
    each bin whose coordinates u are zero. duals (C, n - b, w): what flips one coordinate. codes (P,): the coordinates
    g that an offset reads, bit i for ``u_i``.
    """

    hashes: np.ndarray
    offsets: np.ndarray
    origins: np.ndarray
    duals: np.ndarray
    codes: np.ndarray

    @property
    def n_bins(self) -> int:
        """B, of each group."""
        return 1 << self.hashes.shape[1]

    def points(self) -> np.ndarray:
        """Return the points to read (C, P, B, w)."""
        return self.offsets[:, :, None, :] ^ _spans(self.hashes)[:, None, :, :]

    def bins(self, samples: np.ndarray) -> np.ndarray:
        """Return U (C, B, P) from f at the points (C, P, B)."""
        samples = samples.astype(np.result_type(samples, np.float64), copy=False)
        return np.ascontiguousarray(fwht(samples, norm="forward").swapaxes(1, 2))


def random_bases(n: int, rng: np.random.Generator, n_groups: int = N_GROUPS) -> list[Basis]:
    """Draw bases of F_2^n, uniformly: a random matrix is tried until it is invertible (probability 0.29)."""
    bases = []
    while len(bases) < n_groups:
        bits = rng.integers(2, size=(n, n), dtype=bool)
        vectors = words.from_bits(bits)
        inverse = np.empty_like(vectors)
        if invert(vectors.copy(), inverse):
            bases.append(Basis(vectors, words.from_bits(words.to_bits(inverse, n).T)))
    return bases


def block_bases(n: int, b: int, n_groups: int = N_GROUPS) -> list[Basis]:
    """Return the unit vectors, from bit 0 on for the first group, from bit b on for the second, and so on.

    Where there are fewer than ``b n_groups`` bits the groups begin as far apart as can be, and share some.
    Every group then reads contiguous or evenly strided samples, but indices that differ in few bits may share their bin
    in all groups: right for uniformly random supports.
    """
    units = words.from_bits(np.eye(n, dtype=bool))
    starts = [c * min(b * n_groups, n) // n_groups for c in range(n_groups)]
    return [Basis(*2 * (np.roll(units, -start, axis=0),)) for start in starts]


def make_hashing(bases: list[Basis], b: int, codes: np.ndarray) -> Hashing:
    """Return the hashing into ``2^b`` bins whose offsets read the coordinates ``codes`` (P,)."""
    n = len(bases[0].vectors)
    vectors, dual = (np.stack(part) for part in zip(*bases, strict=True))
    reads = (codes[:, None] >> np.arange(n - b, dtype=np.uint64)) & np.uint64(1)
    offsets = np.bitwise_xor.reduce(np.where(reads[None, :, :, None], vectors[:, None, b:, :], np.uint64(0)), axis=2)
    return Hashing(vectors[:, :b].copy(), offsets, _spans(dual[:, :b]), dual[:, b:].copy(), codes)


def make_list_hashing(bases: list[Basis], b: int, offsets: np.ndarray) -> Hashing:
    """Return the hashing into ``2^b`` bins with any offsets (P, w), the same for all groups; lists decode its bins."""
    vectors = np.stack([basis.vectors[:b] for basis in bases])
    nothing = np.zeros((len(bases), 0, vectors.shape[2]), np.uint64)
    offsets = np.broadcast_to(offsets, (len(bases), *offsets.shape)).copy()
    return Hashing(vectors, offsets, nothing, nothing, np.zeros(offsets.shape[1], np.uint64))


def _spans(vectors: np.ndarray) -> np.ndarray:
    """Return all sums of vectors (C, b, w), numbered by which are in the sum (C, 2^b, w)."""
    sums = np.zeros((vectors.shape[0], 1, vectors.shape[2]), np.uint64)
    for i in range(vectors.shape[1]):
        sums = np.concatenate((sums, sums ^ vectors[:, i : i + 1]), axis=1)
    return sums


@kernel(cpu="sparsesci._cpu.walsh:invert")
def invert(rows, inverse):
    """Fill ``inverse`` with the rows of the inverse over F_2; whether there is one. ``rows`` becomes the identity."""
    n = len(rows)
    both = np.concatenate((words.to_bits(rows, n), np.eye(n, dtype=bool)), axis=1)
    for i in range(n):
        below = np.flatnonzero(both[i:, i])
        if not below.size:
            return False
        both[[i, i + below[0]]] = both[[i + below[0], i]]
        others = both[:, i] & (np.arange(n) != i)
        both[others] ^= both[i]
    rows[:], inverse[:] = words.from_bits(both[:, :n]), words.from_bits(both[:, n:])
    return True

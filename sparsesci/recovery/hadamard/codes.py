"""Which coordinates the offsets read: the code that carries the index of a coefficient.

The bin of a single coefficient X with coordinates u holds ``X (-1)^<g_p, u>`` for the offsets p = 1, ..., P: a word
of the linear code with generator columns ``g_p``, sent over a channel with noise.

* Noiseless: ``{0, e_1, ..., e_N}`` with N = n - b; the signs relative to the first are the bits of u.
* Repetition (SPRIGHT, near sample-optimal): ``{r, r + e_1, ..., r + e_N}`` for several random r; bits by the sum
  over r.
* Coded (SPRIGHT, sample-optimal): the noiseless offsets and as many random ones. A random linear code of this length is
  as good as any, it can be extended by one offset at a time, and ordered statistics decode it nearly as well as can be
  (`ordered_statistics`): the paper's expander codes pay off only at lengths that no n below 64 reaches.
"""

from __future__ import annotations

import numpy as np


def systematic(n_info: int) -> np.ndarray:
    """Return ``{0, e_1, ..., e_N}`` (N + 1,)."""
    units = np.uint64(1) << np.arange(n_info, dtype=np.uint64)
    return np.concatenate((np.zeros(1, np.uint64), units))


def repetition(n_info: int, n_offsets: int, shifts: np.ndarray) -> np.ndarray:
    """Return whole blocks of systematic offsets, the first unshifted; at most ``n_offsets``, and none of them twice."""
    units = systematic(n_info)
    blocks, taken = [units], set(units.tolist())
    for shift in shifts:
        if (len(blocks) + 1) * len(units) > n_offsets:
            break
        block = shift ^ units
        if taken.isdisjoint(block.tolist()):
            blocks.append(block)
            taken.update(block.tolist())
    return np.concatenate(blocks)


def random_code(n_info: int, n_offsets: int, shifts: np.ndarray) -> np.ndarray:
    """Return the systematic offsets, and of the shifts, uniformly random words, the first; at most ``n_offsets``.

    None is there twice: an offset that is read again brings the same noise again.
    """
    words = np.concatenate((systematic(n_info), shifts[: 2 * n_offsets]))
    first = np.unique(words, return_index=True)[1]
    return words[np.sort(first)[:n_offsets]]

"""The function whose spectrum is sought, asked at points that are rows of words; no point is evaluated twice."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from sparsesci._lib import validate, xp
from sparsesci._lib.parallel import worker_map

from . import words as bits_of

BATCH = 1 << 16  # points of one call


class Table:
    """All values of f, in memory."""

    def __init__(self, values: np.ndarray):
        self.values = values
        self.n = len(values).bit_length() - 1
        self.dtype = values.dtype
        self.seconds = 0.0
        self._is_read = np.zeros(len(values), bool)

    def __call__(self, words: np.ndarray) -> np.ndarray:
        """Return f at points (q, 1)."""
        points = words[:, 0].astype(np.int64)
        self._is_read[points] = True
        return check_values(self.values[points], words, self.n)

    @property
    def n_samples(self) -> int:
        """Different points that were read."""
        return int(np.count_nonzero(self._is_read))

    def total_with(self, words: np.ndarray) -> int:
        """Return how many points will have been read after these."""
        points = words[:, 0].astype(np.int64)
        return self.n_samples + len(_sorted_unique(points[~self._is_read[points]])[0])

    def whole(self) -> np.ndarray:
        """Return all values (2^n,)."""
        self._is_read[:] = True
        validate.finite(self.values, "f")
        return self.values


class Oracle:
    """A function that is called with batches of points, in parallel where there are workers."""

    def __init__(self, function: Callable, n: int, *, index: str, workers: Any):
        self.function, self.n, self.index, self.workers = function, n, index, workers
        self.dtype = np.dtype(np.float64)
        self.seconds = 0.0
        self._known = np.zeros(0, self._key_dtype)
        self._values = np.zeros(0)

    def __call__(self, words: np.ndarray) -> np.ndarray:
        """Return f at points (q, w)."""
        keys, inverse = _sorted_unique(self._keys(words))
        place, is_known = self._find(keys)
        new = np.flatnonzero(~is_known)
        values = np.zeros(len(keys), self.dtype)
        values[is_known] = self._values[place[is_known]]
        if new.size:
            fresh = self._evaluate(keys[new].view(np.uint64).reshape(len(new), -1))
            self.dtype = np.result_type(self.dtype, fresh) if len(self._known) else fresh.dtype
            values = values.astype(self.dtype, copy=False)
            values[new] = fresh
            order = np.argsort(np.concatenate((self._known, keys[new])), kind="stable")
            self._known = np.concatenate((self._known, keys[new]))[order]
            self._values = np.concatenate((self._values, fresh))[order]
        return values[inverse]

    def whole(self) -> np.ndarray:
        """Return f at all points (2^n,)."""
        return self(np.arange(1 << self.n, dtype=np.uint64).reshape(-1, 1))

    @property
    def n_samples(self) -> int:
        """Different points that were evaluated."""
        return len(self._known)

    def total_with(self, words: np.ndarray) -> int:
        """Return how many points will have been evaluated after these."""
        return self.n_samples + int((~self._find(_sorted_unique(self._keys(words))[0])[1]).sum())

    @property
    def _key_dtype(self) -> np.dtype:
        """One sortable thing a point: a word, or the bytes of all its words."""
        n_words = bits_of.n_words(self.n)
        return np.dtype(np.uint64) if n_words == 1 else np.dtype((np.bytes_, 8 * n_words))

    def _keys(self, words: np.ndarray) -> np.ndarray:
        return np.ascontiguousarray(words).view(self._key_dtype).reshape(-1)

    def _find(self, keys: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return where sorted keys are among the known ones, and which are."""
        place = np.searchsorted(self._known, keys)
        is_inside = place < len(self._known)
        is_known = np.zeros(len(keys), bool)
        is_known[is_inside] = self._known[place[is_inside]] == keys[is_inside]
        return place, is_known

    def _evaluate(self, words: np.ndarray) -> np.ndarray:
        batches = [words[start : start + BATCH] for start in range(0, len(words), BATCH)]
        points = (bits_of.to_bits(batch, self.n) if self.index == "bits" else batch[:, 0] for batch in batches)
        began = time.perf_counter()
        with worker_map(self.workers) as do:
            answers = list(do(self.function, points))
        self.seconds += time.perf_counter() - began
        values = [_as_values(answer, len(batch)) for answer, batch in zip(answers, batches, strict=True)]
        return check_values(np.concatenate(values), words, self.n)


def _sorted_unique(keys: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the different keys, sorted, and where each key is among them (``numpy.unique`` hashes, and is slower)."""
    order = np.argsort(keys)
    ordered = keys[order]
    is_new = np.ones(len(keys), bool)
    is_new[1:] = ordered[1:] != ordered[:-1]
    inverse = np.empty(len(keys), np.int64)
    inverse[order] = np.cumsum(is_new) - 1
    return ordered[is_new], inverse


def _as_values(answer: Any, count: int) -> np.ndarray:
    if xp.is_array(answer) and not xp.is_numpy(answer):
        raise TypeError(f"f returned an array of {type(answer).__module__}: bring it back by sparsesci.gpu.to_host")
    values = np.asarray(answer)
    if values.dtype.kind not in "fcbiu":
        raise TypeError(f"f returned dtype {values.dtype}: real or complex numbers are needed")
    if values.shape != (count,):
        raise ValueError(f"f returned shape {values.shape} for {count} points: shape ({count},) is needed")
    return validate.float_array(values, "f")


def check_values(values: np.ndarray, words: np.ndarray, n: int) -> np.ndarray:
    """Return values, after a check that all are finite; the error names the first point where f is not."""
    if not np.isfinite(values).all():
        first = int(np.argmin(np.isfinite(values)))
        raise ValueError(
            f"f({int(bits_of.to_integers(words[first : first + 1], n)[0])}) is {values[first]}: not finite"
        )
    return values

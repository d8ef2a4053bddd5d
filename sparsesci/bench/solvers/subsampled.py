"""What qsft and its successor sparse-transform have to be told: groups, bins, repetitions of each offset.

They search for none of it. Without noise they get, for each of three groups, the least power of two that is at least
K / 2 bins (in theory 0.41 K are enough), and qsft 0.6 K: it peels for fifteen rounds at most. In noise they get at
least K bins, and as many repetitions as bring the noise of a bin, averaged over them, to a twentieth of the power of a
coefficient of modulus 1, and the offsets to 40: what they call noise is less than 1.5 times the expected one, and
fewer offsets vary by more. They are told the level of the noise too.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from ..solver import Answer

GROUPS = 3
LEAST_OFFSETS = 40  # in noise
SEED = 2479
REMARK = "is told the sparsity, the level of the noise, and the number of bins and of repetitions"


def size_for(n: int, sparsity: int, noise_std: float, bins_per_coefficient: float = 0.5) -> tuple[int, int]:
    """Return the bits of a bin's number, and the repetitions."""
    if not noise_std:
        return math.ceil(math.log2(bins_per_coefficient * sparsity)), 1
    b = math.ceil(math.log2(sparsity))
    return b, max(math.ceil(20 * noise_std**2 / 2**b), math.ceil(LEAST_OFFSETS / (n + 1)))


def questions(n: int, b: int, repeats: int, channel: str) -> dict[str, Any]:
    """Return what both packages call query_args."""
    return {
        "subsampling_method": "qsft",
        "query_method": "complex",  # random subspaces
        "delays_method_source": "identity",
        "delays_method_channel": channel,
        "num_subsample": GROUPS,
        "num_repeat": repeats,
        "b": b,
        "all_bs": [b],
    }


@contextmanager
def seeded() -> Iterator[None]:
    """Seed NumPy's global generator, from which both draw, and put it back as it was."""
    state = np.random.get_state()  # noqa: NPY002
    np.random.seed(SEED)  # noqa: NPY002
    try:
        yield
    finally:
        np.random.set_state(state)  # noqa: NPY002


def answer(transform: dict[tuple, complex], f: Any) -> Answer:
    """Return the spectrum that both hand back as ``{bits: coefficient}``, the most significant bit first."""
    bits = np.array([*transform], dtype=np.uint64).reshape(-1, f.n)
    indices = bits @ (np.uint64(1) << np.arange(f.n, dtype=np.uint64)[::-1])
    return Answer((indices, np.array([*transform.values()])), success=bool(transform), counts={"samples": f.n_samples})

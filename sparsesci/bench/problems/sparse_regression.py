"""A sparse vector seen through a random matrix: which entries are not zero, and how large are they.

The columns of the matrix are normal, of length 1 on average; so are the entries of the vector, or they are +1 and -1.
A solver is handed the true vector and the level of the noise as well: one that looks at them says so in its name.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from ..objectives.coefficient_error import coefficient_error
from ..problem import Problem

System = tuple[np.ndarray, np.ndarray, np.ndarray, float]
KINDS = ("signs", "normal")
SIZES = ((100, 500, 10), (250, 1000, 20), (1000, 4000, 50))
LEVELS = (10, 20, 30)  # dB
GOAL = 1.0  # of the noise's share of y


def sparse_systems(
    rng: np.random.Generator, measurements: int, unknowns: int, sparsity: int, snr: float, kind: str, length: int
) -> Iterator[System]:
    """Yield ``length`` systems ``(A, y, x, noise_var)``, all different.

    ``snr`` is ``10 log10(mean(|A x|^2) / noise_var)``.
    """
    if kind not in KINDS:
        raise ValueError(f"kind is {kind!r}: accepted are {', '.join(map(repr, KINDS))}")
    for _ in range(length):
        A = rng.standard_normal((measurements, unknowns)) / np.sqrt(measurements)
        x = np.zeros(unknowns)
        entries = rng.standard_normal(sparsity) if kind == "normal" else rng.choice([-1.0, 1.0], sparsity)
        x[rng.choice(unknowns, sparsity, replace=False)] = entries
        clean = A @ x
        noise_var = float(np.mean(clean**2)) * 10 ** (-snr / 10)
        yield A, clean + noise_var**0.5 * rng.standard_normal(measurements), x, noise_var


def _problem(size: tuple[int, int, int], snr: int, kind: str = "signs") -> Problem:
    M, N, K = size
    words = {"signs": "of +1 and -1", "normal": "that are normal"}[kind]
    series = {}
    if size == SIZES[1] and kind == "signs":
        series["sparse-250x1000"] = "snr"
    if snr == 20 and kind == "signs":
        series["sparse, 20 dB"] = "unknowns"
    return Problem(
        name=f"sparse-{M}x{N}" + f"-{snr}db" * (snr != 20) + f"-{kind}" * (kind != "signs"),
        family="bayes",
        says=f"{K} of {N} entries {words}, {M} measurements, {snr} dB",
        parameters={"measurements": M, "unknowns": N, "sparsity": K, "snr": float(snr), "kind": kind, "length": 10},
        make=sparse_systems,
        error=coefficient_error,
        goal=GOAL * 10 ** (-snr / 10),
        preconditioner=None,
        traits=frozenset({"matrix"}),
        plain=False,
        series=series,
    )


QUICK = {"length": 2}
PROBLEMS: tuple[Problem, ...] = (
    replace(_problem(SIZES[0], 20), quick=QUICK, plain=True),
    _problem(SIZES[0], 20, "normal"),
    *(replace(_problem(SIZES[1], snr), quick=QUICK) for snr in LEVELS),
    _problem(SIZES[1], 20, "normal"),
    _problem(SIZES[2], 20),
    _problem(SIZES[2], 20, "normal"),
)

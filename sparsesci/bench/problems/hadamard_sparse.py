"""A random sparse Walsh-Hadamard spectrum behind a function: which are its coefficients, from how few samples.

The function is an `Oracle`, and its time is nobody's. The noise is given as its power beside that of the signal,
``noise_std^2 / sum |X|^2``: 0.1 is a total signal-to-noise ratio of 10 dB.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from ..objectives.spectrum_error import spectrum_error
from ..oracle import Oracle
from ..problem import Problem

System = tuple[Oracle, int, int, float]
AMPLITUDES = ("signs", "gauss", "complex")
NOISES = (20, 10, 5, 0)  # dB
MOST_DENSE = 20  # bits up to which all values are asked for too
GOAL = 1e-20  # without noise
GOAL_IN_NOISE = 0.1  # of the noise


def random_support(rng: np.random.Generator, bits: int, sparsity: int, degree: int) -> np.ndarray:
    """Return different random indices (K,), uniform over those of at most ``degree`` variables, or over all with 0."""
    found = np.zeros(0, np.uint64)
    while len(found) < sparsity:
        more = 2 * sparsity
        if degree:
            counts = np.array([math.comb(bits, order) for order in range(degree + 1)], dtype=float)
            orders = rng.choice(degree + 1, more, p=counts / counts.sum())
            ranks = rng.random((more, bits)).argsort(axis=1)
            drawn = (ranks < orders[:, None]) @ (np.uint64(1) << np.arange(bits, dtype=np.uint64))
        else:
            drawn = rng.integers(1 << bits, size=more, dtype=np.uint64)
        found = np.unique(np.concatenate((found, drawn)))
    return rng.permutation(found)[:sparsity]


def random_values(rng: np.random.Generator, sparsity: int, amplitudes: str) -> np.ndarray:
    """Return coefficients (K,): +1 and -1, normal ones, or complex ones of modulus 1."""
    if amplitudes not in AMPLITUDES:
        raise ValueError(f"amplitudes is {amplitudes!r}: accepted are {', '.join(map(repr, AMPLITUDES))}")
    if amplitudes == "gauss":
        return rng.standard_normal(sparsity)
    return np.exp(2j * np.pi * rng.random(sparsity)) if amplitudes == "complex" else rng.choice([-1.0, 1.0], sparsity)


def sparse_spectra(
    rng: np.random.Generator, bits: int, sparsity: int, noise: float, amplitudes: str, degree: int, length: int
) -> Iterator[System]:
    """Yield ``length`` systems ``(f, n, sparsity, noise_std)``, each with a new spectrum."""
    for _ in range(length):
        indices = random_support(rng, bits, sparsity, degree)
        values = random_values(rng, sparsity, amplitudes)
        noise_std = float(np.sqrt(noise) * np.linalg.norm(values))
        yield Oracle(bits, indices, values, noise_std, int(rng.integers(2**32))), bits, sparsity, noise_std


def _problem(bits: int, sparsity: int, snr: float = math.inf, amplitudes: str = "signs", degree: int = 0) -> Problem:
    kinds = [amplitudes] * (amplitudes != "signs") + ["low-degree"] * (degree > 0) + [f"{snr:g}db"] * (snr < math.inf)
    noise = "without noise" if snr == math.inf else f"at {snr:g} dB"
    what = {"signs": "of +1 and -1", "gauss": "normal", "complex": "complex, of modulus 1"}[amplitudes]
    where = f" in at most {degree} variables" if degree else ""
    power = 10 ** (-snr / 10)
    return Problem(
        name="-".join([f"sparse{bits}", str(sparsity), *kinds]),
        family="hadamard",
        says=f"{sparsity} of 2^{bits} coefficients {what}{where}, {noise}",
        parameters={
            "bits": bits,
            "sparsity": sparsity,
            "noise": power,
            "amplitudes": amplitudes,
            "degree": degree,
            "length": 5,
        },
        make=sparse_spectra,
        error=spectrum_error,
        goal=GOAL if snr == math.inf else GOAL_IN_NOISE * power,
        preconditioner=None,
        traits=frozenset(["dense"] * (bits <= MOST_DENSE)),
        plain=False,
    )


QUICK = {"length": 1}
PROBLEMS: tuple[Problem, ...] = (
    replace(_problem(20, 100), quick=QUICK, plain=True),
    _problem(20, 1000),
    replace(_problem(40, 500), quick=QUICK),
    _problem(40, 500, amplitudes="gauss"),
    _problem(40, 500, amplitudes="complex"),
    _problem(40, 500, degree=3),
    _problem(60, 1000),
    _problem(20, 100, 20),
    replace(_problem(20, 100, 10), quick=QUICK),
    *(_problem(40, 500, snr) for snr in NOISES),
    _problem(40, 500, 10, amplitudes="complex"),
    _problem(40, 500, 10, degree=3),
    *(_problem(20, 1000, snr) for snr in NOISES),
)

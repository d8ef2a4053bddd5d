"""A spectrum unmixed into minerals: three to six of 498, whose spectra are all but the same.

The library is that of the USGS of 1995, at 224 wavelengths. The correlation of two of its spectra, as they are, is 0.92
on average and 0.99998 at most. A mixture is drawn with three to six of them, all numbers and all supports alike, with
abundances that are uniform among those that sum to 1, or with standard normal coefficients; the noise is normal and
white. Where it hides a difference of two spectra no method tells them apart: what an answer can do is to not be wrong
by more than that.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import replace
from importlib.resources import files

import numpy as np

from ..objectives.coefficient_error import coefficient_error
from ..problem import Problem

FEWEST, MOST = 3, 6  # minerals of a mixture
UNIT = 60000  # of a reflectance of 1, in the file
SNR = (30, 40, 50)  # dB

System = tuple[np.ndarray, np.ndarray, np.ndarray, float]


@functools.cache
def library() -> tuple[np.ndarray, np.ndarray]:
    """Return the reflectances (224, 498), read-only, and the names of the minerals (498,)."""
    with np.load(str(files("sparsesci.bench") / "data" / "usgs_minerals.npz")) as data:
        reflectance, names = data["reflectance"] / UNIT, data["name"]
    reflectance.flags.writeable = False
    return reflectance, names


def mixtures(rng: np.random.Generator, snr: float, is_signed: bool, length: int) -> Iterator[System]:
    """Yield ``length`` systems ``(A, y, x, noise_var)``: the library, a spectrum, and the true coefficients and noise.

    ``snr`` is ``10 log10(mean(|A x|^2) / noise_var)``.
    """
    A, names = library()
    for _ in range(length):
        K = int(rng.integers(FEWEST, MOST + 1))
        x = np.zeros(len(names))
        x[rng.choice(len(x), K, replace=False)] = rng.standard_normal(K) if is_signed else rng.dirichlet(np.ones(K))
        clean = A @ x
        noise_var = float(np.mean(clean**2)) * 10 ** (-snr / 10)
        yield A, clean + noise_var**0.5 * rng.standard_normal(len(clean)), x, noise_var


def _problem(snr: int, is_signed: bool) -> Problem:
    what = "signed coefficients" if is_signed else "abundances"
    return Problem(
        name=f"minerals-{snr}db" + "-signed" * is_signed,
        family="bayes",
        says=f"{FEWEST} to {MOST} of 498 minerals, correlated up to 0.99998, with {what}, at {snr} dB",
        parameters={"snr": snr, "is_signed": is_signed, "length": 5},
        make=mixtures,
        error=coefficient_error,
        goal=10 ** (2 - snr / 10),
        preconditioner=None,
        traits=frozenset(["matrix", "alike"] + ["nonnegative"] * (not is_signed)),
        plain=False,
    )


PROBLEMS: tuple[Problem, ...] = (
    *(replace(_problem(snr, False), quick={"length": 1} if snr == 40 else None) for snr in SNR),
    *(_problem(snr, True) for snr in SNR),
)

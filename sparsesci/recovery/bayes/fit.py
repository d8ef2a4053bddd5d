"""What a method of sparse Bayesian learning hands to the public function that wraps it."""

from __future__ import annotations

from typing import Any, NamedTuple

from sparsesci._lib.result import Status


class Fit(NamedTuple):
    """Where a method ended, in the units of the data that it was given.

    ``mu`` (N, l) is the posterior mean, ``gamma`` (N,) and ``variance`` (N,) are prior and posterior variances,
    ``evidence`` a list with one number an iteration (or nothing), ``posterior`` a `result.Posterior` in these units
    where it is none of the kind that the public function makes of gamma and the noise.
    """

    mu: Any
    gamma: Any
    variance: Any
    noise_var: float
    evidence: list[float]
    nit: int
    status: Status
    posterior: Any = None

"""Digits that the square of a condition number has cost, won back by one more look at the samples.

The seminormal equations, corrected: ``x + (Theta_S^T Theta_S)^-1 Theta_S^T (y - Theta_S x)`` with the Cholesky factor
that x was found with (Bjorck, Linear Algebra Appl. 88/89 (1987) 31-48). The few functions of a sparse model are cheap.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from sparsesci._lib import xp

from .factors import EPS, cholesky, substitute
from .gram import Gram
from .samples import Samples

HOPELESS = 1e7  # condition number from which on its square leaves no digits that could tell how many there are
HARMLESS = 1e3  # condition number whose square costs no more than 1e-10 of a coefficient


def refined(gram: Gram, samples: Samples, x: np.ndarray) -> np.ndarray:
    """Return least-squares coefficients x (p, d) of a Gram path, refined where their active set is ill-conditioned."""
    if gram.R is not None or gram.condition < HARMLESS:  # no active set is worse than all functions together
        return x
    factors = {}
    for target, column in enumerate(x.T):
        active = np.flatnonzero(column)
        factor = cholesky(gram.scaled[np.ix_(active, active)])
        if factor is not None and len(active) and condition(factor) >= HARMLESS:
            factors[target] = active, factor
    if not factors:
        return x
    used = np.unique(np.concatenate([active for active, _ in factors.values()]))
    targets = list(factors)
    before, correction = x[np.ix_(used, targets)], np.zeros((len(used), len(targets)))
    is_array = samples.Theta is not None
    few = samples if is_array else replace(samples, program=samples.program.restricted(used))
    for _, functions, Y in few.chunks():
        functions, Y = xp.to_host(functions), xp.to_host(Y)
        functions = functions[used] if is_array else functions
        correction += functions @ (Y[:, targets] - functions.T @ before)
    x = x.copy()
    for column, (target, (active, factor)) in zip(correction.T, factors.items(), strict=True):
        scale = gram.scale[active]
        x[active, target] += substitute(factor, column[np.searchsorted(used, active)] / scale) / scale
    return x


def doubts(gram: Gram) -> np.ndarray:
    """Return how far off coefficients (p,) from sums may be, in scaled units and for lengths of 1.

    With an error r of the right-hand side ``(C^-1 r)_j^2 <= (C^-1)_jj |C^-1| |r|^2``, and both are smaller for an
    active set. ``|r|`` is taken to be 32 roundings: a hundred times what errors of 1e4 to 1e5 samples turn out to be.
    """
    from scipy.linalg import lapack

    inverse = np.triu(lapack.dtrtri(gram.factor)[0])
    return 32 * EPS * gram.condition * np.sqrt((inverse**2).sum(axis=1))


def conditions(gram: Gram, x: np.ndarray) -> np.ndarray:
    """Return estimates (d,) of the condition numbers of the active sets of coefficients x (p, d)."""
    found = np.ones(x.shape[1])
    for target, column in enumerate(x.T):
        active = np.flatnonzero(column)
        factor = cholesky(gram.scaled[np.ix_(active, active)])
        found[target] = np.inf if factor is None else condition(factor) if len(active) else 1.0
    return found


def condition(factor: np.ndarray) -> float:
    """Return an estimate (1-norm) of the condition number of an upper factor."""
    from scipy.linalg import lapack

    rcond, _ = lapack.dtrcon(factor)
    return 1 / rcond if rcond > 0 else np.inf

"""Sparse Bayesian learning by fixed points of the evidence: EM, MacKay's rule, and majorisation-minimisation.

Wipf and Rao, *An empirical Bayesian strategy for solving the simultaneous sparse approximation problem*, IEEE Trans.
Signal Process. 55 (2007) 3704-3716 (EM, MacKay); Wipf and Nagarajan, *A new view of automatic relevance determination*,
NIPS 2007, and Sun, Babu, Palomar, *Majorization-minimization algorithms*, IEEE Trans. Signal Process. 65 (2017)
794-816 (MM). With ``C = s2 I + A Gamma A^H``, ``mu = Gamma A^H C^-1 Y``, ``Sigma_ii = gamma_i - gamma_i^2 a_i^H C^-1
a_i`` and ``told_i = 1 - Sigma_ii / gamma_i``:

======  ====================================================
method  the new gamma_i
======  ====================================================
EM      ``|mu_i|^2 + Sigma_ii``
MacKay  ``|mu_i|^2 / told_i``
MM      ``gamma_i |a_i^H C^-1 Y| / sqrt(a_i^H C^-1 a_i)``
======  ====================================================

Squares are means over the l columns of Y. Under EM and MM the evidence never falls; MacKay's rule needs the fewest
iterations and has no such guarantee.

Deviations
----------
1. The variance s2 of the noise is given. It can be updated beside gamma, but with more unknowns than measurements the
   evidence of both has its peak where M entries explain everything and s2 is zero, and these methods go there. `sbl`
   passes the one that "fast" has learned, whose columns have a price.
2. A column is put out where its variance is next to nothing (``told < 1e-4``) and the evidence is the larger without
   it: where ``|q|^2 < s`` (Faul and Tipping). Waiting until gamma is zero would take forever: EM gets there like 1 / t.
   At the end all columns are put out whose gamma is on its way to zero, by the same sign.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from sparsesci._lib import xp
from sparsesci._lib.result import Status
from sparsesci._lib.xp import adjoint

from .expectation import Expectation, columns, expectation, log_evidence, spread, total
from .fit import Fit

UNTOLD = 1e-4


def fixed_point(
    A: Any,
    Y: Any,
    *,
    rule: Callable,
    noise_var: float,
    rtol: float,
    maxiter: int,
    show: Callable | None = None,
    n_data: int | None = None,
) -> Fit:
    """Iterate one of the rules until ``||mu - mu_old|| <= rtol ||mu||``.

    A (M, N) has columns of length 1 (or 0), Y (M, l) entries of mean square 1; both in double precision. An iteration
    costs what `expectation` does for the columns that are left. ``n_data`` is as in `fast`.
    """
    namespace = xp.namespace(A, Y)
    (M, N), n_columns = A.shape, Y.shape[1]
    n_data = n_data or M
    is_complex, n_more = xp.is_complex(A.dtype), n_data - M
    told_by_more = log_evidence(0.0, n_more * math.log(noise_var), n_more, n_columns, is_complex=is_complex)
    kept = namespace.sum(xp.real(xp.conj(A) * A), axis=0) > 0
    A = columns(A, kept)
    gamma = namespace.full((A.shape[1],), n_data / N, dtype=xp.real(A).dtype, device=xp.device(A))
    gram = (adjoint(A) @ A, adjoint(A) @ Y) if A.shape[1] < M else None
    evidence: list[float] = []
    old, status = None, Status.RUNNING
    while True:
        E = expectation(A, Y, gamma, noise_var, gram=gram)
        evidence.append(E.evidence(M, n_columns, is_complex=is_complex) + told_by_more)
        if old is not None and total(E.mu - old) <= rtol**2 * total(E.mu):
            status = Status.CONVERGED
        elif len(evidence) >= maxiter:
            status = Status.MAXITER
        elif show is not None and show(fitted(E, gamma, noise_var, kept, evidence, status)):
            status = Status.STOPPED_BY_CALLBACK
        square = namespace.mean(xp.real(xp.conj(E.mu) * E.mu), axis=1)
        falls = square < gamma * E.told * (1 - E.told)  # |q|^2 < s: mu = gamma Q, and told = gamma S
        if status is not Status.RUNNING:
            break
        gamma, old = rule(E, gamma, square), E.mu
        stays = ~(falls & (E.told < UNTOLD)) & (gamma > 0)
        if not bool(namespace.all(stays)):
            kept = spread(stays, kept)
            A, gamma, old = columns(A, stays), gamma[stays], old[stays]
            gram = (adjoint(A) @ A, adjoint(A) @ Y) if A.shape[1] < M else None
    E, kept = expectation(columns(A, ~falls), Y, gamma[~falls], noise_var), spread(~falls, kept)
    return fitted(E, gamma[~falls], noise_var, kept, evidence, status)


def fitted(E: Expectation, gamma: Any, noise_var: float, kept: Any, evidence: list[float], status: Status) -> Fit:
    """Return what was found, with zeros for the columns that were put out."""
    parts = (spread(part, kept) for part in (E.mu, gamma, E.variance))
    return Fit(*parts, noise_var, evidence, len(evidence), status)


def em(E: Expectation, gamma: Any, square: Any) -> Any:
    """Return gamma after a step of expectation-maximisation; ``square`` is the mean of |mu|^2 over columns."""
    return square + E.variance


def mackay(E: Expectation, gamma: Any, square: Any) -> Any:
    """Return gamma after a step of MacKay's rule."""
    return square / above_zero(E.told)


def mm(E: Expectation, gamma: Any, square: Any) -> Any:
    """Return gamma after a step of majorisation-minimisation."""
    return xp.namespace(gamma).sqrt(gamma * square / above_zero(E.told))


def above_zero(told: Any) -> Any:
    """Return told, and 1 where it is zero: there the square is zero too."""
    return xp.namespace(told).where(told > 0, told, xp.namespace(told).ones_like(told))


RULES = {"em": em, "mackay": mackay, "mm": mm}

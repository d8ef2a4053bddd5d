"""The posterior of sparse Bayesian learning for given variances: means, variances, evidence.

In M dimensions where there are fewer measurements than unknowns, else in those of the unknowns: neither forms an array
larger than A. It is in double precision.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

from sparsesci._lib import xp
from sparsesci._lib.xp import adjoint, real


class Expectation(NamedTuple):
    """The posterior under ``x_i ~ N(0, gamma_i)`` and noise of variance s2.

    ``mu`` (N, l) is its mean, ``variance`` (N,) its diagonal, ``told`` (N,) is ``1 - variance / gamma``, between 0 for
    an entry of which the data tell nothing and 1. ``residual`` is the mean over the columns of ``||y - A mu||^2``,
    ``misfit`` that of ``y^H C^-1 y``, with ``C = s2 I + A Gamma A^H``.
    """

    mu: Any
    variance: Any
    told: Any
    residual: float
    misfit: float
    log_determinant: float

    def evidence(self, m: int, n_columns: int, *, is_complex: bool) -> float:
        """Return ``log p(Y | gamma, s2)`` in nats."""
        return log_evidence(self.misfit, self.log_determinant, m, n_columns, is_complex=is_complex)


def log_evidence(misfit: Any, log_determinant: Any, m: int, n_columns: int, *, is_complex: bool) -> Any:
    """Return the logarithm of a normal density, from ``y^H C^-1 y`` (the mean over columns) and ``log|C|``.

    Of numbers, or element by element.
    """
    nats = n_columns * (m * math.log(math.pi) + log_determinant + misfit)
    return -nats if is_complex else -0.5 * (nats + n_columns * m * math.log(2))


def expectation(A: Any, Y: Any, gamma: Any, s2: float, *, gram: Any = None) -> Expectation:
    """Return the posterior for columns A (M, N), data Y (M, l), variances gamma (N,) > 0 and s2 > 0; N may be 0.

    ``gram`` is ``(A^H A, A^H Y)``, used where N < M; computed if not given. Cost: ``M^2 N + M^3``, or ``N^3`` after it.
    """
    M, N = A.shape
    n_columns = Y.shape[1]
    namespace = xp.namespace(A, Y)
    inv, slogdet = namespace.linalg.inv, namespace.linalg.slogdet
    if N == 0:
        square = total(Y) / n_columns
        mu = namespace.zeros((0, n_columns), dtype=Y.dtype, device=xp.device(Y))
        return Expectation(mu, gamma, gamma, square, square / s2, M * math.log(s2))
    if N < M:
        AHA, AHY = (adjoint(A) @ A, adjoint(A) @ Y) if gram is None else gram
        root = namespace.sqrt(gamma)
        B = root[:, None] * AHA * root[None, :] + s2 * namespace.eye(N, dtype=AHA.dtype, device=xp.device(A))
        P = inv(B)
        mu = root[:, None] * (P @ (root[:, None] * AHY))
        shrinkage = s2 * real(namespace.linalg.diagonal(P))
        told = namespace.clip(1 - shrinkage, 0.0, 1.0)
        variance = gamma * shrinkage
        log_determinant = float(slogdet(B)[1]) + (M - N) * math.log(s2)
        R = Y - A @ mu
        # y^H C^-1 y = (||y - A mu||^2 + s2 mu^H Gamma^-1 mu) / s2: a sum of squares, right also where it is small
        residual = total(R) / n_columns
        misfit = (residual + s2 * total(mu / root[:, None]) / n_columns) / s2
        return Expectation(mu, variance, told, residual, misfit, log_determinant)
    C = (A * gamma) @ adjoint(A) + s2 * namespace.eye(M, dtype=A.dtype, device=xp.device(A))
    P = inv(C)
    PY = P @ Y
    S = real(namespace.sum(xp.conj(A) * (P @ A), axis=0))
    told = namespace.clip(gamma * S, 0.0, 1.0)
    mu = gamma[:, None] * (adjoint(A) @ PY)
    misfit = float(real(namespace.sum(xp.conj(Y) * PY))) / n_columns
    return Expectation(mu, gamma * (1 - told), told, total(s2 * PY) / n_columns, misfit, float(slogdet(C)[1]))


def total(X: Any) -> float:
    """Return the sum of squared moduli."""
    namespace = xp.namespace(X)
    return float(namespace.sum(real(xp.conj(X) * X)))


@dataclass(frozen=True, eq=False)
class DensePosterior:
    """What `SBLResult` draws from, for a matrix A; only the columns with gamma > 0 are kept.

    Attributes
    ----------
    A : array (M, k)
    gamma : array (k,)
    noise_var : float
    kept : bool array (N,)
        Which of the entries these k are.
    """

    A: Any
    gamma: Any
    noise_var: float
    kept: Any

    def prior(self, z: Any) -> Any:
        """Return ``Gamma^(1/2) z`` for z (N, l)."""
        return spread(xp.namespace(z).sqrt(self.gamma)[:, None] * z[self.kept], self.kept)

    def forward(self, x: Any) -> Any:
        """Return ``A x`` for x (N, l)."""
        return self.A @ x[self.kept]

    def mean(self, y: Any) -> Any:
        """Return ``Gamma A^H (s2 I + A Gamma A^H)^-1 y`` for y (M, l)."""
        if self.A.shape[1] == 0:
            return spread(adjoint(self.A) @ y, self.kept)
        return spread(expectation(self.A, y, self.gamma, self.noise_var).mu, self.kept)


def columns(A: Any, kept: Any) -> Any:
    """Return the columns of A for which ``kept`` is true."""
    namespace = xp.namespace(A)
    return namespace.take(A, namespace.nonzero(kept)[0], axis=1)


def spread(x: Any, kept: Any) -> Any:
    """Return an array whose rows are those of x where ``kept`` is true, and zero elsewhere."""
    full = xp.namespace(x).zeros((kept.shape[0], *x.shape[1:]), dtype=x.dtype, device=xp.device(x))
    full[kept] = x
    return full

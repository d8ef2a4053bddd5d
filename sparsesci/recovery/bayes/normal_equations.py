"""The posterior of a sparse model by conjugate gradients: products with a map A, and no covariance.

With columns of length 1, means and variances solve ``(A^H A + s2 Gamma^-1) X = B``. The columns with gamma > 0 alone
take part: N is the length of the vectors that A is given, and of nothing else.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from sparsesci._lib import xp
from sparsesci._lib.operator import Operator

from .expectation import spread

ENTRIES = 2**22  # of a block of vectors (N, k) that A is given at once
MOST_STEPS = 200
N_SKETCH = 16  # random vectors that the columns are measured by


@dataclass(frozen=True, eq=False)
class Columns:
    """The columns of A (M, N) times their weights (N,)."""

    A: Operator
    weights: Any

    def forward(self, x: Any, kept: Any) -> Any:
        """Return the combination (M, k) of the kept columns, for x (n_kept, k)."""
        weighted = _column(self.weights[kept]) * x
        return self._in_blocks(weighted, lambda part: self.A(spread(part, kept)))

    def adjoint(self, r: Any, kept: Any = None) -> Any:
        """Return the products of r (M, k) with all columns (N, k), or with those that are kept (n_kept, k)."""
        AH = self.A.H
        weights = _column(self.weights if kept is None else self.weights[kept])
        return weights * self._in_blocks(r, lambda part: AH(part) if kept is None else AH(part)[kept])

    def _in_blocks(self, x: Any, apply: Callable) -> Any:
        """Apply a map to some columns of x at a time, so that no array has more than ``ENTRIES``, or N, numbers."""
        n, k = max(1, ENTRIES // self.weights.shape[0]), x.shape[1]
        namespace = xp.namespace(x)
        parts = [namespace.asarray(x[:, i : i + n], copy=True) if n < k else x for i in range(0, k, n)]
        return namespace.concat([apply(part) for part in parts], axis=1) if len(parts) > 1 else apply(parts[0])


def sketch(A: Operator, weights: Any, like: Any, rng: np.random.Generator) -> tuple[Any, float]:
    """Return ``A^H P`` (N, N_SKETCH) in single precision, for P of entries +-1: columns as short vectors.

    ``E (A^H P)(A^H P)^H / N_SKETCH = A^H A``, for columns times their weights, if these are given. Next to it the unit
    that the vectors are in: their squares are numbers of single precision.
    """
    namespace = xp.namespace(like)
    single = namespace.complex64 if xp.is_complex(like.dtype) else namespace.float32
    rows, unit = [], 0.0
    for _ in range(N_SKETCH):
        p = namespace.astype(xp.to_like(signs(rng, A.shape[0], 1), like), like.dtype)
        row = A.H(p)[:, 0] if weights is None else weights * A.H(p)[:, 0]
        unit = unit or float(namespace.max(namespace.abs(row)))
        rows.append(namespace.astype(row / (unit or 1.0), single))
    return namespace.stack(rows, axis=1), unit or 1.0


def column_lengths(short: Any) -> Any:
    """Return the lengths (N,) of columns, estimated from their sketches (N, k).

    They are drawn towards their geometric mean, to where they are all the same if random vectors explain all scatter
    of the estimates. They are zero where, and only where, a column is.
    """
    namespace = xp.namespace(short)
    (N, k), square = short.shape, mean_square(short)
    is_zero = square == 0
    n = N - int(namespace.count_nonzero(is_zero))
    if n == 0:
        return square
    square = namespace.where(is_zero, 1.0, square)
    fourth = mean_square(xp.real(xp.conj(short) * short))
    by_chance = float(namespace.sum(namespace.where(is_zero, 0.0, fourth / square**2 - 1))) / (k - 1) / n
    log = namespace.log(square)
    mean = float(namespace.sum(namespace.where(is_zero, 0.0, log))) / n
    scatter = float(namespace.sum(namespace.where(is_zero, 0.0, log - mean) ** 2)) / n
    trust = max(0.0, 1 - by_chance / scatter) if scatter > 0 else 0.0
    return namespace.where(is_zero, 0.0, namespace.exp((mean + trust * (log - mean)) / 2))


def signs(rng: np.random.Generator, n: int, k: int) -> np.ndarray:
    """Draw an (n, k) array of +1 and -1, on the host as everywhere."""
    return 1.0 - 2.0 * rng.integers(2, size=(n, k))


def solve(columns: Columns, gamma: Any, s2: float, kept: Any, B: Any, X: Any, goal: Any) -> Any:
    """Return X with ``(A^H A + s2 Gamma^-1) X = B`` for the kept columns; gamma, B and X have as many rows.

    The system is scaled to a diagonal of 1, ``h = (1 + s2 / gamma)^-1/2``. A column of X is done when its residual
    there is as small as ``goal`` (k,) says, and stays as it is from then on; ``X`` is where it begins.
    """
    h = _column(1 / xp.namespace(gamma).sqrt(1 + s2 / gamma))
    rest = 1 - h**2

    def H(x):
        return h * columns.adjoint(columns.forward(h * x, kept), kept) + rest * x

    return h * conjugate_gradients(H, h * B, X / h, goal)


def conjugate_gradients(H: Callable, B: Any, X: Any, goal: Any) -> Any:
    """Return X (n, k) with ``|B - H X| <= goal`` in each column, or where ``MOST_STEPS`` lead; k systems in step."""
    namespace = xp.namespace(B)
    R = B - H(X) if bool(namespace.any(X != 0)) else B
    P, rho = R, _squares(R)
    for _ in range(MOST_STEPS):
        is_live = rho > goal**2
        if not bool(namespace.any(is_live)):
            break
        HP = H(P)
        curvature = namespace.sum(xp.real(xp.conj(P) * HP), axis=0)
        is_live = is_live & (curvature > 0)
        alpha = _ratio(rho, curvature, is_live)
        X, R = X + alpha * P, R - alpha * HP
        rho_old, rho = rho, _squares(R)
        P = R + _ratio(rho, rho_old, is_live) * P
    return X


@dataclass(frozen=True, eq=False)
class OperatorPosterior:
    """What `SBLResult` draws from, for an operator A.

    Attributes
    ----------
    A : Operator
    gamma : array (N,)
    noise_var : float
    lengths : array (N,)
        About those of the columns: they scale the systems, and nothing depends on them.
    """

    A: Operator
    gamma: Any
    noise_var: float
    lengths: Any

    def prior(self, z: Any) -> Any:
        """Return ``Gamma^(1/2) z`` for z (N, l)."""
        return _column(xp.namespace(z).sqrt(self.gamma)) * z

    def forward(self, x: Any) -> Any:
        """Return ``A x`` for x (N, l)."""
        kept = self.gamma > 0
        return Columns(self.A, xp.namespace(x).ones_like(self.gamma)).forward(x[kept], kept)

    def mean(self, y: Any) -> Any:
        """Return ``Gamma A^H (s2 I + A Gamma A^H)^-1 y`` for y (M, l), to a relative residual of 1e-8 or 10 eps."""
        namespace = xp.namespace(y)
        kept = self.gamma > 0
        if not bool(namespace.any(kept)):
            return namespace.zeros((self.A.shape[1], y.shape[1]), dtype=y.dtype, device=xp.device(y))
        lengths = self.lengths[kept]
        columns = Columns(self.A, namespace.where(kept, 1 / namespace.where(kept, self.lengths, 1.0), 0.0))
        b = columns.adjoint(y, kept)
        goal = max(1e-8, 10 * xp.precision(y)) * namespace.sqrt(_squares(b))
        mu = solve(columns, self.gamma[kept] * lengths**2, self.noise_var, kept, b, b * 0, goal)
        return spread(mu / _column(lengths), kept)


def mean_square(X: Any) -> Any:
    """Return the mean of |X|^2 over columns."""
    return xp.namespace(X).mean(xp.real(xp.conj(X) * X), axis=1)


def _column(x: Any) -> Any:
    return x[:, None]


def _squares(X: Any) -> Any:
    """Return the squared norms of the columns."""
    return xp.namespace(X).sum(xp.real(xp.conj(X) * X), axis=0)


def _ratio(x: Any, y: Any, where: Any) -> Any:
    """Return x / y where asked, and else zero."""
    namespace = xp.namespace(x)
    return namespace.where(where, x / namespace.where(where, y, namespace.ones_like(y)), namespace.zeros_like(x))

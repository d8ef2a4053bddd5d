"""Sums over samples that are all a regression needs: Gram matrices, and triangular factors where these cost too much.

``G = Theta^T Theta`` and ``b = Theta^T Y`` are summed chunk by chunk, in the memory of one chunk. They square the
condition number of Theta. Where that costs too many digits (`WORST`), a second pass finds ``R`` of ``Theta = Q R`` and
``z = Q^T Y`` by QR factorisations of R over the next chunk (TSQR: Demmel, Grigori, Hoemmen, Langou, SIAM J. Sci.
Comput. 34 (2012) A206-A239).

Everything is decided in *scaled units*, where the columns of Theta have length 1: condition, rank, minimum norm. So
columns may have any scales between 1e-140 and 1e150.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from sparsesci._lib import validate, xp

from .factors import cholesky, dependences, dependent_groups, rounding, substitute, triangular
from .samples import Samples, as_samples

PATHS = ("auto", "gram", "qr")
WORST = 1e6  # condition number of Theta, columns of length 1, from which on its square is avoided
SMALLEST = 1e-280  # sums of squares below it have lost digits to underflow


@dataclass(frozen=True, eq=False)
class Gram:
    """Sums over n samples of functions Theta (n, p) and targets Y (n, d), as NumPy arrays of doubles.

    Attributes
    ----------
    G : array (p, p)
        ``Theta^T Theta``.
    b : array (p, d)
        ``Theta^T Y``.
    yy : array (d,)
        Sums of squares of the targets.
    n : int
        Samples.
    like : array
        An empty one of the library and dtype of the data: results are returned like it.
    is_vector : bool
        Whether the targets were a vector (n,), and so the coefficients are (p,).
    R, z, rest : arrays (p, p), (p, d), (d,), or None
        On the QR path ``Theta = Q R``, ``z = Q^T Y`` and ``|Y|^2 - |z|^2``, the residual of all functions together.
    """

    G: np.ndarray
    b: np.ndarray
    yy: np.ndarray
    n: int
    like: Any = field(default_factory=lambda: np.empty(0))
    is_vector: bool = False
    R: np.ndarray | None = None
    z: np.ndarray | None = None
    rest: np.ndarray | None = None

    @classmethod
    def of(cls, samples: Samples, path: str = "auto") -> Gram:
        """Return the sums over samples; "auto" is the QR path where the condition number is above 1e6."""
        gram = summed(samples)
        check_sums(gram, samples)
        return gram.on_qr_path(samples) if path == "qr" or (path == "auto" and gram.condition > WORST) else gram

    def on_qr_path(self, samples: Samples) -> Gram:
        """Return the same sums with a triangular factor, by a second pass over the samples."""
        R, z, rest = triangular(samples.chunks(max(4 * self.p, 512)), self.scale, self.d)
        return replace(self, R=R * self.scale, z=z, rest=rest)

    @property
    def p(self) -> int:
        """Functions."""
        return self.G.shape[0]

    @property
    def d(self) -> int:
        """Targets."""
        return self.b.shape[1]

    @property
    def path(self) -> str:
        """What regressions work on: "gram" or "qr"."""
        return "gram" if self.R is None else "qr"

    @cached_property
    def scale(self) -> np.ndarray:
        """The lengths (p,) of the columns of Theta, and 1 where one is zero."""
        scale = np.sqrt(np.diagonal(self.G))
        scale[scale == 0] = 1.0
        return scale

    @cached_property
    def scaled(self) -> np.ndarray:
        """G for columns of length 1."""
        C = self.G / self.scale
        C /= self.scale[:, None]
        return C

    @cached_property
    def scaled_b(self) -> np.ndarray:
        """``Theta^T Y`` for columns of length 1."""
        return self.b / self.scale[:, None]

    @cached_property
    def is_zero(self) -> np.ndarray:
        """Which columns of Theta (p,) are zero."""
        return np.diagonal(self.G) == 0

    @cached_property
    def factor(self) -> np.ndarray | None:
        """The upper Cholesky factor of `scaled`; None where that is not safely positive definite."""
        return cholesky(self.scaled)

    @cached_property
    def condition(self) -> float:
        """An estimate (1-norm) of the condition number of Theta with columns of length 1."""
        from scipy.linalg import lapack

        if self.R is not None:
            rcond, _ = lapack.dtrcon(self.R / self.scale)
        elif self.factor is not None:
            rcond, _ = lapack.dpocon(self.factor, abs(self.scaled).sum(axis=0).max())
            rcond = rcond**0.5
        else:
            rcond = 0.0
        return float(1 / rcond) if rcond > 0 else float("inf")

    @cached_property
    def collinear(self) -> tuple[tuple[int, ...], ...]:
        """The smallest groups of columns that are linearly dependent, each for a column that can be left out.

        Empty where there are fewer samples than functions: then any n + 1 of them are dependent.
        """
        zero = np.flatnonzero(self.is_zero)
        groups = [(int(j),) for j in zero]
        return tuple(sorted(groups + dependent_groups(self.dependences)))

    @cached_property
    def dependences(self) -> np.ndarray:
        """Rows v (m, p) with ``Theta v = 0`` in scaled units, one for each column that can be left out.

        There are none where there are fewer samples than functions.
        """
        if self.n < self.p or (self.R is None and self.factor is not None):
            return np.zeros((0, self.p))
        return dependences(*self.pivoted(), self.is_zero)

    def pivoted(self) -> tuple[np.ndarray, np.ndarray, float]:
        """Return an upper factor of the scaled Theta with pivoted columns, their order, and what rounding leaves."""
        from scipy.linalg import lapack

        if self.R is not None:
            factor, order, *_ = lapack.dgeqp3(self.R / self.scale)
            return np.triu(factor), order - 1, rounding(self.p)
        factor, order, *_ = lapack.dpstrf(self.scaled, tol=0.0)
        return np.triu(factor), order - 1, rounding(self.p) ** 0.5

    def __add__(self, other: Gram) -> Gram:
        """Return the sums over the samples of both; on the QR path where both are."""
        if not isinstance(other, Gram):
            return NotImplemented
        if (self.p, self.d) != (other.p, other.d):
            raise ValueError(
                f"Grams of {self.p} functions and {self.d} targets, and of {other.p} and {other.d}, cannot be added"
            )
        gram = Gram(self.G + other.G, self.b + other.b, self.yy + other.yy, self.n + other.n, self.like, self.is_vector)
        if self.R is None or other.R is None:
            return gram
        R, z, rest = triangular(((None, part.R.T, part.z) for part in (self, other)), gram.scale, gram.d)
        return replace(gram, R=R * gram.scale, z=z, rest=self.rest + other.rest + rest)

    def units(self, threshold: float, alpha: float, *, relative: bool) -> tuple[np.ndarray, np.ndarray]:
        """Return thresholds (p, d) and ridges (p,) for coefficients in scaled units.

        Relative or not, ``|xi_j| |Theta_j|`` is compared with ``threshold |Y|`` or with ``threshold |Theta_j|``, and
        the ridge is ``alpha`` or ``alpha / |Theta_j|^2``.
        """
        if relative:
            return np.broadcast_to(threshold * np.sqrt(self.yy), self.b.shape), np.full(self.p, alpha)
        thresholds = np.broadcast_to((threshold * self.scale)[:, None], self.b.shape)
        return thresholds, alpha / self.scale / self.scale

    def solve(self, active: np.ndarray, targets: Any = slice(None), ridge: np.ndarray | None = None) -> np.ndarray:
        """Return the coefficients (k, number of targets) in scaled units of k active functions, given by indices.

        Of all that fit as well the shortest, where the active functions are dependent.
        """
        is_all = len(active) == self.p
        has_ridge = ridge is not None and bool(ridge.any())
        if self.R is not None:
            return self._solve_by_qr(active, targets, ridge[active] if has_ridge else None)
        rhs = self.scaled_b[:, targets][active]
        if is_all and not has_ridge and self.factor is not None:
            return substitute(self.factor, rhs)
        C = self.scaled if is_all else self.scaled[np.ix_(active, active)]
        if has_ridge:
            C = C.copy() if is_all else C
            C[np.diag_indices_from(C)] += ridge[active]
        factor = cholesky(C)
        if factor is not None:
            return substitute(factor, rhs)
        values, vectors = np.linalg.eigh(C)
        kept = values > rounding(self.p) * values[-1]
        return vectors[:, kept] @ ((vectors[:, kept].T @ rhs) / values[kept, None])

    def _solve_by_qr(self, active, targets, ridge):
        from scipy.linalg import lstsq

        A, rhs = self.R[:, active] / self.scale[active], self.z[:, targets]
        if ridge is not None:
            A = np.concatenate([A, np.diag(np.sqrt(ridge))])
            rhs = np.concatenate([rhs, np.zeros((len(active), rhs.shape[1]))])
        return lstsq(A, rhs, cond=rounding(self.p), lapack_driver="gelsy", check_finite=False)[0]

    def rss(self, x: np.ndarray) -> np.ndarray:
        """Return the residual sums of squares (d,) of coefficients x (p, d).

        On the Gram path what is below ``1e-14 |Y|^2`` is rounding, and never negative.
        """
        if self.R is not None:
            return ((self.z - self.R @ x) ** 2).sum(axis=0) + self.rest
        scaled = x * self.scale[:, None]
        return np.maximum(self.yy - (scaled * (2 * self.scaled_b - self.scaled @ scaled)).sum(axis=0), 0.0)

    def give(self, x: np.ndarray, *, dtype: Any = None) -> Any:
        """Return a host array with a last axis of targets like the data: in its library, without that axis if Y is."""
        x = x[..., 0] if self.is_vector else x
        x = np.ascontiguousarray(x)
        namespace = xp.namespace(self.like)
        return namespace.astype(xp.to_like(x, self.like), self.like.dtype if dtype is None else dtype, copy=False)


def as_gram(Theta: Any, Y: Any = None, *, path: str = "auto") -> Gram:
    """Return the Gram of ``Y ~ Theta xi``, with the checks that every regression begins with.

    Parameters
    ----------
    Theta : array (n, p), Samples, or Gram
        Functions at the samples. Integers become float64; float32 data is summed in double precision, too.
    Y : array (n,) or (n, d)
        Targets; not with Samples or a Gram.
    path : {"auto", "gram", "qr"}
        "gram": from G and b alone. "qr": from a triangular factor, which costs four to six times as much and does not
        square the condition number. "auto": "qr" where the condition number is estimated to be above 1e6. A Gram that
        is given stays what it is.

    Returns
    -------
    Gram

    Warns
    -----
    UserWarning
        Fewer samples than functions: infinitely many coefficients fit exactly.

    Raises
    ------
    ValueError, TypeError
        NaN or Inf (the first is named), shapes that do not fit, no samples, complex numbers; columns longer than 1e150
        or, but for zero ones, shorter than 1e-140.
    """
    validate.one_of(path, PATHS, "path")
    if not isinstance(Theta, Gram):
        gram = Gram.of(as_samples(Theta, Y), path)
    elif Y is None:
        gram = Theta
    else:
        raise ValueError("Y is given together with a Gram, which has targets of its own")
    if gram.n < gram.p:
        warnings.warn(
            f"{gram.n} samples of {gram.p} functions: infinitely many coefficients fit exactly; "
            "pass more samples or a smaller library",
            UserWarning,
            stacklevel=3,
        )
    return gram


def least_squares(gram: Gram, support: Any, alpha: float = 0.0, *, relative: bool = False) -> np.ndarray:
    """Return the ridge regression (p, d) on supports (p,) or (p, d); the shortest in scaled units if dependent."""
    support = np.asarray(support, bool)
    _, ridge = gram.units(0.0, alpha, relative=relative)
    x = np.zeros((gram.p, gram.d))
    if support.ndim == 1:
        active = np.flatnonzero(support & ~gram.is_zero)
        x[active] = gram.solve(active, ridge=ridge)
    else:
        for k in range(gram.d):
            active = np.flatnonzero(support[:, k] & ~gram.is_zero)
            x[active, k] = gram.solve(active, [k], ridge)[:, 0]
    return x / gram.scale[:, None]


def summed(samples: Samples) -> Gram:
    """Return the sums over samples: on the host by rank-k updates of a triangle, elsewhere on the device."""
    p, d = samples.p, samples.d
    if not xp.is_numpy(samples.Y):
        return _summed_on_device(samples)
    from scipy.linalg import blas

    G, b, yy = np.zeros((p, p), order="F"), np.zeros((p, d)), np.zeros(d)
    with np.errstate(all="ignore"):  # whatever is not finite is named by check_sums
        for _, functions, targets in samples.chunks():
            # BLAS wants columns: a C-ordered array is handed over as its transpose, which is none of a copy.
            functions = functions if functions.flags.forc else np.ascontiguousarray(functions)
            is_rows = functions.flags.c_contiguous
            G = blas.dsyrk(
                1.0, functions.T if is_rows else functions, beta=1.0, c=G, trans=is_rows, lower=1, overwrite_c=1
            )
            b += functions @ targets
            yy += np.einsum("ij,ij->j", targets, targets)
    return Gram(_symmetric(G), b, yy, samples.n, samples.like, samples.is_vector)


def _summed_on_device(samples: Samples) -> Gram:
    total = None
    for _, functions, targets in samples.chunks():
        namespace = xp.namespace(functions)
        parts = functions @ functions.T, functions @ targets, namespace.sum(targets * targets, axis=0)
        total = parts if total is None else tuple(a + b for a, b in zip(total, parts, strict=True))
    G, b, yy = (np.array(xp.to_host(part)) for part in total)
    return Gram(G, b, yy, samples.n, samples.like, samples.is_vector)


def _symmetric(G: np.ndarray) -> np.ndarray:
    """Fill the upper triangle of a matrix from its lower one, block by block: without a second matrix."""
    p, width = G.shape[0], 256
    for i in range(0, p, width):
        rows = slice(i, i + width)
        block = np.tril(G[rows, rows])
        G[rows, rows] = block + np.tril(block, -1).T
        G[rows, i + width :] = G[i + width :, rows].T
    return G


def check_sums(gram: Gram, samples: Samples) -> None:
    """Raise where functions were not finite, or so large or small that their squares are not."""
    squares = np.diagonal(gram.G)
    bad = ~np.isfinite(squares) | (squares < SMALLEST)
    if np.all(np.isfinite(gram.yy)) and not bad.any():
        return
    n_bad, largest = np.flatnonzero(bad), np.zeros(gram.p)
    for rows, functions, _ in samples.chunks() if len(n_bad) else ():
        host = np.asarray(xp.to_host(functions))
        finite = np.isfinite(host)
        if not finite.all():
            at, j = np.argwhere(~finite.T)[0].tolist()
            what = f"Theta[{rows.start + at}, {j}]" if samples.program is None else f"function {j} of the library"
            raise ValueError(f"{what} is {host[j, at]} at sample {rows.start + at}: not finite")
        largest = np.maximum(largest, abs(host).max(axis=1))
    for j in n_bad.tolist():
        if largest[j] > 0:
            raise ValueError(
                f"function {j} has values up to {largest[j]:.1e}, whose squares leave the range of doubles: rescale it"
            )
    if not np.all(np.isfinite(gram.yy)):
        raise ValueError("the squares of Y leave the range of doubles: rescale it")

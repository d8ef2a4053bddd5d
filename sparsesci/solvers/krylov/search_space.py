"""The search space of one cycle of GCRO-DR: ``A M Vhat = What G`` with ``Vhat = [U V]`` and ``What = [C V+]``.

The rows of U, C, V, W and Z are the columns of the paper's matrices: a basis vector is contiguous. G and all that is
made of it is small and lives on the host; a long vector never does unless its library is NumPy.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np

from sparsesci._lib import xp
from sparsesci._lib.xp import conj, norm, to_host, to_like

from .arnoldi import arnoldi
from .harmonic_ritz import harmonic_ritz


@dataclass(frozen=True)
class Minimum:
    """Where ``||What^H r - G y||`` is smallest, and what was computed on the way.

    Attributes
    ----------
    y, rest : numpy.ndarray (j,), (j + 1,)
        The coefficients of the step in Vhat, and those of the residual that it leaves in What.
    Q, R : numpy.ndarray (j + 1, j), (j, j)
        QR factors of G.
    is_singular : bool
        Whether R is, to working precision.
    """

    y: np.ndarray
    rest: np.ndarray
    Q: np.ndarray
    R: np.ndarray
    is_singular: bool


class SearchSpace:
    """Room for a space of dimension m, used for one cycle after the other.

    Parameters
    ----------
    like : array (n,)
        Gives length, dtype, library and device.
    m : int
        Largest dimension.
    flexible : bool
        Whether every ``M v`` is kept, so that M may change.

    Attributes
    ----------
    j, k : int
        Dimension reached, and how much of it is U.
    D : numpy.ndarray (k,)
        Scales of the rows of U (step 23): they go into the small matrices, U itself stays as it is.
    is_invariant : bool
        Whether the operator maps the space into itself: there is no further vector.
    culprit : str
        Name of the operator that returned NaN or Inf, empty as long as none did.
    """

    def __init__(self, like, m: int, *, flexible: bool):
        zeros = partial(xp.namespace(like).zeros, dtype=like.dtype, device=xp.device(like))
        n = like.shape[0]
        self.m, self.flexible = m, flexible
        self.W, self.Z = zeros((m + 1, n)), zeros((m if flexible else 1, n))
        self.U = self.C = zeros((0, n))
        self.D = np.zeros(0)
        self.k = self.j = 0
        self.is_invariant, self.culprit = False, ""
        dtype = to_host(like[:1]).dtype
        self.G = np.zeros((m + 1, m), dtype)
        self._null = np.zeros(m + 1, dtype)
        self._estimates = np.zeros(m, np.empty(0, dtype).real.dtype)

    def begin(self, U, C, r) -> None:
        """Start a cycle from the residual r (steps 23-26)."""
        self.k = self.j = C.shape[0]
        self.U, self.C, self.D = U, C, self._scale(U)
        self.is_invariant = False
        c = conj(C) @ r
        r = r - c @ C
        self.beta = norm(r)
        self.rhs = np.concatenate([to_host(c), np.array([self.beta], self.G.dtype)])  # What^H r, but for its zeros
        self.W[: self.k, :] = C
        self.W[self.k, :] = r / (self.beta or 1.0)
        self.G[:] = 0
        self.G[: self.k, : self.k] = np.diag(self.D)

    def _scale(self, U) -> np.ndarray:
        """Return D of step 23, which makes G independent of the scale of A (here in the maximum norm: no overflow)."""
        if not U.shape[0]:
            return np.ones(0, self.G.dtype)
        namespace = xp.namespace(U)
        largest = to_host(namespace.max(namespace.abs(U), axis=1))
        return (1 / np.where(largest > 0, largest, 1)).astype(self.G.dtype)

    def extend(self, A, M, n_vectors: int, goal: float) -> list[float]:
        """Add up to ``n_vectors`` Arnoldi vectors (step 22), until the residual is at ``goal``; return its norms."""
        begin, stop, products = self.j, min(self.j + n_vectors, self.m), A.nmatvec
        arrays = (self.W, self.Z, self.G, self._null, self._estimates)
        self.j = arnoldi(A, M, *arrays, self.k, begin, stop, self.beta, goal)
        A.nmatvec = products + self.j - begin  # compiled products do not pass through A
        last = self.G[: self.j + 1, self.j - 1]
        if not (np.abs(last) < 1e-6 * np.finfo(last.dtype).max).all():  # NaN, Inf, or what would overflow in LAPACK
            self.j -= 1
            v = self.W[self.j, :]  # not finite where b - A x was not
            is_blameless = not np.isfinite(to_host(v)).all() or np.isfinite(to_host(M(v))).all()
            self.culprit = A.name if is_blameless else M.name
        self.is_invariant = last[-1] == 0
        return self._estimates[begin : self.j].tolist()

    @property
    def residual_norm(self) -> float:
        """Norm of the residual that `step` will leave."""
        return float(self._estimates[self.j - 1]) if self.j > self.k else self.beta

    def is_closed(self, goal: float) -> bool:
        """Whether the cycle is over: the space is full or cannot grow, or its residual norm is at ``goal``."""
        return self.j == self.m or self.residual_norm <= goal or self.is_invariant or bool(self.culprit)

    def minimum(self) -> Minimum:
        """Solve the least-squares problem of the cycle, ``min ||What^H r - G y||`` (step 27)."""
        G = self.G[: self.j + 1, : self.j]
        Q, R = np.linalg.qr(G)
        rhs = np.concatenate([self.rhs, np.zeros(self.j - self.k, G.dtype)])
        if singular := is_singular(R):
            y = np.linalg.lstsq(G, rhs, rcond=100 * np.finfo(G.dtype).eps)[0]
        else:
            y = solve_upper(R, Q.conj().T @ rhs)
        return Minimum(y, rhs - G @ y, Q, R, singular)

    def step(self, minimum: Minimum, M):
        """Return the step ``Vhat y`` in the variable of x (step 28)."""
        u = self.combine(minimum.y)
        return u if self.flexible else M(u)

    def residual(self, minimum: Minimum):
        """Return the residual that the step leaves, ``r - What G y``, without a product (step 29)."""
        return to_like(minimum.rest, self.W) @ self.W[: self.j + 1, :]

    def keep(self, minimum: Minimum, n_recycle: int):
        """Return the next U and C: harmonic Ritz vectors of smallest modulus (steps 30-34)."""
        j, k = self.j, self.k
        if n_recycle == 0 or minimum.is_singular:
            return self.U[:0, :], self.C[:0, :]
        What = self.W[: j + 1, :]
        T = np.zeros((j + 1, j), self.G.dtype)
        T[:, :k] = to_host(conj(What) @ self.U.T) * self.D
        if self.flexible:
            T[:, k:] = to_host(conj(What) @ self.Z[k:j, :].T)
        else:
            T[range(k, j), range(k, j)] = 1
        Y = harmonic_ritz(minimum.Q, minimum.R, T, n_recycle, most=self.m - 1)
        return self.combine(solve_upper(minimum.R, Y).T), to_like((minimum.Q @ Y).T, What) @ What

    def combine(self, Y: np.ndarray):
        """Return the combinations of Vhat whose coefficients are the rows of Y, or the vector Y."""
        V = self.Z if self.flexible else self.W
        k, j = self.k, self.j
        combined = to_like(Y[..., :k] * self.D, V) @ self.U
        combined += to_like(Y[..., k:], V) @ V[k:j, :]  # in place: large temporaries are paid in page faults
        return combined


def is_singular(R: np.ndarray) -> bool:
    """Whether an upper triangular matrix is singular to working precision; its pivots alone would not tell."""
    from scipy.linalg import lapack

    if not R.size:
        return False
    (estimate,) = lapack.get_lapack_funcs(("trcon",), (R,))
    return not estimate(R)[0] > 10 * np.finfo(R.dtype).eps


def solve_upper(R: np.ndarray, B: np.ndarray) -> np.ndarray:
    """Return ``R^-1 B`` for an upper triangular matrix on the host."""
    from scipy.linalg import solve_triangular

    return solve_triangular(R, B, check_finite=False) if R.size else B

"""The posterior of blocks whose entries are correlated, in the order and the units of the caller."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from sparsesci._lib import xp
from sparsesci._lib.xp import adjoint, conj, real

from .block_layout import Blocks
from .expectation import expectation
from .fit import Fit


@dataclass(frozen=True, eq=False)
class BlockPosterior:
    """What `SBLResult` draws from, for blocks of a matrix A; only blocks with gamma > 0 are kept.

    Attributes
    ----------
    A : array (M, k)
        Columns of the caller, sorted as `blocks` has them.
    gamma : array (k,)
        The prior variance of each entry.
    noise_var : float
    blocks : Blocks
        The blocks that are kept, and which of the N entries theirs are.
    correlation : float
        That of neighbours within a block.
    n_unknowns : int
        N.
    """

    A: Any
    gamma: Any
    noise_var: float
    blocks: Blocks
    correlation: float
    n_unknowns: int

    def prior(self, z: Any) -> Any:
        """Return ``Gamma^(1/2) L z`` for z (N, l), with ``L L^T`` the correlation of each block."""
        root = xp.namespace(z).sqrt(self.gamma)[:, None]
        return self.spread(root * self.blocks.correlated(self.gathered(z), self.correlation))

    def forward(self, x: Any) -> Any:
        """Return ``A x`` for x (N, l)."""
        return self.A @ self.gathered(x)

    def mean(self, y: Any) -> Any:
        """Return the posterior mean for data y (M, l)."""
        if self.A.shape[1] == 0:
            return self.spread(adjoint(self.A) @ y)
        white = expectation(self.blocks.coloured(self.A, self.correlation), y, self.gamma, self.noise_var).mu
        return self.spread(self.blocks.correlated(white, self.correlation))

    def variance(self) -> Any:
        """Return the diagonal of the posterior covariance (N,)."""
        A, gamma, r, s2 = self.A, self.gamma, self.correlation, self.noise_var
        namespace = xp.namespace(A)
        M, k = A.shape
        white = self.blocks.coloured(A, r)
        if k < M:  # L (A^H A / s2 + Gamma^-1)^-1 L^T: nothing is subtracted
            root = namespace.astype(namespace.sqrt(gamma), A.dtype)
            unit = namespace.eye(k, dtype=A.dtype, device=xp.device(A))
            P = namespace.linalg.inv(root[:, None] * (adjoint(white) @ white) * root / s2 + unit)
            half = self.blocks.correlated(root[:, None] * P * root, r)
            return self.spread(real(namespace.linalg.diagonal(self.blocks.correlated(adjoint(half), r))))
        C = (white * gamma) @ adjoint(white) + s2 * namespace.eye(M, dtype=A.dtype, device=xp.device(A))
        F = self.blocks.correlated(white.T, r).T  # A B, column by column
        told = gamma * real(namespace.sum(conj(F) * (namespace.linalg.inv(C) @ F), axis=0))
        return self.spread(gamma * (1 - namespace.clip(told, 0.0, 1.0)))

    def gathered(self, x: Any) -> Any:
        """Return the rows of x (N, ...) that are kept, sorted as the columns are."""
        return xp.namespace(x).take(x, xp.to_like(self.blocks.order, x), axis=0)

    def spread(self, x: Any) -> Any:
        """Return rows (k, ...) at their places among N, with zeros elsewhere."""
        namespace = xp.namespace(x)
        place = np.full(self.n_unknowns, len(self.blocks.order))
        place[self.blocks.order] = np.arange(len(self.blocks.order))
        nothing = namespace.zeros((1, *x.shape[1:]), dtype=x.dtype, device=xp.device(x))
        return namespace.take(namespace.concat([x, nothing]), xp.to_like(place, x), axis=0)


def fitted(A, weights, Y, blocks, gamma, noise_var, r, evidence, status) -> Fit:
    """Return the fit for variances gamma (n,), on the host, of blocks of the columns A times weights.

    A (M, N), weights (N,) and the fit are in the order of the caller.
    """
    kept = blocks.subset(gamma > 0)
    namespace, at = xp.namespace(A, Y), xp.to_like(kept.order, Y)
    variances = namespace.asarray(xp.to_like(np.repeat(gamma[gamma > 0], kept.sizes), Y), dtype=real(Y).dtype)
    of_kept = namespace.take(weights, at)
    columns = namespace.take(A, at, axis=1)
    own = BlockPosterior(columns * of_kept, variances, noise_var, kept, r, A.shape[1])
    posterior = BlockPosterior(columns, variances * of_kept**2, noise_var, kept, r, A.shape[1])
    return Fit(
        own.mean(Y), own.spread(variances), own.variance(), noise_var, evidence, len(evidence), status, posterior
    )

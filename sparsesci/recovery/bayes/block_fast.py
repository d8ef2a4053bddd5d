"""Sparse Bayesian learning of blocks whose entries are correlated, by steepest ascent over one block at a time.

Zhang and Rao, *Extension of SBL algorithms for the recovery of block sparse signals with intra-block correlation*, IEEE
Trans. Signal Process. 61 (2013) 2009-2015, have the model:

    x_b ~ N(0, gamma_b B_b),    (B_b)_ij = r^|i - j|,    n ~ N(0, s2 I),

one r for all blocks. With ``B_b = L L^T`` and columns ``A_b L`` every entry of a block has the variance gamma_b and
none is correlated: so a block is to this method what a column is to `fast`, with the noise eliminated and a price for
each in the same way. With gamma in units of the noise variance, ``C = s2 B``, ``B = I + A Gamma A^H``, and all but
block b told, ``A_b^H B^-1 A_b = U diag(s) U^H``, ``p = |U^H A_b^H B^-1 Y|^2``, ``R = tr(Y^H B^-1 Y)``,

    2 log p(Y) = -sum_i log(1 + gamma_b s_i) - M log(1 - sum_i gamma_b p_i / ((1 + gamma_b s_i) R)) + const.

Each step changes the one gamma_b that raises the penalised evidence the most.

Deviations
----------
1. They learn by fixed points over all blocks (`fixed_points`, pooled) with a heuristic for the noise. Here the noise is
   at its best in every comparison, and the blocks that enter pay.
2. r is where the evidence is largest, as are all gamma of the blocks that are active (`block_polish`); that, and steps
   of one block, alternate. They average the first off-diagonal of the learned B_b instead. Both r = 0 and r = 0.9 are
   tried as starts.
3. The price of a block is what one of pure noise gains with probability 0.1 / n, with n blocks, in either start. The
   degrees of freedom that it takes are ``(sum e)^2 / sum e^2`` of the eigenvalues e of ``A_b^H A_b`` (Satterthwaite),
   the mean over blocks of its size: those of strong correlation take few. With D taken already, the share u of R
   that pure noise explains is ``(M - D) / M`` times a Beta variable: of R, every degree taken has s2 too.
4. As in `fast` the ascent is repeated from its top with a low price and back, as long as that ends higher.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from sparsesci._lib import xp
from sparsesci._lib.result import Status
from sparsesci._lib.xp import adjoint, real

from .block_ascent import Data, State, ascend, fresh
from .block_layout import Blocks, adjoint_of_each, stack
from .block_polish import polished
from .block_posterior import fitted
from .block_prices import Prices
from .expectation import log_evidence, total
from .fast import FALSE, FLOOR
from .fit import Fit

LOOSE = 0.1  # of all blocks, were they noise, that are worth the low price
STARTS = (0.0, 0.9)  # of r
ROUGH = 0.1  # nats: where an ascent ends after which more is to be learned
ROUNDS = 30  # of gamma and r by turns, at most


def block_fast(
    A: Any,
    weights: Any,
    Y: Any,
    blocks: Blocks,
    *,
    noise_var: float | None,
    rtol: float,
    maxiter: int,
    show: Callable | None,
) -> Fit:
    """Return the fit for blocks of the columns of A (M, N) times their weights (N,), alike in a block, and Y (M, l).

    All in double precision. An iteration is one block changed, or all of them and r. Cost of the former: O(N k d) where
    k columns are active and d are those of a block, the eigenvalues of a matrix d x d for every block, and O(M N d) for
    a block that enters; of the latter tens of inverses of a matrix of order M, or k if that is less.
    """
    walk = Walk(A, weights, Y, blocks, noise_var or 0.0, maxiter, show)
    rough = max(rtol, ROUGH)
    nothing = np.zeros(len(blocks.sizes))
    tops = [walk.climb(walk.started(r, nothing, []), rough) for r in STARTS]
    top = walk.alternate(max(tops, key=lambda top: walk.height(top, tops[-1].tight)), rough)
    while walk.status is Status.RUNNING:
        other = walk.climb(top, rough, is_loose=True)
        other = walk.alternate(walk.climb(other, rough), rough)
        if walk.status is not Status.RUNNING or not walk.height(other) > walk.height(top, other.tight) + rough:
            break
        top = other
    top = walk.alternate(top, rtol)
    if walk.status is Status.RUNNING:
        walk.status = Status.CONVERGED
    return walk.fit(top)


class Top(NamedTuple):
    """Where an ascent stands: r, the columns white for it, the state there, and the full prices."""

    r: float
    data: Data
    state: State
    tight: Prices

    @property
    def counts(self) -> np.ndarray:
        """How many blocks of each size are active."""
        return np.array([np.count_nonzero(self.state.gamma[g.blocks]) for g in self.data.blocks.groups])


class Walk:
    """The way to a fit: the problem, the evidence after each iteration, and whether it ended early.

    Each method goes from one `Top` to another, and goes nowhere once ``status`` is not RUNNING.
    """

    def __init__(self, A, weights, Y, blocks, noise, maxiter, show):
        namespace = xp.namespace(A, Y)
        at = xp.to_like(blocks.order, Y)
        self.given = A, weights, Y, blocks
        self.A = namespace.take(A, at, axis=1) * namespace.take(weights, at)
        self.Y, self.blocks, self.noise, self.maxiter, self.show = Y, blocks, noise, maxiter, show
        self.is_complex = xp.is_complex(A.dtype)
        self.freedom = Y.shape[1] * (2 if self.is_complex else 1)
        self.misfit = total(Y) / Y.shape[1]
        self.floor = FLOOR * self.misfit
        self.evidence: list[float] = []
        self.status = Status.RUNNING

    def started(self, r: float, gamma: np.ndarray, active: list[int]) -> Top:
        """Return the model for a correlation r and variances gamma (n,)."""
        A = self.blocks.coloured(self.A, r)
        data = Data(A, adjoint(A) @ self.Y, self.blocks, self.misfit, self.floor, self.noise)
        at = xp.to_like(self.blocks.places(active), self.Y)
        rows = adjoint(xp.namespace(A).take(A, at, axis=1)) @ A
        return Top(r, data, fresh(data, gamma, active, rows), self.prices(data, FALSE / len(STARTS)))

    def climb(self, top: Top, rtol: float, *, is_loose: bool = False) -> Top:
        """Change one block after the other until no one raises the penalised evidence by more than rtol."""
        n = len(self.blocks.sizes)
        prices = self.prices(top.data, max(LOOSE * n, 1.0)) if is_loose else top.tight
        is_done = False
        while self.status is Status.RUNNING and not is_done:
            n_steps = self.maxiter - len(self.evidence) if self.show is None else 1
            state, history, is_done = ascend(top.data, top.state, prices, rtol=rtol, n_steps=n_steps)
            top = top._replace(state=state)
            for log_determinant, left in history:
                self.note(top, self.density(log_determinant, left))
        return top

    def alternate(self, top: Top, rtol: float) -> Top:
        """Improve r and all variances together, then one block after the other, until the latter changes nothing."""
        for _ in range(ROUNDS):
            if self.status is not Status.RUNNING:
                break
            gamma, r = polished(self, top.state.gamma, top.r, rtol)
            if r == top.r and np.array_equal(gamma, top.state.gamma):
                break
            turned = self.started(r, gamma, top.state.active)
            self.note(turned, self.density(turned.state.log_determinant, turned.state.left))
            top = self.climb(turned, rtol)
            if top.state.active == turned.state.active:
                break
        return top

    def note(self, top: Top, evidence: float) -> None:
        """Record an iteration, and end where the caller wants no more."""
        self.evidence.append(evidence)
        if len(self.evidence) >= self.maxiter:
            self.status = Status.MAXITER
        elif self.show is not None and self.show(self.fit(top)):
            self.status = Status.STOPPED_BY_CALLBACK

    def density(self, log_determinant: float, left: float) -> float:
        """Return the evidence, the variance of the noise at its best where it is unknown."""
        M, n_columns = self.Y.shape
        s2 = self.noise_var(left)
        whole = log_determinant + M * math.log(s2)
        return log_evidence(max(left, 0.0) / s2, whole, M, n_columns, is_complex=self.is_complex)

    def noise_var(self, left: float) -> float:
        """Return the variance of the noise."""
        return self.noise or (max(left, 0.0) + self.floor) / self.Y.shape[0]

    def height(self, top: Top, prices: Prices | None = None) -> float:
        """Return the penalised evidence of a model, at its own prices or at those of another."""
        return self.density(top.state.log_determinant, top.state.left) - (prices or top.tight).total(top.counts)

    def prices(self, data: Data, false: float) -> Prices:
        """Return the prices at which ``false`` blocks of pure noise, of all, are worth theirs."""
        degrees = []
        for g in self.blocks.groups:
            X = stack(data.A[:, g.columns], g.size)
            squares = xp.to_host(squares_of_each(X)), xp.to_host(squares_of_each(adjoint_of_each(X) @ X))
            traces, of_gram = squares  # sum e and sum e^2 of the eigenvalues
            is_there = of_gram > 0
            degrees.append(np.mean(np.where(is_there, traces**2 / np.where(is_there, of_gram, 1.0), 1.0)))
        shape = data.A.shape[0], np.array(degrees), len(self.blocks.sizes)
        return Prices(*shape, self.freedom, false, is_noise_known=self.noise > 0)

    def fit(self, top: Top) -> Fit:
        """Return the fit of a model."""
        s2 = self.noise_var(top.state.left)
        return fitted(*self.given, s2 * top.state.gamma, s2, top.r, list(self.evidence), self.status)


def squares_of_each(X: Any) -> Any:
    """Return the sum of the squared moduli of each matrix of a stack."""
    return xp.namespace(X).sum(real(xp.conj(X) * X), axis=(1, 2))

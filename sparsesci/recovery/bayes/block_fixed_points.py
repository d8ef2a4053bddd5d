"""Fixed points of the evidence for blocks whose entries are correlated: the rules of `fixed_points`, pooled.

Zhang and Rao, *Extension of SBL algorithms for the recovery of block sparse signals with intra-block correlation*, IEEE
Trans. Signal Process. 61 (2013) 2009-2015. Columns are ``A_b L`` with ``B_b = L L^T``, as in `block_fast`; so their

======  =========================================================  ==================================
method  the new gamma_b, of a block of d entries                    theirs
======  =========================================================  ==================================
EM      ``mean(|mu_i|^2 + Sigma_ii)``                               BSBL-EM
MacKay  ``sum |mu_i|^2 / sum told_i``                               (none)
MM      ``gamma_b ||A_b^H C^-1 Y|| / sqrt(tr A_b^H C^-1 A_b)``      BSBL-BO
======  =========================================================  ==================================

are rules for single entries with the mean over a block in place of each term.

Deviations
----------
1. The variance of the noise and the correlation are given, and stay: those that `block_fast` has learned. So the
   evidence never falls under EM and MM. They update both by heuristics with each step.
2. A block is put out where its variance is next to nothing and the evidence rises without it, as in `fixed_points`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from sparsesci._lib import xp
from sparsesci._lib.result import Status
from sparsesci._lib.xp import adjoint, real

from .block_layout import Blocks
from .block_posterior import fitted
from .expectation import columns, expectation, total
from .fit import Fit
from .fixed_points import UNTOLD


def block_fixed_point(
    A: Any,
    weights: Any,
    Y: Any,
    blocks: Blocks,
    *,
    rule: Callable,
    noise_var: float,
    correlation: float,
    rtol: float,
    maxiter: int,
    show: Callable | None,
) -> Fit:
    """Iterate one of the rules until ``||mu - mu_old|| <= rtol ||mu||``, mu in white coordinates.

    A (M, N) times weights (N,), alike in a block, and Y (M, l), in double precision. An iteration costs what
    `expectation` does for the columns that are left.
    """
    namespace = xp.namespace(A, Y)
    (M, N), n_columns = A.shape, Y.shape[1]
    is_complex = xp.is_complex(A.dtype)
    at = xp.to_like(blocks.order, Y)
    W = blocks.coloured(namespace.take(A, at, axis=1) * namespace.take(weights, at), correlation)
    stays = blocks.pooled(namespace.sum(real(xp.conj(W) * W), axis=0)) > 0
    left = xp.to_host(stays)[blocks.starts]  # which of all blocks
    W, own, gram, old = columns(W, stays), blocks.subset(left), None, None
    gamma = namespace.full((W.shape[1],), M / N, dtype=real(Y).dtype, device=xp.device(Y))
    evidence: list[float] = []
    status = Status.RUNNING

    def fit(gamma, left, own):
        """Return the fit for variances of the entries of the blocks that are left."""
        of_all = np.zeros(len(left))
        of_all[left] = xp.to_host(gamma)[own.starts]
        return fitted(A, weights, Y, blocks, of_all, noise_var, correlation, list(evidence), status)

    while True:
        if gram is None and W.shape[1] < M:
            gram = adjoint(W) @ W, adjoint(W) @ Y
        E = expectation(W, Y, gamma, noise_var, gram=gram)
        evidence.append(E.evidence(M, n_columns, is_complex=is_complex))
        if old is not None and total(E.mu - old) <= rtol**2 * total(E.mu):
            status = Status.CONVERGED
        elif len(evidence) >= maxiter:
            status = Status.MAXITER
        elif show is not None and show(fit(gamma, left, own)):
            status = Status.STOPPED_BY_CALLBACK
        told = own.pooled(E.told)
        square = own.pooled(namespace.mean(real(xp.conj(E.mu) * E.mu), axis=1))
        falls = square < gamma * own.pooled(E.told * (1 - E.told))
        if status is not Status.RUNNING:
            left[left] = xp.to_host(~falls)[own.starts]
            return fit(gamma[~falls], left, own.subset(xp.to_host(~falls)[own.starts]))
        gamma, old = rule(E._replace(variance=own.pooled(E.variance), told=told), gamma, square), E.mu
        stays = ~(falls & (told < UNTOLD)) & (gamma > 0)
        if not bool(namespace.all(stays)):
            W, gamma, old, gram = columns(W, stays), gamma[stays], old[stays], None
            left[left] = xp.to_host(stays)[own.starts]
            own = blocks.subset(left)

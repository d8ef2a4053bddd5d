"""Darcy flow and the Helmholtz equation as the published code of SKR assembles them, for comparison with its figures.

Wang, Hao, Wang, Geng, Wang, Li, Wu, *Accelerating Data Generation for Neural Operators via Krylov Subspace Recycling*,
ICLR 2024. The field ``a = exp(g)`` on s + 2 nodes an axis, g that of `gaussian_field`, drawn afresh for every system
(its sample has the same spectrum); five points on the s x s inner nodes; b = h^2 with ``h = 1 / (s - 1)``.

What its assembly does, kept here on purpose; the equation as it is meant is in `darcy`:

1. A node is coupled to its neighbour by the *neighbour's* coefficient: ``4 a_i u_i - sum_j a_j u_j``, which is the
   Laplacian of ``a u`` and unsymmetric, not ``-div(a grad u)``. The couplings that are not set to zero at the frame, to
   the rows above and below, end with the matrix.
2. The diagonal of the couplings to the row above has slipped by two entries: row i holds the coefficient that belongs
   to row i - 2, of another node and at the left end of another row. This makes the matrix indefinite.
3. The Helmholtz matrix is the same on another grid: its shift ``h^2 k^2`` with k between 0 and 1 is at most 1e-4 on a
   diagonal ``4 a`` of order one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from scipy.sparse import csr_array, diags_array

from ..objectives.relative_residual import relative_residual
from ..problem import Problem
from .gaussian_field import gaussian_field

SLIP = 2


def skr_matrix(a: np.ndarray, shift: float = 0.0) -> csr_array:
    """Return the (s^2, s^2) matrix for values a on (s + 2) x (s + 2) nodes, with ``shift`` off its diagonal."""
    inner = a[1:-1, 1:-1]
    s = inner.shape[0]
    left, right = np.pad(inner, ((0, 0), (1, 0)))[:, :-1], np.pad(inner, ((0, 0), (0, 1)))[:, 1:]
    below, above = a[2:, 1:-1], a[:-2, 1:-1]
    diagonals = {
        0: 4 * inner.ravel() - shift,
        -1: -left.ravel()[1:],
        1: -right.ravel()[:-1],
        s: -below.ravel()[:-s],
        -s: -above.ravel()[s - SLIP : -SLIP],  # without the slip: above.ravel()[s:]
    }
    return diags_array(list(diagonals.values()), offsets=list(diagonals), format="csr")


def skr_sequence(
    rng: np.random.Generator, n: int, largest_k: float, length: int
) -> Iterator[tuple[csr_array, np.ndarray]]:
    """Yield ``length`` systems with n inner nodes an axis and a wave number between 0 and ``largest_k``."""
    h = 1 / (n - 1)
    for _ in range(length):
        a = np.exp(gaussian_field(rng, n + 2))
        yield skr_matrix(a, h**2 * rng.uniform(0, largest_k) ** 2), np.full(n * n, h**2)


DARCY = Problem(
    name="skr-darcy",
    family="krylov",
    says="SKR's Darcy data set, labelled as its assembly: indefinite by an index slip",
    parameters={"n": 80, "largest_k": 0.0, "length": 20},
    make=skr_sequence,
    error=relative_residual,
    goal=1e-8,
    preconditioner="ilu0",
    traits=frozenset({"real"}),
)
HELMHOLTZ = replace(
    DARCY,
    name="skr-helmholtz",
    says="SKR's Helmholtz data set: its Darcy matrix on a finer grid, with a shift of at most 1e-4",
    parameters={**DARCY.parameters, "n": 100, "largest_k": 1.0},
)
PROBLEMS = (DARCY, HELMHOLTZ)

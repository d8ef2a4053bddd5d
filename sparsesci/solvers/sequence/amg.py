"""Algebraic multigrid by pyamg, as a preconditioner like those of this package."""

from __future__ import annotations

import warnings
from threading import Lock
from typing import Any

import numpy as np

from sparsesci._lib import validate, xp

_filters = Lock()  # of warnings, which belong to all threads: what one restores another must not have changed


def amg_preconditioner(A: Any):
    """Return one V-cycle of smoothed aggregation.

    The hierarchy is made from a copy, which pyamg may sort, and whoever owns A may fill anew while the cycle is kept.
    ValueError where it has no finite cycle: its coarsest level is only factored when that is first asked for, so that
    a singular one shows here and not within a solve.
    """
    from pyamg import smoothed_aggregation_solver
    from scipy.sparse import csr_matrix
    from scipy.sparse.linalg import LinearOperator

    csr = csr_matrix(validate.square_matrix(A, "A"), copy=True)
    csr.sum_duplicates()
    with _filters, warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        cycle = smoothed_aggregation_solver(csr).aspreconditioner()

    def apply(x):
        if xp.is_complex(x.dtype) and not xp.is_complex(csr.dtype):
            return apply(x.real) + 1j * apply(x.imag)
        with np.errstate(all="ignore"):
            return cycle.matvec(np.ascontiguousarray(x, dtype=csr.dtype))

    validate.finite(apply(np.ones(csr.shape[0])), "a cycle of algebraic multigrid")
    return LinearOperator(csr.shape, matvec=apply, dtype=csr.dtype)

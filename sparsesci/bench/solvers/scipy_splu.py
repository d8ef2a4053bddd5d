"""SciPy's SuperLU: factorise and solve, every matrix anew."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..remembering import remembering
from ..solver import Answer, Solver


def start(preconditioner: Callable | None, goal: float) -> Callable[..., Answer]:
    """Start a sequence; a direct solver needs neither preconditioner nor goal.

    Its ordering follows from the sparsity pattern, looked at once a sequence: minimum degree on ``A + A^T`` with pivots
    from the diagonal where the pattern is symmetric, half again as fast there as the default, COLAMD. The factors are
    kept as long as the matrix is the same object.
    """
    from scipy.sparse.linalg import splu

    options: dict[str, Any] = {}

    @remembering
    def factorise(A: Any) -> Any:
        if not options:
            options.update(options_for(A))
        return splu(A.tocsc(), **options)

    def solve(A: Any, b: Any) -> Answer:
        return Answer(factorise(A).solve(b), success=True)

    return solve


def options_for(A: Any) -> dict[str, Any]:
    """Return the options of ``splu`` that suit the sparsity pattern of A."""
    if has_symmetric_pattern(A):
        return {"permc_spec": "MMD_AT_PLUS_A", "options": {"SymmetricMode": True}}
    return {"permc_spec": "COLAMD"}


def has_symmetric_pattern(A: Any) -> bool:
    """Whether a sparse matrix stores an entry (j, i) for every entry (i, j)."""
    rows, columns = A.tocsr().sorted_indices(), A.tocsc().sorted_indices()
    return np.array_equal(rows.indptr, columns.indptr) and np.array_equal(rows.indices, columns.indices)


SOLVERS = (Solver("scipy-splu", "krylov", "sparse LU, factorised anew for every matrix", start, peer="scipy"),)

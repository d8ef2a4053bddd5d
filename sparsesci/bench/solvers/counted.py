"""SciPy's iterative solvers with the products that they do counted, all under one budget.

A SciPy solver is given the matrix and the preconditioner as a ``LinearOperator``. That costs it nothing: it would wrap
a sparse matrix itself, in an operator that reshapes every vector to a column and is slower than a plain function.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..solver import Answer

BUDGET = 4000  # products with A for one system; a solver that needs more has failed


def solve_counted(method: Callable, A: Any, b: Any, preconditioner: Callable | None, **options: Any) -> Answer:
    """Solve one system by ``method(operator, b, M=operator, **options) -> (x, info)`` and count the products with A."""
    from scipy.sparse.linalg import LinearOperator

    matvecs = 0

    def multiply(v):
        nonlocal matvecs
        matvecs += 1
        return A @ v

    M = None
    if preconditioner is not None:
        P = preconditioner(A)
        M = LinearOperator(P.shape, matvec=P.matvec, dtype=P.dtype)
    x, info = method(LinearOperator(A.shape, matvec=multiply, dtype=A.dtype), b, M=M, **options)
    return Answer(x, success=info == 0, counts={"matvecs": matvecs})

"""The preconditioners that problems name; every iterative solver gets the same one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def jacobi(A: Any) -> Any:
    """Return the inverse of the diagonal of A."""
    from sparsesci.solvers import jacobi_preconditioner

    return jacobi_preconditioner(A)


def ilu0(A: Any) -> Any:
    """Return the incomplete LU factorisation of A without fill; ValueError at a zero pivot."""
    from sparsesci.solvers import ilu0_preconditioner

    return ilu0_preconditioner(A)


PRECONDITIONERS: dict[str, Callable | None] = {"none": None, "jacobi": jacobi, "ilu0": ilu0}

"""What the Krylov solvers return."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

from sparsesci._lib.result import ConvergenceWarning, Result, Status

from .recycle import RecycleSpace


@dataclass(frozen=True, repr=False, eq=False)
class KrylovResult(Result):
    """The answer of a Krylov solver.

    Attributes
    ----------
    x : array (n,) or (n, p)
        The solution; where the solver did not converge, the best iterate.
    status : Status
        How the iteration ended; ``success`` is whether its stopping rule was met.
    message : str
        The same in words, with the norm of the true residual.
    nit : int
        Iterations: Krylov vectors made, over all cycles and columns.
    time : float
        Wall-clock seconds.
    nmatvec : int
        Products with A that were paid, of whatever purpose.
    residuals : tuple of float, or tuple of such tuples
        ``||r||`` at the start and after each iteration, as the recursion estimates it; one tuple for each column of b.
    recycle : RecycleSpace or None
        What the next system of a sequence can begin with.
    """

    nmatvec: int
    residuals: tuple
    recycle: RecycleSpace | None = None


def warn_of_failure(result: Any, *, stacklevel: int) -> None:
    """Emit the one ConvergenceWarning of a failure; a stop by the caller's own callback is none."""
    if not result.success and result.status is not Status.STOPPED_BY_CALLBACK:
        warnings.warn(result.message, ConvergenceWarning, stacklevel=stacklevel + 1)

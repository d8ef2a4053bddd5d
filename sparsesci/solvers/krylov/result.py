"""What the Krylov solvers return."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from sparsesci._lib import xp
from sparsesci._lib.iterate import Watch
from sparsesci._lib.result import ConvergenceWarning, Result, Status

from .recycle import RecycleSpace

_is_handled: ContextVar[bool] = ContextVar("sparsesci_failure_is_handled", default=False)


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
        What the next system of a sequence can begin with; where nothing was learnt, the space that was given.
    """

    nmatvec: int
    residuals: tuple
    recycle: RecycleSpace | None = None

    @classmethod
    def of(
        cls,
        watch: Watch,
        x: Any,
        status: Status,
        residual_norm: float,
        *,
        nmatvec: int,
        recycle: RecycleSpace | None = None,
        note: str = "",
    ) -> KrylovResult:
        """Return the result of a watched iteration; the note is appended to the advice of a failure."""
        return cls(
            x=x + 0,  # a callback may keep it, or write to it, while the iteration goes on in place
            status=status,
            message=watch.message(status, residual_norm, note=note),
            nit=watch.nit,
            time=watch.time,
            nmatvec=nmatvec,
            residuals=tuple(watch.residuals),
            recycle=recycle,
        )


def in_turn(solve: Callable, B: Any, X: Any, recycle: RecycleSpace | None, same_operator: bool) -> KrylovResult:
    """Call ``solve(b, x, recycle, same_operator)`` for a vector, or for each column of B with the space of the last."""
    if B.ndim == 1:
        return solve(B, X, recycle, same_operator)
    n_columns = B.shape[1]
    columns, solutions = [], []
    for i in range(n_columns):
        b, x = B[:, i], None if X is None else X[:, i]
        if columns and columns[-1].status is Status.STOPPED_BY_CALLBACK:
            solutions.append(xp.zeros_like(b) if x is None else x)
            continue
        column = solve(b, x, recycle, same_operator)
        columns.append(column)
        solutions.append(column.x)
        same_operator = same_operator or column.recycle is not recycle  # what was handed through is of an earlier A
        recycle = column.recycle
    n_failed = sum(not column.success for column in columns) + n_columns - len(columns)
    shown = next((column for column in columns if not column.success), columns[-1])
    story = (
        f"{n_failed} of {n_columns} columns did not converge, first" if n_failed else f"{n_columns} columns, the last"
    )
    return KrylovResult(
        x=xp.namespace(B).stack(solutions, axis=1),
        status=shown.status,
        message=f"{story} column {columns.index(shown)}: {shown.message}",
        nit=sum(column.nit for column in columns),
        time=sum(column.time for column in columns),
        nmatvec=sum(column.nmatvec for column in columns),
        residuals=tuple(column.residuals for column in columns),
        recycle=recycle,
    )


def warn_of_failure(result: Any, *, stacklevel: int) -> None:
    """Emit the one ConvergenceWarning of a failure; a stop by the caller's own callback is none."""
    if not (result.success or result.status is Status.STOPPED_BY_CALLBACK or _is_handled.get()):
        warnings.warn(result.message, ConvergenceWarning, stacklevel=stacklevel + 1)


@contextmanager
def failures_are_handled() -> Iterator[None]:
    """Keep the solvers called within the block from warning: their caller looks at the status, and tries another."""
    token = _is_handled.set(True)
    try:
        yield
    finally:
        _is_handled.reset(token)

"""What a solver returns: a frozen record whose repr tells the story, a status with advice, and the one warning.

And what an estimator raises that has not been fitted.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import Enum
from typing import Any

from . import xp


class ConvergenceWarning(UserWarning):
    """A solver stopped before its stopping rule was met; the message says why and what to try next."""


class NotFittedError(ValueError, AttributeError):
    """A method of an estimator that needs a fit was called before `fit`.

    Both a `ValueError` and an `AttributeError`, as that of scikit-learn is: what catches one of these catches it.
    """


class Status(Enum):
    """How an iteration ended. The value is the sentence a person reads; a failure ends in advice."""

    RUNNING = "still running"
    CONVERGED = "converged"
    MAXITER = "maxiter is used up: raise maxiter, relax rtol, or pass a (better) preconditioner M"
    STOPPED_BY_CALLBACK = "stopped by the callback"
    BREAKDOWN = (
        "breakdown: the search space cannot be extended and holds no solution; "
        "A looks singular (is b in its range?): try scipy.sparse.linalg.lsqr, or regularise A"
    )
    STAGNATED = (
        "stagnated: rounding errors keep the true residual b - A x from getting smaller; "
        "relax rtol, use a higher precision, or scale A by a preconditioner M"
    )
    NOT_POSITIVE_DEFINITE = "the matrix (or M) is not positive definite: use gcrodr or recycled_minres"
    DIVERGED = "the sweeps diverge: try omega nearer to or below 1, or use gcrodr"
    UNRESOLVED = "bins are left that are more than noise: raise the budget"
    EMPTY = "nothing is left: lower the threshold, or look at the units of the data (relative=True does without them)"
    NOT_FINITE = "a product returned NaN or Inf: check A and M on the vectors this solver gives them"
    BLEW_UP = "the state left the bound or stopped being finite: start nearer to the data, refit, or raise bound"
    MAX_STEPS = (
        "max_steps is used up: the system is stiff there, use integrator='lsoda'; or relax rtol, raise max_steps"
    )

    @property
    def is_success(self) -> bool:
        """Whether the stopping rule was met."""
        return self is Status.CONVERGED


@dataclass(frozen=True, repr=False, eq=False)
class Result:
    """What every iterative solver of the package returns.

    Attributes
    ----------
    x : array
        The answer; where the solver did not converge, the best iterate.
    status : Status
        How the iteration ended.
    message : str
        The same in words, with the figures, and what to try next after a failure.
    nit : int
        Iterations done.
    time : float
        Wall-clock seconds.
    """

    x: Any
    status: Status
    message: str
    nit: int
    time: float

    @property
    def success(self) -> bool:
        """Whether the stopping rule was met."""
        return self.status.is_success

    def __repr__(self) -> str:
        story = f"{type(self).__name__}: {self.message}"
        rows = [
            (f.name, _brief(getattr(self, f.name)))
            for f in fields(self)
            if f.repr and f.name not in ("message", "status")
        ]
        width = max(len(name) for name, _ in rows)
        return "\n".join([story, *(f"  {name:<{width}}  {text}" for name, text in rows)])


def _brief(value: Any) -> str:
    """One line about a field: arrays by dtype and shape, floats by four digits."""
    if xp.is_array(value):
        return f"{xp.dtype_name(value.dtype)} {tuple(value.shape)}"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, tuple | list):
        return f"{len(value)} entries"
    return str(value)

"""What comes back of a sequence: the answers in the caller's order, and the story of how each was found."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np

from sparsesci._lib.result import Result, Status

from ..krylov.recycle import RecycleSpace


@dataclass(frozen=True)
class Attempt:
    """One method's work on one system.

    Attributes
    ----------
    method : str
        Such as "gcrodr + ilu0".
    status : Status
        How it ended; ``Status.MAXITER`` also where it was stopped because another method would be faster.
    nit, nmatvec : int
        Its iterations, and its products with A.
    setup_seconds, seconds : float
        What its preconditioner cost, if one was made or, the first time it served a later matrix, converted for that;
        and all the rest.
    preconditioner_age : int
        How many matrices ago the preconditioner was made; 0 for this one.
    """

    method: str
    status: Status
    nit: int
    nmatvec: int
    setup_seconds: float
    seconds: float
    preconditioner_age: int


@dataclass(frozen=True, repr=False, eq=False)
class SystemResult(Result):
    """The answer to one system of a sequence.

    Attributes
    ----------
    x : array (n,) or (n, p)
        The solution; where no method converged, the iterate with the smallest residual.
    status : Status
        How the last attempt ended, or the best of those that failed.
    message : str
        The same in words, with the norm of the true residual.
    nit, nmatvec : int
        Iterations, and products with A, of all attempts.
    time : float
        Seconds of this thread, all attempts included.
    method : str
        Which method gave x; "none" where x = 0 meets the rule.
    attempts : tuple of Attempt
        All that was tried, in order: more than one where a trial was cut short, or a method failed.
    """

    nmatvec: int
    method: str
    attempts: tuple[Attempt, ...]


@dataclass(frozen=True, repr=False, eq=False)
class SequenceResult:
    """The answers to a sequence of systems.

    Attributes
    ----------
    x : list of array
        The solutions, in the order in which the systems were given; None for one that was never reached.
    results : list of SystemResult
        The story of each, in the same order.
    order : ndarray of int
        The order in which they were solved.
    time : float
        Wall-clock seconds.
    recycle : RecycleSpace or None
        What was recycled in the end (of the last chunk); a later sequence may begin with it.
    """

    results: list[SystemResult | None]
    order: np.ndarray
    time: float
    recycle: RecycleSpace | None = None

    @property
    def x(self) -> list[Any]:
        """The solutions, in the caller's order."""
        return [None if result is None else result.x for result in self.results]

    @property
    def success(self) -> bool:
        """Whether every system was solved."""
        return all(result is not None and result.success for result in self.results)

    @property
    def nit(self) -> int:
        """Iterations of all attempts on all systems."""
        return sum(result.nit for result in self.results if result is not None)

    @property
    def nmatvec(self) -> int:
        """Products of all attempts on all systems."""
        return sum(result.nmatvec for result in self.results if result is not None)

    @property
    def attempts(self) -> list[Attempt]:
        """All attempts, system by system in the caller's order."""
        return [attempt for result in self.results if result is not None for attempt in result.attempts]

    @property
    def message(self) -> str:
        """How many systems were solved; if not all, what the first failure says."""
        n_solved = sum(result is not None and result.success for result in self.results)
        story = f"{n_solved} of {len(self.results)} systems solved in {self.time:.3g} s"
        failed = [i for i, result in enumerate(self.results) if result is not None and not result.success]
        return f"{story}; first failure, system {failed[0]}: {self.results[failed[0]].message}" if failed else story

    def __repr__(self) -> str:
        """Tell what was used, how often, and what it cost."""
        lines = [f"SequenceResult: {self.message}"]
        attempts = self.attempts
        used = Counter(attempt.method for attempt in attempts)
        if used:
            width = max(map(len, used))
            lines.append(f"  {'method':<{width}}  systems  solved  seconds  of it setup  products")
        for method, n_systems in used.most_common():
            own = [attempt for attempt in attempts if attempt.method == method]
            n_solved = sum(attempt.status.is_success for attempt in own)
            setup = sum(attempt.setup_seconds for attempt in own)
            seconds = setup + sum(attempt.seconds for attempt in own)
            products = sum(attempt.nmatvec for attempt in own)
            lines.append(
                f"  {method:<{width}}  {n_systems:>7}  {n_solved:>6}  {seconds:>7.3f}  {setup:>11.3f}  {products:>8}"
            )
        return "\n".join(lines)

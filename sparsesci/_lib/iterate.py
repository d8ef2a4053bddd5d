"""The watch over an iteration: stopping rule, history, callback, time. It knows no algorithm.

A method writes its loop as a sentence::

    watch = Watch(norm(b), rtol=rtol, atol=atol, maxiter=maxiter, callback=callback)
    while not (watch.solved(norm(r)) or watch.tired() or watch.stopped):
        ...
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

from .result import Status


class Watch:
    """Keeps count of one iteration and says when it is over.

    Parameters
    ----------
    b_norm : float
        Norm of the right-hand side.
    rtol, atol : float
        The rule is ``||r|| <= goal`` with ``goal = max(rtol * b_norm, atol)``.
    maxiter : int
        The most iterations that are allowed; the last one may still succeed.
    callback : callable, optional
        Called as ``callback(intermediate_result)``; ``StopIteration`` raised in it ends the iteration, other errors
        propagate.
    """

    def __init__(self, b_norm: float, *, rtol: float, atol: float, maxiter: int, callback: Callable | None = None):
        self.goal = max(rtol * b_norm, atol)
        self.maxiter = maxiter
        self.callback = callback
        self.residuals: list[float] = []
        self.nit = 0
        self.stopped = False
        self.best_x: Any = None
        self.best = math.inf
        self._checked = math.inf
        self._start = time.perf_counter()

    @property
    def time(self) -> float:
        """Wall-clock seconds since the watch was started."""
        return time.perf_counter() - self._start

    def solved(self, residual_norm: float) -> bool:
        """Whether the stopping rule is met."""
        return residual_norm <= self.goal

    def tired(self) -> bool:
        """Whether maxiter is used up."""
        return self.nit >= self.maxiter

    def left(self) -> int:
        """How many iterations are still allowed."""
        return max(0, self.maxiter - self.nit)

    def start(self, x: Any, residual_norm: float) -> Status:
        """Record where the iteration starts; return how it stands."""
        self.residuals.append(residual_norm)
        self.keep_best(x, residual_norm)
        return self.verdict(residual_norm)

    def keep_best(self, x: Any, residual_norm: float) -> None:
        """Keep an iterate in ``best_x`` if its true residual, in ``best``, is the smallest so far."""
        if self.best_x is None or residual_norm < self.best or math.isnan(self.best):
            self.best_x, self.best = x, residual_norm

    def count(self, residual_norms: list[float]) -> None:
        """Record one iteration for every norm."""
        self.residuals.extend(residual_norms)
        self.nit += len(residual_norms)

    def show(self, intermediate_result) -> None:
        """Show an intermediate result to the callback."""
        try:
            self.callback(intermediate_result)
        except StopIteration:
            self.stopped = True

    def verdict(self, residual_norm: float) -> Status:
        """Say how the iteration stands, given the norm of the true residual."""
        if self.solved(residual_norm):
            return Status.CONVERGED
        if self.stopped:
            return Status.STOPPED_BY_CALLBACK
        return Status.MAXITER if self.tired() else Status.RUNNING

    def check(self, claim: Status, x: Any, residual_norm: float) -> Status:
        """Judge a claim by the norm of the true residual of x, and keep x if it is the best so far.

        A claim (of success, or that no further vector exists) that the truth does not bear out is overruled, and the
        iteration goes on, as long as the true residual at least halves from one check to the next: then rounding is the
        limit.
        """
        self.keep_best(x, residual_norm)
        halved, self._checked = residual_norm <= 0.5 * self._checked, residual_norm
        verdict = self.verdict(residual_norm)
        if verdict is not Status.RUNNING or halved:
            return verdict
        return Status.STAGNATED if claim is Status.CONVERGED else claim

    def message(self, status: Status, residual_norm: float, *, note: str = "") -> str:
        """Return the status as a sentence with its figures; a failure ends in the advice of its status and a note."""
        relation = "<=" if self.solved(residual_norm) else ">"
        figures = f"||r|| = {residual_norm:.2e} {relation} {self.goal:.2e} after {self.nit} iterations"
        return f"{status.value}, {figures}" if status.is_success else f"{figures}; {status.value}{note}"

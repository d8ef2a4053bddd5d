"""The watch over an iteration: stopping rule, history, callback, time. It knows no algorithm.

A method writes its loop as a sentence::

    watch = Watch(norm(b), rtol=rtol, atol=atol, maxiter=maxiter, callback=callback)
    while not (watch.solved(norm(r)) or watch.tired() or watch.stopped):
        ...
"""

from __future__ import annotations

import time
from collections.abc import Callable

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

    def start(self, residual_norm: float) -> None:
        """Record the norm before the first iteration."""
        self.residuals.append(residual_norm)

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

    def confirm(self, status: Status, residual_norm: float, checked: float) -> Status:
        """Judge a claim by the norm of the true residual.

        A claim (of success, or that no further vector exists) that the truth does not bear out is overruled, and the
        iteration goes on, as long as the true residual at least halves from one check (``checked``) to the next: then
        rounding is the limit.
        """
        verdict = self.verdict(residual_norm)
        if verdict is not Status.RUNNING:
            return verdict
        if residual_norm > 0.5 * checked:
            return Status.STAGNATED if status is Status.CONVERGED else status
        return Status.RUNNING

    def message(self, status: Status, residual_norm: float, *, note: str = "") -> str:
        """Return the status as a sentence with its figures; a failure ends in the advice of its status and a note."""
        relation = "<=" if self.solved(residual_norm) else ">"
        figures = f"||r|| = {residual_norm:.2e} {relation} {self.goal:.2e} after {self.nit} iterations"
        return f"{status.value}, {figures}" if status.is_success else f"{figures}; {status.value}{note}"

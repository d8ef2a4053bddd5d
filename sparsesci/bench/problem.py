"""What a benchmark problem is: a maker of systems, a measure of error, and the error that counts as solved."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

# An answer whose error misses the goal by a rounding of the recomputed error still reaches it.
SLACK = 1 + 1e-6


@dataclass(frozen=True)
class Problem:
    """A benchmark problem.

    Attributes
    ----------
    name : str
        What ``--problem`` takes.
    family : str
        The family of solvers that it is for.
    says : str
        One line: what the problem is, and what it shows.
    parameters : mapping
        Keyword arguments of `make` at full size.
    make : callable
        ``make(rng, **parameters)`` yields the systems of a sequence, each a tuple of arrays and numbers: ``(A, b)`` in
        the family "krylov", ``(a, b, C, reg)`` in "transport". One system is a sequence of length 1. Where the first
        array stays what it is, the same object is yielded again.
    error : callable
        ``error(*system, x)``, a float: how wrong an answer is.
    goal : float
        A system is solved when its error is at most this.
    preconditioner : str or None
        A key of ``preconditioners.PRECONDITIONERS``: what iterative solvers are given. None where there is no matrix to
        precondition.
    traits : frozenset of str
        What a solver may rely on: "real", "hermitian", "spd" (Hermitian positive definite, which implies the former).
    quick : mapping or None
        The parameters that the quick suite changes; None for a problem that is not in it.
    plain : bool
        Whether ``sparsesci bench`` without a family runs it too, where it is in the quick suite.
    goals : tuple of float
        Looser goals, the loosest first, to which the first system is solved as well: the curve of error against time.
    series : mapping
        The curves that it is a point of: their name, and the parameter against which error and time are drawn.
    """

    name: str
    family: str
    says: str
    parameters: Mapping[str, Any]
    make: Callable[..., Iterable[tuple]]
    error: Callable[..., float]
    goal: float
    preconditioner: str | None = "none"
    traits: frozenset[str] = field(default=frozenset())
    quick: Mapping[str, Any] | None = None
    plain: bool = True
    goals: tuple[float, ...] = ()
    series: Mapping[str, str] = field(default_factory=dict)

    def is_reached(self, error: float) -> bool:
        """Whether an answer with this error is a solution; NaN is not."""
        return error <= self.goal * SLACK

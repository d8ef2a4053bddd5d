"""What a benchmark solver is: ours, a peer whose import may fail, or a user's own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Answer:
    """What a solver hands back for one system.

    Attributes
    ----------
    x : array
        The answer.
    success : bool
        What the solver itself claims; the harness checks.
    counts : mapping
        Work that was done, such as ``{"matvecs": 57}``.
    """

    x: Any
    success: bool
    counts: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Solver:
    """A solver as the harness runs it.

    Attributes
    ----------
    name : str
        What ``--solver`` takes.
    family : str
        The family of problems that it solves.
    says : str
        One line: the method and its options.
    start : callable
        ``start(preconditioner, goal)`` imports what the solver needs and returns ``solve(*system) -> Answer``, for
        linear systems ``solve(A, b)``, which may keep state from system to system: that is what recycling is.
        ``preconditioner`` is a function ``A -> M``, or None; it is called inside ``solve``: who uses it pays for it.
        Asked twice in a row for the same A, the harness' function hands out the same M. An ImportError is shown as
        "not installed".
    peer : str or None
        The package that the solver comes from; None for our own.
    needs : frozenset of str
        The traits that a problem must have; the solver is left out where one is missing. "sequence" is the trait of a
        problem that has more than one system, "hermitian" is in "spd".
    whole : bool
        Whether the solver takes the whole sequence at once: ``start`` then returns
        ``solve([(A, b), ...]) -> [Answer, ...]``, one answer for each system in the order given. Its time is divided
        evenly among them.
    error : callable or None
        How wrong its answers are, in place of the problem's measure, where it solves another problem than the one that
        was asked: the remark must say which.
    remark : str
        What has to be read beside its figures; printed below the table.
    """

    name: str
    family: str
    says: str
    start: Callable[[Callable | None, float], Callable[..., Answer]]
    peer: str | None = None
    needs: frozenset[str] = field(default=frozenset())
    whole: bool = False
    error: Callable[..., float] | None = None
    remark: str = ""

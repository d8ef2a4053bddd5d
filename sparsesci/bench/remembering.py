"""What is made of a matrix is made once, as long as the systems of a sequence share it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def remembering(make: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return ``make`` with a memory of one: for the object that it was last called with, the same result again.

    The same object, not equal values: to compare all entries would cost more than some of what is made of them. That
    nobody changes the object in place is a promise, as it is for ``same_operator=True``.
    """
    last = made = None

    def remembered(A: Any) -> Any:
        nonlocal last, made
        if A is not last:
            last, made = A, make(A)
        return made

    return remembered

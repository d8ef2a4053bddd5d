"""Iterations that are given a time: they are run in parts, each from the potentials of the one before.

Sinkhorn's iteration has no memory beside its potentials: in parts it takes the same steps, and after each part the
measure of the harness tells whether the goal is reached. A peer's own measure, the 2-norm of one marginal, would end it
too early or too late. What the parts cost beside their steps is counted: about a step each.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from ..solver import Answer

LIMIT = 60.0  # CPU seconds for one system
FIRST_PART = 10  # steps; each part is twice as long as the one before, up to the most

Potentials = tuple[np.ndarray, np.ndarray]


def sweep_until(
    advance: Callable[[Potentials | None, int], tuple[Potentials, float]], goal: float, *, part: int
) -> Answer:
    """Advance until the marginal error is at most the goal, the time is up, or the potentials are not finite.

    Parameters
    ----------
    advance : callable
        ``advance(potentials, steps)`` returns potentials and their marginal error; None is the start.
    goal : float
        The marginal error to reach.
    part : int
        The most steps at once.
    """
    begin, steps, total = time.process_time(), min(FIRST_PART, part), 0
    potentials: Any = None
    while True:
        potentials, error = advance(potentials, steps)
        total += steps
        spent = time.process_time() - begin
        if not goal < error or not spent < LIMIT:  # NaN ends it too
            return Answer(potentials, success=bool(error <= goal), counts={"sweeps": total})
        left = (LIMIT - spent) * total / spent if spent else part
        steps = int(np.clip(left, 1, min(2 * steps, part)))

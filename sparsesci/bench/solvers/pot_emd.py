"""POT's network simplex, ``ot.emd``: the exact plan, of the problem without entropy.

It answers another question than the others, the one that many users have: beside it stands what the entropy costs or
saves. Its answer is held to the optimality conditions of its own linear program, with the same goal.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..objectives.linear_program_error import linear_program_error
from ..solver import Answer, Solver

PIVOTS = 100_000_000  # POT's own limit of 100,000 is too few from a thousand points on


def start(preconditioner: Callable | None, goal: float) -> Callable[..., Answer]:
    """Start; nothing is kept between systems."""
    import ot

    def solve(a: Any, b: Any, C: Any, reg: float) -> Answer:
        P, log = ot.emd(a, b, C, numItermax=PIVOTS, log=True)
        return Answer((P, log["u"], log["v"]), success=log["warning"] is None)

    return solve


SOLVERS = (
    Solver(
        name="pot-emd-exact",
        family="transport",
        says="ot.emd, the network simplex: the problem without entropy",
        start=start,
        peer="POT",
        error=linear_program_error,
        remark="solves the problem without entropy (reg = 0), and is held to the optimality of that one",
    ),
)

"""The entropic solvers of POT: ``ot.sinkhorn`` in the logarithmic domain and with absorption ("stabilized").

Each is run in parts (`within_time`), until the marginal error is at most the goal: POT itself stops on the 2-norm of
one marginal, and after 1000 steps. By itself "stabilized" checks that norm every 20 steps, each time with a whole plan;
here it does so once a part, which spares it time.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from ..objectives.marginal_error import plan_marginal_error
from ..solver import Answer, Solver
from . import within_time


def start(preconditioner: Callable | None, goal: float, *, method: str, part: int) -> Callable[..., Answer]:
    """Start; nothing is kept between systems."""
    import ot

    in_logarithms = method == "sinkhorn_log"
    options = {"method": method, "stopThr": 0.0, "log": True, "warn": False}
    options |= {} if in_logarithms else {"print_period": part}

    def solve(a: Any, b: Any, C: Any, reg: float) -> Answer:
        scale = reg if in_logarithms else 1.0  # POT takes and returns f / reg for the one, f for the other

        def advance(potentials, steps):
            warm = None if potentials is None else tuple(part / scale for part in potentials)
            P, log = ot.sinkhorn(a, b, C, reg, numItermax=steps, warmstart=warm, **options)
            found = (log["log_u"], log["log_v"]) if in_logarithms else (log["alpha"], log["beta"])
            return tuple(scale * part for part in found), plan_marginal_error(a, b, P)

        return within_time.sweep_until(advance, goal, part=part)

    return solve


def _solver(name: str, says: str, **options: Any) -> Solver:
    says = f"{says}, at most {within_time.LIMIT:g} s of CPU time a system"
    return Solver(name, "transport", says, partial(start, **options), peer="POT")


SOLVERS = (
    _solver("pot-sinkhorn-log", "ot.sinkhorn in the logarithmic domain", method="sinkhorn_log", part=50),
    _solver("pot-stabilized", "ot.sinkhorn with absorption", method="sinkhorn_stabilized", part=200),
)

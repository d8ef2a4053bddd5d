"""RegOT's newest solvers, in C++: SSNS (Tang and Qiu, NeurIPS 2024) and SPLR (ICML 2025).

They take neither a time nor potentials to go on from: the time is given as a number of iterations, at an estimated time
for each. They stop on a 2-norm: the tolerance that is passed is the one that implies the goal in the 1-norm. SPLR
reports about a fifth of the norm that its potentials have, and is asked for a tenth. It often comes to a stop near
1e-8, however many iterations follow: it gets RegOT's own default of 1000 at most.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from ..solver import Answer, Solver
from . import within_time


def start(
    preconditioner: Callable | None, goal: float, *, method: str, per_arc: float, most: int, strict: float
) -> Callable[..., Answer]:
    """Start; nothing is kept between systems.

    ``per_arc`` is the CPU seconds of an iteration divided by the size of C, estimated; ``most`` bounds the iterations;
    ``strict`` makes up for an error that is measured as less than it is.
    """
    import regot

    run = getattr(regot, method)

    def solve(a: Any, b: Any, C: Any, reg: float) -> Answer:
        tol = strict * goal / np.sqrt(a.size + b.size)
        maxiter = min(most, max(10, round(within_time.LIMIT / (per_arc * C.size))))
        result = run(np.asfortranarray(C), a, b, reg, tol=tol, max_iter=maxiter)
        f, g = np.split(np.asarray(result.dual).ravel(), [a.size])
        g = np.append(g, np.zeros(b.size - g.size))  # the last one is fixed at zero, and left out
        return Answer((f, g), success=bool(result.mar_errs[-1] <= tol), counts={"steps": int(result.niter)})

    return solve


SOLVERS = (
    Solver(
        "regot-ssns",
        "transport",
        f"safe and sparse Newton; iterations for about {within_time.LIMIT:g} s a system",
        partial(start, method="sinkhorn_ssns", per_arc=1e-7, most=5000, strict=1.0),
        peer="regot",
    ),
    Solver(
        "regot-splr",
        "transport",
        f"sparse plus low rank quasi-Newton; iterations for about {within_time.LIMIT:g} s a system",
        partial(start, method="sinkhorn_splr", per_arc=3e-8, most=1000, strict=0.1),
        peer="regot",
    ),
)

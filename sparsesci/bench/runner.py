"""The harness: it makes the systems, warms up, repeats in turn, and checks every answer itself.

1. The systems of a problem come from the seed, and are made before any clock runs.
2. Every solver passes twice over the first two systems, started anew. By how much the first pass is slower than the
   second is reported as compile time. Two systems, because recycling takes its own path from the second on; the whole
   sequence for a solver that takes it at once, for what it does with two may not be what it does with all.
3. The solvers then solve the whole sequence in turn, A B C A B C ...: a machine that slows down slows all of them.
   One that takes the sequence at once has its time divided evenly. A solver gets copies, which it may overwrite; a
   matrix that stays the same object from system to system stays one, and its preconditioner is made once. A solver
   that took more than half a minute for a system of its warm-up warms up with that system alone and runs once.
4. BLAS and Numba have one thread. The figures are CPU time: on a shared machine the wall clock measures the neighbours.
5. What a system's own function takes, which is asked in place of a matrix, is taken out of the time and recorded beside
   it.
6. The error of every answer is recomputed outside of the clock; what a solver claims is recorded, and not believed.
"""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from sparsesci._lib.parallel import thread_limit

from .environment import environment
from .oracle import Oracle
from .preconditioners import PRECONDITIONERS
from .problem import Problem
from .record import Record, Repeat, Row, Table
from .remembering import remembering
from .solver import Solver

WARM_UP_SYSTEMS = 2
SLOW = 30.0  # wall-clock seconds for a system, from which neither compilation nor the noise of one run matters


def run(
    problems: Sequence[Problem],
    solvers: Sequence[Solver],
    *,
    seed: int,
    repeats: int,
    progress: Callable[[float, str], None] | None = None,
) -> Record:
    """Run every solver on every problem of its family whose traits it needs; return what was measured.

    Parameters
    ----------
    problems, solvers : sequences of Problem and Solver
        Run in this order.
    seed : int
        Of the systems; every problem starts from it, so that its systems do not depend on what else is run.
    repeats : int
        How often each solver solves each sequence, after the warm-up.
    progress : callable, optional
        ``progress(fraction_done, what_comes_next)``.

    Returns
    -------
    Record
        After Ctrl-C, what was measured until then, with ``is_interrupted``.
    """
    record = Record(environment(solver.peer for solver in solvers), seed)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a solver that warns of its failure has a row that says so
            for done, problem in enumerate(problems):
                systems = list(problem.make(np.random.default_rng(seed), **problem.parameters))
                contestants = [solver for solver in solvers if applies(solver, problem, len(systems))]
                table = _empty_table(problem, systems, contestants)
                record.tables.append(table)
                for step, text in _measure(problem, systems, contestants, table.rows, repeats):
                    if progress:
                        progress((done + step) / len(problems), f"{problem.name}: {text}")
    except KeyboardInterrupt:
        record.is_interrupted = True
    return record


def applies(solver: Solver, problem: Problem, length: int) -> bool:
    """Whether a solver is of the problem's family and finds all the traits that it needs."""
    traits = problem.traits | ({"sequence"} if length > 1 else set())
    traits |= {"hermitian"} if "spd" in traits else set()
    return solver.family == problem.family and solver.needs <= traits


def _empty_table(problem: Problem, systems: Sequence[tuple], solvers: Sequence[Solver]) -> Table:
    return Table(
        problem=problem.name,
        family=problem.family,
        says=problem.says,
        parameters=dict(problem.parameters),
        preconditioner=problem.preconditioner,
        goal=problem.goal,
        length=len(systems),
        shapes=[_shape(part) for part in systems[0]],
        rows=[Row(solver.name, solver.peer, remark=solver.remark) for solver in solvers],
        series=dict(problem.series),
    )


def _shape(part: Any) -> list[int]:
    """Return the shape of a part of a system: of a list of factors that of their Kronecker product; [] of a number."""
    if isinstance(part, list):
        return [math.prod(sizes) for sizes in zip(*(np.shape(factor) for factor in part), strict=True)]
    return list(np.shape(part))


def _measure(
    problem: Problem, systems: Sequence[tuple], solvers: Sequence[Solver], rows: Sequence[Row], repeats: int
) -> Iterator[tuple[float, str]]:
    """Fill the rows; before each step yield the fraction that is done and what comes next."""
    steps = len(solvers) * (1 + repeats + bool(problem.goals))
    slow = set()
    for i, (solver, row) in enumerate(zip(solvers, rows, strict=True)):
        yield i / steps, f"{solver.name}, warm-up"
        warm_up = systems if solver.whole else systems[:WARM_UP_SYSTEMS]
        first = solve_all(solver, problem, warm_up, row, patience=SLOW)
        if row.trouble:
            continue
        if max(first.wall_seconds) > SLOW:
            slow.add(solver.name)
            continue
        second = solve_all(solver, problem, warm_up, row)
        row.compile_seconds = max(0.0, sum(first.wall_seconds) - sum(second.wall_seconds))
    for repeat in range(repeats):
        for i, (solver, row) in enumerate(zip(solvers, rows, strict=True)):
            if row.trouble or (repeat and solver.name in slow):
                continue
            yield (len(solvers) * (1 + repeat) + i) / steps, f"{solver.name}, {repeat + 1} of {repeats}"
            finished = solve_all(solver, problem, systems, row)
            if not row.trouble:
                row.repeats.append(finished)
    for i, (solver, row) in enumerate(zip(solvers, rows, strict=True)):
        if problem.goals and row.is_timed and solver.error is None:
            yield (len(solvers) * (1 + repeats) + i) / steps, f"{solver.name}, error against time"
            row.curve = _curve(solver, problem, systems[:1], row.repeats[-1])


def _curve(solver: Solver, problem: Problem, first: Sequence[tuple], finished: Repeat) -> list[list[float]]:
    """Return time and error of runs to looser goals, up to the first that fails or is slow, then those of the last."""
    points = []
    for goal in (goal for goal in problem.goals if goal > problem.goal):
        row = Row(solver.name, solver.peer)
        looser = replace(problem, goal=goal)
        repeat = solve_all(solver, looser, first, row)
        if row.trouble:
            break
        points.append([repeat.cpu_seconds[0], repeat.errors[0]])
        if not repeat.reached[0] or repeat.wall_seconds[0] > SLOW:
            break
    points.append([finished.cpu_seconds[0], finished.errors[0]])
    return [point for point in points if np.isfinite(point[1])]


def solve_all(
    solver: Solver, problem: Problem, systems: Sequence[tuple], row: Row, *, patience: float = math.inf
) -> Repeat:
    """Solve the systems in order by a solver that is started anew; what it raises becomes the trouble of its row.

    No further system follows one that took more than ``patience`` wall-clock seconds.
    """
    repeat = Repeat()
    make_preconditioner = problem.preconditioner and PRECONDITIONERS[problem.preconditioner]
    error_of = solver.error or problem.error
    try:
        solve = solver.start(make_preconditioner and remembering(make_preconditioner), problem.goal)
        copies = _copies(systems)
        with thread_limit(1):  # after the start, whose imports may have brought another BLAS
            for batch in [systems] if solver.whole else [[system] for system in systems]:
                given = [next(copies) for _ in batch]
                cpu, wall = time.process_time(), time.perf_counter()
                answers = solve(given) if solver.whole else [solve(*given[0])]
                cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
                asked = [system[0] for system in given if isinstance(system[0], Oracle)]
                cpu -= sum(f.cpu_seconds for f in asked)
                wall -= sum(f.wall_seconds for f in asked)
                repeat.oracle_seconds += [f.cpu_seconds for f in asked]
                for system, answer in zip(batch, answers, strict=True):
                    error = error_of(*system, answer.x)
                    repeat.cpu_seconds.append(cpu / len(batch))
                    repeat.wall_seconds.append(wall / len(batch))
                    repeat.errors.append(error if np.isfinite(error) else np.inf)
                    repeat.reached.append(problem.is_reached(error))
                    repeat.claimed.append(bool(answer.success))
                    repeat.counts.append(dict(answer.counts))
                if repeat.wall_seconds[-1] > patience:
                    break
    except ImportError as error:
        row.trouble = f"not installed: {error.name or solver.peer or error}"
    except Exception as error:  # a peer or a user's file may raise anything; its row says what, and the run goes on
        row.trouble = f"{type(error).__name__}: {error}"
    return repeat


def _copies(systems: Sequence[tuple]) -> Iterator[tuple]:
    """Yield a copy of each system; what is one object in two neighbours is one object in their copies."""
    copy_of_A = remembering(lambda A: A.copy())
    for A, *rest in systems:
        yield copy_of_A(A), *(part.copy() if hasattr(part, "copy") else part for part in rest)  # numbers stay

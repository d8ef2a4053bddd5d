"""The walk through a sequence: each system is given to the method that promises most, and all of them learn from it.

A system is solved like this:

1. Look at it: is its matrix the last one, is it of the same kind? A new kind begins with new beliefs.
2. Start where the last solutions suggest.
3. `choose` a method and what it may spend; make its preconditioner if that is worth it; run it.
4. Measure. If it did not get there, go on to 3 with the next method, from the best x so far; in a second round without
   a limit. What fails in both rounds is reported with the best x.

Costs are seconds of this thread, which repeat on a shared machine where those of the wall do not; but those of the wall
where the work may be done elsewhere: on a device, or in a function of the caller's.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from sparsesci._lib import validate, xp
from sparsesci._lib.operator import as_operator
from sparsesci._lib.result import Status
from sparsesci._lib.xp import norm

from ..krylov.omega_tuner import OmegaTuner
from ..krylov.recycle import RecycleSpace, check_recycle
from ..krylov.result import KrylovResult, failures_are_handled
from ..krylov.ssor import ssor_preconditioner
from .beliefs import PRODUCTS_AN_ITERATION
from .candidates import (
    DEFINITE_ONLY,
    VARIABLES,
    Candidate,
    candidates_for,
    make_ready,
    solve,
)
from .cost import Outlook, choose
from .guess import Guess
from .result import Attempt, SystemResult
from .system import Kind, Looking, System, seconds_of_a_product, symmetry

FEWEST_ITERATIONS = 5
COLUMNS_AT_ONCE = 32  # right-hand sides that share a matrix and its factors
LEARNS_ALONE = 20240917  # seed of the tuner that nobody else brings
LEAST_PART = 0.5  # of the way to a solution: less tells too little of what the whole would cost
ENDS = 2  # iterations that a solve would have time for before its first and after its last one
LEAST_SHARE = 0.1  # of a solve that a starting guess leaves: no clock tells it better
SHORTEST = 1e-7  # seconds: what the clock cannot tell from nothing


class Walk:
    """What has been learnt on the way.

    Parameters
    ----------
    method, preconditioner, rtol, atol, maxiter, recycle, tuner
        As `solve_sequence` takes them.
    length : int or None
        How many systems there will be, where that is known.
    """

    def __init__(self, *, method, preconditioner, rtol, atol, maxiter, recycle=None, tuner=None, length=None):
        self.method, self.preconditioner = method, preconditioner
        self.rtol, self.atol, self.maxiter = rtol, atol, maxiter
        self._goal = rtol  # what the dtype of the systems can promise of it
        self.recycle: RecycleSpace | None = recycle
        self.length = length
        self.tuner = OmegaTuner(rng=LEARNS_ALONE) if tuner is None else tuner
        self.candidates: dict[str, Candidate] = {}
        self._kind: Kind | None = None
        self._looking, self._guess = Looking(), Guess()
        self._n_systems = self._n_sharing = self._last_matrix = 0
        self._seconds = self._seconds_of_trials = 0.0
        self._usual = ""  # the method that is the best known
        self._context: float | None = None  # of the system that is being solved
        self._clock = time.thread_time

    def solve(self, A: Any, b: Any, *, context: float | None = None, sharing: int = 0) -> SystemResult:
        """Solve the next system; ``sharing`` right-hand sides from here on are known to have its matrix."""
        begin = self._clock()
        with failures_are_handled():
            system = self._looking.at(A, b)  # 1
            if system.kind.form in ("map", "device") and self._clock is time.thread_time:
                self._clock, begin = time.perf_counter, time.perf_counter()
            if system.kind != self._kind:
                self._begin(system)
            outlook = self._outlook(system, sharing)
            result = self._solve(system, outlook, context, begin)
        self._n_systems += 1
        self._seconds += result.time
        return result

    def solve_shared(self, A: Any, right_hand_sides: Sequence[Any]) -> Iterator[SystemResult]:
        """Solve vectors with one matrix: the first as any other, the rest together if it was factors that did it."""
        first = self.solve(A, right_hand_sides[0], sharing=len(right_hand_sides))
        yield first
        done = 1
        factors = next((one.M for one in self.candidates.values() if one.has_factors_of(self._last_matrix)), None)
        while done < len(right_hand_sides):
            together = right_hand_sides[done : done + COLUMNS_AT_ONCE]
            if first.method == "direct" and factors is not None:
                yield from self._solve_together(A, together, factors)
            else:
                yield from (self.solve(A, b, sharing=len(right_hand_sides) - done - i) for i, b in enumerate(together))
            done += len(together)

    def _solve_together(self, A: Any, right_hand_sides: Sequence[Any], factors: Any) -> Iterator[SystemResult]:
        begin = self._clock()
        system = self._looking.at(A, np.stack(right_hand_sides, axis=1))
        rows = np.ascontiguousarray(system.b.T)
        solutions = np.ascontiguousarray(exactly(replace(system, b=rows.T), factors).T)
        # One by one: SciPy takes longer to copy a block whose columns are contiguous than to multiply it.
        residuals = [norm(b - system.operator(x)) for b, x in zip(rows, solutions, strict=True)]
        goals = [max(self._goal * norm(b), self.atol) for b in rows]
        seconds = (self._clock() - begin) / len(rows)
        for b, x, residual, goal in zip(right_hand_sides, solutions, residuals, goals, strict=True):
            if residual <= goal:
                attempt = Attempt("direct", Status.CONVERGED, 0, 1, 0.0, seconds, 0)
                self._n_systems, self._seconds = self._n_systems + 1, self._seconds + seconds
                yield solved_exactly(x, residual, goal, attempt)
            else:
                yield self.solve(A, b)

    def _begin(self, system: System) -> None:
        """Begin with new beliefs: the systems are of another kind than those before."""
        is_first, self._kind = self._kind is None, system.kind
        self._goal = validate.relative_tolerance(self.rtol, self.atol, system.b)
        product = seconds_of_a_product(system)
        self.candidates = candidates_for(system.kind, system, self.method, self.preconditioner, product)
        if is_first and self.recycle is not None:
            variable = self.recycle.variable
            check_recycle(self.recycle, columns(system.b)[0], system.kind.n + 1, variable=variable)
            for one in self.candidates.values():
                one.recycle = self.recycle if VARIABLES.get(one.method) == variable else None

    def _outlook(self, system: System, sharing: int) -> Outlook:
        p = system.n_columns
        self._n_sharing = self._n_sharing + p if system.matrix == self._last_matrix else p
        self._last_matrix = system.matrix
        left = max(1, self._n_systems) if self.length is None else self.length - self._n_systems
        return Outlook(
            n_systems=self._n_systems,
            n_left=max(1, left),
            columns=p,
            sharing=max(sharing, self._n_sharing),
            seconds=self._seconds,
            seconds_of_trials=self._seconds_of_trials,
            usual=self._usual,
        )

    def _solve(self, system: System, outlook: Outlook, context: float | None, begin: float) -> SystemResult:
        if is_solved_by_zero(system, self._goal, self.atol):
            return zero_result(system, self._clock() - begin)
        products_before = system.operator.nmatvec
        guessed = self._clock()
        x0 = self._guess.at(system.operator, system.b)  # 2
        guessed = self._clock() - guessed
        part_guessed = part_left(self._guess.size, self._goal)
        outlook = outlook._replace(part=part_guessed)
        self._context = context
        attempts: list[Attempt] = []
        best, method, least, part = None, "", math.inf, 1.0
        for one, seconds in self._turns(system, outlook):  # 3, 4
            attempt, result = self._attempt(one, system, outlook, x0, seconds, part)
            attempts.append(attempt)
            if attempt.status.is_success:
                self._guess.learn(result.x)
                if part_guessed < 1:
                    iterations = 0 if attempt.method == "direct" else max(1, result.nit)
                    saved = iterations * (1 / max(part_guessed, LEAST_SHARE) - 1)
                    self._guess.weigh(guessed, saved * one.seconds_per_iteration)
                best, method = result, attempt.method
                break
            size = distance(system, result.x)
            if best is None or size < least:
                best, method, least = result, attempt.method, size
                if size < 1:
                    x0, part = result.x, part_left(size, self._goal)
        return SystemResult(
            x=best.x,
            status=best.status,
            message=best.message,
            nit=sum(attempt.nit for attempt in attempts),
            time=self._clock() - begin,
            nmatvec=system.operator.nmatvec - products_before,
            method=method,
            attempts=tuple(attempts),
        )

    def _turns(self, system: System, outlook: Outlook) -> Iterator[tuple[Candidate, float]]:
        """Yield who is to try next, and for how long: everyone once, then without a limit those that met theirs."""
        tried, limited = set(), []
        while untried := {name: one for name, one in self.candidates.items() if name not in tried}:
            choice = choose(
                {name: one.cost for name, one in untried.items()},
                {name: one.has(system.matrix) for name, one in untried.items()},
                outlook._replace(
                    seconds_of_trials=self._seconds_of_trials
                ),  # those on this system have to be paid, too
            )
            one = untried[choice.name]
            if choice.instead is None:
                self._usual = choice.name
            seconds = choice.seconds if len(self.candidates) > 1 or one.has(system.matrix) == "stale" else math.inf
            begin = self._clock()
            yield one, seconds
            if choice.instead is not None:
                self._seconds_of_trials += max(0.0, self._clock() - begin - choice.instead)
            if one.has(system.matrix) == "stale":  # then the preconditioner was too old
                one.forget()
                continue
            tried.add(choice.name)
            if seconds < math.inf:
                limited.append(one)
        for one in limited:
            if self.candidates.get(one.name) is one:
                yield one, math.inf

    def _attempt(
        self, one: Candidate, system: System, outlook: Outlook, x0: Any, seconds: float, part: float
    ) -> tuple[Attempt, KrylovResult]:
        """Let one method try for so many seconds; learn what that cost, given what part of the way others have left."""
        one.seconds_of_a_call = make_ready(one.method, one.preconditioner, system.kind.form, system.kind.dtype)
        begin = self._clock()
        try:
            is_new = self._renew(one, system, outlook.sharing)
        except ValueError as error:
            if one.preconditioner == "given":
                raise
            one.cost.learn_failure(self._clock() - begin, is_own=True, n_systems=self._n_systems)
            self._replace(one, system)
            return no_attempt(one, system, self._clock() - begin, str(error))
        setup = self._clock() - begin if is_new else 0.0
        if is_new:
            one.cost.learn_setup(setup)
        is_own = one.made_for == system.matrix
        begin = self._clock()
        if not is_own and one.convert(system.b.dtype, outlook.columns * outlook.n_left):
            setup = self._clock() - begin
            one.cost.learn_conversion(setup)
        begin = self._clock()
        result, is_exact = self._run(one, system, x0, seconds, is_own=is_own)
        elapsed = max(self._clock() - begin, SHORTEST)
        self._learn(one, system, result, elapsed, 1.0 if is_exact else part, is_own=is_own)
        attempt = Attempt(
            method="direct" if is_exact else one.name,
            status=result.status,
            nit=result.nit,
            nmatvec=result.nmatvec,
            setup_seconds=setup,
            seconds=elapsed,
            preconditioner_age=system.matrix - one.made_for,
        )
        return attempt, result

    def _renew(self, one: Candidate, system: System, sharing: float) -> bool:
        """Make the preconditioner of a method for this matrix if that is worth it; return whether it was."""
        _, is_worth_it = one.cost.next(sharing, has=one.has(system.matrix))
        if one.preconditioner == "ssor":
            one.make = partial(ssor_preconditioner, omega=self.tuner.ask(self._context))
        elif not is_worth_it:
            return False
        one.renew(system.A, system.matrix)
        return True

    def _run(
        self, one: Candidate, system: System, x0: Any, seconds: float, *, is_own: bool
    ) -> tuple[KrylovResult, bool]:
        """Run a method for so many seconds; return its result, and whether its factors alone have solved the system."""
        if is_own and one.preconditioner == "lu":
            result, x0 = solve_exactly(system, one.M, x0, rtol=self._goal, atol=self.atol)
            if result is not None:
                return result, True
        most = 10 * system.kind.n if self.maxiter is None else self.maxiter
        if seconds < math.inf:
            an_iteration = one.seconds_per_iteration * system.n_columns  # maxiter is for each column
            most = min(most, max(FEWEST_ITERATIONS, int(one.iterating(seconds, system.n_columns) / an_iteration)))
        result = solve(one, system, x0, rtol=self._goal, atol=self.atol, maxiter=most)
        if one.preconditioner == "ssor" and result.success and result.nit:
            self.tuner.tell(result.nit)  # of one that was cut short nobody knows how many it would have been
        self.recycle = one.recycle if one.recycle is not None else self.recycle
        return result, False

    def _learn(
        self, one: Candidate, system: System, result: KrylovResult, seconds: float, part: float, *, is_own: bool
    ) -> None:
        """Learn from what a method has spent on a system, of which others had left a part."""
        n, p = self._n_systems, system.n_columns
        if result.nit:
            seconds = one.undisturbed(seconds, result.nit + ENDS * p, p)
            one.seconds_per_iteration = one.iterating(seconds, p) / (result.nit + ENDS * p)
            one.last_nit = result.nit // p
        elif one.preconditioner == "lu" and not one.last_nit:  # later what its iterations took is better known
            one.seconds_per_iteration = 2 * seconds / p
        if result.success:
            if part >= LEAST_PART:
                one.cost.learn(seconds / part, p, is_own=is_own, n_systems=n)
                for other in self.candidates.values():
                    other.hope_by(one)
            return
        one.cost.learn_failure(seconds, is_own=is_own, n_systems=n)
        is_indefinite = result.status is Status.NOT_POSITIVE_DEFINITE  # no fresher preconditioner changes that
        if self.method == "auto" and (is_own or is_indefinite) and system.kind.is_hermitian:
            # The kind was seen at its first matrix; this one need not be like it.
            is_hermitian, is_positive = symmetry(system.A, system.operator, system.b, system.kind.form)
            may_be_definite = is_positive and not is_indefinite
            if not is_hermitian or (one.method in DEFINITE_ONLY and not may_be_definite):
                kind = replace(system.kind, is_hermitian=is_hermitian, has_positive_diagonal=may_be_definite)
                self._look_again(kind, system)

    def _look_again(self, kind: Kind, system: System) -> None:
        """Take the candidates for systems of another kind, and keep of those there are what they have learnt."""
        known, product = self.candidates, seconds_of_a_product(system)
        self.candidates = candidates_for(kind, system, self.method, self.preconditioner, product)
        factored = next((one for one in known.values() if one.preconditioner == "lu"), None)
        for name, one in self.candidates.items():
            if name in known:
                self.candidates[name] = known[name]
            elif factored is not None and one.preconditioner == "lu":
                one.M, one.made_for, one.is_converted = factored.M, factored.made_for, factored.is_converted
                one.cost.take_over(factored.cost)

    def _replace(self, one: Candidate, system: System) -> None:
        """Where an incomplete factorisation broke down, let Jacobi stand beside it."""
        if one.preconditioner in ("ilu0", "ic0") and self.preconditioner == "auto":
            product = one.seconds_per_iteration / PRODUCTS_AN_ITERATION[one.method]
            self.candidates = candidates_for(system.kind, system, one.method, "jacobi", product) | self.candidates


def solve_exactly(system: System, M: Any, x0: Any, *, rtol: float, atol: float) -> tuple[KrylovResult | None, Any]:
    """Solve by the factors of this very matrix; where rounding keeps that from the goal, return a start instead."""
    begin = time.perf_counter()
    x = exactly(system, M)
    residuals = [norm(column) for column in columns(system.b - system.operator(x))]
    goals = [max(rtol * norm(column), atol) for column in columns(system.b)]
    if not all(residual <= goal for residual, goal in zip(residuals, goals, strict=True)):
        return None, x if np.isfinite(residuals).all() else x0
    message = exact_message(*max(zip(residuals, goals, strict=True)))
    seconds = time.perf_counter() - begin
    return KrylovResult(x, Status.CONVERGED, message, 0, seconds, 0, tuple(residuals)), x


def exactly(system: System, factors: Any) -> Any:
    """Return what factors give, in the dtype of the system: that of the matrix alone may be a narrower one."""
    return as_operator(factors, system.b, name="M")(system.b)


def solved_exactly(x: Any, residual: float, goal: float, attempt: Attempt) -> SystemResult:
    """Return the result of one of several right-hand sides that were solved together by factors."""
    message = exact_message(residual, goal)
    return SystemResult(x, attempt.status, message, 0, attempt.seconds, attempt.nmatvec, attempt.method, (attempt,))


def exact_message(residual: float, goal: float) -> str:
    """Say how well factors have solved a system."""
    return f"converged, ||r|| = {residual:.2e} <= {goal:.2e} by a factorisation"


def is_solved_by_zero(system: System, rtol: float, atol: float) -> bool:
    """Whether x = 0 meets the rule for every column: nobody needs to try then, nor learns anything."""
    return all((size := norm(column)) <= max(rtol * size, atol) for column in columns(system.b))


def zero_result(system: System, seconds: float) -> SystemResult:
    """Return the zero solution, which took no attempt."""
    size = max(norm(column) for column in columns(system.b))
    message = f"converged, ||r|| = ||b|| = {size:.2e} with x = 0"
    return SystemResult(xp.zeros_like(system.b), Status.CONVERGED, message, 0, seconds, 0, "none", ())


def no_attempt(one: Candidate, system: System, seconds: float, reason: str) -> tuple[Attempt, KrylovResult]:
    """Return the story of a preconditioner that could not be made."""
    status = Status.BREAKDOWN
    result = KrylovResult(xp.zeros_like(system.b), status, f"{one.name}: {reason}", 0, seconds, 0, ())
    return Attempt(one.name, status, 0, 0, seconds, 0.0, 0), result


def distance(system: System, x: Any) -> float:
    """Return the largest ``||b - A x|| / ||b||`` over the columns."""
    pairs = zip(columns(system.b - system.operator(x)), columns(system.b), strict=True)
    sizes = [norm(r) / (norm(b) or 1.0) for r, b in pairs]
    return max(sizes) if np.isfinite(sizes).all() else math.inf


def part_left(size: float, goal: float) -> float:
    """Return what part of the way from a relative residual of 1 down to the goal is left, in decades."""
    return min(1.0, max(0.0, 1 - math.log(size) / math.log(goal))) if 0 < goal < 1 and size > 0 else 1.0


def columns(b: Any) -> list[Any]:
    """Return the columns of a block, or a vector alone."""
    return [b] if b.ndim == 1 else [b[:, j] for j in range(b.shape[1])]

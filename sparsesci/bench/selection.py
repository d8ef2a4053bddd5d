"""What is to be run: problems and solvers by name or from a user's files, with changed parameters.

ValueError says what is wrong with a name or a value, and what there is instead.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from difflib import get_close_matches
from typing import Any

import numpy as np

from .own import is_matrix_file, is_solver_in_file, problem_from_file, solver_from_file
from .problem import Problem
from .problems import PROBLEMS
from .solver import Solver
from .solvers import SOLVERS

FAMILIES = tuple(dict.fromkeys(problem.family for problem in PROBLEMS.values()))


def choose_problems(names: Iterable[str] = (), *, family: str | None = None, is_full: bool = False) -> list[Problem]:
    """Return the named problems, else the quick ones, else (``is_full``) all; of one family where it is given.

    Without a family the quick ones are those that are plain. Unless ``is_full``, those that have quick parameters have
    them.
    """
    chosen = [_named_problem(name) for name in dict.fromkeys(names)]
    if not chosen:
        chosen = [p for p in PROBLEMS.values() if is_full or (p.quick is not None and (family or p.plain))]
    chosen = [problem for problem in chosen if family in (None, problem.family)]
    if not chosen:
        raise ValueError(f"none of these problems is of the family {family}")
    return chosen if is_full else [replace(p, parameters={**p.parameters, **(p.quick or {})}) for p in chosen]


def choose_solvers(names: Iterable[str] = ()) -> list[Solver]:
    """Return the named solvers; without names, ours and all peers."""
    return [_named_solver(name) for name in dict.fromkeys(names)] or list(SOLVERS.values())


def _named_problem(name: str) -> Problem:
    return problem_from_file(name) if is_matrix_file(name) else _named(name, PROBLEMS, "problem")


def _named_solver(name: str) -> Solver:
    return solver_from_file(name) if is_solver_in_file(name) else _named(name, SOLVERS, "solver")


def _named(name: str, things: Mapping[str, Any], kind: str) -> Any:
    if name in things:
        return things[name]
    close = get_close_matches(name, things, n=1)
    guess = f"Did you mean {close[0]}? " if close else ""
    raise ValueError(f"no {kind} is called {name!r}. {guess}There are {', '.join(things)}")


def change_parameters(problems: Sequence[Problem], settings: Iterable[str]) -> list[Problem]:
    """Apply each ``KEY=VALUE`` to the problems that have such a parameter; the value takes the type of the old one."""
    for setting in settings:
        key, equals, text = setting.partition("=")
        known = dict.fromkeys(key for problem in problems for key in problem.parameters)
        if not equals or key not in known:
            raise ValueError(f"{setting!r} is not KEY=VALUE with one of the keys {', '.join(known) or '(none)'}")
        problems = [_change(problem, key, text) if key in problem.parameters else problem for problem in problems]
    return list(problems)


def _change(problem: Problem, key: str, text: str) -> Problem:
    """Return the problem with one parameter changed, after its first system was made: errors come before the run."""
    kind = type(problem.parameters[key])
    try:
        changed = replace(problem, parameters={**problem.parameters, key: kind(text)})
        next(iter(changed.make(np.random.default_rng(), **changed.parameters)))
    except (ArithmeticError, IndexError, OSError, TypeError, ValueError, StopIteration) as error:
        reason = str(error) or "it has no system"
        raise ValueError(f"{problem.name} cannot be made with {key}={text}: {reason}") from error
    return changed

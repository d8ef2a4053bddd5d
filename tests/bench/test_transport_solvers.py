"""Every transport solver of the benchmark reaches the goal where it can, and ends where it cannot."""

from dataclasses import replace

import numpy as np
import pytest

from sparsesci.bench.objectives.linear_program_error import linear_program_error
from sparsesci.bench.problems import PROBLEMS
from sparsesci.bench.runner import run
from sparsesci.bench.solver import Answer
from sparsesci.bench.solvers import SOLVERS, within_time

TRANSPORT = {name: solver for name, solver in SOLVERS.items() if solver.family == "transport"}
SCALING = ("sinkhorn", "pot-sinkhorn-log", "pot-stabilized")


def small(name, **parameters):
    """Return a problem at a size of milliseconds."""
    problem = PROBLEMS[name]
    return replace(problem, parameters={**problem.parameters, **problem.quick, **parameters}, goals=())


def only_row(problem, solver, seed):
    """Run one solver on one problem; skip where it is a peer that is not installed."""
    (row,) = run([problem], [solver], seed=seed, repeats=1).tables[0].rows
    if solver.peer and row.trouble.startswith("not installed"):
        pytest.skip(row.trouble)
    return row


@pytest.mark.parametrize("name", [name for name in TRANSPORT if name != "regot-splr"])
@pytest.mark.parametrize("problem", ["assign", "image-l1", "mixture"])
def test_a_solver_reaches_1e_9(name, problem):
    size = {"size": 6, "eta": 20.0} if problem == "image-l1" else {"n": 30, "eta": 30.0}
    row = only_row(small(problem, **size), TRANSPORT[name], seed=231)
    assert row.trouble == "" and all(row.repeats[0].reached) and row.false_claims() == 0
    assert all(row.repeats[0].claimed)


def test_splr_reaches_a_looser_goal():
    row = only_row(replace(small("assign", n=30, eta=30.0), goal=1e-6), TRANSPORT["regot-splr"], seed=232)
    assert row.trouble == "" and all(row.repeats[0].reached)


@pytest.mark.parametrize("name", TRANSPORT)
def test_a_rectangular_problem_is_solved(name):
    def rectangular(rng):
        a, b = rng.random(12) + 0.1, rng.random(9) + 0.1
        yield a / a.sum(), b / b.sum(), rng.random((12, 9)), 0.05

    problem = replace(PROBLEMS["assign"], parameters={}, make=rectangular, goal=1e-6, goals=())
    assert only_row(problem, TRANSPORT[name], seed=233).solved() == 1


@pytest.mark.parametrize("name", SCALING)
def test_a_solver_that_needs_long_ends_when_its_time_is_up(name, monkeypatch):
    monkeypatch.setattr(within_time, "LIMIT", 0.02)
    row = only_row(small("assign", n=40, eta=20_000.0, length=1), TRANSPORT[name], seed=234)
    assert row.trouble == "" and row.solved() == 0 and row.repeats[0].claimed == [False]


def test_the_exact_plan_is_held_to_its_own_optimality_and_says_so():
    solver = TRANSPORT["pot-emd-exact"]
    assert solver.error is linear_program_error and "without entropy" in solver.remark
    assert [s.name for s in TRANSPORT.values() if s.error] == ["pot-emd-exact"]


# In parts


def halving(potentials, steps):
    """Return a number that every step halves, as potentials and as their error."""
    x = 1.0 if potentials is None else potentials[0]
    return (x / 2**steps,), x / 2**steps


def test_parts_go_on_until_the_goal_and_their_steps_are_counted():
    answer = within_time.sweep_until(halving, 1e-20, part=25)
    assert answer.success and answer.counts == {"sweeps": 10 + 20 + 25 + 25}


def test_parts_end_with_the_time(monkeypatch):
    clock = iter(range(0, 1000, 10))
    monkeypatch.setattr(within_time.time, "process_time", lambda: next(clock))
    answer = within_time.sweep_until(lambda potentials, steps: (potentials, 1.0), 1e-9, part=10)
    assert not answer.success and answer.counts == {"sweeps": 6 * 10}  # ten seconds a part


def test_parts_end_with_nan():
    answer = within_time.sweep_until(lambda potentials, steps: (potentials, np.nan), 1e-9, part=50)
    assert not answer.success and answer.counts == {"sweeps": 10}


@pytest.mark.filterwarnings("ignore::sparsesci.solvers.ConvergenceWarning")  # ten steps are no solution
@pytest.mark.parametrize("name", SCALING)
def test_steps_in_parts_are_those_of_one_long_run(name, monkeypatch):
    problem = small("assign", n=20, eta=40.0, length=1)
    only_row(problem, TRANSPORT[name], seed=235)  # skips where it is not installed
    (system,) = problem.make(np.random.default_rng(235), **problem.parameters)

    def sums(lengths):
        """Return f + g' after parts of these lengths."""
        lengths = list(lengths)

        def in_parts(advance, goal, *, part):
            potentials = None
            for steps in lengths:
                potentials, _ = advance(potentials, steps)
            return Answer(potentials, success=False)

        monkeypatch.setattr(within_time, "sweep_until", in_parts)
        f, g = TRANSPORT[name].start(None, 1e-300)(*system).x
        return f[:, None] + g

    assert sums([5, 3, 2]) == pytest.approx(sums([10]), abs=1e-12)
    assert abs(sums([10]) - sums([5])).max() > 1e-6

"""The harness believes nobody, and nothing stops it."""

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy.sparse import diags_array
from threadpoolctl import threadpool_info

from sparsesci.bench.preconditioners import PRECONDITIONERS
from sparsesci.bench.problem import Problem
from sparsesci.bench.record import Record
from sparsesci.bench.runner import run
from sparsesci.bench.solver import Answer, Solver


def test_an_exact_solver_has_solved_everything_with_its_work_counted(toy_problem, toy_solver, divide):
    record = run([toy_problem], [toy_solver(divide)], seed=71, repeats=4)
    (table,) = record.tables
    (row,) = table.rows
    assert table.has_solved_all(row) and row.solved() == 3 and row.worst_error() < 1e-15
    assert row.counts() == {"matvecs": 7}
    assert [len(repeat.cpu_seconds) for repeat in row.repeats] == [3] * 4
    assert row.compile_seconds >= 0


def test_a_solver_that_lies_about_its_success_is_shown_as_failed(toy_problem, toy_solver):
    record = run([toy_problem], [toy_solver(lambda A, b: b)], seed=72, repeats=2)
    (row,) = record.tables[0].rows
    assert row.repeats[0].claimed == [True] * 3
    assert row.solved() == 0 and row.false_claims() == 6 and not record.tables[0].has_solved_all(row)


def test_a_solver_that_is_right_once_is_shown_with_what_it_solved(toy_problem, toy_solver, divide):
    answers = iter([divide, lambda A, b: 0 * b] * 20)
    record = run([toy_problem], [toy_solver(lambda A, b: next(answers)(A, b))], seed=73, repeats=1)
    (row,) = record.tables[0].rows
    assert row.solved() == 2 and row.worst_error() == 1


def test_an_answer_of_nan_has_an_infinite_error(toy_problem, toy_solver):
    record = run([toy_problem], [toy_solver(lambda A, b: b * math.nan)], seed=74, repeats=1)
    (row,) = record.tables[0].rows
    assert row.repeats[0].errors == [math.inf] * 3 and row.solved() == 0


def test_a_missing_package_is_not_installed_and_stops_nothing(toy_problem, toy_solver, divide):
    def start(preconditioner, goal):
        import a_package_that_nobody_has

        return a_package_that_nobody_has.solve

    missing = toy_solver(divide, name="missing", start=start, peer="a_package_that_nobody_has")
    first, second = run([toy_problem], [missing, toy_solver(divide)], seed=75, repeats=1).tables[0].rows
    assert first.trouble == "not installed: a_package_that_nobody_has" and not first.is_timed
    assert second.is_timed


def test_a_solver_that_raises_is_a_failed_row_with_its_message(toy_problem, toy_solver, divide):
    calls = []

    def solve(A, b):
        calls.append(A)
        raise ZeroDivisionError("no pivot in row 3")

    first, second = run([toy_problem], [toy_solver(solve), toy_solver(divide)], seed=76, repeats=3).tables[0].rows
    assert first.trouble == "ZeroDivisionError: no pivot in row 3" and first.repeats == []
    assert len(calls) == 1  # it is not asked again
    assert second.is_timed


def test_an_answer_of_a_wrong_shape_is_a_failed_row(toy_problem, toy_solver):
    (row,) = run([toy_problem], [toy_solver(lambda A, b: b[:2])], seed=77, repeats=1).tables[0].rows
    assert "the answer has shape (2,)" in row.trouble


def test_a_solver_that_overwrites_its_input_spoils_neither_its_own_check_nor_others(toy_problem, toy_solver, divide):
    def solve(A, b):
        A.data[:] = 1
        b[:] = 0
        return b  # the solution of what is left

    first, second = run([toy_problem], [toy_solver(solve), toy_solver(divide)], seed=87, repeats=1).tables[0].rows
    assert first.solved() == 0 and first.worst_error() == 1
    assert second.solved() == 3


def test_solvers_run_in_turn_and_every_pass_is_started_anew(toy_problem, toy_solver, divide):
    calls = []

    def logged(name):
        solver = toy_solver(divide, name=name)

        def start(preconditioner, goal):
            calls.append(name)
            return solver.start(preconditioner, goal)

        return replace(solver, start=start)

    run([toy_problem], [logged("A"), logged("B")], seed=78, repeats=3)
    assert "".join(calls) == "AABB" + "ABABAB"  # each warmed up twice, then in turn


def test_the_systems_follow_from_the_seed_and_not_from_what_else_is_run(toy_problem, toy_solver):
    def seen_by(problems, seed):
        seen = []
        run(problems, [toy_solver(lambda A, b: seen.append(A.diagonal()) or b)], seed=seed, repeats=1)
        return np.array(seen[-3:])  # of the last problem

    other = replace(toy_problem, name="other", parameters={"n": 9, "length": 2})
    assert np.array_equal(seen_by([toy_problem], 79), seen_by([other, toy_problem], 79))
    assert not np.array_equal(seen_by([toy_problem], 79), seen_by([toy_problem], 80))


def test_a_solver_runs_with_one_thread_though_its_blas_came_with_its_start(toy_problem, toy_solver, divide):
    threads = set()

    def solve(A, b):
        threads.update(pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas")
        return divide(A, b)

    def start(preconditioner, goal):
        import scipy.linalg  # noqa: F401  (SciPy's own BLAS)

        return toy_solver(solve).start(preconditioner, goal)

    run([toy_problem], [toy_solver(solve, start=start)], seed=81, repeats=1)
    assert threads == {1}


def test_an_interrupted_run_keeps_what_it_measured(toy_problem, toy_solver, divide):
    calls = []

    def solve(A, b):
        calls.append(A)
        if len(calls) == 4 + 3 + 2:  # warm-up, one repeat, and in the middle of the second
            raise KeyboardInterrupt
        return divide(A, b)

    never = replace(toy_problem, name="never reached")
    record = run([toy_problem, never], [toy_solver(solve)], seed=82, repeats=5)
    assert record.is_interrupted
    (table,) = record.tables
    assert table.problem == "toy" and len(table.rows[0].repeats) == 1


def test_a_solver_is_left_out_of_other_families_and_of_problems_without_its_traits(toy_problem, toy_solver, divide):
    sequence = frozenset({"sequence"})
    solvers = [
        toy_solver(divide, name="of another family", family="transport"),
        toy_solver(divide, name="for definite matrices", needs=frozenset({"spd"})),
        toy_solver(divide, name="for sequences", needs=sequence),
    ]
    alone = replace(toy_problem, parameters={"n": 5, "length": 1})
    definite = replace(alone, traits=frozenset({"spd", "real"}))
    names = [
        [row.solver for row in table.rows]
        for table in run([toy_problem, alone, definite], solvers, seed=83, repeats=1).tables
    ]
    assert names == [["for sequences"], [], ["for definite matrices"]]


def test_a_definite_problem_has_what_a_solver_for_hermitian_matrices_needs(toy_problem, toy_solver, divide):
    solver = toy_solver(divide, name="for hermitian matrices", needs=frozenset({"hermitian"}))
    problems = [replace(toy_problem, traits=frozenset(traits)) for traits in ((), ("hermitian",), ("spd",))]
    lengths = [len(table.rows) for table in run(problems, [solver], seed=88, repeats=1).tables]
    assert lengths == [0, 1, 1]


# Solvers that take the whole sequence at once


@pytest.fixture
def whole_solver():
    """Return a function that makes a solver of the whole sequence of ``solve(systems) -> [x, ...]``."""

    def make(solve):
        def start(preconditioner, goal):
            return lambda systems: [Answer(x, True, {"matvecs": len(systems)}) for x in solve(systems)]

        return Solver("whole", "krylov", "a toy", start, whole=True)

    return make


def test_a_whole_solver_is_given_the_sequence_once_a_pass_and_to_warm_up(toy_problem, whole_solver, divide):
    lengths = []

    def solve(systems):
        lengths.append(len(systems))
        return [divide(A, b) for A, b in systems]

    (row,) = run([toy_problem], [whole_solver(solve)], seed=89, repeats=2).tables[0].rows
    assert lengths == [3, 3, 3, 3]  # the warm-up, then the repeats
    assert row.solved() == 3 and row.counts() == {"matvecs": 3}


def test_the_time_of_a_whole_solver_is_divided_evenly(toy_problem, whole_solver, divide, monkeypatch):
    clock = iter(range(0, 10_000, 6))  # every look at it is six seconds after the one before
    monkeypatch.setattr("sparsesci.bench.runner.time.process_time", lambda: next(clock))
    solver = whole_solver(lambda systems: [divide(A, b) for A, b in systems])
    (row,) = run([toy_problem], [solver], seed=90, repeats=1).tables[0].rows
    assert row.repeats[0].cpu_seconds == [2, 2, 2]


def test_each_answer_of_a_whole_solver_is_checked_by_itself(toy_problem, whole_solver, divide):
    def solve(systems):
        answers = [divide(A, b) for A, b in systems]
        return [*answers[:-1], 0 * answers[-1]]

    (row,) = run([toy_problem], [whole_solver(solve)], seed=93, repeats=1).tables[0].rows
    assert row.repeats[0].reached == [True, True, False] and row.false_claims() == 1


@pytest.mark.parametrize("change", [lambda answers: answers[1:], lambda answers: answers * 2])
def test_too_few_or_too_many_answers_are_a_failed_row(toy_problem, whole_solver, divide, change):
    solver = whole_solver(lambda systems: change([divide(A, b) for A, b in systems]))
    (row,) = run([toy_problem], [solver], seed=94, repeats=1).tables[0].rows
    assert row.trouble.startswith("ValueError") and not row.is_timed


def test_a_whole_solver_that_overwrites_its_input_spoils_nothing(toy_problem, toy_solver, whole_solver, divide):
    def solve(systems):
        answers = [divide(A, b) for A, b in systems]
        for A, b in systems:
            A.data[:], b[:] = 1, 0
        return answers

    first, second = run([toy_problem], [whole_solver(solve), toy_solver(divide)], seed=95, repeats=2).tables[0].rows
    assert first.solved() == second.solved() == 3


# One matrix for many right-hand sides


@pytest.fixture
def one_matrix(toy_problem):
    """Return the toy problem with one matrix object in all its systems."""

    def make(rng, n, length):
        A = diags_array(1 + rng.random(n), format="csr")
        for _ in range(length):
            yield A, rng.standard_normal(n)

    return replace(toy_problem, make=make)


@pytest.mark.parametrize("is_whole", [False, True])
def test_a_matrix_that_stays_the_same_object_stays_one(one_matrix, toy_solver, whole_solver, divide, is_whole):
    seen = []

    def solve(A, b):
        seen.append(A)
        return divide(A, b)

    solver = whole_solver(lambda systems: [solve(*system) for system in systems]) if is_whole else toy_solver(solve)
    run([one_matrix], [solver], seed=96, repeats=1)
    first, *others = seen[-3:]
    assert all(A is first for A in others) and first is not seen[0]  # but every pass has its own copy


def test_a_matrix_that_changes_is_another_object(toy_problem, toy_solver, divide):
    seen = []
    solver = toy_solver(lambda A, b: seen.append(A) or divide(A, b))
    run([toy_problem], [solver], seed=97, repeats=1)
    assert len({id(A) for A in seen}) == len(seen)


@pytest.mark.parametrize(("name", "expected"), [("one_matrix", 1), ("toy_problem", 3)])
def test_the_preconditioner_is_made_once_for_each_matrix(request, name, expected, monkeypatch):
    made = []
    monkeypatch.setitem(PRECONDITIONERS, "jacobi", lambda A: made.append(A) or (lambda b: b / A.diagonal()))

    def start(preconditioner, goal):
        return lambda A, b: Answer(preconditioner(A)(b), success=True)

    problem = replace(request.getfixturevalue(name), preconditioner="jacobi")
    (row,) = run([problem], [Solver("preconditioned", "krylov", "a toy", start)], seed=98, repeats=1).tables[0].rows
    assert row.solved() == 3
    assert len(made) == 2 * min(expected, 2) + expected  # two passes of the warm-up over two systems, and one repeat


def test_a_solver_may_warn_as_it_likes(toy_problem, toy_solver, divide):
    def solve(A, b):
        np.log(np.zeros(1))  # RuntimeWarning, an error in this test suite
        return divide(A, b)

    (row,) = run([toy_problem], [toy_solver(solve)], seed=84, repeats=1).tables[0].rows
    assert row.trouble == "" and row.is_timed


def test_progress_rises_from_nothing_to_less_than_all(toy_problem, toy_solver, divide):
    seen = []
    solvers = [toy_solver(divide), toy_solver(lambda A, b: 1 / 0, name="broken")]
    run([toy_problem] * 2, solvers, seed=85, repeats=2, progress=lambda fraction, text: seen.append(fraction))
    assert seen[0] == 0 and seen == sorted(seen) and seen[-1] < 1


@pytest.mark.parametrize("key", ["versions", "cpu", "date", "commit", "cores", "system"])
def test_the_environment_is_recorded(toy_problem, key):
    record = run([toy_problem], [], seed=86, repeats=1)
    assert key in record.environment
    assert {"python", "numpy", "scipy", "numba", "sparsesci"} <= set(record.environment["versions"])


# Systems of another form, solvers of another problem, and slow ones


@pytest.fixture
def transport_like():
    """Return a problem whose systems hold three parts, one of them a number."""

    def make(rng, length):
        for _ in range(length):
            yield rng.random(3), rng.random((3, 2)), 0.5

    return Problem("parts", "krylov", "", {"length": 3}, make, lambda v, C, reg, x: abs(x - reg), 1e-8, None)


def test_a_system_may_have_any_parts_and_numbers_among_them(transport_like, toy_solver):
    def start(preconditioner, goal):
        assert preconditioner is None
        return lambda v, C, reg: Answer(reg, success=True)

    (table,) = run([transport_like], [toy_solver(None, start=start)], seed=105, repeats=1).tables
    assert table.shapes == [[3], [3, 2], []] and table.rows[0].solved() == 3
    assert table.preconditioner is None and Record({}, 105, tables=[table]) == Record.from_json(
        Record({}, 105, tables=[table]).to_json()
    )


def test_a_solver_of_another_problem_has_its_own_measure_and_its_remark_in_the_record(toy_problem, toy_solver):
    solver = toy_solver(lambda A, b: b, error=lambda A, b, x: float(np.abs(x - b).max()), remark="copies b")
    (row,) = run([toy_problem], [solver], seed=106, repeats=1).tables[0].rows
    assert row.solved() == 3 and row.remark == "copies b"


def test_a_slow_solver_warms_up_with_one_system_and_runs_once(toy_problem, toy_solver, divide, monkeypatch):
    monkeypatch.setattr("sparsesci.bench.runner.SLOW", 0.0)
    calls = []
    solver = toy_solver(lambda A, b: calls.append(A) or divide(A, b))
    (row,) = run([toy_problem], [solver], seed=107, repeats=3).tables[0].rows
    assert len(calls) == 1 + 3 and len(row.repeats) == 1
    assert row.compile_seconds is None and row.is_timed


# Error against time


def blunt(toy_solver, *, floor=0.0):
    """Return a solver of diagonal systems that is wrong by half of what its goal allows, or by ``floor``."""

    def start(preconditioner, goal):
        return lambda A, b: Answer((1 + max(goal / 2, floor)) * b / A.diagonal(), success=True)

    return toy_solver(None, start=start)


def test_the_curve_is_one_run_for_every_looser_goal_and_ends_with_the_goal_itself(toy_problem, toy_solver):
    problem = replace(toy_problem, goals=(1e-2, 1e-4, 1e-12))  # the last is no looser
    (row,) = run([problem], [blunt(toy_solver)], seed=108, repeats=1).tables[0].rows
    assert [error for _, error in row.curve] == pytest.approx([5e-3, 5e-5, 5e-9], rel=1e-5)
    assert row.curve[-1][0] == row.repeats[-1].cpu_seconds[0]


def test_the_curve_ends_where_a_goal_is_missed(toy_problem, toy_solver):
    problem = replace(toy_problem, goals=(1e-2, 1e-4, 1e-6))
    (row,) = run([problem], [blunt(toy_solver, floor=1e-3)], seed=109, repeats=1).tables[0].rows
    assert [error for _, error in row.curve] == pytest.approx([5e-3, 1e-3, 1e-3], rel=1e-5)


def test_there_is_no_curve_without_goals_nor_for_a_solver_of_another_problem(toy_problem, toy_solver, divide):
    other = toy_solver(divide, error=lambda A, b, x: 0.0, name="other")
    plain = run([toy_problem], [toy_solver(divide)], seed=110, repeats=1)
    record = run([replace(toy_problem, goals=(1e-2,))], [other], seed=110, repeats=1)
    assert plain.tables[0].rows[0].curve == record.tables[0].rows[0].curve == []

"""The harness believes nobody, and nothing stops it."""

import math
from dataclasses import replace

import numpy as np
import pytest
from threadpoolctl import threadpool_info

from sparsesci.bench.runner import run


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

"""Choosing by cost, on methods that are only simulated: what they cost is known, so is the best that can be had."""

import math

import numpy as np
import pytest

from sparsesci.solvers.sequence.cost import Cost, Outlook, choose


def simulate(methods, n_systems, *, columns=1, same_matrix=1):
    """Solve ``n_systems`` by methods that cost what they say; return the seconds spent, and who solved each.

    A method is ``(beliefs, setup, column, stale)`` with ``column(i)`` for its i-th use and ``stale(age)``.
    """
    costs = {name: Cost(**beliefs) for name, (beliefs, *_) in methods.items()}
    made_for = dict.fromkeys(methods, 0)
    used = dict.fromkeys(methods, 0)
    spent, regret, story = 0.0, 0.0, []
    for i in range(n_systems):
        matrix = 1 + i // same_matrix
        outlook = Outlook(i, n_systems - i, columns, columns * (same_matrix - i % same_matrix), spent, regret)
        untried = dict(costs)
        while True:
            has = {n: "own" if made_for[n] == matrix else "stale" if made_for[n] else "none" for n in untried}
            choice = choose(untried, has, outlook)
            _, setup, column, stale = methods[choice.name]
            cost, seconds = costs[choice.name], 0.0
            if cost.next(outlook.sharing, has=has[choice.name])[1]:
                made_for[choice.name] = matrix
                cost.learn_setup(setup)
                seconds = setup
            is_own = made_for[choice.name] == matrix
            work = columns * (column(used[choice.name]) if is_own else stale(matrix - made_for[choice.name]))
            is_done = work <= choice.seconds
            work = min(work, choice.seconds)
            spent += seconds + work
            used[choice.name] += 1
            if choice.instead is not None:
                regret += max(0.0, seconds + work - choice.instead * is_done)
            if is_done:
                cost.learn(work, columns, is_own=is_own, n_systems=i)
                story.append(choice.name)
                break
            cost.learn_failure(work, is_own=is_own, n_systems=i)
            if is_own:
                untried.pop(choice.name)
            else:
                made_for[choice.name] = 0
    return spent, story


def iterative(seconds, hope, setup=0.1):
    """Return a method that makes its preconditioner anew, with the belief that it takes 10."""
    return {"setup": setup, "column": 10.0, "hope": hope}, setup, lambda use: seconds, lambda age: math.inf


def kept(setup, column, stale):
    """Return a method that keeps its preconditioner, with beliefs that are right about the factorisation alone."""
    return {"setup": setup, "column": column, "stale": 4 * column, "hope": column}, setup, lambda use: column, stale


@pytest.mark.parametrize("seconds", [(3.0, 5.0, 9.0), (9.0, 5.0, 3.0), (5.0, 3.0, 3.1), (12.0, 4.0, 3.0)])
def test_a_long_sequence_costs_hardly_more_than_with_the_best_method(seconds):
    methods = {f"method {i}": iterative(s, hope=2.0) for i, s in enumerate(seconds)}
    spent, _ = simulate(methods, 100)
    assert spent < 1.1 * 100 * (min(seconds) + 0.1)


def test_a_method_without_hope_is_never_tried():
    methods = {"good": iterative(3.0, hope=2.0), "hopeless": iterative(300.0, hope=50.0)}
    _, story = simulate(methods, 100)
    assert "hopeless" not in story


def test_a_single_system_is_no_occasion_for_a_trial():
    methods = {"first": iterative(30.0, hope=2.0), "second": iterative(1.0, hope=0.1, setup=0.2)}
    _, story = simulate(methods, 1)
    assert story == ["first"]


def test_factors_are_kept_while_matrices_drift_slowly():
    methods = {"lu": kept(8.0, 0.4, lambda age: 1.0 + 0.02 * age), "ilu": iterative(6.0, hope=2.0)}
    spent, story = simulate(methods, 100)
    # The best: renewal every s systems with s = sqrt(2 * 8 / 0.02) = 28, 1.6 a system.
    assert spent < 1.1 * 100 * (8.0 / 28 + 1.0 + 0.02 * 14)
    assert story.count("lu") >= 97


def test_factors_are_made_anew_each_time_where_keeping_them_does_not_pay():
    methods = {"lu": kept(8.0, 0.4, lambda age: 100.0), "ilu": iterative(30.0, hope=8.0)}
    spent, _ = simulate(methods, 100)
    assert spent < 1.1 * 100 * 8.4


def test_right_hand_sides_that_share_a_matrix_pay_for_its_factors():
    methods = {"lu": kept(50.0, 0.4, lambda age: 100.0), "ilu": iterative(6.0, hope=2.0)}
    alone, shared = simulate(methods, 100), simulate(methods, 100, same_matrix=100)
    assert alone[1].count("lu") <= 2 and shared[1] == ["lu"] * 100


def test_columns_of_a_block_count_as_right_hand_sides():
    methods = {"lu": kept(50.0, 0.4, lambda age: 100.0), "ilu": iterative(6.0, hope=2.0)}
    _, story = simulate(methods, 30, columns=40)
    assert story == ["lu"] * 30


def test_a_method_that_becomes_slow_is_left_for_one_that_is_known():
    slows_down = ({"setup": 0.0, "column": 5.0, "hope": 1.0}, 0.0, lambda use: 2.0 if use < 40 else 60.0, None)
    methods = {"fickle": slows_down, "steady": iterative(4.0, hope=1.0)}
    _, story = simulate(methods, 100)
    assert story[:40].count("fickle") >= 35 and story[50:].count("steady") >= 45


def test_nothing_else_is_tried_before_the_best_is_measured():
    kept_factors, other = Cost(8.0, 0.4, 5.0, hope=0.4), Cost(0.1, 10.0, hope=0.5)
    kept_factors.learn_setup(8.0)
    kept_factors.learn(0.4, 1, is_own=True, n_systems=0)
    costs, has = {"lu": kept_factors, "other": other}, {"lu": "stale", "other": "none"}
    choices = []
    for n in (1, 2):
        choices.append(choose(costs, has, Outlook(n, 500 - n, 1, 1, 9.0, 0.0)).name)
        kept_factors.learn(5.0, 1, is_own=False, n_systems=n)
    assert choices == ["lu", "other"]


@pytest.mark.parametrize(("part", "name"), [(1.0, "known"), (0.25, "untried")])
def test_a_good_starting_guess_gives_hope_for_what_was_never_tried(part, name):
    known, untried = Cost(0.0, 1.0), Cost(0.1, 10.0, hope=1.2)
    known.learn(1.0, 1, is_own=True, n_systems=0)
    outlook = Outlook(1, 99, 1, 1, 1.0, 0.0, part)
    assert choose({"known": known, "untried": untried}, {"known": "none", "untried": "none"}, outlook).name == name


def test_what_fails_rests_longer_each_time():
    cost = Cost(setup=0.0, column=1.0)
    rests = []
    for n in (0, 10, 30):
        cost.learn_failure(1.0, is_own=True, n_systems=n)
        rests.append(cost.rests_until - n)
    assert rests == [4, 8, 16]


def test_a_success_ends_the_series_of_failures():
    cost = Cost(setup=0.0, column=1.0)
    cost.learn_failure(1.0, is_own=True, n_systems=0)
    cost.learn(1.0, 1, is_own=True, n_systems=5)
    cost.learn_failure(1.0, is_own=True, n_systems=6)
    assert cost.rests_until == 6 + 4


def test_old_measurements_are_believed_less():
    cost = Cost(setup=0.0, column=1.0)
    cost.learn(8.0, 1, is_own=True, n_systems=0)
    assert cost.hoped(0) == 8.0 and np.isclose(cost.hoped(100), 4.0)


def test_no_wait_lets_a_hope_fall_below_the_least_that_a_method_takes():
    untried = Cost(setup=14.0, column=11.0, stale=11.0, hope=8.0, least=3.0)
    known = Cost(0.0, 1.0)
    known.learn(1.0, 1, is_own=True, n_systems=700)
    costs, has = {"known": known, "untried": untried}, {"known": "none", "untried": "none"}
    assert untried.hoped(700) == 3.0
    assert choose(costs, has, Outlook(700, 9000, 1, 1, 700.0, 0.0)).name == "known"


def test_a_conversion_is_shared_by_the_systems_after_it():
    cost = Cost(8.0, 0.4, 5.0)
    cost.learn_setup(8.0)
    cost.learn(0.4, 1, is_own=True, n_systems=0)
    cost.learn_conversion(2.6)
    cost.learn(1.0, 1, is_own=False, n_systems=1)
    assert cost.next(1, has="stale") == (1.0, False) and np.isclose(cost.renewed(1), (8.0 + 0.4 + 2.6 + 1.0) / 2)


def test_who_takes_factors_over_knows_what_they_have_cost():
    first, heir = Cost(8.0, 0.4, 5.0), Cost(8.0, 0.4, 5.0)
    first.learn_setup(8.0)
    first.learn(0.4, 1, is_own=True, n_systems=0)
    heir.take_over(first)
    for n, seconds in enumerate((1.0, 0.9, 1.1), start=1):
        heir.learn(seconds, 1, is_own=False, n_systems=n)
    assert heir.next(1, has="stale") == (1.1, False)


def test_an_iteration_that_was_never_tried_is_priced_at_its_limit():
    known, untried = Cost(0.0, 1.0), Cost(0.0, 1.0, hope=0.1)
    known.learn(1.0, 1, is_own=True, n_systems=0)
    costs, has = {"known": known, "untried": untried}, {"known": "none", "untried": "none"}
    # It may save 0.15 * 0.9 a system, and costs 1.2 where it fails: nine systems.
    chosen = [choose(costs, has, Outlook(1, left, 1, 1, 1e3, 0.0)).name for left in (9, 11)]
    assert chosen == ["known", "untried"]


# --- measurements scatter --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("rival", "name"), [(0.95, "usual"), (0.85, "rival")])
def test_the_usual_method_is_left_only_for_a_clear_gain(rival, name):
    known = {"hope": 1.0, "n_trials": 3, "_last_used": 9}
    costs = {"usual": Cost(0.0, 1.0, **known), "rival": Cost(0.0, rival, **known)}
    assert choose(costs, dict.fromkeys(costs, "none"), Outlook(9, 9, 1, 1, 9.0, 0.0, usual="usual")).name == name


def test_a_usual_method_that_has_just_failed_holds_nobody_up():
    costs = {"usual": Cost(0.0, 1.0, hope=1.0, n_trials=3, rests_until=99), "rival": Cost(0.0, 2.0, n_trials=3)}
    assert choose(costs, dict.fromkeys(costs, "none"), Outlook(9, 9, 1, 1, 9.0, 0.0, usual="usual")).name == "rival"


def test_a_lucky_draw_is_hoped_for_longer_than_the_last_one():
    drawn, plain = Cost(0.0, 1.0, draws=True), Cost(0.0, 1.0)
    for i, seconds in enumerate((4.0, 4.0, 1.0, 4.0)):
        for cost in (drawn, plain):
            cost.learn(seconds, 1, is_own=True, n_systems=i)
    assert drawn.hope < 1.1 < 3 < plain.hope

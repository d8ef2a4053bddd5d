"""The watch over an iteration: its rule, its counts, and its judgement of a claim."""

import math

import pytest

from sparsesci._lib.iterate import Watch
from sparsesci._lib.result import Status


def make(b_norm=10.0, *, rtol=1e-2, atol=0.0, maxiter=5, callback=None):
    return Watch(b_norm, rtol=rtol, atol=atol, maxiter=maxiter, callback=callback)


# --- the rule --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("rtol", "atol", "goal"), [(1e-2, 0.0, 0.1), (1e-2, 0.5, 0.5), (0.0, 0.5, 0.5), (0, 0, 0.0)])
def test_the_goal_is_the_larger_of_both_tolerances(rtol, atol, goal):
    assert make(rtol=rtol, atol=atol).goal == goal


@pytest.mark.parametrize(("residual", "solved"), [(0.0, True), (0.1, True), (0.1001, False), (math.nan, False)])
def test_a_residual_at_the_goal_is_solved_and_nan_is_not(residual, solved):
    assert make().solved(residual) is solved


def test_a_zero_right_hand_side_is_solved_by_a_zero_residual_alone():
    watch = make(b_norm=0.0)
    assert watch.solved(0.0) and not watch.solved(5e-324)


# --- counts ----------------------------------------------------------------------------------------------------------


def test_the_history_begins_before_the_first_iteration():
    watch = make()
    watch.start("x", 8.0)
    watch.count([4.0, 2.0])
    assert watch.residuals == [8.0, 4.0, 2.0] and watch.nit == 2


def test_maxiter_is_the_number_of_iterations_allowed():
    watch = make(maxiter=3)
    assert watch.left() == 3 and not watch.tired()
    watch.count([1.0, 1.0])
    assert watch.left() == 1 and not watch.tired()
    watch.count([1.0])
    assert watch.left() == 0 and watch.tired()


def test_nothing_is_left_when_more_was_counted_than_allowed():
    watch = make(maxiter=1)
    watch.count([1.0, 1.0])
    assert watch.left() == 0 and watch.tired()


def test_time_goes_on():
    watch = make()
    assert 0 <= watch.time <= watch.time


# --- the callback ----------------------------------------------------------------------------------------------------


def test_the_callback_is_shown_what_there_is():
    seen = []
    watch = make(callback=seen.append)
    watch.show("an iterate")
    assert seen == ["an iterate"] and not watch.stopped


def test_stopiteration_stops_the_watch():
    def stop(_):
        raise StopIteration

    watch = make(callback=stop)
    watch.show(None)
    assert watch.stopped and watch.verdict(1.0) is Status.STOPPED_BY_CALLBACK


def test_another_error_of_the_callback_propagates():
    watch = make(callback=lambda result: result.no_such_field)
    with pytest.raises(AttributeError, match="no_such_field"):
        watch.show(object())
    assert not watch.stopped


# --- verdicts --------------------------------------------------------------------------------------------------------


def test_an_iteration_runs_until_there_is_a_reason_to_end_it():
    assert make().verdict(1.0) is Status.RUNNING


def test_a_success_in_the_last_iteration_is_a_success():
    watch = make(maxiter=1)
    watch.count([0.05])
    assert watch.verdict(0.05) is Status.CONVERGED
    assert watch.verdict(0.2) is Status.MAXITER


def checked(*checks):
    """Return how a fresh watch judges the last of some pairs (claim, norm of the true residual)."""
    watch = make()
    return [watch.check(claim, "x", norm) for claim, norm in checks][-1]


def test_a_claim_that_the_truth_bears_out_stands():
    assert checked((Status.CONVERGED, 0.05)) is Status.CONVERGED


def test_a_false_claim_is_overruled_while_the_true_residual_halves():
    assert checked((Status.CONVERGED, 5.0)) is Status.RUNNING
    assert checked((Status.CONVERGED, 5.0), (Status.CONVERGED, 2.0)) is Status.RUNNING
    assert checked((Status.CONVERGED, 5.0), (Status.BREAKDOWN, 2.0)) is Status.RUNNING


def test_a_false_claim_without_progress_is_stagnation():
    assert checked((Status.CONVERGED, 5.0), (Status.CONVERGED, 3.0)) is Status.STAGNATED


def test_a_breakdown_without_progress_is_a_breakdown():
    assert checked((Status.BREAKDOWN, 5.0), (Status.BREAKDOWN, 3.0)) is Status.BREAKDOWN


def test_a_breakdown_at_the_solution_is_a_success():
    assert checked((Status.BREAKDOWN, 5.0), (Status.BREAKDOWN, 0.05)) is Status.CONVERGED


def test_a_look_without_a_claim_ends_nothing():
    assert checked((Status.RUNNING, 5.0), (Status.RUNNING, 6.0)) is Status.RUNNING


def test_the_best_iterate_is_kept():
    watch = make()
    watch.start("start", 8.0)
    watch.check(Status.RUNNING, "better", 3.0)
    watch.check(Status.RUNNING, "worse", 4.0)
    assert (watch.best_x, watch.best) == ("better", 3.0)


def test_a_start_that_is_not_finite_is_kept_until_there_is_better():
    watch = make()
    watch.start("start", math.nan)
    assert watch.best_x == "start"
    watch.check(Status.RUNNING, "better", 3.0)
    watch.check(Status.RUNNING, "not finite", math.nan)
    assert watch.best_x == "better"


# --- messages --------------------------------------------------------------------------------------------------------


def test_a_success_is_told_with_its_figures():
    watch = make()
    watch.count([1.0, 0.05])
    told = watch.message(Status.CONVERGED, 0.05)
    assert told == "converged, ||r|| = 5.00e-02 <= 1.00e-01 after 2 iterations"


def test_a_failure_is_told_with_its_figures_advice_and_note():
    told = make().message(Status.NOT_FINITE, 3.0, note=" (M did)")
    assert told.startswith("||r|| = 3.00e+00 > 1.00e-01 after 0 iterations; a product returned NaN or Inf")
    assert told.endswith(" (M did)")

"""Results and statuses: frozen, and readable by a person."""

import dataclasses
import pickle

import numpy as np
import pytest

import sparsesci
from sparsesci._lib.result import ConvergenceWarning, NotFittedError, Result, Status
from sparsesci._lib.xp import to_host


@dataclasses.dataclass(frozen=True, repr=False, eq=False)
class SizedResult(Result):
    """A result with fields of a family."""

    residuals: tuple
    gain: float
    rest: object = None


def make(**changes):
    fields = {"x": np.zeros(3), "status": Status.CONVERGED, "message": "converged, all is well", "nit": 4, "time": 0.25}
    return SizedResult(**(fields | {"residuals": (1.0, 0.5), "gain": 0.123456} | changes))


@pytest.mark.parametrize("status", list(Status))
def test_only_convergence_is_a_success(status):
    assert make(status=status).success == status.is_success == (status is Status.CONVERGED)


@pytest.mark.parametrize(
    ("status", "advice"),
    [
        (Status.MAXITER, "raise maxiter"),
        (Status.BREAKDOWN, "lsqr"),
        (Status.STAGNATED, "relax rtol"),
        (Status.NOT_FINITE, "check A and M"),
    ],
)
def test_a_failure_says_what_to_try_next(status, advice):
    assert advice in status.value


def test_every_status_is_a_sentence_of_its_own():
    assert len({status.value for status in Status}) == len(Status)


def test_the_representation_tells_the_story_and_lists_the_fields(lib):
    x = lib.array(np.zeros((3, 2), "complex64"))
    assert repr(make(x=x)).splitlines() == [
        "SizedResult: converged, all is well",
        "  x          complex64 (3, 2)",
        "  nit        4",
        "  time       0.25",
        "  residuals  2 entries",
        "  gain       0.1235",
        "  rest       None",
    ]


def test_a_result_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        make().nit = 5


def test_results_are_compared_by_identity_so_that_arrays_do_no_harm():
    one, other = make(), make()
    assert one == one and one != other and len({one, other}) == 2


def test_a_result_can_be_pickled():
    copied = pickle.loads(pickle.dumps(make()))
    assert copied.status is Status.CONVERGED and repr(copied) == repr(make())


def test_a_result_moves_to_the_host_field_by_field(lib):
    moved = to_host(make(x=lib.array(np.arange(3.0))))
    assert type(moved) is SizedResult and moved.status is Status.CONVERGED and moved.residuals == (1.0, 0.5)
    assert isinstance(moved.x, np.ndarray) and moved.x.tolist() == [0.0, 1.0, 2.0]


def test_the_warning_is_a_user_warning_that_the_front_door_shows():
    assert issubclass(ConvergenceWarning, UserWarning) and sparsesci.ConvergenceWarning is ConvergenceWarning


def test_what_is_not_fitted_is_told_by_an_error_of_both_kinds():
    assert issubclass(NotFittedError, ValueError) and issubclass(NotFittedError, AttributeError)
    assert sparsesci.NotFittedError is NotFittedError

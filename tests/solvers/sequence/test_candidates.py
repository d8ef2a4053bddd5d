"""Which methods there are for systems of a kind, and what is believed of a clock that does not run even."""

import pytest

from sparsesci.solvers.sequence.candidates import Candidate, automatic_preconditioners
from sparsesci.solvers.sequence.cost import Cost
from sparsesci.solvers.sequence.system import Kind


def method(name, preconditioner):
    return Candidate(name, preconditioner, lambda A: None, Cost(0.0, 1.0))


@pytest.mark.parametrize(("is_constant", "name", "other"), [(True, "none", "jacobi"), (False, "jacobi", "none")])
def test_a_constant_diagonal_takes_the_place_of_jacobi(is_constant, name, other):
    kind = Kind(
        50, "float64", "sparse", is_hermitian=True, has_positive_diagonal=True, has_constant_diagonal=is_constant
    )
    found = automatic_preconditioners("cg", kind)
    assert name in found and other not in found


def test_a_busy_machine_does_not_make_a_method_dearer():
    one = method("cg", "ssor")
    assert one.undisturbed(2.0, 40, 1) == pytest.approx(2.0)
    assert one.undisturbed(3.8, 40, 1) == pytest.approx(2.0 * 1.03)


def test_more_iterations_do_make_it_dearer():
    one = method("cg", "ic0")
    one.undisturbed(2.0, 40, 1)
    assert one.undisturbed(3.0, 60, 1) == pytest.approx(3.0)


def test_a_machine_that_stays_slow_is_believed_after_a_while():
    one = method("bicgstab", "ilu0")
    one.undisturbed(2.0, 40, 1)
    assert [one.undisturbed(4.0, 40, 1) for _ in range(30)][-1] == pytest.approx(4.0)


def test_a_harvest_is_never_taken_for_a_disturbance():
    one = method("recycled_cg", "ic0")
    one.undisturbed(2.0, 40, 1)
    assert one.undisturbed(4.0, 40, 1) == 4.0

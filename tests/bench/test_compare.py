"""Two records side by side."""

from dataclasses import replace

import pytest

from sparsesci.bench.compare import compare
from sparsesci.bench.record import Record, Repeat, Row, Table


def record_of(*rows, seed=101, **changes):
    """Return a record of one table with these rows."""
    table = Table("toy", "krylov", "", {"n": 5}, "none", 1e-8, 1, [[5, 5], [5]], list(rows))
    return Record({}, seed, tables=[replace(table, **changes)])


def row_of(*seconds, name="row", reached=True):
    """Return a row of repeats that took these times."""
    return Row(name, None, [Repeat([s], [s], [1e-9], [reached], [True], [{"matvecs": 5}]) for s in seconds], 0.0)


def test_a_solver_that_became_twice_as_fast_has_the_ratio_one_half():
    (change,) = compare(record_of(row_of(2.0, 2.1)), record_of(row_of(1.0, 1.05)))
    assert change.ratio == pytest.approx(0.5) and not change.is_noise and change.remark == ""
    assert change.work_before == change.work_after == "5 matvecs"


def test_quartiles_that_overlap_are_noise():
    (change,) = compare(record_of(row_of(1.0, 1.4)), record_of(row_of(1.1, 1.5)))
    assert change.is_noise


def test_a_solver_that_is_in_one_record_alone_is_named():
    changes = compare(record_of(row_of(1.0, name="old")), record_of(row_of(1.0, name="new")))
    assert [(change.solver, change.remark) for change in changes] == [("old", "only in A"), ("new", "only in B")]


@pytest.mark.parametrize(
    ("a", "b", "remark"), [(True, False, "fails in B"), (False, True, "failed in A"), (False, False, "fails in both")]
)
def test_a_failure_has_no_ratio(a, b, remark):
    (change,) = compare(record_of(row_of(1.0, reached=a)), record_of(row_of(1.0, reached=b)))
    assert change.remark == remark and change.ratio is None


@pytest.mark.parametrize(
    "changes", [{"parameters": {"n": 6}}, {"goal": 1e-6}, {"preconditioner": "ilu0"}, {"length": 2}, {"seed": 102}]
)
def test_times_of_other_problems_are_not_compared(changes):
    (change,) = compare(record_of(row_of(1.0)), record_of(row_of(1.0), **changes))
    assert change.ratio is None and change.remark

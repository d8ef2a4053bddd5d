"""Records: their summaries, and the way to JSON and back."""

import json
import math

import pytest

from sparsesci.bench.record import Record, Repeat, Row, Table
from sparsesci.bench.runner import run


def row_of(*seconds, reached=True, peer=None, name="row"):
    """Return a row of one-system repeats that took these times."""
    repeats = [Repeat([s], [s], [1e-9], [reached], [True], [{"matvecs": 5}]) for s in seconds]
    return Row(name, peer, repeats, compile_seconds=0.0)


def table_of(*rows):
    """Return a table of one system with these rows."""
    return Table("toy", "krylov", "", {}, "none", 1e-8, 1, [[5, 5], [5]], list(rows))


def test_quartiles_are_of_the_mean_time_per_system():
    row = Row("row", None, [Repeat(cpu_seconds=[mean - 1, mean + 1]) for mean in (2, 6, 3, 5, 4)])
    assert row.quartiles() == (3, 4, 5)


def test_the_worst_repeat_says_how_many_were_solved():
    row = Row("row", None, [Repeat(reached=[True, True]), Repeat(reached=[True, False])])
    assert row.solved() == 1


def test_work_is_averaged_over_all_answers():
    row = Row("row", None, [Repeat(counts=[{"matvecs": 4}, {"matvecs": 8}]), Repeat(counts=[{"matvecs": 6}] * 2)])
    assert row.counts() == {"matvecs": 6}


def test_a_row_that_was_never_run_has_no_figures():
    row = Row("row", None)
    assert not row.is_timed and row.solved() == 0 and math.isnan(row.worst_error()) and row.counts() == {}


def test_the_best_is_the_fastest_that_solved_everything():
    wrong, ours, peer = row_of(1.0, reached=False), row_of(3.0), row_of(2.0, peer="scipy")
    table = table_of(wrong, ours, peer)
    assert table.best() is peer
    assert table.best(ours=True) is ours
    assert table.best(ours=False) is peer
    assert table_of(wrong).best() is None


def test_a_record_survives_json(toy_problem, toy_solver, divide):
    solvers = [toy_solver(divide), toy_solver(lambda A, b: b * math.nan, name="wrong"), toy_solver(None, name="broken")]
    record = run([toy_problem], solvers, seed=91, repeats=2)
    assert record.tables[0].rows[1].worst_error() == math.inf and record.tables[0].rows[2].trouble
    assert Record.from_json(record.to_json()) == record


def test_the_json_is_strict(toy_problem, toy_solver):
    record = run([toy_problem], [toy_solver(lambda A, b: b * math.nan)], seed=92, repeats=1)

    def refuse(constant):
        raise AssertionError(f"{constant} is not JSON")

    plain = json.loads(record.to_json(), parse_constant=refuse)
    assert plain["tables"][0]["rows"][0]["repeats"][0]["errors"] == [None] * 3


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "not JSON"),
        ("[]", "not a result of sparsesci bench"),
        ('{"format": 99, "tables": []}', "not a result of sparsesci bench, format 1"),
        ('{"format": 1, "tables": [{"problem": "toy"}]}', "damaged"),
        ('{"format": 1}', "damaged"),
    ],
)
def test_what_is_no_record_is_refused(text, message):
    with pytest.raises(ValueError, match=message):
        Record.from_json(text)

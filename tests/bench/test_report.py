"""What the tables say."""

import pytest

from sparsesci.bench import report
from sparsesci.bench.record import Record, Repeat, Row, Table


def render(*things):
    """Return what a console without colours prints."""
    from rich.console import Console

    console = Console(width=110, force_terminal=False, markup=False)
    with console.capture() as capture:
        console.print(*things, sep="\n")
    return capture.get()


def row_of(name, seconds, *, peer=None, reached=True, **fields):
    """Return a row with two systems in each repeat."""
    repeats = [Repeat([s] * 2, [s] * 2, [3e-9] * 2, [reached] * 2, [True] * 2, [{"matvecs": 57}] * 2) for s in seconds]
    return Row(name, peer, repeats, **{"compile_seconds": 1.25, **fields})


def record_of(*rows):
    """Return a record of one problem."""
    table = Table("toy", "krylov", "what it says", {"n": 5, "k0": 2.0}, "ilu0", 1e-8, 2, [[5, 5], [5]], list(rows))
    place = {
        "versions": {"numpy": "2.0"},
        "cpu": "a processor",
        "date": "2026-01-01",
        "commit": "0123456789abcdef-dirty",
    }
    return Record(place, 111, tables=[table])


def lines_of(record):
    """Return the printed lines by their first word."""
    return {line.split()[0]: line.split() for line in render(*report.tables(record)).splitlines() if line.split()}


def test_a_row_holds_time_quartiles_ratio_work_error_count_and_compile_time():
    record = record_of(row_of("ours", [0.004, 0.005, 0.006]), row_of("theirs", [0.01], peer="scipy"))
    rows = lines_of(record)
    assert rows["ours"][1:] == ["5.00", "4.50-5.50", "1.00", "57", "matvecs", "3.0e-09", "2/2", "1.2"]
    assert rows["theirs"][3] == "2.00"


def test_the_question_stands_above_the_rows():
    text = render(*report.tables(record_of(row_of("ours", [0.1]))))
    assert "what it says" in text
    assert "n = 5, 2 systems, preconditioner ilu0, goal 1e-8; k0 2.0" in text


def test_a_row_that_failed_has_no_ratio():
    rows = lines_of(record_of(row_of("ours", [0.1]), row_of("wrong", [0.01], peer="mine.py", reached=False)))
    assert rows["wrong"][3] == "-" and "0/2" in rows["wrong"]


def test_a_false_claim_is_told():
    text = render(*report.tables(record_of(row_of("liar", [0.1], reached=False))))
    assert "liar: claims success where the error is above 1e-8" in text


def test_a_remark_is_told_below_the_table_where_there_are_figures():
    rows = (
        row_of("exact", [0.1], remark="solves reg = 0"),
        Row("absent", "ot", trouble="not installed: ot", remark="no"),
    )
    text = render(*report.tables(record_of(*rows)))
    assert "exact: solves reg = 0" in text and "absent: no\n" not in text


def test_what_has_no_preconditioner_and_no_compile_time_shows_none():
    record = record_of(row_of("slow", [40.0], compile_seconds=None))
    record.tables[0].preconditioner = None
    assert "n = 5, 2 systems, goal 1e-8" in render(*report.tables(record))
    assert lines_of(record)["slow"][-1] == "-"


def test_a_missing_package_and_an_exception_are_told():
    missing = Row("absent", "pyamg", trouble="not installed: pyamg")
    text = render(*report.tables(record_of(missing, row_of("broken", [0.1], trouble="ValueError: [no] pivot"))))
    assert "absent: not installed: pyamg" in text
    assert "broken: ValueError: [no] pivot" in text


def test_a_solver_that_used_more_cores_than_it_was_given_is_told():
    busy = Row("busy", None, [Repeat([3.0], [1.0], [0.0], [True], [True], [{}])], compile_seconds=0.0)
    assert "busy: used 3.0 cores" in render(*report.tables(record_of(busy)))


def test_an_interrupted_run_says_so():
    record = record_of(Row("waiting", None))
    record.is_interrupted = True
    text = render(*report.tables(record))
    assert "interrupted" in text and "waiting: not measured" in text


def test_the_origin_of_the_figures_is_told():
    text = report.describe(record_of())
    assert all(
        word in text
        for word in ("a processor", "numpy 2.0", "seed 111", "2026-01-01", "commit 0123456789ab with changes")
    )


@pytest.mark.parametrize(
    ("number", "text"), [(0.01234, "0.0123"), (0.5, "0.500"), (4.567, "4.57"), (45.67, "45.7"), (4567.8, "4568")]
)
def test_three_digits_are_enough(number, text):
    assert report.digits(number) == text


@pytest.mark.parametrize(("goal", "text"), [(1e-8, "1e-8"), (2.5e-7, "2.5e-7"), (0.01, "0.01"), (1e-12, "1e-12")])
def test_a_goal_is_written_as_a_person_does(goal, text):
    assert report.short(goal) == text

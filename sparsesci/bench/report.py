"""Tables for a terminal, drawn by rich: the result of a run, the comparison of two, what there is to run."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from .compare import Change, work
from .record import Record, Row, Table

if TYPE_CHECKING:
    import rich.console
    import rich.table

PLAIN_WIDTH = 110  # columns where the output is no terminal


def console() -> rich.console.Console:
    """Return the console for standard output; wide enough for every table where that is a file or a pipe."""
    from rich.console import Console

    return Console(width=None if sys.stdout.isatty() else PLAIN_WIDTH, highlight=False, markup=False)


def describe(record: Record) -> str:
    """Return in one paragraph where, when and with what a record was made."""
    place = record.environment
    versions = ", ".join(f"{name} {version}" for name, version in place["versions"].items())
    commit, _, dirty = (place["commit"] or "").partition("-")
    source = f", commit {commit[:12]}{' with changes' if dirty else ''}" if commit else ""
    return f"{place['date']}, {place['cpu']}, one thread, seed {record.seed}\n{versions}{source}"


def tables(record: Record) -> Iterator[Any]:
    """Yield what to print for a record: a table a problem, with notes below where there is something to say."""
    from rich.text import Text

    for table in record.tables:
        yield Text.assemble((table.problem, "bold"), (f"  {table.says}\n{question(table)}", "dim"))
        yield _result_table(table)
        yield from (Text(f"  {note}", style="dim") for row in table.rows for note in notes(table, row))
        yield from (Text(f"  {note}", style="dim") for note in oracle_notes(table))
        yield Text("")
    if record.tables:
        yield Text("ms: CPU time per system, median over the repeats; x: as a multiple of the best of ours", "dim")
        yield Text("work: per system; error: the worst of any answer, recomputed; solved: in the worst repeat", "dim")
    if record.is_interrupted:
        yield Text("interrupted: the tables hold what was measured until then", "bold yellow")


def _result_table(table: Table) -> rich.table.Table:
    grid = _grid()
    grid.add_column("solver", no_wrap=True, min_width=16)
    for name in ("ms", "quartiles", "x", "work", "error", "solved", "compile s"):
        grid.add_column(name, justify="right", no_wrap=True)
    best, ours = table.best(), table.best(ours=True)
    for row in table.rows:
        style = "bold green" if row is best else "" if table.has_solved_all(row) else "red" if row.is_timed else "dim"
        grid.add_row(row.solver, *_cells(table, row, ours), style=style)
    return grid


def _cells(table: Table, row: Row, ours: Row | None) -> list[str]:
    if not row.is_timed:
        return ["-"] * 5 + [f"0/{table.length}", "-"]
    low, middle, high = row.quartiles()
    ratio = digits(middle / ours.quartiles()[1]) if ours and table.has_solved_all(row) else "-"
    return [
        digits(1e3 * middle),
        f"{digits(1e3 * low)}-{digits(1e3 * high)}",
        ratio,
        work(row) or "-",
        f"{row.worst_error():.1e}",
        f"{row.solved()}/{table.length}",
        "-" if row.compile_seconds is None else f"{row.compile_seconds:.1f}",
    ]


def question(table: Table) -> str:
    """Return what was to be solved in one line: size, systems, preconditioner, goal, parameters."""
    n = size(table.shapes[0][0])
    systems = "1 system" if table.length == 1 else f"{table.length} systems"
    parameters = ", ".join(f"{name} {value}" for name, value in table.parameters.items() if name not in ("n", "length"))
    preconditioner = f", preconditioner {table.preconditioner}" if table.preconditioner else ""
    return f"n = {n}, {systems}{preconditioner}, goal {short(table.goal)}; {parameters}".rstrip("; ")


def notes(table: Table, row: Row) -> Iterator[str]:
    """Yield what the figures of a row do not say."""
    if row.trouble:
        yield f"{row.solver}: {row.trouble}"
    elif not row.repeats:
        yield f"{row.solver}: not measured"
    elif row.false_claims():
        yield f"{row.solver}: claims success where the error is above {short(table.goal)}"
    if row.remark and row.is_timed:
        yield f"{row.solver}: {row.remark}"
    cpu, wall = (
        sum(sum(seconds) for seconds in column)
        for column in ([r.cpu_seconds for r in row.repeats], [r.wall_seconds for r in row.repeats])
    )
    if cpu > 1.3 * wall:
        yield f"{row.solver}: used {cpu / wall:.1f} cores at once, though one was asked for"


def oracle_notes(table: Table) -> Iterator[str]:
    """Yield how long the function took that stands in place of a matrix, where there is one."""
    seconds = [second for row in table.rows for repeat in row.repeats for second in repeat.oracle_seconds]
    if seconds:
        low, high = digits(1e3 * min(seconds)), digits(1e3 * max(seconds))
        yield f"not in the times: the function itself, {low} to {high} ms a system"


def digits(number: float) -> str:
    """Return three significant digits without an exponent: 0.0123, 4.56, 78.9, 1234."""
    decimals = next((places for bound, places in ((100, 0), (10, 1), (1, 2), (0.1, 3)) if number >= bound), 4)
    return f"{number:.{decimals}f}"


def size(n: int) -> str:
    """Return a number of unknowns; a power of two as one, from 2^20 on."""
    return f"2^{n.bit_length() - 1}" if n >= 1 << 20 and n.bit_count() == 1 else str(n)


def short(number: float) -> str:
    """Return a goal as a person writes it: 1e-8, 0.01."""
    return f"{number:g}".replace("e-0", "e-")


def comparison(changes: Sequence[Change]) -> rich.table.Table:
    """Return the table of what changed from record A to record B; dim where it is noise, or not comparable."""
    grid = _grid()
    for name in ("problem", "solver"):
        grid.add_column(name, no_wrap=True)
    for name in ("A", "B", "B/A", "work in A", "work in B"):
        grid.add_column(name, justify="right", no_wrap=True)
    grid.add_column("", no_wrap=True)
    for change in changes:
        times = ("-" if time is None else digits(1e3 * time) for time in (change.before, change.after))
        ratio = "-" if change.ratio is None else f"{change.ratio:.2f}"
        cells = (change.problem, change.solver, *times, ratio, change.work_before, change.work_after, change.remark)
        grid.add_row(*cells, style=_colour(change))
    return grid


def _colour(change: Change) -> str:
    if change.remark:
        return "red" if change.remark == "fails in B" else "dim"
    if change.is_noise or change.ratio is None:
        return "dim"
    return "green" if change.ratio < 1 else "red"


def listing(title: str, rows: Iterable[Sequence[str]], columns: Sequence[str]) -> rich.table.Table:
    """Return a plain table of names and what they say; the last column wraps."""
    grid = _grid(title)
    for name in columns[:-1]:
        grid.add_column(name, no_wrap=True)
    grid.add_column(columns[-1])
    for row in rows:
        grid.add_row(*row)
    return grid


def _grid(title: str | None = None) -> rich.table.Table:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    return Table(title=title, title_justify="left", title_style="bold", box=SIMPLE_HEAD, pad_edge=False)

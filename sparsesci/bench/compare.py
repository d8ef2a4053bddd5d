"""Two records side by side: which solver became faster or slower, and by how much more than the noise."""

from __future__ import annotations

from dataclasses import dataclass

from .record import Record, Row, Table


@dataclass(frozen=True)
class Change:
    """One solver on one problem in two records.

    Attributes
    ----------
    problem, solver : str
        What is compared.
    before, after : float or None
        Median CPU seconds per system; None where the record has none, or not everything was solved.
    is_noise : bool
        Whether the quartiles of the two overlap.
    work_before, work_after : str
        Such as "57 matvecs".
    remark : str
        Empty where the times are comparable; else "only in A", "fails in B", "other parameters" and the like.
    """

    problem: str
    solver: str
    before: float | None
    after: float | None
    is_noise: bool
    work_before: str
    work_after: str
    remark: str = ""

    @property
    def ratio(self) -> float | None:
        """Time after over time before, below 1 is faster; None where the two are not comparable."""
        return None if self.remark or not self.before else self.after / self.before


def compare(a: Record, b: Record) -> list[Change]:
    """Return what changed from record ``a`` to record ``b``, in the order of ``a``, then what only ``b`` has."""
    rows_a, rows_b = _rows_by_name(a), _rows_by_name(b)
    return [_change(*name, rows_a.get(name), rows_b.get(name), a.seed == b.seed) for name in rows_a | rows_b]


def _rows_by_name(record: Record) -> dict[tuple[str, str], tuple[Table, Row]]:
    return {(table.problem, row.solver): (table, row) for table in record.tables for row in table.rows}


def _change(
    problem: str, solver: str, a: tuple[Table, Row] | None, b: tuple[Table, Row] | None, is_same_seed: bool
) -> Change:
    before, after = _quartiles(a), _quartiles(b)
    is_noise = bool(before and after) and before[0] <= after[2] and after[0] <= before[2]
    if a is None or b is None:
        remark = "only in B" if a is None else "only in A"
    elif not is_same_seed or _question(a[0]) != _question(b[0]):
        remark = "other parameters"
    elif before is None or after is None:
        remark = "fails in both" if before is after else "failed in A" if before is None else "fails in B"
    else:
        remark = ""
    return Change(
        problem,
        solver,
        before[1] if before else None,
        after[1] if after else None,
        is_noise,
        work(a[1]) if a else "",
        work(b[1]) if b else "",
        remark,
    )


def _quartiles(found: tuple[Table, Row] | None) -> tuple[float, float, float] | None:
    return found[1].quartiles() if found and found[0].has_solved_all(found[1]) else None


def _question(table: Table) -> tuple:
    return table.parameters, table.preconditioner, table.goal, table.shapes


def work(row: Row) -> str:
    """Return the work per system in words, such as "57 matvecs"."""
    return ", ".join(f"{count:.0f} {name}" for name, count in row.counts().items())

"""What a run measured: plain records, their summaries, and the way to JSON and back.

A `Record` holds a `Table` per problem, a table a `Row` per solver, a row a `Repeat` per pass over the systems.
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, field
from statistics import fmean
from typing import Any

import numpy as np

FORMAT = 1  # of the JSON file; raise it when a field changes its meaning


@dataclass
class Repeat:
    """One solver on the whole sequence once; every list has an entry for each system that was answered."""

    cpu_seconds: list[float] = field(default_factory=list)
    wall_seconds: list[float] = field(default_factory=list)
    errors: list[float] = field(default_factory=list)  # recomputed; inf where the answer holds NaN
    reached: list[bool] = field(default_factory=list)  # whether the error is at most the goal
    claimed: list[bool] = field(default_factory=list)  # whether the solver said so
    counts: list[dict[str, int]] = field(default_factory=list)
    oracle_seconds: list[float] = field(default_factory=list)  # CPU time of a system's own function, in no other time


@dataclass
class Row:
    """One solver on one problem.

    Attributes
    ----------
    solver, peer : str
        The names of the solver and of the package that it comes from (None: ours).
    repeats : list of Repeat
        As many as were finished.
    compile_seconds : float or None
        Wall-clock seconds that the first pass of the warm-up took longer than the second; None where there was none,
        or where the solver is too slow for the difference to matter.
    trouble : str
        Why there are no figures: "not installed: ...", or the exception that the solver raised.
    remark : str
        What has to be read beside the figures.
    curve : list of [float, float]
        CPU seconds and recomputed error for the first system, once for every looser goal and last for the goal itself;
        each is a run of its own. Errors that are not finite are left out.
    """

    solver: str
    peer: str | None
    repeats: list[Repeat] = field(default_factory=list)
    compile_seconds: float | None = None
    trouble: str = ""
    remark: str = ""
    curve: list[list[float]] = field(default_factory=list)

    @property
    def is_timed(self) -> bool:
        """Whether there are figures to show."""
        return bool(self.repeats) and not self.trouble

    def quartiles(self) -> tuple[float, float, float]:
        """Return the quartiles over the repeats of the CPU seconds per system; the middle one is the median."""
        low, middle, high = np.quantile([fmean(repeat.cpu_seconds) for repeat in self.repeats], [0.25, 0.5, 0.75])
        return float(low), float(middle), float(high)

    def solved(self) -> int:
        """Return how many systems were solved, in the worst repeat."""
        return min((sum(repeat.reached) for repeat in self.repeats), default=0)

    def median_error(self) -> float:
        """Return the median of the errors of all answers; NaN where there is none."""
        errors = [error for repeat in self.repeats for error in repeat.errors]
        return float(np.median(errors)) if errors else math.nan

    def worst_error(self) -> float:
        """Return the largest error of any answer; NaN where there is none."""
        return max((error for repeat in self.repeats for error in repeat.errors), default=math.nan)

    def counts(self) -> dict[str, float]:
        """Return the work per system, averaged over systems and repeats."""
        answers = [count for repeat in self.repeats for count in repeat.counts]
        return {name: fmean(count.get(name, 0) for count in answers) for name in (answers[0] if answers else ())}

    def false_claims(self) -> int:
        """Return how many answers that were claimed to be solutions are none."""
        return sum(
            claimed and not reached
            for repeat in self.repeats
            for claimed, reached in zip(repeat.claimed, repeat.reached, strict=True)
        )


@dataclass
class Table:
    """One problem, as it was run, and its rows."""

    problem: str
    family: str
    says: str
    parameters: dict[str, Any]
    preconditioner: str | None
    goal: float
    length: int  # systems in the sequence
    shapes: list[list[int]]  # of the parts of the first system, such as A, b; [] for a number
    rows: list[Row] = field(default_factory=list)
    series: dict[str, str] = field(default_factory=dict)  # the curves that it is a point of: name and parameter

    def has_solved_all(self, row: Row) -> bool:
        """Whether every system was solved in every repeat; only then are the times of a row compared."""
        return row.is_timed and row.solved() == self.length

    def best(self, *, ours: bool | None = None) -> Row | None:
        """Return the fastest row that solved everything: of ours, of the peers, or of all."""
        rows = [row for row in self.rows if self.has_solved_all(row) and ours in (None, row.peer is None)]
        return min(rows, key=lambda row: row.quartiles()[1], default=None)


@dataclass
class Record:
    """One run of the benchmark."""

    environment: dict[str, Any]
    seed: int
    is_interrupted: bool = False
    tables: list[Table] = field(default_factory=list)

    def to_json(self) -> str:
        """Return the record as JSON; errors that are not finite become null."""
        plain = asdict(self)
        for repeat in (repeat for table in plain["tables"] for row in table["rows"] for repeat in row["repeats"]):
            repeat["errors"] = [error if math.isfinite(error) else None for error in repeat["errors"]]
        return json.dumps({"format": FORMAT, **plain}, indent=1, allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> Record:
        """Return the record that `to_json` wrote; ValueError where the text is something else."""
        try:
            plain = json.loads(text)
        except json.JSONDecodeError as error:
            raise ValueError(f"this is not JSON: {error}") from error
        if not isinstance(plain, dict) or plain.pop("format", None) != FORMAT:
            raise ValueError(f"this is not a result of sparsesci bench, format {FORMAT}")
        try:
            return cls(**plain | {"tables": [_table(**table) for table in plain["tables"]]})
        except (TypeError, KeyError) as error:
            raise ValueError(f"this result of sparsesci bench is damaged: {error}") from error


def _table(rows: list[dict], **fields: Any) -> Table:
    return Table(**fields, rows=[_row(**row) for row in rows])


def _row(repeats: list[dict], **fields: Any) -> Row:
    return Row(**fields, repeats=[_repeat(**repeat) for repeat in repeats])


def _repeat(errors: list[float | None], **fields: Any) -> Repeat:
    return Repeat(**fields, errors=[math.inf if error is None else error for error in errors])

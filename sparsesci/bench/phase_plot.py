"""The phase transition of sparse spectra: the share of exact answers against the samples that they took."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

from .plots import CURVES, FAINT, INK, MARGIN, WIDTH, label, legend, title
from .record import Record, Row, Table

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLOURS = ("#0072b2", "#009e73", "#d55e00", "#cc79a7", "#e69f00", "#56b4e9")
SOLVER = "sparse-wht"
LEFT, RIGHT = 4.0, 5000.0  # samples per coefficient


def draw_phase(record: Record, path: str | Path) -> bool:
    """Draw a panel for each number of variables and of coefficients, in it a line a noise; say whether there was any.

    A line rises where a spectrum was found exactly, at the samples per coefficient that this took: so the more spectra
    a problem has (``--full``, ``--set length=40``), the smoother it is. Each tells for every budget: the search does
    not look at the budget until it is used up.
    """
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    panels: dict[tuple[int, int], list[tuple[Table, Row]]] = {}
    for table in record.tables:
        row = next((row for row in table.rows if row.solver == SOLVER and row.is_timed), None)
        if row is not None and "noise" in table.parameters:
            size = table.parameters["bits"], table.parameters["sparsity"]
            panels.setdefault(size, []).append((table, row))
    if not panels:
        return False
    n_lines = math.ceil(len(panels) / 2)
    with rc_context({"font.size": 10, "text.color": INK, "axes.labelcolor": FAINT, "xtick.color": FAINT}):
        figure = Figure(figsize=(WIDTH, MARGIN + CURVES * n_lines), dpi=150, layout="constrained")
        grid = figure.add_gridspec(n_lines, 2)
        for i, (size, lines) in enumerate(panels.items()):
            _panel(figure.add_subplot(grid[divmod(i, 2)]), size, lines)
        title(figure, record, f"samples that exact recovery takes ({SOLVER})")
        figure.savefig(path)
    return True


def _panel(axes: Axes, size: tuple[int, int], lines: list[tuple[Table, Row]]) -> None:
    """Draw the share of exact answers against samples per coefficient, the least noise first."""
    bits, sparsity = size
    for i, (table, row) in enumerate(sorted(lines, key=lambda line: line[0].parameters["noise"])):
        found = sorted(
            count["samples"] / sparsity
            for repeat in row.repeats[:1]
            for count, reached in zip(repeat.counts, repeat.reached, strict=True)
            if reached
        )
        share = [k / table.length for k in range(len(found) + 1)]
        x, y = [LEFT, *found, max([RIGHT, *found])], [*share, share[-1]]
        axes.step(x, y, where="post", color=COLOURS[i % len(COLOURS)], linewidth=2, label=table.problem)
    axes.set_xscale("log")
    axes.set_xlim(LEFT, RIGHT)
    axes.xaxis.set_major_formatter(lambda x, _: f"{x:,.10g}")
    axes.set_ylim(-0.02, 1.04)
    label(axes, f"{sparsity} of 2^{bits} coefficients", "samples per coefficient", "share of spectra found exactly")
    legend(axes)

"""The pictures of a record: a panel a problem, in it a bar a solver, as long as its time; or error against time."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .compare import work
from .record import Record, Row, Table
from .report import digits, short, size

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

OURS, PEER, FAILED = "#0072b2", "#c3c7cd", "#d55e00"  # told apart in every kind of colour blindness, and in grey
INK, FAINT = "#222222", "#6b6b6b"
WIDTH = 12.0  # inches of the figure
BAR, FRAME, MARGIN = 0.28, 1.2, 1.0  # inches of height: for a bar, around the bars of a panel, around the panels
CURVES = 3.6  # inches of height of a panel of curves
GREYS, MARKERS = ("#8a8f98", "#5d6269", "#b0b5bd", "#3d4147"), "osD^vP"
LEAST_ERROR = 1e-17  # what an error of zero is drawn as, on a logarithmic axis
TIME_COLUMN, WORK_COLUMN = 58, 148  # points from the axes to the right ends of the two columns of figures
SHARES = ("noise",)  # parameters against which the share of solved systems tells more than an error
AXES = {"snr": "signal-to-noise ratio, dB", "noise": "noise, %", "n_samples": "samples", "terms": "polynomials"}
PRECONDITIONER = {"none": "no preconditioner", "jacobi": "Jacobi", "ilu0": "ILU(0)"}


def draw(record: Record, path: str | Path) -> None:
    """Draw a record to a file, PNG, PDF or SVG as its ending says; ValueError where nothing was timed."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure  # not pyplot: no window is opened, no state of the process is touched

    panels = [table for table in record.tables if _timed(table)]
    if not panels:
        raise ValueError("there is nothing to draw: no solver was timed")
    pairs = [panels[i : i + 2] for i in range(0, len(panels), 2)]
    n_bars = [max(len(_timed(table)) for table in pair) for pair in pairs]
    heights = [FRAME + BAR * n for n in n_bars]
    with rc_context({"font.size": 10, "text.color": INK, "axes.labelcolor": FAINT, "xtick.color": FAINT}):
        figure = Figure(figsize=(WIDTH, MARGIN + sum(heights)), dpi=150, layout="constrained")
        figure.get_layout_engine().set(w_pad=0.12, h_pad=0.1, wspace=0.03, hspace=0.03)
        grid = figure.add_gridspec(len(pairs), 2, height_ratios=heights)
        for i, table in enumerate(panels):
            _panel(figure.add_subplot(grid[divmod(i, 2)]), table, n_bars[i // 2])
        _frame(figure, record)
        figure.savefig(path)


def _timed(table: Table) -> list[Row]:
    """Return the rows that have figures, the fastest first, and below all others those that failed."""
    rows = [row for row in table.rows if row.is_timed]
    return sorted(rows, key=lambda row: (not table.has_solved_all(row), row.quartiles()[1]))


def _panel(axes: Axes, table: Table, n_bars: int) -> None:
    """Draw the bars of one problem as thick as those of its neighbour, which has up to ``n_bars``."""
    rows = _timed(table)
    for place, row in enumerate(rows):
        low, middle, high = (1e3 * seconds for seconds in row.quartiles())
        style = _style(is_ours=row.peer is None, is_solved=table.has_solved_all(row))
        axes.barh(place, middle, height=0.64 * len(rows) / n_bars, **style)
        axes.plot([low, high], [place, place], color=INK, linewidth=1.2, solid_capstyle="butt")
        _figures(axes, place, table, row)
    _time_axis(axes, rows)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_yticks(range(len(rows)), [row.solver for row in rows])
    for name, row in zip(axes.get_yticklabels(), rows, strict=True):
        name.set(color=OURS if row.peer is None else INK, fontweight="bold" if row.peer is None else "normal")
    axes.tick_params(axis="y", length=0)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set_color(PEER)
    axes.set_title(table.problem, loc="left", fontweight="bold", fontsize=12, pad=20)
    above = {"xycoords": "axes fraction", "textcoords": "offset points", "fontsize": 9, "color": FAINT}
    axes.annotate(_subtitle(table), (0, 1), (0, 7), **above)


def _time_axis(axes: Axes, rows: list[Row]) -> None:
    """Make a logarithmic axis that ends with the longest bar, with a grid behind the bars."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    left = 1e3 * min(row.quartiles()[0] for row in rows) / 2
    right = 1e3 * max(row.quartiles()[2] for row in rows) * 1.05
    axes.set_xscale("log")
    axes.set_xlim(left, right)
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if right < 200 * left else (1,)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}"))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xlabel("CPU time per system, ms", fontsize=9)
    axes.grid(axis="x", color="#e4e4e4", linewidth=0.8)
    axes.set_axisbelow(True)


def _figures(axes: Axes, place: int, table: Table, row: Row) -> None:
    """Write time and work of a row in two columns right of the axes; of a row that failed, how far it came."""

    def write(text: str, column: int, colour: str) -> None:
        where = {"xycoords": axes.get_yaxis_transform(), "textcoords": "offset points", "ha": "right", "va": "center"}
        axes.annotate(text, (1, place), (column, 0), **where, fontsize=9, color=colour)

    if table.has_solved_all(row):
        write(f"{digits(1e3 * row.quartiles()[1])} ms", TIME_COLUMN, INK)
        write(work(row), WORK_COLUMN, INK)
    else:
        reached = f"{row.solved()} of {table.length} reached" if row.solved() else "did not reach"
        write(f"{reached} {short(table.goal)}", WORK_COLUMN, FAILED)


def _style(*, is_ours: bool, is_solved: bool) -> dict[str, Any]:
    if is_solved:
        return {"color": OURS if is_ours else PEER}
    return {"facecolor": "white", "edgecolor": FAILED, "hatch": "////"}


def _subtitle(table: Table) -> str:
    systems = "1 system" if table.length == 1 else f"{table.length} systems in sequence"
    preconditioner = PRECONDITIONER.get(table.preconditioner, table.preconditioner)
    parts = f"n = {size(table.shapes[0][0])}", systems, preconditioner, f"error ≤ {short(table.goal)}"
    return ", ".join(filter(None, parts))


def _frame(figure: Figure, record: Record) -> None:
    """Add the title, the legend, and where and with what the times were measured."""
    from matplotlib.patches import Patch

    title(figure, record, "sparsesci and its peers")
    handles = [
        Patch(label="sparsesci", **_style(is_ours=True, is_solved=True)),
        Patch(label="peer", **_style(is_ours=False, is_solved=True)),
        Patch(label="failed", **_style(is_ours=False, is_solved=False)),
    ]
    figure.legend(handles=handles, loc="outside upper right", ncols=3, frameon=False)


def draw_curves(record: Record, path: str | Path) -> bool:
    """Draw error against time, a line a solver and a panel a problem; say whether there was anything to draw."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    panels = [table for table in record.tables if any(row.curve for row in table.rows)]
    if not panels:
        return False
    n_lines = math.ceil(len(panels) / 2)
    with rc_context({"font.size": 10, "text.color": INK, "axes.labelcolor": FAINT, "xtick.color": FAINT}):
        figure = Figure(figsize=(WIDTH, MARGIN + CURVES * n_lines), dpi=150, layout="constrained")
        figure.get_layout_engine().set(w_pad=0.12, h_pad=0.1, wspace=0.03, hspace=0.03)
        grid = figure.add_gridspec(n_lines, 2)
        for i, table in enumerate(panels):
            _curves(figure.add_subplot(grid[divmod(i, 2)]), table)
        title(figure, record, "error against time, each point a run of its own")
        figure.savefig(path)
    return True


def _curves(axes: Axes, table: Table) -> None:
    """Draw the lines of one problem, each with its name at its end."""
    rows = [row for row in table.rows if row.curve]
    peers = [row.solver for row in rows if row.peer is not None]
    for row in rows:
        seconds, errors = zip(*row.curve, strict=True)
        is_ours = row.peer is None
        axes.plot(
            [1e3 * s for s in seconds],
            [max(error, LEAST_ERROR) for error in errors],
            color=OURS if is_ours else GREYS[peers.index(row.solver) % len(GREYS)],
            marker=MARKERS[rows.index(row) % len(MARKERS)],
            markersize=5,
            linewidth=2.2 if is_ours else 1.4,
            label=row.solver,
        )
    axes.axhline(table.goal, color=FAILED, linewidth=1, linestyle=":")
    axes.set_xscale("log")
    axes.set_yscale("log")
    label(axes, f"{table.problem}, first system", "CPU time, ms", "recomputed error")
    legend(axes)


def draw_series(record: Record, path: str | Path) -> bool:
    """Draw error and time against a parameter, a pair of panels a series; say whether there was anything to draw."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    names = dict.fromkeys(name for table in record.tables for name in table.series)
    points = {name: [table for table in record.tables if name in table.series] for name in names}
    series = {name: tables for name, tables in points.items() if len(tables) > 1}
    if not series:
        return False
    with rc_context({"font.size": 10, "text.color": INK, "axes.labelcolor": FAINT, "xtick.color": FAINT}):
        figure = Figure(figsize=(WIDTH, MARGIN + CURVES * len(series)), dpi=150, layout="constrained")
        figure.get_layout_engine().set(w_pad=0.12, h_pad=0.1, wspace=0.03, hspace=0.03)
        grid = figure.add_gridspec(len(series), 2)
        for i, (name, tables) in enumerate(series.items()):
            left, right = (figure.add_subplot(grid[i, j]) for j in (0, 1))
            if tables[0].series[name] in SHARES:
                _series(left, name, tables, "share of systems that are solved", _share, is_log=False)
            else:
                _series(left, name, tables, "median error", Row.median_error)
            _series(right, name, tables, "CPU time per system, ms", lambda row: 1e3 * row.quartiles()[1])
            legend(right)
        title(figure, record, "error and time")
        figure.savefig(path)
    return True


def _share(row: Row) -> float:
    """Return the part of the systems that were solved, in the worst repeat."""
    return row.solved() / len(row.repeats[0].reached)


def _place(table: Table, parameter: str) -> float:
    """Return where on its axis a table lies; "terms" are the columns of the last part of a system, the coefficients."""
    return table.shapes[-1][-1] if parameter == "terms" else table.parameters[parameter]


def _series(
    axes: Axes, name: str, tables: list[Table], what: str, value: Callable[[Row], float], *, is_log: bool = True
) -> None:
    """Draw one figure of all solvers against the parameter of a series."""
    parameter = tables[0].series[name]
    tables = sorted(tables, key=lambda table: _place(table, parameter))
    solvers = {row.solver: row.peer for table in tables for row in table.rows if row.is_timed}
    peers = [solver for solver, peer in solvers.items() if peer is not None]
    for i, (solver, peer) in enumerate(solvers.items()):
        found = [(table, row) for table in tables for row in table.rows if row.solver == solver and row.is_timed]
        axes.plot(
            [_place(table, parameter) for table, _ in found],
            [max(value(row), LEAST_ERROR) if is_log else value(row) for _, row in found],
            color=OURS if peer is None else GREYS[peers.index(solver) % len(GREYS)],
            marker=MARKERS[i % len(MARKERS)],
            markersize=5,
            linewidth=2.2 if peer is None else 1.4,
            label=solver,
        )
    xs = [_place(table, parameter) for table in tables]
    if xs[0] == 0:
        axes.set_xscale("symlog", linthresh=xs[1])
    elif parameter != "snr":
        axes.set_xscale("log")
    axes.set_xticks(xs, [f"{100 * x:g}" if parameter == "noise" else f"{x:,.10g}" for x in xs])
    axes.set_xticks([], minor=True)
    if is_log:
        axes.set_yscale("log")
    else:
        axes.set_ylim(-0.03, 1.03)
    label(axes, name, AXES.get(parameter, parameter), what)


def label(axes: Axes, name: str, x: str, y: str) -> None:
    """Name a panel and its axes, with a grid behind the curves."""
    axes.set_xlabel(x, fontsize=9)
    axes.set_ylabel(y, fontsize=9)
    axes.grid(color="#e4e4e4", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_title(name, loc="left", fontweight="bold", fontsize=12)


def legend(axes: Axes) -> None:
    """Name the lines, right of the panel."""
    axes.legend(fontsize=8, frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))


def title(figure: Figure, record: Record, title: str) -> None:
    """Add the title, and where and with what the times were measured."""
    place = record.environment
    versions = ", ".join(f"{name} {version}" for name, version in place["versions"].items())
    figure.suptitle(title, x=0.012, ha="left", fontsize=16, fontweight="bold")
    where = f"{place['cpu']}, one thread, {place['date'][:10]}; {versions}"
    figure.supxlabel(textwrap.fill(where, 200), fontsize=8, color=FAINT)

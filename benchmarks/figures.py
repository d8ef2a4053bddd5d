"""The looks of the pictures in ``results``: those of `sparsesci bench`, for curves instead of bars."""

from sparsesci.bench.plots import FAINT, INK, OURS, PEER

COLOURS = (OURS, "#009e73", "#d55e00", "#cc79a7", "#e69f00", "#56b4e9")  # told apart in all kinds of colour blindness
GRID = "#e4e4e4"


def figure_with_panels(n_panels, title, record):
    """Return a figure and its panels in a row, with the title above, and below where and when the record was made."""
    from matplotlib.figure import Figure  # not pyplot: no window is opened, no state of the process is touched

    figure = Figure(figsize=(4.6 * n_panels, 4.2), dpi=150, layout="constrained")
    panels = figure.subplots(1, n_panels, squeeze=False)[0]
    for axes in panels:
        axes.spines[["top", "right"]].set_visible(False)
        axes.spines[["left", "bottom"]].set_color(PEER)
        axes.tick_params(colors=FAINT, labelsize=8)
        axes.grid(color=GRID, linewidth=0.8)
        axes.set_axisbelow(True)
    figure.suptitle(title, x=0.012, ha="left", fontsize=13, fontweight="bold", color=INK)
    versions = ", ".join(f"{name} {version}" for name, version in record["versions"].items())
    place = f"{record['cpu']}, {record['date']}, commit {record['commit']}; {versions}"
    figure.supxlabel(place, fontsize=6, color=FAINT)
    return figure, panels


def label(axes, title, x, y):
    """Name a panel and its axes."""
    axes.set_title(title, loc="left", fontsize=9, color=INK)
    axes.set_xlabel(x, fontsize=9, color=FAINT)
    axes.set_ylabel(y, fontsize=9, color=FAINT)


def logarithmic(axis):
    """Write the numbers at a logarithmic axis as a person does: 1, 10, and those between where it covers little."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    low, high = axis.get_view_interval()
    axis.set_major_locator(LogLocator(subs=(1, 2, 5) if high < 50 * low else (1,)))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}"))
    axis.set_minor_formatter(NullFormatter())


def draw_beside(record_file, draw):
    """Read a record, draw it, and write the picture beside it, as .png and .svg."""
    import json
    from pathlib import Path

    from matplotlib import rc_context

    path = Path(record_file)
    with rc_context({"svg.hashsalt": path.stem}):  # the same record gives the same file
        figure = draw(json.loads(path.read_text(encoding="utf-8")))
        figure.savefig(path.with_suffix(".png"))
        figure.savefig(path.with_suffix(".svg"), metadata={"Date": None})


def main(record, draw):
    """Write the record that ``record()`` makes, or with ``--draw FILE`` draw the one in a file."""
    import sys

    from provenance import write

    if sys.argv[1:2] == ["--draw"]:
        draw_beside(sys.argv[2], draw)
    else:
        write(record())

"""The command line ``sparsesci bench``, as click reads it. What is asked for is checked before anything is measured."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from sparsesci import __version__ as sparsesci_version

from . import report
from .compare import compare
from .environment import version_of
from .phase_plot import draw_phase
from .plots import draw, draw_curves, draw_series
from .preconditioners import PRECONDITIONERS
from .problem import Problem
from .problems import PROBLEMS
from .record import Record
from .runner import run
from .selection import FAMILIES, change_parameters, choose_problems, choose_solvers
from .solver import Solver
from .solvers import SOLVERS

SEED, REPEATS, OUTPUT = 2026, 3, "sparsesci-bench"
output_option = click.option("--output", default=OUTPUT, show_default=True, help="Write OUTPUT.json and .png.")


class FamiliesAreCommands(click.Group):
    """A group in which the name of a family is short for ``run FAMILY``."""

    def resolve_command(self, context: click.Context, arguments: list[str]) -> tuple:
        """Put the ``run`` before a family that was left out."""
        return super().resolve_command(context, ["run", *arguments] if arguments[0] in FAMILIES else arguments)


@click.group()
@click.version_option(sparsesci_version)
def sparsesci() -> None:
    """Sparse solvers and signal recovery, beside SciPy."""


@sparsesci.group(invoke_without_command=True, cls=FamiliesAreCommands)
@output_option
@click.pass_context
def bench(context: click.Context, output: str) -> None:
    """Measure sparsesci beside its peers; without a command, run the quick suite (less than a minute).

    The name of a family is short for ``run FAMILY``: ``sparsesci bench transport --full``.
    """
    if context.invoked_subcommand is None:
        measure(choose_problems(), choose_solvers(), seed=SEED, repeats=REPEATS, output=output)
    elif output != OUTPUT:
        raise click.UsageError(f"--output belongs after {context.invoked_subcommand}")


@bench.command("run")
@click.argument("family", required=False, metavar="[FAMILY]", type=click.Choice(FAMILIES))
@click.option("--problem", "problem_names", multiple=True, help="A problem, or a .mtx file of yours. Repeatable.")
@click.option("--solver", "solver_names", multiple=True, help="A solver, or yours: path.py:name. Repeatable.")
@click.option("--full", "is_full", is_flag=True, help="All problems, and every sequence at its full length.")
@click.option("--repeats", type=click.IntRange(1), default=REPEATS, show_default=True, help="Passes after the warm-up.")
@click.option("--seed", type=click.IntRange(0), default=SEED, show_default=True, help="Of the systems.")
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="Change a parameter. Repeatable.")
@click.option("--goal", type=click.FloatRange(0, 1, min_open=True, max_open=True), help="The error of a solution.")
@click.option("--preconditioner", type=click.Choice(tuple(PRECONDITIONERS)), help="For all iterative solvers.")
@output_option
def run_command(
    family: str | None,
    problem_names: tuple[str, ...],
    solver_names: tuple[str, ...],
    is_full: bool,
    repeats: int,
    seed: int,
    settings: tuple[str, ...],
    goal: float | None,
    preconditioner: str | None,
    output: str,
) -> None:
    """Run problems of one FAMILY or of all; the quick ones unless told otherwise."""
    with blamed_on("--problem"):
        problems = choose_problems(problem_names, family=family, is_full=is_full)
    with blamed_on("--set"):
        problems = change_parameters(problems, settings)
    with blamed_on("--solver"):
        solvers = choose_solvers(solver_names)
    problems = [_changed(problem, goal, preconditioner) for problem in problems]
    measure(problems, solvers, seed=seed, repeats=repeats, output=output)


def _changed(problem: Problem, goal: float | None, preconditioner: str | None) -> Problem:
    """Return the problem with another goal and, where it has a matrix to precondition, another preconditioner."""
    has_none = preconditioner is None or problem.preconditioner is None
    return replace(
        problem,
        goal=problem.goal if goal is None else goal,
        preconditioner=problem.preconditioner if has_none else preconditioner,
    )


def measure(problems: list[Problem], solvers: list[Solver], *, seed: int, repeats: int, output: str) -> None:
    """Run, print the tables, and write the record and its picture."""
    stem = Path(output, OUTPUT) if Path(output).is_dir() else Path(output)
    if not (stem.parent.is_dir() and os.access(stem.parent, os.W_OK)):
        raise click.BadParameter(f"{stem.parent} is not a folder that can be written to", param_hint="--output")
    json_file, picture = stem.with_name(f"{stem.name}.json"), stem.with_name(f"{stem.name}.png")

    console = report.console()
    with progress_bar(console) as bar:
        task = bar.add_task("", total=1.0)
        record = run(
            problems,
            solvers,
            seed=seed,
            repeats=repeats,
            progress=lambda fraction, text: bar.update(task, completed=fraction, description=text),
        )
    console.print(*report.tables(record), report.describe(record), sep="\n")
    json_file.write_text(record.to_json(), encoding="utf-8")
    console.print(f"wrote {json_file}")
    try:
        write_picture(console, record, picture)
    except click.ClickException as error:  # what was measured is safe: no picture is no failure
        console.print(error.message)


def progress_bar(console: Console) -> Progress:
    """Return a bar for the length of the run; it says nothing where the output is not a terminal."""
    columns = BarColumn(), TextColumn("{task.description}"), TimeElapsedColumn()
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)


def write_picture(console: Console, record: Record, path: Path) -> None:
    """Draw the record; say why where that cannot be done."""
    drawn = [path]
    try:
        draw(record, path)
        for name, draw_more in (("convergence", draw_curves), ("series", draw_series), ("phase", draw_phase)):
            file = path.with_name(f"{path.stem}-{name}{path.suffix}")
            if draw_more(record, file):
                drawn.append(file)
    except (ValueError, OSError) as error:  # nothing was timed, or the ending is none that matplotlib knows
        raise click.ClickException(f"{path} was not drawn: {error}") from error
    except ModuleNotFoundError as error:
        raise click.ClickException(f"drawing needs {error.name}: pip install 'sparsesci[bench]'") from error
    for file in drawn:
        console.print(f"wrote {file}")


@bench.command("list")
def list_command() -> None:
    """List problems and solvers, and what is installed."""
    console = report.console()
    problems = [(p.name, p.family, "full" if p.quick is None else "quick", p.says) for p in PROBLEMS.values()]
    solvers = [(s.name, s.family, origin(s), ", ".join(sorted(s.needs)), s.says) for s in SOLVERS.values()]
    console.print(report.listing("problems", problems, ("name", "family", "suite", "says")))
    console.print(report.listing("solvers", solvers, ("name", "family", "from", "needs", "says")))


def origin(solver: Solver) -> str:
    """Return the package of a solver and its version, or that it is not installed."""
    return f"{solver.peer} {version_of(solver.peer)}" if solver.peer else "sparsesci"


@bench.command("compare")
@click.argument("a", type=click.Path())
@click.argument("b", type=click.Path())
def compare_command(a: str, b: str) -> None:
    """Compare two results, solver by solver."""
    before, after = read_record(a), read_record(b)
    console = report.console()
    console.print(f"A  {a}: {report.describe(before)}\nB  {b}: {report.describe(after)}")
    if before.environment["cpu"] != after.environment["cpu"]:
        console.print("A and B were measured on different processors", style="bold yellow")
    console.print("CPU ms per system; B/A below 1 is faster in B, and dim where it is within the noise")
    console.print(report.comparison(compare(before, after)))


@bench.command("plot")
@click.argument("result", type=click.Path())
@click.option("--output", help="The picture (.png, .pdf, .svg); by default that of the result.")
def plot_command(result: str, output: str | None) -> None:
    """Draw a result."""
    write_picture(report.console(), read_record(result), Path(output or Path(result).with_suffix(".png")))


@bench.command("info")
def info_command() -> None:
    """Show versions, processor, threads, GPU and peers."""
    from sparsesci import show_config

    peers = dict.fromkeys(solver.peer for solver in SOLVERS.values() if solver.peer)
    lines = [str(show_config()), *(f"peer: {name} {version_of(name)}" for name in peers)]
    report.console().print("\n".join(lines))


def read_record(path: str) -> Record:
    """Read a result; a file that is none is a bad parameter."""
    try:
        return Record.from_json(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise click.BadParameter(f"{path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise click.BadParameter(f"{path}: {error}") from error


@contextmanager
def blamed_on(option: str) -> Iterator[None]:
    """Turn a ValueError into the usage error of an option."""
    try:
        yield
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint=option) from error

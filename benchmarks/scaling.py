"""How the time grows: with the size of the systems, with the length of the sequence, and with the workers.

``python benchmarks/scaling.py > benchmarks/results/scaling.json`` makes the record, and
``python benchmarks/scaling.py --draw benchmarks/results/scaling.json`` the picture beside it.

* size: CPU time per system of four drifting systems to 1e-8, from 10^3 to 10^6 unknowns, with ILU(0). A solver is left
  out of a size, and its row says so, where its two sizes before let expect more than the cap for a system, or where it
  has failed at a smaller one; none gets another system after one that took longer than the cap.
* length: CPU time per system of the first 1, 2, 5, .. of a hundred systems, drifting and independent.
* workers: wall-clock and CPU time of `solve_sequence` with one worker and with two, independent systems.
"""

import math
import time

import numpy as np
from figures import COLOURS, figure_with_panels, label, logarithmic, main
from provenance import provenance

from sparsesci.bench.record import Repeat

SEED = 2402
SIDES = (32, 64, 128, 256, 512, 1000)  # of the square grid: 10^3 to 10^6 unknowns
N_SYSTEMS = 4
CAP_SECONDS = 30.0  # for one system
FIRST_GROWTH, LEAST_GROWTH, MOST_GROWTH = 1.5, 1.0, 2.5  # powers of n with which the time of a system may grow
SOLVERS = {
    "darcy2d": ("solve-sequence", "recycled-cg", "scipy-cg", "scipy-gcrotmk", "scipy-splu", "pyamg-sa"),
    "helmholtz2d": ("solve-sequence", "gcrodr", "scipy-minres", "scipy-bicgstab", "scipy-gcrotmk", "scipy-splu"),
}
LENGTHS = (1, 2, 5, 10, 20, 50, 100)
LENGTH_SOLVERS = {
    "darcy2d": ("solve-sequence", "recycled-cg", "scipy-cg"),
    "helmholtz2d": ("solve-sequence", "gcrodr", "scipy-gcrotmk"),
}
WORKERS = (1, 2)
COLOUR_OF = dict(
    zip(("solve-sequence", "recycled-cg", "scipy-cg", "scipy-gcrotmk", "scipy-splu", "pyamg-sa"), COLOURS, strict=True)
)
COLOUR_OF |= {"gcrodr": COLOURS[1], "scipy-minres": COLOURS[2], "scipy-bicgstab": COLOURS[5]}


def problem_of(name, **parameters):
    """Return a problem of `sparsesci bench` with other parameters."""
    from dataclasses import replace

    from sparsesci.bench.problems import PROBLEMS

    return replace(PROBLEMS[name], parameters={**PROBLEMS[name].parameters, **parameters})


def systems_of(problem):
    """Return its systems."""
    return list(problem.make(np.random.default_rng(SEED), **problem.parameters))


def solved(name, problem, systems, patience=math.inf):
    """Return the pass of a solver over the systems, up to one that takes longer than its patience, and its trouble."""
    from sparsesci.bench.record import Row
    from sparsesci.bench.runner import solve_all
    from sparsesci.bench.solvers import SOLVERS

    row = Row(name, SOLVERS[name].peer)
    repeat = solve_all(SOLVERS[name], problem, systems, row, patience=patience)
    return repeat, row.trouble


def by_size(sides, cap):
    """Return a row for each family, size and solver."""
    rows, times, failed = [], {}, set()
    for side in sides:
        for family, names in SOLVERS.items():
            problem = problem_of(family, n=side, length=N_SYSTEMS)
            systems = systems_of(problem)
            for name in names:
                past = times.setdefault((family, name), [])
                row = {"problem": family, "n": side**2, "solver": name}
                seconds = expected(past, side**2)
                if (family, name) in failed or seconds > cap:
                    why = "failed at a smaller size" if seconds <= cap else f"would take about {seconds:.0f} s a system"
                    rows.append({**row, **figures_of(Repeat(), f"left out: {why}")})
                    continue
                if side == sides[0]:
                    solved(name, problem, systems)  # compiles
                repeat, trouble = solved(name, problem, systems, patience=cap)
                if trouble or not all(repeat.reached):
                    failed.add((family, name))
                else:
                    past.append((side**2, float(np.mean(repeat.cpu_seconds))))
                rows.append({**row, **figures_of(repeat, trouble)})
    return rows


def expected(past, n):
    """Return the seconds for a system of n unknowns, from what the last two sizes took; 0 where nothing is known."""
    if not past:
        return 0.0
    growth, (size, seconds) = FIRST_GROWTH, past[-1]
    if len(past) > 1:
        smaller, before = past[-2]
        growth = min(max(math.log(seconds / before) / math.log(size / smaller), LEAST_GROWTH), MOST_GROWTH)
    return seconds * (n / size) ** growth


def figures_of(repeat, trouble):
    """Return what a record holds of a pass."""
    matvecs = [count["matvecs"] for count in repeat.counts if "matvecs" in count]
    return {
        "trouble": trouble or None,
        "cpu_ms": round(1e3 * float(np.mean(repeat.cpu_seconds)), 3) if repeat.cpu_seconds else None,
        "matvecs": round(float(np.mean(matvecs)), 1) if matvecs else None,
        "reached": sum(repeat.reached),
        "systems": len(repeat.reached),
    }


def by_length(lengths):
    """Return a row for each family, drift, solver and length: of one pass, or of several for a whole sequence."""
    from sparsesci.bench.solvers import SOLVERS

    rows = []
    for family, names in LENGTH_SOLVERS.items():
        for variant in (family, f"{family}-independent"):
            problem = problem_of(variant, length=max(lengths))
            systems = systems_of(problem)
            for name in names:
                once = solved(name, problem, systems)  # compiles
                whole = None if SOLVERS[name].whole or once[1] else solved(name, problem, systems)
                for length in lengths:
                    repeat, trouble = whole or solved(name, problem, systems[:length])
                    ms = round(1e3 * float(np.mean(repeat.cpu_seconds[:length])), 3) if not trouble else None
                    row = {"problem": variant, "n": systems[0][0].shape[0], "length": length, "solver": name}
                    rows.append({**row, "trouble": trouble or None, "cpu_ms": ms})
    return rows


def by_workers(n=128, length=20, repeats=3):
    """Return wall and CPU seconds of `solve_sequence` with one worker and two in turn; a row that says so without it.

    CPU over wall is printed beside the times: where it is well below the workers, the machine was busy.
    """
    try:
        from sparsesci.solvers import solve_sequence
    except ImportError as error:
        return [{"trouble": str(error)}]
    rows = []
    for family in ("darcy2d-independent", "helmholtz2d-independent"):
        systems = systems_of(problem_of(family, n=n, length=length))
        solve_sequence(systems, rtol=1e-8)  # compiles
        for _ in range(repeats):
            for workers in WORKERS:
                wall, cpu = time.perf_counter(), time.process_time()
                result = solve_sequence(systems, rtol=1e-8, workers=workers)
                wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
                success = all(each.success for each in result.results)
                row = {"problem": family, "n": n * n, "length": length, "workers": workers, "success": success}
                rows.append({**row, "wall_s": round(wall, 3), "cpu_of_this_process_s": round(cpu, 3)})
    return rows


def record(sides=SIDES, lengths=LENGTHS, cap=CAP_SECONDS):
    """Measure everything, the large systems last, and return what a record holds."""
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a solver that warns of its failure has a row that says so
        length, workers = by_length(lengths), by_workers()
        size = by_size(sides, cap)
    what = "CPU ms per system, one thread, ILU(0), 1e-8; workers: wall seconds of the whole sequence"
    return {
        "what": what,
        "seed": SEED,
        "cap_s": cap,
        **provenance(),
        "size": size,
        "length": length,
        "workers": workers,
    }


def draw(record):
    """Draw time against size for both families, and against length."""
    figure, panels = figure_with_panels(4, "Time per system", record)
    for axes, family in zip(panels[:2], SOLVERS, strict=True):
        rows = [row for row in record["size"] if row["problem"] == family and row["reached"] == row["systems"] > 0]
        curves(axes, rows, "n", SOLVERS[family])
        label(axes, f"{family}, {N_SYSTEMS} drifting systems", "unknowns", "CPU ms per system")
    for axes, family in zip(panels[2:], LENGTH_SOLVERS, strict=True):
        for variant, style in ((family, "-"), (f"{family}-independent", ":")):
            rows = [row for row in record["length"] if row["problem"] == variant and row["cpu_ms"] is not None]
            curves(axes, rows, "length", SOLVERS[family], style, is_named=style == "-")
        label(axes, f"{family}, 64 x 64; dotted: independent", "systems in the sequence", "CPU ms per system")
    return figure


def curves(axes, rows, key, names, style="-", *, is_named=True):
    """Draw a curve for each solver that has rows, on logarithmic axes."""
    for name in names:
        points = [(row[key], row["cpu_ms"]) for row in rows if row["solver"] == name]
        if points:
            named = {"label": name} if is_named else {}
            axes.plot(
                *zip(*points, strict=True),
                style,
                color=COLOUR_OF[name],
                marker="o",
                markersize=3,
                linewidth=1.6,
                **named,
            )
    axes.set_xscale("log")
    axes.set_yscale("log")
    logarithmic(axes.xaxis)
    logarithmic(axes.yaxis)
    axes.legend(frameon=False, fontsize=8)


if __name__ == "__main__":
    main(record, draw)

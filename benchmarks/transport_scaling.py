"""How time and memory of optimal transport grow with the number of points, with stored costs and without.

``python benchmarks/transport_scaling.py > benchmarks/results/transport_scaling.json`` makes the record, and
``python benchmarks/transport_scaling.py --draw benchmarks/results/transport_scaling.json`` the picture beside it.

Two clouds of as many points in the unit square, squared distances, to a marginal error of 1e-9: the regs are those that
users of such problems take. Every measurement has a process of its own, whose peak of memory is that of the operating
system (``ru_maxrss``), taken before the answer is checked; 20 points are solved first, which compiles. A solver that
fails at a size, or takes longer than the cap, is not asked for larger ones.

* stored: from 250 to 8,000 points, with the matrix of costs; its making is part of the time. ``pot-emd-exact`` solves
  the problem without entropy. The error is recomputed from the answer by the harness.
* lazy: to 50,000 points, without it. The error is recomputed by the result, from the points.
* workers: one thread and two, wall-clock and CPU time.
"""

import json
import resource
import subprocess
import sys
import time

import numpy as np
from figures import COLOURS, figure_with_panels, label, logarithmic, main
from provenance import provenance

SEED = 2411
GOAL, REG = 1e-9, 1e-3
CAP_SECONDS = 120.0
PATIENCE = 3.0  # caps of wall-clock time until a process is ended: others may be using the machine
STORED = (250, 500, 1000, 2000, 4000, 8000)
LAZY = (1000, 2000, 5000, 10_000, 20_000, 50_000)
STORED_SOLVERS = ("solve_ot", "pot-emd-exact", "regot-ssns")
LAZY_REGS = (1e-2, 1e-3, 1e-4)
LAZY_GOALS = (1e-9, 1e-6)  # the second at REG alone
WORKERS, WORKERS_POINTS = (1, 2), 20_000
COLOUR_OF = dict(zip(("solve_ot", "lazy", "pot-emd-exact", "regot-ssns"), COLOURS, strict=False))
STYLE_OF = dict(zip(LAZY_REGS, (":", "-", "--"), strict=True))


def clouds(n):
    """Return n points that fill the unit square evenly, and n that crowd in a corner of it."""
    X, Y = np.random.default_rng(SEED).random((2, n, 2))
    return X, Y**1.5


def solve_lazily(X, Y, task):
    """Solve without stored costs; return the error, which the result has recomputed, and whether the goal is met."""
    from sparsesci.solvers import solve_ot_sample

    options = {"rtol": task["goal"], "workers": task.get("workers"), "lazy": True}
    result = solve_ot_sample(X, Y, task["reg"], **options)
    return lambda: (result.marginal_error, result.success)


def solve_stored(X, Y, task):
    """Make the costs and solve; return a function that recomputes the error."""
    from sparsesci.bench.objectives.marginal_error import marginal_error
    from sparsesci.bench.solvers import SOLVERS

    a = np.full(len(X), 1 / len(X))
    C, name, reg = ((X[:, None, :] - Y) ** 2).sum(axis=-1), task["solver"], task["reg"]
    if name == "solve_ot":
        from sparsesci.solvers import solve_ot

        result = solve_ot(a, a, C, reg, rtol=task["goal"])
        return lambda: (marginal_error(a, a, C, reg, result.potentials), result.success)
    solver = SOLVERS[name]
    answer = solver.start(None, task["goal"])(a, a, C, reg)
    return lambda: ((solver.error or marginal_error)(a, a, C, reg, answer.x), answer.success)


def measured(task):
    """Do a task in this process, and return its row."""
    from sparsesci._lib.parallel import thread_limit

    run = solve_lazily if task["solver"] == "lazy" else solve_stored
    with thread_limit(1):
        run(*clouds(20), task)
        X, Y = clouds(task["n"])
        before = peak_of_memory()
        wall, cpu = time.perf_counter(), time.process_time()
        check = run(X, Y, task)
        wall, cpu, peak = time.perf_counter() - wall, time.process_time() - cpu, peak_of_memory()
        error, success = check()
    figures = {"cpu_s": round(cpu, 3), "wall_s": round(wall, 3), "peak_mib": round(peak), "before_mib": round(before)}
    return {**task, **figures, "error": float(f"{error:.2e}"), "success": bool(success)}


def peak_of_memory():
    """Return the most memory that this process has held, in MiB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1024 if sys.platform != "darwin" else peak / 2**20


def measured_apart(task, cap):
    """Do a task in a process of its own, and return its row; one of trouble where it fails or takes too long."""
    command = [sys.executable, __file__, "--task", json.dumps(task)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE * cap, check=False)
    except subprocess.TimeoutExpired:
        return {**task, "trouble": f"no answer after {PATIENCE * cap:g} s"}
    if done.returncode != 0:
        return {**task, "trouble": (done.stderr.strip().splitlines() or ["killed"])[-1]}
    return json.loads(done.stdout)


def tasks(stored, lazy):
    """Yield the tasks, each with what groups it with those of other sizes."""
    for n in stored:
        for solver in STORED_SOLVERS:
            yield solver, {"solver": solver, "n": n, "reg": REG, "goal": GOAL}
    for n in lazy:
        for reg in LAZY_REGS:
            for goal in LAZY_GOALS if reg == REG else (GOAL,):
                yield f"lazy {reg} {goal}", {"solver": "lazy", "n": n, "reg": reg, "goal": goal}


def record(stored=STORED, lazy=LAZY, workers_points=WORKERS_POINTS, cap=CAP_SECONDS):
    """Measure everything and return what a record holds."""
    rows, slow = [], set()
    for group, task in tasks(stored, lazy):
        if group in slow:
            continue
        rows.append(row := measured_apart(task, cap))
        if "trouble" in row or not row["success"] or row["cpu_s"] > cap:
            slow.add(group)
    task = {"solver": "lazy", "n": workers_points, "reg": REG, "goal": GOAL}
    threads = [measured_apart({**task, "workers": workers}, cap) for _ in range(2) for workers in WORKERS]
    what = "seconds and the peak of memory of a process for one problem; workers: CPU over wall tells if both cores ran"
    return {"what": what, "seed": SEED, "cap_s": cap, **provenance(), "size": rows, "workers": threads}


def draw(record):
    """Draw time and memory against the number of points."""
    figure, panels = figure_with_panels(2, "Optimal transport between points in the unit square", record)
    for axes, key in zip(panels, ("cpu_s", "peak_mib"), strict=True):
        for solver, reg, style in curves():
            rows = [row for row in record["size"] if (row["solver"], row["reg"], row["goal"]) == (solver, reg, GOAL)]
            points = [(row["n"], row[key]) for row in rows if row.get("success")]
            if points:
                name = f"lazy, reg {reg:g}" if solver == "lazy" else solver
                look = {"color": COLOUR_OF[solver], "marker": "o", "markersize": 3, "linewidth": 1.6}
                axes.plot(*zip(*points, strict=True), style, **look, label=name)
        axes.set_xscale("log")
        axes.set_yscale("log")
        logarithmic(axes.xaxis)
        logarithmic(axes.yaxis)
        axes.legend(frameon=False, fontsize=8)
    label(panels[0], f"time, reg {REG:g} but for lazy, to {GOAL:g}", "points of a side", "CPU seconds")
    label(panels[1], "memory, with that of Python and its libraries", "points of a side", "peak, MiB")
    return figure


def curves():
    """Yield solver, reg and line style of the curves, those of stored costs first."""
    for solver in STORED_SOLVERS:
        yield solver, REG, "-"
    for reg in LAZY_REGS:
        yield "lazy", reg, STYLE_OF[reg]


if __name__ == "__main__":
    if sys.argv[1:2] == ["--task"]:
        json.dump(measured(json.loads(sys.argv[2])), sys.stdout)
    else:
        main(record, draw)

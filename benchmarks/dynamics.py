"""SINDy regressions beside PySINDy's: one fit, ensembles, the weak form, simulation, rollouts, memory, a stream.

``python benchmarks/dynamics.py > benchmarks/results/dynamics.json`` makes the record; names of sections
behind it measure these alone.

* fits, bootstraps, weak: the problems of ``sparsesci bench dynamics``, both packages in turn (A B A B), best of several
  passes; data, library, derivative, threshold and ridge are the same. Of the regressions that are the same method the
  record says whether the supports are, and the largest difference of two coefficients.
* simulate: a fitted Lorenz model for 10 time units, samples every 0.01: LSODA to 1e-12 in both packages, and ours with
  DOPRI5 at its own tolerance and at 1e-12.
* rollouts: 1000 starts, 500 steps of a discrete model of two states. PySINDy's time is that of a few starts and steps,
  times how often they would have to be done: that is said in the record.
* memory: of one fit to 100,000 samples, in a fresh process: how far the peak rises above what it was with the data in
  memory and after a small fit of the same kind.
* stream: 20 million samples, in parts of 100,000, by ``partial_fit``; memory after the first parts and in the end.

Times are processor time of one thread. What is compiled is compiled before; how long that took is beside it, in wall
time, and is next to nothing where a cache has it already.
"""

import functools
import json
import resource
import subprocess
import sys
import time
import warnings

import numpy as np
from provenance import provenance, write

SEED = 5281
FITS = "lorenz-10k", "lorenz-100k", "lorenz96-231", "lorenz96-861", "lorenz96-1771"
STEP, TIME = 0.01, 10.0  # of a simulation
N_STARTS, N_STEPS, FEW_STARTS, FEW_STEPS = 1000, 500, 2, 100  # of rollouts
STREAM, PART = 20_000_000, 100_000


def system(name, **changes):
    """Return the first system of a problem of the bench."""
    from sparsesci.bench.problems import PROBLEMS

    problem = PROBLEMS[name]
    return next(iter(problem.make(np.random.default_rng(SEED), **{**problem.parameters, **changes})))


def best(functions, passes):
    """Return for each function its least processor time and what it returned, all in turn; ``passes`` for each."""
    seconds, answers = [[] for _ in functions], [None] * len(functions)
    for i in range(max(passes)):
        for j, function in enumerate(functions):
            if i < passes[j]:
                begin = time.process_time()
                answers[j] = function()
                seconds[j].append(time.process_time() - begin)
    return [min(times) for times in seconds], answers


def beside(name, ours, peer, small, passes=(5, 3), **changes):
    """Return the row of a problem: both packages, in turn, and how alike their answers are."""
    from sparsesci.bench.objectives.equation_error import equation_error
    from sparsesci.bench.solvers import SOLVERS

    solve, solve_peer = (SOLVERS[solver].start(None, 0.0) for solver in (ours, peer))
    begin = time.perf_counter()
    solve(*system(name, **small))
    compiled = time.perf_counter() - begin
    solve_peer(*system(name, **small))
    given = system(name, **changes)
    (a, b), (found, theirs) = best([lambda: solve(*given), lambda: solve_peer(*given)], passes)
    is_same = np.array_equal(found.x != 0, theirs.x != 0)
    return {
        "problem": name,
        **changes,
        "n": int(given[0].shape[0]),
        "p": int(given[-1].shape[1]),
        "d": int(given[-1].shape[0]),
        "ours": ours,
        "peer": peer,
        **times(a, b),
        "first_small_call_seconds": round(compiled, 2),
        "same_support": bool(is_same),
        "largest_difference": float(f"{np.abs(found.x - theirs.x).max():.2g}"),
        "error": float(f"{equation_error(*given, found.x):.3g}"),
        "error_of_peer": float(f"{equation_error(*given, theirs.x):.3g}"),
    }


def times(ours, peer):
    """Return both times and their ratio, as a record has them."""
    return {
        "ms": float(f"{1e3 * ours:.4g}"),
        "peer_ms": float(f"{1e3 * peer:.4g}"),
        "peer_over_ours": float(f"{peer / ours:.3g}"),
    }


def models():
    """Return a Lorenz model of each package, fitted to the same samples."""
    import pysindy

    from sparsesci.recovery.dynamics.differentiate import finite_difference
    from sparsesci.recovery.dynamics.polynomial_library import PolynomialLibrary
    from sparsesci.recovery.dynamics.sindy import SINDy
    from sparsesci.recovery.dynamics.stlsq import stlsq

    x, _, task, _ = system("lorenz-10k")
    optimizer = functools.partial(stlsq, threshold=0.1)
    ours = SINDy(PolynomialLibrary(2), optimizer, functools.partial(finite_difference, order=2)).fit(x, task.step)
    peer = pysindy.SINDy(
        pysindy.STLSQ(threshold=0.1, alpha=0.0), pysindy.PolynomialLibrary(2), pysindy.FiniteDifference(order=2)
    )
    return ours, peer.fit(x, task.step), x[0]


def simulations(passes=3):
    """Return the rows of the simulation of one model."""
    ours, peer, x0 = models()
    t = np.arange(0, TIME, STEP)
    tight = {"rtol": 1e-12, "atol": 1e-12}
    kinds = {
        "lsoda, 1e-12": {"integrator": "lsoda", **tight},
        "dopri5, 1e-12": {"integrator": "dopri5", **tight},
        "dopri5, as it comes": {},
    }
    for options in kinds.values():
        ours.simulate(x0, t[:5], **options)
    functions = [functools.partial(ours.simulate, x0, t, **options) for options in kinds.values()]
    seconds, answers = best([*functions, lambda: peer.simulate(x0, t)], [passes] * len(kinds) + [1])
    theirs, early = answers[-1], t <= 2
    return [
        {
            "integrator": kind,
            "peer": "pysindy simulate: solve_ivp, LSODA, 1e-12",
            **times(a, seconds[-1]),
            "largest_difference_until_2": float(f"{np.abs(np.asarray(found.x) - theirs)[early].max():.2g}"),
        }
        for kind, a, found in zip(kinds, seconds, answers, strict=False)
    ]


def rollouts():
    """Return the row of many rollouts of a discrete model: a logistic map that drives another one."""
    import pysindy

    from sparsesci.recovery.dynamics.polynomial_library import PolynomialLibrary
    from sparsesci.recovery.dynamics.sindy import SINDy
    from sparsesci.recovery.dynamics.stlsq import stlsq

    rng = np.random.default_rng(SEED + 1)
    x = np.empty((1000, 2))
    x[0] = 0.3, 0.4
    for k in range(len(x) - 1):
        a, b = x[k]
        x[k + 1] = 3.7 * a * (1 - a), 0.5 * b + 0.3 * a
    ours = SINDy(PolynomialLibrary(3), functools.partial(stlsq, threshold=0.05), discrete=True).fit(x)
    peer = pysindy.DiscreteSINDy(pysindy.STLSQ(threshold=0.05, alpha=0.0), pysindy.PolynomialLibrary(3)).fit(x, 1)
    starts = rng.uniform(0.1, 0.9, (N_STARTS, 2))
    ours.rollout(starts[:3], 5)
    few = [lambda: ours.rollout(starts, N_STEPS), lambda: [peer.simulate(s, FEW_STEPS) for s in starts[:FEW_STARTS]]]
    (a, b), (found, theirs) = best(few, (5, 2))
    steps = FEW_STARTS * (FEW_STEPS - 1)  # the first of PySINDy's states is the start
    shown = np.asarray(found.x)[:FEW_STARTS, :20] - np.stack(theirs)[:, :20]
    return {
        "starts": N_STARTS,
        "steps": N_STEPS,
        "states": 2,
        "p": 10,
        **times(a, b * N_STARTS * N_STEPS / steps),
        "peer_time": f"extrapolated from {steps} steps, {1e3 * b / steps:.3g} ms each",
        "largest_difference_in_20_steps": float(f"{np.abs(shown).max():.2g}"),
    }


def peak():
    """Return the peak memory of this process, MB.

    From the kernel's own page, where there is one: ``ru_maxrss`` of a process counts that of its parent before it.
    """
    try:
        with open("/proc/self/status", encoding="ascii") as status:
            (line,) = (line for line in status if line.startswith("VmHWM"))
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return int(line.split()[1]) / 1024


def memory_of(solver):
    """Return by how many MB one fit to 100,000 samples raises the peak memory of this process, the data held."""
    from sparsesci._lib.parallel import thread_limit
    from sparsesci.bench.solvers import SOLVERS

    solve = SOLVERS[solver].start(None, 0.0)
    given = system("lorenz-100k")
    with thread_limit(1):
        solve(*system("lorenz-10k", n_samples=500))
        before = peak()
        solve(*given)
    return {"solver": solver, "data_MB": round(given[0].nbytes / 2**20, 1), "MB_above": round(peak() - before, 1)}


def stream():
    """Return time and memory of a stream."""
    from sparsesci._lib.parallel import thread_limit
    from sparsesci.recovery.dynamics.differentiate import finite_difference
    from sparsesci.recovery.dynamics.polynomial_library import PolynomialLibrary
    from sparsesci.recovery.dynamics.sindy import SINDy
    from sparsesci.recovery.dynamics.stlsq import stlsq

    truth, _, start = models()
    optimizer = functools.partial(stlsq, threshold=0.1)
    model = SINDy(PolynomialLibrary(5), optimizer, functools.partial(finite_difference, order=4))
    step, seconds, early = 0.002, 0.0, 0.0
    t = step * np.arange(PART)
    rng = np.random.default_rng(SEED + 2)
    with thread_limit(1):
        for i in range(STREAM // PART):
            x = np.asarray(truth.simulate(start, t, rtol=1e-9, atol=1e-9).x)
            start = x[-1] + 0.1 * rng.standard_normal(3)
            begin = time.process_time()
            model.partial_fit(x, step)
            seconds += time.process_time() - begin
            if i == 4:
                early = peak()
    return {
        "rows": STREAM,
        "rows_of_a_part": PART,
        "p": 56,
        "cpu_seconds": round(seconds, 2),
        "rows_counted": int(model.result_.n_samples),
        "peak_MB_after_5_parts": round(early, 1),
        "peak_MB": round(peak(), 1),
        "equations": model.equations(),
    }


def in_fresh_process(*arguments):
    """Return what this file prints with these arguments, in a process of its own."""
    command = [sys.executable, __file__, *arguments]
    return json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def sections():
    """Return what a record has, by name: functions that measure it."""
    small = {name: {"n_samples": 500} | ({"n_states": 6} if name in FITS[2:] else {}) for name in FITS}
    ensembles = "lorenz-10k-bootstraps", "sindy-ensemble", "pysindy-ensemble", {"n_samples": 500, "n_models": 3}
    return {
        "fits": lambda: [
            beside(name, "sindy-stlsq", "pysindy-stlsq", small[name], (5, 3 if name in FITS[:3] else 2))
            for name in FITS
        ],
        "numpy": lambda: [beside(name, "sindy-stlsq", "numpy-stlsq", small[name]) for name in FITS[:4]],
        "bootstraps": lambda: [beside(*ensembles, (3, 1), n_models=n_models) for n_models in (100, 1000)],
        "weak": lambda: [
            beside(f"weak-ks-{K}", "sindy-weak", "pysindy-weak", {"n_boxes": 20}, (5, 2)) for K in (200, 1000)
        ],
        "simulate": simulations,
        "rollouts": rollouts,
        "memory": lambda: [
            in_fresh_process("--memory", name) for name in ("sindy-stlsq", "pysindy-stlsq", "numpy-stlsq")
        ],
        "stream": lambda: in_fresh_process("--stream"),
    }


def record(names=()):
    """Measure everything, or the sections named, and return what a record holds."""
    from importlib.metadata import version

    from sparsesci._lib.parallel import thread_limit

    found = {}
    with thread_limit(1):
        for name, measured in sections().items():
            if not names or name in names:
                found[name] = measured()
                print(name, json.dumps(found[name]), file=sys.stderr)  # noqa: T201 - how far it is
    what = "SINDy regressions beside PySINDy: time, agreement, memory"
    return {"what": what, "seed": SEED, **provenance(), "pysindy": version("pysindy"), **found}


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    if sys.argv[1:2] == ["--memory"]:
        write(memory_of(sys.argv[2]))
    elif sys.argv[1:2] == ["--stream"]:
        write(stream())
    else:
        write(record(sys.argv[1:]))

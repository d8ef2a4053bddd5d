"""Learning to relax: iterations with a learnt relaxation factor, beside the best fixed one, and the regret of learning.

``python benchmarks/relaxation.py > benchmarks/results/relaxation.json`` makes the record, and
``python benchmarks/relaxation.py --draw benchmarks/results/relaxation.json`` the picture beside it.

The experiments of Khodak, Chow, Balcan, Talwalkar, ICLR 2024, with this package's solvers:

* heat: 5000 steps of the problem ``heat2d`` of `sparsesci bench` (49 x 49 unknowns, their nx = 50), by conjugate
  gradients with SSOR from the solution of the step before, to 1e-8. The context is the diffusion coefficient.
* sor: 5000 systems, a Laplacian of 10 x 10 nodes with a random offset on its diagonal, whose distribution has a high or
  a low variance, and a normal right-hand side no longer than the square root of n; by SOR to 1e-8, 10,000 sweeps at
  most. The context is the offset. Five trials here, 40 in the paper.

All counts of a sequence, for every omega on the grid, are made first; a bandit then sees those of the omegas that it
draws. What it would have solved in between does not differ: each system begins with the exact solution of the last.
"""

import numpy as np
from figures import COLOURS, INK, figure_with_panels, label, main
from provenance import provenance

STEPS = 5000
HEAT_SEEDS = range(1001, 1021)
SOR_SEEDS = range(2001, 2006)
RTOL = 1e-8
SOR_OFFSETS = {"high variance": (0.5, 1.5), "low variance": (2.0, 6.0)}
SOR_BOUNDS = (-0.15, 0.65)
CURVE = 100  # points of a regret curve


def grid():
    """Return the omegas that a tuner chooses from: its default."""
    from sparsesci.solvers import OmegaTuner

    return OmegaTuner().grid


def heat_counts(n_steps):
    """Return contexts, iterations of every omega in every step (n_steps, 20), and those of plain CG."""
    from sparsesci.bench.problems.heat import heat_steps
    from sparsesci.solvers import recycled_cg, ssor_preconditioner

    contexts, counts, plain = [], [], []
    options = {"n_recycle": 0, "n_directions": 1, "rtol": RTOL}
    for kappa, A, b, u in heat_steps(49, n_steps):
        results = [recycled_cg(A, b, u, M=ssor_preconditioner(A, omega), **options) for omega in grid()]
        results.append(recycled_cg(A, b, u, **options))
        if not all(result.success for result in results):
            raise RuntimeError(f"not solved at kappa = {kappa}")
        contexts.append(kappa)
        counts.append([max(1, result.nit) for result in results[:-1]])
        plain.append(results[-1].nit)
    return np.array(contexts), np.array(counts), np.array(plain)


def sor_counts(rng, n_steps, a, b):
    """Return contexts and sweeps of every omega in every step (n_steps, 20); offsets from a Beta(a, b) distribution."""
    from scipy.sparse import diags_array, eye_array, kronsum

    from sparsesci.solvers import sor

    T = diags_array([-1.0, 2.0, -1.0], offsets=[-1, 0, 1], shape=(10, 10))
    L, eye = kronsum(T, T, format="csr"), eye_array(100, format="csr")
    contexts = -0.15 + 0.6 * rng.beta(a, b, n_steps)
    counts = np.empty((n_steps, grid().size), int)
    for t, c in enumerate(contexts):
        A, right = (L + c * eye).tocsr(), truncated_normal(rng, 100)
        for i, omega in enumerate(grid()):
            counts[t, i] = max(1, sor(A, right, omega=omega, rtol=RTOL, maxiter=10_000).nit)
    return contexts, counts


def truncated_normal(rng, n):
    """Return a standard normal vector, drawn again until it is no longer than sqrt(n)."""
    while True:
        x = rng.standard_normal(n)
        if x @ x <= n:
            return x


def learn(method, bounds, contexts, counts, seed):
    """Return the counts of the omegas that a tuner drew, step by step."""
    from sparsesci.solvers import OmegaTuner

    tuner = OmegaTuner(method=method, context_bounds=bounds, rng=seed)
    paid = []
    for context, row in zip(contexts, counts, strict=True):
        paid.append(int(row[np.searchsorted(tuner.grid, tuner.ask(context))]))
        tuner.tell(paid[-1])
    return np.array(paid)


def story(trials):
    """Return what a record holds of ``trials``, dicts of the counts paid by each method in each step."""
    n_steps = len(trials[0]["best fixed"])
    at = np.unique(np.linspace(1, n_steps, CURVE).round().astype(int))
    means = {name: [float(trial[name].mean()) for trial in trials] for name in trials[0]}
    regret = {
        name: [np.cumsum(trial[name] - trial["best fixed"])[at - 1] for trial in trials]
        for name in trials[0]
        if name != "best fixed"
    }
    return {
        "n_steps": n_steps,
        "n_trials": len(trials),
        "iterations_per_step": {name: round(float(np.mean(column)), 3) for name, column in means.items()},
        "standard_deviation_over_trials": {name: round(float(np.std(column)), 3) for name, column in means.items()},
        "step": at.tolist(),
        "regret": {
            name: {
                "mean": np.mean(curves, axis=0).round(1).tolist(),
                "least": np.min(curves, axis=0).tolist(),
                "most": np.max(curves, axis=0).tolist(),
            }
            for name, curves in regret.items()
        },
    }


def paid_by(contexts, counts, bounds, seed):
    """Return the counts of the fixed omegas, of the best omega of each step, and of both tuners."""
    best = counts.sum(axis=0).argmin()
    return {
        "omega = 1": counts[:, 0],
        "best fixed": counts[:, best],
        "best of each step": counts.min(axis=1),
        "Tsallis-INF": learn("tsallis-inf", None, contexts, counts, seed),
        "ChebCB": learn("chebcb", bounds, contexts, counts, seed),
    }


def record(n_steps=STEPS, heat_seeds=HEAT_SEEDS, sor_seeds=SOR_SEEDS):
    """Count and learn, and return what a record holds."""
    import warnings

    from sparsesci._lib.parallel import thread_limit
    from sparsesci.solvers import ConvergenceWarning

    experiments = {}
    with thread_limit(1), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # a sweep count at its limit is a count
        contexts, counts, plain = heat_counts(n_steps)
        bounds = (float(contexts.min()), float(contexts.max()))
        trials = [{"CG": plain, **paid_by(contexts, counts, bounds, seed)} for seed in heat_seeds]
        best = round(float(grid()[counts.sum(axis=0).argmin()]), 4)
        experiments["heat"] = {"best_omega": best, **story(trials)}
        for name, (a, b) in SOR_OFFSETS.items():
            trials, best = [], []
            for seed in sor_seeds:
                contexts, counts = sor_counts(np.random.default_rng(seed), n_steps, a, b)
                trials.append(paid_by(contexts, counts, SOR_BOUNDS, seed))
                best.append(float(grid()[counts.sum(axis=0).argmin()]))
            experiments[f"sor, {name}"] = {"best_omega": round(float(np.median(best)), 4), **story(trials)}
    what = "iterations with a learnt omega; regret: iterations so far beyond those of the best fixed omega of the grid"
    return {"what": what, "omegas": grid().round(4).tolist(), **provenance(), "experiments": experiments}


def draw(record):
    """Draw the regret of each experiment; omega = 1 and CG are far above, and stand in the title."""
    names = ("Tsallis-INF", "ChebCB", "best of each step")
    figure, panels = figure_with_panels(len(record["experiments"]), "What learning the relaxation factor costs", record)
    for axes, (name, found) in zip(panels, record["experiments"].items(), strict=True):
        means, curves = found["iterations_per_step"], [found["regret"][method] for method in names]
        axes.axhline(0, color=INK, linewidth=1)
        for colour, method, curve in zip(COLOURS, names, curves, strict=False):
            text = f"{method}: {means[method]:.3g} a step"
            axes.plot(found["step"], curve["mean"], color=colour, linewidth=1.8, label=text)
            axes.fill_between(found["step"], curve["least"], curve["most"], color=colour, alpha=0.2, linewidth=0)
        low, high = min(min(curve["least"]) for curve in curves), max(max(curve["most"]) for curve in curves)
        axes.set_ylim(low - 0.05 * (high - low), high + 0.4 * (high - low))
        fixed = {f"omega {found['best_omega']:g}": means["best fixed"], "omega 1": means["omega = 1"]}
        fixed |= {"CG": means["CG"]} if "CG" in means else {}
        title = f"{name}\na step: " + ", ".join(f"{mean:.3g} by {what}" for what, mean in fixed.items())
        label(axes, title, "system", "iterations beyond the best fixed omega")
        axes.legend(frameon=False, fontsize=8, loc="upper left")
    return figure


if __name__ == "__main__":
    main(record, draw)

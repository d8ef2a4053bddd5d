"""Forty-one chaotic systems: in how many are exactly the true terms found by ``SINDy(library).fit(x, t)`` as it comes.

``python benchmarks/chaos.py > benchmarks/results/chaos.json`` makes the record. Of each system there are five
trajectories of 1000 samples, a hundred in a period, with noise of 0, 0.1 and 1 % of the standard deviation of each
state; the library has the polynomials of the degree of the system, and nothing else is told. PySINDy is beside it with
its own defaults, and with the derivative that ours has by default and STLSQ at its default threshold.

A failure is listed with the terms that are missing (with their true coefficients) and those that are too many (with
what was found), and with what says why: the smallest true part ``|xi_j| rms(Theta_j) / rms(x_i')`` of its terms, the
error of the derivatives, and ``least_squares_gap``: by which part the squares that are left are larger for the true
terms than for those that were found. Terms that are too many make it positive in any case; where it is large, they
explain errors of the derivative that are no white noise.
"""

import sys
import time
import warnings

import numpy as np
from provenance import provenance, write

SEED, N_TRAJECTORIES, N_SAMPLES, PER_PERIOD = 6421, 5, 1000, 100
LEVELS = 0.0, 0.001, 0.01


def solvers():
    """Return functions ``(library, degree, x, step) -> coefficients (d, p)`` by name."""
    import pysindy

    from sparsesci.recovery.dynamics.differentiate import automatic, smoothed
    from sparsesci.recovery.dynamics.sindy import SINDy

    def ours(library, degree, x, step):
        return SINDy(library).fit(x, step).coef_

    def peer(library, degree, x, step):
        model = pysindy.SINDy(pysindy.STLSQ(), pysindy.PolynomialLibrary(degree), pysindy.FiniteDifference())
        return np.asarray(model.fit(x, step).coefficients())

    def peer_smoothed(library, degree, x, step):
        parts = [smoothed(part, step, automatic) for part in x]
        model = pysindy.SINDy(pysindy.STLSQ(), pysindy.PolynomialLibrary(degree))
        model.fit([part for part, _ in parts], step, x_dot=[rate for _, rate in parts])
        return np.asarray(model.coefficients())

    return {"sindy": ours, "pysindy": peer, "pysindy-with-our-derivative": peer_smoothed}


def failure(system, library, names, x, step, truth, found):
    """Return what is wrong with the equations of a system, and what says why."""
    from sparsesci.recovery.dynamics.differentiate import automatic, smoothed

    parts = [smoothed(part, step, automatic) for part in x]
    states, rates = (np.concatenate(column) for column in zip(*parts, strict=True))
    exact = np.stack(np.broadcast_arrays(*system.f(*states.T)), axis=1)
    Theta = library.transform(states)
    equations = []
    for i, (true, other) in enumerate(zip(truth, found, strict=True)):
        if np.array_equal(true != 0, other != 0):
            continue
        share = np.abs(true) * np.sqrt(np.mean(Theta**2, axis=0)) / np.sqrt(np.mean(exact[:, i] ** 2))
        squares = [_squares(Theta[:, support != 0], rates[:, i]) for support in (true, other)]
        equations.append(
            {
                "equation": i,
                "missing": {names[j]: float(f"{true[j]:.4g}") for j in np.flatnonzero((true != 0) & (other == 0))},
                "extra": {names[j]: float(f"{other[j]:.3g}") for j in np.flatnonzero((true == 0) & (other != 0))},
                "smallest_true_part": float(f"{share[true != 0].min():.3g}"),
                "derivative_error": float(f"{np.linalg.norm(rates - exact) / np.linalg.norm(exact):.3g}"),
                "least_squares_gap": float(f"{squares[0] / squares[1] - 1:.3g}") if squares[1] else None,
            }
        )
    return {"system": system.name, "equations": equations}


def _squares(Theta, y):
    """Return the squares that least squares leave."""
    if not Theta.shape[1]:
        return float(y @ y)
    rest = y - Theta @ np.linalg.lstsq(Theta, y)[0]
    return float(rest @ rest)


def level(noise, names=None):
    """Return the row of a level of noise."""
    from sparsesci.bench.chaotic_systems import SYSTEMS
    from sparsesci.recovery.dynamics.polynomial_library import PolynomialLibrary

    methods = solvers()
    exact, seconds = {name: [] for name in methods}, {name: [] for name in methods}
    coefficient_errors, failures = [], []
    systems = [system for system in SYSTEMS if names is None or system.name in names]
    for system in systems:
        library = PolynomialLibrary(system.degree)
        truth = system.coefficients(library)
        x, step = system.trajectories(
            np.random.default_rng(SEED),
            n_trajectories=N_TRAJECTORIES,
            n_samples=N_SAMPLES,
            per_period=PER_PERIOD,
            noise=noise,
        )
        for name, method in methods.items():
            begin = time.process_time()
            found = method(library, system.degree, x, step)
            seconds[name].append(time.process_time() - begin)
            is_exact = np.array_equal(found != 0, truth != 0)
            exact[name].append(is_exact)
            if name == "sindy" and is_exact:
                coefficient_errors.append(np.linalg.norm(found - truth) / np.linalg.norm(truth))
            elif name == "sindy":
                states = [f"x{i}" for i in range(system.n_states)]
                failures.append(failure(system, library, library.names(states, []), x, step, truth, found))
    return {
        "noise": noise,
        "systems": len(systems),
        "exact": {name: int(sum(flags)) for name, flags in exact.items()},
        "median_ms": {name: round(1e3 * float(np.median(times)), 2) for name, times in seconds.items()},
        "median_coefficient_error": float(f"{np.median(coefficient_errors):.2g}") if coefficient_errors else None,
        "failures": failures,
        "failures_of_pysindy": [s.name for s, flag in zip(systems, exact["pysindy"], strict=True) if not flag],
    }


def record(names=None):
    """Measure everything and return what a record holds."""
    from importlib.metadata import version

    from sparsesci._lib.parallel import thread_limit

    with thread_limit(1):
        rows = [level(noise, names) for noise in LEVELS]
    what = "exact supports of chaotic systems, with the defaults"
    return {"what": what, "seed": SEED, **provenance(), "pysindy": version("pysindy"), "levels": rows}


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    write(record(sys.argv[1:] or None))

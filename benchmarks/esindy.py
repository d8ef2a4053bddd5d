"""The published table of Ensemble-SINDy: how often exactly the true terms of the Lorenz equations are found.

Fasel, Kutz, Brunton, Brunton, *Ensemble-SINDy*, Proc. R. Soc. A 478 (2022) 20210904: 55 polynomials without the
constant, STLSQ with a threshold of 0.2, one model or 100 bootstraps of which a term has to be in 60, and coefficients
that are medians or means. Derivatives are second differences of smoothed samples, of the third order at both ends.
Their rates are those of 1000 draws of the noise.

``python benchmarks/esindy.py > benchmarks/results/esindy.json`` makes the record, with 200 draws, and with
``--draws 1000`` and more time ``esindy_1000.json``. The two standard errors beside a rate are those of the difference
to the published one, of as many draws as there were. ``pysindy_single`` is the rate of PySINDy's STLSQ on the very same
draws: where that is ours, what differs from the published rate is not the regression. Times are processor time of one
thread, medians of a draw; that of PySINDy's ensemble is that of a few draws.
"""

import functools
import sys
import time
import warnings

import numpy as np
from provenance import provenance, write

SEED, DRAWS, PUBLISHED_DRAWS, PEER_DRAWS = 4703, 200, 1000, 3
MODELS = "single", "median", "mean"
PUBLISHED = {
    (0.01, 4.0): (0.717, 1.0, 1.0),
    (0.025, 4.0): (0.433, 0.840, 0.856),
    (0.025, 10.0): (0.653, 0.993, 0.997),
    (0.05, 10.0): (0.400, 0.610, 0.805),
}


def draw(x, task, truth, seed):
    """Return for each kind of model whether its terms are exactly the true ones, and the time of the ensemble."""
    from sparsesci.recovery.dynamics.differentiate import smoothed_finite_difference
    from sparsesci.recovery.dynamics.ensemble import ensemble
    from sparsesci.recovery.dynamics.polynomial_library import PolynomialLibrary
    from sparsesci.recovery.dynamics.sindy import SINDy
    from sparsesci.recovery.dynamics.stlsq import stlsq

    single = functools.partial(stlsq, threshold=task.threshold)
    derivative = functools.partial(smoothed_finite_difference, window=task.window, degree=3, edge=4)
    library = PolynomialLibrary(task.degree, include_bias=task.has_constant)
    optimizers = single, *(ensemble(single, aggregate=aggregate, rng=seed) for aggregate in ("median", "mean"))
    exact, seconds = [], []
    for optimizer in optimizers:
        begin = time.process_time()
        model = SINDy(library, optimizer, derivative).fit(x, task.step)
        seconds.append(time.process_time() - begin)
        exact.append(np.array_equal(model.coef_ != 0, truth != 0))
    return exact, seconds[1]


def cell(noise, duration, draws):
    """Return the row of a noise and a duration."""
    from sparsesci.bench.problems.dynamics_lorenz import noisy_lorenz
    from sparsesci.bench.solvers import SOLVERS

    systems = list(noisy_lorenz(np.random.default_rng(SEED), noise, duration, 100, draws))
    found = [draw(x, task, truth, SEED + i) for i, (x, _, task, truth) in enumerate(systems)]
    single = SOLVERS["pysindy-stlsq"].start(None, 0.0)
    peer_rate = np.mean([np.array_equal(single(*given).x != 0, given[-1] != 0) for given in systems])
    peer, peer_seconds = SOLVERS["pysindy-ensemble"].start(None, 0.0), []
    for given in systems[:PEER_DRAWS]:
        begin = time.process_time()
        peer(*given)
        peer_seconds.append(time.process_time() - begin)
    rates = np.mean([exact for exact, _ in found], axis=0)
    published = PUBLISHED[noise, duration]
    variance = np.multiply(published, np.subtract(1, published)) * (1 / draws + 1 / PUBLISHED_DRAWS)
    ms, peer_ms = (1e3 * float(np.median(seconds)) for seconds in ([s for _, s in found], peer_seconds))
    return {
        "noise": noise,
        "time": duration,
        "draws": draws,
        **{
            kind: {
                "rate": round(float(rate), 4),
                "published": there,
                "difference": round(float(rate - there), 4),
                "two_standard_errors": round(2 * float(v) ** 0.5, 4),
            }
            for kind, rate, there, v in zip(MODELS, rates, published, variance, strict=True)
        },
        "pysindy_single": round(float(peer_rate), 4),
        "ensemble_ms": round(ms, 2),
        "pysindy_ensemble_ms": round(peer_ms, 1),
        "pysindy_over_ours": round(peer_ms / ms, 1),
    }


def record(draws=DRAWS):
    """Measure everything and return what a record holds."""
    from importlib.metadata import version

    from sparsesci._lib.parallel import thread_limit

    with thread_limit(1):
        rows = [cell(noise, duration, draws) for noise, duration in PUBLISHED]
    what = "exact supports of the Lorenz equations beside the published table of Ensemble-SINDy"
    return {"what": what, "seed": SEED, **provenance(), "pysindy": version("pysindy"), "table": rows}


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    write(record(int(sys.argv[2]) if sys.argv[1:2] == ["--draws"] else DRAWS))

"""Kronecker sparse Bayesian learning: errors beside the published ones, explicit EM beside, and the time of an E-step.

``python benchmarks/kronecker.py > benchmarks/results/kronecker.json`` makes the record, ``--draw FILE`` its picture.
Three instances, 50 draws each at every signal-to-noise ratio, with the noise learned:

* ``A``: 15 columns a factor, 8 x 12 x 15 rows, x a product of vectors with 3 normal entries each (He and Joseph, arXiv
  2307.14719, section V); the error is ``||x - x_true||^2 / ||x_true||^2``;
* ``B``: the reflecting surface of ``sparsesci.bench.problems.irs_mimo`` with 3 pilots and 6 patterns, ten sets of which
  are drawn, with five channels each. The error is that of the channel, relative for each pattern, and the mean of
  these: where a pattern cancels the channel almost it is large whatever one does, and the mean over the draws depends
  on the sets of patterns (``by_set``: the means of four of them, from the smallest to the largest). ``nmse_all`` is the
  error of all patterns together. The published errors are those of one set, and know the noise;
* ``C``: the same with 4 pilots and 10 patterns; published for arXiv 2310.07869, which learns it.

``PC`` is ``block_coupling`` of 0.8 at the surface and the base station. Kronecker OMP is given the size of the support.
Explicit EM is SBL-EM on the Kronecker product as an array, once as it is, and once with entries below 1e-3 of the
largest variance left out in each iteration, as the published codes do. As it is, it takes minutes: three of its
iterations are timed, and the rest counted as the same, up to the 150 of the paper.
"""

import time
import tracemalloc
import warnings
from functools import reduce
from itertools import chain

import numpy as np
from figures import COLOURS, figure_with_panels, label, main
from provenance import provenance

from sparsesci.bench.plots import PEER

METHODS = {
    "SVD": {"method": "svd"},
    "AM": {"method": "am"},
    "MM": {"method": "mm"},
    "PC": {"method": "mm", "block_coupling": [0.8, None, 0.8]},
    "decomposed": {"method": "decomposed"},
    "auto": {},
}
PUBLISHED = {
    "A": {},
    "B": {
        "SVD": {4: 0.609, 8: 0.305, 12: 0.194, 16: 0.123, 20: 0.105},
        "AM": {4: 0.714, 8: 0.321, 12: 0.197, 16: 0.139, 20: 0.070},
        "PC": {4: 0.312, 8: 0.132, 12: 0.049, 16: 0.0089, 20: 0.0029},
        "SBL": {4: 0.953, 8: 0.724, 12: 0.463, 16: 0.228, 20: 0.144},
    },
    "C": {
        "decomposed": {5: 0.018, 15: 7e-4, 25: 6e-5},
        "SVD": {5: 0.20, 15: 3.2e-3, 25: 2.2e-4},
        "AM": {5: 0.18, 15: 7e-3, 25: 1.6e-4},
        "SBL": {5: 0.82, 15: 0.041, 25: 4.5e-4},
        "OMP": {5: 0.62, 15: 0.058, 25: 0.006},
    },
}
RATIOS = {"A": (5, 10, 15, 20, 25, 30), "B": (4, 8, 12, 16, 20), "C": (5, 15, 25)}
SUPPORT = {"A": 27, "B": 9, "C": 9}
DRAWS = 50


def synthetic(rng, snr):
    """Return factors, y, the true noise, and a function that gives the error of an x (twice)."""
    factors, parts = [rng.standard_normal((m, 15)) for m in (8, 12, 15)], []
    for _ in factors:
        part = np.zeros(15)
        part[rng.choice(15, 3, replace=False)] = rng.standard_normal(3)
        parts.append(part)
    x = reduce(np.kron, parts)
    clean = reduce(np.kron, [H @ part for H, part in zip(factors, parts, strict=True)])
    noise_var = float(np.mean(clean**2)) / 10 ** (snr / 10)
    y = clean + np.sqrt(noise_var) * rng.standard_normal(clean.size)

    def error(found):
        return (float(np.sum((found - x) ** 2) / np.sum(x**2)),) * 2

    return factors, y, noise_var, error


def surface(seed, snr, pilots, patterns, length):
    """Yield the same for channels that share their pilots and patterns; errors are by pattern, and of all together."""
    from sparsesci.bench.objectives.channel_error import channel_error
    from sparsesci.bench.problems.irs_mimo import irs_channels

    for system in irs_channels(np.random.default_rng(seed), pilots, patterns, float(snr), length):
        factors, y, channel, noise_var = system

        def error(found, system=system, channel=channel):
            left = channel.from_coefficients(found) - channel.matrices
            whole = np.sum(np.abs(left) ** 2) / np.sum(np.abs(channel.matrices) ** 2)
            return channel_error(*system, found), float(whole)

        yield factors, y, noise_var, error


def instances(name, snr, n_draws=DRAWS):
    """Yield the draws of an instance."""
    if name == "A":
        return (synthetic(np.random.default_rng(13_000 + i), snr) for i in range(n_draws))
    pilots, patterns = (3, 6) if name == "B" else (4, 10)
    seeds = range(13_100, 13_100 + max(n_draws // 5, 1))
    return chain.from_iterable(surface(seed, snr, pilots, patterns, min(5, n_draws)) for seed in seeds)


def recovery(name, snr, method):
    """Return a row: errors, noise and time of one method over the draws."""
    from sparsesci.recovery import kron_omp, kron_sbl

    errors, wholes, noises, seconds, successes = [], [], [], [], []
    for factors, y, noise_var, error in instances(name, snr):
        begin = time.process_time()
        if method == "OMP":
            result = kron_omp(factors, y, n_nonzero=SUPPORT[name])
        else:
            result = kron_sbl(factors, y, **METHODS[method])
        seconds.append(time.process_time() - begin)
        one, whole = error(result.x)
        errors.append(one)
        wholes.append(whole)
        successes.append(result.success)
        noises.append(getattr(result, "noise_var", np.nan) / noise_var)
    row = {
        "instance": name,
        "snr": snr,
        "method": method,
        "nmse": float(f"{np.mean(errors):.3g}"),
        "median": float(f"{np.median(errors):.3g}"),
        "worst": float(f"{max(errors):.3g}"),
        "nmse_all": float(f"{np.mean(wholes):.3g}"),
        "by_set": [float(f"{value:.3g}") for value in sorted(np.reshape(errors, (-1, 5)).mean(axis=1))[::3]],
        "published": PUBLISHED[name].get(method, {}).get(snr),
        "converged": int(sum(successes)),
        "cpu_ms": round(1e3 * float(np.median(seconds)), 2),
    }
    if method != "OMP":
        row |= {"noise_ratio": [round(float(np.quantile(noises, q)), 3) for q in (0, 0.5, 1)]}
    return row


def explicit_em(A, y, prune, maxiter=150, rtol=1e-4):
    """Run plain SBL-EM with noise learning on an array A; return x and the iterations."""
    scale, lengths = np.sqrt(np.mean(np.abs(y) ** 2)), np.linalg.norm(A, axis=0)
    A, y = A / lengths, y / scale
    kept, gamma, s2 = np.arange(A.shape[1]), np.ones(A.shape[1]), 0.1
    nit, is_done = 0, False
    while nit < maxiter and not is_done:
        nit += 1
        C = (A * gamma) @ A.conj().T + s2 * np.eye(len(y))
        P = np.linalg.inv(C)
        told = gamma * np.sum(A.conj() * (P @ A), axis=0).real
        mu = gamma * (A.conj().T @ (P @ y))
        s2 = (np.sum(np.abs(y - A @ mu) ** 2) + s2 * told.sum()) / len(y)
        old, gamma = gamma, np.abs(mu) ** 2 + gamma * (1 - told)
        is_done = np.linalg.norm(gamma - old) <= rtol * np.linalg.norm(gamma)
        if prune:
            stays = gamma > prune * gamma.max()
            A, gamma, mu, kept = A[:, stays], gamma[stays], mu[stays], kept[stays]
    x = np.zeros(len(lengths), A.dtype)
    x[kept] = scale * mu / lengths[kept]
    return x, nit


def beside_explicit(name, snr):
    """Return CPU seconds and errors of explicit EM and of ours on one draw."""
    from sparsesci.recovery import kron_sbl

    factors, y, _, error = next(iter(instances(name, snr, 1)))
    A = reduce(np.kron, factors)

    begin = time.process_time()
    explicit_em(A, y, 0.0, maxiter=3)
    three = time.process_time() - begin
    begin = time.process_time()
    x, nit = explicit_em(A, y, 1e-3)
    pruned = time.process_time() - begin
    times = []
    for _ in range(20):
        begin = time.process_time()
        result = kron_sbl(factors, y)
        times.append(time.process_time() - begin)
    ours = float(np.median(times))
    return {
        "instance": name,
        "snr": snr,
        "shape": list(A.shape),
        "explicit_s_an_iteration": round(three / 3, 3),
        "explicit_s_of_150": round(50 * three, 1),
        "pruned_s": round(pruned, 2),
        "pruned_iterations": nit,
        "pruned_nmse": float(f"{error(x)[0]:.3g}"),
        "auto_ms": round(1e3 * ours, 2),
        "auto_nmse": float(f"{error(result.x)[0]:.3g}"),
        "ratio": round(50 * three / ours),
        "ratio_to_pruned": round(pruned / ours),
    }


def e_step(m=56, n=80, dtype=float):
    """Return the time and the memory of one E-step: mean, variances and evidence of n^3 unknowns."""
    from sparsesci.recovery.bayes.kron_model import checked, prepared
    from sparsesci.recovery.bayes.kron_posterior import KronPosterior

    rng = np.random.default_rng(13_200)
    factors = [rng.standard_normal((m, n)).astype(dtype) for _ in range(3)]
    model = prepared(*checked(factors, rng.standard_normal(m**3).astype(dtype)), [None] * 3)
    gammas = [rng.exponential(size=n) for _ in range(3)]

    def step():
        posterior = KronPosterior(model, gammas, 0.1)
        return posterior.mu(), posterior.variance(), posterior.evidence

    step()
    times = []
    for _ in range(15):
        begin = time.process_time()
        step()
        times.append(time.process_time() - begin)
    tracemalloc.start()
    step()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    name, best, median = np.dtype(dtype).name, min(times), float(np.median(times))
    row = {"measurements": m**3, "unknowns": n**3, "dtype": name, "best_ms": round(1e3 * best, 1)}
    return row | {"median_ms": round(1e3 * median, 1), "peak_mib": round(peak / 2**20, 1)}


def record():
    """Measure everything and return what a record holds."""
    from sparsesci._lib.parallel import thread_limit

    warnings.simplefilter("ignore", UserWarning)  # the rows count who converged
    with thread_limit(1):
        rows = [
            recovery(name, snr, method)
            for name, ratios in RATIOS.items()
            for snr in ratios
            for method in (*METHODS, "OMP")
            if not (name == "A" and method == "PC")
        ]
        explicit = [beside_explicit(name, snr) for name, snr in (("A", 25), ("C", 20))]
        steps = [e_step(), e_step(dtype=complex)]
    what = "Kronecker sparse Bayesian learning, noise learned, beside published errors; CPU time of one thread"
    published = {
        name: {m: {str(k): v for k, v in row.items()} for m, row in t.items()} for name, t in PUBLISHED.items()
    }
    record = {"what": what, "draws": DRAWS, **provenance(), "published": published, "rows": rows}
    return record | {"explicit": explicit, "e_step": steps}


def draw(record):
    """Return the figure: the error against the signal-to-noise ratio, ours drawn through, published ones dashed."""
    names = {"A": "synthetic", "B": "reflecting surface, 288 measurements", "C": "reflecting surface, 640 measurements"}
    figure, panels = figure_with_panels(3, "Kronecker sparse Bayesian learning (dashed: as published)", record)
    colours = dict(zip(("auto", "SVD", "AM", "PC", "decomposed", "MM"), COLOURS, strict=True)) | {"OMP": PEER}
    for axes, (name, title) in zip(panels, names.items(), strict=True):
        label(axes, f"{name}: {title}", "signal-to-noise ratio (dB)", "mean normalised squared error")
        axes.set_yscale("log")
        for method, colour in colours.items():
            points = [
                (row["snr"], row["nmse"])
                for row in record["rows"]
                if (row["instance"], row["method"]) == (name, method)
            ]
            if points:
                axes.plot(
                    *zip(*points, strict=True),
                    color=colour,
                    marker="o",
                    ms=3,
                    lw=2.2 if method == "auto" else 1.2,
                    label=method,
                )
            published = record["published"][name].get(method)
            if published:
                axes.plot(
                    [float(k) for k in published],
                    list(published.values()),
                    color=colour,
                    ls="--",
                    lw=1,
                    marker="x",
                    ms=4,
                )
        published = record["published"][name].get("SBL")
        if published:
            axes.plot(
                [float(k) for k in published], list(published.values()), color=PEER, ls=":", lw=1, label="explicit SBL"
            )
        axes.legend(fontsize=7, frameon=False)
    return figure


if __name__ == "__main__":
    main(record, draw)

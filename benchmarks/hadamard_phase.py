"""How many samples a sparse Walsh-Hadamard spectrum needs: the phase transition, and exact recovery.

``python benchmarks/hadamard_phase.py > benchmarks/results/hadamard_phase.json`` makes the record, and
``python benchmarks/hadamard_phase.py --draw benchmarks/results/hadamard_phase.json`` the picture beside it.

* phase: the share of trials whose support is exact, against samples per coefficient, for the coded offsets and the
  repeated ones of the same spectra. Without a sparsity the search starts at 8 bins, and does not look at the budget
  until it is used up: one run tells for every budget, by how many samples it took. A spectrum has 100 to 200
  coefficients +1 and -1, a number drawn anew in each trial, lest the doubling of the bins shows as steps.
* exact: trials at the points of the specification, sparsity given, noise unknown. Without noise and for coefficients
  of modulus 1 a trial is right when the support is the true one and the search says so. Among normal coefficients in
  noise are some that nobody can see: rows of these count the trials in which all those are found that are above six
  standard errors of their estimate from one of the three groups of bins ("all_seen"), and those in which none is found
  that is not there ("none_false"), and state the largest that is missed, in these standard errors, as the median over
  the trials; the totals leave them out. A row ends early, and says how many trials it has, where its time is up.

The noise is the total one: 10 log10(sum |X|^2 / noise_std^2) dB. Times are processor time without that of the function.
"""

import time

import numpy as np
from figures import COLOURS, figure_with_panels, label, logarithmic, main
from provenance import provenance

SEED = 2503
SIGNALS = (None, 20, 10, 5, 0)  # dB; None: no noise
BITS, SPARSITIES, TRIALS = (20, 40, 60), (100, 200), 40
METHODS = ("coded", "robust")
POINTS, N_EXACT = ((20, 100), (20, 1000), (40, 500), (60, 1000)), 100
AMPLITUDES, DEGREE = ("signs", "gauss", "complex"), 4
CAP_SECONDS = 4.0  # processor time of a row of the table, the function included
LEAST_TRIALS = 2
SEEN = 6.0  # standard errors
LEFT, RIGHT = 2, 5000  # samples per coefficient that are drawn


def trial(seed, n, n_coefficients, snr, amplitudes="signs", degree=0, *, method="auto", sparsity=None):
    """Run one spectrum, and return what a row needs to know of it."""
    import warnings

    from sparsesci.bench.objectives.spectrum_error import squared_error
    from sparsesci.bench.problems.hadamard_sparse import sparse_spectra
    from sparsesci.recovery import sparse_wht

    noise = 0.0 if snr is None else 10 ** (-snr / 10)
    make = np.random.default_rng(seed)
    ((f, *_),) = sparse_spectra(make, n, n_coefficients, noise, amplitudes, degree, length=1)
    begin = time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a failure is counted
        result = sparse_wht(f, n, sparsity=sparsity, method=method, rng=make)
    seconds = time.process_time() - begin - f.cpu_seconds
    return {
        "success": bool(result.success),
        "exact": bool(result.success and np.array_equal(result.indices, f.indices)),
        "none_false": bool(np.isin(result.indices, f.indices).all()),
        **missed(f, result),
        "samples": f.n_samples,
        "ms": 1e3 * seconds,
        "nmse": squared_error(f, (result.indices, result.values)),
    }


def missed(f, result):
    """Return the largest modulus that was not found, in standard errors, and whether it is one that can be seen."""
    is_missed = ~np.isin(f.indices, result.indices)
    if not is_missed.any():
        return {"largest_missed": 0.0, "all_seen": True}
    standard_error = f.noise_std / np.sqrt(f.n_samples / 3)
    largest = np.abs(f.values[is_missed]).max()
    return {
        "largest_missed": float(largest / standard_error) if standard_error else 1e9,
        "all_seen": bool(largest <= SEEN * standard_error),
    }


def phase(bits, trials):
    """Return a row for each number of variables, noise and method: the samples per coefficient of every exact trial."""
    rows = []
    for n in bits:
        for snr in SIGNALS:
            curves = {method: [] for method in METHODS}
            for i in range(trials):
                seed = [SEED, n, i]
                sparsity = int(np.random.default_rng(seed).integers(*SPARSITIES, endpoint=True))
                for method, curve in curves.items():
                    done = trial(seed, n, sparsity, snr, method=method)
                    curve.append(round(done["samples"] / sparsity, 2) if done["exact"] else None)
            for method, curve in curves.items():
                found = sorted(samples for samples in curve if samples is not None)
                rows.append({"n": n, "snr_db": snr, "method": method, "trials": trials, "samples_per_k": found})
    return rows


def savings(rows):
    """Return for each number of variables and noise the samples at which nine in ten trials are right, by method."""
    table = []
    for n, snr in dict.fromkeys((row["n"], row["snr_db"]) for row in rows):
        needed = {row["method"]: needed_for(row, 0.9) for row in rows if (row["n"], row["snr_db"]) == (n, snr)}
        has_both = None not in needed.values()
        ratio = round(needed["robust"] / needed["coded"], 2) if has_both else None
        table.append({"n": n, "snr_db": snr, "samples_per_k": needed, "robust_over_coded": ratio})
    return table


def needed_for(row, share):
    """Return the samples per coefficient with which this share of the trials is right; None where it never is."""
    place = int(np.ceil(share * row["trials"])) - 1
    return row["samples_per_k"][place] if place < len(row["samples_per_k"]) else None


def exact(points, trials, cap):
    """Return a row for each point, noise, kind of coefficients and kind of support."""
    rows = []
    for n, sparsity in points:
        for snr in SIGNALS:
            for amplitudes in AMPLITUDES:
                for degree in (0, DEGREE):
                    done, begin = [], time.process_time()
                    while len(done) < trials and (len(done) < LEAST_TRIALS or time.process_time() - begin < cap):
                        seed = [SEED, n, sparsity, degree, len(done)]
                        done.append(trial(seed, n, sparsity, snr, amplitudes, degree, sparsity=sparsity))
                    row = {"n": n, "sparsity": sparsity, "snr_db": snr, "amplitudes": amplitudes}
                    rows.append({**row, "support": "low degree" if degree else "uniform", **summary(done)})
    return rows


def totals(rows):
    """Return for each point and noise how many trials there were, and how many exact; no normal spectra in noise."""
    table = {}
    for row in rows:
        point = table.setdefault((row["n"], row["sparsity"], row["snr_db"]), {"trials": 0, "exact": 0})
        if row["amplitudes"] != "gauss" or row["snr_db"] is None:
            point["trials"] += row["trials"]
            point["exact"] += row["exact"]
    return [{"n": n, "sparsity": K, "snr_db": snr, **counts} for (n, K, snr), counts in table.items()]


def summary(done):
    """Return what a row of the table says of its trials."""
    return {
        "trials": len(done),
        **{name: sum(each[name] for each in done) for name in ("success", "exact", "all_seen", "none_false")},
        "samples": int(np.median([each["samples"] for each in done])),
        "ms": round(float(np.median([each["ms"] for each in done])), 3),
        "largest_missed": round(float(np.median([each["largest_missed"] for each in done])), 1),
        "nmse": float(f"{np.median([each['nmse'] for each in done]):.3g}"),
    }


def record(bits=BITS, trials=TRIALS, points=POINTS, n_exact=N_EXACT, cap=CAP_SECONDS):
    """Measure everything and return what a record holds."""
    from sparsesci._lib.parallel import thread_limit

    begin = time.process_time()
    with thread_limit(1):
        trial([SEED], 20, 100, 10, sparsity=100)  # compiles
        curves, table = phase(bits, trials), exact(points, n_exact, cap)
    return {
        "what": "samples per K until the support is exact; exact recovery with median samples, ms (its own) and NMSE",
        "seed": SEED,
        "cap_s": cap,
        "took_s": round(time.process_time() - begin, 1),
        **provenance(),
        "phase": curves,
        "savings": savings(curves),
        "totals": totals(table),
        "exact": table,
    }


def draw(record):
    """Draw the share of right trials against samples per coefficient, and what the code saves."""
    rows = record["phase"]
    bits = list(dict.fromkeys(row["n"] for row in rows))
    figure, panels = figure_with_panels(len(bits) + 1, "Samples that exact recovery needs", record)
    colours = dict(zip(SIGNALS, COLOURS, strict=False))
    for axes, n in zip(panels, bits, strict=False):
        for row in (row for row in rows if row["n"] == n):
            found = row["samples_per_k"]
            x = [LEFT, *found, RIGHT]
            y = [*np.arange(len(found) + 1) / row["trials"], len(found) / row["trials"]]
            is_coded = row["method"] == "coded"
            named = {"label": "no noise" if row["snr_db"] is None else f"{row['snr_db']} dB"} if is_coded else {}
            width = (
                3.6 if row["snr_db"] is None else 1.8
            )  # without noise it often is the curve of 20 dB, and lies below
            style = {"linestyle": "-", "linewidth": width} if is_coded else {"linestyle": ":", "linewidth": 1.3}
            axes.step(x, y, where="post", color=colours[row["snr_db"]], **style, **named)
        axes.set_xscale("log")
        axes.set_xlim(LEFT, RIGHT)
        axes.set_ylim(-0.01, 1.03)
        logarithmic(axes.xaxis)
        label(axes, f"{n} variables; dotted: repeated offsets", "samples / K", "share of trials with the exact support")
        axes.legend(frameon=False, fontsize=8, loc="upper left")
    axes = panels[-1]
    places = ["no noise" if snr is None else f"{snr} dB" for snr in SIGNALS]
    for n, colour, marker in zip(bits, COLOURS[::-1], "osD", strict=False):
        ratio = {row["snr_db"]: row["robust_over_coded"] for row in record["savings"] if row["n"] == n}
        axes.plot(places, [ratio[snr] for snr in SIGNALS], color=colour, marker=marker, linewidth=1.6, label=f"n = {n}")
    axes.axhline(1, color="#6b6b6b", linewidth=0.8)
    label(axes, "what the code saves, nine in ten right", "total signal-to-noise ratio", "samples, repeated / coded")
    axes.legend(frameon=False, fontsize=8)
    return figure


if __name__ == "__main__":
    main(record, draw)

"""SKR's four data sets: what of its gain is deflated restarting, what recycling, and what sorting.

``python benchmarks/skr.py > benchmarks/results/skr.json`` makes the record: iterations and CPU time of GMRES(40) and of
`gcrodr` with its default of 40 and 20 vectors, each system alone, recycling, and recycling in sorted order; without a
preconditioner, with Jacobi and with ILU(0); to 1e-8, at most 10,000 iterations, as there. Conjugate gradients, where
they may be used, stand beside them.

The published ratios (Wang, Hao et al., ICLR 2024) are those of GMRES(40) to recycling in sorted order, over tolerances
and preconditioners, on 72 processes of PETSc and HPDDM. The problems are those of `sparsesci bench` with their labels:
``skr-darcy`` and ``skr-helmholtz`` repeat the published assembly, ``skr-thermal`` and ``skr-poisson`` its equations on
other meshes. GMRES(40) is `gcrodr` with ``n_recycle=0``: compiled, so that its time is not that of a slower rival.
Where it ends unsolved, the gain is at least what is written.
"""

import time

import numpy as np
from provenance import provenance, write

SEED = 2401
RTOL, MAXITER = 1e-8, 10_000
LENGTHS = {"skr-darcy": 20, "skr-thermal": 20, "skr-helmholtz": 10, "skr-poisson": 3}
PUBLISHED = {  # GMRES(40) over SKR, smallest and largest entry
    "skr-darcy": {"time": (2.7, 4.5), "iterations": (17, 28)},
    "skr-thermal": {"time": (2.3, 5.4), "iterations": (9, 24)},
    "skr-poisson": {"time": (1.2, 1.9), "iterations": (4, 6)},
    "skr-helmholtz": {"time": (6.3, 13.9), "iterations": (14, 30)},
}


def run(systems, order, make_preconditioner, *, n_recycle, is_recycling):
    """Return iterations and CPU ms of each system, and whether all were solved, in this order."""
    from sparsesci.bench.remembering import remembering
    from sparsesci.solvers import gcrodr

    preconditioner = remembering(make_preconditioner)
    recycle = last = None
    iterations, ms, solved = [], [], True
    for i in order:
        A, b = systems[i]
        begin = time.process_time()
        options = {"M": preconditioner(A), "n_recycle": n_recycle, "rtol": RTOL, "maxiter": MAXITER}
        result = gcrodr(A, b, recycle=recycle, same_operator=recycle is not None and A is last, **options)
        ms.append(1e3 * (time.process_time() - begin))
        if is_recycling:
            recycle, last = result.recycle, A
        iterations.append(result.nit)
        solved = solved and result.success
    return summary(iterations, ms, solved)


def run_cg(systems, make_preconditioner):
    """Return the same of plain conjugate gradients."""
    from sparsesci.bench.remembering import remembering
    from sparsesci.solvers import recycled_cg

    preconditioner = remembering(make_preconditioner)
    iterations, ms, solved = [], [], True
    for A, b in systems:
        begin = time.process_time()
        result = recycled_cg(A, b, M=preconditioner(A), n_recycle=0, n_directions=1, rtol=RTOL, maxiter=MAXITER)
        ms.append(1e3 * (time.process_time() - begin))
        iterations.append(result.nit)
        solved = solved and result.success
    return summary(iterations, ms, solved)


def summary(iterations, ms, solved):
    """Return the means that a record holds."""
    return {
        "iterations": round(float(np.mean(iterations)), 1),
        "cpu_ms": round(float(np.mean(ms)), 2),
        "solved": solved,
    }


def sorted_order(systems):
    """Return the order of `order_systems`, by the diagonals (the coefficient), or by b where the matrix is one."""
    from sparsesci.solvers import order_systems

    is_one = all(A is systems[0][0] for A, _ in systems)
    return order_systems(np.stack([b if is_one else A.diagonal() for A, b in systems]))


def record(lengths=LENGTHS):
    """Run everything and return what a record holds."""
    import warnings

    from sparsesci._lib.parallel import thread_limit
    from sparsesci.bench.preconditioners import PRECONDITIONERS
    from sparsesci.bench.problems import PROBLEMS
    from sparsesci.solvers import ConvergenceWarning

    rows = []
    with thread_limit(1), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # what is not solved says so in its row
        for name, length in lengths.items():
            problem = PROBLEMS[name]
            systems = list(problem.make(np.random.default_rng(SEED), **{**problem.parameters, "length": length}))
            given, order = range(length), sorted_order(systems)
            for preconditioner in ("none", "jacobi", "ilu0"):
                make = PRECONDITIONERS[preconditioner] or (lambda A: None)
                run(systems, [0, 0], make, n_recycle=20, is_recycling=True)  # compiles
                found = {
                    "GMRES(40)": run(systems, given, make, n_recycle=0, is_recycling=False),
                    "GCRO-DR, alone": run(systems, given, make, n_recycle=20, is_recycling=False),
                    "GCRO-DR, recycling": run(systems, given, make, n_recycle=20, is_recycling=True),
                    "GCRO-DR, recycling, sorted": run(systems, order, make, n_recycle=20, is_recycling=True),
                }
                if "spd" in problem.traits:
                    found["CG"] = run_cg(systems, make)
                chain = [row["iterations"] for row in list(found.values())[:4]]
                row = {
                    "problem": name,
                    "n": systems[0][0].shape[0],
                    "systems": length,
                    "preconditioner": preconditioner,
                }
                row |= {"solvers": found, "gain_in_iterations": gains(chain), "published_gain": PUBLISHED[name]}
                rows.append(row)
    what = "iterations and CPU ms per system, one thread; a gain is a ratio of iterations, each over the one before"
    return {"what": what, "seed": SEED, "rtol": RTOL, "maxiter": MAXITER, **provenance(), "rows": rows}


def gains(chain):
    """Return what each part saves: the ratios of neighbours, and of the first to the last."""
    names = ("deflated restarting", "recycling", "sorting")
    ratios = {name: round(a / b, 2) for name, a, b in zip(names, chain[:-1], chain[1:], strict=True)}
    return {**ratios, "all": round(chain[0] / chain[-1], 2)}


if __name__ == "__main__":
    write(record())

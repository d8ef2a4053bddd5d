"""Matrices from practice: products with A, and how it ended, of our solvers beside SciPy's.

``python benchmarks/real_matrices.py FOLDER > benchmarks/results/real_matrices.json`` makes the record of the ``.mtx``
files in a folder, by default that which the environment variable SPARSESCI_MATRICES names; without one there is nothing
to do. ``python benchmarks/real_matrices.py --table benchmarks/results/real_matrices.json >
docs/developer/real_matrices.md`` makes the page of it.

Each matrix is taken without a preconditioner, with Jacobi and with ILU(0); ``b = A 1``, to a relative residual of 1e-8
within 4000 products. Files named ``..01.mtx`` and ``..02.mtx`` are two systems of one sequence as well, there with a
normal vector each for the solution: with ones for both, a solver that keeps the solution of the first would have that
of the second. The harness of `sparsesci bench` runs the solvers and recomputes every error.
"""

import numpy as np
from provenance import provenance, write

PRECONDITIONERS = ("none", "jacobi", "ilu0")
GENERAL = ("gcrodr", "scipy-gmres", "scipy-gcrotmk", "scipy-bicgstab")
DEFINITE = ("recycled-cg", "scipy-cg")
GOAL = 1e-8


def systems_of(folder):
    """Return the systems by name: one for each file, and the pairs of files that are a sequence."""
    from sparsesci.bench.problems.matrix_market import read_matrix, system_with_ones

    systems = {}
    for path in sorted(folder.glob("*.mtx")):
        with path.open("rb") as file:
            systems[path.stem] = list(system_with_ones(read_matrix(file, compressed=False)))
    for name in [name for name in systems if name.endswith("01")]:
        second = f"{name[:-2]}02"
        if second in systems:
            rng, pair = np.random.default_rng(2719), [*systems[name], *systems[second]]
            systems[f"{name} and 02"] = [(A, A @ rng.standard_normal(A.shape[1])) for A, _ in pair]
    return systems


def traits_of(A):
    """Return "hermitian", "spd" and "real" as far as they hold; definiteness by a dense Cholesky factorisation."""
    traits = set() if np.iscomplexobj(A.data) else {"real"}
    if abs(A - A.conj().T).sum() == 0:
        traits.add("hermitian")
        try:
            np.linalg.cholesky(A.toarray())
            traits.add("spd")
        except np.linalg.LinAlgError:
            pass
    return frozenset(traits)


def rows_of(name, systems, repeats):
    """Return a row for each preconditioner and solver."""
    from sparsesci.bench.objectives.relative_residual import relative_residual
    from sparsesci.bench.problem import Problem
    from sparsesci.bench.runner import run
    from sparsesci.bench.solvers import SOLVERS

    traits = frozenset.intersection(*[traits_of(A) for A, _ in systems])
    solvers = [SOLVERS[solver] for solver in (*GENERAL, *(DEFINITE if "spd" in traits else ()))]
    A = systems[0][0]
    for preconditioner in PRECONDITIONERS:
        fields = {"error": relative_residual, "goal": GOAL, "preconditioner": preconditioner, "traits": traits}
        problem = Problem(name, "krylov", "", {}, make=lambda rng: systems, **fields)
        for row in run([problem], solvers, seed=2718, repeats=repeats).tables[0].rows:
            yield {
                "matrix": name,
                "n": A.shape[0],
                "entries": A.nnz,
                "traits": sorted(traits),
                "systems": len(systems),
                "preconditioner": preconditioner,
                "solver": row.solver,
                "status": status(row, len(systems)),
                "matvecs": [count["matvecs"] for count in row.repeats[0].counts] if row.is_timed else None,
                "cpu_ms": round(1e3 * row.quartiles()[1], 3) if row.is_timed else None,
                "worst_error": float(f"{row.worst_error():.2e}") if np.isfinite(row.worst_error()) else None,
                "claims_more_than_it_holds": row.false_claims() > 0,
            }


def status(row, length):
    """Return how it ended: "solved", the exception, or that the goal was not reached."""
    if row.trouble:
        return row.trouble
    return "solved" if row.solved() == length else "not reached"


def record(folder, repeats=3):
    """Run all matrices of the folder and return what a record holds."""
    rows = [row for name, systems in systems_of(folder).items() for row in rows_of(name, systems, repeats)]
    what = f"products with A of each system to ||b - A x|| <= {GOAL:g} ||b||, CPU ms a system, one thread"
    return {"what": what, **provenance(), "rows": rows}


def table(record):
    """Return the page: a table with a row for each matrix and preconditioner."""
    solvers = [*GENERAL, *DEFINITE]
    versions = ", ".join(f"{name} {version}" for name, version in record["versions"].items())
    lines = [
        "# Matrices from practice",
        "",
        "Products with $A$ that each solver takes for $A x = A \\mathbf{1}$ to a relative residual of 1e-8, at most",
        "4000, with the fewest in bold. *Fails* names the residual that was left; *no M* means that the",
        "preconditioner does not exist: a zero on the diagonal, or a zero pivot. Where two systems form a sequence the",
        "products of both are given, the second with what the first has left, and their solutions are normal vectors.",
        "`recycled-cg` and `cg` run where the matrix is positive definite.",
        "",
        f"Made by `benchmarks/real_matrices.py`: {record['cpu']}, {record['date']}, commit {record['commit']};",
        f"{versions}.",
        "",
        "| matrix | $n$ | $M$ | " + " | ".join(f"`{solver.removeprefix('scipy-')}`" for solver in solvers) + " |",
        "| --- | ---: | --- |" + " ---: |" * len(solvers),
    ]
    groups = {}
    for row in record["rows"]:
        groups.setdefault((row["matrix"], row["n"], row["preconditioner"]), {})[row["solver"]] = row
    for (matrix, n, preconditioner), found in groups.items():
        totals = [sum(row["matvecs"]) for row in found.values() if row["status"] == "solved"]
        cells = [cell(found.get(solver), min(totals, default=None)) for solver in solvers]
        lines.append(f"| {matrix} | {n} | {preconditioner} | " + " | ".join(cells) + " |")
    return "\n".join([*lines, ""])


def cell(row, fewest):
    """Return what one solver did in a few characters."""
    if row is None:
        return ""
    if row["status"] == "solved":
        text = " + ".join(map(str, row["matvecs"]))
        return f"**{text}**" if sum(row["matvecs"]) == fewest else text
    if row["status"] == "not reached":
        error = row["worst_error"]
        return f"fails ({error:.0e})" if error is not None else "fails (NaN)"
    return "no M" if row["status"].startswith("ValueError") and row["preconditioner"] != "none" else row["status"]


def main(arguments):
    """Make the record of a folder, or of a record the page."""
    import json
    import os
    import sys
    from pathlib import Path

    if arguments[:1] == ["--table"]:
        sys.stdout.write(table(json.loads(Path(arguments[1]).read_text(encoding="utf-8"))))
        return
    folder = Path(arguments[0] if arguments else os.environ.get("SPARSESCI_MATRICES", ""))
    if not (arguments or os.environ.get("SPARSESCI_MATRICES")) or not any(folder.glob("*.mtx")):
        sys.stderr.write("no .mtx files: name their folder, or set SPARSESCI_MATRICES; nothing was measured\n")
        return
    write(record(folder))


if __name__ == "__main__":
    import sys

    main(sys.argv[1:])

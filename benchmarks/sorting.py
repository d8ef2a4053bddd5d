"""What sorting is worth: products with A per system, in the true order, shuffled, and sorted by `order_systems`.

``python benchmarks/sorting.py > benchmarks/results/sorting.json`` makes the record: 50 systems of 64 x 64 unknowns,
ILU(0), `gcrodr` to 1e-8 with recycling, from two seeds.
"""

import numpy as np
from provenance import provenance, write

LENGTH = 50
CASES = [
    ("darcy2d", {"drift": 0.99}),
    ("darcy2d", {"drift": 0.9}),
    ("darcy2d", {"drift": 0.0}),
    ("helmholtz2d-hard", {"drift": 0.99}),
    ("helmholtz2d-hard", {"drift": 0.9}),
]
SEEDS = (11, 12)


def products(systems, order):
    """Products with A per system when the systems are solved in this order."""
    from sparsesci.solvers import gcrodr, ilu0_preconditioner

    recycle, total = None, 0
    for i in order:
        A, b = systems[i]
        result = gcrodr(A, b, M=ilu0_preconditioner(A), recycle=recycle, rtol=1e-8)
        recycle, total = result.recycle, total + result.nmatvec
    return round(total / len(systems), 1)


def record():
    """Count in every case and order, and return what a record holds."""
    from sparsesci.bench.problems import PROBLEMS
    from sparsesci.solvers import order_systems

    rows = []
    for name, changes in CASES:
        problem = PROBLEMS[name]
        for seed in SEEDS:
            parameters = {**problem.parameters, **changes, "length": LENGTH}
            systems = list(problem.make(np.random.default_rng(seed), **parameters))
            diagonals = np.stack([A.diagonal().reshape(64, 64) for A, _ in systems])  # the field, read off the matrix
            shuffled = np.random.default_rng(seed).permutation(LENGTH)
            orders = {"true": np.arange(LENGTH), "shuffled": shuffled}
            orders |= {
                method: shuffled[order_systems(diagonals[shuffled], method=method)] for method in ("greedy", "hilbert")
            }
            counts = {label: products(systems, order) for label, order in orders.items()}
            rows.append({"problem": name, **changes, "seed": seed, **counts})
    return {"what": "products with A per system, recycling from one to the next", **provenance(), "rows": rows}


if __name__ == "__main__":
    write(record())

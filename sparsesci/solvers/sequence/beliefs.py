"""What a method is believed to cost before it has been measured: by this the first system is given to one.

Iterations are counted in products with A, and one product is timed. Complete factors and multigrid live by other parts
of a machine than a product does, which slows down twofold where A outgrows the caches: they are believed in seconds,
by what they have to do and by rates that were measured once (`FACTORS`, `AMG_SETUP`, `AMG_CYCLE`).
"""

from __future__ import annotations

import math
from typing import NamedTuple

from .cost import Cost
from .system import System

CALL_SECONDS = 3e-4  # of Python, whatever the size

# Iterations to 1e-8. An incomplete factorisation carries a value by a few levels of the graph in each: on grids of 32^2
# to 1000^2 conjugate gradients with IC(0) take 1.06 iterations a level, MINRES with ILU(0) 2 on a Helmholtz problem.
ITERATIONS, LEVELS = 100, 64  # so many on a graph of so many levels or fewer, and in proportion on one that has more
HOPED_ITERATIONS, LEAST_ITERATIONS = 20, 3
FEWER_ITERATIONS = {"bicgstab": 0.7}  # each of them has two products
JACOBI_ITERATIONS, JACOBI_ITERATION = 2.5, 0.6  # against those with incomplete factors: how many, and how dear
PRODUCTS_AN_ITERATION = {
    "gcrodr": 7,
    "gmres": 7,
    "recycled_cg": 5,
    "cg": 4,
    "recycled_minres": 9,
    "minres": 5,
    "bicgstab": 8,
    "direct": 7,
}
SETUP = {"none": 0, "jacobi": 5, "ssor": 15, "ilu0": 15, "ic0": 12}
DOUBT = 2.0  # times what a method for definite matrices takes, where A may be none and all of that in vain

# Seconds on one core of an EPYC server, alone on it (20 GFlop/s in a dense LU factorisation, 0.6 ns for an entry in a
# product); medians over grids of 64^2 to 1000^2 and 24^3 to 32^3 and finite elements, which all are within half of it.


class Rates(NamedTuple):
    """The seconds that complete factors take for each of their entries, for each multiplication, and in a solve."""

    entry: float
    multiplication: float
    entry_in_a_solve: float


FACTORS = {"sparse": Rates(5e-8, 2.5e-10, 1.3e-9), "dense": Rates(1e-9, 6e-11, 5e-10)}
COMPLEX = 1.6  # times that
AMG_SETUP = 1e-2, 3.5e-7  # always, and for each entry of A
AMG_CYCLE = 5e-4, 3.6e-8
AMG_ITERATIONS, HOPED_AMG_ITERATIONS = 12, 8
STALE_ITERATIONS = 6
CONVERTED_ENTRY = 2e-8  # to convert factors for the compiled cycles, of which each iteration then takes less:
SAVED_ITERATION, SAVED_ENTRY = 1e-4, 7e-10
MOST_ENTRIES = 4e8  # of LU factors: 5 GB


def iterations(system: System) -> float:
    """Return how many iterations a method with incomplete factors is believed to take."""
    if system.kind.form != "sparse":
        return ITERATIONS
    by_levels = ITERATIONS * max(1.0, system.n_levels / LEVELS)
    return min(by_levels, most_with_jacobi(system.kind.outweighed) / JACOBI_ITERATIONS)


def most_with_jacobi(outweighed: float) -> float:
    """Return how many iterations conjugate gradients with Jacobi take at most, down to 1e-8 of the energy norm.

    By Gershgorin's theorem the condition is ``(1 + q) / (1 - q)`` where no row outweighs more than q of its diagonal
    entry; infinite where one outweighs all of it.
    """
    if not outweighed < 1:
        return math.inf
    root = math.sqrt((1 + outweighed) / (1 - outweighed))
    return math.log(2e8) / math.log((root + 1) / (root - 1)) if root > 1 else 1.0


def cost_of_lu(system: System, product: float) -> tuple[Cost, bool]:
    """Return what complete factors are believed to cost, by their fill, and whether they fit into memory."""
    form = system.kind.form
    if form in ("map", "device"):
        where = "are not known" if form == "map" else "are not in host memory"
        raise TypeError(f"a factorisation needs the entries of A, which {where}: choose another method")
    size, multiplications = system.factor_size
    rates, times = FACTORS[form], COMPLEX if system.kind.dtype.startswith("complex") else 1.0
    setup = times * (rates.entry * size + rates.multiplication * multiplications)
    solve = times * rates.entry_in_a_solve * size
    stale = CALL_SECONDS + STALE_ITERATIONS * (solve + 4 * product)
    return Cost(setup, solve, stale, hope=stale), size <= MOST_ENTRIES


def cost_of_amg(system: System) -> tuple[Cost, float]:
    """Return what conjugate gradients with algebraic multigrid are believed to cost, and one of their iterations."""
    n_entries = getattr(system.A, "nnz", system.kind.n**2)
    setup, cycle = (fixed + an_entry * n_entries for fixed, an_entry in (AMG_SETUP, AMG_CYCLE))
    counts = AMG_ITERATIONS, HOPED_AMG_ITERATIONS, LEAST_ITERATIONS
    column, hope, least = (CALL_SECONDS + n * cycle for n in counts)
    return Cost(setup, column, column, hope, least=least), cycle


def pays_for_conversion(n_iterations: float, n_entries: int) -> bool:
    """Whether so many iterations with complete factors of so many entries are worth the conversion of these."""
    return n_iterations * (SAVED_ITERATION + SAVED_ENTRY * n_entries) > CONVERTED_ENTRY * n_entries

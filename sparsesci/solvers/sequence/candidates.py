"""The methods that a sequence may be solved with: which apply, what each is believed to cost, what it remembers."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from importlib.util import find_spec
from typing import Any

import numpy as np

from ..krylov.bicgstab import bicgstab
from ..krylov.gcrodr import gcrodr
from ..krylov.ic0 import ic0_preconditioner
from ..krylov.ilu0 import ilu0_preconditioner
from ..krylov.jacobi import jacobi_preconditioner
from ..krylov.lu import lu_preconditioner
from ..krylov.recycle import RecycleSpace
from ..krylov.recycled_cg import recycled_cg
from ..krylov.recycled_minres import recycled_minres
from ..krylov.ssor import ssor_preconditioner
from .amg import amg_preconditioner
from .beliefs import (
    CALL_SECONDS,
    DOUBT,
    FEWER_ITERATIONS,
    HOPED_ITERATIONS,
    ITERATIONS,
    JACOBI_ITERATION,
    JACOBI_ITERATIONS,
    LEAST_ITERATIONS,
    PRODUCTS_AN_ITERATION,
    SETUP,
    STALE_ITERATIONS,
    cost_of_amg,
    cost_of_lu,
    iterations,
    pays_for_conversion,
)
from .cost import Cost
from .system import Kind, System

# The solver and the dimension of the space that it recycles; what factors leave is refined by GMRES.
METHODS: dict[str, tuple[Callable, int]] = {
    "gcrodr": (gcrodr, 20),
    "gmres": (gcrodr, 0),
    "recycled_cg": (recycled_cg, 10),
    "cg": (recycled_cg, 0),
    "recycled_minres": (recycled_minres, 20),
    "minres": (recycled_minres, 0),
    "bicgstab": (bicgstab, 0),
    "direct": (gcrodr, 0),
}
PRECONDITIONERS: dict[str, Callable] = {
    "none": lambda A: None,
    "jacobi": jacobi_preconditioner,
    "ssor": ssor_preconditioner,
    "ilu0": ilu0_preconditioner,
    "ic0": ic0_preconditioner,
    "lu": lu_preconditioner,
    "amg": amg_preconditioner,
}
VARIABLES = {"gcrodr": "u", "recycled_cg": "x", "recycled_minres": "x"}  # in which a recycled space is kept
DEFINITE_ONLY = ("recycled_cg", "cg")  # of them, A; MINRES needs a definite M
DIAGONAL = ("jacobi", "none")  # of which there is one among the candidates: none where the diagonal is constant
REFRESHED = ("ilu0", "ic0", "ssor")  # whose pattern can be handed on
KEPT = ("lu", "amg")  # dear enough to serve more than one matrix
LEARNS, LEARNS_OMEGA = 0.35, 0.5  # to what part of its first cost a method that learns may come down
MANY_ITERATIONS = 25  # with a kept preconditioner: beyond, the directions that it has lost are worth recycling
SLACKENS = 1.03  # a pace from one measurement to the next, until one of them confirms it
LEAST_ITERATING = 0.1  # of the seconds of a solve: clocks are not exact


@dataclass
class Candidate:
    """A method with a preconditioner.

    Attributes
    ----------
    method, preconditioner : str
        Keys of `METHODS` and of `PRECONDITIONERS` (or "given").
    make : callable
        ``make(A) -> M``.
    cost : Cost
        What it costs: believed at first, then measured.
    recycle : RecycleSpace or None
        What it has learnt.
    M : Any
        Its preconditioner, and in ``made_for`` the number of the matrix that this belongs to.
    """

    method: str
    preconditioner: str
    make: Callable[[Any], Any]
    cost: Cost
    recycle: RecycleSpace | None = None
    M: Any = None
    made_for: int = 0
    is_converted: bool = False  # for the compiled cycles, which complete factors of their own matrix do not need
    recycled_for: tuple[int, int] = (0, 0)  # the matrices that A and M of the last solve belong to
    seconds_per_iteration: float = 0.0
    pace: float = math.inf  # the same where nothing disturbs it
    seconds_of_a_call: float = 0.0  # whatever the size of the system
    last_nit: int = 0

    @property
    def name(self) -> str:
        """Such as "gcrodr + ilu0"."""
        has_none = self.method == "direct" or self.preconditioner == "none"
        return self.method if has_none else f"{self.method} + {self.preconditioner}"

    def has(self, matrix: int) -> str:
        """Return which preconditioner there is for a matrix: "none", "own" or "stale"."""
        return "own" if self.made_for == matrix else "stale" if self.made_for else "none"

    def has_factors_of(self, matrix: int) -> bool:
        """Whether it has complete factors of a matrix."""
        return self.preconditioner == "lu" and self.made_for == matrix

    def renew(self, A: Any, matrix: int) -> None:
        """Make the preconditioner for a matrix, by what is known of its pattern where that has not changed."""
        if self.M is not None and self.preconditioner in REFRESHED:
            try:
                self.M = self.make(A, like=self.M)
            except ValueError:  # another pattern, or the pivot of this one breaks down: then so it does below
                self.M = self.make(A)
        else:
            self.M = self.make(A)
        self.made_for, self.is_converted = matrix, False

    def convert(self, dtype: Any, n_to_come: float) -> bool:
        """Convert factors if so many solves to come, with later matrices, pay for it; return whether that was done."""
        if self.preconditioner != "lu" or self.is_converted:
            return False
        if not pays_for_conversion(n_to_come * (self.last_nit or STALE_ITERATIONS), self.M.n_entries):
            return False
        self.M.kernel_arguments(dtype)
        self.is_converted = True
        return True

    def iterating(self, seconds: float, n_columns: int) -> float:
        """Return what of the seconds of a solve is spent in its iterations."""
        return max(seconds - n_columns * self.seconds_of_a_call, LEAST_ITERATING * seconds)

    def undisturbed(self, seconds: float, n_iterations: int, n_columns: int) -> float:
        """Return what a solve would have taken at the pace of the fastest ones before, where its iterations are alike.

        The clock of a busy machine runs fast by half and more, for one system or for many: methods that were measured
        at different times would not be told apart.
        """
        measured = self.iterating(seconds, n_columns) / n_iterations
        self.pace = min(measured, SLACKENS * self.pace)
        if METHODS[self.method][1] and self.preconditioner not in KEPT:
            return seconds  # what a harvest takes is in no iteration
        return seconds - (measured - self.pace) * n_iterations

    def hope_by(self, other: Candidate) -> None:
        """Expect of Jacobi or none, before it is tried, iterations by those that a better preconditioner has taken."""
        is_simpler = self.preconditioner in DIAGONAL and other.preconditioner in REFRESHED
        if is_simpler and self.method == other.method and not self.cost.n_trials:
            self.cost.hope = CALL_SECONDS + JACOBI_ITERATIONS * other.last_nit * self.seconds_per_iteration

    def forget(self) -> None:
        """Drop the preconditioner, and what was recycled with it."""
        self.M, self.made_for, self.recycle = None, 0, None


def candidates_for(
    kind: Kind, system: System, method: str, preconditioner: Any, product: float
) -> dict[str, Candidate]:
    """Return the methods that apply to systems of a kind; ``product`` is what a product with A takes, in seconds."""
    if method == "direct":
        pairs = [("direct", "lu")]
    else:
        pairs = (
            automatic_pairs(kind)
            if method == "auto"
            else [(method, p) for p in automatic_preconditioners(method, kind)]
        )
        name = preconditioner if isinstance(preconditioner, str) else "none" if preconditioner is None else "given"
        if name != "auto":
            pairs = dict.fromkeys((m, name) for m, _ in pairs)
    lu, fits = cost_of_lu(system, product) if any(p == "lu" for _, p in pairs) else (None, True)
    if not fits:
        pairs = [pair for pair in pairs if pair[1] != "lu"] or pairs  # who asks for nothing else may have more memory
    usual = iterations(system) if len(pairs) > 1 else ITERATIONS
    made = [candidate(m, p, preconditioner, system, product, lu, usual) for m, p in pairs]
    return {one.name: one for one in made}


def automatic_pairs(kind: Kind) -> list[tuple[str, str]]:
    """Return the methods and preconditioners that may be the best on systems of a kind."""
    if kind.is_hermitian and kind.has_positive_diagonal:
        methods, keeper = ["cg", "recycled_cg"], "cg"
    else:
        methods, keeper = (
            ["gcrodr", "bicgstab", *(["minres", "recycled_minres"] if kind.is_hermitian else [])],
            "gcrodr",
        )
    pairs = [(m, p) for m in methods for p in automatic_preconditioners(m, kind) if p not in KEPT]
    return pairs + [(keeper, p) for p in automatic_preconditioners(keeper, kind) if p in KEPT]


def automatic_preconditioners(method: str, kind: Kind) -> list[str]:
    """Return the preconditioners that may be the best with a method."""
    if kind.form in ("map", "device"):
        return ["none"] if kind.form == "map" else ["jacobi"]
    diagonal = "none" if kind.has_constant_diagonal else "jacobi"
    if kind.form == "dense":
        return [diagonal, "lu"]
    if method in ("minres", "recycled_minres"):
        return ["ilu0"]  # definite more often than the matrix
    if method == "recycled_cg":
        return ["ic0", "lu"]
    if method == "cg":
        return ["ic0", "ssor", diagonal, "lu", *(["amg"] if has_amg(kind) else [])]
    return ["ilu0", "lu"]


def has_amg(kind: Kind) -> bool:
    """Whether algebraic multigrid can be had, and for this dtype."""
    return find_spec("pyamg") is not None and kind.dtype in ("float64", "complex128")


def candidate(
    method: str, preconditioner: str, given: Any, system: System, product: float, lu: Cost | None, usual: float
) -> Candidate:
    """Return a candidate with the beliefs about its cost, by that of complete factors and by the usual iterations."""
    if preconditioner == "given":
        is_factory = callable(given) and not hasattr(given, "shape")
        make = given if is_factory else lambda A: given
    else:
        make = PRECONDITIONERS[preconditioner]
    is_jacobi = preconditioner in DIAGONAL
    an_iteration = PRODUCTS_AN_ITERATION[method] * product * (JACOBI_ITERATION if is_jacobi else 1.0)
    if preconditioner == "lu":
        is_kept = method != "direct"
        cost = replace(lu) if is_kept else Cost(lu.setup, lu.column, hope=lu.column)
        return Candidate(method, preconditioner, make, cost, seconds_per_iteration=an_iteration)
    if preconditioner == "amg":
        cost, an_iteration = cost_of_amg(system)
    else:
        often = FEWER_ITERATIONS.get(method, 1.0) * (JACOBI_ITERATIONS if is_jacobi else 1.0)
        counts = often * usual, often * min(usual, HOPED_ITERATIONS), LEAST_ITERATIONS
        column, hope, least = (CALL_SECONDS + n * an_iteration for n in counts)
        learns = LEARNS if METHODS[method][1] else LEARNS_OMEGA if preconditioner == "ssor" else 1.0
        setup = SETUP.get(preconditioner, 15) * product
        cost = Cost(setup, column, hope=hope, least=least, learns=learns, draws=preconditioner == "ssor")
    if method in DEFINITE_ONLY and not system.kind.is_dominant:
        cost.setup, cost.column = DOUBT * cost.setup, DOUBT * cost.column
    return Candidate(method, preconditioner, make, cost, seconds_per_iteration=an_iteration)


def solve(one: Candidate, system: System, x0: Any, *, rtol: float, atol: float, maxiter: int):
    """Run a candidate's method with the preconditioner it has; remember what it has learnt."""
    function, n_recycle = METHODS[one.method]
    tolerances = {"rtol": rtol, "atol": atol, "maxiter": maxiter}
    if function is bicgstab:
        return bicgstab(system.operator, system.b, x0, M=one.M, **tolerances)
    M = one.M.matvec if one.preconditioner == "lu" and not one.is_converted else one.M
    if one.preconditioner in KEPT:
        n_recycle = 10 if one.last_nit > MANY_ITERATIONS else 0
    now = (system.matrix, one.made_for)
    result = function(
        system.operator,
        system.b,
        x0,
        M=M,
        n_recycle=n_recycle,
        recycle=one.recycle,
        same_operator=one.recycle is not None and now == one.recycled_for,
        **tolerances,
    )
    one.recycle = result.recycle if n_recycle else None
    one.recycled_for = now if result.recycle is not None else (0, 0)
    return result


@cache
def make_ready(method: str, preconditioner: str, form: str, dtype: str) -> float:
    """Solve tiny systems first: what is compiled or loaded on the first call is no cost of the method.

    Returns the seconds of a call on a system so small that it takes nothing else.
    """
    from scipy.sparse import diags_array

    if form != "sparse" or preconditioner == "given" or method == "direct":
        return 0.0
    function, n_recycle = METHODS[method]
    A = diags_array([-1.0, 3.0, -1.0], offsets=[-1, 0, 1], shape=(24, 24), dtype=dtype).tocsr()
    M = PRECONDITIONERS["none" if preconditioner == "amg" else preconditioner](A)
    options = {} if function is bicgstab else {"n_recycle": n_recycle}
    durations = []
    for shift in (0.0, 1.0, 2.0):
        b = np.cos(np.arange(24.0) + shift).astype(dtype)
        begin = time.thread_time()
        result = function(A, b, M=M, rtol=1e-3, **options)
        durations.append(time.thread_time() - begin)
        if n_recycle:
            options["recycle"] = result.recycle
    return min(durations)

"""What an optimal transport problem must be, and the form in which the solvers take it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from sparsesci._lib import validate, xp
from sparsesci._lib.iterate import Watch
from sparsesci._lib.parallel import n_workers

MASSES_AGREE = 1e-6  # relative: what rounding in single precision leaves of equal masses


@dataclass(frozen=True)
class Problem:
    """A transport problem without zero weights, of mass 1, in float64.

    Attributes
    ----------
    a, b : array (n,), (m,)
        Positive weights of sum 1.
    C : array (n, m)
        Costs; +inf where an arc is forbidden.
    shift : float
        The least cost: the solvers work with ``C - shift``, in which nothing cancels.
    span : float
        The largest finite cost, less the least one.
    whole : tuple
        ``a, b, C`` as they were given, in float64 and with the masses made equal.
    kept : tuple of array, or of None
        Indices of the positive weights of either side; None where all are.
    mass : float
        The sum of the weights that were given.
    has_forbidden_arcs : bool
        Whether a cost is +inf.
    """

    a: Any
    b: Any
    C: Any
    shift: float
    span: float
    whole: tuple
    kept: tuple
    mass: float
    has_forbidden_arcs: bool = False

    def reduced(self, g: Any, side: int) -> Any:
        """Return the entries of a full vector that belong to positive weights; side 0 is that of a, 1 that of b."""
        kept = self.kept[side]
        return g if kept is None else xp.namespace(g).take(g, kept, axis=0)

    def full(self, f: Any, side: int) -> Any:
        """Undo `reduced`: -inf stands where the weight is zero."""
        kept = self.kept[side]
        if kept is None:
            return f
        weights, namespace = self.whole[side], xp.namespace(f)
        place = namespace.cumulative_sum(namespace.astype(weights > 0, namespace.int64)) - 1
        spread = namespace.take(f, namespace.where(weights > 0, place, 0 * place), axis=0)
        return namespace.where(weights > 0, spread, namespace.full_like(spread, -math.inf))


def regularisation(reg: Any, *, zero: bool = False) -> float:
    """Return reg as a float if it is finite and positive, or zero where that is allowed."""
    reg = validate.real(reg, "reg")
    if not (math.isfinite(reg) and (reg > 0 or (zero and reg == 0))):
        advice = "" if zero else "; reg = 0, the problem without entropy, is solved by solve_ot"
        raise ValueError(f"reg is {reg!r}: a finite number {'>=' if zero else '>'} 0 is needed{advice}")
    return reg


def weights_and_costs(a: Any, b: Any, C: Any) -> tuple:
    """Check weights and costs and return them in float64, whatever their masses are; None is uniform of sum 1."""
    C = validate.float_array(C, "C")
    if C.ndim != 2 or 0 in C.shape:
        raise ValueError(f"C has shape {tuple(C.shape)}: a matrix (n, m) of costs, not empty, is needed")
    a, b = (checked_weights(w, C, name, axis) for axis, (w, name) in enumerate(((a, "a"), (b, "b"))))
    C = in_double(C, "C")
    check_costs(C)
    xp.namespace(a, b, C)
    return a, b, C


def transport_problem(a: Any, b: Any, C: Any) -> Problem:
    """Check weights and costs, and return them as the solvers take them; None is uniform weights of sum 1."""
    a, b, C = weights_and_costs(a, b, C)
    namespace = xp.namespace(C)
    b, mass = equal_masses(a, b)
    a_kept, b_kept = (positive_places(w) for w in (a, b))
    reduced_a, reduced_b, reduced_C = only_places(a, b, C, (a_kept, b_kept))
    shift = float(namespace.min(reduced_C))
    largest = float(namespace.max(reduced_C))
    forbids = largest == math.inf
    if forbids:
        largest = _check_arcs(reduced_a, reduced_b, reduced_C, (a_kept, b_kept))
    reduced_a, reduced_b = reduced_a / mass, reduced_b / mass
    return Problem(reduced_a, reduced_b, reduced_C, shift, largest - shift, (a, b, C), (a_kept, b_kept), mass, forbids)


def equal_masses(a: Any, b: Any) -> tuple:
    """Return b scaled to the mass of a, and that mass; raise ValueError where they differ by more than rounding."""
    namespace = xp.namespace(a, b)
    mass, other = float(namespace.sum(a)), float(namespace.sum(b))
    if not abs(mass - other) <= MASSES_AGREE * max(mass, other):
        raise ValueError(
            f"a has the mass {mass:.9g} and b {other:.9g}: equal masses are needed; scale one of them, "
            "or allow for the difference with solve_ot(..., unbalanced=(rho_a, rho_b))"
        )
    return b * (mass / other), mass


def starting_potential(potentials: Any, problem: Problem) -> Any:
    """Return the column potential of a pair, for positive weights and ``C - shift``; None where there is no pair."""
    if potentials is None:
        return None
    n, m = problem.whole[2].shape
    try:
        f, g = potentials
    except (TypeError, ValueError):
        raise TypeError("potentials is no pair (f, g): pass the potentials of an earlier result") from None
    for name, part, length in (("f", f, n), ("g", g, m)):
        if tuple(getattr(part, "shape", np.shape(part))) != (length,):
            raise ValueError(f"potentials has a {name} of shape {np.shape(part)}: ({length},) is needed")
    g = problem.reduced(in_double(validate.float_array(g, "g"), "g"), 1)
    namespace = xp.namespace(g, problem.b)
    if bool(namespace.any(namespace.isnan(g))) or bool(namespace.any(g == math.inf)):
        raise ValueError("potentials holds NaN or +inf in g: finite numbers are needed, -inf only for zero weights")
    if not bool(namespace.all(namespace.isfinite(g))):  # the weight was zero, and is no more
        known = namespace.isfinite(g)
        least = namespace.min(namespace.where(known, g, namespace.full_like(g, math.inf)))
        g = namespace.where(known, g, least if math.isfinite(float(least)) else 0 * least)
        g = namespace.where(namespace.isfinite(g), g, namespace.zeros_like(g))
    return g


def marginal_watch(rtol: Any, maxiter: Any, callback: Any) -> Watch:
    """Check the options of an iteration and return the watch over its marginal error, relative to the mass."""
    rtol, maxiter = validate.nonnegative_real(rtol, "rtol"), validate.positive_integer(maxiter, "maxiter")
    return Watch(1.0, rtol=rtol, atol=0.0, maxiter=maxiter, callback=callback)


def n_threads(workers: Any) -> int:
    """Return how many threads ``workers`` asks for; a map is refused, since all write into the same arrays."""
    if callable(workers):
        raise ValueError(f"workers is {workers!r}: a number of threads is needed, which write into the same arrays")
    return n_workers(workers)


def in_double(x: Any, name: str) -> Any:
    """Return real numbers in float64: potentials in single precision would lose the marginals."""
    if xp.is_complex(x.dtype):
        raise TypeError(f"{name} has dtype {xp.dtype_name(x.dtype)}: real numbers are needed")
    namespace = xp.namespace(x)
    return namespace.astype(x, namespace.float64, copy=False)


def checked_weights(w: Any, C: Any, name: str, axis: int, like: Any = None) -> Any:
    """Return the weights of one side of C as float64; uniform ones lie where C does, or ``like``."""
    length, like = C.shape[axis], C if like is None else like
    if w is None:
        namespace = xp.namespace(like)
        return namespace.full((length,), 1 / length, dtype=namespace.float64, device=xp.device(like))
    w = in_double(validate.float_array(w, name), name)
    if tuple(w.shape) != (length,):
        raise ValueError(f"{name} has shape {tuple(w.shape)}: ({length},) is needed for C of shape {tuple(C.shape)}")
    validate.finite(w, name)
    namespace = xp.namespace(w)
    if float(namespace.min(w)) < 0:
        first = int(namespace.argmax(namespace.astype(w < 0, namespace.int8)))
        raise ValueError(f"{name}[{first}] is {float(w[first])}: weights >= 0 are needed")
    total = float(namespace.sum(w))
    if not 0 < total < math.inf:
        raise ValueError(f"{name} has the sum {total}: a positive, finite mass is needed")
    return w


def check_costs(C: Any, first: int = 0, name: str = "C") -> None:
    """Raise ValueError for the first cost that is NaN or -inf; +inf is a forbidden arc. C begins at row ``first``."""
    namespace = xp.namespace(C)
    if float(namespace.min(C)) > -math.inf:  # NaN, which min hands on, is not
        return
    bad = namespace.isnan(C) | (C == -math.inf)
    flat = namespace.reshape(namespace.astype(bad, namespace.int8), (-1,))
    i, j = divmod(int(namespace.argmax(flat)), C.shape[1])
    found = f"{name}[{i + first}, {j}] is {float(C[i, j])}"
    raise ValueError(f"{found}: finite costs are needed, or +inf for a forbidden arc")


def positive_places(w: Any) -> Any:
    """Return the indices of positive weights, or None where all are."""
    namespace = xp.namespace(w)
    return None if float(namespace.min(w)) > 0 else namespace.nonzero(w > 0)[0]


def only_places(a: Any, b: Any, C: Any, kept: tuple) -> tuple:
    """Return weights and costs of some rows and columns; None is all of them, and copies nothing."""
    namespace, weights = xp.namespace(C), [a, b]
    for axis, indices in enumerate(kept):
        if indices is not None:
            weights[axis], C = namespace.take(weights[axis], indices, axis=0), namespace.take(C, indices, axis=axis)
    return *weights, C


def _check_arcs(a: Any, b: Any, C: Any, kept: tuple) -> float:
    """Raise ValueError where forbidden arcs leave a point without any, or cut the problem into unequal parts.

    Return the largest finite cost. That no plan exists for a subtler reason is not told here.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    namespace = xp.namespace(C)
    allowed = xp.to_host(C < math.inf)
    kept = [None if part is None else xp.to_host(part) for part in kept]
    for axis, side in ((1, "row"), (0, "column")):
        alone = np.flatnonzero(~allowed.any(axis=axis))
        if alone.size:
            first = alone[0] if kept[1 - axis] is None else kept[1 - axis][alone[0]]
            raise ValueError(f"{side} {first} of C is all +inf but has a positive weight: no plan exists")
    n = allowed.shape[0]
    i, j = np.nonzero(allowed)
    size = sum(allowed.shape)
    _, part = connected_components(coo_array((np.ones(i.size, bool), (i, n + j)), shape=(size, size)), directed=False)
    given, taken = np.bincount(part[:n], xp.to_host(a)), np.bincount(part[n:], xp.to_host(b), minlength=part.max() + 1)
    unequal = np.abs(given - taken) > MASSES_AGREE * np.maximum(given, taken)
    if unequal.any():
        worst = int(np.argmax(unequal))
        row = int(np.flatnonzero(part[:n] == worst)[0])
        row = row if kept[0] is None else kept[0][row]
        raise ValueError(
            f"the arcs that are not forbidden join row {row}, and others, to columns of "
            f"{taken[worst] / given[worst]:.4g} times their mass: no plan exists"
        )
    return float(namespace.max(namespace.where(C < math.inf, C, namespace.full_like(C, -math.inf))))

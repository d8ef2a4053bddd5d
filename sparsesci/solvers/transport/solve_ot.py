"""Optimal transport by the method that fits, one reg or a sequence of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from sparsesci._lib import validate
from sparsesci._lib.dispatch import public

from ..krylov.result import failures_are_handled, warn_of_failure
from .checks import regularisation, transport_problem
from .exact import exact
from .relaxed import penalties
from .result import OTResult
from .sinkhorn import sinkhorn
from .sinkhorn_newton import sinkhorn_newton
from .unbalanced import unbalanced_newton
from .unbalanced_sinkhorn import unbalanced_sinkhorn

METHODS = ("auto", "newton", "sinkhorn", "exact")
SOLVERS = {"newton": (sinkhorn_newton, unbalanced_newton), "sinkhorn": (sinkhorn, unbalanced_sinkhorn)}
MAXITER = {"newton": 200, "sinkhorn": 10_000}


@public
def solve_ot(
    a: Any,
    b: Any,
    C: Any,
    reg: float,
    *,
    unbalanced: float | tuple | None = None,
    method: str = "auto",
    rtol: float = 1e-9,
    maxiter: int | None = None,
    potentials: tuple | None = None,
    callback: Callable | None = None,
    workers: int | None = None,
) -> OTResult:
    """Move the weights a to the weights b at least cost, with entropy or without.

    Minimises ``<C, P> + reg sum P (log P - 1)`` over the plans P >= 0 with ``P 1 = a`` and ``P' 1 = b``.

    Parameters
    ----------
    a, b : array (n,), (m,), or None
        Weights >= 0 of equal mass (to 1e-6, relatively: b is scaled to the mass of a); None is uniform, of mass 1.
    C : array (n, m)
        Costs; +inf forbids an arc.
    reg : float
        The regularisation, in units of cost; 0 is the problem without entropy.
    unbalanced : float or tuple of float, optional
        Penalties (rho_a, rho_b) of marginals that need not be met: ``rho_a KL(P 1 | a) + rho_b KL(P' 1 | b)`` is added,
        masses may differ, and an `UnbalancedResult` comes back; see `unbalanced_newton`.
    method : {"auto", "newton", "sinkhorn", "exact"}
        "auto" is "exact" for reg = 0 and "newton" otherwise; the message says what was chosen and why. "exact" takes
        reg = 0 alone: an assignment where the weights are uniform and as many, a linear program on few arcs otherwise.
    rtol : float
        The rule is ``||P 1 - a||_1 + ||P' 1 - b||_1 <= rtol * sum(a)``; an exact plan is held to 1e-9 at the tightest.
    maxiter : int, optional
        The most Newton steps (default 200) or sweeps of scaling (default 10,000).
    potentials : tuple, optional
        ``result.potentials`` of a similar problem, to begin with.
    callback : callable, optional
        ``callback(intermediate_result)`` after every iteration; raise ``StopIteration`` in it to stop.
    workers : int, optional
        Threads that share the rows in Newton's method with fixed marginals, and in no other; see `sinkhorn_newton`.

    Returns
    -------
    OTResult
        With ``plan``, ``sparse_plan()``, ``potentials``, ``cost``, ``value``, ``marginal_error``, ``gradient()``. Where
        the rule was not met, ``success`` is False and a `ConvergenceWarning` gives the reason and advice.

    Raises
    ------
    ValueError, TypeError
        NaN or -inf costs, reg < 0, negative weights, unequal masses, shapes that do not match, forbidden arcs that
        leave no plan: before any work where that can be told.

    See Also
    --------
    ot_path : a sequence of regs, each from the potentials of the one before
    solve_ot_sample : the costs of a metric between two sets of points

    Examples
    --------
    Two heaps of sand on a line, and three places to bring it to.

    >>> import numpy as np
    >>> from sparsesci.solvers import ot_path, solve_ot
    >>> x, y = np.array([0.0, 1.0]), np.array([0.0, 0.5, 2.0])
    >>> C = np.abs(x[:, None] - y)
    >>> exact = solve_ot([0.5, 0.5], [0.25, 0.5, 0.25], C, reg=0)
    >>> print(exact.plan)
    [[0.25 0.25 0.  ]
     [0.   0.25 0.25]]
    >>> round(exact.cost, 12)
    0.5

    Entropy makes the plan unique, smooth in the data, and fast to find; less of it comes nearer to the exact cost.

    >>> for result in ot_path([0.5, 0.5], [0.25, 0.5, 0.25], C, regs=[1.0, 0.1, 0.01]):
    ...     print(f"reg {result.reg:4}: cost {result.cost:.4f}, {result.status.value}")
    reg  1.0: cost 0.6345, converged
    reg  0.1: cost 0.5000, converged
    reg 0.01: cost 0.5000, converged

    The potentials are the derivatives of the value by the weights: what one more grain costs here rather than there.

    >>> f, g = result.potentials
    >>> grain = np.array([1e-6, -1e-6])
    >>> shifted = solve_ot([0.5, 0.5] + grain, [0.25, 0.5, 0.25], C, reg=0.01)
    >>> bool(np.isclose(shifted.value - result.value, f @ grain, rtol=1e-3))
    True

    A thousand points to a thousand others; few entries of the plan are not negligible.

    >>> C = np.random.default_rng(17).random((1000, 1000))
    >>> result = solve_ot(None, None, C, reg=1e-4)
    >>> result.success, result.sparse_plan(1e-9).nnz < 0.01 * C.size
    (True, True)
    """
    reg = regularisation(reg, zero=True)
    if method not in METHODS:
        raise ValueError(f"method is {method!r}: accepted are {', '.join(map(repr, METHODS))}")
    if (method == "exact") != (reg == 0) and method != "auto":
        raise ValueError(f"method is {method!r} and reg {reg}: reg = 0 is solved by 'exact', and it alone")
    if unbalanced is not None:
        unbalanced = penalties(unbalanced, "unbalanced")
        if reg == 0:
            raise ValueError("reg is 0 and unbalanced is given: relaxed marginals need reg > 0, or use partial_ot")
    chosen = method if method != "auto" else "newton" if reg > 0 else "exact"
    if workers is not None and (chosen != "newton" or unbalanced is not None):
        what = "unbalanced is given" if unbalanced is not None else f"the method is {chosen!r}"
        raise ValueError(f"workers is {workers!r} and {what}: threads are for 'newton' with fixed marginals alone")
    if reg == 0:
        result = exact(transport_problem(a, b, C), validate.nonnegative_real(rtol, "rtol"))
        warn_of_failure(result, stacklevel=3)
        return result
    maxiter = MAXITER[chosen] if maxiter is None else maxiter
    run, special = SOLVERS[chosen][0], {}
    if unbalanced is not None:
        run, special = SOLVERS[chosen][1], {"rho": unbalanced}
    elif chosen == "newton":
        special = {"workers": workers}
    with failures_are_handled():  # the warning is to point at the caller's line
        result = run(a, b, C, reg, **special, rtol=rtol, maxiter=maxiter, potentials=potentials, callback=callback)
    why = "since reg > 0" if method == "auto" else "as asked for"
    result = replace(result, message=f"{result.message}; by {run.__name__}, {why}")
    warn_of_failure(result, stacklevel=3)
    return result


@public
def ot_path(
    a: Any,
    b: Any,
    C: Any,
    regs: Iterable[float],
    *,
    method: str = "auto",
    rtol: float = 1e-9,
    maxiter: int | None = None,
    potentials: tuple | None = None,
) -> tuple[OTResult, ...]:
    """Solve one transport problem for a sequence of regs, each from the potentials of the one before.

    Parameters
    ----------
    a, b, C
        Weights and costs, as in `solve_ot`.
    regs : iterable of float
        The regularisations, in any order; falling ones help each other most.
    method, rtol, maxiter, potentials
        As in `solve_ot`; ``potentials`` are those that the first begins with.

    Returns
    -------
    tuple of OTResult
        One for every reg, in order.

    Raises
    ------
    ValueError, TypeError
        What `solve_ot` raises; no reg at all.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsesci.solvers import ot_path
    >>> C = np.random.default_rng(17).random((50, 60))
    >>> [result.success for result in ot_path(None, None, C, [0.1, 0.01])]
    [True, True]
    """
    regs = [regularisation(reg, zero=True) for reg in regs]
    if not regs:
        raise ValueError("regs is empty: one number at least is needed")
    results = []
    for reg in regs:
        with failures_are_handled():
            result = solve_ot(a, b, C, reg, method=method, rtol=rtol, maxiter=maxiter, potentials=potentials)
        warn_of_failure(result, stacklevel=3)
        potentials = result.potentials
        results.append(result)
    return tuple(results)

"""Optimal transport without entropy: an assignment, or a linear program on the few arcs that can carry mass."""

from __future__ import annotations

import math

import numpy as np

from sparsesci._lib import xp
from sparsesci._lib.iterate import Watch
from sparsesci._lib.result import Status

from .feasibility import check_problem
from .result import OTResult, figures_of
from .sinkhorn_newton import solve

LEAST_GOAL = 1e-9  # an exact plan is not asked to meet its marginals any better
ROUNDING = 1e-13  # beside the span of the costs: reduced costs above minus this count as >= 0
NEAR_REG = 1e-5  # the reg, beside the span, whose potentials tell which arcs come first
NEAR_ARCS = 8.0  # arcs of a reduced cost up to this many regs come first
MANY = 400  # points of a side from which an assignment is guessed at
ASSIGNED_REG = 1e-4  # the reg, beside the span, whose potentials make the guess
NEAREST = 16  # arcs of a row along which shortest paths are sought first
FEASIBILITY = 1e-10  # of HiGHS, where weights and costs are about 1
OPTIMALITY = 1e-12  # beside the span: a reduced cost below minus this brings an arc into the program


def exact(problem, rtol: float) -> OTResult:
    """Return an optimal plan and its potentials; the message says by which method and why."""
    a, b, C = (xp.to_host(part) for part in (problem.a, problem.b, problem.C))
    check_problem(problem)
    watch = Watch(1.0, rtol=max(rtol, LEAST_GOAL), atol=0.0, maxiter=1)
    uniform = a.size == b.size and np.ptp(a) <= 1e-14 * a[0] and np.ptp(b) <= 1e-14 * b[0]
    costs = C - problem.shift
    if uniform:
        arcs, u, v = assignment(costs, potentials_near(problem, ASSIGNED_REG, 1e-2) if a.size >= MANY else None)
        flow = a
        note = "; by scipy.optimize.linear_sum_assignment, since reg = 0 and the weights are equal and uniform"
        watch.nit = 1
    else:
        arcs, flow, u, v, watch.nit = linear_program(problem, a, b, costs)
        note = "; by HiGHS on the arcs that can carry mass, since reg = 0 and the weights are not uniform"
    return _result(problem, arcs, flow, u, v, watch, note)


def potentials_near(problem, reg: float, rtol: float):
    """Return potentials of the reduced problem at a reg beside the span, as `sinkhorn_newton` comes near to them."""
    reg *= problem.span if problem.span > 0 else 1.0
    guess = solve(problem, reg, None, Watch(1.0, rtol=rtol, atol=0.0, maxiter=200))
    u, v = (xp.to_host(problem.reduced(part, side)) for side, part in enumerate(guess.x))
    return u, v - reg * math.log(problem.mass)


def assignment(costs: np.ndarray, guess: tuple | None = None):
    """Return arcs and potentials of an optimal assignment, which a guess of the potentials makes faster.

    The shortest paths by which an assignment grows are short in the reduced costs of potentials that are nearly right:
    ten to thirty times less work for points in a plane. Where k(i) is assigned to i, the row potentials are the
    shortest paths in ``u_i <= u_l + c_{i k(l)} - c_{l k(l)}``.
    """
    from scipy.optimize import linear_sum_assignment

    u, v = (np.zeros(costs.shape[0]),) * 2 if guess is None else guess
    try:
        rows, columns = linear_sum_assignment(costs if guess is None else costs - u[:, None] - v)
    except ValueError:
        raise ValueError("the forbidden arcs (of cost +inf) leave no plan with these marginals") from None
    own = costs[rows, columns]
    lost = np.finfo(float).eps * max(np.abs(u).max(), np.abs(v).max())  # in a reduced cost
    if not lost <= ROUNDING * own.max():
        return assignment(costs)
    u = shortest_paths(costs[:, columns] - own, u, own.max())
    v = np.empty_like(u)
    v[columns] = own - u
    return (rows, columns), u, v


def shortest_paths(lengths: np.ndarray, u: np.ndarray, unit: float):
    """Return u with ``u_i <= u_l + lengths_il`` by the rounds of Bellman and Ford, most of them along few arcs."""
    n = u.size
    few = min(NEAREST, n - 1)
    near = np.argpartition(lengths + u, few, axis=1)[:, : few + 1]
    near_lengths = np.take_along_axis(lengths, near, axis=1)
    for _ in range(n):
        for _ in range(n):
            u, before = np.minimum(u, (near_lengths + u[near]).min(axis=1)), u
            if (u >= before - ROUNDING * max(unit, np.abs(u).max())).all():
                break
        shorter = np.minimum(u, (lengths + u).min(axis=1))
        if (shorter >= u - ROUNDING * max(unit, np.abs(u).max())).all():
            break
        u = shorter
    return u


def linear_program(problem, a, b, costs):
    """Return arcs, flow, potentials and the number of programs solved.

    The first program holds the arcs that are near in the potentials of a small reg; each further one also those that
    the potentials of the last one show to be too cheap, until there are none: then the plan is optimal among all arcs.
    """
    from scipy.optimize import linprog
    from scipy.sparse import coo_array

    n, m = costs.shape
    unit = problem.span if problem.span > 0 else 1.0
    costs = costs / unit  # the tolerances of HiGHS are absolute
    u, v = potentials_near(problem, NEAR_REG, 1e-3)
    reduced = costs - (u[:, None] + v) / unit
    width = (NEAR_ARCS - math.log(min(a.min(), b.min()))) * NEAR_REG
    chosen = reduced <= np.maximum(width, reduced.min(axis=1, keepdims=True))  # no row is without
    scale = n * m / (n + m)
    for n_programs in range(1, 100):
        i, j = np.nonzero(chosen)
        arcs = np.arange(i.size)
        entries = np.ones(2 * i.size), (np.concatenate([i, n + j]), np.concatenate([arcs, arcs]))
        program = linprog(
            costs[i, j],
            A_eq=coo_array(entries, shape=(n + m, i.size)).tocsr(),
            b_eq=scale * np.concatenate([a, b]),
            method="highs-ds",
            options={"primal_feasibility_tolerance": FEASIBILITY, "dual_feasibility_tolerance": FEASIBILITY},
        )
        if program.status == 2 and not chosen.all():  # these arcs hold no plan
            width *= 4
            more = (reduced <= width) & (costs < math.inf)
            if (more == chosen).all() and width > 4:  # all arcs that are allowed are there
                break
            chosen = more
            continue
        if program.status != 0:
            break
        u, v = np.split(program.eqlin.marginals, [n])
        too_cheap = (costs - u[:, None] - v < -OPTIMALITY) & ~chosen
        if not too_cheap.any():
            carries = program.x > 0
            return (i[carries], j[carries]), program.x[carries] / scale, unit * u, unit * v, n_programs
        chosen |= too_cheap
    raise ValueError(f"the forbidden arcs (of cost +inf) leave no plan with these marginals (HiGHS: {program.message})")


def _result(problem, arcs, flow, u, v, watch, note) -> OTResult:
    """Return the result of a flow along arcs of the reduced problem."""
    from scipy.sparse import csr_array

    a, b, C = (xp.to_host(part) for part in problem.whole)
    i, j = (part if kept is None else xp.to_host(kept)[part] for part, kept in zip(arcs, problem.kept, strict=True))
    P = csr_array((problem.mass * flow, (i, j)), shape=C.shape)
    error = (np.abs(P.sum(axis=1) - a).sum() + np.abs(P.sum(axis=0) - b).sum()) / problem.mass
    cost = float((C[i, j] - problem.shift) @ flow + problem.shift) * problem.mass
    status = Status.CONVERGED if watch.solved(error) else Status.STAGNATED
    f, g = (problem.full(xp.to_like(part, problem.C), side) for side, part in enumerate((u, v)))
    whole_a, whole_b, whole_C = problem.whole
    return OTResult(
        x=(f, g),
        status=status,
        message=f"{status.value.split(':')[0]}, {figures_of(error, watch.goal)}{note}",
        nit=watch.nit,
        time=watch.time,
        cost=cost,
        value=cost,
        marginal_error=float(error),
        residuals=(float(error),),
        reg=0.0,
        a=whole_a,
        b=whole_b,
        C=whole_C,
        shift=problem.shift,
        flow=P,
    )

"""Orthogonal matching pursuit in the Walsh basis, stopped by what an interaction costs to name.

Pati, Rezaiifar, Krishnaprasad, *Orthogonal matching pursuit* (1993); Chen, Chen, *Extended Bayesian information
criteria for model selection with large model spaces* (2008).

Deviations
----------
1. An interaction of order j costs ``log (J + 1) + log (n over j)``: to say which order up to J it has, and which of
   that order it is. So a main effect is believed sooner than one of very many interactions, and nothing is to be tuned.
2. The pursuit is run with several J, and the best is taken: among few Walsh functions it errs less.
3. Functions that were taken in before those that matter, and are not worth their cost beside them, are put out again;
   and so is what pure noise would show in 1 % of cases, by an F-test shared among all functions as the cost is: below
   some four hundred samples this is the stricter of the two, and where K is a good part of q.
4. Where many functions matter, the first of them are not worth their cost without the others. So the pursuit goes on
   for a while when nothing pays: the cheaper a step, the longer.
"""

from __future__ import annotations

from math import comb, log, pi
from typing import Any, NamedTuple

import numpy as np

from .signs import parity
from .walsh_dictionary import Dictionary, correlations, dictionary, orders_to_try, step_cost

PATIENCE = (10, 100)  # fewest and most further Walsh functions that are taken in after the last that paid ...
PATIENT_WORK = 2**24  # ... in between, what so many pairs of a sample and a Walsh function allow
FALSE = 0.01  # probability that a function is kept where there is but noise
MOST_TERMS = 1024  # that a pursuit takes in: its time grows with their square
PARALLEL = 1e-7  # relative length of what is new in a Walsh function that is of no use


class Fit(NamedTuple):
    """Coefficients and what speaks for them.

    ``indices`` (K, w) are words, ``values`` (K,) their coefficients, ``left_out`` (q,) the errors of each value as it
    is predicted from the others, ``evidence`` the logarithm of the probability of the values.
    """

    indices: np.ndarray
    values: np.ndarray
    noise_std: float
    left_out: np.ndarray
    evidence: float
    name: str


def fit_sparse(
    points: np.ndarray, y: np.ndarray, n: int, *, noise_floor: float, max_order: int | None, most: int
) -> tuple[Fit, int]:
    """Return the best pursuit and how many were tried.

    The score of K functions is a logarithm of evidence, to be maximised; q values have p = 1 parts (2 where complex):
    ``-(p q / 2) (log (2 pi s) + 1) - (p K / 2) log q - sum of costs`` and ``s = max(RSS / (p q), noise_floor^2)``.
    It ends where RSS is at the floor. Cost of a step: that of the correlations, and O(q K).
    """
    fits = []
    for order in orders_to_try(n, len(y), max_order):
        fit, is_exact = pursue(dictionary(n, order), points, y, noise_floor=noise_floor, most=most)
        fits.append(fit)
        if is_exact:
            break
    return max(fits, key=lambda fit: fit.evidence), len(fits)


def pursue(
    functions: Dictionary, points: np.ndarray, y: np.ndarray, *, noise_floor: float, most: int
) -> tuple[Fit, bool]:
    """Return the best of the fits with up to ``most`` functions, and whether it leaves no more than the noise floor."""
    n, J = functions.n, functions.max_order
    q, parts = len(y), 2 if y.dtype.kind == "c" else 1
    cost = np.array([log(J + 1) + log(comb(n, order)) for order in range(J + 1)])
    floor = parts * q * noise_floor**2
    Q = np.empty((min(most, q, MOST_TERMS), q))
    chosen: list[int] = []
    costs: list[float] = []
    patience = int(np.clip(PATIENT_WORK // step_cost(functions, q), *PATIENCE))
    r, K, best = y.copy(), 0, 0
    scores = [score(sum_of_squares(r), q, 0, 0.0, floor, parts)]
    while len(chosen) < len(Q) and len(chosen) - best <= patience and sum_of_squares(r) > floor:
        k, order = most_telling(functions, points, r, cost, parts)
        v = signs_of(functions.indices[k : k + 1], points)[:, 0]
        for _ in range(2):  # a second time against rounding
            v = v - Q[:K].T @ (Q[:K] @ v)
        length = np.linalg.norm(v)
        if length <= PARALLEL * np.sqrt(q):
            break
        Q[K] = v / length
        r = r - Q[K] * (Q[K] @ r)
        chosen.append(k)
        costs.append(cost[order])
        K += 1
        scores.append(score(sum_of_squares(r), q, K, sum(costs), floor, parts))
        best = int(np.argmax(scores))
    kept, evidence = pruned(signs_of(functions.indices[chosen[:best]], points), y, np.array(costs[:best]), floor, parts)
    indices = functions.indices[np.array(chosen[:best], np.int64)[kept]]
    Q, R = np.linalg.qr(signs_of(indices, points))
    r = y - Q @ (Q.T @ y)
    X = np.linalg.solve(R, Q.T @ y)
    is_exact = sum_of_squares(r) <= floor
    noise_std = 0.0 if is_exact or len(kept) == q else np.sqrt(sum_of_squares(r) / (q - len(kept)))
    left_out = r / np.maximum(1 - (Q * Q).sum(axis=1), np.finfo(float).eps)
    return Fit(indices, X, float(noise_std), left_out, evidence, f"a sparse spectrum of order <= {J}"), is_exact


def pruned(A: np.ndarray, y: np.ndarray, costs: np.ndarray, floor: float, parts: int) -> tuple[np.ndarray, float]:
    """Return which columns of A (q, K) to keep, and their score: one is put out after the other while that pays.

    Without column k the residual has the square norm ``RSS + |X_k|^2 / (A'A)^-1_kk``. When nothing pays any more the
    least significant are put out, until ``P(F > F_k) exp(cost_k)``, of the F-test of X_k = 0, is 1 % at most for all.
    """
    from scipy.special import fdtrc

    kept = np.arange(A.shape[1])
    while True:
        Q, R = np.linalg.qr(A[:, kept])
        rss = sum_of_squares(y - Q @ (Q.T @ y))
        best = score(rss, len(y), len(kept), costs[kept].sum(), floor, parts)
        if not len(kept):
            return kept, float(best)
        inverse = np.linalg.inv(R)
        without = rss + abs(inverse @ (Q.T @ y)) ** 2 / (inverse**2).sum(axis=1)
        rest = costs[kept].sum() - costs[kept]
        scores = score(without, len(y), len(kept) - 1, rest, floor, parts)
        if scores.max() > best:
            kept = np.delete(kept, np.argmax(scores))
            continue
        freedom = max(len(y) - len(kept), 1)
        F = (without - rss) * freedom / max(rss, floor)
        by_chance = fdtrc(parts, parts * freedom, F) * np.exp(costs[kept])
        if by_chance.max() <= FALSE:
            return kept, float(best)
        kept = np.delete(kept, np.argmax(by_chance))


def most_telling(functions: Dictionary, points: np.ndarray, r: np.ndarray, cost: np.ndarray, parts: int):
    """Return the Walsh function whose gain in likelihood, less its cost, is the largest, and its order."""
    power = abs(correlations(functions.n, functions.indices, points, r)) ** 2
    largest = np.maximum.reduceat(power, functions.starts)
    share = np.minimum(largest / (len(r) * sum_of_squares(r)), 1 - 1e-15)
    order = int(np.argmax(-0.5 * parts * len(r) * np.log1p(-share) - cost))
    start = functions.starts[order]
    return int(start + np.argmax(power[start : start + comb(functions.n, order)])), order


def score(rss: Any, q: int, K: int, costs: Any, floor: float, parts: int) -> Any:
    """Return the logarithm of the evidence for K functions that leave the square norm ``rss``, one or several."""
    variance = np.maximum(rss, floor) / (parts * q)
    return -0.5 * parts * q * (np.log(2 * pi * variance) + 1) - 0.5 * parts * K * log(q) - costs


def signs_of(indices: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Return the Walsh functions at points as columns (q, K) of +1 and -1."""
    return 1.0 - 2.0 * parity(points[:, None, :] & indices[None, :, :])


def sum_of_squares(r: np.ndarray) -> float:
    """Return the squared norm of a real or complex vector."""
    return float(np.vdot(r, r).real)

"""The best k functions: exchanges of one function for another until none explains more.

Efroymson's exchanges as in Miller, *Subset selection in regression*, 2nd ed., CRC 2002, section 3.6 (sequential
replacement, all pairs); Zhu, Wen, Zhu, Zhang, Wang, *A polynomial algorithm for best-subset selection problem*, PNAS
117 (2020) 33117-33123 (splicing).

With ``R_S = Q U`` and ``T = U^-1`` for the k columns in S, ``H = T Q^T R``, ``P_i = |T_i|^2``, and what S leaves of the
target and of the others, ``c = R^T (z - Q Q^T z)``, ``s_j = |R_j|^2 - |Q^T R_j|^2``, the residual falls by

    (c_j + H_ij x_i / P_i)^2 / (s_j + H_ij^2 / P_i) - x_i^2 / P_i

when j takes the place of i: all k (p - k) exchanges are compared at once.

Deviations
----------
1. The start is the better end of two: that of exchanges from what `ssr` leaves, and from the best k - 1 functions with
   the one that adds the most. What is found cannot be improved by any single exchange; that it is the best of all is
   not proved.
2. Where k is to be chosen, it grows until no larger model could have a better criterion, even if it explained what all
   functions together explain.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from sparsesci._lib import validate, xp
from sparsesci._lib.dispatch import kernel
from sparsesci._lib.parallel import thread_limit

from .forward_selection import LEAST
from .gram import as_gram
from .reduced import Reduced, reduced
from .ssr import backward
from .subset_result import Rule, SubsetResult, selected


def best_subset(
    Theta: Any,
    Y: Any = None,
    *,
    n_terms: int | None = None,
    max_terms: int | None = None,
    criterion: str = "gap",
    n_effective: float | None = None,
    accuracy: Any = 0.0,
    maxiter: int = 1000,
) -> SubsetResult:
    """Find the best k functions for ``Y ~ Theta x``, ``||x||_0 <= k``, by exchanges, for one k or for all that matter.

    Parameters
    ----------
    Theta : array (n, p), Samples or Gram
        Functions at n samples.
    Y : array (n,) or (n, d), optional
        Targets; None with Samples or a Gram.
    n_terms : int, optional
        k; by default it is chosen by the criterion.
    max_terms : int, optional
        The most functions to choose from; by default as many as are independent.
    criterion, n_effective, accuracy
        How k is chosen; as in `ssr`.
    maxiter : int
        The most exchanges for one k.

    Returns
    -------
    SubsetResult
        With ``x``, ``support``, ``n_terms``, and the best models of each size: ``subsets``, ``subset_rss``, ``scores``.

    Raises
    ------
    ValueError, TypeError
        Data that `as_gram` refuses, an option that is none of those listed.

    Notes
    -----
    Cost: that of the Gram, O(p^3) for each target, and O(p^2 k) for an exchange; there are few.

    References
    ----------
    Miller, *Subset selection in regression*, 2nd ed., CRC 2002. Zhu, Wen, Zhu, Zhang, Wang, PNAS 117 (2020)
    33117-33123.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsesci.recovery.dynamics.best_subset import best_subset
    >>> rng = np.random.default_rng(3)
    >>> Theta = rng.standard_normal((200, 10))
    >>> y = 3 * Theta[:, 2] - 0.02 * Theta[:, 7] + 0.001 * rng.standard_normal(200)
    >>> result = best_subset(Theta, y)
    >>> np.flatnonzero(result.support)
    array([2, 7])
    >>> result.x[[2, 7]].round(2)
    array([ 3.  , -0.02])
    """
    begin = time.perf_counter()
    gram = as_gram(Theta, Y)
    rule = Rule.checked(criterion, n_terms, n_effective, accuracy, gram)
    most = gram.p if max_terms is None else validate.positive_integer(max_terms, "max_terms", least=0)
    maxiter = validate.positive_integer(maxiter, "maxiter")
    with thread_limit(1):
        r = reduced(gram)
        orders, _ = backward(r)
        found = [grown(r, j, order, min(most, len(order)), rule, maxiter) for j, order in enumerate(orders)]
        subsets, rss = (list(part) for part in zip(*found, strict=True))
        return selected(gram, r, subsets, rss, rule, begin, lambda text: f"exchanges of functions: {text}")


def grown(r: Reduced, target: int, order: np.ndarray, most: int, rule: Rule, maxiter: int):
    """Return the best columns for 0, 1, ... terms and what they leave of a target; ``order`` is that of `backward`."""
    z, rest = np.ascontiguousarray(r.z[:, target]), r.rest[target]
    subsets, left = [order[:0]], [z @ z]
    n, p = r.n, r.R.shape[1]
    most = most if rule.n_terms is None else min(most, rule.n_terms)
    while len(subsets) <= most:
        k = len(subsets)
        if rule.n_terms is None and rule.is_enough(rest + np.array(left), rest, n, p, target):
            break
        starts = [order[:k]]
        larger = with_best(r.R, z, subsets[-1])
        if larger is not None and set(larger.tolist()) != set(order[:k].tolist()):
            starts.append(larger)
        ends = [exchange(r.R, z, start, maxiter) for start in starts]
        S, rss, _ = min(ends, key=lambda end: end[1])
        subsets.append(S)
        left.append(min(rss, left[-1]))
    return subsets, rest + np.array(left)


def with_best(R: np.ndarray, z: np.ndarray, S: np.ndarray) -> np.ndarray | None:
    """Return columns with the one that explains the most beside them; None where all others depend on them."""
    Q = np.linalg.qr(R[:, S])[0]
    squares = (R**2).sum(axis=0) - ((Q.T @ R) ** 2).sum(axis=0)
    squares[S] = 0.0
    c = (z - Q @ (Q.T @ z)) @ R
    gains = np.where(squares > LEAST, c**2 / np.maximum(squares, LEAST), -1.0)
    j = int(np.argmax(gains))
    return np.append(S, j) if gains[j] >= 0 else None


@kernel(cpu="sparsesci._cpu.selection:exchange")
def exchange(R, z, S, most):
    """Exchange columns of R (r, p), of length 1 or 0, up to ``most`` times, the best exchange first.

    Returns
    -------
    S : int array (k,)
        The columns, from which no exchange explains more of z (r,), if there were not too many.
    rss : float
        What they leave of it.
    n : int
        Exchanges.
    """
    namespace = xp.namespace(R, z)
    S, n = [int(j) for j in S], 0
    while True:
        Q, U = namespace.linalg.qr(namespace.stack([R[:, j] for j in S], axis=1))
        T = namespace.linalg.inv(U)
        along, W = Q.T @ z, Q.T @ R
        left = z - Q @ along
        rss = float(left @ left)
        if n == most:
            return np.array(S, np.int64), rss, n
        x, P, H = T @ along, namespace.sum(T * T, axis=1), T @ W
        c, s = left @ R, namespace.sum(R * R, axis=0) - namespace.sum(W * W, axis=0)
        length = s + H * H / P[:, None]
        gain = (c + H * (x / P)[:, None]) ** 2 / namespace.clip(length, LEAST, None) - (x * x / P)[:, None]
        places = namespace.arange(R.shape[1], device=xp.device(R))
        is_open = length > LEAST
        for j in S:
            is_open = is_open & (places != j)
        gain = namespace.where(is_open, gain, -1.0)
        best = int(namespace.argmax(namespace.reshape(gain, (-1,))))
        i, j = divmod(best, R.shape[1])
        if not float(gain[i, j]) > ENOUGH * (rss + TINY):
            return np.array(S, np.int64), rss, n
        S[i], n = j, n + 1


ENOUGH, TINY = 1e-12, 1e-15  # a gain below is rounding: relative to what is left, and of a target of length 1

"""Forward selection by orthogonal least squares: one function after the other, that which explains the most.

Chen, Billings, Luo, *Orthogonal least squares methods and their application to non-linear system identification*, Int.
J. Control 50 (1989) 1873-1896; as FROLS in Billings, *Nonlinear system identification*, Wiley 2013, chapter 3.

Deviations
----------
1. Nothing is orthogonalised at the samples, but in the rows of the triangle that they are reduced to: a step costs
   O(p^2) at most, whatever n.
2. A criterion, or a number of functions, takes the place of the published threshold on the sum of the
   error reduction ratios.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from sparsesci._lib.parallel import thread_limit

from .gram import as_gram
from .reduced import Reduced, reduced
from .subset_result import Rule, SubsetResult, selected

LEAST = 1e-11  # of a column's length, squared: what is left of it when it is a combination of others


def forward_selection(
    Theta: Any,
    Y: Any = None,
    *,
    criterion: str = "gap",
    n_terms: int | None = None,
    n_effective: float | None = None,
    accuracy: Any = 0.0,
) -> SubsetResult:
    """Find sparse coefficients of ``Y ~ Theta x`` by taking the function that explains the most again and again.

    Each function is compared by its error reduction ratio, the share of the target that it explains beyond those taken
    before. A function that was taken stays: where functions are alike, `ssr` and `best_subset` are right more often.

    Parameters
    ----------
    Theta : array (n, p), Samples or Gram
        Functions at n samples.
    Y : array (n,) or (n, d), optional
        Targets; None with Samples or a Gram.
    criterion, n_terms, n_effective, accuracy
        How many functions each target is given; as in `ssr`.

    Returns
    -------
    SubsetResult
        With ``x``, ``support``, ``n_terms``, and all models of the path. ``-diff(subset_rss, axis=0) / |Y|^2`` are the
        error reduction ratios.

    Raises
    ------
    ValueError, TypeError
        Data that `as_gram` refuses, an option that is none of those listed.

    Notes
    -----
    Cost: that of the Gram, O(p^3) for its triangle, and O(p^2 k) for each target with k functions: ``n_terms``, or
    all that are independent.

    References
    ----------
    Chen, Billings, Luo, Int. J. Control 50 (1989) 1873-1896.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsesci.recovery.dynamics.forward_selection import forward_selection
    >>> rng = np.random.default_rng(3)
    >>> Theta = rng.standard_normal((200, 10))
    >>> y = 3 * Theta[:, 2] - 0.02 * Theta[:, 7] + 0.001 * rng.standard_normal(200)
    >>> result = forward_selection(Theta, y)
    >>> np.flatnonzero(result.support)
    array([2, 7])
    >>> result.x[[2, 7]].round(2)
    array([ 3.  , -0.02])
    """
    begin = time.perf_counter()
    gram = as_gram(Theta, Y)
    rule = Rule.checked(criterion, n_terms, n_effective, accuracy, gram)
    with thread_limit(1):
        r = reduced(gram)
        most = len(r.order) if n_terms is None else rule.n_terms
        orders, rss = zip(*(forward(r, j, most) for j in range(gram.d)), strict=True)
        subsets = [[order[:k] for k in range(len(order) + 1)] for order in orders]
        return selected(gram, r, subsets, list(rss), rule, begin, lambda found: f"forward selection: {found}")


def forward(r: Reduced, target: int, most: int) -> tuple[np.ndarray, np.ndarray]:
    """Return up to ``most`` columns in the order in which they are taken, and what 0, 1, ... of them leave."""
    left = r.z[:, target].copy()
    squares = (r.R**2).sum(axis=0)  # of what the columns taken leave of each
    is_open = squares > LEAST
    directions = np.empty((min(most, len(left)), len(left)))
    taken: list[int] = []
    rss = [left @ left]
    while len(taken) < len(directions):
        correlation = left @ r.R
        gains = np.where(is_open & (squares > LEAST), correlation**2 / np.maximum(squares, LEAST), 0.0)
        j = int(np.argmax(gains))
        if not gains[j] > 0:
            break
        Q = directions[: len(taken)]
        q = r.R[:, j].copy()
        for _ in range(2):  # a second time against rounding
            q -= (Q @ q) @ Q
        q /= np.sqrt(q @ q)
        directions[len(taken)] = q
        squares = squares - (q @ r.R) ** 2
        left -= (q @ left) * q
        is_open[j] = False
        taken.append(j)
        rss.append(left @ left)
    return np.array(taken, np.int64), r.rest[target] + np.array(rss)

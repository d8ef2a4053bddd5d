"""Stepwise sparse regression: all functions at first, and the least of them left out again and again.

Boninsegna, Nueske, Clementi, *Sparse learning of stochastic dynamical equations*, J. Chem. Phys. 148 (2018) 241723.

Deviations
----------
1. All p fits come from one triangle: with ``T = R^-1``, row j of which is t_j, a reflection of the coordinates that
   turns t_j into a multiple of the last one leaves in the others the inverse of R without column j. So a step costs
   O(k^2) with k columns left, all steps O(p^3), and no digit that is left in R.
2. "Least" is the function that raises the residual the least, or, as published, the one of smallest coefficient, which
   is compared for columns of length 1: it does not depend on units.
3. A gap, or an information criterion, takes the place of cross-validation.
4. Functions that depend on others are left out first.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from sparsesci._lib import validate, xp
from sparsesci._lib.dispatch import kernel
from sparsesci._lib.parallel import thread_limit

from .gram import as_gram
from .reduced import Reduced, inverted, reduced
from .subset_result import Rule, SubsetResult, selected

RANKS = ("loss", "coefficient")


def ssr(
    Theta: Any,
    Y: Any = None,
    *,
    rank: str = "loss",
    criterion: str = "gap",
    n_terms: int | None = None,
    n_effective: float | None = None,
    accuracy: Any = 0.0,
) -> SubsetResult:
    """Find sparse coefficients of ``Y ~ Theta x`` by leaving out the least function again and again.

    Each target has its own path of p models, from which a criterion chooses. No threshold is to be tuned,
    and the answer does not depend on the units of Theta and Y.

    Parameters
    ----------
    Theta : array (n, p), Samples or Gram
        Functions at n samples.
    Y : array (n,) or (n, d), optional
        Targets; None with Samples or a Gram.
    rank : {"loss", "coefficient"}
        What is left out: the function that raises the residual the least, or that of smallest ``|x_j| |Theta_j|``.
    criterion : {"gap", "bic", "aicc", "aic"}
        Chooses the number of functions. "gap": those that are taken explain many times more of what is left, each or
        together, than any of those that are not; for derivatives, whose errors are alike from sample to sample. The
        others: see `information`; for errors that are independent and many functions that are about as weak as noise.
    n_terms : int, optional
        The number of functions, instead.
    n_effective : float, optional
        As how many independent samples the data count for "bic", "aicc" and "aic"; by default n.
    accuracy : float or array (d,)
        Errors of the targets below this fraction of them (root mean squares) are not worth a function: such as the
        distance between two estimates of a derivative by methods of different orders.

    Returns
    -------
    SubsetResult
        With ``x``, ``support``, ``n_terms``, and all models of the path: ``subsets``, ``subset_rss``, ``scores``.

    Raises
    ------
    ValueError, TypeError
        Data that `as_gram` refuses, an option that is none of those listed.

    Notes
    -----
    Cost: that of the Gram, and O(p^3) for each target.

    References
    ----------
    Boninsegna, Nueske, Clementi, J. Chem. Phys. 148 (2018) 241723.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsesci.recovery.dynamics.ssr import ssr
    >>> rng = np.random.default_rng(3)
    >>> Theta = rng.standard_normal((200, 10))
    >>> y = 3 * Theta[:, 2] - 0.02 * Theta[:, 7] + 0.001 * rng.standard_normal(200)
    >>> result = ssr(Theta, y)
    >>> np.flatnonzero(result.support)
    array([2, 7])
    >>> result.x[[2, 7]].round(2)
    array([ 3.  , -0.02])
    """
    begin = time.perf_counter()
    validate.one_of(rank, RANKS, "rank")
    gram = as_gram(Theta, Y)
    rule = Rule.checked(criterion, n_terms, n_effective, accuracy, gram)
    with thread_limit(1):
        r = reduced(gram)
        orders, rss = backward(r, by_loss=rank == "loss")
        subsets = [[order[:k] for k in range(len(order) + 1)] for order in orders]
        return selected(gram, r, subsets, rss, rule, begin, lambda found: f"stepwise sparse regression: {found}")


def backward(r: Reduced, *, by_loss: bool = True) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Return for each target the columns, the last to be left out first, and what 0, 1, ... of them leave of it."""
    T = inverted(r.R[:, r.order])
    orders, rss = [], []
    for j, rest in enumerate(r.rest):
        gone, losses = eliminate(T, np.ascontiguousarray(r.z[:, j]), by_loss)
        orders.append(r.order[gone[::-1]])
        rss.append(rest + np.cumsum(np.append(0.0, losses))[::-1])
    return orders, rss


@kernel(cpu="sparsesci._cpu.selection:eliminate")
def eliminate(T, z, by_loss):
    """Take the columns of R, whose inverse is T (k, k), out one by one.

    Returns
    -------
    gone : int array (k,)
        The columns in the order in which they went.
    losses : array (k,)
        By how much that raised the residual sum of squares, z (k,) being the target.
    """
    namespace = xp.namespace(T, z)
    names, gone, losses = list(range(z.shape[0])), [], []
    while names:
        k = len(names)
        x, squares = T @ z, namespace.sum(T * T, axis=1)
        j = int(namespace.argmin(x * x / squares if by_loss else namespace.abs(x)))
        last = namespace.arange(k, device=xp.device(z)) == k - 1
        v = T[j, :] / namespace.sqrt(squares[j])
        v = v + namespace.where(last, namespace.where(v >= 0, 1.0, -1.0), 0.0)
        v = v * namespace.sqrt(2 / (v @ v))
        T, z = T - (T @ v)[:, None] * v, z - v * (v @ z)
        gone.append(names.pop(j))
        losses.append(float(z[-1]) ** 2)
        T, z = namespace.concat([T[:j, :-1], T[j + 1 :, :-1]]), z[:-1]
    return np.array(gone, np.int64), np.array(losses)

"""The marginal error of an entropic transport plan, which is recomputed from its potentials.

Not from a plan that a solver hands back: every plan of the form ``exp((f_i + g_j - C_ij) / reg)`` is optimal for its
own marginals, so that the marginals of this one tell how far it is from the plan that was asked for; those of any other
plan tell nothing (``a b'`` has the right ones).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def marginal_error(a: np.ndarray, b: np.ndarray, C: np.ndarray, reg: float, x: Sequence) -> float:
    """Return ``(||P 1 - a||_1 + ||P' 1 - b||_1) / sum(a)`` for ``P = exp((f + g' - C) / reg)``, in float64.

    Parameters
    ----------
    a, b : array (n,), (m,)
    C : array (n, m)
    reg : float
    x : pair of array (n,) and (m,)
        The potentials f and g in units of cost; the entropy is ``sum P (log P - 1)``.

    Raises
    ------
    ValueError
        x is no such pair.
    """
    if len(x) != 2 or np.shape(x[0]) != a.shape or np.shape(x[1]) != b.shape:
        raise ValueError(f"the answer is no pair of potentials of shapes {a.shape} and {b.shape}")
    f, g = (np.asarray(part, dtype=np.float64) for part in x)
    with np.errstate(over="ignore", invalid="ignore"):
        P = np.exp((f[:, None] + g - C) / reg)
        return plan_marginal_error(a, b, P)


def plan_marginal_error(a: np.ndarray, b: np.ndarray, P: np.ndarray) -> float:
    """Return the same for a plan."""
    return float((np.abs(P.sum(axis=1) - a).sum() + np.abs(P.sum(axis=0) - b).sum()) / a.sum())

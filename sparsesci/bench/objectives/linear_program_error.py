"""How far a plan and its dual variables are from optimal transport without entropy: its conditions of optimality."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .marginal_error import plan_marginal_error


def linear_program_error(a: np.ndarray, b: np.ndarray, C: np.ndarray, reg: float, x: Sequence) -> float:
    """Return the largest of four errors, all of which are zero for an optimal plan and for no other; NaN if any is NaN.

    The marginal error ``(||P 1 - a||_1 + ||P' 1 - b||_1) / sum(a)``; the most negative entry of P beside the mass; by
    how much the worst of ``u_i + v_j <= C_ij`` is violated, beside the largest cost; and the gap
    ``<C, P> - (a.u + b.v)`` beside the largest cost times the mass. ``reg`` is that of the problem beside which this
    one is solved.

    Parameters
    ----------
    a, b, C, reg
        The system.
    x : triple of array (n, m), (n,), (m,)
        Plan and dual variables.

    Raises
    ------
    ValueError
        x has other shapes.
    """
    wanted = (C.shape, a.shape, b.shape)
    if len(x) != 3 or tuple(np.shape(part) for part in x) != wanted:
        raise ValueError(f"the answer is no plan with dual variables, of shapes {wanted}")
    P, u, v = (np.asarray(part, dtype=np.float64) for part in x)
    scale, mass = np.abs(C).max(), a.sum()
    errors = (
        plan_marginal_error(a, b, P),
        -P.min() / mass,
        (u[:, None] + v - C).max() / scale,
        abs((C * P).sum() - (a @ u + b @ v)) / (scale * mass),
    )
    return float(np.max([*errors, 0.0]))  # np.max hands NaN on

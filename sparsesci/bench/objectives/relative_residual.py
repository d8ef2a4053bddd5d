"""The relative residual ``||b - A x|| / ||b||`` of a linear system."""

from __future__ import annotations

from typing import Any

import numpy as np


def relative_residual(A: Any, b: Any, x: Any) -> float:
    """Return ``||b - A x|| / ||b||``, computed in float64 or complex128; ``||A x||`` where b is zero.

    Parameters
    ----------
    A : sparse matrix or array (n, n)
    b : array (n,) or (n, p)
    x : array of the shape of b

    Raises
    ------
    ValueError
        x has another shape than b, so that the residual would be broadcast.
    """
    x = np.asarray(x)
    if x.shape != b.shape:
        raise ValueError(f"the answer has shape {x.shape}, but b has shape {b.shape}")
    residual = b - A @ x.astype(np.result_type(x.dtype, np.float64))  # the wider type carries over to the product
    return float(np.linalg.norm(residual) / (np.linalg.norm(b) or 1.0))

"""The Jacobi preconditioner, M = diag(A)^-1."""

from __future__ import annotations

from typing import Any

import numpy as np

from sparsesci._lib import validate, xp

from .factors import FactoredPreconditioner, diagonal_factors


def jacobi_preconditioner(A: Any) -> FactoredPreconditioner:
    """Return the preconditioner ``M = diag(A)^-1``.

    Rows whose diagonal entry is zero are left as they are (their entry of M is 1).

    Parameters
    ----------
    A : array or sparse matrix (n, n)
        Real or complex; integers are computed as float64.

    Returns
    -------
    FactoredPreconditioner
        Pass it as ``M``; ``M(x)`` applies it. Cost n multiplications.

    Raises
    ------
    ValueError
        A is not square, or its diagonal or the inverse of that has NaN or Inf.

    References
    ----------
    Saad, *Iterative Methods for Sparse Linear Systems*, 2nd ed., section 10.2.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsesci.solvers import jacobi_preconditioner
    >>> M = jacobi_preconditioner(np.diag([2.0, 4.0]))
    >>> M(np.ones(2))
    array([0.5 , 0.25])
    """
    A = validate.square_matrix(A, "A")
    d = A.diagonal() if xp.is_sparse(A) else xp.namespace(A).linalg.diagonal(A)
    d = validate.float_array(d, "the diagonal of A")
    validate.finite(d, "the diagonal of A")
    namespace = xp.namespace(d)
    one = namespace.ones_like(d)
    with np.errstate(over="ignore"):
        inverse = one / namespace.where(d == 0, one, d)
    validate.finite(inverse, "1 / the diagonal of A")
    return FactoredPreconditioner(diagonal_factors(inverse), "Jacobi")

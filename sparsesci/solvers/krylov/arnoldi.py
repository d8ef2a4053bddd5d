"""The Arnoldi process against a given orthonormal set: the work inside a cycle of GCRO-DR.

With rows of W as basis vectors, C the first ``k`` of them and V the others, m steps give ``A M V = [C V+] G``: column
j of G holds the coefficients of ``A M v_j`` on everything before it. The first k rows of G are the paper's B, the
rest its Hessenberg matrix.
"""

from __future__ import annotations

import math

import numpy as np

from sparsesci._lib import xp
from sparsesci._lib.dispatch import kernel
from sparsesci._lib.operator import CSR
from sparsesci._lib.xp import conj, norm, squared_norm, to_host

from .factors import Factors


@kernel(cpu="sparsesci._cpu.krylov:arnoldi", takes=(CSR, Factors))
def arnoldi(A, M, W, Z, G, null, estimates, first, start, stop, beta, goal):
    """Extend the relation by the columns start..stop-1 of G, in place; return how many columns of G are filled.

    Parameters
    ----------
    A, M : Operator
        The matrix and the preconditioner (`identity` for none).
    W : array (m + 1, n)
        Orthonormal rows 0..start; rows start+1..stop are written.
    Z : array (m, n) or (1, n)
        Receives ``M v_j`` in row j, or all of them in its one row where nobody needs them later.
    G : numpy.ndarray (m + 1, m)
        Receives the coefficients, on the host.
    null : numpy.ndarray (m + 1,)
        Left null vector of the Hessenberg part, which gives the residual norm without rotations: carried from call to
        call.
    estimates : numpy.ndarray (m,)
        Receives the residual norm after each column.
    first : int
        Number of rows of C in W; V begins at this row.
    start, stop : int
        The columns to add.
    beta : float
        Norm of the residual that W[first] was normalised from.
    goal : float
        Stop as soon as the estimate is not above it.

    Notes
    -----
    An estimate of 0 and a zero below the diagonal tell that the space is invariant; NaN that a product was not finite.
    The compiled form leaves the second subtraction out where the coefficients are mere rounding; here that would cost a
    second transfer a step.
    """
    namespace = xp.namespace(W)
    limits = namespace.finfo(W.dtype)
    smallest = math.sqrt(float(limits.smallest_normal)) / float(limits.eps)  # that can be squared without loss
    if start == first:
        null[first] = 1
    for j in range(start, stop):
        basis = W[: j + 1, :]
        with np.errstate(invalid="ignore", over="ignore"):  # NaN and Inf are found below, and named by the caller
            z = M(W[j, :])
            Z[min(j, Z.shape[0] - 1), :] = z
            w = A(z)
            h = conj(basis) @ w
            w = w - h @ basis
            correction = conj(basis) @ w
            w = w - correction @ basis
            # One transfer a step: the column of G, with ||w|| as its last entry.
            after = namespace.astype(namespace.sqrt(squared_norm(w)), W.dtype)
            column = to_host(namespace.concat([h + correction, namespace.reshape(after, (1,))]))
        after, largest = column[-1].real, np.max(np.abs(column[:-1]))
        if not smallest < after < 1 / smallest:
            after = norm(w)
        if after <= 10 * float(limits.eps) * largest:
            G[: j + 1, j], G[j + 1, j] = column[:-1], 0
            W[j + 1, :] = namespace.zeros_like(w)
            estimates[j] = 0
            return j + 1
        G[: j + 1, j], G[j + 1, j] = column[:-1], after
        W[j + 1, :] = w / float(after)
        null[j + 1] = -(null[first : j + 1] @ G[first : j + 1, j]) / after
        estimates[j] = beta / math.sqrt(float(np.sum(np.abs(null[first : j + 2]) ** 2)))
        if not estimates[j] > goal:  # also true for NaN
            return j + 1
    return stop

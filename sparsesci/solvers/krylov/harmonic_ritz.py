"""Harmonic Ritz vectors: the part of a search space that is worth keeping."""

from __future__ import annotations

import numpy as np


def harmonic_ritz(Q: np.ndarray, R: np.ndarray, T: np.ndarray, k: int, *, most: int) -> np.ndarray:
    """Return an orthonormal Y that spans the k harmonic Ritz vectors of smallest modulus.

    For ``A M Vhat = What G`` the pairs solve ``G^H G z = theta G^H T z`` with ``T = What^H Vhat``. With ``G = Q R``
    this is::

        (Q^H T R^-1) y = theta^-1 y,    y = R z

    and an orthonormal basis Y of the invariant subspace of the largest ``1 / theta`` gives the new spaces at once:
    ``C = What Q Y`` and ``U = Vhat R^-1 Y`` have ``A M U = C`` and ``C^H C = I``. It replaces a generalised
    eigenproblem and a QR factorisation.

    Parameters
    ----------
    Q, R : numpy.ndarray (m + 1, m), (m, m)
        QR factors of G; R is regular.
    T : numpy.ndarray (m + 1, m)
        Inner products of the two bases.
    k : int
        How many vectors to keep. A complex conjugate pair is never split: one more is kept, or one less where ``most``
        forbids that.
    most : int
        The most vectors there is room for.

    Returns
    -------
    Y : numpy.ndarray (m, k), or with all m columns where m <= k
    """
    from scipy.linalg import lapack, solve_triangular

    m = R.shape[0]
    if m <= k:
        return np.eye(m, dtype=R.dtype)
    B = solve_triangular(R, (Q.conj().T @ T).conj().T, trans="C", check_finite=False).conj().T
    schur, reorder = lapack.get_lapack_funcs(("gees", "trsen"), (B,))
    S, _, *parts, Y, _, _ = schur(lambda *_: None, B)
    inverse_thetas = parts[0] if len(parts) == 1 else parts[0] + 1j * parts[1]  # of a real B they come in parts
    order = np.argsort(-np.abs(inverse_thetas), kind="stable")
    last, first_left_out = inverse_thetas[order[k - 1 : k + 1]]
    if last == first_left_out.conj() != first_left_out:
        k += 1 if k < most else -1
    selected = np.zeros(m, np.int32)
    selected[order[:k]] = 1
    return reorder(selected, S, Y, job="N")[1][:, :k]

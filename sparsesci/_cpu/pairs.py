"""Products of all pairs of rows."""

from numba import njit


@njit(cache=True, nogil=True)
def pair_products(Z, out):
    """Fill out (w (w + 1) / 2, m) for rows Z (w, m); see sparsesci.recovery.dynamics.bootstrap.pair_products."""
    w, m = Z.shape
    at = 0
    for i in range(w):
        a = Z[i]
        for j in range(i, w):
            b, product = Z[j], out[at]
            for k in range(m):
                product[k] = a[k] * b[k]
            at += 1

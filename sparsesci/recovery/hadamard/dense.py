"""The dense transform along one axis, in the natural order: a readable reference and its kernel."""

from __future__ import annotations

from sparsesci._lib.dispatch import kernel
from sparsesci._lib.xp import namespace


@kernel(cpu="sparsesci._cpu.hadamard:fwht")
def butterflies(x, out, scale, spread, n_parts):
    """Return ``scale H x`` of the middle axis of x (outer, n, inner), where ``H[j, k] = (-1)^<j, k>``.

    The kernel writes into ``out``, which may be x, and runs ``n_parts`` side by side by the map ``spread``; arrays of
    other libraries are not written to.
    """
    xp, (outer, n, inner) = namespace(x), x.shape
    h = 1
    while h < n:
        pairs = xp.reshape(x, (outer, n // (2 * h), 2, h * inner))
        a, b = pairs[:, :, 0, :], pairs[:, :, 1, :]
        x = xp.stack([a + b, a - b], axis=2)
        h *= 2
    return scale * xp.reshape(x, (outer, n, inner))

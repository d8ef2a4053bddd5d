"""The derivative where no method is named: by a smoother where there is noise, by differences where there is none."""

from __future__ import annotations

from typing import Any

import numpy as np

from sparsesci._lib import xp
from sparsesci._lib.dispatch import public

from .finite_difference import finite_difference
from .kalman import smoothed_columns, surprises
from .times import Samples, samples

ORDERS = 4, 5  # of the smoothers
SHORTER = 0.85  # the smoothing time that is learned for the lower one, as a rule, in units of that of the other
DIFFERENCES = 6, 8  # orders of the differences
FEW = 256  # samples up to which smoothers of lower order are looked at: more of them tell the derivatives themselves
CLEAR = 0.7, 10.0  # -2 log likelihood by which they must predict better, a sample and in all


@public
def automatic(x: Any, t: Any = 1.0, *, axis: int = 0) -> tuple[Any, Any]:
    """Return x, smoothed where it has noise, and its derivative by the better of two methods: nothing is to be tuned.

    The one is a `kalman` smoother of order 5 that learns the noise, the other a `finite_difference` of order 8. The
    error of each is estimated by how far it is from its kin of order 4, or 6: the one that moved less is taken, for
    each series anew. Of up to 256 samples the smoother has a lower order, 2 to 4, where the likelihood clearly speaks
    for it: few samples of sharp peaks are not smooth.

    Parameters
    ----------
    x : array (n,), (n, d) or of any dimension
        The samples; of complex ones real and imaginary parts are treated as two series.
    t : float or array (n,)
        The step between two samples, or increasing times, uniform or not.
    axis : int
        The axis of the samples.

    Returns
    -------
    x, x_dot : arrays
        Of the shape and dtype of x (integers become float64). This x is smoothed in the series where the smoother was
        taken, and as it was in those where the differences were.

    Raises
    ------
    ValueError, TypeError
        Fewer than 3 samples, NaN or Inf (the message gives the index), times that do not increase.

    Notes
    -----
    Fewer than 9 samples get differences of the highest order that they are enough for, down to 2. Boundary behaviour is
    that of the method taken.

    Cost: that of a learned `kalman` and a second one that is not.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsesci.recovery.dynamics.differentiate import automatic
    >>> t = np.linspace(0, 10, 1001)
    >>> noise = np.random.default_rng(41).standard_normal(1001)
    >>> for level in (0, 0.001):
    ...     x, x_dot = automatic(np.sin(t) + level * noise, t)
    ...     print(bool(np.abs(x_dot - np.cos(t)).max() < 1e-10 + 5 * level))
    True
    True
    """
    found = samples(x, t, axis, least=3, needs="automatic")
    if xp.is_complex(found.x.dtype):
        namespace = xp.namespace(found.x)
        parts = [automatic(part, t, axis=axis) for part in (namespace.real(x), namespace.imag(x))]
        return tuple(real + 1j * imaginary for real, imaginary in zip(*parts, strict=True))
    rows = found.columns()
    times = found.step if found.is_uniform else found.times
    if found.n < DIFFERENCES[1] + 1:
        order = max(2, (found.n - 1) // 2 * 2)
        return found.from_columns(rows), found.from_columns(finite_difference(rows, times, axis=1, order=order))
    _, differences = plain = [finite_difference(rows, times, axis=1, order=order) for order in DIFFERENCES]
    smoother, _, windows = smoothed_columns(found, ORDERS[1])
    lower = smoothed_columns(found, ORDERS[0], SHORTER * windows).derivatives
    scale = np.maximum(np.abs(differences).max(axis=1, keepdims=True), np.finfo(float).tiny)
    moved = [np.linalg.norm((one - other) / scale, axis=1) for one, other in ((lower[1], smoother[1]), plain)]
    is_smooth = moved[0] < moved[1]
    if found.n <= FEW and is_smooth.any():
        smoother = of_any_order(found, smoother, windows)
    rows = np.where(is_smooth[:, None], smoother[0], rows)
    x_dot = np.where(is_smooth[:, None], smoother[1], differences)
    return found.from_columns(rows), found.from_columns(x_dot)


def of_any_order(found: Samples, smoother: np.ndarray, windows: np.ndarray) -> np.ndarray:
    """Return the series and their derivatives (2, d, n) by smoothers of lower order where these are clearly better."""
    highest, n = ORDERS[1], found.n - ORDERS[1]
    best = surprises(found, highest, windows, highest) - max(CLEAR[0] * n, CLEAR[1])
    smoother = smoother.copy()
    for order in range(2, highest):
        other = smoothed_columns(found, order)
        surprise = surprises(found, order, other.windows, highest)
        is_better = surprise < best
        smoother[:, is_better] = other.derivatives[:, is_better]
        best = np.minimum(best, surprise)
    return smoother


automatic.smoothed = automatic  # for `smoothed`, and for whoever asks every method alike

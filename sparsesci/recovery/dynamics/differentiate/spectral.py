"""Spectral derivatives of periodic samples: every frequency times ``i omega``.

Trefethen, *Spectral Methods in MATLAB*, SIAM (2000), chapter 3.
"""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np

from sparsesci._lib import validate, xp
from sparsesci._lib.dispatch import public

from .times import uniform_samples

JUMP = 3  # largest steps of x that the step from its end to its beginning may have


@public
def spectral(x: Any, t: Any = 1.0, *, axis: int = 0, derivative: int = 1, bandwidth: float = 1.0) -> Any:
    """Return the derivative of the trigonometric polynomial through periodic samples.

    ``x_dot = F^-1 (i omega)^derivative F x``, with F the discrete Fourier transform.

    Parameters
    ----------
    x : array (n,), (n, d) or of any dimension
        The samples of whole periods, without the one that repeats the first; may be complex.
    t : float or array (n,)
        The step between two samples, or uniform times.
    axis : int
        The axis of the samples.
    derivative : int
        Which derivative, 1 or higher.
    bandwidth : float
        The share of the frequencies that is kept, ``0 < bandwidth <= 1``: those with ``|omega| <= bandwidth pi / h``.
        Below 1 noise above is taken away, and what x has there.

    Returns
    -------
    array
        Of the shape and dtype of x (integers become float64).

    Raises
    ------
    ValueError, TypeError
        Fewer than 3 samples, NaN or Inf (the message gives the index), times that are not uniform or do not increase.

    Warns
    -----
    UserWarning
        From the last sample to the first is more than three times the largest step of x: it is not periodic.

    Notes
    -----
    There is no boundary: x goes on at its beginning. The error falls faster than any power of h where x is smooth and
    periodic, and noise of standard deviation s makes one of ``1.8 s / h``, times ``bandwidth^(3/2)``. Where x is not
    periodic, the jump rings: the error is ``jump / h`` at the ends and falls with the first power of the distance from
    them, so no value is right to more than two digits or so; use `finite_difference`. The highest frequency of an even
    number of samples has no odd derivative, and is left out of it.

    Cost: two transforms, ``O(n log n)``.

    References
    ----------
    Trefethen, *Spectral Methods in MATLAB*, SIAM (2000), chapter 3.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsesci.recovery.dynamics.differentiate import spectral
    >>> t = 2 * np.pi * np.arange(32) / 32
    >>> bool(np.allclose(spectral(np.exp(np.sin(t)), t), np.cos(t) * np.exp(np.sin(t)), atol=1e-12))
    True
    """
    derivative = validate.positive_integer(derivative, "derivative")
    if not 0 < validate.finite_real(bandwidth, "bandwidth") <= 1:
        raise ValueError(f"bandwidth is {bandwidth!r}: 0 < bandwidth <= 1 is needed")
    found = uniform_samples(x, t, axis, least=3, needs="spectral")
    x, n, namespace = found.x, found.n, xp.namespace(found.x)
    _warn_of_a_jump(x)
    is_complex = xp.is_complex(x.dtype)
    frequencies = np.fft.fftfreq(n) if is_complex else np.fft.rfftfreq(n)
    factor = (2j * math.pi / found.step * frequencies) ** derivative
    factor[np.abs(frequencies) > 0.5 * bandwidth * (1 + 1e-12)] = 0
    if n % 2 == 0 and derivative % 2:
        factor[n // 2] = 0
    dtype = namespace.complex64 if xp.dtype_name(x.dtype) in ("float32", "complex64") else namespace.complex128
    factor = namespace.astype(xp.to_like(factor, x), dtype)
    factor = namespace.reshape(factor, (-1, *(1,) * (x.ndim - 1)))
    if is_complex:
        return found.back(namespace.fft.ifft(factor * namespace.fft.fft(x, axis=0), axis=0))
    return found.back(namespace.fft.irfft(factor * namespace.fft.rfft(x, axis=0), n=n, axis=0))


def _warn_of_a_jump(x: Any) -> None:
    namespace = xp.namespace(x)
    steps = namespace.max(namespace.abs(x[1:, ...] - x[:-1, ...]), axis=0)
    jumps = namespace.abs(x[0, ...] - x[-1, ...]) > JUMP * steps
    if bool(namespace.any(jumps)):
        warnings.warn(
            f"x is not periodic: from its last sample to its first is more than {JUMP} times its largest step, which "
            "spoils a spectral derivative; use finite_difference, kalman or total_variation",
            UserWarning,
            stacklevel=4,
        )

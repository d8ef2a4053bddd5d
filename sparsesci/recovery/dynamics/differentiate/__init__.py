"""Derivatives of samples, with and without noise: functions ``(x, t) -> x_dot``; `automatic` returns x and x_dot.

Samples lie along the first axis of x, or along ``axis``; t is the step between two of them, or an array of times. What
a method needs beyond that are keywords, and ``functools.partial`` sets them for who calls with (x, t) alone, as SINDy
does: ``SINDy(differentiation=partial(savitzky_golay, window=31))``.

=================================  ==========================  ====================  ===============================
Method                             x                           Times                 Error inside, without noise
=================================  ==========================  ====================  ===============================
`automatic`                        smooth, noise or none       any                   that of the next two, which it
                                                                                     chooses from: start here
`finite_difference`                clean                       any                   O(h^order)
`kalman`                           smooth, with noise          any                   O(h^(2 order - 1))
`savitzky_golay`                   smooth, with noise          uniform               O((window h)^degree)
`smoothed_finite_difference`       as published ensembles      uniform               O(h^2)
                                   of SINDy models had it
`spectral`                         periodic                    uniform               faster than any power of h
`total_variation`                  its derivative jumps        any                   O(h^2)
=================================  ==========================  ====================  ===============================

Noise of standard deviation s makes an error of about s / h in a finite difference: with 1 % of noise and 100 samples in
a time unit, as large as the derivative. The smoothers learn (`kalman`, `total_variation`) or are told (the others) over
how many samples to average. `smoothed` returns the x that has been smoothed together with its derivative, by any
method; so do ``kalman.smoothed``, ``savitzky_golay.smoothed`` and so on.

>>> import numpy as np
>>> from sparsesci.recovery.dynamics import differentiate
>>> t = np.linspace(0, 10, 1001)
>>> noisy = np.sin(t) + 0.01 * np.random.default_rng(43).standard_normal(1001)
>>> x, x_dot = differentiate.smoothed(noisy, t, differentiate.kalman)
>>> bool(abs(x - np.sin(t)).max() < 0.01 and abs(x_dot - np.cos(t)).max() < 0.05)
True
"""

from .automatic import automatic
from .finite_difference import finite_difference
from .kalman import kalman
from .savitzky_golay import savitzky_golay
from .smoothed import smoothed
from .smoothed_finite_difference import smoothed_finite_difference
from .spectral import spectral
from .total_variation import total_variation

__all__ = [
    "automatic",
    "finite_difference",
    "kalman",
    "savitzky_golay",
    "smoothed",
    "smoothed_finite_difference",
    "spectral",
    "total_variation",
]

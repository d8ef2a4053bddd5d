"""Kalman filter and smoother of an integrated white noise, seen through noise, with no prior on where it starts.

y (n,) are samples, h (n - 1,) steps, all near 1; process noise of intensity 1, measurement noise of variance
``noise``. The first ``order`` samples decide where the filter starts: given them the state of sample j is ``start_j @
y[:order]``, and its error is correlated with that of the last of them by ``process[j] + noise * measured[j]``.
"""

import numpy as np
from numba import njit

STEADY = 1e-14  # relative change of the covariance below which it counts as constant


@njit(cache=True, nogil=True, error_model="numpy")
def innovations(Y, h, is_uniform, start, process, measured, noise):
    """Return the sums of ``v^2 / S`` (m,) and of ``log S`` over all samples but the first, for columns Y (n, m).

    The columns are done side by side: they share the gains, and do not wait for one another.
    """
    (n, m), p = Y.shape, start.shape[1]
    means, v, squares = np.zeros((p, m)), np.empty(m), np.zeros(m)
    P, Q, F = np.empty((p, p)), np.empty((p, p)), np.empty((p, p))
    K, scratch = np.zeros(p), np.empty((p, p))
    for a in range(p):
        for j in range(p):
            for i in range(m):
                means[a, i] += start[p - 1, a, j] * Y[j, i]
        for b in range(p):
            P[a, b] = process[p - 1, a, b] + noise * measured[p - 1, a, b]
    S, logarithm, logarithms, steady, step = 1.0, 0.0, 0.0, n, np.nan
    for k in range(p, n):
        if h[k - 1] != step:
            step = h[k - 1]
            fill_transition(step, F, Q)
        for a in range(p):  # F is upper triangular: a state can be overwritten as it goes
            for b in range(a + 1, p):
                for i in range(m):
                    means[a, i] += F[a, b] * means[b, i]
        if k <= steady:
            S, change = turn(P, F, Q, K, scratch, noise)
            logarithm = np.log(S)
            if is_uniform and change <= STEADY and k > 2 * p:
                steady = k
        logarithms += logarithm
        for i in range(m):
            v[i] = Y[k, i] - means[0, i]
            squares[i] += v[i] * v[i] / S
        for a in range(p):
            for i in range(m):
                means[a, i] += K[a] * v[i]
    return squares, logarithms


@njit(cache=True, nogil=True, error_model="numpy")
def filter_samples(y, h, is_uniform, start, process, measured, noise, means, covariances, gains, ratios):
    """Run the filter; return the sample from which on its gains are constant.

    ``means`` (n, p) become the predicted states, ``covariances`` (n, p, p) theirs, ``gains`` (n, p) K, and ``ratios``
    (n,) ``v / S``; the covariances and gains stop where they are constant.
    """
    n, p = y.size, start.shape[1]
    mean, P, Q, F = np.zeros(p), np.empty((p, p)), np.empty((p, p)), np.empty((p, p))
    K, scratch = np.zeros(p), np.empty((p, p))
    for a in range(p):
        for j in range(p):
            mean[a] += start[p - 1, a, j] * y[j]
        for b in range(p):
            P[a, b] = process[p - 1, a, b] + noise * measured[p - 1, a, b]
    S, steady, step = 1.0, n, np.nan
    for k in range(p, n):
        if h[k - 1] != step:
            step = h[k - 1]
            fill_transition(step, F, Q)
        for a in range(p):
            for b in range(a + 1, p):
                mean[a] += F[a, b] * mean[b]
        if k <= steady:
            S, change = turn(P, F, Q, K, scratch, noise)
            covariances[k] = scratch
            gains[k] = K
            if is_uniform and change <= STEADY and k > 2 * p:
                steady = k
        v = y[k] - mean[0]
        ratios[k] = v / S
        means[k] = mean
        for a in range(p):
            mean[a] += K[a] * v
    return steady


@njit(cache=True, nogil=True, error_model="numpy")
def fill_transition(step, F, Q):
    """``F[a, b] = step^(b - a) / (b - a)!`` and the covariance that white noise adds within a step."""
    p = F.shape[0]
    F[:] = 0
    for a in range(p):
        term = 1.0
        for b in range(a, p):
            F[a, b] = term
            term *= step / (b - a + 1)
    for a in range(p):
        for b in range(p):
            power = 2 * p - 1 - a - b
            Q[a, b] = F[0, p - 1 - a] * F[0, p - 1 - b] * step / power


@njit(cache=True, nogil=True, error_model="numpy")
def turn(P, F, Q, K, scratch, noise):
    """Take the covariance P of a state past the next sample, and fill K; return S, and how much K's P has changed.

    ``scratch`` becomes the covariance before that sample, ``F P F' + Q``; the change is relative to what it was.
    """
    p = P.shape[0]
    before, FP = np.empty(p), np.empty((p, p))
    for a in range(p):
        before[a] = scratch[a, a]
        for b in range(p):
            total = 0.0
            for c in range(a, p):
                total += F[a, c] * P[c, b]
            FP[a, b] = total
    change = 0.0
    for a in range(p):
        for b in range(a + 1):
            total = Q[a, b]
            for c in range(b, p):
                total += FP[a, c] * F[b, c]
            scratch[a, b] = total
            scratch[b, a] = total
        change = max(change, abs(scratch[a, a] - before[a]) / scratch[a, a])
    S = scratch[0, 0] + noise
    for a in range(p):
        K[a] = scratch[a, 0] / S
    for a in range(p):
        for b in range(p):
            P[a, b] = scratch[a, b] - K[a] * scratch[0, b]
    for b in range(p):  # what is known exactly stays so
        P[0, b] = noise * K[b]
        P[b, 0] = P[0, b]
    return S, change


@njit(cache=True, nogil=True, error_model="numpy")
def smooth(y, h, is_uniform, start, process, measured, noise, derivatives):
    """Return the smoothed states' derivatives 0..m (m + 1, n), m < p."""
    n, p, m = y.size, start.shape[1], derivatives
    means, covariances, gains, ratios = np.empty((n, p)), np.empty((n, p, p)), np.empty((n, p)), np.empty(n)
    steady = filter_samples(y, h, is_uniform, start, process, measured, noise, means, covariances, gains, ratios)
    out = np.empty((m + 1, n))
    r, u = np.zeros(p), np.zeros(p)
    F, Q, step = np.empty((p, p)), np.empty((p, p)), np.nan
    for k in range(n - 1, p - 2, -1):
        if k < n - 1:  # u = F' r
            if h[k] != step:
                step = h[k]
                fill_transition(step, F, Q)
            for b in range(p):
                total = 0.0
                for a in range(b + 1):
                    total += F[a, b] * r[a]
                u[b] = total
        if k == p - 1:
            break
        P, K = covariances[min(k, steady)], gains[min(k, steady)]
        e = ratios[k]
        for a in range(p):
            e -= K[a] * u[a]
            r[a] = u[a]
        r[0] += e
        out[0, k] = y[k] - noise * e
        for i in range(1, m + 1):
            total = means[k, i]
            for a in range(p):
                total += P[i, a] * r[a]
            out[i, k] = total
    for j in range(p):  # the samples that the filter started from: their errors go with that of the last of them
        for i in range(m + 1):
            total = 0.0
            for a in range(p):
                total += start[j, i, a] * y[a] + (process[j, i, a] + noise * measured[j, i, a]) * u[a]
            out[i, j] = total
    return out

"""How much of a normal distribution is positive: the compiled form of `sparsesci.recovery.bayes.orthant.orthant`."""

import math

import numpy as np
from numba import njit

FAR_INSIDE = 5.0  # standard deviations: the sign is certain
MOST_ROUNDS = 30
SETTLED = 1e-3
STEP = 0.8
LEAST_LEFT = 1e-10
LOG_ROOT_2_PI = 0.5 * math.log(2 * math.pi)


@njit(cache=True, nogil=True)
def orthant(T, P, scale, mean, variance):
    """Overwrite mean and variance by those of the positive part; return its log probability, as the reference does."""
    K = len(mean)
    bound = 0.0
    for a in range(K):
        variance[a] = scale * P[a, a]
        z = mean[a] / math.sqrt(variance[a])
        bound = min(bound, 0.0 if z > FAR_INSIDE else log_ndtr(z))
    if bound == 0:
        return 0.0
    b = (T @ mean) / scale
    V, Q, L = scale * P, np.empty((K, K)), np.empty((K, K))
    tau, nu, m = np.zeros(K), np.zeros(K), mean.copy()
    logdet0 = invert(T / scale, L, Q)
    logdet, log_sites = logdet0, 0.0
    new_tau, new_nu = np.empty(K), np.empty(K)
    for i in range(MOST_ROUNDS):
        log_sites, change = 0.0, 0.0
        for a in range(K):
            tau_c = max(1 / V[a, a] - tau[a], LEAST_LEFT / V[a, a])
            nu_c = m[a] / V[a, a] - nu[a]
            z = nu_c / math.sqrt(tau_c)
            log_z = log_ndtr(z)
            h = math.exp(-0.5 * z * z - LOG_ROOT_2_PI - log_z)
            log_sites += log_z + 0.5 * math.log1p(tau[a] / tau_c)
            log_sites += 0.5 * (nu_c**2 / tau_c - (nu_c + nu[a]) ** 2 / (tau_c + tau[a]))
            left = max(1 - h * (z + h), LEAST_LEFT)
            new_tau[a] = max(tau_c / left - tau_c, 0.0)
            new_nu[a] = (nu_c + h * math.sqrt(tau_c)) / tau_c * (tau_c + new_tau[a]) - nu_c
            change = max(change, abs(new_tau[a] - tau[a]) / (tau_c + new_tau[a]))
        if i > 0 and change < SETTLED:
            break
        for a in range(K):
            tau[a] += STEP * (new_tau[a] - tau[a])
            nu[a] += STEP * (new_nu[a] - nu[a])
            for d in range(K):
                Q[a, d] = T[a, d] / scale
            Q[a, a] += tau[a]
        logdet = invert(Q, L, V)
        m = V @ (b + nu)
    log_p = log_sites + 0.5 * (logdet0 - logdet)
    for a in range(K):
        log_p += 0.5 * (m[a] * (b[a] + nu[a]) - mean[a] * b[a])
    for a in range(K):
        mean[a] = max(m[a], 0.0)
        variance[a] = V[a, a]
    return min(log_p, bound) if log_p > -1e300 else bound


@njit(cache=True, nogil=True)
def log_ndtr(z):
    """Logarithm of the normal distribution function."""
    if z > -20:
        return math.log(0.5 * math.erfc(-z * math.sqrt(0.5)))
    return -0.5 * z * z - LOG_ROOT_2_PI - math.log(-z) + math.log1p(-1 / (z * z))


@njit(cache=True, nogil=True)
def invert(T, L, P):
    """Write the Cholesky factor and the inverse of T; return the logarithm of its determinant."""
    K, logdet = len(T), 0.0
    for i in range(K):
        for j in range(i + 1):
            e = T[i, j]
            for k in range(j):
                e -= L[i, k] * np.conj(L[j, k])
            if i == j:
                pivot = max(e.real, 1e-16)
                logdet += math.log(pivot)
                L[i, i] = math.sqrt(pivot)
            else:
                L[i, j] = e / L[j, j]
    for j in range(K):
        for i in range(K):
            e = T[i, j] * 0
            if i == j:
                e += 1
            for k in range(i):
                e -= L[i, k] * P[k, j]
            P[i, j] = e / L[i, i]
        for i in range(K - 1, -1, -1):
            e = P[i, j]
            for k in range(i + 1, K):
                e -= np.conj(L[k, i]) * P[k, j]
            P[i, j] = e / L[i, i]
    return logdet

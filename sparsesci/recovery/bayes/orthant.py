"""How much of a normal distribution is positive, by expectation propagation.

Minka, *Expectation propagation for approximate Bayesian inference*, UAI 2001; for regions that linear constraints
bound, Cunningham, Hennig, Lacoste-Julien, *Gaussian probabilities and expectation propagation*, arXiv 1111.6832.

Deviations
----------
1. All sites are updated at once, by a step of `STEP`: of a handful of entries the new covariance is computed anew.
2. The probability is at most that of each sign alone: it bounds what rounding makes of entries that are all but equal.
3. Where each entry is positive by `FAR_INSIDE` standard deviations, nothing is done.
"""

from __future__ import annotations

import numpy as np

from sparsesci._lib.dispatch import kernel

FAR_INSIDE = 5.0
STEP = 0.8
MOST_ROUNDS, SETTLED = 30, 1e-3
LEAST_LEFT = 1e-10  # of a variance


@kernel(cpu="sparsesci._cpu.orthant:orthant")
def orthant(T, P, scale, mean, variance):
    """Overwrite the mean and variances of ``N(mean, scale P)``, ``P = T^-1``, by those where all entries are positive.

    Returns the logarithm of the probability of that.
    """
    from scipy.special import log_ndtr

    variance[:] = scale * np.diag(P)
    z = mean / np.sqrt(variance)
    bound = float(np.where(z > FAR_INSIDE, 0.0, log_ndtr(z)).min(initial=0.0))
    if bound == 0:
        return 0.0
    b, V, m = T @ mean / scale, scale * P, mean
    tau, nu = np.zeros((2, len(mean)))  # precision and precision times mean of each site
    for i in range(MOST_ROUNDS):
        # the cavities: all that is known of an entry but its sign
        tau_c = np.maximum(1 / np.diag(V) - tau, LEAST_LEFT / np.diag(V))
        nu_c = m / np.diag(V) - nu
        z = nu_c / np.sqrt(tau_c)
        h = np.exp(-(z**2) / 2 - np.log(2 * np.pi) / 2 - log_ndtr(z))
        sites = log_ndtr(z) + np.log1p(tau / tau_c) / 2 + (nu_c**2 / tau_c - (nu_c + nu) ** 2 / (tau_c + tau)) / 2
        # the sites that give the cavities the moments of their positive half
        new_tau = np.maximum(tau_c / np.maximum(1 - h * (z + h), LEAST_LEFT) - tau_c, 0)
        new_nu = (nu_c + h * np.sqrt(tau_c)) / tau_c * (tau_c + new_tau) - nu_c
        change = np.max(abs(new_tau - tau) / (tau_c + new_tau))
        if i > 0 and change < SETTLED:
            break
        tau, nu = tau + STEP * (new_tau - tau), nu + STEP * (new_nu - nu)
        V = np.linalg.inv(T / scale + np.diag(tau))
        m = V @ (b + nu)
    log_p = sites.sum() + (np.linalg.slogdet(T / scale)[1] + np.linalg.slogdet(V)[1]) / 2
    log_p += (m @ (b + nu) - mean @ b) / 2
    mean[:], variance[:] = np.maximum(m, 0), np.diag(V)
    return min(float(log_p), bound) if np.isfinite(log_p) else bound

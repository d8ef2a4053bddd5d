"""Walks over supports without Python: the compiled form of `sparsesci.recovery.bayes.walk.walk`."""

import math

import numpy as np
from numba import njit

from sparsesci._cpu.krylov import SUMS_MAY_BE_REORDERED
from sparsesci._cpu.orthant import FAR_INSIDE, invert, log_ndtr, orthant

LEAST_V, MOST_V = 1e-3, 1e10
LEAST_REST = 1e-12
NEGLIGIBLE = 20.0
NEVER = -1e300
LOG_2 = math.log(2.0)
ROOT_HALF = math.sqrt(0.5)


@njit(cache=True, nogil=True)
def copy(source, target):
    """Copy a vector to the start of another; an assignment to a slice would compile its error messages, for seconds."""
    for i in range(len(source)):
        target[i] = source[i]


@njit(cache=True, nogil=True)
def copy_rows(source, target):
    """Copy the rows of a matrix to the first rows of another."""
    for i in range(len(source)):
        copy(source[i], target[i])


@njit(cache=True, nogil=True)
def walk(
    atoms, c, Y, known, nonnegative, moves, rng, S, v_now, rows, where, normals, supports, means, variances, scalars
):
    """Do an iteration of ``moves`` moves for each row of the trace; the arguments are explained at the reference."""
    N, n_y = c.shape
    most = len(S)
    half = 1.0 if np.iscomplexobj(c) else 0.5
    size = Y.size
    T, P, L = np.zeros((most, most), c.dtype), np.zeros((most, most), c.dtype), np.zeros((most, most), c.dtype)
    B = np.zeros((most, N), c.dtype)
    mu, x, spread = np.zeros((most, n_y), c.dtype), np.zeros((most, n_y), c.dtype), np.zeros(most)
    s, q, s0, q0, w = np.empty(N), np.empty_like(c), np.empty(N), np.empty_like(c), np.empty(N)
    fit = (T, P, L, B, mu, s, q)
    mean0, var0 = np.zeros((most, n_y)), np.zeros(most)
    K, v = 0, v_now[0]
    while K < most and S[K] >= 0:
        K += 1
    logdet, r = refresh(atoms, c, Y, v, S, K, rows, where, fit)
    f = positivity(nonnegative, known, size, K, r, fit, x, spread)
    for t in range(len(supports)):
        for _ in range(moves):
            j = int(rng.random() * (K + 1))
            is_birth = j == K
            if is_birth and (K == most or K == N):
                continue
            rest = K if is_birth else K - 1
            r0 = r + without(j, K, fit, s0, q0)
            weigh(s0, q0, r0, v, half, size, known, w)
            w += log_prior(rest + 1, N) - log_prior(rest, N)
            for a in range(K):
                if a != j:
                    w[S[a]] = NEVER
            if nonnegative:
                weigh_signs(s0, q0, r0, v, size, known, K, j, S, fit, mean0, var0, w)
            top = w.max()
            sum_w = 0.0
            for n in range(N):
                w[n] = math.exp(w[n] - top) if w[n] > top - 40.0 else 0.0
                sum_w += w[n]
            log_sum = math.log(sum_w) + top

            is_death = not is_birth and rng.random() < 0.5
            log_chance = 0.0
            if is_birth:
                log_chance = log_sum + math.log(0.5 * (K + 1) / (K + 2))
            elif is_death:
                log_chance = math.log(2.0 * (K + 1) / K) - log_sum
            if log_chance < 0 and rng.random() >= math.exp(log_chance):
                continue
            new = -1 if is_death else draw(w, rng.random() * sum_w)
            old = -1 if is_birth else S[j]
            if new == old:
                continue

            before = f - marginal_positivity(nonnegative, known, size, K, r, fit)
            logdet0, r_old, f_old = logdet, r, f
            K = replace(S, K, j, new)
            logdet, r = refresh(atoms, c, Y, v, S, K, rows, where, fit)
            if nonnegative:
                f = positivity(nonnegative, known, size, K, r, fit, x, spread)
                change = f - marginal_positivity(nonnegative, known, size, K, r, fit) - before
                if rng.random() >= math.exp(min(change, 0.0)):
                    K = put_back(S, K, j, old, is_death)
                    refresh(atoms, c, Y, v, S, K, rows, where, fit)
                    logdet, r, f = logdet0, r_old, f_old

        if K > 0:
            positivity(nonnegative, known, size, K, r, fit, x, spread)
            v = draw_v(nonnegative, known, half, size, K, r, normals[t].copy(), fit, x, rng)
            logdet, r = refresh(atoms, c, Y, v, S, K, rows, where, fit)
        f = positivity(nonnegative, known, size, K, r, fit, x, spread)
        noise = known if known > 0 else r / size
        copy(S[:K], supports[t])
        supports[t, K:] = -1
        copy_rows(x[:K], means[t])
        copy(spread[:K], variances[t])
        scalars[t, 0], scalars[t, 1] = v, noise
        scalars[t, 2] = -half * (n_y * logdet + (r / noise if known > 0 else 0.0)) + f + log_prior(K, N)
        scalars[t, 3] = -half * size * math.log(math.pi / half * noise) - half * (n_y * logdet + r / noise) + f
        if not known > 0:
            scalars[t, 2] -= half * size * math.log(r)
    S[K:] = -1
    v_now[0] = v


@njit(cache=True, nogil=True)
def log_prior(K, N):
    """Logarithm of the probability of a support of K of N entries, as the reference has it."""
    return math.log(N) + math.lgamma(K + 1.0) + math.lgamma(2.0 * N - K) - math.lgamma(2.0 * N + 1)


@njit(cache=True, nogil=True)
def draw(w, u):
    """Return the index where the running sum of w reaches u."""
    total, last = 0.0, 0
    for n in range(len(w)):
        if w[n] > 0:
            total += w[n]
            last = n
            if total > u:
                break
    return last


@njit(cache=True, nogil=True)
def replace(S, K, j, new):
    """Put ``new`` in the place of the j-th atom (j = K: at the end), or nothing where it is -1; return the size."""
    if new < 0:
        S[j] = S[K - 1]
        return K - 1
    S[j] = new
    return max(K, j + 1)


@njit(cache=True, nogil=True)
def put_back(S, K, j, old, is_death):
    """Undo `replace`; return the size."""
    if old < 0:
        return K - 1
    if is_death:
        S[K] = S[j]
        S[j] = old
        return K + 1
    S[j] = old
    return K


@njit(cache=True, nogil=True, fastmath=SUMS_MAY_BE_REORDERED)
def dot(x, y):
    """``x^H y``."""
    total = x[0] * 0
    for i in range(x.size):
        total += np.conj(x[i]) * y[i]
    return total


@njit(cache=True, nogil=True)
def see_to_rows(atoms, S, K, rows, where):
    """See that the rows ``A^H a_i`` of a support are there; where there is no room, all others are given up."""
    missing = 0
    for a in range(K):
        missing += where[S[a]] < 0
    if missing == 0:
        return
    n_rows = (where >= 0).sum()
    if n_rows + missing > len(rows):
        where[:] = -1
        n_rows = 0
    for a in range(K):
        if where[S[a]] < 0:
            row = rows[n_rows]
            for n in range(len(row)):
                row[n] = dot(atoms[n], atoms[S[a]])
            where[S[a]] = n_rows
            n_rows += 1


@njit(cache=True, nogil=True)
def refresh(atoms, c, Y, v, S, K, rows, where, fit):
    """Fill in the fit of a support; return ``log|C|`` and ``tr Y^H C^-1 Y``, the noise having variance 1."""
    T, P, L, B, mu, s, q = fit
    N, n_y = c.shape
    see_to_rows(atoms, S, K, rows, where)
    for a in range(K):
        for d in range(K):
            T[a, d] = rows[where[S[d]], S[a]]
        T[a, a] += 1 / v
    logdet = invert(T[:K, :K], L[:K, :K], P[:K, :K]) + K * math.log(v)
    s[:] = 1
    copy_rows(c, q)
    for a in range(K):
        row, Ba = rows[where[S[a]]], B[a]
        Ba[:] = 0
        for d in range(K):
            other, o = rows[where[S[d]]], P[a, d]
            for n in range(N):
                Ba[n] += o * np.conj(other[n])
        for n in range(N):
            s[n] -= (Ba[n] * row[n]).real
        mu[a] = 0
        for d in range(K):
            for k in range(n_y):
                mu[a, k] += P[a, d] * c[S[d], k]
        for n in range(N):
            for k in range(n_y):
                q[n, k] -= row[n] * mu[a, k]
    r = 0.0
    for k in range(n_y):
        for m in range(len(Y)):
            e = Y[m, k]
            for a in range(K):
                e -= atoms[S[a], m] * mu[a, k]
            r += e.real**2 + e.imag**2
        for a in range(K):
            r += (mu[a, k].real ** 2 + mu[a, k].imag ** 2) / v
    return logdet, r


@njit(cache=True, nogil=True)
def without(j, K, fit, s0, q0):
    """Write s and q of a support without its j-th atom, of all of it where j is K; return by how much r grows."""
    _, P, _, B, mu, s, q = fit
    copy(s, s0)
    copy_rows(q, q0)
    gain = 0.0
    if j == K:
        return gain
    o, Bj = P[j, j].real, B[j]
    for n in range(len(s)):
        s0[n] += (Bj[n].real ** 2 + Bj[n].imag ** 2) / o
    for k in range(q.shape[1]):
        m = mu[j, k]
        gain += (m.real**2 + m.imag**2) / o
    for n in range(len(s)):
        b = np.conj(Bj[n]) / o
        for k in range(q.shape[1]):
            q0[n, k] += b * mu[j, k]
    return gain


@njit(cache=True, nogil=True)
def weigh(s0, q0, r0, v, half, size, known, w):
    """Write the logarithm of the factor by which each candidate changes the evidence."""
    N, n_y = q0.shape
    for n in range(N):
        d = max(s0[n], 0.0) + 1 / v
        g = 0.0
        for k in range(n_y):
            g += q0[n, k].real ** 2 + q0[n, k].imag ** 2
        g /= d
        g = half * g / known if known > 0 else -half * size * math.log(max(1 - g / r0, LEAST_REST))
        w[n] = g - half * n_y * math.log(v * d)


@njit(cache=True, nogil=True)
def weigh_signs(s0, q0, r0, v, size, known, K, j, S, fit, mean0, var0, w):
    """Add to the weights what the signs say: the marginal probabilities that entries are positive, against 1/2."""
    _, P, _, B, mu, _, _ = fit
    N, n_y = q0.shape
    rest = K if j == K else K - 1
    f0, scale = 0.0, known if known > 0 else r0 / size
    for a in range(K):
        if a == j:
            continue
        ratio = 0.0 if j == K else P[a, j].real / P[j, j].real
        var0[a] = P[a, a].real - (0.0 if j == K else ratio * P[a, j].real)
        for k in range(n_y):
            mean0[a, k] = mu[a, k].real - (0.0 if j == K else ratio * mu[j, k].real)
            f0 += log_share(mean0[a, k], scale * var0[a])
    least = -NEGLIGIBLE
    if j < K:
        own = signs(S[j], s0, q0, r0, v, size, known, K, j, P, B, mean0, var0)
        least += w[S[j]] + own - f0
    bound = (rest + 1) * n_y * LOG_2 - f0
    for n in range(N):
        if w[n] + bound < least:
            w[n] = NEVER
        else:
            w[n] += signs(n, s0, q0, r0, v, size, known, K, j, P, B, mean0, var0) - f0


@njit(cache=True, nogil=True)
def signs(n, s0, q0, r0, v, size, known, K, j, P, B, mean0, var0):
    """Return what the signs say of the support with candidate n."""
    d = max(s0[n], 0.0) + 1 / v
    scale = known
    if not known > 0:
        g = 0.0
        for k in range(q0.shape[1]):
            g += q0[n, k].real ** 2
        scale = max(r0 - g / d, LEAST_REST * r0) / size
    f, product, root = 0.0, 1.0, math.sqrt(scale / d)
    for k in range(q0.shape[1]):
        f, product = times_share(f, product, q0[n, k].real / d / root)
    for a in range(K):
        if a != j:
            b = B[a, n].real
            if j < K:
                b -= P[a, j].real / P[j, j].real * B[j, n].real
            root = math.sqrt(scale * (var0[a] + b * b / d))
            for k in range(q0.shape[1]):
                f, product = times_share(f, product, (mean0[a, k] - b * q0[n, k].real / d) / root)
    return f + math.log(product)


@njit(cache=True, nogil=True)
def times_share(f, product, z):
    """Multiply ``exp(f) product`` by ``2 P(x > -z)`` for standard normal x, and keep the product within range."""
    if z < -20:
        return f + LOG_2 + log_ndtr(z), product
    product *= math.erfc(-z * ROOT_HALF) if z < FAR_INSIDE else 2.0
    if 1e-100 < product < 1e100:
        return f, product
    return f + math.log(product), 1.0


@njit(cache=True, nogil=True)
def log_share(mean, variance):
    """Return ``log(2 P(x > 0))`` for normal x."""
    z = mean / math.sqrt(variance)
    return LOG_2 if z > FAR_INSIDE else LOG_2 + log_ndtr(z)


@njit(cache=True, nogil=True)
def marginal_positivity(nonnegative, known, size, K, r, fit):
    """Return the sum of the logarithms of the marginal probabilities that entries are positive, against 1/2."""
    f = 0.0
    if nonnegative:
        scale = known if known > 0 else r / size
        for a in range(K):
            for k in range(fit[4].shape[1]):
                f += log_share(fit[4][a, k].real, scale * fit[1][a, a].real)
    return f


@njit(cache=True, nogil=True)
def positivity(nonnegative, known, size, K, r, fit, x, spread):
    """Write the posterior mean and variances of the entries; return the log probability of their signs, by EP."""
    T, P, _, _, mu, _, _ = fit
    scale = known if known > 0 else r / size
    n_y = mu.shape[1]
    for a in range(K):
        x[a] = mu[a]
        spread[a] = scale * P[a, a].real
    f = 0.0
    if nonnegative:
        spread[:K] = 0
        for k in range(n_y):
            mean, variance = mu[:K, k].real.copy(), np.empty(K)
            f += K * LOG_2 + orthant(T[:K, :K].real.copy(), P[:K, :K].real.copy(), scale, mean, variance)
            for a in range(K):
                x[a, k] = mean[a]
                spread[a] += variance[a] / n_y
    return f


@njit(cache=True, nogil=True)
def draw_v(nonnegative, known, half, size, K, r, z, fit, x, rng):
    """Draw v, given one draw of the noise variance and one of the entries, made of normal numbers z (K, l)."""
    L = fit[2]
    noise = known if known > 0 else half * r / rng.standard_gamma(half * size)
    power = 0.0
    for k in range(x.shape[1]):
        for a in range(K - 1, -1, -1):  # T = L L^H, and so L^-H z has the covariance of the posterior
            e = z[a, k]
            for d in range(a + 1, K):
                e -= np.conj(L[d, a]) * z[d, k]
            z[a, k] = e / L[a, a]
        for a in range(K):
            e = x[a, k] + math.sqrt(noise) * z[a, k]
            power += 0.0 if nonnegative and e.real < 0 else e.real**2 + e.imag**2
    v = (half * power / noise + 0.5 * size / x.shape[1]) / rng.standard_gamma(half * K * x.shape[1] + 0.5)
    return min(max(v, LEAST_V), MOST_V)

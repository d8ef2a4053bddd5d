"""Sparse Bayesian learning without a covariance: A is a map, and N may be millions.

Lin, Song, Bilgic, Ba, *Covariance-free sparse Bayesian learning*, IEEE Trans. Signal Process. 70 (2022) 3818-3831
(CoFEM): means and variances of the posterior come from conjugate gradients on

    (A^H A + s2 Gamma^-1) [mu, X] = [A^H Y, P],    Sigma_jj ~ s2 mean_q P_jq X_jq,

with P of entries +-1. With ``told_j = 1 - Sigma_jj / gamma_j``, ``Q_j = mu_j / Sigma_jj`` (how column j correlates with
what all others leave) and ``S_j = told_j / Sigma_jj`` (the variance of that), ``z_j = |Q_j|^2 / S_j`` is the square of
a standard normal number where the column is of no use.

Deviations
----------
1. From the empty model upwards: columns enter in bulk, where z_j is above the bar that one column of pure noise in N
   passes, and above a quarter of the largest. So systems have the size of the support, and take about three steps.
   For a column outside ``Q_j = a_j^H (Y - A mu) / s2`` is exact, and ``S_j = (1 - sum told / M) / s2`` the mean over
   all directions. Of columns that are all but the same one enters; sketches ``P^H A`` tell, and columns' lengths.
2. MacKay's rule for the variances and the noise, where the paper has EM: ten iterations, not hundreds.
3. Columns with z_j below half the bar leave, the lowest quarter of them at a time: where two can stand for each other,
   one stays. The bar of a column doubles each time it leaves, so that none comes and goes for ever. In the end it takes
   the whole bar to stay, and that is raised to the one that a column of pure noise passes once in ten problems.
4. Systems are scaled, start from the last solution with the same P, and are solved as exactly as the noise deserves.
   Where they are no more than these, columns take unit vectors in place of random signs: their variances are exact.
5. As long as columns enter, the noise is what they leave unexplained, also where it is given: what is not explained yet
   is noise to those that come first.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from sparsesci._lib import xp
from sparsesci._lib.operator import as_operator
from sparsesci._lib.result import Status
from sparsesci._lib.xp import adjoint

from .expectation import spread, total
from .fit import Fit
from .model import check_finite
from .normal_equations import Columns, OperatorPosterior, column_lengths, mean_square, signs, sketch, solve

N_PROBES = 8  # or twice the columns of Y, if these are more: where they agree, the bars are low
FALSE = (1.0, 0.1)  # columns of pure noise that pass the bar: while columns enter, and in the end
STRONG = 0.25  # of the largest z: what enters together
STAYS = 0.5  # of the bar: what stays while others enter, when the noise is not known yet
EXACT = 0.03  # error of a mean in posterior standard deviations, and of X relative
ALIKE = 0.97  # cosine, of sketches, of two columns that do not enter together
MOST_NEW = 2000  # columns that enter together
SHORTEST = 0.25  # square of the estimated length over that of the column, at the least
TOLD = 0.05  # what is estimated to be less is an error of the probes
LEAST_NOISE = 1e-12  # of the mean square of Y; in single precision what rounding leaves


def cofem(
    A: Any,
    Y: Any,
    *,
    weights: Any = None,
    noise_var: float | None,
    rtol: float,
    maxiter: int,
    rng: Any,
    show: Callable | None,
) -> Fit:
    """Return the fit for the columns of A (M, N) times their weights (N,), of length 1 or 0, and Y (M, l).

    Without weights the columns are as they are, and their lengths are estimated. Y has entries of mean square 1. It
    ends when no column enters or leaves and ``||mu - mu_old|| <= rtol ||mu||``. An iteration costs 3 to 5 products with
    A and A^H of ``l + max(8, 2 l)`` vectors, and memory for some vectors (N,).
    """
    (M, N), namespace = A.shape, xp.namespace(Y)
    rng = np.random.default_rng(rng)
    A = as_operator(A, Y, shape=(M, N))
    short, unit = sketch(A, weights, Y, rng)
    lengths = column_lengths(short) if weights is None else inverse(weights)
    lengths = namespace.astype(lengths, xp.real(Y).dtype) * (unit if weights is None else 1.0)
    columns = Columns(A, inverse(lengths))
    # Fits are in units of the columns as they were given, with their weights.
    units = namespace.ones_like(lengths) if weights is not None else columns.weights
    freedom = Y.shape[1] * (2 if xp.is_complex(Y.dtype) else 1)
    least = max(LEAST_NOISE, (100 * xp.precision(Y)) ** 2)
    b = columns.adjoint(Y)
    check_finite(b, A.name)
    gamma, bars = namespace.zeros_like(lengths), namespace.ones_like(lengths)
    E = Estimate.empty(b, max(N_PROBES, 2 * Y.shape[1]))
    s2, nit, is_last, status = max(1.0, noise_var or 0.0), 0, False, Status.RUNNING

    def fitted(status):
        noise = s2 if noise_var is None else noise_var
        posterior = OperatorPosterior(A, gamma * columns.weights**2, noise, lengths)
        x = spread(E.mu, E.kept) * namespace.where(gamma > 0, units, 0.0)[:, None]
        if status is not Status.RUNNING:
            x = posterior.mean(Y) * (lengths * units)[:, None]
        variance = namespace.minimum(spread(E.variance, E.kept), gamma)
        posterior = posterior if weights is None else None
        return Fit(x, units**2 * gamma, units**2 * variance, noise, [], nit, status, posterior)

    R, free = Y, float(M)
    while status is Status.RUNNING:
        bar = threshold(N, freedom, FALSE[is_last])
        S = free / (M * s2)
        z = mean_square(columns.adjoint(R)) / (s2 * free / M)
        enters = (z > bar * bars) & (z > STRONG * float(namespace.max(z))) & (gamma == 0)
        enters = enters & different(short, z, enters)
        gamma = namespace.where(enters, (z - 1) / S, gamma)

        E = expectation(columns, gamma, s2, b, E, rtol, rng, 1.0 if weights is not None else SHORTEST)
        R = Y - columns.forward(E.mu, E.kept)
        check_finite(R, A.name)
        free = max(M - float(namespace.sum(E.told)), 1.0)
        s2 = max(total(R) / (Y.shape[1] * free), least)
        if noise_var is not None:
            s2 = max(noise_var, least if is_last else s2)

        square = mean_square(E.mu)
        leaves = spread(weakest(square / (E.variance * E.told), bar if is_last else STAYS * bar), E.kept)
        gamma = namespace.where(leaves, 0.0, spread(square / E.told, E.kept))
        bars = namespace.where(leaves, 2 * bars, bars)

        nit += 1
        is_steady = not bool(namespace.any(enters | leaves)) and E.change <= rtol
        if is_steady and is_last:
            status = Status.CONVERGED
        elif nit >= maxiter:
            status = Status.MAXITER
        elif show is not None and show(fitted(status)):
            status = Status.STOPPED_BY_CALLBACK
        if is_steady and not is_last:
            is_last, s2 = True, s2 if noise_var is None else max(noise_var, least)
    return fitted(status)


class Estimate(NamedTuple):
    """The posterior of the columns with gamma > 0, ``kept`` (N,): what `expectation` returns, and starts from.

    ``mu`` (n, l), ``variance`` (n,), ``told`` (n,) are its means, variances, and ``1 - variance / gamma``; ``probes``
    and ``X`` (n, q) what the variances come from, ``change`` is ``||mu - mu_old|| / ||mu||``.
    """

    kept: Any
    mu: Any
    probes: Any
    X: Any
    variance: Any
    told: Any
    change: float

    @classmethod
    def empty(cls, b: Any, n_probes: int) -> Estimate:
        """Return the estimate where no column is kept; b is like the data."""
        namespace = xp.namespace(b)
        none = b[:0, :]
        X = namespace.zeros((0, n_probes), dtype=b.dtype, device=xp.device(b))
        real = xp.real(none[:, 0])
        return cls(xp.real(b[:, 0]) != xp.real(b[:, 0]), none, X, X, real, real, 0.0)


def expectation(
    columns: Columns,
    gamma: Any,
    s2: float,
    b: Any,
    old: Estimate,
    rtol: float,
    rng: np.random.Generator,
    shortest: float,
) -> Estimate:
    """Return the posterior for gamma (N,) and ``b = A^H Y``, starting from that for other variances.

    No variance is less than ``shortest`` times what it were if the column was orthogonal to all others.
    """
    kept = gamma > 0
    n, n_probes, n_columns = int(xp.namespace(gamma).count_nonzero(kept)), old.X.shape[1], b.shape[1]
    if n == 0:
        return Estimate.empty(b, n_probes)
    namespace = xp.namespace(b)
    is_old = old.kept[kept]

    def carried(x):
        return spread(x[kept[old.kept]], is_old)

    mu, probes, X = carried(old.mu), carried(old.probes), carried(old.X)
    n_new = n - int(namespace.count_nonzero(is_old))
    probes[~is_old] = namespace.astype(xp.to_like(signs(rng, n_new, n_probes), b), b.dtype)
    is_exact = n <= n_probes
    P = namespace.eye(n, n_probes, dtype=b.dtype, device=xp.device(b)) if is_exact else probes
    gamma, b = gamma[kept], b[kept]
    root = namespace.sqrt(1 + s2 / gamma)[:, None]  # P is +-1 where the system is scaled
    size = math.sqrt(total(b) / n_columns)
    finest, coarsest = 10 * xp.precision(b) * size, EXACT * math.sqrt(s2 * n)
    goals = [max(finest, min(coarsest, 0.3 * rtol * size))] * n_columns
    goals += [EXACT * (1 if is_exact else math.sqrt(n))] * n_probes
    goals = namespace.astype(xp.to_like(np.asarray(goals), b), gamma.dtype)
    Z = namespace.concat([b, root * P], axis=1)
    Z = solve(columns, gamma, s2, kept, Z, namespace.concat([mu, X], axis=1), goals)
    mu_old, mu, X = mu, Z[:, :n_columns], Z[:, n_columns:]
    # In units of the prior's variance, ``least`` for a column of length 1 that is orthogonal to all others.
    least = s2 / (s2 + gamma)
    left = least * namespace.sum(xp.real(P * X * root), axis=1) / (1 if is_exact else n_probes)
    left = namespace.maximum(namespace.minimum(left, 1 - TOLD + 0 * left), shortest * least)
    change = total(mu - mu_old) / total(mu) if total(mu) > 0 else 0.0
    return Estimate(kept, mu, probes, X, gamma * left, 1 - left, math.sqrt(change))


def threshold(N: int, freedom: int, false: float) -> float:
    """Return the bar for z that ``false`` of N columns of pure noise pass; the mean of z is 1."""
    from scipy.special import chdtri

    return max(1.0, float(chdtri(freedom, min(1.0, false / N))) / freedom)


def different(short: Any, z: Any, enters: Any) -> Any:
    """Return which of the columns that enter are unlike those of larger z; of the largest z ``MOST_NEW`` at most."""
    namespace = xp.namespace(z)
    if not bool(namespace.any(enters)):
        return enters
    places = namespace.nonzero(enters)[0]
    order = namespace.argsort(-namespace.take(z, places))
    places = namespace.take(places, order[: min(MOST_NEW, order.shape[0])])
    rows = namespace.take(short, places, axis=0)
    rows = rows / namespace.sqrt(namespace.sum(xp.real(xp.conj(rows) * rows), axis=1))[:, None]
    is_like = namespace.tril(namespace.astype(namespace.abs(rows @ adjoint(rows)) > ALIKE, namespace.int8), k=-1)
    is_new = ~namespace.any(is_like != 0, axis=1)
    return namespace.isin(namespace.arange(z.shape[0], device=xp.device(z)), places[is_new])


def weakest(z: Any, bar: float) -> Any:
    """Return which z are the lowest quarter, rounded up, of those that are not above the bar."""
    namespace = xp.namespace(z)
    weak = z <= bar
    ranks = namespace.argsort(namespace.argsort(namespace.where(weak, z, math.inf)))
    return weak & (ranks < (int(namespace.count_nonzero(weak)) + 3) // 4)


def inverse(x: Any) -> Any:
    """Return 1 / x where x is not zero, and zero there."""
    namespace = xp.namespace(x)
    return namespace.where(x > 0, 1 / namespace.where(x > 0, x, 1.0), 0.0)

"""Fast marginal likelihood: the steepest ascent over single variances, with the noise variance eliminated.

Tipping and Faul, *Fast marginal likelihood maximisation for sparse Bayesian models*, AISTATS 2003; with the noise as
Ji, Dunson, Carin, *Multitask compressive sensing*, IEEE Trans. Signal Process. 57 (2009) 92-106, have it; and a price
for a column as Shutin, Buchgraber, Kulkarni, Poor, *Fast variational sparse Bayesian learning with automatic relevance
determination for superimposed signals*, IEEE Trans. Signal Process. 59 (2011) 6257-6261, have a threshold.

With ``gamma_i`` in units of the noise variance, ``C = s2 B``, ``B = I + A Gamma A^H``. All but column i told,

    s = a_i^H B^-1 a_i,    q = a_i^H B^-1 Y,    R = tr(Y^H B^-1 Y),    u = |q|^2 / (s R),

and the evidence depends on gamma_i through ``t = gamma_i s / (1 + gamma_i s)``, the noise variance being its best,
``R / M`` of the whole model. A degree of freedom has half of

    l(t) = log(1 - t) - M log(1 - t u),    largest at t = (M u - 1) / (u (M - 1)), or at 0 where M u < 1;

with a known noise ``l(t) = log(1 - t) + t |q|^2 / s``, largest at ``1 - s / |q|^2``. Each step changes the one gamma_i
that raises the penalised evidence the most, and ends where no one raises it by more than ``rtol`` nats.

Deviations
----------
1. The noise variance is no parameter that is updated now and then: it is at its best in every comparison, so that it
   neither lags nor collapses.
2. The threshold of Shutin et al. is a price: the k-th column costs what a column of pure noise gains with
   probability 0.1 / N. So the objective rises with every step, and steps never repeat in a circle; one problem of
   pure noise in ten has a false entry (three, with six measurements: it is looked twice, see 3). The noise unknown, its
   law is that of F (Beta for u) with M - k degrees of freedom; with a known noise it is chi-square.
3. Where many entries are alike, none is worth its price without the others. So the ascent is repeated from its top
   with a low price (30 columns of pure noise are worth it; M / 3 columns, or M / 10 more) and from there with the full
   one again, as long as that ends higher.
4. Where there are more measurements than unknowns, least squares tell the noise as well. Where the learned one is more
   than that can be, many entries were taken for noise, none of which is worth its price: then the ascent is made with
   the noise of least squares.
5. Rows ``A^H a_j`` are kept, and all else is updated from them at rank one; everything is computed anew after 100 steps
   and before the end is believed.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from sparsesci._lib import xp
from sparsesci._lib.dispatch import kernel
from sparsesci._lib.result import Status
from sparsesci._lib.xp import adjoint, conj, real

from .expectation import columns, expectation, log_evidence, spread, total
from .fit import Fit

FALSE, LOOSE = 0.1, 30.0  # columns of pure noise, of N, that are worth their price
RARE = 1e-3  # probability of a noise that is believed to be the learned one, and is not
ROUGH = 0.3  # nats: where the ascent with the low price ends
FLOOR = 1e-13  # of the mean square of Y, for the noise: what rounding leaves
EPS = 1e-15  # from 1, for t and u
MOST = 1e14  # of gamma: with more, inverses have no digit left where columns are nearly dependent
LEAST = 1e-8  # of a column's length, squared: what is left of it when it is all but a combination of others


def fast(
    A: Any,
    weights: Any,
    Y: Any,
    *,
    noise_var: float | None,
    rtol: float,
    maxiter: int,
    show: Callable | None = None,
    n_data: int | None = None,
) -> Fit:
    """Return the fit for the columns of A (M, N) times their weights (N,), of length 1 or 0, and Y (M, l).

    All in double precision. Cost: O(N k) a step with k columns active, O(M N) where one is active for the first time.
    ``n_data`` is the number M of measurements, where A and Y are not these themselves, but have fewer rows with the
    same products: ``A^H A``, ``A^H Y`` and ``Y^H Y`` are all that is told of them.
    """
    M = n_data or A.shape[0]
    climb = Climb(A, weights, Y, M, maxiter, show)
    gamma, status = climb.to_the_top(noise_var or 0.0, rtol)
    if noise_var is None and status is Status.CONVERGED and A.shape[1] < M:
        rest, freedom = unexplained(A * weights, Y, M)
        if freedom and climb.fit(gamma, 0.0, status).noise_var > most_noise(rest, freedom, climb.freedom):
            gamma, status = climb.to_the_top(max(rest / freedom, climb.floor / M), rtol)
    return climb.fit(gamma, noise_var or 0.0, status)


class Climb:
    """The ascent from call to call: what it has kept, and how high it has come.

    ``freedom`` is the number of real numbers in a row of Y, ``misfit`` the mean square of a column of Y, and
    ``floor`` the part of it that counts as rounding.
    """

    def __init__(self, A: Any, weights: Any, Y: Any, M: int, maxiter: int, show: Callable | None):
        self.A, self.weights, self.Y, self.M, self.maxiter, self.show = A, weights, Y, M, maxiter, show
        self.b = conj(adjoint(Y) @ A) * weights  # row l: A^H y_l
        self.misfit = total(Y) / Y.shape[1]
        self.floor = FLOOR * self.misfit
        self.freedom = Y.shape[1] * (2 if xp.is_complex(A.dtype) else 1)
        self.evidence: list[float] = []
        self._kept = self.b[:0, :], np.full(A.shape[1], -1)  # rows A^H a_j, and where they are

    def to_the_top(self, noise: float, rtol: float) -> tuple[Any, Status]:
        """Return gamma at the highest point of ascents with the full price and with the low one by turns."""
        M, N = self.M, self.A.shape[1]
        namespace = xp.namespace(self.b)
        tight, loose = (prices(M, N, self.freedom, false, is_noise_known=noise > 0) for false in (FALSE, LOOSE))
        gamma = namespace.zeros((N,), dtype=real(self.b).dtype, device=xp.device(self.b))
        gamma, best, status = self._ascend(gamma, tight, tight, noise, rtol)
        while status is Status.CONVERGED:
            n_active = int(namespace.count_nonzero(gamma))
            n_more = max(M // 3, n_active + M // 10)
            other, _, status = self._ascend(gamma, loose[:n_more], tight, noise, ROUGH)
            if status is Status.CONVERGED:
                other, height, status = self._ascend(other, tight, tight, noise, rtol)
                if not height > best + rtol:
                    break
                gamma, best = other, height
        return gamma, status

    def _ascend(self, gamma, costs, tight, noise, rtol):
        """Return gamma where no step pays its cost any more, how high that is at the full price, and how it ended."""
        M, n_columns = self.M, self.Y.shape[1]
        status = Status.RUNNING
        while status is Status.RUNNING:
            n_steps = self.maxiter - len(self.evidence) if self.show is None else 1
            data, rule = (self.A, self.weights, self.b, self.misfit, self.floor), (costs, noise, rtol, n_steps)
            gamma, history, is_done, *self._kept = ascend(*data, gamma, *rule, *self._kept, M)
            log_determinant, left = np.reshape(history, (-1, 2)).T
            s2 = noise + (noise == 0) * (np.maximum(left, 0.0) + self.floor) / M
            whole = log_determinant + M * np.log(s2)
            self.evidence.extend(log_evidence(left / s2, whole, M, n_columns, is_complex=xp.is_complex(self.A.dtype)))
            if is_done:
                status = Status.CONVERGED
            elif len(self.evidence) >= self.maxiter:
                status = Status.MAXITER
            elif self.show(self.fit(gamma, noise, status)):
                status = Status.STOPPED_BY_CALLBACK
        n_active = int(xp.namespace(gamma).count_nonzero(gamma))
        evidence = self.evidence[-1] if n_active else self._without_columns(noise)
        return gamma, evidence - tight[:n_active].sum(), status

    def _without_columns(self, noise: float) -> float:
        """Return the evidence where all is noise."""
        M, n_columns = self.M, self.Y.shape[1]
        s2 = noise or (self.misfit + self.floor) / M
        is_complex = xp.is_complex(self.A.dtype)
        return float(log_evidence(self.misfit / s2, M * math.log(s2), M, n_columns, is_complex=is_complex))

    def fit(self, gamma: Any, noise: float, status: Status) -> Fit:
        """Return the posterior for gamma, in units of Y; the noise is at its best where it is unknown (0)."""
        kept = gamma > 0
        Phi = columns(self.A, kept) * self.weights[kept]
        E = expectation(Phi, self.Y, gamma[kept], 1.0)
        s2 = noise or (E.misfit + self.floor) / self.M
        parts = spread(E.mu, kept), s2 * gamma, s2 * spread(E.variance, kept)
        return Fit(*parts, s2, self.evidence, len(self.evidence), status)


def unexplained(A: Any, Y: Any, M: int) -> tuple[float, int]:
    """Return what least squares leave of a column of Y, in the mean, and in how many dimensions: M less the rank."""
    N = A.shape[1]
    values, V = xp.namespace(A).linalg.eigh(adjoint(A) @ A)
    is_there = values > N * xp.precision(values) * float(values[-1])
    V = columns(V, is_there)
    X = V @ ((adjoint(V) @ (adjoint(A) @ Y)) / values[is_there][:, None])
    return total(Y - A @ X) / Y.shape[1], M - int(xp.namespace(A).count_nonzero(is_there))


def most_noise(rest: float, freedom: int, n_numbers: int) -> float:
    """Return the noise variance that leaves so little, or less, to least squares once in a thousand times."""
    from scipy.special import chdtri

    d = freedom * n_numbers
    return n_numbers * rest / float(chdtri(d, 1 - RARE))


@functools.lru_cache
def prices(M: int, N: int, freedom: int, false: float, *, is_noise_known: bool) -> np.ndarray:
    """Return the gain that a column of pure noise reaches with probability false / N, for the 1st, 2nd, ... column.

    With the noise unknown as many columns are allowed as leave it a degree of freedom.
    """
    from scipy.special import betainccinv, chdtri

    if is_noise_known:
        z = max(chdtri(freedom, min(false / N, 1.0)) / freedom, 1.0)  # of |q|^2 / s, the mean over columns
        t = 1 - 1 / z
        return np.full(min(M, N), 0.5 * freedom * (np.log1p(-t) + t * z))
    k = np.arange(min(M - 1, N))
    # Of what the k columns before have left; each of those still has its share of s2 in R.
    u = betainccinv(freedom / 2, freedom / 2 * (M - k - 1), min(false / N, 1.0)) * (M - k) / M
    u = np.maximum(u, 1 / M)
    t = (M * u - 1) / (u * (M - 1))
    return 0.5 * freedom * (np.log1p(-t) - M * np.log1p(-t * u))


@kernel(cpu="sparsesci._cpu.marginal_likelihood:ascend")
def ascend(A, weights, b, misfit, floor, gamma, costs, noise, rtol, n_steps, gram, place, n_data=0):
    """Take up to ``n_steps`` steps from gamma (N,), each the one that raises the penalised evidence the most.

    ``b`` (l, N) is ``A^H Y``, ``misfit`` the mean square of a column of Y, ``floor`` what is always left of it,
    ``costs`` what the columns cost, ``noise`` the variance of the noise or 0 where it is unknown. ``gram`` and
    ``place`` are what a kernel keeps from call to call. ``n_data`` is the number of measurements, or 0 where A and Y
    are the measurements themselves.

    Returns
    -------
    gamma : array (N,)
    history : a pair, log|B| and the mean of y^H B^-1 y, for every step
    is_done : bool
        Whether no step is left that raises the evidence by more than rtol.
    """
    namespace = xp.namespace(A, b)
    A, b = A * weights, b.T
    places = namespace.arange(gamma.shape[0], device=xp.device(gamma))
    unit = namespace.eye(A.shape[0], dtype=A.dtype, device=xp.device(A))
    history: list[Any] = []
    while True:
        kept = gamma > 0
        Phi = columns(A, kept)
        P = namespace.linalg.inv(adjoint(Phi) @ Phi + diagonal(1 / gamma[kept], A.dtype))
        mu = P @ b[kept]
        left = misfit - float(real(namespace.sum(conj(b[kept]) * mu))) / b.shape[1]
        B = unit + (A * gamma) @ adjoint(A)
        if history:
            history[-1] = (float(namespace.linalg.slogdet(B)[1]), left)
        if len(history) == n_steps:
            return gamma, history, False, gram, place
        S = real(namespace.sum(conj(A) * namespace.linalg.solve(B, A), axis=0))
        Q = b - adjoint(A) @ (Phi @ mu)
        without = namespace.ones_like(S)  # 1 - gamma S
        without[kept] = real(namespace.linalg.diagonal(P)) / gamma[kept]
        j, g, gain = best_step(S, Q, without, gamma, max(left, 0.0) + floor, costs, noise, n_data or A.shape[0])
        if not gain > rtol:
            return gamma, history, True, gram, place
        gamma = namespace.where(places == j, g, gamma)
        history.append(None)


def best_step(S, Q, without, gamma, left, costs, noise, M):
    """Return the column whose gamma is to be changed, its new value, and by how much the penalised evidence rises."""
    namespace = xp.namespace(S, Q)
    freedom = Q.shape[1] * (2 if xp.is_complex(Q.dtype) else 1)
    n_active = int(namespace.count_nonzero(gamma))
    cost_in = float(costs[n_active]) if n_active < len(costs) else math.inf
    cost_out = float(costs[n_active - 1]) if n_active else 0.0

    square = namespace.mean(real(conj(Q) * Q), axis=1)
    s = namespace.where(S > LEAST, S / without, namespace.ones_like(S))
    z = namespace.where(S > LEAST, square / (s * without**2), namespace.zeros_like(S))  # |q|^2 / s
    rest = left + gamma * square / without
    most = MOST * s / (1 + MOST * s)
    if noise > 0:
        t = namespace.minimum(1 - noise / namespace.clip(z, noise, None), most)
        height = namespace.log1p(-t) + t * z / noise
        t_now = gamma * s / (1 + gamma * s)
        now = namespace.log1p(-t_now) + t_now * z / noise
    else:
        u = namespace.clip(z / rest, 1 / M, 1 - EPS)
        t = namespace.minimum(namespace.clip((M * u - 1) / (u * (M - 1)), 0.0, 1 - EPS), most)
        height = namespace.log1p(-t) - M * namespace.log1p(-t * u)
        t_now = namespace.clip(gamma * s / (1 + gamma * s), 0.0, 1 - EPS)
        now = namespace.log1p(-t_now) - M * namespace.log1p(-t_now * u)
    is_active = gamma > 0
    stays = namespace.where(t > 0, 0.5 * freedom * (height - now), namespace.zeros_like(t))
    goes = cost_out - 0.5 * freedom * now
    enters = 0.5 * freedom * height - cost_in
    gain = namespace.where(is_active, namespace.where(stays >= goes, stays, goes), enters)
    j = int(namespace.argmax(gain))
    is_kept = not bool(is_active[j]) or (float(t[j]) > 0 and bool(stays[j] >= goes[j]))
    return j, float(t[j] / ((1 - t[j]) * s[j])) if is_kept else 0.0, float(gain[j])


def diagonal(values, dtype):
    """Return a diagonal matrix."""
    namespace = xp.namespace(values)
    return namespace.astype(values, dtype) * namespace.eye(values.shape[0], dtype=dtype, device=xp.device(values))

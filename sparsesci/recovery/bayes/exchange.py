"""Exchange: a walk over supports that replaces one entry by any other, for columns that are all but the same.

The model is Bernoulli-Gaussian: each entry is in the support with one probability, which is unknown, Beta(1, N); on a
support S ``x_i ~ N(0, v s2)`` in units of the columns' lengths, or the positive half of that; and ``y = A x + n``,
``n ~ N(0, s2 I)``. The entries and, where it is unknown, the noise variance s2 (with density 1/s2) are integrated out
in closed form, which leaves the probability of a support; v is drawn: ``1/v ~ Gamma(1/2, M/2)``, with which an entry
says about as much as one measurement, or much more, and seldom less (Zellner and Siow, 1980); else many tiny ones
explain any noise.

Why the evidence of the variances, `sbl`'s other methods, goes wrong where columns are alike (mineral spectra have
correlations of 0.9 on average and 0.99998 at most): its ascent changes one variance, or all by a little, at a time. A
wrong column that entered early, as their mean does, is explained away by further wrong columns, not taken back, for to
replace it by the right one leads through supports that fit much worse: local maxima. And at its best maximum it still
is one support with its confidence, where the data leave hundreds as good. What helps is to exchange in one step, which
all N candidates can be asked for at once, and to average over what is left open.

Moves, from a support S of K entries, with ``C = I + v A_S A_S^H``: take one entry j out, which is of rank one (Kormylo
and Mendel, 1982), and with ``s_i = a_i^H C^-1 a_i``, ``q_i = a_i^H C^-1 Y`` of the rest know for each i at once

    p(S - j + i) / p(S - j)  ~  (1 + v s_i)^-l/2  (1 - v |q_i|^2 / ((1 + v s_i) r))^-M l/2,    r = tr(Y^H C^-1 Y);

draw the i that takes its place (Gibbs sampling, George and McCulloch, 1997); or leave j out, or put one in without
taking one out (accepted as Metropolis and Hastings say). O(N (K + l)) a move, O(N K (K + l)) more when the support
changes, and O(M N) when a column is in it for the first time.

With non-negative entries the probability of the signs is a factor: drawn with the product of marginal probabilities,
accepted with the whole by expectation propagation (see `orthant`). This is near, not exact: the noise variance in the
signs is at its mean, and v is drawn with normal entries, of which negative ones count as zero. Candidates that are less
likely than what is there by `NEGLIGIBLE` nats are left out.

Several walks start from nothing. One that is left behind by `BEHIND` nats goes on from where the best is. They end when
they agree: the first half of each forgotten, the potential scale reduction of the log probability (Gelman and Rubin,
1992), of both halves of what is left of each, is at most `AGREED`, and no entry is one walk's by more than `APART` of
its time than another's.

The answer: the support that maximises the expected F1 score against the posterior, and on it the posterior mean and
variance, over all supports that were visited; ``gamma = v s2``.

References
----------
Kormylo and Mendel, IEEE Trans. Inform. Theory 28 (1982) 482-488. Zellner and Siow, Trab. Estad. 31 (1980) 585-603.
George and McCulloch, Statistica Sinica 7 (1997) 339-373. Soussen, Idier, Brie, Duan, *From Bernoulli-Gaussian
deconvolution to sparse signal restoration*, IEEE Trans. Signal Process. 59 (2011) 4572-4584. Gelman and Rubin, Statist.
Sci. 7 (1992) 457-472.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from sparsesci._lib import xp
from sparsesci._lib.result import Status

from .fit import Fit
from .walk import walk

WALKS = 2
BURN_IN = 40  # iterations until the walks first look where the others are
FIRST = 60  # iterations until the walks are first compared; then as many as there have been
LEAST_MOVES = 6  # of an iteration; else one more than there are entries
BEHIND, AGREED, APART = 10.0, 1.1, 0.5
RECENT = 20  # iterations that tell where a walk is
START_V = 100.0  # over M: all data from one column, at 20 dB
STORED = 2  # rows A^H a_i for each row of A, at most, that are kept
V, NOISE, LOG_POSTERIOR, EVIDENCE = range(4)  # columns of the scalars of a walk


def exchange(
    A: Any,
    weights: Any,
    Y: Any,
    *,
    noise_var: float | None,
    maxiter: int,
    nonnegative: bool = False,
    rng: Any = None,
    show: Callable[[Fit], bool] | None = None,
) -> Fit:
    """Learn the posterior of x over all supports; computed on the host, in double precision.

    Parameters
    ----------
    A : array (M, N)
        Real or complex.
    weights : array (N,)
        What to multiply the columns of A by for length 1; 0 where one is zero.
    Y : array (M, l)
        Data with mean square 1, not all zero.
    noise_var : float or None
        Variance of the noise; None to integrate over it.
    maxiter : int
        The most iterations of a walk.
    nonnegative : bool
        Whether the entries are known to be >= 0; A and Y are real then.
    rng : optional
        Of the walks; see ``numpy.random.default_rng``.
    show : callable, optional
        Called with a fit whenever the walks are compared; True stops.
    """
    host_A, host_weights, host_Y = (np.asarray(xp.to_host(part)) for part in (A, weights, Y))
    if nonnegative and host_A.dtype.kind == "c":
        raise ValueError("A or y is complex, and complex entries have no sign: leave out the prior")
    atoms = np.ascontiguousarray((host_A * host_weights).T)
    data = Data(atoms, atoms.conj() @ host_Y, np.ascontiguousarray(host_Y), noise_var or 0.0, nonnegative)
    store = Store.for_atoms(atoms)
    walkers = [Walker(data, store, child) for child in np.random.default_rng(rng).spawn(WALKS)]
    done, status = 0, Status.RUNNING
    while status is Status.RUNNING:
        n_iterations = min(BURN_IN if done == 0 else FIRST if done == BURN_IN else done - BURN_IN, maxiter - done)
        for walker in walkers:
            walker.go(n_iterations)
        done += n_iterations
        is_one_behind = catch_up(walkers)
        if done <= BURN_IN < maxiter:
            continue
        for walker in walkers:
            walker.begin = max(walker.begin, done // 2)
        if done >= BURN_IN + FIRST and not is_one_behind and agree(walkers):
            status = Status.CONVERGED
        elif done == maxiter:
            status = Status.MAXITER
        if show is not None and show(assemble(walkers, status, Y)):
            status = Status.STOPPED_BY_CALLBACK
    return assemble(walkers, status, Y)


class Data(NamedTuple):
    """What a walk is given: atoms (N, M), ``c = A^H Y``, Y, the known noise variance or 0, whether signs are known."""

    atoms: np.ndarray
    c: np.ndarray
    Y: np.ndarray
    known: float
    nonnegative: bool


class Store(NamedTuple):
    """Rows ``A^H a_i`` that have been asked for, and where they are: -1 for nowhere."""

    rows: np.ndarray
    where: np.ndarray

    @classmethod
    def for_atoms(cls, atoms: np.ndarray) -> Store:
        """Return an empty store with room for all supports, and for not much more than A itself takes."""
        N, M = atoms.shape
        return cls(np.empty((min(N, max(1, STORED * M)), N), atoms.dtype), np.full(N, -1))


class Walker:
    """A walk, and all that it saw.

    Attributes
    ----------
    S : int array (K_most,)
        The support where it is, in any order; -1 after its end.
    v : array (1,)
        The prior variance over that of the noise.
    begin : int
        The iterations before are forgotten.
    supports, means, variances, scalars : array
        One row an iteration: see `walk`.
    """

    def __init__(self, data: Data, store: Store, rng: np.random.Generator):
        M, N = len(data.Y), len(data.atoms)
        self.data, self.store, self.rng = data, store, rng
        self.S, self.v, self.begin = np.full(max(1, min(N, M // 2)), -1), np.array([START_V * M]), 0
        self.supports, self.means, self.variances, self.scalars = self._rows(0)

    def _rows(self, n: int) -> tuple[np.ndarray, ...]:
        most, n_y = len(self.S), self.data.Y.shape[1]
        return (
            np.full((n, most), -1),
            np.zeros((n, most, n_y), self.data.c.dtype),
            np.zeros((n, most)),
            np.zeros((n, 4)),
        )

    def go(self, n: int):
        """Go on for n iterations."""
        normals = self.rng.standard_normal((n, len(self.S), self.data.Y.shape[1]))
        if self.data.c.dtype.kind == "c":
            normals = (normals + 1j * self.rng.standard_normal(normals.shape)) * 0.5**0.5
        new, moves = self._rows(n), max(LEAST_MOVES, 1 + int(np.count_nonzero(self.S >= 0)))
        walk(*self.data, moves, self.rng, self.S, self.v, *self.store, normals, *new)
        old = (self.supports, self.means, self.variances, self.scalars)
        self.supports, self.means, self.variances, self.scalars = map(np.concatenate, zip(old, new, strict=True))

    def inclusion(self) -> np.ndarray:
        """Return the share of the time that each entry was in the support, (N,)."""
        seen = self.supports[self.begin :]
        return np.bincount(seen[seen >= 0], minlength=len(self.data.atoms)) / max(1, len(seen))


def catch_up(walkers: list[Walker]) -> bool:
    """Let walks that are left behind go on from where the best is, and forget; return whether there were any."""
    heights = [np.median(walker.scalars[-RECENT:, LOG_POSTERIOR]) for walker in walkers]
    best = walkers[int(np.argmax(heights))]
    behind = [walker for walker, height in zip(walkers, heights, strict=True) if height < max(heights) - BEHIND]
    for walker in behind:
        walker.S, walker.v, walker.begin = best.S.copy(), best.v.copy(), len(walker.scalars)
    return bool(behind)


def agree(walkers: list[Walker]) -> bool:
    """Whether walks have come to the same distribution, as far as two numbers tell."""
    shares = np.stack([walker.inclusion() for walker in walkers])
    n = min(len(walker.scalars) - walker.begin for walker in walkers) // 2
    if n < 2 or np.ptp(shares, axis=0).max() > APART:
        return False
    heights = np.concatenate([walker.scalars[-2 * n :, LOG_POSTERIOR].reshape(2, n) for walker in walkers])
    within, between = heights.var(axis=1, ddof=1).mean(), heights.mean(axis=1).var(ddof=1)
    return bool((n - 1) / n * within + between <= AGREED**2 * within)


def assemble(walkers: list[Walker], status: Status, like: Any) -> Fit:
    """Return what the walks found, in the library of ``like``."""
    N, n_y = walkers[0].data.c.shape
    supports, means, variances, scalars = (
        np.concatenate([getattr(walker, name)[walker.begin :] for walker in walkers])
        for name in ("supports", "means", "variances", "scalars")
    )
    n_seen, is_in = len(supports), supports >= 0
    entries = supports[is_in]
    inclusion = np.bincount(entries, minlength=N) / n_seen
    mean = np.zeros((N, n_y), means.dtype)
    np.add.at(mean, entries, means[is_in] / n_seen)
    square = variances[is_in] + (np.abs(means[is_in]) ** 2).mean(axis=1)
    variance = np.bincount(entries, square, minlength=N) / n_seen - (np.abs(mean) ** 2).mean(axis=1)

    is_kept = np.zeros(N, bool)
    is_kept[likely_support(inclusion, is_in.sum(axis=1))] = True
    v, noise = scalars[:, V], scalars[:, NOISE]
    gamma = np.exp(np.mean(np.log(v * noise)))
    evidence = np.mean([walker.scalars[:, EVIDENCE] for walker in walkers], axis=0).tolist()

    def kept(x):
        return xp.to_like(np.where(is_kept if x.ndim == 1 else is_kept[:, None], x, 0), like)

    return Fit(
        mu=kept(mean),
        gamma=kept(np.full(N, gamma)),
        variance=kept(np.maximum(variance, 0)),
        noise_var=float(noise.mean()),
        evidence=evidence,
        nit=len(evidence),
        status=status,
        posterior=None,
    )


def likely_support(inclusion: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Return the support with the largest expected F1 score, the mean over sizes taken in its denominator.

    ``E F1 = E 2 |S n S^| / (|S| + |S^|)``: for each size of S^ the entries that are in the support the most; the empty
    one scores where the true one is empty.
    """
    order = np.argsort(-inclusion, kind="stable")
    scores = 2 * np.cumsum(inclusion[order]) / (np.arange(1, len(order) + 1) + sizes.mean())
    best = int(np.argmax(scores))
    return order[:0] if np.mean(sizes == 0) >= scores[best] else order[: best + 1]

"""The iteration of Kronecker sparse Bayesian learning: steps that are stretched while the evidence rises.

A step of EM is short where a variance is shared by a slab of x that holds mostly nothing: it changes by ``1 + (power -
told) / n``, with n entries in the slab. Data of mean square 1 and columns of length 1 start it far above, and that is
why AM was the worse for it. Steps are stretched in the logarithm of the variances (Salakhutdinov and Roweis, *Adaptive
overrelaxed bound optimization methods*, ICML 2003), twice as far each time, until the evidence would fall; then the
plain step is taken, which never lets it fall.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from sparsesci._lib import xp
from sparsesci._lib.result import Status

from .expectation import total

STRETCH = 2.0
LONGEST = 20.0  # of a step in the logarithm of a variance
LEAST_NOISE = 1e-12  # of the mean square of Y: data without noise are fitted to that
UNTOLD = 1e-2  # entries of x, of which the data tell in a slab, below which it may be put out
NOISY = 0.9  # and of what is expected of noise, the power below which it is put out
ROUGH = 1e-2  # change of the variances at which entries are put out for the first time
ROUGH_BY = 30  # iterations after which they are put out the first time at the latest: before they fit the noise
FALSE = 0.1  # expected number of entries that are kept and fit but noise
PATIENCE = 3  # small steps in a row, of a rule whose steps may be short far from the end


class Climb(NamedTuple):
    """Where an iteration ended: the posterior, the evidence after each step, and the status."""

    posterior: Any
    evidence: list[float]
    status: Status


def climb(
    posterior: Any,
    update: Callable,
    *,
    learns_noise: bool,
    rtol: float,
    maxiter: int,
    show: Callable | None = None,
    rises: bool = True,
) -> Climb:
    """Iterate ``update(posterior) -> latents, s2`` until no factor, nor the noise, changes by more than rtol.

    Parameters
    ----------
    posterior : object
        With ``latents``, ``s2``, ``evidence``, ``slab(i)`` and ``at(latents, s2)``.
    rises : bool
        Whether the evidence rises under the update: then its steps are stretched. Otherwise it is left alone.
    show : callable, optional
        Is shown the posterior, the evidence so far and the status after each step; returns whether to stop.
    """
    evidence: list[float] = []
    goal, stretch, n_small, status = max(ROUGH if rises else rtol, rtol), 1.0, 0, Status.RUNNING
    while status is Status.RUNNING:
        latents, s2 = update(posterior)
        s2 = max(s2, LEAST_NOISE) if learns_noise else posterior.s2
        new = posterior.at(*stretched(posterior, latents, s2, stretch if rises else 1.0, puts_out=rises))
        if rises and stretch > 1 and not new.evidence >= posterior.evidence:
            stretch = 1.0
            new = posterior.at(*stretched(posterior, latents, s2, stretch, puts_out=True))
        else:
            stretch *= STRETCH
        evidence.append(new.evidence)
        n_small = n_small + 1 if change(posterior, new) <= goal else 0
        posterior = new
        if len(evidence) >= maxiter:
            status = Status.MAXITER
        elif show is not None and show(posterior, evidence, status):
            status = Status.STOPPED_BY_CALLBACK
        elif n_small >= (PATIENCE if rises else 1) or (goal > rtol and len(evidence) == ROUGH_BY):
            cheaper = without_the_cheap(posterior)
            if n_small and goal <= rtol and cheaper is posterior:
                status = Status.CONVERGED
            posterior, goal, n_small, stretch = cheaper, rtol, 0, 1.0
    if status is Status.MAXITER:
        posterior = without_the_cheap(posterior)
    return Climb(posterior, evidence, status)


def stretched(posterior: Any, latents: list, s2: float, stretch: float, *, puts_out: bool) -> tuple[list, float]:
    """Return a step lengthened in the logarithm, without the slabs that only fit noise."""
    namespace = xp.namespace(latents[0])
    old, new = namespace.concat(posterior.latents), namespace.concat(latents)  # of all factors at once
    is_in = (old > 0) & (new > 0)
    if stretch > 1:
        step = stretch * namespace.log(namespace.where(is_in, new / namespace.where(is_in, old, 1.0), 1.0))
        new = old * namespace.exp(namespace.where(namespace.abs(step) < LONGEST, step, LONGEST * namespace.sign(step)))
        s2 = max(posterior.s2 * min(max((s2 / posterior.s2) ** stretch, 0.1), 10.0), LEAST_NOISE)
    if puts_out:
        power, told = zip(*(posterior.slab(i) for i in range(len(latents))), strict=True)
        power, told = namespace.concat(power), namespace.concat(told)
        largest = namespace.concat([g == namespace.max(g) for g in posterior.latents])
        is_in = is_in & ~((told < UNTOLD) & (power < NOISY * told) & ~largest)
    new = namespace.where(is_in, new, 0.0)
    ends = np.cumsum([0, *(g.shape[0] for g in latents)]).tolist()
    return [new[i:j] for i, j in pairwise(ends)], s2


def without_the_cheap(posterior: Any) -> Any:
    """Return the posterior without the entries of the factors that are not worth their price, or as it is.

    Of n variances that fit nothing but noise about half would stay, small: their evidence is a little larger with them.
    An entry costs what a column of pure noise gains once in ten times that there are n of them (`price`). The cheapest
    are put out first, as many at once as the evidence allows.
    """
    namespace = xp.namespace(posterior.latents[0])
    gains = [xp.to_host(gain) for gain in posterior.gains()]
    is_in = [xp.to_host(g) > 0 for g in posterior.latents]
    cost = price(sum(g.shape[0] for g in posterior.latents), is_complex=posterior.model.is_complex)
    cheap = [
        (gain, i, j)
        for i, row in enumerate(gains)
        for j, gain in enumerate(row.tolist())
        if is_in[i][j] and gain < cost and j != int(row.argmax())
    ]
    cheap.sort()
    size = len(cheap)
    while cheap:
        kept = [mask.copy() for mask in is_in]
        for _, i, j in cheap[:size]:
            kept[i][j] = False
        masks = [xp.to_like(mask, g) for mask, g in zip(kept, posterior.latents, strict=True)]
        latents = [namespace.where(mask, g, 0.0) for mask, g in zip(masks, posterior.latents, strict=True)]
        new = posterior.at(latents, posterior.s2)
        if posterior.evidence - new.evidence < cost * size:
            posterior, is_in, cheap = new, kept, cheap[size:]
            size = len(cheap)
        elif size > 1:
            size //= 2
        else:
            cheap = cheap[1:]  # its gain was estimated too low: another entry like it has gone
    return posterior


def price(n: int, *, is_complex: bool) -> float:
    """Return the nats that an entry must gain, where there are n; ``|q|^2 / s`` of pure noise is chi-squared."""
    from scipy.special import chdtri

    T = math.log(n / FALSE) if is_complex else float(chdtri(1, FALSE / n))
    return (1.0 if is_complex else 0.5) * (T - 1 - math.log(T))


def change(old: Any, new: Any) -> float:
    """Return the largest relative change of a factor's variances, or of the noise."""
    changes = [abs(new.s2 - old.s2) / new.s2]
    for g_old, g in zip(old.latents, new.latents, strict=True):
        size = total(g)
        changes.append(math.sqrt(total(g - g_old) / size) if size > 0 else 0.0)
    return max(changes)

"""The descent of `LightSB`: loss, gradient, the step that matches moments, and how it is kept in bounds.

Deviations 1, 2 and 4 to 7 in the header of `sparsesci.solvers.transport.light_sb` happen here.
"""

from __future__ import annotations

import numpy as np

from sparsesci._lib import xp
from sparsesci._lib.xp import to_host

from .mixture_start import SPARE, centres, merged, start
from .tilted_mixture import (
    Mixture,
    Moments,
    apply,
    at_least,
    bridge_covariance,
    inner,
    inverse,
    moments,
    product,
    smallest,
    source_logits,
    square,
    target_logits,
)

LEAST_VARIANCE = 1e-6  # of a component, as a part of the mean variance of Y
FACTOR, STAGE_TOL, STAGE_STEPS = 4.0, 1e-2, 50  # from one eps to the next, and how far to go at each
MERGING = 1  # the stage, counted from 0, at whose end components are merged
LEAST_EPS = 1e-9  # as a part of the spread: the logits are of the size of its inverse, and are rounded
SHORTEST_STEP = 2.0**-30


def anneal(X, Y, eps: float, K: int, n_axes: int, tol: float, maxiter: int, rng: np.random.Generator):
    """Descend at larger eps first; return what `descend` does, and the steps done before the last descent.

    The first stages have more components than K. They are merged early: at a small eps a merged one may take so much of
    what belongs to others that these are lost.
    """
    namespace = xp.namespace(X)
    V_x, V_y = (to_host(namespace.mean(Z * Z, axis=0)) for Z in (X, Y))
    spread_x, spread_y = float(V_x.mean()), float(V_y.mean())
    if not spread_y > 0:
        raise ValueError("all rows of Y are the same: there is nothing to transport to")
    if eps < LEAST_EPS * (spread_x * spread_y) ** 0.5:
        raise ValueError(f"eps is {eps:.1e}, which the variances of X and Y drown: raise eps, or use solve_ot")
    n_stages, n_before = 0, 0
    while eps * FACTOR**n_stages < 0.5 * (spread_x * spread_y) ** 0.5:
        n_stages += 1
    n_first = min(2 * K + SPARE, Y.shape[0])
    mixture = start(centres(Y, n_first, rng), V_x, V_y, eps * FACTOR**n_stages, n_axes)
    for stage in range(n_stages, -1, -1):
        now = eps * FACTOR**stage
        least = float(bridge_covariance(V_x.mean(), np.asarray(LEAST_VARIANCE * spread_y), now, 0.0))
        mixture = mixture._replace(S=at_least(mixture.S, least))
        if stage == max(0, n_stages - MERGING) and n_first > K:
            mixture, losses, _ = descend(X, Y, mixture, now, least, STAGE_TOL, STAGE_STEPS)
            n_before += len(losses) - 1
            mixture = merged(mixture, *loss(X, Y, mixture, now)[1:], now, least, K)
        if stage:
            mixture, losses, _ = descend(X, Y, mixture, now, least, STAGE_TOL, STAGE_STEPS)
            mixture = mixture._replace(log_alpha=FACTOR * mixture.log_alpha)
            n_before += len(losses) - 1
    return *descend(X, Y, mixture, eps, least, tol, maxiter), n_before


def descend(X, Y, mixture: Mixture, eps: float, least: float, tol: float, maxiter: int):
    """Match moments, in conjugate directions; return the mixture, the losses, and the last slope, which is negated."""
    value, at_x, at_y = loss(X, Y, mixture, eps)
    losses, step, before = [value], 1.0, None
    while True:
        match = matching_direction(mixture, at_x, at_y, eps, least)
        derivatives = gradient(mixture, at_x, at_y, eps)
        slopes = slope_along(derivatives, match)
        downhill = slopes < 0
        slope = -float(slopes[downhill].sum())
        if slope <= tol or len(losses) > maxiter:
            return mixture, losses, slope
        # Uphill it goes only where the bound on S is active: such a component waits.
        match = Mixture(*(np.where(downhill.reshape(-1, *[1] * (d.ndim - 1)), d, 0.0) for d in match))
        direction, descent, longest = match, slope, 1.0
        if before is not None:
            last_match, last_direction, last_slope = before
            beta = (slope + slope_along(derivatives, last_match).sum()) / last_slope  # Polak-Ribiere
            conjugate = match.moved(min(max(beta, 0.0), 5.0), last_direction)
            promised = -float(slope_along(derivatives, conjugate).sum())
            if beta > 0 and promised > 0.1 * slope and smallest(mixture.S + step * conjugate.S) >= least:
                direction, descent, longest = conjugate, promised, 4.0
        last_step, step = step, min(longest, 2 * step)
        if direction is not match and smallest(mixture.S + step * direction.S) < least:
            step = last_step
        while True:
            trial = mixture.moved(step, direction)
            trial_value, at_x, at_y = loss(X, Y, trial, eps)
            excess = trial_value - (value - step * descent)
            if trial_value <= value - 1e-4 * step * descent:
                break
            step *= min(0.5, max(0.1, step * descent / (2 * excess)))  # the minimum of the parabola
            if step < SHORTEST_STEP:
                return mixture, losses, slope
        mixture, value, before = trial, trial_value, (match, direction, slope)
        losses.append(value)


def loss(X, Y, mixture: Mixture, eps: float) -> tuple[float, Moments, Moments]:
    """Return ``E_x log c(x) - E_y log v(y)`` and the moments that its gradient is made of."""
    value_x, at_x = moments(X, source_logits(mixture, eps), mixture.S)
    value_y, at_y = moments(Y, target_logits(mixture, eps), mixture.S)
    return value_x - value_y, at_x, at_y


def gradient(mixture: Mixture, at_x: Moments, at_y: Moments, eps: float) -> Mixture:
    """Return the derivatives of the loss in ``log alpha``, r and S: differences of moments of x and of y.

    That in S is the G of ``dL = <G, dS>``.
    """
    _, r, S = mixture
    precision = inverse(S)
    second_x = at_x.V + square(at_x.mean, S)
    second_y = at_y.V + square(at_y.mean - r, S)
    w, g = (at.mass.reshape(-1, *[1] * (S.ndim - 1)) for at in (at_x, at_y))
    by_r = at_x.mass[:, None] * at_x.mean - at_y.mass[:, None] * apply(precision, at_y.mean - r)
    by_S = (w * second_x - g * product(precision, product(second_y, precision))) / eps + g * precision
    return Mixture(at_x.mass - at_y.mass, by_r / eps, by_S / 2)


def slope_along(derivatives: Mixture, direction: Mixture) -> np.ndarray:
    """Return the directional derivative, component by component."""
    D = direction.r.shape[1]
    by_log_alpha, by_r, by_S = derivatives
    along = by_log_alpha * direction.log_alpha + (by_r * direction.r).sum(axis=1)
    return along + inner(by_S, direction.S, D)


def matching_direction(mixture: Mixture, at_x: Moments, at_y: Moments, eps: float, least: float) -> Mixture:
    """Return the way to the parameters that match the moments of x and y in every component.

    In r and S it is the fixed-point iteration. In ``log alpha`` it also takes back what the changes of r and S add to
    the mean logit of the component, ``(mean_x' dr + <E x x', dS> / 2) / eps``: with that every component by itself goes
    downhill, whatever its parameters (see `LightSB`).
    """
    _, r, S = mixture
    dS = bridge_covariance(at_x.V, at_y.V, eps, least) - S
    dr = at_y.mean - apply(S + dS, at_x.mean) - r
    second_x = at_x.V + square(at_x.mean, S)
    leverage = ((at_x.mean * dr).sum(axis=1) + inner(second_x, dS, r.shape[1]) / 2) / eps
    ratio = np.clip(np.log(at_y.mass) - np.log(at_x.mass), -5, 5)
    return Mixture(ratio - leverage, dr, dS)

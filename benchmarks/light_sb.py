"""LightSB beside Adam on the same loss: seconds, losses on new samples, and the distance to a plan that is known.

``python benchmarks/light_sb.py > benchmarks/results/light_sb.json`` makes the record. The swiss roll has 10,000 samples
and 50 components. In the pairs, x is a standard Gaussian in D dimensions and y drawn from the plan of five Gaussians,
as in the benchmark of Gushchin et al. (NeurIPS 2023), whose own pairs these are not; ``cbw_uvp`` is their measure: the
mean Bures-Wasserstein distance of the conditional laws in percent of half the variance of y. Adam is written in NumPy
on the loss and gradient of the package, in ``log alpha``, r and ``log S``; it starts from rows of Y chosen far apart as
LightSB chooses them, at eps itself, and has five times the processor time of LightSB (at least one second, at most ten
or once its time) with each learning rate, on all samples and on batches of 512.
"""

import time

import numpy as np
from provenance import provenance, write

RATES = (1e-3, 1e-2, 1e-1)
N = 10_000


def swiss_roll(rng, n):
    """Draw from the roll of the paper's figure 1."""
    angle = 1.5 * np.pi * (1 + 2 * rng.random(n))
    roll = angle[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return (roll + 0.8 * rng.standard_normal((n, 2))) / 7.5


def gaussian_pair(rng, D, eps):
    """Return a mixture, and a function that draws x and y from its plan."""
    from sparsesci.solvers.transport.tilted_mixture import Mixture, draw

    r = rng.standard_normal((5, D))
    r *= 2.5 / np.linalg.norm(r, axis=1, keepdims=True)
    S = np.exp(rng.uniform(np.log(0.2), np.log(1.0), (5, D)))
    known = Mixture(-(r * r / S).sum(axis=1) / (2 * eps), r, S)  # all five are at work, also for small eps

    def sample(n):
        X = rng.standard_normal((n, D))
        return X, draw(X, known, eps, rng.random(n), rng.standard_normal((n, D)))

    return known, sample


def conditional(mixture, eps, X):
    """Return means (n, D) and covariances (n, D, D) of the plan for every x."""
    from sparsesci.solvers.transport.tilted_mixture import source_logits

    _, r, S = mixture
    logits = np.concatenate([np.ones((len(X), 1)), X, X * X], axis=1) @ source_logits(mixture, eps).T
    w = np.exp(logits - logits.max(axis=1, keepdims=True))
    w /= w.sum(axis=1, keepdims=True)
    parts = r + S * X[:, None, :]
    mean = np.einsum("nk,nkd->nd", w, parts)
    away = parts - mean[:, None, :]
    covariance = np.einsum("nk,nkd,nke->nde", w, away, away) + eps * np.eye(X.shape[1]) * (w @ S)[:, None, :]
    return mean, covariance


def cbw_uvp(known, found, eps, X, Y):
    """Mean squared Bures-Wasserstein distance of the conditional Gaussians, in percent of half the variance of y."""
    (m, A), (n, B) = (conditional(mixture, eps, X) for mixture in (known, found))
    values, vectors = np.linalg.eigh(A)
    root = (vectors * np.sqrt(values)[:, None, :]) @ vectors.mT
    cross = np.sqrt(np.maximum(np.linalg.eigvalsh(root @ B @ root), 0)).sum(axis=1)
    distance = ((m - n) ** 2).sum(axis=1) + np.trace(A + B, axis1=1, axis2=2) - 2 * cross
    return 100 * float(distance.mean()) / (0.5 * float(Y.var(axis=0).sum()))


def adam(X, Y, mixture, eps, rate, seconds, batch, rng):
    """Minimise the loss by Adam for so long; return the mixture and the number of steps."""
    from sparsesci.solvers.transport.moment_matching import gradient, loss
    from sparsesci.solvers.transport.tilted_mixture import Mixture

    z = [mixture.log_alpha, mixture.r, np.log(mixture.S)]
    first, second = ([np.zeros_like(part) for part in z] for _ in range(2))
    begin, t = time.process_time(), 0
    while time.process_time() - begin < seconds:
        t += 1
        now = Mixture(z[0], z[1], np.exp(z[2]))
        x, y = (Z if batch is None else Z[rng.integers(len(Z), size=batch)] for Z in (X, Y))
        _, at_x, at_y = loss(x, y, now, eps)
        g = list(gradient(now, at_x, at_y, eps))
        g[2] = g[2] * now.S
        for i in range(3):
            first[i] = 0.9 * first[i] + 0.1 * g[i]
            second[i] = 0.999 * second[i] + 0.001 * g[i] ** 2
            z[i] = z[i] - rate * (first[i] / (1 - 0.9**t)) / (np.sqrt(second[i] / (1 - 0.999**t)) + 1e-8)
    return Mixture(z[0], z[1], np.exp(z[2])), t


def compare(X, Y, X_new, Y_new, eps, K, known=None):
    """Return a row for LightSB, and one for every form of Adam; the data are centred alike."""
    import warnings

    from sparsesci.solvers import ConvergenceWarning
    from sparsesci.solvers.transport.light_sb import LightSB
    from sparsesci.solvers.transport.mixture_start import centres, start
    from sparsesci.solvers.transport.moment_matching import loss
    from sparsesci.solvers.transport.tilted_mixture import Mixture

    def judged(mixture, **figures):
        losses = [loss(x, y, mixture, eps)[0] for x, y in ((X, Y), (X_new, Y_new))]
        figures |= {"train_loss": round(losses[0], 4), "test_loss": round(losses[1], 4)}
        if known is not None:
            # the plan is that of the known mixture in the coordinates of the samples: undo the centring
            _, r, S = mixture
            r = r + y_mean - S * x_mean
            tilt = -((mixture.r * x_mean).sum(axis=1) - (S * x_mean**2).sum(axis=1) / 2) / eps
            back = Mixture(mixture.log_alpha + tilt, r, S)
            figures["cbw_uvp"] = round(cbw_uvp(known, back, eps, X_new[:1000] + x_mean, Y_new), 4)
        return figures

    x_mean, y_mean = X.mean(axis=0), Y.mean(axis=0)
    X, X_new, Y, Y_new = X - x_mean, X_new - x_mean, Y - y_mean, Y_new - y_mean
    begin = time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # the row says it
        bridge = LightSB(eps, K, rng=12).fit(X, Y)
    seconds = time.process_time() - begin
    found = Mixture(bridge.log_weights_, bridge.centres_, bridge.covariances_)
    figures = {"seconds": round(seconds, 3), "steps": bridge.n_iter_, "converged": bool(bridge.converged_)}
    figures["monotone"] = bool(np.all(np.diff(bridge.losses_) < 0))
    rows = [{"method": "LightSB", **judged(found, **figures)}]
    rng = np.random.default_rng(13)
    first = start(centres(Y, K, rng), (X**2).mean(axis=0), (Y**2).mean(axis=0), eps, 2)
    for batch in (None, 512):
        for rate in RATES:
            budget = max(seconds, min(max(1.0, 5 * seconds), 10.0))
            mixture, steps = adam(X, Y, first, eps, rate, budget, batch, np.random.default_rng(14))
            row = {"method": "Adam", "rate": rate, "batch": batch or N}
            rows.append({**row, **judged(mixture, seconds=round(budget, 3), steps=steps)})
    return rows


def record():
    """Run the swiss roll and the pairs, and return what a record holds."""
    from sparsesci._lib.parallel import thread_limit

    rows = []
    with thread_limit(1):
        for eps in (0.1, 0.01, 0.001):
            rng = np.random.default_rng(15)
            data = []
            for _ in ("train", "test"):
                data += [rng.standard_normal((N, 2)), swiss_roll(rng, N)]
            rows += [{"problem": "swiss roll", "D": 2, "eps": eps, **row} for row in compare(*data, eps, 50)]
        for eps in (0.1, 1.0, 10.0):
            for D in (2, 16, 64):
                known, sample = gaussian_pair(np.random.default_rng(16 + D), D, eps)
                problem = {"problem": "Gaussian pair", "D": D, "eps": eps}
                rows += [{**problem, **row} for row in compare(*sample(N), *sample(N), eps, 5, known)]
    return {"what": "LightSB beside Adam, losses of centred samples in nats", **provenance(), "rows": rows}


if __name__ == "__main__":
    write(record())

"""A grid of thresholds and ridges over one set of sums, and the model that an information criterion chooses.

Mangan, Kutz, Brunton, Proctor, *Model selection for dynamical systems via sparse regression and information criteria*,
Proc. R. Soc. A 473 (2017) 20170009.
"""

from __future__ import annotations

import time
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np

from sparsesci._lib import validate, xp
from sparsesci._lib.result import ConvergenceWarning

from . import bootstrap
from .ensemble import Ensemble, fit_batch, samples_to_draw_from
from .gram import Gram, as_gram
from .regression_result import SparseRegressionResult
from .samples import Samples
from .stlsq import fit, told

CRITERIA = ("aicc", "aic", "bic")


@dataclass(frozen=True, repr=False, eq=False)
class GridSearchResult(SparseRegressionResult):
    """The model that was chosen of a grid, and all others.

    Attributes
    ----------
    threshold, alpha : float
        Those of the model that was chosen.
    thresholds, alphas : arrays (m,)
        Those of all models, those of one alpha after the other.
    models : array (m, p) or (m, p, d)
        The coefficients of all models.
    scores : array (m,)
        The criterion: the smaller, the better.
    complexities : array (m,)
        How many coefficients of a model are not zero.
    errors : array (m,)
        Residual sums of squares as a part of those of the targets, the mean over targets.
    pareto : int array
        The models that no other one beats in complexity and error at once, by complexity.
    inclusion_probabilities : array, as models, or None
        Where the grid was one of ensembles.
    coef_lists : array (m, B, p) or (m, B, p, d), or None
        Of a grid of ensembles: the coefficients of all models of each.
    offered : bool array (B, p), or None
        Of a grid of ensembles: which functions were offered to a model, the same ones in each.
    """

    threshold: float
    alpha: float
    thresholds: np.ndarray
    alphas: np.ndarray
    models: Any
    scores: np.ndarray
    complexities: np.ndarray
    errors: np.ndarray
    pareto: np.ndarray
    inclusion_probabilities: Any = None
    coef_lists: Any = None
    offered: Any = None

    def plot(self, axes: Any = None) -> Any:
        """Draw error against complexity, with the Pareto front and the choice; returns the axes (Matplotlib)."""
        import matplotlib.pyplot as plt

        axes = plt.subplots(layout="constrained")[1] if axes is None else axes
        chosen = int(np.argmin(self.scores))
        axes.plot(self.complexities, self.errors, "o", color="0.75", ms=4, label="models")
        axes.plot(self.complexities[self.pareto], self.errors[self.pareto], "o-", ms=4, label="Pareto front")
        axes.plot(self.complexities[chosen], self.errors[chosen], "s", ms=8, mfc="none", color="C3", label="chosen")
        axes.set(xlabel="coefficients", ylabel="residual, as a part of the targets' squares", yscale="log")
        axes.legend()
        return axes


def grid_search(
    Theta: Any,
    Y: Any = None,
    *,
    thresholds: Any,
    alphas: Any = (0.0,),
    criterion: str = "aicc",
    relative: bool = False,
    unbias: bool = True,
    maxiter: int = 20,
    ensemble: Ensemble | None = None,
) -> GridSearchResult:
    """Fit `stlsq` for every threshold and ridge of a grid, and choose by an information criterion.

    ``AIC = sum over targets of n log(rss / n) + 2 k`` with k coefficients, ``AICc = AIC + 2 k (k + 1) / (n - k - 1)``
    of each target, and ``BIC`` has ``k log n`` for 2 k.

    Parameters
    ----------
    Theta, Y, relative, unbias, maxiter
        As those of `stlsq`.
    thresholds, alphas : sequences of float
        The grid. All thresholds of an alpha share the first solution, and all models the sums over samples.
    criterion : {"aicc", "aic", "bic"}
        By what to choose. The noise of neighbouring samples is taken to be independent: where it is not (smoothed
        derivatives), penalties are too small, and "bic" is nearer.
    ensemble : Ensemble, optional
        What the function `sparsesci.recovery.ensemble` returns: each model is then an ensemble, and all of them
        share one set of bootstraps: their sums are found once. Of its optimizer nothing is used.

    Returns
    -------
    GridSearchResult
        Of the model of the smallest criterion, with the scores, complexities, errors and coefficients of all, and
        ``pareto``, the front of complexity and error. A model with fewer samples than k + 2 has the score inf.

    Raises
    ------
    ValueError, TypeError
        An empty grid, a negative threshold or alpha, and whatever `stlsq` raises.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsesci.recovery.dynamics.grid_search import grid_search
    >>> rng = np.random.default_rng(13)
    >>> Theta = rng.standard_normal((300, 8))
    >>> y = Theta[:, 2] - 0.5 * Theta[:, 5] + 0.3 * rng.standard_normal(300)
    >>> result = grid_search(Theta, y, thresholds=np.geomspace(0.01, 1, 9), criterion="bic")
    >>> np.flatnonzero(result.x)
    array([2, 5])
    >>> result.complexities[result.pareto]
    array([0, 1, 2, 3, 6])
    """
    begin = time.perf_counter()
    validate.one_of(criterion, CRITERIA, "criterion")
    maxiter = validate.positive_integer(maxiter, "maxiter")
    if not (ensemble is None or isinstance(ensemble, Ensemble)):
        raise TypeError(f"ensemble is {ensemble!r}: what the function ensemble returns is needed")
    levels, ridges = grid(thresholds, "thresholds"), grid(alphas, "alphas")
    alphas, thresholds = (axis.ravel() for axis in np.meshgrid(ridges, levels, indexing="ij"))
    options = {"relative": bool(relative), "unbias": bool(unbias), "maxiter": maxiter}
    others = {}
    if ensemble is None:
        gram = as_gram(Theta, Y)
        x, nit, flags = fit(gram, thresholds, alphas, **options)
    else:
        samples = samples_to_draw_from(Theta, Y)
        gram = as_gram(samples)
        jobs = [options | {"threshold": a, "alpha": b} for a, b in zip(thresholds, alphas, strict=True)]
        x, inclusion, models, offered = ensembles(gram, samples, ensemble, jobs)
        others = {"inclusion_probabilities": gram.give(inclusion), "coef_lists": gram.give(models)}
        others["offered"] = xp.to_like(offered, gram.like)
        nit, flags = np.ones((len(x), gram.d), np.int64), np.zeros((len(x), gram.d), np.int64)

    # What is smaller is rounding, and no reason to choose a model.
    rss = np.maximum([gram.rss(model) for model in x], gram.yy * (1e-14 if gram.R is None else 1e-28))
    k = np.count_nonzero(x, axis=1)
    scores = information(rss, k, gram, criterion)
    complexities, errors = k.sum(axis=1), (rss / np.where(gram.yy > 0, gram.yy, 1.0)).mean(axis=1)
    best = int(np.lexsort((complexities, scores))[0])
    others |= {
        "threshold": float(thresholds[best]),
        "alpha": float(alphas[best]),
        "thresholds": thresholds,
        "alphas": alphas,
        "models": gram.give(x),
        "scores": scores,
        "complexities": complexities,
        "errors": errors,
        "pareto": front(complexities, errors),
    }
    story = f"{criterion} chooses threshold = {thresholds[best]:g}, alpha = {alphas[best]:g} of {len(x)} models; "
    base = told(gram, x[best], nit[best], flags[best], begin, float(thresholds[best]))
    fields = {name: getattr(base, name) for name in SparseRegressionResult.__dataclass_fields__}
    result = GridSearchResult(**fields | {"message": story + base.message}, **others)
    if not result.success:
        warnings.warn(result.message, ConvergenceWarning, stacklevel=2)
    return result


def grid(values: Any, name: str) -> np.ndarray:
    """Return the values of an axis of the grid."""
    values = [validate.nonnegative_real(value, name) for value in np.atleast_1d(xp.to_host(values)).tolist()]
    if not values:
        raise ValueError(f"{name} is empty: at least one is needed")
    return np.array(values)


def ensembles(gram: Gram, samples: Samples, ensemble: Ensemble, jobs: list[dict]) -> tuple[np.ndarray, ...]:
    """Return what the ensembles of all jobs agree on (jobs, p, d), with their inclusion probabilities.

    Then the models of all of them (jobs, B, p, d), and which functions these were offered (B, p).
    """
    offered, counts = ensemble.draws(samples, gram)
    models = np.empty((len(jobs), ensemble.n_models, gram.p, gram.d))
    for drawn_now, drawn, sums in bootstrap.batches(samples, counts, ensemble.n_models):
        x, _ = fit_batch(gram, samples, drawn, sums, offered[drawn_now], jobs)
        models[:, drawn_now] = x.reshape(-1, len(jobs), gram.p, gram.d).swapaxes(0, 1)
    if ensemble.aggregate == "refit":
        agreed = zip(*(ensemble.agreed(gram, part, offered) for part in models), strict=True)
        return *(np.stack(part) for part in agreed), models, offered
    beside = np.moveaxis(models, 0, 2)  # (B, p, jobs, d): what is said of each coefficient is said of all at once
    agreed = ensemble.agreed(gram, beside.reshape(*beside.shape[:2], -1), offered)
    return *(np.moveaxis(part.reshape(gram.p, len(jobs), gram.d), 1, 0) for part in agreed), models, offered


def information(rss: np.ndarray, k: np.ndarray, gram: Gram, criterion: str) -> np.ndarray:
    """Return the criterion (m,) of models with residual sums of squares (m, d) and k (m, d) coefficients."""
    n, told_by = gram.n, gram.yy > 0  # a target that is zero tells nothing
    likelihood = n * np.log(rss[:, told_by] / n)
    penalty = k * np.log(n) if criterion == "bic" else 2.0 * k
    left = n - k - 1
    if criterion == "aicc":
        penalty += 2 * k * (k + 1) / np.maximum(left, 1)
    return np.where((left > 0).all(axis=1), likelihood.sum(axis=1) + penalty.sum(axis=1), np.inf)


def front(complexities: np.ndarray, errors: np.ndarray) -> np.ndarray:
    """Return the models that no other one beats in both, by complexity; of equal ones the first."""
    kept, least = [], np.inf
    for model in np.lexsort((errors, complexities)).tolist():
        if errors[model] < least:
            kept.append(model)
            least = errors[model]
    return np.array(kept, np.int64)

"""Ensembles of sparse regressions: bootstraps of samples and libraries, and what most of them agree on.

Fasel, Kutz, Brunton, Brunton, *Ensemble-SINDy: robust sparse model discovery in the low-data, high-noise limit, with
active learning and control*, Proc. R. Soc. A 478 (2022) 20210904.

Deviations
----------
1. The bootstraps are counts, and their sums are found by one matrix product (`bootstrap`): the library is evaluated
   once, whatever the number of models.
2. Of library bagging, the models that a function was offered to are those that count for its probability and its
   coefficient; there they are as many as there would be on average.
3. ``aggregate="refit"``: least squares on the terms that most models agree on, with all samples.
"""

from __future__ import annotations

import functools
import inspect
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from sparsesci._lib import validate, xp
from sparsesci._lib.result import ConvergenceWarning, Status

from . import bootstrap
from .gram import Gram, as_gram, least_squares
from .regression_result import SparseRegressionResult
from .samples import Samples, as_samples
from .stlsq import SINGULAR, fit_scaled, one_by_one, stlsq

AGGREGATES = ("median", "mean", "refit")


@dataclass(frozen=True, repr=False, eq=False)
class EnsembleResult(SparseRegressionResult):
    """What most of an ensemble of models agree on, and the models.

    Attributes
    ----------
    x : array (p,) or (p, d)
        The aggregate of the coefficients, zero where the inclusion probability is too small.
    inclusion_probability : array, as x
        In which part of the models, of those that were offered a function, it is.
    coef_list : array (B, p) or (B, p, d)
        The coefficients of the models.
    offered : bool array (B, p)
        Which functions were offered to a model.
    """

    inclusion_probability: Any
    coef_list: Any
    offered: Any

    def interval(self, level: float = 0.9) -> tuple[Any, Any]:
        """Return bounds between which this part of the models has each coefficient: quantiles, a pair like x."""
        level = validate.finite_real(level, "level")
        if not 0 < level < 1:
            raise ValueError(f"level is {level}: a probability between 0 and 1 is needed")
        bounds = over_models(
            lambda part: np.quantile(part, [(1 - level) / 2, (1 + level) / 2], axis=0),
            np.asarray(xp.to_host(self.coef_list), float),
            xp.to_host(self.offered),
        )
        namespace = xp.namespace(self.x)
        low, high = (namespace.astype(xp.to_like(bound, self.x), self.x.dtype, copy=False) for bound in bounds)
        return low, high


@dataclass(frozen=True)
class Ensemble:
    """An optimizer that fits many models; made by `ensemble`."""

    optimizer: Callable
    n_models: int
    bagging: str
    block_length: int | None
    library_fraction: float
    inclusion: float
    aggregate: str
    rng: Any
    library_bagging: Ensemble | None = None

    def __call__(self, Theta: Any, Y: Any = None) -> EnsembleResult:
        """Fit the models and return what they agree on; as any regression, with Samples or with arrays Theta and Y."""
        begin = time.perf_counter()
        samples = samples_to_draw_from(Theta, Y)
        gram = as_gram(samples)
        result = self.told(gram, *self.models(samples, gram), begin)
        if not result.success:
            warnings.warn(result.message, ConvergenceWarning, stacklevel=2)
        return result

    def models(self, samples: Samples, gram: Gram) -> tuple[np.ndarray, np.ndarray, int]:
        """Return all models (B, p, d), what each was offered (B, p), and how many of them have failed."""
        if self.library_bagging is not None:
            return self.double_bagged(samples, gram, self.library_bagging)
        options, offered, counts = options_of_stlsq(self.optimizer), *self.draws(samples, gram)
        x, n_failed = np.zeros((self.n_models, gram.p, gram.d)), 0
        for models, drawn, sums in bootstrap.batches(samples, counts, self.n_models):
            if options is not None:
                x[models], failed = fit_batch(gram, samples, drawn, sums, offered[models], [options])
            else:
                x[models], failed = self.fit_one_by_one(gram, samples, drawn, sums, offered[models])
            n_failed += failed
        return x, offered, n_failed

    def double_bagged(self, samples: Samples, gram: Gram, first: Ensemble) -> tuple[np.ndarray, np.ndarray, int]:
        """Return the same, where each target has the library that a first ensemble leaves it."""
        models, offered, n_failed = first.models(samples, gram)
        is_kept = first.keeps(inclusion_probability(models, offered))
        x = np.zeros((self.n_models, gram.p, gram.d))
        for k, rng in enumerate(np.random.default_rng(self.rng).spawn(gram.d)):
            kept = np.flatnonzero(is_kept[:, k])
            if not len(kept):
                continue
            part, second = part_of(samples, kept, k), replace(self, library_bagging=None, rng=rng)
            found, _, failed = second.models(part, as_gram(part))
            x[:, kept, k], n_failed = found[:, :, 0], n_failed + failed
        return x, np.ones((self.n_models, gram.p), bool), n_failed

    def keeps(self, inclusion: np.ndarray) -> np.ndarray:
        """Return which terms are in enough models."""
        return (inclusion >= self.inclusion) & (inclusion > 0)

    def draws(self, samples: Samples, gram: Gram) -> tuple[np.ndarray, Any]:
        """Return which functions each model is offered (B, p), and an iterator over the counts of its rows.

        Each model draws from a generator of its own: nothing depends on how many are held at once.
        """
        if self.library_bagging is not None:
            raise ValueError("library_bagging leaves each target models of its own: use it without a grid")
        block = self.block_length or max(1, round(samples.n**0.5))
        if self.bagging == "trajectories" and len(samples.lengths) < 2:
            raise ValueError('bagging="trajectories" draws from several: there is one; pass a list, or use "blocks"')
        rngs = np.random.default_rng(self.rng).spawn(self.n_models)
        offered, candidates = np.zeros((self.n_models, gram.p), bool), np.flatnonzero(~gram.is_zero)
        n_offered = max(1, round(self.library_fraction * len(candidates)))
        for rng, row in zip(rngs, offered, strict=True):
            row[candidates if n_offered >= len(candidates) else rng.permutation(candidates)[:n_offered]] = True
        return offered, (bootstrap.counted(rng, samples.lengths, self.bagging, block) for rng in rngs)

    def fit_one_by_one(self, gram: Gram, samples: Samples, counts, sums, offered) -> tuple[np.ndarray, int]:
        """Return the models (B, p, d) of any optimizer, and how many of them it says have failed."""
        x, n_failed = np.zeros((len(sums), gram.p, gram.d)), 0
        for model, row in enumerate(counts):
            part = bootstrap.as_bootstrap_gram(gram, sums[model], int(row.sum()))
            if gram.R is not None:
                part = bootstrap.on_qr_path(part, samples, row)
            kept = np.flatnonzero(offered[model])
            if len(kept) < gram.p:
                part = restricted(part, kept)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ConvergenceWarning)
                result = self.optimizer(part)
            x[model, kept] = np.asarray(xp.to_host(result.x), float).reshape(len(kept), gram.d)
            n_failed += not result.success
        return x, n_failed

    def agreed(self, gram: Gram, models: np.ndarray, offered: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the aggregate (p, d) of models (B, p, d), and the inclusion probabilities."""
        inclusion = inclusion_probability(models, offered)
        is_kept = self.keeps(inclusion)
        if self.aggregate == "refit":
            return least_squares(gram, is_kept), inclusion
        aggregate = {"median": np.median, "mean": np.mean}[self.aggregate]
        return np.where(is_kept, over_models(lambda part: aggregate(part, axis=0), models, offered), 0.0), inclusion

    def told(self, gram: Gram, models: np.ndarray, offered: np.ndarray, n_failed: int, begin: float) -> EnsembleResult:
        """Return the result for the coefficients of all models (B, p, d)."""
        x, inclusion = self.agreed(gram, models, offered)
        story = f"{np.count_nonzero(x)} of {x.size} terms in at least {self.inclusion:.0%} of {self.n_models} models"
        empty = np.flatnonzero(~x.any(axis=0) & (gram.yy > 0))
        status, message = Status.CONVERGED, story
        if len(empty):
            status = Status.EMPTY
            message = f"{story}: of target {', '.join(map(str, empty.tolist()))} {status.value}; or lower inclusion"
        if n_failed:
            message += f"; {n_failed} models did not converge"
        return EnsembleResult.of(
            gram,
            x,
            status,
            message,
            nit=self.n_models,
            time=time.perf_counter() - begin,
            inclusion_probability=gram.give(inclusion),
            coef_list=gram.give(models),
            offered=xp.to_like(offered, gram.like),
        )


def ensemble(
    optimizer: Callable = stlsq,
    *,
    n_models: int = 100,
    bagging: str = "rows",
    block_length: int | None = None,
    library_fraction: float = 1.0,
    inclusion: float = 0.6,
    aggregate: str = "median",
    library_bagging: Ensemble | None = None,
    rng: Any = None,
) -> Ensemble:
    """Return an optimizer that fits many models to bootstraps, and keeps the terms that most of them have.

    Parameters
    ----------
    optimizer : callable
        What fits one model: a regression with its options, as ``functools.partial(stlsq, threshold=0.2)``.
    n_models : int
        Models (B).
    bagging : {"rows", "blocks", "trajectories", "none"}
        What is drawn with replacement: single samples; blocks of consecutive ones, which keep the correlation of noise
        in time; or whole trajectories. "none": each model has all samples, and only the library differs.
    block_length : int, optional
        Samples of a block; by default the square root of their number.
    library_fraction : float
        Which part of the functions each model is offered, drawn without replacement.
    inclusion : float
        The least inclusion probability of a term that is kept.
    aggregate : {"median", "mean", "refit"}
        Of the coefficients of a term that is kept, over all models that were offered it, zeros included as published;
        or a least-squares fit to all samples. A median is zero, and the term left out, where most models do not agree
        on the sign of a coefficient.
    library_bagging : Ensemble, optional
        An ensemble that is fitted first: each target is offered only the terms that are in enough of its models, and
        draws for itself.
    rng : optional
        See ``numpy.random.default_rng``. The same seed gives the same models, whatever the size of the data.

    Returns
    -------
    Ensemble
        To be called as a regression is, ``ensemble(...)(Theta, Y)``; returns an `EnsembleResult`, which has
        ``inclusion_probability``, ``coef_list`` and ``interval(level)`` beside what that of a regression has.

    Raises
    ------
    ValueError, TypeError
        An option that is none of those listed; when called, whatever is wrong with the data.

    Notes
    -----
    Cost: ``n p^2`` flops a model in one matrix product, and memory for some hundred samples; with `stlsq` all models
    are then solved in compiled steps. Bootstraps are solved from their Gram matrices as long as these have a safe
    Cholesky factorisation, that of all samples' dependences apart, and else on the QR path, one by one.

    What the paper names, with ``one = partial(stlsq, threshold=...)``, and with the thresholds 0.6 and 0.4 that it has
    for the Lorenz equations:

    * bagging: ``ensemble(one, aggregate="mean")``; bragging: ``ensemble(one)``.
    * library bagging: ``library = ensemble(one, bagging="none", library_fraction=0.9, inclusion=0.4)``, and then one
      model of all samples: ``ensemble(one, n_models=1, bagging="none", library_bagging=library)``.
    * double bagging: ``ensemble(one, aggregate="mean", library_bagging=library)``.

    References
    ----------
    Fasel, Kutz, Brunton, Brunton, Proc. R. Soc. A 478 (2022) 20210904.

    Examples
    --------
    >>> import functools
    >>> import numpy as np
    >>> from sparsesci.recovery.dynamics.ensemble import ensemble
    >>> from sparsesci.recovery.dynamics.stlsq import stlsq
    >>> rng = np.random.default_rng(5)
    >>> Theta = rng.standard_normal((200, 6))
    >>> y = 2 * Theta[:, 1] - Theta[:, 4] + rng.standard_normal(200)
    >>> result = ensemble(functools.partial(stlsq, threshold=0.3), rng=7)(Theta, y)
    >>> result.support
    array([False,  True, False, False,  True, False])
    >>> low, high = result.interval(0.95)
    >>> bool(low[1] < 2 < high[1])
    True
    """
    if not callable(optimizer):
        raise TypeError(f"optimizer is {optimizer!r}: a callable is needed, as functools.partial(stlsq, threshold=0.2)")
    n_models = validate.positive_integer(n_models, "n_models")
    validate.one_of(bagging, bootstrap.BAGGING, "bagging")
    validate.one_of(aggregate, AGGREGATES, "aggregate")
    if block_length is not None:
        block_length = validate.positive_integer(block_length, "block_length")
    for name, value, least in (("library_fraction", library_fraction, 1e-12), ("inclusion", inclusion, 0.0)):
        if not least <= validate.finite_real(value, name) <= 1:
            raise ValueError(f"{name} is {value!r}: a part of 1 is needed")
    if library_bagging is not None and not isinstance(library_bagging, Ensemble):
        raise TypeError(f"library_bagging is {library_bagging!r}: what ensemble(...) returns is needed")
    options = bagging, block_length, library_fraction, inclusion, aggregate, rng, library_bagging
    return Ensemble(optimizer, n_models, *options)


def samples_to_draw_from(Theta: Any, Y: Any) -> Samples:
    """Return the samples that are to be drawn from."""
    if isinstance(Theta, Gram):
        raise TypeError("bootstraps are drawn from samples: pass Theta and Y, or Samples; a Gram has only their sums")
    return as_samples(Theta, Y)


def part_of(samples: Samples, functions: np.ndarray, target: int) -> Samples:
    """Return the samples with some functions and one target alone."""
    Y = samples.Y if samples.is_vector else samples.Y[:, target]
    if samples.Theta is None:
        program = samples.program.restricted(functions)
        return Samples(Y=Y, program=program, inputs=samples.inputs, lengths=samples.lengths)
    chosen = xp.to_like(functions, samples.Theta)
    Theta = xp.namespace(samples.Theta).take(samples.Theta, chosen, axis=1)
    return Samples(Y=Y, Theta=Theta, lengths=samples.lengths)


def options_of_stlsq(optimizer: Callable) -> dict[str, Any] | None:
    """Return the options of an optimizer that is `stlsq`; None where it is another one."""
    given = {}
    while isinstance(optimizer, functools.partial) and not optimizer.args:
        given = optimizer.keywords | given
        optimizer = optimizer.func
    if optimizer is not stlsq:
        return None
    parameters = inspect.signature(stlsq).bind(None, **given)
    parameters.apply_defaults()
    options = {name: parameters.arguments[name] for name in ("threshold", "alpha", "relative", "unbias", "maxiter")}
    for name in ("threshold", "alpha"):
        options[name] = validate.nonnegative_real(options[name], name)
    options["maxiter"] = validate.positive_integer(options["maxiter"], "maxiter")
    return options


def fit_batch(gram: Gram, samples: Samples, counts, sums, offered, jobs: list[dict]) -> tuple[np.ndarray, int]:
    """Return the models (jobs B, p, d) of STLSQ with each of some options, and how many have not settled.

    The jobs have the same ``relative``, ``unbias`` and ``maxiter``; all jobs of a bootstrap follow each other.
    """
    p, (n_models, n_jobs) = gram.p, (len(sums), len(jobs))
    options = jobs[0]
    thresholds, ridge = gram.units(1.0, 1.0, relative=options["relative"])
    C = sums[:, :p, :p] / gram.scale
    C /= gram.scale[:, None]
    rhs = sums[:, :p, p:] / gram.scale[:, None]
    which, each = np.repeat(np.arange(n_models), n_jobs), np.tile(np.arange(n_jobs), n_models)
    alphas, levels = (np.array([job[name] for job in jobs], float)[each] for name in ("alpha", "threshold"))
    steps = options["unbias"], options["maxiter"]
    z, _, flags = fit_scaled(gram, C, rhs, which, alphas, ridge, levels, thresholds, offered[which], *steps)
    last, part = -1, gram
    for job in np.flatnonzero((flags == SINGULAR).any(axis=1)).tolist():
        model = which[job]
        if model != last:
            part = bootstrap.as_bootstrap_gram(gram, sums[model], int(counts[model].sum()))
            last, part = model, bootstrap.on_qr_path(part, samples, counts[model])
        ratio = part.scale / gram.scale
        given = alphas[job] * ridge / ratio**2, levels[job] * thresholds * ratio[:, None] ** (not options["relative"])
        x, _, flags[job] = one_by_one(part, *given, offered[model] & ~part.is_zero, *steps)
        z[job] = x / ratio[:, None]
    return z / gram.scale[:, None], int((flags != 0).any(axis=1).sum())


def restricted(gram: Gram, kept: np.ndarray) -> Gram:
    """Return the Gram of some functions alone."""
    part = replace(gram, G=gram.G[np.ix_(kept, kept)], b=gram.b[kept])
    if gram.R is None:
        return part
    Q, R = np.linalg.qr(gram.R[:, kept])
    z = Q.T @ gram.z
    return replace(part, R=R, z=z, rest=gram.rest + (gram.z**2).sum(axis=0) - (z**2).sum(axis=0))


def inclusion_probability(models: np.ndarray, offered: np.ndarray) -> np.ndarray:
    """Return in which part of the models that were offered it each term is (p, d)."""
    return over_models(lambda part: (part != 0).mean(axis=0), models, offered)


def over_models(function: Callable, models: np.ndarray, offered: np.ndarray) -> np.ndarray:
    """Return a function of the models (B, p, ...) over their first axis, for each p of those that were offered it."""
    if offered.all():
        return function(models)
    columns = [function(models[offered[:, j], j]) if offered[:, j].any() else None for j in range(offered.shape[1])]
    like = next(column for column in columns if column is not None)
    columns = [np.zeros_like(like) if column is None else column for column in columns]
    return np.stack(columns, axis=np.ndim(like) - (models.ndim - 2))

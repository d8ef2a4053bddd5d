"""What the selections of columns return, and how many columns they choose.

A selection knows the residual sum of squares with 0, 1, 2, ... columns. Information criteria choose among them as if
errors were independent, which those of derivatives are not: what a difference or a smoothing window leaves wrong is a
smooth function of the state, that many columns together explain better and better, and thousands of samples make each
of them significant. What tells true functions from these is a gap. With ``l_k = log rss_k``,

    gap(k) = min over i < k of (l_i - l_k) / (k - i) / (max over j > k of (l_k - l_j) / (j - k) + 2 log(p) / n + 0.02):

what is taken explains many times more, per function, than anything that could be added. These are the slopes on both
sides of a corner of the convex hull of the l_k, so that functions which explain little alone and all together are taken
together. 2 log(p) / n is what the best of p columns of noise explains, and no function matters that explains less than
2 % of what is left. gap(0) is 1: where there is no gap, there is no function. And gap(p) is 5 at most, since there is
nothing that all functions could be compared with. (For factors of covariances: Ahn and Horenstein, Econometrica 81
(2013) 1203-1227.) How often it is right for chaotic systems, some of which it was designed on, stands in
benchmarks/results/chaos.json.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from sparsesci._lib import validate
from sparsesci._lib.result import Status

from .gram import Gram, least_squares
from .information import CRITERIA
from .reduced import Reduced
from .regression_result import SparseRegressionResult

LITTLE = 0.02  # of what is left: no function matters that explains less
FULL = 5.0  # the most that the gap behind all functions can be
ROUNDING = 1e-14  # of |Y|^2: what rounding leaves of an exact fit


@dataclass(frozen=True, repr=False, eq=False)
class SubsetResult(SparseRegressionResult):
    """Sparse coefficients by a selection of columns, and all that were to choose from.

    Attributes
    ----------
    n_terms : int array (d,)
        How many columns each target was given.
    subsets : bool array (K + 1, p) or (K + 1, p, d)
        The columns of the fits with 0, 1, ..., K of them.
    subset_rss : array (K + 1, d)
        Their residual sums of squares; infinite where there was none.
    scores : array (K + 1, d)
        The criterion of each; the smallest was chosen, unless n_terms was given. Of "gap" it is ``-gap(k)``.
    """

    n_terms: np.ndarray
    subsets: Any
    subset_rss: np.ndarray
    scores: np.ndarray


@dataclass(frozen=True)
class Rule:
    """How many columns a target is given: ``n_terms`` of them, or what a criterion says."""

    criterion: str
    n_terms: int | None
    n_effective: float | None
    accuracy: np.ndarray

    @classmethod
    def checked(cls, criterion: Any, n_terms: Any, n_effective: Any, accuracy: Any, gram: Gram) -> Rule:
        """Return the rule; ValueError or TypeError where an option is none."""
        validate.one_of(criterion, ("gap", *CRITERIA), "criterion")
        if n_terms is not None:
            n_terms = validate.positive_integer(n_terms, "n_terms", least=0)
            if n_terms > gram.p:
                raise ValueError(f"n_terms is {n_terms}: there are {gram.p} functions")
        if n_effective is not None:
            n_effective = validate.positive_real(n_effective, "n_effective", otherwise="or None for all samples")
        return cls(criterion, n_terms, n_effective, nonnegative(accuracy, "accuracy", gram.d))

    def scores(self, rss: np.ndarray, n: int, p: int, target: int) -> np.ndarray:
        """Return the criterion for relative residual sums of squares (K + 1,) of a target: [k] with k of p columns."""
        rss = rss + max(self.accuracy[target] ** 2, ROUNDING)
        k = np.arange(len(rss))
        if self.criterion == "gap":
            return -gaps(rss, n, p)
        return CRITERIA[self.criterion](rss, n if self.n_effective is None else min(self.n_effective, n), k)

    def is_enough(self, rss: np.ndarray, rest: float, n: int, p: int, target: int) -> bool:
        """Whether no model of more columns than these can have a better score, if all p together leave ``rest``."""
        scores = self.scores(rss, n, p, target)
        if self.criterion != "gap":
            best = self.scores(np.append(rss, np.full(p + 1 - len(rss), rest)), n, p, target)[len(rss) :]
            return not len(best) or best.min() >= scores.min()
        if 2 * len(rss) > n:
            return True
        floor = max(self.accuracy[target] ** 2, ROUNDING)
        logs, least = logarithms(rss + floor), math.log(rest + floor)
        before, after = slopes(logs)
        beyond = (logs - least) / np.arange(len(logs), 0, -1)  # if one function more explained all that can be
        known, certain = (before / (most + nothing(n, p)) for most in (after, np.maximum(after, beyond)))
        known[0] = certain[0] = 1.0
        best = int(np.argmax(certain))
        return certain[best] >= max(beyond.min() / nothing(n, p), np.delete(known, best).max(initial=0.0))


def gaps(rss: np.ndarray, n: int, p: int) -> np.ndarray:
    """Return gap(k) for k = 0, ..., K; 0 where there are more than half as many columns as samples."""
    before, after = slopes(logarithms(rss)[: max((n + 1) // 2, 1)])
    found = np.zeros(len(rss))
    found[: len(before)] = before / (after + nothing(n, p))
    found[0] = 1.0
    found[p:] = np.minimum(found[p:], FULL)
    return found


def logarithms(rss: np.ndarray) -> np.ndarray:
    """Return the logarithms of what is left, which do not rise; where no model was found, that of the last one."""
    return np.minimum.accumulate(np.log(rss))


def slopes(logs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the least mean fall up to each of the values (K + 1,), Inf for the first, and the largest after it."""
    k = np.arange(len(logs))
    is_before = k[:, None] < k
    fall = (logs[:, None] - logs) / np.where(is_before, k - k[:, None], 1)
    return np.where(is_before, fall, np.inf).min(axis=0), np.where(is_before, fall, 0.0).max(axis=1)


def nothing(n: int, p: int) -> float:
    """Return the drop that means nothing: that of the best of p columns of noise, and a little."""
    return 2 * math.log(max(p, 1)) / n + LITTLE


def nonnegative(value: Any, name: str, d: int) -> np.ndarray:
    """Return a number >= 0, or one for each of d targets, as an array (d,)."""
    if np.ndim(value) == 0:
        return np.full(d, validate.nonnegative_real(value, name))
    values = np.asarray(value, float)
    if values.shape != (d,) or not np.all((values >= 0) & np.isfinite(values)):
        raise ValueError(f"{name} is {value!r}: a number >= 0, or {d} of them, one for each target, are needed")
    return values


def selected(
    gram: Gram,
    r: Reduced,
    subsets: list[list[np.ndarray]],
    rss: list[np.ndarray],
    rule: Rule,
    begin: float,
    story: Callable[[str], str],
) -> SubsetResult:
    """Return the result, given for each target the columns of its 0, 1, ... terms and what these leave of it."""
    K = max(len(found) for found in subsets)
    is_in = np.zeros((K, gram.p, gram.d), bool)
    left = np.full((K, gram.d), np.inf)
    for j, (found, losses) in enumerate(zip(subsets, rss, strict=True)):
        left[: len(found), j] = losses
        for k, S in enumerate(found):
            is_in[k, S, j] = True
    scores = np.stack([rule.scores(left[:, j], gram.n, gram.p, j) for j in range(gram.d)], axis=1)
    if rule.n_terms is None:
        n_terms = np.argmin(scores, axis=0)
        how = f"chosen by {rule.criterion}"
    else:
        n_terms = np.array([min(rule.n_terms, len(found) - 1) for found in subsets])
        how = "as asked for"
    x = least_squares(gram, is_in[n_terms, :, np.arange(gram.d)].T)
    message = story(f"{', '.join(map(str, n_terms))} of {gram.p} functions for {gram.d} targets, {how}")
    if rule.n_terms is not None and (n_terms < rule.n_terms).any():
        message += f"; no more than {n_terms.min()} functions are independent or of use"
    return SubsetResult.of(
        gram,
        x,
        Status.CONVERGED,
        message,
        nit=K - 1,
        time=time.perf_counter() - begin,
        n_terms=n_terms,
        subsets=is_in[..., 0] if gram.is_vector else is_in,
        subset_rss=left * r.scales**2,
        scores=scores,
    )

"""Walsh-Hadamard spectra from incomplete tables: what is missing is predicted from what is there.

Two models of the spectrum are fitted, and the one with the larger evidence for the samples is the answer:

* a sparse one, by orthogonal matching pursuit (`walsh_pursuit`): exact where few coefficients make the function;
* a dense one, a Gaussian prior with one strength for each variable (`walsh_prior`): many interactions, most of them
  small, of those variables that matter. It is what a measured landscape looks like.
"""

from __future__ import annotations

import time
import warnings
from typing import Any

import numpy as np

from sparsesci._lib import validate
from sparsesci._lib.result import ConvergenceWarning, Status

from . import words
from .result import WHTResult
from .walsh_prior import fit_dense
from .walsh_pursuit import Fit, fit_sparse, sum_of_squares

ADVICE = "the mean does as well: pass more samples, max_order if it is known, or noise_std if all the rest is noise"
SPREAD = 5  # standard deviations that the mean square of the errors may be above that of the noise


def fit_incomplete(
    points: np.ndarray,
    values: Any,
    n: int,
    *,
    noise_std: float | None = None,
    max_order: int | None = None,
    sparsity: int | None = None,
    rng: Any = None,
) -> WHTResult:
    """Fit ``f(m) = sum_k X_k (-1)^<m, k>`` to samples of f at some of the points of F_2^n.

    Nothing is to be tuned: both models have their parameters by evidence, and so has the choice between them.

    Parameters
    ----------
    points : uint64 array (q, w)
        Where f was sampled, as rows of words (`words.points_as_words`). A point may be there several times: repeats
        tell what is noise.
    values : array (q,)
        The samples, real or complex. float32 and complex64 are kept; the fit is computed in double precision.
    n : int
        Variables.
    noise_std : float, optional
        Standard deviation of the noise of a sample (of both parts together where complex); estimated if not given.
    max_order : int, optional
        The most variables of an interaction.
    sparsity : int, optional
        The most coefficients that are returned.
    rng : optional
        Which samples the strengths of the variables are learned from first, where there are more than 500; see
        ``numpy.random.default_rng``.

    Returns
    -------
    WHTResult
        ``nit`` is the number of models that were tried. Of a dense spectrum the coefficients that are returned are
        those that matter: the others together add less than 1 % to the mean square error of a prediction, which is
        estimated by leaving each sample out.

        ``success`` is False, and there is a `ConvergenceWarning`, where nothing is predictable: where the mean of all
        samples predicts each of them as well as the spectrum, found from the others, does (``R^2 <= 0``); unless
        ``noise_std`` is given and explains what is left. A spectrum of a constant is nothing more than a mean.

    Raises
    ------
    ValueError
        No samples, NaN or Inf, shapes that do not fit together, or more than 8,192 samples of a function that is not
        exactly sparse.

    Notes
    -----
    Cost: O(q^3) for q samples, about twenty times that for q up to 1,500, and for the pursuit O(F q) a coefficient
    with F Walsh functions, or a fast transform of length 2^n where this is less.

    The R^2 of the message leaves one sample out at a time and keeps what was learned from all of them (the strengths of
    the variables, the support): with many variables and few samples it is too hopeful.
    """
    begin = time.perf_counter()
    points, values, rng = np.asarray(points), validate.float_array(values, "values"), np.random.default_rng(rng)
    check(points, values, n)
    q = len(values)
    most = q if sparsity is None else validate.positive_integer(sparsity, "sparsity")
    if max_order is not None:
        max_order = validate.positive_integer(max_order, "max_order", least=0)
    if noise_std is not None:
        noise_std = validate.nonnegative_real(noise_std, "noise_std")
    n_different = len(np.unique(points, axis=0))

    y = values.astype(np.complex128 if values.dtype.kind == "c" else np.float64)
    rounding = float(np.finfo(values.dtype).eps)
    scale = float(np.std(y))
    if scale <= 4 * rounding * float(abs(y).max()):
        fit, tried = constant(y, n), 1
    else:
        fit, tried = best_fit(
            points,
            y / scale,
            n,
            noise=None if noise_std is None else noise_std / scale,
            rounding=rounding,
            max_order=max_order,
            sparsity=sparsity,
            most=min(most, max(n_different // 2, 1)),
            rng=rng,
        )
        fit = fit._replace(values=fit.values * scale, noise_std=fit.noise_std * scale, left_out=fit.left_out * scale)
    status, message = verdict(fit, y, n_different, noise_std)
    if status is Status.UNRESOLVED:
        warnings.warn(message, ConvergenceWarning, stacklevel=4)  # at the line that calls sparse_wht
    order = words.lexicographic(fit.indices)
    return WHTResult(
        x=fit.values[order].astype(values.dtype),
        status=status,
        message=message,
        nit=tried,
        time=time.perf_counter() - begin,
        indices=words.to_integers(fit.indices[order], n),
        n=n,
        n_samples=n_different,
        noise_std=float(fit.noise_std if noise_std is None else noise_std),
    )


def check(points: np.ndarray, values: np.ndarray, n: int) -> None:
    """Raise where there is nothing to fit, or where points and values do not fit together."""
    if points.ndim != 2 or points.shape[1] != words.n_words(n) or points.dtype != np.uint64:
        raise ValueError(
            f"points are {points.dtype} {points.shape}: uint64 words (q, {words.n_words(n)}) are needed for n = {n}"
        )
    if values.shape != (len(points),):
        raise ValueError(f"values have shape {values.shape}: one for each of the {len(points)} points is needed")
    if not len(values):
        raise ValueError("there are no samples: at least one is needed")
    validate.finite(values, "values")


def best_fit(points, y, n, *, noise, rounding, max_order, sparsity, most, rng) -> tuple[Fit, int]:
    """Return the fit of the larger evidence for values y of unit variance, and how many models were tried."""
    parts = 2 if y.dtype.kind == "c" else 1
    floor = max(noise or 0.0, 8 * rounding * float(abs(y).max())) / np.sqrt(parts)
    sparse, tried = fit_sparse(points, y, n, noise_floor=floor, max_order=max_order, most=most)
    if noise is None and sparse.noise_std == 0:
        return sparse, tried
    dense = fit_dense(
        points,
        y,
        n,
        noise=None if noise is None else noise**2 / parts,
        least_noise=floor**2,
        max_order=max_order,
        most=len(y) * 2**20 if sparsity is None else sparsity,
        rng=rng,
    )
    dense = dense._replace(noise_std=dense.noise_std * np.sqrt(parts))
    return max(sparse, dense, key=lambda fit: fit.evidence), tried + 1


def constant(y: np.ndarray, n: int) -> Fit:
    """Return the fit of equal values: one coefficient, or none where they are zero."""
    mean = y.mean()
    n_kept = int(mean != 0)
    indices = np.zeros((n_kept, words.n_words(n)), np.uint64)
    return Fit(indices, np.full(n_kept, mean), 0.0, np.zeros_like(y), 0.0, "a constant")


def verdict(fit: Fit, y: np.ndarray, n_different: int, noise_std: float | None) -> tuple[Status, str]:
    """Say what was fitted and how well it predicts; a fit that does not, and is not explained by noise, has failed."""
    story = f"{fit.name}: {len(fit.values)} coefficients from {n_different} points"
    spread, error = sum_of_squares(y - y.mean()), sum_of_squares(fit.left_out)
    if spread == 0 or error == 0:
        return Status.CONVERGED, story
    story += f"; each value is predicted from the others with R^2 = {1 - error / spread:.3f}"
    q, parts = len(y), 2 if y.dtype.kind == "c" else 1
    by_noise = 0.0 if noise_std is None else q * noise_std**2 * (1 + SPREAD * np.sqrt(2 / (parts * q)))
    if error < spread or error <= by_noise:
        return Status.CONVERGED, story
    return Status.UNRESOLVED, f"nothing is predictable, {ADVICE}; {story}"

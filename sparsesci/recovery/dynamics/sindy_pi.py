"""Implicit equations of motion: relations between functions of states *and rates*, such as rational dynamics obey.

Kaheman, Kutz, Brunton, *SINDy-PI: a robust algorithm for parallel implicit sparse identification of nonlinear
dynamics*, Proc. R. Soc. A 476 (2020) 20200279.

Deviations
----------
1. The regressions of all candidates (their eq. 3.4) share one triangular factor of Theta, and never see a row of data
   again: with ``Theta = Q R``, column j is fitted by the others as column j of R is.
2. Sparse by thresholding, or by any other optimizer, and not by a convex program.
3. Of the relations that fit nearly as well as the best one does, that with the fewest terms is chosen.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from sparsesci._lib import validate, xp
from sparsesci._lib.result import ConvergenceWarning, Status

from .equations import equation
from .gram import Gram, as_gram
from .implicit_result import ImplicitResult
from .samples import Samples
from .stlsq import stlsq

NEARLY = 10.0  # times the smallest error: what fits as well, but for noise
ROUNDING = 1e-12  # of a column: an error below it is none


def sindy_pi(
    Theta: Any,
    *,
    names: Sequence[str] | None = None,
    candidates: Sequence[int | str] | None = None,
    optimizer: Callable | None = None,
    validation: Any = None,
) -> ImplicitResult:
    """Find sparse relations between the columns of Theta, functions of states and of rates.

    For every candidate j the regression ``Theta_j ~ Theta x`` with ``x_j = 0`` is made sparse. Rational dynamics
    ``x' = N(x) / D(x)`` obey such a relation, ``D(x) x' = N(x)``, which is linear in its coefficients; and noise in the
    rates hurts less than it does where one side is zero.

    Parameters
    ----------
    Theta : array (n, p), Samples, or Gram
        The functions at the samples, rates being inputs like states: `ControlAffineLibrary` makes those that are linear
        in one rate, passed as its control. Targets are not looked at.
    names : sequence of str, optional
        Names of the p functions; "f0", "f1", ... by default.
    candidates : sequence of int or str, optional
        Columns to be tried as left-hand sides, by index or by name; all of them by default. Those that hold the rate
        keep identities of the library, such as ``sin^2 + cos^2 = 1``, from being found instead.
    optimizer : callable, optional
        A regression of a `Gram`, such as ``partial(stlsq, threshold=0.05, relative=True)``; by default that with 0.1:
        a term stays if it makes up a tenth of the candidate.
    validation : array (m, p), optional
        The functions at other samples, on which the errors are measured.

    Returns
    -------
    ImplicitResult
        With the relations of all candidates; `solve` turns one into a formula for the rate. Where none is found,
        ``success`` is False and there is a `ConvergenceWarning`.

    Raises
    ------
    ValueError, TypeError
        NaN or Inf (the first is named), shapes that do not fit, a candidate that is no column, fewer than two columns.

    Notes
    -----
    If a relation holds, so does x times it. A library that has room for both makes many relations true, and least
    squares finds a mixture of them, which thresholds tell apart only where the rates are very accurate. Begin with the
    smallest library, and enlarge it until the error falls.

    Cost: ``2 n p^2`` flops for the triangular factor, then ``O(p^3)`` for each candidate.

    References
    ----------
    Kaheman, Kutz, Brunton, Proc. R. Soc. A 476 (2020) 20200279.

    Examples
    --------
    Michaelis-Menten kinetics, ``x' = 0.6 - 1.5 x / (0.3 + x)``:

    >>> import numpy as np
    >>> from sparsesci.recovery.dynamics.control_affine_library import ControlAffineLibrary
    >>> from sparsesci.recovery.dynamics.polynomial_library import PolynomialLibrary
    >>> from sparsesci.recovery.dynamics.sindy_pi import sindy_pi
    >>> x = np.linspace(0.1, 4, 200)[:, None]
    >>> rates = 0.6 - 1.5 * x / (0.3 + x)
    >>> library = ControlAffineLibrary(PolynomialLibrary(1))
    >>> result = sindy_pi(library.transform(x, rates), names=library.names(["x"], ["x'"]))
    >>> rate = result.solve("x'")
    >>> rate
    x' = (0.180 - 0.900 x) / (0.300 + 1.000 x)
    >>> rate(library.transform([[1.2]], [[1.0]])).round(3)
    array([-0.6])
    """
    begin = time.perf_counter()
    if optimizer is not None and not callable(optimizer):
        raise TypeError(f"optimizer is {optimizer!r}: a function of a Gram is needed, such as partial(stlsq, ...)")
    gram = factored(Theta)
    if gram.p < 2:
        raise ValueError("Theta has one column: a relation needs two or more")
    names = tuple(f"f{j}" for j in range(gram.p)) if names is None else tuple(names)
    if len(names) != gram.p:
        raise ValueError(f"there are {len(names)} names and {gram.p} functions: one for each is needed")
    columns = [j for j in chosen(candidates, names) if not gram.is_zero[j]]
    held_out = None if validation is None else _held_out(validation, gram.p)
    regress = partial(stlsq, threshold=0.1, relative=True) if optimizer is None else optimizer

    found = np.zeros((len(columns), gram.p))
    errors = np.ones(len(columns))
    R = triangle(gram)
    for row, j in enumerate(columns):
        others = np.arange(gram.p) != j
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # many candidates have no relation: that is no failure
            result = regress(leave_out(gram, R, j))
        found[row, others] = result.x
        errors[row] = _error(R if held_out is None else held_out, found[row], j)

    order = ranked(errors, np.count_nonzero(found, axis=1))
    found, errors, columns = found[order], errors[order], [columns[i] for i in order]
    empty = not len(columns) or not found[0].any()
    if empty:
        status, message = Status.EMPTY, f"no candidate has a relation: {Status.EMPTY.value}"
        warnings.warn(message, ConvergenceWarning, stacklevel=2)
    else:
        status = Status.CONVERGED
        where = "on the data" if held_out is None else "on the rows held out"
        message = f"{names[columns[0]]} = {equation(found[0], names)}, relative error {errors[0]:.1e} {where}"
    given = [_given(part, gram.like) for part in (found[0] if len(found) else np.zeros(gram.p), found, errors)]
    return ImplicitResult(
        x=given[0],
        status=status,
        message=message,
        nit=len(columns),
        time=time.perf_counter() - begin,
        candidate=columns[0] if columns else -1,
        candidates=tuple(columns),
        coefficients=given[1],
        errors=given[2],
        names=names,
    )


def factored(Theta: Any) -> Gram:
    """Return the sums over samples with a triangular factor; of a Gram those that it has."""
    if isinstance(Theta, Gram | Samples):
        return as_gram(Theta, path="qr")
    Theta = validate.float_array(Theta, "Theta")
    if xp.is_complex(Theta.dtype):
        raise TypeError("Theta is complex: stack real and imaginary parts as rows of their own")
    namespace = xp.namespace(Theta)
    nothing = namespace.zeros(Theta.shape[:1], dtype=Theta.dtype, device=xp.device(Theta))  # Samples must have targets
    return as_gram(Theta, nothing, path="qr")


def triangle(gram: Gram) -> np.ndarray:
    """Return R (p, p) with ``R^T R = Theta^T Theta``: of the QR path, or by eigenvalues with what digits are left."""
    if gram.R is not None:
        return gram.R
    values, vectors = np.linalg.eigh(gram.scaled)
    return np.sqrt(np.maximum(values, 0))[:, None] * vectors.T * gram.scale


def leave_out(gram: Gram, R: np.ndarray, j: int) -> Gram:
    """Return the sums of the regression of column j on the others."""
    others = np.arange(gram.p) != j
    Q, T = np.linalg.qr(R[:, others])
    z = Q.T @ R[:, [j]]
    rest = ((R[:, [j]] - Q @ z) ** 2).sum(axis=0)
    b, yy = gram.G[others][:, [j]], gram.G[[j], [j]]
    return Gram(gram.G[np.ix_(others, others)], b, yy, gram.n, is_vector=True, R=T, z=z, rest=rest)


def ranked(errors: np.ndarray, n_terms: np.ndarray) -> np.ndarray:
    """Return the order of the candidates: by error, but first that with the fewest terms of those about as good.

    Errors of rounding are equal: there the order is that of the terms, and of the columns.
    """
    errors = np.maximum(errors, ROUNDING)
    order = np.lexsort((n_terms, errors)).tolist()
    good = [i for i in order if n_terms[i] > 0 and errors[i] <= NEARLY * errors[order[0]]]
    if not good:
        return np.array(order, int)
    best = min(good, key=lambda i: n_terms[i])
    return np.array([best, *(i for i in order if i != best)])


def chosen(candidates: Sequence[int | str] | None, names: tuple[str, ...]) -> list[int]:
    """Return the columns of candidates that are given by index or by name."""
    if candidates is None:
        return list(range(len(names)))
    if isinstance(candidates, str) or not len(candidates):
        raise ValueError(f"candidates is {candidates!r}: a list of columns or of names is needed, not empty")
    columns = []
    for candidate in candidates:
        if isinstance(candidate, str):
            if candidate not in names:
                raise ValueError(f"candidates has {candidate!r}: the names are {', '.join(names)}")
            columns.append(names.index(candidate))
        else:
            j = validate.positive_integer(candidate, "candidate", least=0)
            if j >= len(names):
                raise ValueError(f"candidates has {j}: there are {len(names)} columns")
            columns.append(j)
    return columns


def _held_out(Theta: Any, p: int) -> np.ndarray:
    Theta = np.asarray(xp.to_host(validate.float_array(Theta, "validation")), float)
    if Theta.ndim != 2 or Theta.shape[1] != p or not len(Theta):
        raise ValueError(f"validation has shape {Theta.shape}: (m, {p}) is needed, not empty")
    validate.finite(Theta, "validation")
    return Theta


def _error(Theta: np.ndarray, x: np.ndarray, j: int) -> float:
    """Return ``|Theta_j - Theta x| / |Theta_j|``."""
    length = np.linalg.norm(Theta[:, j])
    return float(np.linalg.norm(Theta[:, j] - Theta @ x) / length) if length > 0 else float("inf")


def _given(x: np.ndarray, like: Any) -> Any:
    return xp.namespace(like).astype(xp.to_like(np.ascontiguousarray(x), like), like.dtype, copy=False)

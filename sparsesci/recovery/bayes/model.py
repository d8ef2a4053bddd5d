"""The model ``y = A x + n`` as it is given, as the methods take it, and back.

Methods see data of mean square 1 and columns of length 1: so the answer does not depend on the units of y, nor on those
of any column.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from sparsesci._lib import validate, xp
from sparsesci._lib.operator import Operator, as_operator
from sparsesci._lib.result import Status

from .expectation import DensePosterior, columns, total
from .fit import Fit
from .result import SBLResult

ADVICE = {
    Status.MAXITER: "maxiter is used up: raise maxiter or rtol",
    Status.STOPPED_BY_CALLBACK: Status.STOPPED_BY_CALLBACK.value,
}
MOST = {False: 1e151, True: 1e17}  # of y, A and x, whose squares are double or single precision


class Model(NamedTuple):
    """Data as the methods take them, and what it takes to return to the units of the caller.

    Attributes
    ----------
    A : array (M, N) or Operator
        In double precision where it is an array, its columns as they were given.
    Y : array (M, l)
        Measurements over ``scale``.
    weights : array (N,) or None
        One over the length of each column of A, zero for a zero column; None for an operator.
    scale : float
        Root mean square of y.
    dtype : dtype
        That of the answer.
    is_vector : bool
        Whether y was given as (M,).
    """

    A: Any
    Y: Any
    weights: Any
    scale: float
    dtype: Any
    is_vector: bool

    def result(self, fit: Fit, *, message: str, seconds: float) -> SBLResult:
        """Return a fit in the units of the caller."""
        namespace = xp.namespace(self.Y)
        units = self.scale if self.weights is None else self.scale * self.weights
        gamma, variance = fit.gamma * units**2, fit.variance * units**2
        mu = fit.mu * (units if self.weights is None else units[:, None])
        kept, noise_var = fit.gamma > 0, fit.noise_var * self.scale**2
        posterior = fit.posterior
        if posterior is None:
            posterior = DensePosterior(columns(self.A, kept), gamma[kept], noise_var, kept)
        else:
            posterior = replace(posterior, gamma=posterior.gamma * self.scale**2, noise_var=noise_var)
        is_complex = xp.is_complex(self.dtype)
        unit = self.Y.shape[0] * self.Y.shape[1] * (2 if is_complex else 1) * math.log(self.scale)
        real = xp.real(namespace.empty(1, dtype=self.dtype, device=xp.device(self.Y))).dtype
        return SBLResult(
            x=namespace.astype(mu[:, 0] if self.is_vector else mu, self.dtype),
            status=fit.status,
            message=message,
            nit=fit.nit,
            time=seconds,
            gamma=namespace.astype(gamma, real),
            variance=namespace.astype(variance, real),
            support=namespace.nonzero(kept)[0],
            noise_var=float(noise_var),
            evidence=np.asarray(fit.evidence, dtype=float) - unit,
            posterior=posterior,
        )

    def zero(self, noise_var: float | None, *, message: str, seconds: float) -> SBLResult:
        """Return the answer for y = 0, with nothing learned."""
        namespace = xp.namespace(self.Y)
        N = self.A.shape[1]
        mu = namespace.zeros((N, self.Y.shape[1]), dtype=self.Y.dtype, device=xp.device(self.Y))
        gamma = xp.real(mu[:, 0])
        kept = gamma > 0
        posterior = DensePosterior(self.Y[:, :0], gamma[kept], 1.0, kept)
        fit = Fit(mu, gamma, gamma, noise_var or 0.0, [], 0, Status.CONVERGED, posterior)
        return self._replace(scale=1.0).result(fit, message=message, seconds=seconds)


def checked(A: Any, y: Any) -> tuple[Any, Any]:
    """Return A, as an array, a sparse matrix or with ``matvec``, and y (M,) or (M, l), both finite, of one dtype."""
    y = validate.float_array(y, "y")
    if y.ndim not in (1, 2) or 0 in y.shape:
        raise ValueError(f"y has shape {tuple(y.shape)}: a vector (M,) or columns (M, l), not empty, are needed")
    validate.finite(y, "y")
    A = validate.matrix(A, "A")
    shape = tuple(getattr(A, "shape", ()))
    if len(shape) != 2 or 0 in shape:
        given = f"has shape {shape}" if hasattr(A, "shape") else f"is a {type(A).__name__}"
        raise ValueError(f"A {given}: a matrix (M, N), not empty, or a LinearOperator is needed")
    if shape[0] != y.shape[0]:
        raise ValueError(f"A has shape {shape} and y {tuple(y.shape)}: as many rows are needed, one a measurement")
    if xp.is_array(A) or xp.is_sparse(A):
        validate.finite(A, "A")
    if xp.is_array(A):
        xp.namespace(A, y)
    known = [part for part in (getattr(A, "dtype", None), y.dtype) if part is not None]
    return A, xp.namespace(y).astype(y, xp.common_float(xp.namespace(y), *known), copy=False)


def prepared(A: Any, y: Any) -> Model:
    """Return the model of checked data as the methods take it: A an array, or else to be used as an operator."""
    namespace = xp.namespace(y)
    Y = y[:, None] if y.ndim == 1 else y
    scale = in_range(root_mean_square(Y), "y has root mean square", y)
    if not xp.is_array(A):
        operator = with_adjoint(A, y)
        return Model(operator, Y / scale if scale else Y, None, scale, y.dtype, y.ndim == 1)
    double = namespace.complex128 if xp.is_complex(y.dtype) else namespace.float64
    A, Y = namespace.astype(A, double, copy=False), namespace.astype(Y, double, copy=False)
    largest = in_range(float(namespace.max(namespace.abs(A))), "the largest entry of A is", y)
    in_range(scale / (largest or 1.0), "the root mean square of y over the largest entry of A is", y)
    lengths = namespace.sqrt(namespace.sum(xp.real(xp.conj(A) * A), axis=0))
    weights = namespace.where(lengths > 0, 1 / namespace.where(lengths > 0, lengths, 1.0), 0.0)
    return Model(A, Y / scale if scale else Y, weights, scale, y.dtype, y.ndim == 1)


def in_range(size: float, what: str, like: Any) -> float:
    """Return a size; ValueError where its square, a variance, is no number of the precision of the answer."""
    is_single = xp.precision(like) > 1e-10
    most = MOST[is_single]
    if size and not 1 / most <= size <= most:
        advice = "change the unit, or pass double precision" if is_single else "change the unit"
        raise ValueError(f"{what} {size:.2e}, whose square is out of range: {advice}")
    return size


def with_adjoint(A: Any, y: Any) -> Operator:
    """Return A as an operator whose adjoint works; TypeError where it has none."""
    operator = as_operator(A, y, shape=tuple(A.shape))
    try:
        operator.H(xp.zeros_like(y if y.ndim == 1 else y[:, 0]))
    except NotImplementedError:  # of SciPy's LinearOperator
        raise TypeError("A has no adjoint: pass a LinearOperator with rmatvec as well as matvec") from None
    return operator


def check_finite(product: Any, name: str) -> None:
    """Raise ValueError where a product with an operator is NaN or Inf."""
    if not math.isfinite(total(product)):
        raise ValueError(f"{name} returned NaN or Inf for the data, which are finite")


def root_mean_square(Y: Any) -> float:
    """Return the root of the mean of |Y|^2, right also where squares over- or underflow."""
    namespace = xp.namespace(Y)
    return xp.norm(namespace.reshape(Y, (-1,))) / math.sqrt(math.prod(Y.shape))

"""Sparse relaxed regularised regression, with linear constraints on the coefficients of all targets together.

Zheng, Askham, Brunton, Kutz, Aravkin, *A unified framework for sparse relaxed regularized regression: SR3*, IEEE Access
7 (2019) 1404-1423; Champion, Zheng, Aravkin, Brunton, Kutz, *A unified sparse optimization framework to learn
parsimonious physics-informed models from data*, IEEE Access 8 (2020) 169259-169271.

    min over W, U of  |Y - Theta W|^2 / 2 + lambda R(U) + |W - U|^2 / (2 nu),    subject to C vec(W) = d

by turns: W solves a linear system that is factorised once, and U is the proximal map of W, named by R:

==========  ================  ==============================  =======================
regularizer  R(u)              lambda                          prox of ``lambda nu R``
==========  ================  ==============================  =======================
``"l0"``     ``|u|_0``         ``threshold^2 / (2 nu)``        ``w (|w| >= threshold)``
``"l1"``     ``|u|_1``         ``threshold / nu``              ``sign(w) (|w| - threshold)+``
``"l2"``     ``|u|_2^2``       ``threshold / nu``              ``w / (1 + 2 threshold)``
==========  ================  ==============================  =======================

Deviations
----------
1. With ``H = G + I / nu`` a step is ``W = H^-1 b + (H^-1 / nu) U``: both are formed once, and n does not matter any
   more.
2. The threshold is given and not lambda: it does not depend on nu then.
3. U is sparse and W meets the constraints, neither does both: with ``unbias`` the answer is fitted again by least
   squares on the support of U, subject to the constraints.
4. The first W are least squares under the constraints: from those without them thresholds may cut what the constraints
   bring back, and with a small nu W never leaves that place.
"""

from __future__ import annotations

import time
import warnings
from typing import Any, NamedTuple

import numpy as np

from sparsesci._lib import validate
from sparsesci._lib.parallel import thread_limit
from sparsesci._lib.result import ConvergenceWarning, Status

from .gram import Gram, as_gram, least_squares
from .reduced import reduced
from .regression_result import SparseRegressionResult

REGULARIZERS = ("l0", "l1", "l2")
ORDERS = ("target", "feature")
MET = 1e-8  # relative: how well constraints are met where they can be
ROUNDING = 1e-14  # of the largest coefficient, columns of length 1: what constraints leave of those that they forbid


def sr3(
    Theta: Any,
    Y: Any = None,
    *,
    threshold: Any = 0.1,
    nu: float = 1.0,
    regularizer: str = "l0",
    constraints: tuple[Any, Any] | None = None,
    constraint_order: str = "target",
    relative: bool = False,
    unbias: bool = True,
    rtol: float = 1e-6,
    maxiter: int = 1000,
) -> SparseRegressionResult:
    """Find sparse coefficients of ``Y ~ Theta x`` by relaxed regularisation, subject to linear constraints if given.

    Parameters
    ----------
    Theta : array (n, p), Samples or Gram
        Functions at n samples.
    Y : array (n,) or (n, d), optional
        Targets; None with Samples or a Gram.
    threshold : float or array (p,) or (p, d)
        What "l0" keeps and "l1" subtracts, in units of ``Y / Theta_j``; an array gives each coefficient its own.
    nu : float
        How far coefficients may be from sparse ones, in units of ``1 / Theta^2``: ``I / nu`` is compared with sums of
        squares.
    regularizer : {"l0", "l1", "l2"}
        See the table of the module: ``help(sparsesci.recovery.dynamics.sr3)``.
    constraints : pair of arrays (m, p d) and (m,), optional
        C and d of ``C vec(x) = d``, in the units of the data.
    constraint_order : {"target", "feature"}
        What the columns of C are: "target": all p coefficients of the first target, then those of the second;
        "feature": the coefficients of all targets for the first function, then those for the second.
    relative : bool
        Make threshold and nu free of units: keep what has ``|x_j| rms(Theta_j) >= threshold rms(y)``, and use
        ``diag(G) / nu``.
    unbias : bool
        Whether the coefficients on the support are fitted again; otherwise they are U.
    rtol : float
        The rule is ``||W - W_old|| <= rtol ||W||``, in units where columns and targets have length 1.
    maxiter : int
        The most iterations.

    Returns
    -------
    SparseRegressionResult
        ``success`` is False, and there is a `ConvergenceWarning`, where the rule is not met, where nothing is left of a
        target that is not zero (`Status.EMPTY`), and where the constraints cannot be met on the support.

    Raises
    ------
    ValueError, TypeError
        Data that `as_gram` refuses, constraints of another shape or that contradict each other, an option that is none
        of those listed.

    Notes
    -----
    Cost: that of the Gram, O(p^3) once, and O(p^2 d) an iteration.

    References
    ----------
    Zheng, Askham, Brunton, Kutz, Aravkin, IEEE Access 7 (2019) 1404-1423. Champion, Zheng, Aravkin, Brunton, Kutz, IEEE
    Access 8 (2020) 169259-169271.

    Examples
    --------
    Two targets, whose coefficients are known to be opposite to each other.

    >>> import numpy as np
    >>> from sparsesci.recovery.dynamics.sr3 import sr3
    >>> rng = np.random.default_rng(3)
    >>> Theta = rng.standard_normal((200, 3))
    >>> Y = np.stack([Theta[:, 1], -Theta[:, 1]], axis=1) + 0.1 * rng.standard_normal((200, 2))
    >>> opposite = np.hstack([np.eye(3), np.eye(3)])
    >>> x = sr3(Theta, Y, constraints=(opposite, np.zeros(3))).x
    >>> np.abs(x.sum(axis=1)).max() < 1e-12
    np.True_
    """
    begin = time.perf_counter()
    validate.one_of(regularizer, REGULARIZERS, "regularizer")
    validate.one_of(constraint_order, ORDERS, "constraint_order")
    nu = validate.positive_real(nu, "nu")
    rtol = validate.nonnegative_real(rtol, "rtol")
    maxiter = validate.positive_integer(maxiter, "maxiter")
    gram = as_gram(Theta, Y)
    unit, ridge = gram.units(1.0, 1 / nu, relative=relative)
    levels = unit * thresholds(threshold, gram) if regularizer != "l2" else thresholds(threshold, gram)
    known = None if constraints is None else Constraints.checked(constraints, constraint_order, gram)
    with thread_limit(1):
        step = Step.prepared(gram, ridge, known)
        every = np.ones(gram.b.shape, bool)
        x = least_squares(gram, every) if known is None else known.least_squares(gram, every)[0]
        W = x * gram.scale[:, None]
        U = prox(W, levels, regularizer)
        status, nit = Status.RUNNING, 0
        while status is Status.RUNNING:
            W, W_old = step(U), W
            U = prox(W, levels, regularizer)
            nit += 1
            if np.linalg.norm((W - W_old) / step.sizes) <= rtol * np.linalg.norm(W / step.sizes):
                status = Status.CONVERGED
            elif nit == maxiter:
                status = Status.MAXITER
        x, is_met = U / gram.scale[:, None], True
        if unbias and known is None:
            x = least_squares(gram, U != 0)
        elif unbias:
            x, is_met = known.least_squares(gram, U != 0)
    result = told(gram, x, status, nit, is_met, begin)
    if not result.success:
        warnings.warn(result.message, ConvergenceWarning, stacklevel=2)
    return result


def thresholds(threshold: Any, gram: Gram) -> np.ndarray:
    """Return thresholds (p, d) from a number, or from arrays (p,) or (p, d)."""
    if np.ndim(threshold) == 0:
        return np.full(gram.b.shape, validate.nonnegative_real(threshold, "threshold"))
    values = np.asarray(threshold, float)
    if values.shape not in ((gram.p,), gram.b.shape) or not np.all((values >= 0) & np.isfinite(values)):
        raise ValueError(
            f"threshold has shape {values.shape}: a number, ({gram.p},) or {gram.b.shape} of them, finite and >= 0, "
            "are needed"
        )
    return np.broadcast_to(values[:, None] if values.ndim == 1 else values, gram.b.shape)


def prox(W: np.ndarray, levels: np.ndarray, regularizer: str) -> np.ndarray:
    """Return the proximal map of a regulariser; levels are in the units of W."""
    if regularizer == "l0":
        return np.where(np.abs(W) >= levels, W, 0.0)
    if regularizer == "l1":
        return np.sign(W) * np.maximum(np.abs(W) - levels, 0.0)
    return W / (1 + 2 * levels)


class Constraints(NamedTuple):
    """``sum over j, k of C[:, j, k] x[j, k] = d``, for x in units where columns have length 1; rows of length 1."""

    C: np.ndarray
    d: np.ndarray

    @classmethod
    def checked(cls, constraints: Any, order: str, gram: Gram) -> Constraints:
        """Return the constraints (m, p, d), scaled; ValueError where they do not fit or contradict each other."""
        try:
            C, d = (np.asarray(part, float) for part in constraints)
        except (TypeError, ValueError):
            raise ValueError("constraints are a pair of arrays: C (m, p d) and d (m,)") from None
        p, n_targets = gram.b.shape
        if C.ndim != 2 or C.shape[1] != p * n_targets or d.shape != C.shape[:1] or 0 in C.shape:
            raise ValueError(
                f"constraints have shapes {C.shape} and {d.shape}: (m, {p * n_targets}) and (m,) are needed, "
                f"for {p} functions and {n_targets} targets"
            )
        validate.finite(C, "constraints[0]")
        validate.finite(d, "constraints[1]")
        m = len(C)
        C = C.reshape(m, n_targets, p).swapaxes(1, 2) if order == "target" else C.reshape(m, p, n_targets)
        C = C / gram.scale[:, None]
        lengths = np.sqrt((C**2).sum(axis=(1, 2)))
        lengths[lengths == 0] = 1.0
        C, d = C / lengths[:, None, None], d / lengths
        flat = C.reshape(m, -1)
        if np.abs(flat @ (np.linalg.pinv(flat) @ d) - d).max() > MET * max(np.abs(d).max(), np.finfo(float).tiny):
            raise ValueError("constraints contradict each other: no coefficients meet them all")
        return cls(C, d)

    def misses(self, x: np.ndarray) -> np.ndarray:
        """Return ``C vec(x) - d``."""
        return np.tensordot(self.C, x, 2) - self.d

    def least_squares(self, gram: Gram, support: np.ndarray) -> tuple[np.ndarray, bool]:
        """Return least squares on the support under the constraints, in the units of the data, and whether they hold.

        ``x = x_0 - P C^T (C P C^T)^+ (C x_0 - d)`` with ``P = G_SS^-1`` for each target.
        """
        r = reduced(gram)
        x, PC = np.zeros(gram.b.shape), np.zeros(self.C.shape)
        for k in range(gram.d):
            S = np.flatnonzero(support[:, k])
            T = np.linalg.pinv(r.R[:, S])
            x[S, k] = T @ r.z[:, k] * r.scales[k]
            PC[:, S, k] = self.C[:, S, k] @ T @ T.T
        dual = np.linalg.pinv(np.tensordot(PC, self.C, ((1, 2), (1, 2))), hermitian=True)
        for _ in range(2):  # a second time against rounding
            x -= np.tensordot(dual @ self.misses(x), PC, 1)
        x[np.abs(x) <= ROUNDING * np.abs(x).max(initial=0.0)] = 0.0  # what the constraints forbid is no term
        size = np.abs(self.d).max() + np.sqrt((x**2).sum())
        return x / gram.scale[:, None], bool(np.abs(self.misses(x)).max() <= MET * size)


class Step(NamedTuple):
    """The step of W: ``W = start + gain U``, less what leads away from the constraints; columns have length 1.

    ``sizes`` (d,) are the lengths of the targets, in which changes are measured.
    """

    start: np.ndarray
    gain: np.ndarray
    sizes: np.ndarray
    constraints: Constraints | None
    back: np.ndarray

    @classmethod
    def prepared(cls, gram: Gram, ridge: np.ndarray, constraints: Constraints | None) -> Step:
        """Return the step for ``H = G + ridge``."""
        from scipy.linalg import cho_solve, cholesky, qr

        p = gram.p
        if gram.R is None:
            U = cholesky(gram.scaled + np.diag(ridge + np.finfo(float).eps), check_finite=False)
        else:
            U = qr(np.concatenate([gram.R / gram.scale, np.diag(np.sqrt(ridge))]), mode="r", check_finite=False)[0][:p]
        start = cho_solve((U, False), gram.scaled_b)
        gain = cho_solve((U, False), np.diag(ridge))
        back = np.zeros((0, *gram.b.shape))
        if constraints is not None:
            C = constraints.C
            HC = cho_solve((U, False), C.transpose(1, 0, 2).reshape(p, -1)).reshape(p, len(C), -1).transpose(1, 0, 2)
            dual = np.linalg.pinv(np.tensordot(HC, C, ((1, 2), (1, 2))), hermitian=True)
            back = np.tensordot(dual, HC, 1)
        return cls(start, gain, np.where(gram.yy > 0, np.sqrt(gram.yy), 1.0), constraints, back)

    def __call__(self, U: np.ndarray) -> np.ndarray:
        """Return the next W."""
        W = self.start + self.gain @ U
        if self.constraints is not None:
            W -= np.tensordot(self.constraints.misses(W), self.back, 1)
        return W


def told(gram: Gram, x: np.ndarray, status: Status, nit: int, is_met: bool, begin: float) -> SparseRegressionResult:
    """Return the result with its story."""
    story = f"{np.count_nonzero(x)} of {x.size} terms after {nit} iterations"
    empty = np.flatnonzero(~x.any(axis=0) & (gram.yy > 0))
    message = f"converged: {story}"
    if not is_met:
        status = Status.BREAKDOWN
        message = f"{story}: the constraints cannot be met on the support; lower the threshold"
    elif len(empty):
        status, message = Status.EMPTY, f"target {', '.join(map(str, empty.tolist()))}: {Status.EMPTY.value}"
    elif status is Status.MAXITER:
        message = f"{story}: coefficients still change; raise maxiter or rtol, or lower nu"
    return SparseRegressionResult.of(gram, x, status, message, nit=nit, time=time.perf_counter() - begin)

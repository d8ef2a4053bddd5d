"""Sparse Bayesian regression with the face of a scikit-learn estimator."""

from __future__ import annotations

from typing import Any

from sparsesci._lib import validate, xp
from sparsesci._lib.estimator import Estimator, r_squared
from sparsesci._lib.result import NotFittedError

from .model import checked
from .result import SBLResult
from .sbl import sbl


class SBLRegressor(Estimator):
    """Linear regression ``y = X w + intercept + noise`` with sparse coefficients, and with error bars.

    A thin class over `sbl`: nothing is to be tuned, and the units of X and y do not matter. It follows the conventions
    of scikit-learn (``fit``, ``predict``, ``score``, ``get_params``, ``set_params``) without needing it.

    Parameters
    ----------
    method : str
        As for `sbl`.
    fit_intercept : bool
        Whether there is an intercept, of any size; the mean of y and of each column of X are taken off for that.
    noise_var : float, optional
        Variance of the noise; learned if not given.
    blocks, prior : optional
        As for `sbl`: features that matter together, and coefficients that are not negative.
    rtol : float
        As for `sbl`.
    maxiter : int, optional
        As for `sbl`.
    rng : optional
        As for `sbl`: of methods that draw.

    Attributes
    ----------
    coef_ : array (n_features,)
        Posterior means; zero for features that do not matter. (n_targets, n_features) where y has columns.
    coef_std_ : array (n_features,), or (n_targets, n_features)
        Posterior standard deviations.
    intercept_ : float or array (n_targets,)
        Zero where there is none.
    noise_var_ : float
        Variance of the noise of one target.
    n_iter_ : int
        Iterations.
    n_features_in_ : int
        Features seen by `fit`.
    result_ : SBLResult
        All that `sbl` found, of the centred data.

    Notes
    -----
    ``predict(X, return_std=True)`` adds the noise to what the coefficients and the intercept leave open: so intervals
    are those of a new measurement. The covariance of all coefficients that are not zero is taken.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsesci.recovery import SBLRegressor
    >>> rng = np.random.default_rng(5)
    >>> X = rng.standard_normal((80, 200))
    >>> y = 3 + 2 * X[:, 7] - X[:, 150] + 0.1 * rng.standard_normal(80)
    >>> model = SBLRegressor().fit(X, y)
    >>> np.flatnonzero(model.coef_)
    array([  7, 150])
    >>> mean, std = model.predict(X[:2], return_std=True)
    >>> bool(np.all(abs(mean - y[:2]) < 4 * std)), round(float(std[0]), 1)
    (True, 0.1)
    """

    def __init__(
        self,
        *,
        method: str = "auto",
        fit_intercept: bool = True,
        noise_var: float | None = None,
        blocks: Any = None,
        prior: str | None = None,
        rtol: float = 1e-4,
        maxiter: int | None = None,
        rng: Any = None,
    ):
        self.method = method
        self.fit_intercept = fit_intercept
        self.noise_var = noise_var
        self.blocks = blocks
        self.prior = prior
        self.rtol = rtol
        self.maxiter = maxiter
        self.rng = rng

    def fit(self, X: Any, y: Any) -> SBLRegressor:
        """Fit X (n, n_features) and y (n,) or (n, n_targets); targets share the features that matter.

        Raises
        ------
        ValueError, TypeError
            As for `sbl`; and where X is no array of real numbers, or there is an intercept and a single sample.

        Warns
        -----
        ConvergenceWarning
            As for `sbl`.
        """
        X, y = checked(X.toarray() if xp.is_sparse(X) else X, y)
        if not xp.is_array(X) or xp.is_complex(X.dtype) or xp.is_complex(y.dtype):
            raise TypeError("X and y must be arrays of real numbers; for operators and complex data there is sbl")
        X, dtype = xp.namespace(y).astype(X, y.dtype), y.dtype
        self._mean_X = self._mean_y = None
        if self.fit_intercept:
            if X.shape[0] < 2:
                raise ValueError("X has 1 row: with an intercept at least 2 samples are needed")
            namespace = xp.namespace(X)
            self._mean_X, self._mean_y = namespace.mean(X, axis=0), namespace.mean(y, axis=0)
            X, y = constant_is_zero(X - self._mean_X, X), constant_is_zero(y - self._mean_y, y)
        options = self.get_params()
        del options["fit_intercept"]
        self.result_ = sbl(X, y, **options)
        result, namespace = self.result_, xp.namespace(X)
        std = namespace.sqrt(result.variance)
        targets = (1,) if result.x.ndim == 1 else (result.x.shape[1], 1)
        self.coef_ = result.x if result.x.ndim == 1 else result.x.T
        self.coef_std_ = std if result.x.ndim == 1 else namespace.broadcast_to(std, (targets[0], std.shape[0]))
        self.intercept_ = self._intercept(result, dtype)
        self.noise_var_, self.n_iter_, self.n_features_in_ = result.noise_var, result.nit, X.shape[1]
        self._n_samples = X.shape[0]
        return self

    def predict(self, X: Any, return_std: bool = False) -> Any:
        """Return the means at X (n, n_features), and with ``return_std`` the standard deviation of a measurement.

        (n,) or (n, n_targets); the deviations (n,), the same for all targets.
        """
        X = self._seen(X)
        result, namespace = self.result_, xp.namespace(X)
        centred = X if self._mean_X is None else X - self._mean_X
        mean = centred @ result.x + (0 if self._mean_y is None else self._mean_y)
        if not return_std:
            return mean
        # Var(a^H x) = gamma-weighted products with the posterior: a^H (Gamma - Gamma A^H C^-1 A Gamma) a
        prior = result.gamma[:, None] * centred.T
        explained = result.posterior.mean(result.posterior.forward(prior))
        spread = namespace.sum(centred.T * (prior - explained), axis=0)
        of_mean = 0.0 if self._mean_X is None else self.noise_var_ / self._n_samples
        return mean, namespace.sqrt(namespace.clip(spread, 0.0, None) + self.noise_var_ + of_mean)

    def score(self, X: Any, y: Any) -> float:
        """Return R^2, the share of the variance of y that is predicted; the mean over targets.

        Of a target that is constant 1 where it is predicted, else 0, as in scikit-learn.
        """
        return r_squared(y, self.predict(X))

    def __sklearn_tags__(self) -> Any:
        """Return what scikit-learn, the only one to ask, wants to know before it searches, validates or chains."""
        from sklearn.utils import InputTags, RegressorTags, Tags, TargetTags

        return Tags(
            estimator_type="regressor",
            target_tags=TargetTags(required=True, multi_output=True),
            regressor_tags=RegressorTags(),
            input_tags=InputTags(sparse=True),
        )

    def _intercept(self, result: SBLResult, dtype: Any) -> Any:
        if self._mean_X is None:
            return 0.0
        intercept = self._mean_y - self._mean_X @ result.x
        return float(intercept) if result.x.ndim == 1 else xp.namespace(intercept).astype(intercept, dtype)

    def _seen(self, X: Any) -> Any:
        """Return X as an array with as many columns as `fit` has seen."""
        if not hasattr(self, "coef_"):
            raise NotFittedError("this SBLRegressor is not fitted yet: call fit(X, y) first")
        X = validate.float_array(X.toarray() if xp.is_sparse(X) else X, "X")
        if xp.is_complex(X.dtype):
            raise TypeError(f"X has dtype {X.dtype}: real numbers are needed, as in fit")
        if X.ndim != 2 or X.shape[1] != self.n_features_in_:
            raise ValueError(f"X has shape {tuple(X.shape)}: (n, {self.n_features_in_}) is needed, as in fit")
        validate.finite(X, "X")
        return X


def constant_is_zero(centred: Any, original: Any) -> Any:
    """Return centred columns, exactly zero where they are rounding errors of the mean of a constant."""
    namespace = xp.namespace(centred)
    largest = namespace.max(namespace.abs(original), axis=0)
    is_constant = namespace.max(namespace.abs(centred), axis=0) <= 8 * xp.precision(original) * largest
    return namespace.where(is_constant, namespace.zeros_like(centred), centred)

"""Sparse regression on a library of functions, for what is no motion: rewards, policies, measured outputs."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, Self

from sparsesci._lib import validate, xp
from sparsesci._lib.estimator import r_squared

from .library_model import LibraryModel
from .ssr import ssr
from .trajectories import array, check_distinct, column_names, given_names


class LibraryRegressor(LibraryModel):
    """A sparse combination of library functions, ``y = Theta(x, u) Xi``, kept within bounds if there are any.

    Parameters
    ----------
    library : library, optional
        The functions; polynomials of degree 2 if not given.
    optimizer : callable, optional
        The sparse regression, as for `SINDy`; if not given `ssr`, with the number of terms by Schwarz's criterion:
        errors are taken to be independent, and the library to approximate y rather than to hold its equation.
    bounds : pair of float or of arrays (n_targets,), optional
        Least and largest value of a prediction: what a motor can do. The fit is to the targets as they are.
    feature_names : sequence of str, optional
        Names of the columns of x, and of u behind them.

    Attributes
    ----------
    coef_ : array (n_targets, p)
    result_ : SparseRegressionResult
    feature_names_, control_names_, output_names_ : list of str

    Examples
    --------
    >>> import numpy as np
    >>> from sparsesci.recovery import LibraryRegressor
    >>> x = np.random.default_rng(12).standard_normal((300, 2))
    >>> reward = 1 - x[:, 0] ** 2 - 0.1 * x[:, 1] ** 2
    >>> model = LibraryRegressor(bounds=(0, 1)).fit(x, reward)
    >>> model.print()
    y0 = 1.000 - 1.000 x0^2 - 0.100 x1^2
    >>> model.predict([[0.0, 0.0], [3.0, 0.0]])
    array([1., 0.])
    """

    _default = staticmethod(functools.partial(ssr, criterion="bic"))

    def __init__(
        self,
        library: Any = None,
        optimizer: Callable | None = None,
        *,
        bounds: tuple[Any, Any] | None = None,
        feature_names: Sequence[str] | None = None,
    ):
        self.library = library
        self.optimizer = optimizer
        self.bounds = bounds
        self.feature_names = feature_names

    def fit(self, x: Any, y: Any, u: Any = None) -> Self:
        """Fit targets y (n,) or (n, n_targets) at samples x (n, d), and u (n, n_u) if there are controls.

        Raises
        ------
        ValueError, TypeError
            NaN or Inf, shapes that do not match, complex numbers, bounds that leave nothing.
        """
        names = given_names(self.feature_names) or column_names(x)
        targets = column_names(y)
        x, u = array(x, "x"), None if u is None else array(u, "u")
        self._is_vector = len(getattr(y, "shape", None) or xp.namespace(x).asarray(y).shape) == 1
        y = array(y, "y")
        for name, part in (("y", y), ("u", u)):
            if part is not None and part.shape[0] != x.shape[0]:
                raise ValueError(f"{name} has {part.shape[0]} samples and x {x.shape[0]}: as many are needed")
        n_controls = 0 if u is None else u.shape[1]
        names = list(names or [f"x{i}" for i in range(x.shape[1])])
        if len(names) == x.shape[1]:
            names += [f"u{i}" for i in range(n_controls)]
        if len(names) != x.shape[1] + n_controls:
            raise ValueError(f"there are {len(names)} feature names for {x.shape[1]} states and {n_controls} controls")
        check_distinct(names)
        self._limits = None if self.bounds is None else limits(self.bounds, y.shape[1])
        outputs = targets or [f"y{i}" for i in range(y.shape[1])]
        program = self._library().program(x.shape[1], n_controls)
        self._regress(self._samples(program, x, u, y, [x.shape[0]]), names[: x.shape[1]], names[x.shape[1] :], outputs)
        return self

    def predict(self, x: Any, u: Any = None, *, members: bool = False) -> Any:
        """Return the predictions (n, n_targets), or (n,) where y was a vector, within the bounds.

        With ``members=True`` those of every model of an ensemble, with one axis more in front.
        """
        predicted = self._evaluate(x, u, members)
        if self._limits is not None:
            low, high = (xp.to_like(limit.astype(float), predicted) for limit in self._limits)
            predicted = xp.namespace(predicted).minimum(xp.namespace(predicted).maximum(predicted, low), high)
        return predicted[..., 0] if self._is_vector else predicted

    def score(self, x: Any, y: Any, u: Any = None) -> float:
        """Return R^2, the share of the variance of y that is predicted; the mean over targets."""
        return r_squared(validate.float_array(y, "y"), self.predict(x, u))

    def _left_sides(self) -> list[str]:
        return self.output_names_


def limits(bounds: Any, n_targets: int) -> tuple[Any, Any]:
    """Return bounds as a pair of arrays (n_targets,)."""
    import numpy as np

    if not isinstance(bounds, list | tuple) or len(bounds) != 2:
        raise TypeError(f"bounds is {bounds!r}: a pair (low, high) is needed")
    try:
        low, high = (np.broadcast_to(np.asarray(bound, float), (n_targets,)) for bound in bounds)
    except ValueError:
        raise ValueError(f"bounds is {bounds!r}: numbers, or {n_targets} of them, are needed") from None
    if not np.all(low < high):
        raise ValueError(f"bounds is {bounds!r}: low must be below high")
    return low, high

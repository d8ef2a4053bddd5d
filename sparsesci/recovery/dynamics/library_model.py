"""What a fitted linear combination of library functions can do, whatever it predicts: `SINDy`, `LibraryRegressor`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from sparsesci._lib import validate, xp
from sparsesci._lib.estimator import Estimator
from sparsesci._lib.result import NotFittedError

from .best_subset import best_subset
from .equations import equation
from .information import aicc
from .polynomial_library import PolynomialLibrary
from .program import Program
from .samples import Samples
from .trajectories import array


class LibraryModel(Estimator):
    """A model ``y = Theta(x, u) Xi`` with a sparse Xi: the part that does not care what y is.

    A child has the options ``library`` and ``optimizer``, and says in `_left_sides` what its equations begin with.
    """

    library: Any
    optimizer: Callable | None
    _default: Callable = staticmethod(best_subset)

    def _regress(self, data: Any, names: Sequence[str], controls: Sequence[str], outputs: Sequence[str]) -> None:
        """Run the optimizer on Samples or on a Gram, and keep what it found."""
        result = self._optimizer()(data)
        if not hasattr(result, "coef"):
            raise TypeError(f"the optimizer returned {result!r}: what stlsq or best_subset return is needed")
        self.result_ = result
        self.library_ = self._library()
        self.coef_ = self.result_.coef
        self.feature_names_, self.control_names_, self.output_names_ = list(names), list(controls), list(outputs)
        self.n_features_in_, self.n_controls_ = len(self.feature_names_), len(self.control_names_)
        self._running: dict[bool, tuple[Any, Any]] = {}

    def _library(self) -> Any:
        library = PolynomialLibrary(2) if self.library is None else self.library
        if isinstance(library, type) or not (hasattr(library, "program") or hasattr(library, "samples")):
            raise TypeError(
                f"library is {library!r}: an instance of a library, such as PolynomialLibrary(3), is needed"
            )
        return library

    def _optimizer(self) -> Callable:
        optimizer = self._default if self.optimizer is None else self.optimizer
        if not callable(optimizer):
            raise TypeError(
                f"optimizer is {optimizer!r}: a function of samples, such as partial(stlsq, threshold=0.2), is needed"
            )
        return optimizer

    def _left_sides(self) -> list[str]:
        raise NotImplementedError

    def _right_names(self) -> list[str]:
        return self.get_feature_names()

    def _check_fitted(self) -> None:
        if not hasattr(self, "coef_"):
            raise NotFittedError(f"this {type(self).__name__} is not fitted yet: call fit first")

    def _samples(self, program: Program, x: Any, u: Any, Y: Any, lengths: Sequence[int]) -> Samples:
        """Return rows (x, u) and targets of a regression, of which the library is evaluated when it is needed."""
        namespace = xp.namespace(x)
        inputs = x if u is None else namespace.concat([x, u], axis=1)
        return Samples(program=program, inputs=inputs.T, Y=Y, lengths=tuple(lengths))

    def __sklearn_tags__(self) -> Any:
        """Return what scikit-learn, the only one to ask, wants to know before it searches, validates or chains."""
        from sklearn.utils import InputTags, RegressorTags, Tags, TargetTags

        return Tags(
            estimator_type="regressor",
            target_tags=TargetTags(required=False, multi_output=True),
            regressor_tags=RegressorTags(),
            input_tags=InputTags(),
        )

    def _coefficients(self, members: bool) -> Any:
        """Return the coefficients (d, p), or those of all members of an ensemble, (B, d, p)."""
        self._check_fitted()
        if not members:
            return self.coef_
        if not hasattr(self.result_, "coef_list"):
            raise ValueError("members=True needs an ensemble: fit with optimizer=ensemble(...)")
        return xp.namespace(self.coef_).permute_dims(self.result_.coef_list, (0, 2, 1))

    def _program(self, members: bool) -> tuple[Any, Any]:
        """Return the program of the functions that are used, and their coefficients (..., d, k)."""
        if members not in self._running:
            coefficients = self._coefficients(members)
            host = np.asarray(xp.to_host(coefficients))
            used = np.flatnonzero(np.any(host.reshape(-1, host.shape[-1]) != 0, axis=0))
            program = self.library_.program(self.n_features_in_, self.n_controls_).restricted(used)
            self._running[members] = program, xp.to_like(host[..., used], coefficients)
        return self._running[members]

    def _evaluate(self, x: Any, u: Any, members: bool) -> Any:
        """Return the predictions (n, d) at samples (n, n_features), or those of all members, (B, n, d)."""
        self._check_fitted()
        x, u = self._seen(x, self.n_features_in_, "x"), self._controls(u)
        if u is not None and u.shape[0] != x.shape[0]:
            raise ValueError(f"u has {u.shape[0]} samples and x {x.shape[0]}: as many are needed")
        program, coefficients = self._program(members)
        namespace = xp.namespace(x)
        values = program((x if u is None else namespace.concat([x, u], axis=1)).T)
        return namespace.matrix_transpose(namespace.astype(coefficients, values.dtype, copy=False) @ values)

    def _seen(self, x: Any, width: int, name: str) -> Any:
        seen = array(x, name)
        if seen.shape[1] != width:
            raise ValueError(f"{name} has shape {np.shape(x)}: (n, {width}) is needed, as in fit")
        return seen

    def _controls(self, u: Any) -> Any:
        """Return u as an array as in fit, or None where there was none."""
        if (u is None) != (self.n_controls_ == 0):
            known = f"{self.n_controls_} controls" if self.n_controls_ else "no controls"
            raise ValueError(f"the model was fitted with {known}: {'leave u out' if u is not None else 'pass u'}")
        return None if u is None else self._seen(u, self.n_controls_, "u")

    @property
    def complexity(self) -> int:
        """Number of terms: coefficients that are not zero."""
        self._check_fitted()
        return int(xp.namespace(self.coef_).count_nonzero(self.coef_))

    def coefficients(self) -> Any:
        """Return ``coef_`` (d, p)."""
        self._check_fitted()
        return self.coef_

    def get_feature_names(self) -> list[str]:
        """Return the names of the p functions of the library, in the order of the columns of ``coef_``."""
        self._check_fitted()
        return self.library_.names(self.feature_names_, self.control_names_)

    def equations(self, precision: int = 3) -> list[str]:
        """Return the right-hand sides, one string a row of ``coef_``, with ``precision`` decimals."""
        self._check_fitted()
        precision, names = validate.positive_integer(precision, "precision", least=0), self._right_names()
        return [equation(row, names, precision) for row in np.asarray(xp.to_host(self.coef_))]

    def print(self, precision: int = 3) -> None:
        """Print the equations."""
        equations = self.equations(precision)
        for side, right in zip(self._left_sides(), equations, strict=True):
            print(f"{side} = {right}")  # noqa: T201 - that is what was asked for

    def aicc(self) -> float:
        """Return the corrected Akaike information criterion of the regression, the sum over its targets."""
        self._check_fitted()
        n_terms = np.count_nonzero(np.asarray(xp.to_host(self.coef_)), axis=1)
        return float(np.sum(aicc(np.asarray(xp.to_host(self.result_.rss)), self.result_.n_samples, n_terms)))

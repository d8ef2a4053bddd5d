"""What estimators share: options that are the arguments of their constructor, by name, as scikit-learn has it."""

from __future__ import annotations

import inspect
from typing import Any, Self

import numpy as np

from . import xp


class Estimator:
    """Base of the classes with `fit`: every argument of the constructor is kept under its own name, unchecked."""

    def __repr__(self) -> str:
        """Name the estimator and its options."""
        options = ", ".join(f"{name}={value!r}" for name, value in self.get_params().items())
        return f"{type(self).__name__}({options})"

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the options by name; ``deep`` is there for scikit-learn."""
        return {
            name: getattr(self, name) for name in inspect.signature(type(self).__init__).parameters if name != "self"
        }

    def set_params(self, **params: Any) -> Self:
        """Change options by name."""
        known = self.get_params()
        for name, value in params.items():
            if name not in known:
                raise ValueError(f"{type(self).__name__} has no option {name!r}: there are {', '.join(known)}")
            setattr(self, name, value)
        return self


def r_squared(y: Any, predicted: Any) -> float:
    """Return R^2, the share of the variance of y that is predicted; the mean over columns.

    Of a constant column 1 where it is predicted, else 0, as in scikit-learn.
    """
    y, predicted = np.asarray(xp.to_host(y)), np.asarray(xp.to_host(predicted))
    if y.shape != predicted.shape:
        raise ValueError(f"y has shape {y.shape}: {predicted.shape} is needed, as predicted")
    rest = np.sum((predicted - y) ** 2, axis=0)
    total = np.sum((y - y.mean(axis=0)) ** 2, axis=0)
    share = 1 - rest / np.where(total > 0, total, 1.0)
    return float(np.mean(np.where(total > 0, share, rest == 0)))

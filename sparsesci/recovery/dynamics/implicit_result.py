"""Relations between functions of states and rates, and the rates that they imply."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np

from sparsesci._lib import validate, xp
from sparsesci._lib.result import Result

from .equations import equation


@dataclass(frozen=True, eq=False, repr=False)
class Rate:
    """A rate that a relation implies: ``name = (numerator @ functions) / (denominator @ functions)``.

    Attributes
    ----------
    name : str
        What it is the value of, such as "x'".
    numerator, denominator : array (p,)
        Coefficients of the functions of the library, taken where ``name`` is 1: so "x x'" is x in the denominator.
    names : tuple of str
        Those of the functions, without ``name`` as their factor.
    """

    name: str
    numerator: np.ndarray
    denominator: np.ndarray
    names: tuple[str, ...]

    def __call__(self, Theta: Any) -> Any:
        """Return the rates (n,), given the library (n, p) at the samples *with 1 for the rate* in its place."""
        Theta = validate.float_array(Theta, "Theta")
        if Theta.ndim != 2 or Theta.shape[1] != len(self.names):
            raise ValueError(f"Theta has shape {tuple(Theta.shape)}: (n, {len(self.names)}) is needed")
        namespace = xp.namespace(Theta)
        above, below = (
            Theta @ namespace.astype(xp.to_like(part, Theta), Theta.dtype, copy=False)
            for part in (self.numerator, self.denominator)
        )
        with np.errstate(divide="ignore", invalid="ignore"):  # a pole is infinite
            return above / below

    def equation(self, precision: int = 3) -> str:
        """Return it as one would write it, such as "x' = (0.180 - 0.900 x) / (0.300 + 1.000 x)"."""
        above, below = (equation(part, self.names, precision) for part in (self.numerator, self.denominator))
        used = np.flatnonzero(self.denominator)
        if [self.names[j] for j in used] == ["1"] and self.denominator[used[0]] == 1:
            return f"{self.name} = {above}"
        return f"{self.name} = ({above}) / ({below})"

    def __repr__(self) -> str:
        """Return the equation."""
        return self.equation()


@dataclass(frozen=True, repr=False, eq=False)
class ImplicitResult(Result):
    """Relations ``Theta_j = Theta x`` between the columns of Theta, one for every candidate j, the best one first.

    Attributes
    ----------
    x : array (p,)
        Coefficients of the best relation; ``x[candidate]`` is 0.
    candidate : int
        The column j that the best relation gives.
    candidates : tuple of int
        All candidates, the best first.
    coefficients : array (c, p)
        Their relations, in that order.
    errors : array (c,)
        ``|Theta_j - Theta x| / |Theta_j|``, on the rows held out where there are any.
    names : tuple of str
        Names of the functions.
    status : Status
        CONVERGED, or EMPTY where no candidate has a relation.
    message : str
        The best relation, its error, and what to try next after a failure.
    nit : int
        Regressions done.
    time : float
        Wall-clock seconds.
    """

    candidate: int
    candidates: tuple[int, ...]
    coefficients: Any
    errors: Any
    names: tuple[str, ...]

    def equations(self, precision: int = 3) -> list[str]:
        """Return the relations of all candidates, the best first, such as "x x' = 0.180 - 0.900 x - 0.300 x'"."""
        rows = np.asarray(xp.to_host(self.coefficients))
        return [
            f"{self.names[j]} = {equation(row, self.names, precision)}"
            for j, row in zip(self.candidates, rows, strict=True)
        ]

    def solve(self, name: str, rank: int = 0) -> Rate:
        """Return what a relation implies for a rate of which it is a linear function.

        Parameters
        ----------
        name : str
            Name of the rate, as it was given to the library: "x'" is a factor of "x x'" and of "x' sin(1 y)".
        rank : int
            Which relation, in the order of `equations`.

        Raises
        ------
        ValueError
            The relation does not contain the rate, or holds it in another way than as a factor.
        """
        j = self.candidates[rank]
        relation = -np.asarray(xp.to_host(self.coefficients[rank, :]), float)
        relation[j] = 1.0
        rests = [without_factor(other, name) for other in self.names]
        bad = [self.names[i] for i in np.flatnonzero(relation) if mentions(rests[i] or self.names[i], name)]
        if bad:
            raise ValueError(f"the relation is not linear in {name}: it holds {bad[0]!r}; try another rank")
        is_factor = np.array([rest is not None for rest in rests])
        denominator, numerator = np.where(is_factor, relation, 0.0), np.where(is_factor, 0.0, -relation)
        if not denominator.any():
            raise ValueError(
                f"the relation {self.equations()[rank]!r} does not hold {name}: it is one between the functions of the "
                "library; try another rank, or candidates that contain the rate"
            )
        largest = denominator[np.argmax(abs(denominator))]
        # -0.0 is 0.0 here: it would be a sign in front of nothing.
        parts = numerator / largest + 0.0, denominator / largest + 0.0
        return Rate(name, *parts, tuple(a if b is None else b for a, b in zip(self.names, rests, strict=True)))


def without_factor(name: str, factor: str) -> str | None:
    """Return the name of a product without one of its factors; None where it has no such factor."""
    factors = re.findall(r"(?:\([^()]*(?:\([^()]*\)[^()]*)*\)|[^\s()])+", name)
    if factor not in factors or {"+", "-", "/"} & set(factors):
        return None
    factors.remove(factor)
    return " ".join(factors) or "1"


def mentions(name: str, variable: str) -> bool:
    """Whether a name contains that of a variable, whole."""
    return re.search(rf"(?<![\w']){re.escape(variable)}(?![\w'])", name) is not None

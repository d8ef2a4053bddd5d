"""Monomials: the library to begin with."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import KW_ONLY, dataclass
from itertools import combinations, combinations_with_replacement

from sparsesci._lib import validate

from .library import Library
from .program import Symbol


@dataclass(frozen=True, repr=False)
class PolynomialLibrary(Library):
    """Monomials in states and controls, up to a degree, ordered by it: 1, x0, x1, x0^2, x0 x1, x1^2, ...

    Parameters
    ----------
    degree : int
        The largest degree, >= 0.
    include_bias : bool
        Whether the constant 1 is among them.
    include_interaction : bool
        Whether products of different inputs are; otherwise only powers of single ones.
    interaction_only : bool
        Whether an input occurs at most once in a product: x0 x1, and no x0^2.

    Notes
    -----
    Of d inputs there are ``(d + degree)! / (d! degree!)`` monomials; each costs one multiplication a sample.

    Examples
    --------
    >>> from sparsesci.recovery.dynamics.polynomial_library import PolynomialLibrary
    >>> PolynomialLibrary(2).names(["x", "y"])
    ['1', 'x', 'y', 'x^2', 'x y', 'y^2']
    >>> PolynomialLibrary(2, include_bias=False).transform([[2.0, 3.0]])
    array([[2., 3., 4., 6., 9.]])
    """

    degree: int = 2
    _: KW_ONLY
    include_bias: bool = True
    include_interaction: bool = True
    interaction_only: bool = False

    def __post_init__(self) -> None:
        """Refuse options that leave no function."""
        object.__setattr__(self, "degree", validate.positive_integer(self.degree, "degree", least=0))
        if self.interaction_only and not self.include_interaction:
            raise ValueError("interaction_only=True with include_interaction=False leaves no product: change one")
        if self.degree == 0 and not self.include_bias:
            raise ValueError("degree is 0 and include_bias False: no function is left")

    def features(self, states: Sequence[Symbol], controls: Sequence[Symbol]) -> list[Symbol]:
        """Return the monomials: a product of one factor fewer, already there, times an input."""
        inputs = [*states, *controls]
        known = {(i,): symbol for i, symbol in enumerate(inputs)}
        known[()] = inputs[0].tape.constant(1.0)
        for powers in self._monomials(len(inputs)):
            if powers not in known:
                known[powers] = known[powers[:-1]] * inputs[powers[-1]]
        return [known[powers] for powers in self._monomials(len(inputs))]

    def names(self, states: Sequence[str], controls: Sequence[str] = ()) -> list[str]:
        """Return names such as "1", "x0", "x0^2", "x0 x1"."""
        inputs = [*states, *controls]
        return [_name([inputs[i] for i in powers]) for powers in self._monomials(len(inputs))]

    def n_features(self, n_states: int, n_controls: int = 0) -> int:
        """Return the number of monomials."""
        d = n_states + n_controls
        if not self.include_interaction:
            p = d * self.degree
        elif self.interaction_only:
            p = sum(math.comb(d, k) for k in range(1, min(d, self.degree) + 1))
        else:
            p = math.comb(d + self.degree, self.degree) - 1
        return p + self.include_bias

    def _monomials(self, d: int) -> Iterator[tuple[int, ...]]:
        """Yield the inputs that are multiplied, each as often as its power says."""
        choose = combinations if self.interaction_only else combinations_with_replacement
        for degree in range(0 if self.include_bias else 1, self.degree + 1):
            if self.include_interaction:
                yield from choose(range(d), degree)
            else:
                yield from [(i,) * degree for i in range(d)] if degree else [()]


def _name(factors: list[str]) -> str:
    powers = {factor: factors.count(factor) for factor in factors}
    return " ".join(name if power == 1 else f"{name}^{power}" for name, power in powers.items()) or "1"

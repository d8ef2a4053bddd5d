"""Libraries: which functions of states and controls may stand on the right-hand side; their sums and products.

A library writes its functions on a `Tape` (see `program`), once, and is compiled by that. What a new one has to say is
three methods: `features`, `names` and `n_features`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

from sparsesci._lib import validate, xp

from .program import Program, Symbol, Tape

MOST = 20_000  # functions: their Gram matrix has 3.2 GB


class Library:
    """Functions of the states and controls of a system; by itself none.

    ``library1 + library2`` has the functions of both, side by side, and ``library1 * library2`` all their products.
    """

    def features(self, states: Sequence[Symbol], controls: Sequence[Symbol]) -> list[Symbol]:
        """Return the functions, of symbols."""
        raise NotImplementedError

    def names(self, states: Sequence[str], controls: Sequence[str] = ()) -> list[str]:
        """Return the names of the functions, given those of the states and controls."""
        raise NotImplementedError

    def n_features(self, n_states: int, n_controls: int = 0) -> int:
        """Return the number p of functions, without making them."""
        raise NotImplementedError

    def program(self, n_states: int, n_controls: int = 0) -> Program:
        """Return the functions as a program, whose inputs are the states and then the controls.

        Raises
        ------
        ValueError
            There would be no function, two of one name, or more than 20000.
        """
        n_states = validate.positive_integer(n_states, "n_states")
        n_controls = validate.positive_integer(n_controls, "n_controls", least=0)
        p = self.n_features(n_states, n_controls)
        if p > MOST:
            inputs = f"{n_states} states" + f" and {n_controls} controls" * bool(n_controls)
            raise ValueError(
                f"{inputs} give {p} functions, of which the Gram matrix alone takes {8e-9 * p * p:.3g} GB: is x "
                f"transposed? Samples are rows, (n, d). At most {MOST} functions are taken"
            )
        if p == 0:
            raise ValueError(f"{self!r} has no function of {n_states} states and {n_controls} controls")
        names = self.names([f"x{i}" for i in range(n_states)], [f"u{i}" for i in range(n_controls)])
        twice = [name for name, count in Counter(names).items() if count > 1]
        if twice:
            raise ValueError(
                f"{self!r} has {twice[0]!r} more than once: each function must have a name of its own (of two "
                "libraries with a constant give one include_bias=False)"
            )
        tape = Tape(n_states + n_controls)
        return tape.program(self.features(tape.inputs[:n_states], tape.inputs[n_states:]))

    def transform(self, x: Any, u: Any = None) -> Any:
        """Return the values (n, p) of the functions at samples x (n, d) and controls u (n, n_u), all of them at once.

        Raises
        ------
        ValueError, TypeError
            x or u has NaN or Inf, another shape, or is complex; or what `program` refuses.
        """
        inputs = [_samples(x, "x")] + ([] if u is None else [_samples(u, "u")])
        if len({part.shape[0] for part in inputs}) > 1:
            raise ValueError(f"u has {inputs[1].shape[0]} samples and x {inputs[0].shape[0]}: as many are needed")
        namespace = xp.namespace(*inputs)
        dtype = xp.common_float(namespace, *(part.dtype for part in inputs))
        program = self.program(*(part.shape[1] for part in inputs))
        X = namespace.concat([namespace.astype(part, dtype, copy=False) for part in inputs], axis=1).T
        return program(X).T

    def __add__(self, other: Any) -> Library:
        """Return the library with the functions of both."""
        return Sum(_terms(self, Sum) + _terms(other, Sum)) if isinstance(other, Library) else NotImplemented

    def __mul__(self, other: Any) -> Library:
        """Return the library of all products of a function of one and a function of the other."""
        return Product(_terms(self, Product) + _terms(other, Product)) if isinstance(other, Library) else NotImplemented

    def __repr__(self) -> str:
        """Return what one would type: what may be given by position, and the options that are not at their defaults."""
        values = [(f, getattr(self, f.name)) for f in fields(self)]
        shown = [f"{f.name}={v!r}" for f, v in values if v != f.default or not (f.kw_only or v is None)]
        return f"{type(self).__name__}({', '.join(shown)})"


@dataclass(frozen=True, repr=False)
class Sum(Library):
    """The functions of several libraries, side by side."""

    libraries: tuple[Library, ...]

    def features(self, states: Sequence[Symbol], controls: Sequence[Symbol]) -> list[Symbol]:
        """Return the functions of the first library, then those of the next."""
        return [f for library in self.libraries for f in library.features(states, controls)]

    def names(self, states: Sequence[str], controls: Sequence[str] = ()) -> list[str]:
        """Return the names in the order of the functions."""
        return [name for library in self.libraries for name in library.names(states, controls)]

    def n_features(self, n_states: int, n_controls: int = 0) -> int:
        """Return the sum of the numbers of functions."""
        return sum(library.n_features(n_states, n_controls) for library in self.libraries)

    def __repr__(self) -> str:
        """Return the libraries with plus signs between them."""
        return " + ".join(map(repr, self.libraries))


@dataclass(frozen=True, repr=False)
class Product(Library):
    """All products of a function of each of several libraries; that of the last one changes first."""

    libraries: tuple[Library, ...]

    def features(self, states: Sequence[Symbol], controls: Sequence[Symbol]) -> list[Symbol]:
        """Return the products."""
        first, *others = (library.features(states, controls) for library in self.libraries)
        for factors in others:
            first = [a * b for a in first for b in factors]
        return first

    def names(self, states: Sequence[str], controls: Sequence[str] = ()) -> list[str]:
        """Return the names of the factors, one after the other, without what is only a 1."""
        first, *others = (library.names(states, controls) for library in self.libraries)
        for factors in others:
            first = [product_name(a, b) for a in first for b in factors]
        return first

    def n_features(self, n_states: int, n_controls: int = 0) -> int:
        """Return the product of the numbers of functions."""
        p = 1
        for library in self.libraries:
            p *= library.n_features(n_states, n_controls)
        return p

    def __repr__(self) -> str:
        """Return the libraries with signs of multiplication between them."""
        return " * ".join(f"({part!r})" if isinstance(part, Sum) else repr(part) for part in self.libraries)


def product_name(left: str, right: str) -> str:
    """Return the name of a product: "x0 u0", or "u0" where the left factor is "1"."""
    if "1" in (left, right):
        return right if left == "1" else left
    return f"{_factor(left)} {_factor(right)}"


def _factor(name: str) -> str:
    """Return a name in brackets if it is a sum or a quotient outside of its own brackets."""
    outside, inner = name, None
    while outside != inner:
        inner, outside = outside, re.sub(r"\([^()]*\)", "", outside)
    return f"({name})" if re.search(r"[+/]|(?<!\^)-", outside) else name


def _terms(library: Library, kind: type) -> tuple[Library, ...]:
    return library.libraries if isinstance(library, kind) else (library,)


def _samples(x: Any, name: str) -> Any:
    x = validate.float_array(x, name)
    if xp.is_complex(x.dtype):
        raise TypeError(f"{name} is complex: pass its real and imaginary parts as columns of their own")
    if x.ndim != 2 or 0 in x.shape:
        raise ValueError(f"{name} has shape {tuple(x.shape)}: samples in rows, (n, d), not empty, are needed")
    validate.finite(x, name)
    return x

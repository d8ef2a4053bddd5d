"""Functions of the user's own, of one input or of several."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from .library import Library
from .program import Symbol


@dataclass(frozen=True, repr=False, init=False)
class CustomLibrary(Library):
    """Python functions, each applied to all combinations of as many different inputs as it takes, in their order.

    Parameters
    ----------
    functions : sequence of callable
        A function of k numbers, without counting those that have a default, is taken of all k different states and
        controls ``i < j < ...``. What is written with arithmetic and NumPy's elementwise functions is compiled; any
        other function is called with arrays of samples (m,), m being whatever suits the memory, and must return such an
        array, in which the value of a sample depends on that sample alone.
    names : sequence of callable or str, optional
        For each function one that returns a name for the names of its inputs, or a format such as ``"exp(-{0})"``; by
        default "f0(x0)", "f1(x0,x1)".

    Raises
    ------
    TypeError, ValueError
        What is given is no function, or the number of its inputs cannot be told; names are not as many as functions.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsesci.recovery.dynamics.custom_library import CustomLibrary
    >>> library = CustomLibrary([np.exp, lambda a, b: a * np.sin(b)], names=["exp({})", "{} sin({})"])
    >>> library.names(["x", "y"])
    ['exp(x)', 'exp(y)', 'x sin(y)']
    >>> library.program(2).is_compiled
    True
    """

    functions: tuple[Callable, ...]
    names_of: tuple[Callable | str, ...] | None = None

    def __init__(self, functions: Iterable[Callable], *, names: Iterable[Callable | str] | None = None):
        functions = _several(functions, "functions")
        for i, function in enumerate(functions):
            if not callable(function):
                raise TypeError(f"functions[{i}] is {function!r}: a function is needed")
            arity(function)
        if names is not None:
            names = _several(names, "names")
            if len(names) != len(functions):
                raise ValueError(f"there are {len(names)} names and {len(functions)} functions: one for each is needed")
            for i, name in enumerate(names):
                _check_name(name, i, arity(functions[i]))
        object.__setattr__(self, "functions", functions)
        object.__setattr__(self, "names_of", names)

    def features(self, states: Sequence[Symbol], controls: Sequence[Symbol]) -> list[Symbol]:
        """Return the functions of all combinations of inputs."""
        inputs = [*states, *controls]
        return [inputs[0].tape.apply(self.functions[i], chosen) for i, chosen in self._applied(inputs)]

    def names(self, states: Sequence[str], controls: Sequence[str] = ()) -> list[str]:
        """Return names such as "f0(x0)", or what the names given make of those of the inputs."""
        return [self._name(i, chosen) for i, chosen in self._applied([*states, *controls])]

    def n_features(self, n_states: int, n_controls: int = 0) -> int:
        """Return the number of functions of combinations."""
        return sum(math.comb(n_states + n_controls, arity(function)) for function in self.functions)

    def __repr__(self) -> str:
        """Return what one would type, with functions by their names."""
        shown = [f"[{', '.join(getattr(f, '__name__', repr(f)) for f in self.functions)}]"]
        if self.names_of is not None:
            shown.append(f"names=[{', '.join(getattr(n, '__name__', repr(n)) for n in self.names_of)}]")
        return f"CustomLibrary({', '.join(shown)})"

    def _applied(self, inputs: Sequence) -> Iterator[tuple[int, tuple]]:
        for i, function in enumerate(self.functions):
            yield from ((i, chosen) for chosen in combinations(inputs, arity(function)))

    def _name(self, i: int, inputs: tuple[str, ...]) -> str:
        if self.names_of is None:
            return f"f{i}({','.join(inputs)})"
        name = self.names_of[i]
        given = name(*inputs) if callable(name) else name.format(*inputs)
        if not isinstance(given, str):
            raise TypeError(f"names[{i}] returned {given!r} for {', '.join(inputs)}: a string is needed")
        return given


def arity(function: Callable) -> int:
    """Return how many arguments a function needs; TypeError where that is none, or cannot be told."""
    if isinstance(function, np.ufunc):
        return function.nin
    asked = function.pyfunc if isinstance(function, np.vectorize) else function
    try:
        parameters = inspect.signature(asked).parameters.values()
    except (TypeError, ValueError):
        parameters = ()
    places = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) and p.default is p.empty]
    if not places or any(p.kind is p.VAR_POSITIONAL for p in parameters):
        raise TypeError(
            f"how many inputs {getattr(function, '__name__', function)!r} takes cannot be told: wrap it, as in "
            "lambda x, y: f(x, y); for a constant use PolynomialLibrary(0)"
        )
    return len(places)


def _check_name(name: Any, i: int, n_inputs: int) -> None:
    if not (callable(name) or isinstance(name, str)):
        raise TypeError(f"names[{i}] is {name!r}: a function that returns a name, or a format, is needed")
    if isinstance(name, str):
        try:
            name.format(*["x"] * n_inputs)
        except (IndexError, KeyError, ValueError):
            raise ValueError(
                f"names[{i}] is {name!r}: a format for {n_inputs} names is needed, as 'sin({{}})'"
            ) from None


def _several(values: Any, what: str) -> tuple:
    if callable(values) or isinstance(values, str):
        raise TypeError(f"{what} is {values!r}: a list is needed, if of one")
    values = tuple(values)
    if not values:
        raise ValueError(f"{what} is empty: at least one is needed")
    return values

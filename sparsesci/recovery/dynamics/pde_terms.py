"""Terms of a partial differential equation: functions of the fields, their derivatives in space, and products of them.

And what both libraries of fields, `PDELibrary` and `WeakLibrary`, check before they begin.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, NamedTuple

import numpy as np

from sparsesci._lib import validate, xp

from .library import Library, product_name
from .polynomial_library import PolynomialLibrary
from .program import CALL, CODES, Program

LETTERS = "xyz"


class Term(NamedTuple):
    """``f d^orders v``: either factor may be missing. With a function alone, ``d^orders f``."""

    function: int | None = None
    field: int | None = None
    orders: tuple[int, ...] = ()  # along each axis of space


@dataclass(frozen=True, eq=False)
class Terms:
    """The terms of a library for ``n_fields`` fields.

    Attributes
    ----------
    functions : Library
        The functions f.
    program : Program
        The same, of ``n_fields`` inputs.
    depends_on : tuple of frozenset
        The fields that each function depends on.
    terms : tuple of Term
        One for each column of the regression.
    """

    functions: Library
    program: Program
    depends_on: tuple[frozenset[int], ...]
    terms: tuple[Term, ...]

    def names(self, states: Sequence[str]) -> list[str]:
        """Return names such as "u", "u^2", "u_xx", "u u_x", "(u^2)_x", and "x0_11" for a field without a name."""
        functions = self.functions.names(list(states), [])
        return [_name(term, functions, states) for term in self.terms]

    def linear(self, field: int) -> list[tuple[int, tuple[int, ...]]]:
        """Return the terms that are a field or a derivative of it: their columns, and the derivatives."""
        found = []
        for column, term in enumerate(self.terms):
            if None in (term.field, term.function) and field in (term.field, self.is_field(term.function)):
                found.append((column, term.orders))
        return found

    def is_field(self, function: int | None) -> int | None:
        """Return the field that a function is, or None where it is another function or none."""
        if function is None:
            return None
        register = int(self.program.outputs[function])
        return register if register < self.program.n_inputs else None


def all_terms(
    functions: Library,
    n_fields: int,
    n_axes: int,
    order: int,
    interaction: bool,
    bias: bool,
    conservative: bool = False,
) -> Terms:
    """Return the terms in the order of PySINDy: functions, derivatives, products, where the function changes first."""
    program = functions.program(n_fields)
    depends_on = dependencies(program)
    p = len(depends_on)
    true_functions = [j for j in range(p) if depends_on[j]]
    derivatives = [orders for orders in product(range(order + 1), repeat=n_axes) if 0 < sum(orders) <= order]
    none = (0,) * n_axes
    found = [Term(orders=none)] if bias and len(true_functions) == p else []
    found += [Term(function=j, orders=none) for j in range(p)]
    if conservative:
        found += [Term(function=j, orders=orders) for orders in derivatives for j in true_functions]
    else:
        pure = [Term(field=i, orders=orders) for orders in derivatives for i in range(n_fields)]
        found += pure
        found += [term._replace(function=j) for term in pure for j in true_functions if interaction]
    return Terms(functions, program, depends_on, tuple(found))


def dependencies(program: Program) -> tuple[frozenset[int], ...]:
    """Return the inputs that each output of a program depends on."""
    known = [frozenset([i]) for i in range(program.n_inputs)]
    for code, a, b in zip(program.codes.tolist(), program.left.tolist(), program.right.tolist(), strict=True):
        if code == CALL:
            known.append(frozenset().union(*(known[r] for r in program.calls[a][1])))
        else:
            known.append(frozenset() if code == CODES["constant"] else known[a] | known[b])
    return tuple(known[r] for r in program.outputs.tolist())


def _name(term: Term, functions: Sequence[str], states: Sequence[str]) -> str:
    if term.field is None:
        if term.function is None:
            return "1"
        name = functions[term.function]
        return derivative_name(name, term.orders, states) if any(term.orders) else name
    derivative = derivative_name(states[term.field], term.orders, states)
    return derivative if term.function is None else product_name(functions[term.function], derivative)


def derivative_name(name: str, orders: Sequence[int], states: Sequence[str]) -> str:
    """Return "u_xxy" for orders (2, 1), "(u^2)_x" of what is no field, and "x0_112" where fields have no names."""
    has_no_names = all(re.fullmatch(r"x\d+", state) for state in states)
    letters = "".join((str(i + 1) if has_no_names else LETTERS[i]) * order for i, order in enumerate(orders))
    return f"{name}_{letters}" if name in states else f"({name})_{letters}"


def checked_functions(functions: Any) -> Library:
    """Return the functions of a library of fields: monomials up to degree 2 if none are given."""
    if functions is None:
        return PolynomialLibrary(2, include_bias=False)
    if not isinstance(functions, Library):
        raise TypeError(f"functions is a {type(functions).__name__}: a library is needed, as PolynomialLibrary(2)")
    return functions


def checked_axes(spatial_grid: Any) -> tuple[np.ndarray, ...]:
    """Return the axes of space: from an array (n_x,), a pair of such arrays, or a mesh (n_x, n_y, 2); () from None."""
    if spatial_grid is None:
        return ()
    mesh = None if isinstance(spatial_grid, list | tuple) else np.asarray(xp.to_host(spatial_grid))
    if mesh is None:
        axes = [np.asarray(xp.to_host(axis)) for axis in spatial_grid]
        if axes and all(axis.ndim == 0 for axis in axes):  # a list of numbers is one axis
            axes = [np.asarray(axes)]
    elif mesh.ndim == 3 and mesh.shape[2] == 2:
        axes = [mesh[:, 0, 0], mesh[0, :, 1]]
        if not np.array_equal(mesh, np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)):
            raise ValueError('spatial_grid is no mesh of two axes: pass (x, y), or meshgrid(x, y, indexing="ij")')
    else:
        axes = [mesh[:, 0] if mesh.ndim == 2 and mesh.shape[1] == 1 else mesh]
    if len(axes) > 2:
        raise ValueError(f"spatial_grid has {len(axes)} axes: one or two are supported")
    return tuple(_axis(axis, f"spatial_grid[{i}]" if len(axes) > 1 else "spatial_grid") for i, axis in enumerate(axes))


def _axis(axis: np.ndarray, name: str) -> np.ndarray:
    axis = validate.float_array(axis, name)
    if xp.is_complex(axis.dtype):
        raise TypeError(f"{name} is complex: real coordinates are needed")
    if axis.ndim != 1 or len(axis) < 3:
        raise ValueError(f"{name} has shape {axis.shape}: three coordinates or more along one axis are needed")
    validate.finite(axis, name)
    backward = np.flatnonzero(np.diff(axis) <= 0)
    if len(backward):
        i = int(backward[0]) + 1
        raise ValueError(f"{name} must increase, and {name}[{i}] = {axis[i]:.6g} is not after {axis[i - 1]:.6g}")
    return axis.astype(float)


def checked_field(x: Any, t: Any, axes: Sequence[np.ndarray], name: str) -> tuple[Any, np.ndarray]:
    """Return a field (n_x, [n_y,] n_t, d), of real floating-point numbers, and its times (n_t,)."""
    x = validate.float_array(x, name)
    if xp.is_complex(x.dtype):
        raise TypeError(f"{name} is complex: pass its real and imaginary parts as two fields")
    shape = "n_x, n_y, n_t, d" if len(axes) == 2 else "n_x, n_t, d" if axes else "n_t, d"
    if x.ndim != len(axes) + 2 or 0 in x.shape:
        raise ValueError(f"{name} has shape {tuple(x.shape)}: ({shape}) is needed, for {len(axes)} axes of space")
    if tuple(x.shape[: len(axes)]) != tuple(len(axis) for axis in axes):
        grid = tuple(len(axis) for axis in axes)
        raise ValueError(f"{name} has shape {tuple(x.shape)}, ({shape}), and the grid in space {grid} points")
    validate.finite(x, name)
    n_t = x.shape[-2]
    times = np.asarray(xp.to_host(t), dtype=float)
    if times.ndim == 0:
        times = np.arange(n_t) * validate.positive_real(float(times), "t", otherwise="or an array of times")
    if times.shape != (n_t,):
        raise ValueError(f"t has shape {times.shape} and {name} {n_t} times: one for each is needed")
    validate.finite(times, "t")
    backward = np.flatnonzero(np.diff(times) <= 0)
    if len(backward):
        i = int(backward[0]) + 1
        raise ValueError(f"t must increase, and t[{i}] = {times[i]:.6g} is not after {times[i - 1]:.6g}: sort it")
    return x, times

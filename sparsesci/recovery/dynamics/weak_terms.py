"""Integration by parts: which arrays a weak form has to integrate against which derivatives of the test function.

``int phi f d^a v`` becomes a sum of ``coefficient * int d^b phi c`` over arrays c, by these rules.

* ``d^a v`` and ``f``: all derivatives go to phi, ``(-1)^|a| int d^a phi v``.
* ``f d_x v``, where f is a function of v alone: ``-int d_x phi F(v)`` with ``F' = f`` (``u u_x = (u^2 / 2)_x``).
* ``f d^a v`` otherwise: with ``a = b + s`` of which s is the smaller half, and Leibniz' rule,
  ``(-1)^|b| sum_c (b choose c) int d^(b - c) phi d^c f d^s v``. Where f is a function of v alone the part c = 0 goes
  on by these rules. The rest needs derivatives of the data, of an order of about half of |a|: ``d^c f`` and ``d^s v``.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from itertools import product
from math import comb, prod
from typing import NamedTuple

import numpy as np

from .pde_terms import Term, Terms
from .program import Program, Tape
from .unbiased import unbiased, written

MOST_NODES = 32  # of the quadrature of an antiderivative


class Carrier(NamedTuple):
    """An array that is integrated: ``d^of_function f d^of_field v``, either factor may be missing; or ``F(v)``."""

    function: int = -1
    of_function: tuple[int, ...] = ()
    field: int = -1
    of_field: tuple[int, ...] = ()
    is_antiderivative: bool = False


def by_parts(terms: Terms, n_axes: int) -> dict[Carrier, list[tuple[int, float, tuple[int, ...]]]]:
    """Return for each carrier its parts: the column of the regression, a coefficient, the derivatives of phi."""
    none = (0,) * n_axes
    parts = defaultdict(list)
    for column, term in enumerate(terms.terms):
        for carrier, coefficient, of_phi in _of_term(term, terms, none):
            parts[carrier].append((column, coefficient, of_phi))
    return dict(sorted(parts.items()))


def _of_term(term: Term, terms: Terms, none: tuple[int, ...]) -> Iterator[tuple[Carrier, float, tuple[int, ...]]]:
    orders = term.orders
    if term.function is None or term.field is None:
        field = term.field if term.function is None else terms.is_field(term.function)
        carrier = Carrier(term.function, none) if field is None and term.function is not None else Carrier()
        if field is not None:
            carrier = Carrier(field=field, of_field=none)
        yield carrier, (-1.0) ** sum(orders), orders
    else:
        is_pure = terms.depends_on[term.function] == {term.field}
        yield from _of_product(term.function, term.field, orders, none, is_pure)


def _of_product(
    f: int, v: int, a: tuple[int, ...], of_phi: tuple[int, ...], is_pure: bool
) -> Iterator[tuple[Carrier, float, tuple[int, ...]]]:
    """Yield the parts of ``int d^of_phi phi f d^a v``."""
    none = (0,) * len(a)
    if is_pure and sum(a) == 1:
        yield Carrier(f, none, v, none, True), -1.0, _sum(of_phi, a)
        return
    if sum(a) == 1:
        yield Carrier(f, none, v, a), 1.0, of_phi
        return
    s = _first_half(a)
    b = tuple(x - y for x, y in zip(a, s, strict=True))
    for c in product(*(range(x + 1) for x in b)):
        choices = (-1.0) ** sum(b) * prod(map(comb, b, c))
        rest = _sum(of_phi, tuple(x - y for x, y in zip(b, c, strict=True)))
        if is_pure and not any(c):
            yield from ((d, choices * value, orders) for d, value, orders in _of_product(f, v, s, rest, True))
        else:
            yield Carrier(f, c, v, s), choices, rest


def _first_half(a: tuple[int, ...]) -> tuple[int, ...]:
    """Return half of the derivatives, rounded down."""
    left, half = sum(a) // 2, []
    for order in a:
        half.append(min(order, left))
        left -= half[-1]
    return tuple(half)


def _sum(a: tuple[int, ...], b: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(x + y for x, y in zip(a, b, strict=True))


def antiderivative(f: Program, v: np.ndarray, field: int) -> Program:
    """Return ``F(v) = int_c^v f`` of a function of one field alone, for values like those of v; c lies amid them.

    By Gauss-Legendre quadrature with 2, 4, ... nodes, until nothing changes: exact for polynomials.
    """
    middle = 0.5 * (v.min() + v.max())
    shown = np.zeros((f.n_inputs, min(len(v), 200)))
    shown[field] = v[:: max(len(v) // 200, 1)][:200]
    n_nodes, rough = 2, _quadrature(f, field, middle, 2)
    while n_nodes < MOST_NODES:
        fine = _quadrature(f, field, middle, 2 * n_nodes)
        value = fine(shown)
        if np.max(np.abs(value - rough(shown))) <= 1e-13 * np.max(np.abs(value)):
            break
        n_nodes, rough = 2 * n_nodes, fine
    return rough


def _quadrature(f: Program, field: int, middle: float, n_nodes: int) -> Program:
    nodes, weights = np.polynomial.legendre.leggauss(n_nodes)
    tape = Tape(f.n_inputs)
    away = tape.inputs[field] - middle
    total = tape.constant(0.0)
    for node, weight in zip(nodes, weights, strict=True):
        inputs = list(tape.inputs)
        inputs[field] = middle + (0.5 + 0.5 * node) * away
        total = total + 0.5 * weight * written(f, tape, inputs)[0]
    return tape.program([total * away])


class Carried:
    """Makes the arrays of carriers, for fields (d, ...); derivatives that several of them need are made once.

    ``differentiate(F, orders)`` gives derivatives in space. Those of a function are kept while the next carrier is one
    of the same function. With ``std`` (d,) functions are `unbiased` of noise; those that are multiplied with
    derivatives of data are not.
    """

    def __init__(self, terms: Terms, fields: np.ndarray, differentiate: Callable, std: np.ndarray | None = None):
        self.terms, self.fields, self.differentiate, self.std = terms, fields, differentiate, std
        self._X = fields.reshape(len(fields), -1)
        self._of_fields: dict[tuple, np.ndarray] = {}
        self._of_function: dict[tuple, np.ndarray] = {}

    def __call__(self, carrier: Carrier) -> np.ndarray:
        """Return the array of a carrier."""
        if carrier.is_antiderivative:
            f = self.terms.program.restricted([carrier.function])
            F = self._unbiased(antiderivative(f, self._X[carrier.field], carrier.field), [carrier.field])
            return F(self._X)[0].reshape(self.fields.shape[1:])
        if self.std is not None and carrier.function >= 0 and carrier.field < 0:
            f = self.terms.program.restricted([carrier.function])
            f = self._unbiased(f, sorted(self.terms.depends_on[carrier.function]))
            return f(self._X)[0].reshape(self.fields.shape[1:])
        factors = []
        if carrier.function >= 0:
            factors.append(self._function(carrier.function, carrier.of_function))
        if carrier.field >= 0:
            factors.append(self._field(carrier.field, carrier.of_field))
        if not factors:
            return np.ones(self.fields.shape[1:])
        return factors[0] if len(factors) == 1 else factors[0] * factors[1]

    def _unbiased(self, f: Program, depends_on: Sequence[int]) -> Program:
        return f if self.std is None else unbiased(f, depends_on, self.std)

    def _field(self, field: int, orders: tuple[int, ...]) -> np.ndarray:
        if not any(orders):
            return self.fields[field]
        if (field, orders) not in self._of_fields:
            self._of_fields[field, orders] = self.differentiate(self.fields[field], orders)
        return self._of_fields[field, orders]

    def _function(self, function: int, orders: tuple[int, ...]) -> np.ndarray:
        field = self.terms.is_field(function)
        if field is not None:
            return self._field(field, orders)
        if not any(key[0] == function for key in self._of_function):
            values = self.terms.program.restricted([function])(self._X)[0]
            self._of_function = {(function, (0,) * len(orders)): values.reshape(self.fields.shape[1:])}
        if (function, orders) not in self._of_function:
            values = self._of_function[function, (0,) * len(orders)]
            self._of_function[function, orders] = self.differentiate(values, orders)
        return self._of_function[function, orders]

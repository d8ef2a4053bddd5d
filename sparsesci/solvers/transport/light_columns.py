"""Columns of negligible weight, whose potentials are found after those of all others.

A column may weigh less than what truncation drops of others. Then it seems to be empty while it is not, and an
iteration that raises it until it can be seen has gone past its weight by many decades, up to where light rows hold
nothing else. What the column asks for is known all the same: given the row potentials, a half step of Sinkhorn with
every arc makes it exact. The rows are then wrong by its weight.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from sparsesci._lib import xp

from .checks import Problem
from .rows import only_columns
from .sinkhorn import extended


@dataclass(frozen=True)
class LightColumns:
    """The division of the columns of a problem into light and heavy ones.

    Attributes
    ----------
    problem : Problem
        The problem as a whole.
    places : tuple of array, or None
        Indices of the light columns and of the heavy ones; None where all are heavy.
    weight : float
        What the light columns weigh together.
    """

    problem: Problem
    places: tuple | None = None
    weight: float = 0.0

    @classmethod
    def of(cls, problem: Problem, negligible: float) -> LightColumns:
        """Return the division after which the light columns weigh ``negligible`` together at the most.

        Where arcs are forbidden all are heavy: a row may have arcs to light columns alone.
        """
        b, namespace = problem.b, xp.namespace(problem.b)
        if problem.has_forbidden_arcs or float(namespace.min(b)) > negligible:
            return cls(problem)
        order = namespace.argsort(b)
        weights = namespace.cumulative_sum(namespace.take(b, order, axis=0))
        n_light = int(namespace.sum(namespace.astype(weights <= negligible, namespace.int64)))
        return cls(problem, (order[:n_light], namespace.sort(order[n_light:])), float(weights[n_light - 1]))

    def without(self) -> Problem:
        """Return the problem of the heavy columns."""
        if self.places is None:
            return self.problem
        return replace(self.problem, b=self.heavy(self.problem.b), C=only_columns(self.problem.C, self.places[1]))

    def heavy(self, g: Any) -> Any:
        """Return the part of a vector that belongs to heavy columns."""
        return g if self.places is None else xp.namespace(g).take(g, self.places[1], axis=0)

    def joined(self, f: Any, g: Any, reg: float) -> Any:
        """Return the potentials of all columns from those of the heavy ones and of the rows."""
        if self.places is None:
            return g
        problem, namespace, (light, heavy) = self.problem, xp.namespace(f), self.places
        found = extended(f, only_columns(problem.C, light), problem.shift, reg)
        found = found + reg * namespace.log(namespace.take(problem.b, light, axis=0))
        place = namespace.argsort(namespace.concat([light, heavy]))
        return namespace.take(namespace.concat([found, g]), place, axis=0)

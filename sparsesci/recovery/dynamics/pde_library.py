"""Partial differential equations from derivatives of the fields at every point of a grid.

Rudy, Brunton, Proctor, Kutz, *Data-driven discovery of partial differential equations*, Science Advances 3 (2017)
e1602614 (PDE-FIND).

Deviations
----------
1. Terms are a program whose inputs are the fields and their derivatives: what is held is ``d (1 + number of
   derivatives)`` numbers a point, not one for each term, and a Gram matrix is streamed from them (`samples`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import KW_ONLY, dataclass
from typing import Any

from sparsesci._lib import validate, xp

from .differentiate.finite_difference import finite_difference
from .pde_terms import Terms, all_terms, checked_axes, checked_field, checked_functions
from .program import Program, Tape
from .samples import Samples


@dataclass(frozen=True, eq=False)
class PDELibrary:
    """Functions of fields, their derivatives in space, and products of both, at the points of a grid.

    The library of `SINDy` for fields (n_x, n_t, d) or (n_x, n_y, n_t, d) with little noise; with more, see
    `WeakLibrary`.

    Parameters
    ----------
    functions : library, optional
        Functions f of the fields at one point; monomials of degree 1 and 2 if not given.
    spatial_grid : array (n_x,), pair of arrays, or mesh (n_x, n_y, 2)
        Where the fields are known.
    derivative_order : int
        Highest order of derivatives in space; in two dimensions the order of mixed ones is their sum.
    include_interaction : bool
        Whether there are products ``f(u) d^a u``.
    include_bias : bool
        Whether there is a constant, where the functions have none.
    periodic : bool or tuple of bool
        Whether the fields go on at their beginning, along each axis of space; only with finite differences.
    differentiation : callable, optional
        ``differentiation(x, t, axis=axis)`` gives a derivative along an axis, as those of ``differentiate`` do; for
        higher orders it is applied again. If not given, finite differences of the second order, of each order their
        own.

    Raises
    ------
    ValueError, TypeError
        Fields that do not match the grid, complex fields, grids that do not increase.

    References
    ----------
    Rudy, Brunton, Proctor, Kutz, Science Advances 3 (2017) e1602614.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsesci.recovery.dynamics.pde_library import PDELibrary
    >>> x, t = np.linspace(0, 6, 121), np.linspace(0, 1, 61)
    >>> u = np.exp(-0.5 * t) * np.sin(x)[:, None]  # u_t = 0.5 u_xx
    >>> library = PDELibrary(spatial_grid=x)
    >>> library.names(["u"])
    ['u', 'u^2', 'u_x', 'u_xx', 'u u_x', 'u^2 u_x', 'u u_xx', 'u^2 u_xx']
    >>> Theta, Y, lengths = library.system([u[:, :, None]], [t])
    >>> print(np.linalg.lstsq(Theta[:, 2:4], Y)[0].T.round(3) + 0.0)
    [[0.  0.5]]
    """

    functions: Any = None
    _: KW_ONLY
    spatial_grid: Any
    derivative_order: int = 2
    include_interaction: bool = True
    include_bias: bool = False
    periodic: Any = False
    differentiation: Callable | None = None

    def __post_init__(self) -> None:
        """Check what can be checked without data."""
        set_to = object.__setattr__
        set_to(self, "functions", checked_functions(self.functions))
        set_to(self, "spatial_grid", checked_axes(self.spatial_grid))
        if not self.spatial_grid:
            raise ValueError("spatial_grid is None: without space use the functions themselves as the library")
        validate.positive_integer(self.derivative_order, "derivative_order")
        n_space = len(self.spatial_grid)
        periodic = tuple(self.periodic) if isinstance(self.periodic, list | tuple) else (self.periodic,) * n_space
        if len(periodic) != n_space:
            raise ValueError(f"periodic has {len(periodic)} values for {n_space} axes of space")
        set_to(self, "periodic", tuple(map(bool, periodic)))
        if any(self.periodic) and self.differentiation is not None:
            raise ValueError("periodic is an option of finite differences: leave it out, or differentiation")

    def n_features(self, n_states: int, n_controls: int = 0) -> int:
        """Return the number p of terms."""
        return len(self._terms(n_states).terms)

    def names(self, states: Sequence[str], controls: Sequence[str] = ()) -> list[str]:
        """Return the names of the terms: "u", "u^2", "u_x", "u u_x", or "x0_1" for a field that has no name."""
        return self._terms(len(states)).names(states)

    def program(self, n_states: int) -> Program:
        """Return the terms as a program of the fields, then their derivatives, as `inputs` gives them."""
        terms = self._terms(n_states)
        derivatives = self._derivatives(terms)
        tape = Tape(n_states + len(derivatives))
        functions = terms.functions.features(tape.inputs[:n_states], [])
        place = dict(zip(derivatives, tape.inputs[n_states:], strict=True))
        columns = []
        for term in terms.terms:
            factors = [] if term.function is None else [functions[term.function]]
            factors += [] if term.field is None else [place[term.field, term.orders]]
            columns.append(
                tape.constant(1.0) if not factors else factors[0] if len(factors) == 1 else factors[0] * factors[1]
            )
        return tape.program(columns)

    def inputs(self, x: Any) -> Any:
        """Return the fields and their derivatives (n_inputs, n) at all n points of a field x (n_x, ..., n_t, d)."""
        namespace, d = xp.namespace(x), x.shape[-1]
        rows = [x[..., i] for i in range(d)]
        known = {}
        for field, orders in self._derivatives(self._terms(d)):
            F = rows[field]
            for axis, order in enumerate(orders):
                done = (field, (*orders[: axis + 1], *(0,) * (len(orders) - axis - 1)))
                if order and done not in known:
                    known[done] = self._differentiate(F, axis, order)
                F = known[done] if any(done[1]) else F
            known[field, orders] = F
            rows.append(F)
        return namespace.stack([namespace.reshape(row, (-1,)) for row in rows])

    def transform(self, x: Any) -> Any:
        """Return the terms (n, p) at all n points of a field x (n_x, [n_y,] n_t, d), time changing first."""
        x, _ = checked_field(x, 1.0, self.spatial_grid, "x")
        return self.program(x.shape[-1])(self.inputs(x)).T

    def samples(self, x: Sequence, t: Sequence, x_dot: Sequence | None = None, u: Sequence | None = None) -> Samples:
        """Return the rows of a regression as a program and its inputs: no array (n, p) is made. Arguments: `system`."""
        if u is not None and any(part is not None for part in u):
            raise ValueError("a PDELibrary has no controls: give u as a further field, or leave it out")
        pairs = [
            checked_field(part, times, self.spatial_grid, f"x[{i}]" if len(x) > 1 else "x")
            for i, (part, times) in enumerate(zip(x, t, strict=True))
        ]
        inputs, targets = [], []
        for i, (part, times) in enumerate(pairs):
            if x_dot is not None and x_dot[i] is not None:
                rate, _ = checked_field(x_dot[i], times, self.spatial_grid, "x_dot")
            else:
                rate = (self.differentiation or finite_difference)(part, times, axis=part.ndim - 2)
            inputs.append(self.inputs(part))
            targets.append(xp.namespace(rate).reshape(rate, (-1, rate.shape[-1])))
        concat = xp.namespace(*targets).concat
        program = self.program(pairs[0][0].shape[-1])
        lengths = tuple(target.shape[0] for target in targets)
        return Samples(program=program, inputs=concat(inputs, axis=1), Y=concat(targets), lengths=lengths)

    def system(
        self, x: Sequence, t: Sequence, x_dot: Sequence | None = None, u: Sequence | None = None
    ) -> tuple[Any, Any, list[int]]:
        """Return the rows of a regression: ``Theta (rows, p)``, ``Y (rows, d)``, and the rows of each field.

        Parameters
        ----------
        x : list of arrays (n_x, n_t, d) or (n_x, n_y, n_t, d)
            Fields.
        t : list of arrays (n_t,)
            Their times.
        x_dot : list of arrays, optional
            Time derivatives where they are known.
        u : list, optional
            Controls are not supported: an error where they are given.
        """
        samples = self.samples(x, t, x_dot, u)
        return samples.program(samples.inputs).T, samples.Y, list(samples.lengths)

    def _terms(self, n_fields: int) -> Terms:
        options = self.derivative_order, self.include_interaction, self.include_bias
        return all_terms(self.functions, n_fields, len(self.spatial_grid), *options)

    def _derivatives(self, terms: Terms) -> list[tuple[int, tuple[int, ...]]]:
        """Return field and orders of the derivatives that are needed."""
        return [(term.field, term.orders) for term in terms.terms if term.field is not None and term.function is None]

    def _differentiate(self, F: Any, axis: int, order: int) -> Any:
        grid = self.spatial_grid[axis]
        if self.differentiation is None:
            return finite_difference(F, grid, axis=axis, derivative=order, periodic=self.periodic[axis])
        for _ in range(order):
            F = self.differentiation(F, grid, axis=axis)
        return F

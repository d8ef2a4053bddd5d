"""The weak form: rows of a regression are integrals against test functions, and no noise is differentiated.

Messenger, Bortz, *Weak SINDy for partial differential equations*, J. Comput. Phys. 443 (2021) 110525; for ordinary
differential equations *Weak SINDy: Galerkin-based data-driven model selection*, Multiscale Model. Simul. 19 (2021).

With a test function phi that vanishes at the ends of a box, ``u_t = sum_j xi_j g_j`` becomes
``-int phi_t u = sum_j xi_j int phi g_j``, one row a box, and derivatives in ``g_j`` are moved onto phi (`weak_terms`).

Deviations
----------
1. Besides their terms ``d^a f(u)`` (``conservative=True``) there are those of PDE-FIND, ``f(u) d^a v``, of which not
   every derivative can be moved: see `weak_terms`.
2. Boxes lie on a lattice, one standard deviation of phi apart; or at random, or where the caller puts them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from typing import Any

import numpy as np

from sparsesci._lib import validate, xp

from .grid_derivative import derivative
from .half_widths import corner, degree_of, half_width_of
from .pde_terms import LETTERS, Terms, all_terms, checked_axes, checked_field, checked_functions
from .program import Program, Tape
from .samples import Samples
from .unbiased import noise_std
from .weak_noise import MOST_BOXES, Sensitivity, whitened
from .weak_terms import Carried, by_parts
from .weak_weights import MAX_DEGREE, AxisWeights, axis_weights, contract, is_regular

PLACES = {0: (2,), 1: (2, 1), 2: (0, 2, 1)}  # of the axes of space and that of time, in an array (n0, n1, n2)


@dataclass(frozen=True, eq=False)
class Boxes:
    """Where test functions lie: ``half_widths`` and ``degrees`` of all axes, space before time, and ``centers``."""

    half_widths: tuple[float, ...]
    degrees: tuple[int, ...]
    centers: np.ndarray


@dataclass(frozen=True, eq=False)
class WeakLibrary:
    """Integrals of functions of the fields, of their derivatives in space, and of products of both.

    The library of `SINDy` for noisy data: ``SINDy(WeakLibrary(PolynomialLibrary(3))).fit(x, t)`` for trajectories
    (n_t, d), and with a grid in space for fields (n_x, n_t, d) or (n_x, n_y, n_t, d).

    Parameters
    ----------
    functions : library, optional
        Functions f of the fields at one point; monomials of degree 1 and 2 if not given.
    spatial_grid : array (n_x,), pair of arrays, or mesh (n_x, n_y, 2), optional
        Where the fields are known. None: there is no space, the equations are ordinary.
    derivative_order : int
        Highest order of derivatives in space.
    n_boxes : int, optional
        Number K of boxes of each trajectory, at random. If not given, boxes lie on a lattice; their centres are one
        standard deviation ``half_width / sqrt(2 degree + 3)`` apart: closer ones would say little that is new.
    half_width : float or tuple, optional
        That of the boxes, in the units of the grid: one for each axis of space, and one for time. If not given, found
        from the spectrum of the data (see `half_widths`).
    degree : int or tuple of int, optional
        p of the test function ``prod (1 - z^2)^p``, more than ``derivative_order``. If not given, so that the test
        function has sunk to 1e-10 one sample before its end.
    centers : array (K, n_axes), optional
        Where boxes are, in space and time: instead of ``n_boxes``. Along a regular axis they move to the next sample.
    conservative : bool
        Whether terms are ``d^a f(u)`` instead of ``d^a u`` and ``f(u) d^a u``: then no data are differentiated at all.
    include_interaction : bool
        Whether there are products ``f(u) d^a u``.
    include_bias : bool
        Whether there is a constant, where the functions have none.
    debias : bool
        Whether functions of the fields are corrected for what white Gaussian noise adds to their mean (see `unbiased`);
        its variance is found from the data. For smooth functions, and degrees up to 5.
    whiten : bool
        Whether rows are made equally noisy and uncorrelated, as far as linear terms decide (see `weak_noise`): for few
        data and much noise. Takes ``O(K^3)`` flops.
    rng : seed or numpy.random.Generator, optional
        Draws the centres of ``n_boxes`` boxes.

    Raises
    ------
    ValueError, TypeError
        Boxes that hold fewer than two samples along an axis, or are larger than the data; complex fields.

    Notes
    -----
    Along a regular axis integrals are trapezoidal sums, otherwise they are exact for data linear between samples.
    Time derivatives always go to the test function. Where ``f(u) d^a v`` needs derivatives of data, they are finite
    differences of the second order: with much noise ``conservative=True`` is the better choice.

    Cost: one pass over each of about p arrays of the size of the data, of which one is held at a time, and
    ``O(K * samples of a box)`` flops for each. Data on a device are brought to the host, and the rows back.

    References
    ----------
    Messenger, Bortz, J. Comput. Phys. 443 (2021) 110525.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsesci.recovery.dynamics.weak_library import WeakLibrary
    >>> x, t = np.linspace(0, 6, 121), np.linspace(0, 1, 61)
    >>> u = np.exp(-0.5 * t) * np.sin(x)[:, None] + 1  # u_t = 0.5 u_xx
    >>> library = WeakLibrary(spatial_grid=x, derivative_order=2, include_interaction=False)
    >>> library.names(["u"])
    ['u', 'u^2', 'u_x', 'u_xx']
    >>> Theta, Y, lengths = library.system([u[:, :, None]], [t])
    >>> print(np.linalg.lstsq(Theta[:, 2:], Y)[0].T.round(5) + 0.0)
    [[0.  0.5]]
    """

    functions: Any = None
    _: KW_ONLY
    spatial_grid: Any = None
    derivative_order: int = 0
    n_boxes: int | None = None
    half_width: Any = None
    degree: Any = None
    centers: Any = None
    conservative: bool = False
    include_interaction: bool = True
    include_bias: bool = False
    debias: bool = False
    whiten: bool = False
    rng: Any = None

    def __post_init__(self) -> None:
        """Check what can be checked without data."""
        set_to = object.__setattr__
        set_to(self, "functions", checked_functions(self.functions))
        set_to(self, "spatial_grid", checked_axes(self.spatial_grid))
        order = validate.positive_integer(self.derivative_order, "derivative_order", least=0)
        if order and not self.spatial_grid:
            raise ValueError(f"derivative_order is {order}, and there is no spatial_grid to differentiate on: pass it")
        set_to(self, "half_width", self._each(self.half_width, "half_width"))
        set_to(self, "degree", self._each(self.degree, "degree"))
        for size in self.half_width:
            if size is not None:
                validate.positive_real(size, "half_width")
        for p in self.degree:
            if p is not None and not order < validate.positive_integer(p, "degree") <= MAX_DEGREE:
                raise ValueError(f"degree is {p}: more than derivative_order, {order}, and <= {MAX_DEGREE} is needed")
        if self.centers is not None and self.n_boxes is not None:
            raise ValueError("n_boxes and centers are both given: pass one")
        if self.n_boxes is not None:
            validate.positive_integer(self.n_boxes, "n_boxes")
        if self.centers is not None:
            centers = validate.float_array(xp.to_host(self.centers), "centers")
            if centers.ndim != 2 or centers.shape[1] != self.n_axes or not len(centers):
                raise ValueError(f"centers has shape {centers.shape}: (K, {self.n_axes}) is needed, space before time")
            validate.finite(centers, "centers")
            set_to(self, "centers", centers)

    @property
    def n_axes(self) -> int:
        """The number of axes, those of space and time."""
        return len(self.spatial_grid) + 1

    def n_features(self, n_states: int, n_controls: int = 0) -> int:
        """Return the number p of terms."""
        return len(self._terms(n_states).terms)

    def names(self, states: Sequence[str], controls: Sequence[str] = ()) -> list[str]:
        """Return the names of the terms: "u", "u^2", "u_x", "u u_x", or "x0_1" for a field that has no name."""
        return self._terms(len(states)).names(states)

    def transform(self, x: Any, t: Any) -> Any:
        """Return the integrals (K, p) of the terms of one trajectory or field x, at times t."""
        return self.system([x], [t])[0]

    def system(
        self, x: Sequence, t: Sequence, x_dot: Sequence | None = None, u: Sequence | None = None
    ) -> tuple[Any, Any, list[int]]:
        """Return the rows of a regression: ``Theta (rows, p)``, ``Y (rows, d)``, and the rows of each trajectory.

        Parameters
        ----------
        x : list of arrays (n_t, d), (n_x, n_t, d) or (n_x, n_y, n_t, d)
            Trajectories or fields.
        t : list of arrays (n_t,)
            Their times.
        x_dot : list of arrays, optional
            Time derivatives where they are known: then Y is their integral against phi.
        u : list, optional
            Controls are not supported: an error where they are given.
        """
        if u is not None and any(part is not None for part in u):
            raise ValueError("a weak form has no controls: give u as a further state of a WeakLibrary, or leave it out")
        if self.whiten and x_dot is not None and any(rate is not None for rate in x_dot):
            raise ValueError("whiten=True with x_dot: how noisy that is, is not known; leave one of them out")
        like = x[0]
        pairs = [
            on_host(part, times, self.spatial_grid, f"x[{i}]" if len(x) > 1 else "x")
            for i, (part, times) in enumerate(zip(x, t, strict=True))
        ]
        rates = [None] * len(x) if x_dot is None else x_dot
        rng = np.random.default_rng(self.rng)
        terms = self._terms(pairs[0][0].shape[-1])
        sizes, degrees = self._shape_of_boxes(pairs)
        rows, weights = [], []
        for (part, times), rate in zip(pairs, rates, strict=True):
            if rate is not None:
                rate, _ = on_host(rate, times, self.spatial_grid, "x_dot")
            boxes = Boxes(sizes, degrees, self._centers((*self.spatial_grid, times), sizes, degrees, rng))
            weights.append(self._weights((*self.spatial_grid, times), boxes))
            rows.append(self._rows(part, rate, terms, weights[-1]))
        if self.whiten:
            rows = self._whitened(rows, weights, pairs, terms)
        Theta, Y = (np.concatenate(parts) for parts in zip(*rows, strict=True))
        if xp.is_array(like):
            dtype = xp.common_float(xp.namespace(like), like.dtype)
            Theta, Y = (xp.namespace(like).astype(xp.to_like(part, like), dtype, copy=False) for part in (Theta, Y))
        return Theta, Y, [len(part[0]) for part in rows]

    def samples(self, x: Sequence, t: Sequence, x_dot: Sequence | None = None, u: Sequence | None = None) -> Samples:
        """Return the rows of a regression as `SINDy` takes them. Arguments: those of `system`."""
        Theta, Y, lengths = self.system(x, t, x_dot, u)
        return Samples(Theta=Theta, Y=Y, lengths=tuple(lengths))

    def program(self, n_states: int, n_controls: int = 0) -> Program:
        """Return the terms of an ordinary differential equation as functions of the states: what a model runs.

        Raises
        ------
        ValueError
            Where there is a grid in space: then terms are no functions of the fields at one point.
        """
        if self.spatial_grid:
            raise ValueError("the terms of a weak form in space have no values at points: use score, or a PDELibrary")
        terms, tape = self._terms(n_states), Tape(n_states)
        functions = terms.functions.features(tape.inputs, [])
        return tape.program(
            tape.constant(1.0) if term.function is None else functions[term.function] for term in terms.terms
        )

    def boxes(self, x: Any, t: Any) -> Boxes:
        """Return the boxes of one trajectory or field x at times t: half widths, degrees, centres."""
        pair = on_host(x, t, self.spatial_grid, "x")
        sizes, degrees = self._shape_of_boxes([pair])
        centers = self._centers((*self.spatial_grid, pair[1]), sizes, degrees, np.random.default_rng(self.rng))
        return Boxes(sizes, degrees, centers)

    def _terms(self, n_fields: int) -> Terms:
        n_space = len(self.spatial_grid)
        options = self.derivative_order, self.include_interaction, self.include_bias, self.conservative
        return all_terms(self.functions, n_fields, n_space, *options)

    def _each(self, value: Any, name: str) -> tuple:
        """Return an option as one value for each axis."""
        values = tuple(value) if isinstance(value, list | tuple | np.ndarray) else (value,) * self.n_axes
        if len(values) != self.n_axes:
            raise ValueError(f"{name} has {len(values)} values: {self.n_axes} are needed, space before time, or one")
        return values

    def _shape_of_boxes(self, pairs: list) -> tuple[tuple[float, ...], tuple[int, ...]]:
        """Return half widths and degrees along each axis, the same for all trajectories."""
        sizes, degrees = [], []
        for axis, (size, degree) in enumerate(zip(self.half_width, self.degree, strict=True)):
            is_time = axis == self.n_axes - 1
            least = max(4, 0 if is_time else self.derivative_order + 1)
            grids = [times if is_time else self.spatial_grid[axis] for _, times in pairs]
            step = max((grid[-1] - grid[0]) / (len(grid) - 1) for grid in grids)
            if size is None:
                fields = [
                    (u[..., i], grid) for (u, _), grid in zip(pairs, grids, strict=True) for i in range(u.shape[-1])
                ]
                frequency = max(corner(u, grid, axis) for u, grid in fields)
                size = step * half_width_of(frequency, step, min(map(len, grids)), degree, least)
            degrees.append(degree_of(size / step, least) if degree is None else degree)
            sizes.append(float(size))
            for grid in grids:
                self._check_size(grid, float(size), "time" if is_time else LETTERS[axis])
        return tuple(sizes), tuple(degrees)

    def _check_size(self, grid: np.ndarray, size: float, axis: str) -> None:
        span = grid[-1] - grid[0]
        if len(grid) < 5 or 2 * size > span * (1 + 1e-9):
            raise ValueError(
                f"boxes of half width {size:.4g} do not fit into {len(grid)} samples along {axis}, from {grid[0]:.4g} "
                f"to {grid[-1]:.4g}: take a half width below {0.5 * span:.4g}, or more samples"
            )
        widest = float(np.max(grid[2:] - grid[:-2])) if not is_regular(grid) else 2 * span / (len(grid) - 1)
        if 2 * size < widest * (1 + 1e-9) or (is_regular(grid) and round(size / (0.5 * widest)) < 2):
            raise ValueError(
                f"boxes of half width {size:.4g} hold fewer than two samples along {axis}, where steps are up to "
                f"{0.5 * widest:.4g}: take a half width of {widest:.4g} or more"
            )

    def _centers(self, grids: tuple, sizes: tuple, degrees: tuple, rng: np.random.Generator) -> np.ndarray:
        """Return the centres (K, n_axes) of boxes."""
        low = np.array([grid[0] + size for grid, size in zip(grids, sizes, strict=True)])
        high = np.array([max(grid[-1] - size, a) for grid, size, a in zip(grids, sizes, low, strict=True)])
        if self.centers is not None:
            slack = 1e-9 * (high - low)
            outside = np.flatnonzero(np.any((self.centers < low - slack) | (self.centers > high + slack), axis=1))
            if len(outside):
                k = int(outside[0])
                raise ValueError(f"the box around centers[{k}] = {self.centers[k]} ends outside of the data")
            return self.centers
        if self.n_boxes is not None:
            return rng.uniform(low, high, (self.n_boxes, len(grids)))
        lattice = []
        for grid, a, b, size, p in zip(grids, low, high, sizes, degrees, strict=True):
            gap = max(size / math.sqrt(2 * p + 3), (grid[-1] - grid[0]) / (len(grid) - 1))
            lattice.append(np.linspace(a, b, int((b - a) / gap * (1 + 1e-9)) + 1))
        return np.stack(np.meshgrid(*lattice, indexing="ij"), axis=-1).reshape(-1, len(grids))

    def _weights(self, grids: Sequence[np.ndarray], boxes: Boxes) -> list[AxisWeights]:
        """Return the weights of boxes along each axis."""
        found = []
        for axis, grid in enumerate(grids):
            n_orders = 2 if axis == self.n_axes - 1 else self.derivative_order + 1
            shape = boxes.half_widths[axis], boxes.degrees[axis], n_orders
            found.append(axis_weights(grid, boxes.centers[:, axis], *shape))
        return found

    def _rows(self, x: np.ndarray, x_dot: Any, terms: Terms, axes: list[AxisWeights]) -> tuple[Any, Any]:
        """Return Theta (K, p) and Y (K, d) of one trajectory."""
        n_space = len(self.spatial_grid)
        places = PLACES[n_space]
        K = len(axes[0].starts)
        weights = [AxisWeights(np.zeros(K, np.int64), np.zeros(K, np.int64), np.ones((1, 1, 1)))] * 3
        for place, part in zip(places, axes, strict=True):
            weights[place] = part
        starts = np.stack([part.starts for part in weights], axis=1)
        which = np.stack([part.which for part in weights], axis=1)

        def integrals(F: np.ndarray, n_orders: Sequence[int], n_times: int) -> np.ndarray:
            """Return the integrals of F against derivatives of phi, (K, orders of space ..., n_times)."""
            used = [part.weights for part in weights]
            for place, n in zip(places, (*n_orders, n_times), strict=True):
                used[place] = weights[place].orders(n).weights
            sums = contract(np.ascontiguousarray(F), starts, which, *used)
            return np.moveaxis(sums, [1 + place for place in places], range(1, 1 + len(places))).reshape(
                K, *n_orders, n_times
            )

        def differentiate(F: np.ndarray, orders: tuple[int, ...]) -> np.ndarray:
            for place, grid, order in zip(places, self.spatial_grid, orders, strict=False):
                if order:
                    F = derivative(F, grid, place, order)
            return F

        fields = arranged(x, places)
        std = noise_std(np.moveaxis(x, -1, 0)) if self.debias else None
        carried = Carried(terms, fields, differentiate, std)
        Theta, Y = np.zeros((K, len(terms.terms))), np.empty((K, len(fields)))
        for carrier, parts in by_parts(terms, n_space).items():
            n_orders = [1 + max(orders[axis] for _, _, orders in parts) for axis in range(n_space)]
            sums = integrals(carried(carrier), n_orders, 1)
            for column, coefficient, orders in parts:
                Theta[:, column] += coefficient * sums[(slice(None), *orders, 0)]
        first, index = (1,) * n_space, (0,) * n_space
        for i, F in enumerate(fields if x_dot is None else arranged(x_dot, places)):
            order = 1 if x_dot is None else 0
            Y[:, i] = (-1) ** order * integrals(F, first, order + 1)[(slice(None), *index, order)]
        return Theta, Y

    def _whitened(self, rows: list, weights: list, pairs: list, terms: Terms) -> list:
        """Return the rows of all trajectories, whitened."""
        most = max(len(part[0]) for part in rows)
        if most > MOST_BOXES:
            raise ValueError(f"whiten=True with {most} boxes: at most {MOST_BOXES} are possible, pass n_boxes")
        Theta, Y = (np.concatenate(parts) for parts in zip(*rows, strict=True))
        guess = np.linalg.lstsq(Theta, Y, rcond=None)[0]
        linear = [terms.linear(i) for i in range(Y.shape[1])]
        found = []
        for (part, _), axes, row in zip(pairs, weights, rows, strict=True):
            noise = Sensitivity(axes, part.shape[:-1])
            each = (noise.covariance([(guess[j, i], a) for j, a in linear[i]]) for i in range(part.shape[-1]))
            found.append(whitened(*row, sum(each) / part.shape[-1]))
        return found


def arranged(x: np.ndarray, places: tuple[int, ...]) -> np.ndarray:
    """Return fields (..., n_t, d) as (d, n0, n1, n2), the axes in their places."""
    shape = [1, 1, 1]
    for axis, place in enumerate(places):
        shape[place] = x.shape[axis]
    order = np.argsort(places)
    return np.ascontiguousarray(np.transpose(x, (x.ndim - 1, *order))).reshape(x.shape[-1], *shape)


def on_host(x: Any, t: Any, axes: Sequence[np.ndarray], name: str) -> tuple[np.ndarray, np.ndarray]:
    """Return a checked field and its times on the host, in double precision."""
    x, times = checked_field(x, t, axes, name)
    return np.asarray(xp.to_host(x), dtype=float), times

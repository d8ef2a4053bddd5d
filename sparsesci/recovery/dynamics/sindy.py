"""Sparse identification of nonlinear dynamics: equations of motion from measured trajectories.

Brunton, Proctor, Kutz, *Discovering governing equations from data by sparse identification of nonlinear dynamical
systems*, PNAS 113 (2016) 3932-3937. This class looks after data, derivatives and names; the regression is a function
(`stlsq`, `ssr`, ...) of the rows ``Theta(x, u)`` and their targets, and a library is a program that runs compiled.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Self

from sparsesci._lib import xp
from sparsesci._lib.estimator import r_squared

from .differentiate import automatic, smoothed
from .gram import as_gram
from .library_model import LibraryModel
from .rollout import rollout
from .samples import Samples
from .simulate import simulate
from .simulation_result import SimulationResult
from .trajectories import Trajectory, column_names, trajectories


class SINDy(LibraryModel):
    """Equations of motion ``x' = Theta(x, u) Xi``, or ``x_{k+1} = Theta(x_k, u_k) Xi``, with few terms, from data.

    The library ``Theta`` proposes p functions of the states and controls; a sparse regression of the derivatives on
    them finds which of them matter.
    """

    def __init__(
        self,
        library: Any = None,
        optimizer: Callable | None = None,
        differentiation: Callable | None = None,
        *,
        discrete: bool = False,
        feature_names: Sequence[str] | None = None,
    ):
        self.library = library
        self.optimizer = optimizer
        self.differentiation = differentiation
        self.discrete = discrete
        self.feature_names = feature_names

    def fit(self, x: Any, t: Any = None, *, x_dot: Any = None, u: Any = None, nan_policy: str = "raise") -> Self:
        """Find the equations of trajectories x; whatever was fitted before is forgotten.

        Parameters
        ----------
        x : array (n, d), or list of such arrays
            Samples of the states in rows, in the order of time; a list holds trajectories, which may differ in length.
            A frame of pandas or polars gives its column names to the states. For a `PDELibrary` or `WeakLibrary` a
            field (..., n, d), with its axes of space before that of time.
        t : float, array (n,), or list of arrays
            Step between samples (1 if not given), or their times.
        x_dot : array (n, d), or list, optional
            Derivatives, where they are known; of a discrete model the next states.
        u : array (n, n_u), or list, optional
            Controls at the samples.
        nan_policy : {"raise", "omit"}
            With "omit" trajectories are cut where a sample is NaN, and each piece is taken for itself.

        Raises
        ------
        ValueError, TypeError
            Data that cannot be meant (complex, NaN, times that do not increase, lengths that differ, transposed), and
            trajectories that are too short, by their number.
        """
        parts, names, controls = self._read(x, t, x_dot, u, nan_policy)
        self._gram = None
        self._regress(self._rows(parts), names, controls, names)
        return self

    def partial_fit(
        self, x: Any, t: Any = None, *, x_dot: Any = None, u: Any = None, nan_policy: str = "raise"
    ) -> Self:
        """Add trajectories to those of earlier calls, and find the equations of all of them.

        Between calls the Gram matrix is kept, ``p (p + d)`` numbers, and no data: so a stream may be of any length.
        Arguments and errors are those of `fit`, which forgets what was added.
        """
        parts, names, controls = self._read(x, t, x_dot, u, nan_policy)
        gram = as_gram(self._rows(parts))
        before = getattr(self, "_gram", None)
        if before is not None and (names, controls) != (self.feature_names_, self.control_names_):
            raise ValueError(f"the states are {names + controls} and were {self.feature_names_ + self.control_names_}")
        self._gram = gram if before is None else before + gram
        self._regress(self._gram, names, controls, names)
        return self

    def predict(self, x: Any, u: Any = None, *, members: bool = False) -> Any:
        """Return the derivatives (or the next states) at x (n, d); of a list of trajectories, a list.

        With ``members=True`` those of every model of an ensemble, (n_models, n, d).
        """
        if isinstance(x, list | tuple):
            return [self.predict(*pair, members=members) for pair in zip(x, u or [None] * len(x), strict=True)]
        return self._evaluate(x, u, members)

    def predict_variance(self, x: Any, u: Any = None) -> Any:
        """Return the variance (n, d) of the predictions of the members of an ensemble."""
        predictions = self.predict(x, u, members=True)
        return xp.namespace(predictions).var(predictions, axis=0)

    def score(self, x: Any, t: Any = None, *, x_dot: Any = None, u: Any = None) -> float:
        """Return R^2, the share of the variance of the derivatives (or next states) that is predicted."""
        self._check_fitted()
        parts, *_ = self._read(x, t, x_dot, u, "raise")
        samples = self._rows(parts)
        if samples.p != self.coef_.shape[1]:
            raise ValueError(f"x and u make {samples.p} library functions, and {self.coef_.shape[1]} in fit")
        namespace = xp.namespace(samples.Y)
        coefficients = namespace.astype(self.coef_.T, namespace.float64)
        return r_squared(samples.Y, namespace.concat([part.T @ coefficients for _, part, _ in samples.chunks()]))

    def simulate(
        self,
        x0: Any,
        t: Any,
        *,
        u: Any = None,
        members: bool = False,
        integrator: str = "dopri5",
        rtol: float = 1e-6,
        atol: float = 1e-9,
        bound: float = 1e6,
        max_steps: int = 100_000,
    ) -> SimulationResult:
        """Integrate the equations from x0 (d,), or from many starts (m, d) at once, to the times t (n_t,)."""
        self._check_fitted()
        if self.discrete:
            raise ValueError("a discrete model has no times between its steps: use rollout(x0, n_steps)")
        program, coefficients = self._program(members)
        options = {"integrator": integrator, "rtol": rtol, "atol": atol, "bound": bound, "max_steps": max_steps}
        return simulate(program, coefficients, x0, t, u=u, **options)

    def rollout(
        self,
        x0: Any,
        n_steps: int,
        u: Any = None,
        *,
        members: bool = False,
        project: Callable | None = None,
        bound: float = 1e6,
    ) -> SimulationResult:
        """Iterate a discrete model from x0 (d,), or from many starts (m, d) at once, for n_steps steps."""
        self._check_fitted()
        if not self.discrete:
            raise ValueError("a continuous model has no steps: use simulate(x0, t), or fit with discrete=True")
        program, coefficients = self._program(members)
        return rollout(program, coefficients, x0, n_steps, u=u, project=project, bound=bound)

    def _left_sides(self) -> list[str]:
        return [f"{name}[k+1]" if self.discrete else f"{name}'" for name in self.feature_names_]

    def _right_names(self) -> list[str]:
        if not self.discrete:
            return self.get_feature_names()
        states, controls = ([f"{name}[k]" for name in names] for names in (self.feature_names_, self.control_names_))
        return self.library_.names(states, controls)

    def _read(self, x, t, x_dot, u, nan_policy) -> tuple[list[Trajectory], list[str], list[str]]:
        """Return checked trajectories, and the names of states and controls."""
        is_field = hasattr(self._library(), "samples")
        parts = trajectories(x, t, x_dot, u, nan_policy=nan_policy, is_field=is_field)
        d = parts[0].x.shape[-1]
        n_controls = 0 if parts[0].u is None else parts[0].u.shape[-1]
        names = list(self.feature_names or column_names(x) or [f"x{i}" for i in range(d)])
        controls = column_names(u) or [f"u{i}" for i in range(n_controls)]
        if len(names) == d + n_controls:
            names, controls = names[:d], names[d:]
        if len(names) != d:
            raise ValueError(f"there are {len(names)} feature names for {d} states and {n_controls} controls")
        return parts, names, controls

    def _rows(self, parts: list[Trajectory]) -> Samples:
        """Return the rows of the regression that the trajectories make."""
        library = self._library()
        if hasattr(library, "samples"):
            return library.samples(*(list(column) for column in zip(*parts, strict=True)))
        rows = [self._targets(part, f"[{i}]" * (len(parts) > 1)) for i, part in enumerate(parts)]
        concat = xp.namespace(parts[0].x).concat
        x, Y = (concat([row[i] for row in rows]) for i in (0, 1))
        u = None if parts[0].u is None else concat([row[2] for row in rows])
        return self._samples(x, u, Y, [row[0].shape[0] for row in rows])

    def _targets(self, part: Trajectory, place: str) -> tuple[Any, Any, Any]:
        """Return states, what they are to predict, and controls, of one trajectory."""
        if part.x_dot is not None:
            return part.x, part.x_dot, part.u
        if self.discrete:
            if part.x.shape[0] < 2:
                raise ValueError(f"x{place} has one sample: a discrete model needs two or more")
            return part.x[:-1, :], part.x[1:, :], None if part.u is None else part.u[:-1, :]
        try:
            return *smoothed(part.x, part.t, self.differentiation or automatic), part.u
        except ValueError as error:
            raise ValueError(f"trajectory x{place} cannot be differentiated: {error}") from error

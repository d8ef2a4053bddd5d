"""Sparse identification of nonlinear dynamics: equations of motion from measured trajectories.

Brunton, Proctor, Kutz, *Discovering governing equations from data by sparse identification of nonlinear dynamical
systems*, PNAS 113 (2016) 3932-3937. This class looks after data, derivatives and names; the regression is a function
(`stlsq`, `ssr`, ...) of the rows ``Theta(x, u)`` and their targets, and a library is a program that runs compiled.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any, Self

from sparsesci._lib import xp
from sparsesci._lib.estimator import r_squared

from .differentiate import automatic, smoothed
from .gram import as_gram
from .library_model import LibraryModel
from .pde_library import PDELibrary
from .rollout import rollout
from .samples import Samples
from .simulate import simulate
from .simulation_result import SimulationResult
from .trajectories import (
    Trajectory,
    are_several,
    array,
    check_distinct,
    column_names,
    given_names,
    one_each,
    trajectories,
)


class SINDy(LibraryModel):
    """Equations of motion ``x' = Theta(x, u) Xi``, or ``x_{k+1} = Theta(x_k, u_k) Xi``, with few terms, from data.

    The library ``Theta`` proposes p functions of the states and controls; a sparse regression of the derivatives on
    them finds which of them matter. With the defaults nothing is to be tuned, and the units of states and time do not
    matter.

    Parameters
    ----------
    library : library, optional
        The functions: polynomials of degree 2 if not given. A `PolynomialLibrary`, `FourierLibrary`, `CustomLibrary` or
        `ControlAffineLibrary`, their sums (side by side) and products (of each with each); for fields a `PDELibrary`,
        and where there is noise a `WeakLibrary`, which differentiates no data.
    optimizer : callable, optional
        The sparse regression: `best_subset` if not given, which finds the number of terms itself. Or `ssr`, `stlsq`,
        `sr3`, `forward_selection`, `rvm`, ``functools.partial`` of one of them with options, or an `ensemble`; any
        function of samples, or of a `Gram`, that returns a `SparseRegressionResult`.
    differentiation : callable, optional
        ``(x, t) -> x_dot``: a function of ``differentiate``, or one of yours. If not given, ``automatic``,
        which learns how much noise there is. Where a method smooths x, the library sees the smoothed x.
    discrete : bool
        Whether the model is ``x_{k+1} = Theta(x_k, u_k) Xi``: then nothing is differentiated.
    feature_names : sequence of str, optional
        Names of the states, or of states and controls; those of the columns where x is a frame, else x0, x1, ...

    Attributes
    ----------
    coef_ : array (d, p)
        Coefficients: a row for each equation, a column for each function (`get_feature_names`).
    result_ : SparseRegressionResult
        What the optimizer returned: how it went, and what it knows besides (inclusion probabilities, paths, ...).
    library_ : library
        That of the fit.
    feature_names_, control_names_ : list of str
        Names of states and controls.

    Notes
    -----
    Cost: a pass over the n samples, O(n p^2), in the memory of a chunk of them and of p^2 numbers; then that of the
    regression, which sees sums alone. Derivatives are O(n).

    References
    ----------
    Brunton, Proctor, Kutz, PNAS 113 (2016) 3932-3937.

    Examples
    --------
    From a table to a model that is simulated: pelts of hares and lynxes from 1900 to 1920.

    >>> from importlib.resources import files
    >>> import numpy as np
    >>> from sparsesci.recovery import PolynomialLibrary, SINDy, WeakLibrary
    >>> csv = files("sparsesci.bench") / "data" / "hudson_bay_lynx_hare.csv"
    >>> year, lynx, hare = np.loadtxt(csv, delimiter=",", skiprows=3, unpack=True)
    >>> x = np.stack([hare / hare.std(), lynx / lynx.std()], axis=1)
    >>> library = WeakLibrary(PolynomialLibrary(2), half_width=3.0, degree=4)
    >>> model = SINDy(library, feature_names=["hare", "lynx"]).fit(x, year)
    >>> model.print()
    hare' = 0.529 hare - 0.408 hare lynx
    lynx' = -0.922 lynx + 0.532 hare lynx
    >>> simulated = model.simulate(x[0], year)
    >>> print(f"correlation with the data {np.corrcoef(simulated.x[:, 0], x[:, 0])[0, 1]:.2f}")
    correlation with the data 0.97
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
            With "omit" trajectories are cut where a sample is NaN, and each piece is taken for itself; a `UserWarning`
            says how many are too short for that. What is masked in a masked array counts as NaN.

        Raises
        ------
        ValueError, TypeError
            Data that cannot be meant (complex, NaN, times that do not increase, lengths that differ, transposed), and
            trajectories that are too short, by their number.
        """
        parts, names, controls = self._read(x, t, x_dot, u, nan_policy)
        self._gram = None
        self._regress(self._rows(parts, omits=nan_policy == "omit"), names, controls, names)
        return self

    def partial_fit(
        self, x: Any, t: Any = None, *, x_dot: Any = None, u: Any = None, nan_policy: str = "raise"
    ) -> Self:
        """Add trajectories to those of earlier calls, and find the equations of all of them.

        Between calls the Gram matrix is kept, ``p (p + d)`` numbers, and no data: so a stream may be of any length.
        Arguments and errors are those of `fit`, which forgets what was added.
        """
        parts, names, controls = self._read(x, t, x_dot, u, nan_policy)
        before, kind = getattr(self, "_gram", None), (self._library(), self.discrete)
        if before is not None and (names, controls) != (self.feature_names_, self.control_names_):
            raise ValueError(f"the states are {names + controls} and were {self.feature_names_ + self.control_names_}")
        if before is not None and kind != self._kind:
            raise ValueError("library or discrete has changed within a stream: call fit, which begins anew")
        gram = as_gram(self._rows(parts, omits=nan_policy == "omit"))
        gram = gram if before is None else before + gram
        self._regress(gram, names, controls, names)
        self._gram, self._kind = gram, kind
        return self

    def predict(self, x: Any, u: Any = None, *, members: bool = False) -> Any:
        """Return the derivatives (or the next states) at x (n, d); of a list of trajectories, a list.

        With ``members=True`` those of every model of an ensemble, (n_models, n, d). Of a `PDELibrary` x is a field, and
        so are its derivatives in time.
        """
        if are_several(x):
            controls = one_each(u, list(x), "u", is_list=True)
            return [self.predict(*pair, members=members) for pair in zip(x, controls, strict=True)]
        if getattr(getattr(self, "library_", None), "spatial_grid", ()):
            return self._evaluate_field(x, members)
        return self._evaluate(x, u, members)

    def predict_variance(self, x: Any, u: Any = None) -> Any:
        """Return the variance (n, d) of the predictions of the members of an ensemble; of a list, a list."""
        if are_several(x):
            controls = one_each(u, list(x), "u", is_list=True)
            return [self.predict_variance(*pair) for pair in zip(x, controls, strict=True)]
        predictions = self.predict(x, u, members=True)
        return xp.namespace(predictions).var(predictions, axis=0)

    def score(self, x: Any, t: Any = None, *, x_dot: Any = None, u: Any = None) -> float:
        """Return R^2, the share of the variance of the derivatives (or next states) that is predicted."""
        self._check_fitted()
        parts, *_ = self._read(x, t, x_dot, u, "raise")
        d, n_controls = parts[0].x.shape[-1], 0 if parts[0].u is None else parts[0].u.shape[-1]
        if (d, n_controls) != (self.n_features_in_, self.n_controls_):
            before = f"{self.n_features_in_} and {self.n_controls_} in fit"
            raise ValueError(f"there are {d} states and {n_controls} controls, and {before}")
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
        """Integrate the equations from x0 (d,), or from many starts (m, d) at once, to the times t (n_t,).

        Parameters
        ----------
        x0 : array (d,) or (m, d)
            Start, at ``t[0]``.
        t : array (n_t,)
            Times at which the states are returned.
        u : array (n_t, n_u) or callable, optional
            Controls at these times, linear in between; or a function of time.
        members : bool
            Whether each model of an ensemble is simulated, instead of their aggregate.
        integrator : {"dopri5", "lsoda", "rk45", "dop853", "radau", "bdf"}
            "dopri5" runs compiled throughout; the others are those of SciPy, on a compiled right-hand side: for stiff
            systems "lsoda", "radau" or "bdf".
        rtol, atol : float
            The error of a step is kept below ``atol + rtol |x|``.
        bound : float
            A trajectory ends where a state is larger.
        max_steps : int
            The most steps of a trajectory.

        Returns
        -------
        SimulationResult
            With ``x`` ([n_models,] [m,] n_t, d), and ``valid``, which is False where a trajectory had ended: there x is
            NaN, and a `ConvergenceWarning` says why.
        """
        self._runs_in_time()
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
        """Iterate a discrete model from x0 (d,), or from many starts (m, d) at once, for n_steps steps.

        Parameters
        ----------
        x0 : array (d,) or (m, d)
            Start.
        n_steps : int
            Steps; the start is returned too.
        u : array (n_steps, n_u) or (m, n_steps, n_u), or callable, optional
            Controls; or a policy, that gives those (N, n_u) of states (N, d).
        members : bool
            Whether each model of an ensemble is iterated, instead of their aggregate.
        project : callable, optional
            What is done to the states (N, d) after each step, such as to put a point back on its circle.
        bound : float
            A trajectory ends where a state is larger.

        Returns
        -------
        SimulationResult
            With ``x`` ([n_models,] [m,] n_steps + 1, d), and ``valid`` as in `simulate`.
        """
        self._runs_in_time()
        if not self.discrete:
            raise ValueError("a continuous model has no steps: use simulate(x0, t), or fit with discrete=True")
        program, coefficients = self._program(members)
        return rollout(program, coefficients, x0, n_steps, u=u, project=project, bound=bound)

    def _evaluate_field(self, x: Any, members: bool) -> Any:
        """Return the time derivatives of a field (..., n_t, d), in its shape."""
        if not isinstance(self.library_, PDELibrary):
            raise ValueError("the terms of a weak form in space have no values at points: use score, or a PDELibrary")
        x = array(x, "x", is_field=True)
        namespace, coefficients = xp.namespace(x), self._coefficients(members)
        rates = self.library_.transform(x) @ namespace.matrix_transpose(coefficients)
        return namespace.reshape(rates, (*rates.shape[:-2], *x.shape))

    def _runs_in_time(self) -> None:
        """Raise where the model has no states that could be stepped."""
        self._check_fitted()
        if getattr(self.library_, "spatial_grid", ()):
            raise ValueError("the model is a partial differential equation: discretise it in space, as predict does")

    def _left_sides(self) -> list[str]:
        if getattr(self.library_, "spatial_grid", ()):
            return [f"{name}_t" for name in self.feature_names_]
        return [f"{name}[k+1]" if self.discrete else f"{name}'" for name in self.feature_names_]

    def _right_names(self) -> list[str]:
        if not self.discrete:
            return self.get_feature_names()
        states, controls = ([f"{name}[k]" for name in names] for names in (self.feature_names_, self.control_names_))
        return self.library_.names(states, controls)

    def _read(self, x, t, x_dot, u, nan_policy) -> tuple[list[Trajectory], list[str], list[str]]:
        """Return checked trajectories, and the names of states and controls."""
        self._optimizer()
        is_field = hasattr(self._library(), "samples")
        if is_field and self.discrete:
            raise ValueError("fields and weak forms have no steps: leave discrete out, or take another library")
        parts = trajectories(x, t, x_dot, u, nan_policy=nan_policy, is_field=is_field)
        d = parts[0].x.shape[-1]
        n_controls = 0 if parts[0].u is None else parts[0].u.shape[-1]
        names = given_names(self.feature_names) or column_names(x) or [f"x{i}" for i in range(d)]
        controls = column_names(u) or [f"u{i}" for i in range(n_controls)]
        if len(names) == d + n_controls:
            names, controls = names[:d], names[d:]
        if len(names) != d:
            raise ValueError(f"there are {len(names)} feature names for {d} states and {n_controls} controls")
        check_distinct(names + controls)
        return parts, names, controls

    def _rows(self, parts: list[Trajectory], *, omits: bool = False) -> Samples:
        """Return the rows of the regression that the trajectories make, or those that are long enough for it."""
        library = self._library()
        if hasattr(library, "samples"):
            return library.samples(*(list(column) for column in zip(*parts, strict=True)))
        program = library.program(parts[0].x.shape[1], 0 if parts[0].u is None else parts[0].u.shape[1])
        rows, errors, n_lost = [], [], 0
        for i, part in enumerate(parts):
            try:
                rows.append(self._targets(part, f"[{i}]" * (len(parts) > 1)))
            except ValueError as error:
                if not omits:
                    raise
                errors.append(error)
                n_lost += part.x.shape[0]
        if not rows:
            raise errors[0]
        if errors:
            n = sum(part.x.shape[0] for part in parts)
            lost = f"{len(errors)} of {len(parts)} pieces between NaN are left out, {n_lost} of {n} samples"
            warnings.warn(f"{lost}: {errors[0]}", UserWarning, stacklevel=3)
        concat = xp.namespace(parts[0].x).concat
        x, Y = (concat([row[i] for row in rows]) for i in (0, 1))
        u = None if parts[0].u is None else concat([row[2] for row in rows])
        return self._samples(program, x, u, Y, [row[0].shape[0] for row in rows])

    def _targets(self, part: Trajectory, place: str) -> tuple[Any, Any, Any]:
        """Return states, what they are to predict, and controls, of one trajectory."""
        if part.x_dot is not None:
            return part.x, part.x_dot, part.u
        if self.discrete:
            if part.x.shape[0] < 2:
                raise ValueError(f"x{place} has one sample: a discrete model needs two or more")
            return part.x[:-1, :], part.x[1:, :], None if part.u is None else part.u[:-1, :]
        method = automatic if self.differentiation is None else self.differentiation
        if not callable(method):
            raise TypeError(f"differentiation is {method!r}: a function (x, t) -> x_dot, such as kalman, is needed")
        try:
            x, x_dot = smoothed(part.x, part.t, method)
        except ValueError as error:
            raise ValueError(f"trajectory x{place} cannot be differentiated: {error}") from error
        if x.shape != part.x.shape or x_dot.shape != part.x.shape:
            shapes = f"x_dot of shape {tuple(x_dot.shape)}"
            raise ValueError(f"differentiation returned {shapes} for x{place}: {tuple(part.x.shape)} is needed")
        return x, x_dot, part.u

"""A fitted model of motion as an environment of Gymnasium: for whoever trains policies with the tools made for these.

Zolman, Lagemann, Fasel, Kutz, Brunton, *SINDy-RL: interpretable and efficient model-based reinforcement learning*,
arXiv 2403.09110 (2024). Gymnasium is no dependency: it is imported when an environment is made.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from sparsesci._lib import validate


class SurrogateEnvironment:
    """A discrete `SINDy` model with a reward, as a ``gymnasium.Env`` of one system.

    Parameters
    ----------
    model : SINDy
        A discrete model with controls, ``x_{k+1} = Theta(x_k, u_k) Xi``.
    reward : LibraryRegressor or callable
        ``reward(x, u)`` or ``reward.predict(x, u)`` for states x (1, d) arrived at with controls u (1, n_u).
    start : array (d,) or (m, d), or callable
        Where episodes begin: one of these states, drawn at random, or what ``start(rng)`` gives.
    n_steps : int
        After as many steps an episode is truncated.
    bounds : pair of float or of arrays (n_u,)
        Least and largest controls; actions are clipped to them.
    project : callable, optional
        ``project(x)`` for states (1, d), called after each step, as in `SINDy.rollout`.
    sample_members : bool
        Whether each episode runs on one model of the ensemble, drawn at random, and not on what they agree on: then a
        policy has to be good on all of them.
    bound : float
        An episode is terminated, with reward 0, where a state is not finite or ``|x_i|`` is larger.

    Raises
    ------
    ImportError
        Gymnasium is not installed.
    ValueError, TypeError
        A model without controls or steps, starts of another width, bounds in the wrong order.

    Notes
    -----
    Observations are the states (d,), and actions the controls (n_u,), in double precision. Of an ensemble
    ``info["variance"]`` (d,) is the variance of the step over its models. For many systems at once there is
    `SINDy.rollout`, which runs compiled.

    Examples
    --------
    With a discrete `SINDy` model of two states and a `LibraryRegressor` of the reward (and Gymnasium)::

        environment = SurrogateEnvironment(model, reward, start=[0.0, 0.0], bounds=(-1, 1))
        observation, info = environment.reset(seed=3)
        observation, earned, terminated, truncated, info = environment.step([0.5])
    """

    metadata: dict[str, Any] = {"render_modes": []}  # noqa: RUF012 - as Gymnasium has it

    def __new__(cls, *arguments: Any, **options: Any) -> SurrogateEnvironment:
        """Return an instance that is a ``gymnasium.Env`` as well."""
        return super().__new__(as_environment(cls))

    def __init__(
        self,
        model: Any,
        reward: Any,
        start: Any,
        *,
        n_steps: int = 1000,
        bounds: tuple[Any, Any] = (-1.0, 1.0),
        project: Callable | None = None,
        sample_members: bool = False,
        bound: float = 1e6,
    ):
        from gymnasium.spaces import Box

        model._check_fitted()
        if not model.discrete or not model.n_controls_:
            raise ValueError("model is continuous or has no controls: fit SINDy(discrete=True) with u")
        self.model, self.project, self.sample_members = model, project, bool(sample_members)
        self.reward = getattr(reward, "predict", reward)
        if not callable(self.reward):
            raise TypeError(f"reward is {reward!r}: a LibraryRegressor or a function of (x, u) is needed")
        self.is_ensemble = hasattr(model.result_, "coef_list")
        if self.sample_members and not self.is_ensemble:
            raise ValueError("sample_members=True needs an ensemble: fit with optimizer=ensemble(...)")
        d, self.start = model.n_features_in_, start
        if not callable(start):
            self.start = np.atleast_2d(np.asarray(start, float))
            if self.start.ndim != 2 or self.start.shape[1] != d or not len(self.start):
                raise ValueError(f"start has shape {np.shape(start)}: ({d},) or (m, {d}) is needed")
            validate.finite(self.start, "start")
        self.n_steps = validate.positive_integer(n_steps, "n_steps")
        self.bound = validate.real(bound, "bound")
        low, high = (np.broadcast_to(np.asarray(part, float), (model.n_controls_,)).copy() for part in bounds)
        if not (np.isfinite(low).all() and np.isfinite(high).all() and (low < high).all()):
            raise ValueError(f"bounds is {bounds!r}: finite ones, low below high, are needed")
        self.action_space = Box(low, high, dtype=np.float64)
        self.observation_space = Box(-np.inf, np.inf, (d,), np.float64)
        self.render_mode, self.member, self.steps, self.state = None, None, 0, None

    def reset(self, *, seed: int | None = None, options: dict | None = None) -> tuple[np.ndarray, dict]:
        """Begin an episode and return the state (d,) and an empty dictionary; ``options`` are not used."""
        super().reset(seed=seed)
        rng = self.np_random
        x = self.start(rng) if callable(self.start) else self.start[rng.integers(len(self.start))]
        x = np.array(x, float)
        if x.shape != self.observation_space.shape:
            raise ValueError(f"start gave a state {x.shape}: {self.observation_space.shape} is needed")
        self.member = int(rng.integers(len(self.model.result_.coef_list))) if self.sample_members else None
        self.steps, self.state = 0, x
        return x.copy(), {}

    def step(self, action: Any) -> tuple[np.ndarray, float, bool, bool, dict]:
        """Take a step and return the state (d,), its reward, whether it is terminated or truncated, and information."""
        if self.state is None:
            raise RuntimeError("there is no episode: call reset first")
        u = np.asarray(action, float)
        if u.shape != self.action_space.shape or not np.isfinite(u).all():
            raise ValueError(f"action is {action!r}: finite numbers of shape {self.action_space.shape} are needed")
        u = np.clip(u, self.action_space.low, self.action_space.high)[None]
        x, info = self._next(u)
        self.steps += 1
        is_lost = not (np.isfinite(x).all() and np.abs(x).max() <= self.bound)
        if is_lost:
            x = self.state[None]
        earned = 0.0 if is_lost else float(np.asarray(self.reward(x, u)).reshape(()))
        self.state = x[0].copy()
        truncated = self.steps >= self.n_steps
        if is_lost or truncated:
            self.state = None
        return x[0].copy(), earned, is_lost, truncated, info

    def _next(self, u: np.ndarray) -> tuple[np.ndarray, dict]:
        """Return the state (1, d) after a step with controls (1, n_u), and the variance of the members."""
        x, info = self.state[None], {}
        if self.is_ensemble:
            members = np.asarray(self.model.predict(x, u, members=True))
            info["variance"] = members.var(axis=0)[0]
        y = np.asarray(self.model.predict(x, u) if self.member is None else members[self.member], float)
        if self.project is not None and np.isfinite(y).all():
            y = np.asarray(self.project(y), float).reshape(y.shape)
        return y, info

    def __reduce__(self) -> tuple:
        """Copy and pickle by the public class: that of the instance is made when it is needed."""
        return blank, (), self.__dict__


# As __new__ takes whatever __init__ does, it would be shown without the names of the arguments.
SurrogateEnvironment.__signature__ = inspect.signature(functools.partial(SurrogateEnvironment.__init__, None))


def blank() -> SurrogateEnvironment:
    """Return an environment without content, to be filled."""
    return SurrogateEnvironment.__new__(SurrogateEnvironment)


@functools.cache
def as_environment(cls: type) -> type:
    """Return the class as a child of ``gymnasium.Env`` too."""
    try:
        from gymnasium import Env
    except ImportError as error:
        raise ImportError("SurrogateEnvironment is an environment of Gymnasium: pip install gymnasium") from error
    if issubclass(cls, Env):
        return cls
    return type(cls.__name__, (cls, Env), {"__module__": cls.__module__, "__doc__": cls.__doc__})

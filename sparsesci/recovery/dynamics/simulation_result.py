"""What simulations return."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from sparsesci._lib import xp
from sparsesci._lib.result import Result, Status

# How a trajectory ended, as the kernels count it.
ENDINGS = (Status.CONVERGED, Status.BLEW_UP, Status.MAX_STEPS)
FOR_STIFF = "lsoda", "radau", "bdf"  # integrators


@dataclass(frozen=True, repr=False, eq=False)
class SimulationResult(Result):
    """Trajectories of a model. ``numpy.asarray(result)`` is x.

    Attributes
    ----------
    x : array (..., n_t, d)
        The states: members of the ensemble first, then starts, where there are several. NaN where not `valid`.
    t : float array (n_t,)
        The times, or of a discrete model the numbers of its steps.
    valid : bool array (..., n_t)
        False from where a trajectory has ended early.
    status : Status
        How the simulation ended: that of the first trajectory that ended early, if any.
    message : str
        The same in words, with the figures, and what to try next after a failure.
    nit : int
        Steps, over all trajectories.
    time : float
        Wall-clock seconds.
    """

    t: Any
    valid: Any

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        """Return x as a NumPy array."""
        return np.array(xp.to_host(self.x), dtype=dtype, copy=copy)


def report(
    out: Any, t: Any, reached: np.ndarray, ended: np.ndarray, lead: tuple, dtype: Any, **story: Any
) -> SimulationResult:
    """Return the result of trajectories out (N, n_t, d), of which ``reached`` (N,) times are valid.

    ``ended`` (N,) holds indices of `ENDINGS`; the story its method, its steps ``nit``, its bound, and seconds.
    """
    namespace, (n, n_times, d) = xp.namespace(out), out.shape
    valid = np.arange(n_times) < reached[:, None]
    failed = np.flatnonzero(ended)
    status = ENDINGS[ended[failed[0]]] if failed.size else Status.CONVERGED
    message = f"{n} {'trajectory' if n == 1 else 'trajectories'} of {n_times} times, {story['method']}"
    message += f", {story['nit']} steps"
    if failed.size:
        last = float(xp.to_host(t)[reached[failed[0]] - 1])
        index = [int(i) for i in np.unravel_index(failed[0], lead)] if lead else []
        several = f"{failed.size} of {n} trajectories ended early, the first, {index},"
        who = several if lead else "the trajectory ended early,"
        is_stiff = status is Status.MAX_STEPS and story["method"] in FOR_STIFF
        why = "max_steps is used up: relax rtol, or raise max_steps" if is_stiff else status.value
        message = f"{who} after t = {last:.6g}; {why}"
        if status is Status.BLEW_UP:
            message += f" (bound = {story['bound']:.4g})"
    return SimulationResult(
        x=namespace.astype(namespace.reshape(out, (*lead, n_times, d)), dtype, copy=False),
        status=status,
        message=message,
        nit=story["nit"],
        time=story["time"],
        t=t,
        valid=xp.to_like(valid.reshape(*lead, n_times), out),
    )

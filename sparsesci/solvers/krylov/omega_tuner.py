"""A relaxation factor that is learnt while a sequence of systems is solved: bandits that see iteration counts alone.

Khodak, Chow, Balcan, Talwalkar, *Learning to Relax: Setting Solver Parameters Across a Sequence of Linear System
Instances*, ICLR 2024. The loss of step t is ``n_t - 1``, its arms i = 1..d are the values on the grid.

`OmegaTuner` is the loop of ask and tell; the two bandits that it can follow are in `bandits`, with their formulas.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from sparsesci._lib.validate import finite_real

from .bandits import ChebCB, TsallisINF

METHODS = ("tsallis-inf", "chebcb")


class OmegaTuner:
    """Choose the relaxation factor of each system of a sequence by the iterations that the earlier ones took.

    Ask for an omega, solve with it (`sor`, or a Krylov method with `ssor_preconditioner`), tell the iterations. The
    mean count approaches that of the best fixed omega on the grid; with contexts, of the best omega for each context.

    Parameters
    ----------
    grid : array_like (d,), optional
        The values to choose from, ascending, between 0 and 2; by default 20 from 1 to 1.95.
    method : {"tsallis-inf", "chebcb"}
        ``"chebcb"`` predicts the counts from a number that is known of each system before it is solved: a shift of the
        diagonal, a time step, a diffusion coefficient.
    context_bounds : (float, float), optional
        Smallest and largest context; needed by ``"chebcb"``, not used by ``"tsallis-inf"``.
    rng : int, SeedSequence, Generator or None
        As ``numpy.random.default_rng`` takes it.

    Attributes
    ----------
    grid : ndarray (d,)
        The values of omega.
    probabilities : ndarray (d,)
        With which the last omega was drawn; uniform before the first.
    history : list of (float, float)
        ``(omega, n_iter)`` of every step told.

    Raises
    ------
    ValueError, TypeError
        A grid that is empty, not ascending or not between 0 and 2, an unknown method, bounds that are missing.

    Notes
    -----
    After T steps the mean count of ``"tsallis-inf"`` exceeds that of the best fixed omega by O(sqrt(d / T)). What
    a step costs does not depend on T.

    References
    ----------
    Khodak, Chow, Balcan, Talwalkar, *Learning to Relax*, ICLR 2024.

    Examples
    --------
    >>> import numpy as np, scipy.sparse as sp
    >>> from sparsesci.solvers import OmegaTuner, sor
    >>> A = sp.diags_array([-np.ones(49), 2.1 * np.ones(50), -np.ones(49)], offsets=[-1, 0, 1], format="csr")
    >>> tuner = OmegaTuner(rng=5)
    >>> for step in range(300):
    ...     b = np.cos(step * np.arange(50))
    ...     tuner.tell(sor(A, b, omega=tuner.ask()).nit)
    >>> tuner
    OmegaTuner: tsallis-inf over 20 omegas in [1, 1.95]
      told       300 counts, mean 42.96, in the last quarter 40.68
      favourite  omega = 1.5, 18 of the last 75
    """

    def __init__(self, grid: Any = None, *, method: str = "tsallis-inf", context_bounds: Any = None, rng: Any = None):
        self.grid = _checked_grid(np.linspace(1, 1.95, 20) if grid is None else grid)
        if method not in METHODS:
            raise ValueError(f"method is {method!r}: accepted are {', '.join(map(repr, METHODS))}")
        if method == "chebcb" and context_bounds is None:
            raise ValueError("context_bounds is None: method='chebcb' needs (smallest, largest) context")
        bounds = None if context_bounds is None else _checked_bounds(context_bounds)
        d = self.grid.size
        self.method = method
        self.history: list[tuple[float, float]] = []
        self.probabilities = np.full(d, 1 / d)
        self._bandit = ChebCB(d, *bounds) if method == "chebcb" else TsallisINF(d)
        self._rng = np.random.default_rng(rng)
        self._drawn: int | None = None

    def ask(self, context: float | None = None) -> float:
        """Return the omega to solve the next system with.

        Parameters
        ----------
        context : float, optional
            What is known of the system; needed by ``"chebcb"``, not used by ``"tsallis-inf"``. Outside of
            ``context_bounds`` the nearer bound is taken.

        Notes
        -----
        Ask again without telling where a count is of no use (the solve was interrupted): the earlier ask is forgotten.
        """
        if self.method == "chebcb":
            context = finite_real(context, "context")
        self.probabilities = self._bandit.probabilities(context)
        self._drawn = int(self._rng.choice(self.grid.size, p=self.probabilities))
        return float(self.grid[self._drawn])

    def tell(self, n_iter: float) -> None:
        """Learn that the system took ``n_iter >= 1`` iterations with the omega of the last ``ask``.

        A solve that failed counts with its maxiter. Raises RuntimeError where no ask is open.
        """
        n_iter = finite_real(n_iter, "n_iter")
        if n_iter < 1:
            raise ValueError(
                f"n_iter is {n_iter:g}: a number >= 1 is needed; a system that took no iteration says nothing about "
                "omega, ask for the next without telling"
            )
        if self._drawn is None:
            raise RuntimeError("tell() without ask(): each count belongs to the omega of one ask()")
        self._bandit.learn(self._drawn, self.probabilities[self._drawn], n_iter - 1)
        self.history.append((float(self.grid[self._drawn]), n_iter))
        self._drawn = None

    def __repr__(self) -> str:
        """Tell the story: what is chosen from, what it cost, where it tends."""
        story = f"OmegaTuner: {self.method} over {self.grid.size} omegas in [{self.grid[0]:g}, {self.grid[-1]:g}]"
        if not self.history:
            return f"{story}, nothing told yet"
        counts = [n_iter for _, n_iter in self.history]
        recent = counts[-max(1, len(counts) // 4) :]
        omegas = [omega for omega, _ in self.history[-len(recent) :]]
        favourite = max(set(omegas), key=omegas.count)
        return (
            f"{story}\n  told       {len(counts)} counts, mean {np.mean(counts):.4g}, "
            f"in the last quarter {np.mean(recent):.4g}\n"
            f"  favourite  omega = {favourite:g}, {omegas.count(favourite)} of the last {len(omegas)}"
        )


def _checked_grid(grid: Any) -> np.ndarray:
    """Return a grid as a new array if it is ascending and between 0 and 2."""
    values = np.array(grid, dtype=float)
    if values.ndim != 1 or not values.size:
        raise ValueError(f"grid has shape {values.shape}: a vector of at least one omega is needed")
    if not (0 < values.min() and values.max() < 2):
        raise ValueError(f"grid reaches from {values.min():g} to {values.max():g}: 0 < omega < 2 is needed")
    if not (np.diff(values) > 0).all():
        raise ValueError("grid is not ascending: sort it and drop duplicates, for instance by numpy.unique")
    return values


def _checked_bounds(bounds: Any) -> tuple[float, float]:
    """Return context bounds as two floats if they are finite and ascending."""
    try:
        smallest, largest = bounds
    except (TypeError, ValueError):
        raise ValueError(f"context_bounds is {bounds!r}: (smallest, largest) is needed") from None
    smallest, largest = finite_real(smallest, "context_bounds[0]"), finite_real(largest, "context_bounds[1]")
    if not smallest < largest:
        raise ValueError(f"context_bounds is {bounds!r}: smallest < largest is needed")
    return smallest, largest

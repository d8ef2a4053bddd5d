"""Where to start: the combination of the last solutions that fits the new system best.

Fischer, *Projection techniques for iterative solution of Ax = b with successive right-hand sides*, Comput. Methods
Appl. Mech. Eng. 163 (1998) 193-204; in the least-squares form, which needs no definite matrix: ``x0 = X y`` with
``y = argmin ||b - A X y||``. It never is worse than zero. In time stepping, or where right-hand sides repeat, it saves
most of the work; between unrelated right-hand sides it saves nothing, and of systems that are solved in no time less
than it takes: then it is soon left alone.
"""

from __future__ import annotations

from collections import deque
from typing import Any

import numpy as np

from sparsesci._lib import xp

N_SOLUTIONS = 3
PAYS_BELOW = 0.7  # ||b - A x0|| / ||b||: the logarithm of this is saved, of some 20 in all
LONGEST_REST = 31  # systems: what did not pay so long ago may pay now


class Guess:
    """Remembers the last solutions; ``size`` is ``||b - A x0|| / ||b||`` of the last guess, 1 where there was none."""

    def __init__(self):
        self.size = 1.0
        self._solutions: deque = deque(maxlen=N_SOLUTIONS)
        self._n_vain = 0  # in a row
        self._rests = 0

    def at(self, A: Any, b: Any):
        """Return a starting guess for ``A x = b``, or None where nothing is gained; A is an `Operator`."""
        self.size = 1.0
        if not self._solutions or not is_like(self._solutions[-1], b):
            return None
        if self._rests:
            self._rests -= 1
            return None
        namespace = xp.namespace(b)
        X = namespace.stack(list(self._solutions), axis=1)
        AX = A(X)
        with np.errstate(over="ignore", invalid="ignore"):
            gram, projected = xp.to_host(xp.adjoint(AX) @ AX), xp.to_host(xp.adjoint(AX) @ b)
        if not (np.isfinite(gram).all() and np.isfinite(projected).all()):
            return None
        y = np.linalg.lstsq(gram, projected, rcond=1e3 * np.finfo(gram.dtype).eps)[0]
        x0 = X @ xp.to_like(y, b)
        size = float(xp.norm(b - AX @ xp.to_like(y, b))) / (float(xp.norm(b)) or 1.0)
        if size > PAYS_BELOW:
            self._rest()
            return None
        self.size = size
        return x0

    def weigh(self, seconds: float, saved: float) -> None:
        """Learn what the last guess took and what it has saved: one that does not pay is left alone for a while."""
        if saved > seconds:
            self._n_vain = 0
        else:
            self._rest()

    def _rest(self) -> None:
        self._n_vain += 1
        self._rests = min(2**self._n_vain - 1, LONGEST_REST)

    def learn(self, x: Any) -> None:
        """Remember a solution."""
        if x.ndim == 1:
            if self._solutions and not is_like(self._solutions[-1], x):
                self._solutions.clear()
            self._solutions.append(x)


def is_like(x: Any, y: Any) -> bool:
    """Whether two arrays have one shape and one dtype."""
    return x.shape == y.shape and x.dtype == y.dtype

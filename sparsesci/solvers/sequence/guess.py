"""Where to start: the combination of the last solutions that fits the new system best.

Fischer, *Projection techniques for iterative solution of Ax = b with successive right-hand sides*, Comput. Methods
Appl. Mech. Eng. 163 (1998) 193-204; in the least-squares form, which needs no definite matrix: ``x0 = X y`` with
``y = argmin ||b - A X y||``. It never is worse than zero. In time stepping, or where right-hand sides repeat, it saves
most of the work; between unrelated right-hand sides it saves nothing, and is soon left alone.
"""

from __future__ import annotations

from collections import deque
from typing import Any

import numpy as np

from sparsesci._lib import xp

N_SOLUTIONS = 3
PAYS_BELOW = 0.7  # ||b - A x0|| / ||b||: the logarithm of this is saved, of some 20 in all


class Guess:
    """Remembers the last solutions."""

    def __init__(self):
        self._solutions: deque = deque(maxlen=N_SOLUTIONS)
        self._n_vain = 0  # in a row
        self._rests = 0

    def at(self, A: Any, b: Any):
        """Return a starting guess for ``A x = b``, or None where nothing is gained; A is an `Operator`."""
        if b.ndim != 1 or not self._solutions or self._solutions[-1].shape != b.shape:
            return None
        if self._rests:
            self._rests -= 1
            return None
        namespace = xp.namespace(b)
        X = namespace.stack(list(self._solutions), axis=1)
        AX = A(X)
        gram, projected = xp.to_host(xp.adjoint(AX) @ AX), xp.to_host(xp.adjoint(AX) @ b)
        y = np.linalg.lstsq(gram, projected, rcond=1e3 * np.finfo(gram.dtype).eps)[0]
        x0 = X @ xp.to_like(y, b)
        if xp.norm(b - AX @ xp.to_like(y, b)) > PAYS_BELOW * xp.norm(b):
            self._n_vain += 1
            self._rests = 2**self._n_vain - 1
            return None
        self._n_vain = 0
        return x0

    def learn(self, x: Any) -> None:
        """Remember a solution."""
        if x.ndim == 1:
            if self._solutions and (self._solutions[-1].shape, self._solutions[-1].dtype) != (x.shape, x.dtype):
                self._solutions.clear()
            self._solutions.append(x)

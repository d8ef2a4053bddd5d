"""What the sparse regressions return."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from sparsesci._lib import xp
from sparsesci._lib.result import Result, Status

from .gram import Gram


@dataclass(frozen=True, repr=False, eq=False)
class SparseRegressionResult(Result):
    """Sparse coefficients x of ``Y ~ Theta x``.

    Attributes
    ----------
    x : array (p,) or (p, d)
        Coefficients, in the units of the data; exactly zero outside of `support`.
    support : bool array, as x
        Which functions are in the model.
    rss : array (d,)
        Residual sums of squares of the targets.
    n_samples : int
        Rows of Theta.
    path : {"gram", "qr"}
        What was worked on: sums of products, or a triangular factor, where the square of the condition number of Theta
        would cost too many digits.
    condition : float
        An estimate of that condition number, for columns of length 1.
    collinear : tuple of tuples of int
        Groups of columns that are linearly dependent, each for a column that can be left out.
    status : Status
        How the iteration ended.
    message : str
        The same in words, and what to try next after a failure.
    nit : int
        Iterations.
    time : float
        Wall-clock seconds.
    """

    support: Any
    rss: Any
    n_samples: int
    path: str
    condition: float
    collinear: tuple[tuple[int, ...], ...]

    @property
    def coef(self) -> Any:
        """The coefficients as rows (d, p), one for each target."""
        x = self.x
        return x.T if x.ndim == 2 else xp.namespace(x).reshape(x, (1, -1))

    @property
    def complexity(self) -> int:
        """How many coefficients are not zero."""
        return int(xp.namespace(self.support).count_nonzero(self.support))

    @classmethod
    def of(
        cls, gram: Gram, x: np.ndarray, status: Status, message: str, *, nit: int, time: float, **others: Any
    ) -> SparseRegressionResult:
        """Return the result of coefficients x (p, d) on the host; ``others`` are the fields of a subclass."""
        namespace = xp.namespace(gram.like)
        return cls(
            x=gram.give(x),
            status=status,
            message=message,
            nit=nit,
            time=time,
            support=gram.give(x != 0, dtype=namespace.bool),
            rss=namespace.astype(xp.to_like(gram.rss(x), gram.like), gram.like.dtype),
            n_samples=gram.n,
            path=gram.path,
            condition=gram.condition,
            collinear=gram.collinear,
            **others,
        )

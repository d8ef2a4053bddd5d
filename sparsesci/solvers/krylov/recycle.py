"""The recycle space: what one linear system hands to the next."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from sparsesci._lib import validate, xp
from sparsesci._lib.operator import Operator
from sparsesci._lib.xp import conj, to_host, to_like

# At random, no angle is far from a right one (sine 1); spaces of independently drawn Helmholtz operators are at 0.3 to
# 0.7 and still save products, and a space that saves none costs no more than the k products that set it up.
DRIFT_LIMIT = 0.98
ONE_THREAD_BELOW = 1_000_000  # entries of a basis: two BLAS pools fight over the cores on small problems


@dataclass(frozen=True, repr=False, eq=False)
class RecycleSpace:
    """A subspace in which the last system converged slowest, for the next system to begin with.

    Attributes
    ----------
    U : array (n, k)
        Basis of the space.
    C : array (n, k)
        Its image in the system it was made with: ``C = A M U``, or ``C = A U`` where the variable is x.
    variable : {"u", "x"}
        Whether U is in the variable of the preconditioned operator (``x = M u``) or in that of x.

    Notes
    -----
    Plain arrays: it can be pickled, saved, and moved to another device (`to`). The solver that takes it does not change
    it.
    """

    U: Any
    C: Any
    variable: str = "u"

    @property
    def n(self) -> int:
        """Length of the vectors."""
        return self.U.shape[0]

    @property
    def k(self) -> int:
        """Dimension of the space."""
        return self.U.shape[1]

    @property
    def dtype(self) -> Any:
        """Data type of the vectors."""
        return self.U.dtype

    def to(self, device: Any) -> RecycleSpace:
        """Return the space on another device.

        Parameters
        ----------
        device : {"cpu", "cuda"} or a device object
            ``"cpu"`` gives NumPy arrays, ``"cuda"`` CuPy arrays on the current device; a ``cupy.cuda.Device``, or any
            device of the library that the arrays are of, names one among several.

        Raises
        ------
        ValueError, TypeError
            The device is another string, or none that these arrays can be moved to.
        ImportError, RuntimeError
            A CUDA device is asked for, and CuPy or a device is missing.

        Examples
        --------
        >>> import numpy as np
        >>> from sparsesci.solvers import RecycleSpace
        >>> RecycleSpace(np.eye(5, 2), np.eye(5, 2)).to("cpu")
        RecycleSpace: 2 vectors of length 5, float64
        """
        if isinstance(device, str):
            if device not in ("cpu", "cuda"):
                raise ValueError(f"device is {device!r}: 'cpu', 'cuda' or a device object is needed")
            return xp.to_host(self) if device == "cpu" else xp.to_device(self)
        if xp.is_numpy(self.U):
            if not hasattr(device, "__enter__"):
                raise TypeError(f"device is a {type(device).__name__}: NumPy arrays move to 'cuda' or a CUDA device")
            with device:
                return xp.to_device(self)
        namespace = xp.namespace(self.U)
        U, C = (namespace.asarray(X, device=device) for X in (self.U, self.C))
        return replace(self, U=U, C=C)

    def __repr__(self) -> str:
        """One line: dimension, length and dtype."""
        return f"RecycleSpace: {self.k} vectors of length {self.n}, {xp.dtype_name(self.dtype)}"


def check_recycle(recycle: Any, b: Any, m: int, *, variable: str) -> None:
    """Raise where a recycle space cannot serve a system with right-hand side b in search spaces of m vectors."""
    if not isinstance(recycle, RecycleSpace):
        raise TypeError(f"recycle is a {type(recycle).__name__}: pass the .recycle of an earlier result, or None")
    if recycle.n != b.shape[0]:
        raise ValueError(
            f"recycle holds vectors of length {recycle.n}, b has length {b.shape[0]}: solve this system without recycle"
        )
    if xp.is_complex(recycle.dtype) and not xp.is_complex(b.dtype):
        raise ValueError(
            f"recycle is {recycle.dtype} and the system is real ({b.dtype}): solve this system without recycle"
        )
    if recycle.k >= m:
        raise ValueError(f"recycle holds {recycle.k} vectors, which leaves no room below restart = {m}: raise restart")
    if recycle.variable != variable:
        raise ValueError(
            f"recycle is in the variable {recycle.variable}, this call works in {variable}: use the same solver with "
            "the same setting of flexible throughout a sequence"
        )
    xp.namespace(recycle.U, b)
    validate.finite(recycle.U, "recycle.U")
    validate.finite(recycle.C, "recycle.C")


def image(A: Operator, M: Operator, recycle: RecycleSpace, dtype: Any, *, same_operator: bool):
    """Return rows U and C with ``A M U = C`` and orthonormal C for this A: k products, or none for the same operator.

    Both have fewer rows than before where images have become linearly dependent, and none where the space has drifted
    away: where the sine of the angles between the new C and the old, in the mean, is above `DRIFT_LIMIT`.
    """
    namespace = xp.namespace(recycle.U)
    U, C_old = (namespace.astype(X, dtype, copy=False).T for X in (recycle.U, recycle.C))
    if same_operator:
        return U, C_old
    C, S = orthonormal(A(U.T if recycle.variable == "x" else M(U.T)).T)
    # Both are orthonormal, so that ||C_old C^H||_F^2 is the sum of the squared cosines.
    cosines = to_host(conj(C_old) @ C.T)
    stays = np.sum(np.abs(cosines) ** 2) >= (1 - DRIFT_LIMIT**2) * len(S)
    return (to_like(S, U) @ U, C) if stays else (U[:0, :], C[:0, :])


def orthonormal(X) -> tuple[Any, np.ndarray]:
    """Return Q with orthonormal rows and a small host matrix S with ``Q = S X``; dependent rows are dropped.

    By the Gram matrix (SVQB of Stathopoulos and Wu, 2002), a second time where the first was ill-conditioned: products
    of long matrices, where Householder QR is ten times slower.
    """
    S = inverse_square_root(gram(X, X)).T
    X = to_like(S, X) @ X
    G = gram(X, X)
    if np.abs(G - np.eye(len(G))).max(initial=0) < 1e3 * np.finfo(G.dtype).eps:
        return X, S
    correction = inverse_square_root(G).T
    return to_like(correction, X) @ X, correction @ S


def gram(X, Y) -> np.ndarray:
    """Return the inner products of the rows of X and Y, on the host; where they overflow, they are not finite."""
    with np.errstate(over="ignore", invalid="ignore"):
        return to_host(conj(X) @ Y.T)


def inverse_square_root(gram: np.ndarray) -> np.ndarray:
    """Return S (k, p) with ``S^H gram S = I``; p < k where gram is numerically singular, 0 where it is not finite."""
    if not np.isfinite(gram).all():
        return gram[:, :0]
    lengths = np.sqrt(np.abs(np.diagonal(gram)))
    scale = np.divide(1, lengths, out=np.zeros_like(lengths), where=lengths > 0)
    weights, vectors = np.linalg.eigh(gram * scale[:, None] * scale)
    kept = weights > 10 * np.finfo(gram.dtype).eps * len(weights)
    return ((scale[:, None] * vectors[:, kept]) / np.sqrt(weights[kept])).astype(gram.dtype)

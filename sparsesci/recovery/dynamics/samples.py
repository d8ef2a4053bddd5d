"""What a regression is fitted to: targets, and the functions of a library at the same samples, a chunk at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sparsesci._lib import validate, xp

from .program import Program

CHUNK = 2**16  # numbers that are evaluated at once: they stay in the L2 cache until they are multiplied
LONGEST = 256  # samples of a chunk where p is large: then a product of this inner dimension is as fast as any


@dataclass(frozen=True, eq=False, kw_only=True)
class Samples:
    """Targets Y and functions Theta of n samples; Theta is an array, or a program that is run chunk by chunk.

    Attributes
    ----------
    Y : array (n,) or (n, d)
        Targets.
    Theta : array (n, p), optional
        The functions at the samples.
    program, inputs : Program and array (n_inputs, n), optional
        What Theta is computed from, where it is not given.
    lengths : tuple of int, optional
        Samples of each trajectory, one after the other; by default they are one trajectory.

    Raises
    ------
    TypeError
        Complex numbers, or what are no numbers.
    ValueError
        Shapes that do not fit together, no samples, NaN or Inf in the targets (the first is named).
    """

    Y: Any
    Theta: Any = None
    program: Program | None = None
    inputs: Any = None
    lengths: tuple[int, ...] | None = None

    def __post_init__(self):
        """Check and promote what is given."""
        if (self.Theta is None) == (self.program is None or self.inputs is None):
            raise ValueError("Samples are given by Theta, or by a program and its inputs: by one of both")
        name = "inputs" if self.Theta is None else "Theta"
        Y, given = _real(self.Y, "Y"), _real(getattr(self, name), name)
        if given.ndim != 2 or 0 in given.shape:
            raise ValueError(f"{name} has shape {tuple(given.shape)}: two dimensions, not empty, are needed")
        if self.program is not None and given.shape[0] != self.program.n_inputs:
            raise ValueError(
                f"inputs have shape {tuple(given.shape)}: a row for each of {self.program.n_inputs} is needed"
            )
        n = given.shape[1 if self.Theta is None else 0]
        if Y.ndim not in (1, 2) or Y.shape[0] != n or 0 in Y.shape:
            raise ValueError(f"Y has shape {tuple(Y.shape)}: (n,) or (n, d) with n = {n}, as {name} has, is needed")
        lengths = (n,) if self.lengths is None else tuple(int(length) for length in self.lengths)
        if sum(lengths) != n or min(lengths) < 1:
            raise ValueError(f"lengths sum to {sum(lengths)}: positive ones that sum to n = {n} are needed")
        xp.namespace(Y, given)  # raises where they are of different libraries
        validate.finite(Y, "Y")
        for field, value in (("Y", Y), (name, given), ("lengths", lengths)):
            object.__setattr__(self, field, value)

    @property
    def n(self) -> int:
        """Samples."""
        return self.Y.shape[0]

    @property
    def p(self) -> int:
        """Functions."""
        return len(self.program.outputs) if self.Theta is None else self.Theta.shape[1]

    @property
    def d(self) -> int:
        """Targets."""
        return 1 if self.is_vector else self.Y.shape[1]

    @property
    def is_vector(self) -> bool:
        """Whether Y is a vector, and so the coefficients are."""
        return self.Y.ndim == 1

    @property
    def like(self) -> Any:
        """An empty array of the library and dtype in which results are returned: float32 where all of the data is."""
        namespace = xp.namespace(self.Y)
        given = self.inputs if self.Theta is None else self.Theta
        return namespace.astype(self.Y[:0, ...], xp.common_float(namespace, self.Y.dtype, given.dtype))

    def chunks(self, length: int | None = None) -> Iterator[tuple[slice, Any, Any]]:
        """Yield slices of samples with their functions (p, m) and targets (m, d), both in double precision."""
        namespace = xp.namespace(self.Y)
        length = max(CHUNK // max(self.p, 1), LONGEST) if length is None else length
        targets = namespace.reshape(self.Y, (self.n, self.d))
        for start in range(0, self.n, length):
            rows = slice(start, min(start + length, self.n))
            if self.Theta is None:
                functions = self.program(_double(self.inputs[:, rows]))
            else:
                functions = _double(self.Theta[rows, :]).T
            yield rows, functions, _double(targets[rows, :])


def as_samples(Theta: Any, Y: Any = None) -> Samples:
    """Return arrays Theta and Y as Samples, or Samples as they are."""
    if isinstance(Theta, Samples):
        if Y is not None:
            raise ValueError("Y is given together with Samples, which have targets of their own")
        return Theta
    if Y is None:
        raise ValueError("Y is missing: targets (n,) or (n, d) are needed with an array Theta")
    return Samples(Theta=Theta, Y=Y)


def _real(x: Any, name: str) -> Any:
    """Return a real floating array."""
    if xp.is_numpy(x) and x.ndim == 2 and x.flags.f_contiguous and not x.flags.c_contiguous:
        return _real(x.T, name).T  # columns, one after the other, are as good as rows: none of them is copied
    x = validate.float_array(x, name)
    if xp.is_complex(x.dtype):
        raise TypeError(f"{name} is complex: stack real and imaginary parts as variables of their own")
    return x


def _double(x: Any) -> Any:
    """Return x in double precision."""
    namespace = xp.namespace(x)
    return namespace.astype(x, namespace.float64, copy=False)

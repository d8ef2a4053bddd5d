"""Sines and cosines of the inputs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import KW_ONLY, dataclass

from sparsesci._lib import validate

from .library import Library
from .program import Symbol


@dataclass(frozen=True, repr=False)
class FourierLibrary(Library):
    """Sines and cosines of multiples of each state and control: sin(k x), cos(k x) for k = 1, ..., n_frequencies.

    Parameters
    ----------
    n_frequencies : int
        The largest multiple, >= 1.
    include_sin, include_cos : bool
        Whether sines, and cosines, are among them.

    Examples
    --------
    >>> from sparsesci.recovery.dynamics.fourier_library import FourierLibrary
    >>> FourierLibrary(2).names(["x"])
    ['sin(1 x)', 'cos(1 x)', 'sin(2 x)', 'cos(2 x)']
    """

    n_frequencies: int = 1
    _: KW_ONLY
    include_sin: bool = True
    include_cos: bool = True

    def __post_init__(self) -> None:
        """Refuse options that leave no function."""
        object.__setattr__(self, "n_frequencies", validate.positive_integer(self.n_frequencies, "n_frequencies"))
        if not (self.include_sin or self.include_cos):
            raise ValueError("include_sin and include_cos are both False: no function is left")

    def features(self, states: Sequence[Symbol], controls: Sequence[Symbol]) -> list[Symbol]:
        """Return the functions: the lowest frequency of all inputs first."""
        inputs = [*states, *controls]
        return [
            inputs[i].tape.write(name, inputs[i] if k == 1 else k * inputs[i])
            for k, i, name in self._waves(len(inputs))
        ]

    def names(self, states: Sequence[str], controls: Sequence[str] = ()) -> list[str]:
        """Return names such as "sin(1 x0)"."""
        inputs = [*states, *controls]
        return [f"{name}({k} {inputs[i]})" for k, i, name in self._waves(len(inputs))]

    def n_features(self, n_states: int, n_controls: int = 0) -> int:
        """Return the number of functions."""
        return (n_states + n_controls) * self.n_frequencies * (self.include_sin + self.include_cos)

    def _waves(self, d: int) -> Iterator[tuple[int, int, str]]:
        """Yield the multiple, the input and the function."""
        kinds = ["sin"] * self.include_sin + ["cos"] * self.include_cos
        for k in range(1, self.n_frequencies + 1):
            for i in range(d):
                yield from ((k, i, name) for name in kinds)

"""Libraries in which controls enter as factors of functions of the state."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .library import Library, product_name
from .program import Symbol


@dataclass(frozen=True, repr=False)
class ControlAffineLibrary(Library):
    """Functions of the state, and functions of the state times one control: for ``x' = f(x) + g(x) u``.

    Parameters
    ----------
    state_library : Library
        The functions of the state that may stand in f.
    control_library : Library, optional
        The functions of the state that may stand in g, times each control, the first control first; by default those of
        f.

    Raises
    ------
    ValueError
        There is no control (on use).

    Examples
    --------
    >>> from sparsesci.recovery.dynamics.control_affine_library import ControlAffineLibrary
    >>> from sparsesci.recovery.dynamics.polynomial_library import PolynomialLibrary
    >>> ControlAffineLibrary(PolynomialLibrary(2, include_bias=False), PolynomialLibrary(1)).names(["x"], ["u", "v"])
    ['x', 'x^2', 'u', 'x u', 'v', 'x v']
    """

    state_library: Library
    control_library: Library | None = None

    def __post_init__(self) -> None:
        """Refuse what is no library."""
        for name in ("state_library", "control_library"):
            library = getattr(self, name)
            if not (isinstance(library, Library) or (library is None and name == "control_library")):
                raise TypeError(f"{name} is {library!r}: a library is needed, such as PolynomialLibrary(2)")

    def features(self, states: Sequence[Symbol], controls: Sequence[Symbol]) -> list[Symbol]:
        """Return the functions of the state, then those times each control."""
        factors = self._factors.features(states, [])
        return self.state_library.features(states, []) + [f * u for u in controls for f in factors]

    def names(self, states: Sequence[str], controls: Sequence[str] = ()) -> list[str]:
        """Return names such as "x0", "u0", "x0 u0"."""
        factors = self._factors.names(states)
        return self.state_library.names(states) + [product_name(f, u) for u in controls for f in factors]

    def n_features(self, n_states: int, n_controls: int = 0) -> int:
        """Return the number of functions."""
        if n_controls == 0:
            raise ValueError(f"{self!r} needs controls: pass u")
        return self.state_library.n_features(n_states) + n_controls * self._factors.n_features(n_states)

    @property
    def _factors(self) -> Library:
        return self.state_library if self.control_library is None else self.control_library

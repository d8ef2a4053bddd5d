"""Which code runs: a reference, a Numba kernel or a CuPy kernel; and on which device NumPy inputs are computed.

A hot loop is written once as a readable reference on array-API calls and decorated::

    @kernel(cpu="sparsesci._cpu.krylov:arnoldi")
    def arnoldi(A, M, W, ...):
        ...

NumPy arrays go to the ``cpu`` kernel, CuPy arrays to the ``gpu`` one, everything else (and every backend without a
kernel) to the reference, which stays reachable as ``arnoldi.reference``: it is the oracle of the parity tests.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from importlib import import_module
from typing import NamedTuple

from . import xp

BACKENDS = ("numpy", "cupy")
_active: ContextVar[str | None] = ContextVar("sparsesci_backend", default=None)


def kernel(*, cpu: str | None = None, gpu: str | None = None, takes: tuple[type, ...] = ()) -> Callable:
    """Decorate a reference with the ``"module:function"`` of its compiled forms; all are called by position alone.

    An argument with a method ``kernel_arguments(dtype)`` (an operator) is handed to a kernel as the named tuple of
    arrays that the method returns for the dtype of the array arguments; where it returns None the operator has no
    compiled form and the reference runs. ``takes`` names the tuples that the kernels expect, in the order of the
    operators; where an operator has another one (a sparse matrix for M), the reference runs too.
    """
    targets = {"cpu": cpu, "gpu": gpu}

    def decorate(reference: Callable) -> Callable:
        @functools.wraps(reference)
        def dispatched(*arguments):
            machine, array, operators = _traits(arguments)
            target = targets.get(machine)
            if target is None:
                return reference(*arguments)
            if not operators:
                return _resolve(target)(*arguments)
            forms = [arguments[i].kernel_arguments(arguments[array].dtype) for i in operators]
            if any(form is None for form in forms) or not all(map(isinstance, forms, takes)):
                return reference(*arguments)
            lowered = list(arguments)
            for i, form in zip(operators, forms, strict=True):
                lowered[i] = form
            return _resolve(target)(*lowered)

        dispatched.reference = reference
        dispatched.targets = targets
        return dispatched

    return decorate


class Traits(NamedTuple):
    """What the types of the arguments tell of a call: the machine of its arrays, and where its operators are."""

    machine: str | None
    array: int
    operators: tuple[int, ...]


_known_traits: dict[tuple[type, ...], Traits] = {}


def _traits(arguments: tuple) -> Traits:
    """Return the traits of a call; they are found once for all calls with arguments of the same types."""
    types = tuple(map(type, arguments))
    traits = _known_traits.get(types)
    if traits is None:
        arrays = [i for i, argument in enumerate(arguments) if xp.is_array(argument)]
        operators = tuple(i for i, argument in enumerate(arguments) if hasattr(argument, "kernel_arguments"))
        machine = _machine([arguments[i] for i in arrays])
        traits = _known_traits[types] = Traits(machine, arrays[0] if arrays else -1, operators)
    return traits


def _machine(arrays: list) -> str | None:
    """Return "cpu" or "gpu" where all arrays lie there, None where there are none or they are of other libraries."""
    machines = {"cpu" if xp.is_numpy(array) else "gpu" if xp.is_cupy(array) else None for array in arrays}
    return machines.pop() if len(machines) == 1 else None


@functools.cache
def _resolve(target: str) -> Callable:
    module, _, function = target.partition(":")
    return getattr(import_module(module), function)


@contextmanager
def backend(name: str) -> Iterator[None]:
    """Choose where public functions compute NumPy inputs, within a ``with`` block.

    Parameters
    ----------
    name : {"numpy", "cupy"}
        ``"numpy"`` (the default) leaves host data where it is. ``"cupy"`` uploads NumPy inputs to the current CUDA
        device at the public boundary, computes there and returns NumPy. Arrays that already are on a device are not
        affected. The environment variable ``SPARSESCI_BACKEND`` sets the default.

    Raises
    ------
    ValueError
        The name is unknown.
    ImportError, RuntimeError
        ``"cupy"`` was asked for and CuPy or a usable GPU is missing: never a silent fallback.

    Examples
    --------
    >>> import sparsesci
    >>> with sparsesci.backend("numpy"):
    ...     pass
    """
    _check(name, "backend")
    token = _active.set(name)
    try:
        yield
    finally:
        _active.reset(token)


def active_backend() -> str:
    """Return the backend in force: the innermost ``backend(...)`` block, else ``SPARSESCI_BACKEND``, else "numpy"."""
    name = _active.get()
    if name is None:
        name = os.environ.get("SPARSESCI_BACKEND") or "numpy"
        _check(name, "SPARSESCI_BACKEND")
    return name


def _check(name: str, where: str) -> None:
    if name not in BACKENDS:
        raise ValueError(f"{where} is {name!r}: accepted are {', '.join(map(repr, BACKENDS))}")
    if name == "cupy":
        xp.cupy_module()


def public(function: Callable) -> Callable:
    """Make a public function obey ``backend("cupy")``: upload NumPy arguments, run, download the result."""

    @functools.wraps(function)
    def on_active_backend(*arguments, **options):
        if active_backend() == "numpy":
            return function(*arguments, **options)
        arguments = xp.to_device(arguments)
        options = {name: xp.to_device(value) for name, value in options.items()}
        return xp.to_host(function(*arguments, **options))

    return on_active_backend

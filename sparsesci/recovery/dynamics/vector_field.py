"""What is simulated: ``coef @ Theta(x, u)`` for the members of an ensemble, and where its controls come from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from sparsesci._lib import validate, xp
from sparsesci._lib.dispatch import kernel

from .program import Program, Symbol, Tape


class FieldArrays(NamedTuple):
    """A `VectorField` as the kernels take it; ``rows[k]`` gets ``values[member, k]`` times ``registers[k]``."""

    n_states: int
    n_inputs: int
    codes: np.ndarray
    left: np.ndarray
    right: np.ndarray
    constants: np.ndarray
    rows: np.ndarray
    registers: np.ndarray
    values: np.ndarray


@dataclass(frozen=True, eq=False)
class VectorField:
    """``coef @ Theta(x, u)`` for members (B, d, p) of an ensemble, by the nonzeros of their coefficients.

    Attributes
    ----------
    program : Program
        The functions of (x, u) that any member uses, and no others.
    n_states : int
        d.
    rows, columns : int array (nnz,)
        Where any member has a coefficient: of which state, and of which function of ``program``.
    values : array (B, nnz)
        The coefficients.
    """

    program: Program
    n_states: int
    rows: np.ndarray
    columns: np.ndarray
    values: np.ndarray

    @classmethod
    def of(cls, program: Program, coef: Any) -> VectorField:
        """Return the vector field of coefficients (B, d, p); ValueError or TypeError where they do not fit."""
        coef = xp.to_host(coef)
        is_used = (coef != 0).any(axis=0)
        functions = np.flatnonzero(is_used.any(axis=0))
        rows, columns = (np.ascontiguousarray(part) for part in np.nonzero(is_used[:, functions]))
        values = np.ascontiguousarray(coef[:, rows, functions[columns]], float)
        program = program if len(functions) == coef.shape[2] else program.restricted(functions)
        return cls(program, coef.shape[1], rows, columns, values)

    def kernel_arguments(self, dtype: Any) -> FieldArrays | None:
        """Return what the kernels take, or None where the program calls a Python function."""
        p = self.program
        if not p.is_compiled:
            return None
        arrays = p.codes, p.left, p.right, p.constants, self.rows, p.outputs[self.columns], self.values
        return FieldArrays(self.n_states, p.n_inputs, *arrays)

    def driven_by(self, control: Program) -> VectorField:
        """Return the vector field of the inputs (x, t) whose controls are functions of the time."""
        d, p = self.n_states, self.program
        n_before = d + 1 + len(control.codes)

        def place_of_control(registers):
            return registers + d  # its one input, the time, is input d

        def place(registers):  # the controls are outputs of the other program
            instructions = n_before + np.arange(len(p.codes))
            return np.concatenate([np.arange(d), place_of_control(control.outputs), instructions])[registers]

        parts = {
            "codes": (control.codes, p.codes),
            "left": (place_of_control(control.left), place(p.left)),
            "right": (place_of_control(control.right), place(p.right)),
            "constants": (control.constants, p.constants),
        }
        joint = {name: np.concatenate(pair) for name, pair in parts.items()}
        return replace(self, program=Program(d + 1, **joint, outputs=place(p.outputs)))


@dataclass(frozen=True, eq=False)
class Controls:
    """Controls of an ordinary differential equation.

    Attributes
    ----------
    t : float array (n_t,)
        Times.
    table : float array (n_t, n)
        Controls at these times, between which they are linear; without columns where there are none.
    function : callable or None
        A function of one time that gives the controls instead.
    """

    t: np.ndarray
    table: np.ndarray
    function: Callable | None = None

    @property
    def n(self) -> int:
        """How many there are."""
        return self.table.shape[1]

    @property
    def has_knots(self) -> bool:
        """Whether they have kinks at the times."""
        return self.n > 0 and self.function is None

    def kernel_arguments(self, dtype: Any) -> np.ndarray | None:
        """Return the table, or None where the controls are a Python function."""
        return None if self.function is not None else self.table

    def __call__(self, times: np.ndarray, place: np.ndarray) -> np.ndarray:
        """Return the controls (n, N) at times (N,), which lie between ``t[place - 1]`` and ``t[place]``."""
        if self.function is not None:
            return np.stack([control_at(self.function, time, self.n) for time in times.tolist()], axis=1)
        begin, end = self.t[place - 1], self.t[place]
        weight = (times - begin) / (end - begin)
        return (1 - weight) * self.table[place - 1].T + weight * self.table[place].T


def control_at(u: Callable, time: float, n: int) -> np.ndarray:
    """Return what a function of the time gives, as an array (n,)."""
    found = np.atleast_1d(np.asarray(u(time), float))
    if found.shape != (n,):
        raise ValueError(f"u({time:g}) has shape {tuple(found.shape)}: {n} controls are needed")
    if not np.isfinite(found).all():
        raise ValueError(f"u({time:g}) is not finite")
    return found


@kernel(cpu="sparsesci._cpu.vector_field:derivatives")
def derivatives(field: VectorField, inputs: Any, member: np.ndarray) -> Any:
    """Return the rows y (d, m) for inputs (n_inputs, m), states and then controls, and the members (m,).

    Where a coefficient is zero its function has no say, not even if it is not finite there.
    """
    namespace = xp.namespace(inputs)
    functions = field.program(inputs)
    zero = xp.zeros_like(inputs[0, :])
    y = [zero] * field.n_states
    with np.errstate(all="ignore"):
        for k, (row, column) in enumerate(zip(field.rows.tolist(), field.columns.tolist(), strict=True)):
            c = xp.to_like(field.values[:, k][xp.to_host(member)], inputs)
            y[row] = y[row] + namespace.where(c != 0, c * functions[column, :], zero)
    return namespace.stack(y)


def joined(*parts: Any) -> Any:
    """Return parts (n_i, m) below each other: inputs in the order in memory that the kernels are compiled for."""
    like, end = parts[0], 0
    inputs = xp.namespace(like).empty(
        (sum(part.shape[0] for part in parts), like.shape[1]), dtype=like.dtype, device=xp.device(like)
    )
    for part in parts:
        inputs[end : end + part.shape[0], :] = part
        end += part.shape[0]
    return inputs


def traced(u: Callable, n_controls: int) -> Program | None:
    """Return the program of a function of the time, or None where symbols cannot pass through it."""
    tape = Tape(1)
    try:
        found = u(tape.inputs[0])
        found = list(found) if isinstance(found, list | tuple) else [found]
        if len(found) != n_controls or not any(isinstance(part, Symbol) for part in found):
            return None  # a function that does not look at the time may draw random numbers
        return tape.program([part if isinstance(part, Symbol) else tape.constant(float(part)) for part in found])
    except Exception:  # whatever a function raises on a symbol says only that it cannot be traced
        return None


def start(program: Program, coef: Any, x0: Any, bound: Any) -> tuple[VectorField, Any, tuple[int, ...], Any, float]:
    """Check what every simulation begins with.

    Returns
    -------
    field, x0, lead, dtype, bound
        ``x0`` (m, d) in float64, ``lead`` the axes of the answer before the time (members, then starts), and ``dtype``
        what the answer will have.
    """
    coef, x0 = validate.float_array(coef, "coef"), validate.float_array(x0, "x0")
    for array, name in ((coef, "coef"), (x0, "x0")):
        if xp.is_complex(array.dtype):
            raise TypeError(f"{name} is complex: real numbers are needed; stack real and imaginary parts as states")
        validate.finite(array, name)
    n_functions = len(program.outputs)
    if coef.ndim not in (2, 3) or coef.shape[-1] != n_functions or 0 in coef.shape:
        raise ValueError(
            f"coef has shape {tuple(coef.shape)}: (d, {n_functions}), or (members, d, {n_functions}) is needed, a "
            "column for each function"
        )
    d = coef.shape[-2]
    if d > program.n_inputs:
        raise ValueError(f"coef has shape {tuple(coef.shape)}, rows for {d} states; the program has {program.n_inputs}")
    if x0.ndim not in (1, 2) or x0.shape[-1] != d or 0 in x0.shape:
        raise ValueError(f"x0 has shape {tuple(x0.shape)}: ({d},), or a row for each start, (m, {d}), is needed")
    namespace = xp.namespace(x0, coef)
    dtype = xp.common_float(namespace, x0.dtype, coef.dtype)
    lead = tuple(coef.shape[:-2]) + tuple(x0.shape[:-1])
    field = VectorField.of(program, namespace.reshape(coef, (-1, d, n_functions)))
    x0 = namespace.astype(namespace.reshape(x0, (-1, d)), namespace.float64)
    bound = min(validate.real(bound, "bound"), float(np.finfo(float).max))
    if not bound > 0:
        raise ValueError(f"bound is {bound!r}: a positive number is needed")
    largest = float(namespace.max(namespace.abs(x0)))
    if largest > bound:
        raise ValueError(f"|x0| is up to {largest:.4g}, beyond bound = {bound:.4g}: pass a larger bound")
    return field, x0, lead, dtype, bound

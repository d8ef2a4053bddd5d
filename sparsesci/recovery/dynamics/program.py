"""Straight-line programs: what a library of functions of (x, u) becomes, once, to be run compiled ever after.

A program works on registers. The first ``n_inputs`` hold the inputs, and instruction i writes register ``n_inputs + i``
from two registers before it. It is found by running the functions on symbols, which write down what is done to them: so
``lambda x, y: np.sin(x) * y`` is compiled as it stands, and what two functions share is computed once. A function that
symbols cannot pass through (it branches, or calls what is not in `OPERATIONS`) is called as it is, and keeps its
program from being compiled.
"""

from __future__ import annotations

import math
import numbers
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from sparsesci._lib import xp
from sparsesci._lib.dispatch import kernel

# In the order of sparsesci._cpu.program; but for the first, names of the array-API standard or of NumPy.
OPERATIONS = ("constant", "add", "subtract", "multiply", "divide", "power", "maximum", "minimum", "negative", "abs",
              "sign", "sqrt", "exp", "log", "sin", "cos", "tan", "sinh", "cosh", "tanh", "arcsin", "arccos",
              "arctan")  # fmt: skip
STANDARD = {"power": "pow", "arcsin": "asin", "arccos": "acos", "arctan": "atan"}  # names of the array-API standard
CODES = {name: code for code, name in enumerate(OPERATIONS)}
UNARY = frozenset(OPERATIONS[CODES["negative"] :])
CALL = -1  # of a Python function
COMMUTE = ("add", "multiply", "maximum", "minimum")
ALIASES = {"absolute": "abs", "fabs": "abs", "true_divide": "divide", "float_power": "power"}


@dataclass(frozen=True, eq=False)
class Program:
    """Functions of ``n_inputs`` numbers.

    Attributes
    ----------
    n_inputs : int
        Number of inputs.
    codes, left, right : arrays (k,)
        Instruction i applies operation ``OPERATIONS[codes[i]]`` to the registers ``left[i]`` and ``right[i]`` (the same
        one twice, where the operation takes one). Of a `CALL` left is an index into ``calls``.
    constants : array (k,)
        What an instruction "constant" writes.
    outputs : array (p,)
        The registers of the functions.
    calls : tuple
        Pairs of a Python function of arrays and the registers that it is called with.
    """

    n_inputs: int
    codes: np.ndarray
    left: np.ndarray
    right: np.ndarray
    constants: np.ndarray
    outputs: np.ndarray
    calls: tuple[tuple[Callable, tuple[int, ...]], ...] = ()

    @property
    def is_compiled(self) -> bool:
        """Whether a kernel can run it: it calls no Python function."""
        return not self.calls

    @property
    def instructions(self) -> tuple[np.ndarray, ...]:
        """The arrays codes, left, right, constants and outputs, as a kernel takes them."""
        return self.codes, self.left, self.right, self.constants, self.outputs

    def __call__(self, X: Any) -> Any:
        """Return the outputs (p, m) for inputs X (n_inputs, m), samples in columns."""
        if xp.is_numpy(X):
            X = np.ascontiguousarray(X)  # the kernel is compiled for one layout, not for every slice and transpose
        if self.calls:
            return run(*self.instructions, X, self.calls)
        return evaluate(*self.instructions, X)

    def restricted(self, chosen: Any) -> Program:
        """Return the program of some outputs alone, chosen by a mask or by indices, without what they do not need."""
        return self._without_unused(self.outputs[np.asarray(chosen)])

    def _without_unused(self, outputs: np.ndarray) -> Program:
        n, arguments = self.n_inputs, self._arguments()
        is_needed = np.zeros(n + len(self.codes), bool)
        is_needed[:n] = True
        is_needed[outputs] = True
        for i in range(len(self.codes) - 1, -1, -1):
            if is_needed[n + i]:
                is_needed[list(arguments[i])] = True
        place = np.cumsum(is_needed) - 1
        kept = np.flatnonzero(is_needed[n:])
        calls, left = [], place[self.left[kept]]
        for row, i in enumerate(kept):
            if self.codes[i] == CALL:
                function, registers = self.calls[self.left[i]]
                left[row] = len(calls)
                calls.append((function, tuple(int(place[r]) for r in registers)))
        parts = {"codes": self.codes[kept], "left": left, "constants": self.constants[kept], "calls": tuple(calls)}
        return replace(self, right=place[self.right[kept]], outputs=place[outputs], **parts)

    def _arguments(self) -> list[tuple[int, ...]]:
        """Return for each instruction the registers that it reads."""
        found = []
        for code, a, b in zip(self.codes.tolist(), self.left.tolist(), self.right.tolist(), strict=True):
            if code == CALL:
                found.append(self.calls[a][1])
            else:
                found.append(() if code == CODES["constant"] else (a, b))
        return found


def run(codes: Any, left: Any, right: Any, constants: Any, outputs: Any, X: Any, calls: tuple = ()) -> Any:
    """Return the outputs (p, m) of a program for inputs X (n_inputs, m), on any array namespace."""
    namespace = xp.namespace(X)
    registers = [X[i, :] for i in range(X.shape[0])]
    with np.errstate(all="ignore"):  # log(-1) is NaN, as in a kernel: whoever asked sees it
        for code, a, b, constant in zip(codes.tolist(), left.tolist(), right.tolist(), constants.tolist(), strict=True):
            if code == CALL:
                function, arguments = calls[a]
                value = called(function, [registers[r] for r in arguments])
            elif code == CODES["constant"]:
                value = namespace.full(X.shape[1:], constant, dtype=X.dtype, device=xp.device(X))
            else:
                name = OPERATIONS[code]
                operation = getattr(namespace, STANDARD.get(name, name))
                value = operation(registers[a]) if name in UNARY else operation(registers[a], registers[b])
            registers.append(value)
    if not len(outputs):
        return namespace.zeros((0, X.shape[1]), dtype=X.dtype, device=xp.device(X))
    return namespace.stack([registers[r] for r in outputs.tolist()])


@kernel(cpu="sparsesci._cpu.program:evaluate")
def evaluate(codes, left, right, constants, outputs, X):
    """Return the outputs (p, m) of a program that calls no Python function."""
    return run(codes, left, right, constants, outputs, X)


def called(function: Callable, arguments: list) -> Any:
    """Return what a Python function makes of arrays (m,); ValueError where that is no such array.

    One number for all samples is refused: it may be a mean of those that happen to be in this call.
    """
    namespace, like = xp.namespace(*arguments), arguments[0]
    name = repr(getattr(function, "__name__", function))
    try:
        value = function(*(namespace.asarray(argument, copy=True) for argument in arguments))  # it may write to them
    except Exception as error:
        error.add_note(f"{name} cannot be compiled and is called with arrays: np.vectorize makes it take them")
        raise
    if not xp.is_array(value) or value.shape != like.shape or xp.is_complex(value.dtype):
        given = f"{value.dtype} {tuple(value.shape)}" if xp.is_array(value) else f"a {type(value).__name__}"
        raise ValueError(
            f"{name} returned {given} for arrays {tuple(like.shape)}: a real number for each sample is needed, "
            "that depends on this sample alone"
        )
    return namespace.astype(value, like.dtype, copy=False)


def _operator(name: str, *, swapped: bool = False) -> Callable:
    """Return a method that writes down an operation on two numbers."""
    if swapped:
        return lambda self, other: self.tape.write(name, other, self)
    return lambda self, other: self.tape.write(name, self, other)


class Symbol:
    """A number that is not known yet: what is done to it is written on its tape."""

    __slots__ = ("register", "tape")

    def __init__(self, tape: Tape, register: int):
        self.tape, self.register = tape, register

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *arguments: Any, **options: Any) -> Any:
        """Write down a ufunc of NumPy."""
        name = ALIASES.get(ufunc.__name__, ufunc.__name__)
        if method != "__call__" or options:
            return NotImplemented
        if name == "square":
            return self.tape.write("multiply", arguments[0], arguments[0])
        if name == "reciprocal":
            return self.tape.write("divide", 1.0, arguments[0])
        if name == "power" and isinstance(arguments[0], Symbol):
            return arguments[0] ** arguments[1]
        return self.tape.write(name, *arguments) if name in CODES else NotImplemented

    def __array__(self, *arguments: Any, **options: Any) -> np.ndarray:
        """Refuse to become an array: a mean or a sum over samples is no function of one."""
        raise TypeError("a symbol is one number that is not known yet: it is no array")

    def __bool__(self) -> bool:
        """Refuse a branch."""
        raise TypeError("the value of a symbol is not known: a function that branches cannot be compiled")

    def __eq__(self, other: Any) -> bool:
        """Refuse to be compared: as ``==`` is there for all objects, a function would take one of its branches."""
        raise TypeError("the value of a symbol is not known: a function that compares cannot be compiled")

    def __pow__(self, exponent: Any) -> Symbol:
        """Write down small whole powers as products: faster than a power."""
        if isinstance(exponent, numbers.Real) and exponent in range(17):
            result = self.tape.constant(1.0) if exponent == 0 else self
            for _ in range(int(exponent) - 1):
                result = result * self
            return result
        return self.tape.write("power", self, exponent)

    def clip(self, low: Any = None, high: Any = None, out: None = None) -> Symbol:
        """Write down bounds, as ``np.clip`` asks for them."""
        if out is not None:
            raise TypeError("a symbol is no array: out cannot be given")
        above = self if low is None else self.tape.write("maximum", self, low)
        return above if high is None else self.tape.write("minimum", above, high)

    def __pos__(self) -> Symbol:
        """Return the symbol itself."""
        return self

    def __neg__(self) -> Symbol:
        """Write down a change of sign."""
        return self.tape.write("negative", self)

    def __abs__(self) -> Symbol:
        """Write down an absolute value."""
        return self.tape.write("abs", self)

    __add__ = __radd__ = _operator("add")
    __mul__ = __rmul__ = _operator("multiply")
    __sub__, __rsub__ = _operator("subtract"), _operator("subtract", swapped=True)
    __truediv__, __rtruediv__ = _operator("divide"), _operator("divide", swapped=True)
    __rpow__ = _operator("power", swapped=True)
    __hash__ = None


class Tape:
    """Writes programs: hands out symbols for its inputs, and an instruction for everything that is done to them."""

    def __init__(self, n_inputs: int):
        self.n_inputs = n_inputs
        self.inputs = [Symbol(self, i) for i in range(n_inputs)]
        self._instructions: list[tuple[int, int, int, float]] = []
        self._known: dict[tuple, Symbol] = {}
        self._calls: list[tuple[Callable, tuple[int, ...]]] = []

    def constant(self, value: float) -> Symbol:
        """Return a symbol for a number."""
        return self._new(CODES["constant"], 0, 0, float(value))

    def write(self, name: str, *arguments: Any) -> Symbol:
        """Return the symbol of an operation on symbols and numbers; the same one for the same operation."""
        registers = [self._symbol(argument).register for argument in arguments]
        if name in COMMUTE:
            registers.sort()
        return self._new(CODES[name], registers[0], registers[-1], 0.0)

    def apply(self, function: Callable, arguments: Iterable[Symbol]) -> Symbol:
        """Return the symbol of a Python function: traced where that is possible, and called where it is not."""
        arguments = list(arguments)
        try:
            return self._symbol(function(*arguments))
        except Exception:  # whatever a function raises on a symbol says only that it cannot be traced
            pass  # what it has written until then is right, and left out of a program that does not need it
        registers = tuple(argument.register for argument in arguments)
        key = (CALL, id(function), registers)
        if key not in self._known:
            self._calls.append((function, registers))
            self._known[key] = self._append(CALL, len(self._calls) - 1, 0, 0.0)
        return self._known[key]

    def program(self, outputs: Iterable[Symbol]) -> Program:
        """Return the program of some symbols."""
        registers = np.array([symbol.register for symbol in outputs], np.int64)
        columns = list(zip(*self._instructions, strict=True)) or [()] * 4
        parts = [np.array(column, np.int64) for column in columns[:3]] + [np.array(columns[3], float)]
        return Program(self.n_inputs, *parts, registers, tuple(self._calls))._without_unused(registers)

    def _symbol(self, value: Any) -> Symbol:
        if isinstance(value, Symbol):
            return value
        if isinstance(value, numbers.Real) or (xp.is_numpy(value) and np.ndim(value) == 0):
            if math.isfinite(value):
                return self.constant(float(value))
        raise TypeError(f"{value!r} is neither a symbol nor a finite number")

    def _new(self, code: int, left: int, right: int, constant: float) -> Symbol:
        key = (code, left, right, constant)
        if key not in self._known:
            self._known[key] = self._append(*key)
        return self._known[key]

    def _append(self, *instruction: Any) -> Symbol:
        self._instructions.append(instruction)
        return Symbol(self, self.n_inputs + len(self._instructions) - 1)

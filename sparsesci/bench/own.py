"""A user's own: solvers from a Python file, matrices from Matrix Market files. ValueError says what is wrong."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import numpy as np

from .objectives.relative_residual import relative_residual
from .problem import Problem
from .problems.matrix_market import read_matrix, system_with_ones
from .solver import Answer, Solver

MATRIX_ENDINGS = (".mtx", ".mtx.gz")
FAMILY = "krylov"  # of what is a matrix, or a plain function of (A, b)


def is_matrix_file(name: str) -> bool:
    """Whether the name of a problem is that of a matrix file."""
    return name.endswith(MATRIX_ENDINGS)


def is_solver_in_file(name: str) -> bool:
    """Whether the name of a solver is of the form ``path.py:name``."""
    return name.rpartition(":")[0].endswith(".py")


def solver_from_file(name: str) -> Solver:
    """Load ``path.py:name``: a `Solver`, or a plain function ``f(A, b) -> x``."""
    path, _, attribute = name.rpartition(":")
    spec = spec_from_file_location(f"_sparsesci_bench_{Path(path).stem}", path)
    module = module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except (OSError, SyntaxError, ImportError) as error:  # what else the file raises is better seen with its traceback
        raise ValueError(f"{path} cannot be loaded: {error}") from error
    found = getattr(module, attribute, None)
    if isinstance(found, Solver):
        return found
    if not callable(found):
        names = [key for key, value in vars(module).items() if callable(value) and not key.startswith("_")]
        raise ValueError(f"{path} has no solver {attribute!r}; it has {', '.join(names) or 'none'}")
    says = (found.__doc__ or f"{attribute} of {path}").strip().splitlines()[0]
    return Solver(f"{Path(path).name}:{attribute}", FAMILY, says, _starter(found), peer=Path(path).name)


def _starter(function: Callable[[Any, Any], Any]) -> Callable:
    def start(preconditioner: Callable | None, goal: float) -> Callable[..., Answer]:
        return lambda A, b: Answer(function(A, b), success=False)  # a bare x claims nothing

    return start


def problem_from_file(name: str) -> Problem:
    """Make the problem ``A x = A 1`` of a Matrix Market file.

    CG and multigrid are let in where A is Hermitian with a positive diagonal. That is necessary for definiteness, not
    sufficient: where it misleads, their rows show that they failed.
    """
    try:
        with open(name, "rb") as file:
            A = read_matrix(file, compressed=name.endswith(".gz"))
    except OSError as error:
        raise ValueError(f"{name} cannot be read: {error.strerror or error}") from error
    except (ValueError, TypeError, EOFError) as error:
        raise ValueError(f"{name} is not a Matrix Market file: {error}") from error
    rows, columns = A.shape
    if rows != columns or not rows:
        raise ValueError(f"{name} holds a matrix of {rows} x {columns}: a square one is needed")
    if not np.isfinite(A.data).all():
        raise ValueError(f"{name} holds NaN or Inf")
    return Problem(
        name=Path(name).name,
        family=FAMILY,
        says=f"a matrix of your own, {A.nnz} entries",
        parameters={},
        make=lambda rng: system_with_ones(A),
        error=relative_residual,
        goal=1e-8,
        traits=_traits(A),
    )


def _traits(A: Any) -> frozenset[str]:
    is_real = not np.iscomplexobj(A.data)
    diagonal = A.diagonal()
    is_hermitian = abs(A - A.conj().T).sum() == 0
    may_be_definite = is_hermitian and bool((diagonal.real > 0).all())
    traits = {"real": is_real, "hermitian": is_hermitian, "spd": may_be_definite}
    return frozenset(name for name, holds in traits.items() if holds)

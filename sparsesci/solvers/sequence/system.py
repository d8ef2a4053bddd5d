"""One system of a sequence as the walk sees it: checked, with what its matrix has in common with the one before."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np

from sparsesci._lib import validate, xp
from sparsesci._lib.operator import Operator, csr_arrays

from .fill import bandwidth, factor_size

ROUNDING = 20  # times eps: to how much a row of a matrix adds up that should add up to nothing
N_PROBES = 2  # random vectors that tell a symmetric map of which only products are known


@dataclass(frozen=True)
class System:
    """A checked system.

    Attributes
    ----------
    A : matrix or map
        As the solvers take it: CSR where it is sparse.
    b : array (n,) or (n, p)
        Right-hand side in the common dtype.
    operator : Operator
        A as a map that counts.
    matrix : int
        Equal for systems whose matrices are equal, in pattern and values.
    kind : Kind
        What does not change as long as a sequence stays what it is.
    """

    A: Any
    b: Any
    operator: Operator
    matrix: int
    kind: Kind

    @property
    def n_columns(self) -> int:
        """Number of right-hand sides."""
        return 1 if self.b.ndim == 1 else self.b.shape[1]

    @cached_property
    def factor_size(self) -> tuple[float, float]:
        """Entries of complete factors of A, and the multiplications that make them; found when first asked for."""
        n = self.kind.n
        return (n * n, n**3 / 3) if self.kind.form == "dense" else factor_size(self.A, self._bandwidth)

    @property
    def n_levels(self) -> float:
        """About how many levels the graph of a sparse A has: how many steps lead from one of its ends to the other."""
        return self.kind.n / max(1, self._bandwidth)

    @cached_property
    def _bandwidth(self) -> int:
        return bandwidth(self.A)


@dataclass(frozen=True)
class Kind:
    """What decides which methods apply.

    Attributes
    ----------
    n : int
        Number of unknowns.
    dtype : str
        Common dtype of A and b.
    form : {"sparse", "dense", "map", "device"}
        Whether entries are known, and where: "device" is everything that is not in host memory.
    is_hermitian : bool
        Exactly, or for a map as far as random vectors can tell.
    has_positive_diagonal : bool
        Necessary for a definite matrix; taken as True for a map.
    outweighed : float
        The largest ``sum_j |a_ij| / |a_ii|`` over all other j, of all rows; infinite for a map.
    has_constant_diagonal : bool
        Then Jacobi is no preconditioner; taken as False for a map.
    """

    n: int
    dtype: str
    form: str
    is_hermitian: bool
    has_positive_diagonal: bool
    outweighed: float = math.inf
    has_constant_diagonal: bool = False

    @property
    def is_dominant(self) -> bool:
        """Whether no row outweighs its diagonal entry, up to rounding.

        A Hermitian matrix with a positive diagonal is then definite, or singular, by Gershgorin's theorem.
        """
        return self.outweighed < math.inf and bool(self.outweighed <= 1 + ROUNDING * np.finfo(self.dtype).eps)


class Looking:
    """Looks at one system after the other, and remembers the last matrix: what comes again is not checked again."""

    def __init__(self):
        self.n_matrices = 0
        self._last: Any = None
        self._A: Any = None
        self._operator: Operator | None = None
        self._kind: Kind | None = None

    def at(self, A: Any, b: Any) -> System:
        """Check a system; ValueError or TypeError says what is wrong with it."""
        A = csr(validate.matrix(A, "A"))
        has_known_pattern = has_pattern(A, self._last) and A.shape == self._A.shape
        is_known = is_same_on_pattern(A, self._last) if has_known_pattern else is_same(A, self._last)
        if has_known_pattern:  # then its indices have been checked
            if not is_known:
                validate.finite(A, "A")
            operator = Operator(A.__matmul__, A.shape[0], A.dtype, lower=partial(csr_arrays, A))
        else:
            operator = self._operator if is_known and A is self._A else A
        operator, b, _, _ = validate.linear_system(operator, b, None, None)
        if not is_known:
            self.n_matrices += 1
            self._last = (*self._last[:2], A.data.copy()) if has_known_pattern else remembered(A)
        self._A, self._operator = A, operator
        n, dtype, form = b.shape[0], xp.dtype_name(b.dtype), form_of(A, b)
        known = self._kind
        if known is None or (known.n, known.dtype, known.form) != (n, dtype, form):
            seen = *symmetry(A, operator, b, form), outweighed(A, form), has_constant_diagonal(A, form)
            self._kind = Kind(n, dtype, form, *seen)
        return System(A, b, operator, self.n_matrices, self._kind)


def csr(A: Any):
    """Return a sparse matrix of SciPy as CSR, once for all solvers that will ask; anything else as it is."""
    return A.tocsr() if xp.is_sparse(A) and not xp.is_cupy(A) else A


def form_of(A: Any, b: Any) -> str:
    """Return which of the forms of `Kind` a matrix has."""
    if not xp.is_numpy(b):
        return "device"
    return "sparse" if xp.is_sparse(A) else "dense" if xp.is_array(A) else "map"


def remembered(A: Any):
    """Return a copy of the entries of A: a caller may fill the same matrix anew for each system."""
    if xp.is_sparse(A) and not xp.is_cupy(A):
        A = A.tocsr()
        return A.indptr.copy(), A.indices.copy(), A.data.copy()
    return A.copy() if xp.is_numpy(A) else A


def has_pattern(A: Any, last: Any) -> bool:
    """Whether A is sparse and has the pattern of one that was remembered."""
    if not (xp.is_sparse(A) and isinstance(last, tuple)):
        return False
    indptr, indices, data = last
    parts = (A.indptr, indptr), (A.indices, indices)
    return A.data.shape == data.shape and all(x.dtype == old.dtype and np.array_equal(x, old) for x, old in parts)


def is_same(A: Any, last: Any) -> bool:
    """Whether A has the entries that were remembered; maps and device arrays are the same if they are one object."""
    if xp.is_sparse(A) and isinstance(last, tuple):
        A = A.tocsr()
        return is_same_on_pattern(A, last) and has_pattern(A, last)
    if xp.is_numpy(A) and xp.is_numpy(last):
        return A.dtype == last.dtype and np.array_equal(A, last)
    return A is last


def is_same_on_pattern(A: Any, last: Any) -> bool:
    """Whether A has the values that were remembered, on whatever pattern."""
    data, values = A.data, last[2]
    # Of the first entries only, first: of matrices that differ they nearly always tell.
    return data.dtype == values.dtype and np.array_equal(data[:8], values[:8]) and np.array_equal(data, values)


def symmetry(A: Any, operator: Operator, b: Any, form: str) -> tuple[bool, bool]:
    """Return whether A is Hermitian, and whether its diagonal is positive."""
    if form == "sparse":
        difference = abs(A - A.conj().T)
        largest = abs(A.data).max(initial=0)
        is_hermitian = difference.max() <= 10 * np.finfo(b.dtype).eps * largest
        return bool(is_hermitian), bool((A.diagonal().real > 0).all())
    if form == "dense":
        is_hermitian = np.abs(A - A.conj().T).max() <= 10 * np.finfo(b.dtype).eps * np.abs(A).max()
        return bool(is_hermitian), bool((A.diagonal().real > 0).all())
    return probes_symmetric(operator, b), True


def outweighed(A: Any, form: str) -> float:
    """Return by how much rows outweigh their diagonal entries, as in `Kind`; infinite where entries are not known."""
    if form not in ("sparse", "dense") or A.dtype.kind not in "fc":
        return math.inf
    d = np.abs(A.diagonal())
    # Not abs(A): SciPy sorts A for that, which is not ours.
    sizes = type(A)((np.abs(A.data), A.indices, A.indptr), shape=A.shape) if form == "sparse" else np.abs(A)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        largest = float(((sizes @ np.ones_like(d) - d) / d).max())
    return max(largest, 0.0) if largest < math.inf else math.inf


def has_constant_diagonal(A: Any, form: str) -> bool:
    """Whether all diagonal entries are the same, up to rounding; False where they are not known."""
    if form not in ("sparse", "dense"):
        return False
    d = A.diagonal()
    return bool(np.abs(d - d[0]).max() <= 10 * np.finfo(d.dtype).eps * abs(d[0])) if d.dtype.kind in "fc" else False


def probes_symmetric(A: Operator, b: Any) -> bool:
    """Whether ``u^H A v = (v^H A u)^*`` for random vectors."""
    namespace, column = xp.namespace(b), b if b.ndim == 1 else b[:, 0]
    rng = np.random.default_rng(20240911)
    for _ in range(N_PROBES):
        parts = rng.standard_normal((4, b.shape[0]))
        if xp.is_complex(b.dtype):
            u, v = parts[0] + 1j * parts[1], parts[2] + 1j * parts[3]
        else:
            u, v = parts[0], parts[2]
        u, v = (namespace.astype(xp.to_like(vector, column), b.dtype) for vector in (u, v))
        Au, Av = A(u), A(v)
        uAv, vAu = complex(xp.vdot(u, Av)), complex(xp.vdot(v, Au))
        size = max(float(xp.norm(u)) * float(xp.norm(Av)), float(xp.norm(v)) * float(xp.norm(Au)))
        if not abs(uAv - vAu.conjugate()) <= 100 * float(namespace.finfo(b.dtype).eps) * size:
            return False
    return True


def seconds_of_a_product(system: System) -> float:
    """Return how long a product with A takes, the shorter of two: the unit in which all beliefs are."""
    column = system.b if system.b.ndim == 1 else system.b[:, 0]
    durations = []
    for _ in range(2):
        begin = time.thread_time()
        system.operator(column)
        durations.append(time.thread_time() - begin)
    return max(min(durations), 1e-6)

"""The `lib` fixture: the same test bodies on NumPy, on read-only NumPy, on a strict device and on CuPy.

The arrays of ``array_api_strict`` on ``device1`` refuse every silent conversion to NumPy: what passes there touches
NumPy only through the two doors of `sparsesci._lib.xp`. (On its default device they do not refuse.)
"""

from __future__ import annotations

import array_api_strict
import numpy as np
import pytest
import scipy.sparse

from sparsesci import gpu
from sparsesci._lib.xp import to_host


class Library:
    """Makes test problems in one array library, and brings answers back to NumPy."""

    def __init__(self, name: str):
        self.name = name

    def array(self, x):
        """Return a NumPy array in this library."""
        x = np.asarray(x)
        if self.name == "numpy-readonly":
            x = x.copy()
            x.flags.writeable = False
        if self.name == "strict":
            return array_api_strict.asarray(x, device=array_api_strict.Device("device1"))
        return gpu.to_device(x) if self.name == "cupy" else x

    def matrix(self, A):
        """Return a matrix as these libraries hold it: sparse where they can, dense on the strict device."""
        if self.name == "strict":
            return self.array(A.toarray())
        A = scipy.sparse.csr_array(A)
        if self.name == "numpy-readonly":
            for part in (A.data, A.indices, A.indptr):
                part.flags.writeable = False
        return gpu.to_device(A) if self.name == "cupy" else A

    def host(self, x) -> np.ndarray:
        """Return an array of this library as NumPy; fail if it belongs to another one."""
        module = type(x).__module__.split(".")[0]
        assert module == {"strict": "array_api_strict", "cupy": "cupy"}.get(self.name, "numpy")
        return to_host(x)

    def poisson(self, n: int, *, seed: int, shift: float = 0.0, dtype=float):
        """Return A, b, x with ``A x = b``: a 1-D Laplacian plus ``shift``, and a random x; Hermitian where complex."""
        rng = np.random.default_rng(seed)
        x = rng.standard_normal(n) + (1j * rng.standard_normal(n) if np.dtype(dtype).kind == "c" else 0)
        above = np.full(n - 1, -np.exp(0.3j) if np.dtype(dtype).kind == "c" else -1.0)
        A = scipy.sparse.diags_array([above.conj(), np.full(n, 2.0 + shift), above], offsets=[-1, 0, 1])
        return self.system(A, x, dtype)

    def convection(self, n: int, *, seed: int, wind: float = 0.7, dtype=float):
        """Return A, b, x: an unsymmetric tridiagonal matrix with a spread-out diagonal."""
        rng = np.random.default_rng(seed)
        x = rng.standard_normal(n) + (1j * rng.standard_normal(n) if np.dtype(dtype).kind == "c" else 0)
        diagonal = 2.0 + np.linspace(0, 3, n) + (0.5j if np.dtype(dtype).kind == "c" else 0)
        off = [np.full(n - 1, -1 - wind), diagonal, np.full(n - 1, -1 + wind)]
        return self.system(scipy.sparse.diags_array(off, offsets=[-1, 0, 1]), x, dtype)

    def system(self, A, x, dtype):
        """Return A, ``A x`` and x in this library and ``dtype``."""
        A, x = scipy.sparse.csr_array(A.astype(dtype)), x.astype(dtype)
        return self.matrix(A), self.array(A @ x), self.array(x)


no_gpu = pytest.mark.skipif(not gpu.is_available(), reason="needs CuPy and a CUDA device")


@pytest.fixture(
    params=[
        "numpy",
        "numpy-readonly",
        "strict",
        pytest.param("cupy", marks=[pytest.mark.gpu, no_gpu]),
    ]
)
def lib(request) -> Library:
    """One array library after the other."""
    return Library(request.param)


@pytest.fixture
def host_lib() -> Library:
    """NumPy alone, for what is defined on the host only."""
    return Library("numpy")


@pytest.fixture
def real_matrix():
    """Read A and ``b = A 1`` of a matrix that the benchmark ships."""
    from sparsesci.bench.problems.real_matrices import shipped_system

    return lambda name: next(shipped_system(None, name))

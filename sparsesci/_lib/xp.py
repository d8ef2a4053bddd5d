"""Arrays of any library: the only file that names array libraries.

An algorithm asks here for the namespace and device of its inputs, and from then on calls the array-API standard.
What the standard lacks (a norm that is fast, the two transfers, small dense factorisations) has its one door here.
"""

from __future__ import annotations

import math
from dataclasses import fields, is_dataclass, replace
from functools import cache
from typing import Any

import array_api_compat.numpy
import numpy as np
from array_api_compat import array_namespace, device, is_array_api_obj, is_cupy_array, is_numpy_array

__all__ = [
    "adjoint",
    "common_float",
    "conj",
    "cupy_module",
    "device",
    "dtype_name",
    "is_array",
    "is_complex",
    "is_cupy",
    "is_numpy",
    "is_sparse",
    "namespace",
    "norm",
    "precision",
    "real",
    "root",
    "squared_norm",
    "to_device",
    "to_host",
    "to_like",
    "vdot",
    "zeros_like",
]

ONLY_NUMPY = {np.ndarray}


def is_array(x: Any) -> bool:
    """Whether ``x`` is an array of any library."""
    return type(x) is np.ndarray or is_array_api_obj(x)  # what nearly every call asks about is told at once


def is_numpy(x: Any) -> bool:
    """Whether ``x`` is an array or scalar of NumPy."""
    return type(x) is np.ndarray or is_numpy_array(x)


def namespace(*arrays: Any):
    """Return the array-API namespace that all ``arrays`` share; raise TypeError where they mix libraries."""
    if set(map(type, arrays)) == ONLY_NUMPY:
        return array_api_compat.numpy
    try:
        return array_namespace(*arrays)
    except TypeError as error:
        kinds = ", ".join(sorted({type(array).__module__.split(".")[0] for array in arrays}))
        raise TypeError(
            f"arrays of different libraries cannot be mixed (got {kinds}): nothing is moved silently; "
            "use sparsesci.gpu.to_device or sparsesci.gpu.to_host"
        ) from error


def is_cupy(x: Any) -> bool:
    """Whether ``x`` is a CuPy array or a ``cupyx.scipy.sparse`` matrix."""
    if type(x) is np.ndarray:
        return False
    return is_cupy_array(x) or (is_sparse(x) and type(x).__module__.startswith("cupyx"))


def is_sparse(x: Any) -> bool:
    """Whether ``x`` is a sparse matrix or array of SciPy or CuPy (told without importing either)."""
    kind = type(x)  # of the class, because a matrix counts its entries when it is asked for nnz
    return kind is not np.ndarray and hasattr(kind, "tocsr") and hasattr(kind, "nnz")


def zeros_like(x):
    """Return an array of zeros of the shape, dtype, library and device of ``x``."""
    return namespace(x).zeros_like(x)


def is_complex(dtype: Any) -> bool:
    """Whether a dtype of any library is complex."""
    return dtype.kind == "c" if isinstance(dtype, np.dtype) else "complex" in dtype_name(dtype)


def conj(x):
    """Return the complex conjugate; of a real array the array itself (NumPy would copy it)."""
    return namespace(x).conj(x) if is_complex(x.dtype) else x


def adjoint(X):
    """Return the conjugate transpose of a matrix; a view when ``X`` is real."""
    return conj(X).T


def real(x):
    """Return the real part of an array or scalar; of a real one itself."""
    return namespace(x).real(x) if is_complex(x.dtype) else x


def vdot(x, y):
    """Return ``x^H y`` of two vectors as a scalar that stays on the device."""
    return namespace(x, y).vecdot(x, y)


def squared_norm(x):
    """Return ``x^H x`` of a vector as a real scalar that stays on the device."""
    return real(vdot(x, x))


def norm(x) -> float:
    """Euclidean norm of a vector as a Python float, right also where squares over- or underflow.

    ``sqrt(vecdot(x, x))`` is four times faster than ``vector_norm`` in NumPy. Reading the number waits for the device.
    """
    xp = namespace(x)
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        square = float(squared_norm(x))
    eps, smallest, largest = _limits(xp, x.dtype)
    # Outside of this range the squares of single entries may be lost: scale by the largest one.
    if smallest / eps < square < largest:
        return math.sqrt(square)
    if is_complex(x.dtype):
        return math.hypot(norm(xp.real(x)), norm(xp.imag(x)))
    largest = float(xp.max(xp.abs(x))) if x.shape[0] else 0.0
    if largest == 0.0 or not math.isfinite(largest):
        return largest
    with np.errstate(under="ignore"):
        return largest * math.sqrt(float(squared_norm(x / largest)))


def precision(x) -> float:
    """Return the distance from 1 to the next number in the dtype of ``x``."""
    return _limits(namespace(x), x.dtype)[0]


@cache
def _limits(xp: Any, dtype: Any) -> tuple[float, float, float]:
    """Return eps, the smallest normal and the largest number; the libraries compose them anew each time."""
    limits = xp.finfo(dtype)
    return float(limits.eps), float(limits.smallest_normal), float(limits.max)


def root(x, y) -> float:
    """Square root of the real part of ``x^H y`` with its sign, right also where that over- or underflows."""
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        product = float(real(vdot(x, y)))
        if not 1e-30 < abs(product) < 1e30:
            lengths = norm(x), norm(y)
            if 0 < min(lengths) <= max(lengths) < math.inf:
                product = float(real(vdot(x / lengths[0], y / lengths[1])))
                factor = math.sqrt(lengths[0]) * math.sqrt(lengths[1])
                return factor * math.copysign(math.sqrt(abs(product)), product)
    return math.copysign(math.sqrt(abs(product)), product)


def dtype_name(dtype: Any) -> str:
    """Return the name of a dtype of any library, such as "float32"."""
    return _name_of_numpy(dtype) if isinstance(dtype, np.dtype) else str(dtype).rsplit(".", maxsplit=1)[-1]


@cache
def _name_of_numpy(dtype: np.dtype) -> str:
    return dtype.name  # NumPy takes 10 us to compose it


@cache
def common_float(xp: Any, *dtypes: Any):
    """Return the dtype of ``xp`` in which these are computed together: float32, float64, complex64 or complex128.

    Single precision only where all of them have it; integers count as float64.
    """
    names = {dtype_name(dtype) for dtype in dtypes}
    single = names <= {"float32", "complex64", "float16"}
    if any("complex" in name for name in names):
        return xp.complex64 if single else xp.complex128
    return xp.float32 if single else xp.float64


def to_host(x: Any) -> Any:
    """Return ``x`` in host memory: arrays as NumPy, cupyx sparse as SciPy, containers and results field by field."""
    return _move(x, _array_to_host, _sparse_to_host)


def to_device(x: Any) -> Any:
    """Return ``x`` on the current CUDA device: arrays as CuPy, SciPy sparse as cupyx, containers field by field."""
    cupy = cupy_module()
    return _move(x, cupy.asarray, _sparse_to_device)


def to_like(x: np.ndarray, other):
    """Return a (small) host array in the namespace and on the device of ``other``."""
    if is_numpy(other):
        return x
    return namespace(other).asarray(x, device=device(other))


def cupy_module():
    """Return CuPy if it is installed and a device answers; otherwise raise an error that says which is missing."""
    try:
        import cupy
    except ImportError as error:
        raise ImportError(
            "the 'cupy' backend needs CuPy: pip install 'sparsesci[gpu]' (CUDA 12) or the cupy wheel of your CUDA"
        ) from error
    # CuPy imports on machines without a GPU, so a successful import is not enough.
    if not cupy.cuda.is_available():
        raise RuntimeError("CuPy is installed but finds no usable CUDA device: check the driver with nvidia-smi")
    return cupy


def _array_to_host(x):
    if is_numpy(x):
        return x
    if is_cupy_array(x):
        return x.get()
    return np.from_dlpack(x, device="cpu", copy=True)


def _sparse_to_host(x):
    return x.get() if is_cupy(x) else x


def _sparse_to_device(x):
    if is_cupy(x):
        return x
    import cupyx.scipy.sparse

    return cupyx.scipy.sparse.csr_matrix(x.tocsr())


def _move(x, move_array, move_sparse):
    """Apply a transfer to every array within ``x``; whatever is no array passes through."""
    if is_sparse(x):
        return move_sparse(x)
    if is_array(x):
        return move_array(x)
    if is_dataclass(x) and not isinstance(x, type):
        changes = {f.name: _move(getattr(x, f.name), move_array, move_sparse) for f in fields(x)}
        return replace(x, **changes)
    if isinstance(x, list | tuple):
        moved = [_move(item, move_array, move_sparse) for item in x]
        return type(x)(*moved) if hasattr(x, "_fields") else type(x)(moved)
    return x

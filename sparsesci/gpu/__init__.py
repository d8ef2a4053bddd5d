"""Is there a usable GPU, and the two transfers. No algorithm lives here.

* `is_available`: whether CuPy is installed and a CUDA device answers
* `device_info`: name, memory and compute capability of the current device
* `to_device`: arrays, sparse matrices, results and containers of them, from host to device
* `to_host`: the way back
"""

from __future__ import annotations

from sparsesci._lib import xp

__all__ = ["device_info", "is_available", "to_device", "to_host"]


def is_available() -> bool:
    """Whether CuPy is installed and finds a CUDA device (CuPy alone imports on machines without one)."""
    try:
        xp.cupy_module()
    except (ImportError, RuntimeError):
        return False
    return True


def device_info() -> dict[str, object]:
    """Return name, compute capability, memory in bytes and driver version of the current CUDA device.

    Raises
    ------
    ImportError, RuntimeError
        CuPy, or a device, is missing; the message says which.
    """
    cupy = xp.cupy_module()
    current = cupy.cuda.Device()
    properties = cupy.cuda.runtime.getDeviceProperties(current.id)
    free, total = current.mem_info
    return {
        "id": current.id,
        "name": properties["name"].decode(),
        "compute_capability": current.compute_capability,
        "memory_total": total,
        "memory_free": free,
        "driver_version": cupy.cuda.runtime.driverGetVersion(),
    }


def to_device(x):
    """Copy ``x`` to the current CUDA device.

    Parameters
    ----------
    x : array, sparse matrix, dataclass, list or tuple
        NumPy arrays become CuPy arrays, SciPy sparse matrices ``cupyx.scipy.sparse.csr_matrix``; the fields of
        results and recycle spaces, and the items of lists and tuples, are moved one by one. Anything else is returned
        as it is.

    Raises
    ------
    ImportError, RuntimeError
        CuPy, or a device, is missing; the message says which.
    """
    return xp.to_device(x)


def to_host(x):
    """Copy ``x`` to host memory: the inverse of `to_device`; what is on the host already is returned as it is.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsesci.gpu import to_host
    >>> to_host([np.arange(3), "text"])
    [array([0, 1, 2]), 'text']
    """
    return xp.to_host(x)

"""The versions, threads and devices that a bug report or a benchmark must state."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from importlib import metadata

from .xp import cupy_module

MISSING = "not installed"
CUPY_WHEELS = ("cupy", "cupy-cuda11x", "cupy-cuda12x", "cupy-cuda13x")  # one library under the names of its builds


@dataclass(frozen=True)
class Configuration:
    """What ``show_config`` found; prints as a table of names and values."""

    versions: dict[str, str]
    cpu: str
    blas: tuple[str, ...]
    gpu: str
    backend: str

    def __str__(self) -> str:
        rows = [*self.versions.items(), ("cpu", self.cpu), *(("blas", line) for line in self.blas)]
        rows += [("gpu", self.gpu), ("backend", self.backend)]
        width = max(len(name) for name, _ in rows)
        return "\n".join(f"{name:<{width}}  {value}" for name, value in rows)

    __repr__ = __str__


def show_config() -> Configuration:
    """Return the versions, processor, BLAS pools, GPU and active backend; its repr is the table to paste into a report.

    Examples
    --------
    >>> import sparsesci
    >>> sparsesci.show_config().backend
    'numpy'
    """
    import scipy.linalg  # noqa: F401  (brings the second of the two BLAS pools, so that both are listed)
    from threadpoolctl import threadpool_info

    from .dispatch import active_backend

    versions = {"sparsesci": _version("sparsesci"), "python": platform.python_version()}
    versions |= {name: _version(name) for name in ("numpy", "scipy", "numba", "array-api-compat")}
    versions["cupy"] = next((v for v in map(_version, CUPY_WHEELS) if v != MISSING), MISSING)
    pools = (
        f"{pool['internal_api']} {pool['version']}, {pool['num_threads']} threads, {pool['architecture']}"
        for pool in threadpool_info()
        if pool["user_api"] == "blas"
    )
    return Configuration(versions, cpu_name(), tuple(pools), _gpu_name(), active_backend())


def cpu_name() -> str:
    """Return the processor's own name where the system tells it, else its architecture."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            names = [line.partition(":")[2].strip() for line in file if line.startswith("model name")]
    except OSError:
        names = []
    return names[0] if names else platform.processor() or platform.machine()


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return MISSING


def _gpu_name() -> str:
    try:
        cupy = cupy_module()
    except (ImportError, RuntimeError):
        return "none usable"
    return cupy.cuda.runtime.getDeviceProperties(cupy.cuda.Device().id)["name"].decode()

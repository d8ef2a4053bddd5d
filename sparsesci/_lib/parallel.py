"""Workers and threads: ``workers`` becomes a map, and BLAS and Numba threads are limited together.

Two BLAS pools, those of the NumPy and the SciPy wheels, fight over the cores on small problems; a solver wraps small
work in ``thread_limit(1)``.
"""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

_BRING_A_POOL = ("scipy.linalg", "numba", "sklearn", "torch", "jax")


@contextmanager
def thread_limit(n_threads: int) -> Iterator[None]:
    """Limit BLAS and Numba to ``n_threads`` threads within a ``with`` block; costs about 20 microseconds."""
    numba = sys.modules.get("numba")  # not imported for this alone: what is not loaded runs no threads
    before = numba.get_num_threads() if numba else None
    pools = _thread_pools(sum(module in sys.modules for module in _BRING_A_POOL))
    try:
        if numba:
            numba.set_num_threads(min(n_threads, numba.config.NUMBA_NUM_THREADS))
        with pools.limit(limits=n_threads):
            yield
    finally:
        if numba:
            numba.set_num_threads(before)


@functools.cache
def _thread_pools(n_modules: int):
    """Find the loaded thread pools: a scan of a millisecond, repeated only after a module brought another one."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


@contextmanager
def worker_map(workers: int | Callable | None) -> Iterator[Callable]:
    """Turn SciPy's ``workers`` into a map.

    None and 1 are the built-in map, an int starts that many threads (-1: one a core) whose kernels run serial, and a
    map-like callable is itself: ``Executor.map``, ``MPIPoolExecutor.map``, or a function over a Dask client's ``map``.
    """
    if callable(workers):
        yield workers
        return
    if workers is None:
        workers = 1
    if not isinstance(workers, int) or isinstance(workers, bool) or workers < -1 or workers == 0:
        raise ValueError(f"workers is {workers!r}: a positive int, -1 (one a core) or a map-like callable is needed")
    if workers == -1:
        workers = os.cpu_count() or 1
    if workers == 1:
        yield map
        return
    with ThreadPoolExecutor(workers) as pool, thread_limit(1):
        yield pool.map

"""Workers and threads: ``workers`` becomes a map, and BLAS and Numba threads are limited together.

Two BLAS pools, those of the NumPy and the SciPy wheels, fight over the cores on small problems; a solver wraps small
work in ``thread_limit(1)``.
"""

from __future__ import annotations

import functools
import operator
import os
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import copy_context
from typing import Any

_BRING_A_POOL = ("scipy.linalg", "numba", "sklearn", "torch", "jax")
_blas = threading.RLock()  # held by the thread whose limit is in force


@contextmanager
def thread_limit(n_threads: int) -> Iterator[None]:
    """Limit BLAS and Numba to ``n_threads`` threads within a ``with`` block.

    Numba's limit holds in this thread, that of OpenBLAS for the whole process: where blocks of several threads overlap,
    only the first of them sets it, and takes it back.
    """
    with _blas_limit(n_threads), _numba_limit(n_threads):
        yield


@contextmanager
def _blas_limit(n_threads: int) -> Iterator[None]:
    if not _blas.acquire(blocking=False):
        yield
        return
    # Held also where nothing is to be set: the limit that is in force then is this block's until it ends.
    others = []
    try:
        for pool in _thread_pools(sum(module in sys.modules for module in _BRING_A_POOL)):
            before = pool.num_threads
            if before != n_threads:
                others.append((pool, before))
                pool.set_num_threads(n_threads)
        yield
    finally:
        for pool, before in others:
            pool.set_num_threads(before)
        _blas.release()


@contextmanager
def _numba_limit(n_threads: int) -> Iterator[None]:
    numba = sys.modules.get("numba")  # not imported for this alone: what is not loaded runs no threads
    if numba is None:
        yield
        return
    before = numba.get_num_threads()
    numba.set_num_threads(min(n_threads, numba.config.NUMBA_NUM_THREADS))
    try:
        yield
    finally:
        numba.set_num_threads(before)


@functools.cache
def _thread_pools(n_modules: int) -> list:
    """Find the loaded thread pools: a scan of a millisecond, repeated only after a module brought another one.

    They are set one by one: that of OpenBLAS mostly is as asked already, and the limits of threadpoolctl tell its
    version and much else each time, which takes longer than a small solve.
    """
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController().lib_controllers


def is_dask_client(workers: Any) -> bool:
    """Whether ``workers`` maps to futures that it gathers (told without importing Dask)."""
    return hasattr(workers, "gather") and hasattr(workers, "map")


def n_workers(workers: Any) -> int:
    """Return how many threads ``workers`` asks for: -1 is one a core."""
    message = f"workers is {workers!r}: a positive int, -1 (one a core), a map-like callable or a Dask client is needed"
    try:
        number = 1 if workers is None else operator.index(workers)
    except TypeError:
        raise ValueError(message) from None
    if isinstance(workers, bool) or number < -1 or number == 0:
        raise ValueError(message)
    return (os.cpu_count() or 1) if number == -1 else number


@contextmanager
def worker_map(workers: Any) -> Iterator[Callable]:
    """Turn SciPy's ``workers`` into a map.

    None and 1 are the built-in map, an int starts that many threads (-1: one a core), and a map-like callable is
    itself: ``Executor.map``, ``MPIPoolExecutor.map``; a Dask client is its ``map``, and waits. In the threads, kernels
    run serial, and on the backend of the caller.
    """
    if is_dask_client(workers):
        yield lambda function, *iterables: workers.gather(workers.map(function, *iterables, pure=False))
        return
    if callable(workers):
        yield workers
        return
    n_threads = n_workers(workers)
    if n_threads == 1:
        yield map
        return
    # OpenBLAS is limited here and not in the workers, whose limits threadpoolctl ignores.
    with ThreadPoolExecutor(n_threads) as pool, thread_limit(1):
        yield lambda function, *iterables: pool.map(_serially(function), *iterables)


def _serially(function: Callable) -> Callable:
    """Return ``function`` as a worker calls it: with serial kernels, and in the context (the backend) of the caller."""
    context = copy_context()

    def run(*arguments):
        with _numba_limit(1):
            return context.copy().run(function, *arguments)

    return run

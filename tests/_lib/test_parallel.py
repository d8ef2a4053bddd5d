"""Threads are limited where a block says so and nowhere else; workers become a map."""

import functools
import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import numba
import numpy as np
import pytest
import scipy.linalg  # noqa: F401  (brings the second BLAS pool)
from threadpoolctl import threadpool_info

from sparsesci._lib.dispatch import active_backend, backend
from sparsesci._lib.parallel import _thread_pools, thread_limit, worker_map


def blas_threads():
    return {pool["filepath"]: pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}


# --- thread_limit ----------------------------------------------------------------------------------------------------


def test_a_limit_holds_for_every_blas_pool_and_for_numba():
    with thread_limit(1):
        assert set(blas_threads().values()) == {1} and numba.get_num_threads() == 1


def test_a_limit_ends_with_its_block():
    before = blas_threads(), numba.get_num_threads()
    with thread_limit(1):
        pass
    assert (blas_threads(), numba.get_num_threads()) == before


def test_a_limit_ends_when_the_block_raises():
    before = blas_threads(), numba.get_num_threads()
    with pytest.raises(KeyError, match="mine"), thread_limit(1):
        raise KeyError("mine")
    assert (blas_threads(), numba.get_num_threads()) == before


def test_limits_nest():
    before = blas_threads()
    with thread_limit(1):
        with thread_limit(1):
            pass
        assert set(blas_threads().values()) == {1}
    assert blas_threads() == before


def test_a_limit_that_is_in_force_is_not_set_again(monkeypatch):
    with thread_limit(1):
        for pool in _thread_pools(0) + _thread_pools(1):
            monkeypatch.setattr(type(pool), "set_num_threads", lambda *_: pytest.fail("it was set"))
        with thread_limit(1):
            pass
        monkeypatch.undo()


def test_another_limit_within_a_block_is_set_and_taken_back():
    with thread_limit(1):
        with thread_limit(2):
            assert set(blas_threads().values()) == {2}
        assert set(blas_threads().values()) == {1}


def test_more_threads_than_numba_has_are_cut_to_what_it_has():
    with thread_limit(numba.config.NUMBA_NUM_THREADS + 5):
        assert numba.get_num_threads() == numba.config.NUMBA_NUM_THREADS


def test_a_limit_does_not_import_numba(monkeypatch):
    monkeypatch.delitem(sys.modules, "numba")
    with thread_limit(1):
        assert set(blas_threads().values()) == {1} and "numba" not in sys.modules


OVERLAP = """
import threading
import numpy
from threadpoolctl import threadpool_info
from sparsesci._lib.parallel import thread_limit

def blas_threads():
    return [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]

before = blas_threads()
first_is_in, second_is_in, first_is_out, second_is_out = (threading.Event() for _ in range(4))

def first():
    with thread_limit(1):
        first_is_in.set()
        second_is_in.wait(5)
    first_is_out.set()
    second_is_out.wait(5)  # stays alive, as the threads of a pool do

def second():
    first_is_in.wait(5)
    with thread_limit(1):
        second_is_in.set()
        first_is_out.wait(5)
    second_is_out.set()

threads = [threading.Thread(target=target) for target in (first, second)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
assert blas_threads() == before, (before, blas_threads())
"""


def test_limits_that_overlap_in_two_threads_leave_nothing_behind():
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "2"}
    done = subprocess.run([sys.executable, "-c", OVERLAP], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


# --- worker_map ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("workers", [None, 1])
def test_one_worker_is_the_built_in_map(workers):
    with worker_map(workers) as mapped:
        assert mapped is map


@pytest.mark.parametrize("workers", [2, 3, -1, np.int64(2)])
def test_workers_answer_in_the_order_of_the_questions(workers):
    with worker_map(workers) as mapped:
        assert list(mapped(lambda x: x * x, range(20))) == [x * x for x in range(20)]


def test_a_map_takes_several_iterables():
    with worker_map(2) as mapped:
        assert list(mapped(pow, [2, 3], [3, 2])) == [8, 9]


def test_two_workers_work_at_the_same_time():
    meeting = threading.Barrier(2, timeout=5)
    with worker_map(2) as mapped:
        assert sorted(mapped(lambda _: meeting.wait(), range(2))) == [0, 1]


def test_minus_one_is_a_worker_for_each_core(monkeypatch):
    monkeypatch.setattr(os, "cpu_count", lambda: 3)
    meeting = threading.Barrier(3, timeout=5)
    with worker_map(-1) as mapped:
        assert len(set(mapped(lambda _: meeting.wait(), range(3)))) == 3


def test_a_map_like_callable_is_itself():
    with ThreadPoolExecutor(1) as pool, worker_map(pool.map) as mapped:
        assert list(mapped(abs, [-1, 2])) == [1, 2]
    other = functools.partial(map)
    with worker_map(other) as mapped:
        assert mapped is other


@pytest.mark.parametrize("workers", [0, -2, True, False, "x", 2.0, []])
def test_other_workers_are_refused(workers):
    with (
        pytest.raises(ValueError, match=r"workers is .*positive int, -1 .* a map-like callable or a Dask client"),
        worker_map(workers),
    ):
        pytest.fail("the block was entered")


def test_an_error_of_a_worker_propagates():
    with worker_map(2) as mapped, pytest.raises(ZeroDivisionError):
        list(mapped(lambda x: 1 / x, [1, 0]))


def test_blas_is_serial_among_workers_and_is_not_afterwards():
    before = blas_threads()
    with worker_map(2) as mapped:
        assert [set(seen.values()) for seen in mapped(lambda _: blas_threads(), range(2))] == [{1}, {1}]
    assert blas_threads() == before


def test_kernels_are_serial_in_every_worker():
    with worker_map(2) as mapped:
        assert list(mapped(lambda _: numba.get_num_threads(), range(4))) == [1] * 4


def test_workers_compute_on_the_backend_of_the_one_who_asked(pretended_gpu):
    with backend("cupy"), worker_map(2) as mapped:
        assert list(mapped(lambda _: active_backend(), range(2))) == ["cupy", "cupy"]

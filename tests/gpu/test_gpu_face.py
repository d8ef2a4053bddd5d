"""The public face of the GPU: is there one, and what a transfer does."""

import sys
import types

import numpy as np
import pytest
import scipy.sparse

from sparsesci import gpu
from sparsesci.solvers import KrylovResult, gcrodr

HAS_GPU = pytest.mark.skipif(not gpu.is_available(), reason="needs CuPy and a CUDA device")
NO_GPU = pytest.mark.skipif(gpu.is_available(), reason="is about machines without a usable GPU")


def pretend(monkeypatch, *, available):
    """Put a CuPy in place that imports and finds a device, or none."""
    device = types.SimpleNamespace(id=3, compute_capability="90", mem_info=(10, 20))
    runtime = types.SimpleNamespace(
        getDeviceProperties=lambda number: {"name": f"device {number}".encode()}, driverGetVersion=lambda: 12040
    )
    cuda = types.SimpleNamespace(is_available=lambda: available, Device=lambda: device, runtime=runtime)
    monkeypatch.setitem(sys.modules, "cupy", types.SimpleNamespace(cuda=cuda))


def test_there_is_none_where_cupy_is_not_installed(monkeypatch):
    monkeypatch.setitem(sys.modules, "cupy", None)
    assert gpu.is_available() is False


def test_there_is_none_where_cupy_imports_but_finds_no_device(monkeypatch):
    pretend(monkeypatch, available=False)
    assert gpu.is_available() is False


def test_there_is_one_where_cupy_finds_a_device(monkeypatch):
    pretend(monkeypatch, available=True)
    assert gpu.is_available() is True


def test_the_device_is_described(monkeypatch):
    pretend(monkeypatch, available=True)
    assert gpu.device_info() == {
        "id": 3,
        "name": "device 3",
        "compute_capability": "90",
        "memory_total": 20,
        "memory_free": 10,
        "driver_version": 12040,
    }


@NO_GPU
@pytest.mark.parametrize("ask", [gpu.device_info, lambda: gpu.to_device(np.ones(2))])
def test_without_a_gpu_the_error_says_what_is_missing(ask):
    with pytest.raises((ImportError, RuntimeError), match=r"sparsesci\[gpu\]|no usable CUDA device"):
        ask()


def test_a_result_comes_to_the_host_with_its_recycle_space(lib):
    A, b, x = lib.convection(n=30, seed=2281)
    result = gpu.to_host(gcrodr(A, b, rtol=1e-9, restart=12, n_recycle=4))
    assert type(result) is KrylovResult and result.success
    for part in (result.x, result.recycle.U, result.recycle.C):
        assert isinstance(part, np.ndarray)
    np.testing.assert_allclose(result.x, lib.host(x), rtol=1e-6)


def test_what_is_on_the_host_stays_what_it_is():
    x, A = np.ones(2), scipy.sparse.eye_array(2)
    assert gpu.to_host(x) is x and gpu.to_host([A, "text"])[0] is A


@pytest.mark.gpu
@HAS_GPU
def test_a_recycle_space_survives_the_way_to_the_device_and_back(host_lib):
    A, b, _ = host_lib.convection(n=30, seed=2287)
    space = gcrodr(A, b, rtol=1e-9, restart=12, n_recycle=4).recycle
    there = gpu.to_device(space)
    assert type(there.U).__module__.startswith("cupy") and (there.n, there.k) == (space.n, space.k)
    np.testing.assert_array_equal(gpu.to_host(there).C, space.C)

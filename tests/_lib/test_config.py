"""What a bug report shows."""

import builtins
import platform
import sys
import types
from importlib import metadata

import numpy as np
import pytest

import sparsesci
from sparsesci import gpu
from sparsesci._lib import config


def test_it_states_the_versions_in_use():
    versions = sparsesci.show_config().versions
    assert versions["sparsesci"] == metadata.version("sparsesci")
    assert versions["numpy"] == np.__version__ and versions["python"] == platform.python_version()
    assert {"scipy", "numba", "array-api-compat"} <= set(versions)


def test_it_states_every_blas_pool_with_its_threads():
    pools = sparsesci.show_config().blas
    assert pools and all("threads" in pool for pool in pools)


def test_it_states_the_backend_in_force_and_the_device(monkeypatch):
    runtime = types.SimpleNamespace(getDeviceProperties=lambda number: {"name": f"device {number}".encode()})
    cuda = types.SimpleNamespace(is_available=lambda: True, Device=lambda: types.SimpleNamespace(id=3), runtime=runtime)
    monkeypatch.setitem(sys.modules, "cupy", types.SimpleNamespace(cuda=cuda))
    assert sparsesci.show_config().backend == "numpy"
    with sparsesci.backend("cupy"):
        found = sparsesci.show_config()
    assert (found.backend, found.gpu) == ("cupy", "device 3")


def test_a_package_that_is_missing_is_said_to_be(monkeypatch):
    def missing(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(config.metadata, "version", missing)
    versions = sparsesci.show_config().versions
    assert versions.pop("python") == platform.python_version() and set(versions.values()) == {"not installed"}


def test_it_prints_as_a_table_of_names_and_values():
    found = config.Configuration({"numpy": "2.1", "array-api-compat": "1.9"}, "a cpu", ("one", "two"), "none", "numpy")
    assert repr(found).splitlines() == [
        "numpy             2.1",
        "array-api-compat  1.9",
        "cpu               a cpu",
        "blas              one",
        "blas              two",
        "gpu               none",
        "backend           numpy",
    ]
    assert str(found) == repr(found)


def test_the_processor_has_a_name_even_where_the_system_does_not_tell_it(monkeypatch):
    def refuse(*_, **__):
        raise FileNotFoundError

    monkeypatch.setattr(builtins, "open", refuse)
    assert config.cpu_name()


@pytest.mark.skipif(gpu.is_available(), reason="is about machines without a usable GPU")
def test_a_machine_without_a_gpu_says_so():
    assert sparsesci.show_config().gpu == "none usable"

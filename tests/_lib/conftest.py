"""A stand-in for CuPy, so that what happens with one is tested on machines without a GPU."""

import types

import array_api_strict
import numpy as np
import pytest

from sparsesci._lib import xp

DEVICE = array_api_strict.Device("device1")


@pytest.fixture
def pretended_gpu(monkeypatch):
    """Let the strict device stand for the GPU: uploads go there, and what comes back comes from there."""

    def upload(x):
        return array_api_strict.asarray(np.asarray(x), device=DEVICE) if xp.is_numpy(x) else x

    monkeypatch.setattr(xp, "cupy_module", lambda: types.SimpleNamespace(asarray=upload))
    monkeypatch.setattr(xp, "_sparse_to_device", lambda A: upload(A.toarray()))
    return DEVICE

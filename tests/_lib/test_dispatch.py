"""Which code runs: kernels for the arrays they are made for, references for all others; and the backend switch."""

import itertools
import sys
import threading
import types
from dataclasses import dataclass

import numpy as np
import pytest
import scipy.sparse

import sparsesci
from sparsesci import gpu
from sparsesci._lib import xp
from sparsesci._lib.dispatch import active_backend, backend, kernel, public
from sparsesci._lib.operator import as_operator
from sparsesci.solvers import gcrodr

NUMBERS = itertools.count()
without_gpu = pytest.mark.skipif(gpu.is_available(), reason="is about machines without a usable GPU")


@pytest.fixture
def scale(monkeypatch):
    """Return a decorated reference, a list of who ran, and the arguments that reached the kernel."""
    ran, seen = [], []

    def compiled(machine):
        def run(*arguments):
            ran.append(machine)
            seen.extend(arguments)
            return "compiled"

        return run

    name = f"stand_in_{next(NUMBERS)}"  # resolved targets are remembered: another name for each test
    module = types.SimpleNamespace(on_cpu=compiled("cpu"), on_gpu=compiled("gpu"))
    monkeypatch.setitem(sys.modules, name, module)

    @kernel(cpu=f"{name}:on_cpu", gpu=f"{name}:on_gpu")
    def scale(*arguments):
        """Say that the reference ran."""
        ran.append("reference")
        return "reference"

    return types.SimpleNamespace(call=scale, ran=ran, seen=seen)


# --- kernels ---------------------------------------------------------------------------------------------------------


def test_numpy_arrays_go_to_the_compiled_form_and_strict_ones_to_the_reference(lib, scale):
    scale.call(lib.array(np.ones(3)), 2.0)
    assert scale.ran == [{"strict": "reference", "cupy": "gpu"}.get(lib.name, "cpu")]


class OnDevice(np.ndarray):
    """A stand-in for the arrays of a GPU: dispatch goes by types."""


@pytest.fixture
def on_device(monkeypatch):
    """Return an array that passes for one of CuPy."""
    monkeypatch.setattr(xp, "is_numpy", lambda x: type(x) is np.ndarray)
    monkeypatch.setattr(xp, "is_cupy", lambda x: type(x) is OnDevice)
    return np.zeros(2).view(OnDevice)


def test_arrays_on_a_gpu_go_to_its_kernel(scale, on_device):
    scale.call(on_device)
    assert scale.ran == ["gpu"]


def test_arrays_of_two_machines_go_to_the_reference_which_refuses_them(scale, on_device):
    scale.call(np.ones(2), on_device)
    assert scale.ran == ["reference"]


def test_calls_with_arguments_of_other_types_do_not_share_what_is_known_of_them(scale, on_device):
    scale.call(np.ones(2), 2.0)
    scale.call(on_device, 2.0)
    scale.call(2.0, on_device)
    scale.call([2.0], 2.0)
    scale.call(np.ones(2), 2.0)
    assert scale.ran == ["cpu", "gpu", "gpu", "reference", "cpu"]


def test_without_an_array_the_reference_runs(scale):
    scale.call(1.0, [2.0])
    assert scale.ran == ["reference"]


def test_the_reference_stays_reachable(scale):
    assert scale.call.reference(np.ones(3)) == "reference"
    assert scale.ran == ["reference"]


def test_a_reference_without_a_compiled_form_just_runs():
    @kernel()
    def double(x):
        return 2 * x

    assert double(np.ones(2)).tolist() == [2.0, 2.0]


def test_the_decorated_function_keeps_name_and_documentation(scale):
    assert scale.call.__name__ == "scale" and scale.call.__doc__ == "Say that the reference ran."


def test_a_kernel_is_called_by_position_alone(scale):
    with pytest.raises(TypeError, match="unexpected keyword argument"):
        scale.call(x=np.ones(2))


def test_a_kernel_is_not_imported_before_it_is_needed():
    @kernel(cpu="sparsesci.there_is_no_such_module:f")
    def identity(x):
        return x

    assert identity.reference(np.ones(1)) == 1
    with pytest.raises(ModuleNotFoundError, match="there_is_no_such_module"):
        identity(np.ones(1))


def test_an_operator_reaches_the_kernel_as_its_arrays_in_the_dtype_of_the_vectors(scale):
    x = np.ones(3, "complex64")
    scale.call(as_operator(scipy.sparse.eye_array(3, format="csr"), x), x)
    csr, vector = scale.seen
    assert scale.ran == ["cpu"] and vector is x
    assert csr.data.dtype == np.complex64 and csr.indices.dtype == np.uint32


@pytest.mark.parametrize("A", [np.eye(3), lambda v: v])
def test_an_operator_without_arrays_sends_the_call_to_the_reference(scale, A):
    x = np.ones(3)
    scale.call(as_operator(A, x), x)
    assert scale.ran == ["reference"]


# --- the backend -----------------------------------------------------------------------------------------------------


def test_the_default_backend_leaves_host_data_where_it_is(monkeypatch):
    monkeypatch.delenv("SPARSESCI_BACKEND", raising=False)
    assert active_backend() == "numpy"


def test_the_environment_sets_the_default(monkeypatch, pretended_gpu):
    monkeypatch.setenv("SPARSESCI_BACKEND", "cupy")
    assert active_backend() == "cupy"


def test_a_block_outranks_the_environment(monkeypatch, pretended_gpu):
    monkeypatch.setenv("SPARSESCI_BACKEND", "cupy")
    with backend("numpy"):
        assert active_backend() == "numpy"
    assert active_backend() == "cupy"


def test_an_empty_environment_variable_is_as_good_as_none(monkeypatch):
    monkeypatch.setenv("SPARSESCI_BACKEND", "")
    assert active_backend() == "numpy"


def test_a_wrong_name_in_the_environment_is_named_as_such(monkeypatch):
    monkeypatch.setenv("SPARSESCI_BACKEND", "cuda")
    with pytest.raises(ValueError, match=r"SPARSESCI_BACKEND is 'cuda': accepted are 'numpy', 'cupy'"):
        gcrodr(np.eye(2), np.ones(2))


@pytest.mark.parametrize("name", ["torch", "", None, "CuPy"])
def test_an_unknown_backend_is_refused(name):
    with pytest.raises(ValueError, match=r"backend is .*accepted are 'numpy', 'cupy'"), backend(name):
        pass


def test_backends_nest_and_are_restored(pretended_gpu):
    with sparsesci.backend("cupy"):
        with sparsesci.backend("numpy"):
            assert active_backend() == "numpy"
        assert active_backend() == "cupy"
    assert active_backend() == "numpy"


def test_a_backend_is_restored_after_an_exception(pretended_gpu):
    with pytest.raises(KeyError, match="mine"), backend("cupy"):
        raise KeyError("mine")
    assert active_backend() == "numpy"


def test_a_backend_holds_for_its_own_thread_alone(pretended_gpu):
    seen = []
    with backend("cupy"):
        thread = threading.Thread(target=lambda: seen.append(active_backend()))
        thread.start()
        thread.join()
    assert seen == ["numpy"]


@without_gpu
def test_cupy_without_a_gpu_is_an_error_and_never_a_fallback():
    with pytest.raises((ImportError, RuntimeError), match=r"sparsesci\[gpu\]|no usable CUDA device"), backend("cupy"):
        pytest.fail("the block was entered")
    assert active_backend() == "numpy"


@without_gpu
def test_cupy_from_the_environment_without_a_gpu_is_an_error_too(monkeypatch):
    monkeypatch.setenv("SPARSESCI_BACKEND", "cupy")
    with pytest.raises((ImportError, RuntimeError), match=r"sparsesci\[gpu\]|no usable CUDA device"):
        gcrodr(np.eye(2), np.ones(2))


# --- public functions ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Answer:
    """A result with an array in it."""

    x: object
    device: object


@public
def double(x, *, plus=None):
    """Double an array, and say where that happened."""
    return Answer(2 * x if plus is None else 2 * x + plus, xp.device(x))


def test_a_public_function_takes_host_data_as_it_is_by_default():
    answer = double(np.ones(2), plus=np.ones(2))
    assert answer.x.tolist() == [3.0, 3.0] and answer.device == "cpu"


def test_a_public_function_computes_host_data_on_the_device_and_returns_it(pretended_gpu):
    x = np.arange(3.0)
    with backend("cupy"):
        answer = double(x, plus=np.ones(3))
    assert answer.device == pretended_gpu
    assert isinstance(answer.x, np.ndarray) and answer.x.tolist() == [1.0, 3.0, 5.0]
    assert x.tolist() == [0.0, 1.0, 2.0]


def test_a_public_function_lets_its_errors_through_and_the_backend_goes_on(pretended_gpu):
    with backend("cupy"):
        with pytest.raises(TypeError, match="unexpected keyword"):
            double(np.ones(2), minus=1)
        assert double(np.ones(2)).device == pretended_gpu


def test_a_public_function_keeps_its_name_and_signature():
    assert double.__name__ == "double" and double.__doc__.startswith("Double")


def test_a_whole_solve_runs_on_the_device_and_comes_back(pretended_gpu, host_lib):
    A, b, x = host_lib.convection(n=40, seed=1181)
    with backend("cupy"):
        result = gcrodr(A.toarray(), b, rtol=1e-10)
        again = gcrodr(A.toarray(), b, rtol=1e-10, recycle=result.recycle, same_operator=True)
    for part in (result.x, result.recycle.U, result.recycle.C):
        assert isinstance(part, np.ndarray)
    np.testing.assert_allclose(result.x, x, rtol=1e-7)
    assert again.nit < result.nit

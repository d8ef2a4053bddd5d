"""Every CUDA source of the package compiles, without a warning, for the architectures that we name.

NVRTC is a compiler in a shared library: it needs neither a GPU nor a driver. A source that passes here "compiles"; it
is not thereby tested on a GPU. A ``.cu`` file must therefore be self-contained: no header but NVRTC's own, and each
template instantiated explicitly for the types that it serves.
"""

import ctypes
import importlib.util
from pathlib import Path

import pytest

ARCHITECTURES = (70, 80, 90)
PACKAGE = Path(importlib.util.find_spec("sparsesci").origin).parent
SOURCES = sorted((PACKAGE / "gpu" / "_kernels").rglob("*.cu"))
NONE_YET = pytest.param(
    None, id="none", marks=pytest.mark.skip(reason="sparsesci/gpu/_kernels holds no .cu source yet")
)

SCALE = """
template <typename T> __device__ T product(T a, T b) { return a * b; }
extern "C" __global__ void scale(double *x, double alpha, unsigned long long n) {
    unsigned long long i = blockIdx.x * (unsigned long long)blockDim.x + threadIdx.x;
    if (i < n) x[i] = product(alpha, x[i]);
}
"""


class CompileError(Exception):
    """NVRTC refused a source; the message is its log."""


class Nvrtc:
    """The five calls of libnvrtc that a compile check needs."""

    def __init__(self, path):
        self._library = ctypes.CDLL(str(path))

    def _call(self, name, *arguments):
        status = getattr(self._library, name)(*arguments)
        if status != 0 and name != "nvrtcCompileProgram":
            raise RuntimeError(f"{name} returned status {status}")
        return status

    def supported(self):
        """Architectures that this NVRTC compiles for."""
        count = ctypes.c_int()
        self._call("nvrtcGetNumSupportedArchs", ctypes.byref(count))
        numbers = (ctypes.c_int * count.value)()
        self._call("nvrtcGetSupportedArchs", numbers)
        return tuple(numbers)

    def compile(self, source, architecture, name="source.cu"):
        """Return the PTX of ``source``; raise `CompileError` with the log if NVRTC complains, be it by a warning."""
        program = ctypes.c_void_p()
        self._call("nvrtcCreateProgram", ctypes.byref(program), source.encode(), name.encode(), 0, None, None)
        try:
            options = (ctypes.c_char_p * 2)(f"--gpu-architecture=compute_{architecture}".encode(), b"--std=c++17")
            status = self._call("nvrtcCompileProgram", program, len(options), options)
            lines = self._text("ProgramLog", program).strip().splitlines()
            # That an architecture is deprecated is a complaint about the option, not about the source.
            log = "\n".join(line for line in lines if "Architectures prior to" not in line)
            if status != 0 or log:
                raise CompileError(log)
            return self._text("PTX", program)
        finally:
            self._call("nvrtcDestroyProgram", ctypes.byref(program))

    def _text(self, what, program):
        size = ctypes.c_size_t()
        self._call(f"nvrtcGet{what}Size", program, ctypes.byref(size))
        buffer = ctypes.create_string_buffer(size.value)
        self._call(f"nvrtcGet{what}", program, buffer)
        return buffer.value.decode()


def nvrtc_path():
    """Find the library in the nvidia-cuda-nvrtc-cu12 wheel; None where the wheel is not installed."""
    try:
        spec = importlib.util.find_spec("nvidia.cuda_nvrtc")
    except ModuleNotFoundError:
        return None
    if spec is None:
        return None
    folders = [Path(place) for place in spec.submodule_search_locations]
    names = ("lib/libnvrtc.so.*", "bin/nvrtc64_*.dll")
    found = [path for folder in folders for name in names for path in sorted(folder.glob(name))]
    assert found, f"the nvidia-cuda-nvrtc-cu12 wheel in {folders} holds no NVRTC library"
    return found[0]


@pytest.fixture(scope="module")
def nvrtc():
    path = nvrtc_path()
    if path is None:
        pytest.skip("the wheel nvidia-cuda-nvrtc-cu12 is not installed (it is part of the test extra)")
    return Nvrtc(path)


@pytest.fixture(params=ARCHITECTURES, ids="compute_{}".format)
def architecture(request, nvrtc):
    if request.param not in nvrtc.supported():
        pytest.skip(f"this NVRTC no longer compiles for compute_{request.param}")
    return request.param


@pytest.mark.parametrize("source", SOURCES or [NONE_YET], ids=lambda path: path.name)
def test_a_cuda_source_of_the_package_compiles(nvrtc, architecture, source):
    assert ".entry" in nvrtc.compile(source.read_text(encoding="utf-8"), architecture, source.name)


# The check itself


def test_a_good_source_becomes_ptx_for_its_architecture(nvrtc, architecture):
    ptx = nvrtc.compile(SCALE, architecture)
    assert f".target sm_{architecture}" in ptx and ".entry scale" in ptx


@pytest.mark.parametrize(
    ("source", "complaint"),
    [
        (SCALE.replace("alpha, x[i]", "beta, x[i]"), r'scale\.cu\(5\): error: identifier "beta" is undefined'),
        (SCALE.replace("if (i < n)", "int j; if (i < n)"), r"scale\.cu\(5\): warning.*declared but never referenced"),
        ("#include <no_such_header.h>\n" + SCALE, r"no_such_header\.h"),
    ],
    ids=["error", "warning", "header"],
)
def test_a_bad_source_is_refused_with_the_line(nvrtc, architecture, source, complaint):
    with pytest.raises(CompileError, match=complaint):
        nvrtc.compile(source, architecture, "scale.cu")


def test_at_least_one_named_architecture_is_compiled_for(nvrtc):
    assert set(ARCHITECTURES) & set(nvrtc.supported())


def test_an_unknown_architecture_is_an_error(nvrtc):
    with pytest.raises(CompileError, match="invalid value for --gpu-architecture"):
        nvrtc.compile(SCALE, 12)

"""Arrays of any library: namespaces, norms, dtypes, and the two transfers."""

import math
import sys
import types
from collections import namedtuple
from dataclasses import dataclass

import array_api_strict
import numpy as np
import pytest
import scipy.sparse
from hypothesis import given
from hypothesis import strategies as st

from sparsesci._lib import xp

DTYPES = ["float32", "float64", "complex64", "complex128"]


def random_vector(n, *, seed, dtype="float64"):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal(n) + (1j * rng.standard_normal(n) if np.dtype(dtype).kind == "c" else 0)
    return x.astype(dtype)


# --- namespaces ------------------------------------------------------------------------------------------------------


def test_arrays_of_one_library_share_its_namespace(lib):
    x, y = lib.array(np.arange(3.0)), lib.array(np.ones(2))
    assert xp.namespace(x, y) is xp.namespace(x)
    assert lib.host(xp.namespace(x).zeros(2)).tolist() == [0.0, 0.0]


def test_arrays_of_two_libraries_are_refused_with_the_way_out():
    with pytest.raises(TypeError, match=r"got array_api_strict, numpy.*sparsesci\.gpu\.to_device"):
        xp.namespace(np.ones(2), array_api_strict.ones(2))


def test_what_is_no_array_has_no_namespace():
    with pytest.raises(TypeError, match="got builtins"):
        xp.namespace([1.0, 2.0])


@pytest.mark.parametrize("kind", ["csr_array", "csc_matrix", "coo_array", "dia_array", "lil_matrix"])
def test_every_sparse_format_is_known_as_sparse_and_as_no_array(kind):
    A = getattr(scipy.sparse, kind)(np.eye(3))
    assert xp.is_sparse(A) and not xp.is_array(A) and not xp.is_cupy(A)


def test_a_dense_array_is_not_sparse(lib):
    x = lib.array(np.eye(2))
    assert xp.is_array(x) and not xp.is_sparse(x)


def test_a_cupyx_matrix_is_told_by_its_module():
    FromCupyx = type("csr_matrix", (), {"__module__": "cupyx.scipy.sparse", "tocsr": None, "nnz": 0})
    assert xp.is_cupy(FromCupyx())


# --- small helpers ---------------------------------------------------------------------------------------------------


def test_zeros_like_stays_where_its_model_is(lib):
    x = lib.array(random_vector(4, seed=1103, dtype="complex64"))
    zeros = xp.zeros_like(x)
    assert zeros.dtype == x.dtype and xp.device(zeros) == xp.device(x) and not lib.host(zeros).any()


def test_to_like_carries_a_host_array_to_the_place_of_another(lib):
    x, other = np.arange(3.0), lib.array(np.ones(2))
    moved = xp.to_like(x, other)
    assert xp.device(moved) == xp.device(other)
    np.testing.assert_array_equal(lib.host(moved), x)


def test_the_conjugate_of_a_real_array_is_the_array_itself(lib):
    x = lib.array(random_vector(5, seed=1109))
    assert xp.conj(x) is x


def test_the_adjoint_is_conjugate_and_transposed(lib):
    X = random_vector(6, seed=1117, dtype="complex128").reshape(2, 3)
    np.testing.assert_array_equal(lib.host(xp.adjoint(lib.array(X))), X.conj().T)


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_dtype_has_the_same_name_in_every_library(lib, dtype):
    x = lib.array(np.ones(1, dtype))
    assert xp.dtype_name(x.dtype) == dtype and xp.is_complex(x.dtype) == dtype.startswith("complex")


@pytest.mark.parametrize(
    ("dtypes", "common"),
    [
        (["float32"], "float32"),
        (["float32", "float64"], "float64"),
        (["float32", "complex64"], "complex64"),
        (["float64", "complex64"], "complex128"),
        (["float32", "int32"], "float64"),
        (["bool"], "float64"),
        (["float16"], "float32"),
        (["longdouble"], "float64"),
        ([], "float32"),
    ],
)
def test_single_precision_is_kept_only_where_all_have_it(dtypes, common):
    assert xp.common_float(np, *map(np.dtype, dtypes)) == np.dtype(common)


def test_the_common_dtype_belongs_to_the_library_asked_for(lib):
    x = lib.array(np.ones(1, "float32"))
    assert xp.common_float(xp.namespace(x), x.dtype, np.dtype("complex64")) == lib.array(np.ones(1, "complex64")).dtype


# --- norms -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_norm_is_the_euclidean_one_as_a_python_float(lib, dtype):
    x = random_vector(31, seed=1123, dtype=dtype)
    measured = xp.norm(lib.array(x))
    assert type(measured) is float
    assert measured == pytest.approx(np.linalg.norm(x.astype(complex)), rel=1e-6)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("exponent", [-37, -30, -20, 20, 30, 37])
def test_a_norm_is_right_where_its_square_is_not_a_number_of_the_dtype(lib, dtype, exponent):
    scale = 10.0 ** (exponent if dtype in ("float32", "complex64") else 8 * exponent)
    x = (random_vector(17, seed=1129, dtype=dtype) * scale).astype(dtype)
    assert xp.norm(lib.array(x)) == pytest.approx(np.linalg.norm(x.astype(complex) / scale) * scale, rel=1e-6, abs=0)


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_norm_is_right_for_the_smallest_number(lib, dtype):
    smallest = np.finfo(dtype).smallest_subnormal
    assert xp.norm(lib.array(np.array([0, smallest, 0], dtype))) == pytest.approx(float(smallest), abs=0)


def test_a_single_large_entry_does_not_hide_the_others(lib):
    assert xp.norm(lib.array(np.array([3e200, 4e200, 1e-200]))) == pytest.approx(5e200)


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_norm_of_zeros_is_zero(lib, dtype):
    assert xp.norm(lib.array(np.zeros(3, dtype))) == 0.0


def test_the_norm_of_nothing_is_zero(lib):
    assert xp.norm(lib.array(np.zeros(0))) == 0.0


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_the_norm_of_what_is_not_finite_is_not_finite(lib, dtype, bad):
    x = random_vector(9, seed=1151, dtype=dtype)
    x[4] = bad
    assert not math.isfinite(xp.norm(lib.array(x)))


def test_a_squared_norm_stays_on_the_device_and_is_real(lib):
    x = random_vector(7, seed=1153, dtype="complex64")
    square = xp.squared_norm(lib.array(x))
    assert square.shape == () and xp.dtype_name(square.dtype) == "float32"
    assert float(square) == pytest.approx(np.vdot(x, x).real, rel=1e-6)


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False, max_value=1e306, min_value=-1e306), max_size=12))
def test_a_norm_agrees_with_hypot_at_every_scale(entries):
    assert xp.norm(np.array(entries, float)) == pytest.approx(math.hypot(*entries), rel=1e-13, abs=5e-324)


# --- transfers -------------------------------------------------------------------------------------------------------


Pair = namedtuple("Pair", ["left", "right"])


@dataclass(frozen=True)
class Record:
    """A frozen dataclass like those that solvers return."""

    x: object
    name: str
    inner: object = None


def test_to_host_leaves_what_is_on_the_host(host_lib):
    x, A = np.ones(2), scipy.sparse.eye_array(2, format="csr")
    assert xp.to_host(x) is x and xp.to_host(A) is A


def test_to_host_makes_a_copy_that_can_be_written(lib):
    x = lib.array(np.arange(3.0))
    host = xp.to_host(x)
    assert isinstance(host, np.ndarray)
    if lib.name in ("strict", "cupy"):
        host[0] = 7
        assert float(x[0]) == 0


def test_to_host_walks_dataclasses_tuples_named_tuples_and_lists(lib):
    x = lib.array(np.arange(3.0))
    record = Record(x, "seen", inner=[(x, None), Pair(x, 2), Record(x, "deep")])
    host = xp.to_host(record)
    assert type(host) is Record and host.name == "seen"
    pair, named, deep = host.inner
    assert type(pair) is tuple and pair[1] is None and type(named) is Pair and named.right == 2
    for found in (host.x, pair[0], named.left, deep.x):
        assert isinstance(found, np.ndarray) and found.tolist() == [0.0, 1.0, 2.0]


@pytest.mark.parametrize("thing", ["text", None, 3, {"a": 1}, Record, len])
def test_what_holds_no_array_passes_a_transfer_unchanged(thing, pretended_gpu):
    assert xp.to_host(thing) is thing and xp.to_device(thing) is thing


def test_to_device_and_to_host_are_inverse(pretended_gpu):
    record = Record(np.arange(3.0), "seen", inner=Pair([np.ones(2, "complex64")], ()))
    there = xp.to_device(record)
    assert xp.device(there.x) == pretended_gpu and xp.device(there.inner.left[0]) == pretended_gpu
    back = xp.to_host(there)
    np.testing.assert_array_equal(back.x, record.x)
    assert type(back.inner) is Pair and back.inner.left[0].dtype == np.complex64


def test_to_device_takes_sparse_matrices_within_containers(pretended_gpu):
    (there,) = xp.to_device([scipy.sparse.eye_array(2, format="csr")])
    assert xp.to_host(there).tolist() == [[1.0, 0.0], [0.0, 1.0]]


def test_a_record_on_the_host_is_not_changed_by_a_transfer(pretended_gpu):
    x = np.arange(3.0)
    record = Record(x, "seen")
    xp.to_device(record)
    assert record.x is x


@pytest.mark.gpu
def test_a_sparse_matrix_survives_the_way_to_a_gpu_and_back():
    pytest.importorskip("cupy")
    A = scipy.sparse.random_array((7, 7), density=0.4, rng=np.random.default_rng(1163), format="csr")
    there = xp.to_device(A)
    assert xp.is_cupy(there)
    np.testing.assert_array_equal(xp.to_host(there).toarray(), A.toarray())


# --- the door to CuPy ------------------------------------------------------------------------------------------------


def test_a_machine_without_cupy_is_told_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "cupy", None)
    with pytest.raises(ImportError, match=r"pip install 'sparsesci\[gpu\]'"):
        xp.cupy_module()


def test_cupy_without_a_device_is_an_error_of_its_own(monkeypatch):
    deaf = types.SimpleNamespace(cuda=types.SimpleNamespace(is_available=lambda: False))
    monkeypatch.setitem(sys.modules, "cupy", deaf)
    with pytest.raises(RuntimeError, match="no usable CUDA device"):
        xp.cupy_module()


def test_cupy_with_a_device_is_handed_out(monkeypatch):
    ready = types.SimpleNamespace(cuda=types.SimpleNamespace(is_available=lambda: True))
    monkeypatch.setitem(sys.modules, "cupy", ready)
    assert xp.cupy_module() is ready

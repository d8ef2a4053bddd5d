"""The dense Walsh-Hadamard transform: against its definition, its kernel against its reference, and bad input."""

import numpy as np
import pytest
import scipy.linalg
from hypothesis import given, settings
from hypothesis import strategies as st

from sparsesci.recovery import fwht, ifwht
from sparsesci.recovery.hadamard import fwht as page
from sparsesci.recovery.hadamard.dense import butterflies

DTYPES = ["float32", "float64", "complex64", "complex128"]
NORMS = ["backward", "ortho", "forward"]
ORDERS = ["natural", "dyadic", "sequency"]


def random_array(shape, *, seed, dtype="float64"):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal(shape) + (1j * rng.standard_normal(shape) if np.dtype(dtype).kind == "c" else 0)
    return x.astype(dtype)


def small_integers(shape, *, seed, dtype="float64"):
    """Return numbers whose transforms are exact: sums of integers in every order of the additions."""
    rng = np.random.default_rng(seed)
    x = rng.integers(-4, 5, shape) + (1j * rng.integers(-4, 5, shape) if np.dtype(dtype).kind == "c" else 0)
    return x.astype(dtype)


def naive(x):
    """Return the transform of the middle axis by stacking, as `butterflies.reference` but on its own."""
    (outer, n, inner), h = x.shape, 1
    while h < n:
        x = x.reshape(outer, n // (2 * h), 2, h, inner)
        x = np.concatenate((x[:, :, :1] + x[:, :, 1:], x[:, :, :1] - x[:, :, 1:]), axis=2)
        h *= 2
    return x.reshape(outer, n, inner)


def eps_of(dtype):
    return float(np.finfo(dtype).eps)


# --- What it computes ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("m", range(13))
@pytest.mark.parametrize("dtype", DTYPES)
def test_it_is_the_product_with_sylvesters_matrix(m, dtype):
    x = small_integers((3, 2**m), seed=8101, dtype=dtype)
    y = fwht(x)
    assert y.dtype == dtype
    np.testing.assert_array_equal(y, x @ scipy.linalg.hadamard(2**m, dtype=x.real.dtype))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("axis", [0, 1, 2, -1, -3])
def test_every_library_and_axis_gives_the_product_with_the_matrix(lib, dtype, axis):
    x = small_integers((4, 8, 16), seed=8102, dtype=dtype)
    y = lib.host(fwht(lib.array(x), axis=axis))
    H = scipy.linalg.hadamard(x.shape[axis])
    assert y.dtype == dtype
    np.testing.assert_array_equal(y, np.moveaxis(np.tensordot(H, x, axes=(1, axis)), 0, axis))


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("norm", NORMS)
def test_every_library_gives_back_what_it_transformed(lib, order, norm):
    x = random_array((5, 64), seed=8103)
    y = ifwht(fwht(lib.array(x), norm=norm, order=order), norm=norm, order=order)
    np.testing.assert_allclose(lib.host(y), x, atol=1e-13)


@settings(deadline=None, max_examples=80)
@given(
    m=st.integers(0, 11),
    outer=st.sampled_from([(), (1,), (3,), (2, 5)]),
    inner=st.sampled_from([(), (2,), (3,), (8,), (17,), (64,), (70,), (2, 3)]),
    dtype=st.sampled_from([*DTYPES, "int32", "bool"]),
    norm=st.sampled_from(NORMS),
    order=st.sampled_from(ORDERS),
    overwrite_x=st.booleans(),
    seed=st.integers(2, 41),
)
def test_the_inverse_takes_it_back(m, outer, inner, dtype, norm, order, overwrite_x, seed):
    x = (4 * random_array((*outer, 2**m, *inner), seed=seed, dtype="complex128")).astype(np.complex128)
    x = x.astype(dtype) if np.dtype(dtype).kind == "c" else x.real.astype(dtype)
    options = {"axis": len(outer), "norm": norm, "order": order}
    y = fwht(x.copy(), **options, overwrite_x=overwrite_x)
    assert y.dtype == (dtype if dtype in DTYPES else "float64") and y.shape == x.shape
    back = ifwht(y, **options, overwrite_x=overwrite_x)
    np.testing.assert_allclose(back, x, atol=100 * eps_of(back.dtype), rtol=0)


@settings(deadline=None, max_examples=50)
@given(m=st.integers(0, 12), order=st.sampled_from(ORDERS), seed=st.integers(2, 41))
def test_the_orthonormal_transform_keeps_inner_products(m, order, seed):
    x, y = random_array((2, 2**m), seed=seed, dtype="complex128")
    transformed = np.vdot(fwht(x, norm="ortho", order=order), fwht(y, norm="ortho", order=order))
    assert transformed == pytest.approx(np.vdot(x, y), abs=1e-14 * np.linalg.norm(x) * np.linalg.norm(y))


@settings(deadline=None, max_examples=50)
@given(m=st.integers(0, 12), order=st.sampled_from(ORDERS), seed=st.integers(2, 41))
def test_it_is_linear(m, order, seed):
    x, y = small_integers((2, 2**m), seed=seed)
    np.testing.assert_array_equal(fwht(3 * x - 2 * y, order=order), 3 * fwht(x, order=order) - 2 * fwht(y, order=order))


@pytest.mark.parametrize("m", [0, 1, 3, 6, 9])
def test_a_product_of_transforms_is_that_of_the_dyadic_convolution(m):
    x, y = small_integers((2, 2**m), seed=8104)
    k = np.arange(2**m)
    convolution = (x[None, :] * y[k[None, :] ^ k[:, None]]).sum(axis=1)
    np.testing.assert_array_equal(ifwht(fwht(x) * fwht(y)), convolution)


@pytest.mark.parametrize(("norm", "forward", "back"), [("backward", 1, 1 / 8), ("ortho", 8**-0.5, 8**-0.5),
                                                       ("forward", 1 / 8, 1)])  # fmt: skip
def test_a_norm_says_where_the_factor_stands(norm, forward, back):
    x = np.eye(8)[0]
    np.testing.assert_allclose(fwht(x, norm=norm), np.full(8, forward), rtol=1e-15)
    np.testing.assert_allclose(ifwht(x, norm=norm), np.full(8, back), rtol=1e-15)


def test_a_small_factor_keeps_large_numbers_from_overflow():
    x = np.full(2**10, np.finfo(float).max / 8)
    assert fwht(x, norm="forward")[0] == x[0]


def test_nan_stays_within_its_own_transform():
    x = random_array((3, 128), seed=8105)
    x[1, 5] = np.nan
    y = fwht(x)
    assert np.isnan(y[1]).all()
    assert np.isfinite(y[[0, 2]]).all()


# --- The kernel and its reference ------------------------------------------------------------------------------------

SHAPES = [
    *((o, 2**m, 1) for m in range(14) for o in (1, 7)),
    *((3, 2**m, i) for m in (1, 2, 3, 6, 10) for i in (2, 3, 4, 5, 8, 16, 32, 64, 65, 128)),
    (1, 2**15, 1), (2, 2**17, 1), (1, 2**20, 1), (1, 2**12, 70), (1, 2**13, 4), (3, 4, 2**16), (1, 2**11, 37),
    (2, 2**6, 300),
]  # fmt: skip


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n_parts", [1, 3])
def test_the_kernel_is_the_reference(dtype, n_parts):
    for shape in SHAPES:
        x = small_integers(shape, seed=8106, dtype=dtype)
        expected = butterflies.reference(x, x, 0.5, map, 1)
        out = np.full_like(x, np.nan)
        given = x.copy()
        assert butterflies(given, out, 0.5, map, n_parts) is out
        np.testing.assert_array_equal(out, expected, err_msg=f"{shape}")
        np.testing.assert_array_equal(given, x, err_msg=f"{shape}: x has changed")
        butterflies(given, given, 0.5, map, n_parts)
        np.testing.assert_array_equal(given, expected, err_msg=f"{shape}, in place")


@pytest.mark.parametrize("shape", [(1, 2**23, 1), (1, 2, 2**21), (1, 2**6, 2**16 + 3), (1, 2**18, 9)])
def test_the_kernel_is_right_beyond_a_block_and_for_rows_that_stay_where_they_are(shape):
    x = small_integers(shape, seed=8107, dtype="float32")
    expected = naive(x)
    np.testing.assert_array_equal(butterflies(x, np.empty_like(x), 1.0, map, 1), expected)
    np.testing.assert_array_equal(butterflies(x, x, 1.0, map, 3), expected)


@pytest.mark.parametrize("dtype", ["float32", "complex128"])
def test_the_reference_is_a_stack_of_sums_and_differences(dtype):
    x = small_integers((3, 32, 5), seed=8108, dtype=dtype)
    y = butterflies.reference(x, x, 1.0, map, 1)
    assert y.dtype == dtype
    np.testing.assert_array_equal(y, naive(x))


@pytest.mark.parametrize("shape", [(2**19,), (7, 2**10, 50), (2**6, 2**13)])
@pytest.mark.parametrize("workers", [2, 3, -1])
def test_threads_give_what_one_gives(shape, workers, monkeypatch):
    monkeypatch.setattr(page, "WORTH_THREADS", 1)
    x = random_array(shape, seed=8109)
    for axis in (i for i, length in enumerate(shape) if length & (length - 1) == 0):
        np.testing.assert_array_equal(fwht(x, axis, workers=workers), fwht(x, axis))


def test_a_long_array_is_shared_by_as_many_threads_as_asked_for_and_a_short_one_is_not(monkeypatch):
    parts = []
    monkeypatch.setattr(page, "butterflies", lambda x, out, scale, spread, n_parts: parts.append(n_parts))
    fwht(np.zeros(page.WORTH_THREADS), workers=3)
    fwht(np.zeros(page.WORTH_THREADS // 2), workers=3)
    fwht(np.zeros(page.WORTH_THREADS))
    assert parts == [3, 1, 1]


# --- The arrays that it is given -------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("dtype", DTYPES)
def test_an_array_that_may_be_overwritten_is_the_result(order, axis, dtype):
    x = random_array((16, 32), seed=8110, dtype=dtype)
    expected = fwht(x, axis, order=order)
    assert fwht(x, axis, order=order, overwrite_x=True) is x
    np.testing.assert_array_equal(x, expected)


@pytest.mark.parametrize("order", ORDERS)
def test_an_array_is_left_alone_unless_it_may_be_overwritten(order):
    x = random_array((4, 2**15), seed=8111)
    before = x.copy()
    y = fwht(x, order=order)
    np.testing.assert_array_equal(x, before)
    assert not np.shares_memory(x, y)


def test_a_length_of_one_is_copied():
    x = random_array((5, 1), seed=8112)
    y = fwht(x)
    np.testing.assert_array_equal(y, x)
    assert not np.shares_memory(x, y)


LAYOUTS = {
    "every other": lambda x: np.repeat(x, 2, axis=-1)[..., ::2],
    "backwards": lambda x: x[:, ::-1].copy()[:, ::-1],
    "by columns": np.asfortranarray,
    "byte-swapped": lambda x: x.astype(x.dtype.newbyteorder()),
    "misaligned": lambda x: np.frombuffer(b"1" + x.tobytes(), np.uint8).copy()[1:].view(x.dtype).reshape(x.shape),
    "masked": np.ma.masked_array,
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("overwrite_x", [False, True])
def test_the_layout_in_memory_does_not_matter(layout, overwrite_x):
    x = random_array((6, 64), seed=8113)
    expected = fwht(x)
    y = fwht(LAYOUTS[layout](x), overwrite_x=overwrite_x)
    assert type(y) is np.ndarray and y.flags.c_contiguous and y.dtype == np.dtype("float64")
    np.testing.assert_array_equal(y, expected)


def test_a_broadcast_array_is_right():
    row = random_array(32, seed=8114)
    np.testing.assert_array_equal(fwht(np.broadcast_to(row, (3, 32))), np.stack([fwht(row)] * 3))


@pytest.mark.parametrize(("given", "kept"), [("int8", "float64"), ("uint64", "float64"), ("bool", "float64"),
                                             ("float16", "float32"), ("float32", "float32")])  # fmt: skip
def test_integers_become_float64_and_half_precision_single(given, kept):
    x = (small_integers((2, 16), seed=8115) > 0).astype(given)
    y = fwht(x.copy(), overwrite_x=True)
    assert y.dtype == kept
    np.testing.assert_array_equal(y, x.astype(float) @ scipy.linalg.hadamard(16))


def test_lists_are_arrays():
    np.testing.assert_array_equal(fwht([[1, 2], [3, 5]], axis=0), [[4, 7], [-2, -3]])


@pytest.mark.parametrize("shape", [(0, 8), (8, 0), (0, 1)])
def test_no_transforms_are_an_empty_array(shape):
    axis = 1 if shape[1] else 0
    assert fwht(np.zeros(shape), axis).shape == shape


# --- What it refuses -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [3, 12, 1000])
def test_a_length_that_is_no_power_of_two_is_refused_with_its_neighbours(lib, n):
    below = 1 << n.bit_length() - 1
    message = f"the length of x along axis 1 is {n}: .* pad with zeros to {2 * below} or cut to {below}"
    with pytest.raises(ValueError, match=message):
        fwht(lib.array(np.ones((2, n))))


def test_a_length_of_zero_is_refused():
    with pytest.raises(ValueError, match="along axis 0 is 0: a power of two"):
        ifwht([])


@pytest.mark.parametrize("axis", [2, -3])
def test_an_axis_that_x_does_not_have_is_named(axis):
    with pytest.raises(ValueError, match=f"axis is {axis}: x has 2 dimensions"):
        fwht(np.ones((2, 2)), axis)


def test_a_number_has_no_axis():
    with pytest.raises(ValueError, match="axis is -1: x has 0 dimensions"):
        fwht(3.0)


def test_an_axis_is_an_integer():
    with pytest.raises(TypeError, match=r"axis is 0\.5"):
        fwht(np.ones(2), 0.5)


@pytest.mark.parametrize("function", [fwht, ifwht])
def test_a_read_only_array_is_not_overwritten(function):
    x = np.ones(8)
    x.flags.writeable = False
    with pytest.raises(ValueError, match="x is read-only"):
        function(x, overwrite_x=True)
    np.testing.assert_array_equal(x, 1.0)


@pytest.mark.parametrize(("option", "value"), [("norm", "orthonormal"), ("norm", None), ("order", "walsh")])
def test_an_unknown_option_is_told_the_known_ones(option, value):
    with pytest.raises(ValueError, match=f"{option} is {value!r}: accepted are '(backward|natural)'"):
        fwht(np.ones(8), **{option: value})


@pytest.mark.parametrize("dtype", ["longdouble", "clongdouble", "object", "U1", "datetime64[s]"])
def test_a_dtype_that_would_lose_precision_or_meaning_is_refused(dtype):
    with pytest.raises(TypeError, match=r"x has dtype .*: numbers of at most double precision"):
        fwht(np.zeros(4, dtype))


def test_workers_are_threads_and_not_a_map():
    with pytest.raises(TypeError, match="threads share the array"):
        fwht(np.ones(8), workers=map)


@pytest.mark.parametrize("workers", [0, -2, True, 1.5])
def test_a_number_of_workers_that_makes_no_sense_is_refused(workers):
    with pytest.raises(ValueError, match="workers is"):
        fwht(np.ones(8), workers=workers)

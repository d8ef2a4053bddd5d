"""Checks at the public boundary: what passes, what is named, and where."""

import warnings

import array_api_strict
import numpy as np
import pytest
import scipy.sparse
import scipy.sparse.linalg

from sparsesci._lib import validate
from sparsesci._lib.xp import device, dtype_name

# --- numbers ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [3, np.int32(3), np.uint8(3), np.array(3)])
def test_an_integer_of_any_kind_is_an_int(value):
    number = validate.positive_integer(value, "restart")
    assert type(number) is int and number == 3


@pytest.mark.parametrize("value", [0, -1, True])
def test_an_integer_that_is_too_small_is_named(value):
    with pytest.raises(ValueError, match=f"restart is {value}: an integer >= 1 is needed"):
        validate.positive_integer(value, "restart")


def test_the_least_integer_can_be_set():
    assert validate.positive_integer(0, "n_recycle", least=0) == 0


@pytest.mark.parametrize("value", [2.0, "2", None, np.array([1, 2])])
def test_what_is_no_integer_is_named(value):
    with pytest.raises(TypeError, match=r"restart is .*: an integer is needed"):
        validate.positive_integer(value, "restart")


@pytest.mark.parametrize("value", [0, 0.5, np.float32(0.5), np.int64(2), 5e-324])
def test_a_real_number_of_any_kind_is_a_float(value):
    number = validate.nonnegative_real(value, "atol")
    assert type(number) is float and number == value


@pytest.mark.parametrize("value", [-1e-3, np.nan, np.inf, -np.inf])
def test_a_number_that_is_negative_or_not_finite_is_named(value):
    with pytest.raises(ValueError, match=r"atol is .*: a .*number.* is needed"):
        validate.nonnegative_real(value, "atol")


@pytest.mark.parametrize("value", ["1e-3", None, 1j, True, [1e-3]])
def test_what_is_no_real_number_is_named(value):
    with pytest.raises(TypeError, match=r"atol is .*: a real number is needed"):
        validate.nonnegative_real(value, "atol")


@pytest.mark.parametrize(("dtype", "floor"), [("float32", 1.1920929e-06), ("complex128", 2.220446049250313e-15)])
def test_a_tolerance_below_ten_eps_is_raised_with_a_warning(lib, dtype, floor):
    b = lib.array(np.ones(3, dtype))
    with pytest.warns(UserWarning, match=f"rtol = 0.0e\\+00 is below what {dtype} can promise .* or pass atol"):
        assert validate.relative_tolerance(0.0, 0.0, b) == pytest.approx(floor, rel=1e-6, abs=0)


def test_a_tolerance_that_is_possible_or_replaced_by_atol_is_left_alone(lib):
    b = lib.array(np.ones(3, "float32"))
    assert validate.relative_tolerance(1e-5, 0.0, b) == 1e-5
    assert validate.relative_tolerance(0.0, 1e-30, b) == 0.0


def test_the_warning_points_at_the_caller_of_the_public_function():
    from sparsesci.solvers import gcrodr

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        gcrodr(np.eye(2), np.ones(2), rtol=1e-30)
    assert [warning.filename for warning in caught] == [__file__]


# --- finiteness ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_the_first_bad_entry_of_a_vector_is_named(lib, bad):
    x = np.arange(6.0)
    x[[3, 5]] = bad
    with pytest.raises(ValueError, match=rf"b\[3\] is {bad}: not finite"):
        validate.finite(lib.array(x), "b")


def test_the_first_bad_entry_of_a_matrix_is_named_by_row_and_column(lib):
    X = np.ones((3, 4), "complex64")
    X[1, 2] = complex(0, np.inf)
    X[2, 0] = np.nan
    with pytest.raises(ValueError, match=r"A\[1, 2\] is infj: not finite"):
        validate.finite(lib.array(X), "A")


@pytest.mark.parametrize("kind", ["csr_array", "csc_array", "coo_array", "bsr_array", "dia_array", "lil_array"])
def test_the_bad_entry_of_a_sparse_matrix_is_named_by_row_and_column(kind):
    A = np.eye(4)
    A[2, 1] = np.nan
    with pytest.raises(ValueError, match=r"A\[2, 1\] is nan: not finite"):
        validate.finite(getattr(scipy.sparse, kind)(A), "A")


def test_what_is_finite_passes(lib):
    validate.finite(lib.array(np.array([1e308, -1e308, 0.0])), "b")
    validate.finite(lib.array(np.array([1, 2])), "b")
    validate.finite(lib.array(np.zeros((0,))), "b")
    validate.finite(scipy.sparse.csr_array((3, 3)), "A")


def test_a_nan_beside_a_diagonal_matrix_does_not_count():
    data = np.array([[np.nan, 1.0, 2.0]])  # the first entry of a superdiagonal lies outside of the matrix
    validate.finite(scipy.sparse.dia_array((data, [1]), shape=(3, 3)), "A")


# --- arrays ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "taken"),
    [("float32", "float32"), ("complex64", "complex64"), ("int32", "float64"), ("bool", "float64")],
)
def test_floats_keep_their_dtype_and_integers_become_float64(lib, given, taken):
    x = lib.array(np.ones(3, given))
    taken_array = validate.float_array(x, "b")
    assert dtype_name(taken_array.dtype) == taken and device(taken_array) == device(x)


@pytest.mark.parametrize(("given", "taken"), [("float16", "float32"), ("longdouble", "float64"), (">f8", "float64")])
def test_unusual_floats_become_what_kernels_take(given, taken):
    x = validate.float_array(np.arange(3).astype(given), "b")
    assert x.dtype == np.dtype(taken) and x.tolist() == [0.0, 1.0, 2.0]


def test_an_array_that_fits_is_taken_as_it_is(lib):
    x = lib.array(np.ones(3))
    assert validate.float_array(x, "b") is x or np.shares_memory(validate.float_array(x, "b"), x)


def test_a_strided_view_becomes_contiguous():
    x = validate.float_array(np.arange(8.0)[::2], "b")
    assert x.flags.c_contiguous and x.tolist() == [0.0, 2.0, 4.0, 6.0]


def test_lists_become_arrays():
    assert validate.float_array([1, 2], "b").dtype == np.float64
    assert validate.float_array([[1, 2j]], "b").shape == (1, 2)


@pytest.mark.parametrize("x", [["a"], [None], "text", np.array(["2020-01-01"], "datetime64[D]")])
def test_what_holds_no_numbers_is_named(x):
    with pytest.raises(TypeError, match=r"b has dtype .*: numbers are needed"):
        validate.float_array(x, "b")


@pytest.mark.parametrize("A", [np.eye(3), np.eye(3).view(np.matrix), np.eye(3).tolist(), scipy.sparse.eye_array(3)])
def test_a_square_matrix_of_any_kind_passes(A):
    assert validate.square_matrix(A, "A").shape == (3, 3)


@pytest.mark.parametrize("A", [np.ones((2, 3)), np.ones(3), np.ones((0, 0)), scipy.sparse.eye_array(2, 3)])
def test_a_matrix_that_is_not_square_is_named(A):
    with pytest.raises(ValueError, match=r"A has shape \(.*\): a square matrix is needed"):
        validate.square_matrix(A, "A")


@pytest.mark.parametrize("A", [lambda x: x, scipy.sparse.linalg.aslinearoperator(np.eye(3))])
def test_a_map_without_entries_is_no_matrix(A):
    with pytest.raises(TypeError, match=r"A is a .*: its entries are needed"):
        validate.square_matrix(A, "A")


# --- a linear system -------------------------------------------------------------------------------------------------


def test_a_system_is_promoted_to_the_dtype_of_all_its_parts(lib):
    A, b = lib.array(np.eye(3, dtype="float32")), lib.array(np.ones(3, "float32"))
    kept = validate.linear_system(A, b, None, None)
    assert dtype_name(kept[1].dtype) == "float32" and kept[2] is None and kept[3] is None
    for part in ({"x0": lib.array(np.ones(3, "complex64"))}, {"M": lib.array(np.eye(3, dtype="complex64"))}):
        _, b_taken, x_taken, _ = validate.linear_system(A, b, part.get("x0"), part.get("M"))
        assert dtype_name(b_taken.dtype) == "complex64"
        assert x_taken is None or dtype_name(x_taken.dtype) == "complex64"


def test_operators_bear_the_names_of_their_arguments(lib):
    A, _, _, M = validate.linear_system(lib.array(np.eye(3)), lib.array(np.ones(3)), None, lambda x: x)
    assert (A.name, M.name) == ("A", "M")


@pytest.mark.parametrize("name", ["A", "b", "x0", "M"])
def test_each_part_of_a_system_is_checked_for_nan(lib, name):
    parts = {"A": np.eye(3), "b": np.ones(3), "x0": np.ones(3), "M": np.eye(3)}
    parts[name].flat[1] = np.nan
    with pytest.raises(ValueError, match=rf"{name}\[.*1\] is nan"):
        validate.linear_system(*(lib.array(part) for part in parts.values()))


@pytest.mark.parametrize("b", [np.ones((3, 0)), np.ones(0), np.ones((3, 1, 1))])
def test_a_right_hand_side_of_no_use_is_named(b):
    with pytest.raises(ValueError, match=r"b has shape .*: a vector \(n,\) or columns \(n, p\), not empty"):
        validate.linear_system(np.eye(3), b, None, None)


@pytest.mark.parametrize("x0", [np.ones(4), np.ones((3, 1))])
def test_a_starting_guess_of_another_shape_is_named(x0):
    with pytest.raises(ValueError, match=r"x0 has shape .*: the shape of b, \(3,\), is needed"):
        validate.linear_system(np.eye(3), np.ones(3), x0, None)


def test_a_system_without_a_matrix_is_named():
    with pytest.raises(TypeError, match="A is a NoneType: an array, a sparse matrix, a LinearOperator or a function"):
        validate.linear_system(None, np.ones(3), None, None)


@pytest.mark.parametrize("part", ["A", "x0", "M"])
def test_parts_in_different_libraries_are_refused(part):
    parts = {"A": np.eye(3), "b": np.ones(3), "x0": np.ones(3), "M": np.eye(3)}
    parts[part] = array_api_strict.asarray(parts[part])
    with pytest.raises(TypeError, match=r"cannot be mixed.*sparsesci\.gpu\.to_device"):
        validate.linear_system(*parts.values())

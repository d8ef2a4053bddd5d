"""The result of a sparse transform, points as words, and signed sums."""

import numpy as np
import pytest

from sparsesci._lib.result import Status
from sparsesci.recovery.hadamard import words
from sparsesci.recovery.hadamard.result import WHTResult
from sparsesci.recovery.hadamard.signs import parity, signed_sums


def spectrum(n, coefficients, dtype=float):
    """Return the result that holds ``{k: X_k}``."""
    numbers = sorted(coefficients)
    indices = np.array(numbers, np.uint64 if n <= 63 else object)
    return WHTResult(
        x=np.array([coefficients[k] for k in numbers], dtype),
        status=Status.CONVERGED,
        message="made by hand",
        nit=1,
        time=0.0,
        indices=indices,
        n=n,
        n_samples=7,
        noise_std=0.0,
    )


SMALL = {0: 0.5, 0b011: -2.0, 0b100: 1.5, 0b111: 0.25}


def by_definition(coefficients, m):
    return sum(X * (-1) ** (m & k).bit_count() for k, X in coefficients.items())


# --- The result ------------------------------------------------------------------------------------------------------


def test_values_are_x_and_success_is_the_status():
    result = spectrum(3, SMALL)
    assert result.values is result.x and result.success and "made by hand" in repr(result)


def test_the_dictionary_is_the_spectrum():
    assert spectrum(3, SMALL).to_dict() == SMALL


def test_the_dense_spectrum_has_zeros_elsewhere():
    assert spectrum(3, SMALL).to_dense().tolist() == [0.5, 0, 0, -2.0, 1.5, 0, 0, 0.25]


@pytest.mark.parametrize("dtype", ["float32", "complex128"])
def test_the_dense_spectrum_keeps_the_dtype(dtype):
    assert spectrum(3, SMALL, dtype).to_dense().dtype == dtype


def test_a_dense_spectrum_too_large_for_memory_is_refused():
    with pytest.raises(ValueError, match=r"n is 31: .*to_dict"):
        spectrum(31, SMALL).to_dense()


def test_predictions_are_the_sum_by_definition():
    result = spectrum(3, SMALL)
    np.testing.assert_allclose(result.predict(np.arange(8)), [by_definition(SMALL, m) for m in range(8)], rtol=1e-15)


def test_predictions_at_numbers_and_at_bits_are_the_same():
    result = spectrum(3, SMALL)
    bits = np.arange(8)[:, None] >> np.arange(3) & 1 == 1
    np.testing.assert_array_equal(result.predict(bits), result.predict(range(8)))


def test_many_variables_are_python_integers():
    coefficients = {1 << 70 | 5: 2.0, 1 << 99: -1.0}
    result = spectrum(100, coefficients)
    rng = np.random.default_rng(9103)
    bits = rng.random((20, 100)) < 0.5
    numbers = [sum(1 << i for i in np.flatnonzero(row).tolist()) for row in bits]
    expected = [by_definition(coefficients, m) for m in numbers]
    assert result.predict(bits).tolist() == expected
    assert result.predict(np.array(numbers, object)).tolist() == expected
    assert result.to_dict() == coefficients


def test_no_points_have_no_predictions():
    assert spectrum(3, SMALL).predict([]).shape == (0,)


def test_interactions_are_named_by_their_variables_the_largest_first():
    assert spectrum(3, SMALL).interactions() == [((0, 1), -2.0), ((2,), 1.5), ((), 0.5), ((0, 1, 2), 0.25)]


def test_interactions_are_cut_at_an_order():
    assert [variables for variables, _ in spectrum(3, SMALL).interactions(max_order=1)] == [(2,), ()]


def test_an_empty_spectrum_is_the_zero_function():
    result = spectrum(3, {})
    assert result.interactions() == [] and result.to_dense().tolist() == [0] * 8
    assert result.predict([1, 2]).tolist() == [0, 0] and result.shapley().tolist() == [0] * 3


def test_shapley_values_are_the_mean_gains_over_all_orders_of_the_variables():
    from itertools import permutations

    expected = np.zeros(3)
    for order in permutations(range(3)):
        m = 0
        for i in order:
            expected[i] += (by_definition(SMALL, m | 1 << i) - by_definition(SMALL, m)) / 6
            m |= 1 << i
    np.testing.assert_allclose(spectrum(3, SMALL).shapley(), expected, rtol=1e-14)


def test_the_picture_has_a_point_for_each_coefficient():
    pytest.importorskip("matplotlib").use("Agg")
    from matplotlib.figure import Figure

    axes = Figure().subplots()
    assert spectrum(3, SMALL).plot(axes) is axes
    assert len(axes.lines[0].get_xdata()) == 4
    assert axes.get_xlabel().startswith("order of the interaction")


# --- Points ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [1, 13, 63, 64, 65, 128, 200])
def test_bits_survive_as_words_and_as_numbers(n):
    bits = np.random.default_rng(9109).random((30, n)) < 0.5
    rows = words.from_bits(bits)
    assert rows.shape == (30, words.n_words(n)) and rows.dtype == np.uint64
    np.testing.assert_array_equal(words.to_bits(rows, n), bits)
    numbers = words.to_integers(rows, n)
    np.testing.assert_array_equal(words.from_integers(numbers, n), rows)
    assert int(numbers[4]) == sum(1 << i for i in np.flatnonzero(bits[4]).tolist())


def test_rows_are_sorted_as_numbers():
    rows = words.from_bits(np.random.default_rng(9127).random((40, 100)) < 0.5)
    numbers = words.to_integers(rows[words.lexicographic(rows)], 100).tolist()
    assert numbers == sorted(numbers)


@pytest.mark.parametrize("dtype", ["int8", "int32", "int64", "uint64", object])
def test_all_integers_are_points(dtype):
    assert words.points_as_words(np.array([3, 5], dtype), 3).tolist() == [[3], [5]]


def test_the_largest_number_of_63_bits_is_a_point():
    assert words.points_as_words(np.array([2**63 - 1], np.uint64), 63).tolist() == [[2**63 - 1]]


@pytest.mark.parametrize("dtype", ["int64", "uint64", object])
def test_a_number_that_is_too_large_is_named(dtype):
    with pytest.raises(ValueError, match=r"indices\[1\] is 8"):
        words.points_as_words(np.array([3, 8], dtype), 3, "indices")


def test_a_negative_number_is_named():
    with pytest.raises(ValueError, match=r"points\[0\] is -1"):
        words.points_as_words(np.array([-1, 2]), 3)


def test_real_numbers_are_no_points():
    with pytest.raises(TypeError, match="float64"):
        words.points_as_words(np.array([1.0, 2.0]), 3)


@pytest.mark.parametrize("shape", [(3,), (2, 4), (2, 2, 3)])
def test_boolean_points_are_rows_of_n(shape):
    with pytest.raises(ValueError, match=r"shape \(q, 3\)"):
        words.points_as_words(np.zeros(shape, bool), 3)


def test_numbers_are_one_list():
    with pytest.raises(ValueError, match=r"numbers \(q,\)"):
        words.points_as_words(np.zeros((2, 3), int), 3)


# --- Signed sums -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n_words", [1, 2, 4])
@pytest.mark.parametrize("dtype", ["float32", "float64", "complex64", "complex128"])
def test_compiled_sums_are_those_of_the_reference(dtype, n_words):
    rng = np.random.default_rng(9133)
    points = rng.integers(0, 2**64, (50, n_words), np.uint64, endpoint=False)
    indices = rng.integers(0, 2**64, (40, n_words), np.uint64, endpoint=False)
    values = (rng.standard_normal(40) * (1 + (1j if np.dtype(dtype).kind == "c" else 0))).astype(dtype)
    found, expected = signed_sums(points, indices, values), signed_sums.reference(points, indices, values)
    assert found.dtype == expected.dtype == dtype
    tolerance = 1e-5 if dtype in ("float32", "complex64") else 1e-13
    np.testing.assert_allclose(found, expected, rtol=tolerance, atol=10 * tolerance)


def test_compiled_sums_take_read_only_arrays():
    arrays = np.ones((3, 1), np.uint64), np.ones((2, 1), np.uint64), np.ones(2)
    for array in arrays:
        array.flags.writeable = False
    assert signed_sums(*arrays).tolist() == [-2, -2, -2]


@pytest.mark.parametrize(("q", "K"), [(0, 3), (3, 0), (0, 0)])
def test_empty_sums_are_zero(q, K):
    for function in (signed_sums, signed_sums.reference):
        found = function(np.zeros((q, 1), np.uint64), np.zeros((K, 1), np.uint64), np.zeros(K))
        assert found.shape == (q,) and not found.any()


def test_parity_counts_the_bits_of_all_words():
    assert parity(np.array([[1, 1], [3, 1], [2**63, 0]], np.uint64)).tolist() == [False, True, True]

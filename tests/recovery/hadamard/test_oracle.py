"""The function that is asked: batches, workers, what it may return, and that no point is asked for twice."""

import array_api_strict
import numpy as np
import pytest

from sparsesci.recovery.hadamard import words
from sparsesci.recovery.hadamard.oracle import BATCH, Oracle, Table


def rows(numbers):
    return np.asarray(numbers, np.uint64).reshape(-1, 1)


def test_a_function_is_called_with_numbers():
    seen = []
    ask = Oracle(lambda m: seen.append(m) or m.astype(float), 10, index="uint64", workers=None)
    assert ask(rows([5, 3, 9])).tolist() == [5, 3, 9]
    assert seen[0].dtype == np.uint64 and seen[0].shape == (3,)


def test_a_function_is_called_with_bits():
    seen = []
    ask = Oracle(lambda m: seen.append(m) or m[:, 0].astype(float), 10, index="bits", workers=None)
    assert ask(rows([5, 2, 9])).tolist() == [1, 0, 1]
    assert seen[0].dtype == bool and seen[0].shape == (3, 10)


@pytest.mark.parametrize("n", [20, 100])
def test_no_point_is_evaluated_twice(n):
    rng = np.random.default_rng(9781)
    points = words.from_bits(rng.random((60, n)) < 0.5)
    seen = []
    ask = Oracle(lambda m: seen.extend(map(tuple, m)) or m @ np.arange(n) * 1.0, n, index="bits", workers=None)
    for _ in range(5):
        chosen = points[rng.integers(60, size=40)]
        np.testing.assert_array_equal(ask(chosen), words.to_bits(chosen, n) @ np.arange(n))
    assert len(seen) == len(set(seen)) == ask.n_samples


@pytest.mark.parametrize("make", [lambda: Table(np.zeros(64)), lambda: Oracle(np.cos, 6, index="uint64", workers=1)])
def test_the_total_with_other_points_is_known_before_they_are_read(make):
    ask = make()
    ask(rows([5, 3, 3, 9]))
    assert ask.n_samples == 3
    assert ask.total_with(rows([9, 10, 10, 11])) == 5
    ask(rows([9, 10, 10, 11]))
    assert ask.n_samples == 5


def test_batches_are_not_larger_than_65536():
    sizes = []
    ask = Oracle(lambda m: sizes.append(len(m)) or m * 1.0, 20, index="uint64", workers=None)
    assert ask(rows(np.arange(150_000))).tolist() == list(range(150_000))
    assert BATCH == 65_536 and sizes == [65_536, 65_536, 150_000 - 2 * 65_536]


@pytest.mark.parametrize("workers", [2, map, -1])
def test_workers_give_the_same_values(workers):
    ask = Oracle(lambda m: np.sqrt(m), 20, index="uint64", workers=workers)
    np.testing.assert_array_equal(ask(rows(np.arange(150_000)[::-1])), np.sqrt(np.arange(150_000)[::-1]))


@pytest.mark.parametrize(
    ("answer", "dtype"),
    [
        (lambda m: m.tolist(), "float64"),
        (lambda m: m > 3, "float64"),
        (lambda m: m.astype(np.int8), "float64"),
        (lambda m: m.astype(np.float32), "float32"),
        (lambda m: m.astype(np.float16), "float32"),
        (lambda m: m.astype(np.longdouble), "float64"),
        (lambda m: m.astype(np.complex64), "complex64"),
        (lambda m: m * 1j, "complex128"),
    ],
)
def test_all_kinds_of_numbers_are_values(answer, dtype):
    ask = Oracle(answer, 10, index="uint64", workers=None)
    assert ask(rows([2, 7])).dtype == ask.dtype == dtype


def test_values_become_complex_when_the_first_complex_ones_arrive():
    ask = Oracle(lambda m: m * 1j if m[0] > 5 else m * 1.0, 10, index="uint64", workers=None)
    ask(rows([2, 3]))
    assert ask(rows([2, 7])).tolist() == [2, 7j]
    assert ask.dtype == complex and ask(rows([2])).tolist() == [2]


@pytest.mark.parametrize(
    ("answer", "error", "message"),
    [
        (lambda m: None, TypeError, "dtype object"),
        (lambda m: np.array(["a"] * len(m)), TypeError, "dtype <U1"),
        (lambda m: 1.0, ValueError, r"shape \(\) for 2 points: shape \(2,\)"),
        (lambda m: np.zeros((2, 1)), ValueError, r"shape \(2, 1\) for 2 points"),
        (lambda m: np.zeros(3), ValueError, r"shape \(3,\) for 2 points"),
        (lambda m: [1.0, np.nan], ValueError, r"f\(9\) is nan: not finite"),
        (lambda m: [-np.inf, np.nan], ValueError, r"f\(5\) is -inf: not finite"),
        (lambda m: array_api_strict.zeros(2), TypeError, "sparsesci.gpu.to_host"),
    ],
)
def test_a_wrong_answer_is_named(answer, error, message):
    with pytest.raises(error, match=message):
        Oracle(answer, 10, index="uint64", workers=None)(rows([5, 9]))


def test_a_point_of_many_bits_is_named():
    ask = Oracle(lambda m: np.where(m[:, 99], np.nan, 0.0), 100, index="bits", workers=None)
    points = words.from_integers([7, 1 << 99 | 5], 100)
    with pytest.raises(ValueError, match=rf"f\({1 << 99 | 5}\) is nan"):
        ask(points)


@pytest.mark.parametrize("workers", [None, 2])
def test_what_the_function_raises_is_passed_on(workers):
    def fails(m):
        raise ZeroDivisionError("of its own")

    with pytest.raises(ZeroDivisionError, match="of its own"):
        Oracle(fails, 10, index="uint64", workers=workers)(rows([5]))


def test_a_value_of_a_table_that_is_not_finite_is_named():
    with pytest.raises(ValueError, match=r"f\(3\) is nan"):
        Table(np.array([0, 1, 2, np.nan]))(rows([1, 3]))


def test_the_seconds_of_the_function_are_counted():
    import time

    ask = Oracle(lambda m: time.sleep(0.02) or m * 1.0, 10, index="uint64", workers=None)
    ask(rows([1]))
    assert ask.seconds >= 0.02

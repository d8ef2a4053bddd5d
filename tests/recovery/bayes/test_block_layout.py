"""Which entries belong together: what `blocks` may be, and the correlation within."""

import numpy as np
import pytest

from sparsesci.recovery import sbl
from sparsesci.recovery.bayes.block_layout import block_of_each, layout, root, root_slope


@pytest.mark.parametrize(
    ("blocks", "expected"),
    [
        (3, [0, 0, 0, 1, 1, 1, 2]),
        (7, [0] * 7),
        (np.int64(4), [0, 0, 0, 0, 1, 1, 1]),
        ([2, 5], [0, 0, 1, 1, 1, 1, 1]),
        (np.array([4, 1, 2]), [0, 0, 0, 0, 1, 2, 2]),
        (list("abacbba"), [0, 1, 0, 2, 1, 1, 0]),
        ([9, 9, -1, 9, -1, 0, 0], [0, 0, 1, 0, 1, 2, 2]),
        ([1] * 7, [0] * 7),
        ([("left", 1), None, 2.5, None, ("left", 1), True, "x"], [0, 1, 2, 1, 0, 3, 4]),
        (np.array([0.5, 0.5, 1.5, 1.5, 1.5, 0.5, 2.5]), [0, 0, 1, 1, 1, 0, 2]),
        (range(7), list(range(7))),
    ],
)
def test_labels_sizes_and_one_size_are_blocks(blocks, expected):
    assert block_of_each(blocks, 7).tolist() == expected


def test_labels_may_lie_in_any_library(lib):
    labels = lib.array(np.array([5, 5, 2, 2, 5], dtype=np.int64))
    assert block_of_each(labels, 5).tolist() == [0, 0, 1, 1, 0]


@pytest.mark.parametrize(
    ("blocks", "error", "words"),
    [
        (0, ValueError, "blocks is 0"),
        (True, ValueError, "blocks is True"),
        (8, ValueError, "blocks is 8.*at most the number of columns, 7"),
        (2.5, TypeError, "blocks is 2.5: an integer"),
        ("aab", TypeError, "blocks is 'aab'"),
        ([3, 3], ValueError, "2 numbers whose sum is 6, and A 7 columns: accepted are N labels"),
        ([3, 0, 4], ValueError, r"blocks\[1\] is 0"),
        ([3.5, 3.5], TypeError, r"blocks\[0\] is 3.5"),
        ([], ValueError, "0 numbers whose sum is 0"),
        (np.ones((7, 1), dtype=int), ValueError, r"blocks has shape \(7, 1\)"),
        ([[1], [1], [1], [2], [2], [2], [2]], TypeError, r"blocks\[0\] is a list.*hashed"),
        ([1.0, 1.0, np.nan, 2.0, 2.0, 2.0, 2.0], ValueError, r"blocks\[2\] is nan"),
        ({1: 2}, ValueError, "1 numbers whose sum is 1"),
    ],
)
def test_other_blocks_are_refused(blocks, error, words):
    with pytest.raises(error, match=words):
        sbl(np.ones((4, 7)), np.ones(4), blocks=blocks)


def test_inside_blocks_are_contiguous_and_sorted_by_size():
    blocks = layout(list("abacbbadc"), 9)
    assert blocks.sizes.tolist() == [1, 2, 3, 3]
    assert blocks.order.tolist() == [7, 3, 8, 0, 2, 6, 1, 4, 5]
    assert [(g.size, g.blocks, g.columns) for g in blocks.groups] == [
        (1, slice(0, 1), slice(0, 1)),
        (2, slice(1, 2), slice(1, 3)),
        (3, slice(2, 4), slice(3, 9)),
    ]
    part = blocks.subset(np.array([True, False, False, True]))
    assert part.sizes.tolist() == [1, 3] and part.order.tolist() == [7, 1, 4, 5]


@pytest.mark.parametrize("r", [-0.7, 0.0, 0.95, 0.999])
def test_the_root_of_the_correlation_is_one(r):
    i = np.arange(6)
    np.testing.assert_allclose(root(6, r) @ root(6, r).T, r ** np.abs(i[:, None] - i), atol=1e-14)


@pytest.mark.parametrize("r", [-0.7, 0.0, 0.95])
def test_the_slope_of_the_root_is_that_of_finite_differences(r):
    np.testing.assert_allclose(root_slope(5, r), (root(5, r + 1e-6) - root(5, r - 1e-6)) / 2e-6, atol=1e-7)


def test_each_block_is_coloured_by_itself(lib):
    rng = np.random.default_rng(5003)
    blocks, A, z = layout([2, 3, 1], 6), rng.standard_normal((4, 6)), rng.standard_normal((6, 2))
    whole = np.zeros((6, 6))
    for size, start in zip(blocks.sizes, blocks.starts, strict=True):
        whole[start : start + size, start : start + size] = root(int(size), 0.6)
    np.testing.assert_allclose(lib.host(blocks.coloured(lib.array(A), 0.6)), A @ whole, atol=1e-14)
    np.testing.assert_allclose(lib.host(blocks.correlated(lib.array(z), 0.6)), whole @ z, atol=1e-14)


def test_values_are_pooled_over_each_block(lib):
    pooled = layout([2, 3, 1], 6).pooled(lib.array(np.array([7.0, 1, 3, 4, 5, 9])))
    np.testing.assert_allclose(lib.host(pooled), [7, 2, 2, 6, 6, 6])

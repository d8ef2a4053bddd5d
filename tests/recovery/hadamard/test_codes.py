"""The coordinates that offsets read."""

import numpy as np
import pytest

from sparsesci.recovery.hadamard import codes


def shifts(n_info, *, seed, count=4096):
    return np.random.default_rng(seed).integers(2**n_info, size=count, dtype=np.uint64)


def test_systematic_offsets_read_one_coordinate_each():
    assert codes.systematic(4).tolist() == [0, 1, 2, 4, 8]
    assert codes.systematic(0).tolist() == [0]


def test_a_random_code_begins_with_the_systematic_one():
    code = codes.random_code(20, 50, shifts(20, seed=9319))
    assert len(code) == 50 and code[:21].tolist() == codes.systematic(20).tolist()


@pytest.mark.parametrize("read", [codes.random_code, codes.repetition])
@pytest.mark.parametrize("n_info", [2, 4, 6])
def test_no_offset_is_there_twice_even_where_nearly_all_are_read(read, n_info):
    code = read(n_info, 2**n_info - 1, shifts(n_info, seed=9323))
    assert len(np.unique(code)) == len(code)


def test_a_code_cannot_have_more_words_than_there_are():
    assert sorted(codes.random_code(3, 30, shifts(3, seed=9337)).tolist()) == list(range(8))


def test_a_longer_code_extends_the_shorter_one():
    drawn = shifts(9, seed=9341)
    long, short = codes.random_code(9, 80, drawn), codes.random_code(9, 50, drawn)
    assert long[:50].tolist() == short.tolist()


def test_repetition_is_whole_blocks():
    code = codes.repetition(20, 100, shifts(20, seed=9343))
    blocks = code.reshape(-1, 21)
    assert len(blocks) == 4
    for block in blocks:
        assert (block ^ block[0]).tolist() == codes.systematic(20).tolist()

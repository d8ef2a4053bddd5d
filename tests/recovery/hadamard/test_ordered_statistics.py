"""Decoding of short codes by ordered statistics."""

import numpy as np
import pytest

from sparsesci.recovery.hadamard import codes as coding
from sparsesci.recovery.hadamard.ordered_statistics import decode
from sparsesci.recovery.hadamard.signs import parity


def word(codes, u):
    return np.where(parity((codes & np.uint64(u))[:, None]), -1.0, 1.0)


def random_code(n_bits, n_symbols, rng):
    return coding.random_code(n_bits, n_symbols, rng.integers(2**n_bits, size=4 * n_symbols, dtype=np.uint64))


@pytest.mark.parametrize("order", [0, 1, 2])
@pytest.mark.parametrize(("n_bits", "n_symbols"), [(1, 4), (6, 9), (12, 30), (40, 70), (61, 100)])
def test_the_compiled_decoder_is_the_reference(order, n_bits, n_symbols):
    rng = np.random.default_rng(9349)
    codes = random_code(n_bits, n_symbols, rng)
    for noise in (0.3, 1.0, 2.0):
        received = word(codes, rng.integers(2**n_bits)) + noise * rng.standard_normal(len(codes))
        assert decode(received, codes, n_bits, order) == decode.reference(received, codes, n_bits, order)


@pytest.mark.parametrize("decoder", [decode, decode.reference])
@pytest.mark.parametrize(("n_bits", "n_symbols"), [(3, 6), (6, 14)])
def test_order_two_finds_the_most_likely_word_of_a_small_code(decoder, n_bits, n_symbols):
    rng = np.random.default_rng(9371)
    codes = random_code(n_bits, n_symbols, rng)
    words = np.array([word(codes, u) for u in range(2**n_bits)])
    for _ in range(40):
        received = word(codes, rng.integers(2**n_bits)) + rng.standard_normal(len(codes))
        assert decoder(received, codes, n_bits, 2) == np.argmax(words @ received)


def test_a_higher_order_never_correlates_less():
    rng = np.random.default_rng(9377)
    codes = random_code(20, 40, rng)
    found = {order: 0 for order in range(3)}
    for _ in range(50):
        received = word(codes, rng.integers(2**20)) + 1.2 * rng.standard_normal(len(codes))
        sums = [received @ word(codes, decode(received, codes, 20, order)) for order in range(3)]
        assert sums[0] <= sums[1] + 1e-5 and sums[1] <= sums[2] + 1e-5
        for order in (1, 2):
            found[order] += sums[order] > sums[order - 1] + 1e-5
    assert found[1] and found[2]  # both are of use


@pytest.mark.parametrize("decoder", [decode, decode.reference])
def test_a_clean_word_is_decoded_by_the_hard_decision(decoder):
    rng = np.random.default_rng(9391)
    codes = random_code(30, 35, rng)
    for u in rng.integers(2**30, size=10):
        assert decoder(word(codes, u), codes, 30, 0) == u


@pytest.mark.parametrize("decoder", [decode, decode.reference])
def test_codes_that_do_not_determine_the_message_give_zero(decoder):
    codes = np.array([1, 2, 3, 3], np.uint64)
    assert decoder(-np.ones(4), codes, 3, 2) == 0


@pytest.mark.parametrize("decoder", [decode, decode.reference])
def test_zeros_are_received_without_harm(decoder):
    codes = coding.systematic(5)
    assert decoder(np.zeros(6), codes, 5, 2) < 2**5

"""Indices of few variables, and the lists of them that bins have."""

from itertools import product

import numpy as np
import pytest

from sparsesci.recovery import sparse_wht
from sparsesci.recovery.hadamard import hashing, low_degree, words
from sparsesci.recovery.hadamard.signs import parity


@pytest.mark.parametrize(("n", "t"), [(1, 0), (1, 1), (6, 2), (6, 6), (70, 1), (6, 9)])
def test_all_indices_of_low_degree_are_listed_once(n, t):
    listed = low_degree.all_indices(n, t)
    assert len(listed) == low_degree.n_indices(n, t) == len(np.unique(listed, axis=0))
    assert words.to_bits(listed, n).sum(axis=1).max() == min(n, t)


def test_the_indices_of_three_variables_and_two_are_known():
    assert sorted(low_degree.all_indices(3, 2).ravel().tolist()) == [0, 1, 2, 3, 4, 5, 6]


def test_every_index_is_in_the_list_of_its_bin():
    n = 70
    listed = low_degree.all_indices(n, 2)
    bases = hashing.random_bases(n, np.random.default_rng(9787))
    hashed = hashing.make_list_hashing(bases, 4, listed[:5])
    decoder = low_degree.list_decoder(hashed, listed)
    for c, j in product(range(3), range(16)):
        among = decoder.listed[c, decoder.starts[c, j] : decoder.starts[c, j + 1]]
        for i in range(4):
            assert (parity(hashed.hashes[c, i] & among) == bool(j >> i & 1)).all()
    assert (decoder.starts[:, 0] == 0).all() and (decoder.starts[:, -1] == len(listed)).all()


def interactions(n, K, t, *, seed):
    """Return K random sets of at most t variables with coefficients, and the function of bits that they are."""
    rng = np.random.default_rng(seed)
    chosen = {tuple(sorted(rng.choice(n, rng.integers(t + 1), replace=False).tolist())) for _ in range(K)}
    spectrum = {variables: float(rng.choice([-1.0, 1.0])) for variables in sorted(chosen)}

    def f(m):
        return sum(X * np.prod(1 - 2.0 * m[:, list(variables)], axis=1) for variables, X in spectrum.items())

    return spectrum, f


@pytest.mark.parametrize(("n", "K", "t"), [(20, 30, 3), (63, 30, 2), (64, 30, 2), (100, 100, 2), (1000, 20, 1)])
def test_a_function_of_low_degree_is_found(n, K, t):
    spectrum, f = interactions(n, K, t, seed=9791)
    result = sparse_wht(f, n, max_order=t, index="bits", rng=9803)
    assert result.success
    found = dict(result.interactions())
    assert found.keys() == spectrum.keys()
    assert all(abs(found[variables] - X) < 1e-12 for variables, X in spectrum.items())
    assert result.indices.dtype == (np.uint64 if n <= 63 else object)


def test_a_function_of_low_degree_is_found_in_noise():
    spectrum, f = interactions(100, 40, 2, seed=9811)
    rng = np.random.default_rng(9817)
    result = sparse_wht(lambda m: f(m) + 2 * rng.standard_normal(len(m)), 100, max_order=2, index="bits", rng=9829)
    assert result.success and result.noise_std == pytest.approx(2, rel=0.1)
    assert dict(result.interactions()).keys() == spectrum.keys()


def test_a_known_degree_costs_fewer_samples():
    _, f = interactions(60, 30, 2, seed=9833)
    known, unknown = (sparse_wht(f, 60, max_order=t, index="bits", rng=9839) for t in (2, None))
    assert known.success and unknown.success and known.to_dict().keys() == unknown.to_dict().keys()
    assert known.n_samples < 0.6 * unknown.n_samples


def test_a_constant_has_degree_zero():
    result = sparse_wht(lambda m: np.full(len(m), 3.0), 100, max_order=0, index="bits", rng=9851)
    assert result.to_dict() == {0: 3.0}


def test_a_function_of_a_higher_degree_is_not_claimed_to_be_found():
    with pytest.warns(UserWarning, match="unresolved"):
        result = sparse_wht(lambda m: 1 - 2.0 * (m[:, :3].sum(axis=1) % 2), 40, max_order=2, index="bits", budget=5000)
    assert not result.success


def test_results_of_a_hundred_variables_can_be_used():
    spectrum, f = interactions(100, 20, 2, seed=9857)
    result = sparse_wht(f, 100, max_order=2, index="bits", rng=9859)
    points = np.random.default_rng(9871).random((50, 100)) < 0.5
    numbers = words.to_integers(words.from_bits(points), 100)
    np.testing.assert_allclose(result.predict(points), f(points), atol=1e-11)
    np.testing.assert_array_equal(result.predict(numbers), result.predict(points))
    ones = np.ones((1, 100), bool)
    assert result.shapley().sum() == pytest.approx((f(ones) - f(~ones))[0])
    assert result.bits.shape == (len(spectrum), 100) and sorted(result.indices.tolist()) == result.indices.tolist()
    assert all(isinstance(k, int) for k in result.to_dict())
    assert len(result.interactions(max_order=1)) == sum(len(variables) <= 1 for variables in spectrum)
    assert "object (" in repr(result)
    with pytest.raises(ValueError, match="to_dict"):
        result.to_dense()


def test_the_picture_of_a_hundred_variables_is_drawn():
    pytest.importorskip("matplotlib").use("Agg")
    from matplotlib.figure import Figure

    spectrum, f = interactions(100, 20, 2, seed=9883)
    axes = sparse_wht(f, 100, max_order=2, index="bits", rng=9887).plot(Figure().subplots())
    assert len(axes.lines[0].get_xdata()) == len(spectrum)


@pytest.mark.parametrize(("n", "max_order"), [(100, None), (64, None), (100, 100), (100, 130)])
def test_many_variables_need_a_degree(n, max_order):
    with pytest.raises(ValueError, match=f"n is {n}: more than 63 variables need max_order"):
        sparse_wht(lambda m: m[:, 0], n, max_order=max_order, index="bits")


@pytest.mark.parametrize(("n", "max_order"), [(1000, 3), (1000, 999), (40, 30)])
def test_too_long_a_list_is_refused(n, max_order):
    with pytest.raises(ValueError, match=f"max_order is {max_order}: of {n} variables more than 4194304"):
        sparse_wht(lambda m: m[:, 0], n, max_order=max_order, index="bits")


@pytest.mark.parametrize("max_order", [30, 40])
def test_a_degree_of_all_variables_says_nothing(max_order):
    found = [sparse_wht(lambda m: m & 1, 30, max_order=t, rng=9901) for t in (max_order, None)]
    assert found[0].to_dict() == found[1].to_dict() and found[0].n_samples == found[1].n_samples

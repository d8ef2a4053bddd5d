"""Best subsets by exchanges, beside all subsets there are."""

from itertools import combinations

import numpy as np
import pytest

from sparsesci.recovery.dynamics.best_subset import best_subset, exchange
from sparsesci.recovery.dynamics.forward_selection import forward_selection
from sparsesci.recovery.dynamics.gram import as_gram


def problem(seed, *, n=100, p=9, d=2, noise=0.3):
    """Return Theta with columns that are alike, of lengths 1e-3 to 1e3, and Y, of three functions each."""
    rng = np.random.default_rng(seed)
    Theta = rng.standard_normal((n, p)) + 1.5 * rng.standard_normal((n, 1))
    x = np.zeros((p, d))
    for k in range(d):
        x[rng.choice(p, 3, replace=False), k] = rng.choice([-1.0, 0.5, 2.0], 3)
    units = 10.0 ** rng.uniform(-3, 3, p)
    return Theta * units, Theta @ x + noise * rng.standard_normal((n, d)), x


def oracle(Theta, y, k):
    """Return the best k columns of all, and what they leave."""
    A = Theta / np.linalg.norm(Theta, axis=0)
    left = {
        S: np.sum((y - A[:, S] @ np.linalg.lstsq(A[:, S], y, rcond=None)[0]) ** 2) for S in combinations(range(9), k)
    }
    S = min(left, key=left.get)
    return S, left[S]


@pytest.mark.parametrize("most", [0, 1, 100])
def test_the_kernel_takes_the_steps_of_the_reference(most):
    rng = np.random.default_rng(7673)
    R = rng.standard_normal((15, 20))
    R, z = R / np.linalg.norm(R, axis=0), rng.standard_normal(15)
    S, rss, n = exchange(R, z, np.arange(4), most)
    expected, left, n_expected = exchange.reference(R, z, np.arange(4), most)
    assert np.array_equal(S, expected) and n == n_expected and (n > 1 or most < 2)
    assert rss == pytest.approx(left, rel=1e-10)


@pytest.mark.parametrize("path", ["gram", "qr"])
@pytest.mark.parametrize("seed", [7681, 7687, 7691, 7699, 7703])
def test_the_best_of_all_subsets_are_found(seed, path):
    Theta, Y, _ = problem(seed)
    gram = as_gram(Theta, Y, path=path)
    for n_terms in (1, 2, 3, 4, 7, 9):
        result = best_subset(gram, n_terms=n_terms)
        for k in range(2):
            S, left = oracle(Theta, Y[:, k], n_terms)
            assert tuple(np.flatnonzero(result.support[:, k])) == S
            assert result.rss[k] == pytest.approx(left, rel=1e-7)


def test_it_finds_what_one_function_after_the_other_does_not():
    rng = np.random.default_rng(7717)
    Theta = rng.standard_normal((200, 6))
    Theta[:, 0] = Theta[:, 1] + Theta[:, 2] + 0.3 * rng.standard_normal(200)  # the best single one, and no part of two
    y = Theta[:, 1] + Theta[:, 2]
    assert 0 in np.flatnonzero(forward_selection(Theta, y, n_terms=2).support)
    assert np.array_equal(np.flatnonzero(best_subset(Theta, y, n_terms=2).support), [1, 2])


def test_the_functions_are_found_in_every_library(lib):
    Theta, Y, x = problem(7723, n=400)
    result = best_subset(lib.array(Theta), lib.array(Y))
    assert result.success and np.array_equal(lib.host(result.support), x != 0)


def test_no_larger_model_than_those_compared_has_a_better_score():
    Theta, Y, _ = problem(7727)
    result = best_subset(Theta, Y, criterion="aic", n_effective=None, accuracy=0)
    everything = best_subset(Theta, Y, n_terms=9)
    for k in range(2):
        sizes = np.arange(10)
        left = [oracle(Theta, Y[:, k], m)[1] for m in sizes[1:]]
        scores = 100 * np.log(np.array([np.sum(Y[:, k] ** 2), *left])) + 2 * sizes
        assert result.n_terms[k] == np.argmin(scores)
    assert len(result.subsets) <= len(everything.subsets)


def test_units_do_not_matter():
    Theta, Y, _ = problem(7741)
    units = 10.0 ** np.random.default_rng(7753).uniform(-9, 9, 9)
    one, other = best_subset(Theta, Y), best_subset(Theta * units, 1e40 * Y)
    assert np.array_equal(one.support, other.support)
    np.testing.assert_allclose(other.x * units[:, None] / 1e40, one.x, rtol=1e-8)


def test_max_terms_is_not_exceeded():
    Theta, Y, _ = problem(7757)
    assert best_subset(Theta, Y, max_terms=2, n_effective=None).n_terms.max() <= 2


def test_functions_that_depend_on_each_other_are_not_taken_together():
    Theta, Y, _ = problem(7759)
    same = np.hstack([Theta, 2 * Theta[:, :3], np.zeros((100, 1))])
    for path in ("gram", "qr"):
        result = best_subset(as_gram(same, Y, path=path), n_terms=13)
        assert result.n_terms.max() <= 9 and "no more than" in result.message
        np.testing.assert_allclose(result.rss, best_subset(Theta, Y, n_terms=9).rss, rtol=1e-6)


def test_a_target_that_is_zero_has_no_function():
    Theta, Y, _ = problem(7789)
    Y[:, 0] = 0
    assert best_subset(Theta, Y).n_terms[0] == 0


@pytest.mark.parametrize(
    ("options", "match"),
    [({"n_terms": 10}, "9 functions"), ({"max_terms": -1}, "max_terms"), ({"maxiter": 0}, "maxiter")],
)
def test_options_that_are_none_are_refused(options, match):
    Theta, Y, _ = problem(7793)
    with pytest.raises(ValueError, match=match):
        best_subset(Theta, Y, **options)


def test_data_that_are_none_are_refused():
    Theta, Y, _ = problem(7817)
    with pytest.raises(TypeError, match="complex"):
        best_subset(Theta, Y * 1j)


def test_functions_that_explain_only_together_are_taken():
    x = np.array([0.1, 0.1])
    states = [x] + [x := np.array([1 - 1.4 * x[0] ** 2 + x[1], 0.3 * x[0]]) for _ in range(20)]
    a, b = np.array(states).T
    Theta = np.stack([np.ones(21), a, b, a * a, a * b, b * b], axis=1)
    for n in range(12, 21):  # one function explains a seventh of the next state, and three all of it
        assert np.array_equal(np.flatnonzero(best_subset(Theta[:n], a[1 : n + 1]).support), [0, 2, 3])


def test_all_functions_are_taken_where_fewer_are_much_worse():
    t = np.linspace(0, 1, 200)
    Theta = np.stack([np.ones(200), t, t**2], axis=1)
    error = 1e-3 * np.exp(-5 * t)  # as of a derivative: the more functions, the more of it they explain
    assert np.array_equal(np.flatnonzero(best_subset(Theta, 1 + error).support), [0])
    assert best_subset(Theta, 1 - t + t**2 + error).support.all()

"""Forward selection by orthogonal least squares."""

import numpy as np
import pytest

from sparsesci.recovery.dynamics.forward_selection import forward_selection
from sparsesci.recovery.dynamics.gram import as_gram


def problem(seed, *, n=300, p=12, d=2, noise=0.1):
    """Return Theta with columns of lengths 1e-3 to 1e3, Y, and its true coefficients, three for each target."""
    rng = np.random.default_rng(seed)
    Theta, x = rng.standard_normal((n, p)) * 10.0 ** rng.uniform(-3, 3, p), np.zeros((p, d))
    for k in range(d):
        x[rng.choice(p, 3, replace=False), k] = rng.choice([-1.0, 0.5, 2.0], 3)
    x /= Theta.std(axis=0)[:, None]
    return Theta, Theta @ x + noise * rng.standard_normal((n, d)), x


@pytest.mark.parametrize("path", ["gram", "qr"])
def test_each_step_takes_the_function_that_explains_the_most(path):
    Theta, Y, _ = problem(7607)
    units = np.linalg.norm(Theta, axis=0)
    result = forward_selection(as_gram(Theta, Y, path=path))
    for k in range(12):
        smaller, S = (np.flatnonzero(result.subsets[m, :, 0]) for m in (k, k + 1))
        left = {}
        for j in np.setdiff1d(np.arange(12), smaller):
            A = (Theta / units)[:, [*smaller, j]]
            left[j] = np.sum((Y[:, 0] - A @ np.linalg.lstsq(A, Y[:, 0], rcond=None)[0]) ** 2)
        assert set(S) - set(smaller) == {min(left, key=left.get)}
        assert result.subset_rss[k + 1, 0] == pytest.approx(min(left.values()), rel=1e-8)


def test_the_functions_are_found_in_every_library(lib):
    Theta, Y, x = problem(7621)
    result = forward_selection(lib.array(Theta), lib.array(Y))
    assert result.success and np.array_equal(lib.host(result.support), x != 0)


def test_error_reduction_ratios_sum_to_what_is_explained():
    Theta, Y, _ = problem(7639)
    result = forward_selection(Theta, Y, n_terms=4)
    ratios = -np.diff(result.subset_rss, axis=0) / (Y**2).sum(axis=0)
    assert ratios.shape == (4, 2) and np.all(ratios > 0)
    np.testing.assert_allclose(ratios.sum(axis=0), 1 - result.rss / (Y**2).sum(axis=0), rtol=1e-9)


def test_nothing_is_taken_twice_or_for_nothing():
    Theta, _, _ = problem(7643)
    same = np.hstack([Theta[:, :2], 3 * Theta[:, :2], np.zeros((300, 1))])
    for path in ("gram", "qr"):
        result = forward_selection(as_gram(same, Theta[:, 0], path=path), n_terms=5)
        assert result.n_terms[0] <= 2 and "no more than" in result.message
        np.testing.assert_allclose(same @ result.x, Theta[:, 0], rtol=1e-6, atol=1e-9 * abs(Theta[:, 0]).max())


def test_a_target_that_is_zero_has_no_function():
    Theta, _, _ = problem(7649)
    result = forward_selection(Theta, np.zeros(300))
    assert result.success and not result.support.any()


def test_options_and_data_that_are_none_are_refused():
    Theta, Y, _ = problem(7669)
    with pytest.raises(ValueError, match="12 functions"):
        forward_selection(Theta, Y, n_terms=13)
    with pytest.raises(TypeError, match="complex"):
        forward_selection(Theta * 1j, Y)
    with pytest.raises(ValueError, match="criterion"):
        forward_selection(Theta, Y, criterion="press")

"""Kronecker sparse Bayesian learning from end to end."""

import math
import warnings
from functools import reduce

import numpy as np
import pytest

from sparsesci import ConvergenceWarning
from sparsesci._lib.result import Status
from sparsesci.recovery import KroneckerOperator, kron_sbl

METHODS = ["auto", "svd", "am", "mm", "decomposed"]
GENERAL = ["auto", "svd", "am", "mm"]
SHAPES = [(8, 12), (9, 12), (10, 12)]


def problem(shapes=SHAPES, K=2, *, seed, snr=20.0, is_product=True, is_complex=False, columns=None):
    """Return factors, y, x and the noise: x is a Kronecker product, or its support alone is."""
    rng = np.random.default_rng(seed)

    def normal(*shape):
        return rng.standard_normal(shape) + (1j * rng.standard_normal(shape) if is_complex else 0)

    factors = [normal(*shape) for shape in shapes]
    supports = [np.sort(rng.choice(n, min(K, n), replace=False)) for _, n in shapes]
    X = np.zeros((*(n for _, n in shapes), columns or 1), factors[0].dtype)
    if is_product:
        parts = []
        for support in supports:
            part = normal(len(support))
            parts.append(part / np.abs(part) * rng.uniform(0.7, 1.5, len(support)))
        X[np.ix_(*supports)] = reduce(np.multiply.outer, parts)[..., None]
    else:
        core = normal(*(len(s) for s in supports), columns or 1)
        X[np.ix_(*supports)] = core / np.abs(core) * rng.uniform(0.7, 1.5, core.shape)
    x = X.reshape(-1, columns) if columns else X.ravel()
    y = KroneckerOperator(factors) @ x
    noise_var = np.mean(np.abs(y) ** 2) / 10 ** (snr / 10)
    return factors, y + np.sqrt(noise_var / (1 + is_complex)) * normal(*y.shape), x, noise_var


def error(found, x):
    return np.sum(np.abs(found - x) ** 2) / np.sum(np.abs(x) ** 2)


# --- What is found ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("is_complex", [False, True])
def test_the_support_and_the_noise_are_found(lib, method, is_complex):
    factors, y, x, noise_var = problem(seed=12301, is_complex=is_complex)
    result = kron_sbl([lib.array(H) for H in factors], lib.array(y), method=method, maxiter=300)
    assert result.success and error(lib.host(result.x), x) < 2e-3
    assert lib.host(result.support).tolist() == np.flatnonzero(x).tolist()
    assert result.noise_var == pytest.approx(noise_var, rel=0.25)
    assert not lib.host(result.x)[x == 0].any()
    gamma = reduce(np.kron, [lib.host(g) for g in result.factor_gammas])
    np.testing.assert_allclose(lib.host(result.gamma), gamma, rtol=1e-12)
    assert (gamma > 0).tolist() == (x != 0).tolist()


@pytest.mark.parametrize("method", GENERAL)
@pytest.mark.parametrize("is_complex", [False, True])
def test_a_vector_that_is_no_product_but_whose_support_is_one_is_found(method, is_complex):
    factors, y, x, noise_var = problem(seed=12304, is_product=False, is_complex=is_complex)
    result = kron_sbl(factors, y, method=method, maxiter=300)
    assert result.success and error(result.x, x) < 2e-3
    assert result.support.tolist() == np.flatnonzero(x).tolist()
    assert result.noise_var == pytest.approx(noise_var, rel=0.25)


@pytest.mark.parametrize("is_product", [True, False])
def test_auto_tells_a_product_from_a_product_support(is_product):
    for seed in range(12310, 12320):
        factors, y, _, _ = problem(seed=seed, snr=8.0, is_product=is_product)
        assert ("decomposition (auto" in kron_sbl(factors, y, maxiter=400).message) == is_product


@pytest.mark.parametrize("method", GENERAL)
def test_columns_share_their_variances(method):
    factors, y, x, noise_var = problem(seed=12321, is_product=False, columns=4, snr=10.0)
    result = kron_sbl(factors, y, method=method, maxiter=300)
    assert result.x.shape == x.shape and result.variance.shape == (x.shape[0],)
    assert result.support.tolist() == np.flatnonzero(x.any(axis=1)).tolist()
    assert error(result.x, x) < 0.02 and result.noise_var == pytest.approx(noise_var, rel=0.15)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("shapes", [[(15, 20), (16, 20)], [(6, 8), (6, 8), (5, 7), (6, 8)]])
def test_any_number_of_factors_is_taken(method, shapes):
    factors, y, x, _ = problem(shapes, seed=12333, snr=25.0)
    result = kron_sbl(factors, y, method=method, maxiter=400)
    assert result.success and error(result.x, x) < 2e-3
    assert result.support.tolist() == np.flatnonzero(x).tolist()


@pytest.mark.parametrize("method", ["auto", "mm", "decomposed"])
def test_one_factor_is_plain_sparse_bayesian_learning(method):
    factors, y, x, _ = problem([(40, 60)], seed=12334, snr=25.0)
    result = kron_sbl(factors, y, method=method)
    assert result.success and error(result.x, x) < 2e-3
    assert result.support.tolist() == np.flatnonzero(x).tolist()


def test_of_one_factor_svd_and_alternating_minimisation_are_both_em():
    factors, y, _, _ = problem([(40, 60)], seed=12335)
    svd, am = (kron_sbl(factors, y, method=method, maxiter=400) for method in ("svd", "am"))
    assert svd.success and svd.nit == am.nit
    np.testing.assert_allclose(svd.x, am.x, rtol=1e-10)


def test_entries_that_fit_but_noise_are_kept_once_in_ten_problems():
    n_false = n_missed = 0
    for seed in range(12600, 12630):
        factors, y, x, _ = problem(seed=seed, is_product=False, is_complex=seed % 2 == 0)
        found = kron_sbl(factors, y, method="mm").factor_gammas
        X = x.reshape(12, 12, 12) != 0
        for i, g in enumerate(found):
            there = X.any(axis=tuple(j for j in range(3) if j != i))
            n_false, n_missed = n_false + np.sum((g > 0) & ~there), n_missed + np.sum((g == 0) & there)
    assert n_missed == 0 and n_false <= 6


@pytest.mark.parametrize("method", METHODS)
def test_a_noise_that_is_known_is_kept(method):
    factors, y, x, noise_var = problem(seed=12341)
    result = kron_sbl(factors, y, method=method, noise_var=noise_var, maxiter=300)
    assert result.noise_var == pytest.approx(noise_var, rel=1e-12) and "given noise_var" in result.message
    assert error(result.x, x) < 2e-3


@pytest.mark.parametrize("method", METHODS)
def test_data_without_noise_are_explained_exactly(method):
    factors, y, x, _ = problem(seed=12351, snr=400.0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # the noise goes down for ever
        result = kron_sbl(factors, y, method=method, maxiter=300)
    assert error(result.x, x) < 1e-8 and result.noise_var < 1e-6 * np.mean(y**2)


@pytest.mark.parametrize("method", METHODS)
def test_noise_alone_has_no_coefficients_of_any_weight(method):
    rng = np.random.default_rng(12361)
    factors, y = [rng.standard_normal(shape) for shape in SHAPES], rng.standard_normal(720)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        result = kron_sbl(factors, y, method=method)
    assert result.noise_var == pytest.approx(1.0, rel=0.2)
    assert np.sum((KroneckerOperator(factors) @ result.x) ** 2) < 0.1 * np.sum(y**2)


def test_more_rows_than_columns_cost_nothing_and_change_nothing():
    factors, y, x, noise_var = problem([(60, 8), (9, 12), (30, 10)], seed=12371, snr=5.0)
    result = kron_sbl(factors, y)
    assert result.support.tolist() == np.flatnonzero(x).tolist()
    assert result.noise_var == pytest.approx(noise_var, rel=0.05)


@pytest.mark.parametrize("method", ["auto", "mm", "decomposed"])
def test_neighbours_that_are_zero_together_are_found_by_coupling(method):
    rng = np.random.default_rng(12381)
    factors, blocks = [rng.standard_normal((m, 30)) for m in (12, 12)], []
    for _ in factors:
        part = np.zeros(30)
        part[7:12] = rng.standard_normal(5)
        blocks.append(part)
    y0 = np.kron(factors[0] @ blocks[0], factors[1] @ blocks[1])
    y = y0 + np.sqrt(np.mean(y0**2) / 10) * rng.standard_normal(144)
    plain, coupled = (kron_sbl(factors, y, method=method, block_coupling=b, maxiter=400) for b in (None, [0.8, 0.5]))
    x = np.kron(*blocks)
    assert coupled.success and error(coupled.x, x) < 0.7 * error(plain.x, x)
    assert kron_sbl(factors, y, method=method, block_coupling=[None, 0.0], maxiter=400).x == pytest.approx(plain.x)


@pytest.mark.parametrize("method", ["mm", "decomposed"])
def test_coupled_variances_are_the_same_in_every_library(lib, method):
    factors, y, _, _ = problem([(7, 9), (8, 9)], seed=12391, is_complex=True)
    expected = kron_sbl(factors, y, method=method, block_coupling=0.5, maxiter=400)
    found = kron_sbl([lib.array(H) for H in factors], lib.array(y), method=method, block_coupling=0.5, maxiter=400)
    np.testing.assert_allclose(lib.host(found.x), expected.x, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("seed", [12952, 12966, 12976, 12990, 12993])
def test_where_a_factor_has_many_entries_for_its_rows_it_is_begun_again_and_a_higher_maximum_found(seed, monkeypatch):
    factors, y, x, _ = problem([(6, 12), (10, 15)], K=3, seed=seed, snr=30.0)
    again = kron_sbl(factors, y, method="decomposed")
    monkeypatch.setattr("sparsesci.recovery.bayes.kron_sbl.is_crowded", lambda posterior: False)
    once = kron_sbl(factors, y, method="decomposed")
    assert error(once.x, x) > 0.1 and error(again.x, x) < 2e-4
    assert again.evidence[-1] > once.evidence[-1] + 3


# --- Evidence --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["am", "mm", "decomposed"])
@pytest.mark.parametrize("noise", ["given", "learned"])
def test_the_evidence_falls_only_where_entries_are_put_out(method, noise):
    for seed in range(12800, 12850):  # with both kinds of noise a hundred problems
        is_product = method == "decomposed"
        factors, y, _, noise_var = problem(
            [(5, 7), (6, 8)], seed=seed, snr=10.0, is_product=is_product, is_complex=seed % 2 == 0
        )
        sizes = []

        def watch(result, sizes=sizes):
            sizes.append(len(result.support))

        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            result = kron_sbl(
                factors, y, method=method, noise_var=noise_var if noise == "given" else None, callback=watch
            )
        falls = np.flatnonzero(np.diff(result.evidence) < -1e-9 * np.abs(result.evidence[:-1]))
        assert all(sizes[i + 1] < sizes[i] for i in falls if i + 1 < len(sizes))
        assert len(falls) <= 3


@pytest.mark.parametrize("method", METHODS)
def test_the_last_evidence_is_that_of_the_variances_returned(method):
    factors, y, _, _ = problem([(5, 6), (6, 8)], seed=12421, snr=30.0)
    result = kron_sbl(factors, y, method=method, maxiter=500)
    A = reduce(np.kron, factors)
    C = (A * result.gamma) @ A.T + result.noise_var * np.eye(30)
    expected = -0.5 * (np.linalg.slogdet(2 * math.pi * C)[1] + y @ np.linalg.solve(C, y))
    assert len(result.evidence) == result.nit
    if "decomposition" in result.message:
        assert result.evidence[-1] < expected
    else:
        assert result.evidence[-1] == pytest.approx(expected, rel=1e-6)


# --- Scales, types, odd data -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("scale", [1e-6, 1e6])
def test_the_scale_of_y_changes_the_answer_only_by_that_scale(method, scale):
    factors, y, _, _ = problem([(7, 9), (8, 9)], seed=12431)
    one, other = (kron_sbl(factors, s * y, method=method, maxiter=300) for s in (1.0, scale))
    np.testing.assert_allclose(other.x / scale, one.x, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(other.variance / scale**2, one.variance, rtol=1e-6, atol=1e-12)
    assert other.noise_var / scale**2 == pytest.approx(one.noise_var)
    assert other.evidence[-1] == pytest.approx(one.evidence[-1] - 56 * math.log(scale))


@pytest.mark.parametrize("method", METHODS)
def test_the_lengths_of_columns_change_the_answer_only_by_them(method):
    factors, y, _, _ = problem([(7, 9), (8, 9)], seed=12441)
    rng = np.random.default_rng(12442)
    lengths = [10 ** rng.uniform(-4, 4, 9) for _ in factors]
    one = kron_sbl(factors, y, method=method, maxiter=300)
    other = kron_sbl([H * a for H, a in zip(factors, lengths, strict=True)], y, method=method, maxiter=300)
    np.testing.assert_allclose(other.x * np.kron(*lengths), one.x, rtol=1e-5, atol=1e-8)
    np.testing.assert_allclose(other.gamma * np.kron(*lengths) ** 2, one.gamma, rtol=1e-5, atol=1e-10)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("dtype", ["float32", "complex64"])
def test_single_precision_stays_single(method, dtype):
    factors, y, x, _ = problem(seed=12451, is_complex=dtype == "complex64")
    result = kron_sbl([H.astype(dtype) for H in factors], y.astype(dtype), method=method, maxiter=300)
    assert result.x.dtype == dtype and error(result.x, x) < 2e-3
    assert {a.dtype.name for a in (result.gamma, result.variance, *result.factor_gammas)} == {"float32"}


def test_lists_of_integers_are_taken():
    result = kron_sbl([[[1, 0], [0, 1]], [[2, 1, 0], [0, 1, 1], [1, 0, 3]]], [2, 0, 1, 0, 0, 0], noise_var=1e-4)
    assert result.x.dtype == float and result.support.tolist() == [0]


@pytest.mark.parametrize("method", METHODS)
def test_complex_factors_with_real_data_make_a_complex_answer(method):
    factors, y, _, _ = problem([(7, 9), (8, 9)], seed=12461, is_complex=True)
    result = kron_sbl([factors[0], factors[1].real], y.real, method=method, maxiter=500)
    assert result.x.dtype == complex and np.isfinite(result.x).all() and result.variance.dtype == float


def test_inputs_are_left_alone():
    factors, y, _, _ = problem(seed=12471)
    before = [H.copy() for H in factors], y.copy()
    kron_sbl(factors, y)
    np.testing.assert_array_equal(y, before[1])
    for H, same in zip(factors, before[0], strict=True):
        np.testing.assert_array_equal(H, same)


@pytest.mark.parametrize("method", METHODS)
def test_a_zero_column_has_coefficient_zero(method):
    factors, y, x, _ = problem(seed=12481)
    factors[1] = np.concatenate([factors[1], np.zeros((9, 1))], axis=1)
    result = kron_sbl(factors, y, method=method, maxiter=300)
    X = result.x.reshape(12, 13, 12)
    assert not X[:, 12].any() and not result.gamma.reshape(12, 13, 12)[:, 12].any()
    assert error(X[:, :12].ravel(), x) < 2e-3


@pytest.mark.parametrize("method", METHODS)
def test_equal_columns_share_or_give_way_but_stay_finite(method):
    factors, y, x, _ = problem(seed=12491)
    factors[0] = np.concatenate([factors[0], factors[0]], axis=1)
    result = kron_sbl(factors, y, method=method, maxiter=400)
    X = result.x.reshape(2, 12, 12, 12)
    assert np.isfinite(result.x).all() and error(X.sum(axis=0).ravel(), x) < 2e-3


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("shapes", [[(1, 5), (6, 4)], [(4, 1), (5, 6)], [(1, 1), (6, 3)], [(3, 1)], [(1, 1)], [(1, 4)]])
def test_factors_of_one_row_or_one_column_are_fine(method, shapes):
    rng = np.random.default_rng(12501)
    factors = [rng.standard_normal(shape) for shape in shapes]
    y = rng.standard_normal(math.prod(m for m, _ in shapes))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        result = kron_sbl(factors, y, method=method)
    assert np.isfinite(result.x).all() and np.isfinite(result.evidence).all() and result.noise_var >= 0


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("noise_var", [None, 0.5])
def test_data_that_are_zero_have_the_answer_zero(lib, method, noise_var):
    factors = [lib.array(np.ones((3, 4))), lib.array(np.eye(2))]
    result = kron_sbl(factors, lib.array(np.zeros(6)), method=method, noise_var=noise_var)
    assert result.success and not lib.host(result.x).any() and not lib.host(result.variance).any()
    assert result.noise_var == (noise_var or 0.0) and result.nit == 0 and result.support.shape == (0,)
    assert not lib.host(result.sample(2, rng=1)).any()


def test_factors_that_are_zero_have_the_answer_zero():
    result = kron_sbl([np.zeros((3, 4)), np.eye(2)], np.arange(6.0))
    assert not result.x.any() and result.noise_var == pytest.approx(np.mean(np.arange(6.0) ** 2), rel=1e-3)


# --- How it ends -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS)
def test_one_iteration_is_too_few_and_warns(method):
    factors, y, _, _ = problem(seed=12511)
    with pytest.warns(ConvergenceWarning, match="after 1 iterations.*raise maxiter"):
        result = kron_sbl(factors, y, method=method, maxiter=1)
    assert result.status is Status.MAXITER and result.nit == 1 and len(result.evidence) == 1


@pytest.mark.parametrize("method", METHODS)
def test_the_callback_sees_every_iteration_and_may_stop(method):
    factors, y, _, _ = problem(seed=12521)
    seen = []

    def stop_at_three(result):
        seen.append(result)
        if len(seen) == 3:
            raise StopIteration

    with pytest.warns(ConvergenceWarning, match="stopped by the callback"):
        result = kron_sbl(factors, y, method=method, callback=stop_at_three)
    assert result.status is Status.STOPPED_BY_CALLBACK and [r.nit for r in seen] == [1, 2, 3]
    np.testing.assert_array_equal(result.x, seen[-1].x)


def test_the_message_names_the_method_and_what_it_found():
    factors, y, _, _ = problem(seed=12531)
    message = kron_sbl(factors, y).message
    assert "decomposition (auto: it leaves white noise) converged" in message
    assert "2 of 12 x 2 of 12 x 2 of 12 entries" in message and "learned noise_var" in message


# --- Uncertainty -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["mm", "decomposed"])
@pytest.mark.parametrize("is_complex", [False, True])
def test_nine_of_ten_intervals_of_level_ninety_hold_the_truth(method, is_complex):
    inside, total = 0, 0
    for seed in range(12540, 12570):
        factors, y, x, _ = problem(seed=seed, snr=15.0, is_product=method == "decomposed", is_complex=is_complex)
        result = kron_sbl(factors, y, method=method, maxiter=400)
        low, high = result.credible_interval(0.9)
        there = np.flatnonzero(x)
        for part in ("real", "imag")[: 1 + is_complex]:
            least, true, most = (getattr(a[there], part) for a in (low, x, high))
            inside, total = inside + np.sum((least <= true) & (true <= most)), total + len(there)
    assert 0.85 < inside / total < 0.95


@pytest.mark.parametrize("method", ["mm", "decomposed"])
@pytest.mark.parametrize("is_complex", [False, True])
def test_samples_have_the_mean_and_the_variance_of_the_posterior(lib, method, is_complex):
    factors, y, _, _ = problem([(5, 6), (6, 8)], seed=12571, snr=10.0, is_complex=is_complex)
    result = kron_sbl([lib.array(H) for H in factors], lib.array(y), method=method, maxiter=400)
    draws = lib.host(result.sample(4000, rng=12572))
    x, variance = lib.host(result.x), lib.host(result.variance)
    spread = np.sqrt(variance.max())
    assert draws.shape == (4000, 48)
    np.testing.assert_allclose(draws.mean(axis=0), x, atol=0.08 * spread)
    np.testing.assert_allclose((np.abs(draws - x) ** 2).mean(axis=0), variance, atol=0.12 * spread**2)


def test_samples_of_columns_have_their_shape():
    factors, y, _, _ = problem([(5, 6), (6, 8)], seed=12581, is_product=False, columns=3)
    assert kron_sbl(factors, y, maxiter=400).sample(7, rng=12582).shape == (7, 48, 3)


# --- What is refused -------------------------------------------------------------------------------------------------


def test_measurements_that_do_not_match_name_the_product_and_the_order():
    factors = [np.ones((2, 3)), np.ones((4, 5))]
    with pytest.raises(ValueError, match=r"y has shape \(7,\): .*2 x 4 = 8 rows.*last factor runs fastest.*\(2, 4\)"):
        kron_sbl(factors, np.ones(7))


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"y": np.array([1.0, np.inf, 0.0, 0.0])}, ValueError, r"y\[1\] is inf"),
        ({"factors": [np.array([[1.0, 0.0], [np.nan, 1.0]]), np.eye(2)]}, ValueError, r"factors\[0\]\[1, 0\] is nan"),
        ({"factors": []}, ValueError, "factors is empty"),
        ({"y": np.ones((4, 0))}, ValueError, r"y has shape \(4, 0\)"),
        ({"y": np.ones((2, 2))}, ValueError, r"y has shape \(2, 2\)"),
        ({"y": ["a"] * 4}, TypeError, "y has dtype"),
        ({"method": "em"}, ValueError, "method is 'em': accepted are 'auto', 'svd'"),
        ({"noise_var": 0.0}, ValueError, "noise_var is 0.0: a positive number"),
        ({"noise_var": -1.0}, ValueError, "noise_var is -1.0"),
        ({"rtol": -1e-3}, ValueError, "rtol is -0.001"),
        ({"maxiter": 0}, ValueError, "maxiter is 0"),
        ({"block_coupling": -0.5}, ValueError, "block_coupling is -0.5"),
        ({"block_coupling": [0.5]}, ValueError, "block_coupling has 1 entries"),
        ({"block_coupling": 0.5, "method": "svd"}, ValueError, "block_coupling is given with method='svd'"),
        ({"y": np.ones((4, 2)), "method": "decomposed"}, ValueError, 'y has 2 columns: method="decomposed"'),
    ],
)
def test_what_is_wrong_is_said_before_any_work(change, error, message):
    arguments = {"factors": [np.eye(2), np.eye(2)], "y": np.ones(4)} | change
    with pytest.raises(error, match=message):
        kron_sbl(arguments.pop("factors"), arguments.pop("y"), **arguments)

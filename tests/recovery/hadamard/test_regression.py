"""Incomplete tables: sparse spectra are found exactly, and a measured landscape is predicted from a few genotypes."""

import csv
import gzip
from importlib.resources import files
from itertools import combinations

import numpy as np
import pytest

from sparsesci._lib.result import ConvergenceWarning, Status
from sparsesci.recovery import sparse_wht
from sparsesci.recovery.hadamard import words
from sparsesci.recovery.hadamard.regression import fit_incomplete
from sparsesci.recovery.hadamard.signs import signed_sums
from sparsesci.recovery.hadamard.walsh_dictionary import correlations, dictionary, orders_to_try
from sparsesci.recovery.hadamard.walsh_prior import Prior, condition, covariance, leading, learn, needed
from sparsesci.recovery.hadamard.walsh_pursuit import fit_sparse


def table(n, K, q, *, seed, max_order=3, noise=0.0, dtype="float64"):
    """Return points (words), values and the spectrum of a sparse function with coefficients of about one."""
    rng = np.random.default_rng(seed)
    supports = set()
    while len(supports) < K:
        order = rng.integers(0, max_order + 1)
        supports.add(sum(1 << int(i) for i in rng.choice(n, order, replace=False)))
    X = rng.choice([-1.0, 1.0], K) * rng.uniform(0.7, 1.3, K)
    errors = rng.standard_normal(q)
    if np.dtype(dtype).kind == "c":
        X, errors = X * np.exp(1j * rng.uniform(0, 6, K)), (errors + 1j * rng.standard_normal(q)) / np.sqrt(2)
    points = words.from_bits(rng.random((q, n)) < 0.5)
    spectrum = dict(zip(sorted(supports), X.tolist(), strict=True))
    f = signed_sums(points, words.from_integers(list(spectrum), n), X)
    return points, (f + noise * errors).astype(dtype), spectrum


def landscape(phenotype):
    """Return the values of the shipped table, at the numbers that its genotypes are."""
    text = gzip.decompress((files("sparsesci.bench") / "data" / "poelwijk2019_landscape.csv.gz").read_bytes()).decode()
    y = np.empty(2**13)
    for row in csv.DictReader(text.splitlines()):
        y[int(row["genotype"], 2)] = float(row[phenotype])
    return y


def r_squared(found, f):
    return 1 - (abs(found - f) ** 2).sum() / (abs(f - f.mean()) ** 2).sum()


# --- Sparse spectra --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "float64", "complex64", "complex128"])
def test_a_sparse_spectrum_without_noise_is_exact_and_its_dtype_is_kept(dtype):
    points, f, spectrum = table(20, 20, 400, seed=8101, dtype=dtype)
    result = fit_incomplete(points, f, 20)
    assert result.success and result.noise_std == 0 and result.values.dtype == dtype
    assert result.indices.tolist() == sorted(spectrum)
    tolerance = 3e-6 if dtype in ("float32", "complex64") else 1e-13
    np.testing.assert_allclose(result.values, [spectrum[k] for k in sorted(spectrum)], atol=tolerance)


@pytest.mark.parametrize("dtype", ["float64", "complex128"])
def test_a_sparse_spectrum_in_noise_of_20_db_is_found_and_so_is_the_noise(dtype):
    points, f, spectrum = table(20, 20, 400, seed=8111, noise=np.sqrt(20 / 100), dtype=dtype)
    result = fit_incomplete(points, f, 20)
    found = result.to_dict()
    false = found.keys() - spectrum.keys()
    assert len(false) <= (dtype == "complex128")  # this complex noise is the one in some hundred that shows a function
    assert result.noise_std == pytest.approx(np.sqrt(20 / 100), rel=0.1)
    np.testing.assert_allclose([found[k] for k in spectrum], list(spectrum.values()), atol=0.12)


def test_interactions_of_all_orders_are_found():
    points, f, spectrum = table(14, 12, 220, seed=8117, max_order=14)
    assert fit_incomplete(points, f, 14).indices.tolist() == sorted(spectrum)


@pytest.mark.parametrize("n", [63, 100])
def test_many_variables_cost_no_table(n):
    points, f, spectrum = table(n, 12, 400, seed=8123, max_order=2)
    result = fit_incomplete(points, f, n)
    assert [int(k) for k in result.indices] == sorted(spectrum)


def test_at_most_as_many_coefficients_are_returned_as_were_asked_for():
    points, f, _ = table(13, 30, 300, seed=8147, noise=0.1)
    assert len(fit_incomplete(points, f, 13, sparsity=7).values) <= 7


def test_no_interaction_has_more_variables_than_max_order():
    points, f, _ = table(13, 40, 300, seed=8161, max_order=4, noise=0.1)
    assert fit_incomplete(points, f, 13, max_order=2).bits.sum(axis=1).max() == 2


def test_the_noise_that_is_given_is_that_of_the_result():
    points, f, _ = table(12, 10, 200, seed=8167, noise=0.2)
    assert fit_incomplete(points, f, 12, noise_std=0.2).noise_std == 0.2


def test_repeats_count_as_one_point_and_tell_the_noise():
    points, f, _ = table(10, 200, 60, seed=8171, max_order=10)
    rng = np.random.default_rng(8172)
    points, f = np.repeat(points, 6, axis=0), np.repeat(f, 6) + 0.5 * rng.standard_normal(360)
    result = fit_incomplete(points, f, 10)
    assert result.n_samples == len(np.unique(points))
    assert result.noise_std == pytest.approx(0.5, rel=0.15)


def sparse_indices(points, f):
    """Return the indices that the pursuit alone finds."""
    floor = 1e-14 * abs(f).max() / np.std(f)
    fit, _ = fit_sparse(points, f / np.std(f), 13, noise_floor=floor, max_order=None, most=len(f) // 2)
    return set(words.to_integers(fit.indices, 13).tolist())


@pytest.mark.parametrize("dtype", ["float64", "complex128"])
@pytest.mark.parametrize(("K", "q", "decibel"), [(5, 60, 20), (20, 200, 10), (20, 400, 20)])
def test_of_fifty_sparse_spectra_in_noise_few_are_wrong_in_any_index(dtype, K, q, decibel):
    runs_with_false = runs_with_missed = 0
    for seed in range(8111, 8161):
        points, f, spectrum = table(13, K, q, seed=seed, noise=np.sqrt(K / 10 ** (decibel / 10)), dtype=dtype)
        found = sparse_indices(points, f)
        runs_with_false += not found <= spectrum.keys()
        runs_with_missed += not spectrum.keys() <= found
    assert runs_with_false <= 2 and runs_with_missed <= 2


@pytest.mark.parametrize("dtype", ["float64", "complex128"])
@pytest.mark.parametrize("q", [60, 200])
def test_in_fifty_samples_of_noise_few_functions_are_seen(dtype, q):
    runs_with_false = 0
    for seed in range(8311, 8361):
        points, noise, _ = table(13, 1, q, seed=seed, max_order=0, noise=1.0, dtype=dtype)
        runs_with_false += not sparse_indices(points, noise) <= {0}
    assert runs_with_false <= 2


def test_functions_that_are_worth_their_cost_only_together_are_found():
    points, f, spectrum = table(13, 60, 400, seed=8369, noise=np.sqrt(60 / 100))
    assert sparse_indices(points, f) == spectrum.keys()


# --- Where nothing is predictable ------------------------------------------------------------------------------------


def noise_about_three(seed, dtype="float64"):
    rng = np.random.default_rng(seed)
    points = rng.choice(2**13, 300, replace=False).astype(np.uint64)
    noise = rng.standard_normal(300) + (1j * rng.standard_normal(300) if dtype == "complex128" else 0)
    return points, 3 + noise


@pytest.mark.parametrize("dtype", ["float64", "complex128"])
def test_noise_about_a_mean_is_a_mean_and_no_success(dtype):
    points, f = noise_about_three(8377, dtype)
    with pytest.warns(ConvergenceWarning, match="nothing is predictable.*more samples.*noise_std"):
        result = fit_incomplete(points[:, None], f, 13)
    assert result.status is Status.UNRESOLVED and not result.success
    assert result.indices.tolist() == [0] and result.values[0] == pytest.approx(3, abs=0.3)


def test_noise_about_a_mean_is_a_success_where_it_is_known_to_be_noise():
    points, f = noise_about_three(8387)
    result = fit_incomplete(points[:, None], f, 13, noise_std=1.0)
    assert result.success and result.indices.tolist() == [0]


def test_noise_that_is_larger_than_was_said_is_no_success():
    points, f = noise_about_three(8389)
    with pytest.warns(ConvergenceWarning, match="nothing is predictable"):
        assert not fit_incomplete(points[:, None], f, 13, noise_std=0.5).success


def test_the_warning_points_at_who_called_sparse_wht():
    points, f = noise_about_three(8419)
    with pytest.warns(ConvergenceWarning) as caught:
        sparse_wht((points, f), 13)
    assert [warning.filename for warning in caught] == [__file__]


def test_the_noise_that_is_estimated_is_a_number():
    points, f, _ = table(12, 10, 200, seed=8423, noise=0.2)
    assert type(fit_incomplete(points, f, 12).noise_std) is float


# --- The measured landscape ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("phenotype", "least"), [("combined", 0.80), ("blue", 0.88)])
def test_a_landscape_is_predicted_from_five_percent_of_its_genotypes(phenotype, least):
    y = landscape(phenotype)
    points = np.random.default_rng(8191).choice(2**13, 410, replace=False)
    result = fit_incomplete(points.astype(np.uint64)[:, None], y[points], 13, rng=8192)
    assert r_squared(result.predict(np.arange(2**13)), y) > least
    assert len(result.values) < 1000


def test_the_leading_interactions_of_a_landscape_are_those_of_the_whole_table():
    y = landscape("combined")
    points = np.random.default_rng(8209).choice(2**13, 655, replace=False)
    result = fit_incomplete(points.astype(np.uint64)[:, None], y[points], 13, rng=8210)
    whole = correlations(13, np.arange(2**13, dtype=np.uint64)[:, None], np.arange(2**13, dtype=np.uint64)[:, None], y)
    leading_six = set(np.argsort(-abs(whole))[:6].tolist())
    assert {sum(1 << i for i in variables) for variables, _ in result.interactions()[:6]} == leading_six


def test_the_same_generator_gives_the_same_fit():
    y = landscape("blue")
    points = np.random.default_rng(8219).choice(2**13, 600, replace=False)
    fits = [fit_incomplete(points.astype(np.uint64)[:, None], y[points], 13, rng=8220) for _ in range(2)]
    np.testing.assert_array_equal(fits[0].values, fits[1].values)


def test_a_smooth_function_of_many_variables_is_predicted():
    rng = np.random.default_rng(8221)
    bits = rng.random((1400, 40)) < 0.5
    f = np.tanh((1 - 2.0 * bits[:, 5:17]) @ rng.standard_normal(12) / 3)
    points = words.from_bits(bits)
    result = fit_incomplete(points[:400], f[:400], 40, rng=8222)
    assert r_squared(result.predict(bits[400:]), f[400:]) > 0.95


# --- The parts -------------------------------------------------------------------------------------------------------


def test_a_dictionary_holds_every_interaction_once_and_the_lowest_orders_first():
    for n in (5, 21):
        functions = dictionary(n, 3)
        expected = {sum(1 << i for i in s) for order in range(4) for s in combinations(range(n), order)}
        assert sorted(functions.indices[:, 0].tolist()) == sorted(expected)
        orders = np.bitwise_count(functions.indices[:, 0])
        assert (np.diff(orders.astype(int)) >= 0).all()
        assert orders[functions.starts].tolist() == [0, 1, 2, 3]


def test_a_dictionary_of_more_than_64_variables_has_words():
    functions = dictionary(70, 2)
    assert functions.indices.shape == (1 + 70 + 35 * 69, 2)
    assert np.bitwise_count(functions.indices[functions.starts[2] :]).sum(axis=1).tolist() == [2] * (35 * 69)


@pytest.mark.parametrize(("n", "expected"), [(1, [1]), (13, [1, 2, 3, 5, 13]), (40, [1, 2, 3])])
def test_the_dictionaries_grow_fourfold(n, expected):
    assert orders_to_try(n, 1000, None) == expected


@pytest.mark.parametrize("dtype", ["float64", "complex128"])
def test_correlations_by_the_fast_transform_are_the_sums(dtype):
    rng = np.random.default_rng(8231)
    points = rng.integers(0, 2**9, 300).astype(np.uint64)[:, None]  # with repeats
    r = rng.standard_normal(300).astype(dtype) * (1 if dtype == "float64" else 1 + 2j * rng.random(300))
    indices = rng.permutation(2**9).astype(np.uint64)[:, None]
    np.testing.assert_allclose(
        correlations(9, indices, points, r), signed_sums.reference(indices, points, r), atol=1e-11
    )


def test_the_covariance_is_that_of_independent_coefficients():
    prior = Prior(np.array([0.3, 2.0, 0.05, 0.7]), 1.7, 0.1)
    indices, variance = leading(prior, 4, None)
    points = np.arange(16, dtype=np.uint64)[:, None]
    functions = 1.0 - 2.0 * (np.bitwise_count(points & indices.T) & 1)
    K = covariance(prior, 1.0 - 2.0 * words.to_bits(points, 4)) + 1  # and the constant
    np.testing.assert_allclose((functions * variance) @ functions.T, K, rtol=1e-13)


def test_the_largest_variances_are_kept(monkeypatch):
    prior = Prior(np.random.default_rng(8233).uniform(0.05, 1.5, 9), 1.0, 0.1)
    _, every = leading(prior, 9, None)
    monkeypatch.setattr("sparsesci.recovery.hadamard.walsh_prior.MOST_COEFFICIENTS", 60)
    _, few = leading(prior, 9, None)
    np.testing.assert_allclose(np.sort(few), np.sort(every)[-60:], rtol=1e-12)


def test_the_evidence_is_the_gaussian_density_and_the_inverse_is_one():
    rng = np.random.default_rng(8237)
    Z, Y = rng.choice([-1.0, 1.0], (30, 6)), rng.standard_normal((30, 2))
    prior = Prior(rng.uniform(0.1, 1, 6), 1.3, 0.2)
    alpha, inverse, evidence = condition(prior, Z, Y)
    C = covariance(prior, Z) + 1 + 0.2 * np.eye(30)
    np.testing.assert_allclose(inverse @ C, np.eye(30), atol=1e-11)
    np.testing.assert_allclose(C @ alpha, Y, atol=1e-12)
    from scipy.stats import multivariate_normal

    assert evidence == pytest.approx(multivariate_normal(np.zeros(30), C).logpdf(Y.T).sum(), rel=1e-10)


def test_the_derivatives_of_the_evidence_are_right(monkeypatch):
    rng = np.random.default_rng(8243)
    Z, Y = rng.choice([-1.0, 1.0], (25, 5)), rng.standard_normal((25, 2))
    captured = {}

    def capture(loss, begin, **options):
        captured.update(loss=loss, begin=begin)
        raise StopIteration

    monkeypatch.setattr("scipy.optimize.minimize", capture)
    with pytest.raises(StopIteration):
        learn(Prior(rng.uniform(0.1, 1, 5), 1.3, 0.2), Z, Y, steps=1, noise=None, least_noise=1e-9)
    loss, p = captured["loss"], captured["begin"]
    step = 1e-5 * np.eye(len(p))
    numerical = [(loss(p + h)[0] - loss(p - h)[0]) / 2e-5 for h in step]
    np.testing.assert_allclose(loss(p)[1], numerical, rtol=1e-6, atol=1e-7)


def test_the_coefficients_that_are_dropped_have_a_small_sum_of_squares():
    X = np.array([0.1, -3.0, 0.2, 1.0, 0.01])
    assert needed(X, 0.06, 10).tolist() == [1, 3]
    assert needed(X, 0.04, 10).tolist() == [1, 3, 2]
    assert needed(X, 0.0, 10).tolist() == [1, 3, 2, 0, 4]
    assert needed(X, 0.0, 1).tolist() == [1]


# --- Inputs ----------------------------------------------------------------------------------------------------------


def test_one_sample_is_a_constant():
    result = fit_incomplete(np.array([[5]], np.uint64), [2.5], 7)
    assert result.to_dict() == {0: 2.5} and result.success and result.n_samples == 1


def test_equal_values_are_a_constant():
    result = fit_incomplete(np.arange(9, dtype=np.uint64)[:, None], np.full(9, 0.1, np.float32), 5)
    assert result.indices.tolist() == [0] and result.values.dtype == np.float32
    assert result.values[0] == np.float32(0.1)


def test_zeros_have_no_coefficients():
    result = fit_incomplete(np.arange(9, dtype=np.uint64)[:, None], np.zeros(9), 5)
    assert result.to_dict() == {} and not result.predict([3]).any()


def test_zeros_of_a_hundred_variables_have_no_coefficients():
    result = fit_incomplete(words.from_bits(np.eye(9, 100, dtype=bool)), np.zeros(9), 100)
    assert result.to_dict() == {}


@pytest.mark.filterwarnings("ignore:nothing is predictable")
@pytest.mark.parametrize("q", [2, 3, 5])
def test_very_few_samples_are_fitted(q):
    rng = np.random.default_rng(8263)
    points = rng.choice(2**6, q, replace=False).astype(np.uint64)[:, None]
    f = rng.standard_normal(q)
    result = fit_incomplete(points, f, 6)
    assert np.isfinite(result.predict(np.arange(64))).all()


def test_the_scale_of_the_values_does_not_matter():
    points, f, _ = table(10, 40, 200, seed=8269, max_order=5, noise=0.3)
    once, scaled = (fit_incomplete(points, factor * f, 10, rng=8270) for factor in (1.0, 2.0**40))
    np.testing.assert_allclose(scaled.predict(np.arange(1024)), 2.0**40 * once.predict(np.arange(1024)), rtol=1e-6)


def test_inputs_are_not_changed():
    points, f, _ = table(10, 40, 200, seed=8273, max_order=5, noise=0.3)
    points.flags.writeable = f.flags.writeable = False
    fit_incomplete(points, f, 10)


def test_integers_are_values():
    points, f, _ = table(10, 6, 200, seed=8287)
    assert fit_incomplete(points, np.rint(4 * f).astype(int), 10).values.dtype == np.float64


def test_no_samples_are_an_error():
    with pytest.raises(ValueError, match="no samples"):
        fit_incomplete(np.empty((0, 1), np.uint64), [], 5)


def test_a_value_that_is_not_finite_is_named():
    with pytest.raises(ValueError, match=r"values\[2\] is nan"):
        fit_incomplete(np.arange(4, dtype=np.uint64)[:, None], [1.0, 2.0, np.nan, 3.0], 5)


def test_values_and_points_have_one_length():
    with pytest.raises(ValueError, match="one for each of the 4 points"):
        fit_incomplete(np.arange(4, dtype=np.uint64)[:, None], np.ones(5), 5)


def test_points_are_words():
    with pytest.raises(ValueError, match=r"uint64 words \(q, 1\)"):
        fit_incomplete(np.arange(4), np.ones(4), 5)


@pytest.mark.parametrize(("option", "value"), [("noise_std", -1.0), ("max_order", -1), ("sparsity", 0)])
def test_a_negative_option_is_named(option, value):
    with pytest.raises(ValueError, match=option):
        fit_incomplete(np.arange(4, dtype=np.uint64)[:, None], np.arange(4.0), 5, **{option: value})


def test_more_samples_than_memory_holds_are_refused(monkeypatch):
    monkeypatch.setattr("sparsesci.recovery.hadamard.walsh_prior.MOST_SAMPLES", 100)
    points, f, _ = table(10, 200, 101, seed=8291, max_order=6, noise=0.3)
    with pytest.raises(ValueError, match="101 samples are more than the 100"):
        fit_incomplete(points, f, 10)

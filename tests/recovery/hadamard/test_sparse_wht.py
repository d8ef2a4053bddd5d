"""The sparse transform from end to end."""

import re
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import sparsesci
from sparsesci import ConvergenceWarning
from sparsesci._lib.result import Status
from sparsesci.recovery import fwht, sparse_wht
from sparsesci.recovery.hadamard import words
from sparsesci.recovery.hadamard.signs import signed_sums

SPARSE = ("noiseless", "robust", "coded", "auto")


def spectrum(n, K, *, seed, kind="signs", support="uniform"):
    """Return ``{k: X_k}`` of K random indices."""
    rng = np.random.default_rng(seed)
    if support == "uniform":
        bits = rng.random((K, n)) < 0.5
    else:
        bits = np.zeros((K, n), bool)
        for row in bits:
            row[rng.choice(n, rng.integers(4), replace=False)] = True
    indices = np.unique(words.to_integers(words.from_bits(bits), n)).tolist()
    X = rng.choice([-1.0, 1.0], len(indices))
    if kind == "normal":
        X = rng.standard_normal(len(indices))
    if kind == "complex":
        X = X * np.exp(2j * np.pi * rng.random(len(indices)))
    return dict(zip(indices, X.tolist(), strict=True))


class Sampled:
    """A function with a known spectrum, with noise, that counts its points."""

    def __init__(self, X, *, noise_std=0.0, seed=9907, dtype=None):
        self.indices = np.array(list(X), np.uint64)[:, None]
        self.values, self.noise_std, self.dtype = np.array(list(X.values())), noise_std, dtype
        self.rng, self.points = np.random.default_rng(seed), []

    def __call__(self, m):
        """Return values at numbers (q,)."""
        self.points.extend(m.tolist())
        f = signed_sums(m[:, None], self.indices, self.values)
        if self.noise_std:
            e = self.rng.standard_normal(len(m))
            if f.dtype.kind == "c":
                e = (e + 1j * self.rng.standard_normal(len(m))) / np.sqrt(2)
            f = f + self.noise_std * e
        return f if self.dtype is None else f.astype(self.dtype)


def assert_is(result, X, tolerance=1e-12):
    assert result.success and result.status is Status.CONVERGED
    assert result.indices.tolist() == sorted(X)
    np.testing.assert_allclose(result.values, [X[k] for k in sorted(X)], rtol=0, atol=tolerance)


# --- Functions -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["signs", "normal", "complex"])
@pytest.mark.parametrize("support", ["uniform", "low degree"])
@pytest.mark.parametrize("method", SPARSE)
def test_an_exactly_sparse_spectrum_is_found_exactly(method, support, kind):
    X = spectrum(40, 60, seed=9923, kind=kind, support=support)
    result = sparse_wht(Sampled(X), 40, method=method, rng=9929)
    assert_is(result, X)
    assert result.noise_std == 0 and result.n_samples < 6000


@pytest.mark.parametrize("kind", ["signs", "complex"])
@pytest.mark.parametrize("support", ["uniform", "low degree"])
@pytest.mark.parametrize("method", ["robust", "coded"])
@pytest.mark.parametrize("dB", [20, 10, 5, 0])
def test_a_sparse_spectrum_is_found_in_noise_that_is_not_known(dB, method, support, kind):
    X = spectrum(30, 60, seed=9931, kind=kind, support=support)
    noise_std = np.sqrt(len(X)) * 10 ** (-dB / 20)
    result = sparse_wht(Sampled(X, noise_std=noise_std), 30, method=method, rng=9941)
    assert_is(result, X, tolerance=5 * noise_std / np.sqrt(result.n_samples))
    assert result.noise_std == pytest.approx(noise_std, rel=0.05)


@pytest.mark.parametrize(("n", "K"), [(20, 100), (20, 1000), (40, 500)])
@pytest.mark.parametrize("dB", [np.inf, 10, 0])
def test_the_cases_of_the_paper_are_exact_with_fewer_samples_than_the_repetition_takes(n, K, dB):
    allowed = {np.inf: (4032, 30_000, 31_488), 10: (8064, 64_512, 125_952), 0: (70_000, 400_000, 755_712)}
    X = spectrum(n, K, seed=9949)
    noise_std = np.sqrt(K) * 10 ** (-dB / 20)
    result = sparse_wht(Sampled(X, noise_std=noise_std), n, rng=9951)
    assert_is(result, X, tolerance=1e-12 + 5 * noise_std / np.sqrt(result.n_samples))
    assert result.n_samples <= allowed[dB][[(20, 100), (20, 1000), (40, 500)].index((n, K))]


def test_the_code_takes_fewer_samples_than_the_repetition():
    n_samples = dict.fromkeys(("coded", "robust"), 0)
    for seed in range(9967, 9973):
        X = spectrum(40, 200, seed=seed)
        for method in n_samples:
            result = sparse_wht(Sampled(X, noise_std=np.sqrt(len(X))), 40, method=method, rng=seed)
            assert result.success and result.to_dict().keys() == X.keys()
            n_samples[method] += result.n_samples
    assert n_samples["coded"] < 0.9 * n_samples["robust"]


def test_no_point_is_asked_for_twice_and_the_samples_are_counted():
    f = Sampled(spectrum(30, 300, seed=10007), noise_std=10.0)
    result = sparse_wht(f, 30, rng=10009)
    assert result.nit > 3 and len(set(f.points)) == len(f.points) == result.n_samples


def test_a_known_sparsity_saves_attempts():
    X = spectrum(30, 300, seed=10037)
    known, unknown = (sparse_wht(Sampled(X), 30, sparsity=K, rng=10039) for K in (300, None))
    assert_is(known, X)
    assert known.nit == 1 < unknown.nit and known.n_samples <= unknown.n_samples


@pytest.mark.parametrize("method", SPARSE)
@pytest.mark.parametrize("n", [1, 2, 3, 5])
def test_few_variables_are_transformed_as_a_whole(n, method):
    X = spectrum(n, 2, seed=10061)
    f = Sampled(X)
    result = sparse_wht(f, n, method=method, rng=10067)
    assert_is(result, X)
    assert result.n_samples == len(f.points) == 2**n


@pytest.mark.parametrize("n", [9, 40, 63])
def test_a_function_that_is_zero_has_no_coefficients(n):
    result = sparse_wht(lambda m: np.zeros(len(m)), n, rng=10069)
    assert result.success and result.to_dict() == {} and result.noise_std == 0
    assert not result.predict(np.arange(5)).any()


@pytest.mark.parametrize("n", [9, 40, 62, 63])
@pytest.mark.parametrize("method", SPARSE)
def test_a_single_walsh_function_is_found_in_one_attempt(n, method):
    k = 2**n - 3
    result = sparse_wht(Sampled({k: -2.5}), n, method=method, rng=10079)
    assert_is(result, {k: -2.5})
    assert result.nit == 1 and result.n_samples <= 3 * 8 * (n - 2) + 64


@pytest.mark.parametrize("n", [9, 40])
def test_a_constant_has_one_coefficient(n):
    assert_is(sparse_wht(lambda m: np.full(len(m), -0.1), n, rng=10091), {0: -0.1})


def test_a_logical_and_is_found_though_it_is_zero_nearly_everywhere():
    result = sparse_wht(lambda m: (m & 255) == 255, 40, rng=10093)
    assert_is(result, {k: (-1) ** k.bit_count() / 256 for k in range(256)})


@pytest.mark.parametrize("scale", [1e-300, 1e-160, 1e160, 1e300])
@pytest.mark.parametrize("noise_std", [0.0, 0.5])
def test_the_scale_of_the_function_does_not_matter(scale, noise_std):
    X = spectrum(30, 20, seed=10099)
    once = sparse_wht(Sampled(X, noise_std=noise_std), 30, rng=10103)
    f = Sampled(X, noise_std=noise_std)
    scaled = sparse_wht(lambda m: scale * f(m), 30, rng=10103)
    assert scaled.success and scaled.indices.tolist() == once.indices.tolist() == sorted(X)
    np.testing.assert_allclose(scaled.values / scale, once.values, rtol=1e-9)
    assert scaled.noise_std / scale == pytest.approx(once.noise_std, rel=1e-9)


@pytest.mark.parametrize("dtype", ["float32", "complex64"])
def test_single_precision_is_kept(dtype):
    X = spectrum(30, 50, seed=10111, kind="complex" if dtype == "complex64" else "signs")
    result = sparse_wht(Sampled(X, dtype=dtype), 30, rng=10133)
    assert_is(result, X, tolerance=1e-5)
    assert result.values.dtype == dtype and result.noise_std == 0


@pytest.mark.parametrize("index", ["uint64", "bits"])
def test_numbers_and_bits_give_the_same_result(index):
    X = spectrum(30, 20, seed=10139)
    f = Sampled(X)
    function = f if index == "uint64" else lambda m: f(words.from_bits(m)[:, 0])
    assert_is(sparse_wht(function, 30, index=index, rng=10141), X)


@pytest.mark.parametrize("sampling", ["random", "blocks"])
def test_both_samplings_find_a_uniform_support(sampling):
    X = spectrum(30, 60, seed=10151)
    assert_is(sparse_wht(Sampled(X), 30, sampling=sampling, rng=10159), X)


def test_blocks_of_bits_fail_on_a_support_of_low_degree_where_random_ones_do_not():
    X = spectrum(40, 60, seed=10163, support="low degree")
    assert_is(sparse_wht(Sampled(X), 40, sampling="random", budget=10_000, rng=10169), X)
    with pytest.warns(ConvergenceWarning, match="unresolved"):
        assert not sparse_wht(Sampled(X), 40, sampling="blocks", budget=10_000, rng=10169).success


def test_the_draws_follow_the_seed():
    X = spectrum(60, 60, seed=10177)
    seen = []
    for rng in (10181, 10181, np.random.default_rng(10181), None, None):
        f = Sampled(X, noise_std=1.0)
        sparse_wht(f, 60, rng=rng)
        seen.append(f.points)
    assert seen[0] == seen[1] == seen[2]
    common = set(seen[0]) & set(seen[3]) | set(seen[3]) & set(seen[4])
    assert common == {0}  # in all subspaces


@pytest.mark.parametrize("kind", ["threads", "map", "executor"])
def test_workers_do_not_change_the_result(kind):
    X = spectrum(30, 100, seed=10193)
    indices, values = np.array(list(X), np.uint64)[:, None], np.array(list(X.values()))

    def f(m):
        return signed_sums(m[:, None], indices, values)

    with ThreadPoolExecutor(2) as pool:
        workers = {"threads": 2, "map": map, "executor": pool.map}[kind]
        result = sparse_wht(f, 30, workers=workers, rng=10211)
    expected = sparse_wht(f, 30, rng=10211)
    assert result.to_dict() == expected.to_dict() and result.n_samples == expected.n_samples


def test_the_time_leaves_out_that_of_the_function():
    from time import perf_counter, sleep

    f = Sampled({5: 1.0})
    began = perf_counter()
    result = sparse_wht(lambda m: sleep(0.2) or f(m), 20, rng=10223)
    assert result.time <= perf_counter() - began - 0.2


# --- What noise hides ------------------------------------------------------------------------------------------------


def test_the_message_names_the_size_below_which_coefficients_may_be_missing():
    X = spectrum(30, 100, seed=10243, kind="normal")
    result = sparse_wht(Sampled(X, noise_std=1.0), 30, noise_std=1.0, rng=10247)
    weakest = float(re.search(r"below about (\S+) may be missing", result.message)[1])
    missing = [abs(value) for k, value in X.items() if k not in result.to_dict()]
    assert result.success and missing and max(missing) < weakest
    assert result.to_dict().keys() <= X.keys()


@pytest.mark.parametrize("factor", [10.0, 0.1])
def test_a_wrong_level_of_noise_does_not_end_in_false_coefficients(factor):
    X = spectrum(30, 60, seed=10253)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        result = sparse_wht(Sampled(X, noise_std=2.0), 30, noise_std=2.0 * factor, budget=50_000, rng=10259)
    assert result.noise_std == 2.0 * factor and result.n_samples <= 50_000
    if factor < 1:
        assert not result.success  # the checks are off
    else:
        assert result.to_dict().keys() <= X.keys()


def test_pure_noise_is_not_a_success():
    rng = np.random.default_rng(10267)
    with pytest.warns(ConvergenceWarning, match="unresolved|error on points not used"):
        result = sparse_wht(lambda m: rng.standard_normal(len(m)), 30, budget=20_000, rng=10271)
    assert not result.success


def test_pure_noise_of_a_known_level_is_the_zero_function():
    rng = np.random.default_rng(10273)
    result = sparse_wht(lambda m: rng.standard_normal(len(m)), 30, noise_std=1.0, rng=10289)
    assert result.success and result.to_dict() == {} and result.nit == 1


@pytest.mark.parametrize("noise_std", [None, 0.0])
def test_too_many_coefficients_for_the_budget_are_a_failure_with_advice(noise_std):
    X = spectrum(30, 1000, seed=10301)
    f = Sampled(X)
    with pytest.warns(ConvergenceWarning, match="raise budget") as caught:
        result = sparse_wht(f, 30, budget=5000, noise_std=noise_std, rng=10303)
    assert len(caught) == 1 and caught[0].filename == __file__
    assert not result.success and result.status is Status.UNRESOLVED and result.message in str(caught[0].message)
    assert result.n_samples == len(f.points) <= 5000


def test_the_advice_is_followed_with_success():
    X, budget = spectrum(30, 300, seed=10313), 5000
    for _ in range(4):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            result = sparse_wht(Sampled(X), 30, budget=budget, rng=10321)
        if result.success:
            break
        budget = 1000 + int(re.search(r"about (\d+) next", result.message)[1])
    assert_is(result, X)


# --- Budget ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("n", "max_order"), [(5, None), (8, None), (30, None), (63, None), (30, 2), (100, 1)])
def test_the_least_budget_is_named_and_is_enough(n, max_order):
    def attempt(budget):
        f = lambda m: np.full(len(m), 2.0)  # noqa: E731
        return sparse_wht(f, n, budget=budget, max_order=max_order, index="bits", rng=10331)

    with pytest.raises(ValueError, match=f"budget is 3: at least [0-9]+ samples are needed for n = {n}") as error:
        attempt(3)
    least = int(re.search(r"at least (\d+)", str(error.value))[1])
    with pytest.raises(ValueError, match=f"at least {least}"):
        attempt(least - 1)
    result = attempt(least)
    assert result.success and result.n_samples <= least and result.to_dict() == {0: 2.0}


@pytest.mark.parametrize("kind", ["function", "array"])
@pytest.mark.parametrize("budget", [400, 1000, 3000, 4000])
@pytest.mark.parametrize("method", SPARSE)
def test_the_budget_is_kept(method, budget, kind):
    X = spectrum(12, 200, seed=10333)
    f = Sampled(X)
    given = f(np.arange(2**12, dtype=np.uint64)) if kind == "array" else f
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        result = sparse_wht(given, None if kind == "array" else 12, method=method, budget=budget, rng=10337)
    assert result.n_samples <= budget
    assert not result.success or result.to_dict().keys() == X.keys()


def test_a_sparsity_beyond_the_budget_begins_with_what_the_budget_allows():
    X = spectrum(30, 20, seed=10343)
    assert_is(sparse_wht(Sampled(X), 30, sparsity=10**6, budget=5000, rng=10357), X)


# --- Arrays ----------------------------------------------------------------------------------------------------------


def table(X, n, dtype=float):
    dense = np.zeros(2**n, dtype)
    for k, value in X.items():
        dense[k] = value
    return fwht(dense)


@pytest.mark.parametrize("method", [*SPARSE, "dense"])
@pytest.mark.parametrize("dtype", ["float32", "float64", "complex64", "complex128"])
def test_the_spectrum_of_an_array_is_that_of_the_dense_transform(dtype, method):
    X = spectrum(14, 20, seed=10369, kind="complex" if "complex" in dtype else "signs")
    f = table(X, 14, dtype)
    result = sparse_wht(f, method=method, rng=10391)
    assert result.success and result.values.dtype == dtype and result.n == 14
    tolerance = 1e-5 if dtype in ("float32", "complex64") else 1e-13
    np.testing.assert_allclose(result.to_dense(), fwht(f, norm="forward"), atol=tolerance)
    assert result.indices.tolist() == sorted(X)


def test_an_array_with_a_sparse_spectrum_is_not_read_as_a_whole():
    f = table(spectrum(14, 10, seed=10399), 14)
    result = sparse_wht(f, rng=10427)
    assert result.success and result.n_samples < 2**14 / 8


def test_a_value_that_is_not_read_may_be_anything():
    X = spectrum(14, 10, seed=10429)
    f = table(X, 14)
    first = sparse_wht(f, rng=10433)
    assert first.n_samples < 2**14
    with pytest.raises(ValueError, match=r"f\(\d+\) is nan: not finite"):
        sparse_wht(np.full(2**14, np.nan), rng=10433)


def test_an_array_with_a_dense_spectrum_is_transformed():
    f = np.random.default_rng(10453).standard_normal(2**12)
    result = sparse_wht(f, rng=10457)
    assert result.success and result.n_samples == 2**12 and result.noise_std == 0
    np.testing.assert_allclose(result.to_dense(), fwht(f, norm="forward"), atol=1e-15)


def test_an_array_with_noise_is_transformed_and_what_is_above_the_noise_is_kept():
    X = spectrum(14, 20, seed=10459)
    f = table(X, 14) + 3 * np.random.default_rng(10463).standard_normal(2**14)
    for noise_std in (None, 3.0):
        result = sparse_wht(f, noise_std=noise_std, rng=10477)
        assert_is(result, X, tolerance=5 * 3 / 2**7)
        assert result.noise_std == pytest.approx(3, rel=0.03) and "dense transform" in result.message


@pytest.mark.parametrize("values", [[1.0], [3.0, 1.0], [1, 2, 3, 4], [0, 0, 0, 0], np.arange(8), np.arange(64) ** 2])
@pytest.mark.parametrize("method", ["auto", "dense", "coded"])
def test_small_arrays_and_lists_are_transformed(values, method):
    result = sparse_wht(values, method=method)
    np.testing.assert_allclose(result.to_dense(), fwht(np.asarray(values, float), norm="forward"), atol=1e-12)
    assert result.values.dtype == np.float64 and result.success


def test_strided_and_read_only_arrays_are_read():
    X = spectrum(12, 10, seed=10487)
    f = np.repeat(table(X, 12), 2)
    f.flags.writeable = False
    for method in ("auto", "dense"):
        assert_is(sparse_wht(f[::2], method=method, rng=10499), X)


def test_the_array_is_not_changed():
    f = np.random.default_rng(10501).standard_normal(2**9)
    before = f.copy()
    sparse_wht(f)
    assert (f == before).all()


@pytest.mark.parametrize("f", [[], np.zeros(3), np.zeros(12), np.zeros((4, 4)), 3.0])
def test_a_length_that_is_no_power_of_two_is_refused(f):
    with pytest.raises(ValueError, match=r"f has shape .*: a vector of length 2\^n"):
        sparse_wht(f)


def test_n_must_fit_the_array():
    with pytest.raises(ValueError, match=r"n is 5, but f has 16 = 2\^4 values"):
        sparse_wht(np.zeros(16), 5)


def test_arrays_of_other_libraries_are_refused(lib):
    f = lib.array(table({3: 1.0}, 9))
    if lib.name.startswith("numpy"):
        assert_is(sparse_wht(f), {3: 1.0})
        return
    with pytest.raises(TypeError, match=r"f is an array of .*sparsesci\.gpu\.to_host"):
        sparse_wht(f)
    with pytest.raises(TypeError, match=r"values is an array of .*sparsesci\.gpu\.to_host"):
        sparse_wht((np.arange(512), f), 9)
    with pytest.raises(TypeError, match=r"f returned an array of .*sparsesci\.gpu\.to_host"):
        sparse_wht(lambda m: lib.array(m.astype(float)), 9)


# --- Incomplete tables -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["auto", "regression"])
def test_an_incomplete_table_is_fitted(method):
    X = spectrum(10, 5, seed=10513)
    known = np.random.default_rng(10529).choice(2**10, 200, replace=False)
    result = sparse_wht((known, table(X, 10)[known]), 10, method=method, rng=10531)
    assert_is(result, X)
    assert result.n_samples == 200


@pytest.mark.parametrize("method", ["dense", "noiseless", "robust", "coded"])
def test_an_incomplete_table_is_not_sampled(method):
    with pytest.raises(ValueError, match=f"method is '{method}': for a pair"):
        sparse_wht((np.arange(4), np.zeros(4)), 10, method=method)


def test_a_regression_needs_a_pair_and_n():
    with pytest.raises(ValueError, match="must be a pair"):
        sparse_wht(np.zeros(8), method="regression")
    with pytest.raises(ValueError, match="must be a pair"):
        sparse_wht((np.arange(4), np.zeros(4), 3), 10)
    with pytest.raises(ValueError, match="n is not given: a pair"):
        sparse_wht((np.arange(4), np.zeros(4)))


# --- Callback --------------------------------------------------------------------------------------------------------


def test_the_callback_sees_every_attempt_that_failed():
    seen = []
    X = spectrum(30, 100, seed=10559)
    result = sparse_wht(
        Sampled(X), 30, callback=lambda intermediate_result: seen.append(intermediate_result), rng=10567
    )
    assert_is(result, X)
    assert [r.nit for r in seen] == list(range(1, result.nit))
    assert all(r.status is Status.RUNNING and not r.success for r in seen)
    samples = [r.n_samples for r in (*seen, result)]
    assert samples == sorted(set(samples))


def test_the_callback_stops_the_search():
    def stop(intermediate_result):
        if intermediate_result.nit == 2:
            raise StopIteration

    result = sparse_wht(Sampled(spectrum(30, 300, seed=10589)), 30, callback=stop, rng=10597)
    assert result.nit == 2 and result.status is Status.STOPPED_BY_CALLBACK and not result.success
    assert result.message.startswith("stopped by the callback")


def test_what_the_callback_raises_is_passed_on():
    def fails(intermediate_result):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        sparse_wht(Sampled(spectrum(30, 300, seed=10601)), 30, callback=fails)


# --- Options ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"method": "fast"}, ValueError, "method is 'fast': accepted are 'auto', 'dense'"),
        ({"sampling": "grid"}, ValueError, "sampling is 'grid'"),
        ({"index": "int"}, ValueError, "index is 'int'"),
        ({"noise_std": -1.0}, ValueError, "noise_std is -1.0"),
        ({"noise_std": np.nan}, ValueError, "noise_std is nan"),
        ({"noise_std": np.inf}, ValueError, "noise_std is inf"),
        ({"noise_std": "1"}, TypeError, "noise_std is '1'"),
        ({"noise_std": 1.0, "method": "noiseless"}, ValueError, 'use "robust" or "coded"'),
        ({"sparsity": 0}, ValueError, "sparsity is 0"),
        ({"sparsity": 2.5}, TypeError, "sparsity is 2.5"),
        ({"budget": 0}, ValueError, "budget is 0"),
        ({"max_order": -1}, ValueError, "max_order is -1"),
        ({"max_order": 1.0}, TypeError, "max_order is 1.0"),
        ({"n": 0}, ValueError, "n is 0"),
        ({"n": 2.0}, TypeError, "n is 2.0"),
        ({"n": None}, ValueError, "n is not given: a function"),
        ({"n": 64}, ValueError, 'n is 64: points are numbers up to n = 63; use index="bits"'),
        ({"workers": 0}, ValueError, "workers is 0"),
        ({"method": "regression"}, ValueError, "must be a pair"),
        ({"method": "dense", "n": 40}, ValueError, r'budget is 4194304: method "dense" needs all 2\^40 samples'),
    ],
)
def test_a_wrong_option_is_named_before_any_work(options, error, message):
    def f(m):
        raise AssertionError("asked")

    with pytest.raises(error, match=message):
        sparse_wht(f, **{"n": 30, **options})


@pytest.mark.parametrize("f", ["text", None, ["a", "b"], {1: 2.0}])
def test_what_is_no_function_is_refused(f):
    with pytest.raises(TypeError, match="f has dtype"):
        sparse_wht(f)


def test_a_function_may_be_transformed_as_a_whole():
    X = spectrum(9, 300, seed=10607, kind="normal")
    f = Sampled(X)
    result = sparse_wht(f, 9, method="dense", noise_std=0.0)
    assert_is(result, X)
    assert sorted(f.points) == list(range(512))


def test_the_backend_is_of_no_concern():
    X = spectrum(12, 10, seed=10613)
    with sparsesci.backend("numpy"):
        assert_is(sparse_wht(table(X, 12)), X)

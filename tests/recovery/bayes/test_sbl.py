"""What `sbl` promises whatever the method: units, bad input, the evidence, intervals that cover."""

import warnings

import numpy as np
import pytest
import scipy.sparse
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse.linalg import LinearOperator, aslinearoperator

from sparsesci._lib.result import ConvergenceWarning, Status
from sparsesci.recovery import sbl
from sparsesci.recovery.bayes.expectation import expectation

DENSE = ["fast", "em", "mackay", "mm"]


# --- the answer ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", DENSE)
@pytest.mark.parametrize("shape", [(40, 80), (80, 40)])
def test_the_entries_are_found_in_every_library(lib, sparse_problem, figures, method, shape):
    A, y, x, noise_var = sparse_problem(*shape, 3, seed=4099, snr=30)
    result = sbl(lib.array(A), lib.array(y), method=method)
    error, _ = figures(lib.host(result.x), x)
    assert result.success and error < 5e-3
    assert set(np.flatnonzero(x)) <= set(lib.host(result.support))
    assert 0.4 < result.noise_var / noise_var < 2


@pytest.mark.parametrize("method", DENSE)
@pytest.mark.parametrize("dtype", ["float32", "float64", "complex64", "complex128"])
@pytest.mark.parametrize("n_columns", [None, 4])
def test_dtype_and_shape_of_y_are_kept(sparse_problem, figures, method, dtype, n_columns):
    A, Y, X, _ = sparse_problem(40, 80, 3, seed=4111, snr=30, dtype=dtype, n_columns=n_columns)
    result = sbl(A, Y, method=method)
    assert result.x.shape == X.shape and result.x.dtype == dtype
    assert result.gamma.shape == (80,) and result.gamma.dtype == A.real.dtype
    assert figures(result.x, X)[0] < 5e-3


def test_several_measurements_find_what_one_does_not(sparse_problem, figures):
    A, Y, X, _ = sparse_problem(24, 100, 12, seed=4127, n_columns=8)
    assert figures(sbl(A, Y).x, X)[1] == 1
    assert figures(sbl(A, Y[:, 0]).x, X[:, 0])[1] < 0.9


@pytest.mark.parametrize("method", DENSE)
@pytest.mark.parametrize("shape", [(30, 50), (50, 30)])
def test_the_posterior_is_that_of_the_model(sparse_problem, method, shape):
    A, y, _, _ = sparse_problem(*shape, 3, seed=4129)
    result = sbl(A, y, method=method)
    C = result.noise_var * np.eye(shape[0]) + (A * result.gamma) @ A.T
    gain = (result.gamma[:, None] * A.T) @ np.linalg.inv(C)
    np.testing.assert_allclose(result.x, gain @ y, atol=1e-8)
    np.testing.assert_allclose(result.variance, result.gamma - np.sum(gain * A.T, axis=1) * result.gamma, atol=1e-10)
    assert np.array_equal(result.support, np.flatnonzero(result.x))


@pytest.mark.parametrize("method", ["em", "mm"])
@settings(max_examples=100, deadline=None)
@given(seed=st.integers(2, 10**6), M=st.integers(2, 25), N=st.integers(2, 40), is_complex=st.booleans())
def test_the_evidence_never_falls(method, seed, M, N, is_complex):
    rng = np.random.default_rng(seed)
    A, y = rng.standard_normal((M, N)), rng.standard_normal((M, 2))
    if is_complex:
        A, y = A + 1j * rng.standard_normal((M, N)), y + 1j * rng.standard_normal((M, 2))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        evidence = sbl(A, y, method=method, noise_var=rng.uniform(0.01, 1), maxiter=60).evidence
    assert np.all(np.diff(evidence) >= -1e-9 * np.abs(evidence[:-1]))


@pytest.mark.parametrize("is_complex", [False, True])
def test_the_evidence_is_the_density_of_the_data(sparse_problem, is_complex):
    A, Y, _, _ = sparse_problem(20, 30, 3, seed=4133, n_columns=2, dtype=complex if is_complex else float)
    gamma = np.random.default_rng(4153).uniform(0.1, 1, 30)
    for kept in (slice(None), slice(12)):  # in M dimensions, and in those of the columns
        C = 0.3 * np.eye(20) + (A[:, kept] * gamma[kept]) @ A[:, kept].conj().T
        quadratic = np.sum(Y.conj() * np.linalg.solve(C, Y)).real
        log_determinant = np.linalg.slogdet((1 if is_complex else 2) * np.pi * C)[1]
        expected = -(2 * log_determinant + quadratic) * (1 if is_complex else 0.5)
        E = expectation(A[:, kept], Y, gamma[kept], 0.3)
        assert E.evidence(20, 2, is_complex=is_complex) == pytest.approx(expected)


def test_the_e_step_is_the_same_in_either_space():
    rng = np.random.default_rng(4139)
    A, Y, gamma = rng.standard_normal((30, 20)), rng.standard_normal((30, 3)), rng.uniform(0.1, 2, 20)
    small = expectation(A, Y, gamma, 0.3)
    nothing = np.zeros((30, 15))  # more columns than rows, and the same model
    large = expectation(np.hstack([A, nothing]), Y, np.append(gamma, np.ones(15)), 0.3)
    for part in ("mu", "variance", "told"):
        np.testing.assert_allclose(getattr(large, part)[:20], getattr(small, part), atol=1e-12)
    for part in ("residual", "misfit", "log_determinant"):
        assert getattr(large, part) == pytest.approx(getattr(small, part))


# --- uncertainty -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [float, complex])
def test_intervals_cover_as_often_as_they_say(sparse_problem, dtype):
    covered = []
    for seed in range(4153, 4193):
        A, y, x, _ = sparse_problem(100, 200, 10, seed=seed, snr=20, kind="gauss", dtype=dtype)
        result = sbl(A, y)
        low, high = result.credible_interval(0.9)
        there = result.support
        covered.append((low.real <= x.real)[there] & (x.real <= high.real)[there])
    assert 0.85 < np.mean(np.concatenate(covered)) < 0.95


@pytest.mark.parametrize("method", ["fast", "em"])
@pytest.mark.parametrize("n_columns", [None, 3])
def test_samples_have_the_moments_of_the_posterior(lib, sparse_problem, method, n_columns):
    A, Y, _, _ = sparse_problem(30, 50, 3, seed=4201, n_columns=n_columns)
    result = sbl(lib.array(A), lib.array(Y), method=method)
    draws = lib.host(result.sample(4000, rng=4211))
    x, std = lib.host(result.x), np.sqrt(lib.host(result.variance))
    std = std if n_columns is None else std[:, None]
    assert draws.shape == (4000, *x.shape)
    assert np.all(np.abs(draws.mean(axis=0) - x) <= 5 * std / 4000**0.5 + 1e-12)
    np.testing.assert_allclose(draws.std(axis=0), std + 0 * x, rtol=0.06)


def test_a_sample_of_a_complex_posterior_is_circular(sparse_problem):
    A, y, _, _ = sparse_problem(30, 50, 3, seed=4217, dtype=complex)
    result = sbl(A, y)
    off = (result.sample(4000, rng=4219) - result.x)[:, result.support]
    np.testing.assert_allclose(np.mean(np.abs(off) ** 2, axis=0), result.variance[result.support], rtol=0.08)
    assert np.all(np.abs(np.mean(off**2, axis=0)) < 0.08 * result.variance[result.support])


def test_the_level_of_an_interval_is_a_probability(sparse_problem):
    A, y, _, _ = sparse_problem(20, 30, 2, seed=4229)
    with pytest.raises(ValueError, match="between 0 and 1"):
        sbl(A, y).credible_interval(90)


# --- units -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", DENSE)
@pytest.mark.parametrize("unit", [1e-6, 1e6, 1e-150, 1e150])
def test_the_unit_of_y_is_that_of_x(sparse_problem, method, unit):
    A, y, _, _ = sparse_problem(40, 80, 4, seed=4231)
    one, other = sbl(A, y, method=method), sbl(A, y * unit, method=method)
    np.testing.assert_allclose(other.x / unit, one.x, rtol=1e-6, atol=1e-9)
    assert other.noise_var / unit**2 == pytest.approx(one.noise_var, rel=1e-6)
    np.testing.assert_allclose(other.evidence, one.evidence - 40 * np.log(unit), rtol=1e-8)


@pytest.mark.parametrize("method", DENSE)
def test_the_length_of_a_column_is_a_unit_too(sparse_problem, method):
    A, y, _, _ = sparse_problem(40, 80, 4, seed=4241)
    lengths = np.geomspace(1e-6, 1e6, 80)
    one, other = sbl(A, y, method=method), sbl(A * lengths, y, method=method)
    np.testing.assert_allclose(other.x * lengths, one.x, rtol=1e-6, atol=1e-9)
    assert np.array_equal(one.support, other.support)


# --- ends of the road ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", DENSE)
def test_maxiter_ends_with_a_warning_and_what_there_is(sparse_problem, method):
    A, y, _, _ = sparse_problem(40, 80, 4, seed=4243)
    with pytest.warns(ConvergenceWarning, match="raise maxiter or rtol"):
        result = sbl(A, y, method=method, maxiter=1)
    assert result.status is Status.MAXITER and not result.success and result.nit == 1
    assert np.all(np.isfinite(result.x))


@pytest.mark.parametrize("method", DENSE)
def test_a_callback_sees_every_iteration_and_may_stop(sparse_problem, method):
    A, y, _, _ = sparse_problem(40, 80, 4, seed=4253)
    seen = []

    def callback(intermediate_result):
        seen.append(intermediate_result)
        if len(seen) == 3:
            raise StopIteration

    with pytest.warns(ConvergenceWarning, match="stopped by the callback"):
        result = sbl(A, y, method=method, callback=callback)
    assert result.status is Status.STOPPED_BY_CALLBACK
    assert [each.nit for each in seen] == [1, 2, 3] and seen[0].x.shape == (80,)


def test_an_error_in_a_callback_propagates(sparse_problem):
    A, y, _, _ = sparse_problem(20, 30, 2, seed=4259)

    def callback(intermediate_result):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        sbl(A, y, callback=callback)


def test_a_callback_changes_nothing(sparse_problem):
    A, y, _, _ = sparse_problem(60, 100, 6, seed=4261)
    shown, alone = sbl(A, y, callback=lambda intermediate_result: None), sbl(A, y)
    np.testing.assert_allclose(shown.x, alone.x, rtol=1e-6, atol=1e-9)
    assert shown.nit == alone.nit


@pytest.mark.parametrize("method", DENSE)
def test_zero_measurements_have_the_zero_solution(lib, method):
    result = sbl(lib.array(np.eye(4, 7)), lib.array(np.zeros(4)), method=method)
    assert result.success and not lib.host(result.x).any() and len(lib.host(result.support)) == 0
    assert lib.host(result.sample(3, rng=4271)).shape == (3, 7)


@pytest.mark.parametrize("method", DENSE)
def test_zero_columns_have_coefficient_zero(sparse_problem, method):
    A, y, _, _ = sparse_problem(40, 60, 3, seed=4273)
    with_zeros = A.copy()
    with_zeros[:, ::7] = 0
    result = sbl(with_zeros, y, method=method)
    assert not result.x[::7].any() and not result.variance[::7].any() and np.all(np.isfinite(result.x))


@pytest.mark.parametrize("method", ["em", "mackay", "mm"])
def test_equal_columns_share_a_weight_equally(sparse_problem, method):
    A, y, x, _ = sparse_problem(40, 60, 3, seed=4283, snr=30)
    i = np.flatnonzero(x)[0]
    result = sbl(np.hstack([A, A[:, [i]]]), y, method=method)
    assert result.x[i] == pytest.approx(result.x[60]) and abs(result.x[i] + result.x[60] - x[i]) < 0.1


def test_of_equal_columns_the_greedy_ascent_takes_one(sparse_problem):
    A, y, x, _ = sparse_problem(40, 60, 3, seed=4289, snr=30)
    i = np.flatnonzero(x)[0]
    result = sbl(np.hstack([A, A[:, [i]]]), y)
    assert (result.x[i] != 0) != (result.x[60] != 0) and np.all(np.isfinite(result.x))


@pytest.mark.parametrize("method", DENSE)
@pytest.mark.parametrize("shape", [(1, 5), (5, 1), (1, 1), (2, 2)])
def test_the_smallest_problems_have_finite_answers(method, shape):
    rng = np.random.default_rng(4297)
    result = sbl(rng.standard_normal(shape), rng.standard_normal(shape[0]), method=method, rtol=1e-2)
    assert result.x.shape == (shape[1],) and np.all(np.isfinite(result.x)) and np.isfinite(result.noise_var)


def test_one_measurement_with_known_noise_is_believed():
    result = sbl([[1.0]], [100.0], noise_var=1.0)
    assert result.x[0] == pytest.approx(100.0, abs=0.1) and result.noise_var == 1.0


def test_integers_and_lists_are_numbers():
    result = sbl([[3, 0, 0, 1], [0, 2, 0, 1], [0, 0, 1, 1], [1, 0, 0, 0]], [3, 0, 0, 1], noise_var=1e-4)
    np.testing.assert_allclose(result.x, [1, 0, 0, 0], atol=1e-3)


def test_a_complex_matrix_makes_a_complex_answer(sparse_problem):
    A, y, _, _ = sparse_problem(40, 60, 3, seed=4327, dtype=complex)
    assert sbl(A, y.real).x.dtype == np.complex128
    assert sbl(A.real, y).x.dtype == np.complex128


def test_a_sparse_matrix_is_as_good_as_a_dense_one(sparse_problem):
    A, y, _, _ = sparse_problem(40, 60, 3, seed=4337)
    A[np.abs(A) < 0.8] = 0
    sparse = scipy.sparse.csr_array(A)
    sparse.indices, sparse.indptr = sparse.indices.astype(np.int64), sparse.indptr.astype(np.int64)
    np.testing.assert_array_equal(sbl(sparse, y).x, sbl(A, y).x)


@pytest.mark.parametrize("layout", [np.asfortranarray, lambda A: np.repeat(A, 2, axis=1)[:, ::2]])
def test_the_layout_of_the_matrix_does_not_matter(sparse_problem, layout):
    A, y, _, _ = sparse_problem(40, 60, 3, seed=4339)
    np.testing.assert_allclose(sbl(layout(A), y).x, sbl(A, y).x, rtol=1e-9, atol=1e-12)


def test_inputs_are_left_alone(sparse_problem):
    A, y, _, _ = sparse_problem(40, 60, 3, seed=4349)
    before = A.copy(), y.copy()
    for method in DENSE:
        sbl(A, y, method=method)
    assert np.array_equal(A, before[0]) and np.array_equal(y, before[1])


# --- bad input -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("A", "y", "options", "error", "words"),
    [
        (np.ones((3, 5)), np.ones(4), {}, ValueError, r"A has shape \(3, 5\) and y \(4,\)"),
        (np.ones(3), np.ones(3), {}, ValueError, r"A has shape \(3,\).*\(M, N\)"),
        (np.ones((3, 0)), np.ones(3), {}, ValueError, "not empty"),
        (np.ones((3, 5)), np.ones((3, 2, 1)), {}, ValueError, r"y has shape \(3, 2, 1\)"),
        (np.ones((3, 5)), np.ones((3, 0)), {}, ValueError, "not empty"),
        (np.ones((3, 5)), [1, np.nan, 2], {}, ValueError, r"y\[1\] is nan"),
        (np.diag([1.0, np.inf, 2]), np.ones(3), {}, ValueError, r"A\[1, 1\] is inf"),
        (np.ones((3, 5)), np.ones(3), {"noise_var": -1}, ValueError, "noise_var is -1: a positive number"),
        (np.ones((3, 5)), np.ones(3), {"noise_var": 0.0}, ValueError, "or None to learn it"),
        (np.ones((3, 5)), np.ones(3), {"noise_var": "small"}, TypeError, "noise_var is 'small'"),
        (np.ones((3, 5)), np.ones(3), {"method": "ard"}, ValueError, "method is 'ard': accepted are 'auto', 'fast'"),
        (np.ones((3, 5)), np.ones(3), {"rtol": -1}, ValueError, "rtol is -1"),
        (np.ones((3, 5)), np.ones(3), {"prior": "positive"}, ValueError, "prior is 'positive': accepted are None"),
        (np.ones((3, 5)), np.ones(3), {"prior": "nonnegative", "method": "em"}, ValueError, 'only "exchange" knows'),
        (np.ones((3, 5)), np.ones(3) + 1j, {"prior": "nonnegative"}, ValueError, "complex"),
        (np.ones((3, 5)), np.ones(3), {"prior": "nonnegative", "blocks": 2}, ValueError, "knows no blocks"),
        (np.ones((3, 5)), np.ones(3), {"maxiter": 0}, ValueError, "maxiter is 0"),
        (np.array([["a"]]), np.ones(1), {}, TypeError, "A has dtype"),
        (lambda x: x, np.ones(3), {}, ValueError, "A is a function"),
        (aslinearoperator(np.ones((3, 5))), np.ones(3), {"method": "em"}, TypeError, 'use method="cofem"'),
        (LinearOperator((3, 5), matvec=lambda x: x[:3]), np.ones(3), {}, TypeError, "A has no adjoint.*rmatvec"),
    ],
)
def test_bad_input_is_refused_with_its_name(A, y, options, error, words):
    with pytest.raises(error, match=words):
        sbl(A, y, **options)


def test_the_repr_tells_the_story(sparse_problem):
    A, y, _, _ = sparse_problem(40, 60, 3, seed=4357, snr=30)
    text = repr(sbl(A, y))
    assert "fast marginal likelihood (auto) converged after" in text and "3 of 60 entries, learned noise_var" in text
    assert "posterior" not in text


@pytest.mark.parametrize("n_columns", [None, 4])
@pytest.mark.parametrize("dtype", [float, complex])
def test_a_plot_shows_the_entries_of_the_support(sparse_problem, n_columns, dtype):
    from matplotlib.figure import Figure

    A, y, _, _ = sparse_problem(40, 60, 3, seed=4363, snr=30, dtype=dtype, n_columns=n_columns)
    axes = sbl(A, y).plot(Figure().subplots())
    assert "3 of 60 entries" in axes.get_title()
    assert len(axes.lines[1].get_xdata()) == 3


# --- columns that are alike ------------------------------------------------------------------------------------------


def overlapping_bumps():
    """Return 120 Gaussian bumps at 80 points, each all but the next: their correlation is 0.99."""
    points, centres = np.linspace(0, 1, 80)[:, None], np.linspace(0, 1, 120)
    return np.exp(-(((points - centres) / 0.05) ** 2) / 2)


@pytest.mark.parametrize("prior", [None, "nonnegative"])
def test_exchange_finds_bumps_that_overlap(prior, figures):
    A, x = overlapping_bumps(), np.zeros(120)
    x[[20, 60, 66]] = [1.0, 2.0, 1.5]
    y = A @ x + 1e-3 * np.random.default_rng(4523).standard_normal(80)
    result = sbl(A, y, method="exchange", prior=prior, rng=4547)
    error, f1 = figures(result.x, x)
    assert result.success and error < 1e-3 and f1 == 1
    assert "exchange of entries converged" in result.message and 0.5e-6 < result.noise_var < 2e-6


def test_a_prior_of_signs_chooses_exchange_by_itself():
    A = overlapping_bumps()
    result = sbl(A, A[:, 30] + 1e-3 * np.random.default_rng(4549).standard_normal(80), prior="nonnegative", rng=4561)
    assert "(auto: nonnegative)" in result.message and result.success and np.all(result.x >= 0)


@pytest.mark.parametrize("unit", [1e-6, 1e6])
def test_exchange_knows_no_units_either(unit):
    A = overlapping_bumps()
    y = A[:, 30] - A[:, 90] + 1e-2 * np.random.default_rng(4567).standard_normal(80)
    lengths = np.geomspace(1e-3, 1e3, 120)
    one, other = sbl(A, y, method="exchange", rng=4583), sbl(A * lengths, unit * y, method="exchange", rng=4583)
    np.testing.assert_allclose(other.x * lengths / unit, one.x, rtol=1e-5, atol=1e-7)


# --- operators -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [float, complex])
@pytest.mark.parametrize("n_columns", [None, 3])
def test_an_operator_is_as_good_as_its_matrix(sparse_problem, figures, dtype, n_columns):
    A, Y, X, noise_var = sparse_problem(100, 300, 5, seed=4481, dtype=dtype, n_columns=n_columns)
    result = sbl(aslinearoperator(A), Y, rng=4483)
    error, f1 = figures(result.x, X)
    assert "auto: A is an operator" in result.message and result.success
    assert error < 5e-3 and f1 == 1 and 0.75 < result.noise_var / noise_var < 1.25
    assert result.sample(2, rng=4493).shape == (2, *X.shape)


def test_a_matrix_may_be_used_as_an_operator(sparse_problem):
    A, y, _, _ = sparse_problem(100, 300, 5, seed=4507)
    lengths = np.geomspace(1e-3, 1e3, 300)
    dense, free = (sbl(A * lengths, y, method=method, rng=4513) for method in ("fast", "cofem"))
    assert np.array_equal(dense.support, free.support)
    np.testing.assert_allclose(free.x * lengths, dense.x * lengths, atol=0.02)
    there = dense.support
    np.testing.assert_allclose(free.variance[there], dense.variance[there], rtol=0.4)
    off = free.sample(2000, rng=4517)[:, there] - free.x[there]
    np.testing.assert_allclose(np.mean(off**2, axis=0), free.variance[there], rtol=0.3)


def test_an_operator_of_columns_without_an_adjoint_is_refused_too():
    with pytest.raises(TypeError, match="A has no adjoint"):
        sbl(LinearOperator((3, 5), matvec=lambda x: x[:3]), np.ones((3, 2)))

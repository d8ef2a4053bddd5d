"""Units, options and answers at the ends of what the Bayesian solvers take."""

import numpy as np
import pytest
from scipy.sparse.linalg import LinearOperator, aslinearoperator

from sparsesci.recovery import KroneckerOperator, SBLRegressor, kron_sbl, omp, sbl


@pytest.fixture
def kron_problem():
    """Return two factors and noisy data of a product of three entries."""
    rng = np.random.default_rng(40961)
    factors = [rng.standard_normal((7, 9)), rng.standard_normal((8, 10))]
    x = np.kron(np.eye(9)[3], np.eye(10)[5] - 2 * np.eye(10)[8])
    return factors, KroneckerOperator(factors) @ x + 0.05 * rng.standard_normal(56)


@pytest.mark.parametrize("unit", [1e-120, 1e-25, 1e20, 1e120])
def test_the_unit_of_an_operator_is_one_over_that_of_x(sparse_problem, unit):
    A, y, _, _ = sparse_problem(40, 90, 4, seed=40962)
    expected, found = sbl(aslinearoperator(A), y, rng=40963), sbl(aslinearoperator(unit * A), y, rng=40963)
    assert len(found.support) >= 4 and found.support.tolist() == expected.support.tolist()
    np.testing.assert_allclose(found.x * unit, expected.x, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("unit", [1e-120, 1e120])
def test_a_matrix_of_any_unit_may_be_used_without_a_covariance(sparse_problem, unit):
    A, y, _, _ = sparse_problem(40, 90, 4, seed=40964)
    expected, found = (sbl(a * A, y, method="cofem", rng=40965) for a in (1.0, unit))
    np.testing.assert_allclose(found.x * unit, expected.x, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize(
    "dtype, unit", [("float64", 1e-300), ("float64", 1e300), ("float32", 1e-20), ("float32", 1e20)]
)
@pytest.mark.parametrize("is_A", [False, True])
def test_a_unit_whose_square_is_no_number_is_refused(sparse_problem, kron_problem, dtype, unit, is_A):
    A, y, _, _ = sparse_problem(20, 30, 2, seed=40966, dtype=dtype)
    scaled = (A * A.dtype.type(unit), y) if is_A else (A, y * A.dtype.type(unit))
    what = "largest entry of A" if is_A else "y has root mean square"
    with pytest.raises(ValueError, match=what + ".*out of range"):
        sbl(*scaled)
    (F, G), z = kron_problem
    F, G, z = (part.astype(dtype) for part in (F, G, z))
    scaled = ([F * F.dtype.type(unit), G], z) if is_A else ([F, G], z * F.dtype.type(unit))
    with pytest.raises(ValueError, match=r"root mean square.*out of range"):
        kron_sbl(*scaled)


@pytest.mark.parametrize("method", ["fast", "em", "mackay", "mm", "exchange", "cofem"])
def test_a_given_noise_beyond_all_data_leaves_nothing_of_note(sparse_problem, method):
    A, y, x, _ = sparse_problem(20, 30, 2, seed=40967)
    for noise_var in (1e12, 1e300):
        result = sbl(A, y, method=method, noise_var=noise_var, rng=40968)
        assert result.noise_var == pytest.approx(noise_var) and np.linalg.norm(result.x) < 0.01 * np.linalg.norm(x)


@pytest.mark.parametrize("noise_var", [1e-30, 1e-300])
def test_a_given_noise_of_next_to_nothing_gives_finite_answers(sparse_problem, noise_var):
    A, y, _, _ = sparse_problem(20, 30, 2, seed=40969)
    result = sbl(A, y, method="cofem", noise_var=noise_var, maxiter=200, rng=40970)
    assert np.all(np.isfinite(result.x)) and np.all(np.isfinite(result.variance))


def test_a_forward_product_that_is_not_finite_is_named(sparse_problem):
    A, y, _, _ = sparse_problem(20, 30, 2, seed=40971)
    broken = LinearOperator(A.shape, matvec=lambda x: np.nan * (A @ x), rmatvec=lambda z: A.T @ z, dtype=A.dtype)
    for solve in (lambda: sbl(broken, y, rng=40972), lambda: omp(broken, y, n_nonzero=2)):
        with pytest.raises(ValueError, match="A returned NaN or Inf"):
            solve()


def test_an_adjoint_product_that_is_not_finite_is_named_by_omp(sparse_problem):
    A, y, _, _ = sparse_problem(20, 30, 2, seed=40973)
    broken = LinearOperator(A.shape, matvec=lambda x: A @ x, rmatvec=lambda z: np.nan * (A.T @ z), dtype=A.dtype)
    with pytest.raises(ValueError, match="A returned NaN or Inf"):
        omp(broken, y, n_nonzero=2)


@pytest.mark.parametrize("method", ["auto", "svd", "am", "mm", "decomposed"])
def test_samples_have_the_shape_of_a_single_column(kron_problem, method):
    factors, y = kron_problem
    result = kron_sbl(factors, y[:, None], method=method)
    assert result.x.shape == (90, 1) and result.sample(3, rng=40974).shape == (3, 90, 1)


def test_the_coupling_of_each_factor_may_be_an_array(kron_problem):
    factors, y = kron_problem
    given = kron_sbl(factors, y, block_coupling=[0.5, 0.2])
    np.testing.assert_array_equal(kron_sbl(factors, y, block_coupling=np.array([0.5, 0.2])).x, given.x)


def test_an_array_of_no_dimension_is_a_size_of_blocks(sparse_problem):
    A, y, _, _ = sparse_problem(20, 30, 2, seed=40975)
    np.testing.assert_array_equal(sbl(A, y, blocks=np.array(5)).x, sbl(A, y, blocks=5).x)


def test_the_score_of_a_constant_target_is_whether_it_is_met(sparse_problem):
    X, y, _, _ = sparse_problem(20, 6, 2, seed=40976)
    model = SBLRegressor().fit(X, np.full(20, 3.0))
    assert model.score(X, np.full(20, 3.0)) == 1.0 and model.score(X, np.full(20, 4.0)) == 0.0
    assert SBLRegressor().fit(X, np.stack([y, np.ones(20)], axis=1)).score(X, np.stack([y, np.ones(20)], axis=1)) > 0.9


def test_a_score_needs_y_as_it_is_predicted(sparse_problem):
    X, y, _, _ = sparse_problem(20, 6, 2, seed=40977)
    with pytest.raises(ValueError, match=r"y has shape \(20, 1\): \(20,\) is needed"):
        SBLRegressor().fit(X, y).score(X, y[:, None])


def test_predictions_are_made_at_real_features(sparse_problem):
    X, y, _, _ = sparse_problem(20, 6, 2, seed=40978)
    with pytest.raises(TypeError, match="X has dtype complex128"):
        SBLRegressor().fit(X, y).predict(X + 0j)


def test_scikit_learn_searches_and_chains_the_estimator(sparse_problem):
    pytest.importorskip("sklearn")
    from sklearn.model_selection import GridSearchCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    X, y, _, _ = sparse_problem(40, 10, 2, seed=40979)
    model = make_pipeline(StandardScaler(), SBLRegressor())
    search = GridSearchCV(model, {"sblregressor__method": ["fast", "mackay"]}, cv=3).fit(X, y)
    assert search.best_score_ > 0.9


@pytest.mark.filterwarnings("ignore::sparsesci._lib.result.ConvergenceWarning")
@pytest.mark.parametrize("noise", [0.0, 1e-8, 1e-4])
def test_columns_that_are_nearly_dependent_and_little_noise_give_finite_answers(noise):
    rng = np.random.default_rng(40980)
    grid = np.linspace(0, 1, 30)
    for n in range(40, 50):
        A = np.exp(-((grid[:, None] - np.linspace(0, 1, n)) ** 2) / (2 * rng.uniform(0.05, 0.5) ** 2))
        result = sbl(A, A[:, [3, 20, 31]] @ [1.0, 2.0, 1.5] + noise * rng.standard_normal(30))
        assert np.all(np.isfinite(result.x)) and np.all(result.variance >= 0)

"""BiCGSTAB: answers, costs, breakdowns, and what becomes of bad input."""

from itertools import pairwise

import numpy as np
import pytest
import scipy.sparse
import scipy.sparse.linalg

from sparsesci._lib.operator import as_operator
from sparsesci.solvers import (
    ConvergenceWarning,
    Status,
    bicgstab,
    ilu0_preconditioner,
    jacobi_preconditioner,
    ssor_preconditioner,
)
from sparsesci.solvers.krylov.bicgstab import LEAST_COSINE, Steps, bicgstab_steps, stabiliser
from sparsesci.solvers.krylov.factors import identity

DTYPES = ["float32", "float64", "complex64", "complex128"]


def near_ilu0(A):
    """Return ILU(0) of a neighbour: of a tridiagonal matrix itself it is the inverse."""
    return ilu0_preconditioner(A + (0.5 * scipy.sparse.eye_array(A.shape[0])).astype(A.dtype))


def is_single(dtype):
    return dtype in ("float32", "complex64")


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_rule_holds_for_the_true_residual(lib, dtype):
    A, b, _ = lib.convection(n=90, seed=9001, dtype=dtype)
    rtol = 1e-5 if is_single(dtype) else 1e-10
    result = bicgstab(A, b, rtol=rtol, M=jacobi_preconditioner(A))
    host_A = A.toarray() if hasattr(A, "toarray") else A
    residual = lib.host(b) - lib.host(host_A) @ lib.host(result.x)
    assert result.success and result.x.dtype == b.dtype
    assert np.linalg.norm(residual) <= 1.2 * rtol * np.linalg.norm(lib.host(b))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("preconditioner", [None, jacobi_preconditioner, ssor_preconditioner, near_ilu0])
def test_the_compiled_steps_are_those_of_the_reference(host_lib, dtype, preconditioner):
    A, b, _ = host_lib.convection(n=120, seed=9007, dtype=dtype)
    runs = []
    for function in (bicgstab_steps, bicgstab_steps.reference):
        M = identity(120, b.dtype) if preconditioner is None else as_operator(preconditioner(A), b)
        run, norms = Steps(0 * b, b, 0), np.zeros(4, b.real.dtype)
        vectors = run.x, run.r, run.shadow, run.p, run.v, run.best_x
        found = function(as_operator(A, b), M, *vectors, run.scalars, run.levels, norms, run.scale, LEAST_COSINE, 0.0)
        runs.append((found, norms, run))
    (compiled, norms, one), (reference, expected, other) = runs
    assert compiled == reference == (4, 8)
    tolerance = 2e-3 if is_single(dtype) else 1e-9
    np.testing.assert_allclose(norms, expected, rtol=tolerance)
    for part in ("x", "r", "p", "v", "best_x"):
        scale = np.abs(getattr(other, part)).max()
        np.testing.assert_allclose(getattr(one, part), getattr(other, part), atol=tolerance * scale, err_msg=part)


@pytest.mark.parametrize("form", ["csr", "csc", "dense", "LinearOperator", "function"])
def test_every_form_of_a_matrix_gives_the_same_answer(host_lib, form):
    A, b, x = host_lib.convection(n=80, seed=9011)
    forms = {
        "csr": A,
        "csc": A.tocsc(),
        "dense": A.toarray(),
        "LinearOperator": scipy.sparse.linalg.aslinearoperator(A),
        "function": lambda v: A @ v,
    }
    result = bicgstab(forms[form], b, rtol=1e-11)
    assert result.success
    np.testing.assert_allclose(result.x, x, atol=1e-8)


@pytest.mark.parametrize("dtype", ["float64", "complex128"])
def test_an_answer_is_that_of_scipy_for_no_more_products(host_lib, dtype):
    A, b, _ = host_lib.convection(n=200, seed=9013, dtype=dtype)
    M, products = ilu0_preconditioner(A + 0.3 * scipy.sparse.eye_array(200)), []

    def multiply(v):
        products.append(v)
        return A @ v

    operator = scipy.sparse.linalg.LinearOperator(A.shape, matvec=multiply, dtype=A.dtype)
    theirs = scipy.sparse.linalg.LinearOperator(M.shape, matvec=M.matvec, dtype=M.dtype)
    x, _ = scipy.sparse.linalg.bicgstab(operator, b, M=theirs, rtol=1e-9)
    result = bicgstab(A, b, M=M, rtol=1e-9)
    np.testing.assert_allclose(result.x, x, atol=1e-6)
    assert result.nmatvec <= len(products) + 1  # the true residual


def test_costs_are_what_they_should_be(lib):
    A, b, x = lib.convection(n=90, seed=9029)
    assert bicgstab(A, 0 * b).nmatvec == 0
    assert bicgstab(A, b, x0=x).nmatvec == 1
    result = bicgstab(A, b, rtol=1e-8)
    assert result.nmatvec in (2 * result.nit, 2 * result.nit + 1)  # half a step may be enough, and one confirms
    assert result.nit == len(result.residuals) - 1 and result.recycle is None


def test_half_a_step_is_enough_where_it_solves_the_system(lib):
    result = bicgstab(lib.array(3.0 * np.eye(7)), lib.array(np.arange(7.0)))
    assert result.success and result.nit == 1 and result.nmatvec == 2


def test_columns_are_solved_in_turn(host_lib):
    A, _, _ = host_lib.convection(n=90, seed=9041)
    B = np.random.default_rng(9042).standard_normal((90, 3))
    result = bicgstab(A, B, rtol=1e-9)
    assert result.success and len(result.residuals) == 3 and np.abs(A @ result.x - B).max() < 1e-6


def test_a_real_system_with_an_imaginary_right_hand_side_is_complex(host_lib):
    A, b, x = host_lib.convection(n=60, seed=9043)
    result = bicgstab(A, 1j * b, rtol=1e-11)
    np.testing.assert_allclose(result.x, 1j * x, atol=1e-8)


def skew(n):
    """Return a regular skew-symmetric matrix: ``x^T A x = 0`` for every x, so that sigma and omega are zero."""
    values = np.zeros(n - 1)
    values[::2] = np.linspace(1, 2, (n + 1) // 2)
    values[1::2] = 0.3
    return scipy.sparse.diags_array([values, -values], offsets=[1, -1], format="csr")


@pytest.mark.parametrize("form", ["csr", "dense"])
def test_a_skew_symmetric_matrix_is_survived(form):
    A, b = skew(40), np.random.default_rng(9049).standard_normal(40)
    result = bicgstab(A if form == "csr" else A.toarray(), b, rtol=1e-8)
    assert result.success and np.linalg.norm(b - A @ result.x) <= 1e-8 * np.linalg.norm(b)


def test_a_permutation_is_survived():
    A, b = scipy.sparse.csr_array(np.roll(np.eye(10), 1, axis=0)), np.eye(10)[0]  # (r*, A r*) = 0
    result = bicgstab(A, b, rtol=1e-8)
    assert result.success
    np.testing.assert_allclose(result.x, np.eye(10)[9], atol=1e-7)


def test_a_small_angle_is_all_that_omega_ever_sees():
    assert stabiliser(0.0, 0.2) == 0.2
    assert stabiliser(-0.05, 0.2) == pytest.approx(-0.2)
    assert stabiliser(0.05j, 0.2) == pytest.approx(0.2j)
    assert stabiliser(0.9, 0.2) == 0.9


@pytest.mark.parametrize("shape", ["diagonal", "dense"])
def test_an_inconsistent_system_ends_with_a_finite_answer(shape):
    values = np.arange(60.0)
    Q, _ = np.linalg.qr(np.random.default_rng(9059).standard_normal((60, 60)))
    A = scipy.sparse.diags_array(values, format="csr") if shape == "diagonal" else (Q * values) @ Q.T
    with pytest.warns(ConvergenceWarning):
        result = bicgstab(A, np.ones(60), rtol=1e-10)
    assert result.status in (Status.BREAKDOWN, Status.MAXITER, Status.STAGNATED) and np.isfinite(result.x).all()
    assert np.linalg.norm(np.ones(60) - A @ result.x) < np.sqrt(60)


def test_a_consistent_singular_system_is_solved():
    A = scipy.sparse.diags_array(np.arange(60.0), format="csr")
    b = A @ np.random.default_rng(9067).standard_normal(60)
    assert bicgstab(A, b, rtol=1e-10).success


def test_a_zero_matrix_breaks_down():
    with pytest.warns(ConvergenceWarning, match="breakdown"):
        result = bicgstab(np.zeros((5, 5)), np.ones(5))
    assert result.status is Status.BREAKDOWN and not result.x.any()


def test_the_answer_is_the_best_iterate():
    A = scipy.sparse.diags_array([-1.0, 1.85, -1.0], offsets=[-1, 0, 1], shape=(80, 80), format="csr")
    b, norms = np.random.default_rng(9091).standard_normal(80), []

    def watch(intermediate_result):
        norms.append(np.linalg.norm(b - A @ intermediate_result.x))

    with pytest.warns(ConvergenceWarning, match="raise maxiter"):
        watched = bicgstab(A, b, rtol=1e-8, maxiter=5, callback=watch)
    with pytest.warns(ConvergenceWarning, match="raise maxiter"):
        alone = bicgstab(A, b, rtol=1e-8, maxiter=5)
    assert min(norms) < 0.2 * norms[-1] and min(norms) < 0.5 * np.linalg.norm(b)
    for result in (watched, alone):
        assert result.status is Status.MAXITER and result.nit == 5
        assert np.linalg.norm(b - A @ result.x) == pytest.approx(min(norms), rel=1e-9)


def test_maxiter_counts_iterations(host_lib):
    A, b, _ = host_lib.convection(n=200, seed=9103)
    full = bicgstab(A, b, rtol=1e-8)
    assert bicgstab(A, b, rtol=1e-8, maxiter=full.nit).success
    with pytest.warns(ConvergenceWarning, match="raise maxiter"):
        result = bicgstab(A, b, rtol=1e-8, maxiter=full.nit - 1)
    assert result.status is Status.MAXITER and result.nit == full.nit - 1


def test_the_callback_sees_every_iterate_and_can_stop_it(host_lib):
    A, b, _ = host_lib.convection(n=80, seed=9109)
    seen = []

    def stop_at_nine(intermediate_result):
        seen.append(np.linalg.norm(b - A @ intermediate_result.x) - intermediate_result.residuals[-1])
        if intermediate_result.nit == 9:
            raise StopIteration

    result = bicgstab(A, b, rtol=1e-12, callback=stop_at_nine)
    assert result.status is Status.STOPPED_BY_CALLBACK and result.nit == 9 == len(seen)
    np.testing.assert_allclose(seen, 0, atol=1e-10)


def test_nan_from_the_matrix_is_named_and_x_stays_finite(host_lib):
    A, b, _ = host_lib.convection(n=40, seed=9127)
    calls = []

    def multiply(v):
        calls.append(v)
        return A @ v if len(calls) < 5 else np.nan * v

    with pytest.warns(ConvergenceWarning, match="NaN or Inf"):
        result = bicgstab(multiply, b, rtol=1e-12)
    assert result.status is Status.NOT_FINITE and np.isfinite(result.x).all()


def test_nan_in_the_matrix_is_named_before_any_work():
    A = np.eye(4)
    A[2, 1] = np.nan
    with pytest.raises(ValueError, match=r"A\[2, 1\] is nan"):
        bicgstab(A, np.ones(4))


@pytest.mark.parametrize("n", [1, 2, 3])
def test_tiny_systems_are_solved(n):
    A = np.diag(np.arange(1.0, n + 1)) + np.eye(n, k=1)
    assert bicgstab(A, np.ones(n), rtol=1e-12).success


def test_inputs_are_not_changed(host_lib):
    A, b, x = host_lib.convection(n=60, seed=9133)
    start = x + 1
    before = A.data.copy(), b.copy(), start.copy()
    bicgstab(A, b, x0=start)
    for old, new in zip(before, (A.data, b, start), strict=True):
        np.testing.assert_array_equal(old, new)


def test_indices_may_be_wide_and_unsorted(host_lib):
    A, b, x = host_lib.convection(n=60, seed=9137)
    reverse = np.concatenate([np.arange(end - 1, begin - 1, -1) for begin, end in pairwise(A.indptr)])
    wide = scipy.sparse.csr_array((A.data[reverse], A.indices[reverse].astype("int64"), A.indptr.astype("int64")))
    np.testing.assert_allclose(bicgstab(wide, b, rtol=1e-11).x, x, atol=1e-8)


def test_a_rtol_that_single_precision_cannot_promise_is_raised(host_lib):
    A, b, _ = host_lib.convection(n=60, seed=9151, dtype="float32")
    with pytest.warns(UserWarning, match="below what float32 can promise"):
        assert bicgstab(A, b, rtol=1e-12, M=ilu0_preconditioner(A)).success


@pytest.mark.parametrize("scale", [1e-12, 1e12])
def test_single_precision_is_solved_at_every_scale(host_lib, scale):
    A, _, _ = host_lib.convection(n=60, seed=9157, dtype="float32")
    A = A * np.float32(scale)
    result = bicgstab(A, A @ np.ones(60, "float32"), rtol=1e-4)
    assert result.success
    np.testing.assert_allclose(result.x, 1, rtol=1e-2)


def test_the_shape_of_x0_is_checked():
    with pytest.raises(ValueError, match="x0 has shape"):
        bicgstab(np.eye(3), np.ones(3), x0=np.ones(4))


def test_an_acoustic_matrix_is_solved(real_matrix):
    A, b = real_matrix("young1c")
    result = bicgstab(A, b, M=ilu0_preconditioner(A), rtol=1e-8)
    assert result.success and np.linalg.norm(b - A @ result.x) <= 1e-8 * np.linalg.norm(b)


@pytest.mark.parametrize("form", ["csr", "dense"])
def test_a_goal_that_cannot_be_reached_ends_in_advice(host_lib, form):
    A, b, _ = host_lib.convection(n=60, seed=12101)
    with pytest.warns(ConvergenceWarning):
        result = bicgstab(A if form == "csr" else A.toarray(), b, rtol=0, atol=1e-300)
    assert not result.success and np.linalg.norm(b - A @ result.x) <= 1e-12 * np.linalg.norm(b)


def test_a_callback_that_is_false_is_called_all_the_same(host_lib):
    class Recorder(list):
        def __call__(self, intermediate_result):
            self.append(intermediate_result.nit)

    A, b, _ = host_lib.convection(n=60, seed=12107)
    seen = Recorder()
    assert bicgstab(A, b, callback=seen).nit == len(seen)


@pytest.mark.parametrize("form", ["csr", "dense"])
def test_a_run_that_diverges_ends_in_advice_alone(form):
    rng = np.random.default_rng(12157)
    A = (rng.standard_normal((30, 2)) @ rng.standard_normal((2, 30))).astype("float32")  # no x solves the system
    with pytest.warns(ConvergenceWarning) as caught:
        result = bicgstab(
            A if form == "dense" else scipy.sparse.csr_array(A), rng.standard_normal(30).astype("float32")
        )
    assert not result.success and np.isfinite(result.x).all() and len(caught) == 1

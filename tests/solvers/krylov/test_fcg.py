"""Flexible CG: answers, costs, and what becomes of matrices that are not definite."""

import numpy as np
import pytest
import scipy.sparse.linalg

from sparsesci.solvers import ConvergenceWarning, Status, fcg, gcrodr, jacobi_preconditioner


@pytest.mark.parametrize("dtype", ["float32", "float64", "complex64", "complex128"])
def test_the_rule_holds_for_the_true_residual(lib, dtype):
    A, b, _ = lib.poisson(n=90, seed=7001, shift=0.05, dtype=dtype)
    rtol = 1e-5 if dtype in ("float32", "complex64") else 1e-10
    result = fcg(A, b, rtol=rtol)
    host_A = A.toarray() if hasattr(A, "toarray") else A
    residual = lib.host(b) - lib.host(host_A) @ lib.host(result.x)
    assert result.success and result.x.dtype == b.dtype
    assert np.linalg.norm(residual) <= 1.2 * rtol * np.linalg.norm(lib.host(b))


def test_with_a_fixed_preconditioner_it_takes_the_iterations_of_scipy_cg(host_lib):
    A, b, _ = host_lib.poisson(n=120, seed=7013, shift=0.05)
    M = jacobi_preconditioner(A)
    iterations = []
    operator = scipy.sparse.linalg.LinearOperator(M.shape, matvec=M.matvec, dtype=M.dtype)
    x, _ = scipy.sparse.linalg.cg(A, b, rtol=1e-9, M=operator, callback=iterations.append)
    result = fcg(A, b, rtol=1e-9, M=M, truncation=1)
    assert abs(result.nit - len(iterations)) <= 1
    np.testing.assert_allclose(result.x, x, rtol=1e-6, atol=1e-8)


def test_kept_directions_help_a_preconditioner_that_changes(host_lib):
    A, b, _ = host_lib.poisson(n=100, seed=7019, shift=0.05)

    def iterations(truncation):
        rng = np.random.default_rng(7020)
        return fcg(A, b, M=lambda r: rng.uniform(0.5, 1.5) * r, truncation=truncation, rtol=1e-8).nit

    assert iterations(2) < iterations(0) / 3


def test_an_inner_solver_is_a_preconditioner(host_lib):
    A, b, _ = host_lib.poisson(n=300, seed=7022)
    inner = lambda r: gcrodr(A, r, rtol=0.2, restart=12, n_recycle=4).x  # noqa: E731  (nothing but a name for it)
    result = fcg(A, b, M=inner, rtol=1e-9)
    assert result.success and result.nit < 30


def test_the_preconditioner_sees_vectors_of_length_one(host_lib):
    A, b, _ = host_lib.poisson(n=50, seed=7027, shift=0.1)
    lengths = []

    def M(r):
        lengths.append(np.linalg.norm(r))
        return r

    assert fcg(A, 1e6 * b, M=M, rtol=1e-8).success
    np.testing.assert_allclose(lengths, 1.0)


def test_a_solve_costs_its_iterations_and_one_check(lib):
    A, b, x = lib.poisson(n=60, seed=7039, shift=0.1)
    result = fcg(A, b, rtol=1e-8)
    assert result.nmatvec == result.nit + 1 == len(result.residuals)
    assert fcg(A, 0 * b).nmatvec == 0
    assert fcg(A, b, x0=x).nmatvec == 1


def test_an_indefinite_matrix_is_named(lib):
    A, b, _ = lib.poisson(n=37, seed=7043, shift=-2.0)
    with pytest.warns(ConvergenceWarning, match=r"not positive definite.*gcrodr"):
        assert fcg(A, b).status is Status.NOT_POSITIVE_DEFINITE


def test_nan_from_the_preconditioner_is_named_and_x_stays_finite(host_lib):
    A, b, _ = host_lib.poisson(n=37, seed=7057)
    calls = []

    def M(r):
        calls.append(r)
        return r if len(calls) < 5 else np.nan * r

    with pytest.warns(ConvergenceWarning, match="NaN or Inf"):
        result = fcg(A, b, M=M, rtol=1e-12)
    assert result.status is Status.NOT_FINITE and np.isfinite(result.x).all() and result.nit == 4


def test_maxiter_counts_iterations(host_lib):
    A, b, _ = host_lib.poisson(n=80, seed=7069)
    with pytest.warns(ConvergenceWarning, match="raise maxiter"):
        result = fcg(A, b, maxiter=7, rtol=1e-10)
    assert result.status is Status.MAXITER and result.nit == 7


def test_columns_are_solved_in_turn(host_lib):
    A, b, x = host_lib.poisson(n=80, seed=7079, shift=0.1)
    B = np.stack([b, x, 0 * b], axis=1)
    result = fcg(A, B, rtol=1e-9)
    assert result.success and np.abs(A @ result.x - B).max() < 1e-7


def test_the_callback_can_stop_it(host_lib):
    A, b, _ = host_lib.poisson(n=80, seed=7103)
    seen = []

    def stop_at_three(intermediate_result):
        seen.append(np.linalg.norm(b - A @ intermediate_result.x) - intermediate_result.residuals[-1])
        if intermediate_result.nit == 3:
            raise StopIteration

    result = fcg(A, b, callback=stop_at_three)
    assert result.status is Status.STOPPED_BY_CALLBACK and result.nit == 3
    np.testing.assert_allclose(seen, 0, atol=1e-10)


@pytest.mark.parametrize(("options", "error"), [({"truncation": -1}, ValueError), ({"truncation": 1.5}, TypeError)])
def test_truncation_out_of_range_is_named(options, error):
    with pytest.raises(error, match="truncation is"):
        fcg(np.eye(3), np.ones(3), **options)

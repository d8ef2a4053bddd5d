"""Recycled MINRES: answers in the right norm, costs, what recycling saves, and what becomes of bad input."""

import copy
import pickle
from itertools import pairwise

import numpy as np
import pytest
import scipy.sparse
import scipy.sparse.linalg

from sparsesci._lib.operator import as_operator
from sparsesci.solvers import (
    ConvergenceWarning,
    RecycleSpace,
    Status,
    gcrodr,
    ilu0_preconditioner,
    jacobi_preconditioner,
    recycled_cg,
    recycled_minres,
    ssor_preconditioner,
)
from sparsesci.solvers.krylov.factors import identity
from sparsesci.solvers.krylov.recycled_minres import Lanczos, augmentation, minimal_residual_steps

DTYPES = ["float32", "float64", "complex64", "complex128"]
INDEFINITE = -1.03  # a shift of the Laplacian that leaves a third of its eigenvalues below zero


def is_single(dtype):
    return dtype in ("float32", "complex64")


def residual_norm(A, x, b):
    return np.linalg.norm(b - A @ x)


def near_ilu0(A):
    """Return ILU(0) of a definite neighbour, which is definite itself."""
    return ilu0_preconditioner(A + (2.5 * scipy.sparse.eye_array(A.shape[0])).astype(A.dtype))


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_rule_holds_for_the_true_residual(lib, dtype):
    A, b, _ = lib.poisson(n=90, seed=10007, shift=INDEFINITE, dtype=dtype)
    rtol = 1e-4 if is_single(dtype) else 1e-10
    result = recycled_minres(A, b, rtol=rtol)
    host_A = A.toarray() if hasattr(A, "toarray") else A
    residual = lib.host(b) - lib.host(host_A) @ lib.host(result.x)
    assert result.success and result.x.dtype == b.dtype
    assert np.linalg.norm(residual) <= 1.2 * rtol * np.linalg.norm(lib.host(b))


def test_the_rule_is_in_the_euclidean_norm_whatever_the_preconditioner(host_lib):
    A, b, _ = host_lib.poisson(n=90, seed=10009, shift=INDEFINITE)
    weights = np.geomspace(1e-1, 1e1, 90)
    result = recycled_minres(A, b, M=scipy.sparse.diags_array(weights), rtol=1e-7)
    assert result.success and residual_norm(A, result.x, b) <= 1e-7 * np.linalg.norm(b)
    assert result.residuals[-2] > 1e-7 * np.linalg.norm(b)  # and not a step later than it holds


def test_the_history_holds_the_true_residual_norms_with_a_preconditioner(host_lib):
    A, b, _ = host_lib.poisson(n=90, seed=10037, shift=INDEFINITE)
    seen = []

    def look(intermediate_result):
        seen.append(residual_norm(A, intermediate_result.x, b))

    result = recycled_minres(A, b, M=near_ilu0(A), rtol=1e-6, callback=look)
    np.testing.assert_allclose(result.residuals[1:], seen, rtol=1e-8)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("preconditioner", [None, ssor_preconditioner, near_ilu0])
@pytest.mark.parametrize("k", [0, 5])
def test_the_compiled_steps_are_those_of_the_reference(host_lib, dtype, preconditioner, k):
    A, b, _ = host_lib.poisson(n=120, seed=10039, shift=-0.03, dtype=dtype)
    operator = as_operator(A, b)
    M = identity(120, b.dtype) if preconditioner is None else as_operator(preconditioner(A), b)
    rng = np.random.default_rng(10040)
    U = rng.standard_normal((120, k)) + (1j * rng.standard_normal((120, k)) if b.dtype.kind == "c" else 0)
    U = U.astype(dtype)
    U, C, MC = augmentation(operator, M, RecycleSpace(U, U, "x"), b.dtype, same_operator=False)
    r = b - (MC.conj() @ b) @ C
    runs = []
    for function in (minimal_residual_steps, minimal_residual_steps.reference):
        run, norms = Lanczos(M, 0 * b, r, k, 6), np.zeros(9, b.real.dtype)
        going = (run.x, run.r, run.v, run.z, run.d, run.e, run.xi, run.state)
        kept = (run.V, run.Z, run.T, run.H)
        assert function(operator, M, C, MC, *going, *kept, norms, run.scale, 0, 1e-7, 0.0) == 9
        runs.append((norms, run))
    (norms, one), (expected, other) = runs
    tolerance = 5e-3 if is_single(dtype) else 1e-9
    np.testing.assert_allclose(norms, expected, rtol=tolerance)
    for part in ("x", "r", "v", "z", "d", "e", "xi", "state", "V", "Z", "T", "H"):
        scale = np.abs(getattr(other, part)).max(initial=0)
        np.testing.assert_allclose(getattr(one, part), getattr(other, part), atol=tolerance * scale, err_msg=part)


def test_the_process_is_that_of_lanczos_in_the_inner_product_of_the_preconditioner(host_lib):
    A, b, _ = host_lib.poisson(n=120, seed=10061, shift=INDEFINITE, dtype=complex)
    M = as_operator(near_ilu0(A), b)
    U = recycled_minres(A, b[::-1].copy(), M=near_ilu0(A), rtol=1e-9, n_recycle=4).recycle
    U, C, MC = augmentation(as_operator(A, b), M, U, b.dtype, same_operator=False)
    run, norms = Lanczos(M, 0 * b, b - (MC.conj() @ b) @ C, 4, 12), np.zeros(12)
    going = (run.x, run.r, run.v, run.z, run.d, run.e, run.xi, run.state)
    kept = (run.V, run.Z, run.T, run.H)
    minimal_residual_steps(as_operator(A, b), M, C, MC, *going, *kept, norms, run.scale, 0, 0.0, 0.0)
    basis, images = np.concatenate([C, run.V]), np.concatenate([MC, np.stack([M(v) for v in run.V])])
    np.testing.assert_allclose(images.conj() @ basis.T, np.eye(17), atol=1e-9)
    T = np.diag(run.T[:, 0]) + np.diag(run.T[:-1, 1], 1) + np.diag(run.T[:-1, 1], -1)
    T = np.concatenate([T, np.eye(12)[-1:] * run.T[-1, 1]])
    np.testing.assert_allclose(A @ run.Z.T, C.T @ run.H.T + run.V.T @ T, atol=1e-12)
    np.testing.assert_allclose(run.scale * run.r, b - (MC.conj() @ b) @ C - A @ (run.x - run.xi @ U), atol=1e-9)


def test_without_a_preconditioner_every_iterate_minimises_the_residual(host_lib):
    A, b, _ = host_lib.poisson(n=60, seed=10067, shift=INDEFINITE)
    result = recycled_minres(A, b, rtol=1e-4, n_recycle=0)
    K = [b / np.linalg.norm(b)]
    for _ in range(15):
        w = A @ K[-1]
        for _ in range(2):
            w = w - np.stack(K).T @ (np.stack(K) @ w)
        K.append(w / np.linalg.norm(w))
    for j in (1, 4, 15):
        AK = A @ np.stack(K[:j]).T
        best = np.linalg.norm(b - AK @ np.linalg.lstsq(AK, b)[0])
        assert result.residuals[j] == pytest.approx(best, rel=1e-8)


def test_an_answer_is_that_of_scipy(host_lib):
    A, b, _ = host_lib.poisson(n=150, seed=10069, shift=INDEFINITE)
    x, _ = scipy.sparse.linalg.minres(A, b, rtol=1e-13, maxiter=2000)
    np.testing.assert_allclose(recycled_minres(A, b, rtol=1e-10).x, x, atol=1e-6)


@pytest.mark.parametrize("form", ["csr", "dense", "LinearOperator", "function"])
def test_every_form_of_a_matrix_gives_the_same_answer(host_lib, form):
    A, b, x = host_lib.poisson(n=80, seed=10079, shift=INDEFINITE)
    forms = {
        "csr": A,
        "dense": A.toarray(),
        "LinearOperator": scipy.sparse.linalg.aslinearoperator(A),
        "function": lambda v: A @ v,
    }
    result = recycled_minres(forms[form], b, rtol=1e-11)
    assert result.success
    np.testing.assert_allclose(result.x, x, atol=1e-7)


@pytest.mark.parametrize("preconditioner", [lambda A: None, near_ilu0])
def test_recycling_saves_iterations_from_system_to_system(host_lib, preconditioner):
    recycle, products = None, []
    for i in range(4):
        A, b, _ = host_lib.poisson(n=200, seed=10091 + i, shift=-0.003 * (1 + 0.01 * i))
        result = recycled_minres(A, b, recycle=recycle, M=preconditioner(A), rtol=1e-8)
        recycle = result.recycle
        assert result.success
        products.append(result.nmatvec)
    assert products[-1] < 0.75 * products[0]


def test_recycling_works_in_every_library(lib):
    A, b, _ = lib.poisson(n=120, seed=10093, shift=-0.005)
    first = recycled_minres(A, b, rtol=1e-8)
    second = recycled_minres(A, b + 1.0, rtol=1e-8, recycle=first.recycle)
    assert first.success and second.success and second.nit < 0.8 * first.nit


def test_eigenvalues_of_both_signs_near_zero_are_made_harmless(host_lib):
    near = np.array([-1e-4, -1e-5, 1e-5, 1e-4, 2e-4])
    values = np.concatenate([near, np.linspace(-2, -1, 60), np.linspace(1, 2, 135)])
    A = scipy.sparse.diags_array(values, format="csr")
    W = np.eye(200)[:, :5]
    b = np.random.default_rng(10099).standard_normal(200)
    alone, deflated = (recycled_minres(A, b, recycle=s, rtol=1e-10) for s in (None, RecycleSpace(W, A @ W, "x")))
    assert deflated.success and 1.5 * deflated.nit < alone.nit


@pytest.mark.parametrize("dtype", ["float64", "complex128"])
def test_the_returned_space_has_orthonormal_images(host_lib, dtype):
    A, b, _ = host_lib.poisson(n=150, seed=10103, shift=INDEFINITE, dtype=dtype)
    M = near_ilu0(A)
    first = recycled_minres(A, b, M=M, rtol=1e-9, n_directions=30)
    space = recycled_minres(A, b[::-1].copy(), M=M, rtol=1e-9, n_directions=30, recycle=first.recycle).recycle
    np.testing.assert_allclose(A @ space.U, space.C, atol=1e-10)
    np.testing.assert_allclose(space.C.conj().T @ M(space.C), np.eye(space.k), atol=1e-7)


def test_the_harvest_finds_the_eigenvalues_of_smallest_modulus():
    near = np.array([-5e-3, -1e-3, 2e-3])
    values = np.concatenate([near, np.linspace(-3, -1, 40), np.linspace(1, 3, 57)])
    Q, _ = np.linalg.qr(np.random.default_rng(10111).standard_normal((100, 100)))
    A = (Q * values) @ Q.T
    space = recycled_minres(A, Q @ np.ones(100), rtol=1e-12, n_recycle=3, n_directions=90).recycle
    theta = np.einsum("ij,ij->j", space.U, space.C) / np.einsum("ij,ij->j", space.U, space.U)
    np.testing.assert_allclose(np.sort(theta), near, rtol=1e-6)


def test_costs_are_what_they_should_be(lib):
    A, b, x = lib.poisson(n=90, seed=10133, shift=-0.03)
    assert recycled_minres(A, 0 * b).nmatvec == 0
    assert recycled_minres(A, b, x0=x).nmatvec == 1
    first = recycled_minres(A, b, rtol=1e-6)
    assert first.nmatvec == first.nit + 1 == len(first.residuals)
    second = recycled_minres(A, b + 1.0, rtol=1e-6, recycle=first.recycle)
    assert second.nmatvec == first.recycle.k + second.nit + 1
    third = recycled_minres(A, b + 1.0, rtol=1e-6, recycle=first.recycle, same_operator=True)
    assert third.success and third.nmatvec == third.nit + 1
    assert recycled_minres(A, b, n_recycle=0).recycle is None


def test_columns_share_one_space(host_lib):
    A, _, _ = host_lib.poisson(n=200, seed=10139, shift=-1e-3)
    B = np.random.default_rng(10140).standard_normal((200, 4))
    result = recycled_minres(A, B, rtol=1e-8)
    iterations = [len(history) - 1 for history in result.residuals]
    assert result.success and np.abs(A @ result.x - B).max() < 1e-6
    assert iterations[-1] < 0.75 * iterations[0]


def test_a_false_promise_of_the_same_operator_is_found_out(host_lib):
    A, b, _ = host_lib.poisson(n=100, seed=10141, shift=-0.05)
    recycle = recycled_minres(A, b, rtol=1e-8).recycle
    other, b, _ = host_lib.poisson(n=100, seed=10151, shift=-0.5)
    result = recycled_minres(other, b, rtol=1e-8, recycle=recycle, same_operator=True)
    alone = recycled_minres(other, b, rtol=1e-8)
    assert result.success and residual_norm(other, result.x, b) <= 1e-8 * np.linalg.norm(b)
    assert result.nmatvec <= alone.nmatvec + 10


def test_dependent_and_foreign_vectors_do_no_harm(host_lib):
    A, b, _ = host_lib.poisson(n=100, seed=10159, shift=INDEFINITE)
    noise = np.random.default_rng(10160).standard_normal((100, 4))
    space = RecycleSpace(np.concatenate([noise, noise], axis=1), np.ones((100, 8)), variable="x")
    alone, deflated = (recycled_minres(A, b, recycle=recycle, rtol=1e-8) for recycle in (None, space))
    assert deflated.success and deflated.nit <= alone.nit + 5


def test_a_space_that_makes_the_operator_singular_is_dropped():
    A = np.diag([1.0, -1.0, 2.0, 3.0, -4.0])
    U = np.array([[1.0, 1.0, 0, 0, 0]]).T  # U^H A U = 0
    result = recycled_minres(A, np.arange(1.0, 6.0), recycle=RecycleSpace(U, A @ U, "x"), rtol=1e-10)
    assert result.success
    np.testing.assert_allclose(A @ result.x, np.arange(1.0, 6.0), atol=1e-8)


def test_a_space_of_recycled_cg_is_taken_and_one_of_gcrodr_refused(host_lib):
    A, b, _ = host_lib.poisson(n=150, seed=10163, shift=1e-3)
    alone = recycled_minres(A, b, rtol=1e-8)
    for same_operator in (False, True):
        space = recycled_cg(A, b[::-1].copy(), rtol=1e-8).recycle
        result = recycled_minres(A, b, rtol=1e-8, recycle=space, same_operator=same_operator)
        assert result.success and result.nit < 0.9 * alone.nit
    with pytest.raises(ValueError, match="recycle is in the variable u, this call works in x"):
        recycled_minres(A, b, recycle=gcrodr(A, b, rtol=1e-8).recycle)


def test_a_space_can_be_pickled_and_inputs_are_not_changed(host_lib):
    A, b, x = host_lib.poisson(n=100, seed=10169, shift=-0.01)
    space = recycled_minres(A, b, rtol=1e-8).recycle
    start = x + 1
    before = copy.deepcopy((space.U, space.C, A.data, b, start))
    recycled_minres(A, b, x0=start, rtol=1e-8, recycle=pickle.loads(pickle.dumps(space)))
    recycled_minres(A, b, x0=start, rtol=1e-8, recycle=space, same_operator=True)
    for old, new in zip(before, (space.U, space.C, A.data, b, start), strict=True):
        np.testing.assert_array_equal(old, new)


@pytest.mark.parametrize("M", [-np.eye(37), np.diag(np.r_[np.ones(36), -1.0]), np.zeros((37, 37))])
def test_an_indefinite_preconditioner_is_named(host_lib, M):
    A, b, _ = host_lib.poisson(n=37, seed=10177)
    with pytest.warns(ConvergenceWarning, match=r"not positive definite: use gcrodr.*it is M"):
        assert recycled_minres(A, b, M=M, rtol=1e-10).status is Status.NOT_POSITIVE_DEFINITE


def test_the_advice_of_recycled_cg_for_an_indefinite_matrix_is_taken(host_lib):
    A, b, _ = host_lib.poisson(n=37, seed=10181, shift=INDEFINITE)
    with pytest.warns(ConvergenceWarning, match=r"not positive definite.*recycled_minres"):
        assert not recycled_cg(A, b).success
    assert recycled_minres(A, b).success


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("form", ["diagonal", "dense"])
def test_a_consistent_singular_system_is_solved(form, dtype):
    values = np.concatenate([[0.0, 0.0], np.arange(1, 30), -np.arange(1, 30)])
    A, _ = singular(values, form, dtype, seed=10193)
    b = (A @ np.random.default_rng(10194).standard_normal(60)).astype(dtype)
    result = recycled_minres(A, b, rtol=1e-4 if is_single(dtype) else 1e-9)
    assert result.success and residual_norm(A, result.x, b) <= (2e-4 if is_single(dtype) else 1e-9) * np.linalg.norm(b)


@pytest.mark.parametrize("dtype", ["float64", "complex128"])
@pytest.mark.parametrize("form", ["diagonal", "dense"])
def test_an_inconsistent_system_breaks_down_at_nearly_the_smallest_residual(form, dtype):
    A, Q = singular(np.arange(80.0) - 20, form, dtype, seed=10211)
    b = np.ones(80, dtype)
    with pytest.warns(ConvergenceWarning, match="is b in its range"):
        result = recycled_minres(A, b, rtol=1e-10)
    least = abs(Q[:, 20].conj() @ b)
    assert result.status is Status.BREAKDOWN and residual_norm(A, result.x, b) <= 1.05 * least
    assert np.linalg.norm(result.x) < 1e3 * np.linalg.norm(b)


def singular(values, form, dtype, *, seed):
    """Return a matrix with these eigenvalues, and its eigenvectors."""
    n, rng = values.size, np.random.default_rng(seed)
    if form == "diagonal":
        return scipy.sparse.diags_array(values.astype(dtype), format="csr"), np.eye(n)
    X = rng.standard_normal((n, n)) + (1j * rng.standard_normal((n, n)) if np.dtype(dtype).kind == "c" else 0)
    Q, _ = np.linalg.qr(X)
    A = (Q * values) @ Q.conj().T
    return ((A + A.conj().T) / 2).astype(dtype), Q


def test_a_zero_matrix_breaks_down():
    with pytest.warns(ConvergenceWarning, match="breakdown"):
        result = recycled_minres(np.zeros((5, 5)), np.ones(5))
    assert result.status is Status.BREAKDOWN and not result.x.any()


def test_an_ill_conditioned_consistent_system_is_not_called_singular():
    values = np.concatenate([np.geomspace(1e-9, 1e-1, 20), -np.geomspace(1e-3, 1, 20)])
    A = scipy.sparse.diags_array(values, format="csr")
    b = np.ones(40)
    result = recycled_minres(A, b, rtol=1e-3, maxiter=4000)
    assert result.success


def test_nan_from_the_preconditioner_is_named_and_x_stays_finite(host_lib):
    A, b, _ = host_lib.poisson(n=37, seed=10223, shift=INDEFINITE)
    calls = []

    def M(r):
        calls.append(r)
        return r if len(calls) < 5 else np.nan * r

    with pytest.warns(ConvergenceWarning, match="NaN or Inf"):
        result = recycled_minres(A, b, M=M, rtol=1e-12)
    assert result.status is Status.NOT_FINITE and np.isfinite(result.x).all()


def test_nan_in_the_matrix_is_named_before_any_work():
    A = np.eye(4)
    A[2, 1] = np.nan
    with pytest.raises(ValueError, match=r"A\[2, 1\] is nan"):
        recycled_minres(A, np.ones(4))


def test_maxiter_counts_iterations(host_lib):
    A, b, _ = host_lib.poisson(n=300, seed=10243, shift=INDEFINITE)
    full = recycled_minres(A, b, rtol=1e-7)
    assert full.nit > 100 and recycled_minres(A, b, rtol=1e-7, maxiter=full.nit).success
    with pytest.warns(ConvergenceWarning, match="raise maxiter"):
        result = recycled_minres(A, b, rtol=1e-7, maxiter=full.nit - 1)
    assert result.status is Status.MAXITER and result.nit == full.nit - 1


@pytest.mark.parametrize("recycling", [False, True])
def test_the_callback_sees_every_iterate_and_can_stop_it(host_lib, recycling):
    A, b, _ = host_lib.poisson(n=120, seed=10247, shift=INDEFINITE)
    recycle = recycled_minres(A, b[::-1].copy(), rtol=1e-8).recycle if recycling else None
    seen = []

    def stop_at_nine(intermediate_result):
        seen.append(residual_norm(A, intermediate_result.x, b) - intermediate_result.residuals[-1])
        if intermediate_result.nit == 9:
            raise StopIteration

    result = recycled_minres(A, b, recycle=recycle, callback=stop_at_nine, n_directions=5, rtol=1e-12)
    assert result.status is Status.STOPPED_BY_CALLBACK and result.nit == 9 == len(seen)
    np.testing.assert_allclose(seen, 0, atol=1e-9)


@pytest.mark.parametrize("n", [1, 2, 3])
def test_tiny_systems_are_solved(n):
    A = np.diag(np.arange(1.0, n + 1) * (-1.0) ** np.arange(n))
    first = recycled_minres(A, np.ones(n), rtol=1e-12)
    assert first.success and first.nit <= n
    assert recycled_minres(A, np.arange(n) + 2.0, rtol=1e-12, recycle=first.recycle).success


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"n_recycle": -1}, ValueError, "n_recycle is -1"),
        ({"n_directions": 0}, ValueError, "n_directions is 0"),
        ({"same_operator": True}, ValueError, "recycle is None"),
        ({"recycle": 3}, TypeError, "recycle is a int"),
        ({"recycle": RecycleSpace(np.ones((4, 1)), np.ones((4, 1)), "x")}, ValueError, "vectors of length 4"),
        ({"recycle": RecycleSpace(1j * np.ones((3, 1)), np.ones((3, 1)), "x")}, ValueError, "recycle is complex128"),
    ],
)
def test_options_out_of_range_are_named(options, error, message):
    with pytest.raises(error, match=message):
        recycled_minres(np.eye(3), np.ones(3), **options)


def test_a_real_space_serves_a_complex_system(host_lib):
    A, b, _ = host_lib.poisson(n=120, seed=10253, shift=-0.005)
    space = recycled_minres(A, b, rtol=1e-8).recycle
    alone, result = (recycled_minres(A, b[::-1] * (1 + 2j), rtol=1e-8, recycle=s) for s in (None, space))
    assert result.success and result.nit < 0.8 * alone.nit


def test_a_system_that_deflation_alone_solves_takes_no_iteration():
    A, b = np.diag([1.0, -2.0, 3.0]), np.array([1.0, 0.0, 0.0])
    recycle = recycled_minres(A, b).recycle
    for same_operator in (False, True):
        result = recycled_minres(A, b, recycle=recycle, same_operator=same_operator)
        assert result.success and result.nit == 0


@pytest.mark.parametrize("scale", [1e-12, 1e12])
def test_single_precision_is_solved_at_every_scale(scale):
    A = (np.diag(np.linspace(1, 10, 8) * (-1.0) ** np.arange(8)) * scale).astype("float32")
    result = recycled_minres(A, A @ np.ones(8, "float32"), rtol=1e-4)
    assert result.success and np.isfinite(result.recycle.U).all() and np.isfinite(result.recycle.C).all()
    np.testing.assert_allclose(result.x, 1, rtol=1e-3)


def test_the_answer_is_never_worse_than_the_start(host_lib):
    A, b, x = host_lib.poisson(n=60, seed=10259, shift=INDEFINITE)
    near = x * (1 + 1e-9)
    with pytest.warns(ConvergenceWarning):
        result = recycled_minres(A, b, x0=near, M=jacobi_preconditioner(abs(A)), maxiter=1, rtol=1e-14)
    assert residual_norm(A, result.x, b) <= residual_norm(A, near, b)


def test_a_zero_right_hand_side_has_the_solution_zero_whatever_the_start(host_lib):
    A, b, x = host_lib.poisson(n=60, seed=10267, shift=INDEFINITE)
    result = recycled_minres(A, 0 * b, x0=x)
    assert result.success and not result.x.any()


def test_indices_may_be_wide_and_unsorted(host_lib):
    A, b, x = host_lib.poisson(n=60, seed=10271, shift=INDEFINITE)
    order = np.concatenate([np.arange(end - 1, begin - 1, -1) for begin, end in pairwise(A.indptr)])
    wide = scipy.sparse.csr_array((A.data[order], A.indices[order].astype("int64"), A.indptr.astype("int64")))
    np.testing.assert_allclose(recycled_minres(wide, b, rtol=1e-11).x, x, atol=1e-7)


@pytest.mark.parametrize("form", ["csr", "dense"])
@pytest.mark.parametrize(
    ("dtype", "scale"), [("float64", 1e-200), ("float64", 1e200), ("float32", 1e-30), ("complex64", 1e30)]
)
def test_the_scale_of_the_matrix_changes_nothing(host_lib, form, dtype, scale):
    A, b, _ = host_lib.poisson(n=60, seed=12071, shift=INDEFINITE, dtype=dtype)
    A = A if form == "csr" else A.toarray()
    usual, scaled = (recycled_minres(A * np.dtype(dtype).type(s), b, rtol=1e-4) for s in (1, scale))
    assert scaled.success and abs(scaled.nit - usual.nit) <= 1
    again = recycled_minres(A * np.dtype(dtype).type(scale), b[::-1].copy(), rtol=1e-4, recycle=scaled.recycle)
    assert scaled.recycle is not None and again.success and again.nit < 0.9 * usual.nit


def test_what_the_callback_is_shown_is_the_callers(host_lib):
    A, b, _ = host_lib.poisson(n=60, seed=12073, shift=INDEFINITE)
    seen = []
    result = recycled_minres(A, b, callback=seen.append)
    for shown in seen:
        assert abs(residual_norm(A, shown.x, b) - shown.residuals[-1]) < 1e-10
    assert len(seen) == result.nit


def test_a_promise_about_vectors_of_length_zero_does_no_harm(host_lib):
    A, b, _ = host_lib.poisson(n=60, seed=12097, shift=INDEFINITE)
    space = recycled_minres(A, b).recycle
    nothing = RecycleSpace(0 * space.U, space.C, variable="x")
    assert recycled_minres(A, b, recycle=nothing, same_operator=True).success

"""Recycled CG: answers, costs, what recycling saves, and what becomes of bad input."""

import copy
import pickle
import tracemalloc

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
)
from sparsesci.solvers.krylov.recycled_cg import deflation_space

DTYPES = ["float32", "float64", "complex64", "complex128"]


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_rule_holds_for_the_true_residual(lib, dtype):
    A, b, _ = lib.poisson(n=90, seed=8009, shift=0.05, dtype=dtype)
    rtol = 1e-5 if dtype in ("float32", "complex64") else 1e-10
    result = recycled_cg(A, b, rtol=rtol, M=jacobi_preconditioner(A))
    host_A = A.toarray() if hasattr(A, "toarray") else A
    residual = lib.host(b) - lib.host(host_A) @ lib.host(result.x)
    assert result.success and result.x.dtype == b.dtype
    assert np.linalg.norm(residual) <= 1.2 * rtol * np.linalg.norm(lib.host(b))


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_compiled_steps_repeat_the_reference(host_lib, dtype):
    A, b, _ = host_lib.poisson(n=150, seed=8011, shift=0.02, dtype=dtype)
    single = dtype in ("float32", "complex64")
    options = {"rtol": 1e-4 if single else 1e-10, "M": ilu0_preconditioner(A + scipy.sparse.eye_array(150))}
    compiled, dense = recycled_cg(A, b, **options), recycled_cg(A.toarray(), b, **options)
    again = recycled_cg(A, b[::-1].copy(), recycle=compiled.recycle, **options)
    dense_again = recycled_cg(A.toarray(), b[::-1].copy(), recycle=dense.recycle, **options)
    for one, other in ((compiled, dense), (again, dense_again)):
        assert one.nit == other.nit and one.nmatvec == other.nmatvec
        np.testing.assert_allclose(one.residuals, other.residuals, rtol=5e-2 if single else 1e-4)


def test_without_recycling_it_is_scipy_cg(host_lib):
    A, b, _ = host_lib.poisson(n=150, seed=8017, shift=0.02)
    iterations = []
    x, _ = scipy.sparse.linalg.cg(A, b, rtol=1e-9, callback=iterations.append)
    result = recycled_cg(A, b, n_recycle=0, rtol=1e-9)
    assert abs(result.nit - len(iterations)) <= 1 and result.recycle is None
    np.testing.assert_allclose(result.x, x, rtol=1e-6, atol=1e-8)


def test_recycling_saves_iterations_from_system_to_system(lib):
    recycle, products = None, []
    for i in range(4):
        A, b, _ = lib.poisson(n=150, seed=8039 + i, shift=1e-3 * (1 + 0.01 * i))
        result = recycled_cg(A, b, recycle=recycle, rtol=1e-8)
        recycle = result.recycle
        assert result.success
        products.append(result.nmatvec)
    assert products[-1] < 0.75 * products[0]


def test_deflation_makes_a_few_outlying_eigenvalues_harmless(host_lib):
    values = np.concatenate([np.geomspace(1e-6, 1e-4, 5), np.linspace(1, 2, 195)])
    A = scipy.sparse.diags_array(values, format="csr")
    W = np.eye(200)[:, :5] / np.sqrt(values[:5])
    space = RecycleSpace(W, A @ W, variable="x")
    b = np.random.default_rng(8053).standard_normal(200)
    alone, deflated = (recycled_cg(A, b, recycle=recycle, rtol=1e-10) for recycle in (None, space))
    assert deflated.success and deflated.nit < 20 < 2 * deflated.nit < alone.nit


def test_the_returned_space_is_orthonormal_in_A(host_lib):
    A, b, _ = host_lib.poisson(n=150, seed=8059, shift=0.02, dtype=complex)
    M = jacobi_preconditioner(A)
    first = recycled_cg(A, b, M=M, rtol=1e-9)
    space = recycled_cg(A, b[::-1].copy(), M=M, rtol=1e-9, recycle=first.recycle).recycle
    np.testing.assert_allclose(A @ space.U, space.C, atol=1e-10)
    np.testing.assert_allclose(space.U.conj().T @ space.C, np.eye(space.k), atol=1e-8)


def test_the_harvest_finds_the_smallest_eigenvalues(host_lib):
    values = np.concatenate([[1e-3, 2e-3, 5e-3], np.linspace(1, 3, 97)])
    Q, _ = np.linalg.qr(np.random.default_rng(8069).standard_normal((100, 100)))
    A = Q @ np.diag(values) @ Q.T
    space = recycled_cg(A, Q @ np.ones(100), rtol=1e-12, n_recycle=3, n_directions=60).recycle
    theta = 1 / np.einsum("ij,ij->j", space.U, space.U)  # U is A-orthonormal
    np.testing.assert_allclose(np.sort(theta), values[:3], rtol=1e-6)


def test_costs_are_what_they_should_be(lib):
    A, b, x = lib.poisson(n=90, seed=8081, shift=0.02)
    assert recycled_cg(A, 0 * b).nmatvec == 0
    assert recycled_cg(A, b, x0=x).nmatvec == 1
    first = recycled_cg(A, b, rtol=1e-8)
    assert first.nmatvec == first.nit + 1 == len(first.residuals)
    second = recycled_cg(A, b + 1.0, rtol=1e-8, recycle=first.recycle)
    assert second.nmatvec == first.recycle.k + second.nit + 1
    third = recycled_cg(A, b + 1.0, rtol=1e-8, recycle=first.recycle, same_operator=True)
    assert third.success and third.nmatvec == third.nit + 1


def test_columns_share_one_space(host_lib):
    A, _, _ = host_lib.poisson(n=200, seed=8087, shift=1e-3)
    B = np.random.default_rng(8088).standard_normal((200, 4))
    result = recycled_cg(A, B, rtol=1e-8)
    iterations = [len(history) - 1 for history in result.residuals]
    assert result.success and np.abs(A @ result.x - B).max() < 1e-6
    assert iterations[-1] < 0.75 * iterations[0]


def test_a_false_promise_of_the_same_operator_is_found_out(host_lib):
    A, b, _ = host_lib.poisson(n=100, seed=8093, shift=0.05)
    recycle = recycled_cg(A, b, rtol=1e-8).recycle
    other, b, _ = host_lib.poisson(n=100, seed=8101, shift=0.5)
    result = recycled_cg(other, b, rtol=1e-8, recycle=recycle, same_operator=True)
    assert result.success and np.linalg.norm(b - other @ result.x) <= 1e-8 * np.linalg.norm(b)


def test_dependent_and_foreign_vectors_do_no_harm(host_lib):
    A, b, _ = host_lib.poisson(n=100, seed=8111, shift=0.01)
    noise = np.random.default_rng(8112).standard_normal((100, 4))
    space = RecycleSpace(np.concatenate([noise, noise], axis=1), np.ones((100, 8)), variable="x")
    alone, deflated = (recycled_cg(A, b, recycle=recycle, rtol=1e-8) for recycle in (None, space))
    assert deflated.success and deflated.nit <= alone.nit + 1


@pytest.mark.parametrize("same_operator", [False, True])
@pytest.mark.parametrize("seed", [8237, 8238, 8242])
def test_copies_of_slow_directions_do_not_hold_up_the_next_systems(seed, same_operator):
    rng = np.random.default_rng(seed)
    Q, _ = np.linalg.qr(rng.standard_normal((60, 60)))
    values = np.where(np.arange(60) % 2, 1, 1e-6) * (1 + 1e-6 * rng.random(60))  # half of them as good as equal
    A = (Q * values) @ Q.T
    A, space = (A + A.T) / 2, None
    for _ in range(4):
        b = rng.standard_normal(60)
        options = {"recycle": space, "same_operator": same_operator and space is not None}
        result = recycled_cg(A, b, rtol=1e-8, M=jacobi_preconditioner(A), **options)
        assert result.success and result.nit < 150 and np.linalg.norm(b - A @ result.x) <= 1.1e-8 * np.linalg.norm(b)
        space = result.recycle


@pytest.mark.parametrize("same_operator", [False, True])
@pytest.mark.parametrize("dtype", ["float64", "complex128"])
def test_a_space_is_made_orthonormal_in_A_and_its_rows_contiguous(host_lib, dtype, same_operator):
    A, b, _ = host_lib.poisson(n=120, seed=8221, shift=0.01, dtype=dtype)
    U = np.random.default_rng(8231).standard_normal((120, 6)).astype(dtype)
    U[:, 5] = U[:, 0] + 1e-6 * U[:, 5]  # nearly dependent
    space, operator = RecycleSpace(U, A @ U, variable="x"), as_operator(A, b)
    W, C = deflation_space(operator, space, b.dtype, same_operator=same_operator)
    assert W.shape == (6, 120) and operator.nmatvec == (0 if same_operator else 6)
    assert W.flags.c_contiguous and C.flags.c_contiguous
    np.testing.assert_allclose(W.conj() @ (A @ W.T), np.eye(6), atol=1e-7)
    np.testing.assert_allclose(A @ W.T, C.T, atol=1e-7)


def test_a_space_of_gcrodr_is_refused(host_lib):
    A, b, _ = host_lib.poisson(n=100, seed=8117, shift=0.01)
    recycle = gcrodr(A, b, rtol=1e-8).recycle
    with pytest.raises(ValueError, match="recycle is in the variable u, this call works in x"):
        recycled_cg(A, b, recycle=recycle)


def test_a_space_can_be_pickled_and_inputs_are_not_changed(host_lib):
    A, b, x = host_lib.poisson(n=100, seed=8123, shift=0.01)
    space = recycled_cg(A, b, rtol=1e-8).recycle
    before = copy.deepcopy((space.U, space.C, A.data, b, x))
    recycled_cg(A, b, x0=x + 1, rtol=1e-8, recycle=pickle.loads(pickle.dumps(space)))
    recycled_cg(A, b, x0=x + 1, rtol=1e-8, recycle=space, same_operator=True)
    for old, new in zip(before, (space.U, space.C, A.data, b, x), strict=True):
        np.testing.assert_array_equal(old, new)


@pytest.mark.parametrize("form", ["csr", "dense"])
def test_an_indefinite_matrix_is_named(host_lib, form):
    A, b, _ = host_lib.poisson(n=37, seed=8147, shift=-2.0)
    A = A if form == "csr" else A.toarray()
    with pytest.warns(ConvergenceWarning, match=r"not positive definite.*gcrodr"):
        result = recycled_cg(A, b)
    assert result.status is Status.NOT_POSITIVE_DEFINITE and result.nmatvec == result.nit + 1


def test_an_indefinite_preconditioner_is_named(host_lib):
    A, b, _ = host_lib.poisson(n=37, seed=8161)
    with pytest.warns(ConvergenceWarning, match="not positive definite"):
        assert recycled_cg(A, b, M=-np.eye(37)).status is Status.NOT_POSITIVE_DEFINITE


def test_nan_from_the_preconditioner_is_named_and_x_stays_finite(host_lib):
    A, b, _ = host_lib.poisson(n=37, seed=8167)
    calls = []

    def M(r):
        calls.append(r)
        return r if len(calls) < 5 else np.nan * r

    with pytest.warns(ConvergenceWarning, match="NaN or Inf"):
        result = recycled_cg(A, b, M=M, rtol=1e-12)
    assert result.status is Status.NOT_FINITE and np.isfinite(result.x).all()


def test_maxiter_counts_iterations(host_lib):
    A, b, _ = host_lib.poisson(n=300, seed=8171)
    full = recycled_cg(A, b, rtol=1e-7, n_directions=20)
    assert recycled_cg(A, b, rtol=1e-7, n_directions=20, maxiter=full.nit).success
    with pytest.warns(ConvergenceWarning, match="raise maxiter"):
        result = recycled_cg(A, b, rtol=1e-7, n_directions=20, maxiter=full.nit - 1)
    assert result.status is Status.MAXITER and result.nit == full.nit - 1


def test_the_callback_sees_every_iterate_and_can_stop_it(host_lib):
    A, b, _ = host_lib.poisson(n=80, seed=8179)
    seen = []

    def stop_at_nine(intermediate_result):
        seen.append(np.linalg.norm(b - A @ intermediate_result.x) - intermediate_result.residuals[-1])
        if intermediate_result.nit == 9:
            raise StopIteration

    result = recycled_cg(A, b, callback=stop_at_nine, n_directions=5)
    assert result.status is Status.STOPPED_BY_CALLBACK and result.nit == 9 == len(seen)
    np.testing.assert_allclose(seen, 0, atol=1e-10)


@pytest.mark.parametrize("n", [1, 2, 3])
def test_tiny_systems_are_solved(n):
    A = np.diag(np.arange(1.0, n + 1))
    first = recycled_cg(A, np.ones(n), rtol=1e-12)
    assert first.success and first.nit <= n
    assert recycled_cg(A, np.arange(n) + 2.0, rtol=1e-12, recycle=first.recycle).success


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"n_recycle": -1}, ValueError, "n_recycle is -1"),
        ({"n_directions": 0}, ValueError, "n_directions is 0"),
        ({"same_operator": True}, ValueError, "recycle is None"),
        ({"recycle": 3}, TypeError, "recycle is a int"),
    ],
)
def test_options_out_of_range_are_named(options, error, message):
    with pytest.raises(error, match=message):
        recycled_cg(np.eye(3), np.ones(3), **options)


def test_a_system_that_deflation_alone_solves_takes_no_iteration():
    A, b = np.diag([1.0, 2.0, 3.0]), np.array([1.0, 0.0, 0.0])
    recycle = recycled_cg(A, b).recycle
    for same_operator in (False, True):
        result = recycled_cg(A, b, recycle=recycle, same_operator=same_operator)
        assert result.success and result.nit == 0


def test_single_precision_is_solved_at_every_scale():
    A = (np.diag(np.linspace(1, 10, 8)) * 1e12).astype("float32")
    result = recycled_cg(A, A @ np.ones(8, "float32"), rtol=1e-4)
    assert result.success and np.isfinite(result.recycle.U).all() and np.isfinite(result.recycle.C).all()
    np.testing.assert_allclose(result.x, 1, rtol=1e-3)


def test_the_answer_is_never_worse_than_the_start(host_lib):
    A, b, x = host_lib.poisson(n=60, seed=8191)
    near = x * (1 + 1e-9)
    with pytest.warns(ConvergenceWarning):
        result = recycled_cg(A, b, x0=near, maxiter=1, rtol=1e-14)
    assert np.linalg.norm(b - A @ result.x) <= np.linalg.norm(b - A @ near)


def test_a_zero_right_hand_side_has_the_solution_zero_whatever_the_start(host_lib):
    A, b, x = host_lib.poisson(n=60, seed=8209)
    result = recycled_cg(A, 0 * b, x0=x)
    assert result.success and not result.x.any()


@pytest.mark.parametrize("form", ["csr", "dense"])
def test_a_zero_matrix_is_named_in_spite_of_a_promise(host_lib, form):
    A, b, _ = host_lib.poisson(n=60, seed=12007, shift=0.1)
    space = recycled_cg(A, b).recycle
    zero = 0 * A if form == "csr" else np.zeros((60, 60))
    with pytest.warns(ConvergenceWarning, match="not positive definite"):
        result = recycled_cg(zero, b, recycle=space, same_operator=True)
    assert result.status is Status.NOT_POSITIVE_DEFINITE and np.isfinite(result.x).all()


@pytest.mark.parametrize("scale", [1e-240, 1e-200, 1e200, 1e240])
def test_the_harvest_does_not_see_the_scale_of_the_matrix(host_lib, scale):
    A, b, _ = host_lib.poisson(n=90, seed=12011, shift=0.02)
    usual, scaled = recycled_cg(A, b, rtol=1e-8), recycled_cg(scale * A, b, rtol=1e-8)
    assert scaled.success and scaled.nit == usual.nit
    np.testing.assert_allclose(
        abs(scaled.recycle.U.T @ usual.recycle.C), np.eye(10) / np.sqrt(scale), atol=1e-6 / np.sqrt(scale)
    )
    assert recycled_cg(scale * A, b[::-1].copy(), rtol=1e-8, recycle=scaled.recycle).nit < 0.8 * usual.nit


def test_what_the_callback_is_shown_is_the_callers(host_lib):
    A, b, _ = host_lib.poisson(n=60, seed=12037, shift=0.1)
    seen = []
    result = recycled_cg(A, b, callback=seen.append)
    for shown in seen:
        assert abs(np.linalg.norm(b - A @ shown.x) - shown.residuals[-1]) < 1e-12
    assert len(seen) == result.nit
    recycled_cg(A, b, callback=lambda shown: shown.x.fill(7.0))


@pytest.mark.parametrize("form", ["csr", "dense"])
def test_a_residual_that_underflows_is_no_sign_of_an_indefinite_matrix(host_lib, form):
    A, b, _ = host_lib.poisson(n=60, seed=12041, shift=3.0, dtype="float32")
    with pytest.warns(ConvergenceWarning, match="rounding errors"):
        result = recycled_cg(A if form == "csr" else A.toarray(), b, rtol=0, atol=1e-37)
    assert result.status is Status.STAGNATED
    assert float(result.message.split()[2]) > 1e-9 * np.linalg.norm(b)  # that of the true residual


@pytest.mark.parametrize("part", ["U", "C"])
def test_a_recycle_space_that_is_not_finite_is_named(host_lib, part):
    A, b, _ = host_lib.poisson(n=60, seed=12043, shift=0.1)
    space = recycled_cg(A, b).recycle
    broken = {"U": space.U.copy(), "C": space.C.copy()}
    broken[part][3, 1] = np.nan
    with pytest.raises(ValueError, match=rf"recycle\.{part}\[3, 1\] is nan"):
        recycled_cg(A, b, recycle=RecycleSpace(**broken, variable="x"))


def test_a_space_too_long_to_be_squared_is_left_out(host_lib):
    A, b, _ = host_lib.poisson(n=60, seed=12049, shift=0.1, dtype="float32")
    space = recycled_cg(A, b, rtol=1e-4).recycle
    long = RecycleSpace(space.U * np.float32(1e25), space.C * np.float32(1e25), variable="x")
    assert recycled_cg(A, b, rtol=1e-4, recycle=long).success


@pytest.mark.parametrize("solver", [recycled_cg, recycled_minres])
def test_without_recycling_no_directions_are_stored(host_lib, solver):
    A, b, _ = host_lib.poisson(5000, seed=2741)
    solver(A, b, n_recycle=0)  # compiles
    tracemalloc.start()
    try:
        solver(A, b, n_recycle=0)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 30 * b.nbytes

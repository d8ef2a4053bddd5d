"""GCRO-DR: answers, costs, and what becomes of bad input."""

import copy
import pickle

import array_api_strict
import numpy as np
import pytest
import scipy.sparse
import scipy.sparse.linalg

from sparsesci import gpu
from sparsesci._lib.xp import norm
from sparsesci.solvers import (
    ConvergenceWarning,
    RecycleSpace,
    Status,
    gcrodr,
    ilu0_preconditioner,
    jacobi_preconditioner,
)
from sparsesci.solvers.krylov.gcrodr import SearchSpace

DTYPES = ["float32", "float64", "complex64", "complex128"]


def relative_residual(lib, A, b, x):
    A, b, x = (to.toarray() if scipy.sparse.issparse(to) else to for to in (A, b, x))
    A, b, x = (lib.host(part) if lib.name in ("strict", "cupy") else np.asarray(part) for part in (A, b, x))
    wide = np.result_type(A, np.float64)
    return np.linalg.norm(b - A.astype(wide) @ x) / np.linalg.norm(b)


# --- answers ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_rule_holds_for_the_true_residual(lib, dtype):
    A, b, _ = lib.convection(n=151, seed=2719, dtype=dtype)
    rtol = 1e-5 if dtype in ("float32", "complex64") else 1e-10
    result = gcrodr(A, b, restart=20, n_recycle=8, rtol=rtol)
    assert result.success and result.x.dtype == b.dtype
    assert relative_residual(lib, A, b, result.x) <= 1.1 * rtol


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_compiled_cycle_repeats_the_reference(host_lib, dtype, monkeypatch):
    A, b, _ = host_lib.convection(n=200, seed=3181, dtype=dtype)
    single = dtype in ("float32", "complex64")
    options = {"restart": 12, "n_recycle": 5, "rtol": 1e-4 if single else 1e-10, "M": ilu0_preconditioner(A)}
    compiled = gcrodr(A, b, **options)
    dense = gcrodr(A.toarray(), b, **options)  # a dense matrix has no compiled form
    assert compiled.nit == dense.nit
    np.testing.assert_allclose(compiled.residuals, dense.residuals, rtol=1e-2 if single else 1e-6)


def test_a_dense_matrix_a_function_and_a_linear_operator_are_the_same_to_it(host_lib):
    A, b, _ = host_lib.convection(n=80, seed=1213)
    forms = [A, A.toarray(), A.tocoo(), scipy.sparse.csr_matrix(A), scipy.sparse.csc_array(A), lambda x: A @ x]
    forms.append(scipy.sparse.linalg.aslinearoperator(A))
    results = [gcrodr(form, b, rtol=1e-9) for form in forms]
    assert all(result.success for result in results)
    for result in results:
        np.testing.assert_allclose(result.x, results[0].x, rtol=1e-7)


def test_it_agrees_with_scipy_gmres_where_nothing_is_restarted(host_lib):
    A, b, _ = host_lib.convection(n=60, seed=5417)
    norms = []
    scipy.sparse.linalg.gmres(A, b, rtol=1e-9, restart=60, callback=norms.append, callback_type="pr_norm")
    result = gcrodr(A, b, rtol=1e-9, restart=60, n_recycle=10)
    np.testing.assert_allclose(np.array(result.residuals[1:]) / norm(b), norms, rtol=1e-5)


def test_columns_share_one_space(lib):
    A, b, x = lib.poisson(n=200, seed=6211, shift=0.01)
    xp_stack = lib.array(np.stack([lib.host(b), lib.host(x), lib.host(b + x)], axis=1))
    result = gcrodr(A, xp_stack, rtol=1e-8, restart=30, n_recycle=12)
    assert result.success and result.x.shape == (200, 3) and len(result.residuals) == 3
    first, second, third = (len(history) for history in result.residuals)
    assert second < first and third < first
    assert relative_residual(lib, A, xp_stack, result.x) <= 1e-8


def test_a_matrix_with_duplicates_and_unsorted_indices_is_their_sum(host_lib):
    A, b, _ = host_lib.convection(n=40, seed=1777)
    rows, columns = A.tocoo().coords
    order = np.random.default_rng(1301).permutation(2 * A.nnz)
    data = np.concatenate([0.25 * A.data, 0.75 * A.data])[order]
    rows, columns = np.concatenate([rows, rows])[order], np.concatenate([columns, columns])[order]
    by_row = np.argsort(rows, kind="stable")
    indptr = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=40))])
    twice = scipy.sparse.csr_array((data[by_row], columns[by_row], indptr), shape=A.shape)
    kept = copy.deepcopy((twice.data, twice.indices, twice.indptr))
    result = gcrodr(twice, b, rtol=1e-9, M=ilu0_preconditioner(twice))
    np.testing.assert_allclose(result.x, gcrodr(A, b, rtol=1e-9).x, rtol=1e-7)
    for before, after in zip(kept, (twice.data, twice.indices, twice.indptr), strict=True):
        np.testing.assert_array_equal(before, after)


def test_int64_indices_and_integer_entries_are_taken(host_lib):
    A = scipy.sparse.csr_array(np.array([[4, 1, 0], [1, 5, 2], [0, 2, 6]]))
    A.indices, A.indptr = A.indices.astype(np.int64), A.indptr.astype(np.int64)
    result = gcrodr(A, np.array([1, 2, 3]), rtol=1e-12, M=ilu0_preconditioner(A))
    np.testing.assert_allclose(A @ result.x, [1, 2, 3], rtol=1e-11)
    assert result.x.dtype == np.float64


@pytest.mark.parametrize(("A_type", "b_type"), [(float, complex), (complex, float), ("float32", "float64")])
def test_mixed_types_are_computed_in_the_wider_one(host_lib, A_type, b_type):
    A, _, _ = host_lib.convection(n=30, seed=8123, dtype=A_type)
    b = np.random.default_rng(8124).standard_normal(30).astype(b_type)
    result = gcrodr(A, b, rtol=1e-9)
    assert result.success and result.x.dtype == np.result_type(A_type, b_type)


def test_a_preconditioner_that_changes_is_allowed_when_flexible(host_lib):
    A, b, _ = host_lib.poisson(n=300, seed=9173)
    inner = lambda v: gcrodr(A, v, rtol=0.1, restart=10, n_recycle=4).x  # noqa: E731  (nothing but a name for it)
    result = gcrodr(A, b, M=inner, flexible=True, rtol=1e-9, restart=15, n_recycle=5)
    assert result.success and np.linalg.norm(b - A @ result.x) <= 1e-9 * np.linalg.norm(b)
    again = gcrodr(
        A, b[::-1].copy(), M=inner, flexible=True, rtol=1e-9, restart=15, n_recycle=5, recycle=result.recycle
    )
    assert again.success and again.nit < result.nit


def test_a_factorisation_is_a_preconditioner(host_lib):
    A, b, _ = host_lib.convection(n=50, seed=7879)
    result = gcrodr(A, b, M=scipy.sparse.linalg.splu(A.tocsc()), rtol=1e-10)
    assert result.success and result.nit == 1


def test_pyamg_is_a_preconditioner(host_lib):
    pyamg = pytest.importorskip("pyamg")
    A = pyamg.gallery.poisson((40, 40), format="csr")
    b = np.random.default_rng(443).standard_normal(1600)
    M = pyamg.smoothed_aggregation_solver(A).aspreconditioner()
    assert gcrodr(A, b, M=M, rtol=1e-10).nit < 20 < gcrodr(A, b, rtol=1e-10).nit


# --- costs -----------------------------------------------------------------------------------------------------------


def test_a_zero_right_hand_side_costs_nothing(lib):
    A, b, _ = lib.poisson(n=37, seed=2741)
    result = gcrodr(A, 0 * b)
    assert result.success and result.nmatvec == 0 and result.nit == 0 and not np.any(lib.host(result.x))


def test_a_solution_as_start_costs_one_product(lib):
    A, b, x = lib.poisson(n=37, seed=2729)
    result = gcrodr(A, b, x0=x)
    assert result.success and result.nit == 0 and result.nmatvec == 1


def test_a_solve_costs_its_iterations_and_one_check(lib):
    A, b, _ = lib.convection(n=90, seed=2731)
    result = gcrodr(A, b, rtol=1e-9)
    assert result.nmatvec == result.nit + 1 and len(result.residuals) == result.nit + 1


def test_a_recycle_space_costs_one_product_a_vector(lib):
    A, b, _ = lib.poisson(n=90, seed=2749)
    first = gcrodr(A, b, restart=12, n_recycle=5, rtol=1e-8)
    second = gcrodr(A, b + 1.0, restart=12, n_recycle=5, rtol=1e-8, recycle=first.recycle)
    assert second.nmatvec == first.recycle.k + second.nit + 1


def test_the_same_operator_costs_no_product_to_recycle(lib):
    A, b, _ = lib.poisson(n=90, seed=2753)
    first = gcrodr(A, b, restart=12, n_recycle=5, rtol=1e-8)
    second = gcrodr(A, b + 1.0, restart=12, n_recycle=5, rtol=1e-8, recycle=first.recycle, same_operator=True)
    assert second.success and second.nmatvec == second.nit + 1


def test_the_solution_of_the_same_system_is_found_in_the_recycle_space(host_lib):
    A, b, _ = host_lib.poisson(n=12, seed=2767)
    first = gcrodr(A, b, restart=12, n_recycle=11, rtol=1e-8)
    again = gcrodr(A, A @ first.recycle.U[:, 0], recycle=first.recycle, same_operator=True, restart=12, n_recycle=11)
    assert again.success and again.nit == 0 and again.nmatvec == 1


def test_iterations_are_counted_as_maxiter_counts_them(host_lib):
    A, b, _ = host_lib.poisson(n=300, seed=2777)
    full = gcrodr(A, b, restart=20, n_recycle=8, rtol=1e-7)
    assert gcrodr(A, b, restart=20, n_recycle=8, rtol=1e-7, maxiter=full.nit).success
    with pytest.warns(ConvergenceWarning, match=r"raise maxiter.*preconditioner M"):
        short = gcrodr(A, b, restart=20, n_recycle=8, rtol=1e-7, maxiter=full.nit - 1)
    assert short.status is Status.MAXITER and short.nit == full.nit - 1


def test_young1c_takes_no_more_products_than_the_published_cycle(real_matrix):
    A, b = real_matrix("young1c")
    assert gcrodr(A, b, rtol=1e-8).nmatvec <= 320
    assert gcrodr(A, b, rtol=1e-8, M=jacobi_preconditioner(A)).nmatvec <= 210


# --- recycling -------------------------------------------------------------------------------------------------------


def test_recycling_saves_iterations_on_a_drifting_sequence(lib):
    A, b, _ = lib.poisson(n=400, seed=3001)
    drifted, _, _ = lib.poisson(n=400, seed=3001, shift=1e-5)
    first = gcrodr(A, b, restart=30, n_recycle=12, rtol=1e-8)
    fresh = gcrodr(drifted, b, restart=30, n_recycle=12, rtol=1e-8)
    recycled = gcrodr(drifted, b, restart=30, n_recycle=12, rtol=1e-8, recycle=first.recycle)
    assert recycled.success and recycled.nmatvec < 0.75 * fresh.nmatvec


def test_the_returned_space_is_mapped_onto_orthonormal_vectors(host_lib):
    A, b, _ = host_lib.convection(n=120, seed=3011, dtype=complex)
    M = jacobi_preconditioner(A)
    space = gcrodr(A, b, M=M, restart=14, n_recycle=6, rtol=1e-10).recycle
    np.testing.assert_allclose(space.C.conj().T @ space.C, np.eye(space.k), atol=1e-12)
    np.testing.assert_allclose(A @ M(space.U), space.C, atol=1e-10)


def test_a_space_that_has_nothing_in_common_is_dropped(host_lib):
    A, b, _ = host_lib.convection(n=500, seed=3019)
    first = gcrodr(A, b, restart=20, n_recycle=6, rtol=1e-8)
    order = np.random.default_rng(3037).permutation(500)
    shuffled = A[order][:, order[::-1]] + 5 * scipy.sparse.eye_array(500, format="csr")[order]
    options = {"restart": 20, "n_recycle": 6, "rtol": 1e-3, "maxiter": 40}
    with pytest.warns(ConvergenceWarning):
        fresh = gcrodr(shuffled, b, **options)
    with pytest.warns(ConvergenceWarning):
        stale = gcrodr(shuffled, b, recycle=first.recycle, **options)
    assert stale.nmatvec == fresh.nmatvec + first.recycle.k
    np.testing.assert_array_equal(stale.x, fresh.x)


def test_a_stale_image_is_never_trusted(host_lib):
    A, b, _ = host_lib.poisson(n=100, seed=3041)
    recycle = gcrodr(A, b, restart=15, n_recycle=6, rtol=1e-8).recycle
    result = gcrodr(3 * A, b, restart=15, n_recycle=6, rtol=1e-8, recycle=recycle)
    assert result.success and np.linalg.norm(b - 3 * (A @ result.x)) <= 1e-8 * np.linalg.norm(b)


def test_a_false_promise_of_the_same_operator_is_found_out(host_lib):
    A, b, _ = host_lib.poisson(n=100, seed=3043)
    recycle = gcrodr(A, b, restart=15, n_recycle=6, rtol=1e-8).recycle
    other, b, _ = host_lib.convection(n=100, seed=3049)
    result = gcrodr(other, b, restart=15, n_recycle=6, rtol=1e-8, recycle=recycle, same_operator=True)
    assert result.success and np.linalg.norm(b - other @ result.x) <= 1e-8 * np.linalg.norm(b)


def test_a_column_that_needs_no_work_does_not_vouch_for_the_space_it_hands_on(host_lib):
    A, b, x = host_lib.poisson(n=100, seed=3052)
    recycle = gcrodr(A, b, restart=15, n_recycle=6, rtol=1e-8).recycle
    other, _, _ = host_lib.convection(n=100, seed=3053)
    options = {"restart": 15, "n_recycle": 6, "rtol": 1e-8, "recycle": recycle}
    block = gcrodr(other, np.stack([0 * b, b, x], axis=1), **options)
    assert block.success and block.nmatvec == gcrodr(other, np.stack([b, x], axis=1), **options).nmatvec


def test_a_zero_right_hand_side_has_the_solution_zero_whatever_the_start(lib):
    A, b, x = lib.poisson(n=37, seed=3054)
    result = gcrodr(A, 0 * b, x0=x)
    assert result.success and not np.any(lib.host(result.x))


def test_the_last_of_several_cycles_leaves_a_full_space_as_it_is(host_lib):
    A, b, _ = host_lib.convection(n=90, seed=3055)
    options = {"restart": 16, "n_recycle": 6, "rtol": 1e-4}
    result = gcrodr(A, b, **options)
    assert 16 < result.nit <= 26  # two cycles
    with pytest.warns(ConvergenceWarning):
        first_cycle = gcrodr(A, b, maxiter=16, **options)
    np.testing.assert_array_equal(result.recycle.U, first_cycle.recycle.U)
    np.testing.assert_array_equal(result.recycle.C, first_cycle.recycle.C)


def test_a_space_with_which_the_residual_stands_still_is_dropped():
    A = np.diag(np.linspace(-2.5, 26.5, 33)) + 2.5 * np.eye(33, k=1) - 2.5 * np.eye(33, k=-1)
    b = np.random.default_rng(4099).standard_normal(33)
    result = gcrodr(A, b, restart=8, n_recycle=5, rtol=1e-8, maxiter=1000)
    assert result.success and np.linalg.norm(b - A @ result.x) <= 1e-8 * np.linalg.norm(b)


def test_the_image_stays_orthonormal_over_hundreds_of_cycles(real_matrix):
    A, b = real_matrix("1138bus")
    with pytest.warns(ConvergenceWarning, match="raise maxiter"):
        space = gcrodr(A, b, restart=20, n_recycle=10, rtol=1e-10, maxiter=3000).recycle
    np.testing.assert_allclose(space.C.T @ space.C, np.eye(space.k), atol=1e-11)


def test_dependent_recycle_vectors_are_dropped(host_lib):
    A, b, _ = host_lib.poisson(n=100, seed=3049)
    space = gcrodr(A, b, restart=15, n_recycle=6, rtol=1e-8).recycle
    twice = RecycleSpace(np.repeat(space.U, 2, axis=1), np.repeat(space.C, 2, axis=1))
    assert gcrodr(A, b + 1, restart=15, n_recycle=6, rtol=1e-8, recycle=twice).success


def test_a_recycle_space_can_be_pickled_and_is_not_changed(host_lib):
    A, b, _ = host_lib.poisson(n=100, seed=3061)
    space = gcrodr(A, b, restart=15, n_recycle=6, rtol=1e-8).recycle
    copied = pickle.loads(pickle.dumps(space))
    gcrodr(A, b + 1, restart=15, n_recycle=6, rtol=1e-8, recycle=space)
    np.testing.assert_array_equal(space.U, copied.U)
    np.testing.assert_array_equal(space.C, copied.C)
    assert (copied.n, copied.k, copied.dtype) == (100, space.k, np.float64)
    assert repr(space) == f"RecycleSpace: {space.k} vectors of length 100, float64"


def test_a_recycle_space_moves_to_the_host(lib):
    A, b, _ = lib.poisson(n=60, seed=3062)
    space = gcrodr(A, b, restart=15, n_recycle=6, rtol=1e-8).recycle
    moved = space.to("cpu")
    np.testing.assert_array_equal(moved.U, lib.host(space.U))
    np.testing.assert_array_equal(moved.C, lib.host(space.C))
    assert type(moved.U) is np.ndarray and moved.variable == space.variable


def test_a_recycle_space_moves_between_the_devices_of_its_library():
    A, b = array_api_strict.eye(9), array_api_strict.ones(9)
    space = gcrodr(A, b).recycle
    there = space.to(array_api_strict.Device("device1"))
    assert there.U.device == there.C.device == array_api_strict.Device("device1") != space.U.device
    np.testing.assert_array_equal(there.to("cpu").U, space.to("cpu").U)


@pytest.mark.gpu
@pytest.mark.skipif(not gpu.is_available(), reason="needs CuPy and a CUDA device")
def test_a_recycle_space_serves_where_it_was_moved_to(host_lib):
    import cupy

    A, b, _ = host_lib.poisson(n=60, seed=3063)
    space = gcrodr(A, b, restart=15, n_recycle=6, rtol=1e-8).recycle
    for device in ("cuda", cupy.cuda.Device()):
        moved = space.to(device)
        result = gcrodr(gpu.to_device(A), gpu.to_device(b) + 1, restart=15, n_recycle=6, rtol=1e-8, recycle=moved)
        assert result.success and isinstance(result.recycle.U, cupy.ndarray)
        np.testing.assert_array_equal(moved.to("cpu").U, space.U)


@pytest.mark.parametrize(
    ("device", "error", "message"), [("gpu", ValueError, "device is 'gpu'"), (0, TypeError, "device is a int")]
)
def test_a_device_that_does_not_exist_is_named(device, error, message):
    with pytest.raises(error, match=message):
        RecycleSpace(np.eye(5, 2), np.eye(5, 2)).to(device)


def test_a_real_space_serves_a_complex_system(host_lib):
    A, b, _ = host_lib.poisson(n=100, seed=3067)
    space = gcrodr(A, b, restart=15, n_recycle=6, rtol=1e-8).recycle
    result = gcrodr(A, b + 1j * b[::-1], restart=15, n_recycle=6, rtol=1e-8, recycle=space)
    assert result.success and result.x.dtype == np.complex128


def test_without_recycling_it_is_restarted_gmres(host_lib):
    A, b, _ = host_lib.poisson(n=60, seed=3079, shift=0.1)
    result = gcrodr(A, b, restart=10, n_recycle=0, rtol=1e-8, maxiter=2000)
    norms = []
    options = {"rtol": 1e-8, "restart": 10, "maxiter": 200, "callback_type": "pr_norm"}
    scipy.sparse.linalg.gmres(A, b, callback=norms.append, **options)
    assert result.success and result.recycle is None
    assert abs(result.nit - len(norms)) <= 10


# --- bad input -------------------------------------------------------------------------------------------------------


def test_nan_and_inf_are_named_with_their_place(lib):
    A, b, _ = lib.poisson(n=9, seed=4001)
    broken = lib.host(b).copy()
    broken[4] = np.nan
    with pytest.raises(ValueError, match=r"b\[4\] is nan"):
        gcrodr(A, lib.array(broken))
    with pytest.raises(ValueError, match=r"x0\[4\] is nan"):
        gcrodr(A, b, x0=lib.array(broken))


def test_an_entry_of_a_sparse_matrix_that_is_inf_is_named(host_lib):
    A, b, _ = host_lib.poisson(n=9, seed=4003)
    A[3, 4] = np.inf
    with pytest.raises(ValueError, match=r"A\[3, 4\] is inf"):
        gcrodr(A, b)


@pytest.mark.parametrize(
    ("A", "b", "message"),
    [
        (np.eye(3)[:2], np.ones(3), r"A has shape \(2, 3\): \(3, 3\) is needed"),
        (np.eye(3), np.ones(4), r"A has shape \(3, 3\): \(4, 4\) is needed"),
        (np.eye(3), np.ones((3, 1, 1)), r"b has shape \(3, 1, 1\)"),
        (np.eye(3), np.ones(0), r"b has shape \(0,\)"),
    ],
)
def test_shapes_that_do_not_match_are_named(A, b, message):
    with pytest.raises(ValueError, match=message):
        gcrodr(A, b)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"restart": 0}, ValueError, "restart is 0"),
        ({"restart": 2.5}, TypeError, "restart is 2.5"),
        ({"n_recycle": 40}, ValueError, "n_recycle < restart"),
        ({"rtol": -1e-3}, ValueError, "rtol is -0.001"),
        ({"rtol": np.nan}, ValueError, "rtol is nan"),
        ({"atol": "small"}, TypeError, "atol is 'small'"),
        ({"maxiter": 0}, ValueError, "maxiter is 0"),
        ({"same_operator": True}, ValueError, "recycle is None"),
        ({"recycle": "all"}, TypeError, "recycle is a str"),
        ({"x0": np.ones(4)}, ValueError, r"x0 has shape \(4,\)"),
        ({"M": np.eye(4)}, ValueError, r"M has shape \(4, 4\)"),
        ({"M": object()}, TypeError, "M is a object"),
    ],
)
def test_options_out_of_range_are_named(options, error, message):
    with pytest.raises(error, match=message):
        gcrodr(np.eye(3), np.ones(3), **options)


def test_a_recycle_space_of_another_system_is_refused(host_lib):
    A, b, _ = host_lib.poisson(n=50, seed=4007)
    space = gcrodr(A, b, restart=15, n_recycle=6, rtol=1e-8).recycle
    small, c, _ = host_lib.poisson(n=49, seed=4013)
    with pytest.raises(ValueError, match="length 50, b has length 49"):
        gcrodr(small, c, recycle=space)
    with pytest.raises(ValueError, match="recycle is complex128 and the system is real"):
        gcrodr(A, b, recycle=RecycleSpace(space.U * 1j, space.C * 1j))
    with pytest.raises(ValueError, match="no room below restart = 5"):
        gcrodr(A, b, recycle=space, restart=5, n_recycle=2)
    with pytest.raises(ValueError, match="variable u, this call works in x"):
        gcrodr(A, b, recycle=space, flexible=True)


def test_a_zero_matrix_breaks_down_and_says_so():
    with pytest.warns(ConvergenceWarning, match=r"A looks singular.*lsqr"):
        result = gcrodr(scipy.sparse.csr_array((7, 7)), np.ones(7))
    assert result.status is Status.BREAKDOWN and not np.any(result.x)


@pytest.mark.parametrize(("restart", "n_recycle"), [(1, 0), (7, 3), (20, 10), (40, 20), (60, 20)])
def test_half_of_a_short_search_space_is_recycled_unless_told_otherwise(host_lib, restart, n_recycle):
    A, b, _ = host_lib.convection(n=80, seed=4014)
    told, untold = (gcrodr(A, b, restart=restart, **option) for option in ({"n_recycle": n_recycle}, {}))
    assert told.residuals == untold.residuals


def test_a_consistent_singular_system_is_solved(host_lib):
    A = scipy.sparse.diags_array(np.arange(20.0), format="csr")
    b = np.arange(20.0) ** 2
    assert gcrodr(A, b, rtol=1e-10).success


def test_an_inconsistent_singular_system_returns_the_best_iterate():
    A = scipy.sparse.diags_array(np.arange(20.0), format="csr")
    b = np.ones(20)
    with pytest.warns(ConvergenceWarning, match="breakdown"):
        result = gcrodr(A, b, rtol=1e-10)
    assert np.linalg.norm(b - A @ result.x) == pytest.approx(1.0, abs=1e-6)


def test_float32_warns_of_an_rtol_that_it_cannot_promise(host_lib):
    A, b, _ = host_lib.convection(n=60, seed=4019, dtype="float32")
    with pytest.warns(UserWarning, match=r"rtol = 1.0e-12 is below what float32 can promise and is set to 1.2e-06"):
        result = gcrodr(A, b, rtol=1e-12)
    assert result.success and result.x.dtype == np.float32


def test_rounding_is_named_when_it_is_the_limit(host_lib):
    rng = np.random.default_rng(4021)
    Q, _ = np.linalg.qr(rng.standard_normal((80, 80)))
    A = Q @ np.diag(np.logspace(0, -12, 80)) @ Q.T
    with pytest.warns(ConvergenceWarning, match="rounding errors keep the true residual"):
        result = gcrodr(A, A @ np.ones(80) + 1e-3 * Q[:, -1], rtol=1e-13, restart=80, n_recycle=20)
    assert result.status is Status.STAGNATED


@pytest.mark.parametrize("good_applications", [0, 6])
def test_a_preconditioner_that_returns_nan_is_named(host_lib, good_applications):
    A, b, _ = host_lib.convection(n=60, seed=4027)
    calls = []

    def M(v):
        calls.append(v)
        return v if len(calls) <= good_applications else np.nan * v

    with pytest.warns(ConvergenceWarning, match=r"NaN or Inf.*\(M did\)"):
        result = gcrodr(A, b, M=M, rtol=1e-12)
    assert result.status is Status.NOT_FINITE and np.isfinite(result.x).all()


def test_a_matrix_that_returns_inf_is_named(lib):
    _, b, _ = lib.poisson(n=60, seed=4049)
    with pytest.warns(ConvergenceWarning, match=r"NaN or Inf.*\(A did\)"):
        result = gcrodr(lambda v: abs(v) + np.inf, b)
    assert result.status is Status.NOT_FINITE


def test_a_function_that_returns_another_shape_or_kind_is_named():
    with pytest.raises(ValueError, match=r"A returned shape \(2,\)"):
        gcrodr(lambda v: v[:2], np.ones(3))
    with pytest.raises(TypeError, match="A returned complex128 for a real vector"):
        gcrodr(lambda v: 1j * v, np.ones(3))


@pytest.mark.parametrize(("scale_A", "scale_b"), [(1.0, 1e-200), (1e-180, 1.0), (1e12, 1.0), (1e150, 1e200)])
@pytest.mark.parametrize("form", ["csr", "dense"])
def test_scale_does_not_matter(host_lib, form, scale_A, scale_b):
    A, b, _ = host_lib.convection(n=60, seed=4051)
    A = A if form == "csr" else A.toarray()
    plain, scaled = gcrodr(A, b, rtol=1e-9), gcrodr(A * scale_A, b * scale_b, rtol=1e-9)
    assert scaled.success and scaled.nit == plain.nit and scaled.recycle.k == plain.recycle.k


def test_inputs_are_not_changed(host_lib):
    A, b, x = host_lib.convection(n=60, seed=4057)
    before = copy.deepcopy((A.data, b, x))
    gcrodr(A, b, x0=x + 1, rtol=1e-9, M=ilu0_preconditioner(A))
    for old, new in zip(before, (A.data, b, x), strict=True):
        np.testing.assert_array_equal(old, new)


def test_the_answer_shares_no_memory_with_the_inputs(host_lib):
    A, b, x = host_lib.convection(n=60, seed=4058)
    assert not np.shares_memory(gcrodr(A, b, x0=x).x, x)
    assert not np.shares_memory(gcrodr(A, 0 * b, x0=0 * x).x, b)


@pytest.mark.parametrize("n", [1, 2, 3])
def test_tiny_systems_are_solved(n):
    A = np.random.default_rng(4073 + n).standard_normal((n, n)) + 3 * np.eye(n)
    result = gcrodr(A, np.ones(n), rtol=1e-12)
    assert result.success and result.nit <= n


# --- the callback ----------------------------------------------------------------------------------------------------


def test_the_callback_sees_every_iterate(lib):
    A, b, _ = lib.convection(n=60, seed=5003)
    seen = []
    result = gcrodr(A, b, rtol=1e-8, restart=10, n_recycle=4, callback=seen.append)
    assert [step.nit for step in seen] == list(range(1, result.nit + 1))
    assert all(step.status is Status.RUNNING for step in seen)
    for step in seen[::7]:
        assert relative_residual(lib, A, b, step.x) * norm(b) == pytest.approx(step.residuals[-1], rel=1e-6)


def test_the_callback_does_not_change_the_iteration(host_lib):
    A, b, _ = host_lib.convection(n=60, seed=5009)
    options = {"rtol": 1e-8, "restart": 10, "n_recycle": 4}
    watched = gcrodr(A, b, callback=lambda _: None, **options)
    assert watched.residuals == gcrodr(A, b, **options).residuals


def test_stopiteration_stops_within_a_cycle_without_a_warning(host_lib):
    A, b, _ = host_lib.convection(n=60, seed=5011)

    def stop_at_seven(intermediate_result):
        if intermediate_result.nit == 7:
            raise StopIteration

    result = gcrodr(A, b, rtol=1e-8, callback=stop_at_seven)
    assert result.status is Status.STOPPED_BY_CALLBACK and result.nit == 7 and not result.success
    block = gcrodr(A, np.stack([b, b], axis=1), rtol=1e-8, callback=stop_at_seven)
    assert block.nit == 7 and not np.any(block.x[:, 1])


def test_an_error_in_the_callback_propagates(host_lib):
    A, b, _ = host_lib.convection(n=60, seed=5021)

    def fail(_):
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        gcrodr(A, b, callback=fail)


def test_the_result_tells_its_story(host_lib):
    A, b, _ = host_lib.convection(n=60, seed=5023)
    story = repr(gcrodr(A, b, rtol=1e-8))
    assert story.startswith("KrylovResult: converged, ||r|| = ")
    assert "float64 (60,)" in story and "RecycleSpace: 2" in story


def test_a_search_space_reads_its_residual_from_the_small_problem(lib):
    A, b, _ = lib.convection(n=40, seed=5039)
    from sparsesci._lib.operator import as_operator
    from sparsesci.solvers.krylov.factors import identity

    A, M = as_operator(A, b), identity(40, b.dtype)
    space = SearchSpace(b, 9, flexible=False)
    space.begin(space.U, space.C, b)
    estimates = space.extend(A, M, 9, goal=0.0)
    minimum = space.minimum()
    x = space.step(minimum, M)
    assert norm(b - A(x)) == pytest.approx(estimates[-1], rel=1e-9)
    np.testing.assert_allclose(lib.host(space.residual(minimum)), lib.host(b - A(x)), atol=1e-10)


@pytest.mark.parametrize("same_operator", [False, True])
def test_a_space_of_zeros_does_no_harm(host_lib, same_operator):
    A, b, _ = host_lib.convection(n=60, seed=12109)
    space = gcrodr(A, b).recycle
    nothing = RecycleSpace(0 * space.U, space.C)
    assert gcrodr(A, b, recycle=nothing, same_operator=same_operator).success


@pytest.mark.parametrize("same_operator", [False, True])
def test_a_recycle_space_that_is_not_finite_is_named(host_lib, same_operator):
    A, b, _ = host_lib.convection(n=60, seed=12113)
    space = gcrodr(A, b).recycle
    with pytest.raises(ValueError, match=r"recycle\.U\[0, 0\] is nan"):
        gcrodr(A, b, recycle=RecycleSpace(np.nan * space.U, space.C), same_operator=same_operator)


@pytest.mark.parametrize("form", ["csr", "dense"])
@pytest.mark.parametrize(
    ("dtype", "scale"), [("float64", 1e-200), ("float64", 1e200), ("float32", 1e-30), ("complex64", 1e30)]
)
def test_the_scale_of_the_matrix_changes_nothing(host_lib, form, dtype, scale):
    A, b, _ = host_lib.convection(n=60, seed=12149, dtype=dtype)
    A = A if form == "csr" else A.toarray()
    options = {"rtol": 1e-4, "restart": 15}
    usual, scaled = (gcrodr(A * np.dtype(dtype).type(s), b, **options) for s in (1, scale))
    assert scaled.success and abs(scaled.nit - usual.nit) <= 1
    again = gcrodr(A * np.dtype(dtype).type(scale), b[::-1].copy(), recycle=scaled.recycle, **options)
    assert again.success and np.isfinite(again.recycle.U).all()

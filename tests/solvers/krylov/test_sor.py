"""SOR: answers, costs, and what becomes of sweeps that diverge and of bad input."""

import copy

import numpy as np
import pytest
import scipy.sparse
import scipy.sparse.linalg

from sparsesci._lib.operator import csr_arrays
from sparsesci.solvers import ConvergenceWarning, Status
from sparsesci.solvers.krylov.sor import sor, sweeps
from sparsesci.solvers.krylov.ssor import diagonal_positions

DTYPES = ["float32", "float64", "complex64", "complex128"]


@pytest.fixture(params=["numpy", "numpy-readonly"])
def host_libs(request, host_lib):
    """Return the host with arrays that may be written, and that may not."""
    return type(host_lib)(request.param)


# --- answers ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_rule_holds_for_the_true_residual(host_libs, dtype):
    A, b, _ = host_libs.poisson(n=60, seed=3301, shift=0.1, dtype=dtype)
    rtol = 1e-5 if dtype in ("float32", "complex64") else 1e-10
    result = sor(A, b, omega=1.5, rtol=rtol)
    wide = np.result_type(A.dtype, np.float64)
    assert result.success and result.x.dtype == b.dtype
    assert np.linalg.norm(b - A.astype(wide) @ result.x) <= 1.1 * rtol * np.linalg.norm(b)


@pytest.mark.parametrize("omega", [0.6, 1.0, 1.4])
def test_the_iterates_are_those_of_the_textbook(host_lib, omega):
    A, b, _ = host_lib.convection(n=20, seed=3307)
    dense, x, iterates = A.toarray(), np.zeros(20), []
    sor(A, b, omega=omega, rtol=1e-6, callback=lambda step: iterates.append(step.x))
    for iterate in iterates:
        for i in range(20):
            x[i] += omega * (b[i] - dense[i] @ x) / dense[i, i]
        np.testing.assert_allclose(iterate, x, rtol=1e-12, atol=1e-14)


def test_the_residuals_are_those_of_the_iterates(host_lib):
    A, b, x0 = host_lib.poisson(n=30, seed=3313, shift=0.2)
    seen = []
    result = sor(A, b, -x0, omega=1.3, rtol=1e-9, callback=lambda step: seen.append(np.linalg.norm(b - A @ step.x)))
    np.testing.assert_allclose(result.residuals[1:], seen, rtol=1e-5)
    assert result.residuals[0] == pytest.approx(2 * np.linalg.norm(b))


def test_every_form_of_a_matrix_gives_the_same(host_lib):
    A, b, _ = host_lib.convection(n=25, seed=3319)
    long = A.copy()
    long.indices, long.indptr = long.indices.astype(np.int64), long.indptr.astype(np.int64)
    forms = [A.toarray(), A.toarray().tolist(), A.tocoo(), A.tocsc(), A.todia(), scipy.sparse.csr_matrix(A), long]
    expected = sor(A, b, rtol=1e-9)
    for form in forms:
        result = sor(form, b, rtol=1e-9)
        assert result.nit == expected.nit
        np.testing.assert_allclose(result.x, expected.x, rtol=1e-12)


def test_unsorted_and_duplicate_indices_are_taken_and_left_as_they_are():
    A = scipy.sparse.csr_array(
        (np.array([-1.0, 1.5, 1.5, 4.0, -1.0]), np.array([1, 0, 0, 1, 0]), np.array([0, 3, 5])), shape=(2, 2)
    )
    kept = copy.deepcopy((A.data, A.indices, A.indptr))
    b = np.array([2.0, 3.0])
    np.testing.assert_allclose(sor(A, b, rtol=1e-12).x, np.linalg.solve([[3.0, -1], [-1, 4]], b), rtol=1e-11)
    for before, after in zip(kept, (A.data, A.indices, A.indptr), strict=True):
        np.testing.assert_array_equal(before, after)


def test_mixed_types_are_computed_in_the_wider_one(host_lib):
    A, b, _ = host_lib.poisson(n=30, seed=3323, shift=0.3)
    result = sor(A, b + 1j * b[::-1], rtol=1e-9)
    assert result.success and result.x.dtype == np.complex128
    assert sor(A.astype("float32"), b).x.dtype == np.float64
    assert sor(np.array([[4, 1], [1, 3]]), [1, 2]).x.dtype == np.float64


def test_columns_are_solved_in_turn(host_lib):
    A, b, x = host_lib.poisson(n=40, seed=3329, shift=0.2)
    B = np.stack([b, x, 0 * b], axis=1)
    result = sor(A, B, omega=1.4, rtol=1e-9)
    assert result.success and result.x.shape == (40, 3) and len(result.residuals) == 3
    np.testing.assert_array_equal(result.x[:, 1], sor(A, x, omega=1.4, rtol=1e-9).x)
    again = sor(A, B, result.x, omega=1.4, rtol=1e-9)
    assert again.success and again.nit == 0


def test_a_rule_in_absolute_terms_is_obeyed(host_lib):
    A, b, _ = host_lib.poisson(n=30, seed=3331, shift=0.2)
    result = sor(A, b, rtol=0.0, atol=1e-6)
    assert result.success and np.linalg.norm(b - A @ result.x) <= 1e-6


@pytest.mark.parametrize(("scale_A", "scale_b"), [(1.0, 1e-200), (1e-150, 1e100), (1e12, 1.0), (1e150, 1e200)])
def test_scale_does_not_matter(host_lib, scale_A, scale_b):
    A, b, _ = host_lib.poisson(n=30, seed=3343, shift=0.2)
    assert sor(A * scale_A, b * scale_b).nit == sor(A, b).nit


@pytest.mark.parametrize("n", [1, 2, 3])
def test_tiny_systems_are_solved(n):
    A = np.full((n, n), 0.3) + np.eye(n)
    assert sor(A, np.ones(n), rtol=1e-10).success


def test_the_optimal_omega_of_young_is_the_best_of_a_grid(host_lib):
    A, b, _ = host_lib.poisson(n=40, seed=3347)
    rho = np.cos(np.pi / 41)  # of the Jacobi iteration
    optimal = 2 / (1 + np.sqrt(1 - rho**2))
    counts = {omega: sor(A, b, omega=omega, rtol=1e-8, maxiter=10**4).nit for omega in (1.0, 1.5, optimal, 1.95)}
    assert min(counts, key=counts.get) == optimal and 10 * counts[optimal] < counts[1.0]


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_kernel_repeats_its_reference(host_lib, dtype):
    A, b, _ = host_lib.convection(n=35, seed=3359, dtype=dtype)
    diagonal, entries = diagonal_positions(A, "SOR"), csr_arrays(A, A.dtype)
    ends = []
    for run in (sweeps, sweeps.reference):
        x, r, delta, norms = np.zeros_like(b), b.copy(), np.empty_like(b), np.zeros(9)
        done = run(entries, diagonal, 1.2 / A.data[diagonal], 1.2, x, r, delta, norms, 0.3 * np.linalg.norm(b), np.inf)
        ends.append((np.array(done), x, r, norms))
    assert 0 < ends[0][0] < 9
    for compiled, plain in zip(*ends, strict=True):
        np.testing.assert_allclose(compiled, plain, rtol=1e-4 if dtype in ("float32", "complex64") else 1e-11)


# --- costs -----------------------------------------------------------------------------------------------------------


def test_a_solve_costs_its_sweeps_and_one_check(host_lib):
    A, b, x = host_lib.poisson(n=50, seed=3361, shift=0.1)
    result = sor(A, b, omega=1.3)
    assert result.nmatvec == result.nit + 1 == len(result.residuals) and result.recycle is None
    assert sor(A, b, -x, omega=1.3).nmatvec == sor(A, b, -x, omega=1.3).nit + 2


def test_a_zero_right_hand_side_costs_nothing_and_a_solution_as_start_one_product(host_lib):
    A, b, x = host_lib.poisson(n=50, seed=3371)
    zero, solved = sor(A, 0 * b), sor(A, b, x)
    assert zero.success and zero.nmatvec == zero.nit == 0 and not zero.x.any()
    assert solved.success and solved.nit == 0 and solved.nmatvec == 1


def test_maxiter_counts_sweeps_and_the_last_may_succeed(host_lib):
    A, b, _ = host_lib.poisson(n=50, seed=3373, shift=0.02)
    nit = sor(A, b).nit
    assert nit > 200  # more than are compiled at once
    assert sor(A, b, maxiter=nit).success
    with pytest.warns(ConvergenceWarning, match="raise maxiter"):
        short = sor(A, b, maxiter=nit - 1)
    assert short.status is Status.MAXITER and short.nit == nit - 1


# --- what goes wrong -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("given", [False, True])
def test_sweeps_that_diverge_are_named_and_the_start_is_returned(dtype, given):
    A = np.array([[1, 3], [4, 1]], dtype=dtype)
    b = np.array([1, 2], dtype=dtype)
    x0 = np.array([0.5, -0.5], dtype=dtype) if given else None
    with pytest.warns(ConvergenceWarning, match=r"sweeps diverge.*omega.*gcrodr"):
        result = sor(A, b, x0, maxiter=10**6)
    assert not result.success and result.nit < 60 and np.isfinite(result.residuals[-1])
    np.testing.assert_array_equal(result.x, 0 * b if x0 is None else x0)


def test_growth_that_passes_is_no_divergence(host_lib):
    A, _, _ = host_lib.poisson(n=40, seed=3389)
    result = sor(A, np.ones(40), omega=1.98, rtol=1e-8, maxiter=5000)
    assert result.success and max(result.residuals) > 4 * result.residuals[0]


def test_divergence_of_one_column_leaves_the_others(host_lib):
    A = scipy.sparse.block_diag([np.array([[1.0, 3], [4, 1]]), np.eye(2)], format="csr")
    B = np.array([[0.0, 1.0], [0.0, 1.0], [1.0, 0.0], [2.0, 0.0]])
    with pytest.warns(ConvergenceWarning, match="1 of 2 columns did not converge, first column 1"):
        result = sor(A, B)
    np.testing.assert_allclose(result.x[:, 0], B[:, 0])


def test_rounding_is_named_when_it_is_the_limit(host_lib):
    A, b, _ = host_lib.poisson(n=30, seed=3391, dtype="float32")
    with pytest.warns(ConvergenceWarning, match="rounding errors keep the true residual"):
        result = sor(A, b, np.full(30, 1e6, "float32"), omega=1.8, rtol=0.0, atol=1e-6, maxiter=10**4)
    assert result.status is Status.STAGNATED


def test_inputs_are_not_changed_and_not_shared(host_lib):
    A, b, x = host_lib.poisson(n=30, seed=3407, shift=0.1)
    before = copy.deepcopy((A.data, b, x))
    results = [sor(A, b, x + 1), sor(A, b, x), sor(A, 0 * b, 0 * x)]
    for old, new in zip(before, (A.data, b, x), strict=True):
        np.testing.assert_array_equal(old, new)
    assert not any(np.shares_memory(result.x, part) for result in results for part in (b, x))


@pytest.mark.parametrize(
    ("A", "b", "options", "error", "message"),
    [
        (np.eye(3), np.ones(3), {"omega": 2.0}, ValueError, r"omega is 2.0: 0 < omega < 2"),
        (np.eye(3), np.ones(3), {"omega": None}, TypeError, "omega is None"),
        (np.eye(3), np.ones(3), {"rtol": -1.0}, ValueError, "rtol is -1.0"),
        (np.eye(3), np.ones(3), {"atol": np.inf}, ValueError, "atol is inf"),
        (np.eye(3), np.ones(3), {"maxiter": 0}, ValueError, "maxiter is 0"),
        (np.eye(3), np.ones(3), {"x0": np.ones(4)}, ValueError, r"x0 has shape \(4,\)"),
        (np.eye(3), np.ones(4), {}, ValueError, r"A has shape \(3, 3\): \(4, 4\) is needed"),
        (np.ones((2, 3)), np.ones(3), {}, ValueError, r"A has shape \(2, 3\)"),
        (np.eye(3), np.array([1, np.nan, 1]), {}, ValueError, r"b\[1\] is nan"),
        (np.diag([1, np.inf, 1]), np.ones(3), {}, ValueError, r"A\[1, 1\] is inf"),
        (np.eye(3), np.ones(3), {"x0": np.array([1, 1, np.nan])}, ValueError, r"x0\[2\] is nan"),
        (np.diag([1.0, 0, 1]), np.ones(3), {}, ValueError, r"A\[1, 1\] is zero: SOR divides by the diagonal"),
        (scipy.sparse.csr_array((3, 3)), np.ones(3), {}, ValueError, r"A\[0, 0\] is zero"),
        (lambda x: x, np.ones(3), {}, TypeError, "A is a function: its entries are needed"),
        (scipy.sparse.linalg.aslinearoperator(np.eye(3)), np.ones(3), {}, TypeError, "its entries are needed"),
    ],
)
def test_bad_input_is_named(A, b, options, error, message):
    with pytest.raises(error, match=message):
        sor(A, b, **options)


def test_arrays_on_a_device_are_refused_with_advice(lib):
    A, b, _ = lib.poisson(n=7, seed=3413, shift=1.0)
    if lib.name in ("strict", "cupy"):
        with pytest.raises(TypeError, match=r"SOR is sequential.*to_host"):
            sor(A, b)
    else:
        assert sor(A, b).success


def test_float32_warns_of_an_rtol_that_it_cannot_promise(host_lib):
    A, b, _ = host_lib.poisson(n=20, seed=3433, shift=1.0, dtype="float32")
    with pytest.warns(UserWarning, match="below what float32 can promise"):
        assert sor(A, b, rtol=1e-12).success


# --- the callback ----------------------------------------------------------------------------------------------------


def test_the_callback_sees_every_sweep_and_changes_nothing(host_lib):
    A, b, _ = host_lib.convection(n=30, seed=3449)
    seen = []
    result = sor(A, b, callback=seen.append)
    assert [step.nit for step in seen] == list(range(1, result.nit + 1))
    assert all(step.status is Status.RUNNING and step.nmatvec == step.nit for step in seen)
    assert not np.array_equal(seen[0].x, seen[1].x)
    assert result.residuals == sor(A, b).residuals


def test_stopiteration_stops_without_a_warning_and_other_errors_propagate(host_lib):
    A, b, _ = host_lib.poisson(n=30, seed=3457)

    def stop_at_four(step):
        if step.nit == 4:
            raise StopIteration

    result = sor(A, b, callback=stop_at_four)
    assert result.status is Status.STOPPED_BY_CALLBACK and result.nit == 4
    with pytest.raises(ZeroDivisionError):
        sor(A, b, callback=lambda step: 1 / 0)

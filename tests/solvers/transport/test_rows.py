"""The rows of the semi-dual: kernels beside their references, what a list may leave out, and when it is made anew."""

from types import SimpleNamespace

import numpy as np
import pytest

from sparsesci._cpu.transport import exp
from sparsesci.solvers.transport import rows as module
from sparsesci.solvers.transport.direction import direction, hessian_diagonal, hessian_product, newton_direction
from sparsesci.solvers.transport.result import plan_sums
from sparsesci.solvers.transport.rows import DenseRows, ListedRows, SparsePlan, dense_plan, dense_rows, rows_of
from sparsesci.solvers.transport.sinkhorn import column_potentials, row_potentials

REG, CUT = 0.01, 43.0


def problem(seed, n=70, m=50, forbidden=0.0):
    rng = np.random.default_rng(seed)
    C, a = rng.random((n, m)) + 3.0, rng.random(n) + 0.1
    C[rng.random((n, m)) < forbidden] = np.inf
    return C, a / a.sum(), 0.1 * rng.random(m)


def test_the_exponential_is_right_to_two_units_of_rounding():
    from numba import njit

    x = -np.random.default_rng(6007).random(20_000) * 690
    compiled = njit(lambda x: [exp(value) for value in x])
    np.testing.assert_allclose(compiled(x), np.exp(x), rtol=5e-16)
    assert compiled(np.array([0.0, -700.0, -1e9, -np.inf])) == [1.0, 0.0, 0.0, 0.0]


@pytest.mark.parametrize("forbidden", [0.0, 0.3])
@pytest.mark.parametrize("reg", [1.0, 0.01, 1e-6])
def test_compiled_passes_over_all_arcs_repeat_their_references(reg, forbidden):
    C, a, g = problem(6011, forbidden=forbidden)
    n, m = C.shape
    f = 0.1 * np.random.default_rng(6029).random(n)
    calls = [
        (row_potentials, (C, g, 3.0, reg), [n]),
        (column_potentials, (C, f, 3.0, reg), [m]),
        (dense_rows, (C, a, g, 3.0, reg), [n, m]),
        (dense_plan, (C, f - 0.3, g, 3.0, reg), [(n, m)]),
        (plan_sums, (C, f - 0.3, g, 3.0, reg), [n, m]),
    ]
    for function, arguments, shapes in calls:
        found, expected = ([np.full(shape, np.nan) for shape in shapes] for _ in range(2))
        totals = function(*arguments, *found), function.reference(*arguments, *expected)
        for one, other in zip(found, expected, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-11, atol=1e-290)
        assert totals == (None, None) or totals[0] == pytest.approx(totals[1], rel=1e-11, abs=1e-290)


@pytest.mark.parametrize("forbidden", [0.0, 0.3])
def test_listed_rows_by_kernels_repeat_those_by_references(monkeypatch, forbidden):
    C, a, g = problem(6037, forbidden=forbidden)
    monkeypatch.setattr(module, "DENSE_ABOVE", 1.0)
    compiled, plain = ListedRows(C, a, 3.0), ListedRows(C, a, 3.0)
    later = g + 0.002 * np.random.default_rng(6043).random(g.size)
    found = [compiled.at(g, 8 * REG, CUT), compiled.at(later, REG, CUT), compiled.at(g, REG / 4, CUT)]
    for name in ("scan_rows", "narrow_rows", "listed_rows"):
        monkeypatch.setattr(module, name, getattr(module, name).reference)
    expected = [plain.at(g, 8 * REG, CUT), plain.at(later, REG, CUT), plain.at(g, REG / 4, CUT)]
    assert (compiled.nscan, compiled.nnarrow, compiled.npass) == (plain.nscan, plain.nnarrow, plain.npass)
    for one, other in zip(found, expected, strict=True):
        size = other.P.indptr[-1]
        np.testing.assert_array_equal(one.P.indptr, other.P.indptr)
        np.testing.assert_array_equal(one.P.indices[:size], other.P.indices[:size])
        np.testing.assert_allclose(one.P.data[:size], other.P.data[:size], rtol=1e-11)
        np.testing.assert_allclose(one.f, other.f, rtol=1e-11)
        np.testing.assert_allclose(one.columns, other.columns, rtol=1e-11)


def test_lists_made_in_pieces_are_lists_made_at_once(monkeypatch):
    C, a, g = problem(6047, n=600, m=900)
    monkeypatch.setattr(module, "DENSE_ABOVE", 1.0)
    rows, roomy = ListedRows(C, a, 3.0), ListedRows(np.ascontiguousarray(C[:60]), a[:60], 3.0)
    for lists in (rows, roomy):
        assert isinstance(lists.at(g, 5e-3, CUT).P, SparsePlan)
    assert rows.indices.size > 4 * (900 + 16 * 600) > 0  # three pieces at the least
    end = roomy.indptr[-1]
    np.testing.assert_array_equal(rows.indptr[:61], roomy.indptr)
    np.testing.assert_array_equal(rows.indices[:end], roomy.indices)
    np.testing.assert_array_equal(rows.costs, C[np.repeat(np.arange(600), np.diff(rows.indptr)), rows.indices] - 3.0)


@pytest.mark.parametrize("n_chunks", [2, 3, 200])
@pytest.mark.parametrize("reg", [0.5, 1e-3])
def test_rows_in_chunks_are_the_same_rows(n_chunks, reg):
    C, a, g = problem(6143, forbidden=0.2)
    whole, parts = ListedRows(C, a, 3.0), ListedRows(C, a, 3.0, map, n_chunks)
    for k in range(3):  # a list made, used again, and narrowed
        reg, g = reg / 2 ** (k > 1), g + 1e-5 * k
        one, other = whole.at(g, reg, CUT), parts.at(g, reg, CUT)
        np.testing.assert_array_equal(other.f, one.f)
        np.testing.assert_allclose(other.columns, one.columns, rtol=1e-13)
        if one.P is None:
            np.testing.assert_array_equal(parts.plan(other, reg), whole.plan(one, reg))
        else:
            nnz = one.P.indptr[-1]
            np.testing.assert_array_equal(other.P.indptr, one.P.indptr)
            np.testing.assert_array_equal(other.P.indices[:nnz], one.P.indices[:nnz])
            np.testing.assert_array_equal(other.P.data[:nnz], one.P.data[:nnz])
    assert (parts.nscan, parts.nnarrow, parts.npass) == (whole.nscan, whole.nnarrow, whole.npass)


@pytest.mark.parametrize("reg", [0.5, 2e-3])
def test_the_direction_does_not_depend_on_the_chunks(lib, reg):
    C, a, g = problem(6151)
    C, a, g = lib.array(C), lib.array(a), lib.array(g)
    rows = rows_of(SimpleNamespace(C=C, a=a, shift=3.0))
    at = rows.at(g, reg, CUT)
    damping, gradient = 0 * g + 1e-4, 1 / g.shape[0] - at.columns
    given = rows.plan(at, reg), a, at.columns, damping, gradient, 1e-10
    one, three = direction(*given), direction(*given, map, 3)
    np.testing.assert_allclose(lib.host(three), lib.host(one), rtol=1e-7, atol=1e-9)


def test_compiled_hessians_repeat_their_references():
    C, a, g = problem(6163)
    P = ListedRows(C, a, 3.0).at(g, 2e-3, CUT).P
    part = P.indptr[20:51], P.indices, P.data, a[20:50]
    for function, vectors in ((hessian_product, [g]), (hessian_diagonal, [])):
        found, expected = np.ones_like(g), np.ones_like(g)
        function(*part, *vectors, found)
        function.reference(*part, *vectors, expected)
        np.testing.assert_allclose(found, expected, rtol=1e-12)


@pytest.mark.parametrize("reg", [1e-3, 1e-5])
def test_what_a_list_leaves_out_is_rounding(reg):
    C, a, g = problem(6047)
    listed, dense = ListedRows(C, a, 3.0).at(g, reg, CUT), DenseRows(C, a, 3.0).at(g, reg, CUT)
    assert isinstance(listed.P, SparsePlan)
    np.testing.assert_allclose(listed.f, dense.f, rtol=1e-13)
    np.testing.assert_allclose(listed.columns, dense.columns, rtol=1e-12, atol=1e-17)


def test_every_row_keeps_its_mass():
    C, a, g = problem(6053)
    P = ListedRows(C, a, 3.0).at(g, 1e-3, CUT).P
    np.testing.assert_allclose(np.add.reduceat(P.data[: P.indptr[-1]], P.indptr[:-1]), a, rtol=1e-14)


def test_the_costs_are_scanned_again_only_after_a_move_that_matters():
    C, a, g = problem(6067)
    rows, reg = ListedRows(C, a, 3.0), 5e-4
    rows.at(g, reg, CUT)
    noise = np.random.default_rng(6073).random(g.size)
    for k in range(6):
        rows.at(g + 1e-4 * k * noise, reg, CUT)
    assert rows.nscan == 1
    moved = g.copy()
    moved[7] += 0.5
    far = rows.at(moved, reg, CUT)
    assert rows.nscan == 2
    np.testing.assert_allclose(far.columns, DenseRows(C, a, 3.0).at(moved, reg, CUT).columns, rtol=1e-12, atol=1e-17)


def test_a_constant_on_all_potentials_is_no_move():
    C, a, g = problem(6079)
    rows = ListedRows(C, a, 3.0)
    rows.at(g, 5e-4, CUT)
    rows.at(g + 1e3, 5e-4, CUT)
    assert rows.nscan == 1


def test_a_smaller_reg_narrows_the_list_without_a_scan():
    C, a, g = problem(6089, n=90, m=200)
    rows = ListedRows(C, a, 3.0)
    rows.at(g, 2e-3, CUT)
    before = rows.indices.size
    rows.at(g, 1e-4, CUT)
    assert (rows.nscan, rows.nnarrow) == (1, 1) and rows.indices.size < before / 4


def test_dense_plans_are_told_by_their_count():
    C, a, g = problem(6091)
    rows = ListedRows(C, a, 3.0)
    for reg, kind in ((0.5, np.ndarray), (1e-4, SparsePlan), (0.5, np.ndarray)):
        assert isinstance(rows.plan(rows.at(g, reg, CUT), reg), kind)


def test_compiled_conjugate_gradients_repeat_the_reference():
    C, a, g = problem(6101)
    at = ListedRows(C, a, 3.0).at(g, 2e-3, CUT)
    nnz = at.P.indptr[-1]
    P = SparsePlan(at.P.indptr, at.P.indices[:nnz], at.P.data[:nnz])
    r = 1 / g.size - at.columns
    answers, counts = [], []
    for function in (newton_direction, newton_direction.reference):
        x = np.zeros_like(g)
        counts.append(function(P, a, np.full(g.size, 1e-5), r.copy(), x, 1e-3, 500))
        answers.append(x)
    assert abs(counts[0] - counts[1]) <= 1 and counts[0] > 5
    np.testing.assert_allclose(answers[0], answers[1], rtol=1e-3, atol=1e-3 * np.abs(answers[1]).max())


def test_the_direction_solves_the_damped_newton_system():
    C, a, g = problem(6113)
    listed = ListedRows(C, a, 3.0).at(g, 2e-3, CUT)
    P = DenseRows(C, a, 3.0).plan(listed, 2e-3)
    damping, r, x = np.full(g.size, 1e-4), 1 / g.size - listed.columns, np.zeros_like(g)
    newton_direction(listed.P, a, damping, r.copy(), x, 1e-12, 5000)
    H = np.diag(damping + P.sum(0)) - P.T @ (P / a[:, None])
    np.testing.assert_allclose(H @ x, r, atol=1e-9 * np.abs(r).max())


def test_the_reference_fills_rows_in_every_library(lib):
    C, a, g = problem(6121)
    rows, plain = DenseRows(lib.array(C), lib.array(a), 3.0), DenseRows(C, a, 3.0)
    found, expected = rows.at(lib.array(g), REG, CUT), plain.at(g, REG, CUT)
    plans = rows.plan(found, REG), plain.plan(expected, REG)
    for one, other in (*zip(found[:3], expected[:3], strict=True), plans):
        np.testing.assert_allclose(lib.host(one), other, rtol=1e-11, atol=1e-290)

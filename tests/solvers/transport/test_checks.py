"""What the transport solvers refuse, and what they define."""

import numpy as np
import pytest

from sparsesci.solvers.transport.checks import transport_problem
from sparsesci.solvers.transport.sinkhorn import sinkhorn
from sparsesci.solvers.transport.sinkhorn_newton import sinkhorn_newton
from sparsesci.solvers.transport.solve_ot import solve_ot

SOLVERS = [sinkhorn, sinkhorn_newton, solve_ot]


@pytest.fixture(params=SOLVERS, ids=lambda solver: solver.__name__)
def solver(request):
    """One solver after the other."""
    return request.param


@pytest.mark.parametrize("bad", [np.nan, -np.inf])
def test_a_cost_that_is_nan_or_minus_infinity_is_named(lib, solver, general, bad):
    a, b, C = general(5, 4, 6131)
    C[3, 2] = bad
    with pytest.raises(ValueError, match=rf"C\[3, 2\] is {bad}"):
        solver(lib.array(a), lib.array(b), lib.array(C), 0.1)


@pytest.mark.parametrize("reg", [-1.0, np.nan, np.inf])
def test_a_reg_that_is_negative_or_not_finite_is_refused(solver, general, reg):
    with pytest.raises(ValueError, match="reg is"):
        solver(*general(5, 4, 6133), reg)


@pytest.mark.parametrize("scaling", [sinkhorn, sinkhorn_newton])
def test_without_entropy_one_is_sent_to_solve_ot(scaling, general):
    with pytest.raises(ValueError, match="solve_ot"):
        scaling(*general(5, 4, 6143), 0.0)


@pytest.mark.parametrize("side", [0, 1])
@pytest.mark.parametrize("bad", [-0.1, np.nan, np.inf])
def test_a_bad_weight_is_named(lib, solver, general, side, bad):
    parts = list(general(5, 4, 6151))
    parts[side][2] = bad
    with pytest.raises(ValueError, match=rf"{'ab'[side]}\[2\] is {bad}"):
        solver(*map(lib.array, parts), 0.1)


def test_unequal_masses_name_the_unbalanced_problem(solver, general):
    a, b, C = general(5, 4, 6163)
    with pytest.raises(ValueError, match="unbalanced="):
        solver(a, 1.00001 * b, C, 0.1)


def test_masses_equal_to_single_precision_are_made_equal(general):
    a, b, C = general(5, 4, 6173)
    result = solve_ot(a, (1 + 5e-7) * b, C, 0.1)
    assert result.success and abs(result.b.sum() - a.sum()) < 1e-15


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda a, b, C: (a[1:], b, C), r"a has shape \(4,\): \(5,\)"),
        (lambda a, b, C: (a, b[:, None], C), r"b has shape \(4, 1\): \(4,\)"),
        (lambda a, b, C: (a, b, C[0]), r"C has shape \(4,\)"),
        (lambda a, b, C: (a[:0], b, C[:0]), r"C has shape \(0, 4\)"),
        (lambda a, b, C: (0 * a, b, C), "a has the sum 0"),
    ],
)
def test_shapes_that_do_not_match_are_refused(solver, general, change, message):
    with pytest.raises(ValueError, match=message):
        solver(*change(*general(5, 4, 6197)), 0.1)


@pytest.mark.parametrize("name", ["a", "b", "C"])
def test_complex_numbers_are_refused(solver, general, name):
    parts = dict(zip("abC", general(5, 4, 6199), strict=True))
    parts[name] = parts[name].astype(complex)
    with pytest.raises(TypeError, match=f"{name} has dtype complex128"):
        solver(**parts, reg=0.1)


def test_a_row_without_arcs_is_named(solver, general):
    a, b, C = general(5, 4, 6203)
    a[1], C[1], C[3] = 0, np.inf, np.inf
    with pytest.raises(ValueError, match="row 3 of C is all"):
        solver(a, b * a.sum(), C, 0.1)


def test_a_column_without_arcs_is_named(solver, general):
    a, b, C = general(5, 4, 6211)
    C[:, 2] = np.inf
    with pytest.raises(ValueError, match="column 2 of C is all"):
        solver(a, b, C, 0.1)


def test_parts_of_unequal_mass_are_told_before_any_work(solver, general):
    a, b, C = general(5, 4, 6217)
    C[:2, 1:] = C[2:, :1] = np.inf
    with pytest.raises(ValueError, match=r"join row .* no plan exists"):
        solver(a, b, C, 0.1)


def test_zero_weights_are_dropped_and_come_back_as_zeros(lib, solver, general):
    a, b, C = general(6, 5, 6221)
    a[[0, 4]], b[2] = 0, 0
    a, b = a / a.sum(), b / b.sum()
    C[0, :] = np.inf
    result = solver(lib.array(a), lib.array(b), lib.array(C), 0.05)
    P = lib.host(result.plan)
    f, g = map(lib.host, result.potentials)
    assert result.success and not P[[0, 4]].any() and not P[:, 2].any()
    assert (f == -np.inf).tolist() == (a == 0).tolist() and (g == -np.inf).tolist() == (b == 0).tolist()
    np.testing.assert_allclose(P.sum(axis=1), a, atol=1e-9)


def test_a_forbidden_arc_carries_nothing(lib, solver, general):
    a, b, C = general(6, 5, 6229)
    C[2, 3] = C[0, 1] = C[5, 0] = np.inf
    result = solver(lib.array(a), lib.array(b), lib.array(C), 0.05)
    P = lib.host(result.plan)
    assert result.success and P[2, 3] == P[0, 1] == P[5, 0] == 0
    assert np.isfinite([result.cost, result.value]).all()
    np.testing.assert_allclose(P.sum(axis=0), b, atol=1e-9)


def test_none_is_uniform(lib, solver, general):
    C = lib.array(general(6, 5, 6247)[2])
    result = solver(None, None, C, 0.1)
    np.testing.assert_allclose(lib.host(result.a), np.full(6, 1 / 6))
    np.testing.assert_allclose(lib.host(result.plan).sum(axis=0), np.full(5, 1 / 5), atol=1e-9)


def test_integer_costs_and_lists_are_taken(solver):
    result = solver([1, 3], [2, 2], [[0, 2], [3, 1]], 0.5)
    assert result.success and result.plan.dtype == np.float64
    np.testing.assert_allclose(result.plan.sum(), 4)


def test_single_precision_is_computed_in_double(solver, general):
    parts = [part.astype(np.float32) for part in general(6, 5, 6257)]
    result = solver(*parts, 0.05)
    assert result.success and result.x[0].dtype == np.float64 and result.marginal_error <= 1e-9


def test_arrays_that_are_not_contiguous_or_writeable_are_taken_and_left_alone(solver, general):
    a, b, C = general(8, 6, 6263)
    expected = solver(a, b, C, 0.05).plan
    wide = np.zeros((16, 6))
    wide[::2] = C
    strided = [a[::-1].copy()[::-1], b, np.asfortranarray(C)], [a, b, wide[::2]]
    for parts in strided:
        copies = [part.copy() for part in parts]
        for part in parts:
            part.flags.writeable = False
        np.testing.assert_allclose(solver(*parts, 0.05).plan, expected, atol=1e-12)
        for part, copy in zip(parts, copies, strict=True):
            np.testing.assert_array_equal(part, copy)


@pytest.mark.parametrize("shape", [(1, 1), (1, 5), (5, 1)])
def test_one_point_takes_or_gives_all(solver, general, shape):
    a, b, C = general(*shape, 6269)
    result = solver(a, b, C, 0.1)
    np.testing.assert_allclose(result.plan, a[:, None] * b, atol=1e-12)


def test_one_row_may_hold_nearly_all_of_the_mass(solver, general):
    a, b, C = general(9, 7, 6271)
    a[:] = 1e-14
    a[3] = 1 - 8e-14
    result = solver(a, b, C, 0.05)
    assert result.success
    np.testing.assert_allclose(result.plan.sum(axis=1), a, rtol=1e-3, atol=1e-9)


@pytest.mark.parametrize(("shift", "scale"), [(1e6, 1.0), (-1e6, 1.0), (0.0, 1e-12), (0.0, 1e12)])
def test_the_costs_may_have_any_origin_and_scale(solver, general, shift, scale):
    a, b, C = general(20, 30, 6277)
    C = np.round(C * 2**20) / 2**20  # so that C + 1e6 is exact
    expected, found = solver(a, b, C, 0.01), solver(a, b, scale * C + shift, 0.01 * scale)
    assert found.success and found.nit == expected.nit
    np.testing.assert_allclose(found.plan, expected.plan, atol=1e-11)
    assert found.cost == pytest.approx(scale * expected.cost + shift, rel=1e-9)


@pytest.mark.parametrize("potentials", [3.0, (np.zeros(5), np.zeros(3)), (np.zeros(4), np.zeros(4))])
def test_potentials_of_another_problem_are_refused(solver, general, potentials):
    with pytest.raises((TypeError, ValueError), match="potentials"):
        solver(*general(5, 4, 6287), 0.1, potentials=potentials)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_potentials_that_are_no_numbers_are_refused(solver, general, bad):
    with pytest.raises(ValueError, match="NaN or \\+inf in g"):
        solver(*general(5, 4, 6299), 0.1, potentials=(np.zeros(5), np.array([0, bad, 0, 0])))


def test_a_problem_without_zero_weights_copies_nothing(general):
    a, b, C = general(5, 4, 6301)
    problem = transport_problem(a, b, C)
    assert problem.C is C and problem.kept == (None, None)

"""Who is given the first system, by beliefs alone, on the grids of the benchmarks and at the speeds measured there."""

from types import SimpleNamespace

import numpy as np
import pytest
import scipy.sparse as sp

from sparsesci.solvers import jacobi_preconditioner, recycled_cg
from sparsesci.solvers.sequence import beliefs, candidates
from sparsesci.solvers.sequence.cost import Outlook, choose
from sparsesci.solvers.sequence.fill import in_a_plane
from sparsesci.solvers.sequence.system import Kind, Looking

IN_CACHE, BEYOND = 0.6e-9, 1.15e-9  # seconds for an entry in a product

# Entries and multiplications of complete factors of seven-point grids, as `factor_size` counts them.
OF_CUBES = {24: (4.06e6, 1.17e9), 28: (8.21e6, 3.20e9), 32: (15.7e6, 8.70e9)}


def first_on(side, dimension, kind):
    """Return who is given the first system on a grid."""
    n, width = side**dimension, 0.77 * side**2 if dimension == 3 else side
    n_entries = (2 * dimension + 1) * n - 2 * dimension * n // side
    size = in_a_plane(n, side) if dimension == 2 else OF_CUBES[side]
    matrix = SimpleNamespace(nnz=n_entries)
    system = SimpleNamespace(A=matrix, kind=kind(n), factor_size=size, n_levels=n / width)
    product = n_entries * (IN_CACHE if n_entries < 5e5 else BEYOND)
    found = candidates.candidates_for(system.kind, system, "auto", "auto", product)
    costs = {name: one.cost for name, one in found.items()}
    return choose(costs, dict.fromkeys(costs, "none"), Outlook(0, 2, 1, 1, 0.0, 0.0)).name


def darcy(n):
    return Kind(n, "float64", "sparse", is_hermitian=True, has_positive_diagonal=True, outweighed=1.0)


def helmholtz(n):
    return Kind(n, "float64", "sparse", is_hermitian=True, has_positive_diagonal=True)


def convection(n):
    return Kind(n, "float64", "sparse", is_hermitian=False, has_positive_diagonal=True)


@pytest.mark.parametrize("side", [512, 1000])
def test_large_definite_systems_in_the_plane_go_to_multigrid(side):
    pytest.importorskip("pyamg")
    assert first_on(side, 2, darcy) == "cg + amg"


def test_without_multigrid_they_go_to_complete_factors(monkeypatch):
    monkeypatch.setattr(candidates, "has_amg", lambda kind: False)
    assert first_on(1000, 2, darcy) == "cg + lu"


@pytest.mark.parametrize("side", [64, 128, 256, 512, 1000])
def test_systems_in_the_plane_that_may_be_indefinite_go_to_complete_factors(side):
    assert first_on(side, 2, helmholtz) == "cg + lu"


@pytest.mark.parametrize("side", [128, 256, 512, 1000])
def test_unsymmetric_systems_in_the_plane_go_to_complete_factors(side):
    assert first_on(side, 2, convection) == "gcrodr + lu"


@pytest.mark.parametrize("side", [24, 28, 32])
@pytest.mark.parametrize(
    ("kind", "name"), [(darcy, "cg + ic0"), (helmholtz, "cg + ic0"), (convection, "bicgstab + ilu0")]
)
def test_systems_in_space_are_iterated(side, kind, name):
    assert first_on(side, 3, kind) == name


# --- what the beliefs are made of ------------------------------------------------------------------------------------


def grid(rows, columns, shift=0.0):
    D = [sp.diags_array([-1.0, 2.0, -1.0], offsets=[-1, 0, 1], shape=(n, n)) for n in (rows, columns)]
    return (sp.kronsum(*D) + shift * sp.eye_array(rows * columns)).tocsr()


def system_of(A):
    return Looking().at(A, np.ones(A.shape[0]))


def test_the_levels_of_a_strip_are_its_length():
    assert system_of(grid(6, 90)).n_levels == 90


def test_iterations_are_believed_in_proportion_to_the_levels():
    short, long, longer = (beliefs.iterations(system_of(grid(1, length, -2.0))) for length in (20, 300, 600))
    assert short == beliefs.ITERATIONS and longer == 2 * long > 4 * short


def test_complete_factors_do_not_depend_on_how_fast_a_product_is():
    system = system_of(grid(30, 30))
    fast, slow = (beliefs.cost_of_lu(system, product)[0] for product in (1e-6, 1e-4))
    assert (fast.setup, fast.column) == (slow.setup, slow.column)


def test_dense_factors_have_rates_of_their_own():
    A = np.ones((80, 80)) + 80 * np.eye(80)
    dense, sparse = (beliefs.cost_of_lu(system_of(X), 1e-5)[0] for X in (A, sp.csr_array(A)))
    assert dense.setup < sparse.setup and dense.column < sparse.column


def test_complex_factors_are_dearer():
    A = grid(9, 9)
    real, complex_ = (beliefs.cost_of_lu(system_of(X), 1e-5)[0].setup for X in (A, A.astype(complex)))
    assert complex_ == pytest.approx(beliefs.COMPLEX * real)


@pytest.mark.parametrize("convert", [sp.csr_array, sp.csr_array.toarray])
@pytest.mark.parametrize(("shift", "is_dominant"), [(0.0, True), (0.1, True), (-0.1, False)])
def test_a_diagonal_that_no_row_outweighs_is_noticed(shift, is_dominant, convert):
    assert system_of(convert(grid(8, 7, shift))).kind.is_dominant is is_dominant


def test_rows_that_add_up_to_nothing_but_rounding_are_dominant():
    weights = np.random.default_rng(3391).uniform(0.1, 1.0, 49)
    A = sp.diags_array([-weights, -weights], offsets=[-1, 1], shape=(50, 50)).tocsr()
    assert system_of(A - sp.diags_array(A.sum(axis=1))).kind.is_dominant


def test_a_row_of_nothing_is_outweighed_by_everything():
    assert system_of(sp.csr_array(np.diag([0.0, 1.0]))).kind.outweighed == np.inf


@pytest.mark.parametrize("shift", [0.5, 3.0, 40.0])
def test_a_dominant_diagonal_bounds_the_iterations_with_jacobi(shift):
    A, b = grid(24, 24, shift), np.random.default_rng(3407).standard_normal(576)
    most = beliefs.most_with_jacobi(system_of(A).kind.outweighed)
    result = recycled_cg(A, b, M=jacobi_preconditioner(A), n_recycle=0, rtol=1e-8)
    assert result.success and 0.4 * most < result.nit <= most


def test_no_diagonal_without_dominance_bounds_them():
    assert beliefs.most_with_jacobi(1.0) == np.inf and beliefs.most_with_jacobi(0.0) == 1.0


@pytest.mark.parametrize(("shift", "name"), [(4.0, "cg"), (0.0, "cg + lu")])
def test_systems_with_a_dominant_diagonal_go_to_conjugate_gradients_alone(shift, name):
    system = system_of(grid(40, 40, shift))
    found = candidates.candidates_for(system.kind, system, "auto", "auto", 1e-5)
    costs = {name: one.cost for name, one in found.items()}
    assert choose(costs, dict.fromkeys(costs, "none"), Outlook(0, 2, 1, 1, 0.0, 0.0)).name == name


def test_a_method_for_definite_matrices_is_doubted_where_the_matrix_may_be_none():
    def column(shift):
        system = system_of(grid(8, 7, shift))
        return candidates.candidates_for(system.kind, system, "auto", "auto", 1e-5)["cg + ic0"].cost.column

    assert column(-0.01) == pytest.approx(beliefs.DOUBT * column(0.0))


def test_multigrid_cuts_off_by_the_pace_of_its_own_cycles():
    pytest.importorskip("pyamg")
    system = system_of(grid(40, 40))
    found = candidates.candidates_for(system.kind, system, "auto", "auto", 1e-6)
    assert found["cg + amg"].seconds_per_iteration > 50 * found["cg + ic0"].seconds_per_iteration


@pytest.mark.parametrize(("n_iterations", "pays"), [(10, False), (60, True)])
def test_factors_are_converted_for_enough_iterations_only(n_iterations, pays):
    assert beliefs.pays_for_conversion(n_iterations, 16_900_000) is pays

"""The data sets of SKR are what the labels of their assembly say."""

import numpy as np
import pytest
from scipy.sparse.linalg import spsolve

from sparsesci.bench.problems import PROBLEMS
from sparsesci.bench.problems.gaussian_field import gaussian_field
from sparsesci.bench.problems.quadratic_triangles import load, stiffness, triangles
from sparsesci.bench.problems.skr_darcy import skr_matrix, skr_sequence
from sparsesci.bench.problems.skr_poisson import poisson_sequence
from sparsesci.bench.problems.skr_thermal import block_with_cavity, thermal_sequence


def first(name):
    """Return the first system of a problem at its full size."""
    problem = PROBLEMS[name]
    return next(iter(problem.make(np.random.default_rng(151), **problem.parameters)))


@pytest.mark.parametrize(
    ("name", "n"), [("skr-darcy", 6400), ("skr-helmholtz", 10_000), ("skr-thermal", 11_103), ("skr-poisson", 71_289)]
)
def test_the_sizes_are_those_of_the_paper_or_within_a_percent(name, n):
    A, b = first(name)
    assert A.shape == (n, n) and b.shape == (n,) and A.indices.dtype == np.int32


# Darcy and Helmholtz


def random_nodes(seed, s):
    """Return positive values on s + 2 nodes an axis."""
    return np.random.default_rng(seed).uniform(1, 2, (s + 2, s + 2))


def test_a_node_is_coupled_to_its_neighbours_by_their_coefficients_and_to_the_row_above_by_a_slip():
    s = 5
    a = random_nodes(152, s)
    A = skr_matrix(a).toarray().reshape(s, s, s, s)
    above = a[:-2, 1:-1].ravel()
    for i in range(s):
        for j in range(s):
            assert A[i, j, i, j] == 4 * a[i + 1, j + 1]
            if j:
                assert A[i, j, i, j - 1] == -a[i + 1, j]
                assert A[i, j - 1, i, j] == -a[i + 1, j + 1]
            if i:
                assert A[i - 1, j, i, j] == -a[i + 1, j + 1]
                assert A[i, j, i - 1, j] == -above[s * i + j - 2]  # it should be above[s * i + j]


def test_nothing_else_is_stored():
    s = 6
    a = random_nodes(153, s)
    rows, columns = skr_matrix(a).nonzero()
    assert set(columns - rows) == {0, 1, -1, s, -s}
    assert not any((columns - rows == 1) & (rows % s == s - 1))  # the end of a line is no neighbour of the next


def test_the_slip_and_nothing_else_makes_the_matrix_indefinite():
    s = 30
    a = np.exp(gaussian_field(np.random.default_rng(9), s + 2))
    slipped = skr_matrix(a).toarray()
    meant = slipped.copy()
    rows = np.arange(s, s * s)
    meant[rows, rows - s] = -a[1:-1, 1:-1].ravel()[rows - s]
    assert np.linalg.eigvals(meant).real.min() > 0 > np.linalg.eigvals(slipped).real.min()


def test_the_helmholtz_matrix_is_the_darcy_matrix_but_for_one_ten_thousandth():
    n = 40
    (A, b), (C, d) = (next(skr_sequence(np.random.default_rng(154), n, k, 1)) for k in (0.0, 1.0))
    difference = abs(A - C).max()
    assert 0 < difference < 1 / (n - 1) ** 2 and np.array_equal(b, d)
    assert abs(A - C).diagonal().max() == difference


# Quadratic elements


def unit_square(n):
    """Return the elements of n x n squares, their stiffness, and the coordinates of the nodes."""
    side = 2 * n + 1
    elements = triangles(np.ones((n, n), bool))
    x, y = np.meshgrid(*[np.linspace(0, 1, side)] * 2, indexing="ij")
    return elements, stiffness(elements, side**2, 1 / n, 1 / n), x.ravel(), y.ravel()


def test_quadratic_functions_have_their_energy():
    _, K, x, y = unit_square(3)
    u, v = x**2 - x * y, 3 * x * y + y**2
    # grad u = (2x - y, -x), grad v = (3y, 3x + 2y)
    assert u @ K @ v == pytest.approx(6 / 4 - 3 / 3 - 3 / 3 - 2 / 4)
    assert K @ np.ones_like(x) == pytest.approx(0, abs=1e-12)


def test_a_quadratic_solution_is_found_exactly():
    n = 4
    elements, K, x, y = unit_square(n)
    u = x**2 + 3 * x * y - 2 * y**2 + 5 * y  # -Lap u = 2
    b = load(elements, x.size, 1 / n, 1 / n) * 2
    inner = np.flatnonzero((x > 0) & (x < 1) & (y > 0) & (y < 1))
    outer = np.setdiff1d(np.arange(x.size), inner)
    solution = spsolve(K[inner][:, inner].tocsc(), b[inner] - K[inner][:, outer] @ u[outer])
    assert solution == pytest.approx(u[inner], rel=1e-12)


# Poisson and thermal


def test_every_poisson_system_has_one_definite_matrix_and_twenty_directions_of_right_hand_sides():
    systems = list(poisson_sequence(np.random.default_rng(155), 6, 40))
    A = systems[0][0]
    assert all(C is A for C, _ in systems)
    assert abs(A - A.T).max() < 1e-14 and np.linalg.eigvalsh(A.toarray()).min() > 0
    assert np.linalg.matrix_rank(np.array([b for _, b in systems]), tol=1e-8) == 20


def test_every_thermal_system_has_one_definite_matrix_and_two_directions_of_right_hand_sides():
    systems = list(thermal_sequence(np.random.default_rng(156), 2, 8))
    A = systems[0][0]
    assert all(C is A for C, _ in systems)
    assert abs(A - A.T).max() < 1e-14 and np.linalg.eigvalsh(A.toarray()).min() > 0
    assert np.linalg.matrix_rank(np.array([b for _, b in systems]), tol=1e-8) == 2


def test_the_cavity_is_insulated_and_lies_in_the_middle():
    cells, hx, hy = block_with_cavity(18)
    assert cells.shape[0] * hx == pytest.approx(1) and cells.shape[1] * hy == pytest.approx(1.6)
    assert (~cells).any(axis=1).sum() * hx == pytest.approx(0.1) and (~cells).any(axis=0).sum() * hy == pytest.approx(
        0.8
    )
    assert np.array_equal(cells, cells[::-1, ::-1])


def test_without_a_flux_the_block_has_the_temperature_of_its_left_side():
    (A, b), (_, c) = thermal_sequence(np.random.default_rng(157), 2, 2)
    rng = np.random.default_rng(157)
    (t, q), (s, p) = (100 * rng.random(2) * [1, -1] for _ in range(2))
    warm = (p * b - q * c) / (p * t - q * s)  # what is left of a temperature of one
    assert spsolve(A.tocsc(), warm) == pytest.approx(1, rel=1e-9)


def test_the_heat_that_flows_out_on_the_right_is_the_flux_times_its_length():
    (_, b), (_, c) = thermal_sequence(np.random.default_rng(158), 2, 2)
    rng = np.random.default_rng(158)
    (t, q), (s, p) = (100 * rng.random(2) * [1, -1] for _ in range(2))
    outward = (s * b - t * c) / (s * q - t * p)
    assert outward.sum() == pytest.approx(1.6)

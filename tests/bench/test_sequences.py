"""The sequences that a simulation makes, or that share one matrix, are what they say."""

import numpy as np
import pytest
from scipy.sparse.linalg import spsolve

from sparsesci.bench.problems import PROBLEMS
from sparsesci.bench.problems.heat import bump, diffusivity, heat_sequence, heat_steps
from sparsesci.bench.problems.reaction_diffusion import reaction_diffusion_sequence


@pytest.mark.parametrize("name", ["many-rhs", "many-rhs-helmholtz"])
def test_one_matrix_object_has_many_right_hand_sides(name):
    problem = PROBLEMS[name]
    systems = list(problem.make(np.random.default_rng(161), **{**problem.parameters, "n": 8, "length": 5}))
    assert all(A is systems[0][0] for A, _ in systems)
    assert np.linalg.matrix_rank(np.array([b for _, b in systems])) == 5


# Heat


def test_a_step_is_that_of_crank_and_nicolson():
    (kappa, A, b, u), (_, _, _, v) = heat_steps(9, 2)
    assert spsolve(A.tocsc(), b) == pytest.approx(v, rel=1e-12)
    assert A.diagonal() == pytest.approx(1 + 0.5e-3 * kappa * 4 * 10**2)
    x, y = (grid.ravel() for grid in np.meshgrid(*[np.arange(1, 10) / 10] * 2, indexing="ij"))
    heater = 32 * bump(x, y, (0.5 + np.cos(16 * np.pi * 5e-4) / 4, 0.5 + np.sin(16 * np.pi * 5e-4) / 4), 0.125)
    assert b == pytest.approx(2 * u - A @ u + 1e-3 * heater, rel=1e-12)


def test_the_coefficient_swings_between_nothing_and_ten():
    assert diffusivity(0.25) == pytest.approx(0.1) and diffusivity(0.75) == pytest.approx(10)
    assert diffusivity(1.75) == pytest.approx(10) and diffusivity(0.5) == pytest.approx(0, abs=1e-12)


def test_a_bump_is_one_at_its_centre_and_zero_outside():
    x = np.array([0.5, 0.5, 0.9])
    assert bump(x, np.array([0.5, 0.6, 0.5]), (0.5, 0.5), 0.2) == pytest.approx([1, np.exp(1 - 1 / 0.75), 0])


def test_nothing_in_the_heat_is_random():
    first, other = (list(heat_sequence(np.random.default_rng(seed), 6, 3)) for seed in (162, 163))
    assert all(np.array_equal(b, d) for (_, b), (_, d) in zip(first, other, strict=True))


# Reaction and diffusion


def newton(speed, length, seed=164):
    """Return Newton systems on a small grid."""
    return list(reaction_diffusion_sequence(np.random.default_rng(seed), 10, 1e-2, speed, 0.5, length))


def test_without_a_wind_the_newton_matrices_are_symmetric_positive_definite():
    for A, _ in newton(0.0, 6):
        assert abs(A - A.T).max() == 0 and np.linalg.eigvalsh(A.toarray()).min() > 0


def test_a_wind_makes_them_unsymmetric():
    assert all(abs(A - A.T).max() > 0.1 for A, _ in newton(1.0, 3))


def test_the_residuals_of_newtons_method_fall_quadratically_within_a_time_step():
    sizes = [np.linalg.norm(b) for _, b in newton(0.0, 12)]
    begins = [i for i in range(1, 12) if sizes[i] > sizes[i - 1]]
    first_step = sizes[: begins[0]]
    assert len(begins) >= 2 and len(first_step) >= 3
    assert first_step[2] / first_step[1] < 0.1 * first_step[1] / first_step[0]


def test_the_matrix_is_the_derivative_of_the_residual():
    (A, b), (C, d), *_ = newton(1.0, 2)
    step = spsolve(A.tocsc(), b)
    # F(u + step) = F + J step + 3 u step^2 + step^3, and J grows by 6 u step + 3 step^2
    growth = (C - A).diagonal()
    u_step = (growth - 3 * step**2) / 6
    assert abs(C - A).sum() == pytest.approx(abs(growth).sum())
    assert -d == pytest.approx(3 * u_step * step + step**3, abs=1e-10)


# Families


@pytest.mark.parametrize(
    ("name", "differs"),
    [
        ("darcy2d-128", {"n", "length"}),
        ("darcy2d-256-independent", {"n", "length", "drift"}),
        ("helmholtz2d-128-independent", {"n", "length", "drift"}),
        ("helmholtz2d-256", {"n", "length"}),
        ("helmholtz3d-32", {"n", "length"}),
        ("helmholtz3d-32-independent", {"n", "length", "drift"}),
        ("convection2d-independent", {"drift"}),
        ("convection3d-independent", {"drift"}),
        ("reaction-diffusion-wind", {"speed"}),
    ],
)
def test_a_variant_differs_from_its_family_in_what_its_name_says(name, differs):
    parameters = PROBLEMS[name].parameters
    family = PROBLEMS[name.removesuffix("-wind") if "wind" in name else name.partition("-")[0]].parameters
    assert {key for key in family if family[key] != parameters[key]} == differs
    assert PROBLEMS[name].quick is None


@pytest.mark.parametrize(
    ("name", "traits"),
    [("helmholtz2d", {"real", "hermitian"}), ("darcy2d", {"real", "spd"}), ("convection2d", {"real"})],
)
def test_the_traits_are_true(name, traits):
    problem = PROBLEMS[name]
    A, _ = next(iter(problem.make(np.random.default_rng(165), **{**problem.parameters, "n": 12, "length": 1})))
    assert problem.traits == traits
    assert ("hermitian" in traits or "spd" in traits) == (abs(A - A.T).max() == 0)

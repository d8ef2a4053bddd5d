"""Derivatives of fields at every point of a grid, as a library."""

import numpy as np
import pytest

from sparsesci.recovery.dynamics.differentiate.spectral import spectral
from sparsesci.recovery.dynamics.gram import as_gram
from sparsesci.recovery.dynamics.pde_library import PDELibrary
from sparsesci.recovery.dynamics.polynomial_library import PolynomialLibrary
from sparsesci.recovery.dynamics.stlsq import stlsq

LINEAR = PolynomialLibrary(1, include_bias=False)


def test_names_and_values_agree():
    x, y = np.linspace(0, 1, 12), np.linspace(0, 2, 11)
    X, Y, T = np.meshgrid(x, y, np.arange(3.0), indexing="ij")
    u, v = X**2 * Y + T, X * Y**2
    library = PDELibrary(spatial_grid=(x, y), derivative_order=2)
    names = library.names(["u", "v"])
    Theta = library.transform(np.stack([u, v], axis=-1))
    assert Theta.shape == (12 * 11 * 3, len(names)) == (396, library.n_features(2))
    expected = {"u": u, "u v": u * v, "u_x": 2 * X * Y, "u_xy": 2 * X, "v_yy": 2 * X, "v^2 u_xx": 2 * v**2 * Y}
    for name, values in expected.items():
        np.testing.assert_allclose(Theta[:, names.index(name)], values.ravel(), atol=1e-9)


def test_names_without_names_are_numbered():
    names = PDELibrary(LINEAR, spatial_grid=np.arange(9.0), include_bias=True).names(["x0"])
    assert names == ["1", "x0", "x0_1", "x0_11", "x0 x0_1", "x0 x0_11"]


@pytest.mark.parametrize("periodic", [False, True])
def test_advection_and_diffusion_are_found(periodic):
    x, t = np.linspace(0, 2 * np.pi, 200, endpoint=False), np.linspace(0, 1, 101)
    X, T = np.meshgrid(x, t, indexing="ij")
    u = sum(np.exp(-0.1 * k**2 * T) * np.sin(k * (X - 0.8 * T)) for k in (1, 2, 3))  # u_t = -0.8 u_x + 0.1 u_xx
    library = PDELibrary(spatial_grid=x, derivative_order=2, periodic=periodic)
    Theta, Y, lengths = library.system([u[..., None]], [t])
    assert lengths == [200 * 101]
    result = stlsq(Theta, Y[:, 0], threshold=0.05)
    terms = {name: c for name, c in zip(library.names(["u"]), result.x, strict=True) if c}
    assert terms == pytest.approx({"u_x": -0.8, "u_xx": 0.1}, rel=5e-3)


def test_a_gram_matrix_is_streamed_from_the_derivatives_alone():
    x, t = np.linspace(0, 2, 60), np.linspace(0, 1, 50)
    u = np.random.default_rng(2141).standard_normal((60, 50, 1))
    library = PDELibrary(PolynomialLibrary(3, include_bias=False), spatial_grid=x, derivative_order=3)
    samples = library.samples([u], [t])
    assert samples.inputs.shape == (4, 3000) and samples.p == 15
    Theta, Y, _ = library.system([u], [t])
    np.testing.assert_allclose(as_gram(samples).G, Theta.T @ Theta, rtol=1e-9)
    np.testing.assert_allclose(as_gram(samples).b, Theta.T @ Y, rtol=1e-9, atol=1e-3)


def test_another_way_to_differentiate_may_be_given():
    x, t = np.linspace(0, 2 * np.pi, 64, endpoint=False), np.linspace(0, 2 * np.pi, 32, endpoint=False)
    u = np.sin(3 * x)[:, None, None] * np.cos(t)[:, None]
    library = PDELibrary(LINEAR, spatial_grid=x, include_interaction=False, differentiation=spectral)
    Theta, Y, _ = library.system([u], [t])
    np.testing.assert_allclose(Theta[:, 2], -9 * u.ravel(), atol=1e-9)
    np.testing.assert_allclose(Y[:, 0], (-np.sin(3 * x)[:, None] * np.sin(t)).ravel(), atol=1e-9)


def test_known_time_derivatives_are_taken():
    x, u = np.arange(9.0), np.random.default_rng(2143).standard_normal((9, 7, 2))
    _, Y, _ = PDELibrary(LINEAR, spatial_grid=x).system([u], [1.0], [2 * u])
    np.testing.assert_array_equal(Y, 2 * u.reshape(-1, 2))


def test_the_terms_are_those_of_any_array_library(lib):
    x, u = np.linspace(0, 1, 20), np.random.default_rng(2153).standard_normal((20, 9, 2))
    library = PDELibrary(spatial_grid=x)
    np.testing.assert_allclose(lib.host(library.transform(lib.array(u))), library.transform(u), rtol=1e-9)


def test_several_fields_of_different_lengths_are_stacked():
    x, rng = np.arange(9.0), np.random.default_rng(2161)
    parts = [rng.standard_normal((9, n, 1)) for n in (7, 5)]
    Theta, Y, lengths = PDELibrary(LINEAR, spatial_grid=x).system(parts, [0.1, np.arange(5.0)])
    assert lengths == [63, 45] and Theta.shape == (108, 5) and Y.shape == (108, 1)


def test_a_mesh_is_two_axes():
    x, y = np.linspace(0, 1, 6), np.linspace(0, 3, 7)
    library = PDELibrary(spatial_grid=np.stack(np.meshgrid(x, y, indexing="ij"), axis=-1))
    np.testing.assert_array_equal(library.spatial_grid[0], x)
    np.testing.assert_array_equal(library.spatial_grid[1], y)
    with pytest.raises(ValueError, match="no mesh"):
        PDELibrary(spatial_grid=np.stack(np.meshgrid(x, y), axis=-1))


BAD = [
    ({"spatial_grid": None}, ValueError, "spatial_grid is None"),
    ({"spatial_grid": np.arange(5.0), "derivative_order": 0}, ValueError, "derivative_order is 0"),
    ({"spatial_grid": np.arange(5.0), "functions": np.sin}, TypeError, "a library is needed"),
    ({"spatial_grid": [np.arange(5.0)] * 3}, ValueError, "one or two"),
    ({"spatial_grid": np.arange(5.0), "periodic": (True, False)}, ValueError, "2 values for 1"),
    ({"spatial_grid": np.arange(5.0), "periodic": True, "differentiation": spectral}, ValueError, "leave it out"),
    ({"spatial_grid": 1j * np.arange(5.0)}, TypeError, "complex"),
    ({"spatial_grid": np.array([0.0, np.inf, 2.0])}, ValueError, r"spatial_grid\[1\] is inf"),
]


@pytest.mark.parametrize(("options", "error", "message"), BAD)
def test_an_option_that_cannot_be_meant_is_refused(options, error, message):
    with pytest.raises(error, match=message):
        PDELibrary(**options)


def test_fields_that_do_not_fit_are_refused():
    library = PDELibrary(spatial_grid=np.arange(9.0))
    with pytest.raises(ValueError, match=r"\(n_x, n_t, d\)"):
        library.transform(np.zeros((8, 5, 1)))
    with pytest.raises(TypeError, match="two fields"):
        library.transform(np.zeros((9, 5, 1), complex))
    with pytest.raises(ValueError, match="no controls"):
        library.system([np.zeros((9, 5, 1))], [1.0], None, [np.zeros((5, 1))])

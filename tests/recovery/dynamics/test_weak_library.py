"""The weak form: exact weights, exact identities, recovered equations, and what is refused."""

from importlib.resources import files
from itertools import pairwise

import numpy as np
import pytest

from sparsesci._cpu import weak_form
from sparsesci.recovery.dynamics.custom_library import CustomLibrary
from sparsesci.recovery.dynamics.grid_derivative import derivative, neighbour_sums, stencils
from sparsesci.recovery.dynamics.half_widths import corner, degree_of, half_width_of
from sparsesci.recovery.dynamics.polynomial_library import PolynomialLibrary
from sparsesci.recovery.dynamics.stlsq import stlsq
from sparsesci.recovery.dynamics.unbiased import noise_std, unbiased
from sparsesci.recovery.dynamics.weak_library import WeakLibrary
from sparsesci.recovery.dynamics.weak_noise import Sensitivity
from sparsesci.recovery.dynamics.weak_weights import axis_weights, bump, contract, linear_weights, trapezoid_weights

SHIPPED = files("sparsesci.bench") / "data"
LINEAR = PolynomialLibrary(1, include_bias=False)
SQUARES = PolynomialLibrary(2, include_bias=False)


def shipped(name):
    """Return x, t and u of a data set of the benchmark."""
    with (SHIPPED / f"{name}.npz").open("rb") as file, np.load(file) as data:
        return data["x"], data["t"], data["u"].astype(float)


def noisy(u, level, seed):
    """Return u with white noise of ``level`` times its root mean square."""
    return u + level * np.sqrt(np.mean(u**2)) * np.random.default_rng(seed).standard_normal(u.shape)


def found(library, u, t, **options):
    """Return the terms that are found, by name, with their coefficients."""
    Theta, Y, _ = library.system([u[..., None]], [t])
    x = stlsq(Theta, Y[:, 0], **options).x
    return {name: float(c) for name, c in zip(library.names(["u"]), x, strict=True) if c}


# --- weights ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", range(5))
def test_linear_weights_integrate_data_that_are_linear_between_samples_exactly(order):
    rng = np.random.default_rng(2003 + order)
    grid = np.cumsum(rng.uniform(0.05, 0.2, 30))
    data = rng.standard_normal(30)
    center, half_width = 1.9, 1.2371
    weights = linear_weights(grid, center, half_width, degree=6, n_orders=5)[order]
    nodes, quadrature = np.polynomial.legendre.leggauss(20)
    ends = np.unique(np.concatenate([[center - half_width, center + half_width], grid]))
    ends = ends[(ends >= center - half_width) & (ends <= center + half_width)]
    expected = 0.0
    for a, b in pairwise(ends):
        at = 0.5 * (a + b) + 0.5 * (b - a) * nodes
        phi = bump(6, order)((at - center) / half_width) / half_width ** (order + 1)
        expected += 0.5 * (b - a) * np.sum(quadrature * phi * np.interp(at, grid, data))
    assert weights @ data == pytest.approx(expected, rel=1e-9, abs=1e-11)


@pytest.mark.parametrize("order", range(4))
def test_both_rules_integrate_by_parts(order):
    grid = np.linspace(-1.0, 2.0, 121)
    polynomial = np.polynomial.Polynomial([0.3, -1.0, 0.7, 0.2])
    center, half_width = 0.5, 0.75
    moved = trapezoid_weights(30, grid[1] - grid[0], 9, 4)[order] @ polynomial(grid[30:91])
    nodes, quadrature = np.polynomial.legendre.leggauss(30)
    phi = bump(9, 0)(nodes)
    expected = (-1) ** order * np.sum(quadrature * phi * polynomial.deriv(order)(center + half_width * nodes))
    assert moved == pytest.approx(expected, abs=2e-9)
    exact_on_lines = linear_weights(grid, center, half_width, 9, 4)[order] @ polynomial(grid)
    assert exact_on_lines == pytest.approx(expected, abs=2e-4)


def test_a_constant_has_the_mean_one_and_no_derivatives_on_any_axis():
    irregular = np.sort(np.random.default_rng(2011).uniform(0, 5, 60))
    for grid in (np.linspace(0, 5, 120), irregular):
        weights = axis_weights(grid, np.array([1.9, 2.5, 2.61]), 1.3, 8, 4).weights
        np.testing.assert_allclose(weights.sum(axis=2), np.tile([1, 0, 0, 0], (len(weights), 1)), atol=1e-7)


@pytest.mark.parametrize("shape", [(1, 1, 40), (1, 30, 20), (12, 14, 16)])
def test_the_compiled_integrals_are_those_of_the_reference(lib, shape):
    rng = np.random.default_rng(2017)
    widths = [min(n, 5) for n in shape]
    starts = np.stack([rng.integers(0, n - m + 1, 7) for n, m in zip(shape, widths, strict=True)], axis=1)
    which = rng.integers(0, 2, (7, 3))
    F, *weights = rng.standard_normal(shape), *(rng.standard_normal((2, q + 1, m)) for q, m in enumerate(widths))
    expected = weak_form.contract(F, starts, which, *weights)
    assert expected.shape == (7, 1, 2, 3)
    given = [lib.array(part) for part in (F, starts, which, *weights)]
    np.testing.assert_allclose(lib.host(contract(*given)), expected, atol=1e-12)
    np.testing.assert_allclose(lib.host(contract.reference(*given)), expected, atol=1e-12)


@pytest.mark.parametrize("shape", [(3, 11, 1), (1, 11, 4), (2, 11, 5)])
def test_compiled_sums_of_neighbours_are_those_of_the_reference(shape):
    rng = np.random.default_rng(2027)
    F = rng.standard_normal(shape)
    starts, table = stencils(np.cumsum(rng.uniform(0.1, 0.3, 11)), 3)
    np.testing.assert_allclose(neighbour_sums(F, starts, table), neighbour_sums.reference(F, starts, table), rtol=1e-9)


@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_derivatives_on_any_grid_are_exact_for_polynomials_of_their_degree(order):
    grid = np.cumsum(np.random.default_rng(2029).uniform(0.1, 0.3, 15))
    powers = np.polynomial.Polynomial(np.arange(1.0, order + 2))
    values = derivative(np.tile(powers(grid), (2, 1))[:, :, None], grid, 1, order)
    np.testing.assert_allclose(values, np.tile(powers.deriv(order)(grid), (2, 1))[:, :, None], rtol=1e-7, atol=1e-7)


# --- half widths -----------------------------------------------------------------------------------------------------


def test_the_corner_of_a_spectrum_is_where_signal_ends():
    t = np.linspace(0, 1, 400, endpoint=False)
    rng = np.random.default_rng(2039)
    signal = sum(np.cos(2 * np.pi * k * t + rng.uniform(0, 6)) for k in range(1, 13))
    assert 10 <= corner(noisy(signal, 0.1, 2053)[None], t, 1) <= 14


def test_a_test_function_damps_what_is_beyond_the_corner_and_keeps_what_is_far_below():
    m = half_width_of(0.05, 1.0, 1000, None, 2)
    weights = trapezoid_weights(m, 1.0, degree_of(m, 2), 1)[0]
    at = np.arange(-m, m + 1)
    assert weights @ np.cos(2 * np.pi * 0.05 * at) < 0.2
    assert weights @ np.cos(2 * np.pi * 0.01 * at) > 0.9


def test_half_widths_do_not_depend_on_the_units_of_the_grid():
    x, t, u = shipped("burgers")
    sizes = WeakLibrary(spatial_grid=x, derivative_order=2).boxes(u[..., None], t).half_widths
    scaled = WeakLibrary(spatial_grid=1e3 * x, derivative_order=2).boxes(u[..., None], 1e-3 * t).half_widths
    np.testing.assert_allclose(scaled, np.multiply(sizes, [1e3, 1e-3]))


# --- names and terms -------------------------------------------------------------------------------------------------


def test_names_are_those_of_a_paper():
    library = WeakLibrary(spatial_grid=np.arange(30.0), derivative_order=2)
    assert library.names(["u"]) == ["u", "u^2", "u_x", "u_xx", "u u_x", "u^2 u_x", "u u_xx", "u^2 u_xx"]
    assert library.names(["x0"])[2:6] == ["x0_1", "x0_11", "x0 x0_1", "x0^2 x0_1"]
    assert library.n_features(1) == 8


def test_names_of_two_fields_in_two_dimensions_have_both_directions():
    library = WeakLibrary(LINEAR, spatial_grid=(np.arange(9.0), np.arange(8.0)), derivative_order=2)
    names = library.names(["u", "v"])
    assert names[2:12] == ["u_y", "v_y", "u_yy", "v_yy", "u_x", "v_x", "u_xy", "v_xy", "u_xx", "v_xx"]
    assert "v u_xy" in names and len(names) == 32


def test_conservative_terms_are_derivatives_of_functions():
    library = WeakLibrary(spatial_grid=np.arange(30.0), derivative_order=2, conservative=True)
    assert library.names(["u"]) == ["u", "u^2", "u_x", "(u^2)_x", "u_xx", "(u^2)_xx"]


def test_a_constant_is_multiplied_with_nothing():
    grid = np.arange(30.0)
    names = WeakLibrary(PolynomialLibrary(1), spatial_grid=grid, derivative_order=1).names(["u"])
    assert names == ["1", "u", "u_x", "u u_x"]
    options = {"include_bias": True, "include_interaction": False, "half_width": 9.0, "degree": 8}
    biased = WeakLibrary(LINEAR, spatial_grid=grid, derivative_order=1, **options)
    assert biased.names(["u"]) == ["1", "u", "u_x"]
    u = np.random.default_rng(2063).standard_normal((30, 40, 1))
    np.testing.assert_allclose(biased.transform(u, 1.0)[:, 0], 1.0, rtol=1e-7)


PRODUCTS = [(1,), (2,), (3,), (4,), (1, 0), (0, 1), (1, 1), (2, 1)]


@pytest.mark.parametrize("orders", PRODUCTS)
@pytest.mark.parametrize("library", [SQUARES, CustomLibrary([np.sin, np.exp])], ids=["polynomials", "functions"])
def test_products_are_the_integrals_of_what_their_names_say(orders, library):
    n, n_t = (81, 41) if len(orders) == 1 else (51, 21)
    axes = [np.linspace(0, 2, n) for _ in orders]
    t = np.linspace(0, 1, n_t)
    phase = sum((1 + 0.5 * i) * X for i, X in enumerate(np.meshgrid(*axes, indexing="ij")))[..., None] + t
    u = 1 + 0.5 * np.sin(phase)
    power = np.prod([(1 + 0.5 * i) ** order for i, order in enumerate(orders)])
    exact = 0.5 * power * np.sin(phase + 0.5 * np.pi * sum(orders))
    options = {"spatial_grid": axes, "half_width": (0.6,) * len(orders) + (0.3,), "degree": 9, "n_boxes": 5}
    weak = WeakLibrary(library, derivative_order=sum(orders), rng=2069, **options)
    plain = WeakLibrary(CustomLibrary([lambda v, w: v * w]), rng=2069, **options)
    Theta, names = weak.transform(u[..., None], t), weak.names(["u"])
    derivative_of_u = "u_" + "".join(letter * order for letter, order in zip("xy", orders, strict=False))
    functions = library.names(["u"])
    values = [np.moveaxis(np.asarray(library.transform(u.reshape(-1, 1))), 1, 0)[j].reshape(u.shape) for j in (0, 1)]
    for name, f in zip(functions, values, strict=True):
        (column,) = [j for j, term in enumerate(names) if term == f"{name} {derivative_of_u}"]
        expected = plain.transform(np.stack([f, exact], axis=-1), t)[:, 0]
        np.testing.assert_allclose(Theta[:, column], expected, rtol=2e-2, atol=5e-3 * np.abs(exact).max())


def test_a_product_with_a_first_derivative_needs_no_derivative_of_data():
    x, t = np.linspace(0, 3, 60), np.linspace(0, 1, 30)
    u = np.random.default_rng(2081).standard_normal((60, 30, 1))  # as rough as can be
    options = {"spatial_grid": x, "derivative_order": 1, "half_width": (0.5, 0.2), "degree": 5}
    Theta = WeakLibrary(LINEAR, **options).transform(u, t)
    conservative = WeakLibrary(SQUARES, conservative=True, **options)
    flux = conservative.transform(u, t)[:, conservative.names(["u"]).index("(u^2)_x")]
    np.testing.assert_allclose(Theta[:, 2], flux / 2, atol=1e-8)


# --- recovered equations ---------------------------------------------------------------------------------------------


def test_a_polynomial_solution_satisfies_its_equation():
    x, t = np.linspace(-1, 2, 61), np.linspace(0, 1, 41)
    X, T = np.meshgrid(x, t, indexing="ij")
    u = X**3 + 6 * X * T  # u_t = u_xx
    library = WeakLibrary(LINEAR, spatial_grid=x, derivative_order=2, include_interaction=False)
    Theta, Y, _ = library.system([u[..., None]], [t])
    np.testing.assert_allclose(Theta[:, 2], Y[:, 0], atol=1e-6)


def test_burgers_equation_is_found_in_its_exact_solution():
    x, t, nu = np.linspace(-4, 4, 201), np.linspace(0.5, 2.5, 101), 0.2
    X, T = np.meshgrid(x, t, indexing="ij")
    sharp = np.exp(-(X**2) / (4 * nu * T)) / np.sqrt(T)  # Cole-Hopf: u = -2 nu (log phi)_x, phi = 1 + this
    u = X / T * sharp / (1 + sharp)
    terms = found(WeakLibrary(spatial_grid=x, derivative_order=3), u, t, threshold=0.05, relative=True)
    assert terms == pytest.approx({"u_xx": 0.2, "u u_x": -1.0}, rel=2e-3)


def test_heat_flows_in_two_dimensions():
    x, y, t = np.linspace(0, 3, 45), np.linspace(0, 2, 40), np.linspace(0, 1, 31)
    X, Y, T = np.meshgrid(x, y, t, indexing="ij")
    u = sum(
        a * np.exp(-(0.3 * k**2 + 0.1 * m**2) * T) * np.sin(k * X + m * Y)
        for a, k, m in [(1.0, 1.0, 2.0), (0.7, 2.0, -1.0), (0.5, 3.0, 1.0), (0.8, 1.0, 3.0)]
    )
    options = {"half_width": (0.7, 0.5, 0.25), "degree": 6}
    library = WeakLibrary(LINEAR, spatial_grid=(x, y), derivative_order=2, **options)
    terms = found(library, u, t, threshold=0.02, relative=True)
    assert terms == pytest.approx({"u_xx": 0.3, "u_yy": 0.1}, rel=1e-3)


def test_two_fields_that_react_and_diffuse():
    x, t = np.linspace(0, 6, 121), np.linspace(0, 2, 81)
    u, v = np.zeros((2, 121, 81))
    for k, phase in ((1.0, 0.3), (2.0, 1.1), (3.0, 2.0)):
        decay = {"u": 0.4 * k**2, "v": 0.1 * k**2}
        A = np.array([[-decay["u"], 1.0], [-1.5, -decay["v"]]])
        values, vectors = np.linalg.eig(A)
        start = np.linalg.solve(vectors, [1.0, 0.5])
        moved = (vectors @ (start[:, None] * np.exp(values[:, None] * t))).real
        u += np.outer(np.sin(k * x + phase), moved[0])
        v += np.outer(np.sin(k * x + phase), moved[1])
    library = WeakLibrary(LINEAR, spatial_grid=x, derivative_order=2, include_interaction=False)
    Theta, Y, _ = library.system([np.stack([u, v], axis=-1)], [t])
    x = stlsq(Theta, Y, threshold=0.05).x
    expected = np.zeros((6, 2))
    expected[[1, 4], 0] = 1.0, 0.4  # u' = v + 0.4 u_xx
    expected[[0, 5], 1] = -1.5, 0.1  # v' = -1.5 u + 0.1 v_xx
    np.testing.assert_allclose(x, expected, atol=1e-3)


def lorenz(n, step, start):
    """Return n samples of the Lorenz system."""
    from scipy.integrate import solve_ivp

    def right_hand_side(_, x):
        return 10 * (x[1] - x[0]), x[0] * (28 - x[2]) - x[1], x[0] * x[1] - 8 / 3 * x[2]

    times = step * np.arange(n)
    return solve_ivp(right_hand_side, (0, times[-1]), start, "DOP853", times, rtol=1e-11, atol=1e-11).y.T


LORENZ = np.zeros((9, 3))
LORENZ[[0, 1], 0], LORENZ[[0, 1, 5], 1], LORENZ[[2, 4], 2] = (-10, 10), (28, -1, -1), (-8 / 3, 1)


def test_ordinary_equations_need_no_grid():
    x = lorenz(2001, 0.005, (-8.0, 7.0, 27.0))
    Theta, Y, lengths = WeakLibrary(SQUARES).system([x], [0.005 * np.arange(2001)])
    assert lengths == [len(Y)]
    np.testing.assert_allclose(stlsq(Theta, Y, threshold=0.1).x, LORENZ, atol=2e-3)


def test_five_percent_of_noise_leaves_the_lorenz_system_its_terms():
    x = lorenz(4001, 0.005, (-8.0, 7.0, 27.0))
    noise = 0.05 * x.std(axis=0) * np.random.default_rng(2083).standard_normal(x.shape)
    Theta, Y, _ = WeakLibrary(SQUARES).system([x + noise], [0.005 * np.arange(4001)])
    np.testing.assert_allclose(stlsq(Theta, Y, threshold=0.5).x, LORENZ, atol=0.5)


def test_several_trajectories_give_rows_one_after_the_other():
    parts = [lorenz(n, 0.01, start) for n, start in ((400, (1.0, 2.0, 20.0)), (300, (-5.0, 3.0, 25.0)))]
    times = [0.01 * np.arange(len(part)) for part in parts]
    library = WeakLibrary(SQUARES, half_width=0.2)
    Theta, Y, lengths = library.system(parts, times)
    assert len(Theta) == len(Y) == sum(lengths) and len(lengths) == 2
    np.testing.assert_allclose(Theta[: lengths[0]], library.transform(parts[0], times[0]), rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(Theta[lengths[0] :], library.transform(parts[1], times[1]), rtol=1e-9, atol=1e-9)


def test_times_may_be_irregular():
    t = np.sort(np.random.default_rng(2087).uniform(0, 6, 1500))
    x = np.stack([np.cos(2 * t), -2 * np.sin(2 * t)], axis=1)
    Theta, Y, _ = WeakLibrary(LINEAR, half_width=0.5).system([x], [t])
    np.testing.assert_allclose(np.linalg.lstsq(Theta, Y, rcond=None)[0], [[0, -4], [1, 0]], atol=1e-3)


def test_known_derivatives_are_integrated_instead():
    t = np.linspace(0, 5, 201)
    x, x_dot = np.sin(t)[:, None], np.full((201, 1), 3.0)
    _, Y, _ = WeakLibrary(LINEAR, half_width=0.5).system([x], [t], [x_dot])
    np.testing.assert_allclose(Y, 3.0, rtol=1e-6)


TRUTHS = {
    "burgers": {"u_xx": 0.1, "(u^2)_x": -0.5},
    "kdv": {"u_xxx": -1.0, "(u^2)_x": -3.0},
    "kuramoto_sivashinsky": {"u_xx": -1.0, "u_xxxx": -1.0, "(u^2)_x": -0.5},
}


@pytest.mark.parametrize("level", [0.0, 0.05, 0.2])
@pytest.mark.parametrize("name", TRUTHS)
def test_coefficients_of_published_data_are_right_to_two_percent_without_tuning(name, level):
    x, t, u = shipped(name)
    library = WeakLibrary(spatial_grid=x, derivative_order=4, conservative=True, whiten=True)
    terms = found(library, noisy(u, level, 2089), t, threshold=0.1, relative=True)
    assert terms == pytest.approx(TRUTHS[name], rel=0.02)


@pytest.mark.parametrize("name", ["burgers", "kuramoto_sivashinsky"])
def test_products_are_found_in_published_data_too(name):
    x, t, u = shipped(name)
    expected = {term.replace("(u^2)_x", "u u_x"): c * (2 if "^" in term else 1) for term, c in TRUTHS[name].items()}
    library = WeakLibrary(spatial_grid=x, derivative_order=4)
    terms = found(library, noisy(u, 0.05, 2099), t, threshold=0.1, relative=True)
    assert terms == pytest.approx(expected, rel=0.02)


# --- noise -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("irregular", [False, True])
def test_the_covariance_of_rows_is_that_of_noise_in_the_equation(irregular):
    rng = np.random.default_rng(2111)
    x, t = np.linspace(0, 3, 16), np.linspace(0, 2, 12)
    x = x + irregular * rng.uniform(-0.08, 0.08, 16)
    library = WeakLibrary(LINEAR, spatial_grid=x, derivative_order=2, half_width=(0.8, 0.5), degree=5, n_boxes=6, rng=3)
    pulses = np.eye(len(x) * len(t)).reshape(len(x), len(t), -1)[:, :, :, None]
    (c_u, c_x, c_xx), rows = (0.7, -0.4, 0.3), []
    for i in range(pulses.shape[2]):
        Theta, Y, _ = library.system([pulses[:, :, i]], [t])
        rows.append(Y[:, 0] - Theta[:, :3] @ [c_u, c_x, c_xx])
    expected = np.transpose(rows) @ np.array(rows)
    boxes = library.boxes(pulses[:, :, 0], t)
    C = Sensitivity(library._weights((x, t), boxes), (len(x), len(t))).covariance(
        [(c_u, (0,)), (c_x, (1,)), (c_xx, (2,))]
    )
    np.testing.assert_allclose(C, expected / np.mean(np.diagonal(expected)), atol=1e-9)


def test_whitening_makes_errors_smaller():
    x, t, u = shipped("burgers")
    errors = {False: [], True: []}
    for seed in range(2113, 2121):
        data = noisy(u, 0.2, seed)[..., None]
        for whiten in errors:
            library = WeakLibrary(spatial_grid=x, derivative_order=4, conservative=True, whiten=whiten)
            Theta, Y, _ = library.system([data], [t])
            columns = [library.names(["u"]).index(name) for name in TRUTHS["burgers"]]
            errors[whiten].append(np.linalg.lstsq(Theta[:, columns], Y[:, 0], rcond=None)[0][0] / 0.1 - 1)
    assert np.std(errors[True]) < 0.75 * np.std(errors[False])


# --- arrays and bad input --------------------------------------------------------------------------------------------


def test_rows_come_back_in_the_library_and_dtype_of_the_data(lib):
    data = np.random.default_rng(2129).standard_normal((40, 30, 2)).astype(np.float32)
    library = WeakLibrary(LINEAR, spatial_grid=np.arange(40.0), derivative_order=1, half_width=(5, 5))
    Theta, Y, _ = library.system([lib.array(data)], [np.arange(30.0)])
    assert lib.host(Theta).dtype == lib.host(Y).dtype == np.float32
    expected = library.system([data.astype(float)], [np.arange(30.0)])[0]
    np.testing.assert_allclose(lib.host(Theta), expected, atol=1e-6)


def test_one_seed_draws_the_same_boxes():
    x = np.random.default_rng(2131).standard_normal((100, 2))
    library = WeakLibrary(LINEAR, n_boxes=9, half_width=10.0, rng=2137)
    np.testing.assert_array_equal(library.transform(x, 1.0), library.transform(x, 1.0))
    assert library.transform(x, 1.0).shape == (9, 2)


def test_boxes_may_be_placed():
    t = np.linspace(0, 10, 101)
    rows = WeakLibrary(LINEAR, centers=[[3.0], [5.0]], half_width=1.0).transform(t[:, None], t)
    np.testing.assert_allclose(rows[:, 0], [3.0, 5.0], rtol=1e-7)


GRID = np.arange(20.0)
BAD_OPTIONS = [
    ({"derivative_order": 2}, "no spatial_grid"),
    ({"spatial_grid": GRID, "derivative_order": 2, "degree": 2}, "more than derivative_order"),
    ({"half_width": -1.0}, "half_width is -1.0"),
    ({"half_width": (1.0, 2.0)}, "1 are needed"),
    ({"n_boxes": 0}, "n_boxes is 0"),
    ({"n_boxes": 3, "centers": [[1.0]]}, "pass one"),
    ({"centers": [1.0, 2.0]}, r"\(K, 1\) is needed"),
    ({"spatial_grid": GRID[::-1]}, "must increase"),
    ({"spatial_grid": np.zeros((3, 4, 5))}, "three coordinates or more"),
]


@pytest.mark.parametrize(("options", "message"), BAD_OPTIONS)
def test_an_option_that_cannot_be_meant_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        WeakLibrary(**options)


BAD_DATA = [
    ({"half_width": 0.9}, np.zeros((20, 1)), "fewer than two samples along time.*2 or more"),
    ({"half_width": 12.0}, np.zeros((20, 1)), "do not fit into 20 samples along time.*below 9.5"),
    ({}, np.zeros((4, 1)), "do not fit into 4 samples"),
    ({"centers": [[1.0]], "half_width": 3.0}, np.zeros((20, 1)), "ends outside"),
    ({"spatial_grid": GRID}, np.zeros((20, 1)), r"\(n_x, n_t, d\) is needed"),
    ({"spatial_grid": GRID}, np.zeros((19, 20, 1)), "the grid in space"),
    ({}, np.array([[1.0]] * 9 + [[np.nan]]), r"x\[9, 0\] is nan"),
]


@pytest.mark.parametrize(("options", "x", "message"), BAD_DATA)
def test_data_that_do_not_fit_are_refused(options, x, message):
    with pytest.raises(ValueError, match=message):
        WeakLibrary(**options).transform(x, 1.0)


@pytest.mark.parametrize("n", [20, 21])
def test_a_box_may_be_as_large_as_the_data(n):
    t = np.arange(float(n))
    rows = WeakLibrary(LINEAR, half_width=(n - 1) / 2, degree=6, n_boxes=3, rng=2221).transform(t[:, None], t)
    assert rows.shape == (3, 1) and np.all(np.abs(rows - (n - 1) / 2) < 0.51)


def test_gaps_in_irregular_times_must_be_covered():
    t = np.concatenate([np.linspace(0, 1, 30), np.linspace(2, 3.1, 30)])
    with pytest.raises(ValueError, match="fewer than two samples along time"):
        WeakLibrary(LINEAR, half_width=0.3).transform(t[:, None], t)


def test_complex_fields_are_to_be_split():
    with pytest.raises(TypeError, match="real and imaginary parts as two fields"):
        WeakLibrary().transform(np.zeros((30, 1), complex), 1.0)


def test_controls_are_refused():
    with pytest.raises(ValueError, match="no controls"):
        WeakLibrary().system([np.zeros((30, 1))], [1.0], None, [np.zeros((30, 1))])


def test_times_that_run_back_are_refused():
    with pytest.raises(ValueError, match=r"t\[3\] = 1 is not after 2"):
        WeakLibrary().transform(np.zeros((5, 1)), [0, 1, 2, 1, 3])


def test_too_many_boxes_cannot_be_whitened():
    with pytest.raises(ValueError, match="pass n_boxes"):
        WeakLibrary(LINEAR, n_boxes=7000, half_width=5.0, whiten=True).transform(np.zeros((50, 1)), 1.0)


def test_whitening_knows_nothing_of_given_derivatives():
    with pytest.raises(ValueError, match="leave one of them out"):
        WeakLibrary(whiten=True).system([np.zeros((50, 1))], [1.0], [np.zeros((50, 1))])


# --- bias ------------------------------------------------------------------------------------------------------------


def test_an_unbiased_monomial_is_a_hermite_polynomial():
    x = np.random.default_rng(2203).standard_normal((2, 50))
    std = np.array([0.7, 0.3])
    for f, expected in (
        (lambda u, v: u**3, x[0] ** 3 - 3 * 0.49 * x[0]),
        (lambda u, v: u**2 * v, (x[0] ** 2 - 0.49) * x[1]),
        (lambda u, v: u**2 * v**2, (x[0] ** 2 - 0.49) * (x[1] ** 2 - 0.09)),
        (lambda u, v: u**5, x[0] ** 5 - 10 * 0.49 * x[0] ** 3 + 15 * 0.49**2 * x[0]),
    ):
        program = CustomLibrary([f]).program(2)
        np.testing.assert_allclose(unbiased(program, (0, 1), std)(x)[0], expected, atol=1e-12)


def test_noise_is_measured_beside_a_signal():
    x, t = np.linspace(0, 6, 200), np.linspace(0, 2, 150)
    u = np.sin(x)[:, None] * np.cos(t) + 0.1 * np.random.default_rng(2207).standard_normal((200, 150))
    assert noise_std(u[None]) == pytest.approx([0.1], rel=0.02)


def test_cubes_of_noisy_fields_are_freed_of_their_bias():
    t = np.linspace(0, 60, 6000)
    x = np.sin(t)[:, None] + 0.5 * np.random.default_rng(2213).standard_normal((6000, 1))
    cube = CustomLibrary([lambda v: v**3])
    exact = WeakLibrary(cube, half_width=2.0).transform(np.sin(t)[:, None], t)
    biased = WeakLibrary(cube, half_width=2.0).transform(x, t)
    corrected = WeakLibrary(cube, half_width=2.0, debias=True).transform(x, t)
    assert np.sqrt(np.mean((corrected - exact) ** 2)) < 0.3 * np.sqrt(np.mean((biased - exact) ** 2))

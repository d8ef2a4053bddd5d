"""The problems of the family "dynamics" are what they say: their data obey the equations that count as true."""

import numpy as np
import pytest

from sparsesci.bench.chaotic_systems import SYSTEMS
from sparsesci.bench.problems import PROBLEMS
from sparsesci.bench.problems.dynamics_fields import NAMES
from sparsesci.bench.problems.dynamics_task import Task, coefficients, polynomials
from sparsesci.recovery.dynamics.polynomial_library import PolynomialLibrary
from sparsesci.recovery.dynamics.weak_library import WeakLibrary

DYNAMICS = {name: problem for name, problem in PROBLEMS.items() if problem.family == "dynamics"}
SMALL = {
    "n_samples": 200,
    "n_models": 3,
    "time": 2.0,
    "n_boxes": 20,
    "length": 2,
}


def small(name, seed, **changes):
    """Return the systems of a problem at a size of milliseconds."""
    parameters = DYNAMICS[name].parameters
    changes = {key: value for key, value in (SMALL | changes).items() if key in parameters}
    return list(DYNAMICS[name].make(np.random.default_rng(seed), **{**parameters, **changes}))


@pytest.mark.parametrize("name", DYNAMICS)
def test_a_problem_is_the_same_for_the_same_seed_and_fits_together(name):
    changes = {"n_states": 6, "degree": 2} if name.startswith("lorenz96") else {}
    first, second = small(name, 3137, **changes), small(name, 3137, **changes)
    assert len(first) == DYNAMICS[name].parameters["length"] or len(first) == 2
    for (x, x_dot, task, truth), (again, *_) in zip(first, second, strict=True):
        assert np.array_equal(x, again)
        assert sum(task.lengths) == (x.shape[0] if task.grid is None else x.shape[1])
        assert truth.shape[0] == x.shape[-1] and (x_dot is None or x_dot.shape == x.shape)
        assert DYNAMICS[name].error(x, x_dot, task, truth, truth) == 0


@pytest.mark.parametrize("name", ["lorenz-10k", "lorenz96-66", "chaos-0%"])
def test_differences_of_the_samples_are_what_the_true_equations_say(name):
    x, x_dot, task, truth = small(name, 3163, n_states=7)[0]
    library = PolynomialLibrary(task.degree, include_bias=task.has_constant)
    predicted = library.transform(x) @ truth.T
    if x_dot is not None:
        assert 0.008 < np.std(predicted - x_dot) < 0.012
        return
    for part, rates in zip(task.split(x), task.split(predicted), strict=True):
        middle = (part[2:] - part[:-2]) / (2 * task.step)
        assert np.abs(middle - rates[1:-1]).max() < 0.02 * np.abs(rates).max()


def test_noise_is_a_part_of_the_root_mean_square_of_all_entries():
    (noisy, *_), _ = small("lorenz-noise-5%", 3181, time=10.0)
    (clean, *_), _ = small("lorenz-noise-5%", 3187, time=10.0, noise=0.0)
    assert np.std(noisy - clean) == pytest.approx(0.05 * np.sqrt(np.mean(clean**2)), rel=0.05)


def test_the_problem_of_chaos_goes_through_the_list_of_systems():
    systems = small("chaos-0%", 3191, length=3, n_samples=3)
    for (_, _, task, truth), system in zip(systems, SYSTEMS[:3], strict=True):
        library = PolynomialLibrary(system.degree)
        assert task.degree == system.degree and np.array_equal(truth, system.coefficients(library))
    assert DYNAMICS["chaos-0%"].parameters["length"] == 41 and np.count_nonzero(systems[0][3]) == 7


def test_lynx_and_hare_come_in_units_of_their_standard_deviations():
    ((x, _, task, _), *_) = small("lynx-hare", 3203)
    assert x.shape == (21, 2) and np.allclose(x.std(axis=0), 1) and task.step == 1
    assert x[0, 0] / x[1, 0] == pytest.approx(30 / 47.2)  # hare first


def test_the_names_of_the_weak_terms_are_those_of_our_library():
    library = WeakLibrary(PolynomialLibrary(2, include_bias=False), spatial_grid=np.arange(30.0), derivative_order=4)
    assert tuple(library.names(["u"])) == NAMES


def test_coefficients_go_where_their_names_are():
    names = polynomials(2, 2)
    assert names == ["1", "x0", "x1", "x0^2", "x0 x1", "x1^2"]
    assert coefficients([{"x1": 2.0}, {"x0 x1": -3.0}], names).tolist() == [[0, 0, 2, 0, 0, 0], [0, 0, 0, 0, -3, 0]]


def test_a_name_that_is_not_in_the_library_is_refused():
    with pytest.raises(ValueError, match="x7"):
        coefficients([{"x7": 1.0}], polynomials(2, 1))


def test_samples_are_split_into_trajectories():
    parts = Task(1.0, (2, 3)).split(np.arange(10.0).reshape(5, 2))
    assert [len(part) for part in parts] == [2, 3] and parts[1][0].tolist() == [4, 5]

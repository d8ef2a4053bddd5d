"""Orders of systems: short paths, what they do not depend on, and what becomes of bad input."""

import numpy as np
import pytest
import scipy.sparse
from hypothesis import given, settings
from hypothesis import strategies as st

from sparsesci.bench.problems.gaussian_field import drifting_fields, gaussian_field
from sparsesci.solvers.krylov import greedy_path as walks
from sparsesci.solvers.krylov.hilbert import hilbert_keys, hilbert_order
from sparsesci.solvers.krylov.order_systems import order_systems, principal_axes

METHODS = ["greedy", "hilbert"]


def fields(n_fields, *, seed, n=16, drift=0.0):
    return np.stack(list(drifting_fields(np.random.default_rng(seed), n, 2, drift, n_fields)))


def path_length(features, order=None):
    rows = np.asarray(features).reshape(len(features), -1)
    rows = rows if order is None else rows[order]
    return np.linalg.norm(np.diff(rows, axis=0), axis=1).sum()


def assert_same_path(order, expected):
    assert order.tolist() in (list(expected), list(expected)[::-1])


# --- short paths -----------------------------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(
    n_systems=st.integers(1, 40),
    shape=st.sampled_from([(), (1,), (5,), (3, 4), (2, 3, 2)]),
    levels=st.integers(1, 9),
    method=st.sampled_from(METHODS),
    reduce=st.sampled_from(["auto", "fft", "pca", None, 1, 3, 99]),
    group_size=st.integers(1, 45),
    seed=st.integers(0, 2**32),
)
def test_an_order_is_a_permutation(n_systems, shape, levels, method, reduce, group_size, seed):
    features = np.random.default_rng(seed).integers(0, levels, (n_systems, *shape))
    order = order_systems(features, method=method, reduce=reduce, group_size=group_size)
    assert order.dtype == np.int64 and sorted(order.tolist()) == list(range(n_systems))


@pytest.mark.parametrize("seed", [7001, 7013, 7019])
@pytest.mark.parametrize("n_systems", [12, 300])
def test_greedy_is_shorter_than_hilbert_which_is_shorter_than_chance(n_systems, seed):
    features = fields(n_systems, seed=seed)
    greedy, hilbert = (path_length(features, order_systems(features, method=method)) for method in METHODS)
    assert greedy < hilbert < path_length(features)


def test_a_family_of_one_parameter_is_put_back_in_order():
    t = np.linspace(0, 1, 200)
    family = np.stack([t, np.sin(5 * t), np.cos(9 * t), t**2], axis=1)
    shuffle = np.random.default_rng(7027).permutation(200)
    assert_same_path(shuffle[order_systems(family[shuffle])], range(200))


@pytest.mark.parametrize("method", METHODS)
def test_points_of_a_line_are_put_back_in_order(method):
    line = np.linspace(-3, 5, 400)[:, None] * np.random.default_rng(7039).standard_normal(12) + 2.0
    shuffle = np.random.default_rng(7043).permutation(400)
    assert_same_path(shuffle[order_systems(line[shuffle], method=method)], range(400))


def test_a_drift_in_many_dimensions_is_put_back_in_order():
    rng = np.random.default_rng(7057)
    drift = np.cumsum(rng.standard_normal((150, 3000)), axis=0)
    shuffle = rng.permutation(150)
    assert_same_path(shuffle[order_systems(drift[shuffle])], range(150))


@pytest.mark.parametrize("seed", [7069, 7079])
def test_a_shuffled_drift_of_fields_gets_a_path_as_short_as_its_own(seed):
    drift = fields(300, seed=seed, n=24, drift=0.999)
    shuffled = drift[np.random.default_rng(seed + 1).permutation(300)]
    assert path_length(shuffled, order_systems(shuffled)) <= 1.06 * path_length(drift)


def test_groups_cost_little():
    features = fields(600, seed=7103)
    one, many = (path_length(features, order_systems(features, group_size=size)) for size in (600, 60))
    assert many <= 1.1 * one


@pytest.mark.parametrize("method", METHODS)
def test_systems_with_equal_parameters_follow_each_other(method):
    rng = np.random.default_rng(7109)
    label = rng.integers(0, 40, 200)
    features = rng.standard_normal((40, 6, 5))[label]
    order = order_systems(features, method=method, group_size=15)
    assert np.count_nonzero(np.diff(label[order])) == 39
    assert all(np.all(np.diff(order[label[order] == which]) > 0) for which in range(40))


def test_systems_that_nearly_coincide_are_told_apart():
    steps = 1e-11 * np.arange(25)
    line = np.concatenate([steps, 1 + steps])  # in the Gram form all distances of one half are rounding errors
    shuffle = np.random.default_rng(7121).permutation(50)
    assert_same_path(shuffle[order_systems(np.outer(line, np.ones(7))[shuffle])], range(50))


# --- what an order does not depend on --------------------------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("scale", [2.0**-1060, 2.0**-30, 8.0, 2.0**1000])
def test_scale_does_not_matter(method, scale):
    features = np.random.default_rng(7127).integers(-1000, 1000, (80, 7)).astype(float)
    order = order_systems(features, method=method)
    np.testing.assert_array_equal(order_systems(features * scale, method=method), order)


@pytest.mark.parametrize("method", METHODS)
def test_a_translation_does_not_matter(method):
    rng = np.random.default_rng(7129)
    features = rng.integers(-1000, 1000, (64, 7)).astype(float)
    moved = features + rng.integers(-(2**30), 2**30, 7)
    np.testing.assert_array_equal(order_systems(moved, method=method), order_systems(features, method=method))


@pytest.mark.parametrize("method", METHODS)
def test_the_order_of_the_input_matters_little(method):
    features = fields(200, seed=7151)
    shuffled = features[np.random.default_rng(7159).permutation(200)]
    lengths = [path_length(F, order_systems(F, method=method)) for F in (features, shuffled)]
    assert max(lengths) <= 1.03 * min(lengths)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("value", [0.0, -7.5, 1e308])
def test_constant_features_leave_systems_where_they_are(method, value):
    assert order_systems(np.full((9, 4, 4), value), method=method, group_size=4).tolist() == list(range(9))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("n_systems", [1, 2])
def test_one_and_two_systems_are_sorted(method, n_systems):
    features = np.random.default_rng(7177 + n_systems).standard_normal((n_systems, 5))
    assert sorted(order_systems(features, method=method).tolist()) == list(range(n_systems))


# --- forms of the features -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS)
def test_every_array_library_gets_its_own_permutation(lib, method):
    features = fields(40, seed=7187)
    order = lib.host(order_systems(lib.array(features), method=method))
    assert order.dtype == np.int64
    np.testing.assert_array_equal(order, order_systems(features, method=method))


def test_a_sequence_of_arrays_is_as_good_as_one_array(lib):
    features = fields(30, seed=7193)
    order = order_systems([lib.array(field) for field in features])
    assert isinstance(order, np.ndarray)
    np.testing.assert_array_equal(order, order_systems(features))


@pytest.mark.parametrize("dtype", ["float32", "int16", "uint8"])
def test_narrow_types_are_measured_in_double_precision(dtype):
    features = np.random.default_rng(7207).integers(0, 255, (90, 6)).astype(dtype)
    np.testing.assert_array_equal(order_systems(features), order_systems(features.astype(float)))


@pytest.mark.parametrize("reduce", [None, "fft"])
def test_complex_features_are_pairs_of_real_ones(reduce):
    rng = np.random.default_rng(7211)
    z = rng.standard_normal((60, 6, 5)) + 1j * rng.standard_normal((60, 6, 5))
    pairs = np.stack([z.real, z.imag], axis=-1)
    np.testing.assert_array_equal(order_systems(z, reduce=reduce), order_systems(pairs, reduce=None))


def test_numbers_are_sorted():
    numbers = np.random.default_rng(7213).standard_normal(100)
    assert_same_path(order_systems(numbers), np.argsort(numbers))


def test_features_are_not_changed_and_give_the_same_order_again():
    features = fields(300, seed=7219, n=20)
    kept = features.copy()
    first = order_systems(features, reduce="pca", group_size=80)
    np.testing.assert_array_equal(order_systems(features, reduce="pca", group_size=80), first)
    np.testing.assert_array_equal(features, kept)


# --- fewer dimensions ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("reduce", ["auto", "fft", "pca", 30])
def test_reduced_smooth_fields_get_a_path_as_short_as_whole_ones(reduce):
    features = fields(400, seed=7229, n=32)
    reduced, whole = (path_length(features, order_systems(features, reduce=choice)) for choice in (reduce, None))
    assert reduced <= 1.03 * whole


def test_fields_that_differ_in_high_frequencies_alone_are_told_apart():
    amplitudes = np.random.default_rng(7237).permutation(300.0 * np.arange(1, 301))
    checkerboard = np.indices((40, 40)).sum(axis=0) % 2 - 0.5
    assert_same_path(order_systems(amplitudes[:, None, None] * checkerboard), np.argsort(amplitudes))


def test_one_dimension_is_the_first_principal_component():
    features = np.random.default_rng(7243).standard_normal((120, 3)) * [0.5, 4.0, 1.0]
    _, _, axes = np.linalg.svd(features - features.mean(axis=0))
    assert_same_path(order_systems(features, reduce=1), np.argsort(features @ axes[0]))


@pytest.mark.parametrize("n_features", [90, 700])
def test_principal_axes_are_those_of_the_singular_value_decomposition(n_features):
    rng = np.random.default_rng(7247)
    X = rng.standard_normal((150, 20)) * 0.5 ** np.arange(20) @ rng.standard_normal((20, n_features))
    X -= X.mean(axis=0)
    axes = principal_axes(X, 4)
    _, _, expected = np.linalg.svd(X, full_matrices=False)
    np.testing.assert_allclose(np.abs(np.diag(expected[:4] @ axes)), 1, atol=1e-6)
    np.testing.assert_allclose(axes.T @ axes, np.eye(4), atol=1e-12)


# --- the Hilbert curve -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("dimension", "bits"), [(1, 7), (2, 5), (3, 3), (4, 2)])
def test_the_curve_passes_every_cell_once_in_steps_of_one(dimension, bits):
    cells = np.indices((2**bits,) * dimension).reshape(dimension, -1).T
    keys = hilbert_keys(cells.astype(np.uint64), bits)
    assert sorted(keys.tolist()) == list(range(len(cells)))
    assert np.all(np.abs(np.diff(cells[np.argsort(keys)], axis=0)).sum(axis=1) == 1)


def test_the_curve_through_a_grid_is_found():
    grid = np.indices((16, 16)).reshape(2, -1).T * 0.3 - 1.0
    shuffled = grid[np.random.default_rng(7253).permutation(256)]
    np.testing.assert_allclose(path_length(shuffled, hilbert_order(shuffled)), 255 * 0.3)


# --- kernels ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("d", [1, 63, 200])
def test_the_compiled_walk_is_that_of_the_reference(d):
    X = np.random.default_rng(7283 + d).standard_normal((90, d))
    compiled, reference = np.empty(90, np.int64), np.empty(90, np.int64)
    walks.greedy_path(X, 11, compiled)
    walks.greedy_path.reference(X, 11, reference)
    np.testing.assert_array_equal(compiled, reference)


def test_both_walks_take_the_first_of_equally_near_points():
    X = np.random.default_rng(7297).integers(0, 4, (200, 2)).astype(float)
    compiled, reference = np.empty(200, np.int64), np.empty(200, np.int64)
    walks.greedy_path(X, 5, compiled)
    walks.greedy_path.reference(X, 5, reference)
    np.testing.assert_array_equal(compiled, reference)


def test_compiled_distances_are_those_of_the_reference():
    X = np.random.default_rng(7307).standard_normal((40, 150))
    compiled, reference = np.empty((40, 40)), np.empty((40, 40))
    walks.pairwise_distances(X, compiled)
    walks.pairwise_distances.reference(X, reference)
    np.testing.assert_allclose(compiled, reference, rtol=1e-14)


@pytest.mark.parametrize("n", [2, 3, 4, 80])
def test_compiled_uncrossing_is_that_of_the_reference(n):
    D = np.empty((n, n))
    walks.pairwise_distances(np.random.default_rng(7309 + n).standard_normal((n, 3)), D)
    compiled, reference = np.arange(n), np.arange(n)
    walks.uncross(D, compiled, 1e-12, 30)
    walks.uncross.reference(D, reference, 1e-12, 30)
    np.testing.assert_array_equal(compiled, reference)
    assert compiled[0] == 0 and compiled[-1] == n - 1


def test_uncrossing_in_several_stretches_shortens_the_path(monkeypatch):
    monkeypatch.setattr(walks, "STRETCH", 30)
    X = np.random.default_rng(7321).standard_normal((100, 2))
    order = walks.uncrossed(X, np.arange(100))
    assert sorted(order.tolist()) == list(range(100))
    assert path_length(X, order) < 0.6 * path_length(X)


# --- bad input -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("value", "name"), [(np.nan, "nan"), (-np.inf, "-inf")])
def test_nan_and_inf_are_named_with_their_place(lib, value, name):
    features = np.stack([gaussian_field(np.random.default_rng(7331), 4)] * 5)
    features[3, 1, 2] = value
    with pytest.raises(ValueError, match=rf"features\[3, 1, 2\] is {name}"):
        order_systems(lib.array(features))


@pytest.mark.parametrize("features", [[], np.ones((0, 3)), np.ones((4, 0)), 3.0 * np.ones(())])
def test_empty_features_are_refused(features):
    with pytest.raises(ValueError, match=r"features has shape .*: \(N, ...\), not empty, is needed"):
        order_systems(features)


def test_features_of_different_shapes_are_refused():
    with pytest.raises(ValueError, match=r"features\[2\] has shape \(2, 3\) and features\[0\] \(3, 2\)"):
        order_systems([np.ones((3, 2)), np.ones((3, 2)), np.ones((2, 3))])


@pytest.mark.parametrize(
    ("features", "message"),
    [
        (5, "features is a int: an array"),
        (scipy.sparse.eye_array(3, format="csr"), "features is a csr_array: an array"),
        (["a", "b"], "features has dtype <U1: numbers are needed"),
        ([None, None], "features has dtype object: numbers are needed"),
    ],
)
def test_what_is_no_array_of_numbers_is_refused(features, message):
    with pytest.raises(TypeError, match=message):
        order_systems(features)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"method": "spiral"}, ValueError, "method is 'spiral': 'greedy' or 'hilbert' is needed"),
        ({"method": None}, ValueError, "method is None"),
        ({"reduce": "svd"}, ValueError, "reduce is 'svd': 'auto', 'fft', 'pca', None or an integer is needed"),
        ({"reduce": 0}, ValueError, "reduce is 0: an integer >= 1"),
        ({"reduce": True}, ValueError, "reduce is True: an integer"),
        ({"reduce": 2.5}, TypeError, "reduce is 2.5: an integer"),
        ({"group_size": 0}, ValueError, "group_size is 0"),
        ({"group_size": None}, TypeError, "group_size is None"),
    ],
)
def test_options_out_of_range_are_named(options, error, message):
    with pytest.raises(error, match=message):
        order_systems(np.ones((3, 2)), **options)

"""Sums over samples: the two paths, their rank decisions, streams, and what becomes of bad input."""

import itertools
import tracemalloc

import numpy as np
import pytest

from sparsesci._cpu import pairs
from sparsesci.recovery.dynamics import samples as samples_page
from sparsesci.recovery.dynamics.bootstrap import pair_products
from sparsesci.recovery.dynamics.factors import triangular
from sparsesci.recovery.dynamics.gram import Gram, as_gram, least_squares
from sparsesci.recovery.dynamics.program import Tape
from sparsesci.recovery.dynamics.samples import Samples


def monomials(n_inputs, degree):
    """Return the program of all monomials up to a degree."""
    tape = Tape(n_inputs)
    found = {(): tape.constant(1.0)}
    for k in range(1, degree + 1):
        for key in itertools.combinations_with_replacement(range(n_inputs), k):
            found[key] = found[key[:-1]] * tape.inputs[key[-1]] if k > 1 else tape.inputs[key[0]]
    return tape.program(found.values())


def problem(n=300, p=9, d=2, *, seed):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((n, p)), rng.standard_normal((n, d))


@pytest.mark.parametrize("path", ["gram", "qr"])
def test_sums_are_those_of_the_products(lib, path):
    Theta, Y = problem(seed=7103)
    gram = as_gram(lib.array(Theta), lib.array(Y), path=path)
    np.testing.assert_allclose(gram.G, Theta.T @ Theta, rtol=1e-12, atol=1e-11)
    np.testing.assert_allclose(gram.b, Theta.T @ Y, rtol=1e-11, atol=1e-11)
    np.testing.assert_allclose(gram.yy, (Y**2).sum(axis=0))
    assert gram.n == 300 and gram.path == path


def test_the_triangular_factor_is_that_of_theta(lib):
    Theta, Y = problem(n=700, seed=7109)
    gram = as_gram(lib.array(Theta), lib.array(Y), path="qr")
    np.testing.assert_allclose(gram.R.T @ gram.R, Theta.T @ Theta, rtol=1e-11, atol=1e-10)
    np.testing.assert_allclose(gram.R.T @ gram.z, Theta.T @ Y, rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(gram.rest, np.linalg.lstsq(Theta, Y)[1])


def test_a_program_and_its_values_give_the_same_sums(lib):
    rng = np.random.default_rng(7121)
    X, Y, program = rng.standard_normal((3, 1000)), rng.standard_normal((1000, 2)), monomials(3, 3)
    ran = as_gram(Samples(program=program, inputs=lib.array(X), Y=lib.array(Y)))
    given = as_gram(lib.array(program(X).T), lib.array(Y))
    np.testing.assert_allclose(ran.G, given.G, rtol=1e-12, atol=1e-10)
    np.testing.assert_allclose(ran.b, given.b, rtol=1e-12, atol=1e-10)


@pytest.mark.parametrize("path", ["gram", "qr"])
def test_least_squares_on_a_support_is_that_of_numpy(lib, path):
    Theta, Y = problem(seed=7127)
    support = np.arange(9) % 2 == 0
    x = least_squares(as_gram(lib.array(Theta), lib.array(Y), path=path), support)
    np.testing.assert_allclose(x[support], np.linalg.lstsq(Theta[:, support], Y)[0], rtol=1e-10)
    assert not x[~support].any()


def test_least_squares_takes_a_support_for_each_target():
    Theta, Y = problem(seed=7129)
    support = np.random.default_rng(7130).random((9, 2)) < 0.5
    x = least_squares(as_gram(Theta, Y), support)
    for k in range(2):
        np.testing.assert_allclose(x[support[:, k], k], np.linalg.lstsq(Theta[:, support[:, k]], Y[:, k])[0])
    assert not x[~support].any()


@pytest.mark.parametrize("path", ["gram", "qr"])
@pytest.mark.parametrize("relative", [False, True])
def test_a_ridge_is_in_the_units_given_or_in_none(path, relative):
    Theta, Y = problem(seed=7151)
    Theta *= np.geomspace(0.1, 10, 9)
    x = least_squares(as_gram(Theta, Y, path=path), np.ones(9, bool), 3.0, relative=relative)
    G = Theta.T @ Theta
    ridge = 3.0 * (np.diag(np.diag(G)) if relative else np.eye(9))
    np.testing.assert_allclose(x, np.linalg.solve(G + ridge, Theta.T @ Y), rtol=1e-10)


def test_an_ill_conditioned_library_takes_the_qr_path_and_keeps_its_digits():
    t = np.linspace(0, 1, 2000)
    Theta = np.stack([t**k for k in range(11)], axis=1)
    x = np.random.default_rng(7159).standard_normal(11)
    gram = as_gram(Theta, Theta @ x)
    squared = as_gram(Theta, Theta @ x, path="gram")
    assert gram.path == "qr" and 1e6 < gram.condition < 1e9
    found, everything = np.zeros(11), np.ones(11, bool)
    found[:] = least_squares(gram, everything)[:, 0]
    np.testing.assert_allclose(found, x, rtol=1e-6)
    assert abs(least_squares(squared, everything)[:, 0] - x).max() > 100 * abs(found - x).max()


def test_a_well_conditioned_library_takes_the_gram_path():
    gram = as_gram(*problem(seed=7177))
    Theta, _ = problem(seed=7177)
    condition = np.linalg.cond(Theta / np.linalg.norm(Theta, axis=0))
    assert gram.path == "gram" and condition / 3 < gram.condition < 5 * condition


@pytest.mark.parametrize("path", ["auto", "gram"])
def test_collinear_columns_are_named_in_their_smallest_groups(lib, path):
    t = np.linspace(0, 7, 500)
    columns = [np.ones(500), t, np.sin(t) ** 2, np.exp(-t), np.cos(t) ** 2, 3 * t, 0 * t]
    gram = as_gram(lib.array(np.stack(columns, axis=1)), lib.array(np.sin(3 * t)), path=path)
    assert gram.collinear == ((0, 2, 4), (1, 5), (6,)) and gram.condition > 1e6
    assert gram.path == ("qr" if path == "auto" else "gram")


def test_dependences_are_those_of_the_columns():
    t = np.linspace(0, 7, 500)
    c, s = np.cos(t), np.sin(t)
    Theta = np.stack([np.ones(500), t, s**2, np.exp(-t), c**2, 3 * t, 0 * t, c**4, s**2 * c**2], axis=1)
    gram = as_gram(Theta, c)
    assert gram.dependences.shape == (3, 9) and not gram.dependences[:, 6].any()
    assert np.linalg.matrix_rank(gram.dependences) == 3
    np.testing.assert_allclose(Theta / gram.scale @ gram.dependences.T, 0, atol=1e-14)
    assert as_gram(*problem(seed=7215)).dependences.shape == (0, 9)


@pytest.mark.parametrize("path", ["gram", "qr"])
def test_dependent_columns_share_the_shortest_solution(path):
    rng = np.random.default_rng(7187)
    a, c = rng.standard_normal((2, 100))
    Theta = np.stack([a, c, 2 * a], axis=1)
    x = least_squares(as_gram(Theta, 3 * a + c, path=path), np.ones(3, bool))[:, 0]
    np.testing.assert_allclose(x, [1.5, 1.0, 0.75], rtol=1e-9)  # equal parts where all columns have length 1


@pytest.mark.parametrize(("p", "rank"), [(30, 10), (57, 37), (60, 50)])
def test_what_lapack_leaves_behind_the_rank_is_no_pivot(p, rank):
    rng = np.random.default_rng(7187)
    Theta = rng.standard_normal((300, rank))
    gram = as_gram(np.hstack([Theta, Theta @ rng.standard_normal((rank, p - rank))]), Theta[:, 0], path="gram")
    assert len(gram.collinear) == p - rank


def test_an_independent_library_has_no_groups():
    assert as_gram(*problem(seed=7193)).collinear == ()
    assert as_gram(*problem(seed=7193), path="qr").collinear == ()


@pytest.mark.parametrize("path", ["gram", "qr"])
def test_columns_of_any_scale_are_told_apart(path):
    Theta, Y = problem(p=4, seed=7207)
    scales = np.array([1e100, 1e-100, 1.0, 1e140])
    gram = as_gram(Theta * scales, Y, path=path)
    expected = np.linalg.lstsq(Theta, Y)[0] / scales[:, None]
    np.testing.assert_allclose(least_squares(gram, np.ones(4, bool)), expected, rtol=1e-9)
    assert gram.collinear == () and gram.condition < 10


@pytest.mark.parametrize("scale", [1e160, 1e-160])
def test_columns_whose_squares_are_no_doubles_are_refused(scale):
    Theta, Y = problem(seed=7211)
    Theta[:, 3] *= scale
    with pytest.raises(ValueError, match=r"function 3 has values up to .*e[+-]1[56].*rescale"):
        as_gram(Theta, Y)


@pytest.mark.parametrize("path", ["gram", "qr"])
def test_streams_add_up_to_the_whole(path):
    Theta, Y = problem(n=500, seed=7213)
    whole = as_gram(Theta, Y, path=path)
    total = sum((as_gram(Theta[i : i + 125], Y[i : i + 125], path=path) for i in (125, 250, 375)),
                as_gram(Theta[:125], Y[:125], path=path))  # fmt: skip
    assert total.n == 500 and total.path == path
    np.testing.assert_allclose(total.G, whole.G, rtol=1e-12, atol=1e-11)
    everything = np.ones(9, bool)
    np.testing.assert_allclose(least_squares(total, everything), least_squares(whole, everything), rtol=1e-9)
    x = least_squares(whole, everything) + 0.1
    np.testing.assert_allclose(total.rss(x), ((Y - Theta @ x) ** 2).sum(axis=0), rtol=1e-9)


def test_grams_of_other_libraries_are_not_added():
    with pytest.raises(ValueError, match="9 functions and 2 targets, and of 8 and 2"):
        as_gram(*problem(seed=7219)) + as_gram(*problem(p=8, seed=7220))


def test_residuals_are_those_of_the_data():
    Theta, Y = problem(seed=7229)
    x = np.random.default_rng(7230).standard_normal((9, 2))
    expected = ((Y - Theta @ x) ** 2).sum(axis=0)
    for path in ("gram", "qr"):
        np.testing.assert_allclose(as_gram(Theta, Y, path=path).rss(x), expected, rtol=1e-11)


def test_the_residual_of_an_exact_fit_is_right_to_its_last_digits_on_the_qr_path():
    Theta, Y = problem(seed=7237)
    x = np.ones((9, 2))
    noise = 1e-11 * Y
    gram = as_gram(Theta, Theta @ x + noise, path="qr")
    np.testing.assert_allclose(gram.rss(x), (noise**2).sum(axis=0), rtol=1e-2)
    assert (as_gram(Theta, Theta @ x + noise, path="gram").rss(x) >= 0).all()


def test_memory_is_a_chunk_and_the_sums():
    rng = np.random.default_rng(7243)
    n, program = 200_000, monomials(3, 4)
    samples = Samples(program=program, inputs=rng.standard_normal((3, n)), Y=rng.standard_normal((n, 3)))
    Gram.of(samples)
    tracemalloc.start()
    Gram.of(samples)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 3e6 < n * samples.p * 8 / 10


def test_chunks_of_any_length_give_the_same_sums(monkeypatch):
    Theta, Y = problem(n=1000, seed=7247)
    whole = as_gram(Theta, Y)
    monkeypatch.setattr(samples_page, "CHUNK", 9 * 37)
    monkeypatch.setattr(samples_page, "LONGEST", 7)
    assert len(list(Samples(Theta=Theta, Y=Y).chunks())) == 28
    np.testing.assert_allclose(as_gram(Theta, Y).G, whole.G, rtol=1e-12, atol=1e-11)


def test_fortran_order_views_and_integers_are_as_good(lib):
    rng = np.random.default_rng(7253)
    Theta, Y = rng.integers(-5, 5, (100, 6)), rng.integers(-5, 5, 100)
    expected = as_gram(Theta.astype(float), Y.astype(float)).G
    for other in (Theta, np.asfortranarray(Theta), np.repeat(Theta, 2, axis=0)[::2]):
        np.testing.assert_array_equal(as_gram(lib.array(other), lib.array(Y)).G, expected)


def test_float32_is_summed_in_double_and_kept(lib):
    Theta, Y = (part.astype("float32") for part in problem(n=5000, seed=7283))
    gram = as_gram(lib.array(Theta), lib.array(Y))
    np.testing.assert_allclose(gram.G, Theta.astype(float).T @ Theta.astype(float), rtol=1e-12, atol=1e-9)
    assert lib.host(gram.give(np.zeros((9, 2)))).dtype == np.float32


def test_columns_one_after_the_other_are_not_copied():
    rng = np.random.default_rng(7289)
    Theta, Y = np.asfortranarray(rng.standard_normal((100_000, 20))), rng.standard_normal(100_000)
    assert np.shares_memory(Samples(Theta=Theta, Y=Y).Theta, Theta)
    tracemalloc.start()
    gram = as_gram(Theta, Y)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2e6 < Theta.nbytes / 5
    np.testing.assert_allclose(gram.G, Theta.T @ Theta, rtol=1e-11, atol=1e-9)


def test_data_is_not_changed():
    Theta, Y = problem(seed=7297)
    before = Theta.copy(), Y.copy()
    as_gram(Theta, Y, path="qr")
    np.testing.assert_array_equal(Theta, before[0])
    np.testing.assert_array_equal(Y, before[1])


def test_not_a_number_is_named_in_theta_in_y_and_in_a_program(lib):
    Theta, Y = problem(n=2000, seed=7307)
    broken = Theta.copy()
    broken[1234, 5] = np.inf
    with pytest.raises(ValueError, match=r"Theta\[1234, 5\] is inf"):
        as_gram(lib.array(broken), lib.array(Y))
    broken = Y.copy()
    broken[77, 1] = np.nan
    with pytest.raises(ValueError, match=r"Y\[77, 1\] is nan"):
        as_gram(lib.array(Theta), lib.array(broken))
    tape = Tape(1)
    program = tape.program([tape.inputs[0], np.log(tape.inputs[0])])
    X = np.linspace(1, 2, 2000)[None, :]
    X[0, 321] = -1.0
    with pytest.raises(ValueError, match="function 1 of the library is nan at sample 321"):
        as_gram(Samples(program=program, inputs=lib.array(X), Y=lib.array(Y)))


@pytest.mark.parametrize(
    ("Theta", "Y", "message"),
    [
        (np.ones(5), np.ones(5), r"Theta has shape \(5,\)"),
        (np.ones((0, 3)), np.ones(0), r"Theta has shape \(0, 3\)"),
        (np.ones((5, 0)), np.ones(5), r"Theta has shape \(5, 0\)"),
        (np.ones((5, 2)), np.ones(4), r"Y has shape \(4,\).*n = 5"),
        (np.ones((5, 2)), np.ones((5, 0)), r"Y has shape \(5, 0\)"),
        (np.ones((5, 2)), np.ones((5, 1, 1)), r"Y has shape \(5, 1, 1\)"),
        (np.ones((5, 2)), None, "Y is missing"),
    ],
)
def test_shapes_that_do_not_fit_are_refused(Theta, Y, message):
    with pytest.raises(ValueError, match=message):
        as_gram(Theta, Y)


def test_complex_numbers_words_and_an_unknown_path_are_refused():
    Theta, Y = problem(seed=7309)
    with pytest.raises(TypeError, match="Theta is complex: stack real and imaginary"):
        as_gram(Theta + 1j, Y)
    with pytest.raises(TypeError, match="Y is complex"):
        as_gram(Theta, Y + 1j)
    with pytest.raises(TypeError, match="numbers are needed"):
        as_gram([["a", "b"]], [1.0])
    with pytest.raises(ValueError, match="'svd': accepted are 'auto', 'gram', 'qr'"):
        as_gram(Theta, Y, path="svd")


def test_samples_and_grams_have_targets_of_their_own():
    Theta, Y = problem(seed=7321)
    samples = Samples(Theta=Theta, Y=Y)
    for given in (samples, as_gram(samples)):
        with pytest.raises(ValueError, match=r"targets of (its|their) own"):
            as_gram(given, Y)


def test_samples_are_given_in_one_way_and_their_lengths_sum_up():
    Theta, Y = problem(seed=7331)
    with pytest.raises(ValueError, match="by one of both"):
        Samples(Theta=Theta, Y=Y, program=monomials(2, 1), inputs=Theta.T)
    with pytest.raises(ValueError, match="by one of both"):
        Samples(Y=Y)
    with pytest.raises(ValueError, match="a row for each of 2"):
        Samples(Y=Y, program=monomials(2, 1), inputs=Theta.T)
    with pytest.raises(ValueError, match="sum to 299"):
        Samples(Theta=Theta, Y=Y, lengths=(100, 199))


def test_fewer_samples_than_functions_are_said_so_and_fitted_exactly():
    Theta, Y = problem(n=5, seed=7333)
    with pytest.warns(UserWarning, match="5 samples of 9 functions"):
        gram = as_gram(Theta, Y)
    assert gram.path == "qr" and gram.collinear == ()
    scale = np.linalg.norm(Theta, axis=0)
    expected = np.linalg.lstsq(Theta / scale, Y)[0] / scale[:, None]
    np.testing.assert_allclose(least_squares(gram, np.ones(9, bool)), expected, rtol=1e-9)


def test_the_products_of_all_pairs_are_those_of_the_reference(lib):
    Z = np.random.default_rng(7337).standard_normal((7, 33))
    compiled, reference = np.empty((28, 33)), lib.array(np.empty((28, 33)) + 0.0)
    pairs.pair_products(Z, compiled)
    if lib.name != "numpy-readonly":
        pair_products.reference(lib.array(Z), reference)
        np.testing.assert_array_equal(compiled, lib.host(reference))
    i, j = np.triu_indices(7)
    np.testing.assert_array_equal(compiled, Z[i] * Z[j])


def test_the_factor_of_no_chunk_is_zero():
    R, z, rest = triangular([], np.ones(3), 2)
    assert not R.any() and not z.any() and not rest.any()

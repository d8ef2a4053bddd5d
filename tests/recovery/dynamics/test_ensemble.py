"""Ensembles: bootstraps as counts, what models agree on, any optimizer, and what becomes of bad input."""

import functools
import tracemalloc
import warnings
from dataclasses import replace
from importlib.resources import files

import numpy as np
import pytest

from sparsesci._lib.result import ConvergenceWarning, Status
from sparsesci.recovery.dynamics import bootstrap
from sparsesci.recovery.dynamics import samples as samples_page
from sparsesci.recovery.dynamics.ensemble import ensemble, over_models
from sparsesci.recovery.dynamics.gram import Gram, as_gram
from sparsesci.recovery.dynamics.grid_search import grid_search
from sparsesci.recovery.dynamics.polynomial_library import PolynomialLibrary
from sparsesci.recovery.dynamics.program import Tape
from sparsesci.recovery.dynamics.samples import Samples
from sparsesci.recovery.dynamics.stlsq import stlsq


def problem(n=150, p=8, d=2, *, seed, noise=0.3):
    """Return Theta, Y and the coefficients."""
    rng = np.random.default_rng(seed)
    Theta, x = rng.standard_normal((n, p)), np.zeros((p, d))
    for k in range(d):
        x[rng.permutation(p)[:2], k] = rng.choice([-1, 1], 2) * rng.uniform(0.7, 2, 2)
    return Theta, Theta @ x + noise * rng.standard_normal((n, d)), x


def own_stlsq(gram, **options):
    """Do what `stlsq` does, in a form that has no fast path."""
    return stlsq(gram, **options)


@pytest.mark.parametrize("aggregate", ["median", "mean", "refit"])
def test_the_terms_are_found(lib, aggregate):
    Theta, Y, x = problem(seed=7763)
    optimizer = functools.partial(stlsq, threshold=0.3)
    result = ensemble(optimizer, aggregate=aggregate, rng=7550)(lib.array(Theta), lib.array(Y))
    assert result.success and lib.host(result.coef_list).shape == (100, 8, 2)
    np.testing.assert_array_equal(lib.host(result.support), x != 0)
    np.testing.assert_allclose(lib.host(result.x), x, atol=0.1)
    assert (lib.host(result.inclusion_probability)[x != 0] == 1).all()


def test_all_libraries_draw_the_same_models(lib):
    Theta, Y, _ = problem(seed=7559)
    models = ensemble(n_models=5, rng=7560)(lib.array(Theta), lib.array(Y)).coef_list
    np.testing.assert_allclose(lib.host(models), ensemble(n_models=5, rng=7560)(Theta, Y).coef_list, rtol=1e-10)


@pytest.mark.parametrize("bagging", ["rows", "blocks", "trajectories"])
def test_each_model_is_the_regression_on_the_rows_that_were_drawn(bagging):
    Theta, Y, _ = problem(seed=7561)
    samples = Samples(Theta=Theta, Y=Y, lengths=(40, 60, 50))
    many = ensemble(functools.partial(stlsq, threshold=0.2), n_models=7, bagging=bagging, rng=7562)
    result, (_, counts) = many(samples), many.draws(samples, as_gram(samples))
    for model, count in zip(result.coef_list, counts, strict=True):
        rows = np.repeat(np.arange(150), count)
        np.testing.assert_allclose(model, stlsq(Theta[rows], Y[rows], threshold=0.2).x, rtol=1e-9, atol=1e-13)


@pytest.mark.parametrize("library_fraction", [1.0, 0.6])
@pytest.mark.parametrize("path", ["gram", "qr"])
def test_any_optimizer_gives_what_the_fast_path_gives(path, library_fraction):
    Theta, Y, _ = problem(seed=7573)
    if path == "qr":
        Theta[:, 3] = Theta[:, 4] + 1e-7 * Theta[:, 3]
    options = {"n_models": 9, "library_fraction": library_fraction, "rng": 7574}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        fast, slow = (ensemble(functools.partial(f, threshold=0.2), **options)(Theta, Y) for f in (stlsq, own_stlsq))
    assert fast.path == path
    np.testing.assert_array_equal(fast.offered, slow.offered)
    np.testing.assert_allclose(fast.coef_list, slow.coef_list, rtol=1e-6, atol=1e-6 * abs(slow.coef_list).max())


def test_models_of_a_singular_library_agree_with_those_found_one_by_one():
    Theta, Y, x = problem(seed=7577)
    Theta = np.concatenate([Theta, Theta[:, :1] - Theta[:, 1:2]], axis=1)
    result = ensemble(functools.partial(stlsq, threshold=0.05, alpha=0.0), n_models=4, rng=7583)(Theta, Y)
    many = ensemble(functools.partial(own_stlsq, threshold=0.05, alpha=0.0), n_models=4, rng=7583)(Theta, Y)
    assert result.collinear == ((0, 1, 8),)
    np.testing.assert_allclose(result.coef_list, many.coef_list, atol=0.05)
    np.testing.assert_allclose(Theta @ result.x, Theta[:, :8] @ x, atol=0.5)


@pytest.mark.parametrize("relative", [False, True])
def test_a_singular_bootstrap_is_in_the_units_of_all_samples(relative):
    Theta, Y, _ = problem(seed=7589)
    Theta, scales = np.concatenate([Theta, Theta[:, :1]], axis=1), np.geomspace(1, 100, 9)
    optimizer = functools.partial(stlsq, threshold=0.01, relative=relative)
    plain = ensemble(optimizer, n_models=4, rng=7590)(Theta, Y).coef_list
    scaled = ensemble(optimizer, n_models=4, rng=7590)(Theta * scales, Y).coef_list
    if relative:
        np.testing.assert_allclose(scaled * scales[:, None], plain, atol=1e-8)
    else:
        assert (np.count_nonzero(scaled, axis=(1, 2)) < np.count_nonzero(plain, axis=(1, 2))).all()
        assert (abs(scaled[scaled != 0]) >= 0.009).all()


def test_the_sums_of_all_bootstraps_are_those_of_their_rows(lib):
    Theta, Y, _ = problem(seed=7591)
    rng = np.random.default_rng(7592)
    counts = [bootstrap.counted(rng, (150,), "rows", 1) for _ in range(3)]
    samples = Samples(Theta=lib.array(Theta), Y=lib.array(Y))
    Z = np.concatenate([Theta, Y], axis=1)
    for models, drawn, sums in bootstrap.batches(samples, iter(counts), 3):
        np.testing.assert_array_equal(drawn, counts[models])
        np.testing.assert_allclose(sums, [(Z.T * row) @ Z for row in counts[models]], rtol=1e-12, atol=1e-11)


def test_one_product_and_updates_give_the_same_sums():
    Theta, Y, _ = problem(seed=7603, n=3000)
    counts = np.random.default_rng(7604).integers(5, size=(6, 3000)).astype(np.uint8)
    samples = Samples(Theta=Theta, Y=Y)
    np.testing.assert_allclose(
        bootstrap.by_products(samples, counts), bootstrap.by_updates(samples, counts), rtol=1e-12, atol=1e-10
    )


def test_results_do_not_depend_on_the_size_of_chunks_and_batches(monkeypatch):
    Theta, Y, _ = problem(seed=7607)
    whole = ensemble(n_models=10, rng=7608)(Theta, Y)
    monkeypatch.setattr(bootstrap, "SUMS", 300)  # three models at a time
    monkeypatch.setattr(bootstrap, "PRODUCTS", 1)
    monkeypatch.setattr(samples_page, "CHUNK", 100)
    parts = ensemble(n_models=10, rng=7608)(Theta, Y)
    np.testing.assert_allclose(whole.coef_list, parts.coef_list, rtol=1e-9, atol=1e-13)


def test_a_seed_gives_the_same_models_and_a_generator_new_ones():
    Theta, Y, _ = problem(seed=7621)
    seeded = ensemble(n_models=3, rng=7622)
    np.testing.assert_array_equal(seeded(Theta, Y).coef_list, seeded(Theta, Y).coef_list)
    drawn = ensemble(n_models=3, rng=np.random.default_rng(7622))
    assert (drawn(Theta, Y).coef_list != drawn(Theta, Y).coef_list).any()


def test_rows_blocks_and_trajectories_are_drawn_as_they_say():
    rng, lengths = np.random.default_rng(7639), (30, 45, 25)
    rows = sum(bootstrap.counted(rng, lengths, "rows", 1) for _ in range(2000)) / 2000
    blocks = sum(bootstrap.counted(rng, lengths, "blocks", 10) for _ in range(2000)) / 2000
    assert abs(rows - 1).max() < 0.12 and abs(blocks - 1).max() < 0.15  # five standard deviations of the mean
    one = bootstrap.counted(rng, lengths, "blocks", 10)
    assert one.sum() == 100 and np.count_nonzero(np.diff(one)) <= 2 * 12 + 2
    whole = bootstrap.counted(rng, lengths, "trajectories", 10)
    assert [len(set(part)) for part in np.split(whole, [30, 75])] == [1, 1, 1]
    assert sum(whole[[0, 30, 75]]) == 3


def test_a_block_stays_within_its_trajectory():
    rng = np.random.default_rng(7643)
    for _ in range(50):
        count = bootstrap.counted(rng, (10, 10), "blocks", 20)  # one block: twice around its trajectory
        assert sorted([count[:10].tolist(), count[10:].tolist()]) == [[0] * 10, [2] * 10]


def test_what_a_library_bag_does_not_offer_does_not_count():
    Theta, Y, x = problem(seed=7649)
    result = ensemble(functools.partial(stlsq, threshold=0.2), library_fraction=0.75, rng=7650)(Theta, Y)
    assert (result.offered.sum(axis=1) == 6).all() and not result.coef_list[~result.offered].any()
    for j in range(8):
        given = result.coef_list[result.offered[:, j], j]
        np.testing.assert_allclose(result.inclusion_probability[j], (given != 0).mean(axis=0))
        np.testing.assert_allclose(result.x[j][x[j] != 0], np.median(given, axis=0)[x[j] != 0])


def test_library_bagging_gives_each_model_all_samples_and_a_part_of_the_library():
    Theta, Y, _ = problem(seed=7793)
    optimizer = functools.partial(stlsq, threshold=0.2)
    result = ensemble(optimizer, n_models=6, bagging="none", library_fraction=0.6, rng=7794)(Theta, Y)
    for model, offered in zip(result.coef_list, result.offered, strict=True):
        alone = stlsq(Theta[:, offered], Y, threshold=0.2).x
        np.testing.assert_allclose(model[offered], alone, rtol=1e-9, atol=1e-13)
    assert (result.offered.sum(axis=1) == 5).all() and len(set(map(bytes, result.offered))) > 1


@pytest.mark.parametrize("width", [8, 100])
def test_models_that_all_have_the_same_samples_share_their_sums(monkeypatch, width):
    Theta, Y, _ = problem(seed=7817, p=width)
    name, formed = ("by_products" if width == 8 else "by_updates"), []
    original = getattr(bootstrap, name)
    monkeypatch.setattr(
        bootstrap, name, lambda samples, counts: formed.append(len(counts)) or original(samples, counts)
    )
    ensemble(n_models=30, bagging="none", library_fraction=0.5, rng=7818)(Theta, Y)
    assert formed == [1]


def test_a_double_bagged_target_has_the_models_of_its_own_library(lib):
    Theta, Y, _ = problem(seed=7823, noise=1.5)
    optimizer = functools.partial(stlsq, threshold=0.3)
    bag = ensemble(optimizer, n_models=40, bagging="none", library_fraction=0.6, inclusion=0.4, rng=7824)
    many = ensemble(optimizer, n_models=12, library_bagging=bag, rng=7825)
    result = many(lib.array(Theta), lib.array(Y))
    is_kept = bag(Theta, Y).inclusion_probability >= 0.4
    assert (is_kept[:, 0] != is_kept[:, 1]).any()
    for k, rng in enumerate(np.random.default_rng(7825).spawn(2)):
        alone = replace(many, library_bagging=None, rng=rng)(Theta[:, is_kept[:, k]], Y[:, k])
        models = lib.host(result.coef_list)[:, :, k]
        assert not models[:, ~is_kept[:, k]].any()
        np.testing.assert_allclose(models[:, is_kept[:, k]], alone.coef_list, rtol=1e-9, atol=1e-13)
        np.testing.assert_allclose(lib.host(result.x)[is_kept[:, k], k], alone.x, rtol=1e-9, atol=1e-13)


def test_double_bagging_takes_programs_and_trajectories():
    rng, tape = np.random.default_rng(7829), Tape(2)
    u, v = tape.inputs
    program, inputs = tape.program([u, v, u * v, u * u, v * v]), rng.standard_normal((2, 120))
    Y = np.stack([inputs[0] - inputs[1] ** 2, 2 * inputs[0] * inputs[1]], axis=1) + 0.3 * rng.standard_normal((120, 2))
    optimizer = functools.partial(stlsq, threshold=0.3)
    bag = ensemble(optimizer, bagging="none", library_fraction=0.6, rng=7830)
    many = ensemble(optimizer, n_models=9, bagging="trajectories", library_bagging=bag, rng=7831)
    parts = {"Y": Y, "lengths": (30, 20, 40, 30)}
    result = many(Samples(program=program, inputs=inputs, **parts))
    np.testing.assert_array_equal(result.support.T, [[1, 0, 0, 0, 1], [0, 0, 1, 0, 0]])
    np.testing.assert_allclose(result.coef_list, many(Samples(Theta=program(inputs).T, **parts)).coef_list, atol=1e-12)


def test_library_bagging_finds_the_published_equations_of_lynx_and_hare():
    # Fasel et al. (2022): u' = .525 u - .411 u v, v' = -.967 v + .586 u v; the bounds are what seeds differ by.
    path = files("sparsesci.bench") / "data" / "hudson_bay_lynx_hare.csv"
    _, lynx, hare = np.loadtxt(str(path), delimiter=",", skiprows=3, unpack=True)
    x = np.stack([hare / hare.std(ddof=1), lynx / lynx.std(ddof=1)], axis=1)
    x_dot, ends = np.empty_like(x), np.array([-11 / 6, 3, -3 / 2, 1 / 3])
    x_dot[2:-2] = (x[:-4] - 8 * x[1:-3] + 8 * x[3:-1] - x[4:]) / 12
    for i in (0, 1):  # one-sided, of the third order
        x_dot[i], x_dot[-1 - i] = ends @ x[i : i + 4], -ends @ x[::-1][i : i + 4]
    Theta, one = PolynomialLibrary(3).transform(x), functools.partial(stlsq, threshold=0.19)
    bag = ensemble(one, n_models=150, bagging="none", library_fraction=0.9, inclusion=0.65, rng=7841)
    options = {"inclusion": 0.8, "aggregate": "mean", "library_bagging": bag}
    double = ensemble(one, n_models=1000, **options, rng=7842)(Theta, x_dot)
    names = PolynomialLibrary(3).names(["u", "v"])
    found = [{names[j]: row[j] for j in np.flatnonzero(row)} for row in double.coef]
    assert found[0] == pytest.approx({"u": 0.525, "u v": -0.411}, abs=0.005)
    assert found[1] == pytest.approx({"v": -0.967, "u v": 0.586}, abs=0.03)
    single = ensemble(one, n_models=1, bagging="none", library_bagging=bag)(Theta, x_dot)
    np.testing.assert_array_equal(single.support, double.support)


def test_a_median_leaves_out_a_term_whose_sign_most_models_do_not_agree_on():
    Theta, Y, _ = problem(seed=7853, p=2, d=2)
    models = np.zeros((100, 2, 2))
    models[:40, 0, 0], models[40:75, 0, 0], models[:75, 1, 1] = 1.0, -0.8, 1.0
    gram, offered = as_gram(Theta, Y), np.ones((100, 2), bool)
    (median, inclusion), (mean, _) = (
        ensemble(aggregate=name).agreed(gram, models, offered) for name in ("median", "mean")
    )
    np.testing.assert_allclose(inclusion, [[0.75, 0], [0, 0.75]])
    np.testing.assert_allclose(median, [[0, 0], [0, 1]])
    np.testing.assert_allclose(mean, [[0.12, 0], [0, 0.75]])


def test_a_library_bag_that_leaves_nothing_is_a_status():
    Theta, Y, _ = problem(seed=7867)
    bag = ensemble(functools.partial(stlsq, threshold=50.0), bagging="none", library_fraction=0.5, rng=7868)
    with pytest.warns(ConvergenceWarning, match=r"of target 0, 1 nothing is left"):
        result = ensemble(library_bagging=bag, rng=7869)(Theta, Y)
    assert result.status is Status.EMPTY and not result.coef_list.any()


def test_a_library_bag_is_an_ensemble():
    with pytest.raises(TypeError, match=r"library_bagging is 0.9: what ensemble\(...\) returns"):
        ensemble(library_bagging=0.9)


def test_a_grid_has_no_library_for_each_target():
    Theta, Y, _ = problem(seed=7873)
    with pytest.raises(ValueError, match="library_bagging leaves each target models of its own"):
        grid_search(Theta, Y, thresholds=[0.1, 0.2], ensemble=ensemble(library_bagging=ensemble()))


def test_what_is_in_too_few_models_is_left_out():
    Theta, Y, _ = problem(seed=7669, noise=3.0)
    optimizer = functools.partial(stlsq, threshold=0.3)
    low, high = (ensemble(optimizer, inclusion=part, aggregate="mean", rng=7670)(Theta, Y) for part in (0.0, 0.9))
    np.testing.assert_array_equal(low.inclusion_probability, high.inclusion_probability)
    np.testing.assert_array_equal(high.support, high.inclusion_probability >= 0.9)
    assert high.complexity < low.complexity


def test_intervals_are_quantiles_of_the_models(lib):
    Theta, Y, _ = problem(seed=7673)
    result = ensemble(functools.partial(stlsq, threshold=0.0), rng=7674)(lib.array(Theta), lib.array(Y))
    low, high = (lib.host(bound) for bound in result.interval(0.8))
    models = lib.host(result.coef_list)
    np.testing.assert_allclose(low, np.quantile(models, 0.1, axis=0))
    np.testing.assert_allclose(high, np.quantile(models, 0.9, axis=0))


def test_intervals_hold_the_truth_as_often_as_they_say():
    held = []
    for seed in range(7681, 7721):
        Theta, Y, x = problem(seed=seed, noise=1.0)
        low, high = ensemble(functools.partial(stlsq, threshold=0.0), n_models=300, rng=seed)(Theta, Y).interval(0.9)
        held.append((low <= x) & (x <= high))
    assert 0.85 < np.mean(held) < 0.94


def test_over_models_takes_vectors_and_columns_that_were_never_offered():
    models, offered = np.arange(12.0).reshape(4, 3), np.array([[1, 0, 0], [1, 1, 0], [0, 1, 0], [1, 1, 0]], bool)
    np.testing.assert_allclose(over_models(lambda part: part.mean(axis=0), models, offered), [4, 7, 0])
    bounds = over_models(lambda part: np.quantile(part, [0, 1], axis=0), models, offered)
    np.testing.assert_allclose(bounds, [[0, 4, 0], [9, 10, 0]])


def test_a_vector_gives_vectors(lib):
    Theta, Y, _ = problem(seed=7723)
    result = ensemble(functools.partial(stlsq, threshold=0.3), n_models=11, rng=7724)(
        lib.array(Theta), lib.array(Y[:, 0])
    )
    assert lib.host(result.x).shape == (8,) and lib.host(result.coef_list).shape == (11, 8)
    assert lib.host(result.interval()[0]).shape == (8,)


def test_nothing_left_is_a_status():
    Theta, Y, _ = problem(seed=7727)
    with pytest.warns(ConvergenceWarning, match=r"of target 0, 1 nothing is left.*lower inclusion"):
        result = ensemble(functools.partial(stlsq, threshold=50.0), rng=7728)(Theta, Y)
    assert result.status is Status.EMPTY and not result.x.any()


def test_a_column_that_a_bootstrap_has_only_zeros_of_does_no_harm():
    Theta, Y, _ = problem(seed=7741)
    Theta[:, 6] = np.eye(150)[17]
    result = ensemble(functools.partial(stlsq, threshold=0.0), n_models=20, rng=7742)(Theta, Y)
    assert np.isfinite(result.coef_list).all() and 0.3 < result.inclusion_probability[6, 0] < 0.9


def test_a_gram_has_nothing_to_draw_from():
    Theta, Y, _ = problem(seed=7753)
    with pytest.raises(TypeError, match="a Gram has only their sums"):
        ensemble()(Gram.of(Samples(Theta=Theta, Y=Y)))


def test_one_trajectory_is_not_drawn_from():
    Theta, Y, _ = problem(seed=7757)
    with pytest.raises(ValueError, match="there is one"):
        ensemble(bagging="trajectories")(Theta, Y)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_models": 0}, "n_models is 0"),
        ({"bagging": "columns"}, "bagging is 'columns'"),
        ({"aggregate": "mode"}, "aggregate is 'mode'"),
        ({"library_fraction": 0.0}, "library_fraction is 0.0: a part of 1"),
        ({"inclusion": 1.5}, "inclusion is 1.5: a part of 1"),
        ({"block_length": 0}, "block_length is 0"),
    ],
)
def test_options_that_make_no_sense_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        ensemble(**options)


def test_an_optimizer_that_cannot_be_called_is_refused():
    with pytest.raises(TypeError, match="optimizer is 'stlsq': a callable"):
        ensemble("stlsq")


def test_options_of_the_optimizer_are_checked():
    Theta, Y, _ = problem(seed=7759)
    with pytest.raises(ValueError, match="threshold is -1"):
        ensemble(functools.partial(stlsq, threshold=-1))(Theta, Y)


def test_memory_is_bounded_however_many_samples():
    rng = np.random.default_rng(7789)
    tape = Tape(2)
    x, y = tape.inputs
    program = tape.program([tape.constant(1.0), x, y, x * x, x * y, y * y, x * x * x, x * x * y, x * y * y, y * y * y])
    n = 100_000
    samples = Samples(program=program, inputs=rng.standard_normal((2, n)), Y=rng.standard_normal(n))
    many = ensemble(functools.partial(stlsq, threshold=0.0), n_models=10, rng=7790)
    many(samples)
    tracemalloc.start()
    many(samples)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10 * n + 8e6  # a byte for each count, and a chunk of 4 MB with its draws

"""LightSB: what is known in closed form, the descent, the dynamics, and what becomes of bad input."""

import copy
import pickle

import numpy as np
import pytest

from sparsesci import NotFittedError
from sparsesci.solvers import ConvergenceWarning
from sparsesci.solvers.transport.light_sb import FORMS, LightSB
from sparsesci.solvers.transport.mixture_start import centres, merged
from sparsesci.solvers.transport.moment_matching import gradient, loss, matching_direction, slope_along
from sparsesci.solvers.transport.tilted_mixture import Mixture, bridge_covariance, draw, square


def swiss_roll(rng, n):
    angle = 1.5 * np.pi * (1 + 2 * rng.random(n))
    roll = angle[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return (roll + 0.8 * rng.standard_normal((n, 2))) / 7.5


def eight_gaussians(rng, n):
    angle = rng.integers(8, size=n) * np.pi / 4
    return 2 * np.stack([np.cos(angle), np.sin(angle)], axis=1) + 0.2 * rng.standard_normal((n, 2))


SHAPES = {"swiss roll": swiss_roll, "eight Gaussians": eight_gaussians}


def gaussians(rng, n, D):
    """Draw samples with full covariances and distinct means."""
    A, B = rng.standard_normal((2, D, D)) / np.sqrt(D)
    return rng.standard_normal((n, D)) @ A + 1.0, rng.standard_normal((n, D)) @ B - 2.0


def positive_definite(rng, K, D):
    A = rng.standard_normal((K, D, D))
    return A @ A.mT / D + 0.3 * np.eye(D)


def random_mixture(rng, K, D, covariance):
    S = positive_definite(rng, K, D)
    S = {"full": S, "diag": S[:, range(D), range(D)], "spherical": S[:, 0, 0]}[covariance]
    return Mixture(rng.standard_normal(K), rng.standard_normal((K, D)), S)


def root(A):
    values, vectors = np.linalg.eigh(A)
    return (vectors * np.sqrt(values)) @ vectors.T


# What is known in closed form


@pytest.mark.parametrize("eps", [0.01, 0.5, 20.0])
def test_one_full_component_is_the_bridge_between_gaussians(eps):
    # Janati, Muzellec, Peyre, Cuturi, NeurIPS 2020, theorem 1: the cross-covariance of the plan, by square roots of A
    X, Y = gaussians(np.random.default_rng(61), 500, 3)
    A, B = np.cov(X.T, bias=True), np.cov(Y.T, bias=True)
    R = root(A)
    cross = (R @ root(4 * R @ B @ R + eps**2 * np.eye(3)) @ np.linalg.inv(R) - eps * np.eye(3)) / 2
    bridge = LightSB(eps, 1, covariance="full", tol=1e-12, rng=62).fit(X, Y)
    expected = Y.mean(axis=0) + (X - X.mean(axis=0)) @ np.linalg.inv(A) @ cross
    np.testing.assert_allclose(bridge.predict(X), expected, atol=1e-8)
    np.testing.assert_allclose(A @ bridge.covariances_[0], cross, atol=1e-8)


def test_a_plan_of_three_components_is_found_again():
    # Y is drawn from the plan of a known mixture: no fit can be better on average than that mixture
    rng = np.random.default_rng(63)
    known = LightSB(0.5, 3, rng=64).fit(rng.standard_normal((400, 2)), eight_gaussians(rng, 400))
    X = rng.standard_normal((20_000, 2))
    Y = known.sample(X, rng=65)
    fitted = LightSB(0.5, 3, rng=66).fit(X, Y)
    test = rng.standard_normal((20_000, 2))
    far = known.predict(test).std()
    assert np.sqrt(np.mean((fitted.predict(test) - known.predict(test)) ** 2)) < 0.03 * far
    assert abs(fitted.score(X, Y) - known.score(X, Y)) < 5e-3


def test_the_plan_agrees_with_sinkhorn_on_a_grid():
    y = np.linspace(-4, 4, 401)
    eps, x = 0.3, y
    p = np.exp(-((x - 0.3) ** 2) / 1.2)
    q = np.exp(-((y + 1.2) ** 2) / 0.18) + 0.5 * np.exp(-((y - 1) ** 2) / 0.5)
    p, q = p / p.sum(), q / q.sum()
    kernel = np.exp(-((x[:, None] - y) ** 2) / (2 * eps))
    g = np.ones_like(y)
    for _ in range(2000):
        f = p / (kernel @ g)
        g = q / (f @ kernel)
    expected = (kernel @ (g * y)) / (kernel @ g)
    rng = np.random.default_rng(67)
    X, Y = (rng.choice(y, 50_000, p=weights)[:, None] for weights in (p, q))
    found = LightSB(eps, 10, rng=68).fit(X, Y).predict(y[:, None])[:, 0]
    assert np.sqrt(p @ (found - expected) ** 2) < 0.03


@pytest.mark.parametrize("V_x", ["definite", "singular", "zero"])
def test_the_covariance_of_the_bridge_solves_its_equation(V_x):
    rng = np.random.default_rng(69)
    V_y, A = positive_definite(rng, 4, 3), positive_definite(rng, 4, 3)
    A = {"definite": A, "singular": square(A[:, 0], A), "zero": 0 * A}[V_x]
    S = bridge_covariance(A, V_y, 0.2, 0.0)
    np.testing.assert_allclose(S @ A @ S + 0.2 * S, V_y, atol=1e-12)


# Loss, gradient, descent


@pytest.mark.parametrize("covariance", FORMS)
def test_the_gradient_is_that_of_the_loss(covariance):
    rng = np.random.default_rng(71)
    X, Y = rng.standard_normal((2, 40, 3))
    mixture, change = (random_mixture(rng, 4, 3, covariance) for _ in range(2))
    _, at_x, at_y = loss(X, Y, mixture, 0.7)
    slope = slope_along(gradient(mixture, at_x, at_y, 0.7), change).sum()
    h = 1e-5
    after, before = (loss(X, Y, mixture.moved(step, change), 0.7)[0] for step in (h, -h))
    np.testing.assert_allclose(slope, (after - before) / (2 * h), rtol=1e-7)


@pytest.mark.parametrize("eps", [0.05, 1.0, 10.0])
@pytest.mark.parametrize("covariance", FORMS)
def test_every_component_goes_downhill_from_anywhere(covariance, eps):
    rng = np.random.default_rng(73)
    X, Y = rng.standard_normal((200, 3)), 2 * rng.standard_normal((150, 3))
    for _ in range(20):
        mixture = random_mixture(rng, 5, 3, covariance)
        _, at_x, at_y = loss(X, Y, mixture, eps)
        direction = matching_direction(mixture, at_x, at_y, eps, 0.0)
        assert slope_along(gradient(mixture, at_x, at_y, eps), direction).max() < 0


@pytest.mark.parametrize("eps", [0.01, 0.1, 1.0, 10.0])
@pytest.mark.parametrize("shape", SHAPES)
def test_the_loss_decreases_in_every_step_until_the_rule_is_met(shape, eps):
    rng = np.random.default_rng(79)
    X, Y = rng.standard_normal((1000, 2)), SHAPES[shape](rng, 1000)
    bridge = LightSB(eps, 10, rng=80).fit(X, Y)
    assert bridge.converged_ and bridge.n_iter_ >= len(bridge.losses_) - 1 > 0
    assert np.all(np.diff(bridge.losses_) < 0)


def test_at_the_end_all_moments_match():
    rng = np.random.default_rng(83)
    X, Y = rng.standard_normal((600, 2)), eight_gaussians(rng, 500)
    bridge = LightSB(0.5, 8, tol=1e-12, maxiter=5000, rng=84).fit(X, Y)
    mixture = Mixture(bridge.log_weights_, bridge.centres_ - Y.mean(axis=0), bridge.covariances_)
    _, at_x, at_y = loss(X - X.mean(axis=0), Y - Y.mean(axis=0), mixture, 0.5)
    np.testing.assert_allclose(at_x.mass, at_y.mass, atol=1e-6)
    np.testing.assert_allclose(mixture.r + mixture.S * at_x.mean, at_y.mean, atol=1e-5)
    np.testing.assert_allclose(mixture.S**2 * at_x.V + 0.5 * mixture.S, at_y.V, atol=1e-5)


def test_the_loss_is_that_of_the_paper():
    rng = np.random.default_rng(89)
    X, Y = rng.standard_normal((30, 2)) + 0.5, rng.standard_normal((40, 2)) - 0.7
    eps = 1.7
    bridge = LightSB(eps, 3, rng=90).fit(X, Y)
    alpha, r, S, origin = bridge.weights_, bridge.centres_, bridge.covariances_, bridge.origin_
    density = np.exp(-((Y[:, None] - r) ** 2 / (2 * eps * S)).sum(axis=2)) / np.sqrt(2 * np.pi * eps * S).prod(axis=1)
    log_v = np.log(density @ alpha) - Y @ origin / eps  # v in the coordinates of the data
    z = X - origin
    log_c = np.log(np.exp((z[:, None] ** 2 * S + 2 * z[:, None] * r).sum(axis=2) / (2 * eps)) @ alpha)
    np.testing.assert_allclose(bridge.score(X, Y), log_v.mean() - log_c.mean(), rtol=1e-12)
    np.testing.assert_allclose(bridge.score(X, Y), -bridge.losses_[-1], rtol=1e-12)


def test_moving_the_data_moves_the_plan():
    rng = np.random.default_rng(97)
    X, Y = rng.standard_normal((300, 2)), eight_gaussians(rng, 300)
    here = LightSB(0.1, 5, rng=98).fit(X, Y)
    there = LightSB(0.1, 5, rng=98).fit(X + 1e4, Y - 1e4)
    np.testing.assert_allclose(there.predict(X + 1e4), here.predict(X) - 1e4, atol=1e-5)
    assert there.n_iter_ == here.n_iter_


# The start


@pytest.mark.parametrize("seed", range(263, 269))
def test_every_cluster_gets_a_component_wherever_the_fit_began(seed):
    rng = np.random.default_rng(269)
    X, Y = rng.standard_normal((1000, 2)), eight_gaussians(rng, 1000)
    bridge = LightSB(0.1, 8, rng=seed).fit(X, Y)
    mixture = Mixture(bridge.log_weights_, bridge.centres_ - Y.mean(axis=0), bridge.covariances_)
    _, _, at_y = loss(X - X.mean(axis=0), Y - Y.mean(axis=0), mixture, 0.1)
    ends = at_y.mean + Y.mean(axis=0)
    assert np.unique(np.round(np.arctan2(ends[:, 1], ends[:, 0]) / (np.pi / 4)) % 8).size == 8


@pytest.mark.parametrize("eps", [0.1, 1.0, 10.0])
def test_no_start_ends_far_above_the_plan_that_the_data_were_drawn_from(eps):
    rng = np.random.default_rng(277)
    r = rng.standard_normal((5, 8))
    r *= 2.5 / np.linalg.norm(r, axis=1, keepdims=True)
    S = np.exp(rng.uniform(np.log(0.2), 0.0, (5, 8)))
    known = Mixture(-(r * r / S).sum(axis=1) / (2 * eps), r, S)
    X = rng.standard_normal((2000, 8))
    Y = draw(X, known, eps, rng.random(2000), rng.standard_normal((2000, 8)))
    least = loss(X, Y, known, eps)[0]
    for seed in (281, 283, 293, 307, 311):
        assert -LightSB(eps, 5, rng=seed).fit(X, Y).score(X, Y) < least + 0.05


def test_the_first_centres_lie_in_all_clusters(lib):
    clusters = np.repeat(100.0 * np.arange(7), 30)[:, None]
    Y = clusters + np.random.default_rng(307).standard_normal((210, 1))
    chosen = centres(lib.array(Y), 7, np.random.default_rng(311))
    assert np.unique(np.round(chosen / 100)).size == 7


def test_fewer_distinct_rows_than_centres_are_no_harm():
    chosen = centres(np.repeat([[0.0], [1.0]], 5, axis=0), 4, np.random.default_rng(313))
    assert sorted(set(chosen[:, 0])) == [0.0, 1.0]


@pytest.mark.parametrize("covariance", FORMS)
def test_a_component_that_was_cut_in_two_is_merged_again(covariance):
    # two halves of one component have the same moments as the whole: merging them costs nothing, and gives it back
    rng = np.random.default_rng(317)
    X, Y = rng.standard_normal((2, 500, 3))
    whole = random_mixture(rng, 3, 3, covariance)
    _, at_x, at_y = loss(X, Y, whole, 0.7)
    cut = [0, 1, 1, 2]
    halves = np.array([1, 0.5, 0.5, 1])
    at_x, at_y = (type(at)(halves * at.mass[cut], at.mean[cut], at.V[cut]) for at in (at_x, at_y))
    mixture = Mixture(*(part[cut] for part in whole))
    found = merged(mixture, at_x, at_y, 0.7, 0.0, 3)
    for k, (m, n) in enumerate(zip(at_x.mean[[0, 1, 3]], at_y.mean[[0, 1, 3]], strict=True)):
        S = found.S[k] if covariance == "full" else np.eye(3) * found.S[k]
        np.testing.assert_allclose(found.r[k] + S @ m, n, atol=1e-12)


# Samples, drift, paths


@pytest.mark.parametrize("covariance", FORMS)
@pytest.mark.parametrize("eps", [0.05, 1.0])
def test_the_image_of_new_points_has_the_moments_of_the_target(covariance, eps):
    rng = np.random.default_rng(101)
    X, Y = rng.standard_normal((4000, 2)), swiss_roll(rng, 4000)
    bridge = LightSB(eps, 20, covariance=covariance, rng=102).fit(X, Y)
    image = bridge.sample(rng.standard_normal((20_000, 2)), rng=103)
    np.testing.assert_allclose(image.mean(axis=0), Y.mean(axis=0), atol=0.06)
    np.testing.assert_allclose(np.cov(image.T), np.cov(Y.T), atol=0.06)


@pytest.mark.parametrize("covariance", FORMS)
def test_samples_have_the_conditional_mean_that_predict_states(covariance):
    rng = np.random.default_rng(107)
    bridge = LightSB(0.5, 6, covariance=covariance, rng=108).fit(
        rng.standard_normal((500, 2)), eight_gaussians(rng, 500)
    )
    points = np.array([[0.3, -0.2], [1.5, 1.0]])
    drawn = bridge.sample(np.repeat(points, 20_000, axis=0), rng=109).reshape(2, -1, 2)
    error = drawn.std(axis=1) / np.sqrt(20_000)
    assert np.all(np.abs(drawn.mean(axis=1) - bridge.predict(points)) < 4 * error)


@pytest.mark.parametrize("covariance", FORMS)
@pytest.mark.parametrize("step", [0, 3, 7])
def test_the_drift_is_the_mean_velocity_of_the_paths(covariance, step):
    # E[(x_{t+h} - x_t) f(x_t)] = h E[g(x_t, t) f(x_t)] up to O(h), f = 1, x and x^2; h = 1 / 100
    rng = np.random.default_rng(113)
    X, Y = rng.standard_normal((1000, 2)) + 0.5, eight_gaussians(rng, 1000)
    bridge = LightSB(1.0, 8, covariance=covariance, rng=114).fit(X, Y)
    paths = bridge.sample_paths(rng.standard_normal((100_000, 2)) + 0.5, 100, rng=115)
    now, then = paths[:, 10 * step], paths[:, 10 * step + 1]
    difference = (then - now) * 100 - bridge.drift(now, step / 10)
    for f in (np.ones_like(now), now, now**2):
        errors = (difference * f).std(axis=0) / np.sqrt(len(now))
        assert np.all(np.abs((difference * f).mean(axis=0)) < 4 * errors + 0.02)


@pytest.mark.parametrize("covariance", FORMS)
@pytest.mark.parametrize("t", [0.0, 0.4, 0.9])
def test_the_drift_points_to_the_mean_end_by_quadrature(covariance, t):
    # E[y | x_t = x] under exp(-|y - x|^2 / (2 eps (1 - t)) + |y|^2 / (2 eps)) v(y), v in the coordinates of the data
    rng = np.random.default_rng(251)
    X = 0.7 * rng.standard_normal((300, 2)) + 0.5
    Y = np.concatenate(
        [0.3 * rng.standard_normal((200, 2)) - 0.4, rng.standard_normal((100, 2)) @ [[1, 0.6], [0, 0.7]]]
    )
    eps = 0.6
    bridge = LightSB(eps, 4, covariance=covariance, rng=257).fit(X, Y)
    S = bridge.covariances_
    S = S if S.ndim == 3 else np.stack([np.eye(2) * row for row in S])
    axis = np.linspace(-7, 7, 281)
    y = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    away = y[:, None] - bridge.centres_
    squares = np.einsum("nki,kij,nkj->nk", away, np.linalg.inv(S), away) / (2 * eps)
    v = (bridge.weights_ / np.sqrt(np.linalg.det(S)) * np.exp(-squares)).sum(axis=1)
    for x in ([0.2, -0.3], [1.2, 0.4]):
        exponent = -((y - x) ** 2).sum(axis=1) / (1 - t) + (y**2).sum(axis=1) - 2 * y @ bridge.origin_
        weights = v * np.exp((exponent - exponent.max()) / (2 * eps))
        mean_end = weights @ y / weights.sum()
        np.testing.assert_allclose(bridge.drift([x], t)[0], (mean_end - x) / (1 - t), atol=1e-6)


@pytest.mark.parametrize("covariance", FORMS)
def test_the_drift_at_the_ends_is_what_the_plan_and_its_potential_say(covariance):
    rng = np.random.default_rng(127)
    X, Y = rng.standard_normal((300, 3)) + 0.5, 2 * rng.standard_normal((300, 3)) - 1
    bridge = LightSB(0.8, 4, covariance=covariance, rng=128).fit(X, Y)
    np.testing.assert_allclose(bridge.drift(X, 0), bridge.predict(X) - X, atol=1e-10)
    np.testing.assert_allclose(bridge.drift(X, 1), bridge.drift(X, 1 - 1e-9), atol=1e-6)


def test_the_paths_begin_in_x_and_end_like_samples():
    rng = np.random.default_rng(131)
    X, Y = rng.standard_normal((300, 2)), eight_gaussians(rng, 300)
    bridge = LightSB(0.4, 8, rng=132).fit(X, Y)
    paths = bridge.sample_paths(X, 5, rng=133)
    assert paths.shape == (300, 6, 2)
    np.testing.assert_array_equal(paths[:, 0], X)
    np.testing.assert_array_equal(paths[:, -1], bridge.sample(X, rng=133))


def test_the_noise_of_the_paths_is_that_of_the_wiener_process():
    rng = np.random.default_rng(137)
    X, Y = rng.standard_normal((500, 1)), rng.standard_normal((500, 1))
    paths = LightSB(0.4, 1, rng=138).fit(X, Y).sample_paths(rng.standard_normal((2000, 1)), 100, rng=139)
    np.testing.assert_allclose((np.diff(paths, axis=1) ** 2).sum(axis=1).mean(), 0.4, rtol=0.03)


def test_equal_seeds_give_equal_answers():
    data = np.random.default_rng(139)
    X, Y = data.standard_normal((200, 2)), eight_gaussians(data, 200)
    one, two, other = (LightSB(0.5, 4, rng=seed).fit(X, Y) for seed in (149, 149, 151))
    np.testing.assert_array_equal(one.centres_, two.centres_)
    assert not np.array_equal(one.centres_, other.centres_)
    np.testing.assert_array_equal(one.sample(X, rng=157), one.sample(X, rng=157))
    assert not np.array_equal(one.sample(X, rng=157), one.sample(X, rng=163))


# Libraries, dtypes, state


def test_every_library_gives_the_answers_of_numpy(lib):
    rng = np.random.default_rng(167)
    X, Y = rng.standard_normal((300, 2)), eight_gaussians(rng, 250)
    for covariance in FORMS:
        ours, theirs = (LightSB(0.5, 4, covariance=covariance, rng=168) for _ in range(2))
        ours.fit(X, Y)
        theirs.fit(lib.array(X), lib.array(Y))
        np.testing.assert_allclose(theirs.centres_, ours.centres_, rtol=1e-8)
        np.testing.assert_allclose(theirs.score(lib.array(X), lib.array(Y)), ours.score(X, Y), rtol=1e-10)
        for answer in (
            lambda bridge, X: bridge.predict(X),
            lambda bridge, X: bridge.sample(X, rng=169),
            lambda bridge, X: bridge.drift(X, 0.3),
            lambda bridge, X: bridge.sample_paths(X, 3, rng=170),
        ):
            np.testing.assert_allclose(lib.host(answer(theirs, lib.array(X))), answer(ours, X), rtol=1e-7, atol=1e-9)


def test_single_precision_comes_back_and_is_computed_in_double(lib):
    rng = np.random.default_rng(173)
    X, Y = (Z.astype("float32") for Z in (rng.standard_normal((300, 2)), eight_gaussians(rng, 300)))
    single = LightSB(0.1, 4, rng=174).fit(lib.array(X), lib.array(Y))
    wide = LightSB(0.1, 4, rng=174).fit(X.astype(float), Y.astype(float))
    np.testing.assert_allclose(single.losses_[-1], wide.losses_[-1], rtol=1e-9)
    paths = single.sample_paths(lib.array(X), 2, rng=175)
    for answer in (single.predict(lib.array(X)), single.sample(lib.array(X)), single.drift(lib.array(X), 0.5), paths):
        assert lib.host(answer).dtype == np.float32


def test_integers_lists_and_strides_are_samples_too():
    rng = np.random.default_rng(179)
    X, Y = rng.integers(-9, 9, (60, 2)), rng.integers(-9, 9, (50, 2))
    plain = LightSB(1.0, 3, rng=180).fit(X.astype(float), Y.astype(float))
    for x, y in ((X, Y), (X.tolist(), Y.tolist()), (np.asfortranarray(X * 1.0), np.repeat(Y, 2, axis=0)[::2])):
        np.testing.assert_allclose(LightSB(1.0, 3, rng=180).fit(x, y).centres_, plain.centres_, rtol=1e-10)


def test_a_second_fit_forgets_the_first():
    rng = np.random.default_rng(181)
    X, Y = rng.standard_normal((200, 2)), eight_gaussians(rng, 200)
    twice = LightSB(0.5, 4, rng=182).fit(rng.standard_normal((90, 3)), rng.standard_normal((90, 3)))
    twice.fit(X, Y)
    np.testing.assert_array_equal(twice.predict(X), LightSB(0.5, 4, rng=182).fit(X, Y).predict(X))


def test_a_fit_survives_copies_and_pickles():
    rng = np.random.default_rng(191)
    X, Y = rng.standard_normal((100, 2)), eight_gaussians(rng, 100)
    bridge = LightSB(0.5, 4, rng=192).fit(X, Y)
    for other in (copy.deepcopy(bridge), pickle.loads(pickle.dumps(bridge))):
        np.testing.assert_array_equal(other.predict(X), bridge.predict(X))


# Degenerate data


def test_as_many_components_as_points_stay_finite():
    rng = np.random.default_rng(193)
    X, Y = rng.standard_normal((50, 2)), rng.standard_normal((12, 2))
    bridge = LightSB(0.1, 12, maxiter=20_000, rng=194).fit(X, Y)
    assert np.all(np.isfinite(bridge.losses_)) and bridge.covariances_.min() > 0


def test_a_constant_column_is_reached():
    rng = np.random.default_rng(197)
    X, Y = rng.standard_normal((200, 2)), rng.standard_normal((200, 2))
    Y[:, 1] = 3.0
    image = LightSB(0.1, 2, rng=198).fit(X, Y).sample(X, rng=199)
    assert np.abs(image[:, 1] - 3).max() < 0.02


def test_one_point_can_be_spread_out():
    rng = np.random.default_rng(211)
    X, Y = np.zeros((200, 2)), eight_gaussians(rng, 2000)
    image = LightSB(1.0, 8, rng=212).fit(X, Y).sample(np.zeros((4000, 2)), rng=213)
    np.testing.assert_allclose(np.cov(image.T), np.cov(Y.T), atol=0.15)


def test_used_up_steps_are_a_warning_with_advice():
    rng = np.random.default_rng(223)
    X, Y = rng.standard_normal((200, 2)), eight_gaussians(rng, 200)
    bridge = LightSB(0.1, 8, maxiter=1, tol=0.0, rng=224)
    with pytest.warns(ConvergenceWarning, match=r"1 steps .*raise maxiter or tol"):
        bridge.fit(X, Y)
    assert not bridge.converged_ and len(bridge.losses_) == 2 and np.all(np.isfinite(bridge.predict(X)))


# Bad input


@pytest.mark.parametrize(
    ("options", "error", "match"),
    [
        ({"eps": 0.0}, ValueError, "eps is 0.0: a positive number"),
        ({"eps": -1.0}, ValueError, "eps is -1.0"),
        ({"eps": np.nan}, ValueError, "eps is nan"),
        ({"eps": np.inf}, ValueError, "eps is inf"),
        ({"eps": "1"}, TypeError, "eps is '1'"),
        ({"eps": 1e-12}, ValueError, "drown: raise eps"),
        ({"n_components": 0}, ValueError, "n_components is 0"),
        ({"n_components": 2.0}, TypeError, "n_components is 2.0"),
        ({"n_components": 21}, ValueError, "n_components is 21, but Y has 20 rows"),
        ({"covariance": "tied"}, ValueError, "covariance is 'tied': accepted are 'spherical', 'diag', 'full'"),
        ({"tol": -1e-3}, ValueError, "tol is -0.001"),
        ({"maxiter": 0}, ValueError, "maxiter is 0"),
    ],
)
def test_an_option_out_of_range_is_named(options, error, match):
    X, Y = np.random.default_rng(227).standard_normal((2, 20, 2))
    with pytest.raises(error, match=match):
        LightSB(**{"eps": 1.0, "n_components": 2, **options}).fit(X, Y)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_not_finite_is_named(value):
    X, Y = np.random.default_rng(229).standard_normal((2, 20, 2))
    Y[7, 1] = value
    with pytest.raises(ValueError, match=rf"Y\[7, 1\] is {value}: not finite"):
        LightSB(1.0, 2).fit(X, Y)
    with pytest.raises(ValueError, match=r"X\[7, 1\]"):
        LightSB(1.0, 2, rng=230).fit(X, X[::-1]).predict(Y)


@pytest.mark.parametrize(
    ("change", "error", "match"),
    [
        (lambda Y: Y[:, 0], ValueError, r"Y has shape \(20,\): samples in rows .* pass Y\[:, None\]"),
        (lambda Y: Y[:, :1], ValueError, "X has 2 columns and Y 1"),
        (lambda Y: Y[:0], ValueError, r"Y has shape \(0, 2\)"),
        (lambda Y: Y[:, :, None], ValueError, r"Y has shape \(20, 2, 1\)"),
        (lambda Y: Y + 1j, TypeError, "Y is complex"),
        (lambda Y: Y.astype(str), TypeError, "Y has dtype"),
        (lambda Y: 0 * Y + 1, ValueError, "all rows of Y are the same"),
    ],
)
def test_samples_of_another_kind_are_refused(change, error, match):
    X, Y = np.random.default_rng(233).standard_normal((2, 20, 2))
    with pytest.raises(error, match=match):
        LightSB(1.0, 2).fit(X, change(Y))


@pytest.mark.parametrize("method", ["predict", "sample", "drift", "sample_paths", "score"])
def test_before_the_fit_every_method_says_so(method):
    X = np.zeros((3, 2))
    second = {"drift": (0.5,), "sample_paths": (4,), "score": (X,)}.get(method, ())
    with pytest.raises(NotFittedError, match=r"not fitted yet: call fit\(X, Y\) first"):
        getattr(LightSB(1.0, 2), method)(X, *second)


def test_after_the_fit_dimension_and_time_are_checked():
    X, Y = np.random.default_rng(239).standard_normal((2, 20, 2))
    bridge = LightSB(1.0, 2, rng=240).fit(X, Y)
    with pytest.raises(ValueError, match="X has 3 columns: the bridge was fitted in 2 dimensions"):
        bridge.predict(np.zeros((4, 3)))
    with pytest.raises(ValueError, match=r"t is 1\.5: the bridge runs from t = 0 to t = 1"):
        bridge.drift(X, 1.5)
    with pytest.raises(ValueError, match="n_steps is 0"):
        bridge.sample_paths(X, 0)


def test_the_input_is_left_alone():
    X, Y = np.random.default_rng(241).standard_normal((2, 50, 2))
    before = X.copy(), Y.copy()
    LightSB(0.5, 3, rng=242).fit(X, Y).sample_paths(X, 3, rng=243)
    np.testing.assert_array_equal((X, Y), before)

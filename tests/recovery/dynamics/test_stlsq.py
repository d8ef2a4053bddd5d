"""Sequentially thresholded least squares: answers, PySINDy's included, its two paths, and what becomes of bad input."""

from functools import partial

import numpy as np
import pytest

from sparsesci._cpu import active_sets
from sparsesci._lib.result import ConvergenceWarning, Status
from sparsesci.recovery.dynamics import bootstrap
from sparsesci.recovery.dynamics import stlsq as page
from sparsesci.recovery.dynamics.ensemble import ensemble
from sparsesci.recovery.dynamics.factors import rounding
from sparsesci.recovery.dynamics.gram import as_gram, least_squares
from sparsesci.recovery.dynamics.program import Tape
from sparsesci.recovery.dynamics.refinement import doubts
from sparsesci.recovery.dynamics.samples import Samples
from sparsesci.recovery.dynamics.stlsq import NOT_SETTLED, SETTLED, SINGULAR, stlsq, thresholded


def problem(n=200, p=12, d=3, *, seed, noise=0.05, n_terms=3):
    """Return Theta, Y and the coefficients."""
    rng = np.random.default_rng(seed)
    Theta, x = rng.standard_normal((n, p)), np.zeros((p, d))
    for k in range(d):
        x[rng.permutation(p)[:n_terms], k] = rng.choice([-1, 1], n_terms) * rng.uniform(0.5, 2, n_terms)
    return Theta, Theta @ x + noise * rng.standard_normal((n, d)), x


def by_definition(Theta, y, threshold, alpha, unbias, maxiter=20):
    """Return the coefficients of one target, straight from the formula."""
    active = np.ones(Theta.shape[1], bool)
    for _ in range(maxiter):
        x, A = np.zeros(len(active)), Theta[:, active]
        x[active] = np.linalg.solve(A.T @ A + alpha * np.eye(A.shape[1]), A.T @ y)
        kept = active & (abs(x) >= threshold)
        x[~kept] = 0
        if (kept == active).all() or not kept.any():
            break
        active = kept
    if unbias and kept.any():
        x[kept] = np.linalg.lstsq(Theta[:, kept], y)[0]
    return x


def test_the_terms_are_found(lib):
    Theta, Y, x = problem(seed=7351)
    result = stlsq(lib.array(Theta), lib.array(Y), threshold=0.3)
    assert result.success and result.path == "gram" and result.n_samples == 200
    np.testing.assert_array_equal(lib.host(result.support), x != 0)
    np.testing.assert_allclose(lib.host(result.x), x, atol=0.03)
    np.testing.assert_allclose(lib.host(result.rss), ((Y - Theta @ lib.host(result.x)) ** 2).sum(axis=0), rtol=1e-9)
    assert lib.host(result.coef).shape == (3, 12) and result.complexity == 9


@pytest.mark.parametrize("unbias", [True, False])
@pytest.mark.parametrize("alpha", [0.0, 0.05, 20.0])
@pytest.mark.parametrize("path", ["gram", "qr", "lapack"])
def test_it_does_what_the_formula_says(path, alpha, unbias, monkeypatch):
    Theta, Y, _ = problem(seed=7369, noise=1.0)
    if path == "lapack":
        monkeypatch.setattr(page, "LARGEST_COMPILED", 0)
    gram = as_gram(Theta, Y, path="qr" if path == "qr" else "gram")
    for threshold in (0.02, 0.1, 0.4):
        x = stlsq(gram, threshold=threshold, alpha=alpha, unbias=unbias).x
        for k in range(3):
            expected = by_definition(Theta, Y[:, k], threshold, alpha, unbias)
            np.testing.assert_allclose(x[:, k], expected, rtol=1e-9, atol=1e-14)


@pytest.mark.parametrize("unbias", [True, False])
@pytest.mark.parametrize("alpha", [0.0, 0.05, 5.0])
def test_it_is_that_of_pysindy(alpha, unbias):
    pysindy = pytest.importorskip("pysindy")
    for seed in (7393, 7411, 7417):
        Theta, Y, _ = problem(seed=seed, noise=0.7, p=30)
        peer = pysindy.STLSQ(threshold=0.12, alpha=alpha, unbias=unbias).fit(Theta, Y)
        result = stlsq(Theta, Y, threshold=0.12, alpha=alpha, unbias=unbias)
        np.testing.assert_array_equal(result.support.T, peer.coef_ != 0)
        np.testing.assert_allclose(result.coef, peer.coef_, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("path", ["gram", "qr"])
def test_relative_thresholds_do_not_depend_on_units(path):
    Theta, Y, _ = problem(seed=7433, noise=0.5)
    here = stlsq(as_gram(Theta, Y, path=path), threshold=0.1, alpha=0.01, relative=True, unbias=False)
    units, of_y = np.geomspace(1e-8, 1e8, 12), np.array([1e-5, 1.0, 1e7])
    there = stlsq(as_gram(Theta * units, Y * of_y, path=path), threshold=0.1, alpha=0.01, relative=True, unbias=False)
    np.testing.assert_array_equal(here.support, there.support)
    np.testing.assert_allclose(there.x, here.x / units[:, None] * of_y, rtol=1e-10)


def test_a_relative_threshold_is_the_part_of_the_target_that_a_term_makes_up():
    rng = np.random.default_rng(7451)
    Q = np.linalg.qr(rng.standard_normal((400, 4)))[0]
    y = Q @ np.array([3.0, 1.0, 0.5, 0.1])
    parts = np.array([3.0, 1.0, 0.5, 0.1]) / np.linalg.norm(y)
    for level in (parts[1:] + parts[:-1]) / 2:
        result = stlsq(Q, y, threshold=level, relative=True)
        np.testing.assert_array_equal(result.support, parts > level)


def test_an_absolute_threshold_is_in_the_units_of_the_data():
    Theta, _, _ = problem(seed=7457)
    y = Theta[:, 0] + 0.05 * Theta[:, 1]
    assert stlsq(Theta, y, threshold=0.1).support.sum() == 1
    scaled = Theta.copy()
    scaled[:, 1] /= 100
    assert stlsq(scaled, y, threshold=0.1).support.sum() == 2


def test_a_vector_gives_a_vector(lib):
    Theta, Y, x = problem(seed=7459)
    result = stlsq(lib.array(Theta), lib.array(Y[:, 0]), threshold=0.3)
    assert lib.host(result.x).shape == (12,) and lib.host(result.coef).shape == (1, 12)
    np.testing.assert_array_equal(lib.host(result.support), x[:, 0] != 0)


def test_float32_stays_float32(lib):
    Theta, Y, x = problem(seed=7477)
    result = stlsq(lib.array(Theta.astype("float32")), lib.array(Y.astype("float32")), threshold=0.3)
    assert lib.host(result.x).dtype == np.float32
    np.testing.assert_array_equal(lib.host(result.support), x != 0)


def test_a_collinear_library_is_named_and_fitted():
    t = np.linspace(0, 9, 300)
    Theta = np.stack([np.ones(300), np.sin(t) ** 2, np.cos(t) ** 2, t], axis=1)
    result = stlsq(Theta, 2 * t, threshold=0.1)
    assert result.success and result.path == "qr" and result.collinear == ((0, 1, 2),)
    np.testing.assert_allclose(result.x, [0, 0, 0, 2], atol=1e-12)


def test_what_is_dependent_is_split_evenly_and_thresholded_as_everything():
    a = np.random.default_rng(7481).standard_normal(100)
    result = stlsq(np.stack([a, a], axis=1), 2 * a, threshold=0.5)
    np.testing.assert_allclose(result.x, [1, 1], rtol=1e-12)


def test_a_zero_column_is_left_out():
    Theta, Y, _ = problem(seed=7487)
    Theta = np.insert(Theta, 4, 0.0, axis=1)
    result = stlsq(Theta, Y, threshold=0.0)
    assert result.collinear == ((4,),) and not result.support[4].any() and result.support.sum() == 36


@pytest.mark.parametrize("maxiter", [1, 20])
def test_a_threshold_that_kills_all_is_a_status(maxiter):
    Theta, Y, _ = problem(seed=7489)
    with pytest.warns(ConvergenceWarning, match=r"threshold = 100: nothing is left: lower the threshold"):
        result = stlsq(Theta, Y, threshold=100.0, maxiter=maxiter)
    assert result.status is Status.EMPTY and not result.success and not result.x.any()
    np.testing.assert_allclose(result.rss, (Y**2).sum(axis=0))


def test_a_target_that_loses_all_is_named():
    Theta, Y, _ = problem(seed=7499)
    with pytest.warns(ConvergenceWarning, match="nothing is left of target 1: lower"):
        result = stlsq(Theta, Y * [1.0, 1e-3, 1.0], threshold=0.3)
    assert result.support[:, [0, 2]].sum() == 6


def test_a_target_of_zeros_has_no_terms_and_is_no_failure():
    Theta, Y, _ = problem(seed=7507)
    result = stlsq(Theta, Y * [1.0, 0.0, 1.0], threshold=0.3)
    assert result.success and not result.support[:, 1].any()
    assert stlsq(Theta, 0 * Y, threshold=0.0).complexity == 0


def test_a_constant_target_is_a_constant():
    Theta = np.stack([np.ones(50), np.linspace(0, 1, 50)], axis=1)
    np.testing.assert_allclose(stlsq(Theta, np.full(50, 3.0)).x, [3, 0], atol=1e-14)


def slow():
    """Return a problem that loses terms in each of six iterations: columns that are nearly alike, and much noise."""
    rng = np.random.default_rng(7517)
    Theta = np.cumsum(rng.standard_normal((60, 25)), axis=1)
    return Theta, 0.5 * Theta[:, 3] + 2 * rng.standard_normal(60)


@pytest.mark.parametrize("path", ["gram", "qr"])
def test_maxiter_counts_solutions(path):
    gram = as_gram(*slow(), path=path)
    full = stlsq(gram, threshold=0.3)
    assert full.success and full.nit == 6
    assert stlsq(gram, threshold=0.3, maxiter=full.nit).success
    with pytest.warns(ConvergenceWarning, match="a support still changes; raise maxiter"):
        result = stlsq(gram, threshold=0.3, maxiter=4)
    assert result.status is Status.MAXITER and result.nit == 4
    assert result.complexity > full.complexity


def test_costs_nothing_but_the_sums():
    Theta, Y, x = problem(seed=7523)
    gram = as_gram(Samples(Theta=Theta, Y=Y))
    Theta[:] = np.nan  # no longer looked at
    np.testing.assert_array_equal(stlsq(gram, threshold=0.3).support, x != 0)


@pytest.mark.parametrize("name", ["threshold", "alpha"])
@pytest.mark.parametrize("value", [-0.1, np.nan, np.inf])
def test_options_that_make_no_sense_are_refused(name, value):
    Theta, Y, _ = problem(seed=7529)
    with pytest.raises(ValueError, match=f"{name} is .*a finite number >= 0"):
        stlsq(Theta, Y, **{name: value})


def test_no_iterations_are_refused():
    Theta, Y, _ = problem(seed=7537)
    with pytest.raises(ValueError, match="maxiter is 0"):
        stlsq(Theta, Y, maxiter=0)


def test_fewer_samples_than_functions_are_said_so():
    Theta, Y, _ = problem(n=8, seed=7541)
    with pytest.warns(UserWarning, match="8 samples of 12 functions"):
        stlsq(Theta, Y, threshold=0.0)


# --- the compiled steps ----------------------------------------------------------------------------------------------


def jobs(*, seed, p=11, d=2, is_known=False):
    """Return the arguments of `thresholded` for ten jobs on three Gram matrices, one of them singular.

    All three are where it is known of which functions: two groups, which share a function.
    """
    rng = np.random.default_rng(seed)
    Theta, Y = rng.standard_normal((3, 60, p)), rng.standard_normal((3, 60, d))
    Theta[2, :, 4] = Theta[2, :, 5]
    dependences = np.zeros((0, p))
    if is_known:
        Theta[:, :, 4] = Theta[:, :, 5]
        Theta[:, :, 8] = Theta[:, :, 5] - 0.5 * Theta[:, :, 1]
        dependences = np.zeros((2, p))
        dependences[0, [4, 5]], dependences[1, [1, 5, 8]] = [1, -1], [-0.5, 1, -1]
    C, rhs = np.swapaxes(Theta, 1, 2) @ Theta, np.swapaxes(Theta, 1, 2) @ Y
    which, alphas = np.array([0, 0, 0, 1, 1, 1, 2, 2, 0, 1]), np.array([0, 0, 1, 1, 0, 0, 0, 1, 0, 0.0])
    levels = np.array([0, 0.1, 0.1, 0.05, 0.1, 0.2, 0.1, 0.1, 9, 0.1])
    allowed = np.ones((10, p), bool)
    allowed[9, ::3] = False
    allowed[5, 5] = False  # of the two groups a third one is left, of 1, 4, 8
    sums = C, rhs, dependences, np.full(d, 8.0), np.zeros(p)
    return *sums, which, alphas, rng.uniform(0.5, 2, p), levels, rng.uniform(0.5, 2, (p, d)), allowed


def run(function, arguments, *, unbias, maxiter, convert=np.asarray):
    p, d = arguments[1].shape[1:]
    given = [convert(part) for part in arguments]
    x, nit, flags = (convert(np.zeros(shape, kind)) for shape, kind in (((10, p, d), float), ((10, d), int),
                                                                         ((10, d), int)))  # fmt: skip
    function(*given, unbias, maxiter, rounding(p), x, nit, flags)
    return x, nit, flags


@pytest.mark.parametrize("maxiter", [1, 2, 20])
@pytest.mark.parametrize("unbias", [True, False])
@pytest.mark.parametrize("is_known", [False, True])
def test_the_compiled_steps_repeat_the_reference(lib, unbias, maxiter, is_known):
    arguments = jobs(seed=7547, is_known=is_known)
    compiled = run(active_sets.thresholded, arguments, unbias=unbias, maxiter=maxiter)
    reference = run(thresholded.reference, arguments, unbias=unbias, maxiter=maxiter,
                    convert=lambda x: lib.array(x) if lib.name == "strict" else x)  # fmt: skip
    host = [lib.host(part) if lib.name == "strict" else part for part in reference]
    np.testing.assert_allclose(compiled[0], host[0], rtol=1e-9, atol=1e-13)
    np.testing.assert_array_equal(compiled[2], host[2])
    np.testing.assert_array_equal(compiled[1][compiled[2] != SINGULAR], host[1][host[2] != SINGULAR])
    assert (compiled[2] == SINGULAR).any() == (not is_known)
    assert (compiled[2][6] == SINGULAR).all() == (not is_known) and (compiled[2][7] == SETTLED).any() == (maxiter > 1)
    assert (compiled[2] == NOT_SETTLED).any() == (maxiter < (2 if is_known else 20))


@pytest.mark.parametrize("size", [0.0, 1e-3, 1e-2])
def test_what_is_too_near_to_its_threshold_is_left_to_others(lib, size):
    arguments = list(jobs(seed=7548, is_known=True))
    plain = run(active_sets.thresholded, arguments, unbias=True, maxiter=20)
    arguments[4] = size * np.linspace(0, 1, 11)
    compiled = run(active_sets.thresholded, arguments, unbias=True, maxiter=20)
    reference = run(thresholded.reference, arguments, unbias=True, maxiter=20,
                    convert=lambda x: lib.array(x) if lib.name == "strict" else x)  # fmt: skip
    np.testing.assert_array_equal(compiled[2], lib.host(reference[2]) if lib.name == "strict" else reference[2])
    sure = compiled[2] != SINGULAR
    assert sure.any() and sure.all() == (size == 0)
    np.testing.assert_array_equal(np.swapaxes(compiled[0], 1, 2)[sure], np.swapaxes(plain[0], 1, 2)[sure])


def test_known_dependences_give_the_shortest_solutions():
    C, rhs, *others = jobs(seed=7549, is_known=True)
    others[6] = 0 * others[6]  # thresholds
    x, _, flags = run(active_sets.thresholded, (C, rhs, *others), unbias=True, maxiter=20)
    assert (flags == SETTLED).all()
    dependent = 0
    for job, G in enumerate(others[3]):
        for k in range(2):
            S, scale = np.flatnonzero(x[job, :, k]), np.sqrt(np.diagonal(C[G]))
            scaled = C[G][np.ix_(S, S)] / np.outer(scale[S], scale[S])
            expected = np.linalg.pinv(scaled, rcond=1e-10, hermitian=True) @ (rhs[G, S, k] / scale[S]) / scale[S]
            np.testing.assert_allclose(x[job, S, k], expected, rtol=1e-11, atol=1e-14)
            dependent += len(S) > 0 and np.linalg.cond(scaled) > 1e12
    assert dependent == 20


def test_the_same_words_mean_the_same():
    assert (active_sets.SETTLED, active_sets.NOT_SETTLED, active_sets.SINGULAR) == (SETTLED, NOT_SETTLED, SINGULAR)
    assert active_sets.NEGLIGIBLE == page.NEGLIGIBLE


def trigonometric(n=2000, *, seed):
    """Return functions of an angle and of a number, of which two are dependent on others, and targets of noise."""
    rng = np.random.default_rng(seed)
    angle, u = rng.uniform(0, 6, n), 100 * rng.standard_normal(n)
    c, s = np.cos(angle), np.sin(angle)
    Theta = np.stack([np.ones(n), c, s, c * c, c * s, s * s, u, u * c, u * s, u * c * c, u * s * s], axis=1)
    return Theta, np.stack([1 + 2 * c * s - u * s * s, 3 * c], axis=1) + rng.standard_normal((n, 2))


@pytest.mark.parametrize("library_fraction", [0.8, 1.0])
def test_bootstraps_of_dependent_functions_are_the_shortest_of_their_rows_without_a_pass_of_their_own(
    library_fraction, monkeypatch
):
    Theta, Y = trigonometric(seed=7559)
    many = ensemble(partial(stlsq, threshold=0.0), n_models=12, library_fraction=library_fraction, rng=7560)
    counts = list(many.draws(Samples(Theta=Theta, Y=Y), as_gram(Theta, Y))[1])
    monkeypatch.setattr(bootstrap, "on_qr_path", None)  # nobody calls it
    result = many(Theta, Y)
    assert result.collinear == ((0, 3, 5), (6, 9, 10)) and result.path == "qr"
    n_dependent = 0
    for x, offered, count in zip(result.coef_list, result.offered, counts, strict=True):
        rows = np.repeat(np.arange(len(Theta)), count)
        scale = np.linalg.norm(Theta[rows][:, offered], axis=0)
        expected, _, rank, _ = np.linalg.lstsq(Theta[rows][:, offered] / scale, Y[rows], rcond=1e-12)
        n_dependent += rank < offered.sum()
        np.testing.assert_allclose(x[offered] * scale[:, None], expected, rtol=1e-9, atol=1e-12 * abs(expected).max())
    assert n_dependent >= 6


# --- ill-conditioned libraries --------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["program", "array"])
def test_an_ill_conditioned_support_is_refined_with_the_samples(lib, kind):
    rng = np.random.default_rng(7761)
    t = rng.uniform(49, 51, 3000)
    Theta = np.stack([np.ones(3000), t, t**2, rng.standard_normal(3000)], axis=1)
    y = Theta @ [1.0, -2.0, 0.5, 0.0] + 0.01 * rng.standard_normal(3000)
    expected = np.linalg.lstsq(Theta[:, :3], y)[0]
    tape = Tape(2)
    program = tape.program([tape.constant(1.0), tape.inputs[0], tape.inputs[0] ** 2, tape.inputs[1]])
    inputs = lib.array(Theta[:, [1, 3]].T.copy())
    given = {"Theta": lib.array(Theta)} if kind == "array" else {"program": program, "inputs": inputs}
    samples = Samples(Y=lib.array(y), **given)
    result, from_sums = stlsq(samples, threshold=0.05), stlsq(as_gram(samples), threshold=0.05)
    assert result.path == "gram" and result.condition > 1e4
    np.testing.assert_allclose(lib.host(result.x)[:3], expected, rtol=1e-7)
    errors = [abs(lib.host(r.x)[:3] / expected - 1).max() for r in (from_sums, result)]
    assert errors[0] > 20 * errors[1]


def shifted(n=3000, *, seed, noise=1e-6):
    """Return powers 0 to 3 of numbers far from 0 and one more function, as a program, and twice this one with noise."""
    rng = np.random.default_rng(seed)
    X = np.stack([rng.uniform(6.4, 6.8, n), rng.standard_normal(n)])
    tape = Tape(2)
    t, other = tape.inputs
    program = tape.program([tape.constant(1.0), t, t**2, t**3, other])
    return Samples(program=program, inputs=X, Y=2 * X[1] + noise * rng.standard_normal(n))


def test_sums_do_where_no_decision_is_near_and_what_is_left_is_conditioned_better():
    samples = shifted(seed=7772)
    by_qr = stlsq(as_gram(samples), threshold=0.5)
    assert by_qr.path == "qr" and 1e6 < by_qr.condition < 1e7
    result = stlsq(samples, threshold=0.5)
    assert result.path == "gram" and result.condition > 1e6
    np.testing.assert_array_equal(np.flatnonzero(result.x), [4])
    np.testing.assert_allclose(result.x, by_qr.x, rtol=1e-12)


@pytest.mark.parametrize("kind", ["near", "all", "ridge"])
def test_sums_do_not_where_rounding_could_decide_or_the_model_is_ill_conditioned(kind):
    samples = shifted(seed=7778)
    nearly = stlsq(as_gram(samples), threshold=0.0).x[4] * (1 - 1e-9)
    options = {"near": {"threshold": nearly}, "all": {"threshold": 0.0}}
    options["ridge"] = {"threshold": 0.5, "alpha": 1e-9, "unbias": False}
    result = stlsq(samples, **options[kind])
    assert result.path == "qr"
    np.testing.assert_array_equal(result.x, stlsq(as_gram(samples), **options[kind]).x)


def test_doubts_are_larger_than_the_errors_of_sums():
    samples = shifted(seed=7780, noise=1.0)
    gram, everything = as_gram(samples, path="gram"), np.ones(5, bool)
    exact = least_squares(as_gram(samples), everything)
    errors = abs(least_squares(gram, everything) - exact)[:, 0] * gram.scale
    length = np.hypot(np.linalg.norm(exact[:, 0] * gram.scale), np.sqrt(gram.yy[0]))
    assert (errors < doubts(gram) * length).all() and (errors[:4] > 1e-4 * doubts(gram)[:4] * length).all()

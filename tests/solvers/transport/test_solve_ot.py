"""The entries to optimal transport: which method, exact plans, paths of regs, points, and parity with POT."""

from contextlib import nullcontext

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment, linprog

from sparsesci.solvers import ConvergenceWarning
from sparsesci.solvers.transport import exact as exact_module
from sparsesci.solvers.transport import sinkhorn_newton as newton_module
from sparsesci.solvers.transport.sinkhorn_newton import sinkhorn_newton
from sparsesci.solvers.transport.solve_ot import ot_path, solve_ot
from sparsesci.solvers.transport.solve_ot_sample import costs, solve_ot_sample


def assert_optimal(result, a, b, C):
    """Check an exact plan by its marginals and by its potentials: no gap is left between primal and dual."""
    f, g = result.potentials
    P, positive = result.plan, np.ix_(a > 0, b > 0)
    np.testing.assert_allclose(P.sum(axis=1), a, atol=1e-12)
    np.testing.assert_allclose(P.sum(axis=0), b, atol=1e-12)
    assert P.min() >= 0 and (C[positive] - f[a > 0, None] - g[b > 0]).min() >= -1e-9
    dual = a[a > 0] @ f[a > 0] + b[b > 0] @ g[b > 0]
    assert result.cost == result.value == pytest.approx(dual, rel=1e-9, abs=1e-12)


def test_without_entropy_uniform_weights_are_an_assignment(lib, assign):
    a, b, C = assign(40, 6661)
    result = solve_ot(lib.array(a), lib.array(b), lib.array(C), 0)
    rows, columns = linear_sum_assignment(C)
    assert result.success and "linear_sum_assignment, since reg = 0 and the weights are equal" in result.message
    assert result.cost == pytest.approx(C[rows, columns].mean(), rel=1e-12)


@pytest.mark.parametrize("seed", [6673, 6679, 6689])
def test_the_assignment_comes_with_potentials_that_prove_it(assign, seed):
    a, b, C = assign(60, seed)
    assert_optimal(solve_ot(a, b, C, 0), a, b, C)


@pytest.mark.parametrize(("n", "m"), [(30, 45), (45, 30), (1, 8), (12, 12)])
def test_without_entropy_other_weights_are_a_linear_program(general, n, m):
    a, b, C = general(n, m, 6691)
    result = solve_ot(a, b, C, 0)
    assert "HiGHS" in result.message
    assert_optimal(result, a, b, C)


def test_the_linear_program_on_few_arcs_is_that_on_all(general):
    a, b, C = general(8, 9, 6701)
    A = np.vstack([np.kron(np.eye(8), np.ones(9)), np.kron(np.ones(8), np.eye(9))])
    assert solve_ot(a, b, C, 0).cost == pytest.approx(linprog(C.ravel(), A_eq=A, b_eq=np.r_[a, b]).fun, rel=1e-9)


def test_an_exact_plan_knows_zero_weights_and_forbidden_arcs(general):
    a, b, C = general(9, 7, 6703)
    a[2], b[5] = 0, 0
    b *= a.sum() / b.sum()
    C[0, 0] = C[4, 3] = np.inf
    result = solve_ot(a, b, C, 0)
    assert_optimal(result, a, b, C)
    assert result.flow.format == "csr" and result.plan[4, 3] == 0


@pytest.mark.parametrize("scale", [1e-12, 1e9])
def test_an_exact_plan_at_any_scale_of_costs(general, scale):
    a, b, C = general(20, 25, 6709)
    assert solve_ot(a, b, scale * C, 0).cost == pytest.approx(scale * solve_ot(a, b, C, 0).cost, rel=1e-9)


@pytest.mark.parametrize("mass", [1e-150, 1e-12, 1e12])
def test_an_exact_plan_of_any_mass(general, mass):
    a, b, C = general(20, 25, 7919)
    result = solve_ot(mass * a, mass * b, C, 0)
    assert result.nit <= 2 and result.cost == pytest.approx(mass * solve_ot(a, b, C, 0).cost, rel=1e-9)


@pytest.mark.parametrize("kind", ["random", "plane", "grid", "forbidden", "wide"])
def test_a_guess_of_the_potentials_leaves_the_assignment_optimal(monkeypatch, kind):
    monkeypatch.setattr(exact_module, "MANY", 2)
    rng = np.random.default_rng(7937)
    X, Y = rng.random((2, 60, 2))
    if kind == "grid":
        X, Y = np.round(8 * X), np.round(8 * Y)
    C = rng.random((60, 60)) if kind == "random" else ((X[:, None] - Y) ** 2).sum(-1)
    if kind == "wide":
        C[0, 0] = 1e15  # the guess is rounded to nothing
    a = b = np.full(60, 1 / 60)
    expected = C[linear_sum_assignment(C)].mean()
    if kind == "forbidden":
        C[rng.random((60, 60)) < 0.3] = np.inf
        expected = C[linear_sum_assignment(C)].mean()
    result = solve_ot(a, b, C, 0)
    assert result.cost == pytest.approx(expected, rel=1e-12)
    assert_optimal(result, a, b, C)


def test_the_first_arcs_of_the_linear_program_may_hold_no_plan(general, monkeypatch):
    monkeypatch.setattr(exact_module, "NEAR_ARCS", -0.5)  # those of the largest flow alone
    a, b, C = general(9, 7, 6827)
    result = solve_ot(a, b, C, 0)
    assert result.nit > 1  # programs
    assert_optimal(result, a, b, C)


@pytest.mark.parametrize("uniform", [True, False])
def test_forbidden_arcs_that_leave_no_exact_plan_are_an_error(uniform):
    C = np.ones((3, 3))
    C[:2, 1:] = np.inf  # two rows want one column
    weights = None if uniform else np.array([0.3, 0.3, 0.4])
    with pytest.raises(ValueError, match="no plan"):
        solve_ot(weights, weights, C, 0)


def test_entropy_vanishes_with_reg(general):
    a, b, C = general(30, 40, 6719)
    exact, near = solve_ot(a, b, C, 0), solve_ot(a, b, C, 1e-5)
    assert exact.cost - 1e-11 <= near.cost <= exact.cost + 1e-4


def test_the_message_says_what_was_chosen_and_why(general):
    parts = general(6, 5, 6733)
    assert solve_ot(*parts, 0.1).message.endswith("by sinkhorn_newton, since reg > 0")
    assert solve_ot(*parts, 0.1, method="sinkhorn").message.endswith("by sinkhorn, as asked for")


@pytest.mark.parametrize(("method", "reg"), [("exact", 0.1), ("newton", 0), ("sinkhorn", 0), ("magic", 0.1)])
def test_a_method_that_does_not_fit_is_refused(general, method, reg):
    with pytest.raises(ValueError, match="method is"):
        solve_ot(*general(5, 4, 6737), reg, method=method)


def test_a_path_costs_less_than_its_parts(assign):
    a, b, C = assign(150, 6761)
    regs = [1e-2, 5e-3, 2e-3, 1e-3]
    path = ot_path(a, b, C, regs)
    alone = [solve_ot(a, b, C, reg) for reg in regs]
    assert [result.reg for result in path] == regs and all(result.success for result in path)
    for one, other in zip(path, alone, strict=True):
        np.testing.assert_allclose(one.plan, other.plan, atol=1e-10)
    assert sum(result.time for result in path) > 0 and isinstance(path, tuple)


def test_a_failure_warns_once_and_at_the_line_of_the_caller(assign):
    a, b, C = assign(40, 6823)
    calls = [
        lambda: solve_ot(a, b, C, 1e-4, maxiter=1),
        lambda: ot_path(a, b, C, [1e-4], maxiter=1),
        lambda: solve_ot_sample(C, 2 - C[:, ::-1], 1e-3, maxiter=1),
    ]
    for call in calls:
        with pytest.warns(ConvergenceWarning) as record:
            call()
        assert len(record) == 1 and record[0].filename == __file__


def test_a_path_of_nothing_is_refused(general):
    with pytest.raises(ValueError, match="regs is empty"):
        ot_path(*general(5, 4, 6763), [])


@pytest.mark.parametrize("metric", ["sqeuclidean", "euclidean", "cityblock"])
@pytest.mark.parametrize("d", [1, 3, 20])
def test_the_metrics_are_those_of_scipy(lib, metric, d):
    from scipy.spatial.distance import cdist

    X, Y = (np.random.default_rng(6779 + k).standard_normal((n, d)) for k, n in enumerate((7, 5)))
    found = lib.host(costs(lib.array(X), lib.array(Y), metric))
    np.testing.assert_allclose(found, cdist(X, Y, metric), rtol=1e-12)


def test_a_metric_may_be_a_function():
    X, Y = np.random.default_rng(6781).random((2, 6, 2))
    own = solve_ot_sample(X, Y, 0.1, metric=lambda X, Y: ((X[:, None] - Y) ** 2).sum(-1))
    np.testing.assert_allclose(own.plan, solve_ot_sample(X, Y, 0.1).plan, atol=1e-10)
    assert own.gradient().X is None


def test_points_on_a_line_may_be_vectors():
    x, y = np.random.default_rng(6791).random((2, 8))
    result = solve_ot_sample(x, y, 0, metric="cityblock")
    assert result.cost == pytest.approx(np.abs(np.sort(x) - np.sort(y)).mean(), rel=1e-12)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"Y": np.ones((4, 3))}, "dimension 2 and Y of 3"),
        ({"X": np.ones((0, 2))}, r"X has shape \(0, 2\)"),
        ({"X": np.array([[0, np.nan]])}, r"X\[0, 1\] is nan"),
        ({"metric": "cosine"}, "metric is 'cosine'"),
        ({"metric": lambda X, Y: X}, r"\(5, 4\) is needed"),
    ],
)
def test_points_and_metrics_that_do_not_fit_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        solve_ot_sample(**{"X": np.ones((5, 2)), "Y": np.zeros((4, 2)), "reg": 0.1, **change})


@pytest.mark.parametrize("seed", range(6793, 6813))
def test_plans_are_those_of_pot(general, seed):
    ot = pytest.importorskip("ot")
    rng = np.random.default_rng(seed)
    a, b, C = general(int(rng.integers(2, 40)), int(rng.integers(2, 40)), seed)
    assert solve_ot(a, b, C, 0).cost == pytest.approx(ot.emd2(a, b, C), rel=1e-9)
    expected = ot.sinkhorn(a, b, C, 0.05, method="sinkhorn_log", stopThr=1e-12, numItermax=100_000)
    np.testing.assert_allclose(solve_ot(a, b, C, 0.05, rtol=1e-11).plan, expected, atol=1e-10)


@pytest.mark.parametrize("reg", [1.0, 1e-3])
@pytest.mark.parametrize("solver", [solve_ot, sinkhorn_newton])
def test_two_threads_find_what_one_finds(monkeypatch, general, solver, reg):
    monkeypatch.setattr(newton_module, "ONE_THREAD_BELOW", 0)
    parts = general(120, 90, 6841)
    one, two, again = (solver(*parts, reg, workers=workers) for workers in (1, 2, 2))
    assert two.success and two.nit == one.nit
    np.testing.assert_allclose(two.x[1], one.x[1], atol=1e-12)
    np.testing.assert_array_equal(again.x[1], two.x[1])


def test_threads_share_the_rows_of_stored_costs_between_points(monkeypatch):
    monkeypatch.setattr(newton_module, "ONE_THREAD_BELOW", 0)
    X, Y = np.random.default_rng(6857).random((2, 80, 2))
    one, two = (solve_ot_sample(X, Y, 1e-2, workers=workers) for workers in (1, 2))
    assert two.success
    np.testing.assert_allclose(two.x[1], one.x[1], atol=1e-12)


def test_few_arcs_are_left_to_one_thread(monkeypatch, general):
    asked = []
    monkeypatch.setattr(newton_module, "worker_map", lambda workers: asked.append(workers) or nullcontext(map))
    assert solve_ot(*general(30, 20, 6883), 0.1, workers=2).success and asked == [1]


def test_arrays_of_other_libraries_are_not_shared_out(monkeypatch, lib, general):
    monkeypatch.setattr(newton_module, "ONE_THREAD_BELOW", 0)
    parts = [lib.array(part) for part in general(12, 9, 6863)]
    two = solve_ot(*parts, 0.05, workers=2)
    np.testing.assert_allclose(lib.host(two.plan), lib.host(solve_ot(*parts, 0.05).plan), atol=1e-10)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"workers": 0}, "workers is 0"),
        ({"workers": 1.5}, "workers is 1.5"),
        ({"workers": True}, "workers is True"),
        ({"workers": map}, "a number of threads is needed"),
        ({"workers": 2, "method": "sinkhorn"}, "workers is 2 and the method is 'sinkhorn'"),
        ({"workers": 2, "reg": 0.0}, "workers is 2 and the method is 'exact'"),
        ({"workers": 2, "unbalanced": 1.0}, "workers is 2 and unbalanced is given"),
    ],
)
def test_workers_that_make_no_sense_are_refused(general, options, message):
    with pytest.raises(ValueError, match=message):
        solve_ot(*general(5, 4, 6869), **{"reg": 0.1, **options})


def test_threads_do_not_run_the_published_method(general):
    with pytest.raises(ValueError, match="workers is 2 and hessian 'paper'"):
        sinkhorn_newton(*general(5, 4, 6871), 0.1, hessian="paper", workers=2)

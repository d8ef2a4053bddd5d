"""Sequences of systems: every answer checked, in the caller's order, whatever happened on the way."""

import pickle
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from itertools import pairwise

import numpy as np
import pytest
import scipy.sparse as sp
from scipy.sparse.linalg import LinearOperator

from sparsesci.solvers import ConvergenceWarning, OmegaTuner, Status, gcrodr, lu_preconditioner, solve_sequence
from sparsesci.solvers.sequence.walk import Walk

RTOL = 1e-8


def laplacian(n, dimension=2):
    D = sp.diags_array([-1.0, 2.0, -1.0], offsets=[-1, 0, 1], shape=(n, n))
    A = D
    for _ in range(dimension - 1):
        A = sp.kronsum(A, D)
    return A.tocsr()


def drifting(kind, length, *, seed, n=18, drift=0.05, dtype=float):
    """Return systems whose diagonals drift: "definite", "indefinite" or "unsymmetric"."""
    rng = np.random.default_rng(seed)
    A = laplacian(n).astype(dtype)
    if kind == "unsymmetric":
        A = A + sp.diags_array(np.full(n * n - 1, 0.4), offsets=1) - sp.diags_array(np.full(n * n - 1, 0.4), offsets=-1)
    shift = {"definite": 0.1, "indefinite": -0.3, "unsymmetric": 0.1}[kind]
    d, systems = rng.uniform(0, 0.1, n * n), []
    for _ in range(length):
        d = d + drift * rng.uniform(0, 0.1, n * n)
        b = rng.standard_normal(n * n) + (1j * rng.standard_normal(n * n) if np.dtype(dtype).kind == "c" else 0)
        systems.append((sp.csr_array(A + sp.diags_array((d + shift).astype(dtype))), b.astype(dtype)))
    return systems


def worst(systems, result):
    """Largest relative residual, in double precision."""
    errors = [np.linalg.norm(b - A @ x) / np.linalg.norm(b) for (A, b), x in zip(systems, result.x, strict=True)]
    return max(errors)


@pytest.mark.parametrize("kind", ["definite", "indefinite", "unsymmetric"])
@pytest.mark.parametrize("dtype", [float, complex])
def test_every_system_is_solved(kind, dtype):
    systems = drifting(kind, 25, seed=1201, dtype=dtype)
    result = solve_sequence(systems, rtol=RTOL)
    assert result.success and worst(systems, result) <= RTOL
    assert all(x.dtype == np.dtype(dtype) for x in result.x)


NAMED = [("direct", "auto"), ("direct", None)]
NAMED += [
    (method, preconditioner)
    for method in ("gcrodr", "gmres", "recycled_cg", "cg", "recycled_minres", "minres", "bicgstab")
    for preconditioner in ("auto", None, "jacobi", "ssor", "ilu0", "ic0", "lu", "amg")
]


@pytest.mark.parametrize(("method", "preconditioner"), NAMED)
def test_a_method_that_is_named_is_the_only_one_used(method, preconditioner):
    systems = drifting("definite", 6, seed=1203)
    result = solve_sequence(systems, method=method, preconditioner=preconditioner, rtol=RTOL)
    assert result.success and worst(systems, result) <= RTOL
    used = {attempt.method.split(" + ")[0] for attempt in result.attempts}
    assert used <= {method, "direct"} if preconditioner in ("auto", "lu") else used == {method}


def test_float32_stays_float32():
    systems = drifting("definite", 8, seed=1205, dtype=np.float32)
    result = solve_sequence(systems, rtol=1e-4)
    assert result.success and all(x.dtype == np.float32 for x in result.x)


@pytest.mark.parametrize("form", ["csc", "coo", "dense", "operator", "function", "int64", "legacy"])
def test_every_kind_of_matrix_is_taken(form):
    systems = drifting("unsymmetric", 5, seed=1207, n=8)
    wrap = {
        "csc": lambda A: A.tocsc(),
        "coo": lambda A: A.tocoo(),
        "dense": lambda A: A.toarray(),
        "operator": lambda A: LinearOperator(A.shape, matvec=A.__matmul__, dtype=A.dtype),
        "function": lambda A: A.__matmul__,
        "int64": lambda A: sp.csr_array((A.data, A.indices.astype(np.int64), A.indptr.astype(np.int64)), shape=A.shape),
        "legacy": lambda A: sp.csr_matrix(A),
    }[form]
    result = solve_sequence([(wrap(A), b) for A, b in systems], rtol=RTOL)
    assert result.success and worst(systems, result) <= RTOL


def test_the_arrays_of_every_library_are_taken(lib):
    systems = [lib.convection(40, seed=1209 + i)[:2] for i in range(4)]
    result = solve_sequence(systems, rtol=1e-10)
    assert result.success
    for i, x in enumerate(result.x):
        assert np.allclose(lib.host(x), lib.host(lib.convection(40, seed=1209 + i)[2]), atol=1e-6)


def test_blocks_and_vectors_may_follow_each_other():
    systems = drifting("definite", 6, seed=1211)
    systems = [(A, b if i % 2 else np.stack([b, 2 * b, np.cos(b)], axis=1)) for i, (A, b) in enumerate(systems)]
    result = solve_sequence(systems, rtol=RTOL)
    assert result.success and worst(systems, result) <= RTOL
    assert [x.shape for x in result.x] == [b.shape for _, b in systems]


def test_sizes_and_dtypes_may_change_on_the_way():
    systems = [*drifting("definite", 4, seed=1213, n=9), *drifting("indefinite", 4, seed=1214, n=12, dtype=complex)]
    systems += drifting("unsymmetric", 4, seed=1215, n=9)
    result = solve_sequence(systems, rtol=RTOL)
    assert result.success and worst(systems, result) <= RTOL


@pytest.mark.parametrize("dtypes", [(float, complex), (complex, float), (float, np.float32), (np.float32, float)])
def test_a_change_of_dtype_alone_changes_the_dtype_of_the_answers(dtypes):
    (A, b), *_ = drifting("definite", 1, seed=1273, n=9)
    systems = [((A * (1 + 0.01 * i)).astype(dtype), b.astype(dtype)) for dtype in dtypes for i in range(3)]
    result = solve_sequence(systems, rtol=1e-5)
    assert result.success and worst(systems, result) <= 1e-5
    assert [x.dtype for x in result.x] == [A.dtype for A, _ in systems]


def test_what_float32_cannot_promise_is_kept_for_float64():
    narrow, wide = drifting("definite", 2, seed=1275, dtype=np.float32), drifting("definite", 2, seed=1276)
    with pytest.warns(UserWarning, match="below what float32 can promise"):
        result = solve_sequence([*narrow, *wide], rtol=1e-10, maxiter=400)
    assert worst(wide, solve_sequence(wide, rtol=1e-10)) <= 1e-10
    errors = [np.linalg.norm(b - A @ x) / np.linalg.norm(b) for (A, b), x in zip(wide, result.x[2:], strict=True)]
    assert max(errors) <= 1e-10


def test_factors_of_a_narrow_matrix_are_refined_for_a_wide_right_hand_side():
    systems = [(A.astype(np.float32), b) for A, b in drifting("indefinite", 3, seed=1277)]
    result = solve_sequence(systems, method="direct", rtol=1e-10)
    wide = [(A.astype(float), b) for A, b in systems]
    assert result.success and worst(wide, result) <= 1e-10
    assert all(x.dtype == float for x in result.x)


@pytest.mark.parametrize("options", [{"method": "direct"}, {"preconditioner": "lu"}])
def test_factors_of_a_function_are_refused(options):
    A, b = drifting("definite", 1, seed=1278, n=5)[0]
    with pytest.raises(TypeError, match="a factorisation needs the entries of A"):
        solve_sequence([(A.__matmul__, b)], **options)


def test_factors_that_would_not_fit_are_made_only_for_who_asks_for_nothing_else(monkeypatch):
    from sparsesci.solvers.sequence import beliefs

    monkeypatch.setattr(beliefs, "MOST_ENTRIES", 10)
    systems = drifting("unsymmetric", 3, seed=1279)
    used = {one.method for one in solve_sequence(systems, rtol=RTOL).attempts}
    assert not used & {"direct", "gcrodr + lu"}
    assert solve_sequence(systems, method="direct", rtol=RTOL).success


def test_one_matrix_is_factored_once():
    (A, _), *_ = drifting("definite", 1, seed=1217)
    rng = np.random.default_rng(1218)
    systems = [(A.copy(), rng.standard_normal(A.shape[0])) for _ in range(12)]
    result = solve_sequence(systems, method="direct", rtol=RTOL)
    assert result.success and worst(systems, result) <= RTOL
    assert [attempt.setup_seconds > 0 for attempt in result.attempts] == [True] + 11 * [False]


def test_factors_are_converted_once_for_all_later_matrices():
    from sparsesci.solvers.sequence.candidates import Candidate
    from sparsesci.solvers.sequence.cost import Cost

    A, _ = drifting("definite", 1, seed=1294, n=9)[0]
    one = Candidate("cg", "lu", lu_preconditioner, Cost(1.0, 1.0, 1.0))
    story = []
    for matrix in (1, 2):
        one.renew(A, matrix)
        story += [one.convert(A.dtype, n_to_come) for n_to_come in (0, 500, 500)]
    assert story == 2 * [False, True, False]


@pytest.mark.parametrize(("n_systems", "is_converted"), [(2, False), (40, True)])
def test_factors_are_converted_where_enough_systems_are_to_come(monkeypatch, n_systems, is_converted):
    from sparsesci.solvers.krylov.lu import LUPreconditioner

    conversions = []
    convert = LUPreconditioner.kernel_arguments
    monkeypatch.setattr(LUPreconditioner, "kernel_arguments", lambda M, d: conversions.append(M) or convert(M, d))
    systems = drifting("unsymmetric", n_systems, seed=1311, n=40)
    result = solve_sequence(systems, method="gcrodr", preconditioner="lu", rtol=RTOL)
    assert result.success and any(attempt.preconditioner_age for attempt in result.attempts)
    assert bool(conversions) is is_converted


def test_jacobi_hopes_by_the_iterations_of_incomplete_factors():
    from sparsesci.solvers.sequence import candidates
    from sparsesci.solvers.sequence.system import Looking

    system = Looking().at(*drifting("definite", 1, seed=1312)[0])
    found = candidates.candidates_for(system.kind, system, "auto", "auto", 1e-4)
    factors, jacobi, hopes = found["cg + ic0"], found["cg + jacobi"], []
    for factors.last_nit in (3, 60):
        jacobi.hope_by(factors)
        hopes.append(jacobi.cost.hope)
    jacobi.cost.learn(0.5, 1, is_own=True, n_systems=2)
    jacobi.hope_by(factors)
    assert hopes[0] < hopes[1] and jacobi.cost.hope == 0.5


@pytest.mark.parametrize("kind", ["definite", "indefinite", "unsymmetric"])
def test_products_are_counted_once(kind):
    count = 0

    def multiply(A, x):
        nonlocal count
        count += 1
        return A @ x

    systems = [(partial(multiply, A), b) for A, b in drifting(kind, 4, seed=1313, n=12)]
    result = solve_sequence(systems, rtol=RTOL)
    first = 2 + 4 * 2  # products of the look at a new kind: how long they take, and whether A is symmetric
    assert result.success and result.nmatvec <= count <= result.nmatvec + first


def test_a_direct_solve_does_not_overrule_what_iterations_were_seen_to_take(monkeypatch):
    from sparsesci.solvers.sequence.cost import Cost

    monkeypatch.setattr(Cost, "next", lambda self, columns, *, has: (1.0, has == "none"))
    A, b = drifting("unsymmetric", 1, seed=1314)[0]
    walk = Walk(method="gcrodr", preconditioner="lu", rtol=RTOL, atol=0.0, maxiter=None)
    assert walk.solve(A, b).method == "direct"
    assert walk.solve(A + 0.01 * sp.eye_array(A.shape[0]), b).method == "gcrodr + lu"
    factored = walk.candidates["gcrodr + lu"]
    seen = factored.seconds_per_iteration
    factored.forget()
    assert walk.solve(A - 0.02 * sp.eye_array(A.shape[0]), b).attempts[-1].method == "direct"
    assert factored.seconds_per_iteration == seen


def test_a_trial_is_paid_before_the_next_one_on_the_same_system(monkeypatch):
    from sparsesci.solvers.sequence import walk
    from sparsesci.solvers.sequence.cost import Choice

    paid = []

    def always_a_trial(costs, has, outlook):
        paid.append(outlook.seconds_of_trials)
        return Choice(next(iter(costs)), 1e-9, 0.0)

    monkeypatch.setattr(walk, "choose", always_a_trial)
    solve_sequence(drifting("unsymmetric", 1, seed=1295), rtol=1e-12)
    assert len(paid) > 1 and all(later > earlier for earlier, later in pairwise(paid))


def test_many_right_hand_sides_are_solved_together_and_each_is_checked():
    (A, _), *_ = drifting("indefinite", 1, seed=1216)
    rng = np.random.default_rng(1220)
    systems = [(A, rng.standard_normal(A.shape[0])) for _ in range(75)]
    result = solve_sequence(systems, method="direct", rtol=RTOL)
    assert result.success and worst(systems, result) <= RTOL
    assert sum(attempt.setup_seconds > 0 for attempt in result.attempts) == 1
    assert all(one.nmatvec == 1 and "<=" in one.message for one in result.results)


def test_a_broken_right_hand_side_among_many_loses_nothing():
    (A, _), *_ = drifting("definite", 1, seed=1224)
    systems = [(A, np.cos(i + np.arange(A.shape[0]))) for i in range(9)]
    systems[5][1][7] = np.inf
    with pytest.raises(ValueError, match=r"b\[7\] is inf") as caught:
        solve_sequence(systems, rtol=RTOL)
    assert "this was systems[5]" in caught.value.__notes__
    assert [one is not None for one in caught.value.partial_result.results] == 5 * [True] + 4 * [False]


def test_ssor_learns_its_omega_by_itself():
    systems = drifting("definite", 60, seed=1226, n=20)
    result = solve_sequence(systems, method="cg", preconditioner="ssor", rtol=RTOL)
    plain = solve_sequence(systems, method="cg", preconditioner="jacobi", rtol=RTOL)
    assert result.success and worst(systems, result) <= RTOL
    assert result.nit < 0.6 * plain.nit


def test_a_matrix_that_is_filled_anew_is_noticed():
    A, b = drifting("definite", 1, seed=1219)[0]

    def refilled():
        for i in range(5):
            A.data[:] = A.data * (1.0 + i)
            yield A, b

    solutions = solve_sequence(refilled(), method="direct", rtol=RTOL).x
    expected = np.cumprod([1.0 + i for i in range(5)])
    assert np.allclose([solutions[0] @ x / (x @ x) for x in solutions], expected / expected[0])


class Refilling(Sequence):
    """Systems in one matrix that is filled anew whenever one is asked for."""

    def __init__(self, length, *, seed):
        self.length, (self.A, self.b) = length, drifting("definite", 1, seed=seed, n=6)[0]
        self.data = self.A.data.copy()

    def __len__(self):  # noqa: D105
        return self.length

    def __getitem__(self, i):  # noqa: D105
        if not 0 <= i < self.length:
            raise IndexError(i)
        self.A.data[:] = (1.0 + i) * self.data
        return self.A, self.b


@pytest.mark.parametrize("order", [None, [2, 0, 3, 1]])
def test_a_matrix_that_is_filled_anew_when_it_is_asked_for_is_noticed(order):
    solutions = solve_sequence(Refilling(4, seed=1287), order=order, method="direct", rtol=RTOL).x
    assert np.allclose([x / solutions[0] for x in solutions], 1 / np.arange(1.0, 5.0)[:, None])


@pytest.mark.parametrize("wrap", [list, iter])
@pytest.mark.parametrize("options", [{"workers": 2}, {"order": [3, 1, 2, 0]}])
def test_systems_that_overwrite_each_other_are_refused_where_all_are_needed_at_once(wrap, options):
    lazy = Refilling(4, seed=1289)
    if wrap is list and "order" in options:
        pytest.skip("a sequence in an order is asked for one system after the other")
    with pytest.raises(ValueError, match=r"systems\[1\] is written over the one before"):
        solve_sequence(lazy if wrap is list else iter(lazy), **options)


def test_recycled_products_are_not_paid_twice_for_one_matrix():
    (A, b), *_ = drifting("indefinite", 1, seed=1221)
    rng = np.random.default_rng(1222)
    systems = [(A, rng.standard_normal(b.shape)) for _ in range(3)]
    result = solve_sequence(systems, method="gcrodr", preconditioner="jacobi", rtol=RTOL)
    alone = solve_sequence(systems[:1], method="gcrodr", preconditioner="jacobi", rtol=RTOL)
    assert result.results[1].nit < 0.9 * alone.nit
    assert result.attempts[1].nmatvec <= result.attempts[1].nit + 2


def test_a_zero_right_hand_side_has_the_zero_solution():
    A, b = drifting("definite", 1, seed=1223)[0]
    result = solve_sequence([(A, b), (A, 0 * b), (A + A, 0 * b)], rtol=RTOL)
    assert result.success and not result.x[1].any() and not result.x[2].any()


def test_a_zero_right_hand_side_needs_no_preconditioner():
    S = sp.csr_array(np.diag([0.0, 1.0, 1.0]))
    result = solve_sequence([(S, np.zeros(3))], method="gmres", preconditioner="ilu0")
    assert result.success and not result.x[0].any() and result.attempts == []


@pytest.mark.parametrize("wrap", [sp.csr_array, np.asarray])
@pytest.mark.parametrize("method", ["minres", "gmres", "bicgstab", "recycled_minres"])
def test_a_saddle_point_is_solved_where_no_diagonal_helps(wrap, method):
    rng = np.random.default_rng(1281)
    B = rng.standard_normal((4, 9))
    A = np.block([[np.diag(rng.uniform(1, 2, 9)), B.T], [B, np.zeros((4, 4))]])
    systems = [(wrap(A), rng.standard_normal(13)) for _ in range(2)]
    result = solve_sequence(systems, method=method, rtol=1e-6)
    assert result.success and worst(systems, result) <= 1e-6


def test_the_method_that_is_named_is_the_one_that_gave_the_best_iterate():
    d = np.linspace(1, 50, 49) * np.where(np.arange(49) % 2, 1, -1)
    d[0] = 0
    S = sp.diags_array(d).tocsr()
    S.eliminate_zeros()
    with pytest.warns(ConvergenceWarning):
        (one,) = solve_sequence([(S, np.ones(49))], rtol=1e-10, maxiter=9).results
    assert (one.method, one.status) in {(attempt.method, attempt.status) for attempt in one.attempts}


def test_a_callback_may_write_to_what_it_is_shown():
    (A, b), *_ = drifting("definite", 1, seed=1283, n=5)
    result = solve_sequence([(A, b * (1 + i)) for i in range(4)], callback=lambda one: one.x.fill(np.nan), rtol=RTOL)
    assert result.success


@pytest.mark.parametrize("form", ["dense", "float32", "mixed", "unsorted"])
def test_multigrid_takes_every_matrix_and_leaves_it_as_it_is(form):
    A, b = drifting("definite", 1, seed=1285, n=30)[0]
    if form == "unsorted":
        rows = [slice(*A.indptr[i : i + 2]) for i in range(A.shape[0])]
        A = sp.csr_array(
            (
                np.concatenate([A.data[r][::-1] for r in rows]),
                np.concatenate([A.indices[r][::-1] for r in rows]),
                A.indptr,
            )
        )
    A = A.toarray() if form == "dense" else A.astype(np.float32) if form in ("float32", "mixed") else A
    b = b.astype(np.float32) if form == "float32" else b
    before = A.copy() if form == "dense" else A.indices.copy()
    result = solve_sequence([(A, b)], method="cg", preconditioner="amg", rtol=1e-4)
    assert result.success and result.x[0].dtype == b.dtype
    assert np.array_equal(before, A if form == "dense" else A.indices)


def test_multigrid_without_a_finite_cycle_is_reported():
    rng = np.random.default_rng(1284)
    S = sp.random_array((20, 20), density=0.2, rng=rng)
    S = (S + S.T + sp.diags_array([2.0, 2.0], offsets=[-1, 1], shape=(20, 20))).tolil()
    S.setdiag(0)
    with pytest.warns(ConvergenceWarning, match="0 of 1"):
        result = solve_sequence([(S, np.ones(20))], method="gmres", preconditioner="amg")
    assert result.attempts[0].status is Status.BREAKDOWN


def test_time_steps_start_from_the_last_solutions():
    line = sp.diags_array([-1.0, 2.0, -1.0], offsets=[-1, 0, 1], shape=(90, 90))
    A = sp.kronsum(line, line, format="csr")
    b = np.random.default_rng(1225).standard_normal(A.shape[0])

    def steps():
        for t in range(30):
            yield sp.csr_array(sp.eye_array(A.shape[0]) + 0.5 * A), b * (1 + 0.01 * t) + 0.001 * np.cos(t)

    result = solve_sequence(steps(), method="gmres", preconditioner="jacobi", rtol=RTOL)
    nit = [one.nit for one in result.results]
    assert result.success and np.median(nit[3:]) < 0.5 * nit[0]  # where a clock errs, a guess may rest for a system


def test_answers_come_in_the_order_of_the_systems():
    systems = drifting("definite", 9, seed=1227)
    permutation = np.random.default_rng(1228).permutation(9)
    result = solve_sequence(systems, order=permutation, rtol=RTOL)
    assert worst(systems, result) <= RTOL and np.array_equal(result.order, permutation)


def test_features_sort_the_systems():
    systems = drifting("definite", 9, seed=1229)
    shuffled = np.random.default_rng(1230).permutation(9)
    result = solve_sequence([systems[i] for i in shuffled], features=shuffled.astype(float), rtol=RTOL)
    path = shuffled[result.order]
    assert np.array_equal(path, np.arange(9)) or np.array_equal(path, np.arange(9)[::-1])


def test_recipes_are_called_when_their_turn_comes():
    systems, made = drifting("definite", 4, seed=1231), []

    def recipe(i):
        made.append(i)
        return systems[i]

    result = solve_sequence([partial(recipe, i) for i in range(4)], order=[2, 0, 3, 1], rtol=RTOL)
    assert made == [2, 0, 3, 1] and worst(systems, result) <= RTOL


def test_a_generator_is_asked_when_the_last_system_is_solved():
    systems, seen = drifting("definite", 5, seed=1233), []

    def generator():
        for i, system in enumerate(systems):
            assert len(seen) == i
            yield system

    assert solve_sequence(generator(), rtol=RTOL, callback=seen.append).success
    assert [one.nit for one in seen] and all(one.success for one in seen)


@pytest.mark.parametrize("workers", [2, -1])
def test_threads_solve_stretches(workers):
    systems = drifting("definite", 30, seed=1235)
    result = solve_sequence(systems, workers=workers, rtol=RTOL)
    assert result.success and worst(systems, result) <= RTOL


def made_there(seed, i):
    """Return system i; found by name in another process."""
    return drifting("unsymmetric", i + 1, seed=seed, n=8)[-1]


def test_processes_get_recipes_and_send_answers():
    with ProcessPoolExecutor(2) as pool:
        recipes = [partial(made_there, 1237, i) for i in range(25)]
        result = solve_sequence(recipes, workers=pool.map, rtol=RTOL)
    systems = [made_there(1237, i) for i in range(25)]
    assert result.success and worst(systems, result) <= RTOL


class Odd(Exception):
    """An error that can be pickled, but not restored."""

    def __init__(self, what, where):
        super().__init__(f"{what} in {where}")


def odd(i):
    """Return system i, but not the last ones."""
    if i > 23:
        raise Odd("nothing", "here")
    return made_there(1236, 0)


@pytest.mark.parametrize("where", ["thread", "process"])
def test_an_error_in_a_worker_comes_back_with_its_number_and_with_what_was_solved(where):
    recipes = [partial(odd, i) for i in range(25)]
    with ProcessPoolExecutor(1) as pool, pytest.raises(Odd if where == "thread" else RuntimeError) as caught:
        solve_sequence(recipes, workers=2 if where == "thread" else pool.map)
    assert "nothing in here" in str(caught.value)
    assert "this was systems[24]" in caught.value.__notes__
    assert sum(one is not None for one in caught.value.partial_result.results) == 24


def test_a_dask_cluster_gets_recipes_and_sends_answers():
    from distributed import Client, LocalCluster

    recipes = [partial(made_there, 1238, i) for i in range(25)]
    # Workers in this process: others could not import this module, which pytest has loaded by its path.
    where = {"n_workers": 2, "threads_per_worker": 1, "processes": False, "dashboard_address": ":0"}
    with LocalCluster(**where) as cluster, Client(cluster) as client:
        result = solve_sequence(recipes, workers=client, rtol=RTOL)
    systems = [made_there(1238, i) for i in range(25)]
    assert result.success and worst(systems, result) <= RTOL


def test_the_result_is_picklable():
    result = solve_sequence(drifting("definite", 3, seed=1239), rtol=RTOL)
    assert repr(pickle.loads(pickle.dumps(result))) == repr(result)


def test_a_callback_stops_the_sequence():
    systems, seen = drifting("definite", 6, seed=1241), []

    def stop_after_two(result):
        seen.append(result)
        if len(seen) == 2:
            raise StopIteration

    result = solve_sequence(systems, callback=stop_after_two, rtol=RTOL)
    assert [x is None for x in result.x] == [False, False, True, True, True, True]
    assert not result.success and "2 of 6 systems" in result.message


def test_an_error_in_a_callback_propagates_with_what_was_solved():
    def complain(result):
        raise ArithmeticError("enough")

    with pytest.raises(ArithmeticError, match="enough") as caught:
        solve_sequence(drifting("definite", 3, seed=1243), callback=complain, rtol=RTOL)
    assert caught.value.partial_result.results[0].success


@pytest.mark.parametrize("workers", [None, 2])
def test_a_generator_that_raises_loses_nothing(workers):
    systems = drifting("definite", 4, seed=1245)

    def broken():
        raise OSError("the disk is gone")

    with pytest.raises(OSError, match="the disk is gone") as caught:
        solve_sequence([*systems, broken], workers=workers, rtol=RTOL)
    solved = [one for one in caught.value.partial_result.results if one is not None]
    assert len(solved) == 4 and all(one.success for one in solved)
    assert any("4 systems were solved before" in note for note in caught.value.__notes__)


def test_a_generator_that_raises_in_the_middle_loses_nothing():
    def generator():
        yield from drifting("definite", 3, seed=1247)
        raise OSError("the disk is gone")

    with pytest.raises(OSError) as caught:
        solve_sequence(generator(), rtol=RTOL)
    assert len(caught.value.partial_result.results) == 3


def test_stopiteration_of_a_recipe_is_an_error_and_no_stop():
    def exhausted():
        raise StopIteration

    with pytest.raises(RuntimeError):
        solve_sequence([*drifting("definite", 2, seed=1249), exhausted], rtol=RTOL)


def test_a_broken_system_is_named_with_its_number():
    systems = drifting("definite", 3, seed=1251)
    systems[1][1][5] = np.nan
    with pytest.raises(ValueError, match=r"b\[5\] is nan") as caught:
        solve_sequence(systems, rtol=RTOL)
    assert any("systems[1]" in note for note in caught.value.__notes__)


@pytest.mark.parametrize("broken", [3, None, (np.eye(2),)])
def test_what_is_no_system_loses_nothing_that_came_before(broken):
    with pytest.raises(TypeError, match="a pair") as caught:
        solve_sequence([*drifting("definite", 3, seed=1290, n=5), broken])
    assert [one is not None for one in caught.value.partial_result.results] == [True, True, True, False]


@pytest.mark.parametrize("bad", [(np.ones((3, 4)), np.ones(3)), (np.eye(3), np.ones(4)), (np.eye(3), np.ones(0))])
def test_shapes_that_do_not_match_are_refused(bad):
    with pytest.raises(ValueError, match="shape"):
        solve_sequence([bad])


@pytest.mark.parametrize("bad", [7, [3], [(np.eye(2),)], [np.eye(2)]])
def test_what_is_no_sequence_of_pairs_is_refused(bad):
    with pytest.raises((TypeError, ValueError), match=r"a pair|iterable|shape"):
        solve_sequence(bad)


def test_an_empty_sequence_has_an_empty_answer():
    result = solve_sequence([])
    assert result.x == [] and result.success


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "magic"}, "method is 'magic'"),
        ({"preconditioner": "magic"}, "preconditioner is 'magic'"),
        ({"method": "direct", "preconditioner": "ilu0"}, "takes no preconditioner"),
        ({"order": "random"}, "order is 'random'"),
        ({"order": [0, 0, 1]}, "a permutation"),
        ({"features": np.ones(7)}, "features are not for 3 systems"),
        ({"rtol": -1.0}, "rtol"),
        ({"maxiter": 0}, "maxiter"),
        ({"workers": 0}, "workers"),
        ({"tuner": OmegaTuner(rng=5), "workers": 2}, "workers=None"),
        ({"tuner": OmegaTuner(rng=5), "preconditioner": "ilu0"}, "SSOR"),
        ({"tuner": OmegaTuner(rng=5), "preconditioner": np.eye(25)}, "SSOR"),
        ({"method": "direct", "preconditioner": np.eye(25)}, "takes no preconditioner"),
        ({"tuner": OmegaTuner(method="chebcb", context_bounds=(0, 1), rng=5)}, "context of each system"),
    ],
)
def test_options_that_make_no_sense_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        solve_sequence(drifting("definite", 3, seed=1253, n=5), **options)


def test_a_recycle_space_of_another_size_is_refused():
    A, b = drifting("definite", 1, seed=1255, n=5)[0]
    space = gcrodr(A, b, rtol=RTOL).recycle
    with pytest.raises(ValueError, match="recycle holds vectors of length 25"):
        solve_sequence(drifting("definite", 2, seed=1256, n=6), recycle=space)


def test_a_recycle_space_is_begun_with_and_handed_on():
    systems = drifting("indefinite", 2, seed=1257)
    first = solve_sequence(systems[:1], method="gcrodr", preconditioner="jacobi", rtol=RTOL)
    second = solve_sequence(systems[1:], method="gcrodr", preconditioner="jacobi", rtol=RTOL, recycle=first.recycle)
    assert second.success and second.nit < 0.8 * first.nit


def test_factors_are_handed_on_where_the_matrices_turn_out_to_be_indefinite(monkeypatch):
    from sparsesci.solvers.sequence import walk
    from sparsesci.solvers.sequence.cost import Choice, Cost

    def factors_first(costs, has, outlook):
        return Choice(next(name for name in ("cg + lu", "gcrodr + lu", *costs) if name in costs), 10.0, None)

    monkeypatch.setattr(walk, "choose", factors_first)
    monkeypatch.setattr(Cost, "next", lambda self, columns, *, has: (1.0, has == "none"))
    attempts = solve_sequence(drifting("indefinite", 3, seed=1292, drift=1e-3), rtol=RTOL).attempts
    story = [(attempt.method, attempt.preconditioner_age) for attempt in attempts]
    assert story == [("direct", 0), ("cg + lu", 1), ("gcrodr + lu", 1), ("gcrodr + lu", 2)]


def test_a_method_that_fails_is_followed_by_the_next():
    systems = drifting("indefinite", 12, seed=1259)
    result = solve_sequence(systems, rtol=RTOL)
    assert result.success and worst(systems, result) <= RTOL
    assert not any(attempt.method.startswith(("cg", "recycled_cg")) for attempt in result.attempts[6:])


@pytest.mark.parametrize("wrap", [lambda A: A, lambda A: A.__matmul__], ids=["matrix", "function"])
def test_a_sequence_that_begins_symmetric_need_not_stay_so(wrap):
    systems = [*drifting("definite", 3, seed=1260, n=8), *drifting("unsymmetric", 6, seed=1262, n=8)]
    result = solve_sequence([(wrap(A), b) for A, b in systems], rtol=RTOL)
    assert result.success and worst(systems, result) <= RTOL


def test_a_singular_inconsistent_system_is_reported_and_the_others_are_solved():
    (A, b), (B, c) = drifting("definite", 2, seed=1261, n=7)
    S = sp.csr_array(sp.diags_array(np.r_[0.0, np.ones(48)]))
    with pytest.warns(ConvergenceWarning, match="2 of 3 systems solved.*system 1"):
        result = solve_sequence([(A, b), (S, np.ones(49)), (B, c)], rtol=RTOL, maxiter=200)
    assert [one.success for one in result.results] == [True, False, True]
    assert result.results[1].status is not Status.CONVERGED and np.isfinite(result.x[1]).all()


def test_a_zero_matrix_is_reported():
    with pytest.warns(ConvergenceWarning, match="0 of 1"):
        result = solve_sequence([(sp.csr_array((6, 6)), np.ones(6))])
    assert not result.success


def test_a_preconditioner_may_be_a_function_or_one_for_all():
    systems = drifting("definite", 4, seed=1263)
    made = []

    def factory(A):
        made.append(A)
        return sp.diags_array(1 / A.diagonal())

    assert solve_sequence(systems, method="cg", preconditioner=factory, rtol=RTOL).success and len(made) == 4
    assert solve_sequence(systems, method="cg", preconditioner=factory(systems[0][0]), rtol=RTOL).success


def test_an_error_of_the_callers_preconditioner_propagates():
    def factory(A):
        raise ValueError("not today")

    with pytest.raises(ValueError, match="not today"):
        solve_sequence(drifting("definite", 2, seed=1265), preconditioner=factory)


@pytest.mark.parametrize("method", ["tsallis-inf", "chebcb"])
def test_a_tuner_is_asked_and_told_for_each_system(method):
    tuner = OmegaTuner(method=method, context_bounds=(0.0, 1.0), rng=1267)
    systems = drifting("definite", 20, seed=1268)
    result = solve_sequence(systems, tuner=tuner, features=np.linspace(0, 1, 20), order=None, rtol=RTOL)
    assert result.success and worst(systems, result) <= RTOL
    assert [n for _, n in tuner.history] == [one.nit for one in result.results]


def test_maxiter_holds_for_each_method():
    systems = drifting("indefinite", 2, seed=1269)
    with pytest.warns(ConvergenceWarning, match="maxiter"):
        result = solve_sequence(systems, method="gmres", preconditioner=None, maxiter=7, rtol=RTOL)
    assert all(attempt.nit <= 7 for attempt in result.attempts)


def test_the_repr_tells_what_was_used_and_what_it_cost():
    text = repr(solve_sequence(drifting("definite", 6, seed=1271), rtol=RTOL))
    assert text.startswith("SequenceResult: 6 of 6 systems solved in")
    assert "systems  solved  seconds  of it setup  products" in text

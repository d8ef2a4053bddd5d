"""Every solver of the benchmark solves what it is for, and ends on what it cannot solve."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.sparse import csr_array, diags_array
from scipy.sparse.linalg import aslinearoperator

from sparsesci.bench.objectives.relative_residual import relative_residual
from sparsesci.bench.preconditioners import PRECONDITIONERS
from sparsesci.bench.problems import PROBLEMS
from sparsesci.bench.runner import run
from sparsesci.bench.solvers import SOLVERS
from sparsesci.bench.solvers.counted import BUDGET
from sparsesci.bench.solvers.scipy_splu import has_symmetric_pattern, options_for
from sparsesci.solvers import recycled_cg, ssor_preconditioner


def small(name, **parameters):
    """Return a problem of ours on a grid of ten points an axis."""
    problem = PROBLEMS[name]
    return replace(problem, parameters={**problem.parameters, "n": 10, "length": 2, **parameters})


def only_row(problem, solver, seed):
    """Run one solver on one problem; skip where it is a peer that is not installed."""
    record = run([problem], [solver], seed=seed, repeats=1)
    (row,) = record.tables[0].rows
    if row.trouble.startswith("not installed"):
        pytest.skip(row.trouble)
    return row


KRYLOV = {name: solver for name, solver in SOLVERS.items() if solver.family == "krylov"}


@pytest.mark.parametrize("preconditioner", ["none", "jacobi", "ilu0"])
@pytest.mark.parametrize("solver", KRYLOV.values(), ids=KRYLOV)
def test_a_solver_solves_a_sequence_of_darcy_systems(solver, preconditioner):
    row = only_row(replace(small("darcy2d"), preconditioner=preconditioner), solver, seed=61)
    assert row.trouble == "" and row.solved() == 2 and row.repeats[0].claimed == [True, True]


@pytest.mark.parametrize(
    "name", ["scipy-gmres", "scipy-gcrotmk", "scipy-lgmres", "scipy-bicgstab", "scipy-splu", "gcrodr"]
)
def test_a_general_solver_solves_a_complex_system(name):
    row = only_row(PROBLEMS["young1c-ilu0"], SOLVERS[name], seed=62)
    assert row.trouble == "" and row.solved() == 1


def test_cg_and_multigrid_are_left_out_where_the_matrix_is_indefinite():
    record = run([small("helmholtz2d")], [SOLVERS["scipy-cg"], SOLVERS["pyamg-sa"]], seed=63, repeats=1)
    assert record.tables[0].rows == []


def inconsistent(rng):
    """Yield a singular system without a solution."""
    yield diags_array(np.r_[0.0, np.arange(1, 60)], format="csr"), np.ones(60)


def cyclic(rng):
    """Yield a shift by one row, for which restarted methods make no step forward."""
    n = 100
    yield diags_array([np.ones(n - 1), [1.0]], offsets=[-1, n - 1], shape=(n, n), format="csr"), np.eye(n)[0]


@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("scipy-gmres", cyclic),
        ("scipy-gcrotmk", cyclic),
        ("scipy-lgmres", cyclic),
        ("scipy-bicgstab", inconsistent),
        ("scipy-cg", inconsistent),
    ],
)
def test_a_peer_that_cannot_solve_ends_with_its_budget(name, make):
    problem = replace(PROBLEMS["darcy2d"], parameters={}, make=make, preconditioner="none")
    row = only_row(problem, SOLVERS[name], seed=64)
    assert row.solved() == 0 and row.repeats[0].claimed == [False]
    assert 0.95 * BUDGET < row.counts()["matvecs"] <= 2 * BUDGET  # GCROT's cycles are twice as long without a space


@pytest.mark.parametrize("name", ["gcrodr", "scipy-gcrotmk"])
def test_a_recycling_solver_does_less_for_a_system_that_it_has_seen(name):
    (A, b), *_ = PROBLEMS["helmholtz2d"].make(np.random.default_rng(65), **small("helmholtz2d", n=20).parameters)
    solve = SOLVERS[name].start(None, 1e-8)
    first, second = solve(A, b), solve(A, b)
    assert second.success and second.counts["matvecs"] < first.counts["matvecs"]


def test_only_recycling_tells_gcrodr_from_its_fresh_twin():
    first, fresh = (SOLVERS[name].start(None, 1e-8) for name in ("gcrodr", "gcrodr-fresh"))
    (A, b), (C, d) = PROBLEMS["helmholtz2d"].make(np.random.default_rng(66), **small("helmholtz2d", n=20).parameters)
    assert np.array_equal(first(A, b).x, fresh(A, b).x)
    assert first(C, d).counts["matvecs"] < fresh(C, d).counts["matvecs"]


def test_the_preconditioner_is_built_anew_for_every_system():
    built = []

    def spy(A):
        built.append(A)
        return PRECONDITIONERS["jacobi"](A)

    systems = list(small("darcy2d").make(np.random.default_rng(67), **small("darcy2d").parameters))
    for solver in (SOLVERS["scipy-gmres"], SOLVERS["gcrodr"]):
        built.clear()
        solve = solver.start(spy, 1e-8)
        for A, b in systems:
            solve(A, b)
        assert [A is B for (A, _), B in zip(systems, built, strict=True)] == [True, True]


def test_superlu_is_ordered_by_the_pattern_and_not_by_the_values():
    unsymmetric_values = csr_array(np.array([[2.0, 1.0], [3.0, 2.0]]))
    assert has_symmetric_pattern(unsymmetric_values)
    assert options_for(unsymmetric_values)["permc_spec"] == "MMD_AT_PLUS_A"
    assert options_for(csr_array(np.array([[2.0, 1.0], [0.0, 2.0]])))["permc_spec"] == "COLAMD"


def many(name, **parameters):
    """Return six systems with one matrix on a small grid."""
    return replace(small(name, length=6), parameters={**small(name, length=6).parameters, **parameters})


def test_superlu_factorises_a_matrix_once_and_another_one_anew(monkeypatch):
    import scipy.sparse.linalg

    factorised, splu = [], scipy.sparse.linalg.splu
    monkeypatch.setattr(scipy.sparse.linalg, "splu", lambda A, **options: factorised.append(A) or splu(A, **options))
    for name, expected in (("many-rhs", 1), ("darcy2d", 6)):
        solve = SOLVERS["scipy-splu"].start(None, 1e-8)
        factorised.clear()
        for A, b in many(name).make(np.random.default_rng(68), **many(name).parameters):
            assert relative_residual(A, b, solve(A, b).x) < 1e-12
        assert len(factorised) == expected


@pytest.mark.parametrize("name", ["scipy-gcrotmk", "scipy-lgmres", "gcrodr", "recycled-cg"])
def test_a_recycling_solver_pays_no_products_to_set_up_for_the_same_matrix(name):
    systems = list(many("many-rhs", n=16).make(np.random.default_rng(69), **many("many-rhs", n=16).parameters))

    def products(of):
        solve = SOLVERS[name].start(None, 1e-8)
        answers = [solve(A, b) for A, b in of]
        for answer, (A, b) in zip(answers, of, strict=True):
            assert relative_residual(A, b, answer.x) < 1.1e-8
        return sum(answer.counts["matvecs"] for answer in answers)

    assert products(systems) < products([(A.copy(), b) for A, b in systems])


@pytest.mark.parametrize("problem", ["many-rhs", "many-rhs-helmholtz", "darcy2d", "helmholtz2d"])
@pytest.mark.parametrize("name", ["scipy-gcrotmk", "scipy-lgmres"])
def test_a_peer_that_recycles_is_right_whether_the_matrix_changes_or_not(name, problem):
    row = only_row(many(problem, n=20), SOLVERS[name], seed=70)
    assert row.trouble == "" and row.solved() == 6


def test_minres_solves_an_indefinite_system_and_its_claim_is_that_of_the_true_residual():
    row = only_row(small("helmholtz2d", n=20, k0=18.0), SOLVERS["scipy-minres"], seed=99)
    assert row.trouble == "" and row.solved() == 2 and row.false_claims() == 0


def test_minres_goes_without_a_preconditioner_that_is_indefinite():
    systems = small("helmholtz2d", n=20, k0=18.0)
    asked = []

    def negative(A):
        asked.append(A)
        return aslinearoperator(diags_array(np.r_[-np.ones(1), np.ones(399)]))

    solve, alone = (SOLVERS["scipy-minres"].start(M, 1e-8) for M in (negative, None))
    for A, b in systems.make(np.random.default_rng(103), **systems.parameters):
        first, second = solve(A, b), alone(A, b)
        assert first.success and np.array_equal(first.x, second.x)
    assert len(asked) == 1


def test_the_tuned_solver_learns_from_system_to_system():
    problem = many("many-rhs", n=24, length=300)
    systems = list(problem.make(np.random.default_rng(104), **problem.parameters))
    solve = SOLVERS["tuned-ssor-cg"].start(None, 1e-8)
    learnt = [solve(A, b).counts["matvecs"] for A, b in systems][200:]
    fixed = [recycled_cg(A, b, M=ssor_preconditioner(A), n_recycle=0, rtol=1e-8).nmatvec for A, b in systems[200:]]
    assert sum(learnt) < 0.9 * sum(fixed)

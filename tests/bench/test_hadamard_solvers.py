"""Every Walsh-Hadamard solver of the benchmark finds the spectrum; samples and the function's time are counted."""

import json
from dataclasses import replace

import numpy as np
import pytest

from sparsesci.bench import report
from sparsesci.bench.problems import PROBLEMS
from sparsesci.bench.record import Record
from sparsesci.bench.runner import applies, run
from sparsesci.bench.solver import Answer
from sparsesci.bench.solvers import SOLVERS, subsampled

HADAMARD = {name: solver for name, solver in SOLVERS.items() if solver.family == "hadamard"}
PEERS = ("qsft", "sparse-transform")


def small(**parameters):
    """Return a problem at a size of milliseconds; with fewer coefficients the peers, who cannot grow, may fail."""
    problem = PROBLEMS["sparse20-100"]
    changes = {"bits": 14, "sparsity": 50, "length": 2, **parameters}
    goal = 0.1 * changes["noise"] if changes.get("noise") else problem.goal
    return replace(problem, parameters={**problem.parameters, **changes}, goal=goal)


def only_row(problem, solver, seed):
    """Run one solver on one problem; skip where it is a peer that is not installed."""
    (row,) = run([problem], [solver], seed=seed, repeats=1).tables[0].rows
    if solver.peer and row.trouble.startswith("not installed"):
        pytest.skip(row.trouble)
    return row


@pytest.mark.parametrize("name", HADAMARD)
@pytest.mark.parametrize("amplitudes", ["signs", "gauss", "complex"])
def test_a_solver_finds_the_spectrum_without_noise(name, amplitudes):
    row = only_row(small(amplitudes=amplitudes), HADAMARD[name], seed=2551)
    assert row.trouble == "" and all(row.repeats[0].reached) and row.false_claims() == 0


@pytest.mark.parametrize("name", HADAMARD)
@pytest.mark.parametrize("amplitudes", ["signs", "complex"])
def test_a_solver_finds_the_spectrum_in_noise(name, amplitudes):
    row = only_row(small(amplitudes=amplitudes, noise=0.05), HADAMARD[name], seed=2552)
    assert row.trouble == "" and all(row.repeats[0].reached)


@pytest.mark.parametrize("name", ["sparse-wht", "sparse-wht-k", *PEERS])
def test_a_solver_finds_a_spectrum_of_low_degree_in_forty_variables(name):
    row = only_row(small(bits=40, degree=3), HADAMARD[name], seed=2553)
    assert row.trouble == "" and all(row.repeats[0].reached)


@pytest.mark.parametrize(
    ("name", "samples"), [("dense-fwht", 2**14), ("qsft", 3 * 32 * 15), ("sparse-transform", 3 * 32 * 15)]
)
def test_samples_are_counted_by_the_function_itself(name, samples):
    row = only_row(small(), HADAMARD[name], seed=2554)
    assert row.repeats[0].counts == [{"samples": samples}] * 2


def test_ours_takes_fewer_samples_than_there_are():
    row = only_row(small(), HADAMARD["sparse-wht-k"], seed=2555)
    assert all(count["samples"] < 3 * 32 * 15 for count in row.repeats[0].counts)


def test_the_time_of_the_function_is_in_no_other_time_and_is_stated():
    def start(preconditioner, goal):
        def solve(f, n, sparsity, noise_std):
            f(np.arange(1 << n, dtype=np.uint64).repeat(8))
            return Answer((f.indices, f.values), success=True)

        return solve

    result = run([small(bits=16)], [replace(HADAMARD["sparse-wht"], name="asks", start=start)], seed=2556, repeats=1)
    (row,) = result.tables[0].rows
    (repeat,) = row.repeats
    assert len(repeat.oracle_seconds) == 2
    assert all(t < 0.5 * asked for t, asked in zip(repeat.cpu_seconds, repeat.oracle_seconds, strict=True))
    assert any("not in the times: the function itself" in str(text) for text in report.tables(result))
    assert Record.from_json(result.to_json()) == result


def test_a_record_from_before_there_were_oracles_can_still_be_read():
    plain = json.loads(run([small()], [HADAMARD["dense-fwht"]], seed=2557, repeats=1).to_json())
    for repeat in plain["tables"][0]["rows"][0]["repeats"]:
        del repeat["oracle_seconds"]
    (row,) = Record.from_json(json.dumps(plain)).tables[0].rows
    assert row.repeats[0].oracle_seconds == []


def test_only_the_dense_transform_is_left_out_and_only_of_forty_variables_or_more():
    def names(problem):
        return {name for name, solver in HADAMARD.items() if applies(solver, PROBLEMS[problem], 2)}

    assert names("sparse20-1000-0db") == set(HADAMARD)
    assert names("sparse40-500-0db") == set(HADAMARD) - {"dense-fwht"}


def test_the_peers_draw_from_the_global_generator_and_leave_it_as_it_was():
    before = np.random.get_state()  # noqa: NPY002
    with subsampled.seeded():
        first = np.random.random(5)  # noqa: NPY002
    after = np.random.get_state()  # noqa: NPY002
    assert np.array_equal(before[1], after[1]) and before[2:] == after[2:]
    with subsampled.seeded():
        assert np.array_equal(np.random.random(5), first)  # noqa: NPY002


@pytest.mark.parametrize(
    ("n", "sparsity", "noise_std", "size"),
    [
        (20, 100, 0.0, (6, 1)),
        (20, 1000, 0.0, (9, 1)),
        (40, 500, 0.0, (8, 1)),
        (40, 500, np.sqrt(5), (9, 1)),
        (40, 500, np.sqrt(50), (9, 2)),
        (20, 100, 1.0, (7, 2)),
    ],
)
def test_the_peers_get_as_many_bins_and_repetitions_as_they_need(n, sparsity, noise_std, size):
    assert subsampled.size_for(n, sparsity, noise_std) == size
    more = subsampled.size_for(n, sparsity, noise_std, bins_per_coefficient=0.6)
    assert more == ((size[0] + (sparsity > 100), 1) if noise_std == 0 else size)

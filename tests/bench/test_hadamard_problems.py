"""The Walsh-Hadamard problems are what they say, and the same for the same seed."""

import numpy as np
import pytest

from sparsesci.bench.problems import PROBLEMS
from sparsesci.bench.problems.hadamard_sparse import random_support, random_values

HADAMARD = {name: problem for name, problem in PROBLEMS.items() if problem.family == "hadamard"}


def systems_of(name, seed=2541, **changes):
    """Return the systems of a problem."""
    problem = HADAMARD[name]
    return list(problem.make(np.random.default_rng(seed), **{**problem.parameters, "length": 2, **changes}))


@pytest.mark.parametrize("name", HADAMARD)
def test_a_spectrum_has_as_many_coefficients_as_its_name_says(name):
    bits, sparsity = name.removeprefix("sparse").split("-")[:2]
    for f, n, K, _ in systems_of(name):
        assert (n, K) == (int(bits), int(sparsity)) and len(np.unique(f.indices)) == K
        assert int(f.indices.max()) < 1 << n and np.abs(f.values).min() > 0


@pytest.mark.parametrize("name", HADAMARD)
def test_the_noise_is_that_of_the_name(name):
    decibels = name.rpartition("-")[2]
    for f, _, _, noise_std in systems_of(name):
        assert f.noise_std == noise_std
        if decibels.endswith("db"):
            ratio = (np.abs(f.values) ** 2).sum() / noise_std**2
            assert 10 * np.log10(ratio) == pytest.approx(float(decibels[:-2]))
        else:
            assert noise_std == 0


@pytest.mark.parametrize("name", ["sparse20-100-10db", "sparse40-500-complex"])
def test_the_seed_makes_the_systems_and_the_next_one_is_another(name):
    (f, *_), (g, *_) = systems_of(name)
    (again, *_), _ = systems_of(name)
    points = np.arange(20, dtype=np.uint64)
    assert np.array_equal(f(points), again(points)) and not np.array_equal(f(points), g(points))


def test_a_goal_in_noise_is_a_tenth_of_the_noise_and_a_wrong_support_never_reaches_it():
    assert HADAMARD["sparse40-500-20db"].goal == pytest.approx(1e-3)
    assert HADAMARD["sparse40-500-0db"].goal == pytest.approx(0.1)
    assert all(problem.goal < 1 for problem in HADAMARD.values())


def test_a_support_of_low_degree_is_uniform_over_all_indices_of_that_degree():
    drawn = [random_support(np.random.default_rng([2542, i]), 5, 4, 2) for i in range(500)]
    indices, counts = np.unique(np.concatenate(drawn), return_counts=True)
    assert all(len(np.unique(each)) == 4 for each in drawn)
    assert len(indices) == 1 + 5 + 10 and np.bitwise_count(indices).max() == 2
    assert counts.min() > 80 and counts.max() < 175  # 125 of each are expected, with a deviation of 10


def test_a_support_without_degree_has_half_of_the_bits():
    indices = random_support(np.random.default_rng(2543), 60, 1000, 0)
    assert np.bitwise_count(indices).mean() == pytest.approx(30, abs=0.7)


def test_amplitudes_are_signs_or_normal_or_of_modulus_one():
    rng = np.random.default_rng(2544)
    assert set(random_values(rng, 90, "signs")) == {1.0, -1.0}
    assert np.abs(random_values(rng, 90, "complex")) == pytest.approx(1)
    assert random_values(rng, 9000, "gauss").std() == pytest.approx(1, abs=0.05)
    with pytest.raises(ValueError, match="amplitudes is 'cauchy'"):
        random_values(rng, 9, "cauchy")


def test_one_problem_is_in_the_default_suite_and_three_are_quick():
    assert [p.name for p in HADAMARD.values() if p.quick is not None and p.plain] == ["sparse20-100"]
    assert len([p for p in HADAMARD.values() if p.quick is not None]) == 3

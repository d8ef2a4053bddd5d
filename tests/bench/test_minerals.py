"""Mixtures of minerals are what they say, and the same for the same seed."""

import numpy as np
import pytest

from sparsesci.bench.objectives.coefficient_error import coefficient_error, f1_score
from sparsesci.bench.problems.minerals import PROBLEMS, library


def systems_of(problem, seed=4271, **changes):
    """Return the systems of a problem."""
    return list(problem.make(np.random.default_rng(seed), **{**problem.parameters, **changes}))


def test_the_library_is_that_of_the_usgs():
    A, names = library()
    unit = A / np.linalg.norm(A, axis=0)
    coherence = np.triu(unit.T @ unit, 1)
    assert (
        A.shape == (224, 498) and 0 < A.min() and A.max() < 1.02 and len(names) == 498 and "Quartz" in " ".join(names)
    )
    assert coherence.max() == pytest.approx(0.99998, abs=1e-5) and not A.flags.writeable


@pytest.mark.parametrize("problem", PROBLEMS, ids=lambda problem: problem.name)
def test_a_mixture_has_three_to_six_minerals_and_the_noise_of_its_name(problem):
    systems = systems_of(problem, length=40)
    sizes = {np.count_nonzero(x) for _, _, x, _ in systems}
    assert sizes == {3, 4, 5, 6} and all(A is systems[0][0] for A, *_ in systems)
    for A, y, x, noise_var in systems:
        assert 10 * np.log10(np.mean((A @ x) ** 2) / noise_var) == pytest.approx(problem.parameters["snr"])
        assert np.mean((y - A @ x) ** 2) == pytest.approx(noise_var, rel=0.5)
        if "nonnegative" in problem.traits:
            assert x.min() == 0 and x.sum() == pytest.approx(1)
    assert ("nonnegative" in problem.traits) == all(x.min() == 0 for _, _, x, _ in systems)


def test_the_seed_makes_the_mixtures():
    (_, one, *_), (_, other, *_) = systems_of(PROBLEMS[0], length=2)
    (_, again, *_), _ = systems_of(PROBLEMS[0], length=2)
    assert np.array_equal(one, again) and not np.array_equal(one, other)


def test_the_truth_is_right_and_zero_is_wrong_by_all():
    A, y, x, noise_var = systems_of(PROBLEMS[0])[0]
    assert coefficient_error(A, y, x, noise_var, x) == 0 and f1_score(x, x) == 1
    assert coefficient_error(A, y, x, noise_var, 0 * x) == 1 and f1_score(x, 0 * x) == 0


def test_half_of_a_support_with_as_many_others_scores_one_half():
    x = np.array([1.0, 2.0, 0.0, 0.0, 0.0])
    assert f1_score(x, np.array([1.0, 1e-4, 0.7, 0.0, 0.0])) == 0.5

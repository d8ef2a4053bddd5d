"""The channel by way of a reflecting surface as a benchmark problem."""

import numpy as np
import pytest

from sparsesci.bench.objectives.channel_error import channel_error, symbol_error_rate
from sparsesci.bench.problems.irs_mimo import PROBLEMS, irs_channels
from sparsesci.recovery import KroneckerOperator, kron_sbl


def one(*, seed, snr=12.0, pilots=3, patterns=6):
    return next(irs_channels(np.random.default_rng(seed), pilots, patterns, snr, 1))


def test_the_sizes_are_those_of_the_paper():
    factors, y, channel, _ = one(seed=12701)
    assert [H.shape for H in factors] == [(6, 18), (3, 18), (16, 18)] and y.shape == (288,)
    assert channel.matrices.shape == (6, 16, 6)


def test_factors_are_the_same_object_for_all_channels_of_a_draw():
    systems = list(irs_channels(np.random.default_rng(12702), 3, 6, 8.0, 3))
    assert all(system[0] is systems[0][0] for system in systems)
    assert len({system[1].tobytes() for system in systems}) == 3


def test_noise_has_the_variance_that_is_said():
    differences = []
    for seed in range(12703, 12713):
        (_, loud, _, noise_var), (_, clean, _, _) = (one(seed=seed, snr=snr) for snr in (4.0, 300.0))
        differences.append(np.mean(np.abs(loud - clean) ** 2) / noise_var)
    assert np.mean(differences) == pytest.approx(1.0, rel=0.05)


def test_measurements_are_the_product_of_coefficients_that_make_the_channel():
    system = one(seed=12714, snr=300.0, pilots=6, patterns=18)
    factors, y, _, _ = system
    x = kron_sbl(factors, y, method="decomposed", noise_var=1e-12).x
    np.testing.assert_allclose(KroneckerOperator(factors) @ x, y, atol=1e-8 * np.abs(y).max())
    assert channel_error(*system, x) < 1e-15
    assert channel_error(*system, 0 * x) == 1.0 and channel_error(*system, 2 * x) == pytest.approx(1.0)


@pytest.mark.parametrize("snr", [2.0, 8.0])
def test_a_channel_that_is_known_loses_as_many_symbols_as_theory_says(snr):
    from scipy.special import ndtr

    factors, y, channel, _ = one(seed=12715, snr=300.0, pilots=6, patterns=18)
    x = kron_sbl(factors, y, method="decomposed", noise_var=1e-12).x
    q = ndtr(-(10 ** (snr / 20)))
    assert symbol_error_rate(channel, x, snr, np.random.default_rng(12716)) == pytest.approx(2 * q - q**2, rel=0.05)


def test_an_estimate_that_is_zero_or_of_the_wrong_sign_loses_most_symbols():
    factors, y, channel, _ = one(seed=12717, snr=300.0, pilots=6, patterns=18)
    x = kron_sbl(factors, y, method="decomposed", noise_var=1e-12).x
    assert symbol_error_rate(channel, 0 * x, 10.0, np.random.default_rng(12718)) == 0.75
    wrong = channel.from_coefficients(x * 1j)
    np.testing.assert_allclose(wrong, 1j * channel.matrices, atol=1e-9 * np.abs(wrong).max())


@pytest.mark.parametrize("problem", PROBLEMS, ids=lambda problem: problem.name)
def test_most_channels_are_estimated_to_the_goal(problem):
    systems = problem.make(np.random.default_rng(12719), **{**problem.parameters, "length": 8})
    errors = [problem.error(*system, kron_sbl(system[0], system[1]).x) for system in systems]
    # not all: where a pattern cancels the channel almost, the error relative to what is left is large
    assert np.median(errors) < problem.goal / 3

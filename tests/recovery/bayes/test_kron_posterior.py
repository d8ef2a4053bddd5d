"""The E-step that never forms the product, against the product."""

import math
from functools import reduce

import numpy as np
import pytest

from sparsesci.recovery.bayes.expectation import expectation
from sparsesci.recovery.bayes.kron_model import checked, prepared, tridiagonal
from sparsesci.recovery.bayes.kron_posterior import KronPosterior


def draw(seed, *, with_couplings=False, dtype=None):
    """Return factors of one of 20 kinds, data, variances and noise; dense M and N stay below 400."""
    rng = np.random.default_rng(seed)
    d = 1 + seed % 4
    is_complex = seed % 3 == 0 if dtype is None else np.dtype(dtype).kind == "c"
    top = (20, 12, 6, 4)[d - 1]

    def normal(*shape):
        return rng.standard_normal(shape) + (1j * rng.standard_normal(shape) if is_complex else 0)

    factors = [normal(*rng.integers(1, top + 1, 2)) for _ in range(d)]
    y = normal(math.prod(len(H) for H in factors), 1 + seed % 2)
    gammas = [rng.exponential(size=H.shape[1]) * (rng.random(H.shape[1]) < 0.8) for H in factors]
    couplings = [tridiagonal(0.5, H) if with_couplings else None for H in factors]
    return factors, y, gammas, couplings, rng.uniform(0.01, 1)


def dense(model, factors, y, gammas, s2):
    """Return the expectation of the dense code for the same standardised problem."""
    A = reduce(np.kron, [H / length for H, length in zip(factors, model.lengths, strict=True)])
    gamma = reduce(np.kron, gammas)
    kept = gamma > 0
    return A, gamma, kept, expectation(A[:, kept], y / model.scale, gamma[kept], s2)


@pytest.mark.parametrize("seed", range(12200, 12220))
def test_one_step_is_that_of_the_explicit_product(seed):
    factors, y, gammas, couplings, s2 = draw(seed)
    model = prepared(*checked(factors, y), couplings)
    P = KronPosterior(model, gammas, s2)
    A, gamma, kept, E = dense(model, factors, y, gammas, s2)
    M, n_columns = y.shape
    assert P.evidence == pytest.approx(E.evidence(M, n_columns, is_complex=A.dtype.kind == "c"), rel=1e-8)
    mu, variance = P.mu().reshape(-1, n_columns), P.variance().ravel()
    scale = np.abs(E.mu).max(initial=1e-300)
    np.testing.assert_allclose(mu[kept], E.mu, rtol=1e-8, atol=1e-8 * scale)
    np.testing.assert_allclose(variance[kept], E.variance, rtol=1e-8, atol=1e-8 * gamma.max())
    assert not mu[~kept].any() and not variance[~kept].any()
    assert P.residual == pytest.approx(E.residual, rel=1e-8)
    told, power = np.zeros(gamma.shape), np.zeros(gamma.shape)
    told[kept], power[kept] = E.told, (np.abs(E.mu) ** 2).mean(axis=1) / gamma[kept]
    for i in range(len(factors)):
        others = tuple(j for j in range(len(factors)) if j != i)
        for found, expected in zip(P.slab(i), (power, told), strict=True):
            np.testing.assert_allclose(found, expected.reshape(model.shape).sum(axis=others), rtol=1e-8, atol=1e-8)
    assert P.trace == pytest.approx(np.trace(np.linalg.inv((A * gamma) @ A.conj().T + s2 * np.eye(M))).real, rel=1e-8)


@pytest.mark.parametrize("dtype", [float, complex])
def test_it_is_the_same_in_every_library(lib, dtype):
    factors, y, gammas, couplings, s2 = draw(12230, dtype=dtype)
    model = prepared(*checked([lib.array(H) for H in factors], lib.array(y)), couplings)
    P = KronPosterior(model, [lib.array(g) for g in gammas], s2)
    _, _, kept, E = dense(model._replace(lengths=list(map(lib.host, model.lengths))), factors, y, gammas, s2)
    np.testing.assert_allclose(lib.host(P.mu()).reshape(-1, y.shape[1])[kept], E.mu, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(lib.host(P.variance()).ravel()[kept], E.variance, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("seed", range(12240, 12246))
@pytest.mark.parametrize("with_couplings", [False, True])
def test_power_and_what_is_told_are_the_gradient_of_the_evidence(seed, with_couplings):
    factors, y, gammas, couplings, s2 = draw(seed, with_couplings=with_couplings)
    model = prepared(*checked(factors, y), couplings)
    gammas = [g + 0.1 for g in gammas]
    P, h = KronPosterior(model, gammas, s2), 1e-5
    per = y.shape[1] * (1.0 if model.is_complex else 0.5)
    for i in range(len(gammas)):
        power, told = P.slab(i)
        for j in range(len(gammas[i])):
            ends = []
            for sign in (1, -1):
                moved = [g.copy() for g in gammas]
                moved[i][j] *= 1 + sign * h
                ends.append(KronPosterior(model, moved, s2).evidence)
            assert (ends[0] - ends[1]) / (2 * h) == pytest.approx(per * (power[j] - told[j]), rel=1e-4, abs=1e-5)


def test_the_gain_of_an_entry_is_what_the_evidence_loses_without_it_where_columns_are_orthogonal():
    rng = np.random.default_rng(12250)
    factors = [np.linalg.qr(rng.standard_normal((n, n)))[0] for n in (5, 6)]
    gammas = [rng.exponential(size=n) for n in (5, 6)]
    model = prepared(*checked(factors, rng.standard_normal(30)), [None, None])
    P = KronPosterior(model, gammas, 0.3)
    for i, gains in enumerate(P.gains()):
        for j, gain in enumerate(gains):
            without = [g.copy() for g in gammas]
            without[i][j] = 0
            assert gain == pytest.approx(P.evidence - KronPosterior(model, without, 0.3).evidence, rel=1e-10)


def test_what_a_tall_factor_cannot_reach_enters_as_energy_alone():
    factors, y, _, _, _ = draw(12261, dtype=float)
    factors = [np.random.default_rng(12262).standard_normal((30, 4)), np.eye(3)]
    y = np.random.default_rng(12263).standard_normal(90)
    model = prepared(*checked(factors, y), [None, None])
    assert model.factors[0].shape == (4, 4) and model.outside[0] == 90 - 12 and model.n_measurements == 90
    np.testing.assert_allclose(
        model.expand(model.project(y[:, None])) + 0.0,
        np.kron(factors[0] @ np.linalg.pinv(factors[0]), np.eye(3)) @ y[:, None],
        atol=1e-12,
    )

"""The convection-diffusion problem is what it says."""

import numpy as np
import pytest

from sparsesci.bench.problems.convection_diffusion import (
    convection_diffusion_matrix,
    convection_diffusion_sequence,
    wind_of_stream,
)
from sparsesci.bench.problems.gaussian_field import gaussian_field


def test_the_wind_has_no_divergence_and_a_greatest_speed_of_one():
    wind = wind_of_stream(gaussian_field(np.random.default_rng(41), 16))
    divergence = sum(np.roll(w, -1, axis) - np.roll(w, 1, axis) for axis, w in enumerate(wind))
    assert abs(divergence).max() < 1e-14
    assert np.hypot(*wind).max() == pytest.approx(1)


@pytest.mark.parametrize("dimension", [2, 3])
def test_the_matrix_is_an_unsymmetric_m_matrix(dimension):
    ((A, b),) = convection_diffusion_sequence(np.random.default_rng(43), 6, dimension, 0.01, 0.5, 1)
    dense = A.toarray()
    assert (dense != dense.T).any() and (b == 1).all()
    assert (dense - np.diag(dense.diagonal())).max() <= 0
    assert (np.linalg.inv(dense) >= 0).all()


def test_a_constant_wind_blows_from_behind():
    wind = [np.ones((3, 3)), -np.ones((3, 3))]
    still = convection_diffusion_matrix([np.zeros((3, 3))] * 2, 0.1).toarray()
    moved = convection_diffusion_matrix(wind, 0.1).toarray() - still
    middle, h = 4, 1 / 4
    assert moved[middle, middle] == pytest.approx(2 / h)
    assert moved[middle, middle - 3] == pytest.approx(-1 / h)  # upwind along the first axis
    assert moved[middle, middle + 1] == pytest.approx(-1 / h)  # upwind along the second
    assert np.count_nonzero(abs(moved[middle]) > 1e-9) == 3

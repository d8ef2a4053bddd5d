"""The measure of error of linear systems."""

import numpy as np
import pytest
from scipy.sparse import csr_array

from sparsesci.bench.objectives.relative_residual import relative_residual


def test_the_residual_of_a_float32_answer_is_computed_in_float64():
    A = csr_array(np.diag([3.0, 7.0]).astype(np.float32))
    b = np.ones(2, np.float32)
    x = b / A.diagonal()
    assert 1e-9 < relative_residual(A, b, x) < 1e-7  # in float32 the products would round to ones


def test_a_complex_residual_has_a_real_norm():
    A, b = csr_array(np.diag([1j, 2.0])), np.array([1.0, 1.0])
    assert relative_residual(A, b, np.array([-1j, 0.0])) == pytest.approx(np.sqrt(0.5))


def test_zero_is_the_solution_for_a_right_hand_side_of_zeros():
    assert relative_residual(csr_array(np.eye(3)), np.zeros(3), np.zeros(3)) == 0


def test_an_answer_of_another_shape_is_not_broadcast():
    with pytest.raises(ValueError, match=r"\(3, 1\), but b has shape \(3,\)"):
        relative_residual(csr_array(np.eye(3)), np.ones(3), np.ones((3, 1)))

"""Sinkhorn's iteration: the baseline."""

import numpy as np
import pytest

from sparsesci.solvers import ConvergenceWarning, Status
from sparsesci.solvers.transport.sinkhorn import sinkhorn


def test_it_scales_until_both_marginals_are_right(lib, general):
    a, b, C = general(20, 15, 6607)
    result = sinkhorn(lib.array(a), lib.array(b), lib.array(C), 0.02)
    P = lib.host(result.plan)
    assert result.success and np.abs(P.sum(1) - a).sum() + np.abs(P.sum(0) - b).sum() <= 1e-9
    assert len(result.residuals) == result.nit and result.residuals[-1] <= 1e-9 < result.residuals[-2]


def test_the_errors_of_the_sweeps_fall(general):
    residuals = sinkhorn(*general(20, 15, 6619), 0.02).residuals
    assert (np.diff(residuals) < 0).all()


def test_a_tiny_reg_neither_over_nor_underflows(general):
    with pytest.warns(ConvergenceWarning, match="maxiter is used up"):
        result = sinkhorn(*general(20, 15, 6637), 1e-7, maxiter=5)
    assert np.isfinite(result.plan).all() and np.isfinite(result.value)


def test_its_own_potentials_make_a_start_of_one_sweep(lib, general):
    parts = [lib.array(part) for part in general(20, 15, 6653)]
    first = sinkhorn(*parts, 0.02)
    assert sinkhorn(*parts, 0.02, potentials=first.potentials).nit == 1 < first.nit


def test_the_callback_may_stop_it(general):
    def stop(intermediate_result):
        if intermediate_result.nit == 4:
            raise StopIteration

    result = sinkhorn(*general(20, 15, 6659), 0.01, callback=stop)
    assert result.status is Status.STOPPED_BY_CALLBACK and result.nit == 4

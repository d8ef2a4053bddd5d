"""The package qsft 0.0.2 (Erginbas, Kang, Aghazadeh, Ramchandran), q = 2, as it runs on today's NumPy and galois.

It pins galois 0.1.1, whose Numba is not for Python 3.11: it is to be installed with ``pip install --no-deps qsft``,
beside galois >= 0.4, multiprocess and tqdm. Nothing in it is edited:

1. `qsft.ReedSolomon` is not imported, a module without content stands in its place: it needs a function that galois
   has no more. No code is asked for here.
2. The method that fetches the samples asks NumPy for ``np.complex``, which is gone, and draws a progress bar: a
   subclass fetches them, by qsft's own functions. Points, small transforms and peeling are qsft's.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np

from ..solver import Answer, Solver
from . import subsampled


def start(preconditioner: Callable | None, goal: float) -> Callable[..., Answer]:
    """Start; nothing is kept between systems."""
    QSFT, SubsampledSignal = _import()

    class Signal(SubsampledSignal):
        def _subsample_qsft(self):
            b = self.b
            self.Us = [[{} for _ in offsets] for offsets in self.Ds]
            self.transformTimes = [[{b: 0.0} for _ in offsets] for offsets in self.Ds]
            for M, offsets, bins in zip(self.Ms, self.Ds, self.Us, strict=True):
                for D, transformed in zip(offsets, bins, strict=True):
                    points = np.array(self._get_qsft_query_indices(M, D), dtype=np.uint64)
                    samples = self.func(points.ravel()).reshape(points.shape)
                    transformed[b] = self._compute_subtransform(samples, b)

    def solve(f: Any, n: int, sparsity: int, noise_std: float) -> Answer:
        b, repeats = subsampled.size_for(n, sparsity, noise_std, bins_per_coefficient=0.6)
        channel = "nso" if noise_std else "identity"
        with subsampled.seeded():
            signal = Signal(
                func=f, n=n, q=2, noise_sd=noise_std, query_args=subsampled.questions(n, b, repeats, channel)
            )
            method = QSFT(
                reconstruct_method_source="identity",
                reconstruct_method_channel=channel,
                num_subsample=subsampled.GROUPS,
                num_repeat=repeats,
                b=b,
            )
            return subsampled.answer(method.transform(signal), f)

    return solve


def _import() -> tuple[type, type]:
    name = "qsft.ReedSolomon"
    if name not in sys.modules:
        stand_in = ModuleType(name)
        stand_in.ReedSolomon = None
        sys.modules[name] = stand_in
    from qsft.input_signal_subsampled import SubsampledSignal
    from qsft.peel import QSFT

    return QSFT, SubsampledSignal


SOLVERS = (
    Solver(
        "qsft",
        "hadamard",
        "q-SFT for q = 2, three groups",
        start,
        peer="qsft",
        remark=subsampled.REMARK,
    ),
)

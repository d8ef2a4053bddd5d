"""The package sparse-transform (Erginbas, Kang, Aghazadeh, Ramchandran): q-SFT in Python, q = 2.

Its time is that of its own constructor, which makes the points and transforms the samples, and of ``transform``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..solver import Answer, Solver
from . import subsampled


def start(preconditioner: Callable | None, goal: float) -> Callable[..., Answer]:
    """Start; nothing is kept between systems."""
    from sparse_transform.qsft.qsft import transform
    from sparse_transform.qsft.signals.input_signal_subsampled import SubsampledSignal

    def solve(f: Any, n: int, sparsity: int, noise_std: float) -> Answer:
        b, repeats = subsampled.size_for(n, sparsity, noise_std)
        asked = subsampled.questions(n, b, repeats, "nso" if noise_std else "identity")
        with subsampled.seeded():
            found = transform(
                SubsampledSignal(func=f, n=n, q=2, noise_sd=noise_std, query_args=asked),
                reconstruct_method_source="identity",
                reconstruct_method_channel="nso-soft" if noise_std else "identity",
                b=b,
                num_subsample=subsampled.GROUPS,
                num_repeat=repeats,
                noise_sd=noise_std,
                peeling_method="single-detect",
            )
        return subsampled.answer(found, f)

    return solve


SOLVERS = (
    Solver(
        "sparse-transform",
        "hadamard",
        "q-SFT for q = 2, three groups",
        start,
        peer="sparse-transform",
        remark=subsampled.REMARK,
    ),
)

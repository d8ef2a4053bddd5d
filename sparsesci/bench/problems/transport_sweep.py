"""The same transport problem from eta = 10 to eta = 100,000, eta = 1 / reg: from dense plans to nearly exact ones.

A sequence is one problem at ``eta = 10, 100, ...``: how many of its systems are solved says which eta a solver stands.
Each is solved from nothing; no solver is handed the potentials of the one before.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from ..problem import Problem
from .transport_assignment import SMALL, System, random_assignments
from .transport_clouds import cloud_system
from .transport_images import image_pairs
from .transport_mixture import line_system

SMALLEST = 10.0  # eta


def sweep(rng: np.random.Generator, kind: str, n: int, length: int) -> Iterator[System]:
    """Yield one problem of a kind at ``length`` values of eta, each ten times the one before; n points to a side.

    Images have ``round(sqrt(n))`` squared pixels.
    """
    size = round(np.sqrt(n))
    if kind == "assign":
        a, b, C, _ = next(random_assignments(rng, n, SMALLEST, 1))
    elif kind in ("image-l1", "image-l2"):
        a, b, C, _ = next(image_pairs(rng, size, kind.removeprefix("image-"), SMALLEST, 1))
    elif kind == "mixture":
        a, b, C, _ = line_system(n, SMALLEST)
    elif kind == "clouds":
        a, b, C, _ = cloud_system(rng, n, SMALLEST)
    else:
        raise ValueError(f"kind is {kind!r}: accepted are 'assign', 'image-l1', 'image-l2', 'mixture', 'clouds'")
    for decade in range(length):
        yield a, b, C, 1 / (SMALLEST * 10**decade)


def _sweep(kind: str, n: int) -> Problem:
    return replace(
        SMALL,
        name=f"sweep-{kind}",
        says=f"{kind} at eta = 10, 100, ..., 100,000: who fails where",
        parameters={"kind": kind, "n": n, "length": 5},
        make=sweep,
        quick={"n": 64, "length": 2} if kind == "clouds" else None,
        plain=False,
        goals=(),
    )


PROBLEMS = tuple(
    _sweep(kind, n)
    for kind, n in (("assign", 500), ("image-l2", 784), ("image-l1", 784), ("mixture", 500), ("clouds", 500))
)

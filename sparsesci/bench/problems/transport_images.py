"""One image moved into another: 28 x 28 pixels, with a stroke of a pen or with a handwritten digit.

The sizes and weights are those of the SNS paper, which takes its digits from MNIST: weights ``grey / 255 + 0.01``,
normalised; points ``(i, j) / 28``; as cost their squared Euclidean or their L1 distance, not rescaled.

* Digits: the ten of `data/digits.csv`, 8 x 8 pixels from the UCI repository (its README names the source), enlarged by
  cubic splines. MNIST itself does not come with the package.
* Strokes, as many as one likes: a smooth curve through a few random points in the inner 20 x 20 pixels, drawn by a
  round pen with a soft edge and rounded to 256 greys. Like a digit it covers about a fifth of the image, and the rest
  is exactly black.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from importlib import resources
from itertools import pairwise

import numpy as np
from scipy.ndimage import zoom

from ..problem import Problem
from .transport_assignment import SMALL, System

KNOTS, PEN = 5, 1.1  # points of a curve, and the radius of the pen in pixels of a 28 x 28 image
BACKGROUND = 0.01


def stroke_image(rng: np.random.Generator, size: int) -> np.ndarray:
    """Return an image of one stroke, in greys from 0 to 255."""
    margin = size / 7
    knots = rng.uniform(margin, size - margin, (KNOTS, 2))
    t = np.linspace(0, 1, 40 * KNOTS)[:, None]
    inner = [(knots[i] + knots[i + 1]) / 2 for i in range(1, KNOTS - 2)]
    ends = [knots[0], *inner, knots[-1]]
    arcs = [  # quadratic Bezier arcs, which meet with a common tangent
        (1 - t) ** 2 * begin + 2 * t * (1 - t) * knots[i + 1] + t**2 * end
        for i, (begin, end) in enumerate(pairwise(ends))
    ]
    curve = np.concatenate(arcs)
    centres = np.stack(np.meshgrid(*[np.arange(size) + 0.5] * 2, indexing="ij"), axis=-1)
    distance = np.sqrt(((centres[:, :, None] - curve) ** 2).sum(axis=-1)).min(axis=-1)
    return np.round(255 * np.clip(PEN * size / 28 + 0.5 - distance, 0, 1))


def digit_images(size: int) -> np.ndarray:
    """Return the shipped digits 0 to 9 with ``size`` pixels a side, (10, size, size), in greys from 0 to 255."""
    path = resources.files("sparsesci.bench") / "data" / "digits.csv"
    with path.open() as file:
        table = np.loadtxt(file, delimiter=",")  # 64 greys from 0 to 16 and the digit
    images = table[np.argsort(table[:, -1]), :-1].reshape(10, 8, 8)
    # A pixel is an area, and what lies beyond the edge is black; splines overshoot.
    images = zoom(images, (1, size / 8, size / 8), order=3, mode="grid-constant", grid_mode=True)
    return images.clip(0, 16) * (255 / 16)


def image_weights(image: np.ndarray) -> np.ndarray:
    """Return the greys as positive weights of sum 1."""
    weights = image.ravel() / 255 + BACKGROUND
    return weights / weights.sum()


def pixel_costs(size: int, metric: str) -> np.ndarray:
    """Return the cost between the pixels of two images of side 1."""
    if metric not in ("l1", "l2"):
        raise ValueError(f"metric is {metric!r}: accepted are 'l1' and 'l2'")
    points = np.stack(np.meshgrid(*[np.arange(size) / size] * 2, indexing="ij"), axis=-1).reshape(-1, 2)
    difference = np.abs(points[:, None] - points)
    return (difference if metric == "l1" else difference**2).sum(axis=-1)


def image_pairs(rng: np.random.Generator, size: int, metric: str, eta: float, length: int) -> Iterator[System]:
    """Yield ``length`` pairs of strokes, with the cost between their pixels."""
    C = pixel_costs(size, metric)
    for _ in range(length):
        yield image_weights(stroke_image(rng, size)), image_weights(stroke_image(rng, size)), C, 1 / eta


def digit_pairs(rng: np.random.Generator, size: int, metric: str, eta: float, length: int) -> Iterator[System]:
    """Yield ``length`` pairs of different digits, with the cost between their pixels; each digit once in five pairs."""
    C, images, order = pixel_costs(size, metric), digit_images(size), []
    for _ in range(length):
        order = order or list(rng.permutation(10))
        yield image_weights(images[order.pop()]), image_weights(images[order.pop()]), C, 1 / eta


L2 = replace(
    SMALL,
    name="image-l2",
    says="strokes of a pen moved into each other at the squared distance",
    parameters={"size": 28, "metric": "l2", "eta": 1200.0, "length": 3},
    make=image_pairs,
    quick={"size": 10, "eta": 200.0, "length": 2},
    plain=False,
)
L1 = replace(
    L2,
    name="image-l1",
    says="the same at the L1 distance: many plans cost nearly the same",
    parameters={**L2.parameters, "metric": "l1"},
    quick={"size": 10, "eta": 50.0, "length": 2},
)
DIGITS_L2 = replace(
    L2,
    name="digits-l2",
    says="handwritten digits (UCI) moved into each other at the squared distance",
    parameters={**L2.parameters, "length": 5},
    make=digit_pairs,
)
DIGITS_L1 = replace(
    DIGITS_L2,
    name="digits-l1",
    says="the same at the L1 distance",
    parameters={**DIGITS_L2.parameters, "metric": "l1"},
    quick=L1.quick,
)
PROBLEMS: tuple[Problem, ...] = (L2, L1, DIGITS_L2, DIGITS_L1)

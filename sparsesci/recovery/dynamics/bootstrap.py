"""Bootstraps of samples as counts, and the sums of all of them by one matrix product.

A bootstrap is a count for each row, and its Gram matrix is linear in the counts: with the products of all pairs of
columns of ``Z = [Theta Y]`` as rows, those of all bootstraps are ``counts (B, n) @ products (n, q)``. The products are
formed chunk by chunk, and so memory stays bounded.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from sparsesci._lib import xp
from sparsesci._lib.dispatch import kernel

from .factors import triangular
from .gram import Gram
from .samples import Samples

BAGGING = ("rows", "blocks", "trajectories", "none")
LARGEST_PRODUCTS = 96  # columns of Z up to which one matrix product is faster than a rank-k update for each bootstrap
PRODUCTS = 2**17  # numbers that are formed at once: half of an L2 cache
SUMS, COUNTS = 2**24, 2**27  # the most numbers of sums, and of counts (bytes), that are held at once


def counted(rng: np.random.Generator, lengths: tuple[int, ...], bagging: str, block_length: int) -> np.ndarray:
    """Draw how often (n,) each row is in a bootstrap."""
    n = sum(lengths)
    if bagging == "none":
        return np.ones(n, np.int64)
    if bagging == "rows":
        return np.bincount(rng.integers(n, size=n), minlength=n)
    if bagging == "trajectories":
        L = len(lengths)
        return np.repeat(np.bincount(rng.integers(L, size=L), minlength=L), lengths)
    # Circular blocks: one that reaches the end of its trajectory goes on at its beginning, so that all rows are alike.
    ends = np.cumsum(lengths)
    first = rng.integers(n, size=-(-n // block_length))
    at = np.searchsorted(ends, first, side="right")
    begin, length = (ends - lengths)[at, None], np.asarray(lengths)[at, None]
    rows = begin + (first[:, None] - begin + np.arange(block_length)) % length
    return np.bincount(rows.ravel()[:n], minlength=n)


def batches(samples: Samples, counts: Any, n_models: int) -> Iterator[tuple[slice, np.ndarray, np.ndarray]]:
    """Yield slices of the models with their counts and with the sums (models, p + d, p + d) of ``Z^T Z``.

    ``counts`` is an iterator over the counts of the models.
    """
    width = samples.p + samples.d
    size = max(1, min(n_models, SUMS // width**2, COUNTS // samples.n))
    for start in range(0, n_models, size):
        models = slice(start, min(start + size, n_models))
        drawn = np.empty((models.stop - start, samples.n), np.uint8)
        for row in drawn:
            row[:] = next(counts)
        different = drawn[:1] if (drawn == drawn[0]).all() else drawn
        if not xp.is_numpy(samples.Y):
            sums = on_device(samples, different)
        else:
            sums = by_products(samples, different) if width <= LARGEST_PRODUCTS else by_updates(samples, different)
        yield models, drawn, np.broadcast_to(sums, (len(drawn), width, width))


def by_products(samples: Samples, counts: np.ndarray) -> np.ndarray:
    """Return the sums of all bootstraps by one matrix product for each chunk."""
    from scipy.linalg import blas

    width, n_models = samples.p + samples.d, len(counts)
    q = width * (width + 1) // 2
    length = min(max(64, PRODUCTS // q), samples.n)
    sums, room = np.zeros((q, n_models), order="F"), np.empty(q * length)  # new pages cost as much as the products
    for rows, Z in joined(samples, length):
        weights = counts[:, rows].astype(float)
        products = room[: q * Z.shape[1]].reshape(q, -1)
        pair_products(Z, products)
        sums = blas.dgemm(1.0, products.T, weights.T, beta=1.0, c=sums, trans_a=1, overwrite_c=1)
    full, (i, j) = np.empty((n_models, width, width)), np.triu_indices(width)
    full[:, i, j] = full[:, j, i] = sums.T
    return full


@kernel(cpu="sparsesci._cpu.pairs:pair_products")
def pair_products(Z, out):
    """Fill out (w (w + 1) / 2, m) with the products of all pairs of rows of Z (w, m), in the order of a triangle."""
    start, w = 0, Z.shape[0]
    for i in range(w):
        out[start : start + w - i, :] = Z[i, :] * Z[i:, :]
        start += w - i


def by_updates(samples: Samples, counts: np.ndarray) -> np.ndarray:
    """Return the sums of all bootstraps by a rank-k update for each, with the rows that it has."""
    from scipy.linalg import blas

    width = samples.p + samples.d
    sums = [np.zeros((width, width), order="F") for _ in counts]
    for rows, Z in joined(samples, max(512, 4 * PRODUCTS // width)):
        for model, row in enumerate(counts[:, rows]):
            used = np.flatnonzero(row)
            part = Z[:, used]
            part *= np.sqrt(row[used].astype(float))
            sums[model] = blas.dsyrk(1.0, part.T, beta=1.0, c=sums[model], trans=1, lower=1, overwrite_c=1)
    full = np.stack(sums)
    for part in full:
        part += np.tril(part, -1).T
    return full


def on_device(samples: Samples, counts: np.ndarray) -> np.ndarray:
    """Return the sums of all bootstraps, computed where the samples are."""
    width, total = samples.p + samples.d, None
    for rows, functions, targets in samples.chunks(max(64, 4 * PRODUCTS // width**2)):
        namespace = xp.namespace(functions)
        Z = namespace.concat([functions, targets.T])
        products = namespace.reshape(Z[:, None, :] * Z[None, :, :], (width**2, -1))
        part = xp.to_like(counts[:, rows].astype(float), Z) @ products.T
        total = part if total is None else total + part
    return np.array(xp.to_host(total)).reshape(-1, width, width)


def joined(samples: Samples, length: int) -> Iterator[tuple[slice, np.ndarray]]:
    """Yield slices of samples with the columns of ``Z = [Theta Y]`` as rows."""
    for rows, functions, targets in samples.chunks(length):
        yield rows, np.concatenate([functions, targets.T])


def as_bootstrap_gram(gram: Gram, sums: np.ndarray, n: int) -> Gram:
    """Return the Gram of one bootstrap, given its sums of ``Z^T Z`` and that of all samples."""
    p = gram.p
    parts = sums[:p, :p], sums[:p, p:], np.diagonal(sums)[p:].copy()
    return Gram(*parts, n, gram.like, gram.is_vector)


def on_qr_path(gram: Gram, samples: Samples, counts: np.ndarray) -> Gram:
    """Return the Gram of a bootstrap with its triangular factor: one more pass over the samples that it has."""

    def chunks():
        for rows, functions, targets in samples.chunks(max(4 * gram.p, 512)):
            row = counts[rows]
            used = np.flatnonzero(row)
            root = np.sqrt(row[used].astype(float))
            yield rows, xp.to_host(functions)[:, used] * root, xp.to_host(targets)[used] * root[:, None]

    R, z, rest = triangular(chunks(), gram.scale, gram.d)
    return replace(gram, R=R * gram.scale, z=z, rest=rest)

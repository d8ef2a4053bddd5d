"""Which entries of x belong together, and how they are correlated: the layout behind the block methods.

Inside, columns are sorted so that blocks are contiguous and those of one size stand side by side: what is done for
every block is done for a stack of them at a time.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from sparsesci._lib import validate, xp

ACCEPTED = "accepted are N labels, sizes of blocks that sum to N, or one size"


class Group(NamedTuple):
    """The blocks of one size: which of all blocks they are, and their columns, as slices."""

    size: int
    blocks: slice
    columns: slice


class Blocks:
    """A partition of columns, sorted by the size of the blocks.

    Attributes
    ----------
    order : int array (N,), on the host
        The column of the caller that stands at each place inside.
    sizes : int array (n,), on the host
        Of the blocks, ascending.
    """

    def __init__(self, order: np.ndarray, sizes: np.ndarray):
        self.order, self.sizes = order, sizes

    @cached_property
    def groups(self) -> list[Group]:
        """The blocks by size."""
        groups, block, column = [], 0, 0
        for size, count in zip(*np.unique(self.sizes, return_counts=True), strict=True):
            size, count = int(size), int(count)
            groups.append(Group(size, slice(block, block + count), slice(column, column + size * count)))
            block, column = block + count, column + size * count
        return groups

    @cached_property
    def starts(self) -> np.ndarray:
        """The first place of every block."""
        return np.cumsum(self.sizes) - self.sizes

    @cached_property
    def owner(self) -> np.ndarray:
        """The block at every place."""
        return np.repeat(np.arange(len(self.sizes)), self.sizes)

    def places(self, blocks: Any) -> np.ndarray:
        """Return the places of some blocks, one block after the other."""
        parts = [np.arange(self.starts[b], self.starts[b] + self.sizes[b]) for b in blocks]
        return np.concatenate([np.arange(0), *parts])

    def subset(self, kept: np.ndarray) -> Blocks:
        """Return the layout of the blocks for which ``kept`` (n,) is true."""
        return Blocks(self.order[kept[self.owner]], self.sizes[kept])

    def weights(self, own: Any) -> Any:
        """Return one over the root mean square length of the columns of a block, for each of N columns.

        ``own`` (N,) is one over the length of each, zero for a zero column; both in the order of the caller.
        """
        namespace = xp.namespace(own)
        squares = namespace.where(own > 0, 1 / namespace.where(own > 0, own, 1.0) ** 2, 0.0)
        means = self.pooled(namespace.take(squares, xp.to_like(self.order, own), axis=0))
        pooled = namespace.where(means > 0, 1 / namespace.sqrt(namespace.where(means > 0, means, 1.0)), 0.0)
        return namespace.take(pooled, xp.to_like(np.argsort(self.order), own), axis=0)

    def pooled(self, values: Any) -> Any:
        """Return values (N,), each replaced by the mean over its block."""
        namespace = xp.namespace(values)
        stacks = [namespace.reshape(values[g.columns], (-1, g.size)) for g in self.groups]
        means = [namespace.broadcast_to(namespace.mean(X, axis=1, keepdims=True), X.shape) for X in stacks]
        return namespace.concat([namespace.reshape(X, (-1,)) for X in means]) if means else values

    def rows(self, X: Any, of_size: Callable) -> Any:
        """Return X (N, l) with the rows of every block, (d, l), multiplied by ``of_size(d)``."""
        namespace = xp.namespace(X)
        parts = []
        for g in self.groups:
            stack = namespace.reshape(X[g.columns, :], (-1, g.size, X.shape[1]))
            factor = namespace.astype(xp.to_like(of_size(g.size), X), X.dtype)
            parts.append(namespace.reshape(factor @ stack, (-1, X.shape[1])))
        return namespace.concat(parts) if parts else X

    def correlated(self, z: Any, r: float) -> Any:
        """Return ``L z`` for z (N, l): white entries become those of an AR(1) process, block by block."""
        return self.rows(z, lambda size: root(size, r)) if r else z

    def coloured(self, A: Any, r: float) -> Any:
        """Return ``A L`` for A (M, N): the columns whose coefficients are white."""
        return self.rows(A.T, lambda size: root(size, r).T).T if r else A


def root(size: int, r: float) -> np.ndarray:
    """Return the Cholesky factor L of ``B_ij = r^|i - j|``: ``x_0 = z_0, x_i = r x_(i-1) + sqrt(1 - r^2) z_i``."""
    i = np.arange(size)
    steps = i[:, None] - i
    L = np.where(steps >= 0, float(r) ** np.maximum(steps, 0), 0.0)
    L[:, 1:] *= np.sqrt(1 - r**2)
    return L


def root_slope(size: int, r: float) -> np.ndarray:
    """Return the derivative of `root` over r."""
    i = np.arange(size)
    steps = i[:, None] - i
    slope = np.where(steps > 0, steps * float(r) ** np.maximum(steps - 1, 0), 0.0)
    slope[:, 1:] *= np.sqrt(1 - r**2)
    slope[:, 1:] -= root(size, r)[:, 1:] * r / (1 - r**2)
    return slope


def stack(X: Any, size: int) -> Any:
    """Return X (m, n size) as a stack of n blocks (n, m, size)."""
    namespace = xp.namespace(X)
    return namespace.permute_dims(namespace.reshape(X, (X.shape[0], X.shape[1] // size, size)), (1, 0, 2))


def adjoint_of_each(X: Any) -> Any:
    """Return the conjugate transpose of each matrix of a stack."""
    return xp.conj(xp.namespace(X).permute_dims(X, (0, 2, 1)))


def layout(blocks: Any, N: int) -> Blocks:
    """Return the layout for what the caller gave: N labels, sizes that sum to N, or one size."""
    labels = block_of_each(blocks, N)
    order = np.argsort(labels, kind="stable")
    sizes = np.bincount(labels)
    by_size = np.argsort(sizes, kind="stable")
    rank = np.empty_like(by_size)
    rank[by_size] = np.arange(len(by_size))
    order = order[np.argsort(rank[labels[order]], kind="stable")]
    return Blocks(order, sizes[by_size])


def block_of_each(blocks: Any, N: int) -> np.ndarray:
    """Return for each of N entries the number of its block, in the order of their first entries."""
    shape = tuple(blocks.shape) if hasattr(blocks, "shape") else (len(blocks),) if hasattr(blocks, "__len__") else ()
    if shape == () or isinstance(blocks, str | bytes):
        size = validate.positive_integer(blocks, "blocks")
        if size > N:
            raise ValueError(f"blocks is {size}: a size of blocks is at most the number of columns, {N}")
        return np.arange(N) // size
    if len(shape) != 1:
        raise ValueError(f"blocks has shape {shape}: {ACCEPTED}")
    given = xp.to_host(blocks).tolist() if xp.is_array(blocks) else list(blocks)
    if len(given) == N:
        numbers: dict = {}
        for i, label in enumerate(given):
            try:
                numbers.setdefault(label, len(numbers))
            except TypeError:
                kind = type(label).__name__
                raise TypeError(f"blocks[{i}] is a {kind}, which is no label: it cannot be hashed") from None
            if isinstance(label, float) and math.isnan(label):
                raise ValueError(f"blocks[{i}] is {label}: a label that equals itself is needed")
        return np.array([numbers[label] for label in given])
    sizes = [validate.positive_integer(size, f"blocks[{i}]") for i, size in enumerate(given)]
    if sum(sizes) != N:
        raise ValueError(f"blocks has {len(sizes)} numbers whose sum is {sum(sizes)}, and A {N} columns: {ACCEPTED}")
    return np.repeat(np.arange(len(sizes)), sizes)

"""One system from a Matrix Market file: ``A x = A 1``, so that the solution is a vector of ones."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from typing import BinaryIO

import numpy as np
from scipy.io import mmread
from scipy.sparse import csr_array


def read_matrix(file: BinaryIO, *, compressed: bool) -> csr_array:
    """Read a matrix from a Matrix Market stream, gzip-compressed or not."""
    with gzip.open(file) if compressed else file as stream:
        A = csr_array(mmread(stream))
    return A.astype(np.result_type(A.dtype, np.float64))


def system_with_ones(A: csr_array) -> Iterator[tuple[csr_array, np.ndarray]]:
    """Yield the one system ``A x = A 1``."""
    yield A, A @ np.ones(A.shape[1])

"""The sparse Walsh-Hadamard transform: K coefficients from O(K n) samples of 2^n.

Li, Bradley, Pawar, Ramchandran, *The SPRIGHT algorithm for robust sparse Hadamard transforms* (2015, arXiv
1508.06336). Subsamples hash the spectrum into bins (`hashing`), bins that hold one coefficient are recognised and
peeled off (`peeling`) by a code that the offsets of the subsamples are (`codes`), and the size of it all is searched
for (`search`).

Deviations
----------
1. Bases of the subsamples are random, not blocks of unit vectors: supports in practice are of low degree, and would
   fall into few bins. Offsets need not repeat what the bin says: n - b + 1 in place of n + 1.
2. The sample-optimal variant sends indices through a random linear code, decoded from soft values by ordered
   statistics, where the paper decodes an expander code over a binary symmetric channel.
3. The level of the noise is estimated, the spectrum is refined by least squares, and judged on points of its own.
4. The number of bins and of offsets grows until the spectrum stands; earlier samples are used again.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from sparsesci._lib import validate, xp
from sparsesci._lib.result import ConvergenceWarning, Status

from . import low_degree
from . import search as searching
from . import words as bits_of
from .hashing import N_GROUPS
from .oracle import Oracle, Table
from .regression import fit_incomplete
from .result import WHTResult

METHODS = ("auto", "dense", "noiseless", "robust", "coded", "regression")
SAMPLINGS = ("random", "blocks")
DENSE_SHARE = 32  # a table is searched for a sparse spectrum until this part of it has been read
MOST_SAMPLES = 1 << 22


def sparse_wht(
    f: Any,
    n: int | None = None,
    *,
    sparsity: int | None = None,
    budget: int | None = None,
    noise_std: float | None = None,
    method: str = "auto",
    max_order: int | None = None,
    sampling: str = "random",
    index: str = "uint64",
    rng: Any = None,
    workers: Any = None,
    callback: Callable | None = None,
) -> WHTResult:
    """Find the few large coefficients of ``f(m) = sum_k X_k (-1)^<m, k>``, m and k in F_2^n.

    Bit i of a number is variable i, and ``<m, k>`` counts the variables that are set in both. The coefficients are
    those of ``fwht(f, norm="forward")``, at the cost of O(K n) samples of f and O(K n log K) operations for K of
    them.

    Parameters
    ----------
    f : array (2^n,), callable, or pair (indices, values)
        All values; or a function of a batch of points, that returns their values (q,), real or complex; or the values
        (q,) that are known of an incomplete table, at points given as numbers (q,) or boolean rows (q, n).
    n : int, optional
        Variables; needed but for an array. Up to 63, or more with ``index="bits"`` and ``max_order``.
    sparsity : int, optional
        About how many coefficients there are, to begin with the right number of bins; by default it is searched for.
    budget : int, optional
        The most samples to take; default ``min(2^n, 2^22)``, or all values of an array.
    noise_std : float, optional
        Standard deviation of the noise of one sample (complex: of its modulus); estimated by default, where the
        spectrum explains 30 % or more of the variance.
    method : {"auto", "dense", "noiseless", "robust", "coded", "regression"}
        "dense" transforms all 2^n values, and keeps what is above the noise. "noiseless", "robust" and "coded" are
        the three variants of SPRIGHT: with n - b + 1 offsets, with several such blocks, with a random linear code.
        "regression" is for incomplete tables. "auto" is "regression" for a pair, "coded" for a function (without
        noise the same as "noiseless"); of an array it reads a 32nd part for an exactly sparse spectrum, and else is
        "dense".
    max_order : int, optional
        The most variables of an interaction, where it is known: fewer offsets do, and n may be larger. At most 4
        million indices of this order or less may exist.
    sampling : {"random", "blocks"}
        Which points are read: random subspaces, or those where all but b consecutive bits are zero, which is good for
        the cache and for supports that are uniformly random.
    index : {"uint64", "bits"}
        What a function is called with: numbers (q,) or boolean rows (q, n).
    rng : optional
        For the points that are read; see ``numpy.random.default_rng``.
    workers : int, map-like or Dask client, optional
        Who evaluates batches of 65,536 points.
    callback : callable, optional
        Called with ``intermediate_result``, a `WHTResult`, after each attempt that failed; StopIteration ends the
        search.

    Returns
    -------
    WHTResult
        ``success`` says that the spectrum explains the bins, but for a few that hold what is too weak, and 64 points
        that were not used to find it, to within the noise; the message says which coefficients are too weak to be
        found. Otherwise there is a `ConvergenceWarning`, and what was found.

    Raises
    ------
    ValueError
        A length that is no power of two, n or max_order out of range, a budget under the minimum, values that are not
        finite (the point is named), or an answer of another shape than (q,).
    TypeError
        f is nothing of what is accepted, an array of another library than NumPy, or returns no numbers.

    What f raises is passed on.

    Notes
    -----
    Peeling is sequential, and runs on the host whatever the backend.

    References
    ----------
    .. [1] X. Li, J. K. Bradley, S. Pawar, K. Ramchandran, "The SPRIGHT algorithm for robust sparse Hadamard
       transforms", 2015, arXiv:1508.06336.
    .. [2] M. Fossorier, S. Lin, "Soft-decision decoding of linear block codes based on ordered statistics", IEEE
       Transactions on Information Theory 41(5), 1995.

    Examples
    --------
    Forty variables, three interactions; of the 10^12 values a few hundred are asked for:

    >>> import numpy as np
    >>> from sparsesci.recovery import sparse_wht
    >>> def f(m):
    ...     sign = 1 - 2.0 * (m[:, [0, 3, 17]])
    ...     return 2 + 1.5 * sign[:, 0] * sign[:, 1] - sign[:, 2]
    >>> result = sparse_wht(f, 40, index="bits", rng=7)
    >>> result.interactions()
    [((), 2.0), ((0, 3), 1.5), ((17,), -1.0)]
    >>> result.success, result.n_samples < 1000
    (True, True)
    """
    began = time.perf_counter()
    validate.one_of(method, METHODS, "method")
    validate.one_of(sampling, SAMPLINGS, "sampling")
    validate.one_of(index, ("uint64", "bits"), "index")
    noise_std = None if noise_std is None else validate.nonnegative_real(noise_std, "noise_std")
    sparsity = None if sparsity is None else validate.positive_integer(sparsity, "sparsity")
    rng = np.random.default_rng(rng)
    if method == "noiseless":
        if noise_std:
            raise ValueError(f'method is "noiseless" and noise_std is {noise_std:g}: use "robust" or "coded"')
        noise_std = 0.0
    if isinstance(f, tuple) or method == "regression":
        return _regression(f, n, method, noise_std, max_order, sparsity, rng)

    ask = _asker(f, n, index, workers)
    n = ask.n
    max_order = _checked_order(max_order, n)
    is_table = isinstance(ask, Table)
    most = 1 << n if is_table else min(1 << n, MOST_SAMPLES)
    most = most if budget is None else min(validate.positive_integer(budget, "budget"), 1 << n)
    may_read_all = most == 1 << n
    if method == "dense" or n == 0:
        if not may_read_all:
            raise ValueError(f'budget is {most}: method "dense" needs all 2^{n} samples')
        return _dense(ask, noise_std, began)
    tries_first = method == "auto" and is_table and may_read_all
    if tries_first:
        most = min(most // DENSE_SHARE, MOST_SAMPLES)
        if noise_std or most < searching.fewest_samples(n, max_order, sparsity):
            return _dense(ask, noise_std, began)
    least = searching.fewest_samples(n, max_order)
    if most < least:
        raise ValueError(f"budget is {most}: at least {least} samples are needed for n = {n}")

    def is_wanted(attempt, size, nit):
        if callback is None:
            return True
        try:
            callback(intermediate_result=_result(attempt, size, nit, Status.RUNNING, ask, began))
        except StopIteration:
            return False
        return True

    outcome = searching.search(
        ask,
        n,
        method="coded" if method == "auto" else method,
        sparsity=sparsity,
        budget=most,
        noise_std=0.0 if tries_first else noise_std,
        max_order=max_order,
        sampling=sampling,
        rng=rng,
        is_wanted=is_wanted,
    )
    if tries_first and outcome.status is Status.UNRESOLVED:
        return _dense(ask, noise_std, began)
    result = _result(outcome.attempt, outcome.size, outcome.nit, outcome.status, ask, began)
    if outcome.status is Status.UNRESOLVED:
        warnings.warn(result.message, ConvergenceWarning, stacklevel=2)
    return result


def _asker(f: Any, n: int | None, index: str, workers: Any) -> Table | Oracle:
    """Return what answers for f at rows of words."""
    if callable(f):
        if n is None:
            raise ValueError("n is not given: a function needs the number of its variables")
        n = validate.positive_integer(n, "n")
        if n > bits_of.MOST_BITS and index == "uint64":
            raise ValueError(f'n is {n}: points are numbers up to n = {bits_of.MOST_BITS}; use index="bits"')
        return Oracle(f, n, index=index, workers=workers)
    _on_host(f, "f")
    values = validate.float_array(f, "f")
    if np.ndim(f) != 1 or len(values) & (len(values) - 1) or not len(values):
        raise ValueError(f"f has shape {np.shape(f)}: a vector of length 2^n, or a function of points, is needed")
    table = Table(values)
    if n is not None and n != table.n:
        raise ValueError(f"n is {n}, but f has {len(values)} = 2^{table.n} values")
    return table


def _on_host(array: Any, name: str) -> None:
    """Raise where an array is not of NumPy: peeling is sequential, and runs on the host."""
    if xp.is_array(array) and not xp.is_numpy(array):
        raise TypeError(f"{name} is an array of {type(array).__module__}: bring it to NumPy by sparsesci.gpu.to_host")


def _checked_order(max_order: Any, n: int) -> int | None:
    """Return max_order, or None where it says nothing."""
    if max_order is not None:
        max_order = validate.positive_integer(max_order, "max_order", least=0)
    if max_order is None or max_order >= n:
        if n > bits_of.MOST_BITS:
            raise ValueError(f"n is {n}: more than {bits_of.MOST_BITS} variables need max_order (less than n)")
        return None
    if low_degree.n_indices(n, max_order) > low_degree.MOST_LISTED:
        raise ValueError(
            f"max_order is {max_order}: of {n} variables more than {low_degree.MOST_LISTED} indices are of this order "
            "or less, and cannot be listed"
        )
    return max_order


def _dense(ask: Table | Oracle, noise_std: float | None, began: float) -> WHTResult:
    attempt, size = searching.whole_table(ask, noise_std)
    return _result(attempt, size, 1, Status.CONVERGED, ask, began)


def _result(
    attempt: searching.Attempt, size: searching.Size, nit: int, status: Status, ask: Table | Oracle, began: float
) -> WHTResult:
    order = bits_of.lexicographic(attempt.words)
    indices, n_samples = bits_of.to_integers(attempt.words[order], ask.n), ask.n_samples
    return WHTResult(
        x=attempt.values[order].astype(ask.dtype),
        status=status,
        message=_message(attempt, size, status, ask.n, n_samples),
        nit=nit,
        time=time.perf_counter() - began - ask.seconds,
        indices=indices,
        n=ask.n,
        n_samples=n_samples,
        noise_std=attempt.noise_std,
    )


def _message(attempt: searching.Attempt, size: searching.Size, status: Status, n: int, n_samples: int) -> str:
    is_dense = size.b == n and size.n_offsets == 1
    how = "dense transform" if is_dense else f"{N_GROUPS} x {1 << size.b} bins of {size.n_offsets} offsets"
    story = f"{len(attempt.values)} coefficients from {n_samples} of 2^{n} samples ({how})"
    story += f", noise {attempt.noise_std:.2g}"
    if attempt.noise_std > 0 and attempt.weakest > 0:
        story += f"; coefficients below about {attempt.weakest:.2g} may be missing"
    if status is Status.CONVERGED:
        return story
    if status is Status.UNRESOLVED:
        return (
            f"{attempt.unresolved:.0%} of the bins are unresolved, the error on points not used is "
            f"{attempt.error:.2g}: raise budget (about {2 * size.n_points} next), or give noise_std if it is known, or "
            f"raise it if it was too small; so far {story}"
        )
    return f"{status.value}; {story}"


def _regression(f: Any, n: int | None, method: str, noise_std, max_order, sparsity, rng) -> WHTResult:
    if method not in ("auto", "regression"):
        raise ValueError(f"method is {method!r}: for a pair (indices, values) it is 'regression'")
    if not isinstance(f, tuple) or len(f) != 2:
        raise ValueError('method is "regression": f must be a pair (indices, values)')
    if n is None:
        raise ValueError("n is not given: a pair (indices, values) needs the number of variables")
    n = validate.positive_integer(n, "n")
    for part, name in zip(f, ("indices", "values"), strict=True):
        _on_host(part, name)
    points = bits_of.points_as_words(f[0], n, "indices")
    return fit_incomplete(points, f[1], n, noise_std=noise_std, max_order=max_order, sparsity=sparsity, rng=rng)

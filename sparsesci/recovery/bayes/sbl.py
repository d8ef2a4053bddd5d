"""Sparse Bayesian learning of the variances behind ``y = A x + n``: the public function over its methods."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from typing import Any

from sparsesci._lib import validate, xp
from sparsesci._lib.dispatch import public
from sparsesci._lib.parallel import thread_limit
from sparsesci._lib.result import ConvergenceWarning, Status

from .block_layout import Blocks, layout
from .block_sbl import block_sbl
from .cofem import cofem
from .exchange import exchange
from .fast import fast
from .fit import Fit
from .fixed_points import RULES, fixed_point
from .model import ADVICE, checked, prepared
from .result import SBLResult

METHODS = ("auto", "fast", "em", "mackay", "mm", "exchange", "cofem")
NAMES = {
    "fast": "fast marginal likelihood",
    "em": "expectation-maximisation",
    "mackay": "MacKay's rule",
    "mm": "majorisation-minimisation",
    "exchange": "exchange of entries",
    "cofem": "covariance-free expectation-maximisation",
}
PRIORS = (None, "nonnegative")
LARGEST_DENSE = 2**24  # entries of a sparse matrix that is worth a dense copy


@public
def sbl(
    A: Any,
    y: Any,
    *,
    method: str = "auto",
    noise_var: float | None = None,
    blocks: Any = None,
    prior: str | None = None,
    rtol: float = 1e-4,
    maxiter: int | None = None,
    rng: Any = None,
    callback: Callable | None = None,
) -> SBLResult:
    """Recover a sparse x from ``y = A x + n``, with its uncertainty and the level of the noise; nothing is to be tuned.

    ``x_i ~ N(0, gamma_i)`` and ``n ~ N(0, noise_var I)``; the variances maximise the evidence ``p(y | gamma,
    noise_var)``, and most of them are zero then. The answer is the posterior of x given y and these variances.

    Parameters
    ----------
    A : array (M, N), sparse matrix or LinearOperator
        Columns of any lengths: the answer does not depend on how they are scaled. Real or complex.
    y : array (M,) or (M, l)
        Measurements; l of them in columns share their support and variances. Complex ones are circular.
    method : str
        ``"fast"``: greedy ascent, one variance at a time, with a price for each entry, so that a problem of pure noise
        has a false entry once in ten times. ``"em"``, ``"mackay"``, ``"mm"``: all variances at once, without a price:
        they keep more small entries, and are slower. ``"exchange"``: a walk over supports that replaces one entry by
        any other, and an average over what it has visited; where columns are nearly alike (spectra, blurs, fine grids)
        it finds what the others miss, in tens of milliseconds. ``"cofem"``: without a covariance, by conjugate
        gradients and random vectors; the one for a LinearOperator. ``"auto"``: "fast" for a matrix, "cofem" for an
        operator and for a sparse matrix of more than 2^24 entries; the message says which.
    noise_var : float, optional
        Variance of the noise of one measurement (of both parts together where complex); learned if not given.
    blocks : array (N,), sequence of int, or int, optional
        Entries that are zero together: N labels of any kind that can be hashed, sizes of consecutive blocks that sum to
        N (N numbers are always labels), or one size, of which the last block may have less. A block has one variance,
        ``x_b ~ N(0, gamma_b B)`` with ``B_ij = r^|i - j|`` by the order of its entries, and r is learned, one for all.
        Its columns share a unit: the answer does not depend on the length of those of a whole block, but on how they
        compare within it. With blocks a zero column tells nothing, and its entry follows from its neighbours. Of a
        signal that is nowhere zero (an electrocardiogram) "mackay" keeps small blocks that "fast" would not pay for.
    prior : {None, "nonnegative"}
        Whether the entries are known not to be negative; then "auto" is "exchange", and no other method will do.
    rtol : float
        ``"fast"`` ends when no step raises the evidence by more than a factor ``1 + rtol``, the others when
        ``||x - x_old|| <= rtol ||x||``; "exchange" has a rule of its own: two walks agree.
    maxiter : int, optional
        The most iterations, by default ``10 (M + 100)`` for "fast", 2000 for "exchange" and 1000 for the others.
    rng : optional
        Of the random vectors of "cofem" and the walks of "exchange"; see ``numpy.random.default_rng``.
    callback : callable, optional
        ``callback(intermediate_result)`` after every iteration; raise ``StopIteration`` in it to stop. It makes "fast"
        slower, which computes its result anew each time.

    Returns
    -------
    SBLResult
        With ``x``, ``gamma``, ``variance``, ``support``, ``noise_var``, ``evidence``, ``success``, ``status``,
        ``message``, ``nit`` and ``time``, and the methods ``sample``, ``credible_interval`` and ``plot``. Where the
        rule was not met, ``success`` is False and a `ConvergenceWarning` says so.

    Raises
    ------
    ValueError, TypeError
        NaN or Inf in A or y (the first is named), shapes that do not match, an option that is none of those listed, a
        noise_var that is not positive, an operator without an adjoint: before any work.

    Notes
    -----
    Cost: an iteration of "fast" O(N k) with k entries, and a product ``A^H a`` for every column that enters; of "em",
    "mackay" and "mm" ``M^2 N``, or N^3 where N < M; of "cofem" some products with A and A^H. Computed in double
    precision, "cofem" in that of A and y. Zero columns have coefficient 0.

    One column with noise unknown, M = 1, cannot be told from noise: "fast" returns zero.

    References
    ----------
    Tipping and Faul, AISTATS 2003. Wipf and Rao, IEEE Trans. Signal Process. 55 (2007) 3704-3716. Ji, Dunson, Carin,
    IEEE Trans. Signal Process. 57 (2009) 92-106. Lin, Song, Bilgic, Ba, *Covariance-free sparse Bayesian learning*,
    IEEE Trans. Signal Process. 70 (2022) 3818-3831. Zhang and Rao, *Extension of SBL algorithms for the recovery of
    block sparse signals with intra-block correlation*, IEEE Trans. Signal Process. 61 (2013) 2009-2015.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsesci.recovery import sbl
    >>> rng = np.random.default_rng(3)
    >>> A = rng.standard_normal((100, 500))
    >>> x = np.zeros(500)
    >>> x[[30, 141, 477]] = [1.0, -2.0, 0.5]
    >>> result = sbl(A, A @ x + 0.1 * rng.standard_normal(100))
    >>> result.support
    array([ 30, 141, 477])
    >>> low, high = result.credible_interval(0.99)
    >>> bool(np.all((low <= x) & (x <= high)))
    True
    >>> round(result.noise_var**0.5, 2)
    0.1
    """
    begin = time.perf_counter()
    validate.one_of(method, METHODS, "method")
    validate.one_of(prior, PRIORS, "prior")
    A, y = checked(A, y)
    if noise_var is not None:
        noise_var = validate.positive_real(noise_var, "noise_var", otherwise="or None to learn it")
    rtol = validate.nonnegative_real(rtol, "rtol")
    maxiter = None if maxiter is None else validate.positive_integer(maxiter, "maxiter")
    partition = None if blocks is None else layout(blocks, A.shape[1])
    if partition is not None and max(partition.sizes) == 1:
        partition = None  # blocks of one entry are none
    method, why = chosen(method, A, prior) if partition is None else chosen_for_blocks(method, A, prior)
    if xp.is_sparse(A) and method != "cofem":
        A = A.toarray()
    data = prepared(A, y)
    if partition is not None:
        data = data._replace(weights=partition.weights(data.weights))
    if data.scale == 0:
        return data.zero(noise_var, message="converged: y is zero, and so is x", seconds=time.perf_counter() - begin)

    def wrapped(fit: Fit) -> SBLResult:
        message = story(fit, NAMES[method] + why, noise_var is None, data.scale, partition)
        return data.result(fit, message=message, seconds=time.perf_counter() - begin)

    def show(fit: Fit) -> bool:
        try:
            callback(wrapped(fit))
        except StopIteration:
            return True
        return False

    options = {
        "noise_var": None if noise_var is None else noise_var / data.scale**2,
        "rtol": rtol,
        "maxiter": maxiter or {"fast": 10 * (A.shape[0] + 100), "exchange": 2000}.get(method, 1000),
        "show": None if callback is None else show,
    }
    with thread_limit(1):
        if partition is not None:
            fit = block_sbl(data, partition, method=method, **options)
        elif method == "fast":
            fit = fast(data.A, data.weights, data.Y, **options)
        elif method == "exchange":
            del options["rtol"]
            fit = exchange(data.A, data.weights, data.Y, nonnegative=prior is not None, rng=rng, **options)
        elif method == "cofem":
            fit = cofem(data.A, data.Y, weights=data.weights, rng=rng, **options)
        else:
            if noise_var is None:
                learned = fast(data.A, data.weights, data.Y, **options | {"show": None})
                options["noise_var"] = learned.noise_var
            fit = fixed_point(data.A * data.weights, data.Y, rule=RULES[method], **options)
    result = wrapped(fit)
    if not result.success:
        warnings.warn(result.message, ConvergenceWarning, stacklevel=3)
    return result


def chosen(method: str, A: Any, prior: str | None) -> tuple[str, str]:
    """Return the method for "auto", and the reason in words; refuse one that cannot take A or the prior."""
    if prior is not None and method not in ("auto", "exchange"):
        raise ValueError(f'method is {method!r} and prior {prior!r}: only "exchange" knows of signs')
    has_entries = xp.is_array(A) or xp.is_sparse(A)
    if method != "auto":
        if method != "cofem" and not has_entries:
            raise TypeError(f'A is a {type(A).__name__}, and method={method!r} needs its entries: use method="cofem"')
        return method, ""
    if prior is not None:
        if not has_entries:
            raise TypeError(f"A is a {type(A).__name__}, and prior={prior!r} needs its entries: pass a matrix")
        return "exchange", f" (auto: {prior})"
    if not has_entries:
        return "cofem", " (auto: A is an operator)"
    if xp.is_sparse(A) and A.shape[0] * A.shape[1] > LARGEST_DENSE:
        return "cofem", " (auto: A is sparse and large)"
    return "fast", " (auto)"


def chosen_for_blocks(method: str, A: Any, prior: str | None) -> tuple[str, str]:
    """Return the method for "auto", and that it was so; refuse what knows no blocks."""
    if prior is not None:
        raise ValueError(f"prior is {prior!r}, which knows no blocks: leave one of them out")
    if method in ("cofem", "exchange"):
        raise ValueError(f'method is {method!r}, which knows no blocks: use "auto", or leave blocks out')
    if not (xp.is_array(A) or xp.is_sparse(A)):
        raise TypeError(f"A is a {type(A).__name__}, and blocks need its entries: pass a matrix, or leave blocks out")
    return ("fast", " (auto)") if method == "auto" else (method, "")


def story(fit: Fit, method: str, is_noise_learned: bool, scale: float, blocks: Blocks | None) -> str:
    """Say how a method ended, and what it found."""
    n_kept, n = int(xp.namespace(fit.gamma).count_nonzero(fit.gamma)), fit.gamma.shape[0]
    noise = f"{'learned' if is_noise_learned else 'given'} noise_var = {fit.noise_var * scale**2:.3g}"
    found = f"{n_kept} of {n} entries, {noise}"
    if blocks is not None:
        n_kept, n, r = len(fit.posterior.blocks.sizes), len(blocks.sizes), fit.posterior.correlation
        found = f"{n_kept} of {n} blocks, correlation {r:.2f} within, {noise}"
    if fit.status.is_success:
        return f"{method} converged after {fit.nit} iterations: {found}"
    after = f"{method} after {fit.nit} iterations: {found}"
    return after if fit.status is Status.RUNNING else f"{after}; {ADVICE[fit.status]}"

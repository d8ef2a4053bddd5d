"""Many systems, one after the other: each by whatever has shown to be fastest, with the help of those before.

The systems are ordered so that neighbours are alike (`order_systems`), cut into one stretch for each worker, and each
stretch is a `Walk`. No single method is the best on all sequences, nor from the first system of one to its last: the
walk measures (`cost`), and goes on choosing.
"""

from __future__ import annotations

import pickle
import time
import traceback
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np

from sparsesci._lib import validate, xp
from sparsesci._lib.dispatch import public
from sparsesci._lib.parallel import is_dask_client, n_workers, worker_map
from sparsesci._lib.result import ConvergenceWarning

from ..krylov.omega_tuner import OmegaTuner
from ..krylov.order_systems import order_systems
from ..krylov.recycle import RecycleSpace
from .candidates import METHODS, PRECONDITIONERS
from .result import SequenceResult, SystemResult
from .system import is_same, remembered
from .walk import Walk

LEAST_IN_A_STRETCH = 20  # systems: a walk needs some to learn


@public
def solve_sequence(
    systems: Iterable[Any],
    *,
    method: str = "auto",
    preconditioner: Any = "auto",
    order: Any = "auto",
    features: Any = None,
    recycle: RecycleSpace | None = None,
    rtol: float = 1e-5,
    atol: float = 0.0,
    maxiter: int | None = None,
    workers: Any = None,
    tuner: OmegaTuner | None = None,
    callback: Callable | None = None,
) -> SequenceResult:
    """Solve ``A_i x_i = b_i`` for a sequence of systems, each by what has shown to be fastest.

    With ``method="auto"`` the candidates are complete factors, made anew or kept as a preconditioner for as long as
    that pays; conjugate gradients, MINRES, BiCGStab and GCRO-DR with incomplete factors, with and without recycling;
    and multigrid. They are measured as they are used, and one that is not the best so far is tried where what it may
    save outweighs the trial. What fails is cut short, and the next method goes on.

    Parameters
    ----------
    systems : iterable
        Of ``(A, b)``: A an array, a sparse matrix, a LinearOperator or a function (n, n), and b (n,) or a block (n, p).
        Sizes may change. An item may also be a function without arguments that returns ``(A, b)``: it is called when
        its turn comes, on the worker that solves it, so that recipes travel and not matrices. A generator is asked for
        a system when the last one has been solved, and may use what ``callback`` was shown.
    method : str
        "auto", "direct", "gcrodr", "gmres", "recycled_cg", "cg", "recycled_minres", "minres" or "bicgstab"; "gmres",
        "cg" and "minres" are the recycling methods without recycling. A method that is named is the only one used.
    preconditioner : str, None, callable or preconditioner
        "auto", "none" (or None), "jacobi", "ssor", "ilu0", "ic0", "lu", "amg"; a function ``A -> M``; or one M for all.
        "lu" and "amg" are kept for later matrices as long as that is cheaper than making them anew.
    order : "auto", None or permutation
        In which order to solve. "auto" follows `order_systems` where ``features`` are given, else the order given.
    features : array (N, ...) or sequence of N arrays, optional
        What the systems are made of; also the contexts of a tuner that needs them.
    recycle : RecycleSpace, optional
        Of an earlier sequence or solve.
    rtol, atol : float
        The rule for every system is ``||b - A x|| <= max(rtol * ||b||, atol)``, confirmed with the true residual.
    maxiter : int, optional
        The most iterations of one method on one right-hand side; default 10 n.
    workers : int, map-like callable or Dask client, optional
        So many threads (-1: one a core), each with an equal stretch of the ordered sequence; or something like
        ``Executor.map``, which gets stretches of 20 systems. Without: this thread.
    tuner : OmegaTuner, optional
        Chooses omega for the SSOR preconditioner, which is then the only one, and learns from the iterations. Without,
        SSOR has a tuner of its own.
    callback : callable, optional
        ``callback(result)`` with the `SystemResult` of each system when it has been solved (with workers: when its
        stretch has come back). Raise ``StopIteration`` in it to stop.

    Returns
    -------
    SequenceResult
        With ``x``, the solutions in the order of ``systems``; its repr says what was used and what it cost.

    Raises
    ------
    ValueError, TypeError
        An unknown method, an order that is no permutation, or a system that is broken (NaN, shapes). Whatever is
        raised while systems are solved or made has the `SequenceResult` of those solved before in its attribute
        ``partial_result``.

    Notes
    -----
    Measured costs are seconds of the thread, so that the choices, though never the accuracy, may differ from run to
    run. A first system costs the belief about its matrix on top: a few products, and for matrices unlike a grid in the
    plane the symbolic part of a factorisation.

    Examples
    --------
    >>> import numpy as np, scipy.sparse as sp
    >>> from sparsesci.solvers import solve_sequence
    >>> D = sp.diags_array([-1.0, 2.0, -1.0], offsets=[-1, 0, 1], shape=(30, 30))
    >>> L = sp.kronsum(D, D).tocsr()
    >>> systems = [(L + 0.01 * i * sp.eye_array(900), np.ones(900)) for i in range(20)]
    >>> result = solve_sequence(systems, rtol=1e-8)
    >>> result.success, len(result.x)
    (True, 20)
    """
    started = time.perf_counter()
    walk = partial(Walk, **_checked(method, preconditioner, rtol, atol, maxiter, recycle, tuner))
    is_spread = workers is not None and workers != 1
    if is_spread and tuner is not None:
        raise ValueError("a tuner learns from system to system, workers run side by side: pass workers=None with it")
    order, systems = _ordered(systems, order, features, is_spread=is_spread)
    contexts = _contexts(tuner, features)

    results: dict[int, SystemResult] = {}
    recycled = recycle
    if is_spread:
        solved = _spread(walk, workers, systems, order)
    else:
        # A callback sees each system when it has been solved, and tells a tuner's contexts apart: no runs then. Nor
        # where a system is made when it is asked for, maybe in the arrays of the one before.
        one_by_one = callback is not None or tuner is not None or not isinstance(systems, list | tuple)
        numbered = enumerate(systems) if order is None else ((int(i), systems[i]) for i in order)
        solved = _alone(walk(length=None if order is None else len(order)), numbered, contexts, one_by_one=one_by_one)
    try:
        for index, answer, space in solved:
            results[index], recycled = answer, space
            if callback is not None:
                callback(answer)
    except StopIteration:  # of the callback: inside of a generator it would be a RuntimeError
        pass
    except BaseException as error:
        error.partial_result = _in_callers_order(results, order, started, recycled)
        error.add_note(f"{len(results)} systems were solved before: they are in the attribute partial_result of this")
        raise
    result = _in_callers_order(results, order, started, recycled)
    if any(not answer.success for answer in results.values()):
        warnings.warn(result.message, ConvergenceWarning, stacklevel=3)
    return result


def _checked(method, preconditioner, rtol, atol, maxiter, recycle, tuner) -> dict[str, Any]:
    """Check the options that do not depend on a system."""
    if method != "auto" and method != "direct" and method not in METHODS:
        raise ValueError(f"method is {method!r}: accepted are 'auto', 'direct', {', '.join(map(repr, METHODS))}")
    if isinstance(preconditioner, str) and preconditioner != "auto" and preconditioner not in PRECONDITIONERS:
        accepted = ", ".join(map(repr, PRECONDITIONERS))
        raise ValueError(f"preconditioner is {preconditioner!r}: accepted are 'auto', {accepted}, a function or an M")
    is_free = preconditioner is None or (isinstance(preconditioner, str) and preconditioner in ("auto", "none"))
    if method == "direct" and not is_free:
        raise ValueError("a direct method takes no preconditioner: leave it at 'auto', or choose another method")
    if recycle is not None and not isinstance(recycle, RecycleSpace):
        raise TypeError(f"recycle is a {type(recycle).__name__}: pass the .recycle of an earlier result, or None")
    if tuner is not None:
        if not isinstance(tuner, OmegaTuner):
            raise TypeError(f"tuner is a {type(tuner).__name__}: an OmegaTuner is needed")
        if not (isinstance(preconditioner, str) and preconditioner in ("auto", "ssor")) or method == "direct":
            raise ValueError("a tuner chooses the omega of SSOR: leave preconditioner at 'auto', method not 'direct'")
        preconditioner, method = "ssor", "cg" if method == "auto" else method
    return {
        "method": method,
        "preconditioner": preconditioner,
        "rtol": validate.nonnegative_real(rtol, "rtol"),
        "atol": validate.nonnegative_real(atol, "atol"),
        "maxiter": None if maxiter is None else validate.positive_integer(maxiter, "maxiter"),
        "recycle": recycle,
        "tuner": tuner,
    }


def _ordered(systems: Any, order: Any, features: Any, *, is_spread: bool) -> tuple[np.ndarray | None, Any]:
    """Return the order in which to solve, None for that of a generator, and the systems as a sequence if need be."""
    if not isinstance(systems, Iterable):
        raise TypeError(f"systems is a {type(systems).__name__}: an iterable of (A, b) is needed")
    if isinstance(order, str) and order != "auto":
        raise ValueError(f"order is {order!r}: 'auto', None or a permutation is needed")
    is_sorted = not (order is None or (isinstance(order, str) and features is None))
    if not isinstance(systems, Sequence):
        if not (is_sorted or is_spread):
            return None, systems
        systems = _all_at_once(systems)
    elif is_spread and not isinstance(systems, list | tuple):
        systems = _all_at_once(systems)
    n_systems = len(systems)
    if not is_sorted:
        return np.arange(n_systems), systems
    permutation = np.asarray(xp.to_host(order_systems(features) if isinstance(order, str) else order))
    if permutation.dtype.kind not in "iu" or not np.array_equal(np.sort(permutation), np.arange(n_systems)):
        source = "features are" if isinstance(order, str) else "order is"
        raise ValueError(f"{source} not for {n_systems} systems: a permutation of 0..{n_systems - 1} is needed")
    return permutation, systems


def _all_at_once(systems: Iterable[Any]) -> list[Any]:
    """Return the systems as a list; ValueError where one is written over the one before."""
    listed: list[Any] = []
    copies: list[Any] = []
    for item in systems:
        parts = list(item) if isinstance(item, tuple | list) else []
        before = listed[-1] if copies else []
        for part, old, copy in zip(parts, before, copies, strict=False):
            if part is old and not is_same(part, copy):
                raise ValueError(
                    f"systems[{len(listed)}] is written over the one before, and with workers, features or an order "
                    "all are needed at once: yield copies, or functions that return (A, b)"
                )
        listed.append(item)
        copies = [remembered(part) for part in parts]
    return listed


def _contexts(tuner: OmegaTuner | None, features: Any) -> np.ndarray | None:
    """Return the context of each system for a tuner that needs one."""
    if tuner is None or tuner.method != "chebcb":
        return None
    contexts = np.asarray(() if features is None else features, dtype=float)
    if contexts.ndim != 1 or not contexts.size:
        raise ValueError("this tuner needs the context of each system: pass them as features, one number for each")
    return contexts


def _alone(
    walker: Walk, numbered: Iterable[tuple[int, Any]], contexts: np.ndarray | None, *, one_by_one: bool
) -> Iterator[tuple[int, SystemResult, RecycleSpace | None]]:
    """Solve in this thread; yield number, answer and recycled space as each is done."""
    for run in _runs(numbered, one_by_one=one_by_one):
        index = run[0][0]
        try:
            A, b = _system(run[0][1])
            if len(run) == 1:
                context = None if contexts is None else float(contexts[index])
                answers = iter([walker.solve(A, b, context=context)])
            else:
                answers = walker.solve_shared(A, [item[1] for _, item in run])
            for index, _ in run:
                yield index, next(answers), walker.recycle
        except Exception as error:
            error.add_note(f"this was systems[{index}]")
            raise


def _runs(numbered: Iterable[tuple[int, Any]], *, one_by_one: bool) -> Iterator[list[tuple[int, Any]]]:
    """Yield the systems in runs of vectors that share one object for a matrix, or each by itself."""
    run: list[tuple[int, Any]] = []
    for index, item in numbered:
        if run and (one_by_one or not _are_alike(run[-1][1], item)):
            yield run
            run = []
        run.append((index, item))
        if one_by_one:
            yield run
            run = []
    if run:
        yield run


def _are_alike(item: Any, following: Any) -> bool:
    """Whether two systems have one object for a matrix, and finite host vectors of one dtype and length."""
    if not all(isinstance(system, tuple | list) and len(system) == 2 for system in (item, following)):
        return False
    (A, b), (B, c) = item, following
    return (
        A is B
        and not callable(A)
        and xp.is_numpy(b)
        and xp.is_numpy(c)
        and b.ndim == c.ndim == 1
        and b.shape == c.shape
        and b.dtype == c.dtype
        and bool(np.isfinite(b).all() and np.isfinite(c).all())
    )


def _spread(
    walk: Callable[..., Walk], workers: Any, systems: Sequence, order: np.ndarray
) -> Iterator[tuple[int, SystemResult, RecycleSpace | None]]:
    """Solve stretches of the ordered sequence on workers; yield number, answer and recycled space, stretch by stretch.

    Where a worker fails, what it has solved before is yielded first.
    """
    with worker_map(workers) as map_:
        is_counted = not (callable(workers) or is_dask_client(workers))
        n_stretches = n_workers(workers) if is_counted else -(-len(order) // LEAST_IN_A_STRETCH)
        parts = np.array_split(order, max(1, min(n_stretches, len(order))))
        stretches = [[(int(i), systems[i]) for i in part] for part in parts if len(part)]
        for answers, recycled, failure in map_(partial(_solve_stretch, walk), stretches):
            for index, answer in answers:
                yield index, answer, recycled
            if failure is not None:
                raise failure.error


def _solve_stretch(walk: Callable[..., Walk], stretch: list[tuple[int, Any]]):
    """Solve the systems of a stretch; return what was solved, what was recycled, and the failure that ended it."""
    answers, recycled = [], None
    try:
        for index, answer, space in _alone(walk(length=len(stretch)), stretch, None, one_by_one=False):
            answers.append((index, answer))
            recycled = space
    except Exception as error:
        return answers, recycled, Failure(error)
    return answers, recycled, None


class Failure:
    """An error on its way back from a worker. One that cannot be pickled would take all answers with it."""

    def __init__(self, error: Exception):
        self.error = error

    def __reduce__(self):
        """Travel as the error itself, or else as its words; its traceback, which stays behind, goes along as a note."""
        error = self.error
        error.add_note("".join(traceback.format_exception(error)))
        try:
            pickle.loads(pickle.dumps(error))
        except Exception:  # whatever the constructor of the error, or what it holds, makes of it
            error = RuntimeError(f"{type(self.error).__name__}: {self.error}")
            for note in self.error.__notes__:
                error.add_note(note)
        return Failure, (error,)


def _system(item: Any) -> tuple[Any, Any]:
    """Return ``(A, b)`` of an item, which may be a recipe for it."""
    made = item() if callable(item) else item
    if not (isinstance(made, tuple | list) and len(made) == 2):
        raise TypeError(f"a system is a {type(made).__name__}: a pair (A, b) is needed, or a function that returns one")
    return made


def _in_callers_order(
    results: dict[int, SystemResult], order: np.ndarray | None, started: float, recycle: RecycleSpace | None
) -> SequenceResult:
    n_systems = len(results) if order is None else len(order)
    return SequenceResult(
        results=[results.get(i) for i in range(n_systems)],
        order=np.fromiter(results, np.int64, len(results)) if order is None else order,
        time=time.perf_counter() - started,
        recycle=recycle,
    )

"""What each kernel is worth: its time beside its reference and beside what SciPy offers for the same work.

``python benchmarks/kernels.py > benchmarks/results/kernels.json`` makes the record. One thread, processor time, the
kernel and its rivals in turn; compilation is reported apart.
"""

import time

import numpy as np
from dynamics_kernels import dynamics_cases
from provenance import provenance, write

N_ROWS = (4096, 65536)
BLOCK = 20  # rows of a block: the default n_recycle
BASIS = 40  # Krylov vectors: the default restart


def processor_time(function, least=0.02):
    """Seconds of processor time of one call, averaged over enough calls to be measurable."""
    calls, begin = 0, time.process_time()
    while calls == 0 or time.process_time() - begin < least:
        function()
        calls += 1
    return (time.process_time() - begin) / calls


def cases(n):
    """Yield (kernel, work, rivals) on the first Helmholtz system with n unknowns; rivals by name, the kernel first."""
    import scipy.sparse.linalg

    from sparsesci._cpu import incomplete, krylov, sparse
    from sparsesci._lib.operator import csr_arrays
    from sparsesci._lib.validate import linear_system
    from sparsesci.bench.problems import PROBLEMS
    from sparsesci.solvers import ilu0_preconditioner
    from sparsesci.solvers.krylov import factors, ic0, ilu0, pattern
    from sparsesci.solvers.krylov.arnoldi import arnoldi

    problem = PROBLEMS["helmholtz2d"]
    A, b = next(iter(problem.make(np.random.default_rng(1618), **{**problem.parameters, "n": round(n**0.5)})))
    csr, M = csr_arrays(A, A.dtype), ilu0_preconditioner(A)
    x, y = np.random.default_rng(1619).standard_normal((2, n))
    X, Y = np.random.default_rng(1620).standard_normal((2, BLOCK, n))
    diagonal = np.empty(n, np.int64)
    triangles = scipy.sparse.linalg.spilu(A.tocsc(), drop_tol=0, fill_factor=1)

    yield (
        "csr_matvec",
        "A x",
        {
            "kernel": lambda: sparse.csr_matvec(csr, x, y),
            "scipy csr @ x": lambda: A @ x,
        },
    )
    yield (
        "solve_factors",
        "ILU(0) solve",
        {
            "kernel": lambda: sparse.solve_factors(M.factors, x, y),
            "reference": lambda: factors.solve_factors.reference(M.factors, x, y),
            "scipy spilu.solve": lambda: triangles.solve(x),
        },
    )
    yield (
        "solve_factors_rows",
        f"ILU(0) solve, {BLOCK} vectors",
        {
            "kernel": lambda: sparse.solve_factors_rows(M.factors, X, Y),
            "one by one": lambda: [sparse.solve_factors(M.factors, row, out) for row, out in zip(X, Y, strict=True)],
        },
    )
    forms = {"ilu0": ilu0, "ic0": ic0, "unmatched": ic0, "find_pivots": pattern, "split_pattern": pattern}
    calls = {
        "ilu0": ("ILU(0) factorisation", (*M.pattern, csr.data, *M.factors.triangles)),
        "ic0": (
            "IC(0) factorisation",
            (*M.pattern, csr.data, 2.0, 1e-16, *M.factors.triangles),
        ),  # shifted: A is indefinite
        "unmatched": ("is A Hermitian", (*M.pattern, csr.data, 1e-14)),
        "find_pivots": ("pivots of a pattern", (*M.pattern[:2], diagonal)),
        "split_pattern": ("triangles of a pattern", (*M.pattern, *M.factors[:2])),
    }
    for name, (work, arguments) in calls.items():
        kernel, reference = getattr(incomplete, name), getattr(forms[name], name).reference
        rivals = {"kernel": lambda k=kernel, a=arguments: k(*a), "reference": lambda k=reference, a=arguments: k(*a)}
        if name == "ilu0":
            rivals["scipy spilu"] = lambda: scipy.sparse.linalg.spilu(A.tocsc(), drop_tol=0, fill_factor=1)
        yield name, work, rivals
    M = ilu0_preconditioner(A)  # the kernels above have written into its factors
    operator, b, _, preconditioner = linear_system(A, b, None, M)
    W, Z, G = np.zeros((BASIS + 1, n)), np.zeros((1, n)), np.zeros((BASIS + 1, BASIS))
    null, estimates, beta = np.zeros(BASIS + 1), np.zeros(BASIS), np.linalg.norm(b)
    W[0] = b / beta
    arguments = (W, Z, G, null, estimates, 0, 0, BASIS, beta, 0.0)
    lowered = operator.kernel_arguments(A.dtype), preconditioner.kernel_arguments(A.dtype)
    yield (
        "arnoldi",
        f"{BASIS} Arnoldi steps with ILU(0)",
        {
            "kernel": lambda: krylov.arnoldi(*lowered, *arguments),
            "reference": lambda: arnoldi.reference(operator, preconditioner, *arguments),
        },
    )
    yield from shortest_cases(operator, b, preconditioner)
    yield from complete_cases(A, x, y)
    yield from relaxation_cases(A, csr, x)
    yield from definite_cases(csr, x)
    yield from ordering_cases(X)
    yield from transport_cases(500 if n < 10_000 else 1000)
    yield from point_cases(2000 if n < 10_000 else 4000)
    yield from hadamard_cases(n)
    yield from sparse_hadamard_cases(50 if n < 10_000 else 200)
    yield from bayes_cases(100 if n < 10_000 else 250)
    yield from dynamics_cases(n < 10_000)


def shortest_cases(operator, b, M):
    """Yield the kernels of the short recurrences: MINRES, with 10 deflated vectors, and BiCGSTAB."""
    from sparsesci._cpu import bicgstab as compiled_bicgstab
    from sparsesci._cpu import minres
    from sparsesci.solvers.krylov import bicgstab, recycled_minres

    C = np.linalg.qr(np.random.default_rng(1622).standard_normal((b.size, 10)))[0].T.copy()
    lowered = operator.kernel_arguments(b.dtype), M.kernel_arguments(b.dtype)

    def minimal(method, maps):
        run, norms = recycled_minres.Lanczos(M, 0 * b, b, 10, 0), np.zeros(BASIS)
        going = (run.x, run.r, run.v, run.z, run.d, run.e, run.xi, run.state)
        method(*maps, C, C, *going, run.V, run.Z, run.T, run.H, norms, run.scale, 0, 0.0, 0.0)

    def stable(method, maps):
        run, norms = bicgstab.Steps(0 * b, b, 0), np.zeros(BASIS // 2)
        vectors = run.x, run.r, run.shadow, run.p, run.v, run.best_x
        method(*maps, *vectors, run.scalars, run.levels, norms, run.scale, bicgstab.LEAST_COSINE, 0.0)

    yield (
        "minimal_residual_steps",
        f"{BASIS} steps of MINRES with ILU(0), 10 vectors deflated",
        {
            "kernel": lambda: minimal(minres.minimal_residual_steps, lowered),
            "reference": lambda: minimal(recycled_minres.minimal_residual_steps.reference, (operator, M)),
        },
    )
    yield (
        "bicgstab_steps",
        f"{BASIS // 2} steps of BiCGSTAB with ILU(0)",
        {
            "kernel": lambda: stable(compiled_bicgstab.bicgstab_steps, lowered),
            "reference": lambda: stable(bicgstab.bicgstab_steps.reference, (operator, M)),
        },
    )


def complete_cases(A, x, y):
    """Yield the kernels about complete factors: their solve, their conversion to rows, the count of their entries."""
    from scipy.sparse.linalg import splu

    from sparsesci._cpu import fill as compiled_fill
    from sparsesci._cpu import sparse
    from sparsesci.solvers.krylov import lu
    from sparsesci.solvers.sequence import fill

    superlu = splu(A.tocsc(), **lu.ordering(A))
    factors = lu.by_rows(superlu)
    columns = [lu.CSR(X.indptr, X.indices, X.data) for X in (superlu.L, superlu.U)]
    place, counts = superlu.perm_c.astype(np.int64), np.empty(x.size, np.int64)
    tree = (A.indptr, A.indices, place, np.argsort(place), counts)

    yield (
        "solve_factors, permuted",
        "LU solve",
        {
            "kernel": lambda: sparse.solve_factors(factors, x, y),
            "scipy splu.solve": lambda: superlu.solve(x),
        },
    )
    yield (
        "factors_of_columns",
        "LU factors by rows",
        {
            "kernel": lambda: sparse.factors_of_columns(*columns, *factors.triangles),
            "reference": lambda: lu.factors_of_columns.reference(*columns, *factors.triangles),
        },
    )
    yield (
        "column_counts",
        "entries of complete factors",
        {
            "kernel": lambda: compiled_fill.column_counts(*tree),
            "reference": lambda: fill.column_counts.reference(*tree),
        },
    )


def relaxation_cases(A, csr, b):
    """Yield the kernels of SSOR and SOR, which need a diagonal and nothing else of the matrix."""
    from sparsesci._cpu import relaxation
    from sparsesci.solvers.krylov import sor, ssor
    from sparsesci.solvers.krylov.pattern import on_pattern

    n = b.size
    diagonal = np.empty(n, np.int64)
    relaxation.find_diagonal(*csr, diagonal)
    pattern, data, room = on_pattern(A, None, "SSOR")

    def sweep(sweeps):
        x, r, delta, norms = np.zeros(n), b.copy(), np.empty(n), np.empty(1)
        sweeps(csr, diagonal, 1.0 / csr.data[diagonal], 1.0, x, r, delta, norms, 0.0, np.inf)

    forms = {"find_diagonal": (*csr, diagonal), "ssor": (*pattern, data, 1.0, *room.triangles)}
    for name, arguments in forms.items():
        kernel, reference = getattr(relaxation, name), getattr(ssor, name).reference
        rivals = {"kernel": lambda k=kernel, a=arguments: k(*a), "reference": lambda k=reference, a=arguments: k(*a)}
        yield name, "the diagonal" if name == "find_diagonal" else "SSOR factors", rivals
    rivals = {"kernel": lambda: sweep(relaxation.sweeps), "reference": lambda: sweep(sor.sweeps.reference)}
    yield "sweeps", "one SOR sweep with its residual", rivals


def definite_cases(csr, b):
    """Yield the kernel of recycled CG on a definite matrix of the same pattern, with 10 deflated vectors."""
    import scipy.sparse

    from sparsesci._cpu import conjugate_gradients
    from sparsesci._lib.validate import linear_system
    from sparsesci.solvers.krylov import recycled_cg as page
    from sparsesci.solvers.krylov.factors import identity

    n = b.size
    L = scipy.sparse.csr_array((-np.ones(csr.data.size), csr.indices.astype(np.int32), csr.indptr.astype(np.int32)))
    operator, b, _, _ = linear_system(scipy.sparse.csr_array(L + 10 * scipy.sparse.eye_array(n)), b, None, None)
    M, W = identity(n, b.dtype), np.random.default_rng(1621).standard_normal((10, n)) / n
    C = np.stack([operator(w) for w in W])
    lowered = operator.kernel_arguments(b.dtype), M.kernel_arguments(b.dtype)

    def steps(method, maps):
        run = page.Steps(b, BASIS, b, b, C, keeps=False)
        vectors = np.zeros(n), b.copy(), b.copy(), b.copy()
        scalars = run.rho, run.alpha, run.curvature, run.mu, run.norms
        method(*maps, W, C, *vectors, run.P, run.AP, *scalars, 1.0, 0, BASIS, 0.0)

    rivals = {
        "kernel": lambda: steps(conjugate_gradients.deflated_steps, lowered),
        "reference": lambda: steps(page.deflated_steps.reference, (operator, M)),
    }
    yield "deflated_steps", f"{BASIS} steps of CG, 10 vectors deflated", rivals


def ordering_cases(X):
    """Yield the kernels of the sorting of 500 systems with 64 features."""
    from sparsesci._cpu import ordering
    from sparsesci.solvers.krylov import greedy_path as page

    points, path, D = np.ascontiguousarray(X[:, :1600].reshape(500, 64)), np.empty(500, np.int64), np.empty((500, 500))
    ordering.pairwise_distances(points, D)
    calls = {
        "greedy_path": lambda method: method(points, 0, path),
        "pairwise_distances": lambda method: method(points, D),
        "uncross": lambda method: method(D, np.arange(500), 1e-9, 3),
    }
    for name, call in calls.items():
        kernel, reference = getattr(ordering, name), getattr(page, name).reference
        rivals = {"kernel": lambda c=call, k=kernel: c(k), "reference": lambda c=call, r=reference: c(r)}
        yield name, "500 systems, 64 features", rivals


def transport_cases(n):
    """Yield the kernels of optimal transport, at the solution of a random assignment of n points (reg = 1 / 1200)."""
    from sparsesci._cpu import transport
    from sparsesci.solvers import sinkhorn_newton
    from sparsesci.solvers.transport import direction as newton_page
    from sparsesci.solvers.transport import result, rows, sinkhorn

    C, weights, reg = np.random.default_rng(1623).random((n, n)), np.full(n, 1 / n), 1 / 1200
    solved = sinkhorn_newton(None, None, C, reg)
    (f, g), shift = solved.x, solved.shift
    listed = rows.ListedRows(C, weights, shift)
    at = listed.at(g, reg, 43.0)
    size = int(at.P.indptr[-1])
    plan = rows.SparsePlan(at.P.indptr, at.P.indices[:size], at.P.data[:size])
    lists = (listed.indptr, listed.indices, listed.costs)

    def room(size):
        return np.empty(n + 1, np.int64), np.empty(size, np.int32), np.empty(size)

    u, v, dense, scanned, narrowed = np.empty(n), np.empty(n), np.empty((n, n)), room(n * n + n), room(lists[1].size)
    scanned[0][0] = 0
    rest = np.random.default_rng(1624).standard_normal(n) * 1e-6
    pages = {
        "row_potentials": (sinkhorn, "log-sum-exp of rows", (C, g, shift, reg, u)),
        "column_potentials": (sinkhorn, "log-sum-exp of columns", (C, f, shift, reg, v)),
        "dense_rows": (rows, "exact rows of a dense plan", (C, weights, g, shift, reg, u, v)),
        "dense_plan": (rows, "a dense plan", (C, f, g, shift, reg, dense)),
        "plan_sums": (result, "sums of a plan", (C, f, g, shift, reg, u, v)),
        "scan_rows": (rows, "candidates of each row", (C, g, shift, 65 * reg, 0, *scanned, u)),
        "narrow_rows": (rows, "fewer candidates", (*lists, g, 50 * reg, *narrowed, u)),
        "hessian_product": (newton_page, "a product with the Hessian", (*plan, weights, g, v)),
        "hessian_diagonal": (newton_page, "its diagonal", (*plan, weights, v)),
        "listed_rows": (rows, "exact rows of a sparse plan", (*lists, weights, g, reg, 43.0, u, v, *narrowed, v)),
    }
    for name, (page, work, arguments) in pages.items():
        kernel, reference = getattr(transport, name), getattr(page, name).reference
        yield (
            name,
            f"{work}, {n} points",
            {"kernel": lambda k=kernel, a=arguments: k(*a), "reference": lambda k=reference, a=arguments: k(*a)},
        )

    def direction(method):
        method(plan, weights, np.full(n, 1e-8), rest.copy(), np.zeros(n), 1e-6, 500)

    yield (
        "newton_direction",
        f"a Newton direction, {n} points",
        {
            "kernel": lambda: direction(transport.newton_direction),
            "reference": lambda: direction(newton_page.newton_direction.reference),
        },
    )


def point_cases(n):
    """Yield the kernels of lazy costs, at the solution between n points of the unit square each (reg = 1e-3).

    The rivals are the references, which look at all columns, and the same pass over costs that are stored.
    """
    from sparsesci._cpu import points, transport
    from sparsesci.solvers import solve_ot_sample
    from sparsesci.solvers.transport import leaves

    X, Y = np.random.default_rng(1625).random((2, n, 2))
    reg, cut, weights = 1e-3, 45.0, np.full(n, 1 / n)
    solved = solve_ot_sample(X, Y, reg, lazy=True)
    C, rows = solved.C[:] - solved.shift, leaves.LeafRows(solved.C, weights, solved.shift)
    f, g = solved.x[0][rows.order], solved.x[1][rows.columns_order]
    given, (chunk,) = (rows.tree, *rows.given), rows.chunks
    lists, v = rows.lists(g, leaves.HESSIAN_CUT * reg, chunk), np.random.default_rng(1626).standard_normal(n)
    u, w, by_x, by_y = np.empty(n), np.zeros(n), np.empty((n, 2)), np.zeros((n, 2))
    room = np.zeros_like(lists[0]), np.empty(n * lists[0].size, np.int32)
    P, dense = solved.plan, np.empty_like(C)
    stored = {
        "leaf_rows": lambda: transport.dense_rows(C, weights, solved.x[1], 0.0, reg, u, w),
        "leaf_sums": lambda: transport.plan_sums(C, *solved.x, 0.0, reg, u, w),
        "leaf_lists": lambda: C - solved.x[1] <= (C - solved.x[1]).min(axis=1)[:, None] + leaves.HESSIAN_CUT * reg,
        "leaf_product": lambda: w * v - (P @ v / weights) @ P,
        "leaf_diagonal": lambda: transport.dense_plan(C, *solved.x, 0.0, reg, dense),
    }
    calls = {
        "leaf_rows": ("exact rows of a plan", (*given, weights, g, reg, cut, *chunk, u, w)),
        "leaf_sums": ("sums and pulls of a plan", (*given, f, g, reg, cut, *chunk, u, w, by_x, by_y)),
        "leaf_lists": ("columns that matter", (*given, g, leaves.HESSIAN_CUT * reg, 0, *chunk, *room)),
        "leaf_product": ("a product with the Hessian", (*given, *lists, f, g, reg, v, *chunk, w)),
        "leaf_diagonal": ("the diagonal of the Hessian", (*given, *lists, f, g, reg, *chunk, w, np.zeros(n))),
    }
    for name, (work, arguments) in calls.items():
        kernel, reference = getattr(points, name), getattr(leaves, name).reference
        rivals = {"kernel": lambda k=kernel, a=arguments: k(*a), "reference": lambda k=reference, a=arguments: k(*a)}
        yield name, f"{work} of lazy costs, {n} points", rivals | {"of stored costs": stored[name]}


def hadamard_cases(n):
    """Yield the dense Walsh-Hadamard transform of n numbers, and the permutation of 16 n into the sequency order."""
    from sparsesci._cpu import hadamard
    from sparsesci.recovery.hadamard import dense, orders

    x = np.random.default_rng(1627).standard_normal((1, n, 1))
    arguments = (x, np.empty_like(x), 1.0, map, 1)
    yield (
        "fwht",
        "Walsh-Hadamard transform",
        {
            "kernel": lambda: hadamard.fwht(*arguments),
            "reference": lambda: dense.butterflies.reference(*arguments),
        },
    )
    x, low = np.random.default_rng(1628).standard_normal((1, 16 * n)), 64
    factors = orders.natural_rows(low, "sequency"), orders.natural_sources(16 * n // low, "sequency")
    sources, permuted = orders.natural_sources(16 * n, "sequency"), (x, np.empty_like(x), *factors, "sequency")
    yield (
        "permute",
        f"sequency order of {16 * n} numbers",
        {
            "kernel": lambda: hadamard.permute(*permuted),
            "reference": lambda: orders.permute.reference(*permuted),
            "by a list that is known": lambda: x.take(sources, axis=1),
        },
    )


def sparse_hadamard_cases(K):
    """Yield the kernels of the sparse Walsh-Hadamard transform, for K coefficients of 2^40 in noise of 10 dB."""
    from sparsesci._cpu import ordered_statistics as statistics
    from sparsesci._cpu import peeling as kernels
    from sparsesci._cpu import support as sums
    from sparsesci._cpu import walsh
    from sparsesci.recovery.hadamard import codes, hashing, ordered_statistics, peeling, signs, support

    rng, n, b = np.random.default_rng(1629), 40, int(np.log2(2 * K))
    code = codes.random_code(n - b, 3 * (n - b) // 2, rng.integers(2 ** (n - b), size=99, dtype=np.uint64))
    hashed = hashing.make_hashing(hashing.random_bases(n, rng), b, code)
    indices, X = rng.integers(2**n, size=(K, 1), dtype=np.uint64), rng.choice([-1.0, 1.0], K)
    points, noise_std = hashed.points(), np.sqrt(K / 10)
    f = signs.signed_sums(points.reshape(-1, 1), indices, X)
    U = hashed.bins((f + noise_std * rng.standard_normal(len(f))).reshape(points.shape[:3]))
    levels = peeling.noise_levels(noise_std, U.shape, 2.0 ** (n - b), is_complex=False)
    where = support.locate(hashed, indices)
    room, rows = (np.zeros((12 << b, 1), np.uint64), np.zeros(12 << b)), hashed.origins[0, :1] ^ hashed.duals[0]
    square = hashing.random_bases(n, rng)[0].vectors
    received = np.where(signs.parity((code & np.uint64(rng.integers(2**20)))[:, None]), -1.0, 1.0)
    received += rng.standard_normal(len(code))
    decoder = peeling.code_decoder(1, 2)
    calls = {  # arguments are made anew where they are changed
        "peel": (kernels, peeling, "peeling", lambda: (U.copy(), hashed, decoder, levels, *room)),
        "decode": (statistics, ordered_statistics, "one word", lambda: (received, code, n - b, 2)),
        "fill_support": (sums, support, "bins of a support", lambda: (hashed.hashes, hashed.offsets, indices, *where)),
        "subtract": (sums, support, "subtraction of a spectrum", lambda: (U.copy(), *where, X)),
        "gather": (sums, support, "adjoint of it", lambda: (U, *where)),
        "invert": (walsh, hashing, f"inverse of {n} rows over F_2", lambda: (square.copy(), np.empty_like(square))),
        "signed_sums": (walsh, signs, f"{len(rows)} values of a spectrum", lambda: (rows, indices, X)),
    }
    for name, (compiled, page, work, make) in calls.items():
        kernel, reference = getattr(compiled, name), getattr(page, name).reference
        yield (
            name,
            f"{work}, {K} coefficients",
            {"kernel": lambda k=kernel, m=make: k(*m()), "reference": lambda k=reference, m=make: k(*m())},
        )


def bayes_cases(M):
    """Yield the kernels of sparse Bayesian learning: M normal measurements of 4 M entries, a tenth as many as M."""
    from sparsesci._cpu import marginal_likelihood
    from sparsesci.recovery.bayes import fast

    rng, N = np.random.default_rng(4463), 4 * M
    A = rng.standard_normal((M, N)) / np.sqrt(M)
    y = A[:, : M // 10] @ rng.standard_normal(M // 10) + 0.1 * rng.standard_normal(M)
    costs = fast.prices(M, N, 1, fast.FALSE, is_noise_known=False)
    b = (A.T @ y)[None, :]
    given = A, np.ones(N), b, y @ y, 1e-13 * (y @ y), np.zeros(N), costs, 0.0, 1e-4, 1000, b[:0], np.full(N, -1)
    yield (
        "ascend",
        f"the ascent of the marginal likelihood, {M} x {N}",
        {
            "kernel": lambda: marginal_likelihood.ascend(*given),
            "reference": lambda: fast.ascend.reference(*given),
        },
    )
    for what, is_nonnegative in (("", False), (", positive entries", True)):
        yield (
            "walk",
            f"20 iterations of a walk over supports, {M} x {N}{what}",
            {
                "kernel": walk_over(A, y, is_nonnegative),
                "reference": walk_over(A, y, is_nonnegative, by_reference=True),
            },
        )


def walk_over(A, y, is_nonnegative, by_reference=False):
    """Return a function that walks over supports from a start of its own, always the same."""
    from sparsesci.recovery.bayes.walk import walk

    (M, N), n = A.shape, 20
    atoms, run = np.ascontiguousarray((A / np.linalg.norm(A, axis=0)).T), walk.reference if by_reference else walk
    normals = np.random.default_rng(4591).standard_normal((n, M // 2, 1))

    def function():
        place = np.full(M // 2, -1), np.array([1e3]), np.empty((N, N)), np.full(N, -1)
        trace = np.full((n, M // 2), -1), np.zeros((n, M // 2, 1)), np.zeros((n, M // 2)), np.zeros((n, 4))
        rng = np.random.default_rng(4597)
        run(atoms, atoms @ y[:, None], y[:, None], 0.0, is_nonnegative, 7, rng, *place, normals, *trace)

    return function


def record(repeats=7):
    """Time every case ``repeats`` times, its rivals in turn, and return what a record holds."""
    from sparsesci._lib.parallel import thread_limit

    rows = []
    for n in N_ROWS:
        with thread_limit(1):
            for kernel, work, rivals in cases(n):
                first = {name: processor_time(call, least=0) for name, call in rivals.items()}
                times = {name: [] for name in rivals}
                for _ in range(repeats):
                    for name, call in rivals.items():
                        times[name].append(processor_time(call))
                medians = {name: float(np.median(column)) for name, column in times.items()}
                slowdown = {name: round(value / medians["kernel"], 2) for name, value in medians.items()}
                rows.append(
                    {
                        "kernel": kernel,
                        "work": work,
                        "n": n,
                        "microseconds": {name: round(1e6 * value, 1) for name, value in medians.items()},
                        "times_the_kernel": slowdown,
                        "first_call_s": round(first["kernel"], 3),
                    }
                )
    what = (
        "median processor time of one call on one thread, microseconds; first_call_s includes compiling or loading it"
    )
    return {"what": what, "repeats": repeats, **provenance(), "rows": rows}


if __name__ == "__main__":
    write(record())

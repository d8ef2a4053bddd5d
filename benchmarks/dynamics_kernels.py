"""The kernels of the family "dynamics" beside their references: rows of the record that ``kernels.py`` makes."""

import numpy as np


def dynamics_cases(is_small):
    """Yield (kernel, work, rivals), rivals by name, in one of two sizes."""
    yield from program_cases(256 if is_small else 4096)
    yield from pair_cases(46 if is_small else 59)
    yield from active_set_cases(20 if is_small else 100)
    yield from selection_cases(56 if is_small else 231)
    yield from derivative_cases(250 if is_small else 1000)
    yield from simulation_cases(10 if is_small else 250)
    yield from weak_cases(100 if is_small else 1000)


def program_cases(m):
    """Yield the kernel of compiled libraries: 56 monomials of 3 inputs, 861 of 40, and 30 sines and cosines."""
    from sparsesci._cpu import program as compiled
    from sparsesci.recovery.dynamics.fourier_library import FourierLibrary
    from sparsesci.recovery.dynamics.polynomial_library import PolynomialLibrary
    from sparsesci.recovery.dynamics.program import evaluate

    for what, library, d in (
        ("56 monomials", PolynomialLibrary(5), 3),
        ("861 monomials", PolynomialLibrary(2), 40),
        ("30 sines and cosines", FourierLibrary(5), 3),
    ):
        given = *library.program(d).instructions, np.random.default_rng(8263).standard_normal((d, m))
        yield (
            "evaluate",
            f"{what} at {m} samples",
            {
                "kernel": lambda given=given: compiled.evaluate(*given),
                "reference": lambda given=given: evaluate.reference(*given),
            },
        )


def pair_cases(width):
    """Yield the products of all pairs of columns at 72 samples: those of bootstraps, which stay in the L2 cache."""
    from sparsesci._cpu import pairs
    from sparsesci.recovery.dynamics.bootstrap import pair_products

    Z = np.random.default_rng(7879).standard_normal((width, 72))
    out = np.empty((width * (width + 1) // 2, 72))
    yield (
        "pair_products",
        f"products of all pairs of {width} columns at 72 samples",
        {
            "kernel": lambda: pairs.pair_products(Z, out),
            "reference": lambda: pair_products.reference(Z, out),
        },
    )


def active_set_cases(n_models):
    """Yield sequential thresholding on the Gram matrices of as many bootstraps of 400 samples, 56 functions, 3 targets.

    The rivals are the reference, which solves masked systems, and LAPACK, called for one active set at a time.
    """
    from sparsesci._cpu import active_sets
    from sparsesci.recovery.dynamics import stlsq as page
    from sparsesci.recovery.dynamics.gram import Gram

    rng, p, d = np.random.default_rng(7883), 56, 3
    Theta = rng.standard_normal((n_models, 400, p))
    Y = Theta[:, :, :d] + Theta[:, :, d : 2 * d] + rng.standard_normal((n_models, 400, d))
    C, rhs, ones = np.swapaxes(Theta, 1, 2) @ Theta, np.swapaxes(Theta, 1, 2) @ Y, np.ones(p)
    sums = C, rhs, np.zeros((0, p)), np.ones(d), np.zeros(p)
    given = *sums, np.arange(n_models), np.zeros(n_models), ones, np.full(n_models, 0.1), np.ones((p, d))
    options = np.ones((n_models, p), bool), True, 20, 1e-12

    def run(function):
        function(*given, *options, np.zeros((n_models, p, d)), *(np.zeros((n_models, d), np.int64) for _ in range(2)))

    def by_lapack():
        for model in range(n_models):
            gram = Gram(C[model], rhs[model], np.ones(d), 400)
            thresholds = np.broadcast_to(0.1 * gram.scale[:, None], (p, d))
            page.one_by_one(gram, 0 * ones, thresholds, ones > 0, True, 20)

    yield (
        "thresholded",
        f"STLSQ of {n_models} bootstraps, 56 functions, 3 targets",
        {
            "kernel": lambda: run(active_sets.thresholded),
            "reference": lambda: run(page.thresholded.reference),
            "LAPACK, one active set at a time": by_lapack,
        },
    )


def selection_cases(p):
    """Yield the selections among p functions: all steps backward, and exchanges of ten of them."""
    from sparsesci._cpu import selection
    from sparsesci.recovery.dynamics.best_subset import exchange
    from sparsesci.recovery.dynamics.ssr import eliminate

    rng = np.random.default_rng(4817)
    T = np.linalg.inv(np.triu(rng.standard_normal((p, p)) / p**0.5) + np.eye(p))
    R, z, chosen = rng.standard_normal((p, p)), rng.standard_normal(p), np.arange(10)
    R /= np.linalg.norm(R, axis=0)
    yield (
        "eliminate",
        f"all steps of backward elimination, {p} functions",
        {
            "kernel": lambda: selection.eliminate(T, z, True),
            "reference": lambda: eliminate.reference(T, z, True),
        },
    )
    yield (
        "exchange",
        f"20 exchanges of 10 of {p} functions",
        {
            "kernel": lambda: selection.exchange(R, z, chosen, 20),
            "reference": lambda: exchange.reference(R, z, chosen, 20),
        },
    )


def derivative_cases(n):
    """Yield the kernels of the smoothers, on n samples of a noisy sine."""
    from scipy.signal import savgol_filter

    from sparsesci.recovery.dynamics.differentiate.kalman import model_of
    from sparsesci.recovery.dynamics.differentiate.total_variation import fit
    from sparsesci.recovery.dynamics.differentiate.wiener import innovations, smooth

    t = 0.05 * np.arange(n)
    y = np.sin(t) + 0.01 * np.random.default_rng(4603).standard_normal(n)
    columns, h = y[:, None].copy(), np.ones(n - 1)
    g = np.r_[0.5, h[1:], 0.5]
    for is_uniform, what in ((True, "constant steps"), (False, "any steps")):
        model = model_of(h, is_uniform, 4)
        yield (
            "innovations",
            f"likelihood of a Kalman filter of order 4, {n} samples, {what}",
            {
                "kernel": lambda model=model: innovations(columns, *model, 1.0),
                "reference": lambda model=model: innovations.reference(columns, *model, 1.0),
            },
        )
        yield (
            "smooth",
            f"Kalman smoother of order 4, {n} samples, {what}",
            {
                "kernel": lambda model=model: smooth(y, *model, 1.0, 1),
                "reference": lambda model=model: smooth.reference(y, *model, 1.0, 1),
                "scipy savgol_filter": lambda: savgol_filter(y, 11, 3, deriv=1),
            },
        )
    yield (
        "fit",
        f"total variation of the slope, {n} samples",
        {
            "kernel": lambda: fit(y, h, g, 0.1, 1e-6, 100),
            "reference": lambda: fit.reference(y, h, g, 0.1, 1e-6, 100),
        },
    )


def simulation_cases(m):
    """Yield the kernels that run models: the Lorenz system, and a discrete model with control, from m starts."""
    from scipy.integrate import solve_ivp

    from sparsesci._cpu import dopri5 as compiled_dopri5
    from sparsesci._cpu import rollout as compiled_rollout
    from sparsesci._cpu import vector_field as compiled_field
    from sparsesci.recovery.dynamics import dopri5, rollout, scipy_integrators, vector_field
    from sparsesci.recovery.dynamics.program import Tape

    rng = np.random.default_rng(1657)
    tape = Tape(3)
    x, y, z = tape.inputs
    program, coef = tape.program([x, y, z, x * y, x * z]), np.zeros((1, 3, 5))
    coef[0, [0, 0, 1, 1, 1, 2, 2], [0, 1, 0, 1, 4, 2, 3]] = -10, 10, 28, -1, -1, -8 / 3, 1
    field, t = vector_field.VectorField.of(program, coef), np.linspace(0, 1, 101)
    controls, x0 = vector_field.Controls(t, np.zeros((101, 0))), rng.normal(3, 1, (m, 3))
    out, reached, ended = np.empty((m, 101, 3)), np.empty(m, np.int64), np.empty(m, np.int64)
    rest = x0, t, 1e-6, 1e-9, 1e6, 10_000, out, reached, ended
    lowered = field.kernel_arguments(float)

    def slopes(t, x):
        return [10 * (x[1] - x[0]), x[0] * (28 - x[2]) - x[1], x[0] * x[1] - 8 / 3 * x[2]]

    yield (
        "dopri5.integrate",
        f"the Lorenz system to T = 1 from {m} starts",
        {
            "kernel": lambda: compiled_dopri5.integrate(lowered, controls.table, *rest),
            "reference": lambda: dopri5.integrate.reference(field, controls, *rest),
            "scipy solve_ivp RK45": lambda: [
                solve_ivp(slopes, (0, 1), start, t_eval=t, rtol=1e-6, atol=1e-9) for start in x0
            ],
        },
    )
    arrays, memory = scipy_integrators.packed(lowered, controls, 0), np.zeros(9)
    yield (
        "derivative",
        "the Lorenz system at a point, for SciPy",
        {
            "kernel": lambda: compiled_field.derivative(x0[0], 0.5, *arrays, memory),
            "reference": lambda: scipy_integrators.derivative.reference(x0[0], 0.5, *arrays, memory),
            "NumPy by hand": lambda: np.array(slopes(0.5, x0[0])),
        },
    )
    tape = Tape(5)
    pairs = [a * b for i, a in enumerate(tape.inputs) for b in tape.inputs[i:]]
    program, coef = tape.program([*tape.inputs, *pairs]), 0.05 * rng.standard_normal((1, 4, 20))
    other = vector_field.VectorField.of(program, coef)
    starts, u = rng.standard_normal((m, 4)), rng.standard_normal((m, 100, 1))
    model, states = other.kernel_arguments(float), np.empty((m, 101, 4))
    yield (
        "rollout.iterate",
        f"100 steps of a model of degree 2, 4 states and a control, from {m} starts",
        {
            "kernel": lambda: compiled_rollout.iterate(model, starts, u, 1e6, states, reached),
            "reference": lambda: rollout.iterate.reference(other, starts, u, 1e6, states, reached),
        },
    )
    inputs, member = np.concatenate([starts, u[:, 0]], axis=1).T.copy(), np.zeros(m, np.int64)
    yield (
        "derivatives",
        f"one step of that model from {m} starts",
        {
            "kernel": lambda: compiled_field.derivatives(model, inputs, member),
            "reference": lambda: vector_field.derivatives.reference(other, inputs, member),
        },
    )


def weak_cases(n_boxes):
    """Yield integrals over boxes of a field of 1024 by 251 samples, and its second derivative by differences."""
    from sparsesci.recovery.dynamics.grid_derivative import neighbour_sums, stencils
    from sparsesci.recovery.dynamics.weak_weights import contract

    rng = np.random.default_rng(4831)
    F = rng.standard_normal((1, 251, 1024))
    starts = np.stack([np.zeros(n_boxes, int), rng.integers(0, 225, n_boxes), rng.integers(0, 920, n_boxes)], axis=1)
    which = np.zeros((n_boxes, 3), int)
    weights = np.ones((1, 1, 1)), rng.standard_normal((1, 2, 25)), rng.standard_normal((1, 5, 103))
    calls = {
        "contract": (contract, f"10 integrals over {n_boxes} boxes", (F, starts, which, *weights)),
        "neighbour_sums": (
            neighbour_sums,
            "second derivative in space",
            (rng.standard_normal((251, 1024, 1)), *stencils(np.arange(1024.0), 2)),
        ),
    }
    for name, (page, work, given) in calls.items():
        yield (
            name,
            work,
            {"kernel": lambda k=page, a=given: k(*a), "reference": lambda k=page, a=given: k.reference(*a)},
        )

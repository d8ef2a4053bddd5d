"""The parts of the Krylov solvers: Arnoldi steps, harmonic Ritz vectors, recycled images, and where kernels are."""

import importlib
import importlib.util
import inspect
import pkgutil

import numpy as np
import pytest
import scipy.linalg
import scipy.sparse
from hypothesis import given
from hypothesis import strategies as st

import sparsesci
from sparsesci._cpu.krylov import orthogonalise
from sparsesci._lib.operator import Operator, as_operator
from sparsesci._lib.xp import device, namespace, norm, to_like
from sparsesci.solvers import RecycleSpace, gcrodr, ilu0_preconditioner, jacobi_preconditioner
from sparsesci.solvers.krylov.arnoldi import arnoldi
from sparsesci.solvers.krylov.factors import identity
from sparsesci.solvers.krylov.harmonic_ritz import harmonic_ritz
from sparsesci.solvers.krylov.recycle import DRIFT_LIMIT, image, orthonormal

DTYPES = ["float32", "float64", "complex64", "complex128"]


def is_single(dtype):
    return dtype in ("float32", "complex64")


def random_array(shape, *, seed, dtype="float64"):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal(shape) + (1j * rng.standard_normal(shape) if np.dtype(dtype).kind == "c" else 0)
    return x.astype(dtype)


def angle(X, Y):
    """Return the largest angle between two spaces of columns; a right one where their dimensions differ."""
    return scipy.linalg.subspace_angles(X, Y)[0] if X.shape == Y.shape else np.pi / 2


# --- Arnoldi ---------------------------------------------------------------------------------------------------------


PRECONDITIONERS = {"none": lambda A: None, "jacobi": jacobi_preconditioner, "ilu0": ilu0_preconditioner}


class Process:
    """The arrays of an Arnoldi process, and what runs it."""

    def __init__(self, A, M, start, m, *, C=None, flexible=False):
        n = start.shape[0]
        self.A, self.M = as_operator(A, start), identity(n, start.dtype) if M is None else as_operator(M, start)
        self.first = 0 if C is None else C.shape[0]
        self.W = np.full((m + 1, n), np.nan, start.dtype)
        if C is not None:
            self.W[: self.first] = C
            start = start - C.T @ (C.conj() @ start)
        self.beta = norm(start)
        self.W[self.first] = start / self.beta
        self.Z = np.full((m if flexible else 1, n), np.nan, start.dtype)
        self.G, self.null = np.zeros((m + 1, m), start.dtype), np.zeros(m + 1, start.dtype)
        self.estimates = np.zeros(m, start.real.dtype)

    def run(self, function, start, stop, goal=0.0):
        """Add the columns start..stop-1 and return how many there are then."""
        arrays = (self.W, self.Z, self.G, self.null, self.estimates)
        return function(self.A, self.M, *arrays, self.first, start, stop, self.beta, goal)


def start_process(*, seed, dtype="float64", m=9, preconditioner="none", k=0, flexible=False):
    scattered = scipy.sparse.random_array((70, 70), density=0.03, rng=np.random.default_rng(seed))
    A = scattered + scipy.sparse.diags_array(3 + random_array(70, seed=seed + 1, dtype=dtype) / 4)
    A, b = scipy.sparse.csr_array(A.astype(dtype)), random_array(70, seed=seed + 2, dtype=dtype)
    C = np.linalg.qr(random_array((70, k), seed=seed + 3, dtype=dtype))[0].T.copy() if k else None
    return Process(A, PRECONDITIONERS[preconditioner](A), b, m, C=C, flexible=flexible)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("preconditioner", PRECONDITIONERS)
@pytest.mark.parametrize("k", [0, 3])
def test_the_compiled_process_is_that_of_the_reference(dtype, preconditioner, k):
    options = {"seed": 7001, "dtype": dtype, "preconditioner": preconditioner, "k": k}
    compiled, reference = start_process(**options), start_process(**options)
    assert compiled.run(arnoldi, k, 9) == reference.run(arnoldi.reference, k, 9) == 9
    tolerance = 2e-3 if is_single(dtype) else 1e-9
    for part in ("W", "G", "null", "estimates"):
        found, expected = getattr(compiled, part), getattr(reference, part)
        np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance, err_msg=part)


@pytest.mark.parametrize("preconditioner", PRECONDITIONERS)
def test_the_compiled_process_keeps_every_preconditioned_vector_where_m_may_change(preconditioner):
    options = {"seed": 7013, "preconditioner": preconditioner, "flexible": True}
    compiled, reference = start_process(**options), start_process(**options)
    compiled.run(arnoldi, 0, 9)
    reference.run(arnoldi.reference, 0, 9)
    np.testing.assert_allclose(compiled.Z, reference.Z, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(compiled.Z, np.stack([compiled.M(w) for w in compiled.W[:9]]), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("function", [arnoldi, arnoldi.reference], ids=["compiled", "reference"])
@pytest.mark.parametrize("k", [0, 3])
def test_nine_columns_at_once_are_four_and_then_five(function, k):
    options = {"seed": 7019, "dtype": "complex128", "preconditioner": "jacobi", "k": k, "m": 12}
    at_once, in_two = start_process(**options), start_process(**options)
    assert at_once.run(function, k, k + 9) == k + 9
    assert in_two.run(function, k, k + 4) == k + 4
    assert in_two.run(function, k + 4, k + 9) == k + 9
    for part in ("W", "G", "null", "estimates"):
        np.testing.assert_array_equal(getattr(at_once, part), getattr(in_two, part), err_msg=part)


@pytest.mark.parametrize("function", [arnoldi, arnoldi.reference], ids=["compiled", "reference"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_the_relation_holds_and_the_basis_is_orthonormal(function, dtype):
    p = start_process(seed=7027, dtype=dtype, preconditioner="ilu0", k=3)
    p.run(function, 3, 9)
    tolerance = 1e-5 if is_single(dtype) else 1e-13
    np.testing.assert_allclose(p.W.conj() @ p.W.T, np.eye(10), atol=tolerance)
    np.testing.assert_allclose(p.A(p.M(p.W[3:9].T)), p.W.T @ p.G[:, 3:], atol=20 * tolerance)
    assert not np.tril(p.G, -2).any()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("left", [1.0, 1e-3, 1e-6])
def test_what_a_vector_holds_outside_of_the_basis_is_orthogonal_to_it_however_little_that_is(dtype, left):
    left = np.sqrt(left) if is_single(dtype) else left
    W = np.linalg.qr(random_array((70, 10), seed=7036, dtype=dtype))[0].T.copy()
    outside = random_array(70, seed=7037, dtype=dtype)
    outside -= W.T @ (W.conj() @ outside)
    given = (W[:9].T @ random_array(9, seed=7038, dtype=dtype) + left * outside).astype(dtype)
    h, correction, w = np.zeros(10, dtype), np.zeros(10, dtype), given.copy()
    after = orthogonalise(W, 9, w, h, correction)
    eps = np.finfo(dtype).eps
    assert after == pytest.approx(np.linalg.norm(w), rel=float(10 * eps))
    assert np.linalg.norm(W[:9].conj() @ w) <= 25 * eps * after
    np.testing.assert_allclose(W[:9].T @ h[:9] + w, given, atol=50 * eps)


@pytest.mark.parametrize("function", [arnoldi, arnoldi.reference], ids=["compiled", "reference"])
@pytest.mark.parametrize("k", [0, 3])
def test_an_estimate_is_the_norm_that_least_squares_would_leave(function, k):
    p = start_process(seed=7039, dtype="complex128", k=k)
    p.run(function, k, 9)
    for j in range(k + 1, 10):
        hessenberg, rhs = p.G[k : j + 1, k:j], np.zeros(j + 1 - k, complex)
        rhs[0] = p.beta
        y = np.linalg.lstsq(hessenberg, rhs)[0]
        assert p.estimates[j - 1] == pytest.approx(np.linalg.norm(rhs - hessenberg @ y), rel=1e-9)


@pytest.mark.parametrize("function", [arnoldi, arnoldi.reference], ids=["compiled", "reference"])
def test_it_stops_at_the_first_estimate_that_is_not_above_the_goal(function):
    through, stopped = (start_process(seed=7043) for _ in range(2))
    through.run(function, 0, 9)
    goal = float(through.estimates[5])
    assert stopped.run(function, 0, 9, goal) == 6
    assert np.isnan(stopped.W[7:]).all() and not stopped.G[:, 6:].any()


@pytest.mark.parametrize("function", [arnoldi, arnoldi.reference], ids=["compiled", "reference"])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("scale", [1.0, 1e-18, 1e18])
def test_an_invariant_space_is_told_by_zeros(function, dtype, scale):
    A = scipy.sparse.diags_array((scale * np.arange(1.0, 8.0)).astype(dtype), format="csr")
    start = np.array([1, 0, 2, 0, 3, 0, 0], dtype)
    p = Process(A, None, start, 6)
    assert p.run(function, 0, 6) == 3
    assert p.G[3, 2] == 0 and p.estimates[2] == 0 and not p.W[3].any()


@pytest.mark.parametrize("function", [arnoldi, arnoldi.reference], ids=["compiled", "reference"])
def test_a_product_that_is_zero_is_an_invariant_space(function):
    p = Process(scipy.sparse.csr_array((5, 5)), None, np.ones(5), 3)
    assert p.run(function, 0, 3) == 1
    assert not p.G.any() and p.estimates[0] == 0


@pytest.mark.parametrize("function", [arnoldi, arnoldi.reference], ids=["compiled", "reference"])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_product_that_is_not_finite_ends_the_process_and_shows_in_its_column(function, bad):
    A = scipy.sparse.diags_array([np.arange(1.0, 8.0), np.ones(6)], offsets=[0, 1], format="csr")
    A[4, 4] = bad
    p = Process(A, None, np.eye(7)[6], 6)  # reaches the rows one after the other, from below
    with np.errstate(invalid="ignore"):
        filled = p.run(function, 0, 6)
    assert filled < 6 and not np.isfinite(p.G[:, filled - 1]).all() and np.isfinite(p.G[:, : filled - 1]).all()
    assert not np.isfinite(p.estimates[filled - 1])


@pytest.mark.parametrize("role", ["A", "M"])
def test_an_operator_in_the_form_of_the_other_one_is_taken(role):
    A = scipy.sparse.diags_array([np.arange(2.0, 9.0), np.ones(6)], offsets=[0, 1], format="csr")
    parts = (ilu0_preconditioner(A), None) if role == "A" else (A, A)  # factors as the matrix, a matrix for M
    found, expected = (Process(*parts, np.arange(1.0, 8.0), 5) for _ in range(2))
    assert found.run(arnoldi, 0, 5) == expected.run(arnoldi.reference, 0, 5)
    np.testing.assert_allclose(found.G, expected.G, rtol=1e-9, atol=1e-9)


def test_the_reference_runs_in_every_library(lib):
    A, b, _ = lib.convection(n=40, seed=7057, dtype="complex128")
    W, Z = (namespace(b).zeros((rows, 40), dtype=b.dtype, device=device(b)) for rows in (8, 1))
    beta = norm(b)
    W[0, :] = b / beta
    G, null, estimates = np.zeros((8, 7), complex), np.zeros(8, complex), np.zeros(7)
    operator = as_operator(A, b)
    assert arnoldi.reference(operator, identity(40, b.dtype), W, Z, G, null, estimates, 0, 0, 7, beta, 0.0) == 7
    image_of_basis = operator(W[:7, :].T)
    np.testing.assert_allclose(lib.host(image_of_basis), lib.host(W.T @ to_like(G, b)), atol=1e-12)


# --- harmonic Ritz vectors -------------------------------------------------------------------------------------------


def projected_problem(m, *, seed, dtype):
    """Return G and T of shape (m + 1, m) with the structure that a cycle gives them, and the QR factors of G."""
    G = random_array((m + 1, m), seed=seed, dtype=dtype)
    T = np.eye(m + 1, m, dtype=dtype)
    T[:, : m // 3] = random_array((m + 1, m // 3), seed=seed + 1, dtype=dtype)
    return G, T, *np.linalg.qr(G)


def harmonic_pairs(G, T):
    """Return theta and z of ``G^H G z = theta G^H T z``, those of smallest modulus first."""
    theta, Z = scipy.linalg.eig(G.conj().T @ G, G.conj().T @ T)
    order = np.argsort(np.abs(theta), kind="stable")
    return theta[order], Z[:, order]


def cuts(theta):
    """Return a k at which the cut falls between two conjugates, and one at which it does not."""
    splits = [k for k in range(1, len(theta)) if np.isclose(theta[k - 1], theta[k].conj()) and theta[k].imag != 0]
    whole = [k for k in range(1, len(theta)) if k not in splits]
    return splits[0], whole[-1]


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_vectors_kept_span_those_of_smallest_harmonic_ritz_values(dtype):
    m = 11
    G, T, Q, R = projected_problem(m, seed=7079, dtype=dtype)
    theta, Z = harmonic_pairs(*(X.astype(np.result_type(X, np.complex128)) for X in (G, T)))
    k = 5 if np.dtype(dtype).kind == "c" else cuts(theta)[1]
    Y = harmonic_ritz(Q, R, T, k, most=m - 1)
    assert Y.shape == (m, k) and Y.dtype == np.dtype(dtype)
    assert angle(np.linalg.solve(R, Y).astype(complex), Z[:, :k]) < (1e-3 if is_single(dtype) else 1e-8)


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_vectors_kept_are_orthonormal(dtype):
    _, T, Q, R = projected_problem(9, seed=7103, dtype=dtype)
    Y = harmonic_ritz(Q, R, T, 4, most=8)
    np.testing.assert_allclose(Y.conj().T @ Y, np.eye(Y.shape[1]), atol=1e-5 if is_single(dtype) else 1e-13)


def test_one_more_is_kept_where_the_cut_would_split_a_pair():
    G, T, Q, R = projected_problem(11, seed=7109, dtype=float)
    theta, Z = harmonic_pairs(G, T)
    k = cuts(theta)[0]
    Y = harmonic_ritz(Q, R, T, k, most=10)
    assert Y.shape == (11, k + 1)
    assert angle(np.linalg.solve(R, Y).astype(complex), Z[:, : k + 1]) < 1e-8


def test_one_less_is_kept_where_there_is_no_room_for_a_pair():
    G, T, Q, R = projected_problem(11, seed=7121, dtype=float)
    theta, Z = harmonic_pairs(G, T)
    k = cuts(theta)[0]
    Y = harmonic_ritz(Q, R, T, k, most=k)
    assert Y.shape == (11, k - 1)
    if k > 1:
        assert angle(np.linalg.solve(R, Y).astype(complex), Z[:, : k - 1]) < 1e-8


@given(seed=st.integers(min_value=7127, max_value=2**31), m=st.integers(2, 12), data=st.data())
def test_a_pair_is_never_split(seed, m, data):
    G, T, Q, R = projected_problem(m, seed=seed, dtype=float)
    k = data.draw(st.integers(1, m - 1))
    kept = harmonic_ritz(Q, R, T, k, most=m - 1).shape[1]
    assert kept in (k - 1, k, k + 1) and kept <= m - 1
    theta, _ = harmonic_pairs(G, T)
    assert kept == 0 or theta[kept].imag == 0 or not np.isclose(theta[kept - 1], theta[kept].conj(), rtol=1e-9)


@pytest.mark.parametrize("k", [4, 7])
def test_a_space_that_is_small_enough_is_kept_whole(k):
    _, T, Q, R = projected_problem(4, seed=7129, dtype=complex)
    np.testing.assert_array_equal(harmonic_ritz(Q, R, T, k, most=9), np.eye(4))


# --- what becomes of a recycle space ---------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("condition", [1.0, 1e3, 1e6])
def test_orthonormal_rows_are_combinations_of_the_given_ones(lib, dtype, condition):
    if is_single(dtype) and condition > 1e3:
        pytest.skip("is numerically dependent in single precision")
    X = random_array((6, 60), seed=7177, dtype=dtype) * np.geomspace(1, condition, 6)[:, None]
    X[5] = X[5] / condition + X[4]
    Q, S = orthonormal(lib.array(X.astype(dtype)))
    Q = lib.host(Q)
    assert Q.dtype == np.dtype(dtype) and isinstance(S, np.ndarray) and S.shape == (len(Q), 6)
    eps = np.finfo(dtype).eps
    np.testing.assert_allclose(Q.conj() @ Q.T, np.eye(len(Q)), atol=1e3 * eps)
    np.testing.assert_allclose(S @ X, Q, atol=1e3 * eps * condition)


@given(
    seed=st.integers(min_value=7187, max_value=2**31),
    rank=st.integers(1, 5),
    copies=st.integers(0, 4),
    exponent=st.integers(-100, 100),
    is_complex=st.booleans(),
)
def test_dependent_rows_are_dropped_at_every_scale(seed, rank, copies, exponent, is_complex):
    X = random_array((rank, 40), seed=seed, dtype="complex128" if is_complex else "float64")
    mixed = random_array((copies, rank), seed=seed + 1) @ X
    Q, _ = orthonormal(np.concatenate([X, mixed]) * 10.0**exponent)
    assert Q.shape == (rank, 40)
    np.testing.assert_allclose(Q.conj() @ Q.T, np.eye(rank), atol=1e-12)
    assert angle(Q.T, X.T) < 1e-6


def test_rows_of_very_different_lengths_are_all_kept():
    X = random_array((4, 40), seed=7193) * np.array([[1e-120], [1.0], [1e60], [1e120]])
    Q, _ = orthonormal(X)
    assert Q.shape == (4, 40)


@pytest.mark.parametrize("X", [np.zeros((3, 9)), np.full((3, 9), np.nan), np.zeros((0, 9))])
def test_nothing_is_left_of_rows_that_hold_nothing(X):
    Q, S = orthonormal(X)
    assert Q.shape == (0, 9) and S.shape == (0, len(X))


@pytest.fixture
def recycled(lib):
    """Return an operator, no preconditioner, and a recycle space that was made with them."""
    A, b, _ = lib.convection(n=90, seed=7207, dtype="complex128")
    space = gcrodr(A, b, restart=14, n_recycle=6, rtol=1e-8).recycle
    return A, b, space


def test_an_image_is_mapped_onto_orthonormal_rows_at_the_cost_of_its_vectors(lib, recycled):
    A, b, space = recycled
    operator = as_operator(A, b)
    U, C = image(operator, identity(90, b.dtype), space, b.dtype, same_operator=False)
    assert operator.nmatvec == space.k and U.shape == C.shape == (space.k, 90)
    np.testing.assert_allclose(lib.host(operator(U.T)), lib.host(C.T), atol=1e-9)
    np.testing.assert_allclose(lib.host(C).conj() @ lib.host(C).T, np.eye(space.k), atol=1e-12)


def test_an_image_of_the_same_operator_costs_nothing(lib, recycled):
    A, b, space = recycled
    operator = as_operator(A, b)
    U, C = image(operator, identity(90, b.dtype), space, b.dtype, same_operator=True)
    assert operator.nmatvec == 0
    np.testing.assert_array_equal(lib.host(U.T), lib.host(space.U))
    np.testing.assert_array_equal(lib.host(C.T), lib.host(space.C))


@pytest.mark.parametrize("scale", [1e-150, 1.0, -3.0, 1e150])
def test_the_scale_of_an_operator_is_no_drift(host_lib, scale):
    A, b, _ = host_lib.poisson(n=90, seed=7211)
    space = gcrodr(A, b, restart=14, n_recycle=6, rtol=1e-8).recycle
    U, C = image(as_operator(scale * A, b), identity(90, b.dtype), space, b.dtype, same_operator=False)
    assert len(C) == space.k
    np.testing.assert_allclose(scale * (A @ U.T), C.T, atol=1e-9)


@pytest.mark.parametrize(("sine", "stays"), [(0.9 * DRIFT_LIMIT, True), (1.01 * DRIFT_LIMIT, False)])
def test_a_space_is_dropped_when_its_image_has_turned_beyond_the_limit(sine, stays):
    C = np.eye(10, 3)
    turned = np.sqrt(1 - sine**2) * C + sine * np.eye(10, 3, k=-5)
    A = Operator(lambda _: turned, 10, float)
    U, C = image(A, identity(10, float), RecycleSpace(np.eye(10, 3), C), float, same_operator=False)
    assert len(U) == len(C) == (3 if stays else 0)


def test_images_that_have_become_dependent_are_dropped(host_lib):
    A, b, _ = host_lib.poisson(n=90, seed=7213)
    space = gcrodr(A, b, restart=14, n_recycle=6, rtol=1e-8).recycle
    twice = RecycleSpace(np.repeat(space.U, 2, axis=1), np.repeat(space.C, 2, axis=1))
    U, C = image(as_operator(A, b), identity(90, float), twice, float, same_operator=False)
    assert len(U) == len(C) == space.k


# --- kernels and their addresses -------------------------------------------------------------------------------------


def decorated_references():
    """Return every reference with compiled forms in the public subpackages, by its dotted name."""
    found = {}
    for subpackage in ("solvers", "recovery"):
        package = importlib.import_module(f"{sparsesci.__name__}.{subpackage}")
        for info in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
            module = importlib.import_module(info.name)
            for name, value in vars(module).items():
                if hasattr(value, "targets") and hasattr(value, "reference") and value.__module__ == info.name:
                    found[f"{info.name}.{name}"] = value
    return found


REFERENCES = decorated_references()


def test_the_walk_finds_the_references():
    assert {f"sparsesci.solvers.krylov.{name}" for name in ("arnoldi.arnoldi", "ilu0.ilu0")} <= set(REFERENCES)


@pytest.mark.parametrize("name", REFERENCES)
def test_a_cpu_kernel_is_found_at_its_address_and_takes_what_the_reference_takes(name):
    target = REFERENCES[name].targets["cpu"]
    if target is None:
        pytest.skip("has no CPU kernel")
    module, _, function = target.partition(":")
    compiled = getattr(importlib.import_module(module), function)
    reference = inspect.signature(REFERENCES[name].reference).parameters
    assert len(inspect.signature(getattr(compiled, "py_func", compiled)).parameters) == len(reference)


@pytest.mark.parametrize("name", REFERENCES)
def test_a_gpu_kernel_is_found_at_its_address(name):
    target = REFERENCES[name].targets["gpu"]
    if target is None:
        pytest.skip("has no GPU kernel")
    assert importlib.util.find_spec(target.partition(":")[0]) is not None

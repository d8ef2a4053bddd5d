"""Light Schrödinger bridge: entropic transport between two samples whose plan is a Gaussian mixture in closed form.

Korotin, Gushchin, Burnaev, *Light Schrödinger Bridge*, ICLR 2024 (arXiv 2310.01174), its model, loss and symbols;
Gushchin, Kholkin, Burnaev, Korotin, *Light and Optimal Schrödinger Bridge Matching*, ICML 2024 (arXiv 2402.03207), the
same drift. With ``v(y) = sum_k alpha_k N(y | r_k, eps S_k)`` and ``c(x) = int exp(x'y / eps) v(y) dy`` ::

    plan   pi(x, y) = p0(x) exp(x'y / eps) v(y) / c(x),    pi(y | x) = sum_k w_k(x) N(y | r_k + S_k x, eps S_k)
    loss   L = E_x log c(x) - E_y log v(y) = KL(plan* || pi) + constant

Deviations
----------
1. No gradient descent on samples in a deep-learning framework. At a stationary point the responsibilities w_k of c and
   g_k of v give x and y the same moments: ``E_y g_k T(y) = E_x w_k(x) E[T(y) | x, k]`` for T = (1, y, yy'). Given the
   responsibilities it has a closed form (means m, covariances V), and that is the step::

       S_k V_x S_k + eps S_k = V_y,    r_k = m_y - S_k m_x,    alpha_k <- alpha_k E g_k / E w_k

2. The step is damped by backtracking on the exact loss (Armijo), which makes it monotone: undamped it diverges for
   small eps. It is a descent direction in every component by itself, because a change of r_k and S_k is paired with
   ``d log alpha_k = -(m_x' dr_k + <E_k x x', dS_k> / 2) / eps``, which leaves the mean logits of c and of v as they
   are. Moving r_k alone would add ``dr_k' x / eps`` to its logit in c.
3. x and y are centred: the origin of x, which only renames alpha and r, is the mean of X. Without it ``alpha`` under-
   and overflows.
4. S_k is kept from collapsing onto a point of Y, where the loss has no lower bound: no eigenvalue is smaller than what
   ``1e-6`` of the variance of Y asks for.
5. Steps are combined to conjugate directions (Polak-Ribiere, preconditioned by the matching), where these descend and
   keep S in bounds: three times fewer passes at eps = 0.01.
6. A small eps is reached from larger ones, by factors of 4: each stage starts from ``eps log alpha``, r and S of the
   one before. From scratch the components are caught in worse local minima.
7. The first stages have 2 K + 10 components, of which the most alike are merged to leave K (`mixture_start.py`). On
   plans of five components (D from 2 to 32, eps from 0.02 to 1, 90 fits) 46 fits from K random rows of Y ended more
   than 0.01 nats above that plan, by up to 92; now 9 do, by up to 0.7.
8. The drift is written with ``B_k = t S_k + (1 - t) I`` and is finite at t = 1, where the paper's divides by 1 - t.
9. Paths are drawn without discretisation: y from the plan, then the Brownian bridge from x to y.
10. Covariances may be spherical or full besides diagonal.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from sparsesci._lib import validate, xp
from sparsesci._lib.dispatch import public
from sparsesci._lib.parallel import thread_limit
from sparsesci._lib.result import ConvergenceWarning, NotFittedError
from sparsesci._lib.xp import to_host, to_like

from .moment_matching import anneal
from .tilted_mixture import Mixture, bridge_logits, draw, mean_logarithm, mix, source_logits, target_logits

FORMS = {"spherical": 1, "diag": 2, "full": 3}  # the number of axes of S


class LightSB:
    """Schrödinger bridge between two samples: the most likely random motion, of noise ``eps``, that takes X to Y.

    The joint law of the ends solves the entropic optimal transport ``min E |x - y|^2 / 2 - eps H(pi)``, with X and Y as
    marginals, within the plans ``pi(y | x) = sum_k w_k(x) N(y | r_k + S_k (x - origin), eps S_k)``.

    Parameters
    ----------
    eps : float
        Noise: the variance that the Wiener process gathers in unit time, in squared units of the data.
    n_components : int
        How many Gaussians make up the potential; at most as many as there are samples in Y.
    covariance : {"diag", "spherical", "full"}
        Form of S_k.
    tol : float
        The rule is ``-dL/d(step) <= tol``: a step of moment matching promises at most this many nats. The loss itself
        is known to about (number of parameters) / (2 n) nats only.
    maxiter : int
        The most steps at eps itself; the stages at larger eps, which come before, take up to 50 each.
    rng : int, numpy.random.Generator or None
        Chooses the first centres, far apart, among the rows of Y.

    Attributes
    ----------
    weights_, log_weights_ : array (n_components,)
        alpha_k, which sum to one, and their logarithms.
    centres_ : array (n_components, D)
        r_k.
    covariances_ : array (n_components,), (n_components, D) or (n_components, D, D)
        S_k, as ``covariance`` says.
    origin_ : array (D,)
        The mean of X. The plan is ``p0(x) exp((x - origin)'y / eps) v(y) / c(x)``.
    losses_ : array
        L in nats, before and after every step at eps itself; it decreases.
    n_iter_, converged_ : int, bool
        Steps done in all stages, and whether the rule was met.
    n_features_in_ : int
        D.

    Notes
    -----
    A step costs two passes over the data, one for every trial of the line search: ``O((n + m) K D)`` flops, ``D^2`` for
    full covariances, and an exponential for every sample and component. Beside centred copies of the data the memory
    is O(K D), or ``O(K D^2)``: the passes go by blocks. Computed in double precision, whatever the dtype; the fit lives
    on the host (one transfer of O(K D) each way a pass), the data where they are.

    References
    ----------
    Korotin, Gushchin, Burnaev, *Light Schrödinger Bridge*, ICLR 2024.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsesci.solvers.transport.light_sb import LightSB
    >>> rng = np.random.default_rng(23)
    >>> X = rng.standard_normal((2000, 2))
    >>> Y = 0.3 * rng.standard_normal((2000, 2)) + rng.choice([-2.0, 2.0], (2000, 2))
    >>> bridge = LightSB(eps=0.1, n_components=8, rng=23).fit(X, Y)
    >>> bridge.converged_
    True
    >>> np.sign(bridge.predict(np.array([[1.0, -1.0]])))
    array([[ 1., -1.]])
    >>> bridge.sample_paths(X, n_steps=10, rng=24).shape
    (2000, 11, 2)
    """

    def __init__(
        self,
        eps: float,
        n_components: int,
        *,
        covariance: str = "diag",
        tol: float = 1e-4,
        maxiter: int = 1000,
        rng: Any = None,
    ):
        self.eps = eps
        self.n_components = n_components
        self.covariance = covariance
        self.tol = tol
        self.maxiter = maxiter
        self.rng = rng

    def __repr__(self) -> str:
        """Name the estimator and its options."""
        return f"LightSB(eps={self.eps!r}, n_components={self.n_components!r}, covariance={self.covariance!r})"

    @public
    def fit(self, X: Any, Y: Any) -> LightSB:
        """Fit the bridge to X (n, D), a sample of the start, and Y (m, D), one of the end; n and m may differ.

        Replaces what an earlier fit has found.

        Raises
        ------
        ValueError, TypeError
            NaN or Inf in X or Y, shapes that do not match, an option out of range: before any work.

        Warns
        -----
        ConvergenceWarning
            maxiter is used up, or rounding is the limit; the best parameters are kept.
        """
        X, Y = samples(X, "X"), samples(Y, "Y")
        xp.namespace(X, Y)
        eps, tol = validate.finite_real(self.eps, "eps"), validate.nonnegative_real(self.tol, "tol")
        K, maxiter = (validate.positive_integer(getattr(self, name), name) for name in ("n_components", "maxiter"))
        if eps <= 0:
            raise ValueError(f"eps is {eps}: a positive number is needed; transport without noise is solve_ot's")
        if self.covariance not in FORMS:
            raise ValueError(f"covariance is {self.covariance!r}: accepted are {', '.join(map(repr, FORMS))}")
        if X.shape[1] != Y.shape[1]:
            raise ValueError(f"X has {X.shape[1]} columns and Y {Y.shape[1]}: both live in the same space")
        if Y.shape[0] < K:
            raise ValueError(f"n_components is {K}, but Y has {Y.shape[0]} rows: lower n_components")
        X, origin = centred(X)
        Y, goal = centred(Y)
        with thread_limit(1):  # the products are small
            rng = np.random.default_rng(self.rng)
            mixture, losses, slope, n_before = anneal(X, Y, eps, K, FORMS[self.covariance], tol, maxiter, rng)
        self.origin_, self.n_features_in_ = origin, X.shape[1]
        self.log_weights_ = mixture.log_alpha - log_sum_exp(mixture.log_alpha)
        self.weights_, self.centres_, self.covariances_ = np.exp(self.log_weights_), mixture.r + goal, mixture.S
        self.losses_ = np.asarray(losses) + float(origin @ goal) / eps
        self.n_iter_, self.converged_ = n_before + len(losses) - 1, slope <= tol
        self._goal, self._eps = goal, eps
        if not self.converged_:
            warnings.warn(not_converged(len(losses) - 1, maxiter, slope, tol), ConvergenceWarning, stacklevel=3)
        return self

    @public
    def predict(self, X: Any):
        """Return the conditional means ``E[y | x] = sum_k w_k(x) (r_k + S_k (x - origin))``, (n, D)."""
        X, mixture = self._enter(X)
        Z = double(X) - to_like(self.origin_, X)
        return self._leave(mix(Z, source_logits(mixture, self._eps), self.centres_, mixture.S), X)

    @public
    def sample(self, X: Any, rng: Any = None):
        """Draw one y from ``pi(y | x)`` for every row of X, (n, D)."""
        X, mixture = self._enter(X)
        return self._leave(self._draw(X, mixture, np.random.default_rng(rng)), X)

    @public
    def drift(self, X: Any, t: float):
        """Return the drift g of the bridge ``dx = g(x, t) dt + sqrt(eps) dW`` at time t, in [0, 1]; (n, D).

        ``g(x, t) = (E[x_1 | x_t = x] - x) / (1 - t) = sum_k w_k(x, t) B_k^-1 (r_k + (S_k - I) x)`` with
        ``B_k = t S_k + (1 - t) I`` for centred x and y; at t = 1 the limit.
        """
        X, mixture = self._enter(X)
        t = validate.finite_real(t, "t")
        if not 0 <= t <= 1:
            raise ValueError(f"t is {t}: the bridge runs from t = 0 to t = 1")
        Z = double(X) - to_like((1 - t) * self.origin_ + t * self._goal, X)
        C, p, Q = bridge_logits(mixture, self._eps, t)
        return self._leave(mix(Z, C, p + self._goal - self.origin_, Q), X)

    @public
    def sample_paths(self, X: Any, n_steps: int, rng: Any = None):
        """Draw one path from every row of X at the times ``linspace(0, 1, n_steps + 1)``, (n, n_steps + 1, D).

        The law at these times is that of the bridge, however few they are.
        """
        X, mixture = self._enter(X)
        n_steps = validate.positive_integer(n_steps, "n_steps")
        rng = np.random.default_rng(rng)
        end = self._draw(X, mixture, rng)
        path = [double(X)]
        for left in range(n_steps, 1, -1):  # in steps of h, of which so many are left
            noise = to_like(rng.standard_normal(tuple(X.shape)), X)
            spread = (self._eps / n_steps * (left - 1) / left) ** 0.5
            path.append(path[-1] + (end - path[-1]) / left + spread * noise)
        return self._leave(xp.namespace(X).stack([*path, end], axis=1), X)

    @public
    def score(self, X: Any, Y: Any) -> float:
        """Return -L on two samples, in nats: the larger the better, and comparable between fits of equal eps.

        ``L = E_x log c(x) - E_y log v(y)`` in the coordinates of the data, as the paper has it: up to a constant the
        Kullback-Leibler divergence of the bridge from the fitted one.
        """
        X, mixture = self._enter(X)
        Y, _ = self._enter(Y, "Y")
        (X, x_mean), (Y, y_mean) = centred(X, self.origin_), centred(Y, self._goal)
        log_c = mean_logarithm(X, source_logits(mixture, self._eps)) + (x_mean - self.origin_) @ self._goal / self._eps
        log_v = mean_logarithm(Y, target_logits(mixture, self._eps)) - self.origin_ @ y_mean / self._eps
        return float(log_v - log_c)

    def _enter(self, X, name: str = "X") -> tuple[Any, Mixture]:
        """Check a sample against the fit; return it, and the mixture of centred x and y."""
        if not hasattr(self, "centres_"):
            raise NotFittedError("this LightSB is not fitted yet: call fit(X, Y) first")
        X = samples(X, name)
        if X.shape[1] != self.n_features_in_:
            raise ValueError(
                f"{name} has {X.shape[1]} columns: the bridge was fitted in {self.n_features_in_} dimensions"
            )
        return X, Mixture(self.log_weights_, self.centres_ - self._goal, self.covariances_)

    def _leave(self, values, X):
        """Return values in the dtype of X."""
        return xp.namespace(X).astype(values, X.dtype, copy=False)

    def _draw(self, X, mixture: Mixture, rng: np.random.Generator):
        """Draw the ends of X in double precision."""
        Z = double(X) - to_like(self.origin_, X)
        uniform, normal = rng.random(X.shape[0]), rng.standard_normal(tuple(X.shape))
        return draw(Z, mixture, self._eps, to_like(uniform, X), to_like(normal, X)) + to_like(self._goal, X)


def samples(X: Any, name: str):
    """Return X as a real array (n, D) of finite numbers."""
    X = validate.float_array(X, name)
    if xp.is_complex(X.dtype):
        raise TypeError(f"{name} is complex: real samples are needed, stack real and imaginary parts as columns")
    if X.ndim != 2 or 0 in X.shape:
        hint = f"; pass {name}[:, None] for samples of one number each" if X.ndim == 1 else ""
        raise ValueError(f"{name} has shape {tuple(X.shape)}: samples in rows (n, D), not empty, are needed{hint}")
    validate.finite(X, name)
    return X


def double(X):
    """Return X in double precision."""
    return xp.namespace(X).astype(X, xp.namespace(X).float64, copy=False)


def centred(X, origin: np.ndarray | None = None) -> tuple[Any, np.ndarray]:
    """Return X less ``origin``, or else less its mean, in double precision; and its mean."""
    X = double(X)
    mean = to_host(xp.namespace(X).mean(X, axis=0))
    return X - to_like(mean if origin is None else origin, X), mean


def log_sum_exp(x: np.ndarray) -> float:
    """Logarithm of the sum of exponentials of a vector."""
    return float(x.max() + np.log(np.exp(x - x.max()).sum()))


def not_converged(n_iter: int, maxiter: int, slope: float, tol: float) -> str:
    """Say why the descent ended, and what to try."""
    if n_iter >= maxiter:
        why = "maxiter is used up: raise maxiter or tol, or take a larger eps or fewer components"
    else:
        why = "rounding keeps the loss from getting smaller: raise tol"
    return f"LightSB stopped after {n_iter} steps where the next promises {slope:.1e} > tol = {tol:.1e} nats; {why}"

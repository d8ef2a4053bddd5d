"""gcrodr on a drifting Helmholtz sequence, and its compiled loops beside their references."""

import numpy as np


def helmholtz(length, n=64):
    """Return the first ``length`` systems of the ``helmholtz2d`` problem of `sparsesci bench`, on an n x n grid."""
    from sparsesci.bench.problems import PROBLEMS

    problem = PROBLEMS["helmholtz2d"]
    return list(problem.make(np.random.default_rng(1618), **{**problem.parameters, "n": n, "length": length}))


class HelmholtzSequence:
    """Ten systems to 1e-8 with ILU(0): the factorisations are part of the time."""

    params = (["alone", "recycled"],)
    param_names = ("systems",)
    timeout = 120

    def setup(self, systems):
        """Make the systems, and have everything compiled."""
        self.systems = helmholtz(10)
        self.solve(systems)

    def solve(self, systems):
        """Solve the sequence; return the number of products with the matrices."""
        from sparsesci.solvers import gcrodr, ilu0_preconditioner

        recycle, products = None, 0
        for A, b in self.systems:
            result = gcrodr(A, b, M=ilu0_preconditioner(A), recycle=recycle, rtol=1e-8)
            if not result.success:
                raise RuntimeError(result.message)
            recycle = result.recycle if systems == "recycled" else None
            products += result.nmatvec
        return products

    def time_solve(self, systems):
        """Time the sequence."""
        self.solve(systems)

    def track_products(self, systems):
        """Count the products with the matrices."""
        return self.solve(systems)

    track_products.unit = "products"


class Arnoldi:
    """The hot loop of gcrodr and its reference on the same arrays: what the kernel is worth."""

    params = (["reference", "kernel"], [4096, 65536])
    param_names = ("form", "n")

    def setup(self, form, n):
        """Lower one Helmholtz system for the kernels, and have them compiled."""
        from sparsesci._lib.validate import linear_system
        from sparsesci.solvers import ilu0_preconditioner
        from sparsesci.solvers.krylov.arnoldi import arnoldi

        ((A, b),) = helmholtz(1, n=round(n**0.5))
        self.A, self.b, _, self.M = linear_system(A, b, None, ilu0_preconditioner(A))
        self.W, self.Z, self.G = np.zeros((41, n)), np.zeros((1, n)), np.zeros((41, 40))
        self.null, self.estimates = np.zeros(41), np.zeros(40)
        self.arnoldi = arnoldi if form == "kernel" else arnoldi.reference
        self.time_forty_steps(form, n)

    def time_forty_steps(self, form, n):
        """Make a basis of 40 vectors on one thread: products, preconditioner and orthogonalisation."""
        from sparsesci._lib.parallel import thread_limit

        beta = np.linalg.norm(self.b)
        self.W[0] = self.b / beta
        with thread_limit(1):
            self.arnoldi(self.A, self.M, self.W, self.Z, self.G, self.null, self.estimates, 0, 0, 40, beta, 0.0)

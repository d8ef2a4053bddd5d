"""Linear systems in sequences, and optimal transport.

* One system: `gcrodr` and `bicgstab` (any matrix), `recycled_minres` (Hermitian), `recycled_cg` (Hermitian positive
  definite), `fcg` (a preconditioner that changes)
* By sweeps: `sor`
* A sequence of systems: `solve_sequence` picks the method, `order_systems` sorts it, `OmegaTuner` learns a relaxation
  factor
* Preconditioners: `jacobi_preconditioner`, `ssor_preconditioner`, `ilu0_preconditioner`, `ic0_preconditioner`,
  `lu_preconditioner`
* Optimal transport: `solve_ot` (weights and costs), `solve_ot_sample` (points), `ot_path` (one reg after the other),
  `partial_ot`, `barycenter`, `sinkhorn_divergence`; by a method of one's own choice `sinkhorn_newton`, `sinkhorn`,
  `unbalanced_newton`, `unbalanced_sinkhorn`; between samples, as a map: `LightSB`
* What comes back: `KrylovResult`, `RecycleSpace`, `SequenceResult`, `OTResult`, `Status`,
  `ConvergenceWarning`

A sequence of similar systems is left to itself::

    result = solve_sequence(systems, rtol=1e-8)

or is solved by a method of one's own choice, which hands on what one system has learnt::

    recycle = None
    for A, b in systems:
        result = gcrodr(A, b, M=ilu0_preconditioner(A), recycle=recycle)
        recycle = result.recycle
"""

from sparsesci._lib.result import ConvergenceWarning, Status

from .krylov.bicgstab import bicgstab
from .krylov.fcg import fcg
from .krylov.gcrodr import gcrodr
from .krylov.ic0 import ic0_preconditioner
from .krylov.ilu0 import ilu0_preconditioner
from .krylov.jacobi import jacobi_preconditioner
from .krylov.lu import lu_preconditioner
from .krylov.omega_tuner import OmegaTuner
from .krylov.order_systems import order_systems
from .krylov.recycle import RecycleSpace
from .krylov.recycled_cg import recycled_cg
from .krylov.recycled_minres import recycled_minres
from .krylov.result import KrylovResult
from .krylov.sor import sor
from .krylov.ssor import ssor_preconditioner
from .sequence.result import SequenceResult, SystemResult
from .sequence.solve_sequence import solve_sequence
from .transport.barycenter import BarycenterResult, barycenter
from .transport.divergence import DivergenceResult, sinkhorn_divergence
from .transport.light_sb import LightSB
from .transport.partial import PartialResult, partial_ot
from .transport.relaxed import UnbalancedResult
from .transport.result import OTGradient, OTResult
from .transport.sinkhorn import sinkhorn
from .transport.sinkhorn_newton import sinkhorn_newton
from .transport.solve_ot import ot_path, solve_ot
from .transport.solve_ot_sample import solve_ot_sample
from .transport.unbalanced import unbalanced_newton
from .transport.unbalanced_sinkhorn import unbalanced_sinkhorn

__all__ = [
    "BarycenterResult",
    "ConvergenceWarning",
    "DivergenceResult",
    "KrylovResult",
    "LightSB",
    "OTGradient",
    "OTResult",
    "OmegaTuner",
    "PartialResult",
    "RecycleSpace",
    "SequenceResult",
    "Status",
    "SystemResult",
    "UnbalancedResult",
    "barycenter",
    "bicgstab",
    "fcg",
    "gcrodr",
    "ic0_preconditioner",
    "ilu0_preconditioner",
    "jacobi_preconditioner",
    "lu_preconditioner",
    "order_systems",
    "ot_path",
    "partial_ot",
    "recycled_cg",
    "recycled_minres",
    "sinkhorn",
    "sinkhorn_divergence",
    "sinkhorn_newton",
    "solve_ot",
    "solve_ot_sample",
    "solve_sequence",
    "sor",
    "ssor_preconditioner",
    "unbalanced_newton",
    "unbalanced_sinkhorn",
]

"""Signal recovery.

* Sparse Bayesian learning: `sbl` (for matrices and operators; noise unknown, with error bars), `kron_sbl` (for
  Kronecker products, never formed), which return an `SBLResult`; `SBLRegressor` (fit and predict); `omp` and `kron_omp`
  (orthogonal matching pursuit); `KroneckerOperator`
* Walsh-Hadamard transforms: `fwht` and `ifwht` (dense, along any axis), `HadamardOperator` (for SciPy's solvers),
  `sparse_wht` (a few coefficients of 2^n, from few samples or from an incomplete table), which returns a `WHTResult`

Dynamics from data will live here.
"""

from .bayes.kron_omp import kron_omp
from .bayes.kron_sbl import kron_sbl
from .bayes.kronecker_operator import KroneckerOperator
from .bayes.omp import PursuitResult, omp
from .bayes.regressor import SBLRegressor
from .bayes.result import SBLResult
from .bayes.sbl import sbl
from .hadamard.fwht import fwht, ifwht
from .hadamard.operator import HadamardOperator
from .hadamard.result import WHTResult
from .hadamard.sparse_wht import sparse_wht

__all__ = [
    "HadamardOperator",
    "KroneckerOperator",
    "PursuitResult",
    "SBLRegressor",
    "SBLResult",
    "WHTResult",
    "fwht",
    "ifwht",
    "kron_omp",
    "kron_sbl",
    "omp",
    "sbl",
    "sparse_wht",
]

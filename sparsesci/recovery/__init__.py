"""Signal recovery.

* Walsh-Hadamard transforms: `fwht` and `ifwht` (dense, along any axis), `HadamardOperator` (for SciPy's solvers),
  `sparse_wht` (a few coefficients of 2^n, from few samples or from an incomplete table), which returns a `WHTResult`

Sparse Bayesian learning and dynamics from data will live here.
"""

from .hadamard.fwht import fwht, ifwht
from .hadamard.operator import HadamardOperator
from .hadamard.result import WHTResult
from .hadamard.sparse_wht import sparse_wht

__all__ = ["HadamardOperator", "WHTResult", "fwht", "ifwht", "sparse_wht"]

"""Signal recovery.

* Walsh-Hadamard transforms: `fwht` and `ifwht` (dense, along any axis), `HadamardOperator` (for SciPy's solvers)

Sparse Bayesian learning and dynamics from data will live here.
"""

from .hadamard.fwht import fwht, ifwht
from .hadamard.operator import HadamardOperator

__all__ = ["HadamardOperator", "fwht", "ifwht"]

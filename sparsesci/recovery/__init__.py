"""Signal recovery.

* Sparse Bayesian learning: `sbl` (for matrices and operators; noise unknown, with error bars), `kron_sbl` (for
  Kronecker products, never formed), which return an `SBLResult`; `SBLRegressor` (fit and predict); `omp` and `kron_omp`
  (orthogonal matching pursuit); `KroneckerOperator`
* Walsh-Hadamard transforms: `fwht` and `ifwht` (dense, along any axis), `HadamardOperator` (for SciPy's solvers),
  `sparse_wht` (a few coefficients of 2^n, from few samples or from an incomplete table), which returns a `WHTResult`
* Dynamics from data: `SINDy` (equations of motion from trajectories, simulated compiled) and `LibraryRegressor`
  (rewards, policies, measured outputs), over the libraries `PolynomialLibrary`, `FourierLibrary`, `CustomLibrary`,
  `ControlAffineLibrary`, their sums and products, `PDELibrary` (fields) and `WeakLibrary` (noise, no derivatives);
  ``differentiate`` (a module: derivatives of samples); `SurrogateEnvironment` (a model as an environment of Gymnasium)
* Sparse regressions on a library, or on its `Gram` alone: `best_subset`, `ssr`, `forward_selection` (they choose the
  number of terms), `stlsq`, `sr3` (a threshold), `rvm` (error bars), `sindy_pi` (implicit relations), `ensemble` (how
  probable is a term) and `grid_search`, which return a `SparseRegressionResult`
"""

from .bayes.kron_omp import kron_omp
from .bayes.kron_sbl import kron_sbl
from .bayes.kronecker_operator import KroneckerOperator
from .bayes.omp import PursuitResult, omp
from .bayes.regressor import SBLRegressor
from .bayes.result import SBLResult
from .bayes.sbl import sbl
from .dynamics import differentiate
from .dynamics.best_subset import best_subset
from .dynamics.control_affine_library import ControlAffineLibrary
from .dynamics.custom_library import CustomLibrary
from .dynamics.ensemble import EnsembleResult, ensemble
from .dynamics.forward_selection import forward_selection
from .dynamics.fourier_library import FourierLibrary
from .dynamics.gram import Gram, as_gram
from .dynamics.grid_search import GridSearchResult, grid_search
from .dynamics.implicit_result import ImplicitResult
from .dynamics.library_regressor import LibraryRegressor
from .dynamics.pde_library import PDELibrary
from .dynamics.polynomial_library import PolynomialLibrary
from .dynamics.regression_result import SparseRegressionResult
from .dynamics.rvm import RVMResult, rvm
from .dynamics.simulation_result import SimulationResult
from .dynamics.sindy import SINDy
from .dynamics.sindy_pi import sindy_pi
from .dynamics.sr3 import sr3
from .dynamics.ssr import ssr
from .dynamics.stlsq import stlsq
from .dynamics.surrogate_environment import SurrogateEnvironment
from .dynamics.weak_library import WeakLibrary
from .hadamard.fwht import fwht, ifwht
from .hadamard.operator import HadamardOperator
from .hadamard.result import WHTResult
from .hadamard.sparse_wht import sparse_wht

__all__ = [
    "ControlAffineLibrary",
    "CustomLibrary",
    "EnsembleResult",
    "FourierLibrary",
    "Gram",
    "GridSearchResult",
    "HadamardOperator",
    "ImplicitResult",
    "KroneckerOperator",
    "LibraryRegressor",
    "PDELibrary",
    "PolynomialLibrary",
    "PursuitResult",
    "RVMResult",
    "SBLRegressor",
    "SBLResult",
    "SINDy",
    "SimulationResult",
    "SparseRegressionResult",
    "SurrogateEnvironment",
    "WHTResult",
    "WeakLibrary",
    "as_gram",
    "best_subset",
    "differentiate",
    "ensemble",
    "forward_selection",
    "fwht",
    "grid_search",
    "ifwht",
    "kron_omp",
    "kron_sbl",
    "omp",
    "rvm",
    "sbl",
    "sindy_pi",
    "sparse_wht",
    "sr3",
    "ssr",
    "stlsq",
]

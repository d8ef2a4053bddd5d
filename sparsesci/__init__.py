"""Sparse solvers and signal recovery, beside SciPy.

* ``solvers``: linear systems in sequences (and, as they arrive, optimal transport)
* ``recovery``: as they arrive, sparse Bayesian learning, Walsh-Hadamard transforms, dynamics from data
* ``gpu``: is there a usable GPU, and the two transfers to and from it
* ``backend``: ``with sparsesci.backend("cupy"):`` computes NumPy inputs on the GPU
* ``show_config``: versions, threads and devices, for a bug report
"""

from importlib import import_module

__version__ = "0.1.0.dev0"

_WHERE = {
    "solvers": "sparsesci.solvers",
    "recovery": "sparsesci.recovery",
    "gpu": "sparsesci.gpu",
    "backend": "sparsesci._lib.dispatch:backend",
    "show_config": "sparsesci._lib.config:show_config",
    "ConvergenceWarning": "sparsesci._lib.result:ConvergenceWarning",
    "NotFittedError": "sparsesci._lib.result:NotFittedError",
}
__all__ = [*_WHERE, "__version__"]


def __getattr__(name: str):
    """Import a subpackage or function when it is first asked for (PEP 562)."""
    if name not in _WHERE:
        raise AttributeError(f"module 'sparsesci' has no attribute {name!r}; it has {', '.join(_WHERE)}")
    module, _, attribute = _WHERE[name].partition(":")
    found = import_module(module)
    return getattr(found, attribute) if attribute else found


def __dir__() -> list[str]:
    return sorted(__all__)

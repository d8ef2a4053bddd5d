"""The arrows between the parts of sparsesci run one way, and importing it loads nothing that is optional or slow.

The first half reads the sources by ``ast``, imports inside functions included, and runs none of them. The second half
imports the package in a fresh interpreter and looks at what came with it. Both checkers are themselves tested on
sources that break the rule.
"""

import ast
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import pytest

PACKAGE = Path(find_spec("sparsesci").origin).parent

# Which part of sparsesci may import which. What is not listed is forbidden: kernels are reached by @kernel's strings.
ARROWS = {
    "bench": ("bench", "solvers", "recovery", "gpu", "_lib"),
    "solvers": ("solvers", "_lib"),
    "recovery": ("recovery", "_lib"),
    "gpu": ("gpu", "_lib"),
    "_lib": ("_lib",),
    "_cpu": ("_cpu",),
    "gpu._kernels": ("gpu._kernels",),
}
COMMANDS = "sparsesci.bench.commands"  # is made of click's decorators, and is loaded by bench.cli when it is run
FRONT_DOOR = "sparsesci"  # __init__.py: imports everything, but inside functions; imported by the command line alone
KERNELS = ("sparsesci._cpu", "sparsesci.gpu._kernels")
KERNEL_LIBRARIES = ("math", "numba", "numpy")
ARRAY_LIBRARIES = ("array_api_compat", "array_api_strict", "cupy", "cupyx")
OPTIONAL = ("click", "rich", "matplotlib", "pyamg", "cupy", "cupyx", "dask", "distributed", "sklearn", "pytest",
            "hypothesis", "array_api_strict")  # fmt: skip
SLOW = ("numba", "llvmlite", "scipy.sparse.linalg")


@dataclass(frozen=True)
class Import:
    """One import statement: who, what, where, and whether it runs when the module is imported."""

    module: str
    target: str
    line: int
    at_import: bool

    def __str__(self):
        """Say it as the first half of a complaint."""
        return f"{self.module}, line {self.line}: imports {self.target}"


def within(name, *packages):
    """Whether the dotted ``name`` is one of ``packages`` or lies below one."""
    return any(name == package or name.startswith(package + ".") for package in packages)


def part(name):
    """Longest entry of ``ARROWS`` that holds the dotted ``name``, or the front door."""
    parts = [part for part in ARROWS if within(name, f"sparsesci.{part}")]
    return max(parts, key=len, default=FRONT_DOOR)


def imports_of(source, module, *, is_package=False):
    """Every import in ``source``: absolute, relative, inside functions, and ``import_module`` of a constant."""
    package = module.split(".") if is_package else module.split(".")[:-1]
    found = []

    def visit(node, at_import):
        if isinstance(node, ast.Import):
            targets = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            base = ".".join(base + ([node.module] if node.module else []))
            targets = [f"{base}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Call) and _is_dynamic_import(node):
            targets = [node.args[0].value]
        else:
            targets = []
        found.extend(Import(module, target, node.lineno, at_import) for target in targets)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            for outside in (*node.decorator_list, node.args):  # decorators and defaults run with the module
                visit(outside, at_import)
            for inside in node.body:
                visit(inside, False)
        elif isinstance(node, ast.Lambda):
            visit(node.body, False)
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            for inside in node.body:
                visit(inside, False)
            for inside in node.orelse:
                visit(inside, at_import)
        else:
            for child in ast.iter_child_nodes(node):
                visit(child, at_import)

    visit(ast.parse(source), True)
    return found


def _is_dynamic_import(call):
    name = ast.unparse(call.func)
    constant = call.args and isinstance(call.args[0], ast.Constant) and isinstance(call.args[0].value, str)
    return constant and name in ("import_module", "importlib.import_module", "__import__")


def arrow_fault(found):
    """Why the arrow of this import runs the wrong way, or None."""
    here, there = part(found.module), part(found.target)
    if here == FRONT_DOOR:
        return None
    if not within(found.target, "sparsesci"):
        if here == "_cpu" and not within(found.target, *KERNEL_LIBRARIES):
            return f"{found}; a compiled kernel may import only {', '.join(KERNEL_LIBRARIES)}"
        return None
    if there == FRONT_DOOR:
        return None if here == "bench" else f"{found}; {here} may not import the front door"
    if within(found.target, *KERNELS) and here != there:
        return f"{found}; kernels are reached only by the strings of @kernel"
    if there not in ARROWS[here]:
        return f"{found}; {here} may import only {', '.join(ARROWS[here])}"
    if here == "bench" and there not in ("bench", "_lib"):
        private = [name for name in found.target.split(".") if name.startswith("_")]
        return f"{found}; {here} may use public names only, not {private[0]}" if private else None
    return None


def array_library_fault(found):
    """Why this module may not name that array library, or None."""
    if not within(found.target, *ARRAY_LIBRARIES) or found.module == "sparsesci._lib.xp":
        return None
    if within(found.module, "sparsesci.gpu") and within(found.target, "cupy", "cupyx"):
        return None
    return f"{found}; only sparsesci._lib.xp names array libraries (and sparsesci.gpu may name CuPy)"


def import_time_fault(found):
    """Why this import may not stand at module level, or None."""
    if not found.at_import:
        return None
    if found.module == FRONT_DOOR and found.target.split(".")[0] not in sys.stdlib_module_names:
        return f"{found}; sparsesci/__init__.py imports only the standard library"
    if within(found.target, *OPTIONAL, COMMANDS) and not within(found.module, COMMANDS, "sparsesci.gpu._kernels"):
        return f"{found}; optional packages are imported inside functions"
    if within(found.target, *SLOW) and not within(found.module, *KERNELS, "sparsesci.bench"):
        return f"{found}; it is slow to load and is imported inside functions"
    return None


def kernel_strings(source):
    """Pairs (backend, "module:function") in the ``@kernel`` decorators of ``source``."""
    calls = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    words = [word for call in calls if ast.unparse(call.func).split(".")[-1] == "kernel" for word in call.keywords]
    return [(word.arg, word.value.value) for word in words if isinstance(word.value, ast.Constant) and word.value.value]


def kernel_fault(backend, path, root):
    """Why the kernel ``path`` cannot be reached below ``root``, or None."""
    module, _, function = path.partition(":")
    home = {"cpu": "sparsesci._cpu", "gpu": "sparsesci.gpu._kernels"}[backend]
    if not within(module, home):
        return f"{path}: a {backend} kernel lives in {home}"
    file = root.joinpath(*module.split(".")[1:]).with_suffix(".py")
    if not file.is_file():
        return f"{path}: there is no {file.relative_to(root)}"
    statements = ast.parse(file.read_text(encoding="utf-8")).body
    if not any(isinstance(statement, ast.FunctionDef) and statement.name == function for statement in statements):
        return f"{path}: {file.relative_to(root)} defines no function {function}"
    return None


def modules():
    """Pairs (dotted name, path) of every Python file of the package."""
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
        yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), path


def imports_of_the_package():
    """Every import of every module of the package."""
    for module, path in modules():
        yield from imports_of(path.read_text(encoding="utf-8"), module, is_package=path.name == "__init__.py")


def faults(check):
    """List what ``check`` says about the package."""
    return [fault for fault in map(check, imports_of_the_package()) if fault]


# The package


def test_the_reader_of_imports_sees_every_part():
    assert {part(module) for module, _ in modules()} >= {*ARROWS, FRONT_DOOR} - {"gpu._kernels"}
    assert sum(1 for _ in imports_of_the_package()) > 50


def test_every_arrow_between_the_parts_runs_forward():
    assert not faults(arrow_fault), "\n".join(faults(arrow_fault))


def test_only_xp_names_array_libraries():
    assert not faults(array_library_fault), "\n".join(faults(array_library_fault))


def test_nothing_optional_or_slow_is_imported_at_module_level():
    assert not faults(import_time_fault), "\n".join(faults(import_time_fault))


def test_every_kernel_string_names_a_function_that_exists():
    strings = [pair for _, path in modules() for pair in kernel_strings(path.read_text(encoding="utf-8"))]
    assert strings
    assert [fault for pair in strings if (fault := kernel_fault(*pair, PACKAGE))] == []


# The checkers, on planted sources

GCRODR = "sparsesci.solvers.krylov.gcrodr"


@pytest.mark.parametrize(
    ("module", "source", "fault"),
    [
        ("sparsesci._lib.result", "from sparsesci.solvers import gcrodr", "_lib may import only _lib"),
        ("sparsesci._lib.xp", "def f():\n    from sparsesci.gpu import to_host", "_lib may import only _lib"),
        ("sparsesci._lib.xp", "from .. import bench", "_lib may import only _lib"),
        ("sparsesci._lib.xp", "import sparsesci", "_lib may not import the front door"),
        (GCRODR, "import sparsesci.bench.cli", "solvers may import only solvers, _lib"),
        (GCRODR, "class C:\n    from sparsesci import recovery", "solvers may import only solvers, _lib"),
        (GCRODR, "if TYPE_CHECKING:\n    from sparsesci import gpu", "solvers may import only solvers, _lib"),
        (GCRODR, "import sparsesci._cpu.krylov as fast", "only by the strings of @kernel"),
        (GCRODR, "def f():\n    from ..._cpu.krylov import arnoldi", "only by the strings of @kernel"),
        (GCRODR, "g = lambda: __import__('sparsesci._cpu.krylov')", "only by the strings of @kernel"),
        ("sparsesci.recovery.bayes.sbl", "importlib.import_module('sparsesci.gpu')", "recovery may import only"),
        ("sparsesci.recovery.bayes.sbl", "from sparsesci import __version__", "may not import the front door"),
        ("sparsesci.gpu.transfer", "from sparsesci.solvers.krylov import gcrodr", "gpu may import only gpu, _lib"),
        ("sparsesci.gpu.transfer", "from ._kernels import krylov", "only by the strings of @kernel"),
        ("sparsesci.gpu._kernels.krylov", "from sparsesci._lib.xp import norm", "gpu._kernels may import only"),
        ("sparsesci._cpu.krylov", "from sparsesci._lib.xp import norm", "_cpu may import only _cpu"),
        ("sparsesci._cpu.krylov", "from scipy.linalg import qr", "may import only math, numba, numpy"),
        ("sparsesci.bench.runner", "from sparsesci._cpu import krylov", "only by the strings of @kernel"),
        ("sparsesci.bench.runner", "from sparsesci.solvers.krylov._ritz import pairs", "not _ritz"),
    ],
)
def test_a_backward_arrow_is_found(module, source, fault):
    (found,) = imports_of(source, module)
    assert fault in arrow_fault(found)


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("sparsesci", "def __getattr__(name):\n    from sparsesci import solvers"),
        ("sparsesci.bench.runner", "import sparsesci"),
        ("sparsesci.bench.runner", "from sparsesci import gpu"),
        ("sparsesci.bench.runner", "from sparsesci.solvers import gcrodr"),
        ("sparsesci.bench.runner", "from .._lib.parallel import thread_limit"),
        (GCRODR, "import numpy"),
        (GCRODR, "from ..._lib.validate import linear_system"),
        (GCRODR, "from .arnoldi import arnoldi"),
        ("sparsesci._lib.dispatch", "from . import xp"),
        ("sparsesci._cpu.krylov", "from numba import njit"),
        ("sparsesci._cpu.krylov", "from ._blas import dot"),
        ("sparsesci.gpu.transfer", "from sparsesci._lib.xp import namespace"),
    ],
)
def test_a_forward_arrow_is_no_fault(module, source):
    (found,) = imports_of(source, module)
    assert arrow_fault(found) is None


@pytest.mark.parametrize(
    "source",
    ["import cupy as xp", "from array_api_compat import size", "def f():\n    import cupyx.scipy.sparse"],
)
def test_an_array_library_named_outside_xp_is_found(source):
    (found,) = imports_of(source, GCRODR)
    assert "only sparsesci._lib.xp names array libraries" in array_library_fault(found)
    (found,) = imports_of(source, "sparsesci._lib.xp")
    assert array_library_fault(found) is None


def test_gpu_may_name_cupy_and_no_other_array_library():
    cupy, compat = imports_of("def f():\n    import cupy\n    import array_api_compat", "sparsesci.gpu.transfer")
    assert array_library_fault(cupy) is None
    assert array_library_fault(compat) is not None


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("sparsesci.bench.report", "import rich.table"),
        ("sparsesci.bench.cli", "from .commands import sparsesci"),
        (GCRODR, "from scipy.sparse import linalg"),
        (GCRODR, "try:\n    import numba\nexcept ImportError:\n    numba = None"),
        ("sparsesci._lib.validate", "def f(x=__import__('pytest')):\n    return x"),
        ("sparsesci", "import numpy"),
        ("sparsesci", "from sparsesci import solvers"),
    ],
)
def test_a_heavy_import_at_module_level_is_found(module, source):
    (found,) = imports_of(source, module)
    assert import_time_fault(found) is not None


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("sparsesci.bench.report", "def f():\n    import rich.table"),
        ("sparsesci.bench.cli", "def main():\n    from .commands import sparsesci"),
        ("sparsesci.bench.commands", "import click"),
        (GCRODR, "async def f():\n    from scipy.sparse import linalg"),
        (GCRODR, "if TYPE_CHECKING:\n    from scipy.sparse.linalg import LinearOperator"),
        (GCRODR, "from scipy import sparse"),
        ("sparsesci._cpu.krylov", "from numba import njit"),
        ("sparsesci", "def __getattr__(name):\n    from sparsesci import solvers"),
    ],
)
def test_an_import_that_waits_or_costs_little_is_no_fault(module, source):
    (found,) = imports_of(source, module)
    assert import_time_fault(found) is None


def test_a_package_resolves_its_relative_imports_from_itself():
    (found,) = imports_of("from .krylov import gcrodr", "sparsesci.solvers", is_package=True)
    assert found.target == "sparsesci.solvers.krylov.gcrodr"
    (found,) = imports_of("from .krylov import gcrodr", "sparsesci.solvers")
    assert found.target == "sparsesci.krylov.gcrodr"


def test_a_kernel_string_that_leads_nowhere_is_found(tmp_path):
    (tmp_path / "_cpu").mkdir()
    (tmp_path / "_cpu" / "krylov.py").write_text("def arnoldi(H, V):\n    pass\n")
    (good,) = kernel_strings('@kernel(cpu="sparsesci._cpu.krylov:arnoldi", gpu=None)\ndef arnoldi(H, V):\n    pass')
    assert kernel_fault(*good, tmp_path) is None
    assert "defines no function lanczos" in kernel_fault("cpu", "sparsesci._cpu.krylov:lanczos", tmp_path)
    assert "there is no" in kernel_fault("cpu", "sparsesci._cpu.hadamard:fwht", tmp_path)
    assert "lives in sparsesci.gpu._kernels" in kernel_fault("gpu", "sparsesci._cpu.krylov:arnoldi", tmp_path)


# A fresh interpreter


def modules_after(program):
    """Names in ``sys.modules`` of a new interpreter that has run ``program``."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    program += "\nimport json, sys\nprint(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def heavy(names):
    """Those of the module ``names`` that no import of sparsesci may bring."""
    return [name for name in names if within(name, *OPTIONAL, *SLOW)]


def test_importing_sparsesci_loads_neither_numpy_nor_a_subpackage():
    names = modules_after("import sparsesci")
    assert [name for name in names if within(name, "numpy", "scipy", "sparsesci")] == ["sparsesci"]
    assert heavy(names) == []


@pytest.mark.parametrize("subpackage", ["solvers", "recovery", "gpu"])
def test_importing_a_subpackage_with_its_public_names_loads_nothing_optional_or_slow(subpackage):
    module = f"sparsesci.{subpackage}"
    names = modules_after(f"import {module} as module\nfor name in dir(module):\n    getattr(module, name)")
    assert module in names
    assert heavy(names) == []


def test_a_heavy_module_in_a_fresh_interpreter_is_found():
    assert "scipy.sparse.linalg" in heavy(modules_after("import scipy.sparse.linalg"))
    assert "pytest" in heavy(modules_after("import pytest"))
    assert heavy(modules_after("import scipy.sparse")) == []

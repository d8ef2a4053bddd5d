"""The benchmark solvers by name, ours first. A new one is a file like its neighbours and a line here."""

from . import (
    gcrodr,
    pyamg_multigrid,
    recycled_cg,
    scipy_bicgstab,
    scipy_cg,
    scipy_gcrotmk,
    scipy_gmres,
    scipy_splu,
)

SOLVERS = {
    solver.name: solver
    for module in (
        gcrodr,
        recycled_cg,
        scipy_gmres,
        scipy_gcrotmk,
        scipy_bicgstab,
        scipy_cg,
        scipy_splu,
        pyamg_multigrid,
    )
    for solver in module.SOLVERS
}

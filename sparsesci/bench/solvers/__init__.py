"""The benchmark solvers by name, ours first. A new one is a file like its neighbours and a line here."""

from . import (
    bicgstab,
    gcrodr,
    pyamg_multigrid,
    recycled_cg,
    recycled_minres,
    scipy_bicgstab,
    scipy_cg,
    scipy_gcrotmk,
    scipy_gmres,
    scipy_lgmres,
    scipy_minres,
    scipy_splu,
    solve_sequence,
    tuned_ssor,
)

SOLVERS = {
    solver.name: solver
    for module in (
        gcrodr,
        recycled_cg,
        recycled_minres,
        bicgstab,
        solve_sequence,
        tuned_ssor,
        scipy_gmres,
        scipy_gcrotmk,
        scipy_lgmres,
        scipy_bicgstab,
        scipy_cg,
        scipy_minres,
        scipy_splu,
        pyamg_multigrid,
    )
    for solver in module.SOLVERS
}

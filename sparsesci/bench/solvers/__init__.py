"""The benchmark solvers by name, ours first. A new one is a file like its neighbours and a line here."""

from . import (
    bicgstab,
    dense_wht,
    gcrodr,
    pot_emd,
    pot_sinkhorn,
    pyamg_multigrid,
    qsft,
    regot,
    scipy_bicgstab,
    scipy_cg,
    scipy_gcrotmk,
    scipy_gmres,
    scipy_lgmres,
    scipy_minres,
    scipy_splu,
    short_recurrences,
    sinkhorn,
    sinkhorn_newton,
    solve_sequence,
    sparse_transform,
    sparse_wht,
    tuned_ssor,
)

SOLVERS = {
    solver.name: solver
    for module in (
        gcrodr,
        short_recurrences,
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
        sinkhorn_newton,
        sinkhorn,
        pot_sinkhorn,
        pot_emd,
        regot,
        sparse_wht,
        dense_wht,
        qsft,
        sparse_transform,
    )
    for solver in module.SOLVERS
}

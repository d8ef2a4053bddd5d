"""The benchmark problems by name. A new one is a file like its neighbours and a line here."""

from . import (
    convection_diffusion,
    darcy,
    ecg,
    hadamard_sparse,
    heat,
    helmholtz,
    irs_mimo,
    many_rhs,
    minerals,
    reaction_diffusion,
    real_matrices,
    skr_darcy,
    skr_poisson,
    skr_thermal,
    sparse_regression,
    transport_assignment,
    transport_clouds,
    transport_images,
    transport_mixture,
    transport_sweep,
)

PROBLEMS = {
    problem.name: problem
    for module in (
        real_matrices,
        darcy,
        helmholtz,
        convection_diffusion,
        reaction_diffusion,
        heat,
        many_rhs,
        skr_darcy,
        skr_thermal,
        skr_poisson,
        transport_assignment,
        transport_images,
        transport_mixture,
        transport_clouds,
        transport_sweep,
        hadamard_sparse,
        sparse_regression,
        minerals,
        irs_mimo,
        ecg,
    )
    for problem in module.PROBLEMS
}

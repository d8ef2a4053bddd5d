"""The benchmark problems by name. A new one is a file like its neighbours and a line here."""

from . import (
    convection_diffusion,
    darcy,
    heat,
    helmholtz,
    many_rhs,
    reaction_diffusion,
    real_matrices,
    skr_darcy,
    skr_poisson,
    skr_thermal,
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
    )
    for problem in module.PROBLEMS
}

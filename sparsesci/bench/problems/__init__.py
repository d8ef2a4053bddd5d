"""The benchmark problems by name. A new one is a file like its neighbours and a line here."""

from . import convection_diffusion, darcy, helmholtz, real_matrices

PROBLEMS = {
    problem.name: problem
    for module in (real_matrices, darcy, helmholtz, convection_diffusion)
    for problem in module.PROBLEMS
}

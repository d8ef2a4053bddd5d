"""Entropic optimal transport: one method per file, the public names are those of `sparsesci.solvers`."""

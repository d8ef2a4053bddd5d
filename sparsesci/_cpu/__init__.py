"""Numba kernels: arrays in, arrays out. They import nothing of sparsesci but each other."""

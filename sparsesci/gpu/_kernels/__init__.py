"""CuPy kernels, with the file and function names of `sparsesci._cpu`; their CUDA sources are the .cu files beside."""

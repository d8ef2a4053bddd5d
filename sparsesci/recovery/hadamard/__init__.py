"""Walsh-Hadamard transforms: dense ones at the speed of memory, sparse ones from a few samples."""

"""Sparse Bayesian learning: which entries are not zero, how large they are, and how sure that is."""

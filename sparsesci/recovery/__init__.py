"""Signal recovery: sparse Bayesian learning, Walsh-Hadamard transforms and dynamics from data will live here."""

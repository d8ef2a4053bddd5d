"""Equations of motion from data: what `sparsesci.recovery` offers for sparse identification of nonlinear dynamics."""

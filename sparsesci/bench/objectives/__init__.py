"""Measures of error, one file each. The harness computes them in double precision; no solver is asked how it did."""

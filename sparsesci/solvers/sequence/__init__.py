"""Sequences of systems, each solved by whatever has shown to be fastest."""

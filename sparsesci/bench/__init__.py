"""Benchmarks of sparsesci beside its peers: the ``sparsesci bench`` command.

problem      what is solved: a frozen record per problem, collected in ``problems.PROBLEMS``
solver       who solves it: a frozen record per solver or peer, collected in ``solvers.SOLVERS``
objectives   how wrong an answer is, recomputed by the harness
runner       the harness: warm up, repeat in turn, check every answer
record       what was measured, to and from JSON
report       tables for a terminal; ``plots`` draws the same as a picture
commands     the command line

To add a problem or a solver, write a file like its neighbours and name it in the dict of their ``__init__.py``.
"""

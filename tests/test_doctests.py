"""Every example in a docstring of the package is run, and prints what it says."""

import doctest
import importlib
import pkgutil

import pytest

import sparsesci


def modules_with_examples():
    finder = doctest.DocTestFinder(exclude_empty=True)
    names = ["sparsesci", *(found.name for found in pkgutil.walk_packages(sparsesci.__path__, "sparsesci."))]
    names = [name for name in names if not name.endswith("__main__")]
    return [name for name in names if any(test.examples for test in finder.find(importlib.import_module(name)))]


@pytest.mark.parametrize("name", modules_with_examples())
def test_the_examples_print_what_they_say(name):
    outcome = doctest.testmod(importlib.import_module(name), optionflags=doctest.NORMALIZE_WHITESPACE)
    assert outcome.attempted > 0 and outcome.failed == 0


def test_the_public_functions_have_examples():
    from sparsesci import solvers

    finder = doctest.DocTestFinder(recurse=False)
    functions = [getattr(solvers, name) for name in solvers.__all__ if name.islower()]
    bare = [f.__name__ for f in functions if not any(test.examples for test in finder.find(f, f.__name__))]
    assert functions and bare == []

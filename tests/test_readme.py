"""What the README shows is what the package does: its Python blocks are run, and what it points to exists."""

import doctest
import io
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
OPTIONS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def blocks(text, language):
    """Pairs (line number, content) of the fenced blocks of one language in a Markdown text."""
    fences = re.finditer(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return [(text.count("\n", 0, fence.start(1)) + 1, fence[1]) for fence in fences]


def report(block, line=1):
    """Run a block as a doctest; return how many examples it has, and what failed in words."""
    test = doctest.DocTestParser().get_doctest(block, {}, README.name, str(README), line - 1)
    words = io.StringIO()
    doctest.DocTestRunner(optionflags=OPTIONS, verbose=False).run(test, out=words.write)
    return len(test.examples), words.getvalue()


@pytest.mark.parametrize(
    ("line", "block"),
    [pytest.param(*b, id=f"line-{b[0]}") for b in blocks(README.read_text(encoding="utf-8"), "python")],
)
def test_a_python_block_of_the_readme_gives_the_output_that_it_shows(line, block):
    examples, failures = report(block, line)
    assert examples > 0
    assert not failures, failures


def test_the_readme_has_a_python_block():
    assert blocks(README.read_text(encoding="utf-8"), "python")


def test_the_quick_start_is_two_commands_of_one_line_each():
    section = re.search(r"^## Quick start$(.*?)^## ", README.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)[1]
    commands = [command for _, command in blocks(section, "bash")]
    assert len(commands) == 2
    assert [command.count("\n") for command in commands] == [1, 1]
    assert "sparsesci bench" in commands[0] and "pytest" in commands[1]


def test_every_picture_and_relative_link_of_the_readme_exists():
    targets = re.findall(r"\]\(([^)#]+)\)", README.read_text(encoding="utf-8"))
    assert [target for target in targets if "://" not in target and not (ROOT / target).is_file()] == []


def test_a_block_with_a_wrong_output_is_found():
    examples, failures = report(">>> 1 + 1\n3\n", line=7)
    assert examples == 1
    assert "Expected:" in failures and "line 7" in failures

"""The pictures of a record."""

from dataclasses import replace

import pytest

from sparsesci.bench.plots import draw, draw_curves
from sparsesci.bench.runner import run


@pytest.fixture
def record(toy_problem, toy_solver, divide):
    """Return a record with ours, a peer, a failure and an absentee, on an odd number of problems."""
    solvers = [
        toy_solver(divide, name="ours"),
        toy_solver(divide, name="theirs", peer="scipy"),
        toy_solver(lambda A, b: b, name="wrong", peer="mine.py"),
        toy_solver(None, name="broken"),
    ]
    return run([toy_problem] * 3, solvers, seed=121, repeats=2)


def test_the_picture_is_a_png_of_some_size(record, tmp_path):
    path = tmp_path / "picture.png"
    draw(record, path)
    content = path.read_bytes()
    assert content.startswith(b"\x89PNG\r\n\x1a\n") and len(content) > 20_000
    width, height = (int.from_bytes(content[i : i + 4], "big") for i in (16, 20))
    assert width == 1800 and height > 700


def test_the_picture_names_problem_solvers_and_failure(record, tmp_path):
    import matplotlib

    path = tmp_path / "picture.svg"
    with matplotlib.rc_context({"svg.fonttype": "none"}):  # text as text
        draw(record, path)
    drawn = path.read_text(encoding="utf-8")
    assert all(word in drawn for word in ("toy", "ours", "theirs", "wrong", "7 matvecs", "did not reach 1e-8"))
    assert "broken" not in drawn


def test_a_record_without_times_is_not_drawn(toy_problem, toy_solver, tmp_path):
    record = run([toy_problem], [toy_solver(None)], seed=122, repeats=1)
    with pytest.raises(ValueError, match="nothing to draw"):
        draw(record, tmp_path / "picture.png")


def test_drawing_leaves_the_settings_of_matplotlib_alone(record, tmp_path):
    import matplotlib

    before = dict(matplotlib.rcParams)
    draw(record, tmp_path / "picture.png")
    assert dict(matplotlib.rcParams) == before


def test_the_curves_are_drawn_with_the_names_of_their_solvers(toy_problem, toy_solver, divide, tmp_path):
    import matplotlib

    solvers = [toy_solver(divide, name="ours"), toy_solver(divide, name="theirs", peer="scipy")]
    record = run([replace(toy_problem, goals=(1e-2,))], solvers, seed=123, repeats=1)
    path = tmp_path / "curves.svg"
    with matplotlib.rc_context({"svg.fonttype": "none"}):
        assert draw_curves(record, path)
    drawn = path.read_text(encoding="utf-8")
    assert all(word in drawn for word in ("toy, first system", "ours", "theirs", "recomputed error"))


def test_a_record_without_curves_draws_none(record, tmp_path):
    assert not draw_curves(record, tmp_path / "curves.png")
    assert not (tmp_path / "curves.png").exists()

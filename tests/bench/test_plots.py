"""The pictures of a record."""

from dataclasses import replace

import pytest

from sparsesci.bench.phase_plot import draw_phase
from sparsesci.bench.plots import draw, draw_curves, draw_series
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


def drawn_text(draw_file, record, path):
    """Draw to an SVG, its text as text, and return what it holds."""
    import matplotlib

    with matplotlib.rc_context({"svg.fonttype": "none"}):
        assert draw_file(record, path)
    return path.read_text(encoding="utf-8")


def test_a_series_is_drawn_against_its_parameter(toy_problem, toy_solver, divide, tmp_path):
    sizes = [
        replace(toy_problem, name=f"toy-{n}", parameters={**toy_problem.parameters, "n": n}, series={"toys": "n"})
        for n in (4, 16)
    ]
    solvers = [toy_solver(divide, name="ours"), toy_solver(divide, name="theirs", peer="scipy")]
    record = run(sizes, solvers, seed=131, repeats=1)
    drawn = drawn_text(draw_series, record, tmp_path / "series.svg")
    assert all(word in drawn for word in ("toys", "median error", "CPU time per system", ">4<", ">16<", "theirs"))


def noisy_toys(toy_problem, levels):
    """Return a toy problem a level of noise; it is only a name on an axis."""

    def systems(rng, n, length, noise):
        return toy_problem.make(rng, n=n, length=length)

    return [
        replace(
            toy_problem,
            name=f"toy-{noise}",
            make=systems,
            parameters={**toy_problem.parameters, "noise": noise},
            series={"toys": "noise"},
        )
        for noise in levels
    ]


def test_against_noise_the_share_of_solved_systems_is_drawn(toy_problem, toy_solver, divide, tmp_path):
    record = run(noisy_toys(toy_problem, (0.0, 0.001, 0.05)), [toy_solver(divide)], seed=137, repeats=1)
    drawn = drawn_text(draw_series, record, tmp_path / "series.svg")
    assert all(word in drawn for word in ("share of systems that are solved", "noise, %", ">0<", ">0.1<", ">5<"))
    assert "median error" not in drawn


def test_the_share_of_solved_systems_is_that_of_the_worst_repeat():
    from sparsesci.bench.plots import _share
    from sparsesci.bench.record import Repeat, Row

    repeats = [Repeat(reached=[True, True, False, True]), Repeat(reached=[True, False, False, True])]
    assert _share(Row("ours", None, repeats)) == 0.5


def test_polynomials_are_counted_by_the_coefficients_that_a_system_ends_with(toy_problem, toy_solver, divide, tmp_path):
    sizes = [
        replace(toy_problem, name=f"toy-{n}", parameters={**toy_problem.parameters, "n": n}, series={"toys": "terms"})
        for n in (4, 16)
    ]
    record = run(sizes, [toy_solver(divide)], seed=139, repeats=1)
    drawn = drawn_text(draw_series, record, tmp_path / "series.svg")
    assert all(word in drawn for word in ("polynomials", ">4<", ">16<"))


def test_a_series_of_one_point_is_not_drawn(toy_problem, toy_solver, divide, tmp_path):
    record = run([replace(toy_problem, series={"toys": "n"})], [toy_solver(divide)], seed=133, repeats=1)
    assert not draw_series(record, tmp_path / "series.svg")


def test_the_phase_transition_steps_at_the_samples_of_each_exact_spectrum(tmp_path):
    from matplotlib.figure import Figure

    from sparsesci.bench.phase_plot import _panel
    from sparsesci.bench.record import Repeat, Row, Table

    counts = [{"samples": samples} for samples in (900, 300, 600)]
    row = Row("sparse-wht", None, [Repeat(counts=counts, reached=[True, True, False])])
    table = Table("sparse20-10", "hadamard", "", {"bits": 20, "sparsity": 10, "noise": 0.0}, None, 0.1, 3, [], [row])
    axes = Figure().subplots()
    _panel(axes, (20, 10), [(table, row)])
    x, y = axes.lines[0].get_data()
    assert list(x[1:3]) == [30, 90] and list(y) == [0, 1 / 3, 2 / 3, 2 / 3]


def test_a_record_without_sparse_spectra_has_no_phase_transition(record, tmp_path):
    assert not draw_phase(record, tmp_path / "phase.png")

"""The command line: what it runs, what it writes, and what it says about bad input."""

import gzip
import json
import sys

import numpy as np
import pytest
from click.testing import CliRunner
from scipy.io import mmwrite
from scipy.sparse import coo_array

from sparsesci.bench import cli, commands
from sparsesci.bench.problems import PROBLEMS
from sparsesci.bench.record import Record
from sparsesci.bench.selection import FAMILIES
from sparsesci.bench.solvers import SOLVERS

TINY = ("--problem", "helmholtz2d", "--set", "n=8", "--set", "length=2", "--repeats", "1")
DIRECT = ("--solver", "scipy-splu")
OWN_SOLVERS = '''
from scipy.sparse.linalg import spsolve
from sparsesci.bench.solver import Answer, Solver

def direct(A, b):
    """SuperLU by its short name."""
    return spsolve(A, b)

def wrong(A, b):
    return b

def start(preconditioner, goal):
    return lambda A, b: Answer(spsolve(A, b), True, {"factorisations": 1})

kept = Solver("my-solver", "krylov", "a Solver of my own", start, peer="me")
number = 3
'''


@pytest.fixture
def call(tmp_path, monkeypatch):
    """Return a function that runs ``sparsesci bench`` in an empty folder and gives back exit code and output."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        result = CliRunner().invoke(commands.sparsesci, ["bench", *arguments])
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result.exit_code, " ".join(result.output.split())  # click wraps its messages

    return run


@pytest.fixture
def own_solvers(tmp_path):
    """Return a file with a user's solvers."""
    path = tmp_path / "mine.py"
    path.write_text(OWN_SOLVERS, encoding="utf-8")
    return path


def write_matrix(path, dense):
    """Write a dense array as a sparse Matrix Market file."""
    mmwrite(path, coo_array(np.asarray(dense)))
    return path


def read_record(path):
    """Return the record in a result file."""
    return Record.from_json(path.read_text(encoding="utf-8"))


def names(record):
    """Return the solvers of a record, by problem."""
    return {table.problem: [row.solver for row in table.rows] for table in record.tables}


# Running


def test_a_run_prints_a_table_and_writes_result_and_picture(call, tmp_path):
    code, output = call("run", *TINY, *DIRECT, "--seed", "131")
    assert code == 0 and "scipy-splu" in output and "2/2" in output
    record = read_record(tmp_path / "sparsesci-bench.json")
    assert record.seed == 131 and names(record) == {"helmholtz2d": ["scipy-splu"]}
    assert record.tables[0].parameters["n"] == 8 and record.tables[0].length == 2
    assert (tmp_path / "sparsesci-bench.png").read_bytes().startswith(b"\x89PNG")


def test_without_a_command_the_quick_suite_is_run_with_every_solver(call, monkeypatch):
    seen = {}
    monkeypatch.setattr(commands, "measure", lambda problems, solvers, **options: seen.update(locals()))
    assert call("--output", "elsewhere")[0] == 0
    assert {p.name for p in seen["problems"]} == {p.name for p in PROBLEMS.values() if p.quick is not None and p.plain}
    assert {p.parameters.get("length", 8) for p in seen["problems"] if p.family == "krylov"} == {8}
    assert [p.name for p in seen["problems"] if p.family == "transport"] == ["assign"]  # the promise is about a minute
    assert seen["solvers"] == list(SOLVERS.values())
    assert seen["options"]["output"] == "elsewhere"


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("words", [("run",), ()])
def test_full_runs_every_problem_of_a_family_at_full_length_with_run_or_without(call, monkeypatch, family, words):
    seen = []
    monkeypatch.setattr(commands, "measure", lambda problems, solvers, **options: seen.extend(problems))
    assert call(*words, family, "--full")[0] == 0
    assert seen == [problem for problem in PROBLEMS.values() if problem.family == family]


@pytest.mark.parametrize("family", FAMILIES)
def test_the_name_of_a_family_runs_all_its_quick_problems(call, monkeypatch, family):
    seen = []
    monkeypatch.setattr(commands, "measure", lambda problems, solvers, **options: seen.extend(problems))
    assert call(family)[0] == 0
    assert [p.name for p in seen] == [p.name for p in PROBLEMS.values() if p.family == family and p.quick is not None]
    assert all(p.parameters[key] == value for p in seen for key, value in PROBLEMS[p.name].quick.items())


def test_a_preconditioner_is_not_given_to_a_problem_without_a_matrix_to_precondition(call, monkeypatch):
    seen = {}
    monkeypatch.setattr(
        commands, "measure", lambda problems, solvers, **options: seen.update({p.name: p for p in problems})
    )
    assert call("run", "--preconditioner", "jacobi", "--goal", "1e-3")[0] == 0
    assert seen["darcy2d"].preconditioner == "jacobi" and seen["assign"].preconditioner is None
    assert seen["darcy2d"].goal == seen["assign"].goal == 1e-3


def test_a_run_of_transport_draws_error_against_time_too(call, tmp_path):
    question = ("--problem", "assign", "--set", "n=12", "--set", "eta=5", "--repeats", "1")
    code, output = call("transport", *question, "--solver", "sinkhorn", "--solver", "sinkhorn-newton", "--output", "t")
    assert code == 0 and "wrote t-convergence.png" in output
    (table,) = read_record(tmp_path / "t.json").tables
    assert all(len(row.curve) > 1 and row.curve[-1][1] <= 1e-9 for row in table.rows)
    (tmp_path / "t-convergence.png").unlink()
    assert call("plot", "t.json", "--output", "c.png")[0] == 0
    assert (tmp_path / "c-convergence.png").read_bytes().startswith(b"\x89PNG")


def test_goal_and_preconditioner_are_those_that_are_asked_for(call, tmp_path):
    question = (
        "--problem",
        "darcy2d",
        "--set",
        "n=8",
        "--set",
        "length=2",
        "--goal",
        "1e-4",
        "--preconditioner",
        "jacobi",
    )
    code, _ = call("run", *question, "--solver", "scipy-gmres", "--repeats", "1")
    (table,) = read_record(tmp_path / "sparsesci-bench.json").tables
    assert code == 0 and table.goal == 1e-4 and table.preconditioner == "jacobi"
    assert 1e-9 < table.rows[0].worst_error() <= 1e-4


@pytest.mark.parametrize("output", ["kept", "folder"])
def test_the_output_is_named_or_put_into_a_folder(call, tmp_path, output):
    (tmp_path / "folder").mkdir()
    assert call("run", *TINY, *DIRECT, "--output", output)[0] == 0
    written = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.*"))
    stem = {"kept": "kept", "folder": "folder/sparsesci-bench"}[output]
    assert written == [f"{stem}.json", f"{stem}.png"]


# A user's own


def test_functions_and_solvers_of_a_users_file_are_run(call, own_solvers, tmp_path):
    solvers = [f"--solver={own_solvers}:{name}" for name in ("direct", "wrong", "kept")]
    code, output = call("run", *TINY, *solvers)
    assert code == 0 and "1 factorisations" in output
    direct, wrong, kept = read_record(tmp_path / "sparsesci-bench.json").tables[0].rows
    assert (direct.solver, direct.solved()) == ("mine.py:direct", 2)
    assert (wrong.solver, wrong.solved(), wrong.false_claims()) == ("mine.py:wrong", 0, 0)
    assert (kept.solver, kept.peer, kept.solved()) == ("my-solver", "me", 2)


def test_a_matrix_of_a_users_file_is_solved(call, tmp_path):
    path = write_matrix(tmp_path / "mine.mtx", [[2, 1, 0], [0, 3, 0], [0, 1, 2]])
    code, output = call("run", "--problem", str(path), *DIRECT, "--solver", "scipy-cg", "--repeats", "1")
    assert code == 0 and "a matrix of your own, 5 entries" in output
    record = read_record(tmp_path / "sparsesci-bench.json")
    assert names(record) == {"mine.mtx": ["scipy-splu"]}  # not symmetric: nothing for conjugate gradients
    assert record.tables[0].rows[0].solved() == 1


def test_a_compressed_matrix_that_may_be_definite_goes_to_cg_too(call, tmp_path):
    path = write_matrix(tmp_path / "mine.mtx", [[2, 1], [1, 2]])
    compressed = tmp_path / "mine.mtx.gz"
    compressed.write_bytes(gzip.compress(path.read_bytes()))
    assert call("run", "--problem", str(compressed), *DIRECT, "--solver", "scipy-cg", "--repeats", "1")[0] == 0
    assert names(read_record(tmp_path / "sparsesci-bench.json")) == {"mine.mtx.gz": ["scipy-splu", "scipy-cg"]}


def test_a_symmetric_matrix_that_is_indefinite_goes_to_minres_and_not_to_cg(call, tmp_path):
    path = write_matrix(tmp_path / "mine.mtx", [[1, 2], [2, -1]])
    assert call("run", "--problem", str(path), "--solver", "scipy-minres", "--solver", "scipy-cg")[0] == 0
    assert names(read_record(tmp_path / "sparsesci-bench.json")) == {"mine.mtx": ["scipy-minres"]}


# Looking


def test_list_shows_every_problem_and_solver_with_its_origin(call):
    code, output = call("list")
    assert code == 0 and all(name in output for name in [*PROBLEMS, *SOLVERS])
    assert "scipy 1." in output


def test_info_shows_the_versions_of_the_peers(call):
    code, output = call("info")
    assert code == 0 and "numpy" in output and "peer: pyamg" in output


def test_compare_and_plot_take_what_run_wrote(call, tmp_path):
    call("run", *TINY, *DIRECT, "--output", "a")
    call("run", *TINY, *DIRECT, "--output", "b")
    code, output = call("compare", "a.json", "b.json")
    assert code == 0 and "B/A" in output and "helmholtz2d scipy-splu" in output
    assert call("plot", "a.json", "--output", "c.png")[0] == 0
    assert (tmp_path / "c.png").read_bytes().startswith(b"\x89PNG")


def test_another_processor_is_told_when_results_are_compared(call, tmp_path):
    call("run", *TINY, *DIRECT, "--output", "a")
    record = read_record(tmp_path / "a.json")
    record.environment["cpu"] = "a machine elsewhere"
    (tmp_path / "b.json").write_text(record.to_json(), encoding="utf-8")
    assert "different processors" in call("compare", "a.json", "b.json")[1]


# Bad input


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "--problem", "helmholz2d"], "no problem is called 'helmholz2d'. Did you mean helmholtz2d?"),
        (["run", "--problem", "q"], "There are 1138bus"),
        (["run", "--solver", "petsc"], "no solver is called 'petsc'. There are gcrodr"),
        (["run", "astrology"], "'astrology' is not"),
        (["run", *TINY, "--set", "k1=3"], "is not KEY=VALUE with one of the keys n, dimension, k0"),
        (["run", *TINY, "--set", "k0"], "is not KEY=VALUE"),
        (["run", *TINY, "--set", "n=many"], "cannot be made with n=many: invalid literal for int()"),
        (["run", *TINY, "--set", "n=-4"], "cannot be made with n=-4"),
        (["run", *TINY, "--set", "length=0"], "it has no system"),
        (["run", *TINY, "--set", "drift=7"], "drift is 7.0"),
        (["run", "--problem", "young1c", "--set", "matrix=nowhere"], "cannot be made with matrix=nowhere"),
        (["run", "--goal", "0"], "not in the range"),
        (["run", "--goal", "2"], "not in the range"),
        (["run", "--repeats", "0"], "not in the range"),
        (["run", "--seed", "-3"], "not in the range"),
        (["run", "--preconditioner", "luck"], "'luck' is not one of 'none', 'jacobi', 'ilu0'"),
        (["--output", "lost", "run", *TINY], "--output belongs after run"),
        (["run", *TINY, "--output", "no/such/folder/result"], "not a folder that can be written to"),
        (["run", "--problem", "nowhere.mtx"], "nowhere.mtx cannot be read"),
        (["run", "--solver", "nowhere.py:f"], "nowhere.py cannot be loaded"),
        (["plot", "nowhere.json"], "nowhere.json cannot be read"),
        (["compare", "nowhere.json", "nowhere.json"], "nowhere.json cannot be read"),
    ],
)
def test_a_bad_argument_is_a_usage_error_that_says_what_there_is(call, arguments, message):
    code, output = call(*arguments)
    assert code == 2 and message in output.replace("│ ", "")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"1 2 3", "not a Matrix Market file"),
        (b"", "not a Matrix Market file"),
        (b"%%MatrixMarket matrix coordinate real general\n2 3 1\n1 1 5\n", "a matrix of 2 x 3: a square one is needed"),
        (b"%%MatrixMarket matrix coordinate real general\n1 1 1\n1 1 nan\n", "holds NaN or Inf"),
    ],
)
def test_a_matrix_file_that_cannot_be_used_is_refused(call, tmp_path, content, message):
    (tmp_path / "bad.mtx").write_bytes(content)
    code, output = call("run", "--problem", "bad.mtx")
    assert code == 2 and message in output


def test_a_matrix_file_that_is_not_compressed_as_its_name_says_is_refused(call, tmp_path):
    (tmp_path / "bad.mtx.gz").write_bytes(b"%%MatrixMarket matrix coordinate real general\n")
    code, output = call("run", "--problem", "bad.mtx.gz")
    assert code == 2 and "bad.mtx.gz cannot be read: Not a gzipped file" in output


@pytest.mark.parametrize(
    ("name", "message"),
    [("absent", "no solver 'absent'; it has"), ("number", "no solver 'number'; it has")],
)
def test_a_users_file_without_that_solver_is_refused(call, own_solvers, name, message):
    code, output = call("run", "--solver", f"{own_solvers}:{name}")
    assert code == 2 and message in output and "direct" in output


def test_a_users_file_with_an_error_in_its_syntax_is_refused(call, tmp_path):
    (tmp_path / "bad.py").write_text("def f(:", encoding="utf-8")
    code, output = call("run", "--solver", "bad.py:f")
    assert code == 2 and "bad.py cannot be loaded" in output


def test_a_result_that_is_none_is_refused(call, tmp_path):
    (tmp_path / "bad.json").write_text(json.dumps({"format": 0}), encoding="utf-8")
    code, output = call("plot", "bad.json")
    assert code == 2 and "not a result of sparsesci bench" in output


def test_a_picture_of_an_unknown_kind_is_refused(call):
    call("run", *TINY, *DIRECT, "--output", "a")
    code, output = call("plot", "a.json", "--output", "a.docx")
    assert code == 1 and "a.docx was not drawn" in output


# Without the extra


@pytest.mark.parametrize("package", ["click", "rich"])
def test_a_missing_extra_is_one_clear_line(monkeypatch, package):
    monkeypatch.delitem(sys.modules, "sparsesci.bench.commands")
    for name in [name for name in sys.modules if name.partition(".")[0] == package]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(SystemExit, match=r"needs click and rich: pip install 'sparsesci\[bench\]'"):
        cli.main(["bench", "list"])


def test_the_console_script_reaches_the_commands(capsys):
    with pytest.raises(SystemExit) as ended:
        cli.main(["bench", "--help"])
    assert ended.value.code == 0 and "compare" in capsys.readouterr().out

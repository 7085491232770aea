"""The command as a user types it: output, exit codes, and what it leaves untouched."""

import contextlib
import json
import os
import pty
import re
import signal
import subprocess
import sys
import termios
import time
import tomllib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from hessweep.activations import activation
from hessweep.cli import main
from hessweep.cli.formats import Format
from hessweep.cli.rows import format_rows
from hessweep.kinds import PointResult
from hessweep.running.cost import WORKER_BYTES, predicted_seconds, stored_bytes
from hessweep.setup import Setup
from hessweep.store import TABLE_COLUMNS, stored_points, write_segment
from hessweep.units import show_seconds

STUDY = """
name: demo
sweeps:
  erf-square: {activation: erf, N: [2, 4], seeds: 3}
  other: {activation: quadratic, sizes: [[3, 2]], seeds: "5..6"}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "study.yaml").write_text(STUDY)
    return tmp_path


@pytest.fixture
def filled(folder: Path) -> Path:
    """Everything computed but one point, which failed, and one, which is missing."""
    erf = activation("erf")
    points = [Setup(erf, N, N).point(seed) for N in (2, 4) for seed in range(3)]
    failed = Setup(activation("quadratic"), 3, 2).point(5)
    results = [
        *(point.compute() for point in points),
        PointResult(failed, error="ValueError: no luck"),
    ]
    write_segment(folder / "results" / "demo", results)
    return folder


def call(*arguments: str) -> int:
    with pytest.raises(SystemExit) as exit_:
        main(list(arguments))
    return exit_.value.code or 0


def listing(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*"))


COMMAND = Path(sys.executable).with_name("hessweep")


def hessweep(*arguments: str, **options) -> subprocess.CompletedProcess[str]:
    """Run the console script."""
    return subprocess.run(
        [COMMAND, *arguments],
        capture_output=True, text=True, check=False, timeout=120, **options,
    )  # fmt: skip


def test_run_plan_status_query(folder: Path) -> None:
    """One study from nothing to rows, each step a process of its own."""
    planned = json.loads(hessweep("plan", "study.yaml", "--json").stdout)
    assert planned["sweeps"]["all"]["points"] == planned["sweeps"]["all"]["missing"] == 8
    assert not (folder / "results").exists()

    first = hessweep("run", "study.yaml", "--json", "--workers", "1")
    assert first.returncode == 0, first.stderr
    counts = {"requested": 8, "computed": 8, "reused": 0, "failed": 0}
    assert json.loads(first.stdout.splitlines()[-1]) == counts

    before = listing(folder)
    again = hessweep("run", "study.yaml")
    assert again.returncode == 0
    assert "8 requested, 0 computed, 8 reused, 0 failed; nothing new" in again.stdout
    assert listing(folder) == before

    status = hessweep("status", "study.yaml", "--json")
    assert status.returncode == 0
    assert json.loads(status.stdout)["sweeps"]["other"] == {"done": 2, "missing": 0, "failed": 0}

    rows = hessweep(
        "query", "results/demo", "N_i == N_h and seed > 0",
        "--columns", "activation,N_i,seed,lambda_max", "--format", "json",
    )  # fmt: skip
    assert rows.returncode == 0
    erf = activation("erf")
    assert json.loads(rows.stdout) == [
        {
            "activation": "erf",
            "N_i": N,
            "seed": seed,
            "lambda_max": Setup(erf, N, N).point(seed).compute().scalars["lambda_max"],
        }
        for N in (2, 4)
        for seed in (1, 2)
    ]


def test_plan_says_how_far_off_it_would_have_been(
    filled: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call("plan", "study.yaml") == 0
    assert "There are too few stored points to check" in capsys.readouterr().out
    call("publish", "results/demo")
    capsys.readouterr()
    assert call("plan", "study.yaml", "--json") == 0
    off = json.loads(capsys.readouterr().out)["predicted_over_measured"]
    assert off["points"] == 6
    assert 0 < off["low"] <= off["high"]
    assert call("plan", "study.yaml") == 0
    shown = capsys.readouterr().out
    assert f"6 stored points, the predicted time is {off['total']:.2g} times the" in shown


def test_plan_counts_the_cost_of_missing_points_alone(
    filled: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call("plan", "study.yaml", "--json") == 0
    rows = json.loads(capsys.readouterr().out)["sweeps"]
    none = {"missing": 0, "core_seconds": 0, "worker_bytes": WORKER_BYTES, "stored_bytes": 0}
    assert rows["erf-square"] == {"points": 6, **none}
    setup = Setup(activation("quadratic"), 3, 2)
    assert rows["all"] == {
        "points": 8,
        "missing": 1,
        "core_seconds": pytest.approx(predicted_seconds(setup.point(6))),
        "worker_bytes": WORKER_BYTES + setup.cost.peak_bytes,
        "stored_bytes": stored_bytes(setup),
    }


def test_plan_divides_the_time_among_workers_and_their_threads(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two threads compute a density of 10^7 parameters on each of three workers."""
    (folder / "study.yaml").write_text(
        "name: demo\ncluster: {kind: slurm, jobs: 3, memory: 64 GB}\nsweeps:\n"
        "  large: {activation: erf, N: 3162, seeds: 60, kind: density}\n"
    )
    assert call("plan", "study.yaml", "--json") == 0
    planned = json.loads(capsys.readouterr().out)
    setup = Setup(activation("erf"), 3162, 3162, kind="density")
    seconds = 60 * predicted_seconds(setup.point(0))
    assert planned["workers"] == 3
    assert planned["sweeps"]["all"]["core_seconds"] == pytest.approx(seconds)
    assert call("plan", "study.yaml") == 0
    assert f"About {show_seconds(seconds / 6)} with 3 workers" in capsys.readouterr().out


@pytest.mark.parametrize(("seeds", "code"), [("[5]", 1), ("[6]", 1), ("[5, 6]", 1), (None, 0)])
def test_status_is_a_success_only_if_all_is_done(filled: Path, seeds, code) -> None:
    """Seed 5 has failed, seed 6 is missing."""
    without = "\n".join(STUDY.splitlines()[:-1]) + "\n"
    study = STUDY.replace('seeds: "5..6"', f"seeds: {seeds}") if seeds else without
    (filled / "study.yaml").write_text(study)
    assert call("status", "study.yaml") == code


WRONG = {
    "unknown activation": ("activation: erf", "activation: errf", "erf-square.activation: "),
    "zero size": ("N: [2, 4]", "N: [2, 0]", "sweeps.erf-square.N: expected a whole number"),
    "unknown key": ("seeds: 3", "seed: 3", "sweeps.erf-square.seed: unknown key"),
    "negative seed": ("seeds: 3", "seeds: [-1]", "sweeps.erf-square.seeds: expected a count"),
    "no YAML": ("sizes: [[3, 2]]", "sizes: [[3, 2]", "line 5, column"),
    "name with a path": ("name: demo", "name: ../demo", "name: expected a plain name"),
    "key given twice": ("N: [2, 4]", "N: 2, N: 4", "the key 'N' is given twice"),
    "too many seeds": ("seeds: 3", "seeds: 1000000000", "a count from 1 to 10000000"),
    "too many points": ("N: [2, 4], seeds: 3", "N: 1..9999, seeds: 9999", "at most 10,000,000"),
}


@pytest.mark.parametrize("command", ["plan", "run", "status"])
@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_study_is_told_once_and_touches_nothing(
    folder: Path, wrong: str, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    old, new, told = WRONG[wrong]
    assert old in STUDY
    (folder / "study.yaml").write_text(STUDY.replace(old, new))
    before = listing(folder)
    assert call(command, "study.yaml") == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("hessweep: study.yaml: ")
    assert told in err
    assert err.count("\n") == 1
    assert listing(folder) == before


@pytest.mark.parametrize("command", ["plan", "report"])
def test_every_wrong_table_and_figure_is_told(
    folder: Path, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "study.yaml").write_text(
        f"{STUDY}\ntables: {{t: {{kind: rank}}}}\n"
        "figures: {f: {kind: erf-spectra}, g: {kind: rank-grid, options: {N: 3}}}\n"
    )
    before = listing(folder)
    assert call(command, "study.yaml") == 2
    first, second, third = capsys.readouterr().err.splitlines()
    assert first.startswith("hessweep: study.yaml: tables.t: unknown kind of table 'rank'")
    assert second.startswith("study.yaml: figures.f: unknown kind of figure 'erf-spectra'")
    assert third.startswith("study.yaml: figures.g: rank-grid does not take N; it takes")
    assert listing(folder) == before


@pytest.mark.parametrize("command", ["plan", "run"])
def test_paths_of_a_study_expand_or_are_refused(folder: Path, command: str) -> None:
    """A folder named `~`, or one that Snakemake takes for a pattern, is never made."""
    variables = {**os.environ, "HOME": str(folder / "home"), "SCRATCH": str(folder / "scratch")}
    del (environment := dict(variables))["SCRATCH"]

    def call_with(results: str, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
        (folder / "study.yaml").write_text(f"results: {results!r}\n{STUDY}")
        return hessweep(command, "study.yaml", "--json", env=env)

    for results, told in {"out/{date}": "without braces", "$SCRATCH/x": "SCRATCH is not"}.items():
        refused = call_with(results, environment)
        assert (refused.returncode, refused.stdout) == (2, "")
        assert told in refused.stderr
    assert listing(folder) == [folder / "study.yaml"]
    for results, there in {"~/x": "home/x", "$SCRATCH/x": "scratch/x"}.items():
        done = call_with(results, variables)
        assert done.returncode == 0, done.stderr
        if command == "plan":
            assert json.loads(done.stdout)["results"] == str(folder / there)
        else:
            assert (folder / there / "segments").is_dir()
    assert not {"~", "$SCRATCH", "out"} & {path.name for path in folder.iterdir()}


def test_the_version_and_the_schema(capsys: pytest.CaptureFixture[str]) -> None:
    import hessweep as package
    from hessweep.study import Study

    assert call("--version") == 0
    assert capsys.readouterr().out == f"hessweep {package.__version__}\n"
    project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())["project"]
    assert package.__version__ == project["version"]
    assert call("schema") == 0
    assert json.loads(capsys.readouterr().out) == Study.schema()


def test_no_traceback_reaches_the_user(folder: Path) -> None:
    wrong = hessweep("run", "none.yaml")
    assert wrong.returncode == 2
    assert wrong.stderr == (
        "hessweep: none.yaml: can not read the study file: No such file or directory\n"
    )
    assert hessweep("runn").returncode == 2


@pytest.mark.parametrize("arguments", ["plan study.yaml", "query results/demo"])
def test_standard_output_that_can_not_be_written(filled: Path, arguments: str) -> None:
    call("publish", "results/demo")
    closed = "standard output is closed, and this command writes to it; nothing was done"
    full = "standard output can not be written: No space left on device"
    for redirection, told in {">&-": closed, "> /dev/full": full, "> /dev/full 2>&-": ""}.items():
        command = f'"{COMMAND}" {arguments} {redirection}'
        done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
        assert done.returncode == 1
        assert done.stderr == (f"hessweep: {told}\n" if told else "")


def test_a_pipe_that_is_read_no_further_is_no_error(filled: Path) -> None:
    call("publish", "results/demo")
    command = f'"{COMMAND}" query results/demo --format csv | true'
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert done.stderr == ""


def test_a_locale_without_our_letters(filled: Path) -> None:
    call("publish", "results/demo")
    (filled / "study.yaml").write_text(f"results: größe–ϕ\n{STUDY}", encoding="utf-8")
    latin = {**os.environ, "PYTHONIOENCODING": "iso-8859-1"}
    planned = hessweep("plan", "study.yaml", env=latin, encoding="iso-8859-1")
    assert planned.returncode == 0, planned.stderr
    assert r"results go to größe\u2013\u03d5." in planned.stdout
    ascii_only = {"PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "LC_ALL": "C"}
    refused = hessweep("plan", "study.yaml", env={**os.environ, **ascii_only})
    assert refused.returncode == 2
    assert "results: expected a path in the letters of this locale (ascii)" in refused.stderr


@pytest.mark.parametrize("option", ["-f", "-v", "--verbose", "-fv"])
def test_an_unknown_option(folder: Path, option: str, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in ([option], ["run", option, "study.yaml"], ["query", "results", option]):
        assert call(*arguments) == 2
        assert "No such option" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("setting", "value", "code", "told"),
    [
        ("DASK_DISTRIBUTED__COMM__REQUIRE_ENCRYPTION", "true", 0, ""),
        ("DASK_TEMPORARY_DIRECTORY", "/proc", 1, "'/proc/dask-scratch-space'); check what Dask's"),
    ],
)
def test_dask_settings_of_the_user(
    folder: Path, setting: str, value: str, code: int, told: str
) -> None:
    environment = {**os.environ, setting: value}
    done = hessweep("run", "study.yaml", "--workers", "1", env=environment)
    assert done.returncode == code, done.stderr
    assert told in done.stderr
    assert "Traceback" not in done.stderr


def test_too_few_open_files(folder: Path) -> None:
    """A hard limit that is too low is named; a soft one is raised."""
    command = f'ulimit -n 32; "{COMMAND}" run study.yaml --workers 2'
    refused = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert refused.returncode == 1
    assert "2 workers on this machine need up to 54 open files, and this" in refused.stderr
    assert "Traceback" not in refused.stderr
    command = f'ulimit -Sn 32; "{COMMAND}" run study.yaml --workers 1'
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("command", ["plan", "run"])
def test_points_too_large_are_refused_before_anything_starts(
    folder: Path, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "study.yaml").write_text(STUDY.replace("[2, 4]", "[2, 5000]"))
    before = listing(folder)
    assert call(command, "study.yaml") == 2
    err = capsys.readouterr().err
    # The matrix alone is 8 P² bytes, 5 PB.
    assert "erf N_i=5000 N_h=5000 (P=25,005,000) needs about 5 PB of memory" in err
    assert listing(folder) == before


def test_status_tells_what_is_missing_and_why_points_failed(
    filled: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call("status", "study.yaml", "--json") == 1
    told = json.loads(capsys.readouterr().out)
    assert told["sweeps"] == {
        "erf-square": {"done": 6, "missing": 0, "failed": 0},
        "other": {"done": 0, "missing": 1, "failed": 1},
        "all": {"done": 6, "missing": 1, "failed": 1},
    }
    assert told["failures"] == {"quadratic N_i=3 N_h=2 seed=5": "ValueError: no luck"}
    assert call("status", "study.yaml") == 1
    assert "failed: quadratic N_i=3 N_h=2 seed=5: ValueError: no luck" in capsys.readouterr().out


def test_run_with_a_failed_point_is_not_a_success(
    filled: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    study = STUDY.replace('seeds: "5..6"', "seeds: [5]")
    (filled / "study.yaml").write_text(study)
    assert call("run", "study.yaml", "--json") == 1
    out, err = capsys.readouterr()
    assert json.loads(out) == {"requested": 7, "computed": 0, "reused": 6, "failed": 1}
    assert "1 point without a result" in err


def test_query_writes_every_format(filled: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("publish", "results/demo") == 0
    read = {
        "csv": lambda path: pd.read_csv(path),
        "json": lambda path: pd.DataFrame(json.loads(path.read_text())),
        "parquet": pd.read_parquet,
    }
    names = "key,N_i,lambda_max"
    tables = []
    for form, reader in read.items():
        file = filled / f"rows.{form}"
        where = "status == 'done'"
        options = ["--columns", names, "--format", form, "--output", str(file)]
        assert call("query", "results/demo", where, *options) == 0
        tables.append(reader(file))
    assert list(tables[0].columns) == names.split(",")
    assert len(tables[0]) == 6
    for table in tables[1:]:
        pd.testing.assert_frame_equal(table, tables[0], check_exact=True, check_dtype=False)
    capsys.readouterr()
    assert call("query", "results/demo", "N_i == 4", "--columns", "N_i,seed") == 0
    assert capsys.readouterr().out.split() == ["N_i", "seed", "4", "0", "4", "1", "4", "2"]


def test_a_failed_point_in_json_has_no_number(
    filled: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    call("publish", "results/demo")
    capsys.readouterr()
    arguments = ["--columns", "status,lambda_max", "--format", "json"]
    assert call("query", "results/demo", "status == 'failed'", *arguments) == 0
    assert json.loads(capsys.readouterr().out) == [{"status": "failed", "lambda_max": None}]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("nowhere",), "nothing published"),
        (("results/demo", "no_such == 3"), "no_such"),
        (("results/demo", "--columns", "rnak"), "no column rnak (did you mean 'rank'?)"),
        (("results/demo", "lambda_mn > 0"), "lambda_mn (did you mean 'lambda_min'?)"),
        (("results/demo", "activation = 'erf'"), "compared with =="),
    ],
)
def test_a_wrong_query(
    filled: Path, arguments: tuple[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    call("publish", "results/demo")
    assert call("query", *arguments) == 2
    assert told in capsys.readouterr().err


def test_a_query_without_rows_says_what_there_is(
    filled: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    call("publish", "results/demo")
    capsys.readouterr()
    assert call("query", "results/demo", "activation == 'erff'") == 0
    out, err = capsys.readouterr()
    assert out == "no rows\n"
    assert "its activations are erf, quadratic" in err


DEFAULT_COLUMNS = [
    "activation", "N_i", "N_h", "seed", "P", "rank", "rank_certificate", "effective_parameters",
    "lambda_min", "lambda_max",
]  # fmt: skip


def test_a_table_has_the_columns_that_matter(
    filled: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Columns in which all rows have the usual value are left out, the widest come last."""
    call("publish", "results/demo")
    capsys.readouterr()

    def header(*arguments: str) -> list[str]:
        assert call("query", "results/demo", *arguments) == 0
        return capsys.readouterr().out.splitlines()[0].replace(",", " ").split()

    assert header("status == 'done'") == DEFAULT_COLUMNS
    assert header() == [*DEFAULT_COLUMNS[:4], "status", *DEFAULT_COLUMNS[4:]]
    for arguments in (["--columns", "all"], ["--format", "csv"]):
        everything = header(*arguments)
        assert everything[-3:] == ["activation_spec", "segment", "key"]
        assert sorted(everything) == sorted(TABLE_COLUMNS)


def test_rows_of_other_weights_say_so(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    erf = activation("erf")
    setups = [Setup(erf, 2, 2), Setup(erf, 2, 2, weights="laplace")]
    write_segment(folder / "results", [setup.point(0).compute() for setup in setups])
    call("publish", "results")
    capsys.readouterr()
    assert call("query", "results") == 0
    assert capsys.readouterr().out.splitlines()[0].split()[4] == "weights"
    assert call("query", "results", "weights == 'normal'") == 0
    assert "weights" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("condition", "rows"),
    [
        ("activation == 'cube'", 2),
        ("activation == 'cube(factor=2)'", 2),
        ("activation in ['cube', 'erf']", 3),
        ("activation != 'cube'", 1),
        ("activation == 'erf'", 1),
        ("activation == 'cub'", 0),
        ("activation == '{label}'", 2),
        ("activation != '{label}'", 1),
    ],
)
def test_an_activation_of_ones_own_is_found_by_its_name(
    folder: Path, condition: str, rows: int, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "own.py").write_text("def cube(x, factor=1):\n    return factor * x**3\n")
    own = activation("cube", file=str(folder / "own.py"), factor=2)
    points = [Setup(own, 2, 1).point(0), Setup(own, 2, 2).point(0)]
    results = [point.compute() for point in (*points, Setup(activation("erf"), 2, 2).point(0))]
    write_segment(folder / "results", results)
    call("publish", "results")
    capsys.readouterr()
    asked = condition.format(label=own.label)
    assert call("query", "results", asked, "--columns", "seed", "--format", "csv") == 0
    assert capsys.readouterr().out.count("\n") == rows + 1


def on_a_terminal(*arguments: str, folder: Path, size: tuple[int, int] = (24, 80)):
    """Run the command on a pseudo-terminal; return its exit code and all that it showed."""
    terminal, side = pty.openpty()
    termios.tcsetwinsize(side, size)
    # These would go before the size of the terminal.
    environment = {k: v for k, v in os.environ.items() if k not in ("COLUMNS", "LINES")}
    environment["TERM"] = "xterm"
    process = subprocess.Popen(
        [COMMAND, *arguments],
        cwd=folder, stdin=side, stdout=side, stderr=side, env=environment,
    )  # fmt: skip
    os.close(side)
    shown = b""
    with contextlib.suppress(OSError):  # Linux says so when the last writer is gone
        while part := os.read(terminal, 4096):
            shown += part
    os.close(terminal)
    return process.wait(timeout=60), shown.decode(errors="replace")


def test_a_terminal_gets_colours_and_a_bar(folder: Path) -> None:
    code, shown = on_a_terminal("run", "study.yaml", "--workers", "1", folder=folder)
    assert code == 0, shown
    assert "━" in shown
    assert "of 8 points" in shown
    code, shown = on_a_terminal("query", "results/demo", "--format", "parquet", folder=folder)
    assert code == 2
    assert "\x1b[31m\x1b[1mhessweep:\x1b[0m Parquet is not for a terminal" in shown
    code, shown = on_a_terminal("status", "study.yaml", folder=folder)
    assert "\x1b[32m6" in shown


def test_a_terminal_gets_the_first_rows(folder: Path) -> None:
    erf = activation("erf")
    write_segment(
        folder / "results", [Setup(erf, 1, 1).point(seed).compute() for seed in range(30)]
    )
    call("publish", "results")
    code, shown = on_a_terminal("query", "results", folder=folder, size=(20, 120))
    assert code == 0
    lines = shown.splitlines()
    assert [line.split()[3] for line in lines[1:-1]] == [str(seed) for seed in range(16)]
    assert lines[-1].startswith("16 of 30 rows; a pipe")
    assert hessweep("query", "results").stdout.count("\n") == 31


@pytest.mark.parametrize("width", [40, 60, 80])
def test_a_narrow_terminal_loses_no_digits(
    folder: Path, width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = "a-sweep-with-a-name-of-some-length"
    (folder / "study.yaml").write_text(
        STUDY.replace("erf-square", long).replace("N: [2, 4], seeds: 3", "N: 3, seeds: 12345")
    )
    code, shown = on_a_terminal("plan", "study.yaml", folder=folder, size=(24, width))
    assert code == 0
    assert "…" not in shown
    assert long in shown
    assert shown.count("12,345") == 2
    assert shown.count("12,347") == 2
    assert all(len(line) <= width for line in re.sub(r"\x1b\[[0-9;]*m", "", shown).splitlines())


def test_verify_finds_a_changed_byte_and_repair_moves_it_aside(
    filled: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call("publish", "results/demo") == 0
    capsys.readouterr()
    assert call("verify", "results/demo", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["segments"], told["points"], told["problems"]) == (1, 7, [])
    assert told["recomputed"] > 0

    [segment] = (filled / "results" / "demo" / "segments").glob("*.zip")
    content = bytearray(segment.read_bytes())
    content[len(content) // 2] ^= 1
    segment.write_bytes(content)
    (filled / "results" / "demo" / "index.cache").unlink(missing_ok=True)
    assert call("verify", "results/demo") == 1
    assert segment.name in capsys.readouterr().out
    assert call("repair", "results/demo") == 0
    assert "1 segment moved aside" in capsys.readouterr().out
    assert call("verify", "results/demo") == 0
    assert call("status", "study.yaml", "--json") == 1
    out = capsys.readouterr().out.splitlines()[-1]
    assert json.loads(out)["sweeps"]["all"] == {"done": 0, "missing": 8, "failed": 0}


@pytest.mark.parametrize("command", ["publish", "verify", "repair"])
def test_results_that_are_not_there(
    folder: Path, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(command, "nowhere") == 2
    assert "nowhere: expected the results folder" in capsys.readouterr().err
    (folder / "empty").mkdir()
    assert call(command, "empty") == 2
    assert "found no `segments` in it" in capsys.readouterr().err
    assert not list((folder / "empty").iterdir())


def test_what_points_say_does_not_move_the_cursor() -> None:
    texts = np.array(["plain", "up\x1b[2A", "two\nlines"], dtype=np.dtypes.StringDType())
    rows = format_rows({"error": texts}, Format.TABLE).decode()
    assert [line.strip() for line in rows.splitlines()] == [
        "error", "plain", r"up\x1b[2A", r"two\nlines"
    ]  # fmt: skip


def test_workers_are_for_a_local_cluster(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    where = ["--cluster", "tcp://127.0.0.1:9", "--workers", "2"]
    assert call("run", "study.yaml", *where) == 1
    assert "--workers is for a local cluster" in capsys.readouterr().err


def test_a_missing_scheduler_file(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("run", "study.yaml", "--cluster", "none.json") == 1
    assert "none.json: can not read the scheduler file" in capsys.readouterr().err


def group_lives(process_group: int) -> bool:
    try:
        os.killpg(process_group, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_a_run_that_is_stopped_keeps_what_it_has(folder: Path, stop: signal.Signals) -> None:
    study = STUDY.replace("N: [2, 4], seeds: 3", "N: 25, seeds: 4000")
    (folder / "study.yaml").write_text(study)
    process = subprocess.Popen(
        [sys.executable, "-m", "hessweep", "run", "study.yaml", "--workers", "1"],
        stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    results = folder / "results" / "demo"
    deadline = time.monotonic() + 60
    while not stored_points(results) and time.monotonic() < deadline:
        time.sleep(0.1)
    # As a terminal does for Ctrl-C: to the workers, too.
    os.killpg(process.pid, stop) if stop == signal.SIGINT else process.send_signal(stop)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "stopped; what was computed is stored" in err
    assert "Traceback" not in out + err
    stored = stored_points(results)
    assert 0 < len(stored) < 4002
    assert set(stored.values()) == {"done"}
    deadline = time.monotonic() + 20
    while group_lives(process.pid) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not group_lives(process.pid)


def test_a_log_gets_a_line_now_and_then(monkeypatch, capsys: pytest.CaptureFixture[str]) -> None:
    from hessweep.cli import progress
    from hessweep.running.driver import Progress

    clock = iter([0.0, 1.0, 6.0, 6.0, 7.0])
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(clock))
    state = Progress(total=1000, done=249, failed=1, workers=2, seconds=8.0, seconds_done=2.0)
    with progress.ProgressDisplay("wide") as display:
        for _ in range(3):
            display(state)
    told = "wide: 250 of 1,000 points, 1 failed, 2 workers, about 18 s left\n"
    assert capsys.readouterr().err == told


def test_plan_says_how_deep_networks_are_measured(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    study = tmp_path / "deep.yaml"
    study.write_text(
        f"name: deep\nresults: {tmp_path / 'results'}\nsweeps:\n  deep:\n"
        "    activation: [quadratic, erf]\n    widths: [[3, 4, 3, 1]]\n    seeds: 2\n"
    )
    assert call("plan", str(study), "--json") == 0
    assert json.loads(capsys.readouterr().out)["deep"] == {
        "quadratic, widths 3-4-3-1: exact by 125 Gauss-Hermite nodes": 2,
        "erf, widths 3-4-3-1: estimated from 1,024 samples or more": 2,
    }
    assert call("plan", str(study)) == 0
    assert "exact by 125 Gauss-Hermite nodes" in capsys.readouterr().out

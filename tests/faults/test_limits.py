"""Limits of the shell, locales, held locks and early signals: the command as users start it."""

import fcntl
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from faults.processes import (
    HESSWEEP,
    PATIENCE,
    SNAKEMAKE,
    finish,
    started,
    wait_until,
    workflow_folder,
)
from hessweep.outputs import load_study
from hessweep.store import publish, write_segment

STUDY = """
name: demo
sweeps:
  all: {activation: [erf, quadratic], N: [2, 3], seeds: 2}
tables: {ranks: {kind: ranks, title: The ranks ρ and λ}}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A study whose points are stored and published."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "study.yaml").write_text(STUDY, encoding="utf-8")
    root = tmp_path / "results" / "demo"
    write_segment(root, [point.compute() for point in load_study("study.yaml").points()])
    publish(root)
    return tmp_path


def limited(folder: Path, limit: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command in a shell with `ulimit LIMIT`."""
    shell = ["bash", "-c", f'ulimit {limit}; exec "$@"', "bash"]
    done = finish([*shell, *HESSWEEP, *arguments], folder)
    assert "Traceback" not in done.stderr, done.stderr
    return done


@pytest.mark.faults
@pytest.mark.parametrize("kilobytes", [150_000, 950_000, 1_100_000, 2_000_000])
def test_too_little_address_space(folder: Path, kilobytes: int) -> None:
    """It is said, and nothing is called damaged, unknown or different because of it."""
    results = "results/demo"
    for arguments in (("plan", "study.yaml"), ("query", results), ("repair", results),
                      ("verify", results), ("run", "study.yaml", "--workers", "1")):  # fmt: skip
        done = limited(folder, f"-v {kilobytes}", *arguments)
        assert done.returncode == (kilobytes < 976_563), done.stderr
        if done.returncode:
            assert "ulimit -v unlimited" in done.stderr.splitlines()[-1]
        assert "moved aside" not in done.stdout or "0 segments moved aside" in done.stdout
        assert "skipped:" not in done.stdout
    whole = finish([*HESSWEEP, "verify", results], folder)
    assert whole.returncode == 0, whole.stdout
    assert "8 points in 1 segment" in whole.stdout


@pytest.mark.faults
def test_files_that_may_not_grow(folder: Path) -> None:
    (folder / "study.yaml").write_text(STUDY.replace("seeds: 2", "seeds: 3"))
    refused = limited(folder, "-f 1", "run", "study.yaml", "--workers", "1")
    assert refused.returncode == 1
    last = refused.stderr.splitlines()[-1]
    assert "can not store points in" in last
    assert "File too large; raise the limit of the size of files, `ulimit -f" in last
    assert finish([*HESSWEEP, "run", "study.yaml", "--workers", "1"], folder).returncode == 0


@pytest.mark.faults
@pytest.mark.parametrize("command", ["publish", "repair"])
def test_a_held_lock_is_waited_for_with_a_word(folder: Path, command: str) -> None:
    points = load_study("study.yaml").sweeps["all"].model_copy(update={"seeds": range(3)}).points()
    write_segment(folder / "results" / "demo", [point.compute() for point in points])
    with (folder / "results" / "demo" / "published" / ".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with started([*HESSWEEP, command, "results/demo"], folder) as process:
            told = "another process is publishing in results/demo/published; waiting until it ends"
            wait_until(lambda: told in (folder / "log").read_text(), "a word")
            assert process.poll() is None
            fcntl.flock(file, fcntl.LOCK_UN)
            assert process.wait(PATIENCE) == 0


INTERRUPT = """
import os, signal, time
os.kill(os.getpid(), signal.{signal})
time.sleep(0.1)
raise ImportError("it went on")
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_while_the_command_is_loaded_ends_it_without_a_word(
    tmp_path: Path, number: signal.Signals
) -> None:
    """In place of the first library that takes long to load stands a module that sends it."""
    (tmp_path / "typer.py").write_text(INTERRUPT.format(signal=number.name))
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    ended = finish([*HESSWEEP, "--help"], tmp_path, env=environment)
    assert (ended.returncode, ended.stdout, ended.stderr) == (-number, "", "")
    ignored = finish(
        ["bash", "-c", f'trap "" {number.value}; exec "$@"', "bash", *HESSWEEP, "--help"],
        tmp_path, env=environment,
    )  # fmt: skip
    assert "it went on" in ignored.stderr


AT_THE_END = """
import os, signal
from hessweep.running.signals import ignore_further_signals, stop_on_signals
stop_on_signals()
try:
    os.kill(os.getpid(), signal.SIGTERM)
except KeyboardInterrupt:
    ignore_further_signals()
class Late:
    def __del__(self):
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            os.kill(os.getpid(), number)
        os.write(1, b"done")
late = Late()
"""


def test_a_signal_after_the_end_of_a_run_does_not_change_its_exit_code(tmp_path: Path) -> None:
    """Python restores the signals' default effect before the last objects are gone."""
    done = finish([sys.executable, "-c", AT_THE_END], tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "done", "")


@pytest.mark.faults
def test_the_workflow_in_a_locale_without_our_letters(tmp_path: Path) -> None:
    """ISO-8859-1 for real, with a table that has Greek letters."""
    if not (Path("/usr/share/i18n/locales/en_US").exists() and shutil.which("localedef")):
        pytest.skip("the sources of locales are not installed (Debian: package locales)")
    locales = tmp_path / "locales"
    locales.mkdir()
    subprocess.run(
        ["localedef", "-i", "en_US", "-f", "ISO-8859-1", locales / "en_US.ISO-8859-1"], check=True
    )
    workflow_folder(tmp_path, STUDY)
    latin = {
        **os.environ, "LOCPATH": str(locales), "LC_ALL": "en_US.ISO-8859-1", "PYTHONUTF8": "0",
    }  # fmt: skip
    encoding = [sys.executable, "-c", "import locale; print(locale.getencoding())"]
    assert finish(encoding, tmp_path, env=latin).stdout == "ISO-8859-1\n"
    made = finish(SNAKEMAKE, tmp_path, env=latin, encoding="latin-1")
    assert made.returncode == 0, made.stderr
    text = (tmp_path / "results/demo/tables/ranks.md").read_text(encoding="utf-8")
    assert "ρ and λ" in text
    for command in ("plan study.yaml", "status study.yaml", "verify results/demo"):
        done = finish([*HESSWEEP, *command.split()], tmp_path, env=latin, encoding="latin-1")
        assert done.returncode == 0, done.stderr

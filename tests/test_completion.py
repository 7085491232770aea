"""The Tab key, in a real bash on a terminal, and what zsh and fish are told."""

import os
import pty
import re
import select
import subprocess
import sys
import time
from pathlib import Path

import pytest

COMMAND = Path(sys.executable).with_name("hessweep")
PATH = f"{COMMAND.parent}{os.pathsep}{os.environ['PATH']}"


class Bash:
    """An interactive bash on a pseudo-terminal."""

    def __init__(self, folder):
        self.process, self.terminal = pty.fork()
        if not self.process:
            os.chdir(folder)
            environment = {"PATH": PATH, "TERM": "dumb", "PS1": "ready> "}
            os.execvpe("bash", ["bash", "--noprofile", "--norc", "-i"], environment)  # noqa: S606

    def type(self, keys, until, seconds=60):
        """Press keys, and return what the terminal shows up to that text."""
        os.write(self.terminal, keys.encode())
        shown, deadline = "", time.monotonic() + seconds
        while until not in shown and (left := deadline - time.monotonic()) > 0:
            if select.select([self.terminal], [], [], left)[0]:
                shown += os.read(self.terminal, 4096).decode(errors="replace")
        return shown

    def close(self):
        os.write(self.terminal, b"\x03\x04")
        os.close(self.terminal)
        os.waitpid(self.process, 0)


@pytest.fixture
def bash(tmp_path):
    (tmp_path / "mine.yaml").touch()
    shell = Bash(tmp_path)
    shell.type("", "ready> ")
    # By the shell itself: the command sees which one called it.
    shell.type('eval "$(hessweep --show-completion)"; echo com""pleted\n', "completed\r\n")
    yield shell
    shell.close()


@pytest.mark.parametrize(
    ("typed", "completed"),
    [
        ("hessweep sta", "status "),
        ("hessweep plan --wor", "--workers "),
        ("hessweep plan mi", "mine.yaml "),
        ("hessweep query results --format par", "parquet "),
        ("hessweep query results --columns rank,lambda_ma", "lambda_max "),
    ],
)
def test_tab_completes_in_bash(bash, typed, completed):
    assert completed not in typed
    assert completed in bash.type(f"{typed}\t", completed)


def test_two_tabs_list_the_commands(bash):
    shown = bash.type("hessweep rep\t\t", "report")
    assert {"repair", "report"} <= set(shown.split())


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells_are_told_the_same(shell):
    asked = {
        "_HESSWEEP_COMPLETE": f"complete_{shell}",
        "_TYPER_COMPLETE_ARGS": "hessweep query results --columns lambda_m",
        "_TYPER_COMPLETE_FISH_ACTION": "get-args",
    }
    told = subprocess.run(
        [COMMAND], env={**os.environ, **asked}, capture_output=True, text=True, check=True
    )
    assert set(re.findall(r"\w*lambda\w*", told.stdout)) == {
        "lambda_max",
        "lambda_min",
        "lambda_min_error",
    }

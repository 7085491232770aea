"""Turns where there are no locks: one at a time, and a killed owner's turn passes on."""

import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from hessweep.store import turns
from hessweep.store.turns import turn


def enter_together(path: Path, count: int) -> tuple[int, int]:
    """Let so many take their turn; return how many were inside at once, and in all."""
    inside, most, entered = 0, 0, 0

    def enter() -> None:
        nonlocal inside, most, entered
        with turn(path):
            inside += 1
            most, entered = max(most, inside), entered + 1
            time.sleep(0.01)
            inside -= 1

    threads = [threading.Thread(target=enter) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return most, entered


def test_one_at_a_time(tmp_path: Path) -> None:
    assert enter_together(tmp_path / "turn", 6) == (1, 6)
    assert list(tmp_path.iterdir()) == []


def test_one_at_a_time_after_an_owner_was_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All that wait find the stale file at the same moment; one of them ends that turn."""
    monkeypatch.setattr(turns, "TOUCH_SECONDS", 0.05)
    monkeypatch.setattr(turns, "STALE_SECONDS", 0.5)
    look = turns._state

    def look_slowly(path: Path) -> tuple[int, int] | None:
        state = look(path)
        time.sleep(0.02)  # the moment in which another may end the turn and begin its own
        return state

    monkeypatch.setattr(turns, "_state", look_slowly)
    for _ in range(4):
        (tmp_path / "turn").touch()
        assert enter_together(tmp_path / "turn", 6) == (1, 6)
    assert list(tmp_path.iterdir()) == []


OWNER = """
import sys, time
from pathlib import Path
from hessweep.store.turns import turn
with turn(Path(sys.argv[1])):
    print("in", flush=True)
    time.sleep(600)
"""


def test_an_owner_that_is_alive_keeps_its_turn_and_a_killed_one_loses_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns, "STALE_SECONDS", 3 * turns.TOUCH_SECONDS)
    path = tmp_path / "turn"
    entered = threading.Event()

    def enter() -> None:
        with turn(path):
            entered.set()

    command = [sys.executable, "-c", OWNER, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout.readline() == "in\n"
        waiting = threading.Thread(target=enter)
        waiting.start()
        assert not entered.wait(4 * turns.TOUCH_SECONDS)
        owner.send_signal(signal.SIGKILL)
    assert entered.wait(60)
    waiting.join()
    assert not path.exists()

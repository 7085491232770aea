"""Turns where there are no locks: one at a time, and a killed owner's turn passes on."""

import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from hessweep.errors import StoreAccessError
from hessweep.store import turns
from hessweep.store.turns import turn
from hessweep.store.waiting import WaitingWarning


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
from hessweep.store.waiting import WaitingWarning
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


def test_an_owner_whose_turn_was_ended_knows_and_leaves_the_next_one_alone(tmp_path: Path) -> None:
    path = tmp_path / "turn"
    with turn(path) as first:
        first.check()
        path.unlink()
        with pytest.raises(StoreAccessError, match="another one has taken over"):
            first.check()
        with turn(path) as second:
            assert second.is_mine()
            assert not first.is_mine()
            state = path.stat().st_mtime_ns
            turns._touch(first, Ticks(1))
            assert path.stat().st_mtime_ns == state
            turns._touch(second, Ticks(1))
            assert path.stat().st_mtime_ns > state
    assert not path.exists()


class Ticks(threading.Event):
    """An event that comes after some ticks, without waiting."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.count = count

    def wait(self, timeout: float | None = None) -> bool:  # noqa: ARG002
        self.count -= 1
        return self.count < 0


def test_the_first_owner_does_not_remove_the_file_of_the_second(tmp_path: Path) -> None:
    path = tmp_path / "turn"
    with turn(path):
        path.write_text("another owner")
    assert path.read_text() == "another owner"


def test_waiting_for_a_turn_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "PATIENCE_SECONDS", 0.0)
    monkeypatch.setattr(turns, "STALE_SECONDS", 0.3)
    (tmp_path / "turn").touch()
    with pytest.warns(WaitingWarning, match="wait for me"), turn(tmp_path / "turn", "wait for me"):
        pass

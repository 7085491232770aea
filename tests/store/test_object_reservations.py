"""Reservations on an object store: nobody trusts a clock, and nobody waits for the dead."""

import signal
import subprocess
import sys
import threading
import time
import warnings

import pytest

from hessweep.address import Address
from hessweep.errors import DamagedStoreError, InputError, StoreAccessError
from hessweep.store.objects import reservations
from hessweep.store.objects.reservations import OBJECT, reserve_ranges
from hessweep.store.objects.storage import ObjectStorage
from hessweep.store.waiting import WaitingWarning

HOLD = """
import sys, time
from hessweep.address import Address
from hessweep.store.objects.reservations import reserve_ranges
with reserve_ranges(Address(sys.argv[1]), [(10, 5)], "waiting") as check:
    print("held", flush=True)
    try:
        while True:
            time.sleep(0.2)
            check()
    except Exception as error:
        print(type(error).__name__, error, flush=True)
"""


@pytest.fixture
def root(bucket: str, monkeypatch: pytest.MonkeyPatch) -> Address:
    monkeypatch.setenv(reservations.LEASE, "2")
    monkeypatch.setattr(reservations, "_POLL_SECONDS", 0.1)
    return Address(bucket) / "results"


def holder(root: Address) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(root)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_what_overlaps_waits_and_what_does_not_goes_on(root: Address) -> None:
    process = holder(root)
    try:
        for ranges in ([(0, 10)], [(15, 3)], [(1, 2), (30, 1)], []):
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                with reserve_ranges(root, ranges, "waiting"):
                    pass
        taken = threading.Event()

        def take() -> None:
            with reserve_ranges(root, [(0, 3), (14, 1)], ""):
                taken.set()

        waiting = threading.Thread(target=take)
        waiting.start()
        # Longer than the lease: the holder lives and raises its heartbeat.
        assert not taken.wait(5)
        process.send_signal(signal.SIGKILL)
        assert taken.wait(30)
        waiting.join()
    finally:
        process.kill()
        process.wait()


def test_a_killed_run_is_taken_over_after_a_lease_and_with_a_word(
    root: Address, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = holder(root)
    process.kill()
    process.wait()
    begin = time.monotonic()
    with (
        pytest.warns(WaitingWarning, match="somebody computes"),
        reserve_ranges(root, [(14, 9)], "somebody computes"),
    ):
        assert time.monotonic() - begin >= 2
    # Nothing is left, so that the next one does not wait.
    begin = time.monotonic()
    with reserve_ranges(root, [(10, 5)], ""):
        assert time.monotonic() - begin < 2


def test_a_suspended_run_finds_that_it_was_replaced(root: Address) -> None:
    process = holder(root)
    try:
        process.send_signal(signal.SIGSTOP)
        with reserve_ranges(root, [(12, 1)], "") as check:
            process.send_signal(signal.SIGCONT)
            assert process.stdout is not None
            told = process.stdout.readline()
            assert told.startswith("StoreAccessError")
            assert "another one has taken over; nothing is lost" in told
            check()
        assert process.wait(30) == 0
    finally:
        process.kill()
        process.wait()


def test_many_at_once_are_inside_one_after_the_other(root: Address) -> None:
    inside, most, entered = 0, 0, 0
    guard = threading.Lock()

    def work(number: int) -> None:
        nonlocal inside, most, entered
        with reserve_ranges(root, [(number % 2, 3)], ""):
            with guard:
                inside += 1
                most = max(most, inside)
            time.sleep(0.05)
            with guard:
                inside -= 1
                entered += 1

    threads = [threading.Thread(target=work, args=(number,)) for number in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (most, entered) == (1, 5)


def test_a_lease_is_that_of_its_holder(root: Address, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run with little patience does not take over from one that promised less."""
    process = holder(root)
    try:
        process.send_signal(signal.SIGSTOP)
        monkeypatch.setenv(reservations.LEASE, "1")
        begin = time.monotonic()
        with reserve_ranges(root, [(10, 1)], ""):
            assert time.monotonic() - begin >= 1.9
    finally:
        process.kill()
        process.wait()


def test_a_garbled_list_is_an_error(root: Address) -> None:
    ObjectStorage(root).put(OBJECT, b'{"runs": {"x": {}}}')
    garbled = pytest.raises(DamagedStoreError, match="remove it if no run is alive")
    with garbled, reserve_ranges(root, [(0, 1)], ""):
        pass


def test_a_wrong_lease_is_refused(root: Address, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(reservations.LEASE, "0")
    wrong = pytest.raises(InputError, match="HESSWEEP_LEASE_SECONDS: expected seconds from 1")
    with wrong, reserve_ranges(root, [(0, 1)], ""):
        pass


def test_a_store_that_is_away_does_not_end_a_run_before_others_can_take_over(
    root: Address, monkeypatch: pytest.MonkeyPatch
) -> None:
    with reserve_ranges(root, [(0, 1)], "") as check:
        original = ObjectStorage.get_version

        def away(*_: object) -> None:
            raise StoreAccessError("away")

        monkeypatch.setattr(ObjectStorage, "get_version", away)
        time.sleep(1)
        check()
        monkeypatch.setattr(ObjectStorage, "get_version", original)
        time.sleep(1)
        check()
    assert b'"runs": {}' in ObjectStorage(root).get(OBJECT, 1000)

"""Signals that ask a run to stop."""

import signal
from collections.abc import Iterator

import pytest

from hessweep.running.signals import postpone_stop, stop_on_signals

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    # The tests may have been started with nohup, which makes processes ignore SIGHUP.
    before = {number: signal.signal(number, signal.SIG_DFL) for number in SIGNALS}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", SIGNALS)
def test_the_first_signal_interrupts_and_later_ones_do_not(number: int) -> None:
    stops = stop_on_signals()
    assert list(stops) == []
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(number)
    for later in SIGNALS:
        signal.raise_signal(later)
    assert list(stops) == [number, *SIGNALS]
    stop_on_signals()
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(number)


def test_a_signal_within_a_postponing_block_takes_effect_at_its_end() -> None:
    stop_on_signals()
    reached = []

    def start() -> None:
        with postpone_stop():
            signal.raise_signal(signal.SIGTERM)
            reached.append("the end")

    with pytest.raises(KeyboardInterrupt):
        start()
    assert reached == ["the end"]
    with postpone_stop():
        signal.raise_signal(signal.SIGTERM)


def test_a_hangup_that_nohup_ignores_stays_ignored() -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    stops = stop_on_signals()
    signal.raise_signal(signal.SIGHUP)
    assert list(stops) == []

"""Signals that ask a run to stop: Ctrl-C, SIGTERM of a batch system, SIGHUP of a closed terminal.

The first one raises KeyboardInterrupt, so that the run closes its cluster and says what is stored.
Later ones do not interrupt that.
"""

import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

STOPS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

_received: list[int] = []
_postponed = False


def stop_on_signals() -> Sequence[int]:
    """Let Ctrl-C, SIGTERM and SIGHUP end this process in order, from now on.

    SIGHUP stays ignored where it is ignored already, as `nohup` does.

    Returns:
        The signals that have come so far. It is updated as they come, and a long loop should look
        at it: Python drops an exception that is raised within a destructor.
    """
    _received.clear()
    for number in STOPS:
        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, _stop)
    return _received


def ignore_further_signals() -> None:
    """Let nothing interrupt this process any more: its cluster is closed, and it is about to end.

    Python would give the signals their default effect again before it is done.
    """
    for number in STOPS:
        signal.signal(number, signal.SIG_IGN)


def _stop(number: int, _: object) -> None:
    _received.append(number)
    if len(_received) == 1 and not _postponed:
        raise KeyboardInterrupt


@contextmanager
def postpone_stop() -> Iterator[None]:
    """Raise the KeyboardInterrupt of a signal that comes within the block at the block's end."""
    global _postponed
    before, _postponed = len(_received), True
    try:
        yield
    finally:
        _postponed = False
    if before == 0 and _received:
        raise KeyboardInterrupt

"""A publisher without locks that is suspended in its swap, and goes on after another took over."""

import errno
import fcntl
import threading

import numpy as np
import pytest

from hessweep.errors import HessweepError, StoreAccessError
from hessweep.store import open_results, publish, table, turns, write_segment
from hessweep.store.schema import columns_of_kinds
from hessweep.store.turns import Turn

from .conftest import with_seed


@pytest.fixture
def no_locks(monkeypatch):
    def refuse(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)


def published_rows(root, results):
    """What is read is right: a version of these results, no mixture."""
    rows = table(open_results(root))
    expected = {result.point.key: result.scalars["lambda_max"] for result in results}
    assert np.array_equal(rows["lambda_max"], [expected[key] for key in rows["key"]])
    return rows


def suspend(monkeypatch, step):
    """Let the first thread that reaches its n-th check wait there, before or after it."""
    reached, go_on = threading.Event(), threading.Event()
    original, counts = Turn.check, {"first": None, "checks": 0}

    def check(self):
        counts["first"] = counts["first"] or self.token
        counts["checks"] += self.token == counts["first"]
        moment, after = step
        is_now = self.token == counts["first"] and counts["checks"] == moment
        if is_now and not after:
            reached.set()
            assert go_on.wait(60)
        original(self)
        if is_now and after:
            reached.set()
            assert go_on.wait(60)

    monkeypatch.setattr(Turn, "check", check)
    return reached, go_on


@pytest.mark.parametrize("after", [False, True], ids=["before the check", "after the check"])
@pytest.mark.parametrize("moment", [1, 20, "commit"])
def test_it_never_mixes_two_versions(small, computed, no_locks, monkeypatch, moment, after):
    monkeypatch.setattr(turns, "STALE_SECONDS", 0.2)
    monkeypatch.setattr(turns, "TOUCH_SECONDS", 0.5)
    first = [computed[0], computed[3], computed[12]]
    write_segment(small, [with_seed(computed[0], 50)])
    count = len(columns_of_kinds(["exact"])) + 1 if moment == "commit" else moment
    reached, go_on = suspend(monkeypatch, (count, after))
    raised = []

    def publish_first():
        try:
            publish(small)
        except HessweepError as error:
            raised.append(error)

    thread = threading.Thread(target=publish_first)
    thread.start()
    assert reached.wait(60)
    # Suspended for so long that its turn is over.
    (small / "published" / ".turn").unlink()
    second = [*first, with_seed(computed[0], 50), with_seed(computed[3], 51)]
    write_segment(small, second[-1:])
    publish(small)
    assert len(published_rows(small, second)) == 5
    go_on.set()
    thread.join()
    try:
        published_rows(small, second)
    except (HessweepError, ValueError, RuntimeError):
        assert after
    if not after:
        assert isinstance(raised[0], StoreAccessError)
        assert len(published_rows(small, second)) == 5
    publish(small, force=True)
    assert len(published_rows(small, second)) == 5

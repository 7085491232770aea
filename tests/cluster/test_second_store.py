"""Results on a second object store, which shares no code with the first: Ceph's gateway.

The tests are those of `tests/store` and `tests/faults`, word by word; the server is another.
"""

import os
import re
import subprocess
import sys
from collections.abc import Iterator

import pytest
from ceph_store import serving_ceph
from faults.processes import ROOT
from object_stores import KIND, new_bucket, variables

from hessweep.address import Address
from hessweep.store.objects.conditions import wants_quotes
from hessweep.store.objects.storage import ObjectStorage

pytestmark = pytest.mark.cluster

TESTS = {
    "store": (
        "tests/store/test_places.py", "tests/store/test_object_storage.py",
        "tests/store/test_object_reservations.py",
        # Ceph refuses a request whose signed header is taken out on its way; and what the proxy
        # answers itself is no matter of the store.
        "-k", "not folder and not ignores_conditions and not told_in_words",
    ),
    "runs": (
        "tests/faults/test_object_faults.py", "-k", "kills_of_a_run or two_runs_at_once",
    ),
}  # fmt: skip
LEAST = {"store": 50, "runs": 2}
"""How many tests each has at least, so that none is lost by a change of its name."""


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serving_ceph(tmp_path_factory.mktemp("ceph")) as address:
        yield address


@pytest.mark.parametrize("which", TESTS)
def test_what_holds_on_the_first_store_holds_on_ceph(which: str) -> None:
    command = [sys.executable, "-m", "pytest", "-n", "0", "--timeout", "600", *TESTS[which]]
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, KIND: "ceph"}, capture_output=True, text=True,
        timeout=1700, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-20000:] + done.stderr[-2000:]
    [passed] = re.findall(r"([0-9]+) passed", done.stdout)
    assert int(passed) >= LEAST[which]


def test_ceph_takes_etags_without_quotes(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It sends them with quotes, and calls a condition with quotes false."""
    for name, value in variables(endpoint).items():
        monkeypatch.setenv(name, value)
    store = ObjectStorage(Address(new_bucket(endpoint)) / "results")
    version = store.write_if("p", b"one", "create")
    assert version is not None
    assert version.tag is not None
    assert version.tag.startswith('"')
    assert store.write_if("p", b"two", version.condition()) is None
    assert store.write_if("p", b"two", version.condition(quoted=False))
    assert wants_quotes(store) is False
    assert store.walk("").keys() == {"p"}

"""Single requests to an object store that fails in the ways of real ones."""

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from object_stores import KEY, KIND, SECRET, Proxy, proxying, variables

from hessweep.address import Address
from hessweep.errors import AddressError, InputError, StoreAccessError
from hessweep.kinds import PointResult
from hessweep.store import publish, write_segment
from hessweep.store.objects.client import SECONDS
from hessweep.store.objects.conditions import Version, wants_quotes
from hessweep.store.objects.reservations import reserve_ranges
from hessweep.store.objects.storage import ObjectStorage


@pytest.fixture(scope="module")
def server_proxy(endpoint: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    with proxying(endpoint, tmp_path_factory.mktemp("proxy")) as found:
        yield found


@pytest.fixture
def proxy(bucket: str, server_proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    """The proxy, which this process uses with little patience."""
    for name, value in variables(server_proxy.endpoint, seconds=3).items():
        monkeypatch.setenv(name, value)
    yield server_proxy
    server_proxy.make("none")


@pytest.fixture
def store(bucket: str, proxy: Proxy) -> ObjectStorage:
    return ObjectStorage(Address(bucket) / "results")


FAULTS = ["none", "slow 0.3", "503 2", "drop 2", "lose 2"]


@pytest.mark.parametrize("fault", FAULTS)
def test_what_passes_is_tried_again(store: ObjectStorage, proxy: Proxy, fault: str) -> None:
    proxy.make(fault)
    for number in range(6):
        store.put(f"a/{number}", b"content %d" % number)
    assert store.list("a") == {str(number): 9 for number in range(6)}
    for number in range(6):
        assert store.get(f"a/{number}", 100) == b"content %d" % number
        assert store.get(f"a/{number}", 4) == b"conte"
    assert store.has("a/1")
    assert not store.has("a/9")
    store.delete("a/1")
    store.delete("a/1")
    assert not store.has("a/1")
    with pytest.raises(FileNotFoundError):
        store.get("a/1", 100)


@pytest.mark.parametrize("fault", FAULTS)
def test_of_two_who_swap_one_wins_and_knows_it(
    store: ObjectStorage, proxy: Proxy, fault: str
) -> None:
    """Many threads count by conditional writes: no count is lost, none is counted twice."""
    proxy.make(fault)
    won: list[int] = []

    def count(worker: int) -> None:
        for turn in range(5):
            while True:
                try:
                    content, version = store.get_version("count", 100)
                    number = int(content.split()[0])
                except FileNotFoundError:
                    number, version = 0, None
                said = f"{number + 1} {worker} {turn}".encode()
                if store.swap("count", said, version):
                    won.append(number + 1)
                    break

    workers = [threading.Thread(target=count, args=(number,)) for number in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    last = int(store.get("count", 100).split()[0])
    assert len(won) == len(set(won)) == 15
    # A writer whose answer was lost, and after whom another wrote at once, counts once more.
    assert last == 15 or (fault == "lose 2" and last > 15)


def test_a_lost_answer_to_the_only_try_is_found_out(store: ObjectStorage, proxy: Proxy) -> None:
    """The write reached the store, its answer did not come."""
    version = store.swap("p", b"one", None)
    proxy.make("lose 2")
    for content in (b"two", b"three", b"four", b"five"):
        version = store.swap("p", content, version)
        assert version is not None
    proxy.make("none")
    assert store.get("p", 10) == b"five"
    assert store.get_version("p", 10)[1] == version


def test_a_swap_needs_the_version_that_was_read(store: ObjectStorage) -> None:
    first = store.swap("p", b"one", None)
    assert store.swap("p", b"other", None) is None
    second = store.swap("p", b"two", first)
    assert second is not None
    assert store.swap("p", b"three", first) is None
    assert store.get("p", 10) == b"two"


REFUSALS = {
    "503 1": (StoreAccessError, "the store answers 503 SlowDown; try again later"),
    "drop 1": (StoreAccessError, "no answer from the store, or the connection was lost"),
    "403 AccessDenied": (AddressError, "the store refuses access (403 AccessDenied)"),
    "403 ExpiredToken": (AddressError, "the credentials have expired (ExpiredToken)"),
    "403 InvalidAccessKeyId": (AddressError, "does not know the credentials"),
    "403 SignatureDoesNotMatch": (AddressError, "does not know the credentials"),
}


@pytest.mark.parametrize("fault", REFUSALS)
def test_what_does_not_pass_is_told_in_words_and_without_secrets(
    store: ObjectStorage, proxy: Proxy, fault: str
) -> None:
    kind, words = REFUSALS[fault]
    store.put("a/b", b"1")
    proxy.make(fault)
    begin = time.monotonic()
    actions = {
        "write": lambda: store.put("a/b", b"2"),
        "read": lambda: store.get("a/b", 9),
        "list": lambda: store.list("a"),
        "swap": lambda: store.swap("a/b", b"3", None),
    }
    for action in actions.values():
        with pytest.raises(kind) as told:
            action()
        text = f"{told.value} {told.value.__cause__} {told.value.args}"
        assert words in text
        assert f"{store.root}" in text
        assert KEY not in text
        assert SECRET not in text
    assert time.monotonic() - begin < 60
    proxy.make("none")
    assert store.get("a/b", 9) == b"1"


def test_a_store_that_never_answers_is_given_up(
    store: ObjectStorage, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(SECONDS, "0.5")
    proxy.make("hang")
    with pytest.raises(StoreAccessError, match="no answer from the store"):
        store.get("a", 9)


def test_what_the_environment_lacks_is_named(
    bucket: str, endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused() -> str:
        with pytest.raises(AddressError) as told:
            ObjectStorage(Address(bucket)).list("a")
        assert isinstance(told.value, InputError)
        return str(told.value)

    monkeypatch.setenv(SECONDS, "1")
    with monkeypatch.context() as changed:
        changed.setenv("AWS_ALLOW_HTTP", "false")
        assert "set AWS_ALLOW_HTTP=true" in refused()
    with monkeypatch.context() as changed:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            changed.delenv(name)
        assert "there are no credentials in the environment; set AWS_ACCESS_KEY_ID" in refused()
    with monkeypatch.context() as changed:
        changed.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
        with pytest.raises(StoreAccessError, match="check AWS_ENDPOINT_URL"):
            ObjectStorage(Address(bucket)).list("a")
    with pytest.raises(AddressError, match="there is no bucket s3://absent-bucket"):
        ObjectStorage(Address("s3://absent-bucket/x")).get("a", 9)
    monkeypatch.setenv(SECONDS, "soon")
    with pytest.raises(InputError, match="HESSWEEP_STORE_SECONDS: expected seconds"):
        ObjectStorage(Address(bucket)).list("a")


def test_an_account_of_azure_that_is_not_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AZURE_STORAGE_ACCOUNT_NAME", raising=False)
    with pytest.raises(AddressError, match="set AZURE_STORAGE_ACCOUNT_NAME"):
        ObjectStorage(Address("az://container/x")).list("a")


def test_more_objects_than_one_answer_lists(store: ObjectStorage, bucket: str) -> None:
    names = [f"{number:04}" for number in range(1005)]
    threads = [
        threading.Thread(target=lambda part: [store.put(f"m/{n}", b"1") for n in part], args=(p,))
        for p in (names[::4], names[1::4], names[2::4], names[3::4])
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert list(store.list("m")) == names


def test_names_that_need_quoting(store: ObjectStorage) -> None:
    place = ObjectStorage(store.root / "with space, ü and +plus")
    place.put("a b", b"1")
    assert place.get("a b", 9) == b"1"
    assert place.list("") == {} or "a b" in place.walk("")
    assert "with space, ü and +plus/a b" in store.walk("")


def test_a_client_is_made_once(store: ObjectStorage, tmp_path: Path) -> None:
    assert store.client is ObjectStorage(store.root / "x").client


def test_an_etag_that_a_store_wants_without_quotes() -> None:
    version = Version('"abc"', None)
    assert version.condition() == {"e_tag": '"abc"'}
    assert version.condition(quoted=False) == {"e_tag": "abc"}
    assert Version(None, "17").condition(quoted=False) == {"version": "17"}


@pytest.mark.parametrize("header", ["If-Match", "If-None-Match"])
def test_a_store_that_ignores_conditions_is_refused_before_anything_is_written(
    store: ObjectStorage, proxy: Proxy, computed: list[PointResult], header: str
) -> None:
    write_segment(store.root, computed[:2])
    before = set(store.walk(""))
    proxy.make(f"without {header}")
    for write in (
        lambda: store.swap("p", b"one", None),
        lambda: publish(store.root),
        lambda: reserve_ranges(store.root, [(1, 2)], "").__enter__(),
    ):
        with pytest.raises(AddressError) as told:
            write()
        assert f"ignores the condition of a write, {header}" in str(told.value)
        assert "use a newer version of it, or a folder" in str(told.value)
    proxy.make("none")
    assert {name for name in store.walk("") if name != "index.cache"} == before
    assert store.swap("p", b"one", None)


@pytest.mark.parametrize("fault", FAULTS)
def test_conditions_are_tried_on_a_store_that_fails_now_and_then(
    store: ObjectStorage, proxy: Proxy, fault: str
) -> None:
    for number in range(2):
        proxy.make(fault)
        place = ObjectStorage(store.root / str(number))
        assert wants_quotes(place) is (os.environ.get(KIND) != "ceph")
        proxy.make("none")
        assert place.walk("") == {}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_was_read_before_is_not_sent_again(
    store: ObjectStorage, proxy: Proxy, fault: str
) -> None:
    store.put("a", b"one")
    proxy.make(fault)
    first = store.reread("a", 100)
    assert first == b"one"
    assert store.reread("a", 100) is first
    store.put("a", b"two")
    assert store.reread("a", 100) == b"two"
    store.put("b", b"other")
    assert store.reread("b", 100) == b"other"
    assert store.reread("a", 100) == b"two"
    store.delete("a")
    with pytest.raises(FileNotFoundError):
        store.reread("a", 100)

"""What the store makes of single answers of an object store; one in memory gives them."""

import json
from collections.abc import Callable
from typing import Any

import obstore
import pytest
from obstore.exceptions import (
    AlreadyExistsError,
    GenericError,
    PermissionDeniedError,
    PreconditionError,
)
from obstore.store import MemoryStore

from hessweep.address import Address
from hessweep.errors import AddressError, DamagedStoreError, InputError, StoreAccessError
from hessweep.store.objects import conditions, reservations, storage
from hessweep.store.objects.conditions import Version
from hessweep.store.objects.pointer import Pointer, Published, decode, pointer_to_replace
from hessweep.store.objects.refusals import is_missing, is_transient, refusal
from hessweep.store.objects.storage import ObjectStorage
from hessweep.store.published import POINTER

ROOT = Address("s3://bucket/results")
AWAY = GenericError("HTTP error: error sending request")
TRIES = 6


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses between tries, which take no time here."""
    found: list[float] = []
    monkeypatch.setattr(storage.time, "sleep", found.append)
    return found


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch, pauses: list[float]) -> ObjectStorage:
    """A place in memory that knows conditional writes."""
    memory = MemoryStore()
    monkeypatch.setattr(storage, "client_of", lambda _: memory)
    monkeypatch.setattr(conditions, "_KNOWN", {})
    return ObjectStorage(ROOT)


def answering(
    monkeypatch: pytest.MonkeyPatch, name: str, answers: list[Callable[..., Any]]
) -> None:
    """Let the client answer one request after the other; then it works as it is."""
    usual = getattr(obstore, name)

    def answer(*given: Any, **options: Any) -> Any:
        return (answers.pop(0) if answers else usual)(*given, **options)

    monkeypatch.setattr(storage.obstore, name, answer)


def refuse(error: Exception) -> Callable[..., Any]:
    def answer(*_: Any, **__: Any) -> None:
        raise error

    return answer


def lose(usual: Callable[..., Any]) -> Callable[..., Any]:
    """A request that is done, and whose answer does not come."""

    def answer(*given: Any, **options: Any) -> None:
        usual(*given, **options)
        raise AWAY

    return answer


@pytest.mark.parametrize("lost", [0, 1, TRIES - 1])
def test_a_write_on_a_condition_is_tried_again(
    store: ObjectStorage, monkeypatch: pytest.MonkeyPatch, pauses: list[float], lost: int
) -> None:
    answering(monkeypatch, "put", [refuse(AWAY)] * lost)
    version = store.write_if("p", b"ours", "create")
    assert version is not None
    assert store.get_version("p", 9) == (b"ours", version)
    assert pauses == [0.1, 0.2, 0.4, 0.8, 1.6][:lost]


def test_a_write_on_a_condition_is_given_up_after_some_tries(
    store: ObjectStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    answering(monkeypatch, "put", [refuse(AWAY)] * TRIES)
    with pytest.raises(StoreAccessError, match=r"can not write s3://bucket/results/p: no answer"):
        store.write_if("p", b"ours", "create")
    assert not store.has("p")


def test_a_refusal_that_will_not_pass_is_told_at_once(
    store: ObjectStorage, monkeypatch: pytest.MonkeyPatch, pauses: list[float]
) -> None:
    answering(monkeypatch, "put", [refuse(PermissionDeniedError("status code: 403"))])
    with pytest.raises(AddressError, match="the store refuses access"):
        store.write_if("p", b"ours", "create")
    assert pauses == []


def test_a_write_whose_answer_was_lost_is_known_by_its_content_alone(
    store: ObjectStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    answering(monkeypatch, "put", [lose(obstore.put)])
    version = store.write_if("p", b"ours", "create")
    assert store.get_version("p", 9) == (b"ours", version)
    # Another writer's object of the same length is not ours.
    answering(monkeypatch, "put", [refuse(AWAY)])
    assert store.write_if("p", b"mine", "create") is None
    assert store.get("p", 9) == b"ours"
    for error in (AlreadyExistsError("there"), PreconditionError("changed")):
        answering(monkeypatch, "put", [refuse(error)])
        assert store.write_if("p", b"mine", {"e_tag": '"7"'}) is None


def test_a_version_of_an_object_that_is_gone_is_no_version(
    store: ObjectStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    answering(monkeypatch, "put", [refuse(FileNotFoundError("none"))])
    assert store.write_if("p", b"ours", {"e_tag": '"0"'}) is None


@pytest.mark.parametrize("wrong", [1, TRIES - 1])
def test_a_swap_is_tried_again_where_the_store_says_wrongly_that_it_has_changed(
    store: ObjectStorage, monkeypatch: pytest.MonkeyPatch, pauses: list[float], wrong: int
) -> None:
    """As where two writes come at once and both are refused."""
    first = store.swap("p", b"one", None)
    for content, expected in ((b"two", first), (b"new", None)):
        answering(monkeypatch, "put", [refuse(PreconditionError("at once"))] * wrong)
        name = "p" if expected else "q"
        assert store.swap(name, content, expected)
        assert store.get(name, 9) == content
    assert pauses == 2 * [0.1, 0.2, 0.4, 0.8, 1.6][:wrong]


def test_a_swap_that_is_refused_again_and_again_is_an_error(
    store: ObjectStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = store.swap("p", b"one", None)
    answering(monkeypatch, "put", [refuse(PreconditionError("at once"))] * TRIES)
    with pytest.raises(StoreAccessError, match="says that it has changed, and it has not"):
        store.swap("p", b"two", first)
    assert store.get("p", 9) == b"one"


def test_a_swap_is_lost_where_the_object_is_gone_or_another(store: ObjectStorage) -> None:
    first = store.swap("p", b"one", None)
    store.delete("p")
    assert store.swap("p", b"two", first) is None
    second = store.swap("p", b"two", None)
    store.put("p", b"new")
    assert store.swap("p", b"old", second) is None
    assert store.get("p", 9) == b"new"


def test_times_are_those_of_files_directly_in_a_folder(store: ObjectStorage) -> None:
    for name in ("a/one", "a/b/two", "c"):
        store.put(name, b"1")
    assert list(store.times("a")) == ["one"]
    times = store.walk_times("")
    assert sorted(times) == ["a/b/two", "a/one", "c"]
    assert store.times("a")["one"] == times["a/one"]


def test_to_remove_what_is_not_there_is_no_error(
    store: ObjectStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    answering(monkeypatch, "delete", [refuse(FileNotFoundError("none"))])
    store.delete("p")
    answering(monkeypatch, "delete", [refuse(PermissionDeniedError("status code: 403"))])
    with pytest.raises(AddressError):
        store.delete("p")


class Gateway:
    """A store that has its own mind about conditions, as gateways before stores have."""

    root = ROOT

    def __init__(self, *, takes: str, heeds: bool = True, creates: bool = True) -> None:
        self.takes, self.heeds, self.creates = takes, heeds, creates
        self.objects: dict[str, int] = {}
        self.written = 0

    def write_if(self, name: str, _: bytes, condition: Any) -> Version | None:
        if condition == "create":
            if not self.creates or name in self.objects:
                return None
        else:
            tag = condition["e_tag"]
            known = {"quoted": tag[0] == '"', "bare": tag[0] != '"', "none": False}[self.takes]
            fits = not self.heeds or tag.strip('"') == str(self.objects.get(name))
            if not (known and fits):
                return None
        self.written += 1
        self.objects[name] = self.written
        return Version(f'"{self.written}"', None)

    def delete(self, name: str) -> None:
        self.objects.pop(name, None)


@pytest.mark.parametrize(("takes", "quoted"), [("quoted", True), ("bare", False)])
def test_tags_are_sent_as_the_store_takes_them(takes: str, quoted: bool) -> None:
    gateway = Gateway(takes=takes)
    assert conditions._try_conditions(gateway) is quoted  # type: ignore[arg-type]
    assert gateway.objects == {}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"takes": "quoted", "creates": False}, "refuses to create an object on the condition"),
        ({"takes": "none"}, "refuses to replace an object on a condition that holds, If-Match"),
        ({"takes": "quoted", "heeds": False}, "ignores the condition of a write, If-Match"),
        ({"takes": "bare", "heeds": False}, "ignores the condition of a write, If-Match"),
    ],
)
def test_a_store_without_the_conditions_of_writes_is_refused(options: Any, words: str) -> None:
    gateway = Gateway(**options)
    with pytest.raises(AddressError, match=words):
        conditions._try_conditions(gateway)  # type: ignore[arg-type]
    assert gateway.objects == {}


@pytest.mark.parametrize(
    ("text", "kind", "words"),
    [
        ("status code: 400 <Code>Bad</Code>", AddressError, "answers 400 Bad; is AWS_REGION"),
        ("status code: 301", AddressError, "the store answers 301; is AWS_REGION that of the b"),
        ("status code: 400 <Code>RequestTimeout</Code>", StoreAccessError, "try again later"),
        ("status code: 501", AddressError, "the store has no conditional writes"),
        ("<Code>MethodNotAllowed</Code>", AddressError, "the store has no conditional writes"),
        ("status code: 500", StoreAccessError, "the store answers 500; try again later"),
        ("first\nsecond " + "x" * 999, StoreAccessError, "can not read s3://bucket/results/p: fi"),
    ],
)
def test_what_a_store_refuses_is_told_with_what_to_do(text: str, kind: type, words: str) -> None:
    told = refusal(GenericError(text), "read", ROOT / "p")
    assert type(told) is kind
    assert words in str(told)
    assert "second" not in str(told)


@pytest.mark.parametrize(
    ("text", "passes"),
    [
        *((f"status code: {status}", True) for status in (500, 502, 503, 504, 408, 409, 429)),
        *((f"status code: {status}", False) for status in (501, 400, 401, 403, 404, 412)),
        ("HTTP error: connection closed", True),
        ("HTTP error: builder error", False),
        ("something else", False),
    ],
)
def test_which_refusals_may_pass(text: str, passes: bool) -> None:
    assert is_transient(GenericError(text)) == passes


def test_an_object_is_missing_only_in_a_bucket_that_is_there() -> None:
    assert is_missing(FileNotFoundError("<Code>NoSuchKey</Code>"))
    assert not is_missing(FileNotFoundError("<Code>NoSuchBucket</Code>"))
    assert not is_missing(GenericError("<Code>NoSuchKey</Code>"))


GROUPS = {"erf.zarr": Published("published/0a/erf.zarr", "d1")}


def test_a_pointer_says_again_what_it_said() -> None:
    said = Pointer(GROUPS, ("published/09/erf.zarr",), "s")
    content = said.encode()
    assert decode(content, "here") == said
    assert content != said.encode()
    assert said.places == {"published/0a/erf.zarr", "published/09/erf.zarr"}


@pytest.mark.parametrize(
    "change",
    [
        *(
            {key: place}
            for place in ("published/erf.zarr", "other/0a/erf.zarr", "published/../erf.zarr",
                          "published//erf.zarr", "published/0a/b/erf.zarr", "published/0a/.")
            for key in ("groups", "previous")
        ),
        {"digests": {}},
        {"segments": None, "groups": []},
    ],
)  # fmt: skip
def test_a_pointer_that_leads_elsewhere_or_says_too_little_is_damaged(
    store: ObjectStorage, change: dict[str, Any]
) -> None:
    said = json.loads(Pointer(GROUPS).encode())
    for key, place in change.items():
        if isinstance(place, str):
            said[key] = {"erf.zarr": place} if key == "groups" else [place]
        else:
            said[key] = place
    with pytest.raises(DamagedStoreError, match=r"here: it does not say what is published"):
        decode(json.dumps(said).encode(), "here")
    store.put(POINTER, json.dumps(said).encode())
    empty, version = pointer_to_replace(store)
    assert (empty, version) == (Pointer(), store.get_version(POINTER, 10**6)[1])


def test_a_reservation_whose_answer_was_lost_is_not_waited_for(
    store: ObjectStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual, asked = ObjectStorage.swap, []

    def swap(*given: Any) -> Version | None:
        written = usual(*given)
        asked.append(written)
        return written if len(asked) > 1 else None

    monkeypatch.setattr(ObjectStorage, "swap", swap)
    monkeypatch.setattr(reservations.time, "sleep", lambda _: pytest.fail("it waits"))
    reservation = reservations._Reservation(ROOT, [(10, 5)])
    reservation.take("")
    assert list(reservation._read()[0]) == [reservation.token]
    assert len(asked) == 1


def test_a_run_that_was_replaced_does_not_go_on(store: ObjectStorage) -> None:
    reservation = reservations._Reservation(ROOT, [(10, 5)])
    reservation.take("")
    reservation.check()
    store.put(reservations.OBJECT, b'{"runs": {}}')
    reservation._change(lambda entries: entries)
    with pytest.raises(StoreAccessError, match="another one has taken over; nothing is lost"):
        reservation.check()
    assert reservation._read()[0] == {}


@pytest.mark.parametrize("lease", ["soon", "nan", "0.9", "3601"])
def test_a_lease_is_from_a_second_to_an_hour(lease: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(reservations.LEASE, lease)
    with pytest.raises(InputError, match=r"HESSWEEP_LEASE_SECONDS: expected seconds from 1 to 36"):
        reservations._lease()
    for allowed in ("1", "3600"):
        monkeypatch.setenv(reservations.LEASE, allowed)
        assert reservations._lease() == float(allowed)


@pytest.mark.parametrize("order", [1, -1])
def test_ranges_overlap_where_they_have_a_common_number(order: int) -> None:
    """Against sets of numbers, for all pairs of ranges; one list has a range inside another."""
    ranges = [(start, length) for start in range(5) for length in range(1, 4)]
    lists = [[one] for one in ranges] + [[(0, 9), (1, 2)], [(0, 1), (4, 1)], []]
    for one in lists:
        for other in lists:
            numbers = [
                {n for start, length in given for n in range(start, start + length)}
                for given in (one, other)
            ]
            expected = bool(numbers[0] & numbers[1])
            assert reservations._overlap(one[::order], other[::order]) == expected, (one, other)


def entry(beat: int, lease: float) -> dict[str, Any]:
    return {"beat": beat, "lease": lease, "ranges": [[0, 1]]}


def test_a_run_counts_as_dead_after_its_own_lease_without_a_heartbeat(
    store: ObjectStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By our clock, from when we saw its heartbeat change last; our own entry always lives."""
    monkeypatch.setenv(reservations.LEASE, "60")
    clock = iter([0.0, 10.0, 12.0, 22.1])
    monkeypatch.setattr(reservations.time, "monotonic", lambda: next(clock))
    reservation = reservations._Reservation(ROOT, [(10, 5)])

    def living(a: int, b: int) -> set[str]:
        entries = {"a": entry(a, 10), "b": entry(b, 100), reservation.token: entry(0, 1)}
        return set(reservation._living(entries)) - {reservation.token}

    assert living(3, 0) == {"a", "b"}
    assert living(3, 0) == {"a", "b"}
    assert living(4, 0) == {"a", "b"}
    assert living(4, 0) == {"b"}

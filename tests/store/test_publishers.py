"""Publishers that meet others, find damage or are replaced, in folders and on object stores."""

import json
import time
from contextlib import nullcontext

import pytest

from hessweep.errors import DamagedStoreError, StoreAccessError
from hessweep.store import (
    DamagedSegmentWarning,
    inspect,
    open_results,
    publish,
    repair,
    write_segment,
)
from hessweep.store import publishing as in_folders
from hessweep.store.objects import opening, publishing
from hessweep.store.objects.opening import published_places
from hessweep.store.objects.pointer import read_pointer
from hessweep.store.objects.storage import ObjectStorage
from hessweep.store.published import METADATA, POINTER, read_state
from hessweep.store.publishing import _Publisher
from hessweep.store.segments import list_segments
from hessweep.store.turns import Turn

from .conftest import with_seed
from .memory_store import MemoryPlace, memory_place
from .test_index import damage
from .test_publish import assert_holds, of, published


@pytest.fixture
def store(monkeypatch, computed) -> MemoryPlace:
    """An object store with two points, published."""
    found = memory_place(monkeypatch)
    write_segment(found.root, of(computed, "erf")[:2])
    publish(found.root)
    return found


def erf(place):
    return open_results(place.root)["erf"].to_dataset().load()


def before_a_swap(monkeypatch, happen):
    """Let something happen before the pointer is replaced for the first time."""
    usual = ObjectStorage.swap

    def swap(*given):
        monkeypatch.setattr(ObjectStorage, "swap", usual)
        happen()
        return usual(*given)

    monkeypatch.setattr(ObjectStorage, "swap", swap)


def emptied(place):
    """The files of versions that were given up, by their folder's name."""
    names = [name for name in place.names() if place.read(name) == publishing.EMPTIED]
    return {name.split("/")[1] for name in names}


def test_a_publisher_that_another_has_overtaken_publishes_what_both_know(
    store, computed, monkeypatch
):
    """What it wrote first is emptied, and nothing of the other's or of its second version."""
    early, late = with_seed(computed[0], 50), with_seed(computed[0], 51)
    write_segment(store.root, [early])

    def overtake():
        publish(store.root)
        write_segment(store.root, [late])

    before_a_swap(monkeypatch, overtake)
    assert publish(store.root, force=True)
    assert_holds(erf(store), [*of(computed, "erf")[:2], early, late])
    assert inspect(store.root).problems == ()
    pointer, _ = read_pointer(ObjectStorage(store.root))
    current = {place.split("/")[1] for place in pointer.places}
    assert emptied(store)
    assert not current & emptied(store)


def test_a_publisher_that_is_always_overtaken_gives_up_and_leaves_nothing(
    store, computed, monkeypatch
):
    before = erf(store)
    write_segment(store.root, [with_seed(computed[0], 50)])
    written = set(store.names())
    monkeypatch.setattr(publishing, "_ATTEMPTS", 2)
    monkeypatch.setattr(ObjectStorage, "swap", lambda *_: None)
    with pytest.raises(StoreAccessError, match="others publish there again and again"):
        publish(store.root)
    left = [n for n in store.names() if n not in written and n != "index.cache"]
    assert {name.split("/")[0] for name in left} == {"published"}
    assert {store.read(name) for name in left} == {publishing.EMPTIED}
    assert erf(store).identical(before)
    assert publishing.clear_left(store.root) is False


def test_what_another_writes_once_the_pointer_is_replaced_is_not_emptied(
    store, computed, monkeypatch
):
    """It has read the new pointer, and may make current what it writes."""
    usual, content = ObjectStorage.swap, b"a file of a group of another publisher"
    name = f"{publishing.FOLDER}/{'5' * 16}/erf.zarr/{METADATA}"

    def swap(*given):
        done = usual(*given)
        store.plant(name, content)
        return done

    monkeypatch.setattr(ObjectStorage, "swap", swap)
    write_segment(store.root, [with_seed(computed[0], 50)])
    assert publish(store.root)
    assert store.read(name) == content


def test_what_is_emptied_is_told_from_any_file_of_a_group_by_its_length(store, computed):
    write_segment(store.root, computed[1:3])
    publish(store.root)
    files = [name for name in store.names() if name.count("/") > 1]
    assert min(len(store.read(name)) for name in files) > len(publishing.EMPTIED)


def test_the_version_before_the_current_one_stays(store, computed):
    """Also where a publish had nothing to write but the list of segments."""
    first = set(store.groups().values())
    write_segment(store.root, [with_seed(computed[0], 50)])
    publish(store.root)
    pointer, _ = read_pointer(ObjectStorage(store.root))
    assert set(pointer.previous) == first
    content = json.loads(store.read(POINTER))
    store.plant(POINTER, json.dumps({**content, "segments": "other"}).encode())
    assert publish(store.root) is False
    again, _ = read_pointer(ObjectStorage(store.root))
    assert (again.groups, again.previous) == (pointer.groups, pointer.previous)
    assert again.segments == pointer.segments
    assert publish(store.root) is False


def test_what_was_published_without_a_damaged_segment_is_looked_at_again(store, computed):
    """Until it is repaired, each publish says so; no list of segments passes for published."""
    name = write_segment(store.root, [with_seed(computed[0], 50)])
    content = store.read(f"segments/{name}")
    store.plant(f"segments/{name}", content[:-1])
    for _ in range(2):
        with pytest.warns(DamagedSegmentWarning, match=name):
            publish(store.root)
    assert read_pointer(ObjectStorage(store.root))[0].segments == ""
    store.plant(f"segments/{name}", content)
    assert publish(store.root) is True
    assert 50 in erf(store)["seed"].values


def test_a_folder_with_a_damaged_segment_is_looked_at_again(small, computed):
    """Its state never passes for one that holds all that is stored."""
    name = write_segment(small, [with_seed(computed[0], 50)])
    damage(small / "segments" / name)
    for _ in range(2):
        with pytest.warns(DamagedSegmentWarning, match=name):
            publish(small)
    other = write_segment(small, [with_seed(computed[0], 51)])
    with pytest.warns(DamagedSegmentWarning, match=name):
        assert publish(small) is True
    state = read_state(small / "published")
    assert (state["segments"], state["index"]) == (None, None)
    damage(small / "segments" / name)  # The same bit once more: it is whole again.
    assert publish(small) is True
    assert {50, 51} <= set(published(small)["seed"].values.tolist())
    assert other in list_segments(small)


def test_a_reader_looks_again_where_the_version_was_replaced_meanwhile(
    store, computed, monkeypatch
):
    usual, looked = opening._place, []

    def place(name, address):
        looked.append(name)
        if len(looked) == 1:
            for seed in (50, 51):
                write_segment(store.root, [with_seed(computed[0], seed)])
                publish(store.root)
        return usual(name, address)

    monkeypatch.setattr(opening, "_place", place)
    found = {group.name: str(group.address) for group in published_places(store.root)}
    assert found == {name: f"{store.root}/{where}" for name, where in store.groups().items()}
    assert len(looked) > len(found)


def test_a_group_that_is_missing_is_an_error_at_once(store, monkeypatch):
    usual, looked = opening._place, []
    monkeypatch.setattr(
        opening, "_place", lambda name, address: looked.append(name) or usual(name, address)
    )
    first = sorted(store.groups())[0]
    store.remove(f"{store.groups()[first]}/{METADATA}")
    with pytest.raises(DamagedStoreError, match="no published group is there"):
        published_places(store.root)
    assert looked == [first]


def test_one_group_is_opened_by_its_own_address(store, computed):
    where = store.groups()["erf.zarr"]
    [found] = published_places(store.root / where)
    assert (found.name, str(found.address)) == ("erf.zarr", f"{store.root}/{where}")
    for seed in (50, 51):
        write_segment(store.root, [with_seed(computed[0], seed)])
        publish(store.root)
    with pytest.raises(DamagedStoreError, match="this version was replaced; open the results an"):
        published_places(store.root / where)


def test_a_pointer_that_can_not_be_understood_is_damage_and_is_written_anew(store, computed):
    store.plant(POINTER, b"{}")
    [problem] = inspect(store.root).problems
    assert (problem.kind, problem.path.as_posix()) == ("damaged published", POINTER)
    with pytest.raises(DamagedStoreError, match="it does not say what is published"):
        open_results(store.root)
    assert repair(store.root).published
    assert_holds(erf(store), of(computed, "erf")[:2])


def test_what_is_wrong_with_groups_of_an_object_store_is_found(store, computed):
    write_segment(store.root, [computed[1], computed[2]])
    publish(store.root)
    groups = store.groups()
    quadratic = next(name for name in groups if name.startswith("quadratic"))
    store.remove(f"{groups['erf.zarr']}/{METADATA}")
    plain = f"{groups['linear.zarr']}/rank/{METADATA}"
    store.plant(plain, store.read(plain).replace(b"int64", b"int32"))
    content = json.loads(store.read(POINTER))
    del content["groups"][quadratic]
    content["groups"]["tanh.zarr"] = content["groups"]["linear.zarr"]
    content["digests"]["tanh.zarr"] = "0"
    store.plant(POINTER, json.dumps(content).encode())
    found = {(p.kind, p.path.as_posix(), p.message) for p in inspect(store.root).problems}
    assert found == {
        ("damaged published", f"{groups['erf.zarr']}/{METADATA}", "missing"),
        ("damaged published", plain, "not what the group's metadata says"),
        ("stale published", f"published/{quadratic}", "not published yet"),
        ("stale published", groups["linear.zarr"], "no stored point belongs to it"),
    }
    store.remove(plain)
    assert plain in {p.path.as_posix() for p in inspect(store.root).problems}


class Lost(Turn):
    """A turn that another process takes over."""

    is_lost = False

    def is_mine(self):
        return not Lost.is_lost


def test_a_publisher_without_its_turn_does_not_replace_the_group(small, computed, monkeypatch):
    """It is overtaken at the last moment, when all chunks are in their places."""
    generation = published(small).attrs["generation"]
    write_segment(small, [with_seed(computed[0], 50)])
    publisher = _Publisher(Lost(small / "published" / ".turn", ""))
    monkeypatch.setattr(in_folders, "_lock_folder", lambda _: nullcontext(publisher))
    sync = in_folders.sync

    def overtaken(path):
        sync(path)
        Lost.is_lost |= path == small / "published" / "erf.zarr"

    monkeypatch.setattr(Lost, "is_lost", False)
    monkeypatch.setattr(in_folders, "sync", overtaken)
    with pytest.raises(StoreAccessError, match="another one has taken over"):
        publish(small)
    assert Lost.is_lost
    found = published(small).load()
    assert found.attrs["generation"] == generation
    assert_holds(found, [computed[0], computed[3], computed[12]])


def test_a_damaged_group_without_points_is_moved_aside(small, computed):
    linear = write_segment(small, [computed[1]])
    publish(small)
    (small / "segments" / linear).unlink()
    metadata = small / "published" / "linear.zarr" / METADATA
    metadata.write_text(metadata.read_text().replace("linear", "quartic"))
    found = [(p.kind, p.path.as_posix()) for p in inspect(small).problems]
    assert found == [("damaged published", "published/linear.zarr")]
    repair(small)
    assert inspect(small).problems == ()
    assert (small / "published" / ".damaged" / "linear.zarr" / METADATA).is_file()
    assert not (small / "published" / "linear.zarr").exists()


def test_a_group_counts_as_left_once_all_its_files_are_a_day_old(store, monkeypatch):
    """While its publisher is at work, the first of them may be old."""
    for name in ("old", "zarr.json"):
        store.plant(f"published/0123456789abcdef/erf.zarr/{name}", b"what a publisher has written")
    names = [f"0123456789abcdef/erf.zarr/{name}" for name in ("old", "zarr.json")]
    now = time.time()
    for ages, left in (((2, 2), True), ((2, 0), False), ((0, 0), False)):
        times = {name: now - 86400 * age for name, age in zip(names, ages, strict=True)}
        monkeypatch.setattr(ObjectStorage, "walk_times", lambda *_, times=times: times)
        found = [(p.kind, p.path.as_posix()) for p in inspect(store.root).problems]
        expected = ("stale temporary file", "published/0123456789abcdef/erf.zarr")
        assert found == [expected] * left
